/*
 * outbox: events for the tenants' webhooks, kept until they are delivered.
 *
 * Appended in the transaction of the change that they tell of, so that neither
 * exists without the other.
 */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "store/db.h"

#define OUTBOX_EVENT_MAX 128		/* octets of an event's name */
#define OUTBOX_BODY_MAX 163840		/* octets: a ticket's message, escaped */
#define OUTBOX_EVENTS_MAX 32		/* of one job */

struct outbox_event {
	struct str name;	/* "user.created" */
	struct str body;	/* JSON */
};

/* What outbox_append() takes for granted. ERR_LIMIT, ERR_CONTROL, ERR_SYNTAX
 * (a name or body is absent). */
enum err outbox_check(const struct outbox_event *events, unsigned count);
/* Inside a job. */
enum err outbox_append(struct db *db, struct str tenant, int64_t user_id,
		       const struct outbox_event *events, unsigned count);

#endif
