/*
 * What people are told: whole sentences, whatever the answer was.
 */
#include "handoff/error-text.h"

#include "unit/unit.h"

static void check_sentences(const char *text)
{
	size_t len = strlen(text);

	ck_assert_uint_gt(len, 10);
	ck_assert(text[0] >= 'A' && text[0] <= 'Z');
	ck_assert_int_eq(text[len - 1], '.');
}

static void check_text(const struct error_text *text)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_gt(strlen(text->title), 5);
	ck_assert_int_ne(text->title[strlen(text->title) - 1], '.');
	if (text->what)
		check_sentences(text->what);
	check_sentences(text->todo);
}

START_TEST(every_answer_has_something_to_do)
{
	static const char *const codes[] = {
		NULL, "", "token_expired", "token_used", "token_invalid",
		"not_signed_in", "user_blocked", "origin_refused",
		"identity_required", "validation_failed", "tenant_not_found",
		"tenant_unavailable", "too_many_requests", "stopping", "busy",
		"unavailable", "adapter_unavailable", "adapter_timeout",
		"adapter_failed", "adapter_redirect", "unknown_host",
		"method_not_allowed", "headers_too_long", "an_adapters_own",
	};
	unsigned i;
	int status;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (status = 400; status < 600; status++)
			check_text(error_text_for(status, codes[i]));
}
END_TEST

START_TEST(a_code_says_more_than_its_status)
{
	ck_assert_ptr_ne(error_text_for(401, "token_expired"),
			 error_text_for(401, "token_invalid"));
	ck_assert_ptr_ne(error_text_for(503, "adapter_unavailable"),
			 error_text_for(503, "busy"));
	ck_assert_ptr_eq(error_text_for(404, "not_found"),
			 error_text_for(404, NULL));
}
END_TEST

/* An adapter's reason, or what is wrong with a form, is for the reader. */
START_TEST(what_varies_is_left_to_the_answer)
{
	ck_assert_ptr_null(error_text_for(403, "an_adapters_own")->what);
	ck_assert_ptr_null(error_text_for(422, "validation_failed")->what);
	ck_assert_ptr_null(error_text_for(400, "malformed_body")->what);
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

static void error_text_tests(TCase *tcase)
{
	tcase_add_test(tcase, every_answer_has_something_to_do);
	tcase_add_test(tcase, a_code_says_more_than_its_status);
	tcase_add_test(tcase, what_varies_is_left_to_the_answer);
	tcase_add_test(tcase, only_what_passes_is_worth_another_try);
}

UNIT_MAIN("error-text", error_text_tests)
