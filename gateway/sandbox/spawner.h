/*
 * spawner: the small process that gives adapters a user of their own, for a
 * gateway that has given up its right to.
 *
 * A gateway that is started as root with `user` in its configuration starts
 * it before it becomes that user: usher-adapter-host by another argument,
 * so that it has neither the gateway's memory nor its descriptors.  It can do
 * three things: start usher-adapter-host as a user of the range, kill it, and
 * tell how it ended.
 *
 *  - It runs as the first user of its range (uids.h), not as root, with
 *    CAP_SETUID, CAP_SETGID and CAP_KILL and no other right, without new
 *    privileges, and is not dumpable.  Its system calls are filtered: it can
 *    become nobody outside of the range, not even root, and has no part in
 *    sockets, namespaces, tracing and the like (filter.h).
 *  - It runs one program, which was opened before it gave up its rights: a
 *    gateway's children are always of the build that it was started with.
 *  - What it starts is its user from its first instruction on, has no
 *    capabilities, no supplementary groups, an empty environment, and the
 *    descriptors of host.h, each of the kind that is listed there.  Nobody
 *    but the spawner has the right to kill it: it is named by its uid, and no
 *    two have the same.
 *  - It believes nothing: a message that is not of the grammar below ends it.
 *  - When the gateway ends, however, it kills what it started and ends; when
 *    it ends, the kernel kills what it started.  No adapter outlives either:
 *    one without a spawner could hang, and nobody would have the right to end
 *    it.
 *
 * The grammar: one SOCK_SEQPACKET datagram each way, in turns, a request then
 * its reply; first of all the spawner says HELLO by itself.
 *
 *	START uid, with SPAWNER_FDS descriptors	error, pid; with a pidfd
 *	KILL uid				error
 *	REAP uid				error, code and status
 *
 * `error` is an errno: EEXIST for a START of a uid that has one, ESRCH for a
 * KILL or REAP of one that has none, EAGAIN for a REAP before the end.
 *
 * Without a spawner where one is needed no isolated adapter starts, and when
 * it is lost only a restart of the gateway brings adapters back.  By itself the
 * gateway could not have another: the right to make one went with root.  A
 * second process that kept it, to watch over the first, would be as mortal, and
 * would have to stay root where this one does not; and to end the gateway, so
 * that its service manager starts both, would cost the tenants without an
 * adapter their users' sign-ins.
 */
#ifndef SANDBOX_SPAWNER_H
#define SANDBOX_SPAWNER_H

#include <signal.h>
#include <stdatomic.h>

#include "sandbox/uids.h"
#include "base/buf.h"
#include "base/error.h"

#define SPAWNER_FDS 4		/* log, channel, module, filters */
/* The longest that the gateway waits: for a reply, for its end. */
#define SPAWNER_REPLY_MS 5000
#define SPAWNER_END_MS 1000

/* The gateway's end. One thread at a time, where nothing else is said. */
struct spawner {
	int channel;		/* -1: there is none, and `why` says why */
	pid_t pid;
	struct uid_range range;	/* its block */
	int lock;		/* on that; the spawner has it, too */
	char why[256];
	_Atomic bool is_lost;	/* `why` stands, and stays */
	/* Set after spawner_open(), or NULL: called once, by whoever finds
	 * that it is gone. */
	void (*lost)(const char *why);
};

/*
 * For a process that is root, from a thread that stays; `host` is the path of
 * usher-adapter-host, `range` and `lock` are uids_claim()'s; the lock becomes
 * the spawner's.  On failure (ERR_IO, ERR_UNSUPPORTED) `why` is the reason, and
 * *spawner is one that starts nothing and tells why.
 */
enum err spawner_open(struct spawner *spawner, const char *host,
		      struct uid_range range, int lock);
/* Why there is none, as far as is known; NULL: it serves.  Any thread, from
 * spawner_open() to spawner_close(). */
const char *spawner_trouble(const struct spawner *spawner);
/* Ends it, and what it started, and waits for that, but not for ever. */
void spawner_close(struct spawner *spawner);

/*
 * usher-adapter-host as user `uid` of the range.  `fds` stay the caller's, as
 * the pidfd becomes.  An errno, *problem then gained a phrase; 0.
 */
int spawner_start(struct spawner *spawner, uid_t uid,
		  const int fds[SPAWNER_FDS], pid_t *pid_r, int *pidfd_r,
		  struct buf *problem);
/* -1: there is no spawner that could. */
int spawner_kill(struct spawner *spawner, uid_t uid);
/* How it ended (si_code and si_status are set); -1: nobody knows. To be
 * called when its pidfd is readable. */
int spawner_reap(struct spawner *spawner, uid_t uid, siginfo_t *info_r);

/* The life of the spawner itself, in its own process. */
_Noreturn void spawner_run(struct uid_range range);

#endif
