/*
 * rig: a store in a directory of its own, and jobs that can be waited for.
 */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include <ftw.h>
#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/store.h"
#include "unit/unit.h"

struct rig {
	char dir[64];
	struct store *store;
	struct pool *pool;
	int64_t opened_ms;	/* steady clock: the time of its tokens' jti */
	unsigned visits;
};

/* How many jobs were told, all rigs together. */
static pthread_mutex_t rig_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rig_cond = PTHREAD_COND_INITIALIZER;
static unsigned rig_told;

__attribute__((unused))
static void rig_done(struct job *job)
{
	(void)job;
	pthread_mutex_lock(&rig_lock);
	rig_told++;
	pthread_cond_broadcast(&rig_cond);
	pthread_mutex_unlock(&rig_lock);
}

/* Until `n` more jobs were told since the last time. */
__attribute__((unused))
static void rig_wait(unsigned n)
{
	pthread_mutex_lock(&rig_lock);
	while (rig_told < n)
		pthread_cond_wait(&rig_cond, &rig_lock);
	rig_told -= n;
	pthread_mutex_unlock(&rig_lock);
}

__attribute__((unused))
static int rig_remove_(const char *path, const struct stat *st, int flag,
		       struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

__attribute__((unused))
static void rig_make_dir(char dir[64])
{
	snprintf(dir, 64, "/tmp/usher-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

__attribute__((unused))
static void rig_remove_dir(const char *dir)
{
	ck_assert_int_eq(nftw(dir, rig_remove_, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Open (again) what is in the directory. */
__attribute__((unused))
static void rig_start_with(struct rig *rig, struct store_options options)
{
	char text[512];
	struct buf why;
	enum err err;

	buf_init_fixed(&why, text, sizeof(text));
	options.readers = 2;
	err = store_open(rig->dir, &options, &rig->store, &why);
	ck_assert_msg(err == ERR_OK, "%s: %s", err_text(err), text);
}

__attribute__((unused))
static void rig_start(struct rig *rig)
{
	rig_start_with(rig, (struct store_options){ 0 });
}

__attribute__((unused))
static void rig_stop(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
}

__attribute__((unused))
static void rig_make(struct rig *rig)
{
	*rig = (struct rig){ .pool = pool_new(1 << 24),
			     .opened_ms = clock_steady_ms() };
	rig_make_dir(rig->dir);
}

__attribute__((unused))
static void rig_open(struct rig *rig)
{
	rig_make(rig);
	rig_start(rig);
}

__attribute__((unused))
static void rig_close(struct rig *rig)
{
	rig_stop(rig);
	rig_remove_dir(rig->dir);
	pool_free(rig->pool);
	clock_hold(0);
}

static enum err rig_nothing_run_(struct db *db, struct job *job)
{
	(void)db;
	(void)job;
	return ERR_OK;
}

/* Everything submitted before has been told when this returns. */
__attribute__((unused))
static void rig_flush(struct writer *writer)
{
	struct job job = { .run = rig_nothing_run_, .done = rig_done };

	ck_assert_int_eq(writer_submit(writer, &job), ERR_OK);
	rig_wait(1);
}

/* One number from the database, over a connection of the test's own. */
__attribute__((unused))
static int64_t rig_sql(const struct rig *rig, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	char path[128];
	int64_t n = -1;

	snprintf(path, sizeof(path), "%s/%s", rig->dir, DB_FILE);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
					 NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	ck_assert_msg(!sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), "%s: %s",
		      sql, sqlite3_errmsg(db));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* How many records of the audit were ever written. */
__attribute__((unused))
static int64_t rig_records(const struct rig *rig)
{
	return rig_sql(rig, "SELECT"
		" (SELECT coalesce(max(records), 0) FROM trails) +"
		" (SELECT coalesce(max(records), 0) FROM refusals)");
}

/* Make the closed database one of an older schema, with what it holds. */
__attribute__((unused))
static void rig_go_back(const struct rig *rig, int version)
{
	static const char *const back[] = {
		/* 12 -> 11 */
		"DROP TABLE delivery", "DROP TABLE endpoint",
		"ALTER TABLE outbox DROP COLUMN message",
		"PRAGMA user_version = 11", NULL,
		/* 11 -> 10 */
		"DROP INDEX parked_person", "DROP INDEX parked_external",
		"ALTER TABLE parked DROP COLUMN person",
		"ALTER TABLE parked DROP COLUMN external",
		"PRAGMA user_version = 10", NULL,
		/* 10 -> 9 */
		"DROP INDEX users_external_email",
		"PRAGMA user_version = 9", NULL,
		/* 9 -> 8 */
		"DROP TABLE user_keys",
		"DELETE FROM marks WHERE name = 'user_keys'",
		"PRAGMA user_version = 8", NULL,
		/* 8 -> 7 */
		"DROP INDEX ticket_messages_user",
		"ALTER TABLE ticket_messages DROP COLUMN steady_ms",
		"CREATE INDEX ticket_messages_user ON ticket_messages"
		"(user_id, created_ms) WHERE user_id > 0",
		"PRAGMA user_version = 7", NULL,
		/* 7 -> 6 */
		"DROP INDEX outbox_user", "DROP TABLE outbox_tenants",
		"DROP TABLE erasures", "PRAGMA user_version = 6", NULL,
		/* 6 -> 5 */
		"DROP TABLE trails", "DROP TABLE refusals",
		"PRAGMA user_version = 5", NULL,
		/* 5 -> 4 */
		"ALTER TABLE users DROP COLUMN minted_ms", "DROP TABLE parked",
		"DROP TABLE tombstones",
		"ALTER TABLE redemptions RENAME TO new_redemptions",
		"CREATE TABLE redemptions(tenant TEXT NOT NULL,"
		" jti BLOB NOT NULL, exp_s INTEGER NOT NULL,"
		" session_id INTEGER NOT NULL, PRIMARY KEY (tenant, jti))"
		" STRICT, WITHOUT ROWID",
		"CREATE INDEX redemptions_exp ON redemptions(exp_s)",
		"INSERT INTO redemptions SELECT tenant, jti, 1700000120,"
		" session_id FROM new_redemptions",
		"DROP TABLE new_redemptions",
		"DELETE FROM marks WHERE name <> 'probe'",
		"INSERT INTO marks VALUES('redemptions_swept', 1600000000)",
		"PRAGMA user_version = 4", NULL,
		/* 4 -> 2 */
		"DROP TABLE epochs", "DROP TABLE marks",
		"PRAGMA user_version = 2", NULL,
	};
	int now = 12;

	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		if (now > version && back[i])
			rig_sql(rig, back[i]);
		if (!back[i])
			now = now > 4 ? now - 1 : 2;
	}
}

__attribute__((unused))
static void rig_jti(const struct rig *rig, unsigned n, struct redemption *r)
{
	redemption_jti_time(rig->opened_ms, r->jti);
	memcpy(r->jti + 6, &n, sizeof(n));
}

/* Somebody comes, to a desk with sessions of its own: what is absent is filled
 * in, each visit has a token of its own, and the result is waited for. */
__attribute__((unused))
static enum err rig_visit(struct rig *rig, struct redemption *r)
{
	enum err err;

	r->job.done = rig_done;
	if (!r->sync.tenant.ptr)
		r->sync.tenant = STR("acme");
	if (!r->sync.email_key.ptr)
		r->sync.email_key = r->sync.email;
	if (!r->sync.minted_ms)
		r->sync.minted_ms = clock_wall_ms();
	r->exp_s = clock_wall_s() + 3600;
	r->pool = rig->pool;
	rig_jti(rig, 0x80000000u + ++rig->visits, r);
	err = redemptions_submit(store_redemptions(rig->store), r);
	if (err)
		return err;
	rig_wait(1);
	return r->job.result;
}

/* The id of the user of that address, made where there is none. */
__attribute__((unused))
static int64_t rig_user(struct rig *rig, const char *email, const char *name)
{
	struct redemption r = { .sync = { .email = str_from(email),
					  .name = str_from(name) } };

	ck_assert_int_eq(rig_visit(rig, &r), ERR_OK);
	return r.user.id;
}

__attribute__((unused))
static enum err rig_block(struct rig *rig, struct user_block b)
{
	b.job.done = rig_done;
	ck_assert_int_eq(users_block(store_users(rig->store), &b), ERR_OK);
	rig_wait(1);
	return b.job.result;
}

__attribute__((unused))
static enum err rig_block_id(struct rig *rig, int64_t id, bool is_blocked)
{
	return rig_block(rig, (struct user_block){ .user_id = id,
						   .is_blocked = is_blocked });
}

__attribute__((unused))
static enum err rig_erase(struct rig *rig, struct user_erase e)
{
	e.job.done = rig_done;
	ck_assert_int_eq(users_erase(store_users(rig->store), &e), ERR_OK);
	rig_wait(1);
	return e.job.result;
}

__attribute__((unused))
static enum err rig_erase_id(struct rig *rig, int64_t id)
{
	return rig_erase(rig, (struct user_erase){ .user_id = id });
}

__attribute__((unused))
static enum err rig_erase_address(struct rig *rig, const char *key)
{
	return rig_erase(rig, (struct user_erase){
		.tenant = STR("acme"), .email_key = str_from(key) });
}

/* A redemption of token number `n`, good for an hour, for that user. */
__attribute__((unused))
static struct redemption rig_token(struct rig *rig, unsigned n, int64_t user)
{
	struct user person;
	struct redemption r = {
		.job.done = rig_done,
		.sync = { .tenant = STR("acme"), .email = STR("nobody@b"),
			  .email_key = STR("nobody@b"), .name = STR("N"),
			  .minted_ms = clock_wall_ms() },
		.exp_s = clock_wall_s() + 3600,
		.opens_session = true,
		.host = STR("desk.example"),
		.idle_s = 1000,
		.absolute_s = 10000,
		.pool = rig->pool,
		.user.id = user,
	};

	if (rig->store && !users_get(store_reader(rig->store, 0), user,
				     rig->pool, &person)) {
		r.sync.email = person.view.email;
		r.sync.email_key = person.email_key;
		r.sync.name = person.view.name;
	}
	rig_jti(rig, n, &r);
	memset(r.hash, (int)(n % 251) + 1, sizeof(r.hash));
	return r;
}

__attribute__((unused))
static enum err rig_redeem(struct rig *rig, struct redemption *r)
{
	enum err err = redemptions_submit(store_redemptions(rig->store), r);

	if (err)
		return err;
	rig_wait(1);
	return r->job.result;
}

/* Look up the session that `r` opened, as its owner would. */
__attribute__((unused))
static enum err rig_find(struct rig *rig, const struct redemption *r,
			 int64_t now_s, struct session *out_r)
{
	return sessions_find(store_sessions(rig->store), r->session_id,
			     r->hash, now_s, true, rig->pool, out_r);
}

/* A job that holds the writer until it is let go, so that others gather. */
struct rig_gate {
	struct job job;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_in, is_open;
};

__attribute__((unused))
static enum err rig_gate_run(struct db *db, struct job *job)
{
	struct rig_gate *gate = (struct rig_gate *)job;

	(void)db;
	pthread_mutex_lock(&gate->lock);
	gate->is_in = true;
	pthread_cond_broadcast(&gate->cond);
	while (!gate->is_open)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return ERR_OK;
}

/* Returns when the writer stands in it. */
__attribute__((unused))
static void rig_gate_close(struct rig_gate *gate, struct writer *writer)
{
	*gate = (struct rig_gate){
		.job = { .run = rig_gate_run, .done = rig_done },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};
	ck_assert_int_eq(writer_submit(writer, &gate->job), ERR_OK);
	pthread_mutex_lock(&gate->lock);
	while (!gate->is_in)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

/* rig_wait() counts the gate itself as one job. */
__attribute__((unused))
static void rig_gate_open(struct rig_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_open = true;
	pthread_cond_broadcast(&gate->cond);
	pthread_mutex_unlock(&gate->lock);
}

#endif
