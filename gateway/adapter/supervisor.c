#include "adapter/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "adapter/child.h"
#include "adapter/filter.h"
#include "adapter/host.h"
#include "adapter/relay.h"
#include "adapter/uids.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/metric.h"

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

#define MS INT64_C(1000000)
#define NEVER INT64_MAX
#define EVENTS 64
#define DATAGRAMS_A_TURN 64	/* then the other children have theirs */
#define CONFIG_FRAME 32768	/* octets of settings in a frame, about */
#define WHY_MAX 1100

struct entry {
	struct list node;
	uint64_t id;
	struct adapter_call *call;	/* NULL: the probe, or answered */
	void (*done)(struct adapter_call *call);
	bool is_deliver, is_sent, is_probe;
	int64_t deadline_ns;
	unsigned lines, signs, steps;
	size_t len;
	char data[];
};

enum what { WHAT_CHANNEL, WHAT_LOG, WHAT_PIDFD, WHAT_BELL, WHAT_TIMER };

struct source {
	enum what what;
	struct isolated *isolated;
};

enum state {
	STATE_DOWN,		/* there is no process until retry_ns */
	STATE_STARTING,		/* spawned, not yet ready */
	STATE_SERVING,
	STATE_ENDING,		/* killed; its pidfd will tell */
};

struct isolated {
	struct list node;
	struct supervisor *supervisor;
	const struct adapter_env *env;
	int module;
	uid_t uid;
	struct source sources[3];	/* by enum what */
	enum state state;
	struct child child;
	uint32_t generation;
	bool is_greeted, is_told, is_ready, is_muted;
	unsigned next_setting;
	struct list entries;		/* in the order of their coming */
	unsigned count, sent;
	char answer[128];		/* a SIGNED frame that waits */
	size_t answer_len;
	int64_t spawn_ns, progress_ns, retry_ns, mute_ns;
	unsigned failures, answers, lines;
	bool is_trial;
	char why[WHY_MAX];		/* what it did; "": see how it ended */
	char name[USHER_ADAPTER_NAME_MAX + 1];
	char version[USHER_ADAPTER_NAME_MAX + 1];
	unsigned hooks, abi;
	/* the first start */
	bool is_waited_for, is_settled;
	/* the end */
	bool must_free;
	void (*freed)(void *ctx);
	void *freed_ctx;
	struct isolated_stats stats;
	struct metric *up, *timeouts, *failed, *unavailable;
};

struct supervisor {
	pthread_t thread;
	pthread_mutex_t lock;		/* all below, and each isolated */
	pthread_cond_t settled;
	struct list all;
	char *host;
	int epoll, bell, timer, filters;
	int64_t armed_ns;
	uint64_t next_id;
	uint32_t next_generation;
	struct uids uids;
	struct spawner *spawner;
	bool must_stop;
	bool is_closed, is_quiet;	/* quiesced: asked for, done */
	struct source bell_source, timer_source;
	/* the thread's own */
	struct list finished;		/* entries whose `done` is due */
	struct pool *scratch;
	struct buf out;
	char in[WIRE_FRAME_MAX];
	struct wire_frame frame;
};

/* ---- small things --------------------------------------------------------- */

static void ring(struct supervisor *s)
{
	const uint64_t one = 1;

	/* Fails only when it is rung already. */
	if (write(s->bell, &one, sizeof(one)) < 0)
		return;
}

