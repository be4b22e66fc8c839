/*
 * outbox: events for the tenants' webhooks, kept until they are delivered.
 *
 * Appended in the transaction of the change that they tell of, so that neither
 * exists without the other.
 */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "base/str.h"

#define OUTBOX_EVENT_MAX 64		/* octets of an event's name */
#define OUTBOX_BODY_MAX 16384		/* octets */
#define OUTBOX_EVENTS_MAX 32		/* of one job */

struct outbox_event {
	struct str name;	/* "user.created" */
	struct str body;	/* JSON */
};

#endif
