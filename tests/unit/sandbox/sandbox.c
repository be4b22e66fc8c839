/*
 * What the process of an adapter may ask of the kernel, while it loads and
 * afterwards: each call that is refused is made, by a real adapter in a real
 * process, and so is each that is allowed.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "sandbox/child.h"
#include "sandbox/host.h"
#include "sandbox/landlock.h"
#include "sandbox/wire.h"
#include "unit/sandbox/rig.h"

#define NOBODY 65534

/* ---- each call ----------------------------------------------------------- */

static const struct row {
	const char *name;
	long number;
	const char *args;
	int loading, steady;
} rows[] = {
#define ROW(call, args, loading, steady)				\
	{ #call, SYS_##call, args, loading, steady }
#define DEADLY(call, args) ROW(call, args, ENDS, ENDS)
#define REFUSED(call, args) ROW(call, args, EPERM, EPERM)
#define LOADS(call, args) ROW(call, args, LET, EPERM)
#define ALLOWED(call, args) ROW(call, args, LET, LET)

	/* other programs and processes */
	DEADLY(execve, "@/nonexistent 0 0"),
	DEADLY(execveat, "-1 @/nonexistent 0 0 0"),
	DEADLY(clone, "17 0 0 0 0"),
	ROW(clone3, "* 88", ENOSYS, ENOSYS),
#ifdef SYS_fork
	DEADLY(fork, ""),
	DEADLY(vfork, ""),
#endif
	DEADLY(ptrace, "16 1 0 0"),
	DEADLY(process_vm_readv, "1 0 0 0 0 0"),
	DEADLY(process_vm_writev, "1 0 0 0 0 0"),
	DEADLY(process_madvise, "-1 0 0 0 0"),
	DEADLY(pidfd_open, "1 0"),
	DEADLY(pidfd_getfd, "-1 0 0"),
	REFUSED(kcmp, "$ $ 99 0 0"),
	REFUSED(wait4, "-1 0 1 0"),
	REFUSED(waitid, "0 1 0 1 0"),
	/* signals */
	DEADLY(kill, "$ 0"),
	DEADLY(kill, "% 9"),
	DEADLY(tkill, "1 0"),
	DEADLY(rt_sigqueueinfo, "1 0 0"),
	DEADLY(rt_tgsigqueueinfo, "1 1 0 0"),
	DEADLY(pidfd_send_signal, "-1 0 0 0"),
	ROW(tgkill, "$ $ 6", ABORTS, ABORTS),
	REFUSED(tgkill, "% % 6"),
	REFUSED(tgkill, "$ $ 0"),
	REFUSED(tgkill, "-1 % 6"),
	REFUSED(tgkill, "0 % 6"),
	REFUSED(rt_sigaction, "10 0 0 8"),
	REFUSED(sigaltstack, "0 0"),
	REFUSED(signalfd4, "-1 * 8 0"),
	REFUSED(setitimer, "0 * 0"),
	REFUSED(timer_create, "1 0 *"),
	REFUSED(timerfd_create, "1 0"),
	/* other ways into the kernel */
	DEADLY(io_uring_setup, "1 *"),
	DEADLY(io_uring_enter, "-1 0 0 0 0 0"),
	DEADLY(io_uring_register, "-1 0 0 0"),
	DEADLY(bpf, "99 0 0"),
	DEADLY(perf_event_open, "0 0 0 0 0"),
	DEADLY(userfaultfd, "1"),
	DEADLY(keyctl, "99 0 0 0 0"),
	DEADLY(add_key, "0 0 0 0 0"),
	DEADLY(request_key, "0 0 0 0"),
	DEADLY(init_module, "0 0 0"),
	DEADLY(finit_module, "-1 0 0"),
	DEADLY(delete_module, "0 0"),
	DEADLY(kexec_load, "0 17 0 0"),
#ifdef SYS_kexec_file_load
	DEADLY(kexec_file_load, "-1 -1 0 0 0"),
#endif
	DEADLY(personality, "0xffffffff"),
#ifdef SYS_modify_ldt
	DEADLY(modify_ldt, "0 0 0"),
#endif
	DEADLY(reboot, "0 0 0 0"),
	DEADLY(swapon, "0 0"),
	/* mounts and namespaces */
	DEADLY(mount, "0 0 0 0 0"),
	DEADLY(umount2, "0 0"),
	DEADLY(move_mount, "-1 0 -1 0 0"),
	DEADLY(open_tree, "-1 0 0"),
	DEADLY(fsopen, "0 0"),
	DEADLY(pivot_root, "0 0"),
	DEADLY(chroot, "0"),
	DEADLY(unshare, "0"),
	DEADLY(setns, "-1 0"),
	/* the network, and other channels */
	REFUSED(socket, "2 1 0"),
	REFUSED(socket, "1 1 0"),
	REFUSED(socketpair, "1 1 0 *"),
	REFUSED(connect, "-1 * 16"),
	REFUSED(connect, "3 * 16"),
	REFUSED(bind, "-1 * 16"),
	REFUSED(listen, "-1 1"),
	REFUSED(accept, "-1 0 0"),
	REFUSED(accept4, "-1 0 0 0"),
	REFUSED(shutdown, "-1 2"),
	REFUSED(getsockopt, "3 1 3 * *"),
	REFUSED(setsockopt, "-1 1 3 * 4"),
	REFUSED(getsockname, "-1 * *"),
	REFUSED(sendmsg, "3 0 0"),
	REFUSED(recvmsg, "3 0 0"),
	REFUSED(sendmmsg, "3 0 1 0"),
	REFUSED(recvmmsg, "3 0 1 0 0"),
	REFUSED(sendto, "2 * 1 0 0 0"),
	REFUSED(sendto, "4 * 1 0 0 0"),
	REFUSED(sendto, "0x100000003 * 1 0 0 0"),
	REFUSED(sendto, "3 * 1 0 * 16"),
	REFUSED(recvfrom, "2 * 1 64 0 0"),
	REFUSED(recvfrom, "-1 * 1 64 0 0"),
	/* Whether a frame waits already is the gateway's affair. */
	ROW(recvfrom, "3 * 1 66 0 0", CHANNEL, CHANNEL),
	REFUSED(pipe2, "* 0"),
	REFUSED(eventfd2, "0 0"),
	REFUSED(epoll_create1, "0"),
	REFUSED(ppoll, "0 0 * 0 8"),
	REFUSED(shmget, "0 4096 0600"),
	REFUSED(semget, "0 0 0"),
	REFUSED(msgget, "0 0600"),
	REFUSED(mq_open, "@x 0 0 0"),
	/* descriptors */
	ALLOWED(write, "2 @. 1"),
	REFUSED(write, "0 @. 1"),
	REFUSED(write, "1 @. 1"),
	REFUSED(write, "3 @. 1"),
	REFUSED(write, "4 @. 1"),
	REFUSED(write, "0x100000002 @. 1"),
	ALLOWED(writev, "2 * 0"),
	REFUSED(writev, "3 * 0"),
	REFUSED(pwrite64, "2 @. 1 0"),
	REFUSED(readv, "0 * 0"),
	REFUSED(dup, "2"),
	REFUSED(dup3, "2 9 0"),
	REFUSED(fcntl, "2 1"),
	REFUSED(ioctl, "2 0x5401 *"),
	REFUSED(ioctl, "0 0x5412 *"),
	REFUSED(flock, "0 8"),
	REFUSED(sendfile, "2 0 0 1"),
	REFUSED(splice, "0 0 2 0 1 0"),
	REFUSED(tee, "0 2 1 0"),
	REFUSED(copy_file_range, "0 0 2 0 1 0"),
	REFUSED(close_range, "100 100 0"),
	/* files */
	ROW(openat, "-100 @/etc/passwd 0", LANDLOCK, EPERM),
	ROW(openat, "-100 @/ 0", LANDLOCK, EPERM),
	ROW(openat, "-100 @/proc/self/maps 0", LANDLOCK, EPERM),
	ROW(openat, "-100 @/proc/self/environ 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/self/mem 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/1/environ 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/%/environ 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/%/mem 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/%/maps 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/%/fd/0 0", EACCES, EPERM),
	ROW(openat, "-100 @/proc/%/root/etc/passwd 0", EACCES, EPERM),
	LOADS(openat, "-100 @/usr/lib 0"),
#ifdef __x86_64__
	LOADS(openat, "-100 @/usr/lib 0200000"),
#endif
	/* for reading, and nothing else; not even by name only */
	REFUSED(openat, "-100 @/proc/self/mem 2"),
	REFUSED(openat, "-100 @/dev/tty 2"),
	REFUSED(openat, "-100 @/dev/null 1"),
	REFUSED(openat, "-100 @/tmp/usher-probe 0101 0600"),
	REFUSED(openat, "-100 @/usr/lib/usher-probe 0101 0600"),
	REFUSED(openat, "-100 @/usr/lib 3"),
	REFUSED(openat, "-100 @/etc/passwd 010000000"),
	REFUSED(openat, "-100 @/nonexistent/x 01000"),
	REFUSED(openat, "-100 @/nonexistent/x 020200000"),
	REFUSED(openat, "-100 @/nonexistent/x 0x100000000"),
	REFUSED(openat2, "-100 @/usr/lib * 24"),
#ifdef SYS_open
	REFUSED(open, "@/usr/lib 0"),
	REFUSED(creat, "@/nonexistent/x 0"),
	REFUSED(stat, "@/ *"),
	REFUSED(readlink, "@/proc/self * 9"),
	REFUSED(mkdir, "@/nonexistent/x 0"),
	REFUSED(unlink, "@/nonexistent/x"),
	REFUSED(symlink, "@x @/nonexistent/x"),
	REFUSED(chmod, "@/nonexistent/x 0"),
	REFUSED(chown, "@/nonexistent/x 0 0"),
#endif
	REFUSED(mkdirat, "-100 @/nonexistent/x 0"),
	REFUSED(mknodat, "-100 @/nonexistent/x 0 0"),
	REFUSED(unlinkat, "-100 @/nonexistent/x 0"),
	REFUSED(linkat, "-100 @/nonexistent/x -100 @/nonexistent/y 0"),
	REFUSED(symlinkat, "@x -100 @/nonexistent/x"),
	REFUSED(renameat2, "-100 @/nonexistent/x -100 @/nonexistent/y 0"),
	REFUSED(fchmodat, "-100 @/nonexistent/x 0"),
	REFUSED(fchownat, "-100 @/nonexistent/x 0 0 0"),
	REFUSED(fchmod, "-1 0"),
	REFUSED(truncate, "@/nonexistent/x 0"),
	REFUSED(ftruncate, "-1 0"),
	REFUSED(fallocate, "-1 0 0 1"),
	REFUSED(readlinkat, "-100 @/proc/self * 9"),
	REFUSED(statx, "-100 @/ 0 0 *"),
	REFUSED(getdents64, "-1 * 9"),
	REFUSED(getcwd, "* 4096"),
	REFUSED(chdir, "@/"),
	REFUSED(name_to_handle_at, "-100 @/ * * 0"),
	REFUSED(open_by_handle_at, "-1 * 0"),
	REFUSED(memfd_create, "@x 0"),
	REFUSED(memfd_secret, "99"),
	REFUSED(inotify_init1, "0"),
	REFUSED(fanotify_init, "99999 0"),
	ROW(close, "-1", EBADF, EPERM),
	ROW(fstat, "-1 *", EBADF, EPERM),
	LOADS(fstat, "2 *"),
	LOADS(newfstatat, "-100 @/usr/lib * 0"),
	LOADS(newfstatat, "2 @ * 0x1000"),
	ROW(newfstatat, "-1 @ * 0x1000", EBADF, EPERM),
	/* What cannot be opened is not told about. */
	ROW(newfstatat, "-100 @/etc/passwd * 0", LANDLOCK, EPERM),
	ROW(newfstatat, "-100 @/etc/passwd * 0x100", LANDLOCK, EPERM),
	ROW(newfstatat, "-100 @/etc/passwd * 0x1000", LANDLOCK, EPERM),
	ROW(newfstatat, "-100 @/etc/shadow * 0", EACCES, EPERM),
	ROW(newfstatat, "-100 @/proc/%/environ * 0", EACCES, EPERM),
	ROW(pread64, "-1 * 1 0", EBADF, EPERM),
	ROW(read, "-1 * 1", EBADF, EPERM),
	LOADS(read, "0 * 1"),
	LOADS(lseek, "0 0 1"),
#ifdef SYS_access
	ROW(access, "@/usr/lib 0", ENOENT, EPERM),
	ROW(access, "@/etc/passwd 0", ENOENT, EPERM),
#endif
	/* memory */
	ALLOWED(brk, "0"),
	ALLOWED(mmap, "0 4096 3 0x22 -1 0"),
	ALLOWED(mprotect, "# 4096 3"),
	ALLOWED(madvise, "# 4096 0"),
	ROW(munmap, "# 0", EINVAL, EINVAL),
	ROW(mremap, "# 0 0 0", EINVAL, EINVAL),
	REFUSED(mmap, "0 4096 3 0x21 -1 0"),
	REFUSED(mmap, "0 4096 1 0x1 4 0"),
	REFUSED(mmap, "0 4096 1 0x3 4 0"),
	REFUSED(mmap, "0 0x200000 3 0x40022 -1 0"),
	REFUSED(madvise, "# 4096 12"),
	REFUSED(madvise, "# 4096 100"),
	REFUSED(madvise, "# 4096 21"),
	/* the place of the filters */
	REFUSED(munmap, "0x40000000 4096"),
	REFUSED(munmap, "0x3ffff000 0x80000000"),
	REFUSED(mprotect, "0x40000000 4096 3"),
	REFUSED(mremap, "0x40000000 4096 8192 1"),
	REFUSED(mremap, "0x40000000 4096 4096 3 0x50000000"),
	REFUSED(mremap, "# 4096 4096 3 0x40000000"),
	REFUSED(mremap, "# 4096 0x1000000 3 0x3f000000"),
	REFUSED(mmap, "0x40000000 4096 3 0x32 -1 0"),
	REFUSED(mmap, "0x3ffff000 8192 3 0x32 -1 0"),
	REFUSED(mmap, "0 0x50000000 3 0x4032 -1 0"),
	REFUSED(madvise, "0x40000000 4096 4"),
	REFUSED(madvise, "0x40000000 4096 9"),
	REFUSED(remap_file_pages, "0x40000000 4096 0 0 0"),
	REFUSED(pkey_mprotect, "0x40000000 4096 3 -1"),
	REFUSED(pkey_alloc, "0 99"),
	LOADS(mmap, "0 4096 5 0x22 -1 0"),
	LOADS(mmap, "0 4096 7 0x22 -1 0"),
	LOADS(mprotect, "# 4096 5"),
	REFUSED(pkey_mprotect, "# 4096 5 -1"),
	REFUSED(remap_file_pages, "# 4096 0 0 0"),
	REFUSED(mlock, "# 4096"),
	REFUSED(mlockall, "99"),
	REFUSED(mbind, "# 4096 0 0 0 0"),
	REFUSED(shmat, "-1 0 0"),
	REFUSED(msync, "# 4096 1"),
	/* itself */
	ALLOWED(getpid, ""),
	ALLOWED(gettid, ""),
	REFUSED(getppid, ""),
	REFUSED(getuid, ""),
	REFUSED(getgid, ""),
	REFUSED(setuid, "0xffffffff"),
	REFUSED(setgid, "0xffffffff"),
	REFUSED(setresuid, "-1 -1 -1"),
	REFUSED(setresgid, "-1 -1 -1"),
	REFUSED(setgroups, "0x100000 0"),
	REFUSED(setfsuid, "-1"),
	REFUSED(capget, "* 0"),
	REFUSED(capset, "0 0"),
	REFUSED(setsid, ""),
	REFUSED(prctl, "4 1 0 0 0"),
	REFUSED(prctl, "4 0 0 0 0"),
	REFUSED(prctl, "3 0 0 0 0"),
	REFUSED(prctl, "1 0 0 0 0"),
	REFUSED(prctl, "38 1 0 0 0"),
	REFUSED(prctl, "0x59616d61 1 0 0 0"),
	/* a filter of its own */
	REFUSED(prctl, "22 2 * 0 0"),
	REFUSED(prctl, "22 2 0x40000008 0 0"),
	REFUSED(seccomp, "1 0 *"),
	REFUSED(seccomp, "1 0 0x40000010"),
	REFUSED(seccomp, "1 0 0x140000008"),
	REFUSED(seccomp, "1 1 0x40000008"),
	REFUSED(seccomp, "1 8 0x40000008"),
	REFUSED(seccomp, "0 1 0"),
	REFUSED(seccomp, "2 0 *"),
	REFUSED(seccomp, "3 0 *"),
	REFUSED(landlock_create_ruleset, "0 0 1"),
	REFUSED(landlock_restrict_self, "-1 0"),
	LOADS(prlimit64, "0 7 0 *"),
	/* its own number is a number, too */
	REFUSED(prlimit64, "$ 7 0 *"),
	REFUSED(prlimit64, "% 7 0 *"),
	REFUSED(prlimit64, "0x100000000 7 0 *"),
#ifdef SYS_setrlimit
	REFUSED(setrlimit, "4 *"),
	REFUSED(getrlimit, "4 *"),
#endif
	REFUSED(sched_setaffinity, "0 8 *"),
	REFUSED(sched_setscheduler, "0 0 *"),
	REFUSED(setpriority, "99 0 0"),
	REFUSED(setpriority, "0 % 19"),
	REFUSED(getpriority, "0 %"),
	REFUSED(sched_setaffinity, "% 8 *"),
	REFUSED(sched_getaffinity, "% 8 *"),
	REFUSED(sched_setscheduler, "% 5 *"),
	REFUSED(sched_setattr, "% * 0"),
	REFUSED(ioprio_set, "1 % 0x6000"),
	REFUSED(migrate_pages, "% 0 0 0"),
	REFUSED(move_pages, "% 0 0 0 0 0"),
	REFUSED(get_robust_list, "% * *"),
	REFUSED(kcmp, "% $ 2 0 0"),
	REFUSED(getpgid, "%"),
	REFUSED(setpgid, "% 0"),
	REFUSED(uname, "*"),
	REFUSED(sysinfo, "*"),
	REFUSED(syslog, "10 0 0"),
	REFUSED(quotactl, "0 0 0 0"),
	REFUSED(acct, "@/nonexistent/x"),
	REFUSED(nanosleep, "* 0"),
	REFUSED(clock_nanosleep, "1 0 * 0"),
	REFUSED(clock_settime, "99 *"),
#ifdef SYS_arch_prctl
	REFUSED(arch_prctl, "0x1003 *"),
	REFUSED(iopl, "99"),
#endif
	REFUSED(set_robust_list, "0 24"),
	REFUSED(membarrier, "0 0 0"),
	ALLOWED(clock_gettime, "1 *"),
	ALLOWED(clock_getres, "1 *"),
	/* how much a process worked: its own is no secret, but a number */
	ALLOWED(clock_gettime, "2 *"),
	REFUSED(clock_gettime, "-6 *"),
	REFUSED(clock_gettime, "& *"),
	REFUSED(clock_getres, "& *"),
	ALLOWED(getrandom, "* 8 0"),
	ALLOWED(sched_yield, ""),
	ALLOWED(futex, "* 129 1 0 0 0"),
	ALLOWED(futex, "* 0x4000000000000081 1 0 0 0"),
	REFUSED(futex, "* 1 1 0 0 0"),
	/* locks that lend a priority to whoever they name */
	REFUSED(futex, "* 134 0 0 0 0"),
	REFUSED(futex, "* 141 0 0 0 0"),
	/* not made, and 0 all the same: the kernel would mind the size */
	ALLOWED(rt_sigprocmask, "0 0 * 7"),
#ifdef __x86_64__
	/* the same numbers in the table of x32 */
	{ "x32 getpid", 0x40000000 + SYS_getpid, "", ENDS, ENDS },
	{ "x32 execve", 0x40000000 + 520, "0 0 0", ENDS, ENDS },
#endif
	{ "a call of the future", 5000, "", EPERM, EPERM },
};

_Static_assert(FILTER_STEADY_AT == 0x40000008, "as the rows have it");

/* With our own process id, the gateway's, for each %; and for each & what
 * clock_getcpuclockid(3) makes of it. */
static void words_of(const struct row *row, char *words, size_t size)
{
	struct buf out;

	buf_init_fixed(&out, words, size);
	buf_printf(&out, "%ld%s", row->number, row->args[0] ? " " : "");
	for (const char *c = row->args; *c; c++)
		if (*c == '%')
			buf_printf(&out, "%d", (int)getpid());
		else if (*c == '&')
			buf_printf(&out, "%d", (int)(~(unsigned)getpid() << 3 |
						     2));
		else
			buf_addc(&out, *c);
	ck_assert(buf_is_ok(&out));
}

static bool is_fatal(int expected)
{
	return expected == ENDS || expected == ABORTS;
}

static void hold_while_loading(bool has_landlock)
{
	char words[256], got[512];

	begin();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		words_of(&rows[i], words, sizeof(words));
		ask_at_load(words, got, sizeof(got));
		ck_assert_msg(is(got, rows[i].loading, has_landlock),
			      "%s %s: '%s'", rows[i].name, rows[i].args, got);
	}
	end(NULL);
}

