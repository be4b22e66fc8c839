/*
 * redemptions: each token is used once.
 *
 * A redemption is one insert keyed (tenant, jti) in the same transaction as
 * the session that it opens: of any number of racing ones exactly one wins,
 * across restarts.
 *
 * Ids alone do not make two people one: after a restore the same number may be
 * given to somebody else.  So in that transaction the user's row is held
 * against what the token says of its person: tenant, whether somebody vouched
 * for them, and the e-mail address as compared.
 *
 * Rows are swept REDEMPTION_MARGIN_S after their token's expiry.  The latest
 * expiry that was ever swept is kept, in the sweep's own transaction, and
 * nothing that expires then or before is redeemed any more: a wall clock that
 * was ahead and is set back makes no used token look unused.  (While it is
 * that far back nobody's tokens are good; a sweep that forgot nothing locks
 * out nobody.)
 */
#ifndef STORE_REDEMPTIONS_H
#define STORE_REDEMPTIONS_H

#include <stdint.h>

#include "store/sessions.h"

#define REDEMPTION_JTI_LEN 16
#define REDEMPTION_MARGIN_S 3600
#define REDEMPTIONS_SWEEP_MAX 1024	/* rows deleted in one transaction */

struct redemptions;		/* one per store: see store_redemptions() */

/* What is worth telling the operator about a refusal. */
enum redemption_note {
	REDEMPTION_PLAIN,
	REDEMPTION_OTHER_PERSON,	/* the row is somebody else's by now */
	REDEMPTION_SWEPT,		/* at or before what was swept */
};

/*
 * Result: ERR_OK: this one was first.  ERR_USED: another was before,
 * `session_id` is the session that it opened (0: none).  ERR_NOT_FOUND: the
 * user is gone, the tenant's epoch has ended, or the user is not the token's
 * person (`note` says); ERR_AUTH: they
 * is blocked; ERR_EXPIRED: past exp_s, or, as `note` says, not after the
 * latest expiry that was swept.  ERR_BUSY (a queue or the session table is
 * full), ERR_LIMIT, ERR_NOMEM, ERR_IO: nothing happened, it may be tried
 * again.  Whatever is refused is not spent: nothing is written.
 */
struct redemption {
	struct job job;			/* set .done */
	/* in */
	struct str tenant;
	uint64_t epoch;			/* the tenant's: store/epochs.h */
	uint8_t jti[REDEMPTION_JTI_LEN];
	int64_t exp_s;			/* of the token */
	int64_t user_id;
	struct str email_key;		/* of the token's person */
	bool is_vouched;		/* somebody vouched for them */
	bool opens_session;
	enum session_kind kind;
	struct str host;		/* of the session */
	uint8_t hash[SESSION_HASH_LEN];	/* of its secret */
	uint32_t idle_s, absolute_s;	/* its life; both > 0 */
	int64_t replaces;		/* id of a session to end; 0: none */
	const struct outbox_event *events;	/* sent by the first one */
	unsigned event_count;
	const struct audit_record *audit;	/* NULL: none */
	struct pool *pool;		/* for `user`; the writer's until
					 * done(). NULL: not wanted */
	/* out */
	int64_t session_id;		/* opened; 0: none. See ERR_USED */
	enum redemption_note note;
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

/* Is this user the person of a token that says so much of them? */
bool redemption_is_person(const struct user *user, struct str tenant,
			  bool is_vouched, struct str email_key);

/* The latest expiry that was swept, in seconds; 0: none. Any thread. */
int64_t redemptions_swept_s(struct redemptions *redemptions);

#endif
