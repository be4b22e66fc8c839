#include "store/sessions.h"

#include <malloc.h>

#include "store/db-private.h"
#include "store/epochs-private.h"
#include "store/redemptions-private.h"
#include "store/sessions-private.h"
#include "store/users-private.h"
#include "unit/store/rig.h"

#define NOW_S 1700000000LL
#define THREADS 4

static void end(struct rig *rig, int64_t session_id, int64_t user_id)
{
	struct session_end e = { .job.done = rig_done,
				 .session_id = session_id,
				 .user_id = user_id };

	ck_assert_int_eq(sessions_end(store_sessions(rig->store), &e), 0);
	rig_wait(1);
	ck_assert_int_eq(e.job.result, ERR_OK);
}

static int64_t rows(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM sessions");
}

/* A rig at NOW_S with Ann signed in. */
static struct redemption sign_in(struct rig *rig)
{
	struct redemption r;

	clock_hold(NOW_S * 1000);
	rig_open(rig);
	r = rig_token(rig, 1, rig_user(rig, "ann@b", "Ann"));
	ck_assert_int_eq(rig_redeem(rig, &r), ERR_OK);
	return r;
}

START_TEST(a_session_tells_whose_it_is)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	ck_assert_int_eq(rig_find(&rig, &r, NOW_S, &s), ERR_OK);
	ck_assert_int_eq(s.id, r.session_id);
	ck_str_is(s.tenant, "acme");
	ck_str_is(s.host, "desk.example");
	ck_str_is(s.user.email, "ann@b");
	ck_str_is(s.user.name, "Ann");
	ck_str_is(s.user.attributes, "{}");
	ck_assert_int_eq(s.user.id, r.user.id);
	ck_assert(!s.user.is_verified);
	ck_assert_int_eq(s.created_s, NOW_S);
	ck_assert_int_eq(s.expires_s, NOW_S + 1000);
	ck_assert_int_eq(s.absolute_s, NOW_S + 10000);
	rig_close(&rig);
}
END_TEST

START_TEST(an_id_without_its_secret_opens_nothing)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	for (int i = 0; i < SESSION_HASH_LEN; i++) {
		struct redemption guess = r;

		guess.hash[i] ^= 1;
		ck_assert_int_eq(rig_find(&rig, &guess, NOW_S, &s),
				 ERR_NOT_FOUND);
	}
	r.session_id++;
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S, &s), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(idle_time_starts_again_with_each_look)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 999, &s), ERR_OK);
	ck_assert_int_eq(s.expires_s, NOW_S + 1999);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 1998, &s), ERR_OK);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 2998, &s), ERR_EXPIRED);
	ck_assert_msg(rig_find(&rig, &r, NOW_S + 2997, &s) == ERR_OK,
		      "a refusal is no activity");
	rig_close(&rig);
}
END_TEST

START_TEST(the_absolute_end_cannot_be_moved)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;
	int64_t now = NOW_S;

	for (; now < NOW_S + 9900; now += 900)
		ck_assert_int_eq(rig_find(&rig, &r, now, &s), ERR_OK);
	ck_assert_int_eq(s.expires_s, NOW_S + 10000);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 9999, &s), ERR_OK);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 10000, &s), ERR_EXPIRED);
	rig_close(&rig);
}
END_TEST

START_TEST(the_row_follows_at_most_once_per_quarter_of_the_idle_time)
{
	static const struct { int after_s; int64_t in_row; } steps[] = {
		{ 1, NOW_S }, { 249, NOW_S }, { 250, NOW_S + 250 },
		{ 251, NOW_S + 250 }, { 499, NOW_S + 250 },
		{ 600, NOW_S + 600 }, { 100, NOW_S + 600 },
	};
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ck_assert_int_eq(rig_find(&rig, &r, NOW_S + steps[i].after_s,
					  &s), ERR_OK);
		rig_flush(store_writer(rig.store));
		ck_assert_int_eq(rig_sql(&rig,
			"SELECT last_seen_s FROM sessions"), steps[i].in_row);
	}
	/* the last look came late, from a clock that was behind */
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 1599, &s), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* The cap of unawaited writes is full: a later look tries again. */
START_TEST(a_refused_refresh_is_tried_again)
{
	struct job *jobs = calloc(WRITER_UNAWAITED_MAX, sizeof(*jobs));
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct writer *w = store_writer(rig.store);
	struct rig_gate gate;
	struct session s;

	rig_gate_close(&gate, w);
	for (int i = 0; i < WRITER_UNAWAITED_MAX; i++) {
		jobs[i] = (struct job){ .run = rig_nothing_run_,
					.done = rig_done };
		ck_assert_int_eq(writer_submit_unawaited(w, &jobs[i]), 0);
	}
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 300, &s), ERR_OK);
	rig_gate_open(&gate);
	rig_wait(WRITER_UNAWAITED_MAX + 1);
	ck_assert_int_eq(rig_sql(&rig, "SELECT last_seen_s FROM sessions"),
			 NOW_S);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 301, &s), ERR_OK);
	rig_flush(w);
	ck_assert_int_eq(rig_sql(&rig, "SELECT last_seen_s FROM sessions"),
			 NOW_S + 301);
	rig_close(&rig);
	free(jobs);
}
END_TEST

START_TEST(a_change_of_the_user_shows_in_his_open_sessions)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;
	struct fields fields;
	struct redemption visit = { .sync = {
		.email = STR("Ann@B"), .email_key = STR("ann@b"),
		.name = STR("Anna"), .set = &fields } };
	struct session s;

	b = rig_token(&rig, 2, a.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("plan"), STR("gold"), FIELD_TEXT);
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(rig_find(&rig, i ? &a : &b, NOW_S, &s), 0);
		ck_str_is(s.user.name, "Anna");
		ck_str_is(s.user.email, "Ann@B");
		ck_str_is(s.user.attributes, "{\"plan\":\"gold\"}");
	}
	rig_close(&rig);
}
END_TEST

