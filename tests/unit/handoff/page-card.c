/* What the gateway's own pages say: whose they are, how long to wait, and the
 * way on; that each is whole and escaped is unit/handoff/page.c's. */
#include "handoff/page.h"

#include "unit/handoff/lone.h"

#define YEAR_S (366 * 24 * 3600)

static const struct steps in_a_tab = { .name = "test" };
static const struct steps in_a_frame = { .name = "test", .is_embedded = true };

static void set_up(void)
{
	lone_begin(&in_a_tab);
}

/* The page of an error that passes, with that Retry-After. */
static void show_wait(const char *retry_after)
{
	lone_again();
	lone.code = "busy";
	if (retry_after)
		answer_header(&lone, "Retry-After", str_from(retry_after));
	ck_assert(page_error(&lone, 503, "Busy."));
}

static const struct {
	const char *retry_after, *says;	/* NULL: nothing */
} waits[] = {
	{ NULL, NULL }, { "0", NULL },
	{ "1", "data-seconds=\"1\">You can try again in 1 second.<" },
	{ "2", "data-seconds=\"2\">You can try again in 2 seconds.<" },
	{ "119", "data-seconds=\"119\">You can try again in 119 seconds.<" },
	{ "120", "data-seconds=\"120\">You can try again in 2 minutes.<" },
	{ "121", "data-seconds=\"121\">You can try again in 3 minutes.<" },
	{ "180", "data-seconds=\"180\">You can try again in 3 minutes.<" },
	{ "31622400", "in 527040 minutes.<" },	/* a year, the most */
	{ "31622401", NULL }, { "-1", NULL }, { "", NULL }, { "5 ", NULL },
	{ "Wed, 21 Oct 2026 07:28:00 GMT", NULL },
	{ "18446744073709551617", NULL },
};

START_TEST(the_wait_is_told_in_whole_units)
{
	_Static_assert(YEAR_S == 31622400, "the bound above");
	show_wait(waits[_i].retry_after);
	if (waits[_i].says)
		ck_assert_msg(lone_body_has(waits[_i].says), "%s: %.*s",
			      waits[_i].retry_after,
			      STR_ARG(lone.answer.body));
	else
		ck_assert(!lone_body_has("class=\"wait\""));
}
END_TEST

