#include "store/outbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"
#include "store/audit-private.h"
#include "store/db-private.h"
#include "store/deliveries-private.h"
#include "store/outbox-private.h"
#include "store/users.h"

_Static_assert(sizeof(((struct outbox_usage *)0)->tenant) ==
	       USER_TENANT_MAX + 1, "a slug has room");

/* A row's octets, as they are counted. */
#define OCTETS "length(CAST(event AS BLOB)) + length(CAST(body AS BLOB))"

/* One tenant as it was told of last. */
struct shown {
	struct outbox_usage usage;
	enum outbox_level told;
};

struct outbox {
	struct writer *writer;
	struct chore sweep;
	_Atomic int64_t max, kept_s;
	_Atomic bool is_erasing;
	/* the writer's thread alone */
	struct shown *next;	/* what the chore read; NULL: nothing new */
	unsigned next_count;
	bool was_erased;	/* by this run: to be wiped once it is durable */
	pthread_mutex_t lock;
	struct shown *shown;	/* by tenant; under the lock */
	unsigned count;
};

enum err outbox_check(const struct outbox_event *events, unsigned count)
{
	enum err err = count > OUTBOX_EVENTS_MAX ? ERR_LIMIT : ERR_OK;

	for (unsigned i = 0; !err && i < count; i++) {
		err = text_check(events[i].name, OUTBOX_EVENT_MAX);
		if (!err)
			err = text_check(events[i].body, OUTBOX_BODY_MAX);
		if (!err && (!events[i].name.ptr || !events[i].body.ptr))
			err = ERR_SYNTAX;
	}
	return err;
}

/* ---- what a tenant has ---- */

static enum err get_usage(struct db *db, struct str tenant,
			  struct outbox_usage *usage_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_OUTBOX_USAGE,
		"SELECT events, octets FROM outbox_tenants WHERE tenant = ?1",
		&q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	*usage_r = (struct outbox_usage){ 0 };
	if (query_step(db, q, &err) > 0) {
		usage_r->events = sqlite3_column_int64(q, 0);
		usage_r->octets = sqlite3_column_int64(q, 1);
	}
	query_end(q);
	return err;
}

/* By so much more, or less. */
static enum err add_usage(struct db *db, struct str tenant,
			  const struct outbox_usage *by)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_OUTBOX_COUNT,
		"INSERT INTO outbox_tenants(tenant, events, octets, refused,"
		" expired) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(tenant) DO"
		" UPDATE SET events = events + ?2, octets = octets + ?3,"
		" refused = refused + ?4, expired = expired + ?5", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	sqlite3_bind_int64(q, 2, by->events);
	sqlite3_bind_int64(q, 3, by->octets);
	sqlite3_bind_int64(q, 4, by->refused);
	sqlite3_bind_int64(q, 5, by->expired);
	return query_run(db, q);
}

/* ---- events come ---- */

static enum err insert(struct db *db, struct str tenant, int64_t user_id,
		       const struct outbox_event *event, int64_t now_ms)
{
	uint8_t message[DELIVERY_MESSAGE_OCTETS];
	sqlite3_stmt *q;
	enum err err = random_bytes(message, sizeof(message));

	if (!err)
		err = query_begin(db, SQL_OUTBOX_INSERT,
			"INSERT INTO outbox(tenant, user_id, event, body,"
			" created_ms, message) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
			&q);
	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	sqlite3_bind_int64(q, 2, user_id);
	query_bind_str(q, 3, event->name);
	query_bind_str(q, 4, event->body);
	sqlite3_bind_int64(q, 5, now_ms);
	sqlite3_bind_blob(q, 6, message, sizeof(message), SQLITE_STATIC);
	err = query_run(db, q);
	return err ? err : deliveries_add(db,
		sqlite3_last_insert_rowid(db->handle), tenant, user_id,
		event->name, now_ms);
}

