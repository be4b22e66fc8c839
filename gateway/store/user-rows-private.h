/*
 * user-rows-private: how rows of users are found, for the two modules that do.
 */
#ifndef STORE_USER_ROWS_PRIVATE_H
#define STORE_USER_ROWS_PRIVATE_H

#include "store/db-private.h"
#include "store/user-keys-private.h"

/* Those of one address, by today's key alone or by an older one, too. */
#define USER_ROWS_UNSIGNED(columns) "SELECT " columns " FROM users"	\
	" WHERE tenant = ?1 AND email_key = ?2 AND verified = 0"
#define USER_ROWS_OLD_UNSIGNED(columns) "SELECT " columns " FROM users"	\
	" WHERE id IN (" USER_KEYS_SAME_UNSIGNED ") ORDER BY id"
#define USER_ROWS_SIGNED(columns) "SELECT " columns " FROM users"	\
	" WHERE tenant = ?1 AND email_key = ?2 AND verified = 1"	\
	" AND external_id IS NULL"
#define USER_ROWS_OLD_SIGNED(columns) "SELECT " columns " FROM users"	\
	" WHERE id IN (" USER_KEYS_SAME_SIGNED ") ORDER BY id"
#define USER_ROWS_EXTERNAL(columns) "SELECT " columns " FROM users"	\
	" WHERE tenant = ?1 AND external_id = ?2"

/* Two of the former, with slots of their own. ERR_BUSY: users_can_find(). */
enum err user_rows_begin(struct db *db, struct str tenant, struct str key,
			 enum sql slot, const char *text, enum sql old_slot,
			 const char *old_text, sqlite3_stmt **q);
enum err user_rows_begin_external(struct db *db, enum sql slot,
				  const char *text, struct str tenant,
				  struct str external_id, sqlite3_stmt **q);
/* The oldest row was read; a block of any of them holds. */
enum err user_rows_see_blocks(struct db *db, sqlite3_stmt *q, int column,
			      bool *is_blocked);

#endif
