/* How much of the supervisor's time one adapter may take. */
#include "adapter/share-private.h"

#include "unit/unit.h"

#define START (INT64_C(7) * 1000000000)

/* How many of them are heard in one tenth of a second. */
static unsigned heard(enum wire_type type, size_t len)
{
	struct share share = { 0 };
	unsigned count = 0;

	while (!share_is_spent(&share, START)) {
		share_take(&share, type, len, START);
		count++;
	}
	ck_assert_int_eq(share_until(&share), START + SHARE_NS);
	return count;
}

START_TEST(a_flood_ends_with_the_share)
{
	ck_assert_uint_le(heard(WIRE_LOG, 40), 4096);
	ck_assert_uint_le(heard(WIRE_STEP, 16), 4096);
	ck_assert_uint_le(heard(WIRE_SIGN, WIRE_SIGN_MAX), 64);
	ck_assert_uint_le(heard(WIRE_SIGN, 40), 1024);
	ck_assert_uint_le(heard(WIRE_REPLY, WIRE_FRAME_MAX), 33);
	/* What was asked for is not held against it. */
	ck_assert_uint_ge(heard(WIRE_REPLY, 200), 20000);
}
END_TEST

START_TEST(the_next_tenth_is_a_new_one)
{
	struct share share = { 0 };

	share_take(&share, WIRE_LOG, SHARE_MAX, START);
	ck_assert(share_is_spent(&share, START + SHARE_NS - 1));
	ck_assert(!share_is_spent(&share, START + SHARE_NS));
	share_take(&share, WIRE_LOG, 100, START + SHARE_NS);
	ck_assert(!share_is_spent(&share, START + SHARE_NS));
	ck_assert_int_eq(share_until(&share), START + 2 * SHARE_NS);
	ck_assert_uint_eq(share.cost, 100 + SHARE_FRAME);
}
END_TEST

static void share_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_flood_ends_with_the_share);
	tcase_add_test(tcase, the_next_tenth_is_a_new_one);
}

UNIT_MAIN("share", share_tests)
