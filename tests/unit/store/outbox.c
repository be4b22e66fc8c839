#include "store/outbox.h"

#include "store/outbox-private.h"
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

static const struct outbox_usage *usage_of(struct rig *rig, const char *slug)
{
	struct outbox_usage *list = NULL;
	unsigned count = 0;

	ck_assert_int_eq(outbox_usages(store_outbox(rig->store), rig->pool,
				       &list, &count), ERR_OK);
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(list[i].tenant, slug))
			return &list[i];
	return NULL;
}

static enum err come(struct rig *rig, const char *tenant, unsigned events)
{
	static const struct outbox_event event = { STR("adapter.seen"),
						   STR("{}") };
	struct outbox_event list[OUTBOX_EVENTS_MAX];
	struct redemption visit = {
		.sync = { .tenant = str_from(tenant), .email = STR("a@b"),
			  .name = STR("A") },
		.events = list, .event_count = events };

	for (unsigned i = 0; i < events; i++)
		list[i] = event;
	return rig_visit(rig, &visit);
}

/* The next piece of news, once there is one. */
static struct outbox_usage news(struct rig *rig)
{
	struct outbox_usage list[OUTBOX_NEWS_MAX];
	unsigned n;

	while (!(n = outbox_take_news(store_outbox(rig->store), list)))
		rig_flush(store_writer(rig->store));
	ck_assert_uint_eq(n, 1);
	return list[0];
}

START_TEST(a_full_tenant_is_told_of_once_and_signs_in_all_the_same)
{
	const struct store_options options = { .sweep_ms = 3600000 };
	struct outbox_usage list[OUTBOX_NEWS_MAX], told;
	struct rig rig;

	rig_open(&rig);
	rig_stop(&rig);
	rig_start_with(&rig, options);
	outbox_set_bounds(store_outbox(rig.store), 20, OUTBOX_KEPT_S);
	ck_assert_int_eq(come(&rig, "acme", 15), ERR_OK);
	ck_assert_uint_eq(outbox_take_news(store_outbox(rig.store), list), 0);
	ck_assert_int_eq(come(&rig, "acme", 1), ERR_OK);
	told = news(&rig);
	ck_assert_int_eq(told.level, OUTBOX_FILLING);
	ck_assert_str_eq(told.tenant, "acme");
	/* what has room stays, and the rest of that job's is refused */
	ck_assert_int_eq(come(&rig, "acme", 6), ERR_OK);
	told = news(&rig);
	ck_assert_int_eq(told.level, OUTBOX_FULL);
	ck_assert_int_eq(told.events, 20);
	ck_assert_int_eq(told.refused, 2);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(come(&rig, "acme", 2), ERR_OK);
	ck_assert_int_eq(come(&rig, "blue", 3), ERR_OK);
	ck_assert_uint_eq(outbox_take_news(store_outbox(rig.store), list), 0);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 23);
	ck_assert_int_eq(rig_sql(&rig, "SELECT refused FROM outbox_tenants"
				 " WHERE tenant = 'acme'"), 22);
	rig_close(&rig);
}
END_TEST

START_TEST(octets_are_bounded_as_well)
{
	static char big[OUTBOX_BODY_MAX];
	struct outbox_event event = { STR("e"), { big, sizeof(big) } };
	struct redemption visit = {
		.sync = { .email = STR("a@b"), .name = STR("A") },
		.events = &event, .event_count = 1 };
	struct rig rig;

	memset(big, 'x', sizeof(big));
	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	rig_sql(&rig, "UPDATE outbox_tenants SET octets = 268435456 - 163840");
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT refused FROM outbox_tenants"),
			 1);
	rig_sql(&rig, "UPDATE outbox_tenants SET octets = octets - 1");
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT events FROM outbox_tenants"),
			 2);
	rig_close(&rig);
}
END_TEST

START_TEST(none_goes_because_a_clock_was_set)
{
	const struct store_options options = { .sweep_ms = 1 };
	const int64_t now = INT64_C(1700000000000), month = INT64_C(2592000000);
	struct rig rig;

	clock_hold(now);
	rig_open(&rig);
	ck_assert_int_eq(come(&rig, "acme", 3), ERR_OK);
	clock_hold(now + month);
	clock_hold_steady(now + 1);
	rig_stop(&rig);
	/* one is old: when it went, the others were looked at */
	rig_sql(&rig, "UPDATE outbox SET created_ms = 0"
		" WHERE id = (SELECT min(id) FROM outbox)");
	rig_start_with(&rig, options);
	while (rig_sql(&rig, "SELECT count(*) FROM outbox") == 3)
		rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(what_is_too_old_goes_and_is_counted)
{
	const struct store_options options = { .sweep_ms = 1 };
	struct rig rig;

	clock_hold(INT64_C(1700000000000));
	rig_open(&rig);
	ck_assert_int_eq(come(&rig, "acme", 3), ERR_OK);
	ck_assert_int_eq(come(&rig, "blue", 2), ERR_OK);
	ck_assert_int_eq(come(&rig, "acme", 1), ERR_OK);
	clock_hold(INT64_C(1700000000000) + OUTBOX_KEPT_S * 1000);
	ck_assert_int_eq(come(&rig, "acme", 4), ERR_OK);
	rig_stop(&rig);
	rig_start_with(&rig, options);
	for (int i = 0; i < 20; i++)
		rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 10);
	clock_hold(INT64_C(1700000000001) + OUTBOX_KEPT_S * 1000);
	while (rig_sql(&rig, "SELECT count(*) FROM outbox") > 4)
		rig_flush(store_writer(rig.store));
	while (usage_of(&rig, "acme")->events != 4)
		rig_flush(store_writer(rig.store));
	ck_assert_int_eq(usage_of(&rig, "acme")->expired, 4);
	ck_assert_int_eq(usage_of(&rig, "blue")->expired, 2);
	ck_assert_int_eq(usage_of(&rig, "blue")->octets, 0);
	ck_assert_int_eq(usage_of(&rig, "acme")->octets, 4 * 14);
	rig_close(&rig);
}
END_TEST

static void outbox_tests(TCase *tc)
{
	tcase_add_test(tc, events_keep_their_order_and_text);
	tcase_add_test(tc,
		events_out_of_bounds_are_refused_before_they_are_queued);
	tcase_add_test(tc,
		a_full_tenant_is_told_of_once_and_signs_in_all_the_same);
	tcase_add_test(tc, octets_are_bounded_as_well);
	tcase_add_test(tc, none_goes_because_a_clock_was_set);
	tcase_add_test(tc, what_is_too_old_goes_and_is_counted);
}

UNIT_MAIN("outbox", outbox_tests)