static int percent(const struct outbox_usage *usage, int64_t max)
{
	int64_t rows = usage->events * 100 / (max ? max : 1);
	int64_t octets = usage->octets / (OUTBOX_TENANT_OCTETS_MAX / 100);

	return (int)(rows > octets ? rows : octets);
}

static enum outbox_level shown_level(struct outbox *o, struct str tenant)
{
	enum outbox_level level = OUTBOX_WELL;

	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < o->count; i++)
		if (str_eq(str_from(o->shown[i].usage.tenant), tenant))
			level = o->shown[i].usage.level;
	pthread_mutex_unlock(&o->lock);
	return level;
}

/* Whoever watches shall hear of it at once, not of each event. */
static void look_soon(struct outbox *o, struct str tenant,
		      const struct outbox_usage *now, bool is_full)
{
	enum outbox_level level = is_full ? OUTBOX_FULL : OUTBOX_FILLING;

	if (!o || !o->writer)
		return;
	if (!is_full && percent(now, atomic_load(&o->max)) <
			OUTBOX_FILLING_PERCENT)
		return;
	if (shown_level(o, tenant) < level)
		writer_hurry(o->writer, &o->sweep);
}

enum err outbox_append(struct db *db, struct str tenant, int64_t user_id,
		       const struct outbox_event *events, unsigned count)
{
	int64_t max = db->outbox ? atomic_load(&db->outbox->max) :
				   OUTBOX_TENANT_MAX;
	int64_t now_ms = count ? clock_steady_ms() : 0;
	struct outbox_usage had = { 0 }, more = { 0 };
	enum err err = count ? get_usage(db, tenant, &had) : ERR_OK;

	for (unsigned i = 0; !err && i < count; i++) {
		int64_t octets = (int64_t)(events[i].name.len +
					   events[i].body.len);

		/* from the first one on: they keep their order */
		if (more.refused || had.events + more.events >= max ||
		    had.octets + more.octets + octets >
		    OUTBOX_TENANT_OCTETS_MAX) {
			more.refused++;
			continue;
		}
		err = insert(db, tenant, user_id, &events[i], now_ms);
		more.events++;
		more.octets += octets;
	}
	if (err || !count)
		return err;
	had.events += more.events;
	had.octets += more.octets;
	look_soon(db->outbox, tenant, &had, more.refused > 0);
	return add_usage(db, tenant, &more);
}

/* ---- events go ---- */

enum err outbox_delivered(struct db *db, int64_t id)
{
	struct outbox_usage gone = { .events = -1 };
	struct str tenant = STR_NULL;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_OUTBOX_DELIVERED,
		"DELETE FROM outbox WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM"
		" delivery WHERE outbox_id = ?1) RETURNING tenant, " OCTETS,
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	if (query_step(db, q, &err) > 0) {
		tenant = pool_str(db->scratch, query_str(q, 0));
		gone.octets = -sqlite3_column_int64(q, 1);
		if (!tenant.ptr)
			err = ERR_NOMEM;
	}
	query_end(q);
	return err || !tenant.ptr ? err : add_usage(db, tenant, &gone);
}

bool outbox_is_named(struct str pattern, struct str event)
{
	if (str_eq(pattern, STR("user.synced")))
		return str_eq(event, STR("user.created")) ||
		       str_eq(event, STR("user.updated"));
	if (pattern.len > 2 && !memcmp(pattern.ptr + pattern.len - 2, ".*", 2))
		return event.len >= pattern.len &&
		       !memcmp(event.ptr, pattern.ptr, pattern.len - 1);
	return str_eq(pattern, event);
}

/* ---- people go ---- */

enum err outbox_erase(struct db *db, int64_t user_id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ERASURE_ADD,
		"INSERT OR IGNORE INTO erasures(user_id) VALUES(?1)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	return query_run(db, q);
}

void outbox_erase_soon(struct outbox *o)
{
	atomic_store(&o->is_erasing, true);
	writer_hurry(o->writer, &o->sweep);
}

