/*
 * reload: a new configuration takes the running one's place, or does not.
 *
 * Asked for by SIGHUP, `usherctl reload` or a change in the directory.  A
 * thread of its own reads the files, waits for adapters (adapter_start at most)
 * and reads the certificates; its owner, the main thread, goes on meanwhile,
 * and takes up what comes of it.  One reload at a time: what is asked for
 * during one is one more after it, for all who asked.  Nothing under way is
 * disturbed: exchanges keep the snapshot that they pinned.  What a reload finds
 * is logged and kept, so that `usherctl status` can say it later.
 *
 * Where a tenant's slug has come to mean nobody, or somebody else, that begins
 * with the new configuration (store/epochs.h), and is logged.  The key ring is
 * taken up by itself, too, without a reload (admin/keeper.h), but not during
 * one, which has read the ring already.
 *
 * All functions are the owner's, and so is what the struct holds.
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
	/* told of each snapshot before it serves, the first too, by the
	 * reload's thread: certificates, and the place where it serves.  A
	 * failure keeps the old one, and is a REPORT_FATAL finding.  May be
	 * NULL. */
	enum err (*prepare)(void *ctx, struct snapshot *next,
			    struct report *report);
	/* adds what hangs on what day it is (finding.is_of_now) of the one
	 * that serves, from memory alone: the owner waits for it. May be
	 * NULL. */
	void (*now)(void *ctx, const struct snapshot *running,
		    struct report *report);
	/* told by reload_poll() how one ended, but for the first. May be
	 * NULL. */
	void (*done)(void *ctx, unsigned run, enum err err);
	void *ctx;
	/* what the process was set up with: later ones are compared with it.
	 * A reference of reload's own; NULL: compare with the running one */
	struct snapshot *started;

	/* what the last load found */
	struct report report;
	int64_t loaded_ms;		/* wall clock of the last that serves */
	int64_t tried_ms;
	unsigned failures;		/* reloads refused since the start */
	bool is_restart_found;		/* the last one's report says what
					 * waits for a restart */
	char restart_needed[512];	/* "listen, workers", or empty */
	/* the first snapshot, once it is there: the caller's to take */
	struct snapshot *first;

	/* private */
	int fd;
	struct reload_job *job;		/* under way; NULL: none */
	bool is_asked;			/* once more, after it */
	unsigned run;			/* of the last that began */
};

/* Zero the rest of *reload first. -1: no memory, or no descriptor. */
int reload_init(struct reload *reload);
/* None is under way. */
void reload_done(struct reload *reload);

/*
 * Have the directory as it is now read.  Returns the number of the reload that
 * will have: `done` is told it.  While the gateway has no snapshots yet it is
 * the first load, whose outcome is reload->first (NULL: cannot start).
 */
unsigned reload_ask(struct reload *reload);
bool reload_is_running(const struct reload *reload);
/* To be called when reload->fd is readable: what came of it is taken up, and
 * the service manager told. */
void reload_poll(struct reload *reload);
/*
 * Give up one that is under way, and wait `ms` at most for its thread.  False:
 * it is stuck (in a file system, say), and whatever it uses must stay.
 */
bool reload_cancel(struct reload *reload, int ms);
/* Adapters that were late may be ready by now, or refused: have the report of
 * the last load say so. */
void reload_amend(struct reload *reload);
/* What the last load found, with what hangs on the day as of now, into the
 * caller's. */
void reload_report(const struct reload *reload,
		   const struct snapshot *running, struct report *report);

/*
 * To be called when keeper_fd() is readable and no reload is running: put the
 * keys of the ring's file to use, if they are other ones.  Nothing else is
 * read.
 */
void reload_keys(struct reload *reload);

/* Log all findings, each at its level. */
void reload_log(const struct report *report);

/* What the log is to be, but for its file, from now on. */
void reload_set_log(const struct gateway_config *config);

#endif