static void hold_afterwards(void)
{
	struct adapter *adapter;
	char words[256], got[512];

	begin();
	adapter = load(NULL);
	ck_assert_msg(adapter != NULL, "%s", message);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		words_of(&rows[i], words, sizeof(words));
		ask(adapter, words, got, sizeof(got));
		ck_assert_msg(is(got, rows[i].steady, true),
			      "%s %s: '%s'", rows[i].name, rows[i].args, got);
		if (!is_fatal(rows[i].steady))
			continue;
		adapter_unref(adapter);
		adapter = load(NULL);
		ck_assert_msg(adapter != NULL, "%s", message);
	}
	end(adapter);
}

START_TEST(while_it_loads)
{
	hold_while_loading(landlock_version());
}
END_TEST

START_TEST(afterwards)
{
	hold_afterwards();
}
END_TEST

/* The table is about the sandbox: in the gateway's own process, none of what
 * it refuses comes out the same. */
START_TEST(without_a_sandbox_all_is_different)
{
	struct adapter *adapter;

	if (geteuid() != 0) {
		puts("skipped: to others the kernel itself refuses some");
		return;
	}
	adapter = load_with("probe", NULL, 0, message);
	ck_assert_msg(adapter != NULL, "%s", message);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		char words[256];
		struct sign_in s;
		int status;
		pid_t pid;

		/* vfork(2) by syscall(2) returns twice on one stack, and we
		 * would rather not be killed. */
		if (strpbrk(rows[i].args, "%&") ||
		    rows[i].steady == LET || !strcmp(rows[i].name, "vfork") ||
		    rows[i].steady == ABORTS || rows[i].steady == CHANNEL ||
		    rows[i].steady == EINVAL || rows[i].number == 5000)
			continue;
		words_of(&rows[i], words, sizeof(words));
		pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_RDWR);

			/* Nor does it write into what is the suite's. */
			for (int fd = 0; fd < 16; fd++)
				dup2(null, fd);
			closefrom(16);
			sign_in_init(&s);
			sign_in_field(&s, "call", words);
			handoff(adapter, 0, &s);
			_exit(is(change_of(&s, "result")->value.ptr,
				 rows[i].steady, true) ? 1 : 0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			      "%s %s: the same without (%x)", rows[i].name,
			      rows[i].args, (unsigned)status);
	}
	adapter_unref(adapter);
}
END_TEST

