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
	ck_assert_int_eq(r.user.id, rig_user(&rig, "ann@b", "Ann"));
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
	again = rig_token(&rig, 1, r.user.id);
	ck_assert_int_eq(rig_redeem(&rig, &again), ERR_USED);
	ck_assert_int_eq(again.session_id, 0);
	ck_assert_int_eq(sessions_count(store_sessions(rig.store)), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(tenants_do_not_share_tokens_nor_users)
{
	struct redemption a, b;
	struct rig rig;

	rig_open(&rig);
	a = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	ck_assert_int_eq(rig_redeem(&rig, &a), ERR_OK);
	b = rig_token(&rig, 1, a.user.id);
	b.sync.tenant = STR("blue");
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	ck_assert_int_ne(b.user.id, a.user.id);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM redemptions"
		" WHERE tenant = 'blue'"), 1);
	rig_close(&rig);
}
END_TEST

/* Nobody is stored before: all of it is one commit. */
START_TEST(who_is_new_is_made_by_their_arrival)
{
	struct outbox_event event = { STR("came"), STR("{}") };
	struct audit_record audit = { .request_id = STR("01REQUEST"),
		.time_ms = 5, .tenant = STR("acme"), .status = 302,
		.trail = STR("[]") };
	struct fields fields;
	struct redemption r;
	struct session s;
	struct rig rig;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("plan"), STR("gold"), FIELD_TEXT);
	r = rig_token(&rig, 1, 0);
	r.sync.set = &fields;
	r.events = &event;
	r.event_count = 1;
	r.audit = &audit;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_str_is(r.user.attributes, "{\"plan\":\"gold\"}");
	ck_assert_int_eq(rig_find(&rig, &r, NOW_S, &s), ERR_OK);
	ck_assert_int_eq(s.user.id, r.user.id);
	ck_str_is(s.user.email, "nobody@b");
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users u"
		" JOIN sessions s ON s.user_id = u.id"
		" JOIN outbox o ON o.user_id = u.id"
		" JOIN redemptions r ON r.session_id = s.id"), 1);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0),
				    STR("01REQUEST"), rig.pool, &audit),
			 ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(the_ended_the_blocked_and_the_late_redeem_nothing)
{
	struct redemption gone, blocked, late, large;
	static char big[FIELD_VALUE_MAX];
	struct fields fields;
	struct rig rig;
	int64_t visits;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	gone = rig_token(&rig, 1, rig_user(&rig, "a@b", "A"));
	blocked = rig_token(&rig, 2, rig_user(&rig, "b@b", "B"));
	late = rig_token(&rig, 3, rig_user(&rig, "c@b", "C"));
	visits = rows(&rig);
	late.exp_s = NOW_S;
	memset(big, 'x', sizeof(big));
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("a"), (struct str){ big, sizeof(big) }, 0);
	fields_add(&fields, STR("b"), (struct str){ big, sizeof(big) }, 0);
	large = rig_token(&rig, 4, 0);
	large.sync.set = &fields;
	ck_assert_int_eq(rig_erase_id(&rig, gone.user.id), ERR_OK);
	ck_assert_int_eq(rig_block_id(&rig, blocked.user.id, true), ERR_OK);
	ck_assert_int_eq(rig_redeem(&rig, &gone), ERR_NOT_FOUND);
	ck_assert_int_eq(gone.note, REDEMPTION_ENDED);
	ck_assert_int_eq(rig_redeem(&rig, &blocked), ERR_AUTH);
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_EXPIRED);
	ck_assert_int_eq(rig_redeem(&rig, &large), ERR_LIMIT);
	ck_assert_int_eq(rows(&rig), visits);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM sessions"), 0);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 2);

	/* what was refused is not spent */
	late.exp_s = NOW_S + 1;
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_OK);
	large.sync.set = NULL;
	ck_assert_int_eq(rig_redeem(&rig, &large), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* An adapter was shown somebody by number: they must be the one who is
 * stored, or nothing happens. */
START_TEST(whom_an_adapter_was_shown_is_who_arrives)
{
	struct redemption new, old, other;
	struct rig rig;
	int64_t id;

	rig_open(&rig);
	new = rig_token(&rig, 1, 0);
	new.shown_id = users_new_id(store_users(rig.store));
	new.is_shown_new = true;
	other = new;
	other.jti[15]++;
	other.shown_id = users_new_id(store_users(rig.store));
	id = new.shown_id;
	ck_assert_int_eq(rig_redeem(&rig, &new), ERR_OK);
	ck_assert_int_eq(new.user.id, id);
	/* two first tokens at once: the second was shown an id of nobody */
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_NOT_FOUND);
	ck_assert_int_eq(other.note, REDEMPTION_OTHER_ID);
	ck_assert_int_eq(rows(&rig), 1);
	other.shown_id = id;
	other.is_shown_new = false;
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_OK);
	/* gone since, without a tombstone: a restore */
	old = rig_token(&rig, 3, id);
	old.shown_id = id;
	rig_stop(&rig);
	rig_sql(&rig, "DELETE FROM users");
	rig_start(&rig);
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_NOT_FOUND);
	ck_assert_int_eq(old.note, REDEMPTION_OTHER_ID);
	rig_close(&rig);
}
END_TEST

