/*
 * deliveries: which event is owed to which endpoint, and how that stands.
 *
 * A row of the table `delivery` is one event for one endpoint (a webhook's URL
 * of one tenant).  It is written in the transaction of its event, by the routes
 * that hold then, and goes when the endpoint took it; with the last one goes
 * the event.  Dead ones stay until the sweep of store/outbox.h, which counts.
 *
 * A lane is (endpoint, user): of its rows one alone, the oldest, is to be sent,
 * and the others stand behind it.  So who sends need only look for what is due,
 * and the order per user holds whatever is sent again when.
 *
 * Times are of the steady clock.
 */
#ifndef STORE_DELIVERIES_H
#define STORE_DELIVERIES_H

#include "store/writer.h"

#define DELIVERIES_BATCH_MAX 64		/* outcomes of one job */
#define DELIVERY_ERROR_MAX 128		/* octets kept of a reason */
#define DELIVERY_ENDPOINTS_MAX 16	/* of a tenant: its webhooks */
#define DELIVERY_MESSAGE_MAX 32		/* octets of a webhook-id, terminated */

struct deliveries;			/* one per store: store_deliveries() */

/* A webhook. */
struct delivery_route {
	struct str tenant, url;
	const struct str *events;	/* outbox_is_named() */
	unsigned event_count;
};

/* What events that are appended from now on go by.  Copies. ERR_NOMEM. */
enum err deliveries_set_routes(struct deliveries *deliveries,
			       const struct delivery_route *list,
			       unsigned count);
/* `wake` is called by the writer's thread, after a commit, when there is
 * something new; must not block.  NULL: nobody is. */
void deliveries_on_fresh(struct deliveries *deliveries,
			 void (*wake)(void *ctx), void *ctx);

/* ---- for who sends: by a reader's connection ------------------------------ */

struct delivery_endpoint {
	int64_t id;
	struct str tenant, url;
};
struct delivery {
	int64_t outbox_id, user_id, created_ms;
	unsigned attempts;		/* that failed */
	char message[DELIVERY_MESSAGE_MAX];	/* the webhook-id */
	struct str event, body;
};

/* Those that something is due for, by tenant, in the pool. ERR_IO, ERR_NOMEM. */
enum err deliveries_endpoints(struct db *reader, int64_t now_ms,
			      struct pool *pool,
			      struct delivery_endpoint **list_r,
			      unsigned *count_r);
/* What is due for one, the longest due first, up to `max`, until `take` says
 * false.  Texts are borrowed for the call. ERR_IO. */
enum err deliveries_due(struct db *reader, int64_t endpoint, int64_t now_ms,
			unsigned max,
			bool (*take)(void *ctx, const struct delivery *d),
			void *ctx);

/* ---- what became of it ----------------------------------------------------- */

enum delivery_end {
	DELIVERY_DONE,			/* it was taken */
	DELIVERY_AGAIN,			/* at next_ms */
	DELIVERY_DEAD,			/* given up, kept */
	DELIVERY_PAUSED,		/* with the whole endpoint; no attempt */
};

struct delivery_outcome {
	int64_t outbox_id, endpoint, next_ms;
	enum delivery_end end;
	unsigned status;		/* 0: there was no answer */
	char error[DELIVERY_ERROR_MAX];	/* nothing personal; "": none */
};

/* A job: see store/writer.h. */
struct deliveries_job {
	struct job job;
	struct delivery_outcome list[DELIVERIES_BATCH_MAX];
	unsigned count;
};
enum err deliveries_submit(struct writer *writer, struct deliveries_job *job);

/* ---- by hand ----------------------------------------------------------------- */

enum deliveries_order {
	DELIVERIES_RETRY,		/* dead ones live again, and what waits
					 * is due now */
	DELIVERIES_DROP,		/* the dead ones go */
	DELIVERIES_PAUSE,
	DELIVERIES_RESUME,
};
struct deliveries_change {
	struct job job;
	enum deliveries_order order;
	struct str tenant;
	struct str url;			/* absent: all of the tenant's */
	unsigned count;			/* out: endpoints, or deliveries */
};
enum err deliveries_submit_change(struct writer *writer,
				  struct deliveries_change *change);

/* An endpoint's figures. */
struct delivery_figures {
	struct str tenant, url;
	bool is_paused;
	int64_t waiting, dead;
	int64_t oldest_ms;		/* of what waits; 0: nothing does */
	int64_t next_ms;		/* of the first to be sent; 0: none */
	unsigned last_status;		/* of the last one that failed */
	struct str last_error;
};
/* A tenant's, or all; in the pool. ERR_IO, ERR_NOMEM. */
enum err deliveries_figures(struct db *reader, struct str tenant,
			    struct pool *pool, struct delivery_figures **list_r,
			    unsigned *count_r);

#endif
