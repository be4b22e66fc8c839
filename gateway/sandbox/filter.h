/*
 * filter: the two lists of system calls that an isolated adapter's process may
 * make, as programs for the kernel (seccomp(2)).
 *
 * Made once by the gateway, so that a child needs neither libseccomp nor the
 * time that it takes.  They stand behind each other in a memory file:
 *
 *	struct filter_head, the load phase's program, the steady phase's
 *
 * The first program is the boundary.  Foreign code runs under it before there
 * is a second (constructors, init), and may change all of its own process that
 * is not held by the kernel: our code, what it does next, what it says.  So
 * the first holds everything that matters to others, and the second takes
 * away what only loading needs: files, code, and the way to a further program.
 *
 * Foreign code cannot put a program of its own between, one that answers in
 * the kernel's name: seccomp(2) takes one program alone, the steady one,
 * known by its address.  The file is mapped at FILTER_FENCE, for reading, and
 * cannot be written by anybody (sealed); no call that moves, removes, covers
 * or changes a mapping may name an address below FILTER_FENCE_END (sandbox.c
 * has a small program of its own for that).  There is no prctl(2).  So where
 * the kernel counts one program more than the first, that is the steady one;
 * the gateway looks (attest.h).
 *
 * What each call that is let may do to another process, its arguments
 * considered.  All else is EPERM, or traps, which says what it was and ends the
 * process (sigsys.h): what makes processes, signals, traces, sees foreign
 * memory, mounts and the like.  A call that traps is not made.  clone3 is
 * ENOSYS; rt_sigprocmask does nothing and says that it did.
 *
 *	both phases
 *	recvfrom, sendto	fd 3, no address: speaks to the gateway, whose
 *				end believes nothing (wire.h)
 *	write, writev		fd 2: a pipe that the gateway reads at its pace
 *	tgkill			SIGABRT, and the process itself by a program
 *				that knows its number (sandbox.c): nothing
 *	futex			within the process: nothing.  Neither shared
 *				ones nor those that lend a priority, which take
 *				any thread's number for the owner
 *	clock_gettime, _getres	the machine's clocks and one's own: not those
 *				that a negative number makes of a process
 *				number, which tell how much it worked
 *	mmap			private mappings without huge pages, which all
 *				share; with RLIMIT_AS
 *	mprotect, munmap,	one's own memory, above the fence
 *	mremap, madvise		... for what an allocator advises: no merging
 *				of pages with another's, no poison
 *	brk, sched_yield, restart_syscall, rt_sigreturn,
 *	gettimeofday, time, getrandom, getpid, gettid, exit, exit_group
 *				take no one else's name: nothing
 *
 *	the load phase only
 *	openat			for reading: O_RDONLY with harmless flags, no
 *				O_PATH, which Landlock does not see.  What can
 *				be read is Landlock's affair (landlock.h), or
 *				the file modes' where the kernel has none
 *	newfstatat		traps; what answers is sigsys.h, in the
 *				process, by openat and fstat: what cannot be
 *				opened is not told about either.  (ld.so asks
 *				with an empty path up to glibc 2.39, and seccomp
 *				cannot see whether a path is empty.)
 *	access			ENOENT
 *	close, fstat, read,	descriptors that it has: 0, 1 (/dev/null), 2,
 *	pread64, lseek		3, and the module's, which is sealed
 *	mmap, mprotect		also with PROT_EXEC: its own memory
 *	prlimit64		pid 0, itself: a limit of processor time on the
 *				gateway, of the same user, would end that
 *	seccomp			the one program: less for itself
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#include "sandbox/uids.h"
#include "base/buf.h"
#include "base/error.h"

#define FILTER_PHASES 2
#define FILTER_INSTRUCTIONS_MAX 4096	/* the kernel's own limit */
#define FILTER_INSTRUCTION_SIZE 8	/* struct sock_filter */

/*
 * Where a child has the file.  Below all that Linux gives to programs that do
 * not ask for an address, and free in those that were not linked to be
 * anywhere, with any size of pages.
 */
#define FILTER_FENCE UINT64_C(0x40000000)
#define FILTER_FENCE_END (FILTER_FENCE + 0x100000)

/* newfstatat(2) traps where sigsys.c knows the registers. */
#if defined(__x86_64__) || defined(__aarch64__)
#define FILTER_TRAPS_STAT 1
#else
#define FILTER_TRAPS_STAT 0
#endif

enum filter_phase { FILTER_LOAD, FILTER_STEADY };

struct filter_head {
	uint32_t count[FILTER_PHASES];	/* instructions, in enum's order */
	/* What seccomp(2) takes: valid only for a file at FILTER_FENCE. */
	struct sock_fprog steady;
};

#define FILTER_STEADY_AT						\
	(FILTER_FENCE + offsetof(struct filter_head, steady))

/*
 * A sealed memory file, close-on-exec.  ERR_IO, ERR_NOMEM, ERR_UNSUPPORTED;
 * *problem then gained a sentence.
 */
enum err filter_new(int *fd_r, struct buf *problem);

/*
 * The program of the spawner (spawner.h), which what it starts has too: it may
 * become nobody outside of `range`, and has no part in sockets, namespaces,
 * foreign memory, modules and the like.  Of signals it may send SIGKILL to one
 * process, never to a group or to all, and SIGABRT to a thread, as abort(3)
 * does; limits and priorities it may set for itself only.  Which process it
 * kills is not known when the program is made: the spawner names its own
 * children, that were not reaped, and runs no foreign code.
 * It stands where FILTER_LOAD's does; there is no other.
 */
enum err filter_new_spawner(struct uid_range range, int *fd_r,
			    struct buf *problem);

#endif
