/* From an offset to the line, for who asks. */
#include "console/sourceline.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "unit/unit.h"

static struct buf out;

static void set_up(void)
{
	buf_init(&out, 1 << 16);
}

static void tear_down(void)
{
	buf_done(&out);
}

static const char *add(const char *path, const char *text, bool must_run)
{
	buf_clear(&out);
	sourceline_add(path, str_from(text), must_run, &out);
	return out.len ? out.ptr : "";
}

START_TEST(the_command_is_named)
{
	ck_assert_str_eq(add("./a/acme.so", "signal 11 at acme.so+0x1a3 in "
			     "init; acme.so+0x1a3, acme.so+0xff", false),
			 "acme.so+0x1a3: addr2line -e ./a/acme.so 0x1a3 tells "
			 "the line, as does --lines\n"
			 "acme.so+0xff: addr2line -e ./a/acme.so 0xff tells "
			 "the line, as does --lines\n");
	ck_assert_str_eq(add("acme.so", "libc.so.6+0x1, acme.so, acme.so+, "
			     "acme.so+0x, acme.so+1, acme.so+0xg", false), "");
	ck_assert_str_eq(add("acme.so", "acme.so+0x1", false),
			 "acme.so+0x1: addr2line -e acme.so 0x1 tells the "
			 "line, as does --lines\n");
}
END_TEST

START_TEST(no_more_than_a_few)
{
	unsigned lines = 0;

	add("a.so", "a.so+0x1 a.so+0x2 a.so+0x3 a.so+0x4 a.so+0x5", false);
	for (size_t i = 0; i < out.len; i++)
		lines += out.ptr[i] == '\n';
	ck_assert_uint_eq(lines, SOURCELINE_MAX);
	/* More digits than an address has. */
	ck_assert_str_eq(add("a.so", "a.so+0x00112233445566778899", false),
			 "a.so+0x0011223344556677: addr2line -e a.so "
			 "0x0011223344556677 tells the line, as does --lines\n");
}
END_TEST

START_TEST(without_the_program_that_is_said)
{
	char *was = strdup(getenv("PATH"));

	setenv("PATH", "/nonexistent", 1);
	ck_assert_str_eq(add("a.so", "a.so+0x1", true), "a.so+0x1: addr2line "
			 "is not installed, or the file has no debug "
			 "information (cc -g)\n");
	setenv("PATH", was, 1);
	free(was);
}
END_TEST

/* What one answers that is called so; the file and the offset that it was
 * asked for are its arguments. */
static const char *ask_one_that(const char *script)
{
	static char made[512];
	char path[PATH_MAX + 16], *was = strdup(getenv("PATH"));
	FILE *f;

	snprintf(path, sizeof(path), "%s/addr2line", unit_dir());
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	ck_assert_int_eq(fchmod(fileno(f), 0700), 0);
	fclose(f);
	setenv("PATH", unit_dir(), 1);
	snprintf(made, sizeof(made), "%.500s",
		 add("./a.so", "a.so+0x1f", true));
	setenv("PATH", was, 1);
	free(was);
	return made;
}

/* Its first line, for that file and offset; or that there is none. */
START_TEST(the_line_is_what_the_program_says)
{
	static const char none[] = "a.so+0x1f: addr2line is not installed, or "
		"the file has no debug information (cc -g)\n";

	ck_assert_str_eq(ask_one_that("echo \"$1 $2 $3\"; echo more"),
			 "a.so+0x1f: -e ./a.so 0x1f\n");
	ck_assert_str_eq(ask_one_that("printf %s a.c:7"),
			 "a.so+0x1f: a.c:7\n");
	/* in two pieces, and what is none of a terminal's */
	ck_assert_str_eq(ask_one_that("printf a.; printf 'c:7\\033[1m\\n'"),
			 "a.so+0x1f: a.c:7\\x1b[1m\n");
	ck_assert_str_eq(ask_one_that("echo '??:0'"), none);
	ck_assert_str_eq(ask_one_that("echo '??:?'; echo a.c:7"), none);
	ck_assert_str_eq(ask_one_that("exit 1"), none);
	ck_assert_str_eq(ask_one_that("echo; echo a.c:7"), none);
}
END_TEST

/* One that never ends its line is read no further than a line may be. */
START_TEST(no_answer_is_too_long)
{
	ck_assert_uint_lt(strlen(ask_one_that("while echo -n xxxxxxxx; do :; "
					      "done")), 500 + 1);
	ck_assert_uint_lt(out.len, 2048);
	ck_assert_uint_gt(out.len, 1000);
}
END_TEST

static void sourceline_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_command_is_named);
	tcase_add_test(tc, no_more_than_a_few);
	tcase_add_test(tc, the_line_is_what_the_program_says);
	tcase_add_test(tc, no_answer_is_too_long);
	tcase_add_test(tc, without_the_program_that_is_said);
}

UNIT_MAIN("sourceline", sourceline_tests)
