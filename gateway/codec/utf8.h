/*
 * utf8: well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing past U+10FFFF).
 */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/*
 * The code point at *at, which moves past it; -1 for a malformed sequence
 * (*at then stays), -2 at the end.
 */
int32_t utf8_next(struct str s, size_t *at);
/* Writes one, a scalar value; the octets, 1 to 4, and no more are touched. */
size_t utf8_put(char *out, int32_t c);
/* For tests: ERR_UTF8; fault->offset is where. */
enum err utf8_check(struct str s, struct fault *fault);
/*
 * Text as a field may hold it: UTF-8 without control characters (C0, DEL and
 * C1, so no line ends either).  ERR_UTF8 or ERR_CONTROL.
 */
enum err utf8_check_text(struct str s, struct fault *fault);
/* The same for what people write: TAB, LF and CR are text, too. */
enum err utf8_check_lines(struct str s, struct fault *fault);
/* Without white space at both ends: Unicode's, and what is nothing to see
 * (U+200B, U+200E, U+FEFF). */
struct str utf8_trim(struct str s);
/* Code points; what is not UTF-8 counts a byte each. */
size_t utf8_length(struct str s);
/* At most `max` octets of it, not ending within a character. */
struct str utf8_cut(struct str s, size_t max);

#endif
