/*
 * response: from the steps' answer to what the library sends.
 *
 * The hot path: one pass over the headers, no allocation of our own, the body
 * not copied.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <microhttpd.h>

#include "base/error.h"
#include "handoff/exchange.h"
#include "http/guard.h"

/* Octets of all header lines of an answer. */
#define RESPONSE_HEAD_MAX 8192

/*
 * How many octets of header lines the answer to this request may have: 1 to
 * RESPONSE_HEAD_MAX.  The library builds them in the connection's memory, where
 * the request's head lies too, and its cookies a second time; where both do
 * not fit it drops the connection without a word.
 */
size_t response_room(struct MHD_Connection *connection,
		     const struct guard_head *head);

/*
 * The answer's slices must live until the library tells that the request is
 * completed.  `closes`: say "Connection: close" and mean it.  `room` is
 * response_room()'s.  ERR_CONTROL: a header's value holds a control character
 * (a defect of the step that set it); ERR_LIMIT: there is no room; ERR_NOMEM.
 */
enum err response_make(const struct answer *answer, bool closes, size_t room,
		       struct MHD_Response **response_r);

#endif
