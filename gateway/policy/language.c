#include "policy/language.h"

#define SUBTAG_MAX 8
#define WEIGHT_MOST 1000	/* "1", in thousandths */
#define WEIGHT_DIGITS 3

static const struct { const char *tag; bool is_rtl; } languages[LANGUAGES] = {
	[LANGUAGE_EN] = { "en", false },
	[LANGUAGE_DE] = { "de", false },
	[LANGUAGE_FR] = { "fr", false },
	[LANGUAGE_ES] = { "es", false },
	[LANGUAGE_AR] = { "ar", true },
};

const char *language_tag(enum language language)
{
	return languages[language].tag;
}

bool language_is_rtl(enum language language)
{
	return languages[language].is_rtl;
}

static bool is_range(struct str range)
{
	bool is_first = true;
	size_t len = 0;

	if (str_eq(range, STR("*")))
		return true;
	for (size_t i = 0; i < range.len; i++) {
		char c = range.ptr[i];

		if (c == '-' && len) {
			is_first = false;
			len = 0;
		} else if (++len > SUBTAG_MAX ||
			   !(ascii_is_alpha(c) ||
			     (!is_first && ascii_is_digit(c)))) {
			return false;
		}
	}
	return len > 0;
}

/* No tag of ours has a second subtag: a look-up ends at the first of the
 * range. */
enum language language_find(struct str tag)
{
	size_t len = 0;

	while (len < tag.len && tag.ptr[len] != '-' && tag.ptr[len] != '_')
		len++;
	tag.len = len;
	for (unsigned i = 0; i < LANGUAGES; i++)
		if (str_ieq(tag, str_from(languages[i].tag)))
			return (enum language)i;
	return LANGUAGE_NONE;
}

/* A qvalue in thousandths; -1: it is none. */
static int weight_of(struct str text)
{
	int weight, unit = WEIGHT_MOST / 10;

	if (!text.len || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
	    text.len > 2 + WEIGHT_DIGITS ||
	    (text.len > 1 && text.ptr[1] != '.'))
		return -1;
	weight = text.ptr[0] == '1' ? WEIGHT_MOST : 0;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (!ascii_is_digit(text.ptr[i]))
			return -1;
		weight += (text.ptr[i] - '0') * unit;
	}
	return weight > WEIGHT_MOST ? -1 : weight;
}

/* One element of the list, which is not empty. false: it is none. */
static bool read_element(struct str element, struct str *range_r, int *weight_r)
{
	struct str rest, name;

	*range_r = str_trim(str_cut(element, ';', &rest), " \t");
	*weight_r = WEIGHT_MOST;
	if (!is_range(*range_r))
		return false;
	if (!rest.ptr)
		return true;
	rest = str_trim(rest, " \t");
	name = (struct str){ rest.ptr, rest.len < 2 ? rest.len : 2 };
	if (!str_ieq(name, STR("q=")))
		return false;
	*weight_r = weight_of((struct str){ rest.ptr + 2, rest.len - 2 });
	return *weight_r >= 0;
}

enum language language_accepted(struct str value)
{
	enum language best = LANGUAGE_NONE;
	struct str rest = value;
	int most = 0;
	unsigned count = 0;

	if (value.len > LANGUAGE_ACCEPT_MAX)
		return LANGUAGE_NONE;
	while (rest.ptr) {
		struct str element = str_trim(str_cut(rest, ',', &rest), " \t");
		enum language language;
		struct str range;
		int weight;

		if (!element.len)
			continue;
		if (++count > LANGUAGE_RANGES_MAX ||
		    !read_element(element, &range, &weight))
			return LANGUAGE_NONE;
		language = language_find(range);
		if (language != LANGUAGE_NONE && weight > most) {
			best = language;
			most = weight;
		}
	}
	return best;
}
