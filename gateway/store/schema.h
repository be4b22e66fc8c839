/*
 * schema: brings a database forward to what this program expects.
 *
 * The version is SQLite's user_version.  Each step runs in a transaction of
 * its own, so that one that is cut short has not happened; there is no way
 * back, and a schema from the future is refused rather than guessed at.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/buf.h"
#include "store/db.h"

/* "ushr": tells our database from somebody else's (application_id). */
#define SCHEMA_APPLICATION_ID 0x75736872

/* For tests: the version after all steps. */
int schema_version(void);

/*
 * ERR_UNSUPPORTED: newer than this program, or not ours; ERR_BUSY, ERR_NOMEM,
 * ERR_IO.  `why` gets a sentence.
 */
enum err schema_migrate(struct db *writer, struct buf *why);
/* With a list of the caller's (tests): steps[v] leads from version v to v+1. */
enum err schema_migrate_with(struct db *writer, const char *const *steps,
			     int count, struct buf *why);

#endif
