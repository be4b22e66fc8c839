/*
 * adapt: between an exchange and its tenant's adapter.
 */
#ifndef HANDOFF_ADAPT_H
#define HANDOFF_ADAPT_H

#include "handoff/exchange.h"

/* In the pool, with all of `info` that any hook may know. NULL: no memory. */
struct adapter_call *adapt_new_call(struct exchange *ex);
/* Show it a stored user: id, address, name, attributes. */
enum err adapt_user(struct exchange *ex, struct adapter_call *call,
		    const struct user_view *user);
/* For the adapter's `done`: wakes call->owner, the exchange. */
void adapt_wake(struct adapter_call *call);

/*
 * May the exchange go on as if the tenant had no adapter?  Only where it
 * failed, was late or is away, `on_failure` allows it, and the adapter has been
 * ready once, so that it is known to refuse nobody; this is counted,
 * logged and stands in the trail.  A refusal is never passed over.
 */
bool adapt_passes_over(struct exchange *ex, const struct adapter_call *call);
/*
 * The answer to any result but OK and INVALID: 403 with its reason, 502, 504
 * or 503.  What went wrong inside is for the log and the trail, not for the
 * user.
 */
enum step_result adapt_refuse(struct exchange *ex,
			      const struct adapter_call *call);
/* It chose a target that the tenant's `redirects` do not allow: 502. */
enum step_result adapt_refuse_target(struct exchange *ex);

/* Its form does not fit on a page: 502. */
enum step_result adapt_refuse_size(struct exchange *ex);

/* What it emitted and a webhook of the tenant names, for a job of the store;
 * the others are counted. ERR_NOMEM. */
enum err adapt_events(struct exchange *ex, const struct adapter_call *call,
		      struct outbox_event **events_r, unsigned *count_r);

#endif
