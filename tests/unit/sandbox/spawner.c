/*
 * The spawner: what it is asked, what it refuses, and what it could do if it
 * were taken over.  All of it needs root.
 */
#include "sandbox/spawner-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/child.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"
#include "unit/unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UID(n) ((uid_t)(spawner.range.first + (n)))

static struct spawner spawner;
static char text[256];
static struct buf problem;

/* What a child would be given; its other ends. */
static int given[SPAWNER_FDS], log_end, channel_end;

static int sealed(void)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK |
			       F_SEAL_GROW | F_SEAL_SEAL), 0);
	return fd;
}

static void make_given(void)
{
	int ends[2], pair[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    pair), 0);
	log_end = ends[0];
	channel_end = pair[0];
	given[0] = ends[1];
	given[1] = pair[1];
	given[2] = sealed();
	given[3] = sealed();
}

/* The gateway's own copies. */
static void close_given(void)
{
	for (unsigned i = 0; i < COUNT(given); i++)
		close(given[i]);
}

static int claim(struct uid_range *range_r)
{
	int fd = uids_claim(range_r, &problem);

	ck_assert_msg(fd >= 0, "%s", text);
	return fd;
}

static void begin(void)
{
	char host[PATH_MAX];
	struct uid_range own;
	int lock;

	buf_init_fixed(&problem, text, sizeof(text));
	child_find_host(host, sizeof(host));
	lock = claim(&own);
	ck_assert_msg(spawner_open(&spawner, host, own, lock) == ERR_OK,
		      "%s", spawner.why);
	make_given();
}

static void wait_for(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	ck_assert_int_eq(poll(&end, 1, 30000), 1);
}

