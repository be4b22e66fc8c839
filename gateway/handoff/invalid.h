/*
 * invalid: the 422 that names every failing field (policy/validate.h).
 */
#ifndef HANDOFF_INVALID_H
#define HANDOFF_INVALID_H

#include "handoff/exchange.h"
#include "policy/validate.h"

/* An empty list in the exchange's pool. NULL: no memory. */
struct invalid_list *invalid_new(struct exchange *ex);
/*
 * JSON in the guide's shape; on a page, the first message.  The step's trail
 * names the fields.  STEP_ANSWER.
 */
enum step_result invalid_answer(struct exchange *ex,
				const struct invalid_list *list);

#endif
