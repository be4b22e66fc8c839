/* From the beginning of an adapter to ready or refused, and who waits. */
#include "adapter/adapter-private.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/thread.h"

/*
 * Starts are rare, and the lock is held for moments, never while anything of a
 * module's runs.  Who calls an adapter that is ready does not need it.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled;		/* on the monotonic clock */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned inside_settled;		/* of those in this process, so far */

static void make_settled(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&settled, &attr);
	pthread_condattr_destroy(&attr);
}

static void lock_up(void)
{
	pthread_once(&once, make_settled);
	pthread_mutex_lock(&lock);
}

static enum adapter_state state_of(const struct adapter *adapter)
{
	return (enum adapter_state)atomic_load_explicit(&adapter->state,
							memory_order_acquire);
}

bool adapter_is_ready(const struct adapter *adapter)
{
	return state_of(adapter) == ADAPTER_READY;
}

/* ---- who stands in ------------------------------------------------------- */

struct adapter *adapter_pin(struct adapter *adapter)
{
	struct adapter *pinned = adapter;

	if (adapter_is_ready(adapter))
		return adapter_ref(adapter);
	lock_up();
	if (!adapter_is_ready(adapter) && adapter->stand_in)
		pinned = adapter->stand_in;
	adapter_ref(pinned);
	pthread_mutex_unlock(&lock);
	return pinned;
}

struct adapter *loading_stand_in(struct adapter *previous)
{
	struct adapter *found = previous ? adapter_pin(previous) : NULL;

	if (found && !adapter_is_ready(found)) {
		adapter_unref(found);
		found = NULL;
	}
	return found;
}

void loading_dismiss(struct adapter *adapter)
{
	struct adapter *stand_in;

	lock_up();
	stand_in = adapter->stand_in;
	adapter->stand_in = NULL;
	pthread_mutex_unlock(&lock);
	adapter_unref(stand_in);
}

/* ---- how it went --------------------------------------------------------- */

/* May it be passed over, where that is asked for?  NULL: it may. */
static const char *why_unfit(const struct adapter *adapter)
{
	const struct isolated *isolated = adapter->isolated;

	if (!adapter->must_be_advisory)
		return NULL;
	if (isolated ? isolated_has_sync(isolated) :
		       adapter->hooks->sync_user != NULL)
		return "has a sync_user hook, which decides who may enter";
	if (isolated ? !isolated_is_advisory(isolated) :
		       !(adapter->hooks->flags & USHER_ADVISORY))
		return "does not say of itself that it refuses nobody "
		       "(USHER_ADVISORY)";
	return NULL;
}

static void tell(const struct adapter *adapter, const char *why)
{
	const struct adapter_services *services = adapter->env.services;

	/* Nobody cares any more about one that is being freed. */
	if (!services->tell ||
	    !atomic_load_explicit(&adapter->refs, memory_order_relaxed))
		return;
	if (why)
		services->tell(LOG_LEVEL_ERROR, LOG_EVENT(adapter_not_started),
			       adapter->env.tenant, str_from(why));
	else
		services->tell(LOG_LEVEL_INFO, LOG_EVENT(adapter_started),
			       adapter->env.tenant, adapter->env.name);
}

/* Under the lock. */
static void refuse(struct adapter *adapter, enum err err, const char *why,
		   const char *unfit)
{
	adapter->err = err ? err : ERR_UNSUPPORTED;
	adapter->is_unfit = unfit != NULL;
	if (unfit)
		snprintf(adapter->problem, sizeof(adapter->problem),
			 "%.*s %s", STR_ARG(adapter->env.name), unfit);
	else
		snprintf(adapter->problem, sizeof(adapter->problem), "%s",
			 why);
}

/*
 * Under the lock: nobody needs it any more.  But one in this process, whose
 * fini may take its time, is not let go by the supervisor: it stays until the
 * adapter goes.
 */
