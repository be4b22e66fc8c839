#include "unit/unit.h"

#include "codec/lower.h"

static const struct {
	const char *in, *out;
} cases[] = {
	{ "", "" },
	{ "ABC xyz 019 @[`{", "abc xyz 019 @[`{" },
	{ "\xc3\x80\xc3\x96\xc3\x98\xc3\x9e",
	  "\xc3\xa0\xc3\xb6\xc3\xb8\xc3\xbe" },
	{ "\xc3\x97\xc3\x9f", "\xc3\x97\xc3\x9f" },	/* no letter; sharp s */
	{ "\xc4\x80\xc4\x81\xc5\xb8", "\xc4\x81\xc4\x81\xc3\xbf" },
	{ "\xce\x91\xce\xa9\xce\xa3", "\xce\xb1\xcf\x89\xcf\x83" },
	{ "\xd0\x90\xd0\xaf\xd0\x81", "\xd0\xb0\xd1\x8f\xd1\x91" },
	{ "\xd4\xb1\xe1\xb8\x80", "\xd5\xa1\xe1\xb8\x81" },
	{ "\xc8\xba", "\xe2\xb1\xa5" },		/* grows by half */
	{ "\xe1\xba\x9e", "\xc3\x9f" },		/* shrinks */
	{ "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8" },	/* Deseret */
	{ "\xf0\x9f\x98\x80\xe6\x97\xa5", "\xf0\x9f\x98\x80\xe6\x97\xa5" },
	/* Never into ASCII: dotted capital I, kelvin sign. */
	{ "\xc4\xb0\xe2\x84\xaa", "\xc4\xb0\xe2\x84\xaa" },
	{ "AB\xff" "CD", "ab" },
};

START_TEST(letters_become_small)
{
	struct buf out;

	buf_init(&out, 64);
	lower_add(&out, str_from(cases[_i].in));
	ck_assert(buf_is_ok(&out));
	ck_str_is(buf_str(&out), cases[_i].out);
	buf_done(&out);
}
END_TEST

/* Counted and asserted once: an assertion is a write, and there are a million
 * code points. */
static bool keeps_the_rules(int32_t c)
{
	const int32_t low = lower_code_point(c);

	return lower_code_point(low) == low && (c < 0x80) == (low < 0x80) &&
	       (low == c || low < 0xd800 || low > 0xdfff);
}

START_TEST(every_code_point_keeps_the_rules)
{
	unsigned changed = 0, bad = 0;
	int32_t first = -1;

	for (int32_t c = 0; c < 0x110000; c++) {
		changed += lower_code_point(c) != c;
		if (keeps_the_rules(c))
			continue;
		first = bad++ ? first : c;
	}
	ck_assert_msg(!bad, "%u of them do not, first U+%04X", bad, first);
	ck_assert_uint_eq(changed, 26 + 1405);
}
END_TEST

static size_t octets(int32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

START_TEST(no_letter_grows_past_the_bound)
{
	unsigned bad = 0;

	for (int32_t c = 0; c < 0x110000; c++)
		bad += octets(lower_code_point(c)) > octets(c) * LOWER_GROWTH;
	ck_assert_uint_eq(bad, 0);
}
END_TEST

static void lower_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, letters_become_small, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, every_code_point_keeps_the_rules);
	tcase_add_test(tcase, no_letter_grows_past_the_bound);
}

UNIT_MAIN("lower", lower_tests)
