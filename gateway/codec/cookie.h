/*
 * cookie: the Cookie request header (RFC 6265 section 4.2.1), strictly.
 *
 * Pairs are parted by "; " and by nothing else: no comma, no quotes that
 * swallow, no white space trimmed off names.  Each of those has let somebody
 * pass a cookie off as one whose name a browser protects ("__Host-").
 */
#ifndef CODEC_COOKIE_H
#define CODEC_COOKIE_H

#include "base/error.h"
#include "base/str.h"

/* Browsers keep 180 for a site, and as many again for each site that frames
 * it; a head that is taken holds fewer than this (http/tap.c: is_too_much()). */
#define COOKIE_PAIRS_MAX 1024

/*
 * Look for `name` (byte by byte: case counts) in one Cookie header's value.
 * Pairs of others that break the grammar are passed over: neighbours on a
 * shared domain must not be able to sign anybody out.
 * Returns 1 with *value_r set (a slice of `header`, quotes refused), 0 when it
 * is not there, -1 when it stands there twice, its value breaks the grammar,
 * or there are more than COOKIE_PAIRS_MAX pairs.
 */
int cookie_find(struct str header, struct str name, struct str *value_r);

#endif