#ifdef __x86_64__
/* Of a kernel without CONFIG_IA32_EMULATION the instruction is a fault, of which
 * a sanitizer makes an end of its own. */
static bool is_no_door(const char *got)
{
	return strstr(got, IS_SANITIZED ? "with status 1" : "signal 11 (") !=
	       NULL;
}

START_TEST(by_the_door_of_i386_nothing_goes)
{
	struct adapter *adapter;
	char got[512];

	begin();
	ask_at_load("i386 20", got, sizeof(got));	/* getpid */
	ck_assert_msg(is(got, ENDS, true) || is_no_door(got), "%s", got);
	adapter = load(NULL);
	ask(adapter, "i386 20", got, sizeof(got));
	ck_assert_msg(is(got, ENDS, true) || is_no_door(got), "%s", got);
	end(adapter);
}
END_TEST
#endif

START_TEST(constructors_are_inside)
{
	struct adapter *adapter;
	char want[32], got[512];

	begin();
	adapter = load(NULL);
	ck_assert_msg(adapter != NULL, "%s", message);
	ask(adapter, "constructor", got, sizeof(got));
	snprintf(want, sizeof(want), "%d %d", landlock_version() ? EACCES : 0,
		 EPERM);
	ck_assert_str_eq(got, want);
	end(adapter);
}
END_TEST

