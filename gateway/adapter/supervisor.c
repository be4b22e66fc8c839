#include "adapter/supervisor-private.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sandbox/filter.h"
#include "sandbox/spawner.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/thread.h"

#define EVENTS 64		/* at a time */

/* ---- what is said to the thread ------------------------------------------ */

void supervisor_ring(struct supervisor *s)
{
	const uint64_t one = 1;

	/* Fails only when it is rung already. */
	if (write(s->bell, &one, sizeof(one)) < 0)
		return;
}

void supervisor_finish(struct supervisor *s, struct adapter_call *call)
{
	list_add(&s->finished, &call->node);
}

void supervisor_bury(struct isolated *iso)
{
	list_del(&iso->node);
	list_add(&iso->supervisor->dead, &iso->node);
}

void supervisor_give_slot(struct isolated *iso)
{
	if (!iso->has_slot)
		return;
	iso->has_slot = false;
	iso->supervisor->slots_taken--;
}

/* In turn, while there is room: each may fail at once, and give it back. */
static void begin_waiting(struct supervisor *s)
{
	while (s->slots_taken < SUPERVISOR_STARTS_MAX &&
	       !list_is_empty(&s->waiting)) {
		struct isolated *iso = list_entry(s->waiting.next,
						  struct isolated, waiting);

		list_del(&iso->waiting);
		iso->has_slot = true;
		s->slots_taken++;
		lifecycle_start(iso);
	}
}

/* Somebody is not needed any more, or nobody is. */
static void dismiss(struct isolated *iso)
{
	isolated_close(iso);
	list_del(&iso->waiting);
	lifecycle_end(iso, "it is not needed any more");
	lifecycle_answer_all(iso, "the gateway stops");
	if (iso->life != LIFE_DOWN)
		return;
	iso->retry_ns = ALARM_NEVER;
	if (isolated_is_first(iso))
		snprintf(iso->why, sizeof(iso->why), "the gateway stops");
	if (isolated_is_first(iso) || isolated_must_free(iso))
		supervisor_bury(iso);
}

/* The next one that isolated_begin() or isolated_free() spoke of. */
static struct isolated *next_order(struct supervisor *s, bool *is_closed_r)
{
	struct isolated *iso = NULL;

	pthread_mutex_lock(&s->lock);
	if (!list_is_empty(&s->orders)) {
		iso = list_entry(s->orders.next, struct isolated, order);
		list_del(&iso->order);
	}
	*is_closed_r = s->is_closed;
	pthread_mutex_unlock(&s->lock);
	return iso;
}

static void on_bell(struct supervisor *s)
{
	struct list *pos, *safe;
	struct isolated *iso;
	uint64_t times;
	bool is_closed;

	if (read(s->bell, &times, sizeof(times)) < 0)
		return;
	while ((iso = next_order(s, &is_closed)) != NULL) {
		bool must_free = isolated_must_free(iso);

		if (list_is_empty(&iso->node))
			list_add(&s->all, &iso->node);
		if (must_free || is_closed)
			dismiss(iso);
		else
			list_add(&s->waiting, &iso->waiting);
	}
	if (!is_closed || s->has_dismissed)
		return;
	s->has_dismissed = true;
	list_each(pos, safe, &s->all)
		dismiss(list_entry(pos, struct isolated, node));
}

/* ---- the thread ---------------------------------------------------------- */

static void on_alarms(struct supervisor *s)
{
	int64_t now = clock_mono_ns();
	struct isolated *iso;

	while ((iso = alarms_take(&s->alarms, now)) != NULL)
		lifecycle_tick(iso, now);
}

static void on_event(struct supervisor *s, const struct epoll_event *event)
{
	struct source *source = event->data.ptr;
	struct isolated *iso = source->isolated;

	invariant(!iso || iso->magic == ISOLATED_MAGIC);
	if (source->kind == SOURCE_BELL) {
		on_bell(s);
	} else if (source->kind == SOURCE_ALARMS) {
		on_alarms(s);
	} else if (iso->child.channel < 0) {
		return;		/* its end was seen among these events */
	} else if (source->kind == SOURCE_PIDFD) {
		lifecycle_ended(iso);
	} else if (source->kind == SOURCE_LOG) {
		lifecycle_listen(iso);
	} else {
		if (event->events & EPOLLOUT)
			channel_room(iso);
		/* Who hung up while we did not listen says nothing new. */
		if (event->events & (EPOLLHUP | EPOLLERR))
			channel_last_words(iso);
		else
			channel_receive(iso);
	}
}

/* A waker takes locks of its own: no lock is held here. */
static void call_back(struct supervisor *s)
{
	void (*batch_done)(void *ctx);
	struct list *pos, *safe;
	void *ctx;

	if (list_is_empty(&s->finished))
		return;
	list_each(pos, safe, &s->finished) {
		struct adapter_call *call = list_entry(pos, struct adapter_call,
						       node);

		list_del(pos);
		call->done(call);
	}
	pthread_mutex_lock(&s->lock);
	batch_done = s->batch_done;
	ctx = s->batch_ctx;
	pthread_mutex_unlock(&s->lock);
	if (batch_done)
		batch_done(ctx);
}

/* Should it go?  Its end may have been seen before the order that says so. */
static bool withdraw(struct supervisor *s, struct isolated *iso)
{
	bool must_free;

	alarms_remove(&s->alarms, &iso->alarm);
	pthread_mutex_lock(&s->lock);
	must_free = iso->must_free;
	if (must_free)
		list_del(&iso->order);
	pthread_mutex_unlock(&s->lock);
	return must_free;
}

