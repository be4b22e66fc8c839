#include "base/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sanitized.h"

#define STACK_SIZE (64 * 1024)		/* octets, for the handler */
#define BUILD_ID_MAX 20			/* octets: SHA-1 */
#define SUFFIX ".last"

/* Written by its thread alone, and read by whichever thread crashes. */
struct slot {
	_Atomic bool is_taken;
	_Atomic unsigned len;	/* 0: at nothing */
	char id[CRASH_REQUEST_MAX];
	void *stack;
};

static const struct {
	int number;
	const char *name;
} watched[] = {
	{ SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGILL, "SIGILL" },
	{ SIGFPE, "SIGFPE" },	{ SIGSYS, "SIGSYS" }, { SIGABRT, "SIGABRT" },
};

static struct slot slots[CRASH_THREADS_MAX];
static _Thread_local struct slot *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_end;		/* of a thread */
static bool has_at_end;

static const char *program = "";
static char build_id[2 * BUILD_ID_MAX + 1];
static char file_path[4096];
static int file = -1;
static atomic_flag is_crashing = ATOMIC_FLAG_INIT;

/* What crash_because() was told, for the line. */
static struct {
	const char *kind, *file, *function, *what;
	int line;
} reason;

/* ---- the line, without libc's help ------------------------------------------ */

struct line {
	char text[CRASH_LINE_MAX];
	size_t len;
};

static void put(struct line *l, const char *text, size_t len)
{
	/* One octet is kept for the line end. */
	if (len > sizeof(l->text) - 1 - l->len)
		len = sizeof(l->text) - 1 - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void puts_(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static void put_number(struct line *l, uint64_t n, unsigned base,
		       unsigned width)
{
	char digits[20];
	unsigned at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n || sizeof(digits) - at < width);
	put(l, digits + at, sizeof(digits) - at);
}

/* RFC 3339, from the days since 1970: Howard Hinnant's civil_from_days. */
static void put_time(struct line *l)
{
	struct timespec now;
	uint64_t s, era, doe, yoe, doy, mp;

	clock_gettime(CLOCK_REALTIME, &now);
	s = (uint64_t)now.tv_sec;
	doe = s / 86400 + 719468;
	era = doe / 146097;
	doe %= 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	put_number(l, yoe + era * 400 + (mp >= 10), 10, 4);
	puts_(l, "-");
	put_number(l, mp < 10 ? mp + 3 : mp - 9, 10, 2);
	puts_(l, "-");
	put_number(l, doy - (153 * mp + 2) / 5 + 1, 10, 2);
	puts_(l, "T");
	put_number(l, s % 86400 / 3600, 10, 2);
	puts_(l, ":");
	put_number(l, s % 3600 / 60, 10, 2);
	puts_(l, ":");
	put_number(l, s % 60, 10, 2);
	puts_(l, "Z ");
}

static void put_reason(struct line *l)
{
	if (!reason.kind)
		return;
	puts_(l, " ");
	puts_(l, reason.kind);
	puts_(l, " does not hold: ");
	puts_(l, reason.what);
	puts_(l, " in ");
	puts_(l, reason.function);
	puts_(l, "() at ");
	puts_(l, reason.file);
	puts_(l, ":");
	put_number(l, (uint64_t)reason.line, 10, 1);
}

static void put_requests(struct line *l)
{
	bool is_first = true;

	for (unsigned i = 0; i < CRASH_THREADS_MAX; i++) {
		unsigned len = atomic_load(&slots[i].len);

		if (!len || len > CRASH_REQUEST_MAX)
			continue;
		puts_(l, is_first ? " requests " : " ");
		put(l, slots[i].id, len);
		is_first = false;
	}
}

static const char *name_of(int number)
{
	for (size_t i = 0; i < N_ELEMENTS(watched); i++)
		if (watched[i].number == number)
			return watched[i].name;
	return "?";
}

static void make_line(struct line *l, int number, const siginfo_t *info)
{
	put_time(l);
	puts_(l, program);
	puts_(l, " build ");
	puts_(l, build_id);
	puts_(l, " pid ");
	put_number(l, (uint64_t)getpid(), 10, 1);
	puts_(l, " ");
	puts_(l, name_of(number));
	if (info && info->si_code <= 0 && info->si_pid != getpid()) {
		puts_(l, " sent by pid ");
		put_number(l, (uint64_t)info->si_pid, 10, 1);
	} else if (number != SIGABRT && info) {
		puts_(l, " at 0x");
		put_number(l, (uint64_t)(uintptr_t)info->si_addr, 16, 1);
	}
	put_reason(l);
	put_requests(l);
	l->text[l->len++] = '\n';
}

/* Whoever reads standard error may have stopped: then it is not for them. */
static void tell(const struct line *l)
{
	struct pollfd err = { .fd = 2, .events = POLLOUT };
	ssize_t n;

	/* The system has it then, and outlives us; no wait for the disk. */
	n = pwrite(file, l->text, l->len, 0);
	if (poll(&err, 1, 0) == 1 && err.revents & POLLOUT)
		n = write(2, l->text, l->len);
	(void)n;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	/* A second thread's, or one of the handler's own, is not told. */
	if (!atomic_flag_test_and_set(&is_crashing)) {
		struct line l = { .len = 0 };

		make_line(&l, number, info);
		tell(&l);
	}
	errno = saved;
	/* The default action is back (SA_RESETHAND): let it take place. */
	raise(number);
}

/* ---- setting up --------------------------------------------------------------- */

/* The program itself comes first; its notes may hold the linker's id. */
static int find_build_id(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + p->p_vaddr);
		const char *end = at + p->p_memsz;

		while (p->p_type == PT_NOTE &&
		       (size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *n = (const void *)at;
			size_t name = (n->n_namesz + 3u) & ~3u;
			const unsigned char *d = (const void *)(at +
				sizeof(*n) + name);

			if (n->n_type == NT_GNU_BUILD_ID &&
			    n->n_descsz <= BUILD_ID_MAX)
				for (unsigned k = 0; k < n->n_descsz; k++)
					snprintf(build_id + 2 * k, 3, "%02x",
						 d[k]);
			at += sizeof(*n) + name + ((n->n_descsz + 3u) & ~3u);
		}
	}
	return 1;
}