static enum err get_erasure(struct db *db, int64_t *user_r, int64_t *after_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ERASURE_GET,
		"SELECT user_id, after FROM erasures LIMIT 1", &q);

	if (err)
		return err;
	*user_r = 0;
	if (query_step(db, q, &err) > 0) {
		*user_r = sqlite3_column_int64(q, 0);
		*after_r = sqlite3_column_int64(q, 1);
	}
	query_end(q);
	return err;
}

/* The next `rows` of theirs behind `after`: their octets, and the last one. */
static enum err get_part(struct db *db, int64_t user_id, int64_t after,
			 unsigned rows, int64_t *last_r, int64_t *octets_r,
			 struct str *tenant_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ERASURE_PART,
		"SELECT max(id), total(n), count(*), tenant FROM (SELECT id,"
		" tenant, length(CAST(body AS BLOB)) - ?4 AS n FROM outbox"
		" WHERE user_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	sqlite3_bind_int64(q, 2, after);
	sqlite3_bind_int64(q, 3, rows);
	sqlite3_bind_int64(q, 4, (int64_t)strlen(OUTBOX_ERASED));
	*last_r = 0;
	if (query_step(db, q, &err) > 0 && sqlite3_column_int64(q, 2)) {
		*last_r = sqlite3_column_int64(q, 0);
		*octets_r = sqlite3_column_int64(q, 1);
		*tenant_r = pool_str(db->scratch, query_str(q, 3));
		if (!tenant_r->ptr)
			err = ERR_NOMEM;
	}
	query_end(q);
	return err;
}

static enum err blank(struct db *db, int64_t user_id, int64_t after,
		      int64_t last)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ERASURE_BLANK,
		"UPDATE outbox SET body = '" OUTBOX_ERASED "'"
		" WHERE user_id = ?1 AND id > ?2 AND id <= ?3", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	sqlite3_bind_int64(q, 2, after);
	sqlite3_bind_int64(q, 3, last);
	return query_run(db, q);
}

/* `last` 0: they are done with. */
static enum err note_erasure(struct db *db, int64_t user_id, int64_t last)
{
	sqlite3_stmt *q;
	enum err err = last ?
		query_begin(db, SQL_ERASURE_GO_ON,
			    "UPDATE erasures SET after = ?2"
			    " WHERE user_id = ?1", &q) :
		query_begin(db, SQL_ERASURE_END,
			    "DELETE FROM erasures WHERE user_id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	if (last)
		sqlite3_bind_int64(q, 2, last);
	return query_run(db, q);
}

/* One step of one erasure; a number below 0 is a tag of the audit's.
 * `is_any_r`: there was one. */
static enum err erase_some(struct outbox *o, struct db *db, bool *is_any_r)
{
	int64_t user_id = 0, after = 0, last = 0, octets = 0;
	struct str tenant = STR_NULL;
	enum err err = get_erasure(db, &user_id, &after);

