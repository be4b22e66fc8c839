#include "store/outbox.h"

#include "unit/store/rig.h"

START_TEST(events_keep_their_order_and_text)
{
	struct outbox_event events[] = {
		{ STR("user.created"), STR("{\"name\":\"K\xc3\xb6nig\"}") },
		{ STR("user.signed_in"), STR("{}") },
	};
	struct redemption visit = {
		.sync = { .email = STR("a@b"), .name = STR("A") },
		.events = events, .event_count = 2 };
	struct rig rig;

	clock_hold(1700000000123);
	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 4);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
		" WHERE id IN (1, 3) AND event = 'user.created'"
		" AND body = '{\"name\":\"K\xc3\xb6nig\"}' AND state = 0"
		" AND created_ms = 1700000000123"), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(events_out_of_bounds_are_refused_before_they_are_queued)
{
	static char big[OUTBOX_BODY_MAX + 1];
	static struct outbox_event many[OUTBOX_EVENTS_MAX + 1];
	const struct outbox_event large = { STR("e"), { big, sizeof(big) } };
	const struct outbox_event bare = { STR("e"), STR_NULL };
	const struct outbox_event nul = { STR("e\0f"), STR("{}") };
	const struct outbox_event fit = { STR("e"),
					  { big, OUTBOX_BODY_MAX } };

	memset(big, 'x', sizeof(big));
	for (int i = 0; i <= OUTBOX_EVENTS_MAX; i++)
		many[i] = (struct outbox_event){ STR("e"), STR("{}") };
	ck_assert_int_eq(outbox_check(&fit, 1), ERR_OK);
	ck_assert_int_eq(outbox_check(many, OUTBOX_EVENTS_MAX), ERR_OK);
	ck_assert_int_eq(outbox_check(many, OUTBOX_EVENTS_MAX + 1), ERR_LIMIT);
	ck_assert_int_eq(outbox_check(&large, 1), ERR_LIMIT);
	ck_assert_int_eq(outbox_check(&bare, 1), ERR_SYNTAX);
	ck_assert_int_eq(outbox_check(&nul, 1), ERR_CONTROL);
}
END_TEST

static void outbox_tests(TCase *tc)
{
	tcase_add_test(tc, events_keep_their_order_and_text);
	tcase_add_test(tc,
		events_out_of_bounds_are_refused_before_they_are_queued);
}

UNIT_MAIN("outbox", outbox_tests)
