/* What other threads ask of one adapter that has a process of its own.  What
 * the thread that keeps it does is in lifecycle.c. */
#include "adapter/supervisor-private.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/invariant.h"
#include "sandbox/marshal.h"

/* Octets that the frame of an ordinary call has. */
#define FRAME_USUAL 1023

/* ---- for the thread ------------------------------------------------------ */

void isolated_settle(struct isolated *iso, const char *why)
{
	struct supervisor *s = iso->supervisor;

	pthread_mutex_lock(&s->lock);
	iso->is_settled = true;
	pthread_mutex_unlock(&s->lock);
	iso->settled(iso->settled_ctx, why);
}

bool isolated_is_first(struct isolated *iso)
{
	bool is_first;

	pthread_mutex_lock(&iso->supervisor->lock);
	is_first = !iso->is_settled;
	pthread_mutex_unlock(&iso->supervisor->lock);
	return is_first;
}

bool isolated_must_free(struct isolated *iso)
{
	bool must_free;

	pthread_mutex_lock(&iso->supervisor->lock);
	must_free = iso->must_free;
	pthread_mutex_unlock(&iso->supervisor->lock);
	return must_free;
}

void isolated_close(struct isolated *iso)
{
	pthread_mutex_lock(&iso->lock);
	iso->is_closed = true;
	pthread_mutex_unlock(&iso->lock);
}

void isolated_call_fail(struct adapter_call *call, enum adapter_result result,
			const char *problem)
{
	snprintf(call->problem, sizeof(call->problem), "%s", problem);
	call->result = result;
}

/* ---- making and freeing -------------------------------------------------- */

static void find_metrics(struct isolated *iso)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%.*s\"",
		 STR_ARG(iso->env->tenant));
	iso->metrics = (struct isolated_metrics){
		.up = metric_get(usher_adapter_up, labels),
		.open = metric_get(usher_adapter_breaker_open, labels),
		.restarts = metric_get(usher_adapter_restarts_total, labels),
		.failures = metric_get(usher_adapter_failures_total, labels),
		.timeouts = metric_get(usher_adapter_timeouts_total, labels),
		.unavailable = metric_get(usher_adapter_unavailable_total,
					  labels),
		.slowed = metric_get(usher_adapter_slowed_total, labels),
		.seconds = metric_get(usher_adapter_call_seconds, labels),
	};
}

void isolated_destroy(struct isolated *iso)
{
	struct supervisor *s = iso->supervisor;

	invariant_is(iso, ISOLATED_MAGIC);
	iso->magic = 0;
	alarms_remove(&s->alarms, &iso->alarm);
	pthread_mutex_lock(&s->lock);
	uids_give_back(&s->uids, iso->uid);
	pthread_mutex_unlock(&s->lock);
	if (iso->module >= 0)
		close(iso->module);
	buf_done(&iso->answer);
	pthread_mutex_destroy(&iso->lock);
	free(iso);
}

static struct isolated *make(struct supervisor *s,
			     const struct adapter_env *env,
			     const struct module_copy *copy)
{
	struct isolated *iso = calloc(1, sizeof(*iso));

	if (!iso)
		return NULL;
	iso->magic = ISOLATED_MAGIC;
	promise(!pthread_mutex_init(&iso->lock, NULL));
	iso->supervisor = s;
	iso->env = env;
	iso->child = (struct child){ .channel = -1, .log = -1, .pidfd = -1,
				       .status = -1 };
	for (int i = SOURCE_CHANNEL; i <= SOURCE_PIDFD; i++)
		iso->sources[i] = (struct source){ i, iso };
	calls_init(&iso->calls);
	list_init(&iso->node);
	list_init(&iso->order);
	list_init(&iso->waiting);
	iso->retry_ns = iso->alarm_ns = ALARM_NEVER;
	iso->module = fcntl(copy->fd, F_DUPFD_CLOEXEC, 3);
	if (alarms_add(&s->alarms, &iso->alarm, iso) || iso->module < 0) {
		isolated_destroy(iso);
		return NULL;
	}
	find_metrics(iso);
	return iso;
}

enum err isolated_begin(struct supervisor *s, const struct adapter_env *env,
			const struct module_copy *copy,
			void (*settled)(void *ctx, const char *why), void *ctx,
			struct isolated **isolated_r, struct buf *problem)
{
	struct isolated *iso = make(s, env, copy);

