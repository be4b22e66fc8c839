/* Which users adapters run as. */
#include "sandbox/uids.h"

#include "unit/unit.h"

START_TEST(the_range_is_one_that_the_namespace_has)
{
	static const struct {
		const char *uids, *gids;
		uid_t first;
	} cases[] = {
		{ "         0          0 4294967295\n",
		  "         0          0 4294967295\n", 2097152000 },
		{ "0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 65536\n",
		  61440 },
		{ "0 100000 65536\n", "0 100000 65536\n", 61440 },
		/* both kinds of ids are needed, whole */
		{ "0 0 4294967295\n", "0 100000 65536\n", 61440 },
		{ "0 0 2097217535\n", "0 0 4294967295\n", 61440 },
		{ "0 0 2097217536\n", "0 0 4294967295\n", 2097152000 },
		{ "2097152000 5 65536\n", "0 0 4294967295\n", 2097152000 },
		{ "2097152001 5 65536\n", "0 0 4294967295\n", 0 },
		{ "0 0 63487\n", "0 0 65536\n", 0 },
		{ "0 0 63488\n", "0 0 65536\n", 61440 },
		{ "0 1000 1\n", "0 1000 1\n", 0 },
		{ "", "", 0 },
		{ "0 0\nx 0 4294967295\n0 0 99999999999\n",
		  "0 0 4294967295\n", 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct uid_range range =
			uids_range_of(str_from(cases[i].uids),
				      str_from(cases[i].gids));

		ck_assert_msg(range.first == cases[i].first, "%u: %u", i,
			      (unsigned)range.first);
		ck_assert(!range.count == !range.first);
	}
	ck_assert_uint_eq(uids_range_of(STR("0 0 65536\n"),
					STR("0 0 65536\n")).count, 2048);
}
END_TEST

START_TEST(nobody_has_the_user_of_another)
{
	static struct uids uids;
	uid_t uid, last = 0;

	uids_init(&uids, (struct uid_range){ 1000, 4 });
	for (uid_t want = 1001; want <= 1003; want++) {
		ck_assert_int_eq(uids_take(&uids, &uid), 1);
		ck_assert_uint_eq(uid, want);
	}
	/* The first is the spawner's, whatever is given back. */
	uids_give_back(&uids, 1000);
	uids_give_back(&uids, 999);
	uids_give_back(&uids, 1004);
	uids_give_back(&uids, 0);
	ck_assert_int_eq(uids_take(&uids, &last), 0);
	ck_assert_uint_eq(last, 0);
	uids_give_back(&uids, 1002);
	ck_assert_int_eq(uids_take(&uids, &uid), 1);
	ck_assert_uint_eq(uid, 1002);
}
END_TEST

START_TEST(one_given_back_rests)
{
	static struct uids uids;
	uid_t uid;

	uids_init(&uids, (struct uid_range){ 1000, 8 });
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(uids_take(&uids, &uid), 1);
		ck_assert_uint_eq(uid, 1001 + i % 7);
		uids_give_back(&uids, uid);
	}
}
END_TEST

START_TEST(without_a_range_there_are_none)
{
	static struct uids uids;
	uid_t uid = 7;

	uids_init(&uids, (struct uid_range){ 0, 0 });
	ck_assert_int_eq(uids_take(&uids, &uid), 0);
	ck_assert_uint_eq(uid, 7);
}
END_TEST

static void uids_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_range_is_one_that_the_namespace_has);
	tcase_add_test(tcase, nobody_has_the_user_of_another);
	tcase_add_test(tcase, one_given_back_rests);
	tcase_add_test(tcase, without_a_range_there_are_none);
}

UNIT_MAIN("uids", uids_tests)
