#include "admin/sanitize.h"

#include <time.h>

#include "codec/utf8.h"

static bool is_harmful(int32_t cp)
{
	return unicode_is_control(cp) || cp == 0x61c ||
	       cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

/* Moves *at past one character, and adds it or what stands for it. */
static void add_one(struct buf *out, struct str s, size_t *at, bool has_tabs)
{
	size_t from = *at;
	int32_t cp = utf8_next(s, at);

	if (cp < 0)
		*at = from + 1;
	if (is_harmful(cp) && !(cp == '\t' && has_tabs))
		buf_puts(out, "\xef\xbf\xbd");
	else
		buf_add(out, s.ptr + from, *at - from);
}

void sanitize_add(struct buf *out, struct str s)
{
	for (size_t at = 0; at < s.len;)
		add_one(out, s, &at, false);
}

void sanitize_pad(struct buf *out, struct str s, unsigned width)
{
	sanitize_add(out, s);
	for (size_t n = utf8_length(s); n < width; n++)
		buf_addc(out, ' ');
}

void sanitize_lines(struct buf *out, struct str s, const char *prefix)
{
	do {
		struct str line = str_cut(s, '\n', &s);

		buf_puts(out, line.len ? prefix : "");
		for (size_t at = 0; at < line.len;)
			add_one(out, line, &at, true);
		buf_addc(out, '\n');
	} while (!str_is_null(s));
}

void sanitize_time(struct buf *out, int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	char text[40];
	struct tm tm;
	size_t n;

	if (!localtime_r(&s, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	/* +0100, but ISO's long form has a colon */
	if (n < 5)
		return;
	buf_add(out, text, n - 2);
	buf_addc(out, ':');
	buf_add(out, text + n - 2, 2);
}
