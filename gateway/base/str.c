#include "base/str.h"

const bool ascii_tokens[256] = {
	['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true,
	['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
	['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool str_ieq(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

bool str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       str_eq((struct str){ s.ptr, prefix.len }, prefix);
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return p ? p - s.ptr : -1;
}

bool str_icontains(struct str s, struct str needle)
{
	char first;

	if (!needle.len)
		return true;	/* of an absent slice too */
	first = ascii_lower(needle.ptr[0]);
	for (size_t i = 0; i + needle.len <= s.len; i++)
		if (ascii_lower(s.ptr[i]) == first &&
		    str_ieq((struct str){ s.ptr + i, needle.len }, needle))
			return true;
	return false;
}

static bool in_set(char c, const char *set)
{
	return c && strchr(set, c);
}

struct str str_trim(struct str s, const char *set)
{
	while (s.len && in_set(s.ptr[0], set)) {
		s.ptr++;
		s.len--;
	}
	while (s.len && in_set(s.ptr[s.len - 1], set))
		s.len--;
	return s;
}

struct str str_cut(struct str s, char sep, struct str *rest)
{
	ptrdiff_t at = str_find(s, sep);

	if (at < 0) {
		*rest = STR_NULL;
		return s;
	}
	*rest = (struct str){ s.ptr + at + 1, s.len - (size_t)at - 1 };
	return (struct str){ s.ptr, (size_t)at };
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	if (c)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}
