#include "base/pool.h"

#include <malloc.h>

#include "unit/unit.h"

/* Asserted once for all of them: an assertion is a write. */
static bool all_are(const unsigned char *p, size_t size, int value)
{
	size_t i = 0;

	while (i < size && p[i] == value)
		i++;
	return i == size;
}

START_TEST(test_memory_is_zeroed_aligned_and_apart)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4000, 5000, 100000 };
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	struct pool *pool = pool_new(1 << 20);
	unsigned char *p[COUNT];

	mallopt(M_PERTURB, 0x5a);	/* what is fresh is often zero */
	for (int i = 0; i < COUNT; i++) {
		p[i] = pool_alloc(pool, sizes[i]);
		ck_assert_ptr_nonnull(p[i]);
		ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
		ck_assert(all_are(p[i], sizes[i], 0));
		memset(p[i], i + 1, sizes[i]);
	}
	for (int i = 0; i < COUNT; i++)
		ck_assert(all_are(p[i], sizes[i], i + 1));
	pool_free(pool);
}
END_TEST

START_TEST(test_the_limit_is_for_the_sum)
{
	struct pool *pool = pool_new(64);

	ck_assert_ptr_null(pool_alloc(pool, 65));
	ck_assert_ptr_null(pool_alloc(pool, SIZE_MAX));
	ck_assert_ptr_null(pool_calloc(pool, SIZE_MAX / 2, 3));
	ck_assert_ptr_nonnull(pool_calloc(pool, 3, 16));
	ck_assert_uint_eq(pool_used(pool), 48);
	ck_assert_ptr_null(pool_alloc(pool, 17));
	ck_assert_ptr_nonnull(pool_alloc(pool, 1));
	ck_assert_ptr_null(pool_alloc(pool, 0));
	ck_assert_ptr_null(pool_strndup(pool, "a", 1));
	ck_assert(str_is_null(pool_str(pool, STR("a"))));
	ck_assert(str_is_null(pool_printf(pool, "a")));
	pool_reset(pool);
	ck_assert_uint_eq(pool_used(pool), 0);
	ck_assert_ptr_nonnull(pool_alloc(pool, 64));
	pool_free(pool);
}
END_TEST

/* The first block outlives a reset, so it can be looked at afterwards. */
START_TEST(test_a_reset_wipes_and_gives_the_same_memory_again)
{
	struct pool *pool = pool_new(1 << 20);
	char *p = pool_alloc(pool, 32);

	memset(p, 'x', 32);
	ck_assert_ptr_nonnull(pool_alloc(pool, 10 * POOL_FIRST));
	pool_reset(pool);
	for (int i = 0; i < 32; i++)
		ck_assert_int_eq(p[i], 0);
	ck_assert_ptr_eq(pool_alloc(pool, 32), p);
	pool_free(pool);
}
END_TEST

START_TEST(test_copies_are_terminated)
{
	struct pool *pool = pool_new(1 << 20);
	struct str s = pool_str(pool, STR("a\0b"));

	ck_assert_uint_eq(s.len, 3);
	ck_assert_mem_eq(s.ptr, "a\0b", 4);
	ck_assert_str_eq(pool_strndup(pool, "abc", 2), "ab");
	s = pool_str(pool, STR_NULL);
	ck_assert(!str_is_null(s) && s.len == 0);
	s = pool_printf(pool, "%s-%d", "n", 42);
	ck_str_is(s, "n-42");
	ck_assert_int_eq(s.ptr[s.len], 0);
	pool_free(pool);
}
END_TEST

START_TEST(test_freeing_nothing_is_fine)
{
	pool_free(NULL);
	pool_free(pool_new(0));
}
END_TEST

static void pool_tests(TCase *t)
{
	tcase_add_test(t, test_memory_is_zeroed_aligned_and_apart);
	tcase_add_test(t, test_the_limit_is_for_the_sum);
	tcase_add_test(t, test_a_reset_wipes_and_gives_the_same_memory_again);
	tcase_add_test(t, test_copies_are_terminated);
	tcase_add_test(t, test_freeing_nothing_is_fine);
}

UNIT_MAIN("pool", pool_tests)
