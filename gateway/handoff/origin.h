/*
 * origin: what other sites' pages may see and do: CORS headers and Origin
 * checks (Fetch standard, section 3.2).
 */
#ifndef HANDOFF_ORIGIN_H
#define HANDOFF_ORIGIN_H

#include "handoff/exchange.h"

/*
 * On every answer of the handoff: Vary: Origin and, once the tenant is
 * known and lists the request's Origin, the CORS headers.
 */
void origin_handoff_headers(struct exchange *ex);
/* Does the tenant take a POST with this request's Origin? */
bool origin_may_post(const struct exchange *ex);
/* Of the answer to the handoff's preflight. */
void origin_preflight_headers(struct exchange *ex);

/*
 * The callback answers fetches that followed the handoff's redirect: from a
 * listed origin, or, since the redirect crossed origins, from "null".  Both
 * are echoed, for every tenant of the host alike: what is answered is constant.
 */
void origin_callback_headers(struct exchange *ex);

/*
 * Is the request's only Origin this very host's?  So it comes from a page of
 * our own.  Frames have the gateway's origin, whoever's tenant they are.
 */
bool origin_is_own(const struct exchange *ex);

#endif
