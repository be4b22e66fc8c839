/* Findings carry their place, and the first error is kept. */
#include "config/location.h"

#include "codec/utf8.h"
#include "unit/unit.h"

static struct report report;
static struct location location;

static void set_up(void)
{
	ck_assert_int_eq(report_init(&report), 0);
	location = (struct location){ .report = &report,
		.level = REPORT_TENANT, .file = STR("a.conf"),
		.tenant = STR("acme") };
}

static void tear_down(void)
{
	report_done(&report);
}

START_TEST(a_finding_says_where_it_is)
{
	char setting[] = "url", remedy[] = "write https";

	location_error(&location, 7, setting, remedy, "must be %s, not %d",
		       "https", 5);
	setting[0] = remedy[0] = 'X';
	ck_assert_uint_eq(report.count, 1);
	ck_assert_int_eq(report.v[0].level, REPORT_TENANT);
	ck_str_is(report.v[0].file, "a.conf");
	ck_str_is(report.v[0].tenant, "acme");
	ck_assert_uint_eq(report.v[0].line, 7);
	ck_str_is(report.v[0].setting, "url");
	ck_str_is(report.v[0].problem, "must be https, not 5");
	ck_str_is(report.v[0].remedy, "write https");
	location.level = REPORT_FATAL;
	location_error(&location, 8, NULL, NULL, "%s", "no memory");
	ck_assert_int_eq(report.v[1].level, REPORT_FATAL);
	ck_assert(str_is_null(report.v[1].setting));
	ck_assert(str_is_null(report.v[1].remedy));
}
END_TEST

START_TEST(the_first_error_is_kept_and_all_are_counted)
{
	location_warn(&location, 3, "odd", NULL, "looks odd");
	ck_assert_uint_eq(location.errors, 0);
	ck_assert_str_eq(location.first, "");
	ck_assert_int_eq(report.v[0].level, REPORT_WARNING);
	location_error(&location, 7, "url", NULL, "is %s", "wrong");
	location_error(&location, 4, NULL, NULL, "is also wrong");
	ck_assert_uint_eq(location.errors, 2);
	ck_assert_str_eq(location.first, "url is wrong");
	ck_assert_uint_eq(location.first_line, 7);
}
END_TEST

START_TEST(the_first_without_a_setting_is_the_problem_alone)
{
	location_error(&location, 7, NULL, NULL, "is wrong");
	ck_assert_str_eq(location.first, "is wrong");
}
END_TEST

/* What is kept of a problem of `len` octets. */
static struct str keep(size_t len, const char *end)
{
	char text[2 * LOCATION_PROBLEM_MAX];

	memset(text, 'x', sizeof(text));
	snprintf(text + len - strlen(end), strlen(end) + 1, "%s", end);
	location_error(&location, 1, NULL, NULL, "%s", text);
	return report.v[report.count - 1].problem;
}

START_TEST(a_problem_that_is_too_long_is_cut_between_characters)
{
	/* the terminator takes one */
	ck_assert_uint_eq(keep(LOCATION_PROBLEM_MAX - 2, "").len,
			  LOCATION_PROBLEM_MAX - 2);
	ck_assert_uint_eq(keep(LOCATION_PROBLEM_MAX - 1, "").len,
			  LOCATION_PROBLEM_MAX - 1);
	ck_assert_uint_eq(keep(LOCATION_PROBLEM_MAX, "").len,
			  LOCATION_PROBLEM_MAX - 1);
	/* a character of four octets, of which 4 to 1 fit, is whole or gone */
	for (size_t past = 0; past < 6; past++) {
		size_t len = LOCATION_PROBLEM_MAX - 1 + past;
		struct fault fault;
		struct str kept = keep(len, "\xf0\x9f\x98\x80");

		ck_assert_uint_lt(kept.len, LOCATION_PROBLEM_MAX);
		ck_assert_uint_ge(kept.len, LOCATION_PROBLEM_MAX - 5);
		ck_assert_msg(!utf8_check(kept, &fault), "%zu past", past);
		if (!past)
			ck_assert_uint_eq(kept.len, len);
	}
}
END_TEST

/* The longest problem behind a setting of any usual length is kept whole. */
START_TEST(the_first_holds_the_longest_problem)
{
	char text[LOCATION_PROBLEM_MAX], setting[150];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memset(setting, 's', sizeof(setting));
	setting[sizeof(setting) - 1] = '\0';
	location_error(&location, 1, setting, NULL, "%s", text);
	ck_assert_uint_eq(strlen(location.first),
			  strlen(setting) + 1 + strlen(text));
}
END_TEST

static void location_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_finding_says_where_it_is);
	tcase_add_test(tc, the_first_error_is_kept_and_all_are_counted);
	tcase_add_test(tc, the_first_without_a_setting_is_the_problem_alone);
	tcase_add_test(tc,
		a_problem_that_is_too_long_is_cut_between_characters);
	tcase_add_test(tc, the_first_holds_the_longest_problem);
}

UNIT_MAIN("location", location_tests)
