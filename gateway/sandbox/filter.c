#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

static const int harmless[] = {
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What ld.so needs, and what it takes to enter the next phase. */
static const int loading[] = {
	SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(pread64), SCMP_SYS(read),
	SCMP_SYS(lseek), SCMP_SYS(access), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(seccomp), SCMP_SYS(prlimit64),
};

static int add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls,
		   size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = seccomp_rule_add(ctx, action, calls[i], 0);
	return rc;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALLOW(call, condition)						\
	(rc = rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW,		\
					 SCMP_SYS(call), 1, condition))

static int add_rules(scmp_filter_ctx ctx, const void *arg)
{
	const enum filter_phase phase = *(const enum filter_phase *)arg;
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				  SCMP_ACT_KILL_PROCESS);

	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, never, COUNT(never));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, deadly,
			     COUNT(deadly));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      SCMP_SYS(clone3), 0);
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_ALLOW, harmless, COUNT(harmless));
	ALLOW(recvfrom, SCMP_A0(SCMP_CMP_EQ, 3));
	ALLOW(sendto, SCMP_A0(SCMP_CMP_EQ, 3));
	ALLOW(write, SCMP_A0(SCMP_CMP_EQ, 2));
	ALLOW(writev, SCMP_A0(SCMP_CMP_EQ, 2));
	/* abort(3); the sandbox ties it to the process itself. */
	ALLOW(tgkill, SCMP_A2(SCMP_CMP_EQ, SIGABRT));
	if (rc)
		return rc;
	if (phase == FILTER_LOAD) {
		ALLOW(prctl, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
		return rc ? rc : add_all(ctx, SCMP_ACT_ALLOW, loading,
					 COUNT(loading));
	}
	ALLOW(mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	ALLOW(mprotect, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

/* ---- the spawner -------------------------------------------------------------- */

static const int not_for_spawners[] = {
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
	SCMP_SYS(setregid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
	SCMP_SYS(setgroups), SCMP_SYS(open_by_handle_at),
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

static int add_spawner_rules(scmp_filter_ctx ctx, const void *arg)
{
	const struct uid_range *range = arg;
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				  SCMP_ACT_KILL_PROCESS);

	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, never, COUNT(never));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, not_for_spawners,
			     COUNT(not_for_spawners));
	if (!rc)
		rc = add_all(ctx, SCMP_ACT_ERRNO(EPERM), refused_to_spawners,
			     COUNT(refused_to_spawners));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      SCMP_SYS(clone3), 0);
	for (size_t i = 0; i < COUNT(namespaces) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS,
				      SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ,
					      namespaces[i], namespaces[i]));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS,
				      SCMP_SYS(kill), 1,
				      SCMP_A1(SCMP_CMP_NE, SIGKILL));
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
	const struct filter_head head = { { 0 } };

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
	struct filter_head head = { { 0 } };
	enum err err = ERR_OK;
	int fd = begin(problem);

	if (fd < 0)
		return ERR_IO;
	for (int i = 0; i < FILTER_PHASES && !err; i++) {
		const enum filter_phase phase = i;

		err = append(fd, SCMP_ACT_ERRNO(EPERM), add_rules, &phase,
			     &head.count[i], problem);
	}
	return finish(fd, &head, err, fd_r, problem);
}

enum err filter_new_spawner(struct uid_range range, int *fd_r,
			    struct buf *problem)
{
	struct filter_head head = { { 0 } };
	int fd = begin(problem);
	enum err err;

	if (fd < 0)
		return ERR_IO;
	err = append(fd, SCMP_ACT_ALLOW, add_spawner_rules, &range,
		     &head.count[FILTER_LOAD], problem);
	return finish(fd, &head, err, fd_r, problem);
}
