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

#define ADMIT_LOGIN_TIMES 10	/* as many as the rule says */
/* Charge the client for a sign-in that starts at the desk, apart from those
 * that partners' pages post. 429 past the limit. */
enum step_result admit_limit_login(struct exchange *ex);
/* What a tenant's self-test links may ask for, from wherever, all together. */
enum step_result admit_limit_selftest(struct exchange *ex,
				      struct ratelimit_rule rule);

/* The rate-limit headers alone: nothing is charged, nobody refused. */
void admit_tell_rate(struct exchange *ex);

/*
 * Where a secret is shown, ask after the verdict.  A wrong one is charged to the
 * client, with credit of the same size as for the rest, but apart; 429 past it.
 * A right one is never refused for that, or who guesses from the address of a
 * desk's server (a proxy, a shared host) would shut the desk out: it is charged
 * to the tenant alone (signed_rate_limit), wherever it comes from.  So past the
 * limit a guesser is still told when they hit it; what holds against guessing is
 * the secret's length, and the limit is for the trail and the log.
 */
enum step_result admit_limit_guess(struct exchange *ex);
/* `what` is a constant: each has credit of its own. */
enum step_result admit_limit_server(struct exchange *ex, const char *what);

#endif
