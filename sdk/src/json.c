/* The JSON writer of <usher/sdk.h>. */
#include <usher/sdk.h>

#include <string.h>

static void comma(struct usher_buf *buf)
{
	char last = '\0';

	if (!buf->failed && buf->len)
		last = buf->ptr[buf->len - 1];
	if (last && !strchr("{[:,", last))
		usher_buf_puts(buf, ",");
}

static void escape(struct usher_buf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	usher_buf_add(buf, text, sizeof(text));
}

static void quoted(struct usher_buf *buf, struct usher_str s)
{
	size_t i, from = 0;

	usher_buf_puts(buf, "\"");
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		/* '<' and '>' too: the text may end up inside a page. */
		if (c >= 0x20 && c != 0x7f && !strchr("\"\\<>&", c))
			continue;
		usher_buf_add(buf, s.ptr + from, i - from);
		escape(buf, c);
		from = i + 1;
	}
	usher_buf_add(buf, s.ptr + from, s.len - from);
	usher_buf_puts(buf, "\"");
}

static void member(struct usher_buf *buf, const char *name)
{
	comma(buf);
	quoted(buf, usher_str_from(name));
	usher_buf_puts(buf, ":");
}

void usher_json_open(struct usher_buf *buf, char bracket)
{
	comma(buf);
	usher_buf_add(buf, &bracket, 1);
}

void usher_json_str(struct usher_buf *buf, struct usher_str s)
{
	comma(buf);
	quoted(buf, s);
}

void usher_json_member(struct usher_buf *buf, const char *name,
		       struct usher_str value)
{
	member(buf, name);
	quoted(buf, value);
}

void usher_json_member_int(struct usher_buf *buf, const char *name,
			   int64_t value)
{
	member(buf, name);
	usher_buf_int(buf, value);
}

void usher_json_member_bool(struct usher_buf *buf, const char *name, int value)
{
	member(buf, name);
	usher_buf_puts(buf, value ? "true" : "false");
}

void usher_json_member_raw(struct usher_buf *buf, const char *name,
			   struct usher_str json)
{
	member(buf, name);
	usher_buf_str(buf, json);
}

void usher_json_member_open(struct usher_buf *buf, const char *name,
			    char bracket)
{
	member(buf, name);
	usher_buf_add(buf, &bracket, 1);
}

/* ---- reading ---------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits at `at`: their number, or -1. */
static long unit(struct usher_str s, size_t at)
{
	long n = 0;
	size_t i;

	if (s.len - at < 4)
		return -1;
	for (i = at; i < at + 4; i++) {
		if (hex_digit(s.ptr[i]) < 0)
			return -1;
		n = n * 16 + hex_digit(s.ptr[i]);
	}
	return n;
}

static void add_utf8(struct usher_buf *out, long c)
{
	char text[4];
	size_t len;

	if (c < 0x80) {
		text[0] = (char)c;
		len = 1;
	} else if (c < 0x800) {
		text[0] = (char)(0xc0 | c >> 6);
		text[1] = (char)(0x80 | (c & 63));
		len = 2;
	} else if (c < 0x10000) {
		text[0] = (char)(0xe0 | c >> 12);
		text[1] = (char)(0x80 | (c >> 6 & 63));
		text[2] = (char)(0x80 | (c & 63));
		len = 3;
	} else {
		text[0] = (char)(0xf0 | c >> 18);
		text[1] = (char)(0x80 | (c >> 12 & 63));
		text[2] = (char)(0x80 | (c >> 6 & 63));
		text[3] = (char)(0x80 | (c & 63));
		len = 4;
	}
	usher_buf_add(out, text, len);
}

/* Behind "\\u", at *at. Surrogates come in pairs; a NUL would end the text. */
static int unescape_unit(struct usher_str s, size_t *at, struct usher_buf *out)
{
	long c = unit(s, *at), low;

	*at += 4;
	if (c <= 0 || (c >= 0xdc00 && c <= 0xdfff))
		return USHER_E_INVAL;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (s.len - *at < 6 || s.ptr[*at] != '\\' ||
		    s.ptr[*at + 1] != 'u')
			return USHER_E_INVAL;
		low = unit(s, *at + 2);
		if (low < 0xdc00 || low > 0xdfff)
			return USHER_E_INVAL;
		*at += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	add_utf8(out, c);
	return 0;
}

static int unescape(struct usher_str s, size_t *at, struct usher_buf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*at == s.len)
		return USHER_E_INVAL;
	if (s.ptr[*at] == 'u') {
		(*at)++;
		return unescape_unit(s, at, out);
	}
	found = s.ptr[*at] ? strchr(names, s.ptr[*at]) : NULL;
	if (!found)
		return USHER_E_INVAL;
	usher_buf_add(out, values + (found - names), 1);
	(*at)++;
	return 0;
}

/* What stands between two quotes. */
static int unquote(struct usher_call *call, struct usher_str s,
		   struct usher_str *text)
{
	struct usher_buf out;
	size_t at = 0;
	int rc = 0;

	/* Each escape is longer than what it means. */
	usher_buf_init(&out, call, s.len + 1);
	if (out.failed)
		return USHER_E_NOMEM;
	while (at < s.len && !rc) {
		if (s.ptr[at] == '\\') {
			at++;
			rc = unescape(s, &at, &out);
		} else {
			usher_buf_add(&out, s.ptr + at++, 1);
		}
	}
	return rc ? rc : usher_buf_end(&out, text);
}

/* *at is at the opening quote, and then behind the closing one. */
static int read_text(struct usher_call *call, struct usher_str s, size_t *at,
		     struct usher_str *text)
{
	struct usher_str inside = { s.ptr + *at + 1, 0 };
	size_t i;

	for (i = *at + 1; i < s.len && s.ptr[i] != '"'; i++)
		if (s.ptr[i] == '\\')
			i++;
	if (i >= s.len)
		return USHER_E_INVAL;
	inside.len = i - *at - 1;
	*at = i + 1;
	return unquote(call, inside, text);
}

static int is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '+' || c == '.' || c == 'E';
}

int usher_json_next(struct usher_call *call, struct usher_str *rest,
		    struct usher_str *item)
{
	struct usher_str s = *rest;
	size_t at = 1, from;
	int rc = 0;

	if (!s.len || (s.ptr[0] != '[' && s.ptr[0] != ','))
		return s.len == 1 && s.ptr[0] == ']' ? 0 : USHER_E_INVAL;
	if (s.len == 2 && s.ptr[0] == '[' && s.ptr[1] == ']')
		return 0;
	from = at;
	if (at < s.len && s.ptr[at] == '"') {
		rc = read_text(call, s, &at, item);
	} else {
		while (at < s.len && is_plain(s.ptr[at]))
			at++;
		item->ptr = s.ptr + from;
		item->len = at - from;
	}
	if (rc)
		return rc;
	if (at == from || at >= s.len ||
	    (s.ptr[at] != ',' && (s.ptr[at] != ']' || at + 1 != s.len)))
		return USHER_E_INVAL;
	rest->ptr = s.ptr + at;
	rest->len = s.len - at;
	return 1;
}
