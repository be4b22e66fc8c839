/*
 * sessions: who is signed in where, in one table that all workers share.
 *
 * The table in memory answers every look-up; the database has the same rows
 * for the next start.  Only the writer's thread adds and removes, after the
 * commit that says so and before anybody is told: what was ended is gone by
 * the time its end is acknowledged.  A look-up only moves a session's idle
 * clock, in memory at once and in the database once in each idle/4, by an
 * UPDATE that cannot bring back a row that was deleted.  (So after a kill a
 * session may look idle for up to idle/4 longer than it was.)
 *
 * A session's cookie holds its id and a secret; only a hash of the secret is
 * kept, compared in constant time.  Sessions are opened by redemptions
 * (store/redemptions.h).
 *
 * Nobody is refused because the table is full: with SESSIONS_MAX in it, an
 * opening ends another session, in its own transaction.  A tenant's share is
 * the table divided by the tenants that have sessions.  One that exceeds its
 * share pays for itself; for another one pays the tenant that holds most, if
 * that exceeds its share.  So no tenant loses any to a neighbour up to its
 * share; where none exceeds it, the one that signs in pays.  Who pays loses
 * the session that is idle for longest, as far as SESSION_ORDER_S tells.
 *
 * A session of an epoch that ended (store/epochs.h) is deleted by the sweep,
 * which begins at once then, and by the next start; until then it is found, and
 * tells its epoch.
 */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/users.h"
#include "store/writer.h"

#define SESSIONS_MAX 1000000		/* past that the longest idle go */
#define SESSION_HASH_LEN 32
#define SESSION_HOST_MAX 255		/* octets */
#define SESSIONS_SWEEP_MAX 512		/* rows deleted in one transaction */
#define SESSION_ORDER_S 60		/* how exactly idleness is known */
#define SESSIONS_EVICTED_MAX 16		/* tenants told of by name */

struct sessions;		/* one per store: see store_sessions() */

/* Where a session holds: never one in place of the other. */
enum session_kind {
	SESSION_TOP,		/* a tab of its own */
	SESSION_EMBEDDED,	/* inside a frame on a partner's page */
};

struct session {
	int64_t id;		/* in the order of their opening */
	enum session_kind kind;
	struct str tenant, host;
	uint64_t epoch;		/* of the tenant: see store/epochs.h */
	struct user_view user;	/* as they are now, not then */
	int64_t created_s;
	int64_t expires_s;	/* when it ends if they do nothing more */
	int64_t absolute_s;	/* when it ends in any case */
};

/*
 * Look up; `is_activity` lets it live on.  Slices live in the pool.
 * ERR_NOT_FOUND: no such id, or not its secret; ERR_EXPIRED; ERR_NOMEM.
 * Whether kind, tenant, epoch and host are the right ones is the caller's to
 * check.
 */
enum err sessions_find(struct sessions *sessions, int64_t id,
		       const uint8_t hash[SESSION_HASH_LEN], int64_t now_s,
		       bool is_activity, struct pool *pool,
		       struct session *out_r);
/*
 * The open ones of a tenant, or of one of its users (user_id not 0), at most
 * `max` of them and in no order; no activity.  *total_r: how many there are.
 * Looks at every session there is.  Slices and the array live in the pool.
 * ERR_NOMEM.
 */
enum err sessions_list(struct sessions *sessions, struct str tenant,
		       int64_t user_id, int64_t now_s, unsigned max,
		       struct pool *pool, struct session **list_r,
		       unsigned *count_r, unsigned *total_r);
/* Is there one of that id, perhaps expired but unswept? */
bool sessions_is_open(struct sessions *sessions, int64_t id);
/* Open ones now, expired but unswept ones included. */
unsigned sessions_count(struct sessions *sessions);

/* A tenant's sessions that made room for others. */
struct sessions_evicted {
	char tenant[USER_TENANT_MAX + 1];	/* "": tenants past the list */
	uint64_t count;
};
/* How many ever did, those that had expired left out. Any thread. */
uint64_t sessions_evicted(struct sessions *sessions);
/* By tenant, since the last call. Says how many of the list there are. */
unsigned sessions_take_evicted(struct sessions *sessions,
		struct sessions_evicted list[SESSIONS_EVICTED_MAX]);

/* End one session, or (session_id 0) all of a user's. ERR_OK also when there
 * was none. The caller has checked that it may be ended. */
struct session_end {
	struct job job;
	int64_t session_id;
	int64_t user_id;
	const struct audit_record *audit;	/* NULL: none */
	/* private */
	struct sessions *sessions;
};
/* ERR_BUSY: not accepted, done() is not called. */
enum err sessions_end(struct sessions *sessions, struct session_end *end);

#endif
