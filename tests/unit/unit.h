/*
 * unit: what the unit suites share.
 *
 * Each suite is a program of its own:
 *
 *	UNIT_MAIN("url", url_tests)
 *
 * where url_tests is a function that adds its cases to the TCase given.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/num.h"
#include "base/str.h"

/* Slices compared as text, with both shown when they differ. */
#define ck_str_is(actual, expected)					\
	do {								\
		struct str a_ = (actual), e_ = str_from(expected);	\
		ck_assert_msg(str_eq(a_, e_), "got '%.*s', want '%.*s'",\
			      STR_ARG(a_), STR_ARG(e_));		\
	} while (0)

/* The bytes that `hex` spells, as published vectors do; returns how many. */
__attribute__((unused))
static size_t unit_hex(const char *hex, void *out, size_t size)
{
	size_t len = strlen(hex) / 2;

	ck_assert_uint_eq(strlen(hex) % 2, 0);
	ck_assert_uint_le(len, size);
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(num_hex(hex[2 * i]) << 4 |
						num_hex(hex[2 * i + 1]));
	return len;
}

/* A directory of this process's own, removed with all in it when it exits. */
static char unit_directory[PATH_MAX];

__attribute__((unused))
static int unit_remove_one(const char *path, const struct stat *st, int type,
			   struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

__attribute__((unused))
static void unit_remove_dir(void)
{
	nftw(unit_directory, unit_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused))
static const char *unit_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!unit_directory[0]) {
		snprintf(unit_directory, sizeof(unit_directory),
			 "%s/usher-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
		ck_assert_ptr_nonnull(mkdtemp(unit_directory));
		atexit(unit_remove_dir);
	}
	return unit_directory;
}

/* Seconds for a test: a bound for one that hangs, however busy the machine. */
#define UNIT_PATIENCE_S 600

#define UNIT_MAIN(name, add_tests)					\
	int main(void)							\
	{								\
		Suite *suite = suite_create(name);			\
		TCase *tcase = tcase_create(name);			\
		SRunner *runner;					\
		int failed;						\
									\
		hash_init();						\
		tcase_set_timeout(tcase, UNIT_PATIENCE_S);		\
		add_tests(tcase);					\
		suite_add_tcase(suite, tcase);				\
		runner = srunner_create(suite);				\
		srunner_run_all(runner, CK_ENV);			\
		failed = srunner_ntests_failed(runner);			\
		srunner_free(runner);					\
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;		\
	}

#endif
