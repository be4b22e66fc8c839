/*
 * Misbehaves in as many ways as were thought of, one a call: the field "fault"
 * of a handoff, or the setting "fault" at init, names it.  What a system call
 * or a function of the host said comes back in the attribute "result".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <usher/adapter.h>

#include "module/call.h"
#include "sandbox/filter.h"
#include "sandbox/host.h"
#include "sandbox/wire.h"

#define CHANNEL 3

struct state {
	struct usher_call *stale;	/* of the call before: never do this */
	unsigned calls;
};

static volatile unsigned long sink;

/* ---- faults that need nothing of the host ------------------------------- */

static int recurse(int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	if (sink == ~0ul)
		return 0;
	return recurse(depth + 1) + frame[0];
}

static long overflow_stack(void)
{
	return recurse(0);
}

static long write_null(void)
{
	*(volatile int *)(size_t)sink = 1;
	return 0;
}

static long jump_null(void)
{
	void (*volatile nowhere)(void) = NULL;

	nowhere();
	return 0;
}

/* Data is not code. */
static long run_data(void)
{
	static unsigned char ret[64] = { 0xc3 };
	void (*code)(void);
	void *p = ret;

	memcpy(&code, &p, sizeof(code));
	code();
	return 0;
}

static long trap(void)
{
	__builtin_trap();
	return 0;
}

static long divide(void)
{
	volatile int zero = 0;

	return 7 / zero;
}

static long smash_heap(void)
{
	char *volatile p = malloc(24);

	if (p)
		memset(p - 16, 0x41, 16);
	free(p);
	p = malloc(4000);
	free(p);
	return 0;
}

static long free_twice(void)
{
	void *volatile p = malloc(2000);
	void *volatile q = p;

	free(p);
	free(q);
	return 0;
}

static long leave(void)
{
	exit(0);
}

static long leave_at_once(void)
{
	_exit(7);
}

/* For ever, which no compiler may know: before a call that cannot return a
 * sanitizer makes one that the sandbox ends a process for. */
static void spin(void)
{
	static volatile unsigned is_over;

	while (!is_over)
		sink++;
}

static long leave_never(void)
{
	atexit(spin);
	exit(0);
}

static long hang(void)
{
	spin();
	return 0;
}

static long hang_deaf(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	spin();
	return 0;
}

static long deadlock(void)
{
	static int word;

	for (;;)
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Past the deadline of 100 ms, but not for ever. */
static long be_late(void)
{
	int64_t end = now_ms() + 180;

	while (now_ms() < end)
		sink++;
	return 0;
}

/* All the memory there is; then work must go on without. */
static long take_all(void)
{
	size_t count = 0;

	while (malloc(1 << 16) && count < (size_t)1 << 20)
		count++;
	return count < (size_t)1 << 20 ? 0 : -1;
}

static long map_10g(void)
{
	return mmap(NULL, (size_t)10 << 30, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static void *idle(void *arg)
{
	return arg;
}

static long start_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, idle, NULL);
	return errno ? -1 : 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Itself, without a library's function between. */
static long clone_here(void)
{
	static char stack[4096] __attribute__((aligned(16)));

	return clone(nothing, stack + sizeof(stack), CLONE_VM, NULL);
}

/* Nothing that it may set keeps the signal of a forbidden call away. */
static long fork_deaf(void)
{
	sigset_t all;

	signal(SIGSYS, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return fork();
}

/* A forbidden call from a stack that cannot be walked: looking for the way to
 * it is a fault of its own. */
static long kill_from_nowhere(void)
{
#if defined(__x86_64__)
	int (*volatile call)(pid_t, int) = kill;

	__asm__ volatile("mov $0x1000, %%rsp\n\tjmp *%0"
			 : : "r"(call), "D"(1L), "S"(0L) : "memory");
	__builtin_unreachable();
#else
	return kill(1, 0);
#endif
}

static long crash_in_libc(void)
{
	char *volatile nowhere = NULL;

	return (long)strlen(nowhere);
}

static long fork_bomb(void)
{
	for (;;)
		syscall(SYS_fork);
	return 0;
}

static long run_shell(void)
{
	return execl("/bin/sh", "sh", "-c", "kill -9 -1", (char *)NULL);
}

static long kill_all(void)
{
	return kill(-1, SIGKILL);
}

static long stop_self(void)
{
	return kill(getpid(), SIGSTOP);
}

static long abort_gateway(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), SIGABRT);
}

static long trace_gateway(void)
{
	return syscall(SYS_ptrace, 16 /* ATTACH */, 1, NULL, NULL);
}

static long raise_limit(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_AS, &all);
}

