/*
 * media: Content-Type (RFC 9110 section 8.3.1) and Accept (section 12.5.1).
 */
#ifndef CODEC_MEDIA_H
#define CODEC_MEDIA_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

struct media {
	struct str type, subtype;	/* lower case */
	struct str charset;		/* lower case; absent when not given */
	struct str boundary;		/* as given, unquoted; absent likewise */
};

/*
 * Strict: a parameter given twice, a bad quoted-string or anything after the
 * last parameter is ERR_SYNTAX / ERR_DUPLICATE.  Slices live in the pool.
 */
enum err media_parse(struct pool *pool, struct str in, struct media *out_r);
bool media_is(const struct media *media, const char *type,
	      const char *subtype);

/*
 * Does this Accept value rank text/html above application/json?  A browser's
 * navigation does; an absent, malformed or wildcard-only value does not, since
 * programs are what sends those.
 */
bool media_prefers_html(struct str accept);

#endif
