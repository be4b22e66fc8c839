#include "store/deliveries.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "codec/base64url.h"
#include "store/db-private.h"
#include "store/deliveries-private.h"
#include "store/outbox-private.h"

#define ROUTES_OCTETS_MAX (64 * 1024 * 1024)

/* delivery.state */
#define HEAD "0"		/* of its lane: to be sent */
#define BEHIND "1"		/* another one of its lane */
#define DEAD "2"
/* as the partial index of lanes has it, word by word */
#define IN_LANE "state < 2"

struct deliveries {
	struct db *db;
	_Atomic bool is_fresh;
	pthread_mutex_t lock;		/* of all that follows */
	struct pool *pool;		/* of the routes */
	struct delivery_route *routes;
	unsigned route_count;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

struct deliveries *deliveries_new(struct db *db)
{
	struct deliveries *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->db = db;
	db->deliveries = d;
	return d;
}

void deliveries_free(struct deliveries *d)
{
	if (!d)
		return;
	d->db->deliveries = NULL;
	pthread_mutex_destroy(&d->lock);
	pool_free(d->pool);
	free(d);
}

void deliveries_on_fresh(struct deliveries *d, void (*wake)(void *ctx),
			 void *ctx)
{
	pthread_mutex_lock(&d->lock);
	d->wake = wake;
	d->wake_ctx = ctx;
	pthread_mutex_unlock(&d->lock);
}

void deliveries_batch_done(struct deliveries *d)
{
	/* most batches have none: a look, and no more */
	if (!atomic_load_explicit(&d->is_fresh, memory_order_relaxed) ||
	    !atomic_exchange(&d->is_fresh, false))
		return;
	pthread_mutex_lock(&d->lock);
	if (d->wake)
		d->wake(d->wake_ctx);
	pthread_mutex_unlock(&d->lock);
}

/* ---- routes ---- */

static int copy_route(struct pool *pool, struct delivery_route *to,
		      const struct delivery_route *from)
{
	struct str *events = pool_calloc(pool, from->event_count,
					 sizeof(*events));

	to->tenant = pool_str(pool, from->tenant);
	to->url = pool_str(pool, from->url);
	to->events = events;
	to->event_count = from->event_count;
	if (!events || !to->tenant.ptr || !to->url.ptr)
		return -1;
	for (unsigned i = 0; i < from->event_count; i++) {
		events[i] = pool_str(pool, from->events[i]);
		if (!events[i].ptr)
			return -1;
	}
	return 0;
}

enum err deliveries_set_routes(struct deliveries *d,
			       const struct delivery_route *list,
			       unsigned count)
{
	struct pool *pool = pool_new(ROUTES_OCTETS_MAX), *before;
	struct delivery_route *copy = pool ?
		pool_calloc(pool, count, sizeof(*copy)) : NULL;
	enum err err = copy ? ERR_OK : ERR_NOMEM;

	for (unsigned i = 0; !err && i < count; i++)
		if (copy_route(pool, &copy[i], &list[i]))
			err = ERR_NOMEM;
	if (err) {
		pool_free(pool);
		return err;
	}
	pthread_mutex_lock(&d->lock);
	before = d->pool;
	d->pool = pool;
	d->routes = copy;
	d->route_count = count;
	pthread_mutex_unlock(&d->lock);
	pool_free(before);
	return ERR_OK;
}

static bool is_routed(const struct delivery_route *route, struct str event)
{
	for (unsigned i = 0; i < route->event_count; i++)
		if (outbox_is_named(route->events[i], event))
			return true;
	return false;
}

/* Where an event goes, in the job's pool.  How many, or -1: no memory. */
static int find_urls(struct db *db, struct str tenant, struct str event,
		     struct str urls[DELIVERY_ENDPOINTS_MAX])
{
	struct deliveries *d = db->deliveries;
	int n = 0;

	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; n >= 0 && i < d->route_count; i++) {
		const struct delivery_route *route = &d->routes[i];

		if (n == DELIVERY_ENDPOINTS_MAX)
			break;
		if (!str_eq(route->tenant, tenant) || !is_routed(route, event))
			continue;
		urls[n] = pool_str(db->scratch, route->url);
		n = urls[n].ptr ? n + 1 : -1;
	}
	pthread_mutex_unlock(&d->lock);
	return n;
}

/* ---- events come ---- */

static enum err find_endpoint(struct db *db, struct str tenant, struct str url,
			      int64_t *id_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ENDPOINT_GET,
		"INSERT INTO endpoint(tenant, url) VALUES(?1, ?2)"
		" ON CONFLICT(tenant, url) DO UPDATE SET url = url"
		" RETURNING id", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	query_bind_str(q, 2, url);
	if (query_step(db, q, &err) > 0)
		*id_r = sqlite3_column_int64(q, 0);
	else if (!err)
		err = ERR_INTERNAL;
	query_end(q);
	return err;
}

