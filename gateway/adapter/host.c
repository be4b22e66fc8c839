#include "adapter/host.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "adapter/module.h"
#include "adapter/relay.h"
#include "adapter/sandbox.h"
#include "codec/json.h"

#define SETTINGS_POOL_MAX (16u * 1024 * 1024)
#define CALL_POOL_MAX (2u * 1024 * 1024)
#define PROBLEM_MAX 1024

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

/* A call that came in while another waited for a signature. */
struct waiting {
	char *data;
	size_t len;
};

/* The stack is small, and there is one of each. */
static struct {
	char in[WIRE_FRAME_MAX];
	struct wire_frame frame, signed_frame;
	struct buf out;
	uint32_t generation;
	uint64_t call_id;		/* the one that runs; 0: none */
	unsigned signs;
	struct waiting waiting[HOST_WINDOW];
	unsigned waiting_count;
	struct usher_adapter adapter;
	struct adapter_trace trace;
	struct adapter_env env;
	struct adapter_setting settings[USHER_CONFIG_MAX];
	struct pool *pool, *call_pool, *scratch;
	void *state;
	bool owes_fini;
} host;

/* ---- the channel -------------------------------------------------------------- */

static struct wire_head head_of(enum wire_type type)
{
	return (struct wire_head){ type, host.generation, host.call_id };
}

