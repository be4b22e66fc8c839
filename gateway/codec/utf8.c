#include "codec/utf8.h"

/* The bytes of a sequence by its first byte, and the least it may encode. */
struct lead {
	unsigned len;
	int32_t bits, min;
};

static struct lead lead_of(unsigned char c)
{
	if (c < 0x80)
		return (struct lead){ 1, c, 0 };
	if (c >= 0xc2 && c < 0xe0)
		return (struct lead){ 2, c & 0x1f, 0x80 };
	if (c >= 0xe0 && c < 0xf0)
		return (struct lead){ 3, c & 0x0f, 0x800 };
	if (c >= 0xf0 && c < 0xf5)
		return (struct lead){ 4, c & 0x07, 0x10000 };
	return (struct lead){ 0 };
}

int32_t utf8_next(struct str s, size_t *at)
{
	struct lead lead;
	int32_t cp;

	if (*at >= s.len)
		return -2;
	lead = lead_of((unsigned char)s.ptr[*at]);
	if (!lead.len || lead.len > s.len - *at)
		return -1;
	cp = lead.bits;
	for (unsigned i = 1; i < lead.len; i++) {
		unsigned char c = (unsigned char)s.ptr[*at + i];

		if ((c & 0xc0) != 0x80)
			return -1;
		cp = cp << 6 | (c & 0x3f);
	}
	if (cp < lead.min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return -1;
	*at += lead.len;
	return cp;
}

/*
 * Where the leading run of printable ASCII ends.  Nearly all text is nothing
 * else, so eight bytes are asked at once whether any is below 0x20, DEL or
 * above ASCII; a subtraction borrows only where there was such a byte.
 */
static size_t plain_run(struct str s, size_t at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t high = ones << 7;

	for (; s.len - at >= 8; at += 8) {
		uint64_t w, del;

		memcpy(&w, s.ptr + at, 8);
		del = w ^ ones * 0x7f;
		if ((w | (w - ones * 0x20) | (del - ones)) & high)
			break;
	}
	while (at < s.len && s.ptr[at] >= 0x20 && s.ptr[at] < 0x7f)
		at++;
	return at;
}

enum allowed {
	NO_CONTROLS,
	LINES,			/* TAB, LF, CR */
	ALL,
};

static bool is_refused(int32_t cp, enum allowed allowed)
{
	if (allowed == ALL || !unicode_is_control(cp))
		return false;
	return allowed == NO_CONTROLS ||
	       (cp != '\t' && cp != '\n' && cp != '\r');
}

static enum err check(struct str s, enum allowed allowed, struct fault *fault)
{
	size_t at = plain_run(s, 0);

	while (at < s.len) {
		size_t start = at;
		int32_t cp = utf8_next(s, &at);

		if (cp < 0)
			return fault_set(fault, ERR_UTF8, start,
					 "not well-formed UTF-8");
		if (is_refused(cp, allowed))
			return fault_set(fault, ERR_CONTROL, start,
					 "a control character");
		at = plain_run(s, at);
	}
	return ERR_OK;
}

enum err utf8_check(struct str s, struct fault *fault)
{
	return check(s, ALL, fault);
}

enum err utf8_check_text(struct str s, struct fault *fault)
{
	return check(s, NO_CONTROLS, fault);
}

enum err utf8_check_lines(struct str s, struct fault *fault)
{
	return check(s, LINES, fault);
}

size_t utf8_length(struct str s)
{
	size_t count = 0;

	for (size_t at = 0; at < s.len; count++)
		if (utf8_next(s, &at) < 0)
			at++;
	return count;
}

static bool is_white(int32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 ||
	       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200b) ||
	       c == 0x200e || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000 || c == 0xfeff;
}

/* Visible ASCII: never white, never within a longer character. */
static bool is_plain(char c)
{
	return c > 0x20 && c < 0x7f;
}

struct str utf8_trim(struct str s)
{
	size_t at = 0, start = 0, end;

	/* nearly all that comes: nothing to trim, seen at its two ends */
	if (s.len && is_plain(s.ptr[0]) && is_plain(s.ptr[s.len - 1]))
		return s;
	while (is_white(utf8_next(s, &at)))
		start = at;
	end = at = start;
	for (;;) {
		int32_t c = utf8_next(s, &at);

		if (c == -2)
			break;
		if (c == -1)
			at++;
		if (!is_white(c))
			end = at;
	}
	return (struct str){ s.ptr ? s.ptr + start : NULL, end - start };
}

size_t utf8_put(char *out, int32_t c)
{
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

	out[0] = (char)(lead[more] | c >> 6 * more);
	for (size_t i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
	return more + 1;
}

struct str utf8_cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return (struct str){ s.ptr, max };
}