/* All in one transaction: what is shown is what the last one wrote. */
START_TEST(sign_in_and_change_in_one_commit_show_the_change)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;
	struct redemption c;
	struct rig_gate gate;
	struct session s;

	end(&rig, a.session_id, 0);
	b = rig_token(&rig, 2, a.user.id);
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store), &b),
			 ERR_OK);
	c = rig_token(&rig, 3, a.user.id);
	c.opens_session = false;
	c.sync.name = STR("Anna");
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store), &c),
			 ERR_OK);
	rig_gate_open(&gate);
	rig_wait(3);
	ck_str_is(b.user.name, "Ann");
	ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s), ERR_OK);
	ck_str_is(s.user.name, "Anna");
	rig_close(&rig);
}
END_TEST

START_TEST(an_ended_session_is_gone_before_that_is_told)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;
	struct session s;

	b = rig_token(&rig, 2, a.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	end(&rig, a.session_id, 0);
	ck_assert_int_eq(rig_find(&rig, &a, NOW_S, &s), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s), ERR_OK);
	ck_assert_int_eq(rows(&rig), 1);
	/* once more is as good */
	end(&rig, a.session_id, 0);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(rig_find(&rig, &a, NOW_S, &s), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* One of the sessions is opened in the transaction that ends them all. */
START_TEST(all_of_a_users_sessions_end_also_the_one_just_opened)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b, other;
	struct session_end e = { .job.done = rig_done, .user_id = a.user.id };
	struct rig_gate gate;
	struct session s;

	other = rig_token(&rig, 3, rig_user(&rig, "bob@b", "Bob"));
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_OK);
	b = rig_token(&rig, 2, a.user.id);
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store), &b),
			 ERR_OK);
	ck_assert_int_eq(sessions_end(store_sessions(rig.store), &e), ERR_OK);
	rig_gate_open(&gate);
	rig_wait(3);
	ck_assert_int_eq(b.job.result, ERR_OK);
	for (int restart = 0; restart < 2; restart++) {
		ck_assert_int_eq(rig_find(&rig, &a, NOW_S, &s),
				 ERR_NOT_FOUND);
		ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s),
				 ERR_NOT_FOUND);
		ck_assert_int_eq(rig_find(&rig, &other, NOW_S, &s), ERR_OK);
		ck_assert_int_eq(rows(&rig), 1);
		rig_stop(&rig);
		rig_start(&rig);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(blocking_and_erasing_end_sessions)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;
	struct session s;

	b = rig_token(&rig, 2, rig_user(&rig, "bob@b", "Bob"));
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	ck_assert_int_eq(rig_block_id(&rig, a.user.id, true), ERR_OK);
	ck_assert_int_eq(rig_erase_id(&rig, b.user.id), ERR_OK);
	ck_assert_int_eq(rig_find(&rig, &a, NOW_S, &s), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s), ERR_NOT_FOUND);
	ck_assert_int_eq(rows(&rig), 0);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(a_new_sign_in_replaces_the_old_session)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;
	struct session s;

	b = rig_token(&rig, 2, a.user.id);
	b.replaces = a.session_id;
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	ck_assert_int_ne(a.session_id, b.session_id);
	ck_assert_int_eq(rig_find(&rig, &a, NOW_S, &s), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_find(&rig, &b, NOW_S, &s), ERR_OK);
	ck_assert_int_eq(rows(&rig), 1);
	rig_close(&rig);
}
END_TEST

START_TEST(sessions_are_there_after_a_restart)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 500, &s), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	/* the look at 500 was written down */
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 1400, &s), ERR_OK);
	ck_str_is(s.user.name, "Ann");
	ck_str_is(s.host, "desk.example");
	ck_assert_int_eq(s.created_s, NOW_S);
	ck_assert_int_eq(s.absolute_s, NOW_S + 10000);
	rig_close(&rig);
}
END_TEST

START_TEST(ids_grow_across_restarts_even_when_the_clock_goes_back)
{
	struct rig rig;
	struct redemption a = sign_in(&rig), b;

	b = rig_token(&rig, 2, a.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	ck_assert_int_gt(b.session_id, a.session_id);
	end(&rig, 0, a.user.id);
	rig_stop(&rig);
	clock_hold((NOW_S - 86400) * 1000);
	rig_start(&rig);
	a = rig_token(&rig, 3, a.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &a), ERR_OK);
	ck_assert_int_gt(a.session_id, b.session_id);
	rig_close(&rig);
}
END_TEST

/* The hook of a store whose housekeeping never rests. */
struct sweeping {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned rounds;
};

static void sweeping_batch(void *ctx)
{
	struct sweeping *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->rounds++;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

START_TEST(expired_sessions_are_swept_without_being_asked)
{
	struct sweeping sweeping = { .lock = PTHREAD_MUTEX_INITIALIZER,
				     .cond = PTHREAD_COND_INITIALIZER };
	struct store_options options = { .sweep_ms = 1,
		.batch_done = sweeping_batch, .batch_ctx = &sweeping };
	struct rig rig;
	struct redemption r = sign_in(&rig), late;
	struct session s;

	/* more than one transaction may sweep, and some that are gone already
	 * when the store is opened */
	for (unsigned i = 2; i < SESSIONS_SWEEP_MAX + 100; i++) {
		struct redemption more = rig_token(&rig, i, r.user.id);

		ck_assert_int_eq(rig_redeem(&rig, &more), ERR_OK);
	}
	rig_stop(&rig);
	clock_hold((NOW_S + 900) * 1000);
	rig_start_with(&rig, options);
	late = rig_token(&rig, 100000, r.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_OK);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)),
			 SESSIONS_SWEEP_MAX + 100);
	clock_hold((NOW_S + 1000) * 1000);
	pthread_mutex_lock(&sweeping.lock);
	while (sessions_count(store_sessions(rig.store)) > 1)
		pthread_cond_wait(&sweeping.cond, &sweeping.lock);
	pthread_mutex_unlock(&sweeping.lock);
	ck_assert_int_eq(rows(&rig), 1);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S + 1000, &s),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(rig_find(&rig, &late, NOW_S + 1000, &s), ERR_OK);
	rig_close(&rig);
}
END_TEST

