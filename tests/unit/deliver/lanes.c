/* Who may be under way at a time. */
#include "deliver/lanes.h"

#include "unit/unit.h"

START_TEST(one_event_of_a_user_at_a_time)
{
	struct lanes lanes = { .count = 0 };

	ck_assert(lanes_take(&lanes, 1, 1, 7));
	ck_assert(!lanes_take(&lanes, 1, 1, 7));
	ck_assert(lanes_take(&lanes, 1, 1, 8));
	/* at another endpoint they have another lane */
	ck_assert(lanes_take(&lanes, 1, 2, 7));
	lanes_give_back(&lanes, 1, 7);
	ck_assert(lanes_take(&lanes, 1, 1, 7));
	ck_assert_uint_eq(lanes_count(&lanes, 1), 2);
	/* what nobody has is given back by nobody */
	lanes_give_back(&lanes, 3, 7);
	ck_assert_uint_eq(lanes.count, 3);
}
END_TEST

START_TEST(an_endpoint_and_a_tenant_and_all_have_so_many)
{
	struct lanes lanes = { .count = 0 };
	unsigned taken = 0;

	for (int user = 0; user < LANES_ENDPOINT_MAX; user++)
		ck_assert(lanes_take(&lanes, 1, 1, user));
	ck_assert(!lanes_have_room(&lanes, 1, 1));
	ck_assert(!lanes_take(&lanes, 1, 1, 100));
	for (int user = 0; user < LANES_ENDPOINT_MAX; user++)
		ck_assert(lanes_take(&lanes, 1, 2, user));
	/* twice eight: the tenant has no more, whatever its endpoints */
	ck_assert_uint_eq(lanes.count, LANES_TENANT_MAX);
	ck_assert(!lanes_take(&lanes, 1, 3, 1));
	ck_assert(lanes_have_room(&lanes, 2, 4));
	for (int64_t endpoint = 4; endpoint < 100; endpoint++)
		taken += lanes_take(&lanes, (uint64_t)endpoint, endpoint, 1);
	ck_assert_uint_eq(taken, LANES_MAX - LANES_TENANT_MAX);
	ck_assert(!lanes_have_room(&lanes, 1000, 1000));
	lanes_give_back(&lanes, 1, 3);
	ck_assert(lanes_have_room(&lanes, 1000, 1000));
}
END_TEST

static void lanes_tests(TCase *tcase)
{
	tcase_add_test(tcase, one_event_of_a_user_at_a_time);
	tcase_add_test(tcase, an_endpoint_and_a_tenant_and_all_have_so_many);
}

UNIT_MAIN("lanes", lanes_tests)