/* ---- the gateway's own --------------------------------------------------- */

START_TEST(the_state_directory_is_out_of_reach)
{
	char file[PATH_MAX], words[PATH_MAX + 32], got[512];
	int fd;

	snprintf(file, sizeof(file), "%s/keyring", unit_dir());
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	begin();
	for (unsigned i = 0; i < 2; i++) {
		snprintf(words, sizeof(words), "%ld -100 @%s 0",
			 (long)SYS_openat, i ? file : unit_dir());
		ask_at_load(words, got, sizeof(got));
		ck_assert_msg(is(got, EACCES, true), "%s: %s", words, got);
	}
	/* Nor is what the gateway has open. */
	snprintf(words, sizeof(words), "%ld -100 @/proc/%d/fd/0 0",
		 (long)SYS_openat, (int)getpid());
	ask_at_load(words, got, sizeof(got));
	ck_assert_msg(is(got, EACCES, true), "%s: %s", words, got);
	end(NULL);
}
END_TEST

/* ---- limits -------------------------------------------------------------- */

START_TEST(its_limits)
{
	static const struct {
		const char *name;
		unsigned long value;
	} limits[] = {
		{ "Max core file size", 0 },
		{ "Max file size", 0 },
		{ "Max locked memory", 0 },
		{ "Max msgqueue size", 0 },
		{ "Max processes", 1 },
		{ "Max open files", 0 },
		{ "Max stack size", SANDBOX_STACK },
#if !IS_SANITIZED
		{ "Max address space", SANDBOX_ADDRESS_SPACE },
#endif
	};
	char line[256], name[64];
	struct isolated_stats stats;
	struct adapter *adapter;
	unsigned seen = 0;
	FILE *f;
	int nice;

	begin();
	adapter = load(NULL);
	ck_assert_msg(adapter != NULL, "%s", message);
	ck_assert(adapter_process(adapter, &stats));
	snprintf(name, sizeof(name), "/proc/%d/limits", (int)stats.pid);
	f = fopen(name, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		for (unsigned i = 0; i < COUNT(limits); i++) {
			size_t len = strlen(limits[i].name);
			char *rest;

			if (strncmp(line, limits[i].name, len))
				continue;
			/* Soft and hard. */
			ck_assert_msg(strtoul(line + len, &rest, 10) ==
				      limits[i].value &&
				      strtoul(rest, NULL, 10) ==
				      limits[i].value, "%s", line);
			seen++;
		}
	fclose(f);
	ck_assert_uint_eq(seen, COUNT(limits));
	/* And it gives way to us: 19 is as far as that goes. */
	nice = getpriority(PRIO_PROCESS, 0) + SANDBOX_NICE;
	ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)stats.pid),
			 nice < 19 ? nice : 19);
	end(adapter);
}
END_TEST

