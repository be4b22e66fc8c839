#include "console/explainctl.h"

#include "unit/unit.h"

START_TEST(a_span_is_a_number_and_a_unit)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "90s", 90000 }, { "10m", 600000 }, { "2h", 7200000 },
		{ "30d", INT64_C(2592000000) }, { "31d", -1 }, { "0m", -1 },
		{ "", -1 }, { "m", -1 }, { "10", -1 }, { "-1m", -1 },
		{ "1.5h", -1 }, { "10 m", -1 }, { "10M", -1 }, { "010m", -1 },
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = -1;

		ck_assert_int_eq(explainctl_span(str_from(rows[i].text), &ms),
				 rows[i].ms < 0 ? -1 : 0);
		ck_assert_int_eq(ms, rows[i].ms);
	}
}
END_TEST

START_TEST(a_moment_is_in_utc)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "2026-11-28 10:05", INT64_C(1795860300000) },
		{ "2026-11-28 10:05:30", INT64_C(1795860330000) },
		{ "2026-11-28T10:05Z", INT64_C(1795860300000) },
		{ "2026-11-28T10:05:30Z", INT64_C(1795860330000) },
		{ "2026-11-28T10:05:30.123Z", INT64_C(1795860330123) },
		{ "2024-02-29 00:00", INT64_C(1709164800000) },
		{ "2026-02-29 00:00", -1 }, { "2026-13-01 00:00", -1 },
		{ "2026-11-28 24:00", -1 }, { "2026-11-28", -1 },
		{ "10:05", -1 }, { "", -1 }, { "2026-11-28 10:05 ", -1 },
		{ "2026-11-28 10:5", -1 },
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = -1;

		ck_assert_int_eq(explainctl_moment(str_from(rows[i].text),
						   &ms), rows[i].ms < 0 ? -1 : 0);
		ck_assert_int_eq(ms, rows[i].ms);
	}
}
END_TEST

static void explainctl_tests(TCase *tc)
{
	tcase_add_test(tc, a_span_is_a_number_and_a_unit);
	tcase_add_test(tc, a_moment_is_in_utc);
}

UNIT_MAIN("explainctl", explainctl_tests)
