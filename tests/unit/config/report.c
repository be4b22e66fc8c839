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

static void add_unsigned(const char *slug, unsigned line)
{
	report_add(&report, (struct finding){ .level = REPORT_WARNING,
		.file = STR("t.conf"), .line = line, .tenant = str_from(slug),
		.setting = STR("identity"), .problem = STR("is unsigned"),
		.remedy = STR("sign") });
}

START_TEST(what_many_tenants_have_is_one_line)
{
	static const struct {
		unsigned count;
		const char *says;
	} cases[] = {
		{ 1, "tenant t0: " }, { 2, "tenants t0 and t1: " },
		{ 3, "tenants t0, t1 and t2: " },
		{ 4, "tenants t0, t1, t2 and 1 more: " },
		{ 500, "tenants t0, t1, t2 and 497 more: " },
		{ 2000, "tenants t0, t1, t2 and 1997 more: " },
	};
	char slug[16], want[128];

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		begin();
		for (unsigned n = 0; n < cases[i].count; n++) {
			snprintf(slug, sizeof(slug), "t%u", n);
			add_unsigned(slug, n + 1);
		}
		report_text(&report, &out);
		snprintf(want, sizeof(want), "t.conf:1: warning: %sidentity "
			 "is unsigned; sign\n", cases[i].says);
		ck_str_is(buf_str(&out), want);
		ck_assert_uint_eq(report.dropped, 0);
		ck_assert_uint_eq(report_count(&report, REPORT_WARNING), 1);
		end();
	}
}
END_TEST

START_TEST(only_what_is_the_same_is_put_together)
{
	struct report other;

	begin();
	add_unsigned("a", 1);
	add_unsigned("b", 2);
	/* once more of one that is named: at another place */
	add_unsigned("b", 3);
	/* errors have to be mended one by one */
	for (unsigned i = 0; i < 2; i++)
		report_add(&report, (struct finding){
			.level = REPORT_TENANT, .tenant = STR("c"),
			.problem = STR("is broken") });
	report_add(&report, (struct finding){ .level = REPORT_WARNING,
		.problem = STR("is unsigned"), .setting = STR("identity"),
		.remedy = STR("sign") });
	ck_assert_uint_eq(report.count, 5);
	report_json(&report, &out);
	ck_assert_ptr_nonnull(strstr(out.ptr, "\"tenant\":\"a\","
				     "\"tenants\":2,\"setting\""));
	/* and they stay together, on their own, in another report */
	ck_assert_int_eq(report_init(&other), 0);
	report_add_all(&other, &report);
	report_done(&report);
	buf_clear(&out);
	report_line(&other.v[0], &out);
	ck_str_is(buf_str(&out), "t.conf:1: warning: tenants a and b: "
		  "identity is unsigned; sign");
	report = other;
	end();
}
END_TEST

/* What is put together in each of two stays told by name. */
START_TEST(two_that_are_put_together_keep_their_names)
{
	static const struct {
		const char *first, *second, *says;
	} cases[] = {
		{ "a", "bc", "tenants a, b and c: " },
		{ "ab", "cd", "tenants a, b, c and 1 more: " },
		{ "a", "bcdef", "tenants a, b, c and 3 more: " },
		{ "ab", "cb", "tenants a, b and c: " },
	};
	char slugs[2] = "", want[128];
	struct report other;

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		begin();
		for (const char *s = cases[i].second; *s; s++) {
			slugs[0] = *s;
			add_unsigned(slugs, 1);
		}
		other = report;
		ck_assert_int_eq(report_init(&report), 0);
		for (const char *s = cases[i].first; *s; s++) {
			slugs[0] = *s;
			add_unsigned(slugs, 1);
		}
		report_add_all(&report, &other);
		report_done(&other);
		buf_clear(&out);
		report_line(&report.v[0], &out);
		snprintf(want, sizeof(want), "t.conf:1: warning: %sidentity "
			 "is unsigned; sign", cases[i].says);
		ck_str_is(buf_str(&out), want);
		end();
	}
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
	tcase_add_test(tcase, what_many_tenants_have_is_one_line);
	tcase_add_test(tcase, only_what_is_the_same_is_put_together);
	tcase_add_test(tcase, two_that_are_put_together_keep_their_names);
}

UNIT_MAIN("report", report_tests)
