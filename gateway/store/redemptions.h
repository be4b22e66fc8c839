/*
 * redemptions: each token is used once.
 *
 * A redemption is one insert keyed (tenant, jti) in the same transaction as
 * the session that it opens: of any number of racing ones exactly one wins,
 * across restarts.  Rows are swept REDEMPTION_MARGIN_S after their token's
 * expiry: the margin is how far a wall clock may be set back before a token
 * that was used looks as if it were not.
 */
#ifndef STORE_REDEMPTIONS_H
#define STORE_REDEMPTIONS_H

#include <stdint.h>

#include "store/sessions.h"

#define REDEMPTION_JTI_LEN 16
#define REDEMPTION_MARGIN_S 3600
#define REDEMPTIONS_SWEEP_MAX 1024	/* rows deleted in one transaction */

struct redemptions;		/* one per store: see store_redemptions() */

/*
 * Result: ERR_OK: this one was first.  ERR_USED: another was before,
 * `session_id` is the session that it opened (0: none).  ERR_NOT_FOUND: the
 * user is gone or of another tenant, or the tenant's epoch has ended;
 * ERR_AUTH: he is blocked; ERR_EXPIRED: past exp_s.  ERR_BUSY (a queue or the
 * session table is full), ERR_LIMIT, ERR_NOMEM, ERR_IO: nothing happened, it
 * may be tried again.
 */
struct redemption {
	struct job job;			/* set .done */
	/* in */
	struct str tenant;
	uint64_t epoch;			/* the tenant's: store/epochs.h */
	uint8_t jti[REDEMPTION_JTI_LEN];
	int64_t exp_s;			/* of the token */
	int64_t user_id;
	bool opens_session;
	enum session_kind kind;
	struct str host;		/* of the session */
	uint8_t hash[SESSION_HASH_LEN];	/* of its secret */
	uint32_t idle_s, absolute_s;	/* its life; both > 0 */
	int64_t replaces;		/* id of a session to end; 0: none */
	const struct outbox_event *events;	/* sent if he was first */
	unsigned event_count;
	const struct audit_record *audit;	/* NULL: none */
	struct pool *pool;		/* for `user`; the writer's until
					 * done(). NULL: not wanted */
	/* out */
	int64_t session_id;		/* opened; 0: none. See ERR_USED */
	struct user_view user;		/* with ERR_OK; slices in the pool */
	/* private */
	struct redemptions *redemptions;
	struct session_entry *entry;
	struct user_record *record;
};

/* ERR_BUSY, ERR_LIMIT, ERR_CONTROL, ERR_SYNTAX, ERR_RANGE (a life of 0),
 * ERR_NOMEM: not accepted, done() is not called. */
enum err redemptions_submit(struct redemptions *redemptions,
			    struct redemption *redemption);

#endif