enum err crash_keep(const char *path, bool *was_left_r)
{
	char line[CRASH_LINE_MAX], kept[sizeof(file_path) + sizeof(SUFFIX)];
	int fd;

	*was_left_r = false;
	if (IS_SANITIZED)
		return ERR_OK;
	if ((size_t)snprintf(file_path, sizeof(file_path), "%s", path) >=
	    sizeof(file_path))
		return ERR_LIMIT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && read(fd, line, 1) == 1) {
		snprintf(kept, sizeof(kept), "%s" SUFFIX, path);
		*was_left_r = rename(path, kept) == 0;
	}
	if (fd >= 0)
		close(fd);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	return file < 0 ? ERR_IO : ERR_OK;
}

void crash_init(const char *name)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER,
	};

	if (IS_SANITIZED)
		return;
	program = name;
	build_id[0] = '-';
	dl_iterate_phdr(find_build_id, NULL);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_ELEMENTS(watched); i++)
		sigaction(watched[i].number, &action, NULL);
	crash_watch_thread();
}

void crash_done(void)
{
	if (file < 0)
		return;
	unlink(file_path);
	close(file);
	file = -1;
}

static void release(void *arg)
{
	struct slot *slot = arg;

	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	if (slot->stack)
		munmap(slot->stack, STACK_SIZE);
	slot->stack = NULL;
	atomic_store(&slot->len, 0);
	atomic_store(&slot->is_taken, false);
}

static void make_key(void)
{
	has_at_end = pthread_key_create(&at_end, release) == 0;
}

static struct slot *take_slot(void)
{
	for (unsigned i = 0; i < CRASH_THREADS_MAX; i++)
		if (!atomic_exchange(&slots[i].is_taken, true))
			return &slots[i];
	return NULL;
}

void crash_watch_thread(void)
{
	void *stack;

	if (IS_SANITIZED || own)
		return;
	pthread_once(&once, make_key);
	own = has_at_end ? take_slot() : NULL;
	if (!own)
		return;
	pthread_setspecific(at_end, own);
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return;
	own->stack = stack;
	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = STACK_SIZE }, NULL);
}

void crash_at(struct str request_id)
{
	size_t len = request_id.len;

	if (!own)
		return;
	/* Never half of one id and half of another. */
	atomic_store_explicit(&own->len, 0, memory_order_release);
	if (!len)
		return;
	if (len > CRASH_REQUEST_MAX)
		len = CRASH_REQUEST_MAX;
	memcpy(own->id, request_id.ptr, len);
	atomic_store_explicit(&own->len, (unsigned)len, memory_order_release);
}

void crash_because(const char *kind, const char *in, int line,
		   const char *function, const char *what)
{
	reason.file = in;
	reason.line = line;
	reason.function = function;
	reason.what = what;
	reason.kind = kind;
	if (IS_SANITIZED || !program[0]) {
		/* Nobody watches: a test, or usherctl. */
		fprintf(stderr, "%s does not hold: %s in %s() at %s:%d\n",
			kind, what, function, in, line);
	}
	abort();
}

/* ---- afterwards --------------------------------------------------------------- */

static enum err read_line(const char *path, char line[static CRASH_LINE_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, line, CRASH_LINE_MAX - 1);
	int saved = errno;
	char *end;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return saved == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	line[n] = '\0';
	end = memchr(line, '\n', (size_t)n);
	if (!end)
		return ERR_NOT_FOUND;
	*end = '\0';
	return ERR_OK;
}

enum err crash_last(const char *path, char line[static CRASH_LINE_MAX])
{
	char kept[4096 + sizeof(SUFFIX)];
	enum err err = read_line(path, line);

	if (err != ERR_NOT_FOUND)
		return err;
	snprintf(kept, sizeof(kept), "%s" SUFFIX, path);
	return read_line(kept, line);
}
