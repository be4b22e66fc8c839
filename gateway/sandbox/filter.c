#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* libseccomp's SCMP_A* leave the second datum of a comparison to be zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Neither an adapter nor the spawner calls these by accident. */
static const int never[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(pidfd_send_signal), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd), SCMP_SYS(mount), SCMP_SYS(umount2),
	SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
	SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(modify_ldt), SCMP_SYS(reboot),
	SCMP_SYS(swapon),
};

/* Nor these; the spawner needs them, or some of what they can do. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(clone), SCMP_SYS(kill), SCMP_SYS(pidfd_open),
	SCMP_SYS(personality),
};

/* They name nobody else, whatever their arguments. */
static const int harmless[] = {
	SCMP_SYS(brk), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int memory[] = { SCMP_SYS(munmap), SCMP_SYS(mremap) };

/* What ld.so needs. */
static const int loading[] = {
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(pread64), SCMP_SYS(read),
	SCMP_SYS(lseek),
};

/* Of futex(2): those that mean a word of memory and nothing else. */
static const unsigned waits[] = {
	FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET,
};

/* What allocators and loaders advise about memory of their own. */
static const unsigned advice[] = {
	MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
	MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
	MADV_DONTDUMP, MADV_DODUMP,
};

/* Of CLOCK_*: past them there are but those of other processes and devices,
 * as negative numbers. */
#define LAST_CLOCK CLOCK_TAI

/* What an open for reading may ask for besides. */
#define OPEN_FLAGS							\
	((uint64_t)(O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECTORY |	\
		    O_NOFOLLOW))

/* Besides MAP_PRIVATE, which has to be. */
#define MAP_FLAGS							\
	((uint64_t)(MAP_ANONYMOUS | MAP_FIXED | MAP_FIXED_NOREPLACE |	\
		    MAP_DENYWRITE | MAP_EXECUTABLE | MAP_NORESERVE |	\
		    MAP_POPULATE | MAP_STACK))
#define IS_PRIVATE							\
	SCMP_A3(SCMP_CMP_MASKED_EQ, ~MAP_FLAGS, MAP_PRIVATE)

static int add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls,
		   size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = seccomp_rule_add(ctx, action, calls[i], 0);
	return rc;
}

#define RULE(action, call, ...)						\
	(rc = rc ? rc : seccomp_rule_add_array(				\
		ctx, action, SCMP_SYS(call),				\
		N_ELEMENTS(((struct scmp_arg_cmp[]){ __VA_ARGS__ })),	\
		((struct scmp_arg_cmp[]){ __VA_ARGS__ })))
#define ALLOW(call, ...) RULE(SCMP_ACT_ALLOW, call, __VA_ARGS__)
#define IS_NO_CODE SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)

/* One's own memory. Which of it may be named is said by the program before this
 * one (sandbox.c): rules for one call that look at different arguments, some
 * of them at halves of addresses, libseccomp 2.5 does not put together in any
 * time. */
static int add_memory(scmp_filter_ctx ctx, enum filter_phase phase)
{
	int rc = add_all(ctx, SCMP_ACT_ALLOW, memory, N_ELEMENTS(memory));

	for (size_t i = 0; i < N_ELEMENTS(advice); i++)
		ALLOW(madvise, SCMP_A2(SCMP_CMP_EQ, advice[i]));
	if (phase == FILTER_LOAD) {
		ALLOW(mmap, IS_PRIVATE);
		return rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
						  SCMP_SYS(mprotect), 0);
	}
	ALLOW(mprotect, IS_NO_CODE);
	ALLOW(mmap, IS_NO_CODE, IS_PRIVATE);
	return rc;
}

/* What both phases have, memory aside. */
static int add_common(scmp_filter_ctx ctx)
{
	int rc = add_all(ctx, SCMP_ACT_ALLOW, harmless, N_ELEMENTS(harmless));

	/* A connection takes no address; so much less to think about. */
	ALLOW(sendto, SCMP_A0(SCMP_CMP_EQ, 3), SCMP_A4(SCMP_CMP_EQ, 0));
	ALLOW(recvfrom, SCMP_A0(SCMP_CMP_EQ, 3));
	ALLOW(write, SCMP_A0(SCMP_CMP_EQ, 2));
	ALLOW(writev, SCMP_A0(SCMP_CMP_EQ, 2));
	/* abort(3); the sandbox ties it to the process itself. */
	ALLOW(tgkill, SCMP_A2(SCMP_CMP_EQ, SIGABRT));
	ALLOW(clock_gettime, SCMP_A0(SCMP_CMP_LE, LAST_CLOCK));
	ALLOW(clock_getres, SCMP_A0(SCMP_CMP_LE, LAST_CLOCK));
	for (size_t i = 0; i < N_ELEMENTS(waits); i++)
		ALLOW(futex, SCMP_A1(SCMP_CMP_MASKED_EQ,
				     UINT32_MAX & ~FUTEX_CLOCK_REALTIME,
				     waits[i] | FUTEX_PRIVATE_FLAG));
	return rc;
}

