/*
 * users: who signed in, per tenant.
 *
 * An unsigned user is keyed (tenant, email_key), a signed one (tenant,
 * external id) or, where the assertion gave none, (tenant, email_key) among
 * the signed.  The three never meet: an unsigned request cannot reach a signed
 * user's row.  Ids are never used again, not even after an erasure, so
 * an old token cannot find a new user.
 *
 * Attributes are one compact JSON object in the user's row, not rows of their
 * own: a sync reads and writes one row whatever their number, and a session
 * check hands the text out as it stands.
 *
 * Text given to this module is UTF-8 without NUL; lengths are checked here
 * (ERR_LIMIT, ERR_CONTROL), all else was validated before.
 */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "codec/fields.h"
#include "store/audit.h"
#include "store/outbox.h"
#include "store/writer.h"

#define USER_TENANT_MAX 64		/* octets */
#define USER_EMAIL_MAX 512		/* octets: room for A-labels */
#define USER_NAME_MAX 1024		/* octets: 255 characters */
#define USER_ATTRIBUTES_MAX 16384	/* octets of the whole JSON object */
#define USER_SEEN_S 3600		/* last_seen is written when older */
#define USERS_OF_ADDRESS_MAX 2		/* one proved it, one did not */
#define USERS_KNOWN_MAX 262144		/* cached, about 48 bytes each */

struct users;		/* one per store: see store_users() */
struct sessions;

/* What a session or a redemption shows of its user. */
struct user_view {
	int64_t id;
	struct str email;	/* as given */
	struct str name;
	struct str attributes;	/* a JSON object, "{}" when there are none */
	bool is_verified;	/* a signed assertion vouched for them */
};

struct user {
	struct user_view view;
	struct str tenant, email_key;
	struct str external_id;	/* absent: none */
	bool is_blocked;
	int64_t created_s, updated_s, last_seen_s;
};

/*
 * Make the unsigned user or bring them up to date.  Attributes named in `del`
 * are removed, then those in `set` added or replaced; the others stay.  Where
 * nothing would change nothing is written (but last_seen, coarsely); events
 * and the audit record are always written.
 *
 * Result: ERR_OK; ERR_AUTH: they are blocked, nothing was written; ERR_LIMIT
 * (attributes would grow past USER_ATTRIBUTES_MAX, or another limit),
 * ERR_CONTROL; ERR_BUSY, ERR_NOMEM, ERR_IO.
 */
struct user_sync {
	struct job job;			/* set .done */
	/* in; zero what is not needed */
	struct str tenant;
	struct str email, email_key;	/* as given; as compared */
	struct str name;
	const struct fields *set;	/* NULL: none */
	const struct str *del;
	unsigned del_count;
	const struct outbox_event *events;
	unsigned event_count;
	const struct audit_record *audit;	/* NULL: none */
	/* out */
	int64_t user_id;
	bool is_created, is_changed;	/* created is changed as well */
	/* private */
	struct users *users;
	struct hash128 key, values;
	bool has_hashes;
	int64_t seen_s;
	struct user_record *record;
};

/*
 * Is this exactly what the last sync of this user held, less than USER_SEEN_S
 * ago, and is there no event to append?  1: with *user_id_r, and the job may be
 * skipped (its audit record then goes by audit_write()); 0: submit it, with
 * the inputs as they are now.  Any thread; never touches the database.
 */
int users_known(struct users *users, struct user_sync *sync, int64_t now_s,
		int64_t *user_id_r);
/* ERR_BUSY, ERR_LIMIT, ERR_CONTROL: not accepted, done() is not called. */
enum err users_sync(struct users *users, struct user_sync *sync);

/*
 * Block (sessions end, tokens no longer redeem, syncs are refused) or unblock.
 * Result: ERR_OK, also when they were so already; ERR_NOT_FOUND.
 */
struct user_block {
	struct job job;
	int64_t user_id;
	bool is_blocked;
	const struct audit_record *audit;
	/* private */
	struct users *users;
	struct hash128 key;
};
enum err users_block(struct users *users, struct user_block *block);

/* Delete the user, their attributes, sessions and tickets. ERR_NOT_FOUND. What
 * the outbox and the audit trail hold is left to their own retention. */
struct user_erase {
	struct job job;
	int64_t user_id;
	const struct audit_record *audit;
	/* private */
	struct users *users;
	struct hash128 key;
};
enum err users_erase(struct users *users, struct user_erase *erase);

/* By id; the unsigned one by address. Slices live in the pool. ERR_NOT_FOUND,
 * ERR_NOMEM, ERR_IO. */
enum err users_get(struct db *reader, int64_t id, struct pool *pool,
		   struct user *out_r);
enum err users_find(struct db *reader, struct str tenant,
		    struct str email_key, struct pool *pool,
		    struct user *out_r);
/* All who are keyed by that address (who has an external id is not), into an
 * array of USERS_OF_ADDRESS_MAX: the unsigned one first. ERR_NOT_FOUND: none. */
enum err users_find_all(struct db *reader, struct str tenant,
			struct str email_key, struct pool *pool,
			struct user *users, unsigned *count_r);

#endif
