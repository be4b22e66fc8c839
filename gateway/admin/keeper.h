/*
 * keeper: looks after the key ring while the gateway runs, in a thread of its
 * own, because all of it waits for the disk.
 *
 * Each KEEPER_LOOK_MS it
 *
 *	looks whether the ring's file has changed, reads it, and hands a good
 *	one to the main thread (keeper_fd(), keeper_take()), so that a rotation
 *	is in use a moment later without anybody asking.  A file that does not
 *	hold is said loudly, once per change; the running keys stay.  So is an
 *	older copy of the running ring, as what its newer keys sealed would
 *	end; a reload does not take it up, either, but a restart does;
 *
 *	takes keys out of the file that nobody can need any more;
 *
 *	has the counts of seals (crypto/seals.h) follow on the disk, warns
 *	when half of a key's are used, and rotates by itself when three quarters
 *	are.
 *
 * When may a key go?  Not by the file alone: a gateway that has not taken up a
 * rotation yet, for whatever reason, seals with the old key on and on.  Who
 * knows is this process, and it is the only one on its state directory.  So a
 * key goes when this process has not sealed with it for KEYRING_KEEP_S by the
 * monotonic clock, and when the file says, by the wall clock, that it was
 * superseded at least as long ago.
 */
#ifndef ADMIN_KEEPER_H
#define ADMIN_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "crypto/keyring.h"

#define KEEPER_LOOK_MS 1000
/* A token's life, the skew that is allowed, and an hour for clocks that are
 * set. */
#define KEYRING_KEEP_S (120 + 5 + 3600)
#define KEEPER_STOP_MS 2000	/* patience at the end with a disk that hangs */

struct keeper;

/*
 * Make one for these files; both paths outlive it.  Takes `ring`, which is the
 * one that serves.  Reads the counts of seals: call it before anything is
 * sealed.  ERR_NOMEM, ERR_IO; then `ring` is still the caller's.
 */
enum err keeper_new(const char *keyring_path, const char *seals_path,
		    struct keyring *ring, struct keeper **keeper_r);
/* Begin to look. ERR_IO: no thread. */
enum err keeper_start(struct keeper *keeper);
/*
 * End the thread, the counts written as they are.  Where the disk does not
 * answer within KEEPER_STOP_MS it is left behind.  Accepts NULL.
 */
void keeper_stop(struct keeper *keeper);

/* Readable when there may be a ring to take. */
int keeper_fd(const struct keeper *keeper);
/* The ring that serves, for the caller. NULL: no memory. */
struct keyring *keeper_copy(struct keeper *keeper);
/* Is that ring an earlier state of the one that serves? */
bool keeper_is_ahead(struct keeper *keeper, const struct keyring *ring);
/* The ring to be taken up, now the caller's; NULL: there is none after all. */
struct keyring *keeper_take(struct keeper *keeper);
/*
 * This ring serves now; takes it.  What the thread had read before is void: the
 * file is looked at anew.
 */
void keeper_serves(struct keeper *keeper, struct keyring *ring);
/* The one that was taken could not be put to use: it comes again. */
void keeper_retry(struct keeper *keeper);

/* What is wrong with the file, in a sentence; nothing where it is in use. */
void keeper_problem(struct keeper *keeper, struct buf *out);

#endif