static long be_root(void)
{
	return setuid(0);
}

static long open_etc(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long close_channel(void)
{
	return close(CHANNEL);
}

static long cover_channel(void)
{
	return dup2(2, CHANNEL);
}

static long shut_channel(void)
{
	return shutdown(CHANNEL, SHUT_RDWR);
}

/* ---- lies on the channel ---------------------------------------------------- */

/* A frame that is only a head, as the gateway's own host writes it. */
static long send_head(unsigned char version, unsigned char type,
		      uint32_t generation, uint64_t id)
{
	unsigned char frame[4 + 16] = { 0 }, *head = frame + 4;
	const uint32_t len = 16;

	memcpy(frame, &len, sizeof(len));
	head[0] = version;
	head[1] = type;
	memcpy(head + 4, &generation, sizeof(generation));
	memcpy(head + 8, &id, sizeof(id));
	return send(CHANNEL, frame, sizeof(frame), 0);
}

static long send_junk(void)
{
	char junk[100];

	memset(junk, 'J', sizeof(junk));
	return send(CHANNEL, junk, sizeof(junk), 0);
}

static long send_nothing(void)
{
	return send(CHANNEL, "", 0, 0);
}

static long send_much(void)
{
	static char much[4 << 20];

	return send(CHANNEL, much, sizeof(much), 0);
}

static long send_hello(void)
{
	return send_head(1, 1, 0, 0);
}

static long send_future(void)
{
	return send_head(2, 7, 1, 1);
}

static long send_others_reply(void)
{
	return send_head(1, 7, 1, 1u << 30);
}

/* What the gateway sends: never the child's to say. */
static long send_call(void)
{
	return send_head(1, 6, 1, 1);
}

/* Until the channel is full, and beyond. */
static long send_flood(void)
{
	for (;;)
		if (send_junk() < 0)
			sink++;
	return 0;
}

static long write_flood(void)
{
	for (int i = 0; i < 20000; i++)
		if (write(2, "spam spam spam spam\n", 20) < 0)
			sink++;
	return 0;
}

static const struct {
	const char *name;
	long (*run)(void);
} faults[] = {
	{ "overflow_stack", overflow_stack },
	{ "write_null", write_null },
	{ "jump_null", jump_null },
	{ "run_data", run_data },
	{ "trap", trap },
	{ "divide", divide },
	{ "smash_heap", smash_heap },
	{ "free_twice", free_twice },
	{ "leave", leave },
	{ "leave_at_once", leave_at_once },
	{ "leave_never", leave_never },
	{ "hang", hang },
	{ "hang_deaf", hang_deaf },
	{ "deadlock", deadlock },
	{ "be_late", be_late },
	{ "take_all", take_all },
	{ "map_10g", map_10g },
	{ "start_thread", start_thread },
	{ "clone_here", clone_here },
	{ "fork_deaf", fork_deaf },
	{ "kill_from_nowhere", kill_from_nowhere },
	{ "crash_in_libc", crash_in_libc },
	{ "fork_bomb", fork_bomb },
	{ "run_shell", run_shell },
	{ "kill_all", kill_all },
	{ "stop_self", stop_self },
	{ "abort_gateway", abort_gateway },
	{ "trace_gateway", trace_gateway },
	{ "raise_limit", raise_limit },
	{ "be_root", be_root },
	{ "open_etc", open_etc },
	{ "make_socket", make_socket },
	{ "make_code", make_code },
	{ "close_channel", close_channel },
	{ "cover_channel", cover_channel },
	{ "shut_channel", shut_channel },
	{ "send_junk", send_junk },
	{ "send_nothing", send_nothing },
	{ "send_much", send_much },
	{ "send_hello", send_hello },
	{ "send_future", send_future },
	{ "send_others_reply", send_others_reply },
	{ "send_call", send_call },
	{ "send_flood", send_flood },
	{ "write_flood", write_flood },
};

/* ---- lies about the call that runs ------------------------------------------- */

#define LIES_MAX 1024
#define HEAD 16
#define ABSENT UINT32_MAX

/* A datagram of frames that are all well made. */
struct lies {
	uint32_t generation;
	uint64_t id;
	size_t len;
	unsigned char bytes[LIES_MAX];
};

static void put(struct lies *lies, const void *data, size_t len)
{
	memcpy(lies->bytes + lies->len, data, len);
	lies->len += len;
}

static void add_frame(struct lies *lies, unsigned char type, uint64_t id,
		      const void *item, uint32_t len)
{
	const uint32_t all = HEAD + len;
	const unsigned char head[4] = { WIRE_VERSION, type, 0, 0 };

	put(lies, &all, sizeof(all));
	put(lies, head, sizeof(head));
	put(lies, &lies->generation, sizeof(lies->generation));
	put(lies, &id, sizeof(id));
	put(lies, item, len);
}

static void add_look(struct lies *lies, uint64_t id)
{
	add_frame(lies, WIRE_LOOK, id, "", 0);
}

static void add_reply(struct lies *lies)
{
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
	} item = { WIRE_RESULT, 0, ABSENT, ABSENT, 0, 0 };

	add_frame(lies, WIRE_REPLY, lies->id, &item, sizeof(item));
}

