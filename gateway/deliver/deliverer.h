/*
 * deliverer: sends what the outbox owes to the tenants' webhooks, at least
 * once and in order per user, by a thread of its own.
 *
 *	due rows (a reader)  ->  lanes, breakers  ->  signed  ->  fetcher
 *		->  judged (deliver/schedule.h)  ->  a job of the writer
 *
 * All that lasts is in the database (store/deliveries.h).  The thread only reads
 * it: outcomes go through the writer, in batches, and a lane stays taken until
 * its outcome is durable.  One that is not written, because the process or the
 * disk fails, is as if it had not been: the event is sent again, with the same
 * webhook-id.
 *
 * What goes out is a POST as Standard Webhooks has it: webhook-id,
 * webhook-timestamp, webhook-signature, and {"type", "timestamp", "data"}.
 */
#ifndef DELIVER_DELIVERER_H
#define DELIVER_DELIVERER_H

#include "config/snapshot.h"
#include "fetch/fetcher.h"
#include "store/store.h"

#define DELIVERER_LOOK_MS 1000	/* between looks, where nothing is new */
#define DELIVERER_ANSWER_MAX 4096	/* octets read of an answer */
#define DELIVERER_RUNNING_MAX 64	/* what its fetcher is to have room for */

struct deliverer;

struct deliverer_options {
	struct snapshot_slot *slot;	/* these outlive the thread */
	struct fetcher *fetcher;
	struct store *store;
	struct db *reader;		/* its alone */
	unsigned haste;			/* 0: none; see schedule_judge() */
};

/*
 * Events that are appended from now on go by this snapshot's webhooks: to be
 * called before it serves. ERR_NOMEM.
 */
enum err deliverer_route(struct deliveries *deliveries,
			 const struct snapshot *next);

/* For tests: how many times shorter all times are, of the environment's
 * USHER_DELIVER_HASTE; 1 but in development. */
unsigned deliverer_haste(bool is_development);

/* NULL: no memory, no thread. */
struct deliverer *deliverer_new(const struct deliverer_options *options);
/*
 * End the thread within `ms`, before the store quits.  Nobody outside is waited
 * for: what is under way is sent again by the next start.  False: the disk
 * hangs.  Accepts NULL.
 */
bool deliverer_quit(struct deliverer *deliverer, int ms);
/* After that, and after the store's and the fetcher's end.  Accepts NULL. */
void deliverer_free(struct deliverer *deliverer);

#endif
