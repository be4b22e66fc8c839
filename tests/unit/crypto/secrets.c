/* Several secrets at once. */
#include "crypto/secrets.h"

#include "unit/unit.h"

START_TEST(each_of_them_will_do_and_nothing_else)
{
	struct secrets secrets = { .count = 0 };
	char text[] = "secret-0";
	unsigned i, j;

	ck_assert(!secrets_has(&secrets, STR("")));
	ck_assert(!secrets_has(&secrets, STR("secret-0")));
	for (i = 0; i < SECRETS_MAX; i++) {
		text[7] = (char)('0' + i);
		ck_assert_int_eq(secrets_add(&secrets, str_from(text)), ERR_OK);
		for (j = 0; j < 10; j++) {
			text[7] = (char)('0' + j);
			ck_assert(secrets_has(&secrets, str_from(text)) ==
				  (j <= i));
		}
	}
	ck_assert(!secrets_has(&secrets, STR("")));
	ck_assert(!secrets_has(&secrets, STR("secret-")));
	ck_assert(!secrets_has(&secrets, STR("secret-00")));
	ck_assert(!secrets_has(&secrets, STR("Secret-0")));
	ck_assert(!secrets_has(&secrets, STR("secret-0\nsecret-1")));
	ck_assert(!secrets_has(&secrets, (struct str){ "secret-0\0", 9 }));
}
END_TEST

START_TEST(there_are_so_many_and_no_more)
{
	struct secrets secrets = { .count = SECRETS_MAX };

	ck_assert_int_eq(secrets_add(&secrets, STR("one more")), ERR_LIMIT);
	ck_assert_uint_eq(secrets.count, SECRETS_MAX);
	ck_assert(!secrets_has(&secrets, STR("one more")));
}
END_TEST

static void secrets_tests(TCase *tcase)
{
	tcase_add_test(tcase, each_of_them_will_do_and_nothing_else);
	tcase_add_test(tcase, there_are_so_many_and_no_more);
}

UNIT_MAIN("secrets", secrets_tests)
