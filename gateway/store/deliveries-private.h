/*
 * deliveries-private: deliveries for the other modules of this room.
 */
#ifndef STORE_DELIVERIES_PRIVATE_H
#define STORE_DELIVERIES_PRIVATE_H

#include "store/deliveries.h"

#define DELIVERY_MESSAGE_OCTETS 16	/* of a webhook-id: random */

/* NULL: no memory. The writer's connection goes by its routes from now on. */
struct deliveries *deliveries_new(struct db *db);
void deliveries_free(struct deliveries *deliveries);	/* accepts NULL */
/* In the writer's thread, after a batch. */
void deliveries_batch_done(struct deliveries *deliveries);

/* Inside a job: an event was appended. */
enum err deliveries_add(struct db *db, int64_t outbox_id, struct str tenant,
			int64_t user_id, struct str event, int64_t now_ms);
/* Inside a job: an event goes, whoever it is owed to. */
enum err deliveries_forget(struct db *db, int64_t outbox_id);

#endif
