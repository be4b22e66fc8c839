#include "base/str.h"

#include "unit/unit.h"

START_TEST(test_absent_and_empty_are_equal_but_told_apart)
{
	ck_assert(str_eq(STR_NULL, STR("")));
	ck_assert(str_is_null(STR_NULL));
	ck_assert(!str_is_null(STR("")));
	ck_assert(str_is_null(str_from(NULL)));
	ck_assert_uint_eq(str_from("abc").len, 3);
}
END_TEST

START_TEST(test_equality_is_of_bytes_or_of_ascii_letters)
{
	ck_assert(str_eq(STR("a\0b"), STR("a\0b")));
	ck_assert(!str_eq(STR("a\0b"), STR("a\0c")));
	ck_assert(!str_eq(STR("a"), STR("A")));
	ck_assert(!str_eq(STR("a"), STR("ab")));
	ck_assert(str_ieq(STR("Host-42"), STR("hOST-42")));
	ck_assert(!str_ieq(STR("a"), STR("b")));
	ck_assert(!str_ieq(STR("a"), STR("ab")));
	/* '@' and '`', '[' and '{' differ by the same bit as letters do */
	ck_assert(!str_ieq(STR("@["), STR("`{")));
	ck_assert(!str_ieq(STR("\xc3\x89"), STR("\xc3\xa9")));
}
END_TEST

START_TEST(test_characters_are_classed_without_a_locale)
{
	static const char tokens[] = "!#$%&'*+-.^_`|~0123456789"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";

	for (int c = 0; c < 256; c++) {
		bool upper = c >= 'A' && c <= 'Z';
		bool lower = c >= 'a' && c <= 'z';

		ck_assert(ascii_is_token((char)c) ==
			  (c && strchr(tokens, c)));
		ck_assert(ascii_is_alpha((char)c) == (upper || lower));
		ck_assert(ascii_is_digit((char)c) == (c >= '0' && c <= '9'));
		ck_assert_int_eq(ascii_lower((char)c),
				 (char)(upper ? c + 32 : c));
	}
}
END_TEST

START_TEST(test_control_characters)
{
	for (int i = 0; i < 256; i++)
		ck_assert_int_eq(ascii_is_control((char)i),
				 i <= 31 || i == 127);
	for (int32_t cp = 0; cp < 0x300; cp++)
		ck_assert_int_eq(unicode_is_control(cp),
				 cp <= 31 || (cp >= 127 && cp <= 159));
	ck_assert(unicode_is_control(-1));
	ck_assert(!unicode_is_control(0x10ffff));
}
END_TEST

START_TEST(test_searching)
{
	ck_assert(str_is_ascii(STR("")) && str_is_ascii(STR("a\0~\x7f")));
	ck_assert(!str_is_ascii(STR("a\x80")) && !str_is_ascii(STR("é")));
	ck_assert(str_has_prefix(STR("abc"), STR("ab")));
	ck_assert(str_has_prefix(STR("abc"), STR("")));
	ck_assert(!str_has_prefix(STR("ab"), STR("abc")));
	ck_assert(!str_has_prefix(STR("xbc"), STR("a")));
	ck_assert_int_eq(str_find(STR("abcb"), 'b'), 1);
	ck_assert_int_eq(str_find(STR("a\0b"), '\0'), 1);
	ck_assert_int_eq(str_find(STR("abc"), 'x'), -1);
	ck_assert_int_eq(str_find(STR_NULL, 'x'), -1);
	ck_assert(str_icontains(STR("a PreFetch b"), STR("prefetch")));
	ck_assert(str_icontains(STR("ab"), STR("B")));
	ck_assert(!str_icontains(STR("ab"), STR("abc")));
	ck_assert(str_icontains(STR_NULL, STR("")));
}
END_TEST

START_TEST(test_trimming)
{
	ck_str_is(str_trim(STR(" \ta b\t "), " \t"), "a b");
	ck_str_is(str_trim(STR(" \t "), " \t"), "");
	ck_str_is(str_trim(STR("a"), ""), "a");
	ck_assert_uint_eq(str_trim(STR("\0a\0"), " ").len, 3);
}
END_TEST

START_TEST(test_cutting_leaves_an_absent_rest_at_the_end)
{
	struct str rest = STR("a=b=c");

	ck_str_is(str_cut(rest, '=', &rest), "a");
	ck_str_is(rest, "b=c");
	ck_str_is(str_cut(rest, '=', &rest), "b");
	ck_str_is(str_cut(rest, '=', &rest), "c");
	ck_assert(str_is_null(rest));
	ck_str_is(str_cut(STR("a="), '=', &rest), "a");
	ck_assert(!str_is_null(rest) && rest.len == 0);
}
END_TEST

START_TEST(test_order_is_that_of_bytes)
{
	ck_assert_int_eq(str_cmp(STR("a"), STR("a")), 0);
	ck_assert_int_lt(str_cmp(STR("a"), STR("b")), 0);
	ck_assert_int_gt(str_cmp(STR("\xff"), STR("a")), 0);
	ck_assert_int_lt(str_cmp(STR("a"), STR("ab")), 0);
	ck_assert_int_gt(str_cmp(STR("ab"), STR("a")), 0);
	ck_assert_int_eq(str_cmp(STR_NULL, STR("")), 0);
}
END_TEST

static void str_tests(TCase *t)
{
	tcase_add_test(t, test_absent_and_empty_are_equal_but_told_apart);
	tcase_add_test(t, test_equality_is_of_bytes_or_of_ascii_letters);
	tcase_add_test(t, test_characters_are_classed_without_a_locale);
	tcase_add_test(t, test_control_characters);
	tcase_add_test(t, test_searching);
	tcase_add_test(t, test_trimming);
	tcase_add_test(t, test_cutting_leaves_an_absent_rest_at_the_end);
	tcase_add_test(t, test_order_is_that_of_bytes);
}

UNIT_MAIN("str", str_tests)
