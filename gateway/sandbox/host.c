#include "sandbox/host.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module/module.h"
#include "sandbox/attest.h"
#include "sandbox/fall-watch.h"
#include "sandbox/marshal.h"
#include "sandbox/sandbox.h"
#include "base/clock.h"
#include "base/signals.h"
#include "codec/json.h"

#define SETTINGS_POOL_MAX (16u * 1024 * 1024)
#define CALL_POOL_MAX (2u * 1024 * 1024)
#define PROBLEM_MAX 1024
/* An answer waits for others to go with it, but not for longer than this when
 * the next call is begun. */
#define ANSWER_WAIT_NS 100000

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

/* A datagram that came in while a call waited for a signature. */
struct waiting {
	char *data;
	size_t len;
};

/* The stack is small, and there is one of each. */
static struct {
	char in[WIRE_DATAGRAM_MAX];	/* with the running call's frame */
	char aside[WIRE_DATAGRAM_MAX];	/* what comes meanwhile */
	struct wire_frame frame, answer;
	struct buf out;			/* a frame */
	struct buf datagram;		/* those that were not sent yet */
	int64_t first_ns;		/* since when the first waits */
	uint32_t generation;
	uint64_t call_id;		/* the one that runs; 0: none */
	unsigned signs;
	struct waiting waiting[HOST_WINDOW];
	unsigned waiting_count;
	struct marshal_lists lists; /* of the running call */
	struct usher_adapter adapter;
	struct adapter_trace trace;
	struct adapter_env env;
	struct adapter_setting settings[USHER_CONFIG_MAX];
	struct pool *pool, *call_pool, *scratch;
	void *state;
	bool owes_fini;
	const struct adapter_call *running;	/* NULL: none */
	bool is_in_init;
	char hidden[PATH_MAX];		/* "": nothing */
	char why[256];			/* nothing can be attested; else "" */
} host;

/* ---- the channel -------------------------------------------------------------- */

static struct wire_head head_of(enum wire_type type)
{
	return (struct wire_head){ type, host.generation, host.call_id };
}

