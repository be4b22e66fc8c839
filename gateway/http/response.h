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

/*
 * Octets of all header lines of an answer.  The library builds them in the
 * connection's memory beside the request's head and drops the connection
 * without a word where both do not fit, so what is left there is a limit too.
 */
#define RESPONSE_HEAD_MAX 8192

/*
 * The answer's slices must live until the library tells that the request is
 * completed.  `closes`: say "Connection: close" and mean it.  `head_len` is the
 * request's head in octets.  ERR_CONTROL: a header's value holds a control
 * character (a defect of whoever set it); ERR_LIMIT: too long; ERR_NOMEM.
 */
enum err response_make(const struct answer *answer, bool closes,
		       size_t head_len, struct MHD_Response **response_r);

#endif
