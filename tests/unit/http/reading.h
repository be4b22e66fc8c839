/*
 * reading: a strict reader of request heads, to compare the gateway with.  It
 * knows nothing of the library.
 *
 *	if (heads_read(octets, &reading))
 *		it is a request, and this is what it says
 */
#ifndef TESTS_UNIT_HTTP_READING_H
#define TESTS_UNIT_HTTP_READING_H

#include <microhttpd.h>

#include "http/request.h"

#define HEAD_MAX 4096		/* octets of a head under test */

struct reading {
	struct str method, target;
	struct header headers[REQUEST_HEADERS_MAX + 1];
	unsigned count;
	size_t len;		/* of the head */
	bool is_ours_to_refuse;	/* valid, but the gateway is stricter */
};

static bool is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool read_word(struct str *in, char end, struct str *out)
{
	ptrdiff_t at = str_find(*in, end);

	if (at <= 0)
		return false;
	*out = (struct str){ in->ptr, (size_t)at };
	in->ptr += at + 1;
	in->len -= (size_t)at + 1;
	return true;
}

/* A line without its CRLF; there is no other line end. */
static bool read_line(struct str *in, struct str *out)
{
	for (size_t i = 0; i + 1 < in->len; i++) {
		if (in->ptr[i] == '\n' || in->ptr[i] == '\0')
			return false;
		if (in->ptr[i] != '\r')
			continue;
		if (in->ptr[i + 1] != '\n')
			return false;
		*out = (struct str){ in->ptr, i };
		in->ptr += i + 2;
		in->len -= i + 2;
		return true;
	}
	return false;
}

static bool read_header(struct str line, struct header *out)
{
	struct str name;

	if (!read_word(&line, ':', &name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!((name.ptr[i] >= '0' && name.ptr[i] <= '9') ||
		      (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
		      (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') ||
		      is_in(name.ptr[i], "!#$%&'*+-.^_`|~")))
			return false;
	for (size_t i = 0; i < line.len; i++)
		if (((unsigned char)line.ptr[i] < 0x20 &&
		     line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
			return false;
	*out = (struct header){ name, str_trim(line, " \t") };
	return true;
}

/* What may be refused although it is a header: underscores, which are the
 * names of CGI's variables; blanks after a length or a coding, and a length
 * that starts with 0 (as an octal number), which are read in more than one way;
 * and quotation marks in cookies, of which the library wants pairs. */
static bool is_stricter(struct str line, const struct header *header)
{
	bool is_length = str_ieq(header->name, STR("Content-Length"));
	struct str value = header->value;

	if (str_find(header->name, '_') >= 0)
		return true;
	if (str_ieq(header->name, STR("Cookie")))
		return str_find(value, '"') >= 0;
	if (!is_length && !str_ieq(header->name, STR("Transfer-Encoding")))
		return false;
	return value.ptr + value.len != line.ptr + line.len ||
	       (is_length && value.len > 1 && value.ptr[0] == '0');
}

static bool is_method(struct str s)
{
	return str_eq(s, STR("GET")) || str_eq(s, STR("HEAD")) ||
	       str_eq(s, STR("POST")) || str_eq(s, STR("OPTIONS"));
}

static unsigned count_of(const struct reading *r, const char *name,
			 struct str *last)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->count; i++)
		if (str_ieq(r->headers[i].name, str_from(name))) {
			*last = r->headers[i].value;
			n++;
		}
	return n;
}

/* Digits, up to what a signed 64-bit integer holds. */
static bool is_length(struct str s)
{
	static const char most[] = "9223372036854775807";

	while (s.len > 1 && s.ptr[0] == '0') {
		s.ptr++;
		s.len--;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && (s.len < sizeof(most) - 1 ||
			     (s.len == sizeof(most) - 1 &&
			      memcmp(s.ptr, most, s.len) <= 0));
}

static bool is_framed(const struct reading *r, bool is_http10)
{
	struct str host, length = STR_NULL, coding = STR_NULL;
	unsigned lengths = count_of(r, "content-length", &length);
	unsigned codings = count_of(r, "transfer-encoding", &coding);

	if (count_of(r, "host", &host) != 1 || lengths + codings > 1)
		return false;
	if (codings && (is_http10 || !str_ieq(coding, STR("chunked"))))
		return false;
	return !lengths || is_length(length);
}

/*
 * libmicrohttpd 1.0 at its strictest refuses empty lines before a request, and
 * takes the blanks off the end of a value before anybody else sees them.
 */
#define LIBRARY_IS_STRICT (MHD_VERSION >= 0x01000000)

__attribute__((unused))
static bool heads_read(struct str in, struct reading *r)
{
	bool is_early = in.len > 1 && !memcmp(in.ptr, "\r\n", 2);
	struct str all, line;
	bool is_http10;

	/* RFC 9112 section 2.2: empty lines before a request are ignored */
	while (in.len > 1 && !memcmp(in.ptr, "\r\n", 2)) {
		in.ptr += 2;
		in.len -= 2;
	}
	all = in;
	r->count = 0;
	r->is_ours_to_refuse = is_early && LIBRARY_IS_STRICT;
	if (!read_line(&in, &line) || !read_word(&line, ' ', &r->method) ||
	    !is_method(r->method) || !read_word(&line, ' ', &r->target))
		return false;
	for (size_t i = 0; i < r->target.len; i++)
		if (r->target.ptr[i] < '!' || r->target.ptr[i] > '~' ||
		    r->target.ptr[i] == '#')
			return false;
	is_http10 = str_eq(line, STR("HTTP/1.0"));
	if (r->target.ptr[0] != '/' ||
	    (!is_http10 && !str_eq(line, STR("HTTP/1.1"))))
		return false;
	for (;;) {
		if (!read_line(&in, &line))
			return false;
		if (line.len == 0)
			break;
		if (r->count > REQUEST_HEADERS_MAX ||
		    !read_header(line, &r->headers[r->count++]))
			return false;
		if (is_stricter(line, &r->headers[r->count - 1]))
			r->is_ours_to_refuse = true;
	}
	r->len = (size_t)(in.ptr - all.ptr);
	return r->count <= REQUEST_HEADERS_MAX && is_framed(r, is_http10);
}

#endif
