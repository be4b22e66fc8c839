/* What a frame on a partner's page may do, and who may ask for it. */
#include "handoff/embed.h"

#include "handoff/steps.h"
#include "unit/adapter/adapters.h"
#include "unit/handoff/lone.h"

#define OWN "https://tickets.test"

static struct str origins[] = { STR("https://acme.test"),
				STR("https://www.acme.test:8443") };

static void set_up(void)
{
	lone_begin(&steps_embed_session);
	lone_tenant.cors = (struct cors){ .origins = origins, .count = 2 };
}

START_TEST(the_frames_own_script_may_ask)
{
	lone_says("Origin", OWN);
	ck_assert_int_eq(embed_check_frame(&lone), STEP_NEXT);
	lone_says("Sec-Fetch-Site", "same-origin");
	ck_assert_int_eq(embed_check_frame(&lone), STEP_NEXT);
	ck_assert_int_eq(lone.answer.status, 0);
}
END_TEST

static const char *const strangers[] = {
	NULL, "", "null", "https://acme.test", "http://tickets.test",
	OWN "/", OWN ":443", OWN ".evil.test", "https://TICKETS.test",
	"https://tickets.tes", " " OWN,
};

START_TEST(no_other_origin_may)
{
	if (strangers[_i])
		lone_says("Origin", strangers[_i]);
	lone_says("Sec-Fetch-Site", "same-origin");
	ck_refused(embed_check_frame(&lone), 403, "origin_refused");
}
END_TEST

START_TEST(two_origins_are_none)
{
	lone_says("Origin", OWN);
	lone_says("origin", OWN);
	ck_refused(embed_check_frame(&lone), 403, "origin_refused");
}
END_TEST

START_TEST(where_the_browser_says_the_site_it_must_be_ours)
{
	static const char *const bad[] = { "same-site", "cross-site", "none",
					   "", "Same-Origin" };

	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		lone_again();
		lone_says("Origin", OWN);
		lone_says("Sec-Fetch-Site", bad[i]);
		ck_refused(embed_check_frame(&lone), 403, "origin_refused");
	}
	lone_again();
	lone_says("Origin", OWN);
	lone_says("Sec-Fetch-Site", "same-origin");
	lone_says("Sec-Fetch-Site", "same-origin");
	ck_refused(embed_check_frame(&lone), 403, "origin_refused");
}
END_TEST

START_TEST(the_page_around_must_be_listed)
{
	static const char *const bad[] = {
		"", "null", "https://acme.test/", "https://acme.test:443",
		"http://acme.test", "https://www.acme.test",
		"https://ACME.test", "https://acme.test https://acme.test",
		"https://evil.acme.test", OWN,
	};

	for (size_t i = 0; i < N_ELEMENTS(origins); i++) {
		lone_again();
		lone_says(EMBED_HEADER, origins[i].ptr);
		ck_assert_int_eq(embed_check_embedder(&lone), STEP_NEXT);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		lone_again();
		lone_says(EMBED_HEADER, bad[i]);
		ck_refused(embed_check_embedder(&lone), 403,
			   "embedder_refused");
	}
	lone_again();
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
	lone_says(EMBED_HEADER, origins[0].ptr);
	lone_says(EMBED_HEADER, origins[0].ptr);
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
}
END_TEST

/* Neither of the settings for forms makes it looser. */
START_TEST(the_page_around_must_be_listed_whatever_a_form_may)
{
	lone_tenant.cors.require_origin = false;
	lone_tenant.cors.allow_null_origin = true;
	lone_says(EMBED_HEADER, "null");
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
	lone_again();
	lone_tenant.cors.count = 0;
	lone_says(EMBED_HEADER, "https://acme.test");
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
}
END_TEST

static void ck_hint(const char *part)
{
	ck_assert_msg(strstr(lone.answer.body.ptr, "\"hint\":\"") &&
		      strstr(lone.answer.body.ptr, part), "%s lacks %s",
		      lone.answer.body.ptr, part);
}

