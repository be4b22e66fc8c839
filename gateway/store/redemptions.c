#include "store/redemptions.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "codec/email.h"
#include "store/db-private.h"
#include "store/epochs.h"
#include "store/parking-private.h"
#include "store/redemptions-private.h"
#include "store/sessions-private.h"
#include "store/users-private.h"

struct redemptions {
	struct writer *writer;
	struct sessions *sessions;
	struct users *users;
	struct tombstones *tombstones;
	struct chore sweep;
	_Atomic int64_t swept_ms;	/* as the mark in the database */
	int64_t sweeping_ms;		/* what it becomes with this sweep */
};

void redemption_jti_time(int64_t ms, uint8_t jti[REDEMPTION_JTI_LEN])
{
	for (unsigned i = REDEMPTION_JTI_TIME_LEN; i-- > 0; ms >>= 8)
		jti[i] = (uint8_t)ms;
}

int64_t redemption_time(const uint8_t jti[REDEMPTION_JTI_LEN])
{
	int64_t ms = 0;

	for (unsigned i = 0; i < REDEMPTION_JTI_TIME_LEN; i++)
		ms = ms << 8 | jti[i];
	return ms;
}

int64_t redemptions_swept_ms(struct redemptions *redemptions)
{
	return atomic_load(&redemptions->swept_ms);
}

enum err redemptions_find(struct db *db, struct str tenant,
			  const uint8_t jti[REDEMPTION_JTI_LEN],
			  int64_t *session_id_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_GET,
		"SELECT session_id FROM redemptions"
		" WHERE jti = ?1 AND tenant = ?2", &q);

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, jti, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	query_bind_str(q, 2, tenant);
	if (query_step(db, q, &err) > 0) {
		*session_id_r = sqlite3_column_int64(q, 0);
		err = ERR_USED;
	}
	query_end(q);
	return err;
}

/* Should there be one after all, the key makes this fail. */
static enum err take(struct db *db, struct redemption *r, int64_t session_id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_INSERT,
		"INSERT INTO redemptions(jti, tenant, session_id)"
		" VALUES(?1, ?2, ?3)", &q);

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, r->jti, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	query_bind_str(q, 2, r->sync.tenant);
	sqlite3_bind_int64(q, 3, session_id);
	return query_run(db, q);
}

/*
 * Tombstones from before an upgrade were written by the keys of then.  Of the
 * address as it is spelled here, since another spelling was another person.
 */
static enum err check_old_tombstone(struct db *db, struct redemption *r)
{
	char text[EMAIL_KEY_MAX + 1];
	struct buf key;

	if (str_is_ascii(r->sync.email_key))
		return ERR_OK;
	buf_init_fixed(&key, text, sizeof(text));
	email_add_old_key(&key, r->sync.email, r->sync.email_key);
	return tombstone_check(r->redemptions->tombstones, db, r->sync.tenant,
			       TOMBSTONE_UNSIGNED, buf_str(&key),
			       r->sync.minted_ms);
}

/* Whoever was ended is so for assertions of before, too. */
static enum err check_tombstones(struct db *db, struct redemption *r)
{
	struct tombstones *ts = r->redemptions->tombstones;
	const struct user_sync *sync = &r->sync;
	enum err err;

	if (!sync->is_vouched) {
		err = tombstone_check(ts, db, sync->tenant, TOMBSTONE_UNSIGNED,
				      sync->email_key, sync->minted_ms);
		return err ? err : check_old_tombstone(db, r);
	}
	/* what their partner signed is told apart by its own clock */
	err = tombstone_check(ts, db, sync->tenant, TOMBSTONE_SIGNED,
			      sync->email_key, sync->issued_ms);
	if (!err && sync->external_id.ptr)
		err = tombstone_check(ts, db, sync->tenant, TOMBSTONE_EXTERNAL,
				      sync->external_id, sync->issued_ms);
	return err;
}

