#include "codec/placeholder.h"

bool placeholder_is_word(struct str text)
{
	static const struct str words[] = {
		STR("undefined"), STR("null"), STR("nan"), STR("none"),
		STR("nil"), STR("false"), STR("true"),
	};

	for (unsigned i = 0; i < N_ELEMENTS(words); i++)
		if (str_ieq(text, words[i]))
			return true;
	return str_has_prefix(text, STR("[object "));
}

bool placeholder_is_template(struct str text)
{
	static const struct str marks[] = {
		STR("{{"), STR("{%"), STR("{!!"), STR("${"), STR("<?"),
		STR("<%"),
	};

	for (unsigned i = 0; i < N_ELEMENTS(marks); i++)
		if (str_icontains(text, marks[i]))
			return true;
	return false;
}