/* A whole character, or the mark would be a broken one. */
START_TEST(the_mark_is_the_names_first_character)
{
	static const struct {
		const char *name, *mark;
	} cases[] = {
		{ "Acme", "data-mark=\"A\"" },
		{ "A", "data-mark=\"A\"" },
		{ "\xc3\x84pfel", "data-mark=\"\xc3\x84\"" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", "data-mark=\"\xe6\x97\xa5\"" },
		{ "\xf0\x9f\x98\x80", "data-mark=\"\xf0\x9f\x98\x80\"" },
		{ "\"><b>", "data-mark=\"&quot;\"" },
		{ "&co", "data-mark=\"&amp;\"" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		lone_again();
		lone_tenant.name = str_from(cases[i].name);
		ck_assert(page_notice(&lone, "Title", "Text."));
		ck_assert_msg(lone_body_has(cases[i].mark), "%s: %.*s",
			      cases[i].name, STR_ARG(lone.answer.body));
	}
	/* without a name there is none */
	lone_again();
	lone_tenant.name = STR("");
	ck_assert(page_notice(&lone, "Title", "Text."));
	ck_assert(!lone_body_has("class=\"org\""));
}
END_TEST

START_TEST(the_way_back_is_named_after_whose_it_is)
{
	ck_assert(page_notice(&lone, "Title", "Text."));
	ck_assert(!lone_body_has("Back to"));
	lone_again();
	lone_tenant.home = STR("https://acme.test/?a=1&b=\"");
	ck_assert(page_notice(&lone, "Title", "Text."));
	ck_assert(lone_body_has("href=\"https://acme.test/?a=1&amp;b=&quot;\">"
				"Back to <bdi>Acme</bdi></a>"));
	lone_again();
	lone_tenant.name = STR("");
	ck_assert(page_notice(&lone, "Title", "Text."));
	ck_assert(lone_body_has(">Back to <bdi>https://acme.test/?a=1&amp;b"));
}
END_TEST

START_TEST(only_what_was_asked_with_get_is_tried_again)
{
	static const struct {
		enum method method;
		bool again;
	} cases[] = {
		{ METHOD_GET, true }, { METHOD_POST, false },
		{ METHOD_OPTIONS, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		lone.request.method = cases[i].method;
		show_wait("5");
		ck_assert_int_eq(lone_body_has("id=\"again\""),
				 cases[i].again);
	}
	/* what does not pass is not */
	lone.request.method = METHOD_GET;
	lone_again();
	lone.code = "token_used";
	ck_assert(page_error(&lone, 410, "Used."));
	ck_assert(!lone_body_has("id=\"again\""));
	ck_assert(!lone_body_has("class=\"actions\""));
}
END_TEST

START_TEST(the_code_is_told_as_words)
{
	static const struct {
		const char *code, *says;
	} cases[] = {
		{ "busy", "Error 503: Busy &middot;" },
		{ "token_expired", "Error 503: Token expired &middot;" },
		{ "a_b_c", "Error 503: A b c &middot;" },
		{ "_x", "Error 503:  x &middot;" },
		{ "7up", "Error 503: 7up &middot;" },
		{ NULL, "Error 503 &middot;" },
		{ "", "Error 503 &middot;" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		lone_again();
		lone.code = cases[i].code;
		ck_assert(page_error(&lone, 503, "Text."));
		ck_assert_msg(lone_body_has(cases[i].says), "%s: %.*s",
			      cases[i].code ? cases[i].code : "none",
			      STR_ARG(lone.answer.body));
	}
}
END_TEST

/* Nothing can be done inside somebody else's page. */
START_TEST(a_frames_error_has_nothing_to_click)
{
	lone.steps = &in_a_frame;
	lone_tenant.home = STR("https://acme.test/");
	show_wait("5");
	ck_assert(lone_body_has("data-status=\"503\" data-code=\"busy\""));
	ck_assert(!lone_body_has("id=\"again\""));
	ck_assert(!lone_body_has("class=\"wait\""));
	ck_assert(!lone_body_has("Back to"));
	ck_assert(lone_body_has("postMessage({usher:'refused'"));
}
END_TEST

/* A reservation that is too small grows: sizes are guesses. */
START_TEST(long_texts_grow_the_page)
{
	static char message[8192];

	memset(message, '"', sizeof(message) - 1);
	lone.code = "not_a_customer";
	ck_assert(page_error(&lone, 403, message));
	ck_assert_uint_gt(lone.answer.body.len, 6 * sizeof(message) - 6);
}
END_TEST

START_TEST(without_memory_nothing_is_set)
{
	static const size_t rooms[] = { 0, 64, 1024, 4096 };

	for (size_t i = 0; i < N_ELEMENTS(rooms); i++) {
		lone_end();
		lone_begin(&in_a_tab);
		lone_starve(rooms[i]);
		ck_assert(!page_error(&lone, 503, "Busy."));
		ck_assert(!page_notice(&lone, "Title", "Text."));
		ck_assert_int_eq(lone.answer.status, 0);
		ck_assert_uint_eq(lone.answer.header_count, 0);
	}
}
END_TEST

static void card_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, lone_end);
	tcase_add_loop_test(tc, the_wait_is_told_in_whole_units, 0,
			    N_ELEMENTS(waits));
	tcase_add_test(tc, the_mark_is_the_names_first_character);
	tcase_add_test(tc, the_way_back_is_named_after_whose_it_is);
	tcase_add_test(tc, only_what_was_asked_with_get_is_tried_again);
	tcase_add_test(tc, the_code_is_told_as_words);
	tcase_add_test(tc, a_frames_error_has_nothing_to_click);
	tcase_add_test(tc, long_texts_grow_the_page);
	tcase_add_test(tc, without_memory_nothing_is_set);
}

UNIT_MAIN("page-card", card_tests)
