/* The rows behind the table of sessions: written, ended, swept, and read back
 * at a start.  Questions are answered from memory (sessions.c). */
#include "store/sessions.h"

#include "base/clock.h"
#include "store/db-private.h"
#include "store/epochs-private.h"
#include "store/sessions-private.h"

#define ID_COUNTER_BITS 20	/* below the milliseconds */
#define SWEEP_LOOKS 4096	/* sessions, in one transaction */

/*
 * Time-ordered, so that rows are appended; never given twice, because the
 * table is AUTOINCREMENT and keeps the highest one ever.
 */
static int64_t next_id(struct sessions *s)
{
	int64_t id = clock_steady_ms() << ID_COUNTER_BITS;

	s->last_id = id > s->last_id ? id : s->last_id + 1;
	return s->last_id;
}

enum err session_write(struct sessions *s, struct db *db,
		       struct session_entry *e, int64_t now_s)
{
	struct str tenant = { e->text, e->tenant_len };
	struct str host = { e->text + e->tenant_len, e->host_len };
	sqlite3_stmt *q;
	enum err err;

	/* it may be the second time */
	room_undo(s, e);
	e->id = next_id(s);
	e->created_s = now_s;
	list_del(&e->written);
	list_add(&s->written, &e->written);
	err = room_make(s, db, e);
	if (!err)
		err = query_begin(db, SQL_SESSION_INSERT,
			"INSERT INTO sessions(id, hash, tenant, host, user_id,"
			" created_s, last_seen_s, idle_s, absolute_s, kind)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)", &q);
	if (err)
		return err;
	sqlite3_bind_int64(q, 1, e->id);
	sqlite3_bind_blob(q, 2, e->hash, SESSION_HASH_LEN, SQLITE_STATIC);
	query_bind_str(q, 3, tenant);
	query_bind_str(q, 4, host);
	sqlite3_bind_int64(q, 5, e->user_id);
	sqlite3_bind_int64(q, 6, now_s);
	sqlite3_bind_int64(q, 7, e->idle_s);
	sqlite3_bind_int64(q, 8, e->absolute_s);
	sqlite3_bind_int(q, 9, e->kind);
	return query_run(db, q);
}

enum err session_delete(struct db *db, int64_t id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_SESSION_DELETE,
		"DELETE FROM sessions WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	return query_run(db, q);
}

struct persist {
	struct job job;
	int64_t id, seen_s;
};

/* An UPDATE finds no row that was deleted: an ended session stays ended. */
static enum err persist_run(struct db *db, struct job *job)
{
	struct persist *p = (struct persist *)job;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_SESSION_SEEN,
		"UPDATE sessions SET last_seen_s = ?2"
		" WHERE id = ?1 AND last_seen_s < ?2", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, p->id);
	sqlite3_bind_int64(q, 2, p->seen_s);
	return query_run(db, q);
}

static void persist_done(struct job *job)
{
	free(job);
}

enum err session_persist(struct sessions *s, int64_t id, int64_t seen_s)
{
	struct persist *p = malloc(sizeof(*p));
	enum err err;

	if (!p)
		return ERR_NOMEM;
	*p = (struct persist){
		.job = { .run = persist_run, .done = persist_done },
		.id = id,
		.seen_s = seen_s,
	};
	err = writer_submit_unawaited(s->writer, &p->job);
	if (err)
		free(p);
	return err;
}

static enum err end_run(struct db *db, struct job *job)
{
	struct session_end *end = (struct session_end *)job;
	enum err err;

	if (end->session_id)
		err = session_delete(db, end->session_id);
	else
		err = sessions_delete_of(end->sessions, db, end->user_id);
	if (!err && end->audit)
		err = audit_insert(db, end->audit);
	return err;
}

static void end_settle(struct job *job)
{
	struct session_end *end = (struct session_end *)job;

	if (job->result)
		return;
	if (end->session_id)
		session_drop(end->sessions, end->session_id);
	else
		sessions_drop_of(end->sessions, end->user_id);
}

enum err sessions_end(struct sessions *s, struct session_end *end)
{
	end->sessions = s;
	end->job.run = end_run;
	end->job.settle = end_settle;
	return writer_submit(s->writer, &end->job);
}

/* Of an epoch that ended?  Asked only in the rounds that follow one. */
static bool is_stale(const struct sessions *s, const struct session_node *n)
{
	return s->round_ended != s->swept_ended &&
	       !epochs_is_current(s->epochs, n->place->tenant->slug,
				  n->place->epoch);
}

/*
 * Note the ended ones of a stripe, from the bucket on where the last
 * transaction stopped.  False: there was no more room to note them, or it looks
 * for long enough.  (Should the stripe grow meanwhile, some are looked at
 * twice, and none is missed.)
 */
