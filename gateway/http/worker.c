#include "http/worker-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/thread.h"

/* At most this long without a look around, whatever the library says. */
#define SLEEP_MAX_MS 1000
/* Between two looks at who waits for the store for too long. */
#define HURRY_MS 500

static _Thread_local bool is_flusher;

/* ---- wakes -------------------------------------------------------------- */

static void ring(struct worker *worker)
{
	const uint64_t one = 1;

	/* never read, so it could only fail after 2^64 - 2 of these */
	(void)!write(worker->event_fd, &one, sizeof(one));
}

/*
 * Ring once, and only at a sleeper's: who is awake looks by itself before it
 * lies down.  Either it sees what was posted, or we see that it sleeps.
 */
static void knock(struct worker *worker)
{
	if (atomic_exchange(&worker->is_asleep, false))
		ring(worker);
}

void worker_post(struct exchange *ex)
{
	struct turn *turn = ex->owner;
	struct worker *worker = turn->worker;
	struct turn *top = atomic_load_explicit(&worker->posted,
						memory_order_relaxed);

	do
		turn->next = top;
	while (!atomic_compare_exchange_weak(&worker->posted, &top, turn));
	/* from here on the turn may be gone */
	if (is_flusher)
		atomic_store(&worker->is_owed, true);
	else
		knock(worker);
}

void worker_flush(struct worker *worker)
{
	if (atomic_exchange(&worker->is_owed, false))
		knock(worker);
}

void worker_promise_flush(void)
{
	is_flusher = true;
}

/* In the order of their posting. */
static void collect(struct worker *worker)
{
	struct turn *turn, *next, *first = NULL;

	if (!atomic_load_explicit(&worker->posted, memory_order_relaxed))
		return;
	turn = atomic_exchange_explicit(&worker->posted, NULL,
					memory_order_acquire);
	for (; turn; turn = next) {
		next = turn->next;
		turn->next = first;
		first = turn;
	}
	for (turn = first; turn; turn = next) {
		next = turn->next;
		turn_go_on(turn);
	}
}

/* Whoever has waited for the store for too long is answered. */
static void hurry(struct worker *worker)
{
	struct list *pos, *safe;

	if (!worker->waiting_count ||
	    worker->now_ms - worker->hurried_ms < HURRY_MS)
		return;
	worker->hurried_ms = worker->now_ms;
	list_each(pos, safe, &worker->waiting)
		turn_hurry(list_entry(pos, struct turn, node));
}

/* ---- pauses ------------------------------------------------------------- */

/* Until the first of them is over; at the end all are. -1: nobody pauses. */
static int64_t pause_left_ms(struct worker *worker)
{
	const struct turn *first;
	int64_t left;

	if (list_is_empty(&worker->paused))
		return -1;
	first = list_entry(worker->paused.next, struct turn, node);
	left = first->wait_ms + EXCHANGE_PAUSE_MS - worker->now_ms;
	return worker->is_draining || left < 0 ? 0 : left;
}

static void end_pauses(struct worker *worker)
{
	while (pause_left_ms(worker) == 0)
		turn_go_on(list_entry(worker->paused.next, struct turn, node));
}

/* ---- the loop ----------------------------------------------------------- */

/* Until when may we sleep? Marks doors that have work without an event. */
static int sleep_ms(struct worker *worker)
{
	int64_t left = pause_left_ms(worker);
	int shortest = left >= 0 && left < SLEEP_MAX_MS ? (int)left :
							  SLEEP_MAX_MS;

	for (unsigned i = 0; i < worker->options.door_count; i++) {
		struct door *door = &worker->doors[i];
		MHD_UNSIGNED_LONG_LONG ms;

		if (MHD_get_timeout(door->daemon, &ms) != MHD_YES)
			continue;
		if (ms == 0)
			door->has_work = true;
		if (ms < (unsigned)shortest)
			shortest = (int)ms;
	}
	return shortest;
}

