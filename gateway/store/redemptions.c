#include "store/redemptions.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "store/db-private.h"
#include "store/epochs.h"
#include "store/redemptions-private.h"
#include "store/sessions-private.h"

struct redemptions {
	struct writer *writer;
	struct sessions *sessions;
	struct chore sweep;
	_Atomic int64_t swept_s;	/* as the mark in the database */
	int64_t sweeping_s;		/* what it becomes with this sweep */
};

bool redemption_is_person(const struct user *user, struct str tenant,
			  bool is_vouched, struct str email_key)
{
	return str_eq(user->tenant, tenant) &&
	       user->view.is_verified == is_vouched &&
	       str_eq(user->email_key, email_key);
}

int64_t redemptions_swept_s(struct redemptions *redemptions)
{
	return atomic_load(&redemptions->swept_s);
}

/* ERR_USED, and what session was opened then; ERR_OK: still to be had. */
static enum err find_winner(struct db *db, struct redemption *r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_GET,
		"SELECT session_id FROM redemptions"
		" WHERE tenant = ?1 AND jti = ?2", &q);

	if (err)
		return err;
	query_bind_str(q, 1, r->tenant);
	sqlite3_bind_blob(q, 2, r->jti, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	if (query_step(db, q, &err) > 0) {
		r->session_id = sqlite3_column_int64(q, 0);
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
		"INSERT INTO redemptions(tenant, jti, exp_s, session_id)"
		" VALUES(?1, ?2, ?3, ?4)", &q);

	if (err)
		return err;
	query_bind_str(q, 1, r->tenant);
	sqlite3_bind_blob(q, 2, r->jti, REDEMPTION_JTI_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, r->exp_s);
	sqlite3_bind_int64(q, 4, session_id);
	return query_run(db, q);
}

static enum err find_user(struct db *db, struct redemption *r,
			  struct user *user_r)
{
	struct user user;
	enum err err = users_get(db, r->user_id, db->scratch, &user);

	if (err)
		return err;
	if (!redemption_is_person(&user, r->tenant, r->is_vouched,
				  r->email_key)) {
		r->note = REDEMPTION_OTHER_PERSON;
		return ERR_NOT_FOUND;
	}
	if (user.is_blocked)
		return ERR_AUTH;
	*user_r = user;
	return ERR_OK;
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
	return r->user.email.ptr && r->user.name.ptr &&
	       r->user.attributes.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err open_session(struct db *db, struct redemption *r,
			     const struct user_view *view, int64_t now_s)
{
	struct session_entry *e = r->entry;

	e->user_id = r->user_id;
	e->kind = r->kind;
	e->epoch = r->epoch;
	e->idle_s = r->idle_s;
	e->absolute_s = now_s + (int64_t)r->absolute_s;
	memcpy(e->hash, r->hash, SESSION_HASH_LEN);
	r->record = user_record_new(view);
	if (!r->record)
		return ERR_NOMEM;
	return session_write(r->redemptions->sessions, db, e, now_s);
}

/* What was swept may have been used: nobody can tell any more. */
static enum err check_expiry(struct redemption *r, int64_t now_s)
{
	if (r->exp_s <= now_s)
		return ERR_EXPIRED;
	if (r->exp_s > redemptions_swept_s(r->redemptions))
		return ERR_OK;
	r->note = REDEMPTION_SWEPT;
	return ERR_EXPIRED;
}

static enum err redeem(struct db *db, struct redemption *r)
{
	int64_t now_s = clock_wall_s();
	struct user user;
	enum err err = epochs_is_current(r->redemptions->sessions->epochs,
					 r->tenant, r->epoch) ?
		ERR_OK : ERR_NOT_FOUND;

	if (!err)
		err = find_winner(db, r);
	if (!err)
		err = check_expiry(r, now_s);
	if (!err)
		err = find_user(db, r, &user);
	if (!err)
		err = keep_view(r, &user.view);
	if (!err && r->entry)
		err = open_session(db, r, &user.view, now_s);
	if (!err && r->entry)
		r->session_id = r->entry->node.id;
	if (!err)
		err = take(db, r, r->session_id);
	if (!err && r->replaces)
		err = session_delete(db, r->replaces);
	if (!err)
		err = outbox_append(db, r->tenant, r->user_id, r->events,
				    r->event_count);
	if (!err && r->audit)
		err = audit_insert(db, r->audit);
	return err;
}

static enum err redeem_run(struct db *db, struct job *job)
{
	struct redemption *r = (struct redemption *)job;

