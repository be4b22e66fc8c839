#include "sandbox/sigsys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sandbox/fall-watch.h"
#include "sandbox/filter.h"

#if FILTER_TRAPS_STAT

/* What was asked, and where the answer goes. */
#if defined(__x86_64__)
#define ARG0(c) (c)->uc_mcontext.gregs[REG_RDI]
#define ARG1(c) (c)->uc_mcontext.gregs[REG_RSI]
#define ARG2(c) (c)->uc_mcontext.gregs[REG_RDX]
#define ARG3(c) (c)->uc_mcontext.gregs[REG_R10]
#define ANSWER(c) (c)->uc_mcontext.gregs[REG_RAX]
#else
#define ARG0(c) (c)->uc_mcontext.regs[0]
#define ARG1(c) (c)->uc_mcontext.regs[1]
#define ARG2(c) (c)->uc_mcontext.regs[2]
#define ARG3(c) (c)->uc_mcontext.regs[3]
#define ANSWER(c) (c)->uc_mcontext.regs[0]
#endif

/* As the kernel has it: a negative errno. */
static long stat_at(int dir, const char *path, void *out, int flags)
{
	int more = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	long fd, rc;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH && (!path || !*path)) {
		rc = syscall(SYS_fstat, dir, out);
		return rc < 0 ? -errno : rc;
	}
	if (flags & AT_SYMLINK_NOFOLLOW)
		more |= O_NOFOLLOW;
	fd = syscall(SYS_openat, dir, path, more);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_fstat, fd, out);
	rc = rc < 0 ? -errno : rc;
	syscall(SYS_close, fd);
	return rc;
}

static void answer(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	int error = errno;

	(void)number;
	if (info->si_syscall != SYS_newfstatat) {
		fall_by_call(info, c, (uint64_t)ARG0(c));
		fall_end();
		return;
	}
	ANSWER(c) = stat_at((int)ARG0(c), (const char *)(uintptr_t)ARG1(c),
			    (void *)(uintptr_t)ARG2(c), (int)ARG3(c));
	errno = error;
}

int sigsys_take(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	action.sa_sigaction = answer;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL);
}

#else

int sigsys_take(void)
{
	return 0;
}

#endif
