/*
 * reload: a new configuration takes the running one's place, or does not.
 *
 * Asked for by SIGHUP, `usherctl reload` or a change in the directory.  Runs on
 * the main thread; nothing under way is disturbed: exchanges keep the snapshot
 * that they pinned.  What a reload finds is logged and kept, so that `usherctl
 * status` can say it later.
 *
 * Where a tenant's slug has come to mean nobody, or somebody else, that begins
 * with the new configuration (store/epochs.h), and is logged.  The key ring is
 * taken up by itself, too, without a reload (admin/keeper.h).
 */
#ifndef ADMIN_RELOAD_H
#define ADMIN_RELOAD_H

#include "admin/keeper.h"
#include "config/report.h"
#include "config/snapshot.h"
#include "handoff/exchange.h"

struct reload {
	struct gateway *gateway;
	struct snapshot_options options;	/* .keyring is set per load */
	const char *keyring_path, *seals_path;
	struct keeper *keeper;	/* from the first load on */
	/* told of each snapshot before it serves (certificates); a failure
	 * keeps the old one. May be NULL. */
	enum err (*prepare)(void *ctx, struct snapshot *next, char *why,
			    size_t size);
	void *ctx;
	/* what the process was set up with: later ones are compared with it.
	 * A reference of reload's own; NULL: compare with the running one */
	struct snapshot *started;

	/* private: of the last load, until it serves */
	struct keyring *keyring;

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

/*
 * keeper_fd() is readable: put the keys of the ring's file to use, if they are
 * other ones.  Nothing else is read.
 */
void reload_keys(struct reload *reload);

/* What the log is to be, but for its file, from now on. */
void reload_set_log(const struct gateway_config *config);
/* Log each finding of the report at its level. */
void reload_log(const struct report *report);

#endif
