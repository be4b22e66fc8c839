/*
 * What the tests compare with is written down here, not asked of the library:
 * the digest holds every release of it to the same keys.
 */
#include "unit/unit.h"

#include "base/hash.h"
#include "codec/fold.h"
#include "codec/lower.h"
#include "codec/utf8.h"

#define CODE_POINTS 0x110000
#define LEN_MAX 64

struct text {
	char ptr[LEN_MAX];
	size_t len;
};

static struct str str_of(const struct text *t)
{
	return (struct str){ t->ptr, t->len };
}

static struct text fold(struct str s)
{
	struct text t = { .len = 0 };
	struct buf out;

	buf_init_fixed(&out, t.ptr, sizeof(t.ptr));
	if (fold_add(&out, s) || !buf_is_ok(&out))
		ck_abort_msg("'%.*s' is not folded", STR_ARG(s));
	t.len = out.len;
	return t;
}

static struct text lower(struct str s)
{
	struct text t = { .len = 0 };
	struct buf out;

	buf_init_fixed(&out, t.ptr, sizeof(t.ptr));
	lower_add(&out, s);
	t.len = out.len;
	return t;
}

static void add(struct text *t, int32_t c)
{
	unsigned char *p = (unsigned char *)t->ptr + t->len;

	if (c < 0x80) {
		p[0] = (unsigned char)c;
		t->len += 1;
	} else if (c < 0x800) {
		p[0] = (unsigned char)(0xc0 | c >> 6);
		p[1] = (unsigned char)(0x80 | (c & 0x3f));
		t->len += 2;
	} else if (c < 0x10000) {
		p[0] = (unsigned char)(0xe0 | c >> 12);
		p[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (unsigned char)(0x80 | (c & 0x3f));
		t->len += 3;
	} else {
		p[0] = (unsigned char)(0xf0 | c >> 18);
		p[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		p[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		p[3] = (unsigned char)(0x80 | (c & 0x3f));
		t->len += 4;
	}
}

static struct text of(int32_t c)
{
	struct text t = { .len = 0 };

	add(&t, c);
	return t;
}

/* Each line: spellings that are one, and then what they are. */
static const struct {
	const char *in[3], *out;
} same[] = {
	{ { "John.Doe+tag", "JOHN.DOE+TAG" }, "john.doe+tag" },
	/* composed, not composed, capital */
	{ { "josé", "jose\xcc\x81", "JOSE\xcc\x81" }, "josé" },
	/* a final sigma is a sigma */
	{ { "ΣΊΣΥΦΟΣ", "σίσυφος", "Σι\xcc\x81συφοσ" }, "σίσυφοσ" },
	{ { "ИВАН", "иван" }, "иван" },
	/* reordered: a dot below comes before one above */
	{ { "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87" }, "q\xcc\xa3\xcc\x87" },
	/* titles and digraphs */
	{ { "\xc7\x84", "\xc7\x85", "\xc7\x86" }, "\xc7\x86" },
	/* Hangul, as syllables and as letters */
	{ { "한", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab" }, "한" },
	/* the iota below is an iota */
	{ { "ᾳ", "ᾼ", "αι" }, "αι" },
	/* the same sign twice */
	{ { "\xe2\x84\xa6", "ω", "Ω" }, "ω" },
	{ { "\xe2\x84\xab", "A\xcc\x8a", "å" }, "å" },
	{ { "\xc2\xb5", "μ" }, "μ" },
	{ { "\xef\xa4\x80", "\xe8\xb1\x88" }, "\xe8\xb1\x88" },
	/* Cherokee folds to capitals */
	{ { "\xea\xad\xb0", "\xe1\x8e\xa0" }, "\xe1\x8e\xa0" },
	/* a dot stays above the i, and no dot is none */
	{ { "\xc4\xb0", "I\xcc\x87" }, "i\xcc\x87" },
	{ { "\xc4\xb1" }, "\xc4\xb1" },
	/* nobody's ss, k, s, fi, ` or ; */
	{ { "Straße", "STRA\xe1\xba\x9e" "E" }, "straße" },
	{ { "\xe2\x84\xaa" "ATE" }, "\xe2\x84\xaa" "ate" },
	{ { "\xc5\xbf" "AM" }, "\xc5\xbf" "am" },
	{ { "\xef\xac\x81" "ONA" }, "\xef\xac\x81" "ona" },
	{ { "\xe1\xbf\xaf\xcd\xbe" }, "\xe1\xbf\xaf\xcd\xbe" },
	{ { "\xc5\xbf\xcc\x87", "\xe1\xba\x9b" }, "\xe1\xba\x9b" },
	/* an iota below is no place for the mark above */
	{ { "\xe1\xbe\xbc\xcd\x82", "\xe1\xbe\xb7", "α\xcd\x82ι" },
	  "\xe1\xbe\xb6ι" },
	/* ignorable is not nothing */
	{ { "A\xef\xb8\x8f" "B" }, "a\xef\xb8\x8f" "b" },
	{ { "A\xcd\x8f" "B" }, "a\xcd\x8f" "b" },
	/* U+1C89, a capital since Unicode 16.0, U+0378, nothing yet, and
	 * U+10EFD, a mark since 15.0, by which nothing is put in order */
	{ { "\xe1\xb2\x89" }, "\xe1\xb2\x89" },
	{ { "E\xcc\x81\xcd\xb8\xcc\x87\xcc\xa3" },
	  "é\xcd\xb8\xcc\xa3\xcc\x87" },
	{ { "\xcc\x81\xf0\x90\xbb\xbd" }, "\xcc\x81\xf0\x90\xbb\xbd" },
	{ { "😀É" }, "😀é" },
};

START_TEST(all_spellings_have_one_form)
{
	for (size_t i = 0; i < N_ELEMENTS(same[_i].in); i++) {
		struct str in = str_from(same[_i].in[i]);
		struct text out;

		if (!in.ptr)
			break;
		out = fold(in);
		ck_assert_msg(str_eq(str_of(&out), str_from(same[_i].out)),
			      "'%.*s' is '%.*s', not '%s'", STR_ARG(in),
			      STR_ARG(str_of(&out)), same[_i].out);
	}
}
END_TEST

enum rule { IS_ITS_OWN, STAYS_FOREIGN, GROWS, IS_UTF8, AS_LOWER, RULES };

static const char *const rules[RULES] = {
	[IS_ITS_OWN] = "what is folded stays",
	[STAYS_FOREIGN] = "nothing becomes ASCII",
	[GROWS] = "FOLD_GROWTH bounds it",
	[IS_UTF8] = "it is UTF-8",
	/* an older row's key is folded, not the address that it was made of */
	[AS_LOWER] = "small letters fold as the capital ones",
};

static void judge(const struct text *t, unsigned bad[RULES])
{
	struct text once = fold(str_of(t)), twice = fold(str_of(&once)),
		small = lower(str_of(t));

	small = fold(str_of(&small));
	bad[IS_ITS_OWN] += !str_eq(str_of(&once), str_of(&twice));
	bad[STAYS_FOREIGN] += str_is_ascii(str_of(&once)) !=
			      str_is_ascii(str_of(t));
	bad[GROWS] += once.len > t->len * FOLD_GROWTH;
	bad[IS_UTF8] += utf8_check(str_of(&once), NULL) != ERR_OK;
	bad[AS_LOWER] += !str_eq(str_of(&small), str_of(&once));
}

static void none_is_bad(const unsigned bad[RULES])
{
	for (int i = 0; i < RULES; i++)
		ck_assert_msg(!bad[i], "%u times not: %s", bad[i], rules[i]);
}

/* Counted and asserted once: an assertion is a write, and there are a million
 * code points. */
START_TEST(every_code_point_keeps_the_rules)
{
	unsigned bad[RULES] = { 0 };

	for (int32_t c = 0; c < CODE_POINTS; c++) {
		struct text t = of(c);

		if (c < 0xd800 || c > 0xdfff)
			judge(&t, bad);
	}
	none_is_bad(bad);
}
END_TEST

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Where letters and marks are dense, so that they meet. */
static int32_t some_code_point(uint32_t *state)
{
	static const int32_t blocks[][2] = {
		{ 0x21, 0x7e }, { 0xc0, 0x24f }, { 0x300, 0x36f },
		{ 0x300, 0x36f }, { 0x370, 0x3ff }, { 0x1f00, 0x1fff },
		{ 0x1e00, 0x1eff }, { 0x5b0, 0x5ea }, { 0x900, 0x9ff },
		{ 0x1100, 0x11ff }, { 0xfb00, 0xfb4f }, { 0x1d15e, 0x1d1c0 },
		{ 0x110a0, 0x110bf }, { 0x2126, 0x212b }, { 0x1df0, 0x1dff },
	};
	uint32_t b = next(state) % N_ELEMENTS(blocks);

	return blocks[b][0] + (int32_t)(next(state) %
		(uint32_t)(blocks[b][1] - blocks[b][0] + 1));
}

START_TEST(every_text_keeps_the_rules)
{
	unsigned bad[RULES] = { 0 };
	uint32_t state = 11;

	for (int i = 0; i < 300000; i++) {
		struct text t = { .len = 0 };

		for (uint32_t n = 1 + next(&state) % 5; n > 0; n--)
			add(&t, some_code_point(&state));
		judge(&t, bad);
	}
	none_is_bad(bad);
}
END_TEST

/*
 * Of all code points, and of each behind a letter and before marks: the same
 * with any release of the library.  It was reckoned with other tables of Unicode
 * 14.0 than the library's.
 */
START_TEST(no_release_changes_a_key)
{
	static const unsigned char key[16] = { 0 };
	uint64_t digest = 0;
	unsigned changed = 0;

	for (int32_t c = 0x21; c < CODE_POINTS; c++) {
		struct text alone = of(c), among = { .len = 0 }, f[2];
		char both[2 * LEN_MAX + 8];

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		add(&among, 'E');
		add(&among, c);
		add(&among, 0x307);
		add(&among, 0x323);
		f[0] = fold(str_of(&alone));
		f[1] = fold(str_of(&among));
		changed += !str_eq(str_of(&f[0]), str_of(&alone));
		memcpy(both, &digest, 8);
		memcpy(both + 8, f[0].ptr, f[0].len);
		memcpy(both + 8 + f[0].len, f[1].ptr, f[1].len);
		digest = hash_keyed(key, both, 8 + f[0].len + f[1].len);
	}
	ck_assert_uint_eq(changed, 2603);
	ck_assert_msg(digest == 0x6662b9a3b6f14fc0, "%016llx",
		      (unsigned long long)digest);
}
END_TEST

START_TEST(what_is_not_utf8_is_refused)
{
	static const char *const texts[] = {
		"a\xffz", "\xc3", "é\xc3", "\xed\xa0\x80",
	};

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		struct buf out;

		buf_init(&out, 64);
		ck_assert_int_eq(fold_add(&out, str_from(texts[i])), ERR_UTF8);
		buf_done(&out);
	}
}
END_TEST

START_TEST(long_text_is_folded_as_short_text)
{
	struct buf in, out, want;

	buf_init(&in, 8192);
	buf_init(&out, 8192);
	buf_init(&want, 8192);
	for (int i = 0; i < 400; i++) {
		buf_puts(&in, "JOSE\xcc\x81Σ");
		buf_puts(&want, "joséσ");
	}
	ck_assert_int_eq(fold_add(&out, buf_str(&in)), ERR_OK);
	ck_assert(str_eq(buf_str(&out), buf_str(&want)));
	buf_done(&in);
	buf_done(&out);
	buf_done(&want);
}
END_TEST

START_TEST(what_does_not_fit_is_told)
{
	struct buf out;

	for (unsigned max = 0; max < 6; max++) {
		buf_init(&out, max);
		ck_assert_int_eq(fold_add(&out, STR("josé!")), ERR_OK);
		ck_assert(!buf_is_ok(&out));
		buf_done(&out);
	}
}
END_TEST

static void fold_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, all_spellings_have_one_form, 0,
			    N_ELEMENTS(same));
	tcase_add_test(tcase, every_code_point_keeps_the_rules);
	tcase_add_test(tcase, every_text_keeps_the_rules);
	tcase_add_test(tcase, no_release_changes_a_key);
	tcase_add_test(tcase, what_is_not_utf8_is_refused);
	tcase_add_test(tcase, long_text_is_folded_as_short_text);
	tcase_add_test(tcase, what_does_not_fit_is_told);
}

UNIT_MAIN("fold", fold_tests)
