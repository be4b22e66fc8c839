#include "codec/query.h"

#include "unit/codec/parsing.h"

static const struct parsing cases[] = {
	{ .in = BYTES(""), .fields = "" },
	{ .in = BYTES("token=eyJh.b-_c&tenant=acme"),
	  .fields = "token=eyJh.b-_c|tenant=acme" },
	{ .in = BYTES("a=%2B+"), .fields = "a=+ " },
	{ .in = BYTES("token&a=1"), .fields = "token=|a=1" },
	{ .in = BYTES("token=1&token=2"), .err = ERR_DUPLICATE, .at = 8 },
	{ .in = BYTES("a=%0d"), .err = ERR_CONTROL, .at = 2 },
};

START_TEST(test_a_query_is_read_as_a_form_is)
{
	parsing_check_all(query_parse, cases);
}
END_TEST

START_TEST(test_an_absent_query_holds_nothing)
{
	struct fields f;

	fields_init(&f, NULL);
	ck_assert_int_eq(query_parse(STR_NULL, &f, NULL), ERR_OK);
	ck_assert_uint_eq(f.count, 0);
}
END_TEST

START_TEST(test_a_query_has_limits_of_its_own)
{
	struct pool *pool = pool_new(1 << 20);
	struct parsing p = { .err = ERR_LIMIT, .at = QUERY_MAX };
	struct fields f;

	p.in = repeated(pool, "a=", "x", QUERY_MAX - 1, "");
	parsing_check(query_parse, &p);
	p.in = repeated(pool, "", "f%u=&", QUERY_FIELDS_MAX, "g=1");
	p.at = p.in.len - 3;
	parsing_check(query_parse, &p);
	/* The form's own limit comes back afterwards. */
	fields_init(&f, pool);
	ck_assert_int_eq(query_parse(p.in, &f, NULL), ERR_LIMIT);
	for (unsigned i = 0; i < FIELDS_MAX; i++)
		ck_assert_int_eq(fields_add(&f, pool_printf(pool, "n%u", i),
					    STR(""), FIELD_TEXT), ERR_OK);
	ck_assert_int_eq(query_parse(STR("g=1"), &f, NULL), ERR_LIMIT);
	pool_free(pool);
}
END_TEST

static void query_tests(TCase *t)
{
	tcase_add_test(t, test_a_query_is_read_as_a_form_is);
	tcase_add_test(t, test_an_absent_query_holds_nothing);
	tcase_add_test(t, test_a_query_has_limits_of_its_own);
}

UNIT_MAIN("query", query_tests)