/* The timer goes off then, or sooner. */
static void arm(struct supervisor *s, int64_t at_ns)
{
	const struct itimerspec when = {
		.it_value = { at_ns / (1000 * MS), at_ns % (1000 * MS) },
	};

	if (at_ns >= s->armed_ns)
		return;
	s->armed_ns = at_ns;
	timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void tell(const struct isolated *iso, enum log_level level,
		 const char *event, const char *text)
{
	const struct adapter_services *services = iso->env->services;

	if (services->tell)
		services->tell(level, event, iso->env->tenant,
			       str_from(text));
}

static struct entry *head_of(const struct isolated *iso)
{
	return list_is_empty(&iso->entries) ? NULL :
		list_entry(iso->entries.next, struct entry, node);
}

static void entry_free(struct entry *entry)
{
	explicit_bzero(entry->data, entry->len);
	free(entry);
}

static void entry_take(struct isolated *iso, struct entry *entry)
{
	list_del(&entry->node);
	iso->count--;
	if (entry->is_sent)
		iso->sent--;
}

/* The outputs were set, or are not wanted. */
static void entry_finish(struct isolated *iso, struct entry *entry)
{
	entry_take(iso, entry);
	if (entry->call)
		list_add(&iso->supervisor->finished, &entry->node);
	else
		entry_free(entry);
}

static void call_fail(struct adapter_call *call, enum adapter_result result,
		      const char *problem)
{
	snprintf(call->problem, sizeof(call->problem), "%s", problem);
	call->result = result;
}

/* Its end is certain from here on; the pidfd says when. */
static void end(struct isolated *iso, const char *why)
{
	if (iso->state == STATE_DOWN || iso->state == STATE_ENDING)
		return;
	if (!iso->why[0])
		snprintf(iso->why, sizeof(iso->why), "%s", why);
	iso->state = STATE_ENDING;
	child_kill(&iso->child);
}

/* ---- sending ----------------------------------------------------------------- */

enum sent { SENT, SENT_LATER, SENT_NEVER };

static enum sent put(struct isolated *iso, const void *data, size_t len)
{
	ssize_t n;

	do
		n = send(iso->child.channel, data, len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return SENT;
	return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_LATER :
							 SENT_NEVER;
}

/* Wake us when there is room, or no more. */
static void want_room(struct isolated *iso, bool wanted)
{
	struct epoll_event event = {
		.events = EPOLLIN | (wanted ? EPOLLOUT : 0),
		.data.ptr = &iso->sources[WHAT_CHANNEL],
	};

	epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_MOD, iso->child.channel,
		  &event);
}

/* The next CONFIG frame, or START behind the last setting. */
static enum sent put_settings(struct isolated *iso)
{
	const struct adapter_env *env = iso->env;
	struct buf *out = &iso->supervisor->out;
	unsigned i = iso->next_setting;
	bool is_start = i == env->setting_count;
	enum sent sent;

	wire_begin(out, (struct wire_head){ is_start ? WIRE_START : WIRE_CONFIG,
					    iso->generation, 0 });
	if (is_start) {
		wire_add_text(out, WIRE_TENANT, env->tenant);
		wire_add_number(out, WIRE_DEADLINE, env->deadline_ms);
	}
	for (; i < env->setting_count && out->len < CONFIG_FRAME; i++)
		wire_add(out, WIRE_SETTING, 0, env->settings[i].key,
			 env->settings[i].value);
	if (!buf_is_ok(out))
		return SENT_NEVER;
	sent = put(iso, out->ptr, out->len);
	if (sent == SENT) {
		iso->next_setting = i;
		iso->is_told = is_start;
	}
	return sent;
}

static enum sent put_calls(struct isolated *iso)
{
	struct list *pos, *safe;

	if (iso->sent >= HOST_WINDOW)
		return SENT;
	list_each(pos, safe, &iso->entries) {
		struct entry *entry = list_entry(pos, struct entry, node);
		enum sent sent;

		if (entry->is_sent)
			continue;
		sent = put(iso, entry->data, entry->len);
		if (sent != SENT)
			return sent;
		entry->is_sent = true;
		if (iso->sent++ == 0)
			iso->progress_ns = clock_mono_ns();
		if (iso->sent == HOST_WINDOW)
			break;
	}
	return SENT;
}

/* As much as there is room for. A child that takes nothing more has ended. */
static void flush(struct isolated *iso)
{
	enum sent sent = SENT;

	if ((iso->state != STATE_STARTING && iso->state != STATE_SERVING) ||
	    !iso->is_greeted)
		return;
	if (iso->answer_len) {
		sent = put(iso, iso->answer, iso->answer_len);
		if (sent == SENT)
			iso->answer_len = 0;
	}
	while (sent == SENT && !iso->is_told)
		sent = put_settings(iso);
	if (sent == SENT && iso->is_ready)
		sent = put_calls(iso);
	if (sent == SENT_LATER)
		want_room(iso, true);
}

/* Behind those that are there. `data` is copied. */
static struct entry *entry_add(struct isolated *iso, uint64_t id,
			       const struct buf *data)
{
	struct entry *entry = malloc(sizeof(*entry) + data->len);

	if (!entry)
		return NULL;
	*entry = (struct entry){ .id = id, .len = data->len };
	memcpy(entry->data, data->ptr, data->len);
	list_add(&iso->entries, &entry->node);
	iso->count++;
	return entry;
}

/* ---- starting and ending -------------------------------------------------- */

static int watch(struct isolated *iso, enum what what, int fd)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.ptr = &iso->sources[what] };

	return epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void failed(struct isolated *iso);

