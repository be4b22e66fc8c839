/*
 * usherd: what the files of the daemon share.
 *
 *	usherd.c		options, the main thread, --check
 *	usherd-start.c		coming up, to the first answer
 *	usherd-state.c		what lies in the state directory
 *	usherd-adapters.c	the processes of adapters, and root's rights
 *	usherd-stop.c		going down
 *
 * Wiring and nothing else: the order in which the floors come up and go down.
 */
#ifndef USHERD_H
#define USHERD_H

#include "admin/clockwatch.h"
#include "admin/refresher.h"
#include "admin/reload.h"
#include "admin/running.h"
#include "admin/saver.h"
#include "admin/socket.h"
#include "admin/status.h"
#include "admin/storewatch.h"
#include "admin/watch.h"
#include "deliver/deliverer.h"
#include "http/server.h"
#include "sandbox/spawner.h"

#define STOP_MS 10000		/* for a graceful stop, all in all */
#define PATH_LONGEST 4096

struct options {
	const char *config, *state, *plugins, *ready_file;
	bool check, strict, foreground;
};

struct daemon {
	struct options options;
	struct gateway gateway;
	struct reload reload;
	struct status status;
	char listening[RUNNING_LINE_MAX];	/* its, for the status */
	struct server *server;
	struct spawner spawner;	/* where has_spawner */
	bool has_spawner;
	char host_path[PATH_LONGEST];	/* of usher-adapter-host */
	char keyring_path[PATH_LONGEST], limits_path[PATH_LONGEST];
	char seals_path[PATH_LONGEST];
	char crash_path[PATH_LONGEST];
	char clock_path[PATH_LONGEST];
	char jwks_path[PATH_LONGEST];	/* a directory */
	struct fetcher *fetcher;
	struct refresher *refresher;	/* of keys by URL */
	struct fetcher *sender;		/* of webhooks: apart from keys */
	struct deliverer *deliverer;
	struct watch watch;
	struct storewatch storewatch;
	struct clockwatch clockwatch;
	struct saver *saver;	/* of limits and the clock's mark */
	unsigned seconds;	/* that we have run */
	int signals, timer;	/* -1: not there */
	struct socket_server *admin;
	int parent;		/* pipe to tell that we are ready; -1 */
	bool must_stop;
	bool must_reload;	/* asked for before we were ready */
};

/* How a stop went. */
enum end {
	END_CLEAN,
	/* a thread that nobody can end is left, in a file system or in a
	 * module: what it may use stays, and exit() would wait for it */
	END_THREAD_LEFT,
	/* the same, in the state directory's disk */
	END_NOT_FLUSHED,
};

/*
 * From the configuration to an answer; what is set up before a failure is left
 * for usherd_stop().  -1 with a line in the log or, before there is one, on
 * standard error; or because a signal said so (must_stop).
 */
int usherd_start(struct daemon *d);
/*
 * Downward from the edge: nothing that is waited for is cut off before it is
 * durable.  Takes a daemon that came up, or came up in part.
 */
enum end usherd_stop(struct daemon *d);

/* The paths in the state directory, which is made where it is not there. */
int usherd_find_state(struct daemon *d, const char *dir);
/* Open what lies there, as the user that we stay. */
int usherd_open_state(struct daemon *d, const char *dir);
/* Another daemon has it, and that is logged. */
bool usherd_state_is_taken(const char *dir);

/*
 * From root to the configured user, for good, with a spawner left that may
 * still give adapters users of their own.  `state` becomes that user's; NULL:
 * it stays as it is.
 */
int usherd_drop_root(struct daemon *d, const struct gateway_config *config,
		     const char *state);
/* Without it isolated adapters fail, each with a finding. */
void usherd_start_supervisor(struct daemon *d);
void usherd_stop_adapters(struct daemon *d);

#endif
