/*
 * Its constructor does to the processes whose numbers are near its own, the
 * gateway's among them, what one of the same user may do without being ended
 * for the attempt.  It fits only where it was let do nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <usher/adapter.h>

#define NEAR 300

static unsigned lets;
static char first[64];

static void count(long rc, const char *what, int pid)
{
	if (rc < 0)
		return;
	if (!lets++)
		snprintf(first, sizeof(first), "%s of %d", what, pid);
}

static void read_of(int pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	count(open(path, O_RDONLY), what, pid);
}

static void assail(int pid)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit was;
	unsigned long mask = 1, words[8] = { 0 };

	count(prlimit(pid, RLIMIT_CPU, NULL, &was), "limit", pid);
	count(prlimit(pid, RLIMIT_CPU, &none, NULL), "no time", pid);
	count(prlimit(pid, RLIMIT_NOFILE, &none, NULL), "no files", pid);
	count(syscall(SYS_setpriority, PRIO_PROCESS, pid, 19), "nice", pid);
	count(syscall(SYS_sched_setaffinity, pid, sizeof(mask), &mask),
	      "affinity", pid);
	count(syscall(SYS_sched_setscheduler, pid, 5, words), "class", pid);
	count(syscall(SYS_ioprio_set, 1, pid, 3 << 13), "idle", pid);
	count(syscall(SYS_tgkill, pid, pid, SIGABRT), "abort", pid);
	count(syscall(SYS_tgkill, pid, pid, SIGTERM), "end", pid);
	count(syscall(SYS_clock_gettime, ~(unsigned)pid << 3 | 2, words),
	      "time", pid);
	read_of(pid, "environ");
	read_of(pid, "mem");
	read_of(pid, "maps");
	read_of(pid, "fd/0");
	read_of(pid, "cwd");
}

__attribute__((constructor)) static void construct(void)
{
	int self = (int)syscall(SYS_getpid);

	for (int pid = self - NEAR; pid < self + NEAR; pid++)
		if (pid > 1 && pid != self)
			assail(pid);
}

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	(void)state;
	if (!lets)
		return USHER_OK;
	host->log(call, USHER_LOG_ERROR, first, strlen(first));
	return USHER_FAIL;
}

USHER_ADAPTER_DEFINE(.name = "assault", .version = "0", .init = init)
