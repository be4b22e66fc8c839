#include "store/redemptions.h"

#include "unit/store/rig.h"

#define NOW_S 1700000000LL
#define RACERS 32

static int64_t rows(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM redemptions");
}

struct racer {
	struct rig *rig;
	struct redemption r;
	pthread_barrier_t *start;
	enum err accepted;
};

static void *race(void *arg)
{
	struct racer *me = arg;

	pthread_barrier_wait(me->start);
	me->accepted = redemptions_submit(store_redemptions(me->rig->store),
					  &me->r);
	return NULL;
}

START_TEST(of_racing_redemptions_exactly_one_wins_for_ever)
{
	struct racer racers[RACERS] = { 0 };
	pthread_t threads[RACERS];
	pthread_barrier_t start;
	struct rig_gate gate;
	struct session s;
	struct rig rig;
	int64_t user, winner = 0;
	int wins;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	user = rig_user(&rig, "ann@b", "Ann");
	for (unsigned token = 0; token < 10; token++) {
		bool gathers = token % 2;

		wins = 0;
		/* in one transaction, and in as many as it happens */
		if (gathers)
			rig_gate_close(&gate, store_writer(rig.store));
		pthread_barrier_init(&start, NULL, RACERS);
		for (int i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){ .rig = &rig,
				.r = rig_token(&rig, token, user),
				.start = &start };
			racers[i].r.pool = NULL;
			pthread_create(&threads[i], NULL, race, &racers[i]);
		}
		for (int i = 0; i < RACERS; i++)
			pthread_join(threads[i], NULL);
		if (gathers)
			rig_gate_open(&gate);
		rig_wait(RACERS + gathers);
		for (int i = 0; i < RACERS; i++) {
			ck_assert_int_eq(racers[i].accepted, ERR_OK);
			if (racers[i].r.job.result == ERR_OK) {
				wins++;
				winner = racers[i].r.session_id;
			}
		}
		ck_assert_int_eq(wins, 1);
		for (int i = 0; i < RACERS; i++) {
			ck_assert_int_eq(racers[i].r.session_id, winner);
			ck_assert(racers[i].r.job.result == ERR_OK ||
				  racers[i].r.job.result == ERR_USED);
		}
		ck_assert_int_eq(sessions_count(store_sessions(rig.store)),
				 token + 1);
	}
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(rig_redeem(&rig, &racers[0].r), ERR_USED);
	ck_assert_int_eq(racers[0].r.session_id, winner);
	ck_assert_int_eq(rig_find(&rig, &racers[0].r, NOW_S, &s), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(the_winner_learns_who_the_user_is)
{
	struct redemption r;
	struct rig rig;

	rig_open(&rig);
	r = rig_token(&rig, 1, rig_user(&rig, "ann@b", "Ann"));
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert_int_gt(r.session_id, 0);
	ck_assert_int_eq(r.user.id, r.user_id);
	ck_str_is(r.user.email, "ann@b");
	ck_str_is(r.user.name, "Ann");
	ck_str_is(r.user.attributes, "{}");
	rig_close(&rig);
}
END_TEST

START_TEST(a_desk_with_sessions_of_its_own_gets_none_of_ours)
{
	struct redemption r, again;
	struct rig rig;

	rig_open(&rig);
	r = rig_token(&rig, 1, rig_user(&rig, "ann@b", "Ann"));
	r.opens_session = false;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert_int_eq(r.session_id, 0);
	ck_str_is(r.user.name, "Ann");
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)), 0);
	again = rig_token(&rig, 1, r.user_id);
	ck_assert_int_eq(rig_redeem(&rig, &again), ERR_USED);
	ck_assert_int_eq(again.session_id, 0);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(tenants_do_not_share_tokens_nor_users)
{
	struct user_sync blue = { .tenant = STR("blue"), .email = STR("a@b"),
				  .name = STR("B") };
	struct redemption a, b, stranger;
	struct rig rig;

	rig_open(&rig);
	a = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	ck_assert_int_eq(rig_redeem(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_sync(&rig, &blue), ERR_OK);
	b = rig_token(&rig, 1, blue.user_id);
	b.tenant = STR("blue");
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	stranger = rig_token(&rig, 2, blue.user_id);
	ck_assert_int_eq(rig_redeem(&rig, &stranger), ERR_NOT_FOUND);
	ck_assert_int_eq(rows(&rig), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(the_gone_the_blocked_and_the_late_redeem_nothing)
{
	struct user_block block = { .job.done = rig_done, .is_blocked = true };
	struct user_erase erase = { .job.done = rig_done };
	struct redemption gone, blocked, late;
	struct rig rig;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	gone = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	blocked = rig_token(&rig, 2, rig_user(&rig, "b@b", "B"));
	late = rig_token(&rig, 3, rig_user(&rig, "c@b", "C"));
	late.exp_s = NOW_S;
	erase.user_id = gone.user_id;
	block.user_id = blocked.user_id;
	ck_assert_int_eq(users_erase(store_users(rig.store), &erase), 0);
	ck_assert_int_eq(users_block(store_users(rig.store), &block), 0);
	rig_wait(2);
	ck_assert_int_eq(rig_redeem(&rig, &gone), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_redeem(&rig, &blocked), ERR_AUTH);
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_EXPIRED);
	ck_assert_int_eq(rows(&rig), 0);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM sessions"), 0);

	/* what was refused is not spent */
	late.exp_s = NOW_S + 1;
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(a_failed_redemption_leaves_the_old_session_alone)
{
	struct redemption old, late;
	struct session s;
	struct rig rig;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	old = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	late = rig_token(&rig, 1, old.user_id);
	late.replaces = old.session_id;
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_USED);
	ck_assert_int_eq(rig_find(&rig, &old, NOW_S, &s), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(events_are_sent_by_the_one_who_was_first)
{
	struct outbox_event event = { STR("session.opened"), STR("{}") };
	struct outbox_event bare = { STR("session.opened"), STR_NULL };
	struct redemption first, second, bad;
	struct rig rig;

	rig_open(&rig);
	first = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	first.events = &event;
	first.event_count = 1;
	second = bad = first;
	ck_assert_int_eq(rig_redeem(&rig, &first), ERR_OK);
	ck_assert_int_eq(rig_redeem(&rig, &second), ERR_USED);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
		" WHERE event = 'session.opened' AND tenant = 'acme'"
		" AND user_id = 1"), 1);
	bad.events = &bare;
	ck_assert_int_eq(rig_redeem(&rig, &bad), ERR_SYNTAX);
	rig_close(&rig);
}
END_TEST

START_TEST(nonsense_is_refused_before_it_is_queued)
{
	static char host[SESSION_HOST_MAX + 1];
	struct redemption idle, absolute, large;
	struct rig rig;

	memset(host, 'h', sizeof(host));
	rig_open(&rig);
	idle = absolute = large = rig_token(&rig, 1, 1);
	idle.idle_s = 0;
	absolute.absolute_s = 0;
	large.host = (struct str){ host, sizeof(host) };
	ck_assert_int_eq(rig_redeem(&rig, &idle), ERR_RANGE);
	ck_assert_int_eq(rig_redeem(&rig, &absolute), ERR_RANGE);
	ck_assert_int_eq(rig_redeem(&rig, &large), ERR_LIMIT);
	rig_close(&rig);
}
END_TEST

struct swept {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned batches;
};

static void swept_batch(void *ctx)
{
	struct swept *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->batches++;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

START_TEST(rows_go_when_the_margin_is_over_and_not_before)
{
	struct swept swept = { .lock = PTHREAD_MUTEX_INITIALIZER,
			       .cond = PTHREAD_COND_INITIALIZER };
	struct store_options options = { .sweep_ms = 1,
		.batch_done = swept_batch, .batch_ctx = &swept };
	struct redemption a, b;
	struct rig rig;
	int64_t user;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	user = rig_user(&rig, "a@b", "A");
	for (unsigned i = 0; i < REDEMPTIONS_SWEEP_MAX + 10; i++) {
		a = rig_token(&rig, i, user);
		a.opens_session = false;
		a.exp_s = NOW_S + 120;
		ck_assert_int_eq(rig_redeem(&rig, &a), ERR_OK);
	}
	b = rig_token(&rig, 100000, user);
	b.exp_s = NOW_S + 121;
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	rig_stop(&rig);

	clock_hold((NOW_S + 121 + REDEMPTION_MARGIN_S) * 1000);
	rig_start_with(&rig, options);
	pthread_mutex_lock(&swept.lock);
	while (rows(&rig) > 1)
		pthread_cond_wait(&swept.cond, &swept.lock);
	pthread_mutex_unlock(&swept.lock);
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_USED);
	rig_close(&rig);
}
END_TEST

/* A store that sweeps all the time, at that hour, until `left` rows are. */
static void sweep_at(struct rig *rig, int64_t now_s, int64_t left)
{
	struct swept swept = { .lock = PTHREAD_MUTEX_INITIALIZER,
			       .cond = PTHREAD_COND_INITIALIZER };
	struct store_options options = { .sweep_ms = 1,
		.batch_done = swept_batch, .batch_ctx = &swept };

	rig_stop(rig);
	clock_hold(now_s * 1000);
	rig_start_with(rig, options);
	pthread_mutex_lock(&swept.lock);
	while (rows(rig) > left)
		pthread_cond_wait(&swept.cond, &swept.lock);
	pthread_mutex_unlock(&swept.lock);
	rig_stop(rig);
	rig_start(rig);
}

/* The hour was wrong, or is: what the sweep forgot must not come back. */
START_TEST(a_clock_set_back_makes_no_used_token_unused)
{
	struct redemption used, later, unused;
	struct rig rig;
	int64_t user;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	user = rig_user(&rig, "a@b", "A");
	used = rig_token(&rig, 1, user);
	used.exp_s = NOW_S + 120;
	later = rig_token(&rig, 2, user);
	later.exp_s = NOW_S + 121;
	ck_assert_int_eq(rig_redeem(&rig, &used), ERR_OK);
	sweep_at(&rig, NOW_S + 7200, 0);

	/* still ahead, and an hour and a restart later */
	for (int i = 0; i < 2; i++) {
		clock_hold((NOW_S + 60) * 1000);
		ck_assert_int_eq(rig_redeem(&rig, &used), ERR_EXPIRED);
		ck_assert_int_eq(used.session_id, 0);
		/* nobody knows whether that one was used */
		unused = rig_token(&rig, 3, user);
		unused.exp_s = NOW_S + 119;
		ck_assert_int_eq(rig_redeem(&rig, &unused), ERR_EXPIRED);
		rig_stop(&rig);
		rig_start(&rig);
	}
	ck_assert_int_eq(rows(&rig), 0);
	/* what expires later was never forgotten */
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_OK);
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_USED);
	rig_close(&rig);
}
END_TEST