static struct adapter *take_stand_in(struct adapter *adapter)
{
	struct adapter *stand_in = adapter->stand_in;

	if (stand_in && adapter->supervisor && !stand_in->supervisor)
		return NULL;
	adapter->stand_in = NULL;
	return stand_in;
}

static void settle(struct adapter *adapter, enum err err, const char *why)
{
	struct adapter *stand_in = NULL;
	const char *unfit = NULL;
	bool is_late, is_ready;

	if (!why && adapter->isolated)
		adapter->env.name = isolated_name(adapter->isolated);
	if (!why)
		unfit = why_unfit(adapter);
	is_ready = !why && !unfit;
	lock_up();
	if (is_ready)
		stand_in = take_stand_in(adapter);
	else
		refuse(adapter, err, why, unfit);
	atomic_store_explicit(&adapter->state, is_ready ? ADAPTER_READY :
			      ADAPTER_REFUSED, memory_order_release);
	is_late = adapter->is_late;
	inside_settled += !adapter->supervisor;
	pthread_cond_broadcast(&settled);
	pthread_mutex_unlock(&lock);
	adapter_unref(stand_in);
	if (is_late)
		tell(adapter, is_ready ? NULL : adapter->problem);
}

void loading_settled(void *adapter, const char *why)
{
	settle(adapter, ERR_OK, why);
}

struct adapter_verdict adapter_verdict(struct adapter *adapter,
				       struct buf *problem)
{
	struct adapter_verdict verdict;

	lock_up();
	verdict = (struct adapter_verdict){
		.state = state_of(adapter),
		.has_stand_in = adapter->stand_in != NULL,
		.is_unfit = adapter->is_unfit,
	};
	buf_puts(problem, adapter->problem);
	pthread_mutex_unlock(&lock);
	return verdict;
}

bool adapter_is_away(struct adapter *adapter)
{
	bool is_away;

	if (adapter_is_ready(adapter))
		return false;
	lock_up();
	is_away = !adapter_is_ready(adapter) && !adapter->stand_in;
	pthread_mutex_unlock(&lock);
	return is_away;
}

int loading_dup_copy(struct adapter *adapter)
{
	int fd;

	lock_up();
	if (adapter->copy.fd >= 0)
		fd = fcntl(adapter->copy.fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = adapter->module ? module_dup(adapter->module) : -1;
	pthread_mutex_unlock(&lock);
	return fd;
}

/* ---- waiting ------------------------------------------------------------- */

/* Of those that are waited for: does one still start?  Under the lock. */
static bool is_starting(struct adapter *const *adapters, unsigned count,
			bool late_too, bool *has_process_r)
{
	bool is_starting = false;

	*has_process_r = false;
	for (unsigned i = 0; i < count; i++) {
		if (state_of(adapters[i]) != ADAPTER_STARTING ||
		    (adapters[i]->is_late && !late_too))
			continue;
		is_starting = true;
		*has_process_r |= adapters[i]->supervisor != NULL;
	}
	return is_starting;
}

/* -1: there is no end; but somebody looks now and then. */
static void wait_until(int64_t end_ms)
{
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};

	if (end_ms < 0)
		pthread_cond_wait(&settled, &lock);
	else
		pthread_cond_timedwait(&settled, &lock, &end);
}

bool adapter_wait(struct adapter *const *adapters, unsigned count, int ms,
		  const _Atomic bool *cancel)
{
	int64_t now = clock_mono_ms();
	int64_t end = now + (ms < 0 ? LOADERS_STALL_MS : ms);
	bool has_process, is_cancelled = false;
	unsigned seen;

	lock_up();
	seen = inside_settled;
	while (is_starting(adapters, count, ms < 0, &has_process)) {
		is_cancelled = cancel && *cancel;
		if (ms < 0 && (has_process || seen != inside_settled))
			end = now + LOADERS_STALL_MS;
		if (is_cancelled || (now >= end && !(ms < 0 && has_process)))
			break;
		seen = inside_settled;
		/* The supervisor has a word for each process, in time. */
		wait_until(ms < 0 && has_process ? -1 : end);
		now = clock_mono_ms();
	}
	pthread_mutex_unlock(&lock);
	return !is_cancelled;
}