	/* it may be the second time */
	free(r->record);
	r->record = NULL;
	r->session_id = 0;
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
		if (r->replaces)
			session_drop(s, r->replaces);
		if (r->entry)
			session_publish(s, r->entry, r->record);
	}
	r->entry = NULL;
	r->record = NULL;
}

static enum err check(const struct redemption *r)
{
	enum err err = text_check(r->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(r->email_key, USER_EMAIL_MAX);
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
		err = session_reserve(redemptions->sessions, r->tenant,
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

/* One number that a statement gives; 0 where it gives none. */
static enum err ask_number(struct db *db, sqlite3_stmt *q, int64_t *n_r)
{
	enum err err = ERR_OK;
	int64_t n = 0;

	if (query_step(db, q, &err) > 0)
		n = sqlite3_column_int64(q, 0);
	query_end(q);
	if (!err)
		*n_r = n;
	return err;
}

/* The latest expiry among those that forget() takes; 0: there are none. */
static enum err find_last(struct db *db, int64_t before_s, int64_t *last_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_LAST,
		"SELECT max(exp_s) FROM (SELECT exp_s FROM redemptions"
		" WHERE exp_s < ?1 ORDER BY exp_s LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, before_s);
	sqlite3_bind_int(q, 2, REDEMPTIONS_SWEEP_MAX);
	return ask_number(db, q, last_r);
}

static enum err raise_mark(struct db *db, int64_t swept_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_MARK_RAISE,
		"UPDATE marks SET value = ?1"
		" WHERE name = 'redemptions_swept'", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, swept_s);
	err = query_run(db, q);
	/* without the mark nothing may be forgotten */
	return !err && sqlite3_changes(db->handle) != 1 ? ERR_INTERNAL : err;
}

static enum err forget(struct db *db, int64_t before_s, bool *is_more_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_DELETE,
		"DELETE FROM redemptions WHERE (tenant, jti) IN"
		" (SELECT tenant, jti FROM redemptions WHERE exp_s < ?1"
		"  ORDER BY exp_s LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, before_s);
	sqlite3_bind_int(q, 2, REDEMPTIONS_SWEEP_MAX);
	err = query_run(db, q);
	*is_more_r = sqlite3_changes(db->handle) == REDEMPTIONS_SWEEP_MAX;
	return err;
}

static enum err sweep_run(struct db *db, struct job *job)
{
	struct redemptions *rs = list_entry(job, struct redemptions, sweep.job);
	int64_t before_s = clock_wall_s() - REDEMPTION_MARGIN_S, last_s = 0;
	enum err err = find_last(db, before_s, &last_s);

	rs->sweeping_s = atomic_load(&rs->swept_s);
	if (err || !last_s)
		return err;
	if (last_s > rs->sweeping_s) {
		rs->sweeping_s = last_s;
		err = raise_mark(db, last_s);
	}
	return err ? err : forget(db, before_s, &rs->sweep.is_more);
}

/* Before the writer takes the next redemption. */
static void sweep_settle(struct job *job)
{
	struct redemptions *rs = list_entry(job, struct redemptions, sweep.job);

	if (!job->result)
		atomic_store(&rs->swept_s, rs->sweeping_s);
}

static enum err load_mark(struct db *db, int64_t *swept_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_MARK_GET,
		"SELECT value FROM marks WHERE name = 'redemptions_swept'",
		&q);

	return err ? err : ask_number(db, q, swept_r);
}

enum err redemptions_new(struct db *db, struct sessions *sessions,
			 struct redemptions **redemptions_r)
{
	struct redemptions *rs = calloc(1, sizeof(*rs));
	int64_t swept_s = 0;
	enum err err;

	if (!rs)
		return ERR_NOMEM;
	err = load_mark(db, &swept_s);
	if (err) {
		free(rs);
		return err;
	}
	rs->sessions = sessions;
	atomic_init(&rs->swept_s, swept_s);
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