static void add_sign(struct lies *lies)
{
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
		char words[8];
	} item = { WIRE_DATA, 0, 4, 2, 0, 0, "desk\0me" };

	add_frame(lies, WIRE_SIGN, lies->id, &item, sizeof(item));
}

static void add_line(struct lies *lies)
{
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
		char words[8];
	} item = { WIRE_LINE, 0, 7, ABSENT, 0, 1, "a line." };

	add_frame(lies, WIRE_LOG, lies->id, &item, sizeof(item));
}

static long tell_lies(const struct lies *lies)
{
	return send(CHANNEL, lies->bytes, lies->len, 0);
}

static long await_answer(void)
{
	static char answer[1 << 17];

	return recv(CHANNEL, answer, sizeof(answer), 0);
}

/* What is about the request lies where it was received, and the head of its
 * frame not far in front of it.  An attacker would find out where. */
static int find_call(struct usher_call *call, struct lies *lies)
{
	static const unsigned char head[4] = { WIRE_VERSION, WIRE_CALL };
	static const unsigned char kind[4] = { WIRE_KIND };
	struct adapter_call all;
	const char *at;

	memcpy(&all, (char *)call - offsetof(struct adapter_call, public),
	       sizeof(all));
	if (!all.info.request_id.ptr)
		return -1;
	at = all.info.request_id.ptr - HEAD - sizeof(kind);
	while (memcmp(at, head, sizeof(head)) ||
	       memcmp(at + HEAD, kind, sizeof(kind)))
		at--;
	lies->len = 0;
	memcpy(&lies->generation, at + 4, sizeof(lies->generation));
	memcpy(&lies->id, at + 8, sizeof(lies->id));
	return 0;
}

/* The one look that there may be: what the lies below are measured by. */
static long look_once(struct lies *lies)
{
	add_look(lies, lies->id);
	return tell_lies(lies) < 0 ? -1 : await_answer();
}

static long look_again(struct lies *lies)
{
	if (look_once(lies) < 0)
		return -1;
	return tell_lies(lies);
}

static long look_twice(struct lies *lies)
{
	add_look(lies, lies->id);
	add_look(lies, lies->id);
	return tell_lies(lies);
}

static long look_at_next(struct lies *lies)
{
	add_look(lies, lies->id + 1);
	return tell_lies(lies);
}

static long look_at_none(struct lies *lies)
{
	add_look(lies, 0);
	return tell_lies(lies);
}

