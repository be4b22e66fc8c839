/* Findings, for people and for programs. */
#include "config/report.h"

#include "unit/unit.h"

static struct report report;
static struct buf out;

static void begin(void)
{
	ck_assert_int_eq(report_init(&report), 0);
	buf_init(&out, 1 << 20);
}

static void end(void)
{
	buf_done(&out);
	report_done(&report);
}

static void add_three(void)
{
	report_add(&report, (struct finding){
		.level = REPORT_TENANT, .file = STR("conf.d/a.conf"),
		.line = 12, .tenant = STR("a"), .setting = STR("session.idle"),
		.problem = STR("must be from 60 to 100, not 5"),
		.remedy = STR("e.g. idle = 60;") });
	report_add(&report, (struct finding){
		.level = REPORT_WARNING, .file = STR("conf.d/b\n\".conf"),
		.problem = STR("may be changed by anyone") });
	report_add(&report, (struct finding){
		.level = REPORT_FATAL, .problem = STR("no gateway") });
}

START_TEST(text_cannot_steer_a_terminal)
{
	begin();
	report_add(&report, (struct finding){ .level = REPORT_NOTE,
		.file = STR("\x1b[2J\xc2\x9b\xff\xc3\xa4.conf"),
		.problem = STR("\x7f" "a\r") });
	report_text(&report, &out);
	ck_str_is(buf_str(&out), "?[2J??\xc3\xa4.conf: note: ?a?\n");
	end();
}
END_TEST

START_TEST(text_is_a_line_each)
{
	begin();
	add_three();
	report_text(&report, &out);
	ck_str_is(buf_str(&out),
		  "conf.d/a.conf:12: error: tenant a: session.idle must be "
		  "from 60 to 100, not 5; e.g. idle = 60;\n"
		  "conf.d/b?\".conf: warning: may be changed by anyone\n"
		  "error: no gateway\n");
	end();
}
END_TEST

START_TEST(json_leaves_out_what_is_absent)
{
	begin();
	add_three();
	report_json(&report, &out);
	ck_str_is(buf_str(&out),
		  "{\"errors\":2,\"warnings\":1,\"dropped\":0,\"findings\":["
		  "{\"level\":\"error\",\"scope\":\"tenant\","
		  "\"file\":\"conf.d/a.conf\",\"line\":12,\"tenant\":\"a\","
		  "\"setting\":\"session.idle\","
		  "\"problem\":\"must be from 60 to 100, not 5\","
		  "\"remedy\":\"e.g. idle = 60;\"},"
		  "{\"level\":\"warning\",\"file\":\"conf.d/b\\n\\\".conf\","
		  "\"problem\":\"may be changed by anyone\"},"
		  "{\"level\":\"error\",\"scope\":\"gateway\","
		  "\"problem\":\"no gateway\"}]}");
	end();
}
END_TEST

START_TEST(strings_are_copied)
{
	char problem[] = "first";

	begin();
	report_add(&report, (struct finding){ .problem = str_from(problem) });
	memset(problem, 'x', sizeof(problem) - 1);
	ck_str_is(report.v[0].problem, "first");
	ck_assert(str_is_null(report.v[0].remedy));
	end();
}
END_TEST

START_TEST(what_is_dropped_still_counts)
{
	unsigned i;

	begin();
	ck_assert_int_eq(report_worst(&report), REPORT_NOTE);
	for (i = 0; i < REPORT_MAX; i++)
		report_add(&report, (struct finding){
			.level = REPORT_TENANT, .problem = STR("t") });
	ck_assert_int_eq(report_worst(&report), REPORT_TENANT);
	report_add(&report, (struct finding){
		.level = REPORT_FATAL, .problem = STR("the last one") });
	ck_assert_uint_eq(report.count, REPORT_MAX);
	ck_assert_uint_eq(report.dropped, 1);
	ck_assert_int_eq(report_worst(&report), REPORT_FATAL);
	ck_assert_uint_eq(report_count(&report, REPORT_FATAL), 1);
	ck_assert_uint_eq(report_count(&report, REPORT_TENANT), REPORT_MAX);
	report_text(&report, &out);
	ck_assert(str_icontains(buf_str(&out),
				STR("\n1 more finding is not shown\n")));
	end();
}
END_TEST

START_TEST(warnings_leave_room_for_errors)
{
	unsigned i;

	begin();
	for (i = 0; i < REPORT_MAX; i++)
		report_add(&report, (struct finding){
			.level = REPORT_WARNING, .problem = STR("w") });
	report_add(&report, (struct finding){
		.level = REPORT_TENANT, .problem = STR("an error") });
	ck_assert_uint_eq(report.count, REPORT_MINOR_MAX + 1);
	ck_str_is(report.v[REPORT_MINOR_MAX].problem, "an error");
	ck_assert_uint_eq(report.dropped, REPORT_MAX - REPORT_MINOR_MAX);
	ck_assert_uint_eq(report_count(&report, REPORT_WARNING), REPORT_MAX);
	end();
}
END_TEST

static void report_tests(TCase *tcase)
{
	tcase_add_test(tcase, text_is_a_line_each);
	tcase_add_test(tcase, text_cannot_steer_a_terminal);
	tcase_add_test(tcase, json_leaves_out_what_is_absent);
	tcase_add_test(tcase, strings_are_copied);
	tcase_add_test(tcase, what_is_dropped_still_counts);
	tcase_add_test(tcase, warnings_leave_room_for_errors);
}

UNIT_MAIN("report", report_tests)