/*
 * The ticks of before: by now all that was there then has been read, at least
 * the first piece of it.  At the end all of it has to be: there nobody is cut
 * while the library still has something to do at once.
 */
static void cut_overdue(struct worker *worker, bool is_busy)
{
	unsigned cut;

	if (!worker->has_ticked || (worker->is_draining && is_busy))
		return;
	worker->has_ticked = false;
	cut = deadlines_tick(&worker->deadlines, worker->now_ms);
	metric_add(worker->meter.cut, cut);
	if (worker->is_draining)
		worker->unfinished += cut;
}

static void look_around(struct worker *worker)
{
	struct epoll_event events[WORKER_DOORS_MAX + 2];
	int n, ms = sleep_ms(worker);

	cut_overdue(worker, ms == 0);
	if (ms > 0) {
		atomic_store(&worker->is_asleep, true);
		if (atomic_load(&worker->posted))
			ms = 0;
	}
	n = epoll_wait(worker->epoll_fd, events,
		       N_ELEMENTS(events), ms);
	atomic_store_explicit(&worker->is_asleep, false, memory_order_relaxed);
	worker->now_ms = clock_mono_ms();
	for (int i = 0; i < n; i++) {
		void *who = events[i].data.ptr;

		if (who == &worker->deadlines)
			worker->has_ticked = true;
		else if (who != worker)
			((struct door *)who)->has_work = true;
	}
}

/* The library aborts the process when it stops with suspended connections. */
static void abandon(struct worker *worker)
{
	struct list *pos, *safe;

	list_each(pos, safe, &worker->waiting)
		turn_abandon(list_entry(pos, struct turn, node));
	/* these nobody wakes */
	list_each(pos, safe, &worker->paused) {
		struct turn *turn = list_entry(pos, struct turn, node);

		turn_abandon(turn);
		turn_go_on(turn);
	}
}

static bool has_ended(struct worker *worker)
{
	int order = atomic_load_explicit(&worker->order, memory_order_relaxed);

	if (order == ORDER_SERVE)
		return false;
	return order == ORDER_ABANDON || drain(worker);
}

static void close_door(struct door *door)
{
	if (door->daemon)
		MHD_stop_daemon(door->daemon);	/* closes its socket */
	else if (door->options.listen_fd >= 0)
		close(door->options.listen_fd);
	door->daemon = NULL;
	door->options.listen_fd = -1;
}

static void *serve(void *arg)
{
	struct worker *worker = arg;

	crash_watch_thread();
	worker->now_ms = clock_mono_ms();
	isolated_promise_flush();
	while (!has_ended(worker)) {
		look_around(worker);
		metric_add(worker->meter.turns, 1);
		collect(worker);
		end_pauses(worker);
		hurry(worker);
		for (unsigned i = 0; i < worker->options.door_count; i++) {
			struct door *door = &worker->doors[i];

			if (!door->has_work)
				continue;
			door->has_work = false;
			MHD_run(door->daemon);
		}
		isolated_flush();
	}
	abandon(worker);
	for (unsigned i = 0; i < worker->options.door_count; i++)
		close_door(&worker->doors[i]);
	tap_thread_done();
	atomic_store(&worker->is_over, true);
	return NULL;
}

/* ---- making and ending -------------------------------------------------- */

static void complain(const char *line)
{
	log_debug(http_library, LOG_TEXT("says", line));
}

static int watch(struct worker *worker, int fd, uint32_t events, void *who)
{
	struct epoll_event event = { .events = events, .data.ptr = who };

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static enum err open_events(struct worker *worker)
{
	const struct worker_options *options = &worker->options;

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->epoll_fd < 0 || worker->event_fd < 0)
		return ERR_IO;
	if (deadlines_init(&worker->deadlines, options->request_ms,
			   options->answer_ms) != ERR_OK)
		return ERR_IO;
	/* each write is an edge, so there is no need to read it empty */
	if (watch(worker, worker->event_fd, EPOLLIN | EPOLLET, worker) ||
	    watch(worker, worker->deadlines.timer_fd, EPOLLIN,
		  &worker->deadlines))
		return ERR_IO;
	return ERR_OK;
}