/* Were they ended on the way, or are they not whom the adapter saw? */
static enum err check_person(struct db *db, struct redemption *r,
			     struct user_plan *plan)
{
	enum err err = check_tombstones(db, r);

	if (err == ERR_NOT_FOUND)
		r->note = REDEMPTION_ENDED;
	if (!err)
		err = users_plan(db, &r->sync, db->scratch, plan);
	if (err == ERR_CONFLICT) {
		/* which from a job would be the system's */
		r->note = REDEMPTION_CONFLICT;
		err = ERR_NOT_FOUND;
	}
	if (err || !r->shown_id)
		return err;
	if (plan->is_new ? r->is_shown_new : plan->view.id == r->shown_id)
		return ERR_OK;
	r->note = REDEMPTION_OTHER_ID;
	return ERR_NOT_FOUND;
}

/* For the answer: what `view` points to ends with the job. */
static enum err keep_view(struct redemption *r, const struct user_view *view)
{
	if (!r->pool)
		return ERR_OK;
	r->user = *view;
	r->user.email = pool_str(r->pool, view->email);
	r->user.name = pool_str(r->pool, view->name);
	r->user.attributes = pool_str(r->pool, view->attributes);
	if (view->external_id.ptr)
		r->user.external_id = pool_str(r->pool, view->external_id);
	if (view->external_id.ptr && !r->user.external_id.ptr)
		return ERR_NOMEM;
	return r->user.email.ptr && r->user.name.ptr &&
	       r->user.attributes.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err open_session(struct db *db, struct redemption *r,
			     const struct user_view *view, int64_t now_s)
{
	struct session_entry *e = r->entry;

	e->user_id = view->id;
	e->kind = r->kind;
	e->epoch = r->epoch;
	e->idle_s = r->idle_s;
	e->absolute_s = now_s + (int64_t)r->absolute_s;
	memcpy(e->hash, r->hash, SESSION_HASH_LEN);
	return session_write(r->redemptions->sessions, db, e, now_s);
}

/* What was swept may have been used: nobody can tell any more. */
static enum err check_expiry(struct redemption *r, int64_t now_s)
{
	if (r->exp_s <= now_s)
		return ERR_EXPIRED;
	if (redemption_time(r->jti) > redemptions_swept_ms(r->redemptions))
		return ERR_OK;
	r->note = REDEMPTION_SWEPT;
	return ERR_EXPIRED;
}

/* Each of these may say no, and none that does has written; the order is that
 * of what the answer shall name.  The last takes the parked row away, if it
 * says yes. */
static enum err check_all(struct db *db, struct redemption *r, int64_t now_s,
			  struct user_plan *plan)
{
	enum err err = epochs_is_current(r->redemptions->sessions->epochs,
					 r->sync.tenant, r->epoch) ?
		ERR_OK : ERR_NOT_FOUND;