/* A sweep at a wrong hour that finds nothing locks out nobody; and what it
 * remembers only grows. */
START_TEST(only_what_was_forgotten_counts)
{
	struct redemption r;
	struct rig rig;
	int64_t user;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	user = rig_user(&rig, "a@b", "A");
	sweep_at(&rig, NOW_S + 72000, 0);
	clock_hold(NOW_S * 1000);
	r = rig_token(&rig, 1, user);
	r.exp_s = NOW_S + 120;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert_int_eq(redemptions_swept_s(store_redemptions(rig.store)), 0);
	sweep_at(&rig, NOW_S + 7200, 0);
	ck_assert_int_eq(redemptions_swept_s(store_redemptions(rig.store)),
			 NOW_S + 120);
	/* an earlier one, swept later, takes nothing back */
	clock_hold((NOW_S - 9000) * 1000);
	rig_sql(&rig, "INSERT INTO redemptions"
		" VALUES('acme', zeroblob(16), 1699991000, 0)");
	sweep_at(&rig, NOW_S, 0);
	ck_assert_int_eq(redemptions_swept_s(store_redemptions(rig.store)),
			 NOW_S + 120);
	r = rig_token(&rig, 2, user);
	r.exp_s = NOW_S + 120;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_EXPIRED);
	ck_assert_int_eq(r.note, REDEMPTION_SWEPT);
	rig_close(&rig);
}
END_TEST