static enum err insert(struct db *db, int64_t outbox_id, int64_t endpoint,
		       int64_t user_id, int64_t now_ms)
{
	sqlite3_stmt *q;
	/* two webhooks may have one URL: it gets the event once */
	enum err err = query_begin(db, SQL_DELIVERY_INSERT,
		"INSERT OR IGNORE INTO delivery(outbox_id, endpoint, user_id,"
		" state, next_ms) VALUES(?1, ?2, ?3, EXISTS(SELECT 1 FROM"
		" delivery WHERE endpoint = ?2 AND user_id = ?3 AND " IN_LANE
		"), ?4)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, outbox_id);
	sqlite3_bind_int64(q, 2, endpoint);
	sqlite3_bind_int64(q, 3, user_id);
	sqlite3_bind_int64(q, 4, now_ms);
	return query_run(db, q);
}

enum err deliveries_add(struct db *db, int64_t outbox_id, struct str tenant,
			int64_t user_id, struct str event, int64_t now_ms)
{
	struct str urls[DELIVERY_ENDPOINTS_MAX];
	int count = db->deliveries ? find_urls(db, tenant, event, urls) : 0;
	enum err err = count < 0 ? ERR_NOMEM : ERR_OK;

	for (int i = 0; !err && i < count; i++) {
		int64_t endpoint = 0;

		err = find_endpoint(db, tenant, urls[i], &endpoint);
		if (!err)
			err = insert(db, outbox_id, endpoint, user_id, now_ms);
	}
	if (count > 0)
		atomic_store(&db->deliveries->is_fresh, true);
	return err;
}

/* ---- rows of a lane ---- */

/* Its head went: the next one is. */
static enum err move_up(struct db *db, int64_t endpoint, int64_t user_id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_DELIVERY_MOVE_UP,
		"UPDATE delivery SET state = " HEAD " WHERE endpoint = ?1 AND"
		" outbox_id = (SELECT min(outbox_id) FROM delivery WHERE"
		" endpoint = ?1 AND user_id = ?2 AND " IN_LANE ") AND " IN_LANE,
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, endpoint);
	sqlite3_bind_int64(q, 2, user_id);
	if (db->deliveries)
		atomic_store(&db->deliveries->is_fresh, true);
	return query_run(db, q);
}

enum err deliveries_forget(struct db *db, int64_t outbox_id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_DELIVERY_FORGET,
		"DELETE FROM delivery WHERE outbox_id = ?1"
		" RETURNING endpoint, user_id, state", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, outbox_id);
	while (!err && query_step(db, q, &err) > 0)
		if (sqlite3_column_int(q, 2) == 0)
			err = move_up(db, sqlite3_column_int64(q, 0),
				      sqlite3_column_int64(q, 1));
	query_end(q);
	return err;
}

/* A full list, with room for as many more. NULL: no memory. */
static void *widen(struct pool *pool, const void *list, unsigned *room,
		   size_t size)
{
	unsigned before = *room;
	void *wider;

	*room = before ? 2 * before : 16;
	wider = pool_calloc(pool, *room, size);
	if (wider && before)
		memcpy(wider, list, before * size);
	return wider;
}

/* ---- what is due ---- */

enum err deliveries_endpoints(struct db *reader, int64_t now_ms,
			      struct pool *pool,
			      struct delivery_endpoint **list_r,
			      unsigned *count_r)
{
	struct delivery_endpoint *list = NULL;
	unsigned count = 0, room = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(reader, SQL_ENDPOINT_DUE,
		"SELECT id, tenant, url FROM endpoint WHERE state = 0 AND"
		" EXISTS(SELECT 1 FROM delivery WHERE endpoint = endpoint.id"
		" AND delivery.state = " HEAD " AND next_ms <= ?1)"
		" ORDER BY tenant, id", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, now_ms);
	while (!err && query_step(reader, q, &err) > 0) {
		if (count == room) {
			list = widen(pool, list, &room, sizeof(*list));
			if (!list) {
				err = ERR_NOMEM;
				break;
			}
		}
		list[count] = (struct delivery_endpoint){
			.id = sqlite3_column_int64(q, 0),
			.tenant = pool_str(pool, query_str(q, 1)),
			.url = pool_str(pool, query_str(q, 2)),
		};
		if (!list[count].tenant.ptr || !list[count].url.ptr)
			err = ERR_NOMEM;
		count++;
	}
	query_end(q);
	if (err)
		return err;
	*list_r = list;
	*count_r = count;
	return ERR_OK;
}