	if (!err)
		err = redemptions_find(db, r->sync.tenant, r->jti,
				       &r->session_id);
	if (!err)
		err = check_expiry(r, now_s);
	if (!err)
		err = check_person(db, r, plan);
	if (!err && r->parked)
		err = parking_take(db, r->sync.tenant, r->parked);
	return err;
}

/* What came of it for somebody else is told with what is on record. */
static enum err write_record(struct db *db, const struct redemption *r,
			     const struct user_plan *plan)
{
	struct audit_step steps[AUDIT_STEPS_MAX];
	struct audit_record record;
	char why[48];
	unsigned n;

	if (!r->audit)
		return ERR_OK;
	record = *r->audit;
	n = record.steps ? record.step_count : 0;
	if (!n || n > AUDIT_STEPS_MAX ||
	    (!plan->ends_id && !plan->keeps_address))
		return audit_insert(db, &record);
	memcpy(steps, record.steps, n * sizeof(*steps));
	steps[n - 1].verdict = plan->is_adopted ? "unsigned_adopted" :
		plan->keeps_address ? "address_kept" : "address_moved";
	if (plan->ends_id) {
		snprintf(why, sizeof(why), "%s user %lld",
			 plan->is_adopted ? "was unsigned" : "from",
			 (long long)plan->ends_id);
		steps[n - 1].why = why;
	}
	record.steps = steps;
	return audit_insert(db, &record);
}

/* Nothing here says no but the system. */
static enum err write_all(struct db *db, struct redemption *r, int64_t now_s,
			  const struct user_plan *plan)
{
	enum err err = users_end_planned(r->redemptions->users, db, &r->sync,
					 plan);

	r->ended_id = plan->ends_id;
	if (!err)
		err = user_write(db, &r->sync, plan,
				 now_s + clock_ahead_ms() / 1000);
	if (!err && r->entry)
		err = open_session(db, r, &plan->view, now_s);
	if (!err && r->entry)
		r->session_id = r->entry->id;
	if (!err)
		err = take(db, r, r->session_id);
	if (!err && r->replaces)
		err = session_delete(db, r->replaces);
	if (!err)
		err = outbox_append(db, r->sync.tenant, plan->view.id,
				    r->events, r->event_count);
	return err ? err : write_record(db, r, plan);
}

static enum err redeem(struct db *db, struct redemption *r)
{
	int64_t now_s = clock_steady_s();
	struct user_plan plan = { 0 };
	enum err err = check_all(db, r, now_s, &plan);

	if (err)
		return err;
	if (plan.is_new)
		plan.view.id = r->shown_id ? r->shown_id :
			users_new_id(r->redemptions->users);
	err = write_all(db, r, now_s, &plan);
	if (!err)
		err = keep_view(r, &plan.view);
	/* made now, since nothing may fail after the commit */
	if (!err && (r->entry || plan.is_changed)) {
		r->record = user_record_new(&plan.view);
		err = r->record ? ERR_OK : ERR_NOMEM;
	}
	return err;
}

static enum err redeem_run(struct db *db, struct job *job)
{
	struct redemption *r = (struct redemption *)job;

	/* it may be the second time */
	free(r->record);
	r->record = NULL;
	r->session_id = 0;
	r->ended_id = 0;
	r->note = REDEMPTION_PLAIN;
	r->user = (struct user_view){ 0 };
	return redeem(db, r);
}

static void redeem_settle(struct job *job)
{
	struct redemption *r = (struct redemption *)job;
	struct sessions *s = r->redemptions->sessions;

	if (job->result) {
		session_release(s, r->entry);
		free(r->record);
	} else {
		if (r->ended_id)
			sessions_drop_of(s, r->ended_id);
		if (r->replaces)
			session_drop(s, r->replaces);
		if (r->entry)
			session_publish(s, r->entry, r->record);
		else
			sessions_show(s, r->record);
	}
	r->entry = NULL;
	r->record = NULL;
}

static enum err check(const struct redemption *r)
{
	enum err err = user_sync_check(&r->sync);

	if (!err && r->opens_session)
		err = text_check(r->host, SESSION_HOST_MAX);
	if (!err && r->opens_session && (!r->idle_s || !r->absolute_s))
		err = ERR_RANGE;
	if (!err)
		err = outbox_check(r->events, r->event_count);
	if (!err && r->audit)
		err = audit_check(r->audit);
	return err;
}

enum err redemptions_submit(struct redemptions *redemptions,
			    struct redemption *r)
{
	enum err err = check(r);