static bool sweep_stripe(struct sessions *s, struct idmap_stripe *stripe,
			 int64_t now_s, unsigned *looked)
{
	unsigned rows = s->sweep.rows < SESSIONS_SWEEP_MAX ? s->sweep.rows :
							     SESSIONS_SWEEP_MAX;
	bool is_whole = true;

	pthread_mutex_lock(&stripe->lock);
	while (is_whole && s->sweep_bucket <= stripe->mask) {
		struct idmap_node *n = stripe->buckets[s->sweep_bucket];

		for (; n && is_whole; n = n->next) {
			const struct session_node *sn = (const void *)n;

			++*looked;
			if (now_s < session_node_end(sn) && !is_stale(s, sn))
				continue;
			if (s->swept_count == rows)
				is_whole = false;
			else
				s->swept[s->swept_count++] = n->id;
		}
		/* a bucket is looked at whole, or once more */
		s->sweep_bucket += is_whole;
		is_whole &= *looked < SWEEP_LOOKS;
	}
	if (s->sweep_bucket > stripe->mask) {
		s->sweep_bucket = 0;
		is_whole = true;
	}
	pthread_mutex_unlock(&stripe->lock);
	return is_whole;
}

static void begin_round(struct sessions *s)
{
	s->sweep_left = IDMAP_STRIPES;
	s->sweep_bucket = 0;
	s->round_ended = epochs_ended(s->epochs);
}

/* As many looks, or as many ended sessions, as one transaction may take. */
static enum err sweep_run(struct db *db, struct job *job)
{
	struct sessions *s = list_entry(job, struct sessions, sweep.job);
	int64_t now_s = clock_steady_s();
	enum err err = ERR_OK;
	unsigned looked = 0;

	s->swept_count = 0;
	if (!s->sweep_left)
		begin_round(s);
	while (looked < SWEEP_LOOKS && s->sweep_left &&
	       sweep_stripe(s, &s->map.stripes[s->sweep_at], now_s, &looked)) {
		s->sweep_at = (s->sweep_at + 1) % IDMAP_STRIPES;
		s->sweep_left--;
	}
	for (unsigned i = 0; !err && i < s->swept_count; i++)
		err = session_delete(db, s->swept[i]);
	s->sweep.is_more = s->sweep_left > 0;
	return err;
}

static void sweep_settle(struct job *job)
{
	struct sessions *s = list_entry(job, struct sessions, sweep.job);

	if (job->result) {
		/* what it had noted was not deleted: all over again */
		s->sweep_left = 0;
		return;
	}
	for (unsigned i = 0; i < s->swept_count; i++)
		session_drop(s, s->swept[i]);
	if (!s->sweep_left)
		s->swept_ended = s->round_ended;
}

void sessions_sweep_soon(struct sessions *s)
{
	/* A round under way does not know of it. */
	if (epochs_ended(s->epochs) != s->swept_ended) {
		s->sweep_left = 0;
		writer_hurry(s->writer, &s->sweep);
	}
}

static enum err load_last_id(struct sessions *s, struct db *db)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_SESSION_LAST,
		"SELECT seq FROM sqlite_sequence WHERE name = 'sessions'", &q);

	if (err)
		return err;
	if (query_step(db, q, &err) > 0)
		s->last_id = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

enum err sessions_new(struct db *db, struct db *const *readers,
		      unsigned reader_count, unsigned max,
		      struct epochs *epochs, struct sessions **sessions_r)
{
	struct sessions *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NOMEM;
	s->max = max;
	s->epochs = epochs;
	list_init(&s->written);
	s->sweep.job.run = sweep_run;
	s->sweep.job.settle = sweep_settle;
	pthread_mutex_init(&s->evictions.lock, NULL);
	err = idmap_init(&s->map);
	if (!err)
		err = idmap_init(&s->users);
	if (!err)
		err = session_places_init(&s->places);
	if (!err)
		err = db_begin(db);
	if (!err) {
		err = load_last_id(s, db);
		/* no time is before that of what is stored */
		clock_steady_at_least(s->last_id >> ID_COUNTER_BITS);
		if (!err)
			err = sessions_load(s, db, readers, reader_count);
		if (!err)
			err = db_commit(db);
		if (err)
			db_rollback(db);
	}
	if (err) {
		sessions_free(s);
		return err;
	}
	*sessions_r = s;
	return ERR_OK;
}

enum err sessions_start(struct sessions *s, struct writer *writer,
			int64_t sweep_ms)
{
	s->writer = writer;
	s->sweep.interval_ms = sweep_ms;
	return writer_add_chore(writer, &s->sweep);
}

static void free_entries(struct sessions *s)
{
	for (int i = 0; i < IDMAP_STRIPES; i++) {
		struct idmap_stripe *stripe = &s->map.stripes[i];

		for (unsigned b = 0; stripe->buckets && b <= stripe->mask; b++)
			while (stripe->buckets[b])
				session_drop(s, stripe->buckets[b]->id);
	}
}

void sessions_free(struct sessions *s)
{
	if (!s)
		return;
	free_entries(s);
	idmap_done(&s->map);
	idmap_done(&s->users);
	session_places_done(&s->places);
	pthread_mutex_destroy(&s->evictions.lock);
	free(s);
}
