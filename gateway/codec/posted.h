/*
 * posted: the fields of a request's body, as partners' pages really post them.
 *
 * What nobody uses never makes a request fail.  With fields_init_posted() in
 * place of fields_init() the parsers let through names that come twice
 * (`tags[]`), file parts, and TAB, LF and CR in values.  posted_settle() then
 * leaves what everybody above may rely on (codec/fields.h): unique names, text
 * without control characters.
 *
 *  strict	names that the gateway itself acts on: twice, or as a file, is
 *		an error of the parser.  White space around their values is
 *		dropped (utf8_trim()); a line end or TAB within stays, for the
 *		caller to refuse by name.  A null of JSON is an empty text, as
 *		a form's would be.
 *  wanted	names that the tenant's adapter asks for: nested JSON stays;
 *		given twice, they become one JSON array of all their values.
 *  others	files, nested JSON and names given twice are dropped, all of
 *		the latter: which of two was meant nobody can tell.
 *
 * TAB, LF, CR and CRLF in values of the last two become one space each,
 * within nested JSON too: adapters were promised text without them.
 *
 * A name without '=' in a form is an empty text.  Numbers, true and false of
 * JSON are their text (codec/json.h), whatever the name; a null of any other
 * name than a strict one is as if the name were not there.
 */
#ifndef CODEC_POSTED_H
#define CODEC_POSTED_H

#include "codec/fields.h"

struct posted {
	const struct str *strict, *wanted;
	unsigned strict_count, wanted_count;
};

/* How many values posted_settle() dropped; nulls do not count. */
struct posted_drops {
	unsigned files;
	unsigned nested;	/* arrays and objects */
	unsigned repeated;	/* values of names that came twice */
};

/* *posted outlives the fields. */
void fields_init_posted(struct fields *fields, struct pool *pool,
			const struct posted *posted);
bool posted_is_strict(const struct posted *posted, struct str name);
/*
 * ERR_LIMIT: an array for a wanted name would pass FIELD_VALUE_MAX; ERR_NOMEM.
 * Nested JSON of a strict name stays, for the caller to refuse by name.
 */
enum err posted_settle(struct fields *fields, struct posted_drops *drops_r,
		       struct fault *fault);

#endif
