/*
 * db-private: statements, for the modules of this room only.
 *
 * Each statement has a slot, is prepared at its first use and kept.  Between
 * query_begin() and query_end() it is the caller's; query_end() must follow
 * every successful query_begin(), or a read transaction stays open and the WAL
 * cannot be reused.
 */
#ifndef STORE_DB_PRIVATE_H
#define STORE_DB_PRIVATE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "store/db.h"
#include "store/health.h"

#define DB_SCRATCH_MAX (4 * 1024 * 1024)	/* bytes a job may use */

enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_USER_BY_EMAIL,
	SQL_USER_BY_OLD_EMAIL,
	SQL_USER_STORED,
	SQL_USER_OLD_STORED,
	SQL_USER_STORED_SIGNED,
	SQL_USER_OLD_STORED_SIGNED,
	SQL_USER_STORED_EXTERNAL,
	SQL_USER_EXTERNAL,
	SQL_USER_EXTERNAL_EMAIL,
	SQL_USER_ADDRESS,
	SQL_USER_MOVE,
	SQL_USER_ADOPT,
	SQL_USER_YIELD,
	SQL_USER_BY_ID,
	SQL_USER_SIGNED,
	SQL_USER_OLD_SIGNED,
	SQL_USER_CONFLICTS,
	SQL_USER_OUTLOOK,
	SQL_USER_ADDRESSLESS,
	SQL_USER_KEYS_DONE,
	SQL_USER_KEYS_ADD,
	SQL_USER_KEYS_UNSIGNED,
	SQL_USER_KEYS_SIGNED,
	SQL_USER_KEYS_END,
	SQL_USER_KEYS_FORGET,
	SQL_USER_KEYS_SAME_UNSIGNED,
	SQL_USER_KEYS_SAME_SIGNED,
	SQL_USER_INSERT,
	SQL_USER_UPDATE,
	SQL_USER_BLOCK,
	SQL_USER_ERASE,
	SQL_USER_INSERT_BLOCKED,
	SQL_USER_LAST,
	SQL_TOMBSTONE_INSERT,
	SQL_TOMBSTONE_GET,
	SQL_TOMBSTONE_COUNT,
	SQL_TOMBSTONE_DELETE,
	SQL_PARKED_INSERT,
	SQL_PARKED_GET,
	SQL_PARKED_OF_CLIENT,
	SQL_PARKED_OF_TENANT,
	SQL_PARKED_DELETE,
	SQL_PARKED_SWEEP,
	SQL_SESSION_INSERT,
	SQL_SESSION_DELETE,
	SQL_SESSION_SEEN,
	SQL_SESSION_ALL,
	SQL_SESSION_RANGE,
	SQL_SESSION_EPOCHS,
	SQL_SESSION_USERS,
	SQL_SESSION_LAST,
	SQL_REDEMPTION_INSERT,
	SQL_REDEMPTION_GET,
	SQL_REDEMPTION_DELETE,
	SQL_EPOCH_ALL,
	SQL_EPOCH_SAVE,
	SQL_REDEMPTION_LAST,
	SQL_MARK_GET,
	SQL_MARK_OF,
	SQL_MARK_RAISE,
	SQL_MARK_COUNT,
	SQL_AUDIT_FIND,
	SQL_AUDIT_LIST,
	SQL_AUDIT_LAST,
	SQL_AUDIT_DELETE,
	SQL_TRAILS_INSERT,		/* these in pairs: AUDIT_SQL() */
	SQL_REFUSALS_INSERT,
	SQL_TRAILS_LAST,
	SQL_REFUSALS_LAST,
	SQL_TRAILS_OLDEST,
	SQL_REFUSALS_OLDEST,
	SQL_TRAILS_SURPLUS,
	SQL_REFUSALS_SURPLUS,
	SQL_TRAILS_DELETE,
	SQL_REFUSALS_DELETE,
	SQL_TRAILS_SEEK,
	SQL_REFUSALS_SEEK,
	SQL_TRAILS_NEWEST,
	SQL_REFUSALS_NEWEST,
	SQL_TRAILS_LOOK,
	SQL_REFUSALS_LOOK,
	SQL_TRAILS_LIST,
	SQL_OUTBOX_INSERT,
	SQL_OUTBOX_USAGE,
	SQL_OUTBOX_COUNT,
	SQL_OUTBOX_SWEEP,
	SQL_OUTBOX_USAGES,
	SQL_OUTBOX_DELIVERED,
	SQL_ENDPOINT_GET,
	SQL_ENDPOINT_DUE,
	SQL_ENDPOINT_PAUSE,
	SQL_ENDPOINT_STOP,
	SQL_ENDPOINT_RESUME,
	SQL_ENDPOINT_FIGURES,
	SQL_DELIVERY_INSERT,
	SQL_DELIVERY_MOVE_UP,
	SQL_DELIVERY_FORGET,
	SQL_DELIVERY_DUE,
	SQL_DELIVERY_DONE,
	SQL_DELIVERY_FAILED,
	SQL_DELIVERY_RETRY,
	SQL_DELIVERY_HURRY,
	SQL_DELIVERY_DROP,
	SQL_TRAILS_ABOUT,
	SQL_REFUSALS_ABOUT,
	SQL_TRAILS_FORGET,
	SQL_REFUSALS_FORGET,
	SQL_TRAILS_NEXT,
	SQL_ERASURE_ADD,
	SQL_ERASURE_GET,
	SQL_ERASURE_PART,
	SQL_ERASURE_BLANK,
	SQL_ERASURE_GO_ON,
	SQL_ERASURE_END,
	SQL_TICKET_USER,
	SQL_TICKET_BY_NUMBER,
	SQL_TICKET_BY_KEY,
	SQL_TICKET_MESSAGE_BY_KEY,
	SQL_TICKET_USAGE,
	SQL_TICKET_NUMBER,
	SQL_TICKET_INSERT,
	SQL_TICKET_MESSAGE_INSERT,
	SQL_TICKET_REPLIED,
	SQL_TICKET_TURNED,
	SQL_TICKET_MESSAGES_ERASE,
	SQL_TICKETS_ERASE,
	SQL_TICKETS_OF_USER,
	SQL_TICKETS_OF_USER_OPEN,
	SQL_TICKETS_OF_USER_CLOSED,
	SQL_TICKETS_OF_TENANT,
	SQL_TICKETS_OF_TENANT_OPEN,
	SQL_TICKETS_OF_TENANT_CLOSED,
	SQL_TICKET_OF_USER,
	SQL_TICKET_OF_TENANT,
	SQL_TICKET_THREAD,
	SQL_PERSON_BEGIN,
	SQL_PERSON_USER,
	SQL_PERSON_KEYS,
	SQL_PERSON_SESSIONS,
	SQL_PERSON_TICKETS,
	SQL_PERSON_MESSAGES,
	SQL_PERSON_EVENTS,
	SQL_PERSON_PARKED,
	SQL_PERSON_PARKED_ERASE,
	SQL_HAS_CONTENT,
	SQL_COUNT
};