static void exec(const struct rig *rig, const char *sql)
{
	sqlite3 *db = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig->dir, DB_FILE);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(!sqlite3_exec(db, sql, NULL, NULL, NULL), "%s",
		      sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A table of a few places, without the rest of a store. */
struct small {
	struct rig rig;
	struct db *db;
	struct epochs *epochs;
	struct sessions *sessions;
	struct tombstones *tombstones;
	struct users *people;
	struct redemptions *redemptions;
	struct writer *writer;
	int64_t users[3];		/* of a, b and c */
	unsigned tokens;
};

static const char *const small_tenants[3] = { "a", "b", "c" };

static void small_start(struct small *s, unsigned max)
{
	char text[256];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(db_open(s->rig.dir, DB_WRITER, &s->db, &why), ERR_OK);
	ck_assert_int_eq(epochs_new(s->db, &s->epochs), ERR_OK);
	ck_assert_int_eq(sessions_new(s->db, NULL, 0, max, s->epochs,
				      &s->sessions), ERR_OK);
	ck_assert_int_eq(tombstones_new(s->db, &s->tombstones), ERR_OK);
	ck_assert_int_eq(users_new(s->db, s->sessions, s->tombstones,
				   &s->people), ERR_OK);
	ck_assert_int_eq(redemptions_new(s->db, s->sessions, s->people,
					 s->tombstones, &s->redemptions),
			 ERR_OK);
	ck_assert_int_eq(writer_start(s->db, &s->writer), ERR_OK);
	ck_assert_int_eq(sessions_start(s->sessions, s->writer, 3600000),
			 ERR_OK);
	ck_assert_int_eq(redemptions_start(s->redemptions, s->writer, 3600000),
			 ERR_OK);
}

static void small_stop(struct small *s)
{
	writer_stop(s->writer);
	redemptions_free(s->redemptions);
	users_free(s->people);
	tombstones_free(s->tombstones);
	sessions_free(s->sessions);
	epochs_free(s->epochs);
	db_close(s->db);
}

static void small_open(struct small *s, unsigned max)
{
	*s = (struct small){ 0 };
	clock_hold(NOW_S * 1000);
	rig_open(&s->rig);
	for (int i = 0; i < 3; i++) {
		struct redemption visit = { .sync = {
			.tenant = str_from(small_tenants[i]),
			.email = STR("ann@b"), .name = STR("Ann"),
		} };

		ck_assert_int_eq(rig_visit(&s->rig, &visit), ERR_OK);
		s->users[i] = visit.user.id;
	}
	rig_stop(&s->rig);
	small_start(s, max);
}

/* A store can be opened on what is left. */
static void small_close(struct small *s)
{
	small_stop(s);
	rig_start(&s->rig);
	rig_close(&s->rig);
}

static struct redemption small_token(struct small *s, int tenant)
{
	struct redemption r = rig_token(&s->rig, s->tokens++,
					s->users[tenant]);

	r.sync.tenant = str_from(small_tenants[tenant]);
	r.sync.email = r.sync.email_key = STR("ann@b");
	r.sync.name = STR("Ann");
	return r;
}

/* Somebody signs in, a minute after the last one. The session's id. */
static int64_t small_sign_in(struct small *s, int tenant)
{
	struct redemption r;

	clock_hold(clock_wall_ms() + SESSION_ORDER_S * 1000);
	r = small_token(s, tenant);
	ck_assert_int_eq(redemptions_submit(s->redemptions, &r), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(r.job.result, ERR_OK);
	ck_assert(sessions_is_open(s->sessions, r.session_id));
	return r.session_id;
}

/* In the table and as a row, or in neither. */
static bool small_has(struct small *s, int64_t id)
{
	bool has = sessions_is_open(s->sessions, id);
	char sql[80];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM sessions"
		 " WHERE id = %lld", (long long)id);
	ck_assert_int_eq(rig_sql(&s->rig, sql), has);
	return has;
}

static unsigned small_of(struct small *s, int tenant)
{
	struct session *list;
	unsigned count, total = 0;

	ck_assert_int_eq(sessions_list(s->sessions,
				       str_from(small_tenants[tenant]), 0, 0,
				       10, s->rig.pool, &list, &count,
				       &total), ERR_OK);
	return total;
}

START_TEST(in_a_full_table_the_longest_idle_makes_room)
{
	struct redemption first;
	int64_t id[8];
	struct session found;
	struct small s;

	small_open(&s, 3);
	first = small_token(&s, 0);
	ck_assert_int_eq(redemptions_submit(s.redemptions, &first), ERR_OK);
	rig_wait(1);
	id[0] = small_sign_in(&s, 0);
	id[1] = small_sign_in(&s, 0);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 0);
	/* who looks is idle no more, and their neighbour goes */
	ck_assert_int_eq(sessions_find(s.sessions, first.session_id,
				       first.hash, clock_wall_s(), true,
				       s.rig.pool, &found), ERR_OK);
	id[2] = small_sign_in(&s, 0);
	ck_assert(!small_has(&s, id[0]));
	ck_assert(small_has(&s, first.session_id));
	id[3] = small_sign_in(&s, 0);
	ck_assert(!small_has(&s, id[1]));
	id[4] = small_sign_in(&s, 0);
	ck_assert(!small_has(&s, first.session_id));
	ck_assert_uint_eq(sessions_evicted(s.sessions), 3);
	/* the order is there again after a start */
	small_stop(&s);
	small_start(&s, 3);
	id[5] = small_sign_in(&s, 0);
	ck_assert(!small_has(&s, id[2]));
	ck_assert(small_has(&s, id[3]));
	/* which keeps no more than there is room for */
	small_stop(&s);
	small_start(&s, 2);
	ck_assert_uint_eq(sessions_count(s.sessions), 2);
	ck_assert(!small_has(&s, id[3]));
	ck_assert(small_has(&s, id[4]));
	ck_assert(small_has(&s, id[5]));
	small_close(&s);
}
END_TEST