	*is_any_r = user_id != 0;
	if (err || !user_id)
		return err;
	if (user_id < 0) {
		err = audit_forget_some(db, (uint64_t)-user_id, after,
					o->sweep.rows, &last);
		o->was_erased = !last;
		return err ? err : note_erasure(db, user_id, last);
	}
	err = get_part(db, user_id, after, o->sweep.rows, &last, &octets,
		       &tenant);
	if (!err && last)
		err = blank(db, user_id, after, last);
	if (!err && last)
		err = add_usage(db, tenant,
				&(struct outbox_usage){ .octets = -octets });
	o->was_erased = !last;
	return err ? err : note_erasure(db, user_id, last);
}

/* ---- time passes ---- */

static enum err delete_old(struct outbox *o, struct db *db, bool *is_more_r)
{
	char slug[USER_TENANT_MAX + 1] = "";
	struct outbox_usage gone = { 0 };
	unsigned rows = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_OUTBOX_SWEEP,
		"DELETE FROM outbox WHERE id IN (SELECT id FROM"
		" (SELECT id, created_ms FROM outbox ORDER BY id LIMIT ?2)"
		" WHERE created_ms < ?1) RETURNING tenant, " OCTETS ", id",
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, clock_steady_ms() -
			   1000 * atomic_load(&o->kept_s));
	sqlite3_bind_int64(q, 2, o->sweep.rows);
	/* all are gone with the first step: what follows only counts them */
	while (!err && query_step(db, q, &err) > 0) {
		struct str tenant = query_str(q, 0);

		rows++;
		if (gone.events && !str_eq(tenant, str_from(slug))) {
			err = add_usage(db, str_from(slug), &gone);
			gone = (struct outbox_usage){ 0 };
		}
		if (!gone.events)
			snprintf(slug, sizeof(slug), "%.*s", STR_ARG(tenant));
		gone.events--;
		gone.expired++;
		gone.octets -= sqlite3_column_int64(q, 1);
		if (!err)
			err = deliveries_forget(db, sqlite3_column_int64(q, 2));
	}
	query_end(q);
	if (!err && gone.events)
		err = add_usage(db, str_from(slug), &gone);
	*is_more_r = !err && rows == o->sweep.rows;
	return err;
}

/* ---- figures for others ---- */

static enum err read_usages(struct outbox *o, struct db *db)
{
	struct shown *list = NULL;
	unsigned count = 0, room = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_OUTBOX_USAGES,
		"SELECT tenant, events, octets, refused, expired"
		" FROM outbox_tenants ORDER BY tenant", &q);

	if (err)
		return err;
	while (!err && query_step(db, q, &err) > 0) {
		struct str tenant = query_str(q, 0);

		if (count == room) {
			struct shown *more;

			room = room ? 2 * room : 16;
			more = reallocarray(list, room, sizeof(*list));
			if (!more) {
				err = ERR_NOMEM;
				break;
			}
			list = more;
		}
		list[count] = (struct shown){ .usage = {
			.events = sqlite3_column_int64(q, 1),
			.octets = sqlite3_column_int64(q, 2),
			.refused = sqlite3_column_int64(q, 3),
			.expired = sqlite3_column_int64(q, 4) } };
		snprintf(list[count].usage.tenant,
			 sizeof(list[count].usage.tenant), "%.*s",
			 STR_ARG(tenant));
		count++;
	}
	query_end(q);
	if (err) {
		free(list);
		return err;
	}
	free(o->next);
	o->next = list;
	o->next_count = count;
	return ERR_OK;
}

/* Full until it is well: it is told once, not with each event that finds
 * room for a moment. */
static enum outbox_level next_level(const struct outbox_usage *was,
				    const struct outbox_usage *now,
				    int64_t max)
{
	int used = percent(now, max);

	if (now->refused > was->refused)
		return OUTBOX_FULL;
	if (used < OUTBOX_WELL_PERCENT)
		return OUTBOX_WELL;
	if (was->level == OUTBOX_WELL && used >= OUTBOX_FILLING_PERCENT)
		return OUTBOX_FILLING;
	return was->level;
}

/* Both lists are by tenant, and none ever goes. */
static void publish(struct outbox *o)
{
	int64_t max = atomic_load(&o->max);
	unsigned j = 0;

	if (!o->next)
		return;
	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < o->next_count; i++) {
		struct shown *now = &o->next[i];
		struct outbox_usage new = { 0 };
		const struct outbox_usage *was = &new;

		if (j < o->count && !strcmp(o->shown[j].usage.tenant,
					    now->usage.tenant)) {
			now->told = o->shown[j].told;
			was = &o->shown[j++].usage;
		}
		now->usage.level = next_level(was, &now->usage, max);
	}
	free(o->shown);
	o->shown = o->next;
	o->count = o->next_count;
	o->next = NULL;
	pthread_mutex_unlock(&o->lock);
}

