/*
 * child: the process of an isolated adapter, seen from the gateway.
 *
 * Born with the descriptors that host.h lists and none besides, an empty
 * environment and default signals.  It dies with the thread that spawned it,
 * so that must be one that stays; or it is the spawner's, and dies with that.
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

struct spawner;

struct child_spec {
	const char *host;	/* path of usher-adapter-host */
	int module;		/* sealed memory file; stays the caller's */
	int filters;		/* likewise */
	uid_t uid;		/* to become; 0: stay */
	struct spawner *spawner; /* who starts it; NULL: we do */
};

struct child {
	pid_t pid;
	int channel, log, pidfd;	/* non-blocking; -1: closed */
	int status;			/* its status file, from its HELLO
					 * (attest.h); -1: none, or no more */
	unsigned filters;		/* that it was born with */
	uid_t uid;			/* its name, for the spawner */
	struct spawner *spawner;
};

/*
 * The program that a child runs: what the environment names in
 * USHER_ADAPTER_HOST, or stands beside our own program (in a build tree), or
 * is installed.
 */
void child_find_host(char *path, size_t size);

/* ERR_IO; *problem then gained a sentence. */
enum err child_spawn(const struct child_spec *spec, struct child *child_r,
		     struct buf *problem);
void child_kill(const struct child *child);
/*
 * Once the pidfd is readable: take its end, close all, and say how it ended in
 * *how ("was ended by signal 11 (Segmentation fault)").  Returns the signal; 0:
 * none.
 */
int child_reap(struct child *child, struct buf *how);

/* The descriptor of a message that may have one; -1: none. */
struct msghdr;
int child_descriptor_of(struct msghdr *msg);

/*
 * A program with `fds`, at most CHILD_FDS_MAX, as its descriptors from 2 on,
 * /dev/null as 0 and 1 and no other, no environment, default signals.  An
 * errno.
 */
#define CHILD_FDS_MAX 5
int child_start(const char *path, char *const argv[], const int *fds,
		unsigned count, pid_t *pid_r);

#endif