/* What is shown last is not what was opened last. */
START_TEST(a_start_knows_who_was_idle_for_longest)
{
	struct redemption old;
	struct session found;
	int64_t young;
	struct small s;

	small_open(&s, 2);
	old = small_token(&s, 0);
	ck_assert_int_eq(redemptions_submit(s.redemptions, &old), ERR_OK);
	rig_wait(1);
	young = small_sign_in(&s, 0);
	ck_assert_int_eq(sessions_find(s.sessions, old.session_id, old.hash,
				       clock_wall_s() + 400, true, s.rig.pool,
				       &found), ERR_OK);
	small_stop(&s);
	clock_hold(clock_wall_ms() + 400000);
	small_start(&s, 2);
	small_sign_in(&s, 0);
	ck_assert(!small_has(&s, young));
	ck_assert(small_has(&s, old.session_id));
	small_close(&s);
}
END_TEST

START_TEST(a_tenant_within_its_share_loses_nothing_to_another)
{
	int64_t a[6], b, c;
	struct small s;

	small_open(&s, 6);
	b = small_sign_in(&s, 1);
	for (int i = 0; i < 5; i++)
		a[i] = small_sign_in(&s, 0);
	/* full; two tenants: 3 each.  The oldest of all is b's. */
	a[5] = small_sign_in(&s, 0);
	ck_assert(small_has(&s, b));
	ck_assert(!small_has(&s, a[0]));
	/* another one comes, who has less than its share: a pays */
	c = small_sign_in(&s, 2);
	ck_assert(!small_has(&s, a[1]));
	for (int i = 2; i < 6; i++)
		ck_assert(small_has(&s, a[i]));
	ck_assert(small_has(&s, b));
	/* up to the share of 2 */
	small_sign_in(&s, 1);
	small_sign_in(&s, 2);
	ck_assert_uint_eq(small_of(&s, 0), 2);
	ck_assert_uint_eq(small_of(&s, 1), 2);
	ck_assert_uint_eq(small_of(&s, 2), 2);
	/* nobody exceeds it: who signs in pays */
	small_sign_in(&s, 1);
	ck_assert(!small_has(&s, b));
	ck_assert(small_has(&s, c));
	for (int i = 0; i < 20; i++)
		small_sign_in(&s, i % 2);
	ck_assert(small_has(&s, c));
	ck_assert_uint_eq(small_of(&s, 0), 2);
	ck_assert_uint_eq(small_of(&s, 1), 2);
	/* a flood of one ends at its own share, too */
	for (int i = 0; i < 20; i++)
		small_sign_in(&s, 0);
	ck_assert_uint_eq(small_of(&s, 0), 2);
	small_close(&s);
}
END_TEST

/* Two exceed their share: who does pays for itself, not the larger one. */
START_TEST(who_exceeds_its_share_pays_for_itself)
{
	int64_t a, b;
	struct small s;

	small_open(&s, 9);
	a = small_sign_in(&s, 0);
	for (int i = 0; i < 4; i++)
		small_sign_in(&s, 0);
	b = small_sign_in(&s, 1);
	for (int i = 0; i < 2; i++)
		small_sign_in(&s, 1);
	small_sign_in(&s, 2);		/* 5, 3, 1 of 3 each */
	small_sign_in(&s, 1);		/* it does not exceed it yet */
	ck_assert(!small_has(&s, a));
	small_sign_in(&s, 1);		/* now it does */
	ck_assert(!small_has(&s, b));
	ck_assert_uint_eq(small_of(&s, 0), 4);
	ck_assert_uint_eq(small_of(&s, 1), 4);
	ck_assert_uint_eq(small_of(&s, 2), 1);
	small_close(&s);
}
END_TEST

#define AT_ONCE 16

/* More than there are places, all in one transaction. */
START_TEST(many_at_once_leave_a_table_that_is_full_and_no_more)
{
	struct redemption r[AT_ONCE];
	struct rig_gate gate;
	struct small s;
	unsigned open = 0;

	small_open(&s, 3);
	small_sign_in(&s, 1);
	rig_gate_close(&gate, s.writer);
	for (int i = 0; i < AT_ONCE; i++) {
		r[i] = small_token(&s, 0);
		ck_assert_int_eq(redemptions_submit(s.redemptions, &r[i]),
				 ERR_OK);
	}
	rig_gate_open(&gate);
	rig_wait(AT_ONCE + 1);
	for (int i = 0; i < AT_ONCE; i++) {
		ck_assert_int_eq(r[i].job.result, ERR_OK);
		open += small_has(&s, r[i].session_id);
	}
	ck_assert_uint_eq(open, 2);
	ck_assert(small_has(&s, r[AT_ONCE - 1].session_id));
	ck_assert_uint_eq(small_of(&s, 1), 1);
	ck_assert_int_eq(rows(&s.rig), 3);
	small_close(&s);
}
END_TEST

/* A job that spoils the transaction that it shares, and ends one session. */
static enum err spoil_run(struct db *db, struct job *job)
{
	(void)job;
	ck_assert_int_eq(session_delete(db, 1), ERR_OK);
	return ERR_NOMEM;
}

/* All run again, each alone: what the first time had noted is forgotten. */
START_TEST(room_that_was_made_in_vain_is_made_once)
{
	struct job spoil = { .run = spoil_run, .done = rig_done };
	struct redemption r[2], used;
	struct rig_gate gate;
	int64_t id[4];
	struct small s;

	small_open(&s, 4);
	for (int i = 0; i < 4; i++)
		id[i] = small_sign_in(&s, 0);
	rig_gate_close(&gate, s.writer);
	for (int i = 0; i < 2; i++) {
		r[i] = used = small_token(&s, 0);
		ck_assert_int_eq(redemptions_submit(s.redemptions, &r[i]), 0);
	}
	ck_assert_int_eq(redemptions_submit(s.redemptions, &used), ERR_OK);
	ck_assert_int_eq(writer_submit(s.writer, &spoil), ERR_OK);
	rig_gate_open(&gate);
	rig_wait(5);
	ck_assert_int_eq(spoil.result, ERR_NOMEM);
	ck_assert_int_eq(used.job.result, ERR_USED);
	ck_assert(!small_has(&s, id[0]));
	ck_assert(!small_has(&s, id[1]));
	ck_assert(small_has(&s, id[2]));
	ck_assert(small_has(&s, id[3]));
	ck_assert(small_has(&s, r[0].session_id));
	ck_assert(small_has(&s, r[1].session_id));
	ck_assert_uint_eq(sessions_evicted(s.sessions), 2);
	small_close(&s);
}
END_TEST