enum err deliveries_due(struct db *reader, int64_t endpoint, int64_t now_ms,
			unsigned max,
			bool (*take)(void *ctx, const struct delivery *d),
			void *ctx)
{
	bool is_more = true;
	sqlite3_stmt *q;
	enum err err = query_begin(reader, SQL_DELIVERY_DUE,
		"SELECT d.outbox_id, d.user_id, d.attempts, o.created_ms,"
		" o.message, o.event, o.body FROM delivery d CROSS JOIN outbox"
		" o ON o.id = d.outbox_id WHERE d.endpoint = ?1 AND d.state = "
		HEAD " AND d.next_ms <= ?2 ORDER BY d.next_ms LIMIT ?3", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, endpoint);
	sqlite3_bind_int64(q, 2, now_ms);
	sqlite3_bind_int64(q, 3, max);
	while (is_more && query_step(reader, q, &err) > 0) {
		struct delivery d = {
			.outbox_id = sqlite3_column_int64(q, 0),
			.user_id = sqlite3_column_int64(q, 1),
			.attempts = (unsigned)sqlite3_column_int(q, 2),
			.created_ms = sqlite3_column_int64(q, 3),
			.event = query_str(q, 5),
			.body = query_str(q, 6),
		};
		struct buf message;

		buf_init_fixed(&message, d.message, sizeof(d.message));
		buf_puts(&message, "msg_");
		base64url_add(&message, sqlite3_column_blob(q, 4),
			      (size_t)sqlite3_column_bytes(q, 4));
		is_more = take(ctx, &d);
	}
	query_end(q);
	return err;
}

/* ---- what became of it ---- */

/* The row's lane, where the row is still there. */
static enum err change_row(struct db *db, const struct delivery_outcome *o,
			   enum sql slot, const char *sql, int64_t *user_r,
			   bool *is_there_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, slot, sql, &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, o->outbox_id);
	sqlite3_bind_int64(q, 2, o->endpoint);
	if (slot != SQL_DELIVERY_DONE) {
		sqlite3_bind_int64(q, 3, o->next_ms);
		sqlite3_bind_int64(q, 4, o->status);
		query_bind_str(q, 5, str_from(o->error));
		sqlite3_bind_int(q, 6, o->end == DELIVERY_DEAD ? 2 : 0);
		sqlite3_bind_int(q, 7, o->end != DELIVERY_PAUSED);
	}
	*is_there_r = query_step(db, q, &err) > 0;
	if (*is_there_r)
		*user_r = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

static enum err set_paused(struct db *db, int64_t endpoint)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_ENDPOINT_PAUSE,
		"UPDATE endpoint SET state = 1 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, endpoint);
	return query_run(db, q);
}

static enum err apply(struct db *db, const struct delivery_outcome *o)
{
	bool is_there = false;
	int64_t user_id = 0;
	enum err err;

	if (o->end == DELIVERY_DONE)
		err = change_row(db, o, SQL_DELIVERY_DONE,
			"DELETE FROM delivery WHERE outbox_id = ?1 AND"
			" endpoint = ?2 RETURNING user_id", &user_id,
			&is_there);
	else
		err = change_row(db, o, SQL_DELIVERY_FAILED,
			"UPDATE delivery SET next_ms = ?3, last_status = ?4,"
			" last_error = ?5, state = ?6, attempts = attempts + ?7"
			" WHERE outbox_id = ?1 AND endpoint = ?2 AND state = "
			HEAD " RETURNING user_id", &user_id, &is_there);
	if (!err && o->end == DELIVERY_PAUSED)
		err = set_paused(db, o->endpoint);
	if (err || !is_there)
		return err;
	if (o->end == DELIVERY_DONE || o->end == DELIVERY_DEAD)
		err = move_up(db, o->endpoint, user_id);
	if (!err && o->end == DELIVERY_DONE)
		err = outbox_delivered(db, o->outbox_id);
	return err;
}

static enum err outcomes_run(struct db *db, struct job *job)
{
	struct deliveries_job *d = list_entry(job, struct deliveries_job, job);
	enum err err = ERR_OK;

	for (unsigned i = 0; !err && i < d->count; i++)
		err = apply(db, &d->list[i]);
	return err;
}

enum err deliveries_submit(struct writer *writer, struct deliveries_job *job)
{
	job->job.run = outcomes_run;
	return writer_submit(writer, &job->job);
}

/* ---- by hand ---- */

#define OF_TENANT							\
	"endpoint IN (SELECT id FROM endpoint WHERE tenant = ?1"	\
	" AND (?2 IS NULL OR url = ?2))"

/* For each row that it returns: the lane, or the event. */
static enum err each_row(struct db *db, struct deliveries_change *c,
			 enum sql slot, const char *sql,
			 enum err (*then)(struct db *db, int64_t a, int64_t b))
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, slot, sql, &q);

	if (err)
		return err;
	query_bind_str(q, 1, c->tenant);
	query_bind_str(q, 2, c->url);
	if (slot == SQL_DELIVERY_RETRY || slot == SQL_DELIVERY_HURRY)
		sqlite3_bind_int64(q, 3, clock_steady_ms());
	while (!err && query_step(db, q, &err) > 0) {
		c->count++;
		if (then)
			err = then(db, sqlite3_column_int64(q, 0),
				   sqlite3_column_int64(q, 1));
	}
	query_end(q);
	return err;
}

