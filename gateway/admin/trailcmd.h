/*
 * trailcmd: what became of requests; commands of the admin socket.
 *
 *	explain REQUEST-ID	the trail of one, with what its code means and
 *				what mends it, and a line of each other one of
 *				the same token
 *	explain TOKEN		all of a token: its jti (22 characters of
 *				base64url), or its tag, as records show it
 *	explain TENANT ADDRESS FROM TO
 *				all of a person within those milliseconds
 *				since 1970: EXPLAIN_MAX at most, the newest, in
 *				the order of time
 *	audit [NUMBER]		the newest records, or those after that one;
 *				newest first
 *
 * Records are made by handoff/exchange.c and kept by store/audit.h.
 */
#ifndef ADMIN_TRAILCMD_H
#define ADMIN_TRAILCMD_H

#include "admin/status.h"

#define EXPLAIN_MAX 50			/* records of a token or a person */

/* The trail's next step, a flat JSON object; false: that was all. */
bool trail_next_step(struct str *trail, struct str *object_r);

#endif
