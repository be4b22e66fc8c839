#include "store/sessions.h"

#include "store/db-private.h"
#include "store/redemptions-private.h"
#include "store/epochs-private.h"
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
	struct user_block block = { .job.done = rig_done, .is_blocked = true,
				    .user_id = a.user.id };
	struct user_erase erase = { .job.done = rig_done };
	struct session s;

	b = rig_token(&rig, 2, rig_user(&rig, "bob@b", "Bob"));
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	erase.user_id = b.user.id;
	ck_assert_int_eq(users_block(store_users(rig.store), &block), 0);
	ck_assert_int_eq(users_erase(store_users(rig.store), &erase), 0);
	rig_wait(2);
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

/* A table of three places, without the rest of a store. */
START_TEST(a_full_table_refuses_and_a_smaller_one_keeps_the_newest)
{
	struct redemptions *redemptions = NULL;
	struct tombstones *tombstones = NULL;
	struct sessions *sessions = NULL;
	struct epochs *epochs = NULL;
	struct users *users = NULL;
	struct writer *writer = NULL;
	struct session_end e = { .job.done = rig_done };
	struct redemption r[4];
	struct db *db = NULL;
	struct session s;
	struct buf why;
	struct rig rig;
	char text[256];
	int64_t user;

	rig_open(&rig);
	user = rig_user(&rig, "ann@b", "Ann");
	rig_stop(&rig);
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(db_open(rig.dir, DB_WRITER, &db, &why), ERR_OK);
	ck_assert_int_eq(epochs_new(db, &epochs), ERR_OK);
	ck_assert_int_eq(sessions_new(db, 3, epochs, &sessions), ERR_OK);
	ck_assert_int_eq(tombstones_new(db, &tombstones), ERR_OK);
	ck_assert_int_eq(users_new(db, sessions, tombstones, &users), ERR_OK);
	ck_assert_int_eq(redemptions_new(db, sessions, users, tombstones,
					 &redemptions), ERR_OK);
	ck_assert_int_eq(writer_start(db, &writer), ERR_OK);
	ck_assert_int_eq(sessions_start(sessions, writer, 60000), ERR_OK);
	ck_assert_int_eq(redemptions_start(redemptions, writer, 60000),
			 ERR_OK);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = rig_token(&rig, i, user);
		r[i].sync.email_key = STR("ann@b");
		ck_assert_int_eq(redemptions_submit(redemptions, &r[i]),
				 i < 3 ? ERR_OK : ERR_BUSY);
	}
	rig_wait(3);
	/* a refusal costs no place: one that is used already gives it back */
	e.session_id = r[0].session_id;
	ck_assert_int_eq(sessions_end(sessions, &e), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(redemptions_submit(redemptions, &r[1]), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(r[1].job.result, ERR_USED);
	ck_assert_int_eq(redemptions_submit(redemptions, &r[3]), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(r[3].job.result, ERR_OK);
	ck_assert_int_eq(sessions_count(sessions), 3);
	writer_stop(writer);
	redemptions_free(redemptions);
	users_free(users);
	tombstones_free(tombstones);
	sessions_free(sessions);

	ck_assert_int_eq(sessions_new(db, 2, epochs, &sessions), ERR_OK);
	ck_assert_int_eq(sessions_count(sessions), 2);
	ck_assert_int_eq(sessions_find(sessions, r[3].session_id, r[3].hash,
				       clock_wall_s(), rig.pool, &s), ERR_OK);
	sessions_free(sessions);
	epochs_free(epochs);
	db_close(db);
	ck_assert_int_eq(rows(&rig), 2);
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
				    h->r->session_id, h->r->hash, now++, pool,
				    &s);
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
				  me->r->session_id, me->r->hash, NOW_S, pool,
				  &s) ||
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
	tcase_add_test(tc,
		a_full_table_refuses_and_a_smaller_one_keeps_the_newest);
	tcase_add_test(tc, no_refresh_brings_back_a_session_that_was_ended);
	tcase_add_test(tc, a_user_is_shown_whole_while_he_changes);
	tcase_add_test(tc, an_operator_sees_the_open_ones_of_a_tenant);
}

UNIT_MAIN("sessions", sessions_tests)