static enum err park(struct rig *rig, uint8_t id)
{
	struct parked p = { .job.done = rig_done, .tenant = STR("acme"),
		.client = STR("192.0.2.1"), .id = { id },
		.content = STR("{\"name\":\"N\"}"),
		.exp_s = clock_wall_s() + 120 };

	ck_assert_int_eq(parking_add(store_parking(rig->store), &p), ERR_OK);
	rig_wait(1);
	return p.job.result;
}

START_TEST(an_arrival_takes_what_was_parked_for_it_along)
{
	const uint8_t id[PARKED_ID_LEN] = { 7 };
	struct redemption r, again, robbed;
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(park(&rig, 7), ERR_OK);
	r = rig_token(&rig, 1, 0);
	r.parked = id;
	again = robbed = r;
	robbed.jti[15]++;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM parked"), 0);
	/* that it was used is what is told, not that something is missing */
	ck_assert_int_eq(rig_redeem(&rig, &again), ERR_USED);
	ck_assert_int_eq(again.session_id, r.session_id);
	ck_assert_int_eq(rig_redeem(&rig, &robbed), ERR_NOT_FOUND);
	ck_assert_int_eq(robbed.note, REDEMPTION_PLAIN);
	ck_assert_int_eq(rows(&rig), 1);
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
	late = rig_token(&rig, 1, old.user.id);
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
		" AND user_id = (SELECT id FROM users)"), 1);
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

/* A token of that number and that time. */
static struct redemption token_at(struct rig *rig, unsigned n, int64_t at_s)
{
	struct redemption r = rig_token(rig, n, 0);

	redemption_jti_time(at_s * 1000, r.jti);
	r.exp_s = at_s + 120;
	r.opens_session = false;
	return r;
}

