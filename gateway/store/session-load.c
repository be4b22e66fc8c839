#include "store/session-load-private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

bool load_grow(void *array, size_t *cap, size_t count, size_t size)
{
	void *old, *more;
	size_t wanted = *cap ? *cap * 2 : 1024;

	if (count < *cap)
		return true;
	memcpy(&old, array, sizeof(old));
	more = reallocarray(old, wanted, size);
	if (!more)
		return false;
	memcpy(array, &more, sizeof(more));
	*cap = wanted;
	return true;
}

enum err load_doom(struct part *p, int64_t id)
{
	if (!load_grow(&p->doomed, &p->doomed_cap, p->doomed_count,
		       sizeof(*p->doomed)))
		return ERR_NOMEM;
	p->doomed[p->doomed_count++] = id;
	return ERR_OK;
}

/* ---- threads ---- */

struct task {
	struct part *part;
	enum err (*run)(struct part *part);
};

static void *task_main(void *arg)
{
	struct task *t = arg;

	pthread_setname_np(pthread_self(), "usher-load");
	t->part->err = t->run(t->part);
	return NULL;
}

/* Each part in a thread of its own, as far as there are threads to be had: the
 * pieces of one that does not start are taken by the others. */
static enum err run_parts(struct load *l, enum err (*run)(struct part *part))
{
	struct task tasks[LOAD_PARTS_MAX];
	unsigned started = 1;
	enum err err;

	atomic_store(&l->next, 0);
	for (; started < l->part_count; started++) {
		struct task *t = &tasks[started];

		*t = (struct task){ &l->parts[started], run };
		if (thread_start(&t->part->thread, task_main, t))
			break;
	}
	err = run(&l->parts[0]);
	for (unsigned i = 1; i < started; i++) {
		pthread_join(l->parts[i].thread, NULL);
		if (!err)
			err = l->parts[i].err;
	}
	return err;
}

/* ---- of all parts ---- */

/* From the latest to the first, each before the one that was last. */
static void put_in_order(struct load *l)
{
	for (size_t i = 0; i < (size_t)LOAD_MINUTES * l->part_count; i++) {
		struct part *p = &l->parts[i % l->part_count];
		struct session_node *n = p->minutes[i / l->part_count], *next;

		for (; n; n = next) {
			next = n->order.next ?
				list_entry(n->order.next, struct session_node,
					   order) : NULL;
			room_load(l->s, n);
		}
	}
}

/* Those that are in no user's list, nor in the table. */
static void drop_waiting(struct load *l, struct waiting *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct session_node *n = v[i].node;

		if (!n)
			continue;
		room_leave(l->s, n);
		session_place_unref(&l->s->places, n->place);
		free(n);
	}
}

/* Those of all parts behind one another; without memory for that they go. */
static enum err gather(struct load *l)
{
	size_t count = 0;

	for (unsigned i = 0; i < l->part_count; i++)
		count += l->parts[i].count;
	l->v = malloc((count ? count : 1) * sizeof(*l->v));
	for (unsigned i = 0; i < l->part_count; i++) {
		struct part *p = &l->parts[i];

		if (!l->v)
			drop_waiting(l, p->v, p->count);
		else if (p->count)
			memcpy(l->v + l->count, p->v, p->count * sizeof(*p->v));
		l->count += p->count;
		free(p->v);
	}
	return l->v ? ERR_OK : ERR_NOMEM;
}

#define DIGIT 11		/* bits */

static size_t digit_of(const struct waiting *w, unsigned shift)
{
	return (size_t)((uint64_t)w->user_id >> shift) & ((1 << DIGIT) - 1);
}

/* By user, in passes over the digits that differ; stable. */
static enum err sort_by_user(struct load *l)
{
	struct waiting *from = l->v, *to;
	uint64_t differ = 0;

	for (size_t i = 1; i < l->count; i++)
		differ |= (uint64_t)from[i].user_id ^
			  (uint64_t)from[0].user_id;
	to = malloc((l->count ? l->count : 1) * sizeof(*to));
	if (!to)
		return ERR_NOMEM;
	for (unsigned shift = 0; shift < 64 && differ >> shift;
	     shift += DIGIT) {
		size_t at[1 << DIGIT] = { 0 }, sum = 0;
		struct waiting *swap = to;

		for (size_t i = 0; i < l->count; i++)
			at[digit_of(&from[i], shift)]++;
		for (size_t i = 0; i < N_ELEMENTS(at); i++) {
			size_t n = at[i];

			at[i] = sum;
			sum += n;
		}
		for (size_t i = 0; i < l->count; i++)
			to[at[digit_of(&from[i], shift)]++] = from[i];
		to = from;
		from = swap;
	}
	free(to);
	l->v = from;
	return ERR_OK;
}

static void expect(struct load *l)
{
	size_t users = 0;

	for (size_t i = 0; i < l->count; i = load_next_user(l, i + 1))
		users++;
	idmap_expect(&l->s->map, l->count);
	idmap_expect(&l->s->users, users);
}

static enum err delete_doomed(struct load *l)
{
	enum err err = ERR_OK;

	for (unsigned i = 0; i < l->part_count; i++) {
		struct part *p = &l->parts[i];

		for (size_t j = 0; !err && j < p->doomed_count; j++)
			err = session_delete(l->db, p->doomed[j]);
	}
	return err;
}

static enum err load_all(struct load *l)
{
	enum err err = load_prepare(l), gathered;

	if (!err)
		err = run_parts(l, load_sessions);
	put_in_order(l);
	gathered = gather(l);
	if (!err)
		err = gathered;
	if (!err)
		err = sort_by_user(l);
	if (!err) {
		expect(l);
		err = run_parts(l, load_users);
	}
	if (l->v)
		drop_waiting(l, l->v, l->count);
	if (!err)
		err = delete_doomed(l);
	return err ? err : room_trim(l->s, l->db, l->now_s);
}

/* No more threads than processors: more would only take turns. */
static unsigned parts_for(const struct db *db, unsigned reader_count)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct stat st;

	if (stat(db->main.path, &st) || st.st_size <= LOAD_ALONE_MAX)
		return 1;
	return cpus > 0 && cpus <= reader_count ? (unsigned)cpus :
						  reader_count + 1;
}

enum err sessions_load(struct sessions *s, struct db *db,
		       struct db *const *readers, unsigned reader_count)
{
	struct load l = { .s = s, .db = db, .now_s = clock_steady_s(),
			  .places = PTHREAD_MUTEX_INITIALIZER };
	unsigned wanted = parts_for(db, reader_count);
	enum err err;

	for (; l.part_count < wanted && l.part_count < LOAD_PARTS_MAX;
	     l.part_count++) {
		struct part *p = &l.parts[l.part_count];

		p->l = &l;
		p->db = l.part_count ? readers[l.part_count - 1] : db;
		p->minutes = calloc(LOAD_MINUTES, sizeof(*p->minutes));
		if (!p->minutes)
			break;
	}
	err = l.part_count ? load_all(&l) : ERR_NOMEM;
	for (unsigned i = 0; i < l.part_count; i++) {
		free(l.parts[i].minutes);
		free(l.parts[i].doomed);
	}
	for (size_t i = 0; i < l.slug_count; i++)
		free(l.slugs[i].name);
	free(l.slugs);
	free(l.v);
	pthread_mutex_destroy(&l.places);
	return err;
}
