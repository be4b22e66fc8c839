#include "codec/charref.h"

#include "base/num.h"
#include "codec/utf8.h"

static const struct {
	struct str ref;
	char c;
} names[] = {
	{ STR("&amp;"), '&' },
	{ STR("&lt;"), '<' },
	{ STR("&gt;"), '>' },
	{ STR("&quot;"), '"' },
	{ STR("&apos;"), '\'' },
};

/* Where the ';' stands behind `from`, at most `max` octets on; 0: nowhere. */
static size_t end_of(struct str in, size_t from, size_t max)
{
	for (size_t at = from; at < in.len && at <= from + max; at++)
		if (in.ptr[at] == ';')
			return at;
	return 0;
}

/*
 * The number between "&#" at `at` and its ';', whose place is *end_r.  -1: it
 * is none.  It cannot wrap: 16^CHARREF_DIGITS_MAX fits.
 */
static int64_t number_at(struct str in, size_t at, size_t *end_r)
{
	int64_t n = 0;
	int base = 10;
	size_t end;

	at += 2;
	if (at < in.len && (in.ptr[at] | 0x20) == 'x') {
		base = 16;
		at++;
	}
	end = end_of(in, at, CHARREF_DIGITS_MAX);
	if (end <= at)
		return -1;
	for (; at < end; at++) {
		int digit = num_hex(in.ptr[at]);

		if (digit < 0 || digit >= base)
			return -1;
		n = n * base + digit;
	}
	*end_r = end;
	return n;
}

static bool is_number(struct str in, size_t at)
{
	return at + 1 < in.len && in.ptr[at + 1] == '#';
}

static bool is_name_at(struct str in, size_t at)
{
	size_t end = end_of(in, at + 1, CHARREF_NAME_MAX);

	if (end <= at + 1 || !ascii_is_alpha(in.ptr[at + 1]))
		return false;
	for (at++; at < end; at++)
		if (!ascii_is_alpha(in.ptr[at]) && !ascii_is_digit(in.ptr[at]))
			return false;
	return true;
}

bool charref_is_in(struct str in)
{
	const ptrdiff_t first = str_find(in, '&');
	size_t end;

	if (first < 0)
		return false;
	for (size_t at = (size_t)first; at < in.len; at++) {
		if (in.ptr[at] != '&')
			continue;
		if (is_number(in, at) ? number_at(in, at, &end) >= 0
				      : is_name_at(in, at))
			return true;
	}
	return false;
}

static bool is_text(int64_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return false;
	return !unicode_is_control((int32_t)cp) || cp == '\t' || cp == '\n' ||
	       cp == '\r';
}

/*
 * What the '&' at `at` begins, written to `out`, which never takes more room:
 * the octets read, 0 where no reference stands there.
 */
static size_t decode_at(struct str in, size_t at, char *out, size_t *written_r)
{
	struct str rest = { in.ptr + at, in.len - at };
	size_t end;
	int64_t cp;

	if (is_number(in, at)) {
		cp = number_at(in, at, &end);
		if (cp < 0 || !is_text(cp))
			return 0;
		*written_r = utf8_put(out, (int32_t)cp);
		return end + 1 - at;
	}
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		if (!str_has_prefix(rest, names[i].ref))
			continue;
		*out = names[i].c;
		*written_r = 1;
		return names[i].ref.len;
	}
	return 0;
}

enum err charref_decode(struct pool *pool, struct str in, struct str *out_r)
{
	size_t at = 0, n = 0;
	char *out;

	if (!charref_is_in(in)) {
		*out_r = in;
		return ERR_OK;
	}
	out = pool_alloc(pool, in.len);
	if (!out)
		return ERR_NOMEM;
	while (at < in.len) {
		size_t written, read = 0;

		if (in.ptr[at] == '&')
			read = decode_at(in, at, out + n, &written);
		if (!read) {
			out[n++] = in.ptr[at++];
			continue;
		}
		at += read;
		n += written;
	}
	*out_r = (struct str){ out, n };
	return ERR_OK;
}
