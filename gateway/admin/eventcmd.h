/*
 * eventcmd: events for webhooks, as who runs the gateway sees them; commands of
 * the admin socket.
 *
 *	events list [TENANT]		each endpoint, and what it is owed
 *	events retry TENANT [URL]	dead ones again, and all of it now
 *	events drop TENANT [URL]	dead ones go
 *	events pause TENANT [URL]
 *	events resume TENANT [URL]
 *
 * URL: as it stands in the tenant's file; left out: all of the tenant's.  What
 * is written is confirmed by the writer, or told as not confirmed within
 * JOB_WAIT_MS.
 */
#ifndef ADMIN_EVENTCMD_H
#define ADMIN_EVENTCMD_H

#include "admin/status.h"

#endif
