/*
 * admit: the first two steps of what anybody may post to the gateway host:
 * which tenant, and not too often.
 */
#ifndef HANDOFF_ADMIT_H
#define HANDOFF_ADMIT_H

#include "handoff/exchange.h"

/*
 * The tenant that the route names: 404 for an unknown or disabled one, 503
 * for one that cannot serve.  Those are charged by the limiter like any other
 * request (and so may be a 429): else slugs could be tried for nothing.
 * ex->tenant is set for all that are known.  A slug in capitals is unknown, and
 * the 404 says how it is written (ex->hint).
 */
enum step_result admit_find_tenant(struct exchange *ex);

/*
 * Charge the client: the tenant's own rule in place of the gateway's where it
 * has one.  Sets the rate-limit headers, whatever the answer will be; 429
 * past the limit.
 */
enum step_result admit_limit_rate(struct exchange *ex);

/*
 * Whom a valid signature names is charged in the client's place, and so is the
 * tenant (signed_rate_limit), so that an office or a partner's server behind one
 * address is not shut out: what admit_limit_rate() took is given back.  But not
 * where this refuses (429), or one assertion posted again and again would cost
 * nobody anything.  Sets the headers anew.
 */
enum step_result admit_limit_person(struct exchange *ex, struct str person);

/* The rate-limit headers alone: nothing is charged, nobody refused. */
void admit_tell_rate(struct exchange *ex);

/*
 * The same where a secret is shown: credit of the same size, but apart, and
 * used up by wrong secrets alone.  A right one is free, however often it
 * comes: a desk's server redeems for all its users from one address.  But
 * a client that has used up the credit is refused before its secret counts
 * (429), or guessing would go on.  So ask after the verdict and before acting
 * on it.
 */
enum step_result admit_limit_guesses(struct exchange *ex, bool is_wrong);

#endif
