#include "codec/query.h"

#include "codec/form.h"

enum err query_parse(struct str in, struct fields *out, struct fault *fault)
{
	const unsigned max = out->max;
	enum err err;

	if (in.len > QUERY_MAX)
		return fault_set(fault, ERR_LIMIT, QUERY_MAX,
				 "a query longer than 6144 octets");
	if (out->count + QUERY_FIELDS_MAX < max)
		out->max = out->count + QUERY_FIELDS_MAX;
	err = form_parse(in, out, fault);
	out->max = max;
	return err;
}

static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void query_add_encoded(struct buf *out, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (is_unreserved((char)c))
			continue;
		buf_add(out, s.ptr + from, i - from);
		buf_add(out, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
		from = i + 1;
	}
	if (s.len > from)
		buf_add(out, s.ptr + from, s.len - from);
}
