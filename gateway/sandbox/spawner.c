#include "sandbox/spawner-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/child.h"
#include "sandbox/filter.h"

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

#define GONE "the spawner of adapters has ended; restart the gateway"

/* No more of it: closing the channel ends it and all that it started. */
static void give_up(struct spawner *s, const char *why)
{
	if (s->channel >= 0)
		close(s->channel);
	s->channel = -1;
	snprintf(s->why, sizeof(s->why), "%s", why);
	atomic_store_explicit(&s->is_lost, true, memory_order_release);
	if (s->lost)
		s->lost(s->why);
}

/* EPIPE when it has ended, or another errno; `why` is then set. */
static int hear(struct spawner *s, uint32_t verb, struct spawner_reply *reply,
		int *pidfd_r)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(s->channel, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*pidfd_r = n < 0 ? -1 : child_descriptor_of(&msg);
	if (n == sizeof(*reply) && reply->verb == verb &&
	    !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    (*pidfd_r >= 0) == (verb == SPAWNER_START && !reply->error))
		return 0;
	if (*pidfd_r >= 0)
		close(*pidfd_r);
	*pidfd_r = -1;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		give_up(s, GONE);
		return EPIPE;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		give_up(s, "the spawner of adapters did not answer; restart "
			"the gateway");
		return ETIMEDOUT;
	}
	give_up(s, "the spawner of adapters makes no sense; restart the "
		"gateway");
	return EPROTO;
}

