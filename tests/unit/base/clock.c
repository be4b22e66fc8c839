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
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
		{ INT64_C(253402300800000), "-" },
		{ INT64_MAX, "-" },
		{ INT64_MIN, "-" },
	};
	char text[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_text(cases[i].ms, text);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(test_the_steady_clock_does_not_step)
{
	clock_hold(1000000);
	ck_assert_int_eq(clock_steady_ms(), 1000000);
	ck_assert_int_eq(clock_ahead_ms(), 0);
	clock_hold_steady(1000000 - CLOCK_STEP_MS);
	ck_assert_int_eq(clock_steady_s(), 998);
	ck_assert_int_eq(clock_ahead_ms(), 0);
	clock_hold_steady(1000000 - CLOCK_STEP_MS - 1);
	ck_assert_int_eq(clock_ahead_ms(), CLOCK_STEP_MS + 1);
	clock_hold_steady(1000000 + CLOCK_STEP_MS + 1);
	ck_assert_int_eq(clock_ahead_ms(), -CLOCK_STEP_MS - 1);
	/* held, it is not put anywhere */
	ck_assert_int_eq(clock_steady_at_least(INT64_MAX / 8), 0);
	clock_hold(0);
	ck_assert_int_eq(clock_ahead_ms(), 0);
}
END_TEST

START_TEST(test_the_steady_clock_goes_on_where_it_was)
{
	char mark[CLOCK_MARK_MAX], other[CLOCK_MARK_MAX];
	const int64_t day_ms = 86400000;
	int64_t before = clock_steady_ms();

	ck_assert_int_eq(clock_steady_mark(mark), ERR_OK);
	ck_assert_int_eq(clock_steady_at_least(before - day_ms), 0);
	ck_assert_int_gt(clock_steady_at_least(before + 10 * day_ms),
			 9 * day_ms);
	ck_assert_int_ge(clock_steady_ms(), before + 10 * day_ms);
	ck_assert_int_lt(clock_ahead_ms(), -9 * day_ms);
	/* as a restart would take it back */
	ck_assert_int_eq(clock_steady_mark(other), ERR_OK);
	ck_assert_int_eq(clock_steady_resume(str_from(mark)), ERR_OK);
	ck_assert_int_eq(clock_ahead_ms(), 0);
	ck_assert_int_eq(clock_steady_resume(str_from(other)), ERR_OK);
	ck_assert_int_lt(clock_ahead_ms(), -9 * day_ms);
	ck_assert_int_eq(clock_steady_resume(str_from(mark)), ERR_OK);
	/* of another boot */
	mark[0] = mark[0] == '0' ? '1' : '0';
	ck_assert_int_eq(clock_steady_resume(str_from(mark)), ERR_NOT_FOUND);
	ck_assert_int_eq(clock_ahead_ms(), 0);
}
END_TEST

START_TEST(test_a_mark_that_is_none_is_refused)
{
	static const char *const texts[] = { "", " ", "x 1", "garbage",
		"00000000-0000-0000-0000-000000000000",
		"00000000-0000-0000-0000-000000000000 ",
		"00000000-0000-0000-0000-000000000000 1x",
		"00000000-0000-0000-0000-000000000000 9223372036854775807",
		"00000000-0000-0000-0000-0000000000000 1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(clock_steady_resume(str_from(texts[i])),
				 ERR_SYNTAX);
}
END_TEST

static void clock_tests(TCase *t)
{
	tcase_add_test(t, test_the_steady_clock_does_not_step);
	tcase_add_test(t, test_the_steady_clock_goes_on_where_it_was);
	tcase_add_test(t, test_a_mark_that_is_none_is_refused);
	tcase_add_test(t, test_the_wall_clock_can_be_held);
	tcase_add_test(t, test_the_monotonic_clock_never_goes_back);
	tcase_add_test(t, test_time_is_told_as_rfc_3339_does);
}

UNIT_MAIN("clock", clock_tests)
