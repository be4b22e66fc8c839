/* What was counted lately, hour by hour. */
#include "unit/unit.h"

#include "base/hash.h"
#include "policy/tally.h"

#define HOUR INT64_C(3600000)
#define NOW (1000 * HOUR + 1234)
#define ACME STR("acme")

static struct tally *tally;

static void set_up(void)
{
	hash_init();
	tally = tally_new();
	ck_assert_ptr_nonnull(tally);
}

static void tear_down(void)
{
	tally_free(tally);
}

static uint64_t counted(unsigned hours, int64_t now_ms, int64_t since_ms)
{
	struct tally_sum sum;

	tally_sum(tally, ACME, 1, hours, now_ms, &sum);
	ck_assert_int_eq(sum.since_ms, since_ms);
	return sum.counts[2];
}

START_TEST(hours_come_and_go)
{
	ck_assert_uint_eq(counted(24, NOW, NOW), 0);
	tally_count(tally, ACME, 1, 2, NOW);
	tally_count(tally, STR("globex"), 1, 2, NOW);
	tally_count(tally, ACME, 1, 3, NOW);
	tally_count(tally, ACME, 1, TALLY_KINDS, NOW);
	ck_assert_uint_eq(counted(24, NOW, NOW), 1);
	tally_count(tally, ACME, 1, 2, NOW + HOUR);
	ck_assert_uint_eq(counted(24, NOW + HOUR, NOW), 2);
	ck_assert_uint_eq(counted(99, NOW + HOUR, NOW), 2);
	ck_assert_uint_eq(counted(1, NOW + HOUR, 1001 * HOUR), 1);
	ck_assert_uint_eq(counted(24, NOW + 23 * HOUR, NOW), 2);
	ck_assert_uint_eq(counted(24, NOW + 24 * HOUR, 1001 * HOUR), 1);
	ck_assert_uint_eq(counted(24, NOW + 25 * HOUR, 1002 * HOUR), 0);
	tally_count(tally, ACME, 1, 2, NOW + 500 * HOUR);
	ck_assert_uint_eq(counted(24, NOW + 500 * HOUR, 1477 * HOUR), 1);
}
END_TEST

START_TEST(other_rules_and_a_reset_begin_anew)
{
	struct tally_sum sum;

	tally_count(tally, ACME, 1, 2, NOW);
	tally_reset(tally, ACME, 1, NOW + 5);
	ck_assert_uint_eq(counted(24, NOW + 6, NOW + 5), 0);
	tally_count(tally, ACME, 1, 2, NOW + 7);
	tally_sum(tally, ACME, 2, 24, NOW + 8, &sum);
	ck_assert_int_eq(sum.since_ms, NOW + 8);
	ck_assert_uint_eq(sum.counts[2], 0);
}
END_TEST

START_TEST(a_jti_in_two_assertions_is_told)
{
	const struct str globex = STR("globex");
	char jti[16];

	ck_assert(!tally_is_repeated(tally, ACME, STR("one"), 1));
	/* the same assertion once more, and another tenant's */
	ck_assert(!tally_is_repeated(tally, ACME, STR("one"), 1));
	ck_assert(!tally_is_repeated(tally, globex, STR("one"), 2));
	ck_assert(!tally_is_repeated(tally, ACME, STR("two"), 2));
	ck_assert(tally_is_repeated(tally, ACME, STR("one"), 3));
	ck_assert(tally_is_repeated(tally, ACME, STR("one"), 1));
	/* what is forgotten is no reuse, whatever came since */
	for (unsigned i = 0; i < 4 * TALLY_JTIS; i++) {
		snprintf(jti, sizeof(jti), "%u", i);
		ck_assert(!tally_is_repeated(tally, ACME, str_from(jti), i));
	}
}
END_TEST

static void tally_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, hours_come_and_go);
	tcase_add_test(tc, a_jti_in_two_assertions_is_told);
	tcase_add_test(tc, other_rules_and_a_reset_begin_anew);
}

UNIT_MAIN("tally", tally_tests)