START_TEST(what_the_limits_do)
{
	struct adapter *adapter;
	char words[64], got[512];

	begin();
	/* All but 0 to 3: the module's and the filters' are closed. */
	ask_at_load("open_many", got, sizeof(got));
	snprintf(words, sizeof(words), "%d", EMFILE);
	ck_assert_str_eq(got, words);
	ck_assert_msg(strstr(last_log, " 12 ") != NULL, "%s", last_log);
	adapter = load(NULL);
	ask(adapter, "stack 400000", got, sizeof(got));
	ck_assert_str_eq(got, "let");
#if !IS_SANITIZED
	snprintf(words, sizeof(words), "%ld 0 0x%x 3 0x22 -1 0",
		 (long)SYS_mmap, SANDBOX_ADDRESS_SPACE);
	ask(adapter, words, got, sizeof(got));
	ck_assert_msg(is(got, ENOMEM, true), "%s", got);
	ask(adapter, "stack 2000000", got, sizeof(got));
	ck_assert_msg(strstr(got, "signal 11") != NULL, "%s", got);
#endif
	end(adapter);
}
END_TEST

/* ---- without Landlock ---------------------------------------------------- */

/* This thread and what it starts have a kernel that knows nothing of it. */
static int forget_landlock(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = ctx ? seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				SCMP_SYS(landlock_create_ruleset), 0) : -1;

	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc || landlock_version() ? -1 : 0;
}

