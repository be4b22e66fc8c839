#include "store/known.h"

#include "unit/unit.h"

static struct hash128 hash_of(uint64_t n)
{
	return hash_wide(&n, sizeof(n));
}

static int get(struct known *k, uint64_t key, uint64_t values, int64_t since)
{
	int64_t id = 0;

	if (!known_get(k, hash_of(key), hash_of(values), since, &id))
		return 0;
	return (int)id;
}

START_TEST(only_the_same_values_are_known_and_not_for_ever)
{
	struct known *k = known_new(1024);

	ck_assert_int_eq(get(k, 1, 10, 0), 0);
	known_put(k, hash_of(1), hash_of(10), 100, 7);
	ck_assert_int_eq(get(k, 1, 10, 99), 7);
	ck_assert_int_eq(get(k, 1, 10, 100), 0);
	ck_assert_int_eq(get(k, 1, 11, 0), 0);
	ck_assert_int_eq(get(k, 2, 10, 0), 0);
	known_put(k, hash_of(1), hash_of(11), 200, 7);
	ck_assert_int_eq(get(k, 1, 10, 0), 0);
	ck_assert_int_eq(get(k, 1, 11, 0), 7);
	known_drop(k, hash_of(1));
	known_drop(k, hash_of(1));
	ck_assert_int_eq(get(k, 1, 11, 0), 0);
	known_free(k);
	known_free(NULL);
}
END_TEST

START_TEST(within_its_bound_nearly_all_is_kept_and_never_more)
{
	const unsigned max = 16384;
	struct known *k = known_new(max);
	unsigned kept = 0, recent = 0;

	for (unsigned i = 0; i < max / 2; i++)
		known_put(k, hash_of(i), hash_of(0), 1, 1 + i);
	for (unsigned i = 0; i < max / 2; i++) {
		int id = get(k, i, 0, 0);

		ck_assert(id == 0 || id == (int)i + 1);
		kept += id != 0;
	}
	ck_assert_int_gt(kept, max / 2 * 9 / 10);
	for (unsigned i = 0; i < 4 * max; i++)
		known_put(k, hash_of(1000000 + i), hash_of(0), 2 + i, 1 + i);
	kept = 0;
	for (unsigned i = 0; i < 4 * max; i++)
		kept += get(k, 1000000 + i, 0, 0) != 0;
	ck_assert_int_le(kept, max);
	ck_assert_int_gt(kept, max * 9 / 10);
	/* the newest are the last to go */
	for (unsigned i = 4 * max - max / 4; i < 4 * max; i++)
		recent += get(k, 1000000 + i, 0, 0) != 0;
	ck_assert_int_gt(recent, max / 4 * 95 / 100);
	known_free(k);
}
END_TEST

static void known_tests(TCase *tc)
{
	tcase_add_test(tc, only_the_same_values_are_known_and_not_for_ever);
	tcase_add_test(tc,
		within_its_bound_nearly_all_is_kept_and_never_more);
}

UNIT_MAIN("known", known_tests)
