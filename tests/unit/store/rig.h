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
static void rig_open(struct rig *rig)
{
	*rig = (struct rig){ .pool = pool_new(1 << 24) };
	rig_make_dir(rig->dir);
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

/* Sync a user and wait. The result; *id_r (may be NULL) who it is. */
__attribute__((unused))
static enum err rig_sync(struct rig *rig, struct user_sync *sync)
{
	enum err err;

	sync->job.done = rig_done;
	if (!sync->tenant.ptr)
		sync->tenant = STR("acme");
	if (!sync->email_key.ptr)
		sync->email_key = sync->email;
	err = users_sync(store_users(rig->store), sync);
	if (err)
		return err;
	rig_wait(1);
	return sync->job.result;
}

/* The id of the user of that address, made where there is none. */
__attribute__((unused))
static int64_t rig_user(struct rig *rig, const char *email, const char *name)
{
	struct user_sync sync = { .email = str_from(email),
				  .name = str_from(name) };

	ck_assert_int_eq(rig_sync(rig, &sync), ERR_OK);
	return sync.user_id;
}

/* A redemption of token number `n`, good for an hour, for that user. */
__attribute__((unused))
static struct redemption rig_token(struct rig *rig, unsigned n, int64_t user)
{
	struct user person;
	struct redemption r = {
		.job.done = rig_done,
		.tenant = STR("acme"),
		.exp_s = clock_wall_s() + 3600,
		.user_id = user,
		.opens_session = true,
		.host = STR("desk.example"),
		.idle_s = 1000,
		.absolute_s = 10000,
		.pool = rig->pool,
	};

	if (rig->store && !users_get(store_reader(rig->store, 0), user,
				     rig->pool, &person))
		r.email_key = person.email_key;
	memcpy(r.jti, &n, sizeof(n));
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
			     r->hash, now_s, rig->pool, out_r);
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