	if (!iso) {
		buf_puts(problem, "out of memory or of descriptors");
		return ERR_NOMEM;
	}
	iso->settled = settled;
	iso->settled_ctx = ctx;
	pthread_mutex_lock(&s->lock);
	if (!uids_take(&s->uids, &iso->uid) && s->uids.range.count) {
		pthread_mutex_unlock(&s->lock);
		buf_puts(problem, "all users that adapters may run as are "
			 "taken");
		isolated_destroy(iso);
		return ERR_LIMIT;
	}
	/* It may settle before we return. */
	*isolated_r = iso;
	list_add(&s->orders, &iso->order);
	supervisor_ring(s);
	pthread_mutex_unlock(&s->lock);
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
	list_del(&iso->order);		/* it may not have begun yet */
	list_add(&s->orders, &iso->order);
	supervisor_ring(s);
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

void isolated_stats(struct isolated *iso, struct isolated_stats *stats_r)
{
	pthread_mutex_lock(&iso->lock);
	*stats_r = iso->stats;
	stats_r->outstanding = iso->calls.count;
	stats_r->is_serving = iso->life == LIFE_SERVING;
	stats_r->is_open = iso->breaker.is_open;
	pthread_mutex_unlock(&iso->lock);
}

/* ---- calls --------------------------------------------------------------- */

/*
 * Those for which this thread has calls that it did not send yet.  Their
 * exchanges wait, so none of them is freed meanwhile.
 */
static _Thread_local struct {
	bool is_promised;
	unsigned count;
	struct isolated *v[ISOLATED_HELD_MAX];
} held;

void isolated_promise_flush(void)
{
	held.is_promised = true;
}

void isolated_flush(void)
{
	for (unsigned i = 0; i < held.count; i++) {
		pthread_mutex_lock(&held.v[i]->lock);
		channel_send(held.v[i]);
		pthread_mutex_unlock(&held.v[i]->lock);
	}
	held.count = 0;
}

static bool is_held(const struct isolated *iso)
{
	for (unsigned i = 0; i < held.count; i++)
		if (held.v[i] == iso)
			return true;
	return false;
}

/* Under the lock: once it is released, the call may be over. */
static void send_or_hold(struct isolated *iso)
{
	if (!held.is_promised || (held.count == ISOLATED_HELD_MAX &&
				  !is_held(iso)))
		channel_send(iso);
	else if (!is_held(iso))
		held.v[held.count++] = iso;
}

static const char *why_not(const struct isolated *iso)
{
	if (iso->life != LIFE_SERVING || iso->is_closed)
		return "its process is not running";
	if (!breaker_may(&iso->breaker, iso->calls.count))
		return "it failed too often and is on trial";
	if (iso->calls.count >= CALLS_MAX)
		return "too many of its calls are under way";
	return NULL;
}

static void watch_deadline(struct isolated *iso, const struct call_entry *entry)
{
	if (entry->deadline_ns >= iso->alarm_ns)
		return;
	iso->alarm_ns = entry->deadline_ns;
	alarms_set(&iso->supervisor->alarms, &iso->alarm, iso->alarm_ns);
}

/* *is_watched_r: nobody asked for a trace, and the child makes one. */
static enum err write_call(struct isolated *iso, enum wire_call_kind kind,
			   struct adapter_call *call, struct buf *frame,
			   bool *is_watched_r)
{
	static const struct wire_head head = { WIRE_CALL, 0, 0 };
	struct adapter_trace trace = { 0 };
	enum err err;

	*is_watched_r = !call->trace && iso->is_suspect;
	if (*is_watched_r)
		call->trace = &trace;	/* the frame says so, and no more */
	err = marshal_write_call(call, kind, head, frame);
	if (*is_watched_r)
		call->trace = NULL;
	return err;
}

/* Under the lock. NULL, or why not. */
static const char *enqueue(struct isolated *iso, enum wire_call_kind kind,
			   bool is_scout, bool is_watched,
			   struct adapter_call *call, struct buf *frame)
{
	const char *why = why_not(iso);
	struct call_entry *entry;