static void spawn(struct isolated *iso)
{
	struct supervisor *s = iso->supervisor;
	const struct child_spec spec = { s->host, iso->module, s->filters,
					 iso->uid, s->spawner };
	struct buf problem;

	buf_init_fixed(&problem, iso->why, sizeof(iso->why));
	iso->spawn_ns = iso->progress_ns = clock_mono_ns();
	if (child_spawn(&spec, &iso->child, &problem)) {
		failed(iso);
		return;
	}
	iso->why[0] = '\0';
	iso->state = STATE_STARTING;
	iso->generation = ++s->next_generation ? s->next_generation :
						 ++s->next_generation;
	iso->is_greeted = iso->is_told = iso->is_ready = iso->is_muted = false;
	iso->next_setting = 0;
	iso->answer_len = 0;
	iso->lines = 0;
	iso->stats.pid = iso->child.pid;
	if (watch(iso, WHAT_CHANNEL, iso->child.channel) ||
	    watch(iso, WHAT_LOG, iso->child.log) ||
	    watch(iso, WHAT_PIDFD, iso->child.pidfd)) {
		/* Nobody would tell us of its end. */
		child_kill(&iso->child);
		child_reap(&iso->child, &problem);
		buf_clear(&problem);
		buf_puts(&problem, "its process cannot be watched");
		failed(iso);
		return;
	}
	arm(s, iso->spawn_ns + SUPERVISOR_START_MS * MS);
}

static void settle(struct isolated *iso)
{
	iso->is_settled = true;
	pthread_cond_broadcast(&iso->supervisor->settled);
}

/* There is no process (any more), and iso->why says why. */
static void failed(struct isolated *iso)
{
	int64_t delay = SUPERVISOR_RETRY_MIN_MS;

	iso->state = STATE_DOWN;
	iso->stats.pid = 0;
	iso->retry_ns = NEVER;
	metric_set(iso->up, 0);
	if (iso->is_waited_for) {
		settle(iso);
		return;
	}
	if (iso->must_free || iso->supervisor->is_closed)
		return;
	iso->failures++;
	iso->answers = 0;
	iso->stats.failures++;
	metric_add(iso->failed, 1);
	for (unsigned i = 1; i < iso->failures && i < 10; i++)
		delay *= 2;
	if (iso->failures >= SUPERVISOR_FAILURES_MAX) {
		delay = SUPERVISOR_RETRY_MAX_MS;
		iso->stats.is_open = true;
	}
	iso->is_trial = iso->stats.is_open;
	iso->retry_ns = clock_mono_ns() + delay * MS;
	arm(iso->supervisor, iso->retry_ns);
	tell(iso, LOG_LEVEL_ERROR, iso->stats.is_open ?
	     "adapter_breaker_open" : "adapter_process_failed", iso->why);
}

/* The one that ran when it ended failed; those behind it never began. */
static void answer_all(struct isolated *iso, const char *why)
{
	char problem[ADAPTER_PROBLEM_MAX];
	struct list *pos, *safe;
	bool is_head = !iso->supervisor->is_closed;

	snprintf(problem, sizeof(problem), "its process failed: %.400s", why);
	list_each(pos, safe, &iso->entries) {
		struct entry *entry = list_entry(pos, struct entry, node);

		if (entry->call)
			call_fail(entry->call, is_head && entry->is_sent ?
				  ADAPTER_FAILED : ADAPTER_UNAVAILABLE,
				  problem);
		is_head = false;
		entry_finish(iso, entry);
	}
}

/* ---- what a child says ------------------------------------------------------- */

static bool is_version(const struct wire_item *name)
{
	return str_eq(name->a, STR("usher")) &&
	       str_eq(name->b, STR(USHER_VERSION));
}

static void on_hello(struct isolated *iso, const struct wire_frame *frame)
{
	if (iso->state != STATE_STARTING || iso->is_greeted ||
	    frame->head.generation) {
		end(iso, "it greeted twice");
	} else if (!is_version(wire_find(frame, WIRE_NAME))) {
		end(iso, "usher-adapter-host is of another version than the "
		    "gateway; install both from one build");
	} else {
		iso->is_greeted = true;
		flush(iso);
	}
}

/* It must answer a call under the last filter before it counts as ready. */
static void on_ready(struct isolated *iso, const struct wire_frame *frame)
{
	const struct wire_item *name = wire_find(frame, WIRE_NAME);
	struct supervisor *s = iso->supervisor;
	struct adapter_call probe = { 0 };
	struct entry *entry;

	if (iso->state != STATE_STARTING || !iso->is_told || iso->is_ready) {
		end(iso, "it was ready twice");
		return;
	}
	if (!iso->name[0]) {
		snprintf(iso->name, sizeof(iso->name), "%s", name->a.ptr);
		snprintf(iso->version, sizeof(iso->version), "%s",
			 name->b.ptr);
		iso->hooks = (unsigned)wire_find(frame, WIRE_HOOKS)->number;
		iso->abi = (unsigned)wire_find(frame, WIRE_ABI)->number;
	}
	iso->is_ready = true;
	call_begin(&probe, iso->env, NULL);
	relay_write_call(&probe, WIRE_PROBE,
			 (struct wire_head){ WIRE_CALL, iso->generation,
					     ++s->next_id }, &s->out);
	entry = entry_add(iso, s->next_id, &s->out);
	if (!entry) {
		end(iso, "out of memory");
		return;
	}
	entry->is_probe = true;
	entry->deadline_ns = NEVER;
	flush(iso);
}

