#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log-private.h"

/* The rest is kept for what closes a line: a quote, the cut mark, its end. */
#define BODY_MAX (LOG_LINE_MAX - 32)

#define EVENT(event, ...) const struct log_event log_event_##event = { #event };
#include "base/log-events.def"
#undef EVENT

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

static _Atomic int min_level = LOG_LEVEL_INFO;
static _Atomic int format = LOG_FORMAT_AUTO;

void log_setup(enum log_level level, enum log_format f)
{
	atomic_store(&min_level, (int)level);
	atomic_store(&format, (int)f);
}

bool log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&min_level,
						  memory_order_relaxed);
}

static bool wants_json(void)
{
	int f = atomic_load(&format);

	return f == LOG_FORMAT_AUTO ? !log_ring_is_terminal() :
				      f == LOG_FORMAT_JSON;
}

static bool fits(const struct log_line *l, size_t len)
{
	return !l->cut && len <= BODY_MAX && l->len <= BODY_MAX - len;
}

/* Whole or not at all, so that a cut never leaves half an escape. */
static void put(struct log_line *l, const char *data, size_t len)
{
	if (!fits(l, len)) {
		l->cut = true;
		return;
	}
	memcpy(l->bytes + l->len, data, len);
	l->len += len;
}

/* Into what put() leaves free. */
static void put_tail(struct log_line *l, const char *text)
{
	size_t len = strlen(text);

	memcpy(l->bytes + l->len, text, len);
	l->len += len;
}

static void put_text(struct log_line *l, const char *text)
{
	put(l, text, strlen(text));
}

/*
 * The well-formed UTF-8 sequence at the start of `s`: its code point, with its
 * length in *len_r; or -1.  (The strict reader of the codecs stands a floor
 * above this one.)
 */
static int32_t sequence(struct str s, size_t *len_r)
{
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)s.ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 :
		     c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
	int32_t cp = len == 1 ? c : c & (0x7f >> len);

	if (!len || len > s.len)
		return -1;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return -1;
		cp = cp << 6 | (s.ptr[i] & 0x3f);
	}
	if (cp < least[len] || cp > 0x10ffff ||
	    (cp >= 0xd800 && cp <= 0xdfff))
		return -1;
	*len_r = len;
	return cp;
}

/* What a terminal or a reader of lines might take for more than a letter. */
static bool is_special(int32_t cp)
{
	return unicode_is_control(cp) || cp == '"' ||
	       cp == '\\' || cp == 0x2028 || cp == 0x2029 ||
	       (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

static void put_quoted(struct log_line *l, struct str s)
{
	char escape[8];

	put_text(l, "\"");
	while (s.len && !l->cut) {
		size_t len = 1;
		int32_t cp = sequence(s, &len);

		if (cp >= 0 && !is_special(cp)) {
			put(l, s.ptr, len);
		} else {
			if (cp == '"' || cp == '\\')
				snprintf(escape, sizeof(escape), "\\%c",
					 (char)cp);
			else if (cp >= 0)
				snprintf(escape, sizeof(escape), "\\u%04x",
					 (uint16_t)cp);
			else if (l->json)
				snprintf(escape, sizeof(escape), "\\ufffd");
			else
				snprintf(escape, sizeof(escape), "\\x%02x",
					 (unsigned char)s.ptr[0]);
			put_text(l, escape);
		}
		s.ptr += len;
		s.len -= len;
	}
	put_tail(l, "\"");
}

/* Text that needs no quotes for a person to see where it ends. */
static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f ||
		    strchr("\"\\=", s.ptr[i]))
			return false;
	return s.len > 0;
}

static void put_field(struct log_line *l, const struct log_field *f)
{
	size_t before = l->len;
	char number[24];

	put_text(l, l->json ? ",\"" : " ");
	put_text(l, f->name);
	put_text(l, l->json ? "\":" : "=");
	if (str_is_null(f->text)) {
		snprintf(number, sizeof(number), "%lld",
			 (long long)f->number);
		put_text(l, number);
	} else if (!l->json && is_word(f->text) && fits(l, f->text.len)) {
		put(l, f->text.ptr, f->text.len);
	} else if (fits(l, 1)) {
		put_quoted(l, f->text);
		return;		/* perhaps cut, but closed */
	} else {
		l->cut = true;
	}
	if (l->cut)
		l->len = before;	/* no name without its value */
}

static void put_head(struct log_line *l, const char *level, const char *event)
{
	char now[CLOCK_TEXT_MAX];

	clock_text(clock_wall_ms(), now);
	put_text(l, l->json ? "{\"time\":\"" : "");
	put_text(l, now);
	put_text(l, l->json ? "\",\"level\":\"" : " ");
	put_text(l, level);
	put_text(l, l->json ? "\",\"event\":\"" : " ");
	put_text(l, event);
	put_text(l, l->json ? "\"" : "");
}

void log_line_make(struct log_line *l, enum log_level level,
		   const struct log_event *event,
		   const struct log_field *fields, unsigned count)
{
	l->len = 0;
	l->cut = false;
	l->json = wants_json();
	put_head(l, level_names[level], event->name);
	for (unsigned i = 0; i < count && !l->cut; i++)
		put_field(l, &fields[i]);
	if (l->cut)
		put_tail(l, l->json ? ",\"cut\":true" : " cut=true");
	put_tail(l, l->json ? "}\n" : "\n");
}

void log_emit(enum log_level level, const struct log_event *event,
	      const struct log_field *fields, unsigned count)
{
	const int saved = errno;
	struct log_line line;

	if (!log_is_on(level))
		return;
	log_line_make(&line, level, event, fields, count);
	log_ring_put(line.bytes, line.len);
	errno = saved;
}