static enum err fill_run(struct db *db, struct job *job)
{
	(void)job;
	return db_exec(db, "PRAGMA max_page_count = 1");
}

static enum err empty_run(struct db *db, struct job *job)
{
	(void)job;
	return db_exec(db, "PRAGMA max_page_count = 1000000");
}

/* The disk is full when all but the event is written: nobody has gone. */
START_TEST(who_was_to_make_room_stays_where_the_sign_in_fails)
{
	static char body[OUTBOX_BODY_MAX];
	struct outbox_event event = { STR("big"), { body, sizeof(body) } };
	struct job full = { .run = fill_run, .done = rig_done };
	struct job empty = { .run = empty_run, .done = rig_done };
	struct redemption r;
	int64_t id[3];
	struct small s;

	memset(body, 'x', sizeof(body));
	small_open(&s, 2);
	id[0] = small_sign_in(&s, 0);
	id[1] = small_sign_in(&s, 0);
	ck_assert_int_eq(writer_submit(s.writer, &full), ERR_OK);
	rig_wait(1);
	r = small_token(&s, 0);
	r.events = &event;
	r.event_count = 1;
	ck_assert_int_eq(redemptions_submit(s.redemptions, &r), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(r.job.result, ERR_IO);
	ck_assert(small_has(&s, id[0]));
	ck_assert(small_has(&s, id[1]));
	ck_assert_uint_eq(sessions_evicted(s.sessions), 0);
	ck_assert_int_eq(writer_submit(s.writer, &empty), ERR_OK);
	rig_wait(1);
	/* and is still the next one to go */
	id[2] = small_sign_in(&s, 0);
	ck_assert(!small_has(&s, id[0]));
	ck_assert(small_has(&s, id[1]));
	ck_assert_uint_eq(sessions_count(s.sessions), 2);
	small_close(&s);
}
END_TEST

/* Who was to make room was ended meanwhile, and by the same commit. */
START_TEST(who_was_to_make_room_may_be_ended_by_another_hand)
{
	struct session_end ends[2] = { { .job.done = rig_done },
				       { .job.done = rig_done } };
	struct redemption r;
	struct rig_gate gate;
	int64_t id[2];
	struct small s;

	small_open(&s, 2);
	id[0] = small_sign_in(&s, 0);
	id[1] = small_sign_in(&s, 0);
	rig_gate_close(&gate, s.writer);
	ends[0].session_id = ends[1].session_id = id[0];
	r = small_token(&s, 0);
	r.replaces = id[0];
	ck_assert_int_eq(sessions_end(s.sessions, &ends[0]), ERR_OK);
	ck_assert_int_eq(redemptions_submit(s.redemptions, &r), ERR_OK);
	ck_assert_int_eq(sessions_end(s.sessions, &ends[1]), ERR_OK);
	rig_gate_open(&gate);
	rig_wait(4);
	ck_assert_int_eq(r.job.result, ERR_OK);
	ck_assert(!small_has(&s, id[0]));
	ck_assert(small_has(&s, id[1]));
	/* the count is right: one more, and one goes */
	small_sign_in(&s, 0);
	ck_assert(!small_has(&s, id[1]));
	ck_assert_uint_eq(sessions_count(s.sessions), 2);
	small_close(&s);
}
END_TEST

START_TEST(who_ended_or_expired_has_left_room)
{
	struct session_end end_one = { .job.done = rig_done };
	struct session_end end_all = { .job.done = rig_done };
	struct small s;

	small_open(&s, 3);
	end_all.user_id = s.users[1];
	small_sign_in(&s, 0);
	end_one.session_id = small_sign_in(&s, 0);
	small_sign_in(&s, 1);
	ck_assert_int_eq(sessions_end(s.sessions, &end_one), ERR_OK);
	ck_assert_int_eq(sessions_end(s.sessions, &end_all), ERR_OK);
	rig_wait(2);
	small_sign_in(&s, 0);
	small_sign_in(&s, 2);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 0);
	ck_assert_uint_eq(sessions_count(s.sessions), 3);
	/* and so do those that are swept */
	clock_hold(clock_wall_ms() + 2000000);
	writer_hurry(s.writer, &s.sessions->sweep);
	while (sessions_count(s.sessions))
		rig_flush(s.writer);
	for (int i = 0; i < 3; i++)
		small_sign_in(&s, 1);
	ck_assert_uint_eq(sessions_count(s.sessions), 3);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 0);
	small_close(&s);
}
END_TEST

START_TEST(who_made_room_is_told_by_tenant_and_once)
{
	struct sessions_evicted list[SESSIONS_EVICTED_MAX];
	struct small s;

	small_open(&s, 3);
	for (int i = 0; i < 5; i++)
		small_sign_in(&s, 0);
	small_sign_in(&s, 1);
	for (int i = 0; i < 2; i++)
		small_sign_in(&s, 2);
	small_sign_in(&s, 2);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 6);
	ck_assert_uint_eq(sessions_take_evicted(s.sessions, list), 2);
	ck_assert_str_eq(list[0].tenant, "a");
	ck_assert_uint_eq(list[0].count, 4);
	ck_assert_str_eq(list[1].tenant, "c");
	ck_assert_uint_eq(list[1].count, 2);
	ck_assert_uint_eq(sessions_take_evicted(s.sessions, list), 0);
	/* what had expired is nobody's loss */
	clock_hold(clock_wall_ms() + 2000000);
	small_sign_in(&s, 0);
	ck_assert_uint_eq(sessions_take_evicted(s.sessions, list), 0);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 6);
	ck_assert_uint_eq(sessions_count(s.sessions), 3);
	small_close(&s);
}
END_TEST

/* More tenants than the list has lines: the last one has the others.  (Where
 * there is less room at a start than before, nobody has signed in.) */