/* What a restore may make of the row that a token's number names. */
static const struct {
	const char *sql;
	enum err result;
	enum redemption_note note;
} restored[] = {
	{ "UPDATE users SET email_key = 'eve@b', email = 'eve@b'",
	  ERR_NOT_FOUND, REDEMPTION_OTHER_PERSON },
	{ "UPDATE users SET verified = 1",
	  ERR_NOT_FOUND, REDEMPTION_OTHER_PERSON },
	{ "UPDATE users SET tenant = 'blue'",
	  ERR_NOT_FOUND, REDEMPTION_OTHER_PERSON },
	{ "DELETE FROM users", ERR_NOT_FOUND, REDEMPTION_PLAIN },
	/* the same person under another spelling and name is the same */
	{ "UPDATE users SET email = 'ANN@b', name = 'Eve'",
	  ERR_OK, REDEMPTION_PLAIN },
};

START_TEST(a_number_that_is_somebody_elses_by_now_opens_nothing)
{
	struct redemption r;
	struct rig rig;

	rig_open(&rig);
	r = rig_token(&rig, 1, rig_user(&rig, "ann@b", "Ann"));
	rig_stop(&rig);
	rig_sql(&rig, restored[_i].sql);
	rig_start(&rig);
	ck_assert_int_eq(rig_redeem(&rig, &r), restored[_i].result);
	ck_assert_int_eq(r.note, restored[_i].note);
	/* and nothing is spent by asking */
	ck_assert_int_eq(rows(&rig), restored[_i].result == ERR_OK);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)),
			 restored[_i].result == ERR_OK);
	rig_close(&rig);
}
END_TEST

static void redemptions_tests(TCase *tc)
{
	tcase_add_test(tc, of_racing_redemptions_exactly_one_wins_for_ever);
	tcase_add_test(tc, the_winner_learns_who_the_user_is);
	tcase_add_test(tc, a_desk_with_sessions_of_its_own_gets_none_of_ours);
	tcase_add_test(tc, tenants_do_not_share_tokens_nor_users);
	tcase_add_test(tc, the_gone_the_blocked_and_the_late_redeem_nothing);
	tcase_add_test(tc, a_failed_redemption_leaves_the_old_session_alone);
	tcase_add_test(tc, events_are_sent_by_the_one_who_was_first);
	tcase_add_test(tc, nonsense_is_refused_before_it_is_queued);
	tcase_add_test(tc, rows_go_when_the_margin_is_over_and_not_before);
	tcase_add_test(tc, a_clock_set_back_makes_no_used_token_unused);
	tcase_add_test(tc, only_what_was_forgotten_counts);
	tcase_add_loop_test(tc,
		a_number_that_is_somebody_elses_by_now_opens_nothing, 0,
		sizeof(restored) / sizeof(restored[0]));
}

UNIT_MAIN("redemptions", redemptions_tests)