/* A datagram of the test's own, with `count` of the descriptors. */
static void say(const void *data, size_t len, const int *fds, size_t count)
{
	union {
		char room[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(spawner.channel, &msg, MSG_NOSIGNAL),
			 (ssize_t)len);
}

START_TEST(it_starts_and_kills_and_tells_the_end)
{
	siginfo_t info = { 0 };
	char path[64], line[256];
	bool is_its = false;
	int pidfd, other;
	pid_t pid;
	FILE *f;

	begin();
	ck_assert_int_eq(spawner_start(&spawner, UID(1), given, &pid, &pidfd,
				       &problem), 0);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Uid:", 4))
			is_its = strtoul(line + 4, NULL, 10) == UID(1);
	fclose(f);
	ck_assert(is_its);
	/* It runs: not yet ended, and no second one of the same user. */
	ck_assert_int_eq(spawner_reap(&spawner, UID(1), &info), -1);
	ck_assert_int_eq(spawner_start(&spawner, UID(1), given, &pid, &other,
				       &problem), EEXIST);
	ck_assert_int_eq(spawner_start(&spawner, UID(2), given, &pid, &other,
				       &problem), 0);
	close_given();
	ck_assert_int_eq(spawner_kill(&spawner, UID(1)), 0);
	wait_for(pidfd);
	ck_assert_int_eq(spawner_reap(&spawner, UID(1), &info), 0);
	ck_assert_int_eq(info.si_code, CLD_KILLED);
	ck_assert_int_eq(info.si_status, SIGKILL);
	/* Its name is free, and means nobody. */
	ck_assert_int_eq(spawner_reap(&spawner, UID(1), &info), -1);
	ck_assert_int_eq(spawner_kill(&spawner, UID(1)), -1);
	ck_assert_int_ge(spawner.channel, 0);
	/* The other ends by itself when its channel is closed... */
	close(channel_end);
	wait_for(other);
	ck_assert_int_eq(spawner_reap(&spawner, UID(2), &info), 0);
	ck_assert_int_eq(info.si_code, CLD_EXITED);
	spawner_close(&spawner);
	/* ... and the names are of no use without a spawner. */
	ck_assert_int_eq(spawner_start(&spawner, UID(1), given, &pid, &other,
				       &problem), EPIPE);
}
END_TEST

/* Whoever says this is not the gateway that it was. */
static const struct bad {
	uint32_t verb, uid;
	size_t len, fds;
	int stranger;		/* the descriptor that is of another kind */
} bad[] = {
	{ SPAWNER_START, 1, 8, 0, -1 },		/* none */
	{ SPAWNER_START, 1, 8, 3, -1 },		/* too few */
	{ SPAWNER_START, 1, 8, 5, -1 },		/* too many */
	{ SPAWNER_START, 1, 8, 8, -1 },
	{ SPAWNER_START, 1, 8, 4, 0 },		/* of another kind */
	{ SPAWNER_START, 1, 8, 4, 1 },
	{ SPAWNER_START, 1, 8, 4, 2 },
	{ SPAWNER_START, 1, 8, 4, 3 },
	{ SPAWNER_START, 0, 8, 4, -1 },		/* the spawner's own user */
	{ SPAWNER_START, UIDS_MAX, 8, 4, -1 },	/* past the last */
	{ SPAWNER_START, UINT32_MAX, 8, 4, -1 },	/* before the first */
	{ SPAWNER_KILL, 0, 8, 0, -1 },
	{ SPAWNER_KILL, UIDS_MAX, 8, 0, -1 },
	{ SPAWNER_KILL, 1, 8, 4, -1 },
	{ SPAWNER_REAP, 1, 8, 1, -1 },
	{ SPAWNER_REAP, 1, 7, 0, -1 },		/* short */
	{ SPAWNER_REAP, 1, 9, 0, -1 },		/* long */
	{ SPAWNER_HELLO, 1, 8, 0, -1 },		/* not asked for */
	{ 0, 1, 8, 0, -1 },
	{ SPAWNER_REAP + 1, 1, 8, 0, -1 },
};

START_TEST(what_is_not_of_the_grammar_ends_it_and_all)
{
	for (unsigned i = 0; i < COUNT(bad); i++) {
		struct {
			struct spawner_request request;
			char more;
		} message = { { bad[i].verb, 0 }, 'x' };
		int fds[8], pidfd;
		pid_t pid;
		char c;

		begin();
		message.request.uid = UID(bad[i].uid);
		/* One that runs meanwhile. */
		ck_assert_int_eq(spawner_start(&spawner, UID(7), given, &pid,
					       &pidfd, &problem), 0);
		for (unsigned n = 0; n < COUNT(fds); n++)
			fds[n] = given[n % COUNT(given)];
		if (bad[i].stranger >= 0)
			fds[bad[i].stranger] = open("/dev/null", O_RDWR |
						    O_CLOEXEC);
		say(&message, bad[i].len, fds, bad[i].fds);
		ck_assert_msg(recv(spawner.channel, &c, 1, 0) == 0,
			      "%u was answered", i);
		wait_for(pidfd);
		spawner_close(&spawner);
		if (bad[i].stranger >= 0)
			close(fds[bad[i].stranger]);
		close_given();
		close(log_end);
		close(channel_end);
		close(pidfd);
	}
}
END_TEST

START_TEST(a_program_that_cannot_run_is_an_answer)
{
	char host[PATH_MAX], copy[PATH_MAX + 16], command[3 * PATH_MAX];
	struct uid_range own;
	int pidfd, lock;
	pid_t pid;

	buf_init_fixed(&problem, text, sizeof(text));
	child_find_host(host, sizeof(host));
	snprintf(copy, sizeof(copy), "%s/host", unit_dir());
	snprintf(command, sizeof(command), "cp '%s' '%s'", host, copy);
	ck_assert_int_eq(system(command), 0);
	/* For root alone: the spawner begins, and its children cannot. */
	ck_assert_int_eq(chmod(copy, 0700), 0);
	lock = claim(&own);
	ck_assert_msg(spawner_open(&spawner, copy, own, lock) == ERR_OK,
		      "%s", spawner.why);
	make_given();
	ck_assert_int_eq(spawner_start(&spawner, UID(1), given, &pid, &pidfd,
				       &problem), EACCES);
	ck_assert_str_eq(text, "Permission denied");
	/* It goes on, and where the file lies is of no account. */
	ck_assert_int_eq(chmod(copy, 0755), 0);
	ck_assert_int_eq(chmod(unit_dir(), 0700), 0);
	ck_assert_int_eq(spawner_start(&spawner, UID(1), given, &pid, &pidfd,
				       &problem), 0);
	/* It is the file that was opened, not the name. */
	ck_assert_int_eq(unlink(copy), 0);
	ck_assert_int_eq(symlink("/bin/true", copy), 0);
	ck_assert_int_eq(spawner_start(&spawner, UID(2), given, &pid, &pidfd,
				       &problem), 0);
	spawner_close(&spawner);
}
END_TEST

/* ---- taken over --------------------------------------------------------------- */

static struct uid_range range;

static long to(uid_t uid)
{
	return setresuid(uid, uid, uid);
}

static long group_to(gid_t gid)
{
	return setresgid(gid, gid, gid);
}

static long nothing_else(int number)
{
	return syscall(number, 0, 0, 0, 0, 0, 0);
}

/* Of a user who has but this process, in a group of its own: were it let, it
 * would hit nobody else. */
static long kill_as_nobody(pid_t whom)
{
	if (to(range.first + 1))
		_exit(202);
	return kill(whom, SIGKILL);
}

/* 0: let; an errno; a negative number: ended by that signal. */
static int attempt(unsigned which)
{
	struct rlimit limit;
	long rc = 0;

	switch (which) {
	case 0: rc = group_to(range.first + 1); break;
	case 1: rc = to(range.first + 1); break;
	case 2: rc = to(range.first + range.count - 1); break;
	case 3: rc = to(0); break;
	case 4: rc = to(1000); break;
	case 5: rc = to(range.first + range.count); break;
	case 6: rc = to(range.first - 1); break;
	case 7: rc = setresuid(range.first, (uid_t)-1, range.first); break;
	case 8: rc = group_to(0); break;
	case 9: rc = nothing_else(SYS_setuid); break;
	case 10: rc = nothing_else(SYS_setgid); break;
	case 11: rc = nothing_else(SYS_setreuid); break;
	case 12: rc = nothing_else(SYS_setregid); break;
	case 13: rc = nothing_else(SYS_setfsuid); break;
	case 14: rc = nothing_else(SYS_setfsgid); break;
	case 15: rc = nothing_else(SYS_setgroups); break;
	case 16: rc = kill(getpid(), SIGTERM); break;
	case 17: rc = syscall(SYS_tkill, syscall(SYS_gettid), SIGTERM); break;
	case 18: rc = unshare(CLONE_NEWUSER); break;
	case 19: rc = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
		break;
	case 20: rc = syscall(SYS_clone3, NULL, 0); break;
	case 21: rc = socket(AF_UNIX, SOCK_STREAM, 0); break;
	case 22: rc = syscall(SYS_ptrace, 0, 0, 0, 0); break;
	case 23: rc = nothing_else(SYS_process_vm_writev); break;
	case 24: rc = nothing_else(SYS_mount); break;
	case 25: rc = nothing_else(SYS_bpf); break;
	case 26: rc = nothing_else(SYS_io_uring_setup); break;
	case 27: rc = nothing_else(SYS_chroot); break;
	case 28: rc = nothing_else(SYS_execve); break;
	case 29: rc = nothing_else(SYS_init_module); break;
	case 30: rc = nothing_else(SYS_pidfd_send_signal); break;
	case 31: rc = kill_as_nobody(-1); break;
	case 32: rc = kill_as_nobody(0); break;
	case 33: rc = kill_as_nobody(1); break;
	case 34: rc = syscall(SYS_tgkill, getppid(), getppid(), 0);
		break;
	case 35: rc = prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit); break;
	case 36: rc = setpriority(PRIO_PROCESS, (id_t)getppid(), 0); break;
	case 37: rc = setpriority(PRIO_USER, 0, 0); break;
	case 38: rc = nothing_else(SYS_sched_setaffinity); break;
	case 39: rc = nothing_else(SYS_ioprio_set); break;
	case 40: rc = nothing_else(SYS_setpgid); break;
	default: rc = -1; errno = EINVAL;
	}
	return rc < 0 ? errno : 0;
}

