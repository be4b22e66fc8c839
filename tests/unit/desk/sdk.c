/* The browser SDK: one text for all, kept for as long as its name says. */
#include "desk/sdk.h"

#include "desk/assets.h"
#include "unit/handoff/lone.h"

static void set_up(void)
{
	lone_begin(&steps_sdk);
}

static int get(const char *name)
{
	lone.answer = (struct answer){ 0 };
	lone.code = NULL;
	lone.request.params[0] = str_from(name);
	ck_assert_int_eq(lone.steps->list[0].run(&lone), STEP_ANSWER);
	return lone.answer.status;
}

static int get_if_none(const char *tags)
{
	lone_again();
	lone_says("If-None-Match", tags);
	return get("usher.js");
}

START_TEST(a_version_is_the_same_for_ever)
{
	ck_assert_int_eq(get("usher-" SDK_VERSION ".js"), 200);
	ck_str_is(lone_header("Cache-Control"),
		  "public, max-age=31536000, immutable");
	ck_str_is(lone_header("Content-Type"),
		  "text/javascript; charset=utf-8");
	ck_str_is(lone_header("Access-Control-Allow-Origin"), "*");
	ck_str_is(lone_header("Cross-Origin-Resource-Policy"), "cross-origin");
	ck_assert(str_eq(lone.answer.body, asset_usher_js));
	ck_assert(str_is_null(lone_header("Set-Cookie")));
	ck_assert(str_is_null(lone_header("Access-Control-Allow-Credentials")));
}
END_TEST

START_TEST(the_newest_is_asked_again_after_an_hour)
{
	ck_assert_int_eq(get("usher.js"), 200);
	ck_str_is(lone_header("Cache-Control"), "public, max-age=3600");
	ck_assert(str_eq(lone.answer.body, asset_usher_js));
}
END_TEST

/* What the file calls itself is what its address says. */
START_TEST(the_path_and_the_file_name_one_version)
{
	ck_assert_str_eq(SDK_PATH, "/sdk/usher-" SDK_VERSION ".js");
	ck_assert(str_icontains(asset_usher_js, STR(SDK_VERSION)));
}
END_TEST

START_TEST(other_names_are_nowhere)
{
	static const char *const bad[] = {
		"", "usher", "usher.JS", "usher.js ", "usher-.js",
		"usher-1.0.js", "usher-9.9.9.js", "../usher.js",
		"usher-" SDK_VERSION, "usher-" SDK_VERSION ".js.map",
	};

	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		ck_assert_msg(get(bad[i]) == 404, "%s", bad[i]);
		ck_assert_str_eq(lone.code, "not_found");
		/* so that a page can tell it from no answer; and not kept */
		ck_str_is(lone_header("Access-Control-Allow-Origin"), "*");
		ck_assert(str_is_null(lone_header("ETag")));
		ck_assert(!str_icontains(lone_header("Cache-Control"),
					 STR("public")));
	}
}
END_TEST

/* RFC 9110 section 13.1.2 */
START_TEST(who_has_it_gets_no_second_one)
{
	char tag[64], text[512];

	ck_assert_int_eq(get("usher.js"), 200);
	ck_assert_uint_eq(lone_header("ETag").len, 45);
	ck_assert_int_eq(lone_header("ETag").ptr[0], '"');
	ck_assert_int_eq(lone_header("ETag").ptr[44], '"');
	snprintf(tag, sizeof(tag), "%.*s", STR_ARG(lone_header("ETag")));
	ck_assert_int_eq(get_if_none(tag), 304);
	/* http/ sends none of it, only its length */
	ck_assert_uint_gt(lone.answer.body.len, 0);
	ck_str_is(lone_header("ETag"), tag);
	ck_str_is(lone_header("Cache-Control"), "public, max-age=3600");
	snprintf(text, sizeof(text), "W/%s", tag);
	ck_assert_int_eq(get_if_none(text), 304);
	snprintf(text, sizeof(text), "\"a\" ,\t\"b\",W/%s", tag);
	ck_assert_int_eq(get_if_none(text), 304);
	ck_assert_int_eq(get_if_none("*"), 304);
	ck_assert_int_eq(get_if_none(" * "), 304);
}
END_TEST

START_TEST(who_has_another_gets_this_one)
{
	char tag[64], text[512];

	get("usher.js");
	snprintf(tag, sizeof(tag), "%.*s", STR_ARG(lone_header("ETag")));
	ck_assert_int_eq(get_if_none(""), 200);
	ck_assert_int_eq(get_if_none(","), 200);
	ck_assert_int_eq(get_if_none("W/"), 200);
	ck_assert_int_eq(get_if_none("\"*\""), 200);
	ck_assert_int_eq(get_if_none("\"\""), 200);
	/* the text without its quotes, with a letter more or less */
	snprintf(text, sizeof(text), "%.43s", tag + 1);
	ck_assert_int_eq(get_if_none(text), 200);
	snprintf(text, sizeof(text), "%.43s\"", tag);
	ck_assert_int_eq(get_if_none(text), 200);
	snprintf(text, sizeof(text), "w/%s", tag);
	ck_assert_int_eq(get_if_none(text), 200);
	ck_assert(str_eq(lone.answer.body, asset_usher_js));
}
END_TEST

/* Several lines of the header are one list. */
START_TEST(every_line_of_it_counts)
{
	char tag[64];

	get("usher.js");
	snprintf(tag, sizeof(tag), "%.*s", STR_ARG(lone_header("ETag")));
	lone_says("If-None-Match", "\"a\"");
	lone_says("Accept", "*");
	ck_assert_int_eq(get("usher.js"), 200);
	lone_says("if-none-match", tag);
	ck_assert_int_eq(get("usher.js"), 304);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	pool_free(lone.pool);
	lone.pool = pool_new(1);
	ck_assert_int_ge(get("usher.js"), 500);
	ck_assert(!str_eq(lone.answer.body, asset_usher_js));
}
END_TEST

static void sdk_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, lone_end);
	tcase_add_test(tc, a_version_is_the_same_for_ever);
	tcase_add_test(tc, the_newest_is_asked_again_after_an_hour);
	tcase_add_test(tc, the_path_and_the_file_name_one_version);
	tcase_add_test(tc, other_names_are_nowhere);
	tcase_add_test(tc, who_has_it_gets_no_second_one);
	tcase_add_test(tc, who_has_another_gets_this_one);
	tcase_add_test(tc, every_line_of_it_counts);
	tcase_add_test(tc, without_memory_it_says_so);
}

UNIT_MAIN("sdk", sdk_tests)