	if (why)
		return why;
	entry = calls_add(&iso->calls, frame);
	if (!entry)
		return "out of memory";
	wire_address(&entry->frame, iso->generation, entry->id);
	entry->call = call;
	entry->is_deliver = kind == WIRE_DELIVER;
	entry->is_lookable = call->look != NULL;
	entry->is_scout = is_scout;
	entry->is_watched = is_watched;
	entry->start_ns = clock_mono_ns();
	entry->deadline_ns = entry->start_ns +
		(int64_t)iso->env->deadline_ms * MS;
	watch_deadline(iso, entry);
	send_or_hold(iso);
	return NULL;
}

/*
 * To ask about the user costs the adapter's process a wait, so where one call
 * did, those after it bring the answer along; now and then a scout does not.
 * Calls that count at the same time may send one scout more, or none.
 */
static bool look_ahead(struct isolated *iso, struct adapter_call *call,
		       bool *is_scout_r)
{
	enum err (*look)(struct adapter_call *call) = call->look;
	unsigned left = atomic_load_explicit(&iso->lookers,
					     memory_order_relaxed);

	if (!look || !left)
		return true;
	*is_scout_r = left == 1;
	atomic_store_explicit(&iso->lookers, *is_scout_r ? ISOLATED_LOOKERS :
			      left - 1, memory_order_relaxed);
	if (*is_scout_r)
		return true;
	call->look = NULL;
	return look(call) == ERR_OK;
}

/* Under the lock: why it may not be asked, and what became of it before. */
static const char *add_last_failure(const struct isolated *iso, const char *why,
				    char problem[ADAPTER_PROBLEM_MAX])
{
	if (!iso->stats.last_failure[0])
		return why;
	snprintf(problem, ADAPTER_PROBLEM_MAX, "%s; its last failure: %.300s",
		 why, iso->stats.last_failure);
	return problem;
}

bool isolated_call(struct isolated *iso, enum wire_call_kind kind,
		   struct adapter_call *call,
		   void (*done)(struct adapter_call *call))
{
	const char *why = NULL;
	char problem[ADAPTER_PROBLEM_MAX];
	bool is_scout = false, is_watched = false;
	struct buf frame;

	call->done = done;
	buf_init(&frame, WIRE_FRAME_MAX);
	if (!look_ahead(iso, call, &is_scout))
		why = "what is stored about the user could not be read";
	else if (!buf_reserve(&frame, FRAME_USUAL) ||
		 write_call(iso, kind, call, &frame, &is_watched))
		why = "the request does not fit in a frame";
	pthread_mutex_lock(&iso->lock);
	if (!why) {
		why = enqueue(iso, kind, is_scout, is_watched, call, &frame);
		if (why)
			why = add_last_failure(iso, why, problem);
	}
	iso->stats.calls++;
	if (why)
		iso->stats.unavailable++;
	pthread_mutex_unlock(&iso->lock);
	buf_done(&frame);
	if (!why)
		return true;
	metric_add(iso->metrics.unavailable, 1);
	isolated_call_fail(call, ADAPTER_UNAVAILABLE, why);
	return false;
}

/* Under the lock: the child goes on.  `call` NULL: nobody waits for what it
 * will say.  False: its process is gone, and with it the call. */
static bool show_user(struct isolated *iso, uint64_t id,
		      struct adapter_call *call, struct buf *frame)
{
	struct call_entry *entry = calls_running(&iso->calls, id);

	if (!entry || !entry->is_looking)
		return false;
	entry->is_looking = false;
	entry->call = call;
	/* Its deadline was nobody's meanwhile. */
	watch_deadline(iso, entry);
	wire_address(frame, iso->generation, id);
	iso->answer = *frame;
	*frame = (struct buf){ .ptr = NULL };
	channel_send(iso);
	return call != NULL;
}

bool isolated_resume(struct isolated *iso, struct adapter_call *call)
{
	static const struct wire_head head = { WIRE_USER, 0, 0 };
	enum err (*look)(struct adapter_call *call) = call->look;
	uint64_t id = call->look_id;
	struct buf frame;
	bool goes_on, fits;

	if (!id)
		return false;
	call->look_id = 0;
	call->look = NULL;
	buf_init(&frame, WIRE_FRAME_MAX);
	/* Where that fails there is nothing to see, and the caller knows that
	 * the outcome counts for nothing. */
	fits = !marshal_write_user(look(call) ? NULL : call, head, &frame);
	if (!fits)
		marshal_write_user(NULL, head, &frame);
	pthread_mutex_lock(&iso->lock);
	goes_on = show_user(iso, id, fits ? call : NULL, &frame);
	pthread_mutex_unlock(&iso->lock);
	buf_done(&frame);
	if (!goes_on)
		isolated_call_fail(call, ADAPTER_FAILED, fits ?
				   "its process failed" :
				   "what is stored about the user does not "
				   "fit in a frame");
	return goes_on;
}
