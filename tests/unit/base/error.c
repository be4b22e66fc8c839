#include "base/error.h"

#include <errno.h>

#include "unit/unit.h"

START_TEST(test_every_error_has_a_text_of_its_own)
{
	for (int i = 0; i < ERR_COUNT; i++) {
		const char *text = err_text((enum err)i);

		ck_assert_ptr_nonnull(text);
		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_int_ne(text[strlen(text) - 1], '.');
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(text, err_text((enum err)j));
	}
	ck_assert_str_eq(err_text(ERR_COUNT), "unknown error");
	ck_assert_str_eq(err_text((enum err)-1), "unknown error");
}
END_TEST

START_TEST(test_the_systems_errors_have_texts_in_english)
{
	ck_assert_str_eq(errno_text(ENOENT), "No such file or directory");
	ck_assert_str_eq(errno_text(-1), "error");
	ck_assert_str_eq(errno_text(100000), "error");
}
END_TEST

START_TEST(test_a_fault_is_filled_and_its_error_returned)
{
	struct fault f = { 0 };

	ck_assert_int_eq(fault_set(&f, ERR_SYNTAX, 7, "a thing"), ERR_SYNTAX);
	ck_assert_int_eq(f.err, ERR_SYNTAX);
	ck_assert_uint_eq(f.offset, 7);
	ck_assert_str_eq(f.detail, "a thing");
	ck_assert_int_eq(fault_set(NULL, ERR_LIMIT, 7, NULL), ERR_LIMIT);
}
END_TEST

static void error_tests(TCase *t)
{
	tcase_add_test(t, test_every_error_has_a_text_of_its_own);
	tcase_add_test(t, test_the_systems_errors_have_texts_in_english);
	tcase_add_test(t, test_a_fault_is_filled_and_its_error_returned);
}

UNIT_MAIN("error", error_tests)
