/*
 * fold: text in the one form that all its spellings share: letter case folded,
 * then composed (Unicode 14.0: canonical caseless matching, D145, in form C).
 * Full case folding, of no language: the final sigma is a sigma, U+01C4 and
 * U+01C5 are U+01C6, U+0130 is an i with a dot above it, and U+0131 stays.
 *
 * What has another character than ASCII never becomes ASCII alone, so that
 * nobody's address can be written to compare equal to an ASCII one.  What would
 * stays as it is: the sharp s (but the capital one is a small one), the long s,
 * the Latin ligatures U+FB00 to U+FB06, and of form C U+037E, U+1FEF and U+212A
 * (KELVIN SIGN).  For the same reason what is ignorable is not left out.
 *
 * The result must be the same with each release of libunistring: it is kept for
 * ever, and compared with what another machine made.  Unicode promises that for
 * characters that it has assigned (its stability policies of case folding and
 * of normalisation), so only those that Unicode 14.0 has take part.  What it
 * has not stays as it is, and what stands before it and behind it is treated
 * apart.
 */
#ifndef CODEC_FOLD_H
#define CODEC_FOLD_H

#include "base/buf.h"
#include "base/error.h"

/* How much longer it can become, in octets: n * FOLD_GROWTH at most. */
#define FOLD_GROWTH 3

/*
 * Append well-formed UTF-8, folded.  What is folded already stays as it is.
 * ERR_UTF8 (the text is not), ERR_NOMEM; whether it fits is told by buf_is_ok().
 */
enum err fold_add(struct buf *out, struct str s);

#endif
