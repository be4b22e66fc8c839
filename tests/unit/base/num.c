#include "base/num.h"

#include "unit/unit.h"

#define ANY_I64 INT64_MIN, INT64_MAX

static const struct {
	const char *in;
	int64_t min, max;
	enum err err;
	int64_t value;
} cases[] = {
	{ "0", ANY_I64, ERR_OK, 0 },
	{ "42", ANY_I64, ERR_OK, 42 },
	{ "-42", ANY_I64, ERR_OK, -42 },
	{ "9223372036854775807", ANY_I64, ERR_OK, INT64_MAX },
	{ "-9223372036854775808", ANY_I64, ERR_OK, INT64_MIN },
	{ "9223372036854775808", ANY_I64, ERR_RANGE, 0 },
	{ "-9223372036854775809", ANY_I64, ERR_RANGE, 0 },
	{ "18446744073709551616", ANY_I64, ERR_RANGE, 0 },
	{ "99999999999999999999999", ANY_I64, ERR_RANGE, 0 },
	{ "1", 1, 3, ERR_OK, 1 },
	{ "3", 1, 3, ERR_OK, 3 },
	{ "0", 1, 3, ERR_RANGE, 0 },
	{ "4", 1, 3, ERR_RANGE, 0 },
	{ "-1", -3, -2, ERR_RANGE, 0 },
	{ "", ANY_I64, ERR_SYNTAX, 0 },
	{ "-", ANY_I64, ERR_SYNTAX, 0 },
	{ "-0", ANY_I64, ERR_SYNTAX, 0 },
	{ "--1", ANY_I64, ERR_SYNTAX, 0 },
	{ "+1", ANY_I64, ERR_SYNTAX, 0 },
	{ "01", ANY_I64, ERR_SYNTAX, 0 },
	{ "-01", ANY_I64, ERR_SYNTAX, 0 },
	{ " 1", ANY_I64, ERR_SYNTAX, 0 },
	{ "1 ", ANY_I64, ERR_SYNTAX, 0 },
	{ "1.0", ANY_I64, ERR_SYNTAX, 0 },
	{ "0x1", ANY_I64, ERR_SYNTAX, 0 },
	{ "99999999999999999999999x", ANY_I64, ERR_SYNTAX, 0 },
	{ "\xd9\xa1", ANY_I64, ERR_SYNTAX, 0 },
};

START_TEST(test_signed_numbers)
{
	int64_t value = 7;

	ck_assert_int_eq(num_i64(str_from(cases[_i].in), cases[_i].min,
				 cases[_i].max, &value), cases[_i].err);
	ck_assert_int_eq(value, cases[_i].err ? 7 : cases[_i].value);
}
END_TEST

START_TEST(test_unsigned_numbers)
{
	uint64_t value = 7;

	ck_assert_int_eq(num_u64(STR("-1"), 0, UINT64_MAX, &value),
			 ERR_SYNTAX);
	ck_assert_int_eq(num_u64(STR("18446744073709551616"), 0, UINT64_MAX,
				 &value), ERR_RANGE);
	ck_assert_int_eq(num_u64(STR("1\0"), 0, UINT64_MAX, &value),
			 ERR_SYNTAX);
	ck_assert_uint_eq(value, 7);
	ck_assert_int_eq(num_u64(STR("18446744073709551615"), 0, UINT64_MAX,
				 &value), ERR_OK);
	ck_assert_uint_eq(value, UINT64_MAX);
}
END_TEST

START_TEST(test_hexadecimal_digits)
{
	static const char digits[] = "0123456789abcdef";

	for (int c = 0; c < 256; c++) {
		const char *p = c ? strchr(digits, ascii_lower((char)c)) : NULL;

		ck_assert_int_eq(num_hex((char)c), p ? (int)(p - digits) : -1);
	}
}
END_TEST

static void num_tests(TCase *t)
{
	tcase_add_loop_test(t, test_signed_numbers, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, test_unsigned_numbers);
	tcase_add_test(t, test_hexadecimal_digits);
}

UNIT_MAIN("num", num_tests)