static void flush(void)
{
	ssize_t n;

	if (!host.datagram.len)
		return;
	do
		n = sendto(HOST_CHANNEL_FD, host.datagram.ptr,
			   host.datagram.len, MSG_NOSIGNAL, NULL, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(HOST_NO_CHANNEL);
	buf_clear(&host.datagram);
}

/* Send `out` together with what comes soon. */
static void queue_out(void)
{
	uint32_t len = (uint32_t)host.out.len;

	if (!buf_is_ok(&host.out))
		_exit(HOST_NO_MEMORY);
	if (host.datagram.len + sizeof(len) + len > WIRE_DATAGRAM_MAX)
		flush();
	if (!host.datagram.len)
		host.first_ns = clock_mono_ns();
	/* It has room for the longest. */
	buf_add(&host.datagram, &len, sizeof(len));
	buf_adds(&host.datagram, buf_str(&host.out));
}

static void send_out(void)
{
	queue_out();
	flush();
}

/* The next datagram, in `to`. */
static struct str receive(char to[WIRE_DATAGRAM_MAX])
{
	ssize_t n;

	do
		n = recvfrom(HOST_CHANNEL_FD, to, WIRE_DATAGRAM_MAX, 0, NULL,
			     NULL);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(HOST_DONE);
	if (n < 0)
		_exit(HOST_NO_CHANNEL);
	return (struct str){ to, (size_t)n };
}

/* Cut the next frame off; false: there are no more. */
static bool next_frame(struct str *datagram, struct str *data_r)
{
	int more = wire_next(datagram, data_r);

	if (more < 0)
		_exit(HOST_BAD_FRAME);
	return more > 0;
}

static void read_frame(struct str data, struct wire_frame *frame)
{
	if (wire_read(data.ptr, data.len, false, frame))
		_exit(HOST_BAD_FRAME);
	if (!host.generation)
		host.generation = frame->head.generation;
	if (frame->head.generation != host.generation)
		_exit(HOST_BAD_FRAME);
}

/* A datagram of one frame. */
static void read_single(struct str datagram, struct wire_frame *frame)
{
	struct str data;

	if (!next_frame(&datagram, &data) || datagram.len)
		_exit(HOST_BAD_FRAME);
	read_frame(data, frame);
}

/*
 * Ends the process by a plain system call, as does whoever ends it inside the
 * sandbox: before a function that is known not to return, AddressSanitizer
 * makes one that the sandbox refuses, and the reason would be lost.
 */
static void refuse(const struct buf *problem)
{
	struct str text = buf_str(problem);

	if (text.len > PROBLEM_MAX)
		text.len = PROBLEM_MAX;
	wire_begin(&host.out, head_of(WIRE_REFUSED));
	wire_add_text(&host.out, WIRE_PROBLEM, text);
	send_out();
	syscall(SYS_exit_group, HOST_REFUSED);
}

/* ---- what an adapter is lent ------------------------------------------------- */

static void say(enum log_level level, struct str tenant, struct str adapter,
		struct str text)
{
	(void)tenant;
	(void)adapter;
	wire_begin(&host.out, head_of(WIRE_LOG));
	wire_add(&host.out, WIRE_LINE, level, text, STR_NULL);
	send_out();
}

static void keep_waiting(struct str datagram)
{
	struct waiting *w = &host.waiting[host.waiting_count];

	if (host.waiting_count == HOST_WINDOW)
		_exit(HOST_BAD_FRAME);
	w->data = malloc(datagram.len);
	if (!w->data)
		_exit(HOST_NO_MEMORY);
	memcpy(w->data, datagram.ptr, datagram.len);
	w->len = datagram.len;
	host.waiting_count++;
}

/* What the running hook waits for, past the calls that come before it. */
static void receive_answer(enum wire_type type)
{
	for (;;) {
		struct str datagram = receive(host.aside), rest = datagram;
		struct str data;

		if (!next_frame(&rest, &data))
			_exit(HOST_BAD_FRAME);
		read_frame(data, &host.answer);
		if (host.answer.head.type == type &&
		    host.answer.head.id == host.call_id && !rest.len)
			return;
		if (host.answer.head.type != WIRE_CALL)
			_exit(HOST_BAD_FRAME);
		keep_waiting(datagram);
	}
}

/*
 * The secret stays in the gateway, out of reach of foreign code.  The running
 * call's own frame lies in a buffer that is not read into meanwhile.
 */
static int ask_to_sign(struct adapter_call *call, struct str secret,
		       const void *data, size_t len, unsigned char mac_r[32])
{
	const struct wire_item *mac;

	(void)call;
	if (!secret.len || secret.len > USHER_SECRET_NAME_MAX)
		return USHER_E_NOTFOUND;
	if (len > WIRE_SIGN_MAX || host.signs == WIRE_SIGNS_MAX)
		return USHER_E_FAILED;
	host.signs++;
	wire_begin(&host.out, head_of(WIRE_SIGN));
	wire_add(&host.out, WIRE_DATA, 0, secret,
		 (struct str){ len ? data : "", len });
	send_out();
	receive_answer(WIRE_SIGNED);
	mac = wire_find(&host.answer, WIRE_MAC);
	if ((mac->number == 0) != (mac->a.len == USHER_MAC_LEN))
		_exit(HOST_BAD_FRAME);
	if (!mac->number)
		memcpy(mac_r, mac->a.ptr, USHER_MAC_LEN);
	return (int)mac->number;
}

/* What is stored stays in the gateway, too, until somebody asks. */
static enum err ask_to_look(struct adapter_call *call)
{
	wire_begin(&host.out, head_of(WIRE_LOOK));
	send_out();
	receive_answer(WIRE_USER);
	return marshal_read_user(&host.answer, host.call_pool, &host.lists,
				 call);
}

static void tell_step(struct adapter_call *call,
		      const struct adapter_step *step)
{
	(void)call;
	marshal_write_step(step, head_of(WIRE_STEP), &host.out);
	send_out();
}

static const struct adapter_services services = {
	.log = say,
	.sign = ask_to_sign,
	.step = tell_step,
};

/*
 * Its last words, from a signal handler.  Answers that wait are lost with it;
 * and so are these where there is no room for them.
 */
static void tell_fall(struct fall *fall)
{
	static char room[WIRE_LENGTH_SIZE + 512];
	struct buf frame;
	uint32_t len;

	if (host.running)
		fall->phase = host.running->phase;
	else if (host.is_in_init)
		fall->phase = ADAPTER_PHASE_INIT;
	buf_init_fixed(&frame, room + sizeof(len), sizeof(room) - sizeof(len));
	fall_write(fall, (struct wire_head){ WIRE_FELL, host.generation, 0 },
		   &frame);
	len = (uint32_t)frame.len;
	memcpy(room, &len, sizeof(len));
	if (buf_is_ok(&frame))
		sendto(HOST_CHANNEL_FD, room, sizeof(len) + len,
		       MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

/* ---- from birth to READY ----------------------------------------------------- */

static void keep_settings(const struct wire_frame *frame)
{
	for (unsigned i = 0; i < frame->count; i++) {
		struct adapter_setting *s;

		if (host.env.setting_count == USHER_CONFIG_MAX)
			_exit(HOST_BAD_FRAME);
		s = &host.settings[host.env.setting_count++];
		s->key = pool_str(host.pool, frame->items[i].a);
		s->value = pool_str(host.pool, frame->items[i].b);
		if (str_is_null(s->key) || str_is_null(s->value))
			_exit(HOST_NO_MEMORY);
	}
}

static void read_settings(void)
{
	const struct wire_item *hidden;

	for (;;) {
		read_single(receive(host.in), &host.frame);
		if (host.frame.head.type != WIRE_CONFIG)
			break;
		keep_settings(&host.frame);
	}
	if (host.frame.head.type != WIRE_START)
		_exit(HOST_BAD_FRAME);
	host.env.services = &services;
	host.env.settings = host.settings;
	host.env.tenant = pool_str(host.pool, wire_find(&host.frame,
							WIRE_TENANT)->a);
	host.env.deadline_ms =
		(uint32_t)wire_find(&host.frame, WIRE_DEADLINE)->number;
	if (str_is_null(host.env.tenant))
		_exit(HOST_NO_MEMORY);
	hidden = wire_find(&host.frame, WIRE_HIDDEN);
	if (hidden)
		snprintf(host.hidden, sizeof(host.hidden), "%s",
			 hidden->a.ptr);
}

/* The first datagram, with a descriptor if there is one. */
static void send_with(int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	queue_out();
	iov = (struct iovec){ host.datagram.ptr, host.datagram.len };
	if (fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		n = sendmsg(HOST_CHANNEL_FD, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(HOST_NO_CHANNEL);
	buf_clear(&host.datagram);
}

/* While there is no code here but ours, so that it can be believed. */
static void greet(void)
{
	struct buf problem;
	unsigned filters = 0;
	int status;

	buf_init_fixed(&problem, host.why, sizeof(host.why));
	attest_open(&status, &filters, &problem);
	wire_begin(&host.out, (struct wire_head){ WIRE_HELLO, 0, 0 });
	wire_add(&host.out, WIRE_NAME, 0, STR("usher"), STR(USHER_VERSION));
	wire_add_number(&host.out, WIRE_FILTERS, filters);
	send_with(status);
	if (status >= 0)
		close(status);
}

_Static_assert(1 << ADAPTER_PHASE_DELIVER < WIRE_ADVISORY,
	       "the last hook's bit is not another's");

static void tell_ready(void)
{
	const struct usher_adapter *a = &host.adapter;
	struct adapter_facts facts = call_facts(a);

	wire_begin(&host.out, head_of(WIRE_READY));
	wire_add(&host.out, WIRE_NAME, 0, str_from(a->name),
		 str_from(a->version));
	wire_add_number(&host.out, WIRE_HOOKS, facts.hooks |
			(facts.has_fini ? WIRE_FINI : 0) |
			(facts.is_advisory ? WIRE_ADVISORY : 0));
	wire_add_number(&host.out, WIRE_ABI,
			facts.abi_major << 16 | facts.abi_minor);
	send_out();
}

/* The gateway went before our death was tied to its own. */
static bool is_orphan(void)
{
	char c;
	ssize_t n = recvfrom(HOST_CHANNEL_FD, &c, 1, MSG_PEEK | MSG_DONTWAIT,
			     NULL, NULL);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void prepare(void)
{
	struct fields none;

	/* It was run by a descriptor's number, where a spawner started it. */
	prctl(PR_SET_NAME, "usher-adapter", 0, 0, 0);
	/* What a service manager or a terminal sends to all of us is the
	 * gateway's affair, which may still need us. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signals_ignore_strays();
	if (fall_watch(tell_fall))
		_exit(HOST_NO_MEMORY);
	buf_init(&host.out, WIRE_FRAME_MAX);
	buf_init(&host.datagram, WIRE_DATAGRAM_MAX);
	host.pool = pool_new(SETTINGS_POOL_MAX);
	host.call_pool = pool_new(CALL_POOL_MAX);
	host.scratch = pool_new(CALL_SCRATCH_MAX);
	/* Its room is taken once, before there are limits. */
	if (!host.pool || !host.call_pool || !host.scratch ||
	    !buf_reserve(&host.out, WIRE_FRAME_MAX) ||
	    !buf_reserve(&host.datagram, WIRE_DATAGRAM_MAX))
		_exit(HOST_NO_MEMORY);
	/* Whatever this draws or opens once, it does here. */
	fields_init(&none, host.scratch);
	if (json_parse_fields(STR("{\"a\":\"b\"}"), &none, NULL))
		_exit(HOST_NO_MEMORY);
	pool_reset(host.scratch);
}

static void load(uid_t uid)
{
	const struct filter_head *filters;
	char text[PROBLEM_MAX + 1], error[128];
	struct buf problem;
	size_t size = 0;

	buf_init_fixed(&problem, text, sizeof(text));
	buf_puts(&problem, host.why);
	filters = sandbox_map(HOST_FILTERS_FD, &size);
	if (!filters && !host.why[0])
		buf_printf(&problem, "no sandbox: its filters cannot be "
			   "mapped: %s",
			   strerror_r(errno, error, sizeof(error)));
	close(HOST_FILTERS_FD);
	if (!filters || host.why[0]) {
		refuse(&problem);
		return;
	}
	if (sandbox_enter(filters, size, uid,
			  host.hidden[0] ? host.hidden : NULL, &problem))
		refuse(&problem);
	if (is_orphan())
		syscall(SYS_exit_group, HOST_DONE);
	if (module_load_fd(HOST_MODULE_FD, &host.adapter, &problem))
		refuse(&problem);
	close(HOST_MODULE_FD);
	host.env.name = str_from(host.adapter.name);
	host.is_in_init = true;
	if (call_init(&host.adapter, &host.env, host.pool, host.scratch,
		      &host.state, &host.owes_fini, &problem) ||
	    sandbox_close(filters, size, &problem))
		refuse(&problem);
}

/* ---- calls --------------------------------------------------------------------- */

static void run(struct adapter_call *call, enum wire_call_kind kind)
{
	struct call_hook hooks[CALL_HOOKS_MAX];
	unsigned count = kind == WIRE_PROBE ? 0 :
		call_hooks(&host.adapter, kind == WIRE_DELIVER, hooks);

	host.trace.count = 0;
	call->trace = wire_find(&host.frame, WIRE_TRACED) ? &host.trace : NULL;
	call->look = wire_find(&host.frame, WIRE_LOOKABLE) ? ask_to_look :
							      NULL;
	call_begin(call, &host.env, host.scratch);
	marshal_read_times(&host.frame, call);
	host.running = call;
	call_run(call, host.state, hooks, count);
	host.running = NULL;
}

static void serve(struct str data)
{
	struct adapter_call call;

	read_frame(data, &host.frame);
	if (host.frame.head.type != WIRE_CALL || !host.frame.head.id)
		_exit(HOST_BAD_FRAME);
	host.call_id = host.frame.head.id;
	host.signs = 0;
	if (marshal_read_call(&host.frame, host.call_pool, &host.lists, &call))
		_exit(HOST_BAD_FRAME);
	run(&call, (enum wire_call_kind)wire_find(&host.frame,
						  WIRE_KIND)->number);
	if (marshal_write_reply(&call, head_of(WIRE_REPLY), &host.out))
		_exit(HOST_NO_MEMORY);
	queue_out();
	pool_reset(host.call_pool);
	host.call_id = 0;
}

/* Quick answers go together; a slow hook keeps nobody else's back. */
static void serve_all(struct str datagram)
{
	struct str data;

	while (next_frame(&datagram, &data)) {
		if (host.datagram.len &&
		    clock_mono_ns() - host.first_ns > ANSWER_WAIT_NS)
			flush();
		serve(data);
	}
	flush();
}

/* Those that came in meanwhile are older than what is still in the channel. */
static void serve_waiting(void)
{
	struct waiting next = host.waiting[0];

	host.waiting_count--;
	memmove(host.waiting, host.waiting + 1,
		host.waiting_count * sizeof(next));
	serve_all((struct str){ next.data, next.len });
	explicit_bzero(next.data, next.len);
	free(next.data);
}

static void serve_next(void)
{
	struct str datagram;

	if (host.waiting_count) {
		serve_waiting();
		return;
	}
	datagram = receive(host.in);
	serve_all(datagram);
	explicit_bzero(host.in, datagram.len);
}

void host_run(uid_t uid)
{
	prepare();
	greet();
	read_settings();
	load(uid);
	host.is_in_init = false;
	tell_ready();
	for (;;)
		serve_next();
}
