/*
 * The life of an isolated adapter's process (enum life), moved along by the
 * supervisor's thread alone.
 *
 *	            lifecycle_start()            the probe is answered
 *	                spawned                   lifecycle_serve()
 *	   DOWN ----------------> STARTING ----------------> SERVING
 *	   ^ ^ |                     |                          |
 *	   | | | not spawned         | REFUSED, a lie,          | hung, a lie,
 *	   | +-+                     | no answer in 5 s         | not needed
 *	   |                         |                          | any more
 *	   |                         v      lifecycle_end():    v
 *	   +---------------------- ENDING   killed <------------+
 *	     lifecycle_ended():
 *	     its pidfd told; reaped, all calls answered
 *
 * One that ends by itself comes to lifecycle_ended() without a kill.  From DOWN
 * it starts again once breaker_fail()'s pause is over (lifecycle_tick()), but
 * not while the gateway stops.  One whose first start failed is told to whoever
 * began it, and, as one that is to be freed, buried (supervisor_bury()).
 */
#include "adapter/supervisor-private.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/marshal.h"

/* From spawn to the answer to the probe. */
#define START_MS 5000
/* Past a deadline, without a word from it. */
#define STALL_MS 250
/* Between two lines that say that it was slowed. */
#define TOLD_SLOW_MS 1000

void lifecycle_tell(const struct isolated *iso, enum log_level level,
		    const struct log_event *event, const char *text)
{
	const struct adapter_services *services = iso->env->services;

	if (services->tell)
		services->tell(level, event, iso->env->tenant,
			       str_from(text));
}

/* ---- the next look ------------------------------------------------------- */

/* With the child, past its deadline: it should say something soon. */
static bool is_awaited(const struct isolated *iso)
{
	const struct call_entry *head = calls_head(&iso->calls);

	return head && head->is_sent && !head->call && !head->is_probe &&
	       !head->is_looking;
}

