/*
 * reload: a new configuration takes the running one's place, or does not.
 *
 * Asked for by SIGHUP, `usherctl reload` or a change in the directory.  Runs on
 * the main thread; nothing under way is disturbed: exchanges keep the snapshot
 * that they pinned.  What a reload finds is logged and kept, so that `usherctl
 * status` can say it later.
 */
#ifndef ADMIN_RELOAD_H
#define ADMIN_RELOAD_H

#include "config/report.h"
#include "config/snapshot.h"
#include "handoff/exchange.h"

struct reload {
	struct gateway *gateway;
	struct snapshot_options options;	/* .keyring is set per load */
	const char *keyring_path;
	/* told of each snapshot before it serves (certificates); a failure
	 * keeps the old one. May be NULL. */
	enum err (*prepare)(void *ctx, struct snapshot *next, char *why,
			    size_t size);
	void *ctx;
	/* what the process was set up with: later ones are compared with it.
	 * A reference of reload's own; NULL: compare with the running one */
	struct snapshot *started;

	/* what the last load found */
	struct report report;
	int64_t loaded_ms;		/* wall clock of the last that serves */
	int64_t tried_ms;
	unsigned failures;		/* reloads refused since the start */
	char restart_needed[512];	/* "listen, workers", or empty */
};

/* Zero the rest of *reload first. -1: no memory. */
int reload_init(struct reload *reload);
void reload_done(struct reload *reload);

/*
 * Build a snapshot from the directory as it is now. The first call returns the
 * snapshot to start with (NULL: cannot start); nothing is swapped.
 */
struct snapshot *reload_first(struct reload *reload);
/* ERR_OK when a new snapshot serves; else the old one goes on. The service
 * manager is told when it begins and ends. */
enum err reload_run(struct reload *reload);

/* What the log is to be, but for its file, from now on. */
void reload_set_log(const struct gateway_config *config);
/* Log each finding of the report at its level. */
void reload_log(const struct report *report);

#endif