static void on_refused(struct isolated *iso, const struct wire_frame *frame)
{
	if (iso->state == STATE_STARTING)
		end(iso, wire_find(frame, WIRE_PROBLEM)->a.ptr);
	else
		end(iso, "it refused to start, having started");
}

/* May the frame speak for what runs now?  *entry_r: NULL while it starts. */
static bool is_of_now(const struct isolated *iso,
		      const struct wire_frame *frame, struct entry **entry_r)
{
	struct entry *entry = head_of(iso);

	if (!frame->head.id) {
		*entry_r = NULL;
		return iso->state == STATE_STARTING && !iso->is_ready;
	}
	*entry_r = entry;
	return entry && entry->is_sent && entry->id == frame->head.id;
}

static void on_log(struct isolated *iso, const struct wire_frame *frame)
{
	const struct wire_item *line = wire_find(frame, WIRE_LINE);
	const struct adapter_env *env = iso->env;
	struct entry *entry;
	unsigned *lines;

	if (!is_of_now(iso, frame, &entry)) {
		end(iso, "it logged for a call that is not its");
		return;
	}
	lines = entry ? &entry->lines : &iso->lines;
	if (++*lines > USHER_LOG_LINES_MAX)
		end(iso, "it logged more lines than a call may have");
	else if (env->services->log)
		env->services->log((enum log_level)line->number, env->tenant,
				   str_from(iso->name[0] ? iso->name :
					    "starting"), line->a);
}

/* Of a call that was given up nobody looks on any more. */
static void on_step(struct isolated *iso, const struct wire_frame *frame)
{
	struct entry *entry;

	if (!is_of_now(iso, frame, &entry) || !entry || entry->is_probe ||
	    ++entry->steps > WIRE_STEPS_MAX)
		end(iso, "it told of a step out of turn");
	else if (entry->call && (!entry->call->trace ||
				 relay_read_step(frame, entry->call->trace)))
		end(iso, "it told of a step that nobody asked for");
}

static int sign(const struct adapter_env *env, const struct wire_item *data,
		unsigned char mac[USHER_MAC_LEN])
{
	for (unsigned i = 0; i < env->secret_count; i++)
		if (str_eq(env->secrets[i].name, data->a))
			return env->services->hmac_sha256(
				env->secrets[i].value, data->b.ptr,
				data->b.len, mac) ? USHER_E_FAILED : 0;
	return USHER_E_NOTFOUND;
}

static void on_sign(struct isolated *iso, const struct wire_frame *frame)
{
	unsigned char mac[USHER_MAC_LEN];
	struct entry *entry;
	struct buf out;
	int rc;

	if (!is_of_now(iso, frame, &entry) || iso->answer_len ||
	    (entry && ++entry->signs > WIRE_SIGNS_MAX)) {
		end(iso, "it asked for a signature out of turn");
		return;
	}
	rc = sign(iso->env, wire_find(frame, WIRE_DATA), mac);
	buf_init_fixed(&out, iso->answer, sizeof(iso->answer));
	wire_begin(&out, (struct wire_head){ WIRE_SIGNED, iso->generation,
					     frame->head.id });
	wire_add(&out, WIRE_MAC, rc, rc ? STR_NULL :
		 (struct str){ (const char *)mac, sizeof(mac) }, STR_NULL);
	iso->answer_len = out.len;
	flush(iso);
}

static void on_probe_reply(struct isolated *iso, struct entry *entry,
			   const struct wire_frame *frame)
{
	entry_finish(iso, entry);
	if (frame->count != 1 ||
	    wire_find(frame, WIRE_RESULT)->number != ADAPTER_OK) {
		end(iso, "it did not pass the test of a call");
		return;
	}
	iso->state = STATE_SERVING;
	iso->stats.ready_ns = (uint64_t)(clock_mono_ns() - iso->spawn_ns);
	metric_set(iso->up, 1);
	if (iso->is_waited_for)
		settle(iso);
	else
		tell(iso, LOG_LEVEL_INFO, "adapter_process_ready", iso->name);
}

static void count_answer(struct isolated *iso)
{
	if (iso->is_trial) {
		iso->is_trial = iso->stats.is_open = false;
		iso->failures = SUPERVISOR_FAILURES_MAX - 1;
		tell(iso, LOG_LEVEL_INFO, "adapter_breaker_closed",
		     iso->name);
	}
	if (++iso->answers >= SUPERVISOR_ANSWERS_GOOD)
		iso->failures = 0;
}