/* What it takes to load, and to enter the next phase. */
static int add_loading(scmp_filter_ctx ctx)
{
	int rc = add_all(ctx, SCMP_ACT_ALLOW, loading, N_ELEMENTS(loading));

	ALLOW(openat, SCMP_A2(SCMP_CMP_MASKED_EQ, ~OPEN_FLAGS, O_RDONLY));
	if (!rc)
		rc = seccomp_rule_add(ctx, FILTER_TRAPS_STAT ? SCMP_ACT_TRAP :
				      SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 0);
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT),
				      SCMP_SYS(access), 0);
	ALLOW(prlimit64, SCMP_A0(SCMP_CMP_EQ, 0));
	ALLOW(seccomp, SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER),
	      SCMP_A1(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, FILTER_STEADY_AT));
	return rc;
}

static int add_rules(scmp_filter_ctx ctx, const void *arg)
{
	const enum filter_phase phase = *(const enum filter_phase *)arg;
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				  SCMP_ACT_KILL_PROCESS);

	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Not made, and told by who made it as it ends: sigsys.h. */
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_TRAP, never, N_ELEMENTS(never));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_TRAP, deadly, N_ELEMENTS(deadly));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      SCMP_SYS(clone3), 0);
	/* Nothing is blocked, so that the handler is not either: libc blocks
	 * all while it makes a thread or a process. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0),
				      SCMP_SYS(rt_sigprocmask), 0);
	if (!rc)
		rc = add_common(ctx);
	if (!rc)
		rc = add_memory(ctx, phase);
	return rc || phase != FILTER_LOAD ? rc : add_loading(ctx);
}

/* ---- the spawner -------------------------------------------------------------- */

static const int not_for_spawners[] = {
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
	SCMP_SYS(setregid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
	SCMP_SYS(setgroups), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(ioprio_set), SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_setparam), SCMP_SYS(sched_setattr),
	SCMP_SYS(sched_setaffinity), SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages), SCMP_SYS(setpgid),
};

/* What a library may try on its own. */
static const int refused_to_spawners[] = {
	SCMP_SYS(execve), SCMP_SYS(personality), SCMP_SYS(socket),
	SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
};

static const uint64_t namespaces[] = {
	CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
	CLONE_NEWUTS, CLONE_NEWCGROUP,
};

/* None of the three ids may be outside. -1, "as it is", is. */
static int add_range(scmp_filter_ctx ctx, int call, struct uid_range range)
{
	const uint64_t last = (uint64_t)range.first + range.count - 1;
	int rc = 0;

	for (unsigned i = 0; i < 3 && !rc; i++) {
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, call, 1,
				      SCMP_CMP(i, SCMP_CMP_LT, range.first));
		if (!rc)
			rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, call,
					      1, SCMP_CMP(i, SCMP_CMP_GT,
							  last));
	}
	return rc;
}

/* What CAP_KILL, or the same user, would let it do to others. */
static int add_self_only(scmp_filter_ctx ctx)
{
	int rc = 0;

	/* 0 and the negative ones are groups, or all. */
	RULE(SCMP_ACT_KILL_PROCESS, kill, SCMP_A1(SCMP_CMP_NE, SIGKILL));
	RULE(SCMP_ACT_KILL_PROCESS, kill, SCMP_A0(SCMP_CMP_LT, 2));
	RULE(SCMP_ACT_KILL_PROCESS, kill, SCMP_A0(SCMP_CMP_GT, INT32_MAX));
	RULE(SCMP_ACT_KILL_PROCESS, tgkill, SCMP_A2(SCMP_CMP_NE, SIGABRT));
	RULE(SCMP_ACT_KILL_PROCESS, prlimit64, SCMP_A0(SCMP_CMP_NE, 0));
	RULE(SCMP_ACT_KILL_PROCESS, setpriority,
	     SCMP_A0(SCMP_CMP_NE, PRIO_PROCESS));
	RULE(SCMP_ACT_KILL_PROCESS, setpriority, SCMP_A1(SCMP_CMP_NE, 0));
	return rc;
}

