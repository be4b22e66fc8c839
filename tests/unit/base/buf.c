#include "base/buf.h"

#include "unit/unit.h"

static void append_some(struct buf *b)
{
	buf_puts(b, "a");
	buf_addc(b, 'b');
	buf_adds(b, STR("cd"));
	buf_add(b, NULL, 0);
	buf_printf(b, "%d%s", 4, "f");
}

/* By malloc, in a pool, in an array: the same content, always terminated. */
START_TEST(test_text_grows_wherever_its_memory_is)
{
	struct pool *pool = pool_new(1 << 20);
	char array[1001];
	struct buf b[3];

	buf_init(&b[0], 1000);
	buf_init_pool(&b[1], pool, 1000);
	buf_init_fixed(&b[2], array, sizeof(array));
	for (int i = 0; i < 3; i++) {
		ck_str_is(buf_str(&b[i]), "");
		append_some(&b[i]);
		ck_assert_str_eq(b[i].ptr, "abcd4f");
		for (int j = 0; j < 994; j++)
			buf_addc(&b[i], 'x');
		ck_assert(buf_is_ok(&b[i]));
		ck_assert_uint_eq(buf_str(&b[i]).len, 1000);
		ck_assert_uint_eq(strlen(b[i].ptr), 1000);
		buf_addc(&b[i], 'y');
		ck_assert(!buf_is_ok(&b[i]));
		ck_assert_uint_eq(strlen(b[i].ptr), 1000);
		buf_done(&b[i]);
	}
	ck_assert_int_eq(array[0], 0);
	pool_free(pool);
}
END_TEST

START_TEST(test_a_failure_lasts_until_the_buffer_is_cleared)
{
	char array[4];
	struct buf b;

	buf_init_fixed(&b, array, sizeof(array));
	buf_puts(&b, "ab");
	buf_puts(&b, "cd");
	ck_assert(!buf_is_ok(&b));
	buf_puts(&b, "e");
	ck_str_is(buf_str(&b), "ab");
	buf_clear(&b);
	ck_assert(buf_is_ok(&b));
	buf_printf(&b, "%s", "cde");
	ck_assert(buf_is_ok(&b));
	ck_assert_str_eq(array, "cde");
	buf_printf(&b, "%s", "f");
	ck_assert(!buf_is_ok(&b));
}
END_TEST

START_TEST(test_room_that_was_reserved_is_there)
{
	struct buf b;
	char *p;

	buf_init(&b, 5000);
	ck_assert(buf_reserve(&b, 5000));
	p = b.ptr;
	for (int i = 0; i < 5000; i++)
		buf_addc(&b, 'x');
	ck_assert(buf_is_ok(&b));
	ck_assert_ptr_eq(b.ptr, p);
	ck_assert(!buf_reserve(&b, 1));
	buf_done(&b);
	buf_init(&b, 10);
	ck_assert(!buf_reserve(&b, SIZE_MAX));
	buf_done(&b);
}
END_TEST

START_TEST(test_no_room_at_all_is_a_failure_and_no_overrun)
{
	struct pool *pool = pool_new(64);
	struct buf b;

	buf_init_fixed(&b, NULL, 0);
	ck_assert(!buf_is_ok(&b));
	buf_addc(&b, 'x');
	ck_str_is(buf_str(&b), "");
	buf_init_pool(&b, pool, 1000);
	buf_puts(&b, "more than the pool gives");
	ck_assert(!buf_is_ok(&b));
	b = (struct buf){ 0 };
	buf_done(&b);
	buf_addc(&b, 'x');
	ck_assert(!buf_is_ok(&b));
	pool_free(pool);
}
END_TEST

static void buf_tests(TCase *t)
{
	tcase_add_test(t, test_text_grows_wherever_its_memory_is);
	tcase_add_test(t, test_a_failure_lasts_until_the_buffer_is_cleared);
	tcase_add_test(t, test_room_that_was_reserved_is_there);
	tcase_add_test(t, test_no_room_at_all_is_a_failure_and_no_overrun);
}

UNIT_MAIN("buf", buf_tests)
