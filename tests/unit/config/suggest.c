/* The word that a mistyped one meant. */
#include "config/suggest.h"

#include "unit/unit.h"

START_TEST(distance_counts_edits)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{ "", "", 0 },
		{ "slug", "slug", 0 },
		{ "", "slug", 4 },
		{ "slug", "", 4 },
		{ "slugs", "slug", 1 },		/* insert */
		{ "slg", "slug", 1 },		/* delete */
		{ "slog", "slug", 1 },		/* replace */
		{ "slgu", "slug", 1 },		/* swap */
		{ "SLUG", "slug", 0 },		/* letter case */
		{ "public-url", "public_url", 0 },
		{ "kitten", "sitting", 3 },
		/* Aligned: no edit between the swapped ones. */
		{ "ca", "abc", 3 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str a = str_from(cases[i].a), b = str_from(cases[i].b);

		ck_assert_msg(suggest_distance(a, b) == cases[i].distance,
			      "%s %s: %u", cases[i].a, cases[i].b,
			      suggest_distance(a, b));
		ck_assert_uint_eq(suggest_distance(b, a), cases[i].distance);
	}
}
END_TEST

START_TEST(nearest_is_near_or_nothing)
{
	static const char *const known[] = {
		"origins", "redirects", "redeem_secret_file", "desk", "url",
	};
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "origin", "origins" },
		{ "redirect", "redirects" },
		{ "orgins", "origins" },
		{ "uri", "url" },
		{ "redeem_secret", "redeem_secret_file" },
		{ "redeem_secret_fil", "redeem_secret_file" },
		{ "disk", "desk" },
		{ "red", "redirects" },
		{ "re", NULL },
		{ "banana", NULL },
		{ "", NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = suggest_nearest(str_from(cases[i].word),
						  known, 5);

		if (!cases[i].nearest)
			ck_assert_msg(!got, "%s: %s", cases[i].word, got);
		else
			ck_assert_msg(got && !strcmp(got, cases[i].nearest),
				      "%s: %s", cases[i].word,
				      got ? got : "none");
	}
}
END_TEST

START_TEST(long_words_are_near_to_nothing)
{
	char word[SUGGEST_WORD_MAX + 2];
	struct str longest = { word, SUGGEST_WORD_MAX };
	struct str longer = { word, SUGGEST_WORD_MAX + 1 };
	const char *const known[] = { "url" };

	memset(word, 'a', sizeof(word));
	ck_assert_uint_eq(suggest_distance(longest, longest), 0);
	ck_assert_uint_eq(suggest_distance(longer, longest),
			  SUGGEST_WORD_MAX + 1);
	ck_assert_ptr_null(suggest_nearest(longer, known, 1));
}
END_TEST

static void suggest_tests(TCase *tcase)
{
	tcase_add_test(tcase, distance_counts_edits);
	tcase_add_test(tcase, nearest_is_near_or_nothing);
	tcase_add_test(tcase, long_words_are_near_to_nothing);
}

UNIT_MAIN("suggest", suggest_tests)
