/*
 * users: who signed in, per tenant.
 *
 * An unsigned user is keyed (tenant, email_key), a signed one (tenant,
 * external id) or, where the assertion gave none, (tenant, email_key) among
 * the signed.  An unsigned request cannot reach a signed user's row.  The first
 * arrival of a signed one may take over the unsigned row of their address
 * (`adopts_unsigned`): its number and tickets, but nothing else that nobody
 * vouched for; that row's sessions and tokens under way end with it.  Not where
 * it is blocked: then they are blocked as well.
 *
 * An address is one signed user's at a time, because desks take it for a
 * person.  Where an arrival brings one that is another signed user's, what
 * happens is enum on_conflict's; nobody ever gets into the other one's row:
 *
 *	the arrival's	the other's	REJECT	LINK		UPDATE
 *	external id	external id
 *	known		some		no	keeps theirs	gets it
 *	known		none		no	keeps theirs	keeps theirs
 *	new		some		no	no		gets it
 *	none		some		no	no		no
 *
 * (New, and the other has none: that is they.)  "Keeps theirs": signed in as
 * the row of the external id, at the address that it has; the other one is left
 * alone.  "Gets it": the other one is left without an address (an empty one)
 * until their next arrival brings one; their sessions end, and the tokens and
 * assertions under way, as those name the address.  "No" is ERR_CONFLICT, and
 * so is what was said before the other one's newest.  Who is blocked keeps
 * the address, and it is blocked to others: ERR_AUTH.
 *
 * Rows from before addresses were compared as they are now (codec/email.h) keep
 * their keys, so several may be one address's: a sign-in finds the oldest, and
 * is refused where any of them is blocked; users_conflicts() lists them.  After
 * the upgrade they are looked for (store/user-keys-private.h); until that is
 * done nobody is found whose address is not ASCII: ERR_BUSY.  Who is asks
 * nothing of it.
 *
 * A row is made or brought up to date by the commit that redeems its user's
 * token (store/redemptions.h), and by nothing else: a handoff writes nothing.
 * Each arrival notes when it was said: when its token was minted or, of a
 * signed one, its assertion issued, if that was before.  So what is older and
 * arrives late overwrites nothing that is newer.
 *
 * Ids are in the order of their making and never used again, not even after an
 * erasure.  They stay below 2^53, so that programs that keep numbers as doubles
 * keep them whole.
 *
 * Attributes are one compact JSON object in the user's row, not rows of their
 * own: an arrival reads and writes one row whatever their number, and a session
 * check hands the text out as it stands.
 *
 * Text given to this module is UTF-8 without NUL; lengths are checked here
 * (ERR_LIMIT, ERR_CONTROL), all else was validated before.
 */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "codec/fields.h"
#include "store/audit.h"
#include "store/writer.h"

#define USER_TENANT_MAX 64		/* octets */
#define USER_EMAIL_MAX 512		/* octets: room for A-labels */
#define USER_NAME_MAX 1024		/* octets: 255 characters */
#define USER_EXTERNAL_MAX 255		/* octets */
#define USER_ATTRIBUTES_MAX 16384	/* octets of the whole JSON object */
#define USERS_OF_ADDRESS_MAX 16		/* one proved it, one did not, and
					 * older rows of either */
#define USERS_CONFLICTS_MAX 500		/* rows that are listed at once */
/* A token lives 120 s and its time may lie 5 s ahead: no two that are good at
 * once were minted further apart. */
#define USER_LATE_MS 125000
/* An assertion may be 900 s older than that, and by a clock 60 s behind. */
#define USER_LATE_VOUCHED_MS (USER_LATE_MS + 960000)

struct users;		/* one per store: see store_users() */

/* What a session or a redemption shows of its user. */
struct user_view {
	int64_t id;
	struct str email;	/* as given */
	struct str name;
	struct str attributes;	/* a JSON object, "{}" when there are none */
	bool is_verified;	/* a signed assertion vouched for them */
	struct str external_id;	/* by which it names them; absent: none */
};

struct user {
	struct user_view view;
	struct str tenant, email_key;
	bool is_blocked;
	int64_t created_s, updated_s;
	int64_t last_seen_s;	/* 0: never */
	int64_t minted_ms;	/* when the newest that arrived was said: its
				 * token's minting or, if that was before, its
				 * assertion's issue */
};

/* What becomes of a signed arrival whose address is another's: see above. */
enum on_conflict {
	ON_CONFLICT_REJECT,
	ON_CONFLICT_LINK,
	ON_CONFLICT_UPDATE,
};