/* No event of this turn's speaks of them any more. */
static void forget_dead(struct supervisor *s)
{
	struct list *pos, *safe;

	list_each(pos, safe, &s->dead) {
		struct isolated *iso = list_entry(pos, struct isolated, node);
		void (*freed)(void *ctx);
		void *ctx;

		list_del(pos);
		if (!withdraw(s, iso)) {
			isolated_settle(iso, iso->why);
			continue;
		}
		freed = iso->freed;
		ctx = iso->freed_ctx;
		isolated_destroy(iso);
		if (freed)
			freed(ctx);
	}
}

/* All callers have their answers. Whether the thread's work is done. */
static bool tell_quiet(struct supervisor *s)
{
	bool is_over;

	pthread_mutex_lock(&s->lock);
	if (s->has_dismissed && !s->is_quiet) {
		s->is_quiet = true;
		pthread_cond_broadcast(&s->settled);
	}
	is_over = s->must_stop && list_is_empty(&s->all) &&
		  list_is_empty(&s->orders);
	pthread_mutex_unlock(&s->lock);
	return is_over;
}

static void *supervise(void *arg)
{
	struct supervisor *s = arg;
	struct epoll_event events[EVENTS];
	bool is_over = false;

	crash_watch_thread();
	while (!is_over) {
		int n = epoll_wait(s->epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++)
			on_event(s, &events[i]);
		begin_waiting(s);
		call_back(s);
		forget_dead(s);
		is_over = tell_quiet(s);
	}
	return NULL;
}

/* ---- making and ending --------------------------------------------------- */

static int open_all(struct supervisor *s, struct buf *problem)
{
	struct epoll_event bell = { .events = EPOLLIN,
				    .data.ptr = &s->bell_source };
	struct epoll_event alarm = { .events = EPOLLIN,
				     .data.ptr = &s->alarms_source };

	s->bell_source.kind = SOURCE_BELL;
	s->alarms_source.kind = SOURCE_ALARMS;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->scratch = pool_new(CALL_SCRATCH_MAX);
	s->in = malloc(CHANNEL_BATCH * sizeof(s->in[0]));
	buf_init(&s->out, WIRE_FRAME_MAX);
	if (alarms_init(&s->alarms) || s->epoll < 0 || s->bell < 0 ||
	    !s->scratch || !s->in ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->bell, &bell) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->alarms.fd, &alarm)) {
		buf_puts(problem, "there are no descriptors or no memory for "
			 "the supervisor of adapters");
		return -1;
	}
	return 0;
}

static void free_all(struct supervisor *s)
{
	const int fds[] = { s->epoll, s->bell, s->filters, s->uids_lock };

	for (size_t i = 0; i < N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	alarms_done(&s->alarms);
	pool_free(s->scratch);
	buf_done(&s->out);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->settled);
	free(s->in);
	free(s->host);
	free(s);
}

/* Root's adapters have users of their own, if there are any. */
static void take_uids(struct supervisor *s)
{
	struct uid_range range = { 0, 0 };
	struct buf problem;

	buf_init_fixed(&problem, s->uids_problem, sizeof(s->uids_problem));
	s->uids_lock = geteuid() == 0 ? uids_claim(&range, &problem) : -1;
	uids_init(&s->uids, range);
}

const char *supervisor_uids_problem(const struct supervisor *s)
{
	return s->uids_problem[0] ? s->uids_problem : NULL;
}

static int start_thread(struct supervisor *s, struct buf *problem)
{
	int rc = thread_start(&s->thread, supervise, s);

	if (rc)
		buf_puts(problem, "there is no thread for the supervisor of "
			 "adapters");
	else
		pthread_setname_np(s->thread, "usher-adapters");
	return rc;
}

enum err supervisor_new(const char *host, struct supervisor **supervisor_r,
			struct buf *problem)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	char found[PATH_MAX];
	enum err err;

	if (!s)
		return ERR_NOMEM;
	s->epoll = s->bell = s->filters = s->alarms.fd = s->uids_lock = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->settled, NULL);
	list_init(&s->orders);
	list_init(&s->all);
	list_init(&s->waiting);
	list_init(&s->finished);
	list_init(&s->dead);
	take_uids(s);
	if (!host)
		child_find_host(found, sizeof(found));
	s->host = strdup(host ? host : found);
	err = open_all(s, problem) || !s->host ? ERR_IO :
		filter_new(&s->filters, problem);
	if (!err && start_thread(s, problem))
		err = ERR_IO;
	if (err)
		free_all(s);
	else
		*supervisor_r = s;
	return err;
}

void supervisor_use_spawner(struct supervisor *s, struct spawner *spawner)
{
	pthread_mutex_lock(&s->lock);
	s->spawner = spawner;
	uids_init(&s->uids, spawner->range);
	pthread_mutex_unlock(&s->lock);
}

void supervisor_on_batch(struct supervisor *s, void (*batch_done)(void *ctx),
			 void *ctx)
{
	pthread_mutex_lock(&s->lock);
	s->batch_done = batch_done;
	s->batch_ctx = ctx;
	pthread_mutex_unlock(&s->lock);
}

void supervisor_quiesce(struct supervisor *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->is_closed = true;
	supervisor_ring(s);
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
	supervisor_ring(s);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	free_all(s);
}
