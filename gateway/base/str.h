/*
 * str: a counted, borrowed slice of bytes.
 *
 * A struct str owns nothing: its maker says how long its bytes live.
 * The bytes may hold anything, NUL included; only where a function's
 * documentation says "terminated" may .ptr be used as a C string.
 * An absent value is { NULL, 0 }; an empty one has a non-NULL ptr.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

struct str {
	const char *ptr;
	size_t len;
};

/* Of an array, never of a pointer. */
#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* A literal as a slice; terminated. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NULL ((struct str){ NULL, 0 })
/* For printf's "%.*s". */
#define STR_ARG(s) ((int)(s).len), ((s).ptr ? (s).ptr : "")

static inline struct str str_from(const char *cstr)
{
	return cstr ? (struct str){ cstr, strlen(cstr) } : STR_NULL;
}

static inline bool str_is_null(struct str s)
{
	return s.ptr == NULL;
}

/* Byte equality; an absent and an empty slice are equal. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.ptr, b.ptr, a.len));
}

/* ASCII only: locale never decides what equals what. */
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/*
 * The control characters, as octets: C0 and DEL.  What lies above 0x7f is none:
 * in UTF-8 it is part of a character, elsewhere nobody knows what.
 */
static inline bool ascii_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Is one of these eight octets one?  Exactly so: what the subtractions borrow
 * starts at an octet that is. */
static inline bool ascii_has_control8(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t word, flipped;

	memcpy(&word, at, sizeof(word));
	flipped = word ^ (ones * 0x7f);
	return (((word - ones * 0x20) & ~word) |
		((flipped - ones) & ~flipped)) & high;
}

/* As code points: C0, DEL and C1 (Unicode, category Cc), and what is none. */
static inline bool unicode_is_control(int32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* RFC 9110 section 5.6.2: tchar. */
extern const bool ascii_tokens[256];

static inline bool ascii_is_token(char c)
{
	return ascii_tokens[(unsigned char)c];
}

/* Equality without regard to ASCII letter case. */
bool str_ieq(struct str a, struct str b);
/* No octet above 0x7f. */
bool str_is_ascii(struct str s);
bool str_has_prefix(struct str s, struct str prefix);
/* Position of `c` in `s`, or -1. */
ptrdiff_t str_find(struct str s, char c);
/* Does `needle` stand in `s` (ASCII case ignored)? An empty one does. */
bool str_icontains(struct str s, struct str needle);
/* Without leading and trailing bytes that are in `set` (terminated). */
struct str str_trim(struct str s, const char *set);
/*
 * Split at the first `sep`: returns what stands before it and leaves the rest
 * in *rest; with no `sep` returns all and leaves *rest absent (ptr NULL).
 */
struct str str_cut(struct str s, char sep, struct str *rest);
/* Order as memcmp does, the shorter first on a tie: <0, 0, >0. */
int str_cmp(struct str a, struct str b);

#endif
