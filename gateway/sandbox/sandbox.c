#include "sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "sandbox/landlock.h"
#include "sandbox/sigsys.h"

_Static_assert(sizeof(struct sock_filter) == FILTER_INSTRUCTION_SIZE,
	       "as the file has them");

static enum err fail(struct buf *problem, const char *what)
{
	char text[128];

	buf_printf(problem, "no sandbox: %s: %s", what,
		   strerror_r(errno, text, sizeof(text)));
	return ERR_UNSUPPORTED;
}

/* ---- who we are ---------------------------------------------------------- */

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

/* ---- system calls -------------------------------------------------------- */

/* Nothing but this can be asked of seccomp(2) under the load phase's program,
 * and for the steady one it has to be this very address. */
static int load(const struct sock_fprog *program)
{
	return (int)syscall(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER, 0L,
			    program);
}

int sandbox_filter(const struct filter_head *filters, size_t size,
		   enum filter_phase phase)
{
	uint32_t n = filters->count[FILTER_LOAD];
	uint32_t m = filters->count[FILTER_STEADY];
	struct sock_fprog first = {
		.len = (unsigned short)n,
		.filter = (void *)(uintptr_t)(filters + 1),
	};

	if (!filters->count[phase] || n > FILTER_INSTRUCTIONS_MAX ||
	    m > FILTER_INSTRUCTIONS_MAX ||
	    size < sizeof(*filters) + FILTER_INSTRUCTION_SIZE * (n + m)) {
		errno = EINVAL;
		return -1;
	}
	return load(phase == FILTER_LOAD ? &first : &filters->steady);
}

const struct filter_head *sandbox_map(int fd, size_t *size_r)
{
	void *fence = (void *)(uintptr_t)FILTER_FENCE;
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return NULL;
	if (st.st_size < (off_t)sizeof(struct filter_head) ||
	    st.st_size > (off_t)(FILTER_FENCE_END - FILTER_FENCE)) {
		errno = EINVAL;
		return NULL;
	}
	map = mmap(fence, (size_t)st.st_size, PROT_READ,
		   MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	/* A kernel before 4.17 takes the address for a wish. */
	if (map != fence) {
		munmap(map, (size_t)st.st_size);
		errno = EEXIST;
		return NULL;
	}
	*size_r = (size_t)st.st_size;
	return map;
}

/* Places in the program below, and how far one is from another. */
enum { OTHERS = 15, ADDRESS = 18, DENY = 23, ALLOW = 24 };
#define TO(from, place) ((place) - (from) - 1)
#define LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define HIGH(n) (LOW(n) + 4)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define IF(how, k, yes, no)						\
	BPF_JUMP(BPF_JMP | (how) | BPF_K, (k), (yes), (no))
/* Without what some machines keep in an address's first octet. */
#define NO_TAG BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x00ffffff)

_Static_assert(FILTER_FENCE_END <= UINT32_MAX, "its upper half is 0");

/*
 * What is its own: this program stands before the two, as it knows numbers that
 * are known only here, and looks at two arguments of a call.
 *
 * A signal to oneself is for oneself: without a user of its own or a recent
 * Landlock an adapter could abort the gateway.
 *
 * And nothing that moves, removes, covers or changes a mapping names an
 * address below the fence's end, where the steady program lies.  A range from
 * above it does not come round; a mapping that may be anywhere covers nothing.
 */
static int load_own(void)
{
	struct sock_filter program[] = {
		[0] = LOAD(offsetof(struct seccomp_data, nr)),
		[1] = IF(BPF_JEQ, SYS_tgkill, 0, TO(1, 4)),
		[2] = LOAD(LOW(0)),
		[3] = IF(BPF_JEQ, (uint32_t)getpid(), TO(3, ALLOW),
			 TO(3, DENY)),
		[4] = IF(BPF_JEQ, SYS_mmap, 0, TO(4, 7)),
		[5] = LOAD(LOW(3)),
		[6] = IF(BPF_JSET, MAP_FIXED, TO(6, ADDRESS), TO(6, ALLOW)),
		[7] = IF(BPF_JEQ, SYS_mremap, 0, TO(7, OTHERS)),
		[8] = LOAD(LOW(3)),
		[9] = IF(BPF_JSET, MREMAP_FIXED, 0, TO(9, ADDRESS)),
		[10] = LOAD(HIGH(4)),
		[11] = NO_TAG,
		[12] = IF(BPF_JEQ, 0, 0, TO(12, ADDRESS)),
		[13] = LOAD(LOW(4)),
		[14] = IF(BPF_JGE, FILTER_FENCE_END, TO(14, ADDRESS),
			  TO(14, DENY)),
		[OTHERS] = IF(BPF_JEQ, SYS_munmap, TO(OTHERS, ADDRESS), 0),
		[OTHERS + 1] = IF(BPF_JEQ, SYS_mprotect,
				  TO(OTHERS + 1, ADDRESS), 0),
		[OTHERS + 2] = IF(BPF_JEQ, SYS_madvise, 0,
				  TO(OTHERS + 2, ALLOW)),
		[ADDRESS] = LOAD(HIGH(0)),
		[ADDRESS + 1] = NO_TAG,
		[ADDRESS + 2] = IF(BPF_JEQ, 0, 0, TO(ADDRESS + 2, ALLOW)),
		[ADDRESS + 3] = LOAD(LOW(0)),
		[ADDRESS + 4] = IF(BPF_JGE, FILTER_FENCE_END,
				   TO(ADDRESS + 4, ALLOW), 0),
		[DENY] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		[ALLOW] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {
		.len = N_ELEMENTS(program), .filter = program,
	};

	return load(&prog);
}

/* ---- the two steps ------------------------------------------------------- */

enum err sandbox_enter(const struct filter_head *filters, size_t size,
		       uid_t uid, const char *hidden, struct buf *problem)
{
	int version = landlock_version();
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
	if (version && landlock_restrict(version, hidden))
		return fail(problem, "Landlock");
	if (!version && !is_own) {
		buf_puts(problem, "no sandbox: this kernel has no Landlock, "
			 "and the gateway may not change to another user; run "
			 "it on Linux 5.13 or later, or as root");
		return ERR_UNSUPPORTED;
	}
	if (sigsys_take())
		return fail(problem, "the answer to SIGSYS");
	if (load_own() || sandbox_filter(filters, size, FILTER_LOAD))
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
