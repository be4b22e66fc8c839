/*
 * media: Content-Type (RFC 9110 section 8.3.1) and Accept (section 12.5.1).
 */
#ifndef CODEC_MEDIA_H
#define CODEC_MEDIA_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define MEDIA_MAX 1024		/* octets of a Content-Type value */
#define MEDIA_PARAMS_MAX 8

struct media {
	struct str type, subtype;	/* lower case */
	struct str charset;		/* lower case; absent when not given */
	struct str boundary;		/* as given, unquoted; or absent */
};

/*
 * Strict: a bad quoted-string or anything after the last parameter is
 * ERR_SYNTAX, a parameter given twice ERR_DUPLICATE, more or longer than the
 * limits above ERR_LIMIT.  Parameters that are not listed above are checked
 * and dropped; empty ones ("text/html;") are of the grammar.  Slices live in
 * the pool.
 */
enum err media_parse(struct pool *pool, struct str in, struct media *out_r);
/* `type` and `subtype` in lower case. */
bool media_is(const struct media *media, const char *type,
	      const char *subtype);

/* Is this charset (in lower case) UTF-8, or a part of it? */
bool media_is_utf8(struct str charset);

/*
 * Does this Accept value rank text/html above application/json?  A browser's
 * navigation does; an absent, malformed or wildcard-only value does not, since
 * programs are what sends those.  So text/html has to be named, with a weight
 * above the one that application/json, or else a wildcard that covers it, has;
 * parameters other than the weight are passed over.
 */
bool media_prefers_html(struct str accept);

#endif
