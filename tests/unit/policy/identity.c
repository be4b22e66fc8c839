#include "unit/unit.h"

#include "policy/identity.h"

START_TEST(each_mode_has_a_name)
{
	static const char *const names[] = { "unsigned", "observe", "signed" };

	for (unsigned i = 0; i < IDENTITY_COUNT; i++) {
		enum identity_mode mode = IDENTITY_COUNT;

		ck_assert_str_eq(identity_mode_text(i), names[i]);
		ck_assert(!identity_mode_parse(str_from(names[i]), &mode));
		ck_assert_uint_eq(mode, i);
	}
	ck_assert_str_eq(identity_mode_text(IDENTITY_COUNT), "unknown");
}
END_TEST

START_TEST(nothing_else_is_a_mode)
{
	static const struct str others[] = {
		STR(""), STR("Signed"), STR("sign"), STR("signed "),
		STR("signed\0"), STR("none"), STR("unsign"),
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		enum identity_mode mode = IDENTITY_SIGNED;

		ck_assert_int_eq(identity_mode_parse(others[i], &mode),
				 ERR_NOT_FOUND);
		ck_assert_int_eq(mode, IDENTITY_SIGNED);
	}
	ck_assert_int_eq(identity_mode_parse(STR_NULL,
					     &(enum identity_mode){ 0 }),
			 ERR_NOT_FOUND);
}
END_TEST

static void identity_tests(TCase *tcase)
{
	tcase_add_test(tcase, each_mode_has_a_name);
	tcase_add_test(tcase, nothing_else_is_a_mode);
}

UNIT_MAIN("identity", identity_tests)
