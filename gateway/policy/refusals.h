/*
 * refusals: which refused requests go on record?
 *
 * Refusals cost whoever provokes them nothing, so their records are rationed,
 * or one client could push out everybody else's:
 *
 * - Each client has a budget, REFUSALS_A_DAY, within which all are recorded.
 *   It comes back evenly over the day.  Wrong tokens have one of their own, so
 *   that whoever tries tokens out behind a shared address does not use up the
 *   other: REFUSALS_TOKENS_A_DAY.  So have pages whose origin is not listed,
 *   since any page makes its visitors' browsers ask: REFUSALS_ORIGINS_A_DAY; and
 *   a proxy's questions, one for each page that nobody is signed in to:
 *   REFUSALS_CHECKS_A_DAY, and no samples.
 * - Past it samples are taken, at a fixed rate however many are refused:
 *   REFUSALS_SAMPLES in REFUSALS_SAMPLES_S seconds of all, of which a tenant
 *   has a third at most, and a client one in REFUSALS_CLIENT_S.
 * - The rest are left out; the caller counts them.
 *
 * A client is what policy/ratelimit.h takes for one, whose table this uses: an
 * address, an IPv6 /64, and all of a /48 together like 16 of them.  Any thread.
 * Nothing is saved: a restart gives each client a fresh budget.
 */
#ifndef POLICY_REFUSALS_H
#define POLICY_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "codec/ip.h"

#define REFUSALS_A_DAY 240
#define REFUSALS_TOKENS_A_DAY 60
#define REFUSALS_ORIGINS_A_DAY 60
#define REFUSALS_CHECKS_A_DAY 12
#define REFUSALS_SAMPLES 6
#define REFUSALS_SAMPLES_S 60
#define REFUSALS_CLIENT_S 600
#define REFUSALS_CLIENTS_MAX 65536	/* kept in mind, 20 bytes each */

struct refusals;

/* NULL: no memory or no random bytes. */
struct refusals *refusals_new(void);
/* Accepts NULL. */
void refusals_free(struct refusals *refusals);

enum refusal_kind {
	REFUSAL_OTHER,
	REFUSAL_TOKEN,			/* a token that is no good */
	REFUSAL_ORIGIN,			/* of a page of another origin */
	REFUSAL_CHECK,			/* of who asks whether anybody is in */
};

struct refusal {
	const struct ip *client;
	struct str tenant;		/* absent: none was found */
	enum refusal_kind kind;
};

/* Is this one recorded? If so, it is charged. */
bool refusals_take(struct refusals *refusals, const struct refusal *refusal,
		   int64_t now_ms);
/* Forget who has their whole budget. For about once a minute. */
void refusals_sweep(struct refusals *refusals, int64_t now_ms);

#endif
