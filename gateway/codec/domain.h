/*
 * domain: host names as mail addresses and URLs hold them.
 *
 * Labels of letters, digits and inner hyphens (RFC 1123 section 2.1), 1 to 63
 * octets each, 253 in all, no trailing dot.  Labels beyond ASCII are those of
 * IDNA 2008 (RFC 5891, through libidn2): no look-alikes are mapped, so that
 * full-width letters and other dots than '.' are refused rather than read as
 * what they resemble.
 */
#ifndef CODEC_DOMAIN_H
#define CODEC_DOMAIN_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define DOMAIN_MAX 253
#define DOMAIN_LABEL_MAX 63

/* An ASCII name, letters of either case; "xn--" labels must be valid A-labels.
 * ERR_SYNTAX, ERR_NOMEM. */
enum err domain_check(struct str name);
/*
 * Well-formed UTF-8 (utf8_check_text()) into lower case with A-labels,
 * terminated, in the pool.  ERR_SYNTAX, ERR_NOMEM.
 */
enum err domain_to_ascii(struct pool *pool, struct str name,
			 struct str *ascii_r);

#endif
