/*
 * query: percent-encoding (RFC 3986 section 2.1) and query strings.
 */
#ifndef CODEC_QUERY_H
#define CODEC_QUERY_H

#include "base/buf.h"
#include "codec/fields.h"

#define QUERY_MAX 6144		/* octets */
#define QUERY_FIELDS_MAX 32

/*
 * A query string without its '?', or an absent one: form_parse() with the
 * query's own limits.
 */
enum err query_parse(struct str in, struct fields *out, struct fault *fault);


#endif
