#include "adapter/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/host.h"

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

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* The descriptors of the child, in order: log, channel, module, filters. */
static int start(const struct child_spec *spec, const int fds[4], pid_t *pid_r)
{
	char name[] = HOST_NAME, uid[24];
	char *const argv[] = { name, uid, NULL };
	char *const none[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	snprintf(uid, sizeof(uid), "%u", (unsigned)spec->uid);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc)
		goto out;
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	for (int i = 0; i < 4; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i],
						 HOST_LOG_FD + i);
	rc = posix_spawn_file_actions_addclosefrom_np(&actions,
						      HOST_FILTERS_FD + 1);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF);
	if (!rc)
		rc = posix_spawn(pid_r, spec->host, &actions, &attr, argv,
				 none);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

enum err child_spawn(const struct child_spec *spec, struct child *child_r,
		     struct buf *problem)
{
	int pair[2] = { -1, -1 }, log[2] = { -1, -1 }, pidfd = -1, rc = 0;
	int fds[4] = { -1, -1, -1, -1 };
	char text[128];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
	    pipe2(log, O_CLOEXEC | O_NONBLOCK) ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK))
		rc = errno;
	fds[0] = high(log[1]);
	fds[1] = high(pair[1]);
	fds[2] = high(spec->module);
	fds[3] = high(spec->filters);
	for (int i = 0; i < 4 && !rc; i++)
		rc = fds[i] < 0 ? errno : 0;
	if (!rc)
		rc = start(spec, fds, &pid);
	if (!rc) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0) {
			rc = errno;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	close_all(fds, 4);
	close_all(&pair[1], 1);
	close_all(&log[1], 1);
	if (rc) {
		close_all(&pair[0], 1);
		close_all(&log[0], 1);
		buf_printf(problem, "its process cannot be started (%s): %s",
			   spec->host, strerror_r(rc, text, sizeof(text)));
		return ERR_IO;
	}
	*child_r = (struct child){ pid, pair[0], log[0], pidfd };
	return ERR_OK;
}

void child_kill(const struct child *child)
{
	syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
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

void child_reap(struct child *child, struct buf *how)
{
	siginfo_t info = { 0 };
	int rc;

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
}
