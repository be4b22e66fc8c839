/*
 * redemptions: a person arrives: each token is used once, and all that it
 * brings is one commit.
 *
 * A redemption is one insert keyed by the token's jti, in the same transaction
 * as the user, their attributes, the events, the session and the audit's
 * record: of any number of racing ones exactly one wins, across restarts, and
 * what is refused has written nothing.
 *
 * A jti begins with the time of its token (TOKEN's minting, 48 bits of
 * milliseconds, big-endian), so the table grows at its right edge and needs no
 * index by time: rows are swept by the jti alone, REDEMPTION_KEPT_S after that
 * time, which is longer than any token lives.  Of an assertion it is its `iat`,
 * as others stamped it, and no token of it lives longer than 900 seconds (what
 * a tenant may allow), 60 (the clocks' distance) and 120 (the token's own) after
 * that.  The latest time that was ever
 * swept is kept, in the sweep's own transaction, and no jti of that time or
 * before is redeemed any more: no used token looks unused, whatever the clocks
 * do.  (All times but an assertion's are the steady clock's, so steps of the
 * wall clock do not come into it, or make a used assertion expired at worst; a
 * database that is put back might.)
 */
#ifndef STORE_REDEMPTIONS_H
#define STORE_REDEMPTIONS_H

#include <stdint.h>

#include "store/outbox.h"
#include "store/parking.h"
#include "store/sessions.h"

#define REDEMPTION_JTI_LEN 16
#define REDEMPTION_JTI_TIME_LEN 6	/* the first ones: of milliseconds */
#define REDEMPTION_KEPT_S 4680	/* eighteen minutes and an hour */

struct redemptions;		/* one per store: see store_redemptions() */

/* What is worth telling the operator about a refusal. */
enum redemption_note {
	REDEMPTION_PLAIN,
	REDEMPTION_SWEPT,	/* at or before what was swept */
	REDEMPTION_ENDED,	/* what was minted for them by then was ended */
	REDEMPTION_OTHER_ID,	/* it is not the one of `shown_id` */
	REDEMPTION_CONFLICT,	/* external id and address are two users' */
};

/*
 * Result: ERR_OK: this one was first.  ERR_USED: another was before,
 * `session_id` is the session that it opened (0: none).  ERR_NOT_FOUND: the
 * tenant's epoch has ended, or what was parked for it is gone, or as `note`
 * says; ERR_AUTH: the person is blocked; ERR_LIMIT: they would have too many
 * attributes; ERR_EXPIRED: past exp_s, or, as `note` says, not after what was
 * swept.  ERR_BUSY (a queue is full), ERR_NOMEM, ERR_IO:
 * nothing happened, it may be tried again.  Whatever is refused is not spent:
 * nothing is written.
 */
struct redemption {
	struct job job;			/* set .done */
	/* in */
	struct user_sync sync;		/* whose token it is, and what it brings
					 * of its person */
	uint64_t epoch;			/* the tenant's: store/epochs.h */
	uint8_t jti[REDEMPTION_JTI_LEN];
	int64_t exp_s;			/* of the token */
	/* as whom an adapter was shown them: the row's id, or (is_shown_new)
	 * one that users_new_id() made for this arrival; 0: nobody was */
	int64_t shown_id;
	bool is_shown_new;
	const uint8_t *parked;		/* PARKED_ID_LEN octets; NULL: nothing
					 * was parked */
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
	int64_t ended_id;		/* whose sessions end: user_plan */
	struct session_entry *entry;
	struct user_record *record;
};

/* ERR_BUSY, ERR_LIMIT, ERR_CONTROL, ERR_SYNTAX, ERR_RANGE (a life of 0),
 * ERR_NOMEM: not accepted, done() is not called. */
enum err redemptions_submit(struct redemptions *redemptions,
			    struct redemption *redemption);

/* Was it used, and not swept since?  ERR_USED, and what session was opened then;
 * ERR_OK: still to be had; ERR_IO, ERR_NOMEM.  By any connection, in its own
 * thread. */
enum err redemptions_find(struct db *db, struct str tenant,
			  const uint8_t jti[REDEMPTION_JTI_LEN],
			  int64_t *session_id_r);

/* A jti of that time: its first six octets. */
void redemption_jti_time(int64_t ms, uint8_t jti[REDEMPTION_JTI_LEN]);
/* ... and the time of one. */
int64_t redemption_time(const uint8_t jti[REDEMPTION_JTI_LEN]);

/* The latest time of a jti that was swept, in milliseconds; 0: none. Any
 * thread. */
int64_t redemptions_swept_ms(struct redemptions *redemptions);

#endif
