#include "codec/cookie.h"

/* RFC 6265 section 4.1.1: cookie-octet. */
static bool is_octet(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' &&
	       c != '\\';
}

static bool is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_octet((unsigned char)s.ptr[i]))
			return false;
	return true;
}

int cookie_find(struct str header, struct str name, struct str *value_r)
{
	struct str rest = str_trim(header, " \t"), found = STR_NULL;

	for (unsigned pairs = 0; !str_is_null(rest); pairs++) {
		struct str pair = str_cut(rest, ';', &rest), value, key;

		if (pairs == COOKIE_PAIRS_MAX)
			return -1;
		/*
		 * After the first pair one space belongs to the separator.
		 * Without it, or with more, the pair's name is not what it
		 * seems, and so not ours.
		 */
		if (pairs > 0) {
			if (!pair.len || pair.ptr[0] != ' ')
				continue;
			pair.ptr++;
			pair.len--;
		}
		key = str_cut(pair, '=', &value);
		if (str_is_null(value) || !str_eq(key, name))
			continue;
		if (!str_is_null(found) || !is_value(value))
			return -1;
		found = value;
	}
	if (str_is_null(found))
		return 0;
	*value_r = found;
	return 1;
}
