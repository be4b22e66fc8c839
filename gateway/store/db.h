/*
 * db: the state directory, and connections to the database in it.
 *
 * DIR/usher.lock is held by flock(2) as long as a daemon runs, DIR/usher.db is
 * the database (SQLite, WAL), both 0600.  One connection writes and
 * checkpoints, all others only read: SQLite before 3.51.3 may corrupt a WAL
 * that two connections reset at the same time.
 *
 * A struct db belongs to one thread at a time and must never be carried across
 * fork(2).
 *
 * Errors of this room: ERR_BUSY (another process holds the database, or a
 * queue is full), ERR_NOMEM, ERR_CONFLICT (a constraint), ERR_IO (disk full,
 * I/O error, corruption: db_problem() has the text).  Functions that open
 * things also append one readable sentence to `why`.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/buf.h"
#include "base/error.h"

#define DB_FILE "usher.db"
#define DB_LOCK_FILE "usher.lock"
#define DB_PATH_MAX 4096		/* bytes, terminator included */
#define DB_BUSY_MS 2000			/* patience with another process */
/*
 * Pages kept by a connection.  Rows of the audit are appended and never looked
 * at again, so that any cache fills up in time: this much is resident, and what
 * it does not hold is in the system's page cache.
 */
#define DB_WRITER_CACHE_KIB 4096
#define DB_READER_CACHE_KIB 2048
#define DB_PROBLEM_MAX 256

struct db;

enum db_role {
	DB_WRITER,	/* makes the file; one per directory */
	DB_READER,	/* query_only; the file must be there */
};

/*
 * Take the directory for this process; the directory must exist.  ERR_CONFLICT
 * when another daemon has it (`why` names its pid), ERR_IO.  The descriptor is
 * close-on-exec and holds the lock until db_unlock() or the process's end.
 */
enum err db_lock(const char *dir, int *fd_r, struct buf *why);
/* Accepts -1. */
void db_unlock(int fd);
/*
 * The daemon that has the directory, by /proc/locks, for who only looks: taking
 * the lock for it could keep one that starts from it.  0: nobody that is seen.
 */
pid_t db_holder(const char *dir);
/* A sentence that says so, with what to do; 0: it is not known who. */
void db_tell_holder(const char *dir, pid_t pid, struct buf *why);

/*
 * ERR_NOMEM, ERR_IO (`why` says what).  Makes no schema: see schema_migrate().
 */
enum err db_open(const char *dir, enum db_role role, struct db **db_r,
		 struct buf *why);
/* Accepts NULL. Only the writer's end checkpoints. */
void db_close(struct db *db);

/* What the last failure on this connection said, for the log; "": none yet. */
const char *db_problem(const struct db *db);

struct health;
/* A reader's failures are noted there from now on; NULL: no longer. */
void db_watch(struct db *db, struct health *health);

#endif
