#include "base/clock.h"

#include "unit/unit.h"

START_TEST(test_the_wall_clock_can_be_held)
{
	clock_hold(1234567);
	ck_assert_int_eq(clock_wall_ms(), 1234567);
	ck_assert_int_eq(clock_wall_s(), 1234);
	clock_hold(0);
	/* It runs again: later than the year this was written. */
	ck_assert_int_gt(clock_wall_ms(), INT64_C(1735689600000));
	ck_assert_int_gt(clock_wall_s(), INT64_C(1735689600));
}
END_TEST

START_TEST(test_the_monotonic_clock_never_goes_back)
{
	int64_t before = clock_mono_ns();

	clock_hold(1);
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono_ns();

		ck_assert_int_ge(now, before);
		before = now;
	}
	clock_hold(0);
	ck_assert_int_ge(clock_mono_ms(), before / 1000000);
}
END_TEST

START_TEST(test_time_is_told_as_rfc_3339_does)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ INT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1795371060123), "2026-11-22T18:11:00.123Z" },
		{ INT64_C(4102444800000), "2100-01-01T00:00:00.000Z" },
	};
	char text[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_text(cases[i].ms, text);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

static void clock_tests(TCase *t)
{
	tcase_add_test(t, test_the_wall_clock_can_be_held);
	tcase_add_test(t, test_the_monotonic_clock_never_goes_back);
	tcase_add_test(t, test_time_is_told_as_rfc_3339_does);
}

UNIT_MAIN("clock", clock_tests)