static long look_while_signing(struct lies *lies)
{
	add_sign(lies);
	add_look(lies, lies->id);
	return tell_lies(lies);
}

static long sign_while_looking(struct lies *lies)
{
	add_look(lies, lies->id);
	add_sign(lies);
	return tell_lies(lies);
}

static long reply_while_looking(struct lies *lies)
{
	add_look(lies, lies->id);
	add_reply(lies);
	return tell_lies(lies);
}

static long look_past_reply(struct lies *lies)
{
	add_reply(lies);
	add_look(lies, lies->id);
	return tell_lies(lies);
}

/* As one that falls by signal 11 has it, from a place with a name of its own. */
static void add_fell(struct lies *lies)
{
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
	} signal = { WIRE_SIGNAL, 0, ABSENT, ABSENT, 0, SIGSEGV };
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
		char name[16];
	} place = { WIRE_PLACE, 0, 15, ABSENT, 0, 1, "deceived\033[31m.." };
	unsigned char items[sizeof(signal) + sizeof(place)];

	memcpy(items, &signal, sizeof(signal));
	memcpy(items + sizeof(signal), &place, sizeof(place));
	add_frame(lies, WIRE_FELL, 0, items, sizeof(items));
}

static long fell_often(struct lies *lies)
{
	for (unsigned i = 0; i < 3; i++)
		add_fell(lies);
	return tell_lies(lies) < 0 ? -1 : await_answer();
}

/* Its end is another one than it said. */
static long fell_falsely(struct lies *lies)
{
	add_fell(lies);
	if (tell_lies(lies) < 0)
		return -1;
	_exit(0);
}

/* More lines at once than a process of the gateway's ever has to say. */
static long say_much_at_once(struct lies *lies)
{
	for (unsigned i = 0; i < HOST_WINDOW + 1; i++)
		add_line(lies);
	return tell_lies(lies) < 0 ? -1 : await_answer();
}

/* Past the deadline nobody is there to look. */
static long look_late(struct lies *lies)
{
	be_late();
	return look_once(lies);
}

static const struct {
	const char *name;
	long (*run)(struct lies *lies);
} call_lies[] = {
	{ "look_once", look_once },
	{ "look_again", look_again },
	{ "look_twice", look_twice },
	{ "look_at_next", look_at_next },
	{ "look_at_none", look_at_none },
	{ "look_while_signing", look_while_signing },
	{ "sign_while_looking", sign_while_looking },
	{ "reply_while_looking", reply_while_looking },
	{ "look_past_reply", look_past_reply },
	{ "fell_often", fell_often },
	{ "fell_falsely", fell_falsely },
	{ "look_late", look_late },
	{ "say_much_at_once", say_much_at_once },
};

/* ---- lies while it starts -------------------------------------------------- */

/* The gateway's test of a call waits in the channel from the first moment on,
 * behind what was read already. */
static int find_probe(struct lies *lies)
{
	unsigned char frame[36];

	if (recv(CHANNEL, frame, sizeof(frame), MSG_PEEK) !=
	    (ssize_t)sizeof(frame) || frame[5] != WIRE_CALL)
		return -1;
	lies->len = 0;
	memcpy(&lies->generation, frame + 8, sizeof(lies->generation));
	memcpy(&lies->id, frame + 12, sizeof(lies->id));
	return 0;
}

/* As the host does when init returned. */
static void add_ready(struct lies *lies)
{
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
		char words[8];
	} name = { WIRE_NAME, 0, 1, 5, 0, 0, "a\0lying" };
	const struct {
		uint16_t tag, zero;
		uint32_t a_len, b_len, zero_too;
		int64_t number;
	} numbers[2] = {
		{ WIRE_HOOKS, 0, ABSENT, ABSENT, 0, 0 },
		{ WIRE_ABI, 0, ABSENT, ABSENT, 0, 1 << 16 },
	};
	unsigned char items[sizeof(name) + sizeof(numbers)];

	memcpy(items, &name, sizeof(name));
	memcpy(items + sizeof(name), numbers, sizeof(numbers));
	add_frame(lies, WIRE_READY, 0, items, sizeof(items));
}

