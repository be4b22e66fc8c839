/*
 * store: everything that is kept, opened and closed in the right order.
 *
 *	store_open(dir, &options, &store, &why);
 *	... redemptions_submit(store_redemptions(store), &redemption) ...
 *	store_close(store);
 *
 * Jobs (struct redemption, struct parked, struct session_end ...) are
 * submitted from any thread and completed in the writer's: see
 * store/writer.h.  Look-ups in memory (sessions_find()) may be
 * called from any thread; a reader connection belongs to one worker.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "store/audit.h"
#include "store/db.h"
#include "store/deliveries.h"
#include "store/epochs.h"
#include "store/outbox.h"
#include "store/parking.h"
#include "store/redemptions.h"
#include "store/sessions.h"
#include "store/tickets.h"
#include "store/users.h"
#include "store/writer.h"

#define STORE_READERS_MAX 128
#define STORE_SWEEP_MS 30000		/* between rounds of housekeeping */

struct store;

struct store_options {
	unsigned readers;		/* connections: workers, plus others */
	int64_t sweep_ms;		/* 0: STORE_SWEEP_MS */
	unsigned keys_at_start;		/* for tests; 0: USER_KEYS_AT_START */
	void (*batch_done)(void *ctx);	/* see writer_on_batch() */
	void *batch_ctx;
};

/*
 * Lock the directory, open the database in it (made where there is none),
 * migrate it forward, load the sessions, start the writer.  hash_init() must
 * have been called.  On failure nothing stays open and `why` says what is
 * wrong, in one sentence: ERR_CONFLICT (another daemon runs on it),
 * ERR_UNSUPPORTED (the schema is newer than this program), ERR_LIMIT,
 * ERR_NOMEM, ERR_IO.
 */
enum err store_open(const char *dir, const struct store_options *options,
		    struct store **store_r, struct buf *why);
/*
 * Finish what waits and empty the WAL, but within `ms` milliseconds.  ERR_BUSY:
 * the disk did not answer in time.  Nothing that was acknowledged is lost then,
 * but its thread is still there: the store must not be closed, nor anything be
 * freed that a job points to; end the process.
 */
enum err store_quit(struct store *store, int64_t ms);
/* Finish what waits, empty the WAL, release the directory. Workers have
 * ended. Accepts NULL. */
void store_close(struct store *store);

/*
 * Has anybody ever signed in here: is there a user, a session or a redemption?
 * Before the readers are used by others.  1, 0, or -1 (it cannot be told).
 */
int store_has_content(struct store *store);
/*
 * The same of a directory that is not opened: nothing is written, locked or
 * made, and a daemon may run on it.  -1 also where it may stand in the WAL
 * alone.
 */
int store_look(const char *dir);

/* The reader connection number `index`, below options->readers. */
struct db *store_reader(struct store *store, unsigned index);
struct writer *store_writer(struct store *store);
struct epochs *store_epochs(struct store *store);
struct users *store_users(struct store *store);
struct sessions *store_sessions(struct store *store);
struct redemptions *store_redemptions(struct store *store);
struct tickets *store_tickets(struct store *store);
struct parking *store_parking(struct store *store);
struct outbox *store_outbox(struct store *store);
struct deliveries *store_deliveries(struct store *store);

#endif
