#include "workbench/fixture.h"

#include "unit/adapter/adapters.h"

static char output[65536];
static struct fixture_result result;

static enum err run(const char *name, const char *fixture)
{
	struct fixture_options options = { .services = &test_services };
	char path[ADAPTER_PATH_MAX];
	struct buf out;

	buf_init_fixed(&out, output, sizeof(output));
	options.path = adapter_path(name, path);
	return fixture_run(&options, STR("the.fixture"), str_from(fixture),
			   &out, &result);
}

static void shows(const char *text)
{
	ck_assert_msg(strstr(output, text) != NULL, "'%s' is not in:\n%s",
		      text, output);
}

START_TEST(a_fixture_that_holds_is_a_success)
{
	static const char fixture[] =
		"# the good adapter\n"
		"\n"
		"config greeting = hello = world\n"
		"secret desk = s3cret\n"
		"load\n"
		"field plan = pro\r\n"
		"attribute old = x\n"
		"handoff\n"
		"expect ok\n"
		"expect attribute plan = pro\n"
		"expect attribute greeting = hello = world\n"
		"  expect redirect = https://desk.example/pro  \n"
		"expect event seen = {\"n\":1}\n"
		"expect unchanged old\n"
		"expect email = none\n"
		"expect post = none\n"
		"info user.id = 42\n"
		"deliver\n"
		"expect ok\n"
		"expect post = https://desk.example/login\n"
		"expect posted user = 42\n"
		"expect redirect = none";

	ck_assert_msg(run("good", fixture) == ERR_OK, "%s", output);
	ck_assert_uint_eq(result.runs, 2);
	ck_assert_uint_eq(result.expectations, 12);
	ck_assert_msg(result.failures == 0, "%s", output);
	shows("good 1.2.3\n");
	shows("handoff: ok\n  attribute plan = pro\n");
	shows("deliver: ok\n  post = https://desk.example/login\n");
}
END_TEST

START_TEST(refusals_and_failures_can_be_expected)
{
	static const char fixture[] =
		"field map = error\n"
		"handoff\n"
		"expect invalid plan = Bad plan.\n"
		"field map = deny_words\n"
		"handoff\n"
		"expect denied not_member = Members only.\n"
		"field map = thousand\n"
		"handoff\n"
		"expect failed\n"
		"field map = set\n"
		"field sync = ok\n"
		"handoff\n"
		"expect attribute kept = yes\n"
		"signed\n"
		"json map = [1]\n"
		"handoff\n"
		"expect ok\n";

	ck_assert_msg(run("misbehave", fixture) == ERR_OK, "%s", output);
	ck_assert_uint_eq(result.runs, 5);
	ck_assert_msg(result.failures == 0, "%s", output);
	shows("handoff: failed (502)\n  map_fields: what it gave to "
	      "set_attribute() was refused");
}
END_TEST

START_TEST(what_is_not_as_expected_is_told_with_its_line)
{
	static const char *const wrong[] = {
		"failed", "invalid plan = x", "denied x = y",
		"attribute kept = no", "attribute other = yes",
		"removed kept", "unchanged kept", "email = a@b.example",
		"name = A", "redirect = https://desk.example/",
		"post = https://desk.example/", "posted a = b",
		"event seen = {}",
	};

	for (unsigned i = 0; i < COUNT(wrong); i++) {
		char fixture[256], want[256];

		snprintf(fixture, sizeof(fixture),
			 "field map = set\nfield sync = ok\nhandoff\n"
			 "expect %s\nexpect ok\n", wrong[i]);
		ck_assert_msg(run("misbehave", fixture) == ERR_OK, "%s",
			      output);
		ck_assert_uint_eq(result.expectations, 2);
		ck_assert_msg(result.failures == 1, "%s:\n%s", wrong[i],
			      output);
		snprintf(want, sizeof(want),
			 "the.fixture:4: NOT AS EXPECTED: %s\n", wrong[i]);
		shows(want);
	}
}
END_TEST

START_TEST(lines_that_are_not_understood_stop_the_trial)
{
	static const struct {
		const char *fixture, *says;
	} cases[] = {
		{ "feld a = b", "the.fixture:1: not understood; there are" },
		{ "field a", "the.fixture:1: not understood; a line" },
		{ "field = b", "the.fixture:1: not understood; a line" },
		{ "\n\nexpect ok", "the.fixture:3: nothing was run" },
		{ "handoff\nexpect luck", "the.fixture:2: this cannot be" },
		{ "info tenant.slug = x", "the.fixture:1: info is" },
		{ "handoff\nconfig a = b", "settings come before" },
		{ "load\nsecret a = b", "secrets come before" },
		{ "field a = \x01", "UTF-8 without control" },
		{ "config a = \xff\nhandoff", "config.a is not UTF-8" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		ck_assert_msg(run("good", cases[i].fixture) != ERR_OK,
			      "case %u", i);
		shows(cases[i].says);
	}
}
END_TEST

START_TEST(limits_of_a_fixture_hold)
{
	char *text = malloc(FIXTURE_TEXT_MAX + 2);
	size_t len = 0;

	memset(text, 'x', FIXTURE_TEXT_MAX + 1);
	text[FIXTURE_TEXT_MAX + 1] = '\0';
	ck_assert_int_ne(run("good", text), ERR_OK);
	shows("longer than 256 KiB");
	text[FIXTURE_LINE_MAX + 1] = '\0';
	ck_assert_int_ne(run("good", text), ERR_OK);
	shows("longer than 16 KiB");
	for (unsigned i = 0; i <= FIXTURE_SETTINGS_MAX; i++)
		len += (size_t)snprintf(text + len, 32, "config a%u = b\n", i);
	ck_assert_int_ne(run("good", text), ERR_OK);
	shows("the.fixture:257: more than 256 settings");
	free(text);
}
END_TEST

START_TEST(a_file_that_does_not_load_says_why)
{
	ck_assert_int_ne(run("newer-minor", "handoff\n"), ERR_OK);
	shows("newer adapter ABI 1.1");
	/* Even when nothing was to be run. */
	ck_assert_int_ne(run("no-entry", ""), ERR_OK);
	shows("does not export usher_adapter_entry");
	ck_assert_int_eq(run("good", "# nothing"), ERR_OK);
	ck_assert_uint_eq(result.runs, 0);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, a_fixture_that_holds_is_a_success);
	tcase_add_test(t, refusals_and_failures_can_be_expected);
	tcase_add_test(t, what_is_not_as_expected_is_told_with_its_line);
	tcase_add_test(t, lines_that_are_not_understood_stop_the_trial);
	tcase_add_test(t, limits_of_a_fixture_hold);
	tcase_add_test(t, a_file_that_does_not_load_says_why);
}

UNIT_MAIN("trial", add_tests)