void adapter_wake_waiters(void)
{
	lock_up();
	pthread_cond_broadcast(&settled);
	pthread_mutex_unlock(&lock);
}

enum adapter_state adapter_leave(struct adapter *adapter)
{
	enum adapter_state state;

	lock_up();
	state = state_of(adapter);
	if (state == ADAPTER_STARTING)
		adapter->is_late = true;
	pthread_mutex_unlock(&lock);
	return state;
}

/* ---- into this process --------------------------------------------------- */

/* Under the lock: threads that load, and what waits for them. */
static struct list queue = { &queue, &queue };
static unsigned loaders;
static bool is_closed;

void loading_run(struct adapter *adapter)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct module *module = NULL;
	struct buf problem;
	enum err err;
	int fd;

	buf_init_fixed(&problem, text, sizeof(text));
	err = module_load_copy(&adapter->copy, &module, &problem);
	if (!err) {
		adapter->hooks = module_descriptor(module);
		adapter->env.name = str_from(adapter->hooks->name);
		/* The module has the content, from here on. */
		lock_up();
		adapter->module = module;
		fd = adapter->copy.fd;
		adapter->copy.fd = -1;
		pthread_mutex_unlock(&lock);
		close(fd);
		err = adapter_init_workers(adapter, &problem);
	}
	settle(adapter, err, !err ? NULL : problem.len ? problem.ptr :
		       "no reason was given");
}

/* The next one to load, with a reference; NULL: this thread's work is done. */
static struct adapter *next_queued(void)
{
	struct adapter *adapter = NULL;

	lock_up();
	if (!list_is_empty(&queue)) {
		adapter = list_entry(queue.next, struct adapter, queued);
		list_del(&adapter->queued);
	} else {
		loaders--;
		pthread_cond_broadcast(&settled);
	}
	pthread_mutex_unlock(&lock);
	return adapter;
}

static void *load_queued(void *unused)
{
	struct adapter *adapter;

	crash_watch_thread();
	(void)unused;
	while ((adapter = next_queued())) {
		/* Who asked for it may have gone meanwhile. */
		if (atomic_load(&adapter->refs) > 1)
			loading_run(adapter);
		adapter_unref(adapter);
	}
	return NULL;
}

/* Under the lock. */
static int start_loader(void)
{
	pthread_t thread;
	int rc = thread_start(&thread, load_queued, NULL);

	if (rc)
		return rc;
	pthread_setname_np(thread, "usher-loader");
	pthread_detach(thread);
	loaders++;
	return 0;
}

enum err loading_queue(struct adapter *adapter)
{
	enum err err = ERR_OK;

	lock_up();
	if (is_closed ||
	    (loaders < LOADERS_MAX && start_loader() && !loaders)) {
		err = ERR_BUSY;
	} else {
		list_add(&queue, &adapter->queued);
		adapter_ref(adapter);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

bool adapter_loaders_end(int ms)
{
	const int64_t end = clock_mono_ms() + ms;
	struct list left, *pos, *safe;
	bool are_gone;

	list_init(&left);
	lock_up();
	is_closed = true;
	list_each(pos, safe, &queue) {
		list_del(pos);
		list_add(&left, pos);
	}
	while (loaders && clock_mono_ms() < end)
		wait_until(end);
	are_gone = !loaders;
	pthread_mutex_unlock(&lock);
	list_each(pos, safe, &left) {
		struct adapter *adapter = list_entry(pos, struct adapter,
						     queued);

		list_del(pos);
		adapter_unref(adapter);
	}
	return are_gone;
}
