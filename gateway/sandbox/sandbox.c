#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A sanitizer reserves terabytes of addresses. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

_Static_assert(sizeof(struct sock_filter) == FILTER_INSTRUCTION_SIZE,
	       "as the file has them");

static enum err fail(struct buf *problem, const char *what)
{
	char text[128];

	buf_printf(problem, "no sandbox: %s: %s", what,
		   strerror_r(errno, text, sizeof(text)));
	return ERR_UNSUPPORTED;
}

/* ---- Landlock ------------------------------------------------------------- */

/*
 * Carried here: a distribution's header may be older than the kernel that the
 * gateway runs on.
 */
struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define NET_ALL UINT64_C(3)		/* bind, connect: version 4 */
#define SCOPED_ALL UINT64_C(3)		/* abstract sockets, signals: 6 */

static const char *const library_dirs[] = {
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib",
};

int sandbox_landlock(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       CREATE_VERSION);

	return version > 0 ? (int)version : 0;
}

static uint64_t fs_of(int version)
{
	/* 1: 13 rights; 2: refer; 3: truncate; 5: ioctl on devices */
	static const uint64_t all[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff,
					0xffff };

	return all[version > 5 ? 5 : version];
}

static int allow(int ruleset, const char *path, uint64_t what)
{
	struct path_beneath rule = { .allowed = what };
	int rc = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule,
		    0))
		rc = -1;
	close(rule.fd);
	return rc;
}

static int restrict_paths(int version)
{
	const struct ruleset all = {
		.fs = fs_of(version),
		.net = version >= 4 ? NET_ALL : 0,
		.scoped = version >= 6 ? SCOPED_ALL : 0,
	};
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	int rc = fd < 0 ? -1 : 0;

	for (size_t i = 0; !rc && i < sizeof(library_dirs) /
				      sizeof(library_dirs[0]); i++)
		rc = allow(fd, library_dirs[i], FS_READ_FILE | FS_READ_DIR);
	if (!rc)
		rc = allow(fd, "/etc/ld.so.cache", FS_READ_FILE);
	if (!rc && syscall(SYS_landlock_restrict_self, fd, 0))
		rc = -1;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- who we are ------------------------------------------------------------- */

/* The spawner did it before we began. */
static bool is_already(uid_t uid)
{
	uid_t real, effective, saved;
	gid_t group, effective_group, saved_group;

	return getresuid(&real, &effective, &saved) == 0 &&
	       getresgid(&group, &effective_group, &saved_group) == 0 &&
	       real == uid && effective == uid && saved == uid &&
	       group == uid && effective_group == uid && saved_group == uid &&
	       getgroups(0, NULL) == 0;
}

/* True: we are a user of our own. False: that was not ours to become. */
static bool become(uid_t uid)
{
	if (!uid)
		return false;
	if (geteuid() != 0)
		return is_already(uid);
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return false;
	return setresuid(0, 0, 0) != 0;
}

/* Whoever stays root keeps none of root's rights. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { 0 };

	return (int)syscall(SYS_capset, &head, none);
}

static int limit(int resource, rlim_t value)
{
	const struct rlimit both = { value, value };

	return setrlimit(resource, &both);
}

static int set_limits(void)
{
	if (!IS_SANITIZED && limit(RLIMIT_AS, SANDBOX_ADDRESS_SPACE))
		return -1;
	return limit(RLIMIT_CORE, 0) || limit(RLIMIT_FSIZE, 0) ||
	       limit(RLIMIT_MEMLOCK, 0) || limit(RLIMIT_MSGQUEUE, 0) ||
	       limit(RLIMIT_STACK, SANDBOX_STACK) ||
	       limit(RLIMIT_NOFILE, SANDBOX_FILES) ? -1 : 0;
}

/* At the lowest already is no failure; it answers -1 for a niceness, too. */
static int give_way(void)
{
	errno = 0;
	return nice(SANDBOX_NICE) == -1 && errno ? -1 : 0;
}

/* ---- system calls ----------------------------------------------------------- */

static int load(struct sock_filter *program, uint32_t count)
{
	const struct sock_fprog prog = { (unsigned short)count, program };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

int sandbox_filter(const struct filter_head *filters, size_t size,
		   enum filter_phase phase)
{
	char *at = (char *)(uintptr_t)(filters + 1);
	uint32_t n = filters->count[FILTER_LOAD];
	uint32_t m = filters->count[FILTER_STEADY];

	if (!filters->count[phase] || n > FILTER_INSTRUCTIONS_MAX ||
	    m > FILTER_INSTRUCTIONS_MAX ||
	    size < sizeof(*filters) + FILTER_INSTRUCTION_SIZE * (n + m)) {
		errno = EINVAL;
		return -1;
	}
	if (phase == FILTER_STEADY)
		at += FILTER_INSTRUCTION_SIZE * n;
	return load((struct sock_filter *)(void *)at, filters->count[phase]);
}

/*
 * A signal to oneself is for oneself: without a user of its own or a recent
 * Landlock an adapter could abort the gateway.  The number is known only here,
 * so this small program stands before the two.
 */
static int load_self_only(void)
{
	const uint32_t pid = (uint32_t)getpid();
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pid, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return load(program, sizeof(program) / sizeof(program[0]));
}

/* ---- the two steps ------------------------------------------------------------ */

enum err sandbox_enter(const struct filter_head *filters, size_t size,
		       uid_t uid, struct buf *problem)
{
	int version = sandbox_landlock();
	bool is_own;

	if (set_limits())
		return fail(problem, "limits");
	if (give_way())
		return fail(problem, "priority");
	is_own = become(uid);
	if (limit(RLIMIT_NPROC, 1))
		return fail(problem, "limit of processes");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail(problem, "privileges");
	/* After the user: a change of it clears this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return fail(problem, "death with the gateway");
	if (geteuid() == 0 && drop_capabilities())
		return fail(problem, "capabilities");
	if (version && restrict_paths(version))
		return fail(problem, "Landlock");
	if (!version && !is_own) {
		buf_puts(problem, "no sandbox: this kernel has no Landlock, "
			 "and the gateway may not change to another user; run "
			 "it on Linux 5.13 or later, or as root");
		return ERR_UNSUPPORTED;
	}
	if (load_self_only() || sandbox_filter(filters, size, FILTER_LOAD))
		return fail(problem, "seccomp");
	return ERR_OK;
}

enum err sandbox_close(const struct filter_head *filters, size_t size,
		       struct buf *problem)
{
	if (limit(RLIMIT_NOFILE, 0))
		return fail(problem, "limit of files");
	if (sandbox_filter(filters, size, FILTER_STEADY))
		return fail(problem, "seccomp");
	return ERR_OK;
}
