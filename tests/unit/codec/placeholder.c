#include "codec/placeholder.h"

#include "unit/unit.h"

START_TEST(what_stands_for_no_value_is_known)
{
	static const struct { const char *text; bool word, mark; } cases[] = {
		{ "undefined", true, false }, { "NULL", true, false },
		{ "[object Promise]", true, false }, { "None", true, false },
		{ "undefined behaviour", false, false },
		{ "{{ user.email }}", false, true }, { "a {% if %}", false, true },
		{ "{!! $jwt !!}", false, true }, { "${jwt}", false, true },
		{ "<?= $jwt ?>", false, true }, { "<%= jwt %>", false, true },
		{ "ann@example.com", false, false }, { "", false, false },
		{ "{\"a\":{\"b\":1}}", false, false }, { "$5", false, false },
		{ "eyJh.eyJi.c", false, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct str text = str_from(cases[i].text);

		ck_assert_msg(placeholder_is_word(text) == cases[i].word &&
			      placeholder_is_template(text) == cases[i].mark,
			      "%s", cases[i].text);
	}
}
END_TEST

static void placeholder_tests(TCase *tc)
{
	tcase_add_test(tc, what_stands_for_no_value_is_known);
}

UNIT_MAIN("placeholder", placeholder_tests)