START_TEST(many_tenants_that_made_room_are_told_in_few_lines)
{
	struct sessions_evicted list[SESSIONS_EVICTED_MAX];
	struct small s = { 0 };
	uint64_t sum = 0;

	clock_hold(NOW_S * 1000);
	rig_open(&s.rig);
	rig_stop(&s.rig);
	exec(&s.rig, "INSERT INTO users(tenant, email_key, email, name,"
	     " created_s, updated_s, last_seen_s)"
	     " VALUES('a', 'ann@b', 'ann@b', 'Ann', 1, 1, 1);"
	     "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL"
	     " SELECT i + 1 FROM n WHERE i < 41)"
	     "INSERT INTO sessions(id, hash, tenant, host, user_id,"
	     " created_s, last_seen_s, idle_s, absolute_s)"
	     " SELECT i, zeroblob(32), 't' || (i / 2), 'h', 1, 1700000000,"
	     " 1700000000, 1000, 1700010000 FROM n");
	small_start(&s, 17);
	ck_assert_uint_eq(sessions_count(s.sessions), 17);
	ck_assert_int_eq(rows(&s.rig), 17);
	ck_assert_uint_eq(sessions_evicted(s.sessions), 23);
	ck_assert_uint_eq(sessions_take_evicted(s.sessions, list),
			  SESSIONS_EVICTED_MAX);
	for (int i = 0; i < SESSIONS_EVICTED_MAX; i++) {
		ck_assert_int_eq(list[i].tenant[0] == '\0',
				 i == SESSIONS_EVICTED_MAX - 1);
		sum += list[i].count;
	}
	ck_assert_uint_eq(sum, 23);
	small_close(&s);
}
END_TEST

/* ---- many rows ---- */

#define MANY 100000

/*
 * MANY sessions of a fifth as many users, in no order; every seventh user is
 * gone, and of the tenant t1 all up to a number have ended.
 */
static void fill_many(struct rig *rig)
{
	clock_hold(NOW_S * 1000);
	rig_open(rig);
	rig_stop(rig);
	exec(rig, "PRAGMA synchronous = OFF;"
	     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
	     " SELECT i + 1 FROM n WHERE i < 20000)"
	     "INSERT INTO users(id, tenant, email_key, email, name, created_s,"
	     " updated_s, last_seen_s, verified)"
	     " SELECT i, 't', 'user' || i, 'user' || i, 'Name ' || i, 1, 1, 1,"
	     " i % 2 FROM n WHERE i % 7;"
	     "INSERT INTO epochs(tenant, number, last_session)"
	     " VALUES('t1', 5, 60000), ('t2', 6, 0);"
	     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
	     " SELECT i + 1 FROM n WHERE i < 100000)"
	     "INSERT INTO sessions(id, hash, tenant, host, user_id,"
	     " created_s, last_seen_s, idle_s, absolute_s, kind)"
	     " SELECT i, CAST(printf('%032d', i) AS BLOB), 't' || (i % 3),"
	     " 'h' || (i % 2), 1 + i * 7919 % 20000, 1700000000 - i % 500,"
	     " 1700000000 - i % 300, 1000, 1700009000 - i % 500, i % 2"
	     " FROM n;");
}

static int64_t left(const struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM sessions s"
		       " JOIN users u ON u.id = s.user_id"
		       " WHERE NOT (s.tenant = 't1' AND s.id <= 60000)");
}

/* What the rows say? */
static bool is_as_said(unsigned i, const struct session *s)
{
	unsigned user = 1 + (unsigned)(i * 7919LL % 20000);
	char host[8], tenant[8], name[32];

	snprintf(tenant, sizeof(tenant), "t%u", i % 3);
	snprintf(host, sizeof(host), "h%u", i % 2);
	snprintf(name, sizeof(name), "Name %u", user);
	return s->id == i && s->user.id == user &&
	       str_eq(s->tenant, str_from(tenant)) &&
	       str_eq(s->host, str_from(host)) &&
	       str_eq(s->user.name, str_from(name)) &&
	       str_eq(s->user.attributes, STR("{}")) &&
	       s->user.is_verified == user % 2 &&
	       s->kind == (i % 2 ? SESSION_EMBEDDED : SESSION_TOP) &&
	       s->epoch == (i % 3 == 1 ? 5 : i % 3 == 2 ? 6 : 0) &&
	       s->created_s == NOW_S - i % 500 &&
	       s->absolute_s == NOW_S + 9000 - i % 500;
}

/* Enough that more threads than one read them. */
START_TEST(a_large_store_is_there_whole_after_a_start)
{
	unsigned bad = 0, there = 0;
	struct rig rig;

	fill_many(&rig);
	rig_start_with(&rig, (struct store_options){ .sweep_ms = 3600000 });
	for (unsigned i = 1; i <= MANY; i++) {
		unsigned user = 1 + (unsigned)(i * 7919LL % 20000);
		bool is_kept = user % 7 && !(i % 3 == 1 && i <= 60000);
		uint8_t hash[SESSION_HASH_LEN + 1];
		struct session s;
		enum err err;

		snprintf((char *)hash, sizeof(hash), "%032u", i);
		pool_reset(rig.pool);
		err = sessions_find(store_sessions(rig.store), i, hash, NOW_S,
				    true, rig.pool, &s);
		there += !err;
		bad += is_kept ? err || !is_as_said(i, &s) :
				 err != ERR_NOT_FOUND;
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(sessions_count(store_sessions(rig.store)), there);
	/* the rows of the others are gone, too */
	ck_assert_int_eq(rows(&rig), there);
	ck_assert_int_eq(left(&rig), there);
	rig_close(&rig);
}
END_TEST

/* Rows that nobody can have written: they end, and nothing else does. */
START_TEST(times_that_no_clock_shows_end_a_session_and_stop_no_start)
{
	struct rig rig;
	struct redemption r = sign_in(&rig);
	struct session s;

	rig_stop(&rig);
	exec(&rig, "INSERT INTO sessions(hash, tenant, host, user_id,"
	     " created_s, last_seen_s, idle_s, absolute_s)"
	     " SELECT zeroblob(32), 'acme', 'h', user_id, column1, column2,"
	     " column3, column4 FROM sessions, (VALUES"
	     " (-9223372036854775807, 9223372036854775807, 1000, 1),"
	     " (9223372036854775807, -1, 1000, -9223372036854775807),"
	     " (17179869184, 17179869184, 1000, 17179870000),"
	     " (1700000000, 9223372036854775807, 9223372036854775807,"
	     "  9223372036854775807),"
	     " (1700000000, -9223372036854775807, -1,"
	     "  -9223372036854775807))");
	rig_start(&rig);
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S, &s), ERR_OK);
	/* the last two are within what it can keep; one has expired */
	ck_assert_int_eq(rows(&rig), 3);
	ck_assert_uint_eq(sessions_count(store_sessions(rig.store)), 3);
	rig_close(&rig);
}
END_TEST

