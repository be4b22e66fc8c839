/*
 * lower: simple lower case (Unicode 14.0, field 13 of UnicodeData.txt), the
 * same in every locale and on every system.
 *
 * Two mappings are left out on purpose, U+0130 and U+212A (KELVIN SIGN): they
 * lead from a look-alike to a plain ASCII letter, so that another person's
 * address could be written to compare equal to an ASCII one.
 */
#ifndef CODEC_LOWER_H
#define CODEC_LOWER_H

#include <stdint.h>

#include "base/buf.h"

/* How much longer lower case can be, in octets: n * LOWER_GROWTH at most. */
#define LOWER_GROWTH 3 / 2

int32_t lower_code_point(int32_t c);
/* Append well-formed UTF-8 in lower case; stops at what is malformed. */
void lower_add(struct buf *out, struct str s);

#endif