static void on_reply(struct isolated *iso, const struct wire_frame *frame)
{
	struct entry *entry = head_of(iso);
	enum err err = ERR_OK;

	if (!entry || !entry->is_sent || entry->id != frame->head.id) {
		end(iso, "it answered a call that is not under way");
		return;
	}
	if (entry->is_probe) {
		on_probe_reply(iso, entry, frame);
		return;
	}
	if (entry->call)
		err = relay_read_reply(frame, entry->is_deliver,
				       iso->supervisor->scratch, entry->call);
	if (err)
		call_fail(entry->call, ADAPTER_FAILED, err == ERR_NOMEM ?
			  "out of memory" : "its reply was malformed");
	entry_finish(iso, entry);
	if (err && err != ERR_NOMEM) {
		end(iso, "its reply was malformed");
		return;
	}
	count_answer(iso);
	flush(iso);
}

static void on_frame(struct isolated *iso, size_t len)
{
	static void (*const handlers[WIRE_TYPES])(
		struct isolated *, const struct wire_frame *) = {
		[WIRE_HELLO] = on_hello, [WIRE_READY] = on_ready,
		[WIRE_REFUSED] = on_refused, [WIRE_REPLY] = on_reply,
		[WIRE_LOG] = on_log, [WIRE_SIGN] = on_sign,
		[WIRE_STEP] = on_step,
	};
	struct supervisor *s = iso->supervisor;
	enum wire_type type;

	if (wire_read(s->in, len, true, &s->frame)) {
		end(iso, "it sent a malformed frame");
		return;
	}
	type = s->frame.head.type;
	if (type != WIRE_HELLO && s->frame.head.generation != iso->generation) {
		end(iso, "it sent a frame of another process");
		return;
	}
	iso->progress_ns = clock_mono_ns();
	handlers[type](iso, &s->frame);
}

/* Up to `max` datagrams. */
static void receive(struct isolated *iso, unsigned max)
{
	struct supervisor *s = iso->supervisor;

	while (max-- && (iso->state == STATE_STARTING ||
			 iso->state == STATE_SERVING)) {
		ssize_t n = recv(iso->child.channel, s->in, sizeof(s->in),
				 MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			/* Its own end is more telling, if that is why. */
			epoll_ctl(s->epoll, EPOLL_CTL_DEL, iso->child.channel,
				  NULL);
			child_kill(&iso->child);
			return;
		}
		if ((size_t)n > sizeof(s->in))
			end(iso, "it sent a frame that is too long");
		else
			on_frame(iso, (size_t)n);
	}
}

/* What it, or libc for it, wrote on standard error. */
static void read_stderr(struct isolated *iso)
{
	const struct adapter_env *env = iso->env;
	char text[4096];
	ssize_t n = read(iso->child.log, text, sizeof(text));
	struct str rest = { text, n > 0 ? (size_t)n : 0 };
	int64_t now = clock_mono_ns();

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_DEL,
			  iso->child.log, NULL);
		return;
	}
	if (now >= iso->mute_ns + 1000 * MS) {
		iso->mute_ns = now;
		iso->lines = 0;
	}
	while (rest.len && iso->lines < SUPERVISOR_LINES_MAX) {
		struct str line = str_cut(rest, '\n', &rest);

		iso->lines++;
		if (line.len > USHER_LOG_MAX)
			line.len = USHER_LOG_MAX;
		if (line.len && env->services->stray)
			env->services->stray(env->tenant, str_from(iso->name),
					     line);
		else if (line.len && env->services->log)
			env->services->log(LOG_LEVEL_WARN, env->tenant,
					   str_from(iso->name), line);
	}
	if (iso->lines < SUPERVISOR_LINES_MAX)
		return;
	/* Its pipe fills up, and what does not fit is its loss. */
	epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_DEL, iso->child.log, NULL);
	iso->is_muted = true;
	arm(iso->supervisor, iso->mute_ns + 1000 * MS);
}

static void on_end(struct isolated *iso)
{
	char text[256];
	struct buf how;

	/* Its last words came before its end. */
	receive(iso, SUPERVISOR_CALLS_MAX);
	if (!iso->is_muted)
		read_stderr(iso);
	buf_init_fixed(&how, text, sizeof(text));
	child_reap(&iso->child, &how);
	if (!iso->why[0])
		snprintf(iso->why, sizeof(iso->why), "its process %s", text);
	answer_all(iso, iso->why);
	failed(iso);
}

/* ---- time ------------------------------------------------------------------- */

static void time_out(struct isolated *iso, int64_t now)
{
	struct list *pos, *safe;

	list_each(pos, safe, &iso->entries) {
		struct entry *entry = list_entry(pos, struct entry, node);
		struct entry *told;

		if (entry->deadline_ns > now)
			return;
		if (!entry->call)
			continue;
		iso->stats.timeouts++;
		metric_add(iso->timeouts, 1);
		call_fail(entry->call, ADAPTER_TIMED_OUT,
			  "it did not answer in time");
		if (!entry->is_sent) {
			entry_finish(iso, entry);
			continue;
		}
		/* Its place stays taken until the child is done with it. */
		told = malloc(sizeof(*told));
		if (!told) {
			end(iso, "out of memory");
			return;
		}
		*told = (struct entry){ .call = entry->call,
					.done = entry->done };
		entry->call = NULL;
		list_add(&iso->supervisor->finished, &told->node);
	}
}

