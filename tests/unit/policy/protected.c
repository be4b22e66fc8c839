#include "unit/unit.h"

#include "codec/email.h"
#include "policy/protected.h"

#define POOL_MAX (64 * 1024)

static const struct {
	const char *entry, *address;
	bool is_protected;
} cases[] = {
	{ "boss@x.example", "boss@x.example", true },
	{ "boss@x.example", "BOSS@X.Example", true },
	{ "Boss@X.example", "boss@x.example", true },
	{ "boss@x.example", "boss2@x.example", false },
	{ "boss@x.example", "the.boss@x.example", false },
	{ "boss@x.example", "boss@y.x.example", false },
	{ "boss@x.example", "boss@x.example.org", false },
	/* in two spellings, composed and not, and of another case */
	{ "jos\xc3\xa9@x.example", "jose\xcc\x81@x.example", true },
	{ "jos\xc3\xa9@x.example", "JOS\xc3\x89@x.example", true },
	{ "jos\xc3\xa9@x.example", "jose@x.example", false },
	{ "@x.example", "a@x.example", true },
	{ "@X.EXAMPLE", "a@x.example", true },
	{ "@x.example", "A+b@X.example", true },
	{ "@x.example", "a@y.x.example", false },
	{ "@x.example", "a@yx.example", false },
	{ "@x.example", "x.example@y.example", false },
	{ "@m\xc3\xbcller.example", "a@xn--mller-kva.example", true },
	{ "@xn--mller-kva.example", "a@M\xc3\x9cLLER.example", true },
	{ "@localhost", "a@localhost", true },
	{ "@*.x.example", "a@y.x.example", true },
	{ "@*.x.example", "a@z.y.x.example", true },
	{ "@*.x.example", "a@x.example", false },
	{ "@*.x.example", "a@yx.example", false },
	{ "@*.x.example", "a.x.example@y.example", false },
	{ "@*.m\xc3\xbcller.example", "a@b.xn--mller-kva.example", true },
};

START_TEST(an_entry_stands_for_these_addresses)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct protected_entry entry;
	struct protected_list list = { &entry, 1 };
	struct email email;

	ck_assert_int_eq(protected_parse(pool, str_from(cases[_i].entry),
					 &entry), ERR_OK);
	ck_assert_int_eq(email_parse(pool, str_from(cases[_i].address),
				     &email), ERR_OK);
	ck_assert_msg(protected_has(&list, email.key) ==
		      cases[_i].is_protected, "%s, %s", cases[_i].entry,
		      cases[_i].address);
	pool_free(pool);
}
END_TEST

static const char *const bad[] = {
	"", "@", "@*", "@*.", "*", "x.example", "@.example", "@x..example",
	"@*x.example", "@y.*.x.example", "@*.*.x.example", "*@x.example",
	"a@b@c.example", "a@", "@a@x.example", "@ x.example", "@x.example ",
	"https://x.example", "@x.example/", "@x.example:25", "@x\n.example",
};

START_TEST(anything_else_is_none)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct protected_entry entry;

	ck_assert_msg(protected_parse(pool, str_from(bad[_i]), &entry) ==
		      ERR_SYNTAX, "%s", bad[_i]);
	pool_free(pool);
}
END_TEST

START_TEST(a_text_is_no_longer_than_an_address)
{
	char text[PROTECTED_TEXT_MAX + 2] = "@";
	struct pool *pool = pool_new(POOL_MAX);
	struct protected_entry entry;

	memset(text + 1, 'a', sizeof(text) - 2);
	ck_assert_int_eq(protected_parse(pool, str_from(text), &entry),
			 ERR_SYNTAX);
	pool_free(pool);
}
END_TEST

START_TEST(any_of_the_list_counts_and_none_of_an_empty_one)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct protected_entry entries[2];
	struct protected_list list = { entries, 2 };

	ck_assert_int_eq(protected_parse(pool, STR("@x.example"),
					 &entries[0]), ERR_OK);
	ck_assert_int_eq(protected_parse(pool, STR("boss@y.example"),
					 &entries[1]), ERR_OK);
	ck_assert(protected_has(&list, STR("a@x.example")));
	ck_assert(protected_has(&list, STR("boss@y.example")));
	ck_assert(!protected_has(&list, STR("a@y.example")));
	list.count = 0;
	ck_assert(!protected_has(&list, STR("a@x.example")));
	pool_free(pool);
}
END_TEST

static void protected_tests(TCase *tc)
{
	tcase_add_loop_test(tc, an_entry_stands_for_these_addresses, 0,
			    N_ELEMENTS(cases));
	tcase_add_loop_test(tc, anything_else_is_none, 0, N_ELEMENTS(bad));
	tcase_add_test(tc, a_text_is_no_longer_than_an_address);
	tcase_add_test(tc, any_of_the_list_counts_and_none_of_an_empty_one);
}

UNIT_MAIN("protected", protected_tests)
