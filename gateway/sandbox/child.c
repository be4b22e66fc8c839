#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/host.h"
#include "sandbox/spawner.h"

#ifndef USHER_HOSTDIR
#define USHER_HOSTDIR "/usr/libexec/usher"
#endif

#define HOST_NAME "usher-adapter-host"
#define HIGH 16		/* above what the child's are moved to */

/* A copy out of the way of the numbers that the child's will have. */
static int high(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
}

void child_find_host(char *path, size_t size)
{
	const char *named = getenv("USHER_ADAPTER_HOST");
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own));
	char *slash;

	if (named && *named) {
		snprintf(path, size, "%s", named);
		return;
	}
	if (n > 0 && n < (ssize_t)sizeof(own)) {
		own[n] = '\0';
		slash = strrchr(own, '/');
		*(slash ? slash : own) = '\0';
		snprintf(path, size, "%s/" HOST_NAME, own);
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, size, "%s", USHER_HOSTDIR "/" HOST_NAME);
}

int child_descriptor_of(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int set_actions(posix_spawn_file_actions_t *actions, const int *fds,
		       unsigned count)
{
	int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null",
						  O_RDWR, 0);

	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, 0, 1);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = posix_spawn_file_actions_adddup2(actions, fds[i],
						      HOST_LOG_FD + (int)i);
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(
				actions, HOST_LOG_FD + (int)count);
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t set;

	sigemptyset(&set);
	posix_spawnattr_setsigmask(attr, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(attr, &set);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
					      POSIX_SPAWN_SETSIGDEF);
}

int child_start(const char *path, char *const argv[], const int *fds,
		unsigned count, pid_t *pid_r)
{
	char *const none[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int moved[CHILD_FDS_MAX], rc = 0;

	for (unsigned i = 0; i < count; i++) {
		moved[i] = high(fds[i]);
		if (moved[i] < 0 && !rc)
			rc = errno;
	}
	if (!rc)
		rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		goto out;
	rc = posix_spawnattr_init(&attr);
	if (!rc) {
		rc = set_actions(&actions, moved, count);
		if (!rc)
			rc = set_attributes(&attr);
		if (!rc)
			rc = posix_spawn(pid_r, path, &actions, &attr, argv,
					 none);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
out:
	close_all(moved, count);
	return rc;
}

/* By ourselves: its parent is this thread. */
static int start(const struct child_spec *spec, const int fds[4], pid_t *pid_r,
		 int *pidfd_r, struct buf *problem)
{
	char name[] = HOST_NAME, uid[24], text[128];
	char *const argv[] = { name, uid, NULL };
	int rc;

	snprintf(uid, sizeof(uid), "%u", (unsigned)spec->uid);
	rc = child_start(spec->host, argv, fds, SPAWNER_FDS, pid_r);
	if (!rc) {
		*pidfd_r = (int)syscall(SYS_pidfd_open, *pid_r, 0);
		if (*pidfd_r < 0) {
			rc = errno;
			kill(*pid_r, SIGKILL);
			waitpid(*pid_r, NULL, 0);
		}
	}
	if (rc)
		buf_puts(problem, strerror_r(rc, text, sizeof(text)));
	return rc;
}

enum err child_spawn(const struct child_spec *spec, struct child *child_r,
		     struct buf *problem)
{
	int pair[2] = { -1, -1 }, log[2] = { -1, -1 }, pidfd = -1, rc = 0;
	char text[256];
	struct buf why;
	pid_t pid = 0;

	buf_init_fixed(&why, text, sizeof(text));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
	    pipe2(log, O_CLOEXEC | O_NONBLOCK) ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK)) {
		rc = errno;
		buf_puts(&why, "there are no descriptors");
	}
	if (!rc) {
		const int fds[] = { log[1], pair[1], spec->module,
				    spec->filters };

		rc = spec->spawner ?
			spawner_start(spec->spawner, spec->uid, fds, &pid,
				      &pidfd, &why) :
			start(spec, fds, &pid, &pidfd, &why);
	}
	close_all(&pair[1], 1);
	close_all(&log[1], 1);
	if (rc) {
		close_all(&pair[0], 1);
		close_all(&log[0], 1);
		buf_printf(problem, "its process cannot be started (%s): %s%s",
			   spec->host, text, access(spec->host, F_OK) ?
			   "; install it, or name a build tree's in "
			   "USHER_ADAPTER_HOST" : "");
		return ERR_IO;
	}
	*child_r = (struct child){
		.pid = pid, .channel = pair[0], .log = log[0], .pidfd = pidfd,
		.status = -1, .uid = spec->uid, .spawner = spec->spawner,
	};
	return ERR_OK;
}

void child_kill(const struct child *child)
{
	if (child->spawner) {
		/* Where the spawner is gone the kernel does it, and where it
		 * was stopped there is but this. */
		if (spawner_kill(child->spawner, child->uid))
			shutdown(child->channel, SHUT_RDWR);
	} else {
		syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
	}
}

/* The spawner never waits, so we do. */
static int reap_spawned(const struct child *child, siginfo_t *info)
{
	struct pollfd end = { .fd = child->pidfd, .events = POLLIN };
	int rc;

	do
		rc = poll(&end, 1, SPAWNER_REPLY_MS);
	while (rc < 0 && errno == EINTR);
	return spawner_reap(child->spawner, child->uid, info);
}

static void say_how(const siginfo_t *info, struct buf *how)
{
	const char *name;

	if (info->si_code == CLD_EXITED) {
		buf_printf(how, "ended with status %d", info->si_status);
		return;
	}
	name = sigdescr_np(info->si_status);
	buf_printf(how, "was ended by signal %d (%s)", info->si_status,
		   name ? name : "unknown");
	if (info->si_status == SIGSYS)
		buf_puts(how, ", as it made a system call that no adapter may "
			 "make");
}

int child_reap(struct child *child, struct buf *how)
{
	siginfo_t info = { 0 };
	int rc;

	if (child->spawner)
		rc = reap_spawned(child, &info);
	else
		do
			rc = waitid(P_PID, (id_t)child->pid, &info, WEXITED);
		while (rc && errno == EINTR);
	if (rc)
		buf_puts(how, "ended");
	else
		say_how(&info, how);
	close_all(&child->channel, 1);
	close_all(&child->log, 1);
	close_all(&child->pidfd, 1);
	close_all(&child->status, 1);
	return rc || info.si_code == CLD_EXITED ? 0 : info.si_status;
}