/* The start is over when the gateway has heard it. */
static long tell_and_wait(const struct lies *lies)
{
	if (tell_lies(lies) < 0)
		return -1;
	for (;;)
		await_answer();
}

static long look_too_soon(struct lies *lies)
{
	add_look(lies, 0);
	return tell_and_wait(lies);
}

static long look_at_probe_too_soon(struct lies *lies)
{
	add_look(lies, lies->id);
	return tell_and_wait(lies);
}

/* The gateway asks the kernel, and the kernel says otherwise. */
static long ready_too_soon(struct lies *lies)
{
	add_ready(lies);
	return tell_and_wait(lies);
}

static long look_at_probe(struct lies *lies)
{
	/* The host's last step, which it does not come to any more. */
	if (syscall(SYS_seccomp, 1L, 0L, FILTER_STEADY_AT))
		return -1;
	add_ready(lies);
	add_look(lies, lies->id);
	return tell_and_wait(lies);
}

/* Asks as its host would, only that it does not count. */
static long sign_without_end(struct lies *lies)
{
	lies->id = 0;
	add_sign(lies);
	await_answer();		/* the test of a call, which came first */
	while (tell_lies(lies) >= 0)
		await_answer();
	return -1;
}

static const struct {
	const char *name;
	long (*run)(struct lies *lies);
} start_lies[] = {
	{ "sign_without_end", sign_without_end },
	{ "look_too_soon", look_too_soon },
	{ "look_at_probe_too_soon", look_at_probe_too_soon },
	{ "look_at_probe", look_at_probe },
	{ "ready_too_soon", ready_too_soon },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- faults with the host's functions ------------------------------------------ */

static int flood_log(struct state *state, struct usher_call *call)
{
	(void)state;
	for (int i = 0; i < 100000; i++)
		call->host->log(call, USHER_LOG_ERROR, "spam\n\033[2J", 9);
	return USHER_OK;
}

static int flood_events(struct state *state, struct usher_call *call)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		call->host->emit(call, "spam", "{}", 2);
	return USHER_OK;
}

static int flood_attributes(struct state *state, struct usher_call *call)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		call->host->set_attribute(call, name, "x", 1);
	}
	return USHER_OK;
}

static int flood_signs(struct state *state, struct usher_call *call)
{
	unsigned char mac[USHER_MAC_LEN];

	(void)state;
	for (int i = 0; i < 1000; i++)
		if (call->host->hmac_sha256(call, "desk", "data", 4, mac))
			return USHER_FAIL;
	return USHER_OK;
}

static int set_huge(struct state *state, struct usher_call *call)
{
	static char value[1 << 20];

	(void)state;
	memset(value, 'x', sizeof(value));
	call->host->set_attribute(call, "huge", value, sizeof(value));
	return USHER_OK;
}

static int set_garbage(struct state *state, struct usher_call *call)
{
	(void)state;
	call->host->set_attribute(call, "plan", "\xff\xfe", 2);
	return USHER_OK;
}

static int go_astray(struct state *state, struct usher_call *call)
{
	static const char url[] = "https://evil.test/";

	(void)state;
	call->host->set_redirect(call, url, sizeof(url) - 1);
	return USHER_OK;
}

static int answer_unknown(struct state *state, struct usher_call *call)
{
	(void)state, (void)call;
	return 77;
}

static int fail(struct state *state, struct usher_call *call)
{
	(void)state, (void)call;
	return USHER_FAIL;
}

/* Writes into what is only lent. */
static int scribble(struct state *state, struct usher_call *call)
{
	struct usher_str email;
	char *p;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "email", &email))
		return USHER_FAIL;
	memcpy(&p, &email.ptr, sizeof(p));
	memset(p, 'x', email.len);
	return USHER_OK;
}

static int call_null(struct state *state, struct usher_call *call)
{
	(void)state;
	call->host->log(NULL, USHER_LOG_INFO, "x", 1);
	return USHER_OK;
}

/* Uses a call that is over, if there was one. */
static int call_stale(struct state *state, struct usher_call *call)
{
	if (state->stale && state->stale != call)
		state->stale->host->set_attribute(state->stale, "stale", "x",
						  1);
	return USHER_OK;
}