static void seccomp_alone(void)
{
	ck_assert_int_eq(forget_landlock(), 0);
	hold_while_loading(false);
	hold_afterwards();
}

START_TEST(without_landlock_the_filters_and_a_user_of_its_own_hold)
{
	if (geteuid() != 0) {
		puts("skipped: only root can give it a user of its own");
		return;
	}
	in_a_process(seccomp_alone);
}
END_TEST

/* Root that may not become anybody else. */
static int drop_setuid(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (geteuid() != 0)
		return 0;
	if (prctl(PR_CAPBSET_DROP, CAP_SETUID, 0, 0, 0) ||
	    syscall(SYS_capget, &head, data))
		return -1;
	data[0].effective &= ~(1u << CAP_SETUID);
	data[0].permitted &= ~(1u << CAP_SETUID);
	return (int)syscall(SYS_capset, &head, data);
}

static void neither(void)
{
	struct adapter *adapter;

	ck_assert_int_eq(forget_landlock(), 0);
	ck_assert_int_eq(drop_setuid(), 0);
	begin();
	adapter = load(NULL);
	ck_assert_ptr_null(adapter);
	ck_assert_msg(strstr(message, "no sandbox: this kernel has no "
			     "Landlock, and the gateway may not change to "
			     "another user") != NULL, "%s", message);
	end(NULL);
}