enum err outbox_usages(struct outbox *o, struct pool *pool,
		       struct outbox_usage **list_r, unsigned *count_r)
{
	struct outbox_usage *list;

	pthread_mutex_lock(&o->lock);
	list = pool_calloc(pool, o->count, sizeof(*list));
	for (unsigned i = 0; list && i < o->count; i++)
		list[i] = o->shown[i].usage;
	if (list) {
		*list_r = list;
		*count_r = o->count;
	}
	pthread_mutex_unlock(&o->lock);
	return list ? ERR_OK : ERR_NOMEM;
}

unsigned outbox_take_news(struct outbox *o,
			  struct outbox_usage list[OUTBOX_NEWS_MAX])
{
	unsigned n = 0;

	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < o->count && n < OUTBOX_NEWS_MAX; i++) {
		struct shown *s = &o->shown[i];

		if (s->told == s->usage.level)
			continue;
		s->told = s->usage.level;
		list[n++] = s->usage;
	}
	pthread_mutex_unlock(&o->lock);
	return n;
}

bool outbox_is_erasing(struct outbox *o)
{
	return atomic_load(&o->is_erasing) || writer_is_wiping(o->writer);
}

void outbox_set_bounds(struct outbox *o, int64_t max, int64_t kept_s)
{
	atomic_store(&o->max, max);
	atomic_store(&o->kept_s, kept_s);
}

/* ---- the chore ---- */

static enum err sweep_run(struct db *db, struct job *job)
{
	struct outbox *o = list_entry(job, struct outbox, sweep.job);
	bool is_any = false, is_more = false;
	enum err err;

	o->was_erased = false;
	err = erase_some(o, db, &is_any);
	if (!err && !is_any) {
		atomic_store(&o->is_erasing, false);
		err = delete_old(o, db, &is_more);
	}
	if (!err && !is_any && !is_more)
		err = read_usages(o, db);
	o->sweep.is_more = !err && (is_any || is_more);
	return err;
}

static void sweep_settle(struct job *job)
{
	struct outbox *o = list_entry(job, struct outbox, sweep.job);

	if (job->result)
		return;
	if (o->was_erased)
		writer_wipe(o->writer);
	publish(o);
}

enum err outbox_new(struct db *db, struct outbox **outbox_r)
{
	struct outbox *o = calloc(1, sizeof(*o));
	int64_t user_id = 0, after;
	enum err err;

	if (!o)
		return ERR_NOMEM;
	pthread_mutex_init(&o->lock, NULL);
	atomic_init(&o->max, OUTBOX_TENANT_MAX);
	atomic_init(&o->kept_s, OUTBOX_KEPT_S);
	err = get_erasure(db, &user_id, &after);
	atomic_init(&o->is_erasing, user_id != 0);
	if (!err)
		err = read_usages(o, db);
	if (err) {
		outbox_free(o);
		return err;
	}
	/* what was refused before this start was told then */
	for (unsigned i = 0; i < o->next_count; i++)
		o->next[i].usage.level = OUTBOX_WELL;
	o->shown = o->next;
	o->count = o->next_count;
	o->next = NULL;
	db->outbox = o;
	*outbox_r = o;
	return ERR_OK;
}

enum err outbox_start(struct outbox *o, struct writer *writer,
		      int64_t sweep_ms)
{
	enum err err;

	o->writer = writer;
	o->sweep.job.run = sweep_run;
	o->sweep.job.settle = sweep_settle;
	o->sweep.interval_ms = sweep_ms;
	err = writer_add_chore(writer, &o->sweep);
	if (!err && atomic_load(&o->is_erasing))
		writer_hurry(writer, &o->sweep);
	return err;
}

void outbox_free(struct outbox *o)
{
	if (!o)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o->shown);
	free(o->next);
	free(o);
}
