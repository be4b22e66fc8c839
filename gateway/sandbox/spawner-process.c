/* The spawner's own life. It believes nothing that it is told. */
#include "sandbox/spawner-private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/filter.h"
#include "sandbox/host.h"
#include "sandbox/sandbox.h"

#define HIGH 16		/* above what a child's are moved to */
#define CAP(n) (UINT32_C(1) << (n))
#define FILTER_FILE_MAX (sizeof(struct filter_head) +			\
			 FILTER_INSTRUCTIONS_MAX * FILTER_INSTRUCTION_SIZE)

static struct {
	int channel, host, lock;
	struct uid_range range;
	pid_t pid;
	pid_t children[UIDS_MAX];	/* by uid; 0: none. Not reaped, so that
					 * no number is another's */
	int fds[SPAWNER_FDS];		/* of the request */
	union {
		struct filter_head head;
		char bytes[FILTER_FILE_MAX];
	} filter;
} self;

static _Noreturn void end(int status)
{
	for (unsigned i = 0; i < self.range.count; i++)
		if (self.children[i])
			kill(self.children[i], SIGKILL);
	_exit(status);
}

static void say(const struct spawner_reply *reply, int pidfd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct spawner_reply copy = *reply;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pidfd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &pidfd, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	/* Who asks and does not listen is out of turn. */
	if (sendmsg(self.channel, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    sizeof(copy))
		end(1);
}

/* ---- giving up -------------------------------------------------------------- */

/* 0, or -1 with errno; the length of the filter's file. */
static int take_descriptors(size_t *len_r)
{
	ssize_t n = pread(SPAWNER_FILTER_FD, self.filter.bytes,
			  sizeof(self.filter.bytes), 0);

	self.channel = fcntl(SPAWNER_CHANNEL_FD, F_DUPFD_CLOEXEC, HIGH);
	self.host = fcntl(SPAWNER_HOST_FD, F_DUPFD_CLOEXEC, HIGH);
	self.lock = fcntl(SPAWNER_LOCK_FD, F_DUPFD_CLOEXEC, HIGH);
	if (self.channel < 0)
		_exit(1);
	for (int fd = SPAWNER_CHANNEL_FD; fd <= SPAWNER_LOCK_FD; fd++)
		close(fd);
	if (n < (ssize_t)sizeof(self.filter.head))
		errno = EINVAL;
	if (n < (ssize_t)sizeof(self.filter.head) || self.host < 0 ||
	    self.lock < 0)
		return -1;
	*len_r = (size_t)n;
	return 0;
}

/* From root to the first of the range, with the capabilities kept. */
static int take_user(void)
{
	const uid_t uid = self.range.first;

	return setgroups(0, NULL) || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) ||
	       setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ? -1 : 0;
}

static int keep_capabilities(uint32_t which)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct kept[2] = {
		{ .effective = which, .permitted = which },
	};

	return (int)syscall(SYS_capset, &head, kept);
}

static int drop_privileges(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	return setrlimit(RLIMIT_CORE, &none) || chdir("/") ||
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -1 : 0;
}

/* In the order of enum spawner_step. Ends where one of them is refused. */
static void give_up(void)
{
	const uint32_t caps = CAP(CAP_SETUID) | CAP(CAP_SETGID) |
			      CAP(CAP_KILL);
	struct spawner_reply hello = { .verb = SPAWNER_HELLO };
	size_t len = 0;
	int rc = 0;

	while (!rc && hello.code < SPAWNER_STEPS) {
		switch ((enum spawner_step)hello.code) {
		case SPAWNER_STEP_DESCRIPTORS:
			rc = take_descriptors(&len);
			break;
		case SPAWNER_STEP_USER:
			rc = take_user();
			break;
		case SPAWNER_STEP_CAPABILITIES:
			rc = keep_capabilities(caps);
			break;
		case SPAWNER_STEP_PRIVILEGES:
			rc = drop_privileges();
			break;
		case SPAWNER_STEP_FILTER:
			rc = sandbox_filter(&self.filter.head, len,
					    FILTER_LOAD);
			break;
		case SPAWNER_STEPS:
			break;
		}
		if (!rc)
			hello.code++;
	}
	hello.error = rc ? errno : 0;
	say(&hello, -1);
	if (rc)
		end(1);
}

/* ---- a child ------------------------------------------------------------------- */

static int become(uid_t uid)
{
	sigset_t none;

	sigemptyset(&none);
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ||
	    keep_capabilities(0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ||
	    sigprocmask(SIG_SETMASK, &none, NULL))
		return -1;
	/* Who died before that sends nothing any more. */
	errno = ESRCH;
	return getppid() == self.pid ? 0 : -1;
}

static int place_descriptors(int *report)
{
	for (int i = 0; i < SPAWNER_FDS; i++) {
		self.fds[i] = fcntl(self.fds[i], F_DUPFD_CLOEXEC, HIGH);
		if (self.fds[i] < 0)
			return -1;
	}
	*report = fcntl(*report, F_DUPFD_CLOEXEC, HIGH);
	if (*report < 0)
		return -1;
	for (int i = 0; i < SPAWNER_FDS; i++)
		if (dup2(self.fds[i], HOST_LOG_FD + i) < 0)
			return -1;
	return 0;
}

