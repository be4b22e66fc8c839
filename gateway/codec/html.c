#include "codec/html.h"

static struct str reference(char c)
{
	switch (c) {
	case '&':
		return STR("&amp;");
	case '<':
		return STR("&lt;");
	case '>':
		return STR("&gt;");
	case '"':
		return STR("&quot;");
	case '\'':
		return STR("&#39;");	/* &apos; is not HTML 4 */
	default:
		return STR_NULL;
	}
}

void html_add(struct buf *out, struct str s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		struct str ref = reference(s.ptr[i]);

		if (str_is_null(ref))
			continue;
		buf_add(out, s.ptr + from, i - from);
		buf_adds(out, ref);
		from = i + 1;
	}
	if (from < s.len)
		buf_add(out, s.ptr + from, s.len - from);
}