/* Do what is due; when to look again. */
static int64_t tick(struct isolated *iso, int64_t now)
{
	struct entry *head;
	int64_t next = NEVER, at;
	struct list *pos, *safe;

	if (iso->is_muted && now >= iso->mute_ns + 1000 * MS) {
		iso->is_muted = false;
		if (iso->child.log >= 0)
			watch(iso, WHAT_LOG, iso->child.log);
	}
	if (iso->is_muted)
		next = iso->mute_ns + 1000 * MS;
	if (iso->state == STATE_DOWN) {
		if (iso->retry_ns <= now && !iso->must_free)
			spawn(iso);
		at = iso->state == STATE_DOWN ? iso->retry_ns : NEVER;
		return at < next ? at : next;
	}
	time_out(iso, now);
	if (iso->state == STATE_STARTING) {
		at = iso->spawn_ns + SUPERVISOR_START_MS * MS;
		if (at <= now)
			end(iso, "it was not ready within 5 seconds");
		return at < next && at > now ? at : next;
	}
	head = head_of(iso);
	at = iso->progress_ns + SUPERVISOR_STALL_MS * MS;
	if (head && head->is_sent && !head->call) {
		if (at <= now)
			end(iso, "it hung in a call");
		else if (at < next)
			next = at;
	}
	list_each(pos, safe, &iso->entries) {
		const struct entry *entry = list_entry(pos, struct entry,
						       node);

		if (!entry->call)
			continue;
		return entry->deadline_ns < next ? entry->deadline_ns : next;
	}
	return next;
}

static void on_timer(struct supervisor *s)
{
	int64_t now = clock_mono_ns(), next = NEVER;
	struct list *pos, *safe;
	uint64_t times;

	if (read(s->timer, &times, sizeof(times)) < 0)
		times = 0;
	s->armed_ns = NEVER;
	list_each(pos, safe, &s->all) {
		int64_t at = tick(list_entry(pos, struct isolated, node), now);

		if (at < next)
			next = at;
	}
	if (next != NEVER)
		arm(s, next);
}

/* ---- the thread ---------------------------------------------------------------- */

static void destroy(struct isolated *iso)
{
	void (*freed)(void *ctx) = iso->freed;
	void *ctx = iso->freed_ctx;

	list_del(&iso->node);
	uids_give_back(&iso->supervisor->uids, iso->uid);
	close(iso->module);
	free(iso);
	if (freed)
		freed(ctx);
}

static void on_bell(struct supervisor *s)
{
	struct list *pos, *safe;
	uint64_t times;

	if (read(s->bell, &times, sizeof(times)) < 0)
		return;
	list_each(pos, safe, &s->all) {
		struct isolated *iso = list_entry(pos, struct isolated, node);

		if (iso->must_free || s->is_closed) {
			end(iso, "it is not needed any more");
			answer_all(iso, "the gateway stops");
		} else if (iso->is_waited_for && !iso->is_settled &&
			 iso->state == STATE_DOWN)
			spawn(iso);
	}
}

static void on_event(struct supervisor *s, const struct epoll_event *event)
{
	struct source *source = event->data.ptr;
	struct isolated *iso = source->isolated;

	if (source->what == WHAT_BELL)
		on_bell(s);
	else if (source->what == WHAT_TIMER)
		on_timer(s);
	else if (iso->child.channel < 0)
		return;		/* its end was seen among these events */
	else if (source->what == WHAT_PIDFD)
		on_end(iso);
	else if (source->what == WHAT_LOG)
		read_stderr(iso);
	else {
		if (event->events & EPOLLOUT) {
			want_room(iso, false);
			flush(iso);
		}
		receive(iso, DATAGRAMS_A_TURN);
	}
}

/* Without the lock: a waker takes locks of its own. */
static void call_back(struct supervisor *s, struct list *finished)
{
	struct list *pos, *safe;

	pthread_mutex_unlock(&s->lock);
	list_each(pos, safe, finished) {
		struct entry *entry = list_entry(pos, struct entry, node);

		list_del(pos);
		entry->done(entry->call);
		entry_free(entry);
	}
	pthread_mutex_lock(&s->lock);
}

/* Nothing of this turn's events refers to them any more. */
static bool sweep(struct supervisor *s)
{
	struct list *pos, *safe;
	bool is_empty = true;

	list_each(pos, safe, &s->all) {
		struct isolated *iso = list_entry(pos, struct isolated, node);

		if (iso->must_free && iso->state == STATE_DOWN)
			destroy(iso);
		else
			is_empty = false;
	}
	return is_empty;
}