	r->redemptions = redemptions;
	r->note = REDEMPTION_PLAIN;
	r->entry = NULL;
	r->record = NULL;
	if (!err && r->opens_session)
		err = session_reserve(redemptions->sessions, r->sync.tenant,
				      r->host, &r->entry);
	if (err)
		return err;
	r->job.run = redeem_run;
	r->job.settle = redeem_settle;
	err = writer_submit(redemptions->writer, &r->job);
	if (err) {
		session_release(redemptions->sessions, r->entry);
		r->entry = NULL;
	}
	return err;
}

/* ---- the sweep ---- */

/* The highest time among those that forget() takes; -1: there are none. */
static enum err find_last(struct db *db, const uint8_t *before,
			  unsigned rows, int64_t *last_ms_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_LAST,
		"SELECT max(jti) FROM (SELECT jti FROM redemptions"
		" WHERE jti < ?1 ORDER BY jti LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, before, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, rows);
	*last_ms_r = -1;
	if (query_step(db, q, &err) > 0 && sqlite3_column_bytes(q, 0) ==
					   REDEMPTION_JTI_LEN)
		*last_ms_r = redemption_time(sqlite3_column_blob(q, 0));
	query_end(q);
	return err;
}

static enum err raise_mark(struct db *db, int64_t swept_ms)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_MARK_RAISE,
		"UPDATE marks SET value = ?1"
		" WHERE name = 'redemptions_swept_ms'", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, swept_ms);
	err = query_run(db, q);
	/* without the mark nothing may be forgotten */
	return !err && sqlite3_changes(db->handle) != 1 ? ERR_INTERNAL : err;
}

static enum err forget(struct db *db, const uint8_t *before,
		       struct chore *sweep)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_DELETE,
		"DELETE FROM redemptions WHERE (jti, tenant) IN"
		" (SELECT jti, tenant FROM redemptions WHERE jti < ?1"
		"  ORDER BY jti, tenant LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, before, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, sweep->rows);
	err = query_run(db, q);
	sweep->is_more = sqlite3_changes(db->handle) == (int)sweep->rows;
	return err;
}

static enum err sweep_run(struct db *db, struct job *job)
{
	struct redemptions *rs = list_entry(job, struct redemptions, sweep.job);
	uint8_t before[REDEMPTION_JTI_LEN] = { 0 };
	int64_t last_ms = -1;
	enum err err;

	redemption_jti_time(clock_steady_ms() - REDEMPTION_KEPT_S * 1000LL,
			    before);
	err = find_last(db, before, rs->sweep.rows, &last_ms);
	rs->sweeping_ms = atomic_load(&rs->swept_ms);
	rs->sweep.is_more = false;
	if (err || last_ms < 0)
		return err;
	if (last_ms > rs->sweeping_ms) {
		rs->sweeping_ms = last_ms;
		err = raise_mark(db, last_ms);
	}
	return err ? err : forget(db, before, &rs->sweep);
}

/* Before the writer takes the next redemption. */
static void sweep_settle(struct job *job)
{
	struct redemptions *rs = list_entry(job, struct redemptions, sweep.job);

	if (!job->result)
		atomic_store(&rs->swept_ms, rs->sweeping_ms);
}

static enum err load_mark(struct db *db, int64_t *swept_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_MARK_GET,
		"SELECT value FROM marks WHERE name = 'redemptions_swept_ms'",
		&q);

	if (err)
		return err;
	if (query_step(db, q, &err) > 0)
		*swept_r = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

enum err redemptions_new(struct db *db, struct sessions *sessions,
			 struct users *users, struct tombstones *tombstones,
			 struct redemptions **redemptions_r)
{
	struct redemptions *rs = calloc(1, sizeof(*rs));
	int64_t swept_ms = 0;
	enum err err = rs ? load_mark(db, &swept_ms) : ERR_NOMEM;

	if (err) {
		free(rs);
		return err;
	}
	rs->sessions = sessions;
	rs->users = users;
	rs->tombstones = tombstones;
	atomic_init(&rs->swept_ms, swept_ms);
	*redemptions_r = rs;
	return ERR_OK;
}

enum err redemptions_start(struct redemptions *rs, struct writer *writer,
			   int64_t sweep_ms)
{
	rs->writer = writer;
	rs->sweep.job.run = sweep_run;
	rs->sweep.job.settle = sweep_settle;
	rs->sweep.interval_ms = sweep_ms;
	return writer_add_chore(writer, &rs->sweep);
}

void redemptions_free(struct redemptions *rs)
{
	free(rs);
}
