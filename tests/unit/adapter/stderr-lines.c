/* What a child writes on standard error. */
#include "adapter/stderr-lines-private.h"

#include "unit/unit.h"

#define SECOND INT64_C(1000000000)

static struct buf said;

static void keep(enum log_level level, struct str tenant, struct str adapter,
		 struct str text)
{
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
	buf_printf(&said, "%.*s/%.*s:%.*s|", STR_ARG(tenant), STR_ARG(adapter),
		   STR_ARG(text));
}

static unsigned dropped;

static void count(struct str tenant, unsigned lines)
{
	ck_str_is(tenant, "acme");
	dropped += lines;
}

static const struct adapter_services services = { .log = keep,
						  .dropped = count };
static const struct adapter_env env = { .services = &services,
					.tenant = { "acme", 4 } };

static void setup(void)
{
	buf_init(&said, 1024 * 1024);
}

static void teardown(void)
{
	buf_done(&said);
}

START_TEST(each_line_is_one)
{
	struct stderr_lines lines = { 0 };

	stderr_lines_take(&lines, &env, STR("a"), STR("one\n\ntwo\nth"),
			  SECOND);
	ck_str_is(buf_str(&said), "acme/a:one|acme/a:two|acme/a:th|");
	ck_assert(!lines.is_muted);
}
END_TEST

START_TEST(a_long_one_is_cut)
{
	char text[USHER_LOG_MAX + 100];
	struct stderr_lines lines = { 0 };

	memset(text, 'x', sizeof(text));
	stderr_lines_take(&lines, &env, STR("a"),
			  (struct str){text, sizeof(text)}, SECOND);
	ck_assert_uint_eq(buf_str(&said).len,
			  USHER_LOG_MAX + strlen("acme/a:|"));
}
END_TEST

START_TEST(too_many_mute_it_for_the_rest_of_the_second)
{
	struct stderr_lines lines = { 0 };
	unsigned count = 0;

	for (unsigned i = 0; i < LINES_MAX; i++) {
		ck_assert(!lines.is_muted);
		stderr_lines_take(&lines, &env, STR("a"), STR("x\n"),
				  5 * SECOND + i);
	}
	ck_assert(lines.is_muted);
	ck_assert_int_eq(stderr_lines_until(&lines), 6 * SECOND);
	stderr_lines_take(&lines, &env, STR("a"), STR("y\n"), 6 * SECOND - 1);
	ck_assert(lines.is_muted);
	stderr_lines_take(&lines, &env, STR("a"), STR("z\n"), 6 * SECOND);
	ck_assert(!lines.is_muted);
	for (size_t i = 0; i < said.len; i++)
		count += said.ptr[i] == '|';
	ck_assert_uint_eq(count, LINES_MAX + 1);
	ck_assert_ptr_null(memchr(said.ptr, 'y', said.len));
}
END_TEST

/* What was read and not kept is told. */
START_TEST(what_is_not_taken_is_counted)
{
	struct stderr_lines lines = { 0 };
	char text[LINES_READ];
	unsigned kept = 0;

	dropped = 0;
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '\n' : 'x';
	stderr_lines_take(&lines, &env, STR("a"),
			  (struct str){ text, sizeof(text) }, SECOND);
	for (size_t i = 0; i < said.len; i++)
		kept += said.ptr[i] == '|';
	ck_assert_uint_eq(kept, LINES_MAX);
	ck_assert_uint_eq(dropped, LINES_READ / 2 - LINES_MAX);
}
END_TEST

static void lines_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_line_is_one);
	tcase_add_test(tcase, a_long_one_is_cut);
	tcase_add_test(tcase, what_is_not_taken_is_counted);
	tcase_add_test(tcase, too_many_mute_it_for_the_rest_of_the_second);
}

UNIT_MAIN("lines", lines_tests)
