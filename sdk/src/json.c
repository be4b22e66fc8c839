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
