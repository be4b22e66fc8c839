/*
 * cookie: the Cookie request header (RFC 6265 section 4.2.1), strictly.
 */
#ifndef CODEC_COOKIE_H
#define CODEC_COOKIE_H

#include "base/error.h"
#include "base/str.h"

#define COOKIE_PAIRS_MAX 180	/* what a browser keeps for one site */

/*
 * Look for `name` (byte by byte: case counts) in one Cookie header's value.
 * Pairs of others that break the grammar are passed over: neighbours on a
 * shared domain must not be able to sign anybody out.
 * Returns 1 with *value_r set (a slice of `header`, quotes refused), 0 when it
 * is not there, -1 when it stands there twice or its value breaks the grammar.
 */
int cookie_find(struct str header, struct str name, struct str *value_r);

#endif