/* Else its maker sees "refused", and nobody says what was. */
START_TEST(a_refusal_says_what_its_maker_can_do)
{
	static const struct { const char *origin, *hint; } cases[] = {
		{ "http://www.acme.test", "http://www.acme.test: serve it over "
		  "https, and have the desk add" },
		{ "https://www.acme.test", "The page around the frame is of "
		  "https://www.acme.test: have the desk add it to the tenant's "
		  "origins." },
		{ "null", "sandboxed or opened from a file" },
		{ NULL, "names no page around the frame" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		lone_again();
		if (cases[i].origin)
			lone_says(EMBED_HEADER, cases[i].origin);
		ck_refused(embed_check_embedder(&lone), 403,
			   "embedder_refused");
		ck_hint(cases[i].hint);
		/* what is listed is the tenant's business */
		ck_assert_ptr_null(strstr(lone.answer.body.ptr, "8443"));
	}
	lone_again();
	lone_says(EMBED_HEADER, origins[0].ptr);
	lone_says(EMBED_HEADER, origins[0].ptr);
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
	ck_hint("several pages around the frame");
	/* what is no origin is not said after them */
	lone_again();
	lone_says(EMBED_HEADER, "<script>");
	ck_refused(embed_check_embedder(&lone), 403, "embedder_refused");
	ck_assert_ptr_null(strstr(lone.answer.body.ptr, "hint"));
	lone_again();
	lone_says("Origin", "https://acme.test");
	ck_refused(embed_check_frame(&lone), 403, "origin_refused");
	ck_hint("Only the desk's own pages may ask for this");
	lone_again();
	lone_tenant.desk = false;
	ck_refused(lone_run("check_desk"), 404, "desk_off");
	ck_hint("mode \\\"tab\\\", or its method \\\"form\\\"");
}
END_TEST

START_TEST(fields_come_as_json_alone)
{
	static const char *const good[] = {
		"application/json", "Application/JSON",
		"application/json; charset=utf-8",
	};
	static const char *const bad[] = {
		"", "application/x-www-form-urlencoded", "text/plain",
		"multipart/form-data; boundary=x", "text/json",
		"application/jsonp", "application/json, text/plain",
		"text/plain; application/json", "application/ld+json",
	};

	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		lone_again();
		lone_says("Content-Type", good[i]);
		ck_assert_msg(embed_check_type(&lone) == STEP_NEXT, "%s",
			      good[i]);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		lone_again();
		lone_says("Content-Type", bad[i]);
		ck_refused(embed_check_type(&lone), 415,
			   "unsupported_media_type");
	}
	lone_again();
	ck_refused(embed_check_type(&lone), 415, "unsupported_media_type");
	lone_says("Content-Type", good[0]);
	lone_says("Content-Type", good[0]);
	ck_refused(embed_check_type(&lone), 415, "unsupported_media_type");
}
END_TEST

/* That is no verdict about the request. */
START_TEST(want_of_memory_is_not_a_wrong_type)
{
	lone_says("Content-Type", "application/json; charset=\"utf-8\"");
	lone_starve(0);
	ck_assert_int_eq(embed_check_type(&lone), STEP_ANSWER);
	ck_assert_int_ne(lone.answer.status, 415);
	ck_assert_int_ge(lone.answer.status, 500);
}
END_TEST

START_TEST(a_tenant_without_a_desk_has_none_in_a_frame)
{
	ck_assert(!embed_has_desk(&lone));
	ck_refused(lone_run("check_desk"), 404, "desk_off");
	lone_again();
	lone_tenant.desk = true;
	ck_assert(embed_has_desk(&lone));
	ck_assert_int_eq(lone_run("check_desk"), STEP_NEXT);
}
END_TEST

/* Its `deliver` decides about each user's way on: there is none in a frame. */
START_TEST(an_adapter_that_delivers_keeps_the_desk_out_of_frames)
{
	char message[ADAPTER_LOAD_PROBLEM_MAX];

	lone_tenant.desk = true;
	lone_tenant.adapter = load_with("deliver", NULL, 0, message);
	ck_assert_msg(lone_tenant.adapter != NULL, "%s", message);
	ck_assert(!embed_has_desk(&lone));
	ck_refused(lone_run("check_desk"), 404, "desk_off");
	ck_assert(str_is_null(lone_header("Retry-After")));
	adapter_unref(lone_tenant.adapter);
}
END_TEST

START_TEST(a_token_must_be_there)
{
	fields_init(&lone.fields, lone.pool);
	ck_refused(lone_run("open_token"), 401, "token_invalid");
	lone_again();
	ck_assert_int_eq(fields_set(&lone.fields, STR("token"), STR(""),
				    FIELD_TEXT), ERR_OK);
	ck_refused(lone_run("open_token"), 401, "token_invalid");
}
END_TEST

/* Nobody is asked for a desk before it is known who asks. */
START_TEST(the_list_checks_the_frame_before_it_reads)
{
	static const char *const order[] = {
		"find_tenant", "check_frame", "check_desk", "check_type",
		"read_body", "open_token", "find_current", "redeem",
		"answer_session",
	};

	for (size_t i = 0; i < N_ELEMENTS(order); i++)
		ck_assert_str_eq(steps_embed_session.list[i].name, order[i]);
	ck_assert_ptr_null(steps_embed_session.list[N_ELEMENTS(order)].name);
	ck_assert(steps_embed_session.is_embedded);
	ck_assert(steps_embed_session.is_audited);
}
END_TEST

static void embed_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, lone_end);
	tcase_add_test(tc, the_frames_own_script_may_ask);
	tcase_add_loop_test(tc, no_other_origin_may, 0,
			    N_ELEMENTS(strangers));
	tcase_add_test(tc, two_origins_are_none);
	tcase_add_test(tc, where_the_browser_says_the_site_it_must_be_ours);
	tcase_add_test(tc, the_page_around_must_be_listed);
	tcase_add_test(tc, the_page_around_must_be_listed_whatever_a_form_may);
	tcase_add_test(tc, a_refusal_says_what_its_maker_can_do);
	tcase_add_test(tc, fields_come_as_json_alone);
	tcase_add_test(tc, want_of_memory_is_not_a_wrong_type);
	tcase_add_test(tc, a_tenant_without_a_desk_has_none_in_a_frame);
	tcase_add_test(tc,
		an_adapter_that_delivers_keeps_the_desk_out_of_frames);
	tcase_add_test(tc, a_token_must_be_there);
	tcase_add_test(tc, the_list_checks_the_frame_before_it_reads);
}

UNIT_MAIN("embed", embed_tests)
