#include "store/epochs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "store/db-private.h"
#include "store/epochs-private.h"
#include "store/sessions-private.h"

struct epoch {
	char *slug;
	char *name, *url;	/* NULL: not known yet */
	uint64_t number;
	bool is_gone;
	bool is_present;	/* while settling */
	/* how often it changed: so far, when its epoch ended last, as far as
	 * the running transaction has it, as far as the disk has it */
	uint64_t changes, ended_at, saving, saved;
	/* while settling: what it is going to be */
	char *next_name, *next_url;
};

struct epochs {
	pthread_mutex_t lock;
	pthread_cond_t saved;
	struct epoch *v;	/* sorted by slug */
	unsigned count, cap;
	uint64_t ended;
	bool is_dirty;		/* one of them is not saved as it is */
	bool is_saving;		/* the job is on its way */
	struct writer *writer;
	struct sessions *sessions;
	struct job save;
	struct chore retry;
};

/* Where it is, or would be. Under the lock. */
static unsigned place_of(const struct epochs *es, struct str slug)
{
	unsigned low = 0, high = es->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(str_from(es->v[middle].slug), slug) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct epoch *find(const struct epochs *es, struct str slug)
{
	unsigned i = place_of(es, slug);

	return i < es->count && str_eq(str_from(es->v[i].slug), slug) ?
		&es->v[i] : NULL;
}

/* NULL: no memory. */
static struct epoch *add(struct epochs *es, struct str slug)
{
	unsigned i = place_of(es, slug);
	char *copy = strndup(slug.ptr, slug.len);

	if (copy && es->count == es->cap) {
		unsigned cap = es->cap ? es->cap * 2 : 16;
		struct epoch *more = reallocarray(es->v, cap, sizeof(*more));

		if (more) {
			es->v = more;
			es->cap = cap;
		}
	}
	if (!copy || es->count == es->cap) {
		free(copy);
		return NULL;
	}
	memmove(&es->v[i + 1], &es->v[i],
		(es->count - i) * sizeof(es->v[0]));
	es->v[i] = (struct epoch){ .slug = copy };
	es->count++;
	return &es->v[i];
}

static bool is_as_before(const struct epoch *e, struct str name,
			 struct str url)
{
	return e->name && str_eq(str_from(e->name), name) &&
	       str_eq(str_from(e->url), url);
}

/* Would this tenant be another one? Who is gone has ended already. */
static bool is_another(const struct epoch *e, struct str name, struct str url)
{
	return !e->is_gone && e->name && !is_as_before(e, name, url);
}

uint64_t epochs_look(struct epochs *es, struct str slug, struct str name,
		     struct str url)
{
	const struct epoch *e;
	uint64_t number = 0;

	pthread_mutex_lock(&es->lock);
	e = find(es, slug);
	if (e)
		number = e->number + is_another(e, name, url);
	pthread_mutex_unlock(&es->lock);
	return number;
}

bool epochs_is_current(struct epochs *es, struct str slug, uint64_t number)
{
	const struct epoch *e;
	bool is_current;

	pthread_mutex_lock(&es->lock);
	e = find(es, slug);
	is_current = e ? !e->is_gone && e->number == number : number == 0;
	pthread_mutex_unlock(&es->lock);
	return is_current;
}

uint64_t epochs_ended(struct epochs *es)
{
	uint64_t n;

	pthread_mutex_lock(&es->lock);
	n = es->ended;
	pthread_mutex_unlock(&es->lock);
	return n;
}

/* ---- settling ----------------------------------------------------------- */

/* All that needs memory, and nothing that anybody could see. */
static enum err prepare(struct epochs *es, const struct epoch_tenant *t)
{
	struct epoch *e = find(es, t->slug);

	if (!e && t->name.ptr) {
		e = add(es, t->slug);
		if (!e)
			return ERR_NOMEM;
	}
	if (!e)
		return ERR_OK;
	e->is_present = true;
	if (!t->name.ptr || (!e->is_gone && is_as_before(e, t->name, t->url)))
		return ERR_OK;
	e->next_name = strndup(t->name.ptr, t->name.len);
	e->next_url = strndup(t->url.ptr, t->url.len);
	return e->next_name && e->next_url ? ERR_OK : ERR_NOMEM;
}

static void forget_next(struct epoch *e)
{
	free(e->next_name);
	free(e->next_url);
	e->next_name = e->next_url = NULL;
	e->is_present = false;
}

static void end(struct epochs *es, struct epoch *e)
{
	e->number++;
	e->ended_at = ++e->changes;
	es->is_dirty = true;
	es->ended++;
}

/* What it is from now on. 1: an epoch ended, and *change_r says why. */
static int apply(struct epochs *es, struct epoch *e, bool is_whole,
		 enum epoch_change *change_r)
{
	bool is_other;

	if (!e->is_present) {
		if (e->is_gone || !is_whole)
			return 0;
		e->is_gone = true;
		end(es, e);
		*change_r = EPOCH_GONE;
		return 1;
	}
	if (!e->next_name)
		return 0;
	is_other = is_another(e, str_from(e->next_name),
			      str_from(e->next_url));
	if (is_other)
		end(es, e);
	free(e->name);
	free(e->url);
	e->name = e->next_name;
	e->url = e->next_url;
	e->next_name = e->next_url = NULL;
	e->is_gone = false;
	e->changes++;
	es->is_dirty = true;
	*change_r = EPOCH_OTHER;
	return is_other;
}

/* Under the lock. One that is refused is tried again by the chore. */
static void submit_save(struct epochs *es)
{
	if (!es->is_dirty || es->is_saving || !es->writer)
		return;
	es->is_saving = true;
	if (writer_submit(es->writer, &es->save))
		es->is_saving = false;
}

enum err epochs_settle(struct epochs *es, const struct epoch_tenant *tenants,
		       unsigned count, bool is_whole,
		       void (*changed)(void *ctx, struct str slug,
				       enum epoch_change change),
		       void *ctx)
{
	enum err err = ERR_OK;

	pthread_mutex_lock(&es->lock);
	for (unsigned i = 0; !err && i < count; i++)
		err = prepare(es, &tenants[i]);
	for (unsigned i = 0; i < es->count; i++) {
		struct epoch *e = &es->v[i];
		enum epoch_change change;

		if (!err && apply(es, e, is_whole, &change) && changed)
			changed(ctx, str_from(e->slug), change);
		forget_next(e);
	}
	submit_save(es);
	pthread_mutex_unlock(&es->lock);
	return err;
}

bool epochs_wait(struct epochs *es, int ms)
{
	const int64_t end_ms = clock_mono_ms() + ms;
	const struct timespec until = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool is_saved;

	pthread_mutex_lock(&es->lock);
	while (es->is_dirty && es->is_saving &&
	       !pthread_cond_timedwait(&es->saved, &es->lock, &until))
		;
	is_saved = !es->is_dirty;
	pthread_mutex_unlock(&es->lock);
	return is_saved;
}

/* ---- rows --------------------------------------------------------------- */

/* A row as it is to be, in memory of its own: the disk is not waited for with
 * the lock held. */
struct row {
	char *slug, *name, *url;
	uint64_t number;
	bool is_gone, has_ended;
};

static void row_done(struct row *row)
{
	free(row->slug);
	free(row->name);
	free(row->url);
	*row = (struct row){ 0 };
}

/* The next row behind that slug (NULL: the first) that is not saved as it is.
 * 1; 0: none; -1: no memory. */
static int next_row(struct epochs *es, const char *behind, struct row *out_r)
{
	struct row row = { 0 };
	unsigned i;
	int found = 0;

	pthread_mutex_lock(&es->lock);
	i = behind ? place_of(es, str_from(behind)) : 0;
	for (; i < es->count && !found; i++) {
		struct epoch *e = &es->v[i];

		if (e->changes == e->saved ||
		    (behind && !strcmp(e->slug, behind)))
			continue;
		e->saving = e->changes;
		row = (struct row){
			.slug = strdup(e->slug),
			.name = e->name ? strdup(e->name) : NULL,
			.url = e->url ? strdup(e->url) : NULL,
			.number = e->number,
			.is_gone = e->is_gone,
			.has_ended = e->ended_at > e->saved,
		};
		found = row.slug && !row.name == !e->name &&
			!row.url == !e->url ? 1 : -1;
	}
	pthread_mutex_unlock(&es->lock);
	if (found == 1)
		*out_r = row;
	else
		row_done(&row);
	return found;
}

/*
 * With the end of an epoch goes the number of the last session of it: those up
 * to there are dropped by the next start, should they still be there.
 */
static enum err save_row(struct db *db, const struct row *row,
			 int64_t last_session)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_EPOCH_SAVE,
		"INSERT INTO epochs(tenant, number, is_gone, name, url,"
		" last_session) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(tenant) DO UPDATE SET number = ?2, is_gone = ?3,"
		" name = ?4, url = ?5, last_session = max(last_session, ?6)",
		&q);

	if (err)
		return err;
	query_bind_str(q, 1, str_from(row->slug));
	sqlite3_bind_int64(q, 2, (int64_t)row->number);
	sqlite3_bind_int(q, 3, row->is_gone);
	query_bind_str(q, 4, row->name ? str_from(row->name) : STR_NULL);
	query_bind_str(q, 5, row->url ? str_from(row->url) : STR_NULL);
	sqlite3_bind_int64(q, 6, row->has_ended ? last_session : 0);
	return query_run(db, q);
}

