/* The page inside a partner's page: who may frame it, and what it tells. */
#include "desk/frame.h"

#include "handoff/page.h"
#include "unit/handoff/lone.h"

#define ANCESTORS_MAX 6144	/* octets, as desk/frame.c has it */

static struct str origins[CORS_ORIGINS_MAX];

static void set_up(void)
{
	lone_begin(&steps_frame);
	origins[0] = STR("https://acme.test");
	origins[1] = STR("https://www.acme.test:8443");
	lone_tenant.cors = (struct cors){ .origins = origins, .count = 2 };
}

/* What its maker can do. */
static void ck_hint(const char *part)
{
	ck_assert_msg(strstr(lone.answer.body.ptr, "\"hint\":\"") &&
		      strstr(lone.answer.body.ptr, part), "%s lacks %s",
		      lone.answer.body.ptr, part);
}

START_TEST(it_works_inside_another_page_alone)
{
	static const char *const bad[] = {
		"document", "", "empty", "iframe ", "IFRAME", "script",
		"object", "embed", "fencedframe",
	};

	/* old browsers say nothing */
	ck_assert_int_eq(lone_run("check_place"), STEP_NEXT);
	lone_says("Sec-Fetch-Dest", "iframe");
	ck_assert_int_eq(lone_run("check_place"), STEP_NEXT);
	lone_says("Sec-Fetch-Dest", "iframe");
	ck_refused(lone_run("check_place"), 403, "not_a_frame");
	ck_hint("for an iframe");
	lone_again();
	lone_says("Sec-Fetch-Dest", "frame");
	ck_assert_int_eq(lone_run("check_place"), STEP_NEXT);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		lone_again();
		lone_says("Sec-Fetch-Dest", bad[i]);
		ck_refused(lone_run("check_place"), 403, "not_a_frame");
	}
}
END_TEST

START_TEST(a_tenant_without_origins_has_no_frame)
{
	lone_tenant.cors.count = 0;
	ck_refused(lone_run("check_origins"), 403, "embedding_off");
	ck_hint("Have the desk add the page's origin");
}
END_TEST

static void show(void)
{
	ck_assert_int_eq(lone_run("check_origins"), STEP_NEXT);
	ck_assert_int_eq(lone_run("show_frame"), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 200);
}

START_TEST(the_listed_may_frame_it_and_nobody_else)
{
	show();
	ck_assert(str_icontains(
		lone_header("Content-Security-Policy"),
		STR("; frame-ancestors https://acme.test "
		    "https://www.acme.test:8443")));
	ck_assert(!str_icontains(lone_header("Content-Security-Policy"),
				 STR("frame-ancestors *")));
	ck_assert(lone_body_has("data-origins=\"https://acme.test "
				"https://www.acme.test:8443\""));
	ck_str_is(lone_header("Cross-Origin-Embedder-Policy"), "require-corp");
	ck_str_is(lone_header("Cross-Origin-Resource-Policy"), "cross-origin");
}
END_TEST

/* Whoever frames it may look at it: there must be nothing to see. */
START_TEST(it_shows_nothing_of_anybody)
{
	lone_says("Cookie", "__Host-usher-embed=abcdef");
	show();
	ck_assert(str_is_null(lone_header("Set-Cookie")));
	ck_assert(!lone_body_has("abcdef"));
	ck_assert(!lone_body_has("<a "));
	ck_assert(!lone_body_has("<form"));
}
END_TEST

START_TEST(it_says_whether_there_is_a_desk)
{
	show();
	ck_assert(lone_body_has("data-desk=\"no\""));
	lone_again();
	lone_tenant.desk = true;
	show();
	ck_assert(lone_body_has("data-desk=\"yes\""));
}
END_TEST

START_TEST(names_are_escaped)
{
	lone_tenant.name = STR("</title><script>alert(1)</script>");
	show();
	ck_assert(!lone_body_has("<script>alert"));
	ck_assert(!lone_body_has("</title><script"));
}
END_TEST

/* `count` origins that make a list of `len` octets, with their spaces. */
static void list(unsigned count, size_t len)
{
	static char text[CORS_ORIGINS_MAX][256];
	size_t left = len - (count - 1);

	for (unsigned i = 0; i < count; i++) {
		size_t one = left / (count - i);

		ck_assert_uint_lt(one, sizeof(text[i]));
		memset(text[i], 'a', one);
		origins[i] = (struct str){ text[i], one };
		left -= one;
	}
	lone_tenant.cors.count = count;
}

START_TEST(as_many_origins_as_fit_in_a_head)
{
	static const size_t lens[] = { ANCESTORS_MAX - 1, ANCESTORS_MAX };

	_Static_assert(ANCESTORS_MAX < PAGE_CSP_MAX, "with room for the rest");
	for (size_t i = 0; i < N_ELEMENTS(lens); i++) {
		lone_again();
		list(CORS_ORIGINS_MAX, lens[i]);
		show();
		ck_assert_uint_gt(lone_header("Content-Security-Policy").len,
				  lens[i]);
	}
	lone_again();
	list(CORS_ORIGINS_MAX, ANCESTORS_MAX + 1);
	ck_assert_int_eq(lone_run("check_origins"), STEP_ANSWER);
	ck_assert_str_eq(lone.code, "too_many_origins");
	ck_hint("list fewer origins");
	ck_assert_uint_eq(lone_header("Content-Security-Policy").len, 0);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	lone_starve(0);
	ck_assert_int_eq(lone_run("check_origins"), STEP_ANSWER);
	ck_assert_int_ge(lone.answer.status, 500);
	ck_assert_ptr_null(lone.work);
}
END_TEST

static void frame_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, lone_end);
	tcase_add_test(tc, it_works_inside_another_page_alone);
	tcase_add_test(tc, a_tenant_without_origins_has_no_frame);
	tcase_add_test(tc, the_listed_may_frame_it_and_nobody_else);
	tcase_add_test(tc, it_shows_nothing_of_anybody);
	tcase_add_test(tc, it_says_whether_there_is_a_desk);
	tcase_add_test(tc, names_are_escaped);
	tcase_add_test(tc, as_many_origins_as_fit_in_a_head);
	tcase_add_test(tc, without_memory_it_says_so);
}

UNIT_MAIN("frame", frame_tests)
