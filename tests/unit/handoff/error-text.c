/*
 * What people are told: whole sentences, whatever the answer was.
 */
#include "handoff/error-text.h"

#include "unit/unit.h"

#include "base/codes.h"

static void check_sentences(const char *text)
{
	size_t len = strlen(text);

	ck_assert_uint_gt(len, 10);
	ck_assert(text[0] >= 'A' && text[0] <= 'Z');
	ck_assert_int_eq(text[len - 1], '.');
}

static const char *english(enum text text)
{
	return texts_of(LANGUAGE_EN, text);
}

static void check_text(const struct error_text *text)
{
	const char *title;

	ck_assert_ptr_nonnull(text);
	title = english(text->title);
	ck_assert_uint_gt(strlen(title), 5);
	ck_assert_int_ne(title[strlen(title) - 1], '.');
	if (text->what)
		check_sentences(english(text->what));
	check_sentences(english(text->todo));
}

START_TEST(every_answer_has_something_to_do)
{
	static const char *const others[] = { NULL, "", "an_adapters_own" };
	unsigned i;
	int status;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		for (status = 400; status < 600; status++)
			check_text(error_text_for(status, others[i]));
	for (i = 0; i < CODES; i++)
		if (code_table[i].status >= 400)
			check_text(error_text_for(code_table[i].status,
						  code_table[i].name));
}
END_TEST

START_TEST(a_code_says_more_than_its_status)
{
	ck_assert_ptr_ne(error_text_for(401, "token_expired"),
			 error_text_for(401, "token_invalid"));
	ck_assert_ptr_ne(error_text_for(503, "adapter_unavailable"),
			 error_text_for(503, "busy"));
	ck_assert_int_eq(error_text_for(404, "not_found")->title,
			 error_text_for(404, NULL)->title);
	/* an adapter's own, which happens to be called so */
	ck_assert_ptr_eq(error_text_for(403, "token_expired"),
			 error_text_for(403, "an_adapters_own"));
}
END_TEST

/* An adapter's reason, or what is wrong with a form, is for the reader. */
START_TEST(what_varies_is_left_to_the_answer)
{
	ck_assert_int_eq(error_text_for(403, "an_adapters_own")->what, TEXT_none);
	ck_assert_int_eq(error_text_for(422, "validation_failed")->what, TEXT_none);
	ck_assert_int_eq(error_text_for(400, "malformed_body")->what, TEXT_none);
}
END_TEST

START_TEST(only_what_passes_is_worth_another_try)
{
	ck_assert(error_text_for(503, "stopping")->is_passing);
	ck_assert(error_text_for(500, "internal")->is_passing);
	ck_assert(!error_text_for(410, "token_used")->is_passing);
	ck_assert(!error_text_for(401, "token_expired")->is_passing);
	ck_assert(!error_text_for(404, "not_found")->is_passing);
}
END_TEST

/* Not by way of the status: each line of the table has its words. */
START_TEST(every_code_has_words_of_its_own)
{
	for (unsigned i = 0; i < CODES; i++) {
		int status = code_table[i].status;

		if (status >= 400)
			ck_assert_msg(error_text_for(status,
						     code_table[i].name) !=
				      error_text_for(status, NULL), "%s",
				      code_table[i].name);
	}
}
END_TEST

static void error_text_tests(TCase *tcase)
{
	tcase_add_test(tcase, every_answer_has_something_to_do);
	tcase_add_test(tcase, every_code_has_words_of_its_own);
	tcase_add_test(tcase, a_code_says_more_than_its_status);
	tcase_add_test(tcase, what_varies_is_left_to_the_answer);
	tcase_add_test(tcase, only_what_passes_is_worth_another_try);
}

UNIT_MAIN("error-text", error_text_tests)