static enum err save_all(struct epochs *es, struct db *db)
{
	struct row row = { 0 }, last = { 0 };
	enum err err = ERR_OK;
	int found = 0;

	while (!err && (found = next_row(es, last.slug, &row)) > 0) {
		err = save_row(db, &row, es->sessions->last_id);
		row_done(&last);
		last = row;
	}
	row_done(&last);
	return found < 0 ? ERR_NOMEM : err;
}

/* What changed once more meanwhile goes with the next one. */
static void note_saved(struct epochs *es, enum err result)
{
	pthread_mutex_lock(&es->lock);
	if (!result) {
		es->is_dirty = false;
		for (unsigned i = 0; i < es->count; i++) {
			struct epoch *e = &es->v[i];

			if (e->saving)
				e->saved = e->saving;
			e->saving = 0;
			es->is_dirty |= e->changes != e->saved;
		}
	}
	pthread_mutex_unlock(&es->lock);
	if (!result)
		sessions_sweep_soon(es->sessions);
}

static enum err save_run(struct db *db, struct job *job)
{
	return save_all(list_entry(job, struct epochs, save), db);
}

static void save_settle(struct job *job)
{
	note_saved(list_entry(job, struct epochs, save), job->result);
}

static void save_done(struct job *job)
{
	struct epochs *es = list_entry(job, struct epochs, save);

	pthread_mutex_lock(&es->lock);
	es->is_saving = false;
	if (!job->result)
		submit_save(es);
	pthread_cond_broadcast(&es->saved);
	pthread_mutex_unlock(&es->lock);
}