static void *supervise(void *arg)
{
	struct supervisor *s = arg;
	struct epoll_event events[EVENTS];
	bool is_over = false;

	pthread_mutex_lock(&s->lock);
	while (!is_over) {
		int n;

		pthread_mutex_unlock(&s->lock);
		n = epoll_wait(s->epoll, events, EVENTS, -1);
		pthread_mutex_lock(&s->lock);
		for (int i = 0; i < n; i++)
			on_event(s, &events[i]);
		if (!list_is_empty(&s->finished))
			call_back(s, &s->finished);
		if (s->is_closed && !s->is_quiet) {
			s->is_quiet = true;
			pthread_cond_broadcast(&s->settled);
		}
		is_over = sweep(s) && s->must_stop;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int open_all(struct supervisor *s, struct buf *problem)
{
	struct epoll_event bell = { .events = EPOLLIN,
				    .data.ptr = &s->bell_source };
	struct epoll_event timer = { .events = EPOLLIN,
				     .data.ptr = &s->timer_source };

	s->bell_source.what = WHAT_BELL;
	s->timer_source.what = WHAT_TIMER;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->scratch = pool_new(CALL_SCRATCH_MAX);
	buf_init(&s->out, WIRE_FRAME_MAX);
	if (s->epoll < 0 || s->bell < 0 || s->timer < 0 || !s->scratch ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->bell, &bell) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->timer, &timer)) {
		buf_puts(problem, "there are no descriptors or no memory for "
			 "the supervisor of adapters");
		return -1;
	}
	return 0;
}

static void free_all(struct supervisor *s)
{
	const int fds[] = { s->epoll, s->bell, s->timer, s->filters };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pool_free(s->scratch);
	buf_done(&s->out);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->settled);
	free(s->host);
	free(s);
}

enum err supervisor_new(const char *host, struct supervisor **supervisor_r,
			struct buf *problem)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	char found[PATH_MAX];
	sigset_t all, before;
	enum err err;
	int rc;

	if (!s)
		return ERR_NOMEM;
	s->epoll = s->bell = s->timer = s->filters = -1;
	s->armed_ns = NEVER;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->settled, NULL);
	list_init(&s->all);
	list_init(&s->finished);
	uids_init(&s->uids, uids_range());
	if (!host)
		child_find_host(found, sizeof(found));
	s->host = strdup(host ? host : found);
	err = !s->host || open_all(s, problem) ? ERR_IO :
		filter_new(&s->filters, problem);
	if (err) {
		free_all(s);
		return err;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, supervise, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		buf_puts(problem, "there is no thread for the supervisor of "
			 "adapters");
		free_all(s);
		return ERR_IO;
	}
	*supervisor_r = s;
	return ERR_OK;
}

void supervisor_use_spawner(struct supervisor *s, struct spawner *spawner)
{
	pthread_mutex_lock(&s->lock);
	s->spawner = spawner;
	pthread_mutex_unlock(&s->lock);
}

void supervisor_quiesce(struct supervisor *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->is_closed = true;
	ring(s);
	while (!s->is_quiet)
		pthread_cond_wait(&s->settled, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->must_stop = true;
	ring(s);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	free_all(s);
}

/* ---- one adapter ----------------------------------------------------------------- */

static struct metric *metric_of(const struct isolated *iso,
				enum metric_kind kind, const char *name,
				const char *help)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%.*s\"",
		 STR_ARG(iso->env->tenant));
	return metric_get(kind, name, help, labels);
}

static struct isolated *isolated_make(struct supervisor *s,
				      const struct adapter_env *env,
				      const struct module_copy *copy)
{
	struct isolated *iso = calloc(1, sizeof(*iso));

	if (!iso)
		return NULL;
	iso->module = fcntl(copy->fd, F_DUPFD_CLOEXEC, 3);
	if (iso->module < 0) {
		free(iso);
		return NULL;
	}
	iso->supervisor = s;
	iso->env = env;
	iso->child = (struct child){ .channel = -1, .log = -1, .pidfd = -1 };
	for (int i = WHAT_CHANNEL; i <= WHAT_PIDFD; i++)
		iso->sources[i] = (struct source){ i, iso };
	list_init(&iso->entries);
	iso->retry_ns = NEVER;
	iso->is_waited_for = true;
	iso->up = metric_of(iso, METRIC_GAUGE, "usher_adapter_up",
			    "Is an isolated adapter's process serving?");
	iso->timeouts = metric_of(iso, METRIC_COUNTER,
				  "usher_adapter_timeouts_total",
				  "Calls that were not answered in time.");
	iso->failed = metric_of(iso, METRIC_COUNTER,
				"usher_adapter_failures_total",
				"Processes of adapters that failed.");
	iso->unavailable = metric_of(iso, METRIC_COUNTER,
				     "usher_adapter_unavailable_total",
				     "Calls that no process could take.");
	return iso;
}

