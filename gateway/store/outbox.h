/*
 * outbox: events for the tenants' webhooks, kept until they are delivered.
 *
 * Appended in the transaction of the change that they tell of, so that neither
 * exists without the other.  Who appends has left out what no webhook of the
 * tenant names (tenant_wants(), config/snapshot.h): that is nowhere kept.
 *
 * A tenant has room for `max` events (the setting outbox_max) and
 * OUTBOX_TENANT_OCTETS_MAX octets.  What stands stays; of what comes past that
 * the rest of its job's events is refused: the change itself is written as
 * ever, and the refusal is counted in its transaction, in the table
 * outbox_tenants, which has a row for each tenant that ever had events.  So no
 * sign-in fails because there is no room here, and nothing is lost uncounted.
 *
 * The chore, a few rows at a time: takes erased people's texts out of their
 * events (outbox_erase()), then deletes what is older than `kept_s` (the
 * setting retention.outbox), then copies the tenants' figures for those who
 * show and watch them.  Age is by the steady clock (base/clock.h), so that none
 * goes because somebody set a clock.  Rows lie in the order of their coming and
 * are looked at from the oldest.
 */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"
#include "store/db.h"

#define OUTBOX_EVENT_MAX 128		/* octets of an event's name */
#define OUTBOX_BODY_MAX 163840		/* octets: a ticket's message, escaped */
#define OUTBOX_EVENTS_MAX 32		/* of one job */
#define OUTBOX_TENANT_MAX 100000	/* events of a tenant, by default */
#define OUTBOX_TENANT_OCTETS_MAX (INT64_C(256) << 20)	/* and octets */
#define OUTBOX_KEPT_S 604800		/* by default: a week */
#define OUTBOX_FILLING_PERCENT 80	/* of either bound: told */
#define OUTBOX_WELL_PERCENT 60		/* below it again: told as well */
#define OUTBOX_NEWS_MAX 16		/* told at a time */

/* What an erased person's events say: that they were, and no more. */
#define OUTBOX_ERASED "{\"erased\":true}"

struct outbox;			/* one per store: see store_outbox() */

struct outbox_event {
	struct str name;	/* "user.created" */
	struct str body;	/* JSON */
};

enum outbox_level {
	OUTBOX_WELL,
	OUTBOX_FILLING,		/* past OUTBOX_FILLING_PERCENT */
	OUTBOX_FULL,		/* events were refused */
};

/* A tenant's, as of the chore's last run. */
struct outbox_usage {
	char tenant[64 + 1];
	int64_t events, octets;	/* that are kept */
	int64_t refused;	/* there was no room, ever */
	int64_t expired;	/* not delivered in time, ever */
	enum outbox_level level;
};

/* Does a webhook's setting name this event, by itself or with all of its kind
 * ("adapter.*")?  user.synced of older files is user.created and user.updated. */
bool outbox_is_named(struct str pattern, struct str event);

/* What outbox_append() takes for granted. ERR_LIMIT, ERR_CONTROL, ERR_SYNTAX
 * (a name or body is absent). */
enum err outbox_check(const struct outbox_event *events, unsigned count);
/* Inside a job.  ERR_OK also where there was no room. */
enum err outbox_append(struct db *db, struct str tenant, int64_t user_id,
		       const struct outbox_event *events, unsigned count);

/* Any thread: other bounds from now on. */
void outbox_set_bounds(struct outbox *outbox, int64_t max, int64_t kept_s);
/* Any thread, no database: all tenants', in the pool. ERR_NOMEM. */
enum err outbox_usages(struct outbox *outbox, struct pool *pool,
		       struct outbox_usage **list_r, unsigned *count_r);
/* Those whose level is another than when they were last told of. */
unsigned outbox_take_news(struct outbox *outbox,
			  struct outbox_usage list[OUTBOX_NEWS_MAX]);
/* Any thread: is anything of erased people still to be taken out? */
bool outbox_is_erasing(struct outbox *outbox);

#endif
