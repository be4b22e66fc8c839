#include "store/tombstones.h"

#include "store/tombstones-private.h"
#include "unit/store/rig.h"

#define NOW 1700000000000

/* Somebody of that address, with a token of that time. */
static enum err come(struct rig *rig, const char *tenant, const char *key,
		     int64_t minted_ms)
{
	struct redemption r = { .sync = { .tenant = str_from(tenant),
		.email = str_from(key), .name = STR("N"),
		.minted_ms = minted_ms } };
	enum err err = rig_visit(rig, &r);

	if (err)
		ck_assert_int_eq(r.note, REDEMPTION_ENDED);
	return err;
}

static int64_t count(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM tombstones");
}

START_TEST(an_erasure_ends_what_was_minted_up_to_it)
{
	struct rig rig;

	clock_hold(NOW);
	rig_open(&rig);
	rig_user(&rig, "ann@b", "Ann");
	rig_user(&rig, "bob@b", "Bob");
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW - 1), ERR_NOT_FOUND);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_NOT_FOUND);
	/* nobody else's, and not across a restart */
	ck_assert_int_eq(come(&rig, "acme", "bob@b", NOW - 1), ERR_OK);
	ck_assert_int_eq(come(&rig, "acmea", "nn@b", NOW - 1), ERR_OK);
	ck_assert_int_eq(come(&rig, "blue", "ann@b", NOW - 1), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_NOT_FOUND);
	/* who signs in again is somebody new */
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW + 1), ERR_OK);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 4);
	rig_close(&rig);
}
END_TEST

static enum err come_vouched(struct rig *rig, int64_t minted_ms,
			     int64_t issued_ms, int64_t *id_r)
{
	struct redemption r = { .sync = { .tenant = STR("acme"),
		.email = STR("ann@b"), .name = STR("N"), .is_vouched = true,
		.external_id = STR("42"), .minted_ms = minted_ms,
		.issued_ms = issued_ms } };
	enum err err = rig_visit(rig, &r);

	if (err)
		ck_assert_int_eq(r.note, REDEMPTION_ENDED);
	*id_r = r.user.id;
	return err;
}

/* An assertion of before, by a clock that is ahead, posted afterwards. */
START_TEST(a_partners_clock_that_is_ahead_carries_nobody_over_it)
{
	const int64_t ahead = NOW + TOMBSTONE_SKEW_MS;
	struct rig rig;
	int64_t id;

	clock_hold(NOW);
	rig_open(&rig);
	ck_assert_int_eq(come_vouched(&rig, NOW, NOW, &id), ERR_OK);
	ck_assert_int_eq(rig_erase_id(&rig, id), ERR_OK);
	/* a later and lesser one takes nothing back from it */
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	clock_hold(ahead + 1);
	ck_assert_int_eq(come_vouched(&rig, ahead + 1, ahead, &id),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(come_vouched(&rig, ahead + 1, ahead + 1, &id),
			 ERR_OK);
	/* of who is not vouched for no other clock has a say */
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW + 1), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(who_was_never_stored_is_ended_too)
{
	struct rig rig;

	clock_hold(NOW);
	rig_open(&rig);
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_erase_id(&rig, 99), ERR_NOT_FOUND);
	ck_assert_int_eq(count(&rig), 2);
	/* asked again later, it ends what came in between, in the same rows */
	clock_hold(NOW + 5);
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW + 5), ERR_NOT_FOUND);
	ck_assert_int_eq(count(&rig), 2);
	rig_close(&rig);
}
END_TEST

/* In one batch the erasure is not durable yet, and counts all the same. */
START_TEST(an_erasure_and_an_arrival_may_share_a_commit)
{
	struct user_erase e = { .job.done = rig_done, .tenant = STR("acme"),
				.email_key = STR("nobody@b") };
	struct redemption r;
	struct rig_gate gate;
	struct rig rig;

	clock_hold(NOW);
	rig_open(&rig);
	r = rig_token(&rig, 1, 0);
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(users_erase(store_users(rig.store), &e), ERR_OK);
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store), &r),
			 ERR_OK);
	rig_gate_open(&gate);
	rig_wait(3);
	ck_assert_int_eq(r.job.result, ERR_NOT_FOUND);
	ck_assert_int_eq(r.note, REDEMPTION_ENDED);
	rig_close(&rig);
}
END_TEST

/* A clock that was ahead when somebody was erased locks nobody out. */
START_TEST(a_clock_that_is_set_back_ends_no_new_tokens)
{
	struct rig rig;

	clock_hold(NOW + 86400000);
	rig_open(&rig);
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	clock_hold(NOW);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(of_the_person_no_address_is_kept)
{
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM tombstones"
		" WHERE instr(tag, x'616e6e') OR length(tag) <> 16"), 0);
	/* and another database has another key */
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(DISTINCT value) FROM marks"
		" WHERE name LIKE 'tombstone%' AND value <> 0"), 4);
	rig_close(&rig);
}
END_TEST

/* Until the sweep has left that many: it runs by itself. */
static void swept_to(struct rig *rig, int64_t left)
{
	while (count(rig) != left)
		rig_flush(store_writer(rig->store));
}

START_TEST(what_is_old_is_forgotten_and_no_earlier)
{
	const int64_t kept_ms = TOMBSTONE_KEPT_S * 1000;
	struct rig rig;

	clock_hold(NOW);
	rig_make(&rig);
	rig_start_with(&rig, (struct store_options){ .sweep_ms = 1 });
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	/* the wall clock leaps, and that is all */
	clock_hold(NOW + 2 * kept_ms);
	clock_hold_steady(NOW + kept_ms);
	ck_assert_int_eq(rig_erase_address(&rig, "bob@b"), ERR_OK);
	clock_hold_steady(NOW + kept_ms + 1);
	/* as signed and as unsigned: who is not stored may be either, and what
	 * is signed is so by another clock */
	swept_to(&rig, 3);
	clock_hold_steady(NOW + kept_ms + TOMBSTONE_SKEW_MS + 1);
	swept_to(&rig, 2);
	ck_assert_int_eq(come(&rig, "acme", "bob@b", NOW + kept_ms),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(come(&rig, "acme", "ann@b", NOW), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* One of another clock, before a restart, goes all the same. */
START_TEST(one_from_the_future_is_forgotten_too)
{
	struct rig rig;

	clock_hold(NOW + 86400000);
	rig_make(&rig);
	rig_start_with(&rig, (struct store_options){ .sweep_ms = 1 });
	ck_assert_int_eq(rig_erase_address(&rig, "ann@b"), ERR_OK);
	clock_hold(NOW);
	swept_to(&rig, 0);
	rig_close(&rig);
}
END_TEST

static void tombstones_tests(TCase *tc)
{
	tcase_add_test(tc, an_erasure_ends_what_was_minted_up_to_it);
	tcase_add_test(tc,
		a_partners_clock_that_is_ahead_carries_nobody_over_it);
	tcase_add_test(tc, who_was_never_stored_is_ended_too);
	tcase_add_test(tc, an_erasure_and_an_arrival_may_share_a_commit);
	tcase_add_test(tc, a_clock_that_is_set_back_ends_no_new_tokens);
	tcase_add_test(tc, of_the_person_no_address_is_kept);
	tcase_add_test(tc, what_is_old_is_forgotten_and_no_earlier);
	tcase_add_test(tc, one_from_the_future_is_forgotten_too);
}

UNIT_MAIN("tombstones", tombstones_tests)