START_TEST(rows_go_when_their_time_is_over_and_not_before)
{
	struct swept swept = { .lock = PTHREAD_MUTEX_INITIALIZER,
			       .cond = PTHREAD_COND_INITIALIZER };
	struct store_options options = { .sweep_ms = 1,
		.batch_done = swept_batch, .batch_ctx = &swept };
	struct redemption a, b;
	struct rig rig;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	for (unsigned i = 0; i < WRITER_CHORE_ROWS_MAX + 10; i++) {
		a = token_at(&rig, i, NOW_S);
		ck_assert_int_eq(rig_redeem(&rig, &a), ERR_OK);
	}
	b = token_at(&rig, 100000, NOW_S + 1);
	ck_assert_int_eq(rig_redeem(&rig, &b), ERR_OK);
	rig_stop(&rig);

	clock_hold((NOW_S + 1 + REDEMPTION_KEPT_S) * 1000);
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

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	used = token_at(&rig, 1, NOW_S);
	later = token_at(&rig, 2, NOW_S + 1);
	ck_assert_int_eq(rig_redeem(&rig, &used), ERR_OK);
	sweep_at(&rig, NOW_S + 7200, 0);

	/* still ahead, and an hour and a restart later */
	for (int i = 0; i < 2; i++) {
		clock_hold((NOW_S + 60) * 1000);
		ck_assert_int_eq(rig_redeem(&rig, &used), ERR_EXPIRED);
		ck_assert_int_eq(used.session_id, 0);
		/* nobody knows whether that one was used */
		unused = token_at(&rig, 3, NOW_S - 1);
		ck_assert_int_eq(rig_redeem(&rig, &unused), ERR_EXPIRED);
		rig_stop(&rig);
		rig_start(&rig);
	}
	ck_assert_int_eq(rows(&rig), 0);
	/* what came later was never forgotten */
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

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	sweep_at(&rig, NOW_S + 72000, 0);
	clock_hold(NOW_S * 1000);
	r = token_at(&rig, 1, NOW_S);
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert_int_eq(redemptions_swept_ms(store_redemptions(rig.store)),
			 0);
	sweep_at(&rig, NOW_S + 7200, 0);
	ck_assert_int_eq(redemptions_swept_ms(store_redemptions(rig.store)),
			 NOW_S * 1000);
	/* an earlier one, swept later, takes nothing back */
	clock_hold((NOW_S - 9000) * 1000);
	rig_sql(&rig, "INSERT INTO redemptions"
		" VALUES(zeroblob(16), 'acme', 0)");
	sweep_at(&rig, NOW_S, 0);
	ck_assert_int_eq(redemptions_swept_ms(store_redemptions(rig.store)),
			 NOW_S * 1000);
	r = token_at(&rig, 2, NOW_S);
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_EXPIRED);
	ck_assert_int_eq(r.note, REDEMPTION_SWEPT);
	rig_close(&rig);
}
END_TEST

/* What was used, and what was forgotten, under the schema of before. */
START_TEST(a_database_of_before_keeps_what_was_used)
{
	struct redemption r;
	struct rig rig;

	clock_hold(NOW_S * 1000);
	rig_open(&rig);
	r = rig_token(&rig, 1, 0);
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	rig_stop(&rig);
	rig_go_back(&rig, 4);
	rig_start(&rig);
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_USED);
	ck_assert_int_eq(redemptions_swept_ms(store_redemptions(rig.store)),
			 (1600000000LL - 120) * 1000);
	ck_assert_int_eq(rig_user(&rig, "nobody@b", "N"),
			 rig_sql(&rig, "SELECT id FROM users"));
	rig_close(&rig);
}
END_TEST

static void redemptions_tests(TCase *tc)
{
	tcase_add_test(tc, of_racing_redemptions_exactly_one_wins_for_ever);
	tcase_add_test(tc, the_winner_learns_who_the_user_is);
	tcase_add_test(tc, a_desk_with_sessions_of_its_own_gets_none_of_ours);
	tcase_add_test(tc, tenants_do_not_share_tokens_nor_users);
	tcase_add_test(tc, who_is_new_is_made_by_their_arrival);
	tcase_add_test(tc, the_ended_the_blocked_and_the_late_redeem_nothing);
	tcase_add_test(tc, whom_an_adapter_was_shown_is_who_arrives);
	tcase_add_test(tc, an_arrival_takes_what_was_parked_for_it_along);
	tcase_add_test(tc, a_failed_redemption_leaves_the_old_session_alone);
	tcase_add_test(tc, events_are_sent_by_the_one_who_was_first);
	tcase_add_test(tc, nonsense_is_refused_before_it_is_queued);
	tcase_add_test(tc, rows_go_when_their_time_is_over_and_not_before);
	tcase_add_test(tc, a_clock_set_back_makes_no_used_token_unused);
	tcase_add_test(tc, only_what_was_forgotten_counts);
	tcase_add_test(tc, a_database_of_before_keeps_what_was_used);
}

UNIT_MAIN("redemptions", redemptions_tests)