/* What an arrival brings of its person.  Zero what is not needed. */
struct user_sync {
	struct str tenant;
	struct str email, email_key;	/* as given; as compared */
	struct str name;
	const struct fields *set;	/* attributes; NULL: none */
	const struct str *del;		/* names of those to remove, before */
	unsigned del_count;
	int64_t minted_ms;		/* steady clock: when that was decided */
	bool is_vouched;		/* by an assertion, of `issued_ms` */
	struct str external_id;		/* in it; absent: none */
	int64_t issued_ms;		/* as the steady clock has it */
	/* what the tenant wants of those who are vouched for */
	bool adopts_unsigned;
	enum on_conflict on_conflict;
	/* May somebody sign in with this address?  Asked of one that they keep,
	 * as they did not bring it: ERR_CONFLICT: no; ERR_NOMEM.  In the thread
	 * that plans. NULL: with any. */
	enum err (*may_have)(const void *ctx, struct str email,
			     struct pool *pool);
	const void *ctx;
};

/* What becomes of them. */
struct user_plan {
	struct user_view view;	/* as they will be; id 0: given when made */
	bool is_new;		/* there is no row yet */
	bool is_changed;	/* a new one is changed as well */
	bool is_late;		/* another arrived that was said later, by at
				 * most USER_LATE_MS (farther ahead is a clock
				 * that was set back): nothing but the time of
				 * this visit is kept */
	bool is_adopted;	/* view.id was an unsigned row until now */
	bool keeps_address;	/* the one that they brought is another's */
	/* whose sessions and tokens end: view.id where it is adopted, else who
	 * loses their address, by that external id; 0: nobody's */
	int64_t ends_id;
	struct str ends_external;
};

/*
 * Read, and merge; nothing is written.  Slices live in the pool or are sync's.
 * ERR_BUSY: see above; ERR_AUTH: they are blocked; ERR_CONFLICT: the external id
 * and the address are those of two signed users; ERR_LIMIT: attributes would
 * grow past USER_ATTRIBUTES_MAX; ERR_NOMEM, ERR_IO, ERR_INTERNAL.
 */
enum err users_plan(struct db *db, const struct user_sync *sync,
		    struct pool *pool, struct user_plan *plan_r);
/* Of one who is not stored as signed: the unsigned one whom they would take
 * over, as far as that is theirs.  Likewise; ERR_NOT_FOUND: they would not. */
enum err users_plan_adopts(struct db *db, const struct user_sync *sync,
			   struct pool *pool, struct user *out_r);

/* An id for somebody who may be made.  Any thread. */
int64_t users_new_id(struct users *users);

/*
 * Block (sessions end, tokens no longer redeem) or unblock: by `user_id` or,
 * where that is 0, the unsigned one of that address.  The sessions of all rows
 * of their address end, as a block of any holds.  Who was never here and is
 * blocked gets a row that says so (name empty, last seen at 0).
 * Result: ERR_OK, also when they were so already; ERR_NOT_FOUND.
 */
struct user_block {
	struct job job;
	int64_t user_id;		/* out, too */
	struct str tenant, email, email_key;	/* where user_id is 0 */
	bool is_blocked;
	const struct audit_record *audit;
	/* private */
	struct users *users;
	bool is_by_address;
	int64_t ended[USERS_OF_ADDRESS_MAX];	/* whose sessions end */
	unsigned ended_count;
};
enum err users_block(struct users *users, struct user_block *block);

/*
 * Delete the user, their attributes, sessions and tickets and what was parked
 * for them, and end the tokens that were minted for them (store/tombstones.h):
 * by `user_id` or, where that is 0, the unsigned one of that address; of who is
 * not stored, as either kind.  ERR_NOT_FOUND.  Their events lose their texts
 * soon after, then the files are free of them (outbox_is_erasing()).  The audit
 * trail has nothing of them and stays.  All places: store/person-private.h.
 */
struct user_erase {
	struct job job;
	int64_t user_id;		/* out, too; 0: nobody was stored */
	struct str tenant, email_key;	/* where user_id is 0 */
	const struct audit_record *audit;
	/* private */
	struct users *users;
	bool is_by_address;
};
enum err users_erase(struct users *users, struct user_erase *erase);

/*
 * Whom their partner signed out: all their sessions end, and the tokens that
 * were minted for them (store/tombstones.h).  Named by external id, or address,
 * or both; at least one.  By the address that is who has it, unsigned ones too,
 * but where an external id came along nobody who has another one.  What is
 * stored of them stays.  Nobody has to be stored.
 * Result: ERR_OK; ERR_USED: a message with that jti came before; ERR_BUSY.
 */
