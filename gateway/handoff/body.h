/*
 * body: the fields of a request's body.
 */
#ifndef HANDOFF_BODY_H
#define HANDOFF_BODY_H

#include "handoff/exchange.h"

/*
 * Read ex->request.body into ex->fields: application/x-www-form-urlencoded,
 * multipart/form-data or application/json, in UTF-8 (a BOM before one of the
 * text formats is skipped), well-formed.  As codec/posted.h says: what nobody
 * uses is dropped, of the names in `wanted` nested JSON and repeated values
 * are kept; `email`, `name`, `redirect_url`, `assertion`, `response` and
 * `token` may come once, as text, and are trimmed.  How much was dropped is
 * told in the trail.  STEP_NEXT, or STEP_ANSWER with what is wrong and where:
 * 413, 415 or 400.
 */
enum step_result body_read(struct exchange *ex, const struct str *wanted,
			   unsigned wanted_count);

/*
 * `email` or `name` (`field`) as the tenant wants it: where decode_html is set,
 * HTML's character references in *value are read (codec/charref.h), once, and
 * what is then white space around it is dropped.  Any are told in the trail,
 * read or not.  *value is in the pool then.  ERR_NOMEM.
 */
enum err body_unescape(struct exchange *ex, const char *field,
		       struct str *value);

/*
 * The same for `redirect_url`, where the trail alone tells: `&amp;` is no
 * mistake of a URL's grammar, and each one has to mean what it says. ERR_NOMEM.
 */
enum err body_note_target(struct exchange *ex, struct str url);

/*
 * As body_read(), for what people write: application/json alone, whose values
 * may hold line ends, and any of which may be nested: look at its kind.  No
 * body at all is an empty object.  For lists whose body_max is
 * REQUEST_TEXT_MAX.
 */
enum step_result body_read_text(struct exchange *ex);

/* Does the head hold an assertion, as Authorization: Bearer? */
bool body_has_bearer(const struct request *request);

#endif
