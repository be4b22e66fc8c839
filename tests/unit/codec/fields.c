#include "codec/fields.h"

#include "unit/codec/parsing.h"

static struct pool *pool;
static struct fields fields;

static void set_up(void)
{
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
	fields_init(&fields, pool);
}

static void tear_down(void)
{
	pool_free(pool);
}

static enum err add(const char *name, const char *value)
{
	return fields_add(&fields, str_from(name), str_from(value),
			  FIELD_TEXT);
}

START_TEST(test_fields_keep_the_order_of_their_arrival)
{
	ck_assert_int_eq(add("b", "1"), ERR_OK);
	ck_assert_int_eq(add("a", "2"), ERR_OK);
	ck_assert_int_eq(add("c", ""), ERR_OK);
	ck_str_is(fields_text(pool, &fields), "b=1|a=2|c=");
	ck_assert(fields_del(&fields, STR("a")));
	ck_assert(!fields_del(&fields, STR("a")));
	ck_str_is(fields_text(pool, &fields), "b=1|c=");
	ck_assert(fields_del(&fields, STR("c")));
	ck_assert(fields_del(&fields, STR("b")));
	ck_assert_uint_eq(fields.count, 0);
}
END_TEST

START_TEST(test_names_are_matched_byte_by_byte)
{
	ck_assert_int_eq(add("email", "a@b"), ERR_OK);
	ck_assert_int_eq(add("Email", "c@d"), ERR_OK);
	ck_assert_int_eq(add("email", "e@f"), ERR_DUPLICATE);
	ck_assert_int_eq(fields_add(&fields, STR("email\0x"), STR("g"),
				    FIELD_TEXT), ERR_OK);
	ck_str_is(fields_value(&fields, STR("email")), "a@b");
	ck_assert_ptr_null(fields_get(&fields, STR("emai")));
	ck_assert(str_is_null(fields_value(&fields, STR("EMAIL"))));
}
END_TEST

/* As an adapter does it: from memory that is gone afterwards. */
START_TEST(test_set_copies_and_replaces_in_place)
{
	char name[] = "role", value[] = "[1]";

	ck_assert_int_eq(add("email", "a@b"), ERR_OK);
	ck_assert_int_eq(fields_set(&fields, str_from(name), str_from(value),
				    FIELD_JSON), ERR_OK);
	memset(name, 'x', sizeof(name) - 1);
	memset(value, 'x', sizeof(value) - 1);
	ck_assert_int_eq(fields_set(&fields, STR("email"), STR("c@d"),
				    FIELD_TEXT), ERR_OK);
	ck_str_is(fields_text(pool, &fields), "email=c@d|role:=[1]");
}
END_TEST

START_TEST(test_the_limits_hold)
{
	char name[FIELD_NAME_MAX + 1], value[FIELD_VALUE_MAX + 1];
	struct str n = { name, sizeof(name) }, v = { value, sizeof(value) };

	memset(name, 'n', sizeof(name));
	memset(value, 'v', sizeof(value));
	ck_assert_int_eq(fields_add(&fields, n, STR(""), FIELD_TEXT),
			 ERR_LIMIT);
	ck_assert_int_eq(fields_set(&fields, n, STR(""), FIELD_TEXT),
			 ERR_LIMIT);
	ck_assert_int_eq(fields_add(&fields, STR("a"), v, FIELD_TEXT),
			 ERR_LIMIT);
	ck_assert_int_eq(fields_set(&fields, STR("a"), v, FIELD_TEXT),
			 ERR_LIMIT);
	n.len--;
	v.len--;
	ck_assert_int_eq(fields_add(&fields, n, v, FIELD_TEXT), ERR_OK);
	ck_assert_int_eq(fields_set(&fields, n, v, FIELD_TEXT), ERR_OK);
	ck_assert_uint_eq(fields.count, 1);
}
END_TEST

START_TEST(test_there_are_never_more_than_the_maximum)
{
	for (unsigned i = 0; i < FIELDS_MAX; i++)
		ck_assert_int_eq(fields_add(&fields,
					    pool_printf(pool, "f%u", i),
					    STR("x"), FIELD_TEXT), ERR_OK);
	ck_assert_int_eq(add("more", ""), ERR_LIMIT);
	ck_assert_int_eq(fields_set(&fields, STR("more"), STR(""),
				    FIELD_TEXT), ERR_LIMIT);
	ck_assert_int_eq(fields_set(&fields, STR("f255"), STR("y"),
				    FIELD_TEXT), ERR_OK);
	ck_str_is(fields_value(&fields, STR("f0")), "x");
	ck_str_is(fields_value(&fields, STR("f255")), "y");
}
END_TEST

/* Each allocation in turn is the one that the pool refuses. */
START_TEST(test_a_full_pool_is_an_error_that_leaves_the_fields_alone)
{
	for (size_t limit = 0; limit < 4096; limit += 16) {
		struct pool *small = pool_new(limit);
		struct fields f;
		unsigned held = 0;

		fields_init(&f, small);
		for (unsigned i = 0; i < 20; i++) {
			char name[] = { (char)('a' + i), '\0' };
			enum err err = fields_set(&f, str_from(name),
						  STR("value"), FIELD_TEXT);

			if (err)
				ck_assert_int_eq(err, ERR_NOMEM);
			else
				held++;
			ck_assert_uint_eq(f.count, held);
		}
		if (!limit)
			ck_assert_int_eq(fields_add(&f, STR("z"), STR(""),
						    FIELD_TEXT), ERR_NOMEM);
		pool_free(small);
	}
}
END_TEST

static void fields_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, test_fields_keep_the_order_of_their_arrival);
	tcase_add_test(t, test_names_are_matched_byte_by_byte);
	tcase_add_test(t, test_set_copies_and_replaces_in_place);
	tcase_add_test(t, test_the_limits_hold);
	tcase_add_test(t, test_there_are_never_more_than_the_maximum);
	tcase_add_test(t, test_a_full_pool_is_an_error_that_leaves_the_fields_alone);
}

UNIT_MAIN("fields", fields_tests)
