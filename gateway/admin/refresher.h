/*
 * refresher: keeps the keys that partners publish by URL (config/key-source.h)
 * as they are there, by a thread of its own that nobody who serves waits for.
 *
 * Each second it looks which tenants of the running configuration are due, has
 * the fetcher ask, takes up what came, writes it to DIR/SLUG and logs what is
 * news.
 */
#ifndef ADMIN_REFRESHER_H
#define ADMIN_REFRESHER_H

#include "config/snapshot.h"
#include "fetch/fetcher.h"

#define REFRESHER_LOOK_MS 1000
#define REFRESHER_SWEEP_MAX 65536

struct refresher;

/*
 * What the last run had: to be called with each snapshot before it serves.  The
 * directory is made where it is not there; files of its that are named like a
 * tenant which is gone, or has no URL any more, are removed, of the first
 * REFRESHER_SWEEP_MAX in it.
 */
void refresher_load(const char *dir, const struct snapshot *next);

/* `slot` and `fetcher` must outlive its thread. NULL: no memory. */
struct refresher *refresher_new(const char *dir, struct snapshot_slot *slot,
				struct fetcher *fetcher);
/*
 * End the thread within `ms`; then nothing more is asked of the fetcher.  False:
 * it hangs in the disk, and what it uses must stay.  Accepts NULL.
 */
bool refresher_quit(struct refresher *refresher, int ms);
/* After that, and after the fetcher's end.  Accepts NULL. */
void refresher_free(struct refresher *refresher);

#endif
