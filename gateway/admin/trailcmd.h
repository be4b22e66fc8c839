/*
 * trailcmd: what became of requests; commands of the admin socket.
 *
 *	explain REQUEST-ID	the trail of one, with what its code means and
 *				what mends it
 *	audit [NUMBER]		the newest records, or those after that one;
 *				newest first
 *
 * Records are made by handoff/exchange.c and kept by store/audit.h.
 */
#ifndef ADMIN_TRAILCMD_H
#define ADMIN_TRAILCMD_H

#include "admin/status.h"

/* The trail's next step, a flat JSON object; false: that was all. */
bool trail_next_step(struct str *trail, struct str *object_r);

#endif