/* A file, whatever it is called. */
struct db_file {
	char path[DB_PATH_MAX];
	uint64_t device, inode;
	bool is_known;
};

struct db {
	sqlite3 *handle;
	enum db_role role;
	struct db_file main, wal;	/* the writer's: what it has open */
	struct health *health;		/* a reader's: told what fails; NULL:
					 * nobody is. See db_watch() */
	sqlite3_stmt *stmt[SQL_COUNT];
	struct pool *scratch;	/* the running job's, then reset */
	struct audit_book *audit;	/* store/audit-private.h; NULL: no
					 * record came yet */
	struct outbox *outbox;	/* the writer's, whose bounds hold; NULL: the
				 * usual ones. Not owned */
	struct deliveries *deliveries;	/* the writer's, by whose routes events
				 * go; NULL: nowhere. Not owned */
	int wal_pages;		/* in the WAL after the last commit */
	char problem[DB_PROBLEM_MAX];
	enum health_trouble trouble;	/* what kind that is */
};

/* Remember what SQLite says and tell it as one of ours. */
enum err db_fail(struct db *db, int rc);
/* Forget it: what fails from now on counts. */
void db_forget_problem(struct db *db);
/*
 * The writer's: do the files that it has open still stand where they stood?
 * Otherwise what it writes would be lost with its end: ERR_IO, and the problem
 * is set.
 */
enum err db_check_place(struct db *db);
/* Any SQL, for opening and migrating; never with data in it. */
enum err db_exec(struct db *db, const char *sql);

/* `text` must be constant and always the same for a slot. */
enum err query_begin(struct db *db, enum sql slot, const char *text,
		     sqlite3_stmt **stmt_r);
/* 1: a row stands ready; 0: no more; -1: *err says what. */
int query_step(struct db *db, sqlite3_stmt *stmt, enum err *err);
void query_end(sqlite3_stmt *stmt);
/* Run a bound statement that gives no rows, and end it. */
enum err query_run(struct db *db, sqlite3_stmt *stmt);
/* The same for one that has nothing to bind. */
enum err query_do(struct db *db, enum sql slot, const char *text);

/* Absent slices become NULL. The bytes must live until query_end(). */
void query_bind_str(sqlite3_stmt *stmt, int index, struct str s);
/* Borrowed until the next step; absent where NULL. */
struct str query_str(sqlite3_stmt *stmt, int column);

/* Transactions of the writer. Rolling back where there is none is fine. */
enum err db_begin(struct db *db);
enum err db_commit(struct db *db);
void db_rollback(struct db *db);

/* Text that the database can keep whole: ERR_LIMIT, ERR_CONTROL (a NUL). */
enum err text_check(struct str s, size_t max);

#endif