static int add_spawner_rules(scmp_filter_ctx ctx, const void *arg)
{
	const struct uid_range *range = arg;
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				  SCMP_ACT_KILL_PROCESS);

	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, never,
			     N_ELEMENTS(never));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, not_for_spawners,
			     N_ELEMENTS(not_for_spawners));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_ERRNO(EPERM), refused_to_spawners,
			     N_ELEMENTS(refused_to_spawners));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      SCMP_SYS(clone3), 0);
	for (size_t i = 0; i < N_ELEMENTS(namespaces) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS,
				      SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ,
					      namespaces[i], namespaces[i]));
	if (!rc)
		rc = add_self_only(ctx);
	if (!rc)
		rc = add_range(ctx, SCMP_SYS(setresuid), *range);
	return rc ? rc : add_range(ctx, SCMP_SYS(setresgid), *range);
}

/* ---- the files ---------------------------------------------------------------- */

/* Append one program to the file. */
static enum err append(int fd, uint32_t otherwise,
		       int (*add)(scmp_filter_ctx ctx, const void *arg),
		       const void *arg, uint32_t *count_r, struct buf *problem)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	off_t from = lseek(fd, 0, SEEK_END), to;
	int rc = ctx ? add(ctx, arg) : -ENOMEM;

	if (!rc)
		rc = seccomp_export_bpf(ctx, fd);
	if (ctx)
		seccomp_release(ctx);
	to = lseek(fd, 0, SEEK_END);
	if (rc || from < 0 || to <= from) {
		buf_printf(problem, "the filter of system calls cannot be made "
			   "(%d)", rc);
		return ERR_UNSUPPORTED;
	}
	*count_r = (uint32_t)((to - from) / FILTER_INSTRUCTION_SIZE);
	return ERR_OK;
}

/* A file with an empty head; -1 with a sentence. */
static int begin(struct buf *problem)
{
	int fd = memfd_create("usher-filters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct filter_head head = { 0 };

	if (fd >= 0 && write(fd, &head, sizeof(head)) == sizeof(head))
		return fd;
	if (fd >= 0)
		close(fd);
	buf_puts(problem, "there is no memory file for the filter of system "
		 "calls");
	return -1;
}

/* Takes over `fd`, and `err` from before. */
static enum err finish(int fd, const struct filter_head *head, enum err err,
		       int *fd_r, struct buf *problem)
{
	if (!err && (pwrite(fd, head, sizeof(*head), 0) != sizeof(*head) ||
		     fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK |
			   F_SEAL_GROW | F_SEAL_WRITE))) {
		buf_puts(problem, "the filter of system calls cannot be "
			 "sealed");
		err = ERR_IO;
	}
	if (err)
		close(fd);
	else
		*fd_r = fd;
	return err;
}

enum err filter_new(int *fd_r, struct buf *problem)
{
	struct filter_head head = { 0 };
	enum err err = ERR_OK;
	int fd = begin(problem);

	if (fd < 0)
		return ERR_IO;
	for (int i = 0; i < FILTER_PHASES && !err; i++) {
		const enum filter_phase phase = i;

		err = append(fd, SCMP_ACT_ERRNO(EPERM), add_rules, &phase,
			     &head.count[i], problem);
	}
	head.steady.len = (unsigned short)head.count[FILTER_STEADY];
	/* An address of the child's. */
	head.steady.filter = (struct sock_filter *)(uintptr_t)
		(FILTER_FENCE + sizeof(head) +
		 FILTER_INSTRUCTION_SIZE * head.count[FILTER_LOAD]);
	return finish(fd, &head, err, fd_r, problem);
}

enum err filter_new_spawner(struct uid_range range, int *fd_r,
			    struct buf *problem)
{
	struct filter_head head = { 0 };
	int fd = begin(problem);
	enum err err;

	if (fd < 0)
		return ERR_IO;
	err = append(fd, SCMP_ACT_ALLOW, add_spawner_rules, &range,
		     &head.count[FILTER_LOAD], problem);
	return finish(fd, &head, err, fd_r, problem);
}