/* How often the users are sought, and how many steps that takes. */
static void count_steps(struct rig *rig, int *runs_r, int *steps_r)
{
	struct small s = { .rig = *rig };
	sqlite3_stmt *q;

	small_start(&s, SESSIONS_MAX);
	q = s.db->stmt[SQL_SESSION_USERS];
	*runs_r = sqlite3_stmt_status(q, SQLITE_STMTSTATUS_RUN, 0);
	*steps_r = sqlite3_stmt_status(q, SQLITE_STMTSTATUS_VM_STEP, 0);
	small_stop(&s);
}

START_TEST(a_start_reads_the_users_once)
{
	struct rig rig;
	int runs, steps;

	fill_many(&rig);
	count_steps(&rig, &runs, &steps);
	/* all who have sessions: from the first to the last in one go */
	ck_assert_int_eq(runs, 1);
	ck_assert_int_lt(steps, 20000 * 12);
	/* a few of many: those that lie between are not read */
	exec(&rig, "DELETE FROM sessions WHERE user_id % 4000 <> 1");
	ck_assert_int_gt(rows(&rig), 0);
	count_steps(&rig, &runs, &steps);
	ck_assert_int_gt(runs, 1);
	ck_assert_int_le(runs, 5);
	ck_assert_int_lt(steps, 5 * 64 * 12);
	rig_start(&rig);
	rig_close(&rig);
}
END_TEST

/* A sanitizer's malloc(3) keeps no such books. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_MALLINFO 0
#else
#define HAS_MALLINFO 1
#endif

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* So many sessions of one user: what the table takes. */
static size_t memory_of(struct rig *rig, const char *condition)
{
	struct sessions *sessions = NULL;
	struct epochs *epochs = NULL;
	struct db *db = NULL;
	char text[256], sql[128];
	struct buf why;
	size_t before, after;

	snprintf(sql, sizeof(sql), "DELETE FROM sessions WHERE %s", condition);
	exec(rig, sql);
	exec(rig, "UPDATE sessions SET user_id = 1");
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(db_open(rig->dir, DB_WRITER, &db, &why), ERR_OK);
	ck_assert_int_eq(epochs_new(db, &epochs), ERR_OK);
	/* SQLite's own is little, and the same by then */
	ck_assert_int_eq(db_exec(db, "PRAGMA cache_size = 16"), ERR_OK);
	ck_assert_int_eq(sessions_new(db, NULL, 0, SESSIONS_MAX, epochs,
				      &sessions), ERR_OK);
	sessions_free(sessions);
	malloc_trim(0);
	before = in_use();
	ck_assert_int_eq(sessions_new(db, NULL, 0, SESSIONS_MAX, epochs,
				      &sessions), ERR_OK);
	after = in_use();
	sessions_free(sessions);
	epochs_free(epochs);
	db_close(db);
	return after - before;
}

START_TEST(a_session_takes_no_more_memory_than_said)
{
	size_t all, few;
	int64_t many;
	struct rig rig;

	fill_many(&rig);
	all = memory_of(&rig, "id <= 60000 AND tenant = 't1'");
	many = rows(&rig);
	few = memory_of(&rig, "id % 5");
	many -= rows(&rig);
	ck_assert_int_gt(many, MANY / 2);
	if (HAS_MALLINFO)
		ck_assert_uint_le(all - few, (size_t)many * SESSION_COST);
	rig_start(&rig);
	rig_close(&rig);
}
END_TEST

struct hammer {
	struct rig *rig;
	const struct redemption *r;
	_Atomic bool is_ended;	/* its end was told */
	unsigned found, found_late;
};

/* Looks that each want to be written down, until the session is gone. */
static void *hammer_main(void *arg)
{
	struct hammer *h = arg;
	struct pool *pool = pool_new(1 << 16);
	int64_t now = NOW_S;

	for (;;) {
		bool was_ended = h->is_ended;
		struct session s;
		enum err err;

		pool_reset(pool);
		err = sessions_find(store_sessions(h->rig->store),
				    h->r->session_id, h->r->hash, now++, true,
				    pool, &s);
		if (err)
			break;
		h->found++;
		h->found_late += was_ended;
	}
	pool_free(pool);
	return NULL;
}

START_TEST(no_refresh_brings_back_a_session_that_was_ended)
{
	struct rig rig;
	struct redemption first = sign_in(&rig);

	for (unsigned round = 0; round < 20; round++) {
		struct hammer hammers[THREADS];
		pthread_t threads[THREADS];
		struct redemption r = rig_token(&rig, 10 + round,
						first.user.id);
		struct session s;

		r.idle_s = 2;
		r.absolute_s = 1u << 31;
		ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
		for (int i = 0; i < THREADS; i++) {
			hammers[i] = (struct hammer){ .rig = &rig, .r = &r };
			pthread_create(&threads[i], NULL, hammer_main,
				       &hammers[i]);
		}
		/* some of the looks are under way by then */
		rig_flush(store_writer(rig.store));
		end(&rig, round % 2 ? r.session_id : 0, first.user.id);
		for (int i = 0; i < THREADS; i++)
			hammers[i].is_ended = true;
		for (int i = 0; i < THREADS; i++) {
			pthread_join(threads[i], NULL);
			ck_assert_int_eq(hammers[i].found_late, 0);
		}
		rig_flush(store_writer(rig.store));
		ck_assert_int_eq(rig_find(&rig, &r, NOW_S, &s),
				 ERR_NOT_FOUND);
	}
	ck_assert_int_eq(rows(&rig), 0);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)), 0);
	rig_close(&rig);
}
END_TEST

struct reader {
	struct rig *rig;
	const struct redemption *r;
	_Atomic bool is_over;
	unsigned torn;
};

