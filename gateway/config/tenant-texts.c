/* The language that a tenant's pages are in, and words of its own. */
#include "config/snapshot-private.h"

#define TEXT(n, ...)							\
	{ .name = #n, .type = SETTING_TEXT, .min = 1, .max = TEXTS_OWN_MAX },
static const struct setting all[] = {
#include "policy/texts/en.def"
	{ .name = NULL }
};
#undef TEXT

/* In the order of the enum. */
#define OF(tag) { .name = (tag), .type = SETTING_GROUP, .members = all }
static const struct setting languages[] = {
	[LANGUAGE_EN] = OF("en"),
	[LANGUAGE_DE] = OF("de"),
	[LANGUAGE_FR] = OF("fr"),
	[LANGUAGE_ES] = OF("es"),
	[LANGUAGE_AR] = OF("ar"),
	[LANGUAGES] = { .name = NULL }
};

/* Is {name} one of the placeholders of `text`? */
static bool has_placeholder(const char *text, struct str name)
{
	struct str rest = str_from(text), piece, one;

	while (texts_piece(&rest, &piece, &one))
		if (one.ptr && str_eq(one, name))
			return true;
	return false;
}

/* What nobody fills would be shown as it stands. */
static bool check_placeholders(const struct reader *reader, struct group group,
			       const char *setting, const char *text,
			       const char *ours)
{
	struct str rest = str_from(text), piece, name;

	while (texts_piece(&rest, &piece, &name))
		if (name.ptr && !has_placeholder(ours, name)) {
			location_error(reader->location,
				       group_line(group, setting), setting,
				       "leave it out, or use one of those "
				       "that stand in the text it replaces",
				       "has a placeholder that nothing fills");
			return false;
		}
	return true;
}

static const char *const *read_language(const struct reader *reader,
					struct group group,
					enum language language)
{
	const char **own = pool_calloc(reader->pool, TEXTS, sizeof(*own));

	if (!own) {
		reader_nomem(reader);
		return NULL;
	}
	for (unsigned i = 1; i < TEXTS; i++) {
		const char *name = texts_name((enum text)i);
		struct str text = STR_NULL;

		if (!group_has(group, name) ||
		    reader_text(reader, group, name, &text) ||
		    !check_placeholders(reader, group, name, text.ptr,
					texts_of(language, (enum text)i)))
			continue;
		own[i] = text.ptr;
	}
	return own;
}

void tenant_read_texts(const struct reader *reader, struct group group,
		       struct tenant *out)
{
	struct group texts = group_group(group, "texts");
	unsigned errors = reader->location->errors;

	/* The words stand in the order of the enum. */
	out->language = (enum language)group_word(group, "language");
	if (!texts.at)
		return;
	texts.schema = languages;
	schema_check(texts, "texts", reader->location);
	if (reader->location->errors != errors)
		return;
	for (unsigned i = 0; i < LANGUAGES; i++) {
		struct group one = group_group(texts, languages[i].name);

		if (one.at)
			out->texts[i] = read_language(reader, one,
						      (enum language)i);
	}
}
