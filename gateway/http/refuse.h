/*
 * refuse: the answer to a head that is none of ours to act on, in either of two
 * ways: through the library, or past it, to what the tap (http/tap.h) kept from
 * it.  Both say "Connection: close" and count in usher_http_refused_total.
 */
#ifndef HTTP_REFUSE_H
#define HTTP_REFUSE_H

#include "http/guard.h"
#include "http/meter.h"

/* Octets of an answer that goes past the library. */
#define REFUSE_ANSWER_MAX 2048

extern const struct steps refuse_steps;	/* what the metrics call it */

/* Fill in ex->answer; nothing that the request says is used. */
void refuse_answer(struct exchange *ex, struct meter *meter,
		   enum guard_verdict verdict);
enum guard_verdict refuse_verdict(enum tap_fault fault);
/* A whole response, head and body, to be sent as it is. */
void refuse_render(const struct exchange *ex, enum tap_fault fault,
		   struct buf *out);

#endif