/* In the new process, until it is usher-adapter-host. */
static _Noreturn void be_host(uid_t uid, int report)
{
	char name[] = "usher-adapter-host", text[16];
	char *const argv[] = { name, text, NULL };
	char *const none[] = { NULL };
	int rc;

	snprintf(text, sizeof(text), "%u", (unsigned)uid);
	if (place_descriptors(&report) == 0 && become(uid) == 0)
		syscall(SYS_execveat, self.host, "", argv, none,
			AT_EMPTY_PATH);
	rc = errno;
	if (write(report, &rc, sizeof(rc)) < 0)
		_exit(126);
	_exit(127);
}

/* The new process, as usher-adapter-host; an errno. */
static int start_host(uid_t uid, pid_t *pid_r)
{
	int ends[2], rc = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return errno;
	pid = fork();
	if (pid == 0)
		be_host(uid, ends[1]);
	if (pid < 0)
		rc = errno;
	close(ends[1]);
	if (pid > 0) {
		do
			n = read(ends[0], &rc, sizeof(rc));
		while (n < 0 && errno == EINTR);
		if (n != 0)
			waitpid(pid, NULL, 0);
		if (n != 0 && !rc)
			rc = EIO;
	}
	close(ends[0]);
	*pid_r = pid;
	return rc;
}

/* ---- requests ------------------------------------------------------------------ */

/* Are the descriptors what a child is to have? */
static bool is_known(void)
{
	const int sealed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	socklen_t size = sizeof(int);
	struct stat log;
	int type = 0;

	if (fstat(self.fds[0], &log) || !S_ISFIFO(log.st_mode) ||
	    getsockopt(self.fds[1], SOL_SOCKET, SO_TYPE, &type, &size) ||
	    type != SOCK_SEQPACKET)
		return false;
	for (int i = 2; i < SPAWNER_FDS; i++) {
		int seals = fcntl(self.fds[i], F_GET_SEALS);

		if (seals < 0 || (seals & sealed) != sealed)
			return false;
	}
	return true;
}

static void start(pid_t *child, uid_t uid)
{
	struct spawner_reply reply = { .verb = SPAWNER_START };
	pid_t pid = 0;
	int pidfd = -1;

	if (!is_known())
		end(1);
	reply.error = *child ? EEXIST : start_host(uid, &pid);
	if (!reply.error) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0) {
			reply.error = errno;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	if (!reply.error)
		*child = reply.pid = pid;
	say(&reply, pidfd);
	if (pidfd >= 0)
		close(pidfd);
}

static void kill_one(const pid_t *child)
{
	struct spawner_reply reply = { .verb = SPAWNER_KILL };

	if (!*child)
		reply.error = ESRCH;
	else if (kill(*child, SIGKILL))
		reply.error = errno;
	say(&reply, -1);
}

/* Never waits: it must hear of the gateway's end. */
static void reap(pid_t *child)
{
	struct spawner_reply reply = { .verb = SPAWNER_REAP };
	siginfo_t info = { 0 };

	if (!*child)
		reply.error = ESRCH;
	else if (waitid(P_PID, (id_t)*child, &info, WEXITED | WNOHANG))
		reply.error = errno;
	else if (!info.si_pid)
		reply.error = EAGAIN;
	if (!reply.error) {
		reply.code = info.si_code;
		reply.status = info.si_status;
		*child = 0;
	}
	say(&reply, -1);
}

/* How many descriptors came with it, in self.fds. */
static unsigned descriptors_of(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (msg->msg_flags & MSG_CTRUNC)
		end(1);
	if (!c)
		return 0;
	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(self.fds)))
		end(1);
	memcpy(self.fds, CMSG_DATA(c), sizeof(self.fds));
	return SPAWNER_FDS;
}

static void serve_one(void)
{
	union {
		char room[CMSG_SPACE(sizeof(self.fds))];
		struct cmsghdr align;
	} control;
	struct spawner_request request;
	struct iovec iov = { &request, sizeof(request) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	unsigned count, index;

	do
		n = recvmsg(self.channel, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		end(n < 0);
	count = descriptors_of(&msg);
	index = request.uid - self.range.first;
	if (n != sizeof(request) || msg.msg_flags & MSG_TRUNC ||
	    request.uid <= self.range.first || index >= self.range.count)
		end(1);
	if (request.verb == SPAWNER_START && count == SPAWNER_FDS)
		start(&self.children[index], request.uid);
	else if (request.verb == SPAWNER_KILL && !count)
		kill_one(&self.children[index]);
	else if (request.verb == SPAWNER_REAP && !count)
		reap(&self.children[index]);
	else
		end(1);
	for (unsigned i = 0; i < count; i++)
		close(self.fds[i]);
}

void spawner_run(struct uid_range range)
{
	sigset_t all;

	/* What the operator sends to all is the gateway's affair. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "usher-spawner", 0, 0, 0);
	self.range = range;
	self.pid = getpid();
	give_up();
	for (;;)
		serve_one();
}
