#include "codec/utf8.h"

#include "unit/unit.h"

static const struct {
	const char *in;
	int32_t cp;
} code_points[] = {
	{ "a", 'a' },
	{ "\x7f", 0x7f },
	{ "\xc2\x80", 0x80 },
	{ "\xdf\xbf", 0x7ff },
	{ "\xe0\xa0\x80", 0x800 },
	{ "\xed\x9f\xbf", 0xd7ff },
	{ "\xee\x80\x80", 0xe000 },
	{ "\xef\xbf\xbf", 0xffff },
	{ "\xf0\x90\x80\x80", 0x10000 },
	{ "\xf4\x8f\xbf\xbf", 0x10ffff },
	/* overlong forms, surrogates, past the end, stray and cut bytes */
	{ "\xc0\x80", -1 },
	{ "\xc1\xbf", -1 },
	{ "\xe0\x9f\xbf", -1 },
	{ "\xf0\x8f\xbf\xbf", -1 },
	{ "\xed\xa0\x80", -1 },
	{ "\xed\xbf\xbf", -1 },
	{ "\xf4\x90\x80\x80", -1 },
	{ "\xf5\x80\x80\x80", -1 },
	{ "\xff", -1 },
	{ "\x80", -1 },
	{ "\xbf", -1 },
	{ "\xc3", -1 },
	{ "\xc3(", -1 },
	{ "\xe2\x82", -1 },
	{ "\xe2\x82(", -1 },
	{ "\xf0\x9f\x98", -1 },
	{ "\xf0\x9f\x98(", -1 },
	{ "", -2 },
};

START_TEST(test_next_reads_exactly_what_rfc_3629_allows)
{
	struct str s = str_from(code_points[_i].in);
	size_t at = 0;

	ck_assert_int_eq(utf8_next(s, &at), code_points[_i].cp);
	ck_assert_uint_eq(at, code_points[_i].cp >= 0 ? s.len : 0);
}
END_TEST

/* Each position in and across the eight bytes that are looked at together. */
START_TEST(test_a_bad_byte_is_found_wherever_it_stands)
{
	static const struct {
		char byte;
		enum err plain, text;
	} bad[] = {
		{ '\0', ERR_OK, ERR_CONTROL },
		{ '\n', ERR_OK, ERR_CONTROL },
		{ 0x1f, ERR_OK, ERR_CONTROL },
		{ 0x7f, ERR_OK, ERR_CONTROL },
		{ (char)0x80, ERR_UTF8, ERR_UTF8 },
		{ (char)0xff, ERR_UTF8, ERR_UTF8 },
	};
	char line[24];

	for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
		for (size_t i = 0; i < sizeof(line); i++) {
			struct str s = { line, sizeof(line) };
			struct fault fault = { 0 };

			memset(line, i & 1 ? ' ' : '~', sizeof(line));
			ck_assert_int_eq(utf8_check_text(s, &fault), ERR_OK);
			line[i] = bad[b].byte;
			ck_assert_int_eq(utf8_check(s, NULL), bad[b].plain);
			ck_assert_int_eq(utf8_check_text(s, &fault),
					 bad[b].text);
			ck_assert_int_eq(fault.err, bad[b].text);
			ck_assert_uint_eq(fault.offset, i);
		}
	}
}
END_TEST

START_TEST(test_text_is_no_place_for_c1_controls)
{
	struct fault fault;

	ck_assert_int_eq(utf8_check(STR("caf\xc3\xa9\xc2\x85"), NULL), ERR_OK);
	ck_assert_int_eq(utf8_check_text(STR("caf\xc3\xa9\xc2\x85"), &fault),
			 ERR_CONTROL);
	ck_assert_uint_eq(fault.offset, 5);
	ck_assert_int_eq(utf8_check_text(STR("\xc2\x80"), NULL), ERR_CONTROL);
	ck_assert_int_eq(utf8_check_text(STR("\xc2\x9f"), NULL), ERR_CONTROL);
	ck_assert_int_eq(utf8_check_text(STR("\xc2\xa0"), NULL), ERR_OK);
	ck_assert_int_eq(utf8_check_text(STR_NULL, NULL), ERR_OK);
}
END_TEST

START_TEST(test_a_cut_never_ends_within_a_character)
{
	ck_str_is(utf8_cut(STR("Zo\xc3\xab!"), 5), "Zo\xc3\xab!");
	ck_str_is(utf8_cut(STR("Zo\xc3\xab!"), 4), "Zo\xc3\xab");
	ck_str_is(utf8_cut(STR("Zo\xc3\xab!"), 3), "Zo");
	ck_str_is(utf8_cut(STR("\xf0\x9f\x98\x80"), 3), "");
	ck_str_is(utf8_cut(STR(""), 0), "");
}
END_TEST

START_TEST(test_length_counts_code_points_and_stray_bytes)
{
	ck_assert_uint_eq(utf8_length(STR("")), 0);
	ck_assert_uint_eq(utf8_length(STR_NULL), 0);
	ck_assert_uint_eq(utf8_length(STR("Zo\xc3\xab")), 3);
	ck_assert_uint_eq(utf8_length(STR("\xf0\x9f\x98\x80!")), 2);
	ck_assert_uint_eq(utf8_length(STR("\xff\xc3(\xc3")), 4);
}
END_TEST

START_TEST(test_trim_takes_white_space_and_nothing_else)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" }, { " \t\n", "" }, { "a", "a" },
		{ " a b ", "a b" }, { "\xc2\xa0x\xe3\x80\x80", "x" },
		{ "\xef\xbb\xbf" "x\xe2\x80\x8b", "x" },
		{ "\xff x \xff", "\xff x \xff" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_str_is(utf8_trim(str_from(cases[i].in)), cases[i].out);
	ck_assert_uint_eq(utf8_trim(STR_NULL).len, 0);
}
END_TEST

static void utf8_tests(TCase *t)
{
	tcase_add_test(t, test_trim_takes_white_space_and_nothing_else);
	tcase_add_loop_test(t, test_next_reads_exactly_what_rfc_3629_allows, 0,
			    sizeof(code_points) / sizeof(code_points[0]));
	tcase_add_test(t, test_a_bad_byte_is_found_wherever_it_stands);
	tcase_add_test(t, test_text_is_no_place_for_c1_controls);
	tcase_add_test(t, test_a_cut_never_ends_within_a_character);
	tcase_add_test(t, test_length_counts_code_points_and_stray_bytes);
}

UNIT_MAIN("utf8", utf8_tests)
