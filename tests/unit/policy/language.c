/*
 * Which language somebody reads, by what their browser says.
 */
#include "policy/language.h"

#include "unit/unit.h"

#define TEN "xx,xx,xx,xx,xx,xx,xx,xx,xx,xx,"

static const struct { const char *value; enum language language; } said[] = {
	{ "de", LANGUAGE_DE },
	{ "DE", LANGUAGE_DE },
	{ "de-AT", LANGUAGE_DE },
	{ "zh-Hant-TW, ar-EG;q=0.1", LANGUAGE_AR },
	{ "en-US,en;q=0.9", LANGUAGE_EN },
	{ "en;q=0.8, fr;q=0.9", LANGUAGE_FR },
	{ "en;q=0.89, fr;q=0.891", LANGUAGE_FR },
	{ "es, de", LANGUAGE_ES },
	{ "fr;q=0.5,es;q=0.5", LANGUAGE_FR },
	{ "de;q=0, fr;q=0.001", LANGUAGE_FR },
	{ "de;q=0.000", LANGUAGE_NONE },
	{ "de ; q=1.000", LANGUAGE_DE },
	{ "de;Q=0.5", LANGUAGE_DE },
	{ ",, de ,", LANGUAGE_DE },
	{ "*", LANGUAGE_NONE },
	{ "*, es;q=0.1", LANGUAGE_ES },
	{ "it, pt-BR", LANGUAGE_NONE },
	{ "", LANGUAGE_NONE },
	{ "deutsch", LANGUAGE_NONE },
	/* not what the grammar says */
	{ "de;q=1.001", LANGUAGE_NONE },
	{ "de;q=0.0001", LANGUAGE_NONE },
	{ "de;q=2", LANGUAGE_NONE },
	{ "de;q=-1", LANGUAGE_NONE },
	{ "de;q=", LANGUAGE_NONE },
	{ "de;q=0,5", LANGUAGE_NONE },
	{ "de;q = 1", LANGUAGE_NONE },
	{ "de;", LANGUAGE_NONE },
	{ "de;level=1", LANGUAGE_NONE },
	{ "de;q=1;q=1", LANGUAGE_NONE },
	{ "de-", LANGUAGE_NONE },
	{ "-de", LANGUAGE_NONE },
	{ "de--AT", LANGUAGE_NONE },
	{ "d3", LANGUAGE_NONE },
	{ "de_AT", LANGUAGE_NONE },
	{ "de-abcdefghi", LANGUAGE_NONE },
	{ "*-de", LANGUAGE_NONE },
	{ "de fr", LANGUAGE_NONE },
	{ "de, \xc3\xa9", LANGUAGE_NONE },
	/* 63 and 64 of others */
	{ TEN TEN TEN TEN TEN TEN "xx,xx,xx,de", LANGUAGE_DE },
	{ TEN TEN TEN TEN TEN TEN "xx,xx,xx,xx,de", LANGUAGE_NONE },
};

START_TEST(what_a_browser_says_is_understood)
{
	ck_assert_msg(language_accepted(str_from(said[_i].value)) ==
		      said[_i].language, "'%s'", said[_i].value);
}
END_TEST

START_TEST(what_is_too_long_says_nothing)
{
	static char text[LANGUAGE_ACCEPT_MAX + 2];

	memset(text, ' ', sizeof(text) - 1);
	text[0] = 'd';
	text[1] = 'e';
	ck_assert_int_eq(language_accepted((struct str){
			 text, LANGUAGE_ACCEPT_MAX }), LANGUAGE_DE);
	ck_assert_int_eq(language_accepted(str_from(text)), LANGUAGE_NONE);
	ck_assert_int_eq(language_accepted(STR_NULL), LANGUAGE_NONE);
}
END_TEST

START_TEST(a_tag_is_found_as_partners_write_it)
{
	ck_assert_int_eq(language_find(STR("ar")), LANGUAGE_AR);
	ck_assert_int_eq(language_find(STR("fr_CA")), LANGUAGE_FR);
	ck_assert_int_eq(language_find(STR("es-419")), LANGUAGE_ES);
	ck_assert_int_eq(language_find(STR("e")), LANGUAGE_NONE);
	ck_assert_int_eq(language_find(STR("")), LANGUAGE_NONE);
	ck_assert_int_eq(language_find(STR_NULL), LANGUAGE_NONE);
	for (unsigned i = 0; i < LANGUAGES; i++)
		ck_assert_int_eq(language_find(str_from(language_tag(
				 (enum language)i))), (int)i);
}
END_TEST

static void language_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, what_a_browser_says_is_understood, 0,
			    sizeof(said) / sizeof(said[0]));
	tcase_add_test(tcase, what_is_too_long_says_nothing);
	tcase_add_test(tcase, a_tag_is_found_as_partners_write_it);
}

UNIT_MAIN("language", language_tests)