static enum err retry_run(struct db *db, struct job *job)
{
	return save_all(list_entry(job, struct epochs, retry.job), db);
}

static void retry_settle(struct job *job)
{
	struct epochs *es = list_entry(job, struct epochs, retry.job);
	bool was_dirty;

	pthread_mutex_lock(&es->lock);
	was_dirty = es->is_dirty;
	pthread_mutex_unlock(&es->lock);
	if (was_dirty)
		note_saved(es, job->result);
}

/* ---- coming and going --------------------------------------------------- */

static char *copy_column(sqlite3_stmt *q, int column)
{
	struct str s = query_str(q, column);

	return s.ptr ? strndup(s.ptr, s.len) : NULL;
}

static enum err load(struct epochs *es, struct db *db)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_EPOCH_ALL,
		"SELECT tenant, number, is_gone, name, url FROM epochs"
		" ORDER BY tenant", &q);

	if (err)
		return err;
	while (!err && query_step(db, q, &err) > 0) {
		struct epoch *e = add(es, query_str(q, 0));

		if (!e) {
			err = ERR_NOMEM;
			break;
		}
		e->number = (uint64_t)sqlite3_column_int64(q, 1);
		e->is_gone = sqlite3_column_int(q, 2);
		e->name = copy_column(q, 3);
		e->url = copy_column(q, 4);
		if (!e->name != !e->url)
			err = ERR_NOMEM;
	}
	query_end(q);
	return err;
}

enum err epochs_new(struct db *db, struct epochs **epochs_r)
{
	struct epochs *es = calloc(1, sizeof(*es));
	pthread_condattr_t attr;
	enum err err;

	if (!es)
		return ERR_NOMEM;
	pthread_mutex_init(&es->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&es->saved, &attr);
	pthread_condattr_destroy(&attr);
	es->save.run = save_run;
	es->save.settle = save_settle;
	es->save.done = save_done;
	es->retry.job.run = retry_run;
	es->retry.job.settle = retry_settle;
	err = load(es, db);
	if (err) {
		epochs_free(es);
		return err;
	}
	*epochs_r = es;
	return ERR_OK;
}

enum err epochs_start(struct epochs *es, struct writer *writer,
		      struct sessions *sessions, int64_t retry_ms)
{
	es->writer = writer;
	es->sessions = sessions;
	es->retry.interval_ms = retry_ms;
	return writer_add_chore(writer, &es->retry);
}

void epochs_free(struct epochs *es)
{
	if (!es)
		return;
	for (unsigned i = 0; i < es->count; i++) {
		forget_next(&es->v[i]);
		free(es->v[i].slug);
		free(es->v[i].name);
		free(es->v[i].url);
	}
	free(es->v);
	pthread_cond_destroy(&es->saved);
	pthread_mutex_destroy(&es->lock);
	free(es);
}
