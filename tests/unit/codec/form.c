#include "codec/form.h"

#include "unit/codec/parsing.h"

static const struct parsing good[] = {
	{ .in = BYTES(""), .fields = "" },
	/* Chromium's and Firefox's serialisation of the guide's form */
	{ .in = BYTES("email=ann%40example.com&name=Ann+Lee"
		      "&redirect_url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1"),
	  .fields = "email=ann@example.com|name=Ann Lee"
		    "|redirect_url=https://a.example/x?y=1" },
	/* encodeURIComponent() and curl --data-urlencode */
	{ .in = BYTES("name=Zo%c3%ab%20O%27Neil&a*b=(c)"),
	  .fields = "name=Zo\xc3\xab O'Neil|a*b=(c)" },
	{ .in = BYTES("%F0%9F%98%80=%2B%26%3D%25"),
	  .fields = "\xf0\x9f\x98\x80=+&=%" },
	/* what hand-written clients send */
	{ .in = BYTES("&&a=1&&b=2&"), .fields = "a=1|b=2" },
	{ .in = BYTES("name=Ann Lee\xc3\xa9"), .fields = "name=Ann Lee\xc3\xa9" },
	{ .in = BYTES("sig=YWJj=="), .fields = "sig=YWJj==" },
	{ .in = BYTES("a=&+=&%3D==b"), .fields = "a=| =|==" "=b" },
	/* a field that was left empty, as URLSearchParams reads it */
	{ .in = BYTES("ok=1&a"), .fields = "ok=1|a=" },
	{ .in = BYTES("a&b=2&+"), .fields = "a=|b=2| =" },
	/* names that mean something elsewhere mean nothing here */
	{ .in = BYTES("__proto__=1&constructor=2&a[]=3&a[b]=4"),
	  .fields = "__proto__=1|constructor=2|a[]=3|a[b]=4" },
};

START_TEST(test_what_browsers_and_clients_send_is_read)
{
	parsing_check(form_parse, &good[_i]);
}
END_TEST

static const struct parsing bad[] = {
	{ BYTES("a=%"), ERR_SYNTAX, 2, NULL },
	{ BYTES("a=%4"), ERR_SYNTAX, 2, NULL },
	{ BYTES("a=100%&b=1"), ERR_SYNTAX, 5, NULL },
	{ BYTES("a=%g0"), ERR_SYNTAX, 2, NULL },
	{ BYTES("a=%0g"), ERR_SYNTAX, 2, NULL },
	{ BYTES("a=%u0041"), ERR_SYNTAX, 2, NULL },
	{ BYTES("="), ERR_SYNTAX, 0, NULL },
	{ BYTES("a=1&=2"), ERR_SYNTAX, 4, NULL },
	{ BYTES("a&a"), ERR_DUPLICATE, 2, NULL },
	/* the field that a cut at NUL would make of it */
	{ BYTES("email%00x=1"), ERR_CONTROL, 5, NULL },
	{ BYTES("email=a\0b"), ERR_CONTROL, 7, NULL },
	{ BYTES("a=1\r\n"), ERR_CONTROL, 3, NULL },
	{ BYTES("a=%0D%0ASet-Cookie:x"), ERR_CONTROL, 2, NULL },
	{ BYTES("a=b%7f"), ERR_CONTROL, 3, NULL },
	{ BYTES("a=%41+%C2%85"), ERR_CONTROL, 6, NULL },
	{ BYTES("n%C3%A9=%41b%E9"), ERR_UTF8, 12, NULL },
	{ BYTES("%ff=1"), ERR_UTF8, 0, NULL },
	{ BYTES("a=\xc3&b=\xa9"), ERR_UTF8, 2, NULL },
	{ BYTES("a=%C0%80"), ERR_UTF8, 2, NULL },
	{ BYTES("a=%ED%A0%80"), ERR_UTF8, 2, NULL },
	{ BYTES("a=1&a=1"), ERR_DUPLICATE, 4, NULL },
	{ BYTES("a=1&b=2&%61=3"), ERR_DUPLICATE, 8, NULL },
	{ BYTES("x=1&before=2"), ERR_DUPLICATE, 4, NULL },
};

START_TEST(test_what_could_mean_two_things_is_refused_with_its_place)
{
	parsing_check(form_parse, &bad[_i]);
}
END_TEST

START_TEST(test_limits_are_told_where_they_are_passed)
{
	struct pool *pool = pool_new(1 << 20);
	struct parsing p = {
		.in = repeated(pool, "", "&f%u=x", FIELDS_MAX - 1, "&y=1"),
		.err = ERR_LIMIT,
	};

	p.at = p.in.len - 3;
	parsing_check(form_parse, &p);	/* with the one that was before */
	p = (struct parsing){ .err = ERR_LIMIT, .at = 4,
		.in = repeated(pool, "a=1&", "%%6E%u", 65, "=1") };
	parsing_check(form_parse, &p);
	p.in = repeated(pool, "a=1&b=", "%%2500%u", 3000, "");
	parsing_check(form_parse, &p);
	pool_free(pool);
}
END_TEST

START_TEST(test_a_body_costs_the_pool_its_own_length_once)
{
	struct pool *pool = pool_new(1 << 20);
	struct str in = STR("email=ann%40example.com&name=Ann+Lee&c=3");
	struct fields f;
	size_t array;

	fields_init(&f, pool);
	ck_assert_int_eq(fields_add(&f, STR("first"), STR(""), FIELD_TEXT),
			 ERR_OK);
	array = pool_used(pool);
	ck_assert_int_eq(form_parse(in, &f, NULL), ERR_OK);
	ck_assert_uint_le(pool_used(pool) - array, in.len + 15);
	ck_assert_uint_eq(f.count, 4);
	pool_free(pool);
}
END_TEST

START_TEST(test_a_full_pool_is_told_as_such)
{
	struct pool *pool = pool_new(16);
	struct fault fault;
	struct fields f;

	fields_init(&f, pool);
	ck_assert_int_eq(form_parse(STR("a=1"), &f, &fault), ERR_NOMEM);
	ck_assert_int_eq(fault.err, ERR_NOMEM);
	ck_assert_int_eq(form_parse(STR("a=1&b=2"), &f, &fault), ERR_NOMEM);
	ck_assert_uint_eq(f.count, 0);
	pool_free(pool);
}
END_TEST

static void form_tests(TCase *t)
{
	tcase_add_loop_test(t, test_what_browsers_and_clients_send_is_read, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, test_what_could_mean_two_things_is_refused_with_its_place,
			    0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, test_limits_are_told_where_they_are_passed);
	tcase_add_test(t, test_a_body_costs_the_pool_its_own_length_once);
	tcase_add_test(t, test_a_full_pool_is_told_as_such);
}

UNIT_MAIN("form", form_tests)
