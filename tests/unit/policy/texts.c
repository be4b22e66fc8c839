/*
 * The tables of texts: each language has all of them, with the placeholders of
 * the English ones.  That none has more, the compiler says.
 */
#include "policy/texts.h"

#include "unit/unit.h"

#include "config/schema.h"

/* Does `in` have each placeholder of `text`? */
static bool has_all(const char *text, const char *in)
{
	struct str rest = str_from(text), piece, name;
	char braced[40];

	while (texts_piece(&rest, &piece, &name)) {
		if (!name.ptr)
			continue;
		snprintf(braced, sizeof(braced), "{%.*s}", STR_ARG(name));
		if (!strstr(in, braced))
			return false;
	}
	return true;
}

START_TEST(each_language_has_all_texts)
{
	for (unsigned i = 1; i < TEXTS; i++) {
		const char *text = texts_of((enum language)_i, (enum text)i);
		const char *name = texts_name((enum text)i);
		const char *english = texts_of(LANGUAGE_EN, (enum text)i);

		ck_assert_msg(text && *text, "%s is missing", name);
		ck_assert_msg(has_all(text, english) && has_all(english, text),
			      "%s has other placeholders", name);
		ck_assert_msg(!strchr(text, '|') == !strchr(english, '|'),
			      "%s: one has forms for a number", name);
		ck_assert_uint_lt(strlen(text), TEXTS_OWN_MAX + 1);
	}
}
END_TEST

/* Those that CLDR has for it: a form that is never chosen is none. */
START_TEST(a_number_has_all_its_forms)
{
	static const unsigned numbers[] = { 0, 1, 2, 3, 10, 11, 99, 100, 103 };
	static const char *const want[LANGUAGES] = {
		[LANGUAGE_EN] = "1 message", [LANGUAGE_DE] = "1 Nachricht",
		[LANGUAGE_FR] = "1 message", [LANGUAGE_ES] = "1 mensaje",
		[LANGUAGE_AR] = "رسالة واحدة",
	};
	enum language language = (enum language)_i;
	const char *text = texts_of(language, TEXT_desk_messages);
	struct str form = texts_form(language, text, 1);
	char shown[64];

	snprintf(shown, sizeof(shown), "%s%.*s",
		 language == LANGUAGE_AR ? "" : "1",
		 (int)(form.len - (language == LANGUAGE_AR ? 0 : 3)),
		 form.ptr + (language == LANGUAGE_AR ? 0 : 3));
	ck_assert_str_eq(shown, want[language]);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		form = texts_form(language, text, numbers[i]);
		ck_assert(form.len && str_find(form, '|') < 0);
		ck_assert(str_find(form, ':') < 0);
	}
	ck_assert(str_eq(texts_form(language, "as it is", 2),
			 STR("as it is")));
}
END_TEST

START_TEST(arabic_counts_in_six_ways)
{
	static const char text[] = "zero:0|one:1|two:2|few:f|many:m|other:o";
	static const struct { uint64_t n; const char *form; } rows[] = {
		{ 0, "0" }, { 1, "1" }, { 2, "2" }, { 3, "f" }, { 10, "f" },
		{ 11, "m" }, { 99, "m" }, { 100, "o" }, { 102, "o" },
		{ 103, "f" }, { 111, "m" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_str_is(texts_form(LANGUAGE_AR, text, rows[i].n),
			  rows[i].form);
	ck_str_is(texts_form(LANGUAGE_FR, "one:a|other:b", 0), "a");
	ck_str_is(texts_form(LANGUAGE_DE, "one:a|other:b", 0), "b");
}
END_TEST

/* The settings name the languages in the order of the enum. */
START_TEST(the_settings_know_all_languages)
{
	const struct setting *s = schema_tenant;

	while (strcmp(s->name, "language"))
		s++;
	for (unsigned i = 0; i < LANGUAGES; i++)
		ck_assert_str_eq(s->words[i], language_tag((enum language)i));
	ck_assert_ptr_null(s->words[LANGUAGES]);
}
END_TEST

START_TEST(what_a_tenant_wrote_comes_first)
{
	const char *own[TEXTS] = { [TEXT_both_sign_in] = "Enter" };
	struct texts texts = { LANGUAGE_DE, own };

	ck_assert_str_eq(texts_get(&texts, TEXT_both_sign_in), "Enter");
	ck_assert_str_eq(texts_get(&texts, TEXT_both_sign_out), "Abmelden");
	ck_assert_str_eq(texts_get(&texts, TEXT_none), "");
}
END_TEST

START_TEST(a_script_gets_its_part)
{
	struct texts texts = { LANGUAGE_ES, NULL };
	char array[256];
	struct buf out;

	buf_init_fixed(&out, array, sizeof(array));
	buf_addc(&out, '{');
	texts_add_members(&out, &texts, "help_");
	ck_assert(buf_is_ok(&out));
	ck_str_is(buf_str(&out),
		  "{\"copy\":\"Copiar\",\"copied\":\"Copiado\"");
}
END_TEST

static void texts_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_language_has_all_texts, 0, LANGUAGES);
	tcase_add_loop_test(tcase, a_number_has_all_its_forms, 0, LANGUAGES);
	tcase_add_test(tcase, arabic_counts_in_six_ways);
	tcase_add_test(tcase, the_settings_know_all_languages);
	tcase_add_test(tcase, what_a_tenant_wrote_comes_first);
	tcase_add_test(tcase, a_script_gets_its_part);
}

UNIT_MAIN("texts", texts_tests)