static void send_out(void)
{
	ssize_t n;

	if (!buf_is_ok(&host.out))
		_exit(HOST_NO_MEMORY);
	do
		n = sendto(HOST_CHANNEL_FD, host.out.ptr, host.out.len,
			   MSG_NOSIGNAL, NULL, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(HOST_NO_CHANNEL);
}

/* The length of the next datagram, in `host.in`. */
static size_t receive(void)
{
	ssize_t n;

	do
		n = recvfrom(HOST_CHANNEL_FD, host.in, sizeof(host.in), 0, NULL,
			     NULL);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(HOST_DONE);
	if (n < 0)
		_exit(HOST_NO_CHANNEL);
	return (size_t)n;
}

static void read_frame(const void *data, size_t len, struct wire_frame *frame)
{
	if (wire_read(data, len, false, frame))
		_exit(HOST_BAD_FRAME);
	if (!host.generation)
		host.generation = frame->head.generation;
	if (frame->head.generation != host.generation)
		_exit(HOST_BAD_FRAME);
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

static void keep_waiting(size_t len)
{
	struct waiting *w = &host.waiting[host.waiting_count];

	if (host.waiting_count == HOST_WINDOW)
		_exit(HOST_BAD_FRAME);
	w->data = malloc(len);
	if (!w->data)
		_exit(HOST_NO_MEMORY);
	memcpy(w->data, host.in, len);
	w->len = len;
	host.waiting_count++;
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
	for (;;) {
		size_t got = receive();

		read_frame(host.in, got, &host.signed_frame);
		if (host.signed_frame.head.type == WIRE_SIGNED)
			break;
		if (host.signed_frame.head.type != WIRE_CALL)
			_exit(HOST_BAD_FRAME);
		keep_waiting(got);
	}
	mac = wire_find(&host.signed_frame, WIRE_MAC);
	if (host.signed_frame.head.id != host.call_id ||
	    (mac->number == 0) != (mac->a.len == USHER_MAC_LEN))
		_exit(HOST_BAD_FRAME);
	if (!mac->number)
		memcpy(mac_r, mac->a.ptr, USHER_MAC_LEN);
	return (int)mac->number;
}

static void tell_step(struct adapter_call *call,
		      const struct adapter_step *step)
{
	(void)call;
	relay_write_step(step, head_of(WIRE_STEP), &host.out);
	send_out();
}

static const struct adapter_services services = {
	.log = say,
	.sign = ask_to_sign,
	.step = tell_step,
};

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
	for (;;) {
		read_frame(host.in, receive(), &host.frame);
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
}

static void greet(void)
{
	wire_begin(&host.out, (struct wire_head){ WIRE_HELLO, 0, 0 });
	wire_add(&host.out, WIRE_NAME, 0, STR("usher"), STR(USHER_VERSION));
	send_out();
}

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
	signal(SIGTERM, SIG_IGN);
	buf_init(&host.out, WIRE_FRAME_MAX);
	host.pool = pool_new(SETTINGS_POOL_MAX);
	host.call_pool = pool_new(CALL_POOL_MAX);
	host.scratch = pool_new(CALL_SCRATCH_MAX);
	/* Its room is taken once, before there are limits. */
	if (!host.pool || !host.call_pool || !host.scratch ||
	    !buf_reserve(&host.out, WIRE_FRAME_MAX))
		_exit(HOST_NO_MEMORY);
	/* Whatever this draws or opens once, it does here. */
	fields_init(&none, host.scratch);
	if (json_parse_fields(STR("{\"a\":\"b\"}"), &none, NULL))
		_exit(HOST_NO_MEMORY);
	pool_reset(host.scratch);
}

static void load(uid_t uid)
{
	const struct filter_head *filters = MAP_FAILED;
	char text[PROBLEM_MAX + 1];
	struct buf problem;
	struct stat st;

	buf_init_fixed(&problem, text, sizeof(text));
	if (fstat(HOST_FILTERS_FD, &st) == 0 &&
	    st.st_size >= (off_t)sizeof(*filters))
		filters = mmap(NULL, (size_t)st.st_size, PROT_READ,
			       MAP_PRIVATE, HOST_FILTERS_FD, 0);
	close(HOST_FILTERS_FD);
	if (filters == MAP_FAILED) {
		buf_puts(&problem, "no sandbox: its filters are missing");
		refuse(&problem);
		return;
	}
	if (sandbox_enter(filters, (size_t)st.st_size, uid, &problem))
		refuse(&problem);
	if (is_orphan())
		syscall(SYS_exit_group, HOST_DONE);
	if (module_load_fd(HOST_MODULE_FD, &host.adapter, &problem))
		refuse(&problem);
	close(HOST_MODULE_FD);
	host.env.name = str_from(host.adapter.name);
	if (call_init(&host.adapter, &host.env, host.pool, host.scratch,
		      &host.state, &host.owes_fini, &problem) ||
	    sandbox_close(filters, (size_t)st.st_size, &problem))
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
	call_begin(call, &host.env, host.scratch);
	relay_read_times(&host.frame, call);
	call_run(call, host.state, hooks, count);
}

static void serve(char *data, size_t len)
{
	struct relay_lists lists;
	struct adapter_call call;

	read_frame(data, len, &host.frame);
	if (host.frame.head.type != WIRE_CALL || !host.frame.head.id)
		_exit(HOST_BAD_FRAME);
	host.call_id = host.frame.head.id;
	host.signs = 0;
	if (relay_read_call(&host.frame, host.call_pool, &lists, &call))
		_exit(HOST_BAD_FRAME);
	run(&call, (enum wire_call_kind)wire_find(&host.frame,
						  WIRE_KIND)->number);
	if (relay_write_reply(&call, head_of(WIRE_REPLY), &host.out))
		_exit(HOST_NO_MEMORY);
	send_out();
	pool_reset(host.call_pool);
	host.call_id = 0;
}

/* Those that came in meanwhile are older than what is still in the channel. */
static void serve_next(void)
{
	struct waiting next;
	size_t len;

	if (!host.waiting_count) {
		len = receive();
		next.data = malloc(len);
		if (!next.data)
			_exit(HOST_NO_MEMORY);
		memcpy(next.data, host.in, len);
		next.len = len;
	} else {
		next = host.waiting[0];
		host.waiting_count--;
		memmove(host.waiting, host.waiting + 1,
			host.waiting_count * sizeof(next));
	}
	serve(next.data, next.len);
	explicit_bzero(next.data, next.len);
	free(next.data);
}

void host_run(uid_t uid)
{
	prepare();
	greet();
	read_settings();
	load(uid);
	tell_ready();
	for (;;)
		serve_next();
}