START_TEST(without_either_nothing_is_loaded)
{
	in_a_process(neither);
}
END_TEST

/* An ordinary user, of whom there are other processes: the gateway, which here
 * is as open to its like as any program. */
static void as_nobody(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setgroups(0, NULL) ||
				 setresgid(NOBODY, NOBODY, NOBODY) ||
				 setresuid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	if (access(adapter_path("probe", path), R_OK)) {
		puts("skipped: nobody may not read the build");
		return;
	}
	hold_while_loading(true);
	hold_afterwards();
}

START_TEST(of_the_same_user_it_does_nothing_to_the_gateway)
{
	if (!landlock_version()) {
		puts("skipped: this kernel has no Landlock");
		return;
	}
	in_a_process(as_nobody);
}
END_TEST

static void landlock_alone(void)
{
	ck_assert_int_eq(drop_setuid(), 0);
	hold_while_loading(true);
	hold_afterwards();
}

START_TEST(without_a_user_of_its_own_landlock_holds)
{
	if (!landlock_version()) {
		puts("skipped: this kernel has no Landlock");
		return;
	}
	in_a_process(landlock_alone);
}
END_TEST

/* ---- orphans ------------------------------------------------------------- */

/* Its greeting: one that is not read would be a broken channel to it, not one
 * that was closed. */
