/*
 * user-keys-private: people whose key of today is not the one that their row
 * has, for the other modules of this room.
 *
 * Releases up to 0.1 made other keys of some addresses beyond ASCII
 * (codec/email.h).  Rows keep the key that they have; the table user_keys says
 * for each whose key of today is another one what that is.  So one key may lead
 * to several rows: the oldest is found, and a block of any of them holds.
 *
 * The table is filled once, after an upgrade: up to USER_KEYS_AT_START rows
 * while the store is opened, the rest by a chore.  Until that is done nobody
 * is looked for whose address is not ASCII (ERR_BUSY): there may be an older
 * row of theirs that nobody knows of.  A crash in between costs what was read,
 * nothing else: it begins anew, and finds done what was done.
 */
#ifndef STORE_USER_KEYS_PRIVATE_H
#define STORE_USER_KEYS_PRIVATE_H

#include "store/users.h"

#define USER_KEYS_AT_START 65536	/* rows read */
#define USER_KEYS_READ 16		/* rows read for one that may be
					 * written */

struct user_keys;

/* The ids of all rows whose key is ?2 today, of one kind.  `also` is what the
 * kind's index demands besides. */
#define USER_KEYS_SAME_(verified, also)					\
	"SELECT user_id FROM user_keys WHERE tenant = ?1"		\
	" AND key = ?2 AND verified = " verified			\
	" UNION ALL SELECT id FROM users WHERE tenant = ?1"		\
	" AND email_key = ?2 AND verified = " verified also
#define USER_KEYS_SAME_UNSIGNED USER_KEYS_SAME_("0", "")
#define USER_KEYS_SAME_SIGNED						\
	USER_KEYS_SAME_("1", " AND external_id IS NULL")

/* `rows`: USER_KEYS_AT_START, or what a test wants. ERR_NOMEM, ERR_IO. */
enum err user_keys_new(struct db *db, unsigned rows,
		       struct user_keys **keys_r);
/* ERR_LIMIT. The writer is not owned. */
enum err user_keys_start(struct user_keys *keys, struct writer *writer,
			 int64_t sweep_ms);
/* After the writer ended. Accepts NULL. */
void user_keys_free(struct user_keys *keys);

/* Inside a job: somebody's row is deleted. */
enum err user_keys_forget(struct db *db, const struct user *user);
/*
 * Inside a job: all rows that are this one's address today, itself first, up to
 * USERS_OF_ADDRESS_MAX.  While the table is filled, those that are known.
 */
enum err user_keys_same(struct db *db, const struct user *user,
			int64_t ids[USERS_OF_ADDRESS_MAX], unsigned *count_r);
/* Append a row's key of today; room for USER_EMAIL_MAX octets will do.
 * ERR_NOMEM. */
enum err user_key_today(const struct user *user, struct buf *out);

#endif
