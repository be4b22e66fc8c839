#include "store/redemptions.h"

#include "base/clock.h"
#include "store/db-private.h"
#include "store/epochs.h"
#include "store/redemptions-private.h"
#include "store/sessions-private.h"

struct redemptions {
	struct writer *writer;
	struct sessions *sessions;
	struct chore sweep;
};

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

static enum err find_user(struct db *db, const struct redemption *r,
			  struct user *user_r)
{
	struct user user;
	enum err err = users_get(db, r->user_id, db->scratch, &user);

	if (err)
		return err;
	if (!str_eq(user.tenant, r->tenant))
		return ERR_NOT_FOUND;
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

static enum err redeem(struct db *db, struct redemption *r)
{
	int64_t now_s = clock_wall_s();
	struct user user;
	enum err err = epochs_is_current(r->redemptions->sessions->epochs,
					 r->tenant, r->epoch) ?
		ERR_OK : ERR_NOT_FOUND;

	if (!err)
		err = find_winner(db, r);
	if (!err && r->exp_s <= now_s)
		err = ERR_EXPIRED;
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

static enum err sweep_run(struct db *db, struct job *job)
{
	struct redemptions *rs = list_entry(job, struct redemptions, sweep.job);
	int before = sqlite3_total_changes(db->handle);
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_REDEMPTION_DELETE,
		"DELETE FROM redemptions WHERE (tenant, jti) IN"
		" (SELECT tenant, jti FROM redemptions WHERE exp_s < ?1"
		"  ORDER BY exp_s LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, clock_wall_s() - REDEMPTION_MARGIN_S);
	sqlite3_bind_int(q, 2, REDEMPTIONS_SWEEP_MAX);
	err = query_run(db, q);
	rs->sweep.is_more = sqlite3_total_changes(db->handle) - before ==
			    REDEMPTIONS_SWEEP_MAX;
	return err;
}

enum err redemptions_start(struct writer *writer, struct sessions *sessions,
			   int64_t sweep_ms,
			   struct redemptions **redemptions_r)
{
	struct redemptions *rs = calloc(1, sizeof(*rs));
	enum err err;

	if (!rs)
		return ERR_NOMEM;
	rs->writer = writer;
	rs->sessions = sessions;
	rs->sweep.job.run = sweep_run;
	rs->sweep.interval_ms = sweep_ms;
	err = writer_add_chore(writer, &rs->sweep);
	if (err) {
		free(rs);
		return err;
	}
	*redemptions_r = rs;
	return ERR_OK;
}

void redemptions_free(struct redemptions *rs)
{
	free(rs);
}