static enum err drop_event(struct db *db, int64_t outbox_id, int64_t unused)
{
	(void)unused;
	return outbox_delivered(db, outbox_id);
}

static enum err change_run(struct db *db, struct job *job)
{
	struct deliveries_change *c = list_entry(job, struct deliveries_change,
						 job);
	enum err err;

	c->count = 0;
	switch (c->order) {
	case DELIVERIES_DROP:
		return each_row(db, c, SQL_DELIVERY_DROP,
			"DELETE FROM delivery WHERE state = " DEAD " AND "
			OF_TENANT " RETURNING outbox_id, 0", drop_event);
	case DELIVERIES_PAUSE:
		return each_row(db, c, SQL_ENDPOINT_STOP,
			"UPDATE endpoint SET state = 1 WHERE tenant = ?1 AND"
			" (?2 IS NULL OR url = ?2) RETURNING id, 0", NULL);
	case DELIVERIES_RESUME:
		err = each_row(db, c, SQL_ENDPOINT_RESUME,
			"UPDATE endpoint SET state = 0 WHERE tenant = ?1 AND"
			" (?2 IS NULL OR url = ?2) RETURNING id, 0", NULL);
		break;
	default:
		/* behind what is in their lanes, and then the oldest first */
		err = each_row(db, c, SQL_DELIVERY_RETRY,
			"UPDATE delivery SET state = " BEHIND ", attempts = 0,"
			" next_ms = ?3 WHERE state = " DEAD " AND " OF_TENANT
			" RETURNING endpoint, user_id", NULL);
		if (!err)
			err = each_row(db, c, SQL_DELIVERY_HURRY,
				"UPDATE delivery SET state = " HEAD
				" , next_ms = ?3"
				" WHERE " OF_TENANT " AND " IN_LANE " AND"
				" (state = " HEAD " OR outbox_id = (SELECT"
				" min(d.outbox_id) FROM delivery d WHERE"
				" d.endpoint = delivery.endpoint AND d.user_id ="
				" delivery.user_id AND d.state < 2)"
				" AND NOT EXISTS (SELECT 1 FROM delivery d WHERE"
				" d.endpoint = delivery.endpoint AND d.user_id ="
				" delivery.user_id AND d.state < 2 AND d.state ="
				" " HEAD ")) RETURNING endpoint, user_id", NULL);
	}
	if (!err && db->deliveries)
		atomic_store(&db->deliveries->is_fresh, true);
	return err;
}

enum err deliveries_submit_change(struct writer *writer,
				  struct deliveries_change *change)
{
	change->job.run = change_run;
	return writer_submit(writer, &change->job);
}

enum err deliveries_figures(struct db *reader, struct str tenant,
			    struct pool *pool, struct delivery_figures **list_r,
			    unsigned *count_r)
{
	struct delivery_figures *list = NULL;
	unsigned count = 0, room = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(reader, SQL_ENDPOINT_FIGURES,
		"SELECT e.tenant, e.url, e.state, total(d.state < 2),"
		" total(d.state = 2), min(iif(d.state < 2, o.created_ms, NULL)),"
		" min(iif(d.state = 0, d.next_ms, NULL)),"
		" max(d.last_status), max(d.last_error)"
		" FROM endpoint e LEFT JOIN delivery d ON d.endpoint = e.id"
		" LEFT JOIN outbox o ON o.id = d.outbox_id"
		" WHERE ?1 IS NULL OR e.tenant = ?1 GROUP BY e.id"
		" ORDER BY e.tenant, e.id", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	while (!err && query_step(reader, q, &err) > 0) {
		if (count == room) {
			list = widen(pool, list, &room, sizeof(*list));
			if (!list) {
				err = ERR_NOMEM;
				break;
			}
		}
		list[count] = (struct delivery_figures){
			.tenant = pool_str(pool, query_str(q, 0)),
			.url = pool_str(pool, query_str(q, 1)),
			.is_paused = sqlite3_column_int(q, 2),
			.waiting = sqlite3_column_int64(q, 3),
			.dead = sqlite3_column_int64(q, 4),
			.oldest_ms = sqlite3_column_int64(q, 5),
			.next_ms = sqlite3_column_int64(q, 6),
			.last_status = (unsigned)sqlite3_column_int(q, 7),
			.last_error = pool_str(pool, query_str(q, 8)),
		};
		count++;
	}
	query_end(q);
	if (err)
		return err;
	*list_r = list;
	*count_r = count;
	return ERR_OK;
}
