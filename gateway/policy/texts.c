#include "policy/texts.h"

#include "codec/json.h"

#define TEXT(name, text) [TEXT_##name] = text,
static const char *const tables[LANGUAGES][TEXTS] = {
	[LANGUAGE_EN] = {
#include "policy/texts/en.def"
	},
	[LANGUAGE_DE] = {
#include "policy/texts/de.def"
	},
	[LANGUAGE_FR] = {
#include "policy/texts/fr.def"
	},
	[LANGUAGE_ES] = {
#include "policy/texts/es.def"
	},
	[LANGUAGE_AR] = {
#include "policy/texts/ar.def"
	},
};
#undef TEXT

#define TEXT(name, ...) [TEXT_##name] = #name,
static const char *const names[TEXTS] = {
	[TEXT_none] = "",
#include "policy/texts/en.def"
};
#undef TEXT

const char *texts_of(enum language language, enum text text)
{
	return text == TEXT_none ? "" : tables[language][text];
}

const char *texts_name(enum text text)
{
	return names[text];
}

const char *texts_get(const struct texts *texts, enum text text)
{
	const char *ours = texts_of(texts->language, text);

	if (texts->own && texts->own[text])
		return texts->own[text];
	return ours ? ours : texts_of(LANGUAGE_EN, text);
}

/* Of whole numbers below a million: Unicode CLDR, "Language Plural Rules". */
static const char *category(enum language language, uint64_t n)
{
	const uint64_t last = n % 100;

	if (language == LANGUAGE_FR)
		return n < 2 ? "one" : "other";
	if (language == LANGUAGE_AR)
		return n == 0 ? "zero" : n == 1 ? "one" : n == 2 ? "two" :
		       last >= 3 && last <= 10 ? "few" :
		       last >= 11 ? "many" : "other";
	return n == 1 ? "one" : "other";
}

struct str texts_form(enum language language, const char *text, uint64_t n)
{
	const struct str want = str_from(category(language, n));
	struct str rest = str_from(text), found = rest;

	while (rest.ptr) {
		struct str form, head = str_cut(str_cut(rest, '|', &rest), ':',
						&form);

		if (!form.ptr)
			continue;
		if (str_eq(head, want))
			return form;
		if (str_eq(head, STR("other")))
			found = form;
	}
	return found;
}

bool texts_piece(struct str *rest, struct str *piece_r, struct str *name_r)
{
	struct str after;

	if (!rest->ptr)
		return false;
	*name_r = STR_NULL;
	*piece_r = str_cut(*rest, '{', &after);
	*rest = after;
	if (after.ptr)
		*name_r = str_cut(after, '}', rest);
	return true;
}

void texts_add_members(struct buf *out, const struct texts *texts,
		       const char *prefix)
{
	const size_t len = strlen(prefix);

	for (unsigned i = 1; i < TEXTS; i++)
		if (!strncmp(names[i], prefix, len))
			json_add_member(out, names[i] + len,
					str_from(texts_get(texts,
							   (enum text)i)));
}
