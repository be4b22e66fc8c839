/*
 * Makes one system call and says what came of it.
 *
 * Which one stands in the setting "call", for init (the answer is logged), and
 * in the field "call", for a handoff (the answer is the attribute "result"):
 * the number and up to six arguments, with a space between two of them, each
 *
 *	a number	@text: a pointer to it		$	our process id
 *	*: a pointer to some zeroed bytes		#	a page of ours
 *
 * or one of the words below, for what takes more than a call.  The answer is
 * "let", or the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <usher/adapter.h>

static char zeroes[4096];
static char page[4096] __attribute__((aligned(4096)));
static volatile char sink;

/* Before anybody asks: what a constructor gets. */
static int passwd_errno, socket_errno;

__attribute__((constructor)) static void construct(void)
{
	passwd_errno = open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
	socket_errno = socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static long argument(char *word)
{
	if (word[0] == '@')
		return (long)(word + 1);
	if (word[0] == '*')
		return (long)zeroes;
	if (word[0] == '#')
		return (long)page;
	if (word[0] == '$')
		return syscall(SYS_getpid);
	return strtol(word, NULL, 0);
}

static void call_it(char *words, char *answer, size_t size)
{
	long args[7] = { 0 };
	unsigned n = 0;
	char *word = words;
	long rc;

	while (word && n < 7) {
		char *next = strchr(word, ' ');

		if (next)
			*next++ = '\0';
		args[n++] = argument(word);
		word = next;
	}
	errno = 0;
	rc = syscall(args[0], args[1], args[2], args[3], args[4], args[5],
		     args[6]);
	snprintf(answer, size, rc == -1 ? "%d" : "let", errno);
}

/* How many files can be open, and why not one more. */
static void open_many(char *answer, size_t size)
{
	int count = 0;

	while (count < 1000 && open("/lib", O_RDONLY | O_DIRECTORY) >= 0)
		count++;
	snprintf(answer, size, "%d %d", count, errno);
}

/* Uses that much of the stack: each frame is needed until the last is done. */
__attribute__((noinline)) static long descend(const volatile char *above,
					      long octets)
{
	volatile char here[4096];
	long more = 0;

	here[0] = above[0];
	if (octets > 0)
		more = descend(here, octets - (long)sizeof(here));
	return more + here[0];
}

#ifdef __x86_64__
/* The same kernel by its other door. */
static long call_i386(long number)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(number), "b"(0L),
			 "c"(0L), "d"(0L) : "memory");
	return rc;
}
#endif

/*
 * A filter before that of the host's last step, which answers for the kernel:
 * the step seems to succeed.
 */
static long filter(const char *way)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 5, program };

	if (!strcmp(way, " prctl"))
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       strcmp(way, " listener") ? 0 :
		       SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

/* From here on every syscall(2) of this process succeeds without being made. */
static long patch(void)
{
#ifdef __x86_64__
	static const unsigned char code[] = { 0x31, 0xc0, 0xc3 };
#elif defined(__aarch64__)
	static const unsigned char code[] = { 0x00, 0x00, 0x80, 0xd2,
					      0xc0, 0x03, 0x5f, 0xd6 };
#else
#error "which instructions return 0?"
#endif
	unsigned char *at;
	long (*function)(long, ...) = syscall;
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

	memcpy(&at, &function, sizeof(at));
	if (mprotect((void *)((size_t)at & ~(page_size - 1)), 2 * page_size,
		     PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
	return 0;
}

static void answer_to(struct usher_str what, char *answer, size_t size)
{
	char words[256];

	snprintf(words, sizeof(words), "%s", what.ptr);
	snprintf(answer, size, "let");
	if (!strcmp(words, "constructor"))
		snprintf(answer, size, "%d %d", passwd_errno, socket_errno);
	else if (!strcmp(words, "open_many"))
		open_many(answer, size);
	else if (!strncmp(words, "stack ", 6))
		sink = (char)descend(page, strtol(words + 6, NULL, 0));
	else if (!strncmp(words, "filter", 6))
		snprintf(answer, size, filter(words + 6) < 0 ? "%d" : "let",
			 errno);
	else if (!strcmp(words, "patch"))
		snprintf(answer, size, patch() ? "%d" : "let", errno);
	else if (!strcmp(words, "overwrite"))
		*(volatile char *)0x40000008 = 0;
#ifdef __x86_64__
	else if (!strncmp(words, "i386 ", 5))
		sink = (char)call_i386(strtol(words + 5, NULL, 0));
#endif
	else
		call_it(words, answer, size);
}

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	struct usher_str what;
	char answer[64];

	(void)state;
	if (host->config(call, "call", &what))
		return USHER_OK;
	answer_to(what, answer, sizeof(answer));
	host->log(call, USHER_LOG_INFO, answer, strlen(answer));
	return USHER_OK;
}

static int map(void *state, struct usher_call *call)
{
	struct usher_str what;
	char answer[64];

	(void)state;
	if (call->host->get(call, USHER_FIELD, "call", &what))
		return USHER_DECLINE;
	answer_to(what, answer, sizeof(answer));
	return call->host->set_attribute(call, "result", answer,
					 strlen(answer));
}

USHER_ADAPTER_DEFINE(.name = "probe", .version = "0", .init = init,
		     .map_fields = map)
