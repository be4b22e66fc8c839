/* What was meant, written as it should stand. */
#include "config/correct.h"

#include "unit/unit.h"

static struct pool *pool;
static struct buf out;

static void set_up(void)
{
	pool = pool_new(1 << 20);
	buf_init(&out, 4096);
}

static void tear_down(void)
{
	pool_free(pool);
	buf_done(&out);
}

struct meant {
	const char *text, *written;	/* NULL: nobody can tell */
};

static void check(bool (*correct)(struct pool *, struct str, struct buf *),
		  const struct meant *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool found;

		buf_clear(&out);
		found = correct(pool, str_from(cases[i].text), &out);
		ck_assert_msg(found == (cases[i].written != NULL), "%s: %.*s",
			      cases[i].text, STR_ARG(buf_str(&out)));
		ck_str_is(buf_str(&out), found ? cases[i].written : "");
	}
}

START_TEST(origins_as_browsers_send_them)
{
	static const struct meant cases[] = {
		{ "https://Shop.example/", "write \"https://shop.example\"" },
		{ "shop.example", "write \"https://shop.example\"" },
		{ "shop.example:8443", "write \"https://shop.example:8443\"" },
		{ "//shop.example/x", "write \"https://shop.example\"" },
		{ "HTTPS:\\\\shop.example", "write \"https://shop.example\"" },
		{ " https://shop.example\t", "write \"https://shop.example\"" },
		{ "https://shop.example:443", "write \"https://shop.example\"" },
		{ "http://shop.example:80/a?b#c",
		  "write \"http://shop.example\"" },
		{ "https://b\xc3\xbc" "cher.example",
		  "write \"https://xn--bcher-kva.example\"" },
		{ "https://[::1]:443/", "write \"https://[::1]\"" },
		{ "localhost:3000", "write \"https://localhost:3000\"" },
		{ "https://shop.example", NULL },
		{ "https://*.example.com", NULL },
		{ "https://joe:hunter2@shop.example", NULL },
		{ "ftp://shop.example", NULL },
		{ "null", NULL },
		{ "shop", NULL },
		{ "https://", NULL },
		{ "", NULL },
		{ "https://a\x1b.example/", NULL },
		{ "\xff.example", NULL },
	};

	check(correct_origin, cases, N_ELEMENTS(cases));
}
END_TEST

START_TEST(urls_keep_their_path)
{
	static const struct meant cases[] = {
		{ "shop.example/a", "write \"https://shop.example/a\"" },
		{ "shop.example", "write \"https://shop.example/\"" },
		/* what is wrong with it is not how it is written */
		{ "http://shop.example", NULL },
		{ "/a", NULL },
		{ "javascript:alert(1)", NULL },
	};

	check(correct_url, cases, N_ELEMENTS(cases));
}
END_TEST

START_TEST(long_values_are_not_repeated)
{
	char text[CORRECT_QUOTED_MAX + 32];

	snprintf(text, sizeof(text), "shop.example/%0*d", CORRECT_QUOTED_MAX,
		 1);
	ck_assert(!correct_url(pool, str_from(text), &out));
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(words_for_a_switch)
{
	ck_assert_int_eq(correct_switch(STR("Yes")), 1);
	ck_assert_int_eq(correct_switch(STR("1")), 1);
	ck_assert_int_eq(correct_switch(STR("off")), 0);
	ck_assert_int_eq(correct_switch(STR("")), -1);
	ck_assert_int_eq(correct_switch(STR_NULL), -1);
	ck_assert_int_eq(correct_switch(STR("maybe")), -1);
}
END_TEST

static void correct_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, origins_as_browsers_send_them);
	tcase_add_test(tc, urls_keep_their_path);
	tcase_add_test(tc, long_values_are_not_repeated);
	tcase_add_test(tc, words_for_a_switch);
}

UNIT_MAIN("correct", correct_tests)
