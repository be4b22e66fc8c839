/*
 * worker: one thread that serves, one for each core.
 *
 * It owns a libmicrohttpd daemon without a thread for each listener (all
 * workers' sockets share the port: SO_REUSEPORT) and drives them from its own
 * epoll loop, together with an eventfd, by which others say that exchanges
 * can go on, and a timerfd for deadlines.  So a connection and its exchange are
 * only ever touched by one thread, and nothing in it blocks.
 */
#ifndef HTTP_WORKER_H
#define HTTP_WORKER_H

#include "http/networks.h"
#include "http/router.h"
#include "http/tls.h"

#define WORKER_DOORS_MAX (CONFIG_LISTENERS_MAX + 1)

/*
 * Connections beyond a worker's share, taken so that a new client never
 * hangs: for each of these the longest awaited one is cut.
 */
#define WORKER_RESERVE 64

struct worker;

/* A bound, listening socket of this worker's; the worker closes it. */
struct worker_door {
	int listen_fd;
	bool is_lent;			/* its line outlives us (http/lent.h) */
	bool is_metrics;
	unsigned listener;		/* its number, for certificates */
	bool is_https;
	bool close_always;
};

struct worker_options {
	unsigned index;
	struct gateway *gateway;
	struct tls_slot *tls;
	struct networks *networks;
	const struct route *routes;
	uint32_t request_ms;		/* deadline for a whole request */
	uint32_t answer_ms;		/* and for reading the answer */
	unsigned connections_max;	/* this worker's share */
	/* beyond it at each door; WORKER_RESERVE unless descriptors are few */
	unsigned reserve;
	struct worker_door doors[WORKER_DOORS_MAX];
	unsigned door_count;
};

/*
 * Make the daemons (nothing is accepted yet).  On failure, too, the listening
 * sockets are closed.  `why` says what failed, for people.
 */
enum err worker_new(const struct worker_options *options,
		    struct worker **worker_r, char *why, size_t size);
/* Start the thread. ERR_IO. */
enum err worker_run(struct worker *worker);
/*
 * Serve who stands in line for this worker, and nobody after them; finish what
 * is under way; cut what has not come whole in DEADLINE_LAST_REQUEST_MS; then
 * the thread ends.
 */
void worker_quiesce(struct worker *worker);
/* Do not wait any longer for what is under way. */
void worker_abandon(struct worker *worker);
/* Has the thread ended (or was it never started)? Polled by server_stop(). */
bool worker_is_over(struct worker *worker);
/* Wait for the thread's end. */
void worker_join(struct worker *worker);
/* After worker_join(): how many were cut between worker_quiesce() and the end,
 * with a part of a request or with an answer that they did not read. */
unsigned worker_unfinished(const struct worker *worker);
/*
 * After worker_join(), and once nobody is left who could wake an exchange:
 * frees those that were abandoned.  Accepts NULL.
 */
void worker_free(struct worker *worker);

/* From any thread: wake the loop if exchanges were posted quietly. */
void worker_flush(struct worker *worker);
/* This thread calls worker_flush() after each group of wakes: from now on
 * single wakes cost it no system call. */
void worker_promise_flush(void);

#endif
