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

static struct str wild[] = {
	STR("https://exact.example.com"),
	STR("https://*.example.com"),
	STR("https://*.shop.example.org:8443"),
	STR("http://*.partner.localhost"),
};

#define L63 "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-123"
_Static_assert(sizeof(L63) == 64, "as long as a label may be");

static const struct { struct str origin; bool listed; } stars[] = {
	{ STR("https://exact.example.com"), true },
	{ STR("https://a.example.com"), true },
	{ STR("https://www.example.com"), true },
	{ STR("https://7.example.com"), true },
	{ STR("https://a-b.example.com"), true },
	{ STR("https://-.example.com"), true },
	{ STR("https://xn--bcher-kva.example.com"), true },
	/* no host name, but browsers know such sites */
	{ STR("https://my_shop.example.com"), true },
	{ STR("https://" L63 ".example.com"), true },
	{ STR("https://" L63 "x.example.com"), false },
	{ STR("https://a.shop.example.org:8443"), true },
	{ STR("http://a.partner.localhost"), true },
	/* one label, exactly */
	{ STR("https://example.com"), false },
	{ STR("https://.example.com"), false },
	{ STR("https://a.b.example.com"), false },
	{ STR("https://a..example.com"), false },
	{ STR("https://exact.example.com.example.com"), false },
	{ STR("https://aexample.com"), false },
	{ STR("https://evil.com/.example.com"), false },
	{ STR("https://evil.com#.example.com"), false },
	{ STR("https://evil.com?.example.com"), false },
	{ STR("https://evil@.example.com"), false },
	{ STR("https://evil:1.example.com"), false },
	{ STR("https://evil\\.example.com"), false },
	{ STR("https://a\0.example.com"), false },
	{ STR("https://a .example.com"), false },
	{ STR("https://a\t.example.com"), false },
	{ STR("https://a,https://b.example.com"), false },
	{ STR("https://%61.example.com"), false },
	{ STR("https://A.example.com"), false },
	{ STR("https://b\xc3\xbc" "cher.example.com"), false },
	/* browsers take that for a host: it is nobody's entry */
	{ STR("https://*.example.com"), false },
	{ STR("https://*"), false },
	/* the rest, byte by byte */
	{ STR("http://a.example.com"), false },
	{ STR("https://a.example.com:443"), false },
	{ STR("https://a.example.com:8443"), false },
	{ STR("https://a.example.com."), false },
	{ STR("https://a.example.com/"), false },
	{ STR("https://a.example.comx"), false },
	{ STR("https://a.example.com.evil.com"), false },
	{ STR("https://a.example.org"), false },
	{ STR("HTTPS://a.example.com"), false },
	{ STR("https://a.EXAMPLE.com"), false },
	{ STR("https://a.shop.example.org"), false },
	{ STR("https://a.shop.example.org:84433"), false },
	{ STR("https://a.partner.localhost"), false },
	{ STR("https://"), false },
	{ STR("h"), false },
	{ STR("null"), false },
	{ STR(""), false },
};

START_TEST(a_star_is_one_label)
{
	struct cors cors = { .origins = wild, .count = N_ELEMENTS(wild),
			     .require_origin = true };
	struct str origin = stars[_i].origin, echo = STR("untouched");

	ck_assert_msg(cors_is_listed(&cors, origin) == stars[_i].listed,
		      "%.*s", STR_ARG(origin));
	ck_assert_int_eq(cors_judge(&cors, origin, 1, &echo),
			 stars[_i].listed ? CORS_ALLOWED : CORS_REFUSED);
	/* the origin itself, never the entry */
	if (stars[_i].listed)
		ck_assert(str_eq(echo, origin));
	else
		ck_assert(str_is_null(echo));
	ck_assert(!cors_is_wildcard(wild[0]) && cors_is_wildcard(wild[1]) &&
		  cors_is_wildcard(wild[3]));
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
	tcase_add_loop_test(tcase, a_star_is_one_label, 0, N_ELEMENTS(stars));
	tcase_add_test(tcase, no_origin_posts_only_where_none_is_required);
	tcase_add_test(tcase, null_posts_where_it_is_allowed_but_never_reads);
	tcase_add_test(tcase, several_origins_are_nobodys);
	tcase_add_test(tcase, an_empty_list_lists_nobody);
}

UNIT_MAIN("cors", cors_tests)
