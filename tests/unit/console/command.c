/* The commands of a console: which one it is, and what it is given. */
#include "console/command.h"

#include "unit/unit.h"

static struct command_line seen;
static unsigned runs;

static int keep(const struct command_line *line)
{
	seen = *line;
	runs++;
	return COMMAND_DONE;
}

static int refuse(const struct command_line *line)
{
	(void)line;
	runs++;
	return COMMAND_REFUSED;
}

static const struct command_option sign_options[] = {
	{ "email", "ADDRESS", "whose", 1 },
	{ "field", "NAME=VALUE", "one more claim", 3 },
	{ "raw", NULL, "only the token", 1 },
	{ "config", "KEY=VALUE", "a setting", 2 },
	{ 0 }
};

static const struct command commands[] = {
	{ "key", "", "one word", 0, 0, refuse, NULL },
	{ "key list", "", "two words", 0, 0, keep, NULL },
	{ "sign", "SLUG [FILE...]", "a test assertion", 1, 3, keep,
	  sign_options },
	{ "set on", "X", "of a group", 1, 1, keep, NULL },
	{ 0 }
};

/* The words of a command line, split at spaces. */
static int run(const char *text)
{
	static char copy[4096];
	static char *argv[600];
	int argc = 0;

	snprintf(copy, sizeof(copy), "usherctl %s", text);
	for (char *at = copy; at && *at; argc++) {
		char *space = strchr(at, ' ');

		argv[argc] = at;
		at = space ? space + 1 : NULL;
		if (space)
			*space = '\0';
	}
	argv[argc] = NULL;
	runs = 0;
	memset(&seen, 0, sizeof(seen));
	return command_main(commands, argc, argv, "/etc/conf.d", "1.2.3");
}

START_TEST(the_longest_name_that_fits_is_the_command)
{
	/* "key" comes first, and takes no arguments: `key list` is another. */
	ck_assert_int_eq(run("key list"), COMMAND_DONE);
	ck_assert_str_eq(seen.command->words, "key list");
	ck_assert_int_eq(run("key"), COMMAND_REFUSED);
	ck_assert_int_eq(run("key lost"), COMMAND_USAGE);
	ck_assert_int_eq(run("lost"), COMMAND_USAGE);
	ck_assert_int_eq(run(""), COMMAND_USAGE);
	ck_assert_uint_eq(runs, 0);
}
END_TEST

/* What is said of a name that is none. */
static const char *said(const char *text)
{
	static char err[4096];
	FILE *file = tmpfile();
	int kept = dup(2);
	size_t len;

	ck_assert_ptr_nonnull(file);
	fflush(stderr);
	ck_assert_int_ge(dup2(fileno(file), 2), 0);
	ck_assert_int_eq(run(text), COMMAND_USAGE);
	fflush(stderr);
	dup2(kept, 2);
	close(kept);
	rewind(file);
	len = fread(err, 1, sizeof(err) - 1, file);
	err[len] = '\0';
	fclose(file);
	return err;
}

START_TEST(who_mistypes_a_name_is_told_the_near_one)
{
	ck_assert_ptr_nonnull(strstr(said("sgin acme"),
				     "no such command: sgin; did you mean sign?"));
	/* the beginning of one, as one writes it in a hurry */
	ck_assert_ptr_nonnull(strstr(said("keys lst"), "did you mean key list?"));
	ck_assert_ptr_null(strstr(said("frobnicate"), "did you mean"));
	/* a name that others follow: those, and nothing else */
	ck_assert_ptr_nonnull(strstr(said("seton"), "did you mean set on?"));
	ck_assert_ptr_nonnull(strstr(said("set what"),
				     "set is followed by\n\n  set on X\n"));
	ck_assert_ptr_null(strstr(said("set what"), "key"));
}
END_TEST

START_TEST(options_stand_anywhere_behind_the_words)
{
	unsigned at = 0;

	ck_assert_int_eq(run("--json sign --email=a@b acme --field x=1 "
			     "--socket /s --raw f --field y"), COMMAND_DONE);
	ck_assert(seen.general.json);
	ck_assert_str_eq(seen.general.socket, "/s");
	ck_assert_str_eq(seen.general.config, "/etc/conf.d");
	ck_assert_int_eq(seen.count, 2);
	ck_assert_str_eq(seen.arguments[0], "acme");
	ck_assert_str_eq(seen.arguments[1], "f");
	ck_assert_str_eq(command_value(&seen, "email"), "a@b");
	ck_assert(command_has(&seen, "raw"));
	ck_assert(!command_has(&seen, "config"));
	ck_assert_str_eq(command_next(&seen, "field", &at), "x=1");
	ck_assert_str_eq(command_next(&seen, "field", &at), "y");
	ck_assert_ptr_null(command_next(&seen, "field", &at));
	ck_assert_int_eq(run("sign -- --raw"), COMMAND_DONE);
	ck_assert_str_eq(seen.arguments[0], "--raw");
	ck_assert(!command_has(&seen, "raw"));
}
END_TEST

START_TEST(behind_the_words_a_name_is_the_commands_own)
{
	ck_assert_int_eq(run("--config /dir sign acme --config k=v"),
			 COMMAND_DONE);
	ck_assert_str_eq(seen.general.config, "/dir");
	ck_assert_str_eq(command_value(&seen, "config"), "k=v");
	ck_assert_int_eq(run("key list --config /dir"), COMMAND_DONE);
	ck_assert_str_eq(seen.general.config, "/dir");
}
END_TEST

START_TEST(what_is_too_much_or_too_little_is_told_and_not_run)
{
	static const char *const wrong[] = {
		"sign", "sign a b c d", "sign a --email x --email y",
		"sign a --raw --raw",
		("sign a --field 1 --field 2 --field 3 "
		 "--field 4"), "sign a --nonsense", "sign a --email",
		"key list --raw", "key list x", "--raw sign a", "--config",
		"sign a --raw=yes",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(run(wrong[i]) == COMMAND_USAGE, "%s", wrong[i]);
		ck_assert_msg(runs == 0, "%s", wrong[i]);
	}
	ck_assert_int_eq(run("sign --help"), COMMAND_DONE);
	ck_assert_int_eq(run("--help"), COMMAND_DONE);
	ck_assert_int_eq(run("--version"), COMMAND_DONE);
	ck_assert_uint_eq(runs, 0);
}
END_TEST

START_TEST(a_pair_has_a_name_and_perhaps_an_empty_value)
{
	static const struct {
		const char *text, *name, *value;
	} good[] = {
		{ "k=v", "k", "v" }, { " k = a = b ", "k", "a = b" },
		{ "k=", "k", "" },
	};
	static const char *const bad[] = { "", "k", "=v", " = v" };
	struct str name, value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(command_pair(good[i].text, &name, &value), 0);
		ck_str_is(name, good[i].name);
		ck_str_is(value, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(command_pair(bad[i], &name, &value), -1);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, the_longest_name_that_fits_is_the_command);
	tcase_add_test(t, who_mistypes_a_name_is_told_the_near_one);
	tcase_add_test(t, options_stand_anywhere_behind_the_words);
	tcase_add_test(t, behind_the_words_a_name_is_the_commands_own);
	tcase_add_test(t, what_is_too_much_or_too_little_is_told_and_not_run);
	tcase_add_test(t, a_pair_has_a_name_and_perhaps_an_empty_value);
}

UNIT_MAIN("command", add_tests)