static int scribble_past_end(struct state *state, struct usher_call *call)
{
	char *p = call->host->alloc(call, 32);

	(void)state;
	if (!p)
		return USHER_FAIL;
	memset(p, 'x', 1 << 20);
	return USHER_OK;
}

/* As much as one call may have signed, and not too much for it. */
static int sign_much(struct state *state, struct usher_call *call)
{
	static char data[WIRE_SIGN_MAX];
	unsigned char mac[USHER_MAC_LEN];

	(void)state;
	for (unsigned i = 0; i < WIRE_SIGNS_MAX; i++)
		if (call->host->hmac_sha256(call, "desk", data, sizeof(data),
					    mac))
			return USHER_FAIL;
	return USHER_OK;
}

static const struct {
	const char *name;
	int (*run)(struct state *state, struct usher_call *call);
} host_faults[] = {
	{ "sign_much", sign_much },
	{ "flood_log", flood_log },
	{ "flood_events", flood_events },
	{ "flood_attributes", flood_attributes },
	{ "flood_signs", flood_signs },
	{ "set_huge", set_huge },
	{ "set_garbage", set_garbage },
	{ "answer_unknown", answer_unknown },
	{ "fail", fail },
	{ "scribble", scribble },
	{ "call_null", call_null },
	{ "call_stale", call_stale },
	{ "scribble_past_end", scribble_past_end },
};

static int tell(struct usher_call *call, long rc)
{
	char text[128];

	snprintf(text, sizeof(text), "%s", rc < 0 ? strerror(errno) : "done");
	return call->host->set_attribute(call, "result", text, strlen(text));
}

static int map(void *arg, struct usher_call *call)
{
	struct state *state = arg;
	struct usher_str name;
	struct lies lies;

	state->calls++;
	if (call->host->get(call, USHER_FIELD, "fault", &name))
		return USHER_DECLINE;
	for (size_t i = 0; i < COUNT(host_faults); i++)
		if (!strcmp(host_faults[i].name, name.ptr))
			return host_faults[i].run(state, call);
	for (size_t i = 0; i < COUNT(call_lies); i++)
		if (!strcmp(call_lies[i].name, name.ptr))
			return find_call(call, &lies) ? USHER_FAIL :
				tell(call, call_lies[i].run(&lies));
	errno = 0;
	for (size_t i = 0; i < COUNT(faults); i++)
		if (!strcmp(faults[i].name, name.ptr))
			return tell(call, faults[i].run());
	state->stale = call;
	return USHER_DECLINE;
}

static int choose(void *arg, struct usher_call *call)
{
	struct usher_str name;

	if (call->host->get(call, USHER_FIELD, "fault", &name))
		return USHER_DECLINE;
	if (!strcmp(name.ptr, "go_astray"))
		return go_astray(arg, call);
	if (!strcmp(name.ptr, "hang_at_last"))
		hang();
	return USHER_DECLINE;
}

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	static const char words[] = "must not be so";
	struct usher_str name;
	struct lies lies;

	*state = calloc(1, sizeof(struct state));
	if (!*state)
		return USHER_FAIL;
	if (host->config(call, "fault", &name))
		return USHER_OK;
	if (!strcmp(name.ptr, "refuse")) {
		host->set_error(call, "fault", words, sizeof(words) - 1);
		return USHER_FAIL;
	}
	for (size_t i = 0; i < COUNT(start_lies); i++)
		if (!strcmp(start_lies[i].name, name.ptr) &&
		    (find_probe(&lies) || start_lies[i].run(&lies) < 0))
			return USHER_FAIL;
	for (size_t i = 0; i < COUNT(faults); i++)
		if (!strcmp(faults[i].name, name.ptr) && faults[i].run() < 0)
			return USHER_FAIL;
	return USHER_OK;
}

static void fini(void *state)
{
	free(state);
}

USHER_ADAPTER_DEFINE(.name = "faults", .version = "0", .init = init,
		     .fini = fini, .map_fields = map, .choose_redirect = choose)