enum err isolated_new(struct supervisor *s, const struct adapter_env *env,
		      const struct module_copy *copy,
		      struct isolated **isolated_r, struct buf *problem)
{
	struct isolated *iso = isolated_make(s, env, copy);

	if (!iso) {
		buf_puts(problem, "out of memory or of descriptors");
		return ERR_NOMEM;
	}
	pthread_mutex_lock(&s->lock);
	if (!uids_take(&s->uids, &iso->uid) && s->uids.range.count) {
		pthread_mutex_unlock(&s->lock);
		buf_puts(problem, "all users that adapters may run as are "
			 "taken");
		close(iso->module);
		free(iso);
		return ERR_LIMIT;
	}
	list_add(&s->all, &iso->node);
	ring(s);
	while (!iso->is_settled)
		pthread_cond_wait(&s->settled, &s->lock);
	iso->is_waited_for = false;
	if (iso->state != STATE_SERVING) {
		buf_puts(problem, iso->why);
		iso->must_free = true;
		/* Nobody is told: the env is the caller's to free now. */
		list_del(&iso->node);
		uids_give_back(&s->uids, iso->uid);
		pthread_mutex_unlock(&s->lock);
		close(iso->module);
		free(iso);
		return ERR_UNSUPPORTED;
	}
	pthread_mutex_unlock(&s->lock);
	*isolated_r = iso;
	return ERR_OK;
}

void isolated_free(struct isolated *iso, void (*freed)(void *ctx), void *ctx)
{
	struct supervisor *s;

	if (!iso)
		return;
	s = iso->supervisor;
	pthread_mutex_lock(&s->lock);
	iso->must_free = true;
	iso->freed = freed;
	iso->freed_ctx = ctx;
	ring(s);
	pthread_mutex_unlock(&s->lock);
}

struct str isolated_name(const struct isolated *iso)
{
	return str_from(iso->name);
}

struct str isolated_version(const struct isolated *iso)
{
	return str_from(iso->version);
}

bool isolated_has_deliver(const struct isolated *iso)
{
	return iso->hooks & 1u << ADAPTER_PHASE_DELIVER;
}

bool isolated_has_sync(const struct isolated *iso)
{
	return iso->hooks & 1u << ADAPTER_PHASE_SYNC_USER;
}

bool isolated_is_advisory(const struct isolated *iso)
{
	return iso->hooks & WIRE_ADVISORY && !isolated_has_sync(iso);
}

struct adapter_facts isolated_facts(const struct isolated *iso)
{
	return (struct adapter_facts){
		.abi_major = iso->abi >> 16,
		.abi_minor = iso->abi & 0xffff,
		.hooks = iso->hooks & ~(unsigned)(WIRE_FINI | WIRE_ADVISORY),
		.has_fini = iso->hooks & WIRE_FINI,
		.is_advisory = iso->hooks & WIRE_ADVISORY,
	};
}

static const char *why_not(const struct isolated *iso)
{
	if (iso->state != STATE_SERVING || iso->supervisor->is_closed)
		return "its process is not running";
	if (iso->is_trial && iso->count)
		return "it failed too often and is on trial";
	if (iso->count >= SUPERVISOR_CALLS_MAX)
		return "too many of its calls are under way";
	return NULL;
}

bool isolated_call(struct isolated *iso, enum wire_call_kind kind,
		   struct adapter_call *call,
		   void (*done)(struct adapter_call *call))
{
	struct supervisor *s = iso->supervisor;
	struct entry *entry = NULL;
	const char *why;
	struct buf out;

	buf_init(&out, WIRE_FRAME_MAX);
	pthread_mutex_lock(&s->lock);
	why = why_not(iso);
	if (!why && relay_write_call(call, kind,
				     (struct wire_head){ WIRE_CALL,
					iso->generation, ++s->next_id }, &out))
		why = "the request does not fit in a frame";
	if (!why) {
		entry = entry_add(iso, s->next_id, &out);
		why = entry ? NULL : "out of memory";
	}
	iso->stats.calls++;
	if (entry) {
		entry->call = call;
		entry->done = done;
		entry->is_deliver = kind == WIRE_DELIVER;
		entry->deadline_ns = clock_mono_ns() +
			(int64_t)iso->env->deadline_ms * MS;
		flush(iso);
		arm(s, entry->deadline_ns);
	} else {
		iso->stats.unavailable++;
		metric_add(iso->unavailable, 1);
		call_fail(call, ADAPTER_UNAVAILABLE, why);
	}
	pthread_mutex_unlock(&s->lock);
	buf_done(&out);
	return entry != NULL;
}

void isolated_stats(struct isolated *iso, struct isolated_stats *stats_r)
{
	pthread_mutex_lock(&iso->supervisor->lock);
	*stats_r = iso->stats;
	stats_r->outstanding = iso->count;
	pthread_mutex_unlock(&iso->supervisor->lock);
}
