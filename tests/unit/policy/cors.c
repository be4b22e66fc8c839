#include "unit/unit.h"

#include "policy/cors.h"

static struct str listed[] = {
	STR("https://yourcompany.com"),
	STR("https://ticket.yourcompany.com:8443"),
	STR("null"),	/* a mistake that must not open the door */
};

/* An Origin header's value, and whether it is on the list. */
static const struct {
	struct str origin;
	bool listed;
} cases[] = {
	{ STR("https://yourcompany.com"), true },
	{ STR("https://ticket.yourcompany.com:8443"), true },
	{ STR(""), false },
	{ STR("null"), false },
	{ STR("NULL"), false },
	{ STR("*"), false },
	{ STR("http://yourcompany.com"), false },
	{ STR("https://yourcompany.com:443"), false },
	{ STR("https://yourcompany.com:8443"), false },
	{ STR("https://yourcompany.com/"), false },
	{ STR("https://yourcompany.com "), false },
	{ STR(" https://yourcompany.com"), false },
	{ STR("https://yourcompany.com\0"), false },
	{ STR("https://yourcompany.com\0.evil.com"), false },
	{ STR("https://YOURCOMPANY.com"), false },
	{ STR("HTTPS://yourcompany.com"), false },
	{ STR("https://yourcompany.com."), false },
	{ STR("https://yourcompany.co"), false },
	{ STR("https://yourcompany.com.evil.com"), false },
	{ STR("https://yourcompany.comevil.com"), false },
	{ STR("https://evilyourcompany.com"), false },
	{ STR("https://evil.yourcompany.com"), false },
	{ STR("https://yourcompany.com@evil.com"), false },
	{ STR("https://evil.com/https://yourcompany.com"), false },
	{ STR("https://evil.com#https://yourcompany.com"), false },
	{ STR("https://yourcompany.com https://evil.com"), false },
	{ STR("https://evil.com https://yourcompany.com"), false },
	{ STR("https://yourcompany.com, https://yourcompany.com"), false },
	{ STR("https://yourcompany.com,https://evil.com"), false },
	{ STR("https://yourcompany\xef\xbc\x8e" "com"), false },
	{ STR("https://yourcompan\xd1\x83.com"), false },
	{ STR("//yourcompany.com"), false },
	{ STR("yourcompany.com"), false },
	{ STR("https:yourcompany.com"), false },
	{ STR("https://yourcompany%2ecom"), false },
	{ STR("file://"), false },
	{ STR("undefined"), false },
};

START_TEST(only_an_exact_origin_may_read)
{
	struct cors cors = { .origins = listed, .count = 3 };
	struct str echo = STR("untouched"), origin = cases[_i].origin;

	ck_assert_int_eq(cors_is_listed(&cors, origin), cases[_i].listed);
	/* Without a demand anybody may post, for forms need no CORS. */
	ck_assert_int_eq(cors_judge(&cors, origin, 1, &echo), CORS_ALLOWED);
	ck_assert(str_is_null(echo) != cases[_i].listed);
	if (cases[_i].listed)
		ck_assert(str_eq(echo, origin));
	cors.require_origin = true;
	echo = STR("untouched");
	ck_assert_int_eq(cors_judge(&cors, origin, 1, &echo),
			 cases[_i].listed ? CORS_ALLOWED : CORS_REFUSED);
	ck_assert(str_is_null(echo) != cases[_i].listed);
}
END_TEST

START_TEST(no_origin_posts_only_where_none_is_required)
{
	struct cors cors = { .origins = listed, .count = 3 };
	struct str echo = STR("untouched");

	ck_assert(!cors_is_listed(&cors, STR_NULL));
	ck_assert_int_eq(cors_judge(&cors, STR_NULL, 0, &echo), CORS_ALLOWED);
	ck_assert(str_is_null(echo));
	cors.require_origin = true;
	ck_assert_int_eq(cors_judge(&cors, STR_NULL, 0, &echo), CORS_REFUSED);
	ck_assert(str_is_null(echo));
	cors.allow_null_origin = true;	/* "null" was not said either */
	ck_assert_int_eq(cors_judge(&cors, STR_NULL, 0, &echo), CORS_REFUSED);
}
END_TEST

START_TEST(null_posts_where_it_is_allowed_but_never_reads)
{
	struct cors cors = { .origins = listed, .count = 3,
			     .require_origin = true };
	struct str echo = STR("untouched");

	ck_assert_int_eq(cors_judge(&cors, STR("null"), 1, &echo),
			 CORS_REFUSED);
	ck_assert(str_is_null(echo));
	cors.allow_null_origin = true;
	echo = STR("untouched");
	ck_assert_int_eq(cors_judge(&cors, STR("null"), 1, &echo),
			 CORS_ALLOWED);
	ck_assert(str_is_null(echo));
	ck_assert_int_eq(cors_judge(&cors, STR("NULL"), 1, &echo),
			 CORS_REFUSED);
	ck_assert_int_eq(cors_judge(&cors, STR(""), 1, &echo), CORS_REFUSED);
}
END_TEST

START_TEST(several_origins_are_nobodys)
{
	struct cors cors = { .origins = listed, .count = 3,
			     .allow_null_origin = true };
	struct str echo = STR("untouched");

	ck_assert_int_eq(cors_judge(&cors, listed[0], 2, &echo), CORS_REFUSED);
	ck_assert(str_is_null(echo));
	cors.require_origin = true;
	echo = STR("untouched");
	ck_assert_int_eq(cors_judge(&cors, listed[0], 2, &echo), CORS_REFUSED);
	ck_assert(str_is_null(echo));
	ck_assert_int_eq(cors_judge(&cors, STR("null"), 3, &echo),
			 CORS_REFUSED);
}
END_TEST

START_TEST(an_empty_list_lists_nobody)
{
	struct cors cors = { 0 };

	ck_assert(!cors_is_listed(&cors, listed[0]));
	ck_assert(!cors_is_listed(&cors, STR("")));
}
END_TEST

static void cors_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, only_an_exact_origin_may_read, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, no_origin_posts_only_where_none_is_required);
	tcase_add_test(tcase, null_posts_where_it_is_allowed_but_never_reads);
	tcase_add_test(tcase, several_origins_are_nobodys);
	tcase_add_test(tcase, an_empty_list_lists_nobody);
}

UNIT_MAIN("cors", cors_tests)