static int64_t stall_ns(const struct isolated *iso)
{
	return atomic_load_explicit(&iso->progress_ns, memory_order_relaxed) +
		STALL_MS * MS;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Set the alarm to whatever comes first. */
static void plan(struct isolated *iso)
{
	int64_t at = ALARM_NEVER;

	if (iso->lines.is_muted)
		at = stderr_lines_until(&iso->lines);
	if (iso->is_hushed)
		at = sooner(at, share_until(&iso->share));
	if (iso->life == LIFE_DOWN)
		at = sooner(at, iso->retry_ns);
	else if (iso->life == LIFE_STARTING)
		at = sooner(at, iso->spawn_ns + (iso->has_slot ?
			    SUPERVISOR_SLOT_MS : START_MS) * MS);
	pthread_mutex_lock(&iso->lock);
	if (iso->life == LIFE_SERVING && is_awaited(iso))
		at = sooner(at, stall_ns(iso));
	at = sooner(at, calls_deadline(&iso->calls));
	iso->alarm_ns = at;
	alarms_set(&iso->supervisor->alarms, &iso->alarm, at);
	pthread_mutex_unlock(&iso->lock);
}

/* ---- birth --------------------------------------------------------------- */

static void turn_to(struct isolated *iso, enum life life)
{
	pthread_mutex_lock(&iso->lock);
	iso->life = life;
	pthread_mutex_unlock(&iso->lock);
}

/* How long until the next start; the breaker may open. */
static int64_t count_failure(struct isolated *iso, bool *is_open_r)
{
	int64_t delay;

	pthread_mutex_lock(&iso->lock);
	iso->stats.failures++;
	snprintf(iso->stats.last_failure, sizeof(iso->stats.last_failure),
		 "%.*s", ISOLATED_FAILURE_MAX - 1, iso->why);
	delay = breaker_fail(&iso->breaker);
	*is_open_r = iso->breaker.is_open;
	pthread_mutex_unlock(&iso->lock);
	metric_add(iso->metrics.failures, 1);
	metric_set(iso->metrics.open, *is_open_r);
	return delay * MS;
}

/* There is no process (any more), and iso->why says why. */
static void be_down(struct isolated *iso)
{
	bool is_open, is_closed;

	pthread_mutex_lock(&iso->lock);
	iso->life = LIFE_DOWN;
	iso->stats.pid = 0;
	is_closed = iso->is_closed;
	pthread_mutex_unlock(&iso->lock);
	iso->retry_ns = ALARM_NEVER;
	if (iso->is_up)
		metric_add(iso->metrics.up, -1);
	iso->is_up = false;
	supervisor_give_slot(iso);
	if (isolated_is_first(iso) || isolated_must_free(iso)) {
		supervisor_bury(iso);
		return;
	}
	if (is_closed)
		return;
	iso->retry_ns = clock_mono_ns() + count_failure(iso, &is_open);
	plan(iso);
	lifecycle_tell(iso, LOG_LEVEL_ERROR,
		       is_open ? LOG_EVENT(adapter_breaker_open)
			       : LOG_EVENT(adapter_process_failed),
		       iso->why);
}

static void be_born(struct isolated *iso, const struct child *child)
{
	struct supervisor *s = iso->supervisor;

	iso->why[0] = '\0';
	iso->greeting = GREETING_NONE;
	iso->settings_sent = 0;
	iso->is_told = false;
	iso->start_lines = iso->start_signs = 0;
	iso->falls = 0;
	iso->lines.is_muted = false;
	if (++s->next_generation == 0)
		s->next_generation = 1;
	pthread_mutex_lock(&iso->lock);
	iso->life = LIFE_STARTING;
	iso->child = *child;
	iso->generation = s->next_generation;
	iso->is_full = iso->is_hushed = false;
	buf_done(&iso->answer);
	iso->stats.pid = child->pid;
	pthread_mutex_unlock(&iso->lock);
}

static struct spawner *spawner_of(struct supervisor *s)
{
	struct spawner *spawner;

	pthread_mutex_lock(&s->lock);
	spawner = s->spawner;
	pthread_mutex_unlock(&s->lock);
	return spawner;
}

/* A call that runs no hook: it must answer one under the last filter before it
 * counts as ready. */
static enum err add_probe(struct isolated *iso)
{
	struct adapter_call probe = { 0 };
	struct call_entry *entry;
	struct buf frame;
	enum err err;

	buf_init(&frame, WIRE_FRAME_MAX);
	call_begin(&probe, iso->env, NULL);
	err = marshal_write_call(&probe, WIRE_PROBE,
				 (struct wire_head){WIRE_CALL, 0, 0}, &frame);
	pthread_mutex_lock(&iso->lock);
	entry = err ? NULL : calls_add(&iso->calls, &frame);
	if (entry) {
		entry->is_probe = true;
		wire_address(&entry->frame, iso->generation, entry->id);
	}
	pthread_mutex_unlock(&iso->lock);
	buf_done(&frame);
	return entry ? ERR_OK : ERR_NOMEM;
}

void lifecycle_start(struct isolated *iso)
{
	struct supervisor *s = iso->supervisor;
	const struct child_spec spec = { s->host, iso->module, s->filters,
					 iso->uid, spawner_of(s) };
	struct buf problem;
	struct child child;

	buf_init_fixed(&problem, iso->why, sizeof(iso->why));
	iso->spawn_ns = clock_mono_ns();
	atomic_store_explicit(&iso->progress_ns, iso->spawn_ns,
			      memory_order_relaxed);
	if (child_spawn(&spec, &child, &problem)) {
		be_down(iso);
		return;
	}
	be_born(iso, &child);
	if (channel_watch(iso, SOURCE_CHANNEL, child.channel) ||
	    channel_watch(iso, SOURCE_LOG, child.log) ||
	    channel_watch(iso, SOURCE_PIDFD, child.pidfd)) {
		/* Nobody would tell us of its end. */
		turn_to(iso, LIFE_ENDING);
		child_kill(&iso->child);
		child_reap(&iso->child, &problem);
		buf_clear(&problem);
		buf_puts(&problem, "its process cannot be watched");
		be_down(iso);
		return;
	}
	if (add_probe(iso))
		lifecycle_end(iso, "out of memory");
	channel_flush(iso);
	plan(iso);
}

void lifecycle_serve(struct isolated *iso)
{
	pthread_mutex_lock(&iso->lock);
	iso->life = LIFE_SERVING;
	iso->stats.ready_ns = (uint64_t)(clock_mono_ns() - iso->spawn_ns);
	pthread_mutex_unlock(&iso->lock);
	/* While another takes its place, two of a tenant's serve. */
	metric_add(iso->metrics.up, 1);
	iso->is_up = true;
	supervisor_give_slot(iso);
	if (isolated_is_first(iso)) {
		isolated_settle(iso, NULL);
		return;
	}
	metric_add(iso->metrics.restarts, 1);
	lifecycle_tell(iso, LOG_LEVEL_INFO, LOG_EVENT(adapter_process_ready),
		       iso->name);
}

/* ---- death --------------------------------------------------------------- */

void lifecycle_end(struct isolated *iso, const char *why)
{
	if (iso->life == LIFE_DOWN || iso->life == LIFE_ENDING)
		return;
	if (!iso->why[0])
		snprintf(iso->why, sizeof(iso->why), "%s", why);
	turn_to(iso, LIFE_ENDING);
	child_kill(&iso->child);
}

/* The one that ran when it ended failed; those behind it never began, or
 * their answers were lost with it. */
void lifecycle_answer_all(struct isolated *iso, const char *why)
{
	char problem[ADAPTER_PROBLEM_MAX];
	struct call_entry *entry;
	bool is_head;

	snprintf(problem, sizeof(problem), "its process failed: %.400s", why);
	pthread_mutex_lock(&iso->lock);
	is_head = !iso->is_closed;
	while ((entry = calls_head(&iso->calls)) != NULL) {
		if (entry->call) {
			isolated_call_fail(entry->call,
					   is_head && entry->is_sent ?
					   ADAPTER_FAILED :
					   ADAPTER_UNAVAILABLE, problem);
			supervisor_finish(iso->supervisor, entry->call);
		}
		is_head = false;
		calls_drop(&iso->calls, entry);
	}
	pthread_mutex_unlock(&iso->lock);
}

/* 0: it says nothing any more. */
static ssize_t read_stderr(struct isolated *iso, int64_t now)
{
	char text[LINES_READ];
	ssize_t n = read(iso->child.log, text, sizeof(text));

	if (n > 0)
		stderr_lines_take(&iso->lines, iso->env, str_from(iso->name),
				  (struct str){text, (size_t)n}, now);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 1 : n;
}

void lifecycle_ended(struct isolated *iso)
{
	char text[512];
	struct buf how;
	int by;

	/* Its last words came before its end. */
	channel_last_words(iso);
	if (!iso->lines.is_muted)
		read_stderr(iso, clock_mono_ns());
	buf_init_fixed(&how, text, sizeof(text));
	/* Nobody sends to it from here on. */
	turn_to(iso, LIFE_ENDING);
	by = child_reap(&iso->child, &how);
	/* Its own word, but where the kernel's is the same. */
	if (by && iso->falls && iso->fall.signal == by)
		fall_say(&iso->fall, iso->env->file, &how);
	if (!iso->why[0])
		snprintf(iso->why, sizeof(iso->why), "its process %s", text);
	lifecycle_answer_all(iso, iso->why);
	be_down(iso);
}

#define LATE_MAX 128	/* why a call is late, with its terminator */

/* ---- time ---------------------------------------------------------------- */

/*
 * The hook that the running call is in: told, or the only one; else those that
 * it may be: "sync_user", "map_fields or sync_user".
 */
static void say_hook(const struct isolated *iso, const struct call_entry *entry,
		     struct buf *out)
{
	const struct adapter_trace *trace = &entry->trace;
	unsigned hooks = iso->hooks & (1u << ADAPTER_PHASE_MAP_FIELDS |
				       1u << ADAPTER_PHASE_SYNC_USER |
				       1u << ADAPTER_PHASE_CHOOSE_REDIRECT);

	if (trace->count && !trace->steps[trace->count - 1].is_over)
		hooks = 1u << trace->steps[trace->count - 1].phase;
	else if (entry->is_deliver)
		hooks = 1u << ADAPTER_PHASE_DELIVER;
	call_add_phases(hooks, "or", out);
}

/* Under the lock: why a call is late that has no caller any more. */
static void say_late(const struct isolated *iso, const struct adapter_call *call,
		     char text[LATE_MAX])
{
	const struct call_entry *head = calls_head(&iso->calls);
	struct buf out;

	buf_init_fixed(&out, text, LATE_MAX);
	buf_puts(&out, "it did not answer in time");
	if (head && head->is_sent && !head->is_probe && head->late == call) {
		buf_puts(&out, ", in ");
		say_hook(iso, head, &out);
	}
}

static void end_late_calls(struct isolated *iso, int64_t now)
{
	struct adapter_call *call;
	char text[LATE_MAX];

	pthread_mutex_lock(&iso->lock);
	while ((call = calls_late(&iso->calls, now)) != NULL) {
		say_late(iso, call, text);
		iso->stats.timeouts++;
		metric_add(iso->metrics.timeouts, 1);
		isolated_call_fail(call, ADAPTER_TIMED_OUT,
				   text);
		supervisor_finish(iso->supervisor, call);
	}
	pthread_mutex_unlock(&iso->lock);
}

/* *text: what it hangs in. */
static bool has_stalled(struct isolated *iso, int64_t now,
			char text[LATE_MAX])
{
	struct buf out;
	bool stalled;

	buf_init_fixed(&out, text, LATE_MAX);
	buf_puts(&out, "it hung in a call, in ");
	pthread_mutex_lock(&iso->lock);
	stalled = is_awaited(iso) && stall_ns(iso) <= now;
	if (stalled)
		say_hook(iso, calls_head(&iso->calls), &out);
	pthread_mutex_unlock(&iso->lock);
	return stalled;
}

void lifecycle_tick(struct isolated *iso, int64_t now)
{
	char text[LATE_MAX];

	if (iso->lines.is_muted && stderr_lines_until(&iso->lines) <= now) {
		iso->lines.is_muted = false;
		if (iso->child.log >= 0)
			channel_watch(iso, SOURCE_LOG, iso->child.log);
	}
	if (iso->is_hushed && share_until(&iso->share) <= now)
		channel_listen(iso, true);
	if (iso->life == LIFE_DOWN && iso->retry_ns <= now) {
		lifecycle_start(iso);
		return;
	}
	end_late_calls(iso, now);
	if (iso->spawn_ns + SUPERVISOR_SLOT_MS * MS <= now)
		supervisor_give_slot(iso);
	_Static_assert(START_MS == 5000, "as told here");
	if (iso->life == LIFE_STARTING && iso->spawn_ns + START_MS * MS <= now)
		lifecycle_end(iso, "it was not ready within 5 seconds");
	if (iso->life == LIFE_SERVING && has_stalled(iso, now, text)) {
		iso->is_suspect = true;
		lifecycle_end(iso, text);
	}
	plan(iso);
}

void lifecycle_listen(struct isolated *iso)
{
	if (read_stderr(iso, clock_mono_ns()) > 0 && !iso->lines.is_muted)
		return;
	channel_unwatch(iso, iso->child.log);
	plan(iso);
}

void lifecycle_hush(struct isolated *iso)
{
	const int64_t now = clock_mono_ns();

	channel_listen(iso, false);
	plan(iso);
	metric_add(iso->metrics.slowed, 1);
	if (now - iso->told_slow_ns < TOLD_SLOW_MS * MS)
		return;
	iso->told_slow_ns = now;
	lifecycle_tell(iso, LOG_LEVEL_WARN, LOG_EVENT(adapter_slowed),
		       "it logs or asks for signatures faster than it may, and "
		       "is heard again after a tenth of a second");
}