static enum err open_door(struct worker *worker, struct door *door,
			  const struct worker_door *options)
{
	door->worker = worker;
	door->setup = (struct daemon_setup){
		.listen_fd = options->listen_fd,
		.connections_max = worker->options.connections_max +
				   worker->options.reserve,
		.tls_priorities = options->is_https ? TLS_PRIORITIES : NULL,
		.tls_certificate = (void *)tls_retrieve,
		.see_target = connection_see_target,
		.handle = turn_handle,
		.completed = connection_completed,
		.connected = connection_notify,
		.complain = complain,
		.ctx = door,
	};
	door->options = *options;
	door->daemon = daemon_start(&door->setup);
	if (!door->daemon)
		return ERR_IO;
	door->fd = daemon_fd(door->daemon);
	if (door->fd < 0 || watch(worker, door->fd, EPOLLIN, door))
		return ERR_IO;
	return ERR_OK;
}

enum err worker_new(const struct worker_options *options,
		    struct worker **worker_r, char *why, size_t size)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	enum err err;

	if (!worker) {
		for (unsigned i = 0; i < options->door_count; i++)
			close(options->doors[i].listen_fd);
		snprintf(why, size, "no memory for a worker");
		return ERR_NOMEM;
	}
	worker->options = *options;
	worker->epoll_fd = worker->event_fd = -1;
	worker->deadlines.timer_fd = -1;
	list_init(&worker->waiting);
	list_init(&worker->paused);
	atomic_init(&worker->is_over, true);
	meter_init(&worker->meter);
	for (unsigned i = 0; i < options->door_count; i++)
		worker->doors[i].options.listen_fd =
			options->doors[i].listen_fd;
	err = open_events(worker);
	if (err)
		snprintf(why, size, "a worker's descriptors: %s",
			 strerror(errno));
	for (unsigned i = 0; !err && i < options->door_count; i++) {
		err = open_door(worker, &worker->doors[i], &options->doors[i]);
		if (err)
			snprintf(why, size,
				 "libmicrohttpd did not start a daemon");
	}
	if (err)
		worker_free(worker);
	else
		*worker_r = worker;
	return err;
}

enum err worker_run(struct worker *worker)
{
	char name[16];

	atomic_store(&worker->is_over, false);
	if (thread_start(&worker->thread, serve, worker)) {
		atomic_store(&worker->is_over, true);
		return ERR_IO;
	}
	worker->is_running = true;
	snprintf(name, sizeof(name), "usher-http-%u",
		 worker->options.index % 1000);
	pthread_setname_np(worker->thread, name);
	return ERR_OK;
}

static void give_order(struct worker *worker, enum order order)
{
	atomic_store(&worker->order, order);
	ring(worker);
}

void worker_quiesce(struct worker *worker)
{
	give_order(worker, ORDER_QUIESCE);
}

void worker_abandon(struct worker *worker)
{
	give_order(worker, ORDER_ABANDON);
}

bool worker_is_over(struct worker *worker)
{
	return atomic_load(&worker->is_over);
}

void worker_join(struct worker *worker)
{
	if (worker->is_running)
		pthread_join(worker->thread, NULL);
	worker->is_running = false;
}

unsigned worker_unfinished(const struct worker *worker)
{
	return worker->unfinished;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	/* those that were abandoned have been woken by now */
	collect(worker);
	if (worker->waiting_count > 0)
		log_error(exchanges_never_woken,
			  LOG_NUM("count", worker->waiting_count));
	for (unsigned i = 0; i < worker->options.door_count; i++)
		close_door(&worker->doors[i]);
	deadlines_done(&worker->deadlines);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->event_fd >= 0)
		close(worker->event_fd);
	meter_done(&worker->meter);
	free(worker);
}