/* Name and address change together: nobody may see half of it. */
static void *reader_main(void *arg)
{
	struct reader *me = arg;
	struct pool *pool = pool_new(1 << 16);

	while (!me->is_over) {
		struct session s;

		pool_reset(pool);
		if (sessions_find(store_sessions(me->rig->store),
				  me->r->session_id, me->r->hash, NOW_S, true,
				  pool, &s) ||
		    s.user.email.ptr[0] != s.user.name.ptr[0])
			me->torn++;
	}
	pool_free(pool);
	return NULL;
}

START_TEST(a_user_is_shown_whole_while_he_changes)
{
	struct rig rig;
	struct redemption r;
	struct reader readers[THREADS];
	pthread_t threads[THREADS];

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	r = rig_token(&rig, 1, rig_user(&rig, "ann@b", "ann"));
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	for (int i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){ .rig = &rig, .r = &r };
		pthread_create(&threads[i], NULL, reader_main, &readers[i]);
	}
	for (int i = 0; i < 200; i++) {
		struct redemption visit = { .sync = {
			.email = i % 2 ? STR("ann@b") : STR("Xnn@b"),
			.email_key = STR("ann@b"),
			.name = i % 2 ? STR("ann") : STR("Xavier the Longer"),
		} };

		ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
		ck_assert(str_eq(visit.user.name, visit.sync.name));
	}
	for (int i = 0; i < THREADS; i++)
		readers[i].is_over = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(readers[i].torn, 0);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(an_operator_sees_the_open_ones_of_a_tenant)
{
	struct sessions *table;
	struct session *list = NULL;
	unsigned count = 7, total = 7;
	struct redemption r;
	struct rig rig;
	int64_t ann, bob, now;

	clock_hold(1700000000000);
	now = clock_wall_s();
	rig_open(&rig);
	table = store_sessions(rig.store);
	ann = rig_user(&rig, "ann@b", "Ann");
	bob = rig_user(&rig, "bob@b", "Bob");
	for (unsigned i = 1; i <= 5; i++) {
		r = rig_token(&rig, i, i <= 3 ? ann : bob);
		ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	}
	ck_assert(sessions_is_open(table, r.session_id));
	ck_assert(!sessions_is_open(table, r.session_id + 1));
	ck_assert_int_eq(sessions_list(table, STR("acme"), 0, now, 10,
				       rig.pool, &list, &count, &total), 0);
	ck_assert_uint_eq(count, 5);
	ck_assert_uint_eq(total, 5);
	ck_assert_int_eq(sessions_list(table, STR("acme"), ann, now, 2,
				       rig.pool, &list, &count, &total), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(total, 3);
	ck_str_is(list[0].user.email, "ann@b");
	ck_str_is(list[1].user.email, "ann@b");
	ck_assert_int_ne(list[0].id, list[1].id);
	ck_assert_int_eq(sessions_list(table, STR("acm"), 0, now, 10,
				       rig.pool, &list, &count, &total), 0);
	ck_assert_uint_eq(total, 0);
	/* the idle time of rig_token() */
	ck_assert_int_eq(sessions_list(table, STR("acme"), 0, now + 1000, 10,
				       rig.pool, &list, &count, &total), 0);
	ck_assert_uint_eq(total, 0);
	rig_close(&rig);
}
END_TEST

static void sessions_tests(TCase *tc)
{
	tcase_add_test(tc, a_session_tells_whose_it_is);
	tcase_add_test(tc, an_id_without_its_secret_opens_nothing);
	tcase_add_test(tc, idle_time_starts_again_with_each_look);
	tcase_add_test(tc, the_absolute_end_cannot_be_moved);
	tcase_add_test(tc,
		the_row_follows_at_most_once_per_quarter_of_the_idle_time);
	tcase_add_test(tc, a_refused_refresh_is_tried_again);
	tcase_add_test(tc, a_change_of_the_user_shows_in_his_open_sessions);
	tcase_add_test(tc, sign_in_and_change_in_one_commit_show_the_change);
	tcase_add_test(tc, an_ended_session_is_gone_before_that_is_told);
	tcase_add_test(tc,
		all_of_a_users_sessions_end_also_the_one_just_opened);
	tcase_add_test(tc, blocking_and_erasing_end_sessions);
	tcase_add_test(tc, a_new_sign_in_replaces_the_old_session);
	tcase_add_test(tc, sessions_are_there_after_a_restart);
	tcase_add_test(tc,
		ids_grow_across_restarts_even_when_the_clock_goes_back);
	tcase_add_test(tc, expired_sessions_are_swept_without_being_asked);
	tcase_add_test(tc, in_a_full_table_the_longest_idle_makes_room);
	tcase_add_test(tc, a_start_knows_who_was_idle_for_longest);
	tcase_add_test(tc, a_tenant_within_its_share_loses_nothing_to_another);
	tcase_add_test(tc, who_exceeds_its_share_pays_for_itself);
	tcase_add_test(tc,
		many_at_once_leave_a_table_that_is_full_and_no_more);
	tcase_add_test(tc, room_that_was_made_in_vain_is_made_once);
	tcase_add_test(tc,
		who_was_to_make_room_stays_where_the_sign_in_fails);
	tcase_add_test(tc,
		who_was_to_make_room_may_be_ended_by_another_hand);
	tcase_add_test(tc, who_ended_or_expired_has_left_room);
	tcase_add_test(tc, who_made_room_is_told_by_tenant_and_once);
	tcase_add_test(tc,
		many_tenants_that_made_room_are_told_in_few_lines);
	tcase_add_test(tc, a_large_store_is_there_whole_after_a_start);
	tcase_add_test(tc,
		times_that_no_clock_shows_end_a_session_and_stop_no_start);
	tcase_add_test(tc, a_start_reads_the_users_once);
	tcase_add_test(tc, a_session_takes_no_more_memory_than_said);
	tcase_add_test(tc, no_refresh_brings_back_a_session_that_was_ended);
	tcase_add_test(tc, a_user_is_shown_whole_while_he_changes);
	tcase_add_test(tc, an_operator_sees_the_open_ones_of_a_tenant);
}

UNIT_MAIN("sessions", sessions_tests)