struct user_logout {
	struct job job;
	struct str tenant;
	struct str external_id, email_key;	/* absent: not said */
	struct str jti;
	int64_t issued_ms;	/* the message, as the steady clock has it:
				 * what the partner issued up to then ends, by
				 * its own clock, be it ahead or behind */
	const struct audit_record *audit;
	/* private */
	struct users *users;
	int64_t ended[USERS_OF_ADDRESS_MAX + 1];	/* whose sessions end */
	unsigned ended_count;
};
enum err users_logout(struct users *users, struct user_logout *logout);

/*
 * Append all that an erasure would take away, as JSON: of who was found, or of
 * one with no id who is not stored.  No secrets, no hashes.  ERR_NOMEM: also
 * where it is too much for `out`; ERR_IO.
 */
enum err users_export(struct users *users, struct db *reader,
		      const struct user *user, struct pool *pool,
		      struct buf *out);

/* May anybody be looked for by this key?  ERR_BUSY: not yet; ERR_IO. */
enum err users_can_find(struct db *reader, struct str email_key);
/* By id; the unsigned one by address, the oldest where there are several, and
 * blocked where any is. Slices live in the pool. ERR_NOT_FOUND, ERR_BUSY,
 * ERR_NOMEM, ERR_IO. */
enum err users_get(struct db *reader, int64_t id, struct pool *pool,
		   struct user *out_r);
enum err users_find(struct db *reader, struct str tenant,
		    struct str email_key, struct pool *pool,
		    struct user *out_r);
/* The signed one of that external id or, where nobody has that, of that address
 * without one.  Likewise. */
enum err users_find_signed(struct db *reader, struct str tenant,
			   struct str external_id, struct str email_key,
			   struct pool *pool, struct user *out_r);
/* All who have that address, into an array of USERS_OF_ADDRESS_MAX: unsigned
 * ones first, those with an external id last, the oldest before others.
 * ERR_NOT_FOUND: none; ERR_BUSY.
 */
enum err users_find_all(struct db *reader, struct str tenant,
			struct str email_key, struct pool *pool,
			struct user *users, unsigned *count_r);

/* One row of several that are one address's. */
struct user_conflict {
	struct str key;		/* of the address, the same for all of them */
	struct user user;
};

/*
 * All of them, of a tenant or (absent) of all tenants: address by address, the
 * oldest row first, which is the one that is found.  Up to USERS_CONFLICTS_MAX,
 * in the pool; *is_more_r: there are others.  ERR_BUSY: they are still being
 * looked for; ERR_NOMEM, ERR_IO.
 */
enum err users_conflicts(struct db *reader, struct str tenant,
			 struct pool *pool, struct user_conflict **list_r,
			 unsigned *count_r, bool *is_more_r);
/* What becomes of an unsigned one whose address signs in for the first time. */
enum user_outlook {
	OUTLOOK_TAKEN_OVER,	/* where the tenant adopts them, else it stays */
	OUTLOOK_BLOCKED,	/* the signed one is refused */
	OUTLOOK_STAYS,		/* a signed one has come already */
};

/* Some of a tenant's unsigned ones, and what will become of them. */
struct users_outlook {
	unsigned taken_over;		/* so many: they are not listed */
	struct user_prospect {
		enum user_outlook outlook;
		int64_t id, last_seen_s;
		struct str email;
		int64_t signed_id;	/* OUTLOOK_STAYS: the signed one */
	} *list;			/* the others, by address */
	unsigned count;
	struct str next;		/* go on behind this; absent: it is all */
};
#define USERS_OUTLOOK_ROWS 10000	/* looked at, at once */
/* Behind `after` (a next of before; absent or empty: from the first one), by
 * the addresses as their rows have them; slices in the pool. ERR_NOMEM, ERR_IO. */
enum err users_outlook(struct db *reader, struct str tenant, struct str after,
		       unsigned rows, struct pool *pool,
		       struct users_outlook *out_r);
/* Signed ones who have lost their address to another: up to `max` ids. ERR_IO */
enum err users_addressless(struct db *reader, struct str tenant, unsigned max,
			   int64_t *ids, unsigned *count_r);
/* Is the one at `i` of the same address as the one before it? */
bool users_conflict_goes_on(const struct user_conflict *list, unsigned i);

/*
 * What the audit has in the place of a person (store/audit-pack.h): a keyed hash
 * of their address as compared, or of their external id, within the tenant.
 * 0: too long to be anybody's.  Any thread.
 */
uint64_t users_trail_person(const struct users *users, struct str tenant,
			    struct str email_key);
uint64_t users_trail_subject(const struct users *users, struct str tenant,
			     struct str external_id);

#endif