/* In a process that has what the spawner has: its user's rights, and the
 * filter. */
static int as_spawner(unsigned which)
{
	int fd, status;
	pid_t pid = fork();
	size_t len;
	void *map;

	ck_assert_int_ge(pid, 0);
	if (pid) {
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		return WIFSIGNALED(status) ? -WTERMSIG(status) :
					     WEXITSTATUS(status);
	}
	buf_init_fixed(&problem, text, sizeof(text));
	if (setpgid(0, 0) || filter_new_spawner(range, &fd, &problem))
		_exit(200);
	len = (size_t)lseek(fd, 0, SEEK_END);
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    sandbox_filter(map, len, FILTER_LOAD))
		_exit(201);
	_exit(attempt(which));
}

START_TEST(taken_over_it_is_still_nobody)
{
	static const int expected[] = {
		[0] = 0, [1] = 0, [2] = 0, [20] = ENOSYS, [21] = EPERM,
		[28] = EPERM,
	};
	int lock;

	buf_init_fixed(&problem, text, sizeof(text));
	lock = claim(&range);
	for (unsigned i = 0; i <= 40; i++) {
		int want = i < 3 ? 0 : i < COUNT(expected) && expected[i] ?
			expected[i] : -SIGSYS;

		ck_assert_msg(as_spawner(i) == want, "%u: %d", i,
			      as_spawner(i));
	}
	close(lock);
}
END_TEST

static void spawner_tests(TCase *tcase)
{
	struct uid_range any;
	int lock;

	buf_init_fixed(&problem, text, sizeof(text));
	lock = geteuid() == 0 ? uids_claim(&any, &problem) : -1;
	if (lock >= 0)
		close(lock);
	if (lock < 0) {
		printf("skipped: only root can start a spawner %s\n", text);
		exit(77);
	}
	tcase_add_test(tcase, it_starts_and_kills_and_tells_the_end);
	tcase_add_test(tcase, what_is_not_of_the_grammar_ends_it_and_all);
	tcase_add_test(tcase, a_program_that_cannot_run_is_an_answer);
	tcase_add_test(tcase, taken_over_it_is_still_nobody);
}

UNIT_MAIN("spawner", spawner_tests)
