/*
 * body: the fields of a request's body.
 */
#ifndef HANDOFF_BODY_H
#define HANDOFF_BODY_H

#include "handoff/exchange.h"

/*
 * Read ex->request.body into ex->fields: application/x-www-form-urlencoded,
 * multipart/form-data or application/json, UTF-8, well-formed.  Nested JSON is
 * accepted for the names in `nested` alone.  STEP_NEXT, or STEP_ANSWER with
 * what is wrong and where: 413, 415 or 400.
 */
enum step_result body_read(struct exchange *ex, const struct str *nested,
			   unsigned nested_count);

/*
 * The same for what people write: application/json alone, whose values may hold
 * line ends, and any of which may be nested: look at its kind.  No body at all
 * is an empty object.  For lists whose body_max is REQUEST_TEXT_MAX.
 */
enum step_result body_read_text(struct exchange *ex);

#endif