/* An errno: the reply's, or that of having none. */
static int ask(struct spawner *s, enum spawner_verb verb, uid_t uid,
	       const int *fds, struct spawner_reply *reply, int *pidfd_r)
{
	struct spawner_request request = { verb, uid };
	union {
		char room[CMSG_SPACE(SPAWNER_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &request, sizeof(request) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int rc;

	if (s->channel < 0)
		return EPIPE;
	if (fds) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(SPAWNER_FDS * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds,
		       SPAWNER_FDS * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		n = sendmsg(s->channel, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(request)) {
		give_up(s, GONE);
		return EPIPE;
	}
	rc = hear(s, verb, reply, pidfd_r);
	return rc ? rc : reply->error;
}

/* ---- its birth and its end -------------------------------------------------- */

static void close_lock(struct spawner *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

static int start(struct spawner *s, const char *host, int channel)
{
	char name[] = "usher-adapter-host", mode[] = "spawner";
	char version[] = USHER_VERSION, first[16], count[16];
	char *const argv[] = { name, mode, version, first, count, NULL };
	int fds[] = { -1, channel, -1, -1, s->lock };
	char text[200];
	struct buf problem;
	int rc = 0;

	snprintf(first, sizeof(first), "%u", (unsigned)s->range.first);
	snprintf(count, sizeof(count), "%u", s->range.count);
	buf_init_fixed(&problem, text, sizeof(text));
	/* It has nothing to say, and does not keep our log open. */
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[2] = open(host, O_PATH | O_CLOEXEC);
	if (fds[0] < 0 || fds[2] < 0)
		rc = errno;
	else if (filter_new_spawner(s->range, &fds[3], &problem))
		rc = -1;
	if (!rc)
		rc = child_start(host, argv, fds, 5, &s->pid);
	if (rc > 0)
		buf_printf(&problem, "%s: %s", host,
			   strerror_r(rc, s->why, sizeof(s->why)));
	if (rc)
		snprintf(s->why, sizeof(s->why), "the spawner of adapters "
			 "cannot be started: %.180s", text);
	for (int i = 0; i < 4; i++)
		if (i != 1 && fds[i] >= 0)
			close(fds[i]);
	return rc;
}

/* It has given up all that it should, or says what it could not. */
static int greet(struct spawner *s)
{
	static const char *const steps[SPAWNER_STEPS] = {
		[SPAWNER_STEP_DESCRIPTORS] = "its descriptors",
		[SPAWNER_STEP_USER] = "its user",
		[SPAWNER_STEP_CAPABILITIES] = ("its capabilities "
			"(CAP_SETUID, CAP_SETGID and CAP_KILL are needed)"),
		[SPAWNER_STEP_PRIVILEGES] = "its privileges",
		[SPAWNER_STEP_FILTER] = "its filter of system calls",
	};
	struct spawner_reply reply;
	char text[100], why[256];
	int pidfd, rc = hear(s, SPAWNER_HELLO, &reply, &pidfd);

	if (rc == EPIPE)
		give_up(s, "usher-adapter-host is not of this gateway's "
			"version; install both from one build");
	if (rc)
		return -1;
	if (!reply.error)
		return 0;
	snprintf(why, sizeof(why), "the spawner of adapters cannot set %s: %s",
		 reply.code >= 0 && reply.code < SPAWNER_STEPS ?
		 steps[reply.code] : "itself up",
		 strerror_r(reply.error, text, sizeof(text)));
	give_up(s, why);
	return -1;
}

enum err spawner_open(struct spawner *s, const char *host,
		      struct uid_range range, int lock)
{
	const struct timeval patience = {
		SPAWNER_REPLY_MS / 1000, SPAWNER_REPLY_MS % 1000 * 1000,
	};
	int pair[2], rc;

	*s = (struct spawner){ .channel = -1, .range = range, .lock = lock };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		give_up(s, "there are no descriptors for the spawner of "
			"adapters");
		close_lock(s);
		return ERR_IO;
	}
	rc = setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
			sizeof(patience)) ||
	     setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience,
			sizeof(patience));
	s->channel = pair[0];
	if (!rc)
		rc = start(s, host, pair[1]);
	close(pair[1]);
	if (rc) {
		close(s->channel);
		s->channel = -1;
		s->is_lost = true;
		close_lock(s);
		return ERR_IO;
	}
	if (greet(s)) {
		spawner_close(s);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

const char *spawner_trouble(const struct spawner *s)
{
	return atomic_load_explicit(&s->is_lost, memory_order_acquire) ?
		s->why : NULL;
}

void spawner_close(struct spawner *s)
{
	struct pollfd end = { .events = POLLIN };

	s->lost = NULL;
	if (s->channel >= 0)
		give_up(s, "the gateway stops");
	close_lock(s);
	if (!s->pid)
		return;
	end.fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	/* Somebody may have stopped it. */
	if (end.fd >= 0 && poll(&end, 1, SPAWNER_END_MS) == 1)
		waitpid(s->pid, NULL, 0);
	if (end.fd >= 0)
		close(end.fd);
	s->pid = 0;
}

/* ---- what it does --------------------------------------------------------------- */

int spawner_start(struct spawner *s, uid_t uid, const int fds[SPAWNER_FDS],
		  pid_t *pid_r, int *pidfd_r, struct buf *problem)
{
	struct spawner_reply reply = { 0 };
	int pidfd = -1, rc;
	char text[128];

	rc = ask(s, SPAWNER_START, uid, fds, &reply, &pidfd);
	if (rc) {
		buf_puts(problem, s->channel < 0 ? s->why :
			 strerror_r(rc, text, sizeof(text)));
		return rc;
	}
	*pid_r = reply.pid;
	*pidfd_r = pidfd;
	return 0;
}

int spawner_kill(struct spawner *s, uid_t uid)
{
	struct spawner_reply reply;
	int none;

	return ask(s, SPAWNER_KILL, uid, NULL, &reply, &none) ? -1 : 0;
}

int spawner_reap(struct spawner *s, uid_t uid, siginfo_t *info_r)
{
	struct spawner_reply reply;
	int none;

	if (ask(s, SPAWNER_REAP, uid, NULL, &reply, &none))
		return -1;
	info_r->si_code = reply.code;
	info_r->si_status = reply.status;
	return 0;
}
