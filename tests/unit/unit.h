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
#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/str.h"

/* Slices compared as text, with both shown when they differ. */
#define ck_str_is(actual, expected)					\
	do {								\
		struct str a_ = (actual), e_ = str_from(expected);	\
		ck_assert_msg(str_eq(a_, e_), "got '%.*s', want '%.*s'",\
			      STR_ARG(a_), STR_ARG(e_));		\
	} while (0)

#define UNIT_MAIN(name, add_tests)					\
	int main(void)							\
	{								\
		Suite *suite = suite_create(name);			\
		TCase *tcase = tcase_create(name);			\
		SRunner *runner;					\
		int failed;						\
									\
		hash_init();						\
		tcase_set_timeout(tcase, 60);				\
		add_tests(tcase);					\
		suite_add_tcase(suite, tcase);				\
		runner = srunner_create(suite);				\
		srunner_run_all(runner, CK_ENV);			\
		failed = srunner_ntests_failed(runner);			\
		srunner_free(runner);					\
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;		\
	}

#endif