static int hear(const struct child *child)
{
	struct pollfd channel = { .fd = child->channel, .events = POLLIN };
	char frame[512];

	return poll(&channel, 1, 30000) == 1 &&
	       read(child->channel, frame, sizeof(frame)) > 0 ? 0 : -1;
}

/* A gateway that is gone when its child has all it needs to load. */
static _Noreturn void be_gateway(int tell)
{
	char host[PATH_MAX];
	struct module_copy copy;
	struct child_spec spec = { .host = host };
	struct child child;
	struct buf problem, frame;
	uint32_t len;

	buf_init_fixed(&problem, message, sizeof(message));
	buf_init(&frame, WIRE_FRAME_MAX);
	child_find_host(host, sizeof(host));
	if (module_copy(adapter_path("probe", path), &copy, &problem) ||
	    filter_new(&spec.filters, &problem))
		_exit(1);
	spec.module = copy.fd;
	if (child_spawn(&spec, &child, &problem) || hear(&child) ||
	    kill(child.pid, SIGSTOP) ||
	    waitpid(child.pid, NULL, WUNTRACED) != child.pid)
		_exit(2);
	wire_begin(&frame, (struct wire_head){ WIRE_START, 1, 0 });
	wire_add_text(&frame, WIRE_TENANT, STR("acme"));
	wire_add_number(&frame, WIRE_DEADLINE, 50);
	len = (uint32_t)frame.len;
	if (writev(child.channel, (struct iovec[]){ { &len, sizeof(len) },
						    { frame.ptr, frame.len } },
		   2) != (ssize_t)(sizeof(len) + frame.len) ||
	    write(tell, &child.pid, sizeof(child.pid)) < 0)
		_exit(3);
	_exit(0);
}

START_TEST(an_orphan_loads_nothing)
{
	int ends[2], status;
	pid_t gateway, child;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	gateway = fork();
	if (gateway == 0)
		be_gateway(ends[1]);
	ck_assert_int_eq(waitpid(gateway, &status, 0), gateway);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(read(ends[0], &child, sizeof(child)), sizeof(child));
	ck_assert_int_eq(kill(child, SIGCONT), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	/* Had it gone on, it would have found nobody to tell READY. */
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == HOST_DONE,
		      "%x", (unsigned)status);
	close(ends[0]);
	close(ends[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}
END_TEST

static void sandbox_tests(TCase *tcase)
{
	tcase_add_test(tcase, while_it_loads);
	tcase_add_test(tcase, afterwards);
	tcase_add_test(tcase, without_a_sandbox_all_is_different);
#ifdef __x86_64__
	tcase_add_test(tcase, by_the_door_of_i386_nothing_goes);
#endif
	tcase_add_test(tcase, constructors_are_inside);
	tcase_add_test(tcase, the_state_directory_is_out_of_reach);
	tcase_add_test(tcase, its_limits);
	tcase_add_test(tcase, what_the_limits_do);
	tcase_add_test(tcase,
		       without_landlock_the_filters_and_a_user_of_its_own_hold);
	tcase_add_test(tcase, without_either_nothing_is_loaded);
	tcase_add_test(tcase, without_a_user_of_its_own_landlock_holds);
	tcase_add_test(tcase, of_the_same_user_it_does_nothing_to_the_gateway);
	tcase_add_test(tcase, an_orphan_loads_nothing);
}

UNIT_MAIN("sandbox", sandbox_tests)
