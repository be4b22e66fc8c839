/*
 * deadline: absolute ends for what clients may dawdle over.
 *
 * The library's own timeout counts idle time only: a client that sends one
 * byte a second would stay for ever.  Here each connection of a worker stands
 * in one of two queues, or in none while the gateway itself is at work:
 *
 *	DEADLINE_REQUEST  TLS handshake, head and body; counted from connecting
 *			  or from the end of the last answer
 *	DEADLINE_ANSWER   reading the answer
 *
 * Time allowed is the same for all members of a queue, so each is in order of
 * its ends, and moving to the tail is all that a request costs.  A timer of
 * the worker's own ticks while anybody is queued; what is overdue gets
 * shutdown(2), which the library then meets as an end of file. Only the
 * worker's thread may do that: elsewhere the descriptor may already be
 * another connection's.
 *
 * What has come is read before it is judged: the worker has everything read
 * that was there before a tick's `now_ms`, and only then has it cut.
 */
#ifndef HTTP_DEADLINE_H
#define HTTP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

#define DEADLINE_TICK_MS 250		/* how late a cut may come */
#define DEADLINE_ANSWER_MS 30000
/* At the gateway's end, for what is under way and what still comes. */
#define DEADLINE_LAST_REQUEST_MS 1000
#define DEADLINE_LAST_ANSWER_MS 3000

enum deadline_queue {
	DEADLINE_REQUEST,
	DEADLINE_ANSWER,
	DEADLINE_QUEUES
};

/* Embedded in each connection. */
struct deadline {
	struct list node;
	int64_t end_ms;		/* monotonic */
	int fd;
};

struct deadlines {
	int timer_fd;			/* readable at each tick; -1: none */
	uint32_t allowed_ms[DEADLINE_QUEUES];
	/* private */
	struct list queues[DEADLINE_QUEUES];
	bool is_ticking;
};

/* ERR_IO: no timer. */
enum err deadlines_init(struct deadlines *all, uint32_t request_ms,
			uint32_t answer_ms);
void deadlines_done(struct deadlines *all);

/* In no queue yet; `fd` stays the caller's. */
void deadline_init(struct deadline *deadline, int fd);
/* At the tail of `queue`, with a whole new term; leaves any other queue. */
void deadline_set(struct deadlines *all, struct deadline *deadline,
		  enum deadline_queue queue, int64_t now_ms);
/* In no queue any more. */
void deadline_clear(struct deadline *deadline);

/* The timer ticked: cut all that are overdue. Returns how many. */
unsigned deadlines_tick(struct deadlines *all, int64_t now_ms);
/*
 * Room is needed: cut the one whose request has been awaited longest.  0 when
 * nobody waits for a request.
 */
unsigned deadlines_evict(struct deadlines *all);
/*
 * The end is near: cut those of whose next request `is_idle` says that nothing
 * has come, and from now on allow everybody the terms of the end and no more.
 */
void deadlines_hasten(struct deadlines *all, int64_t now_ms,
		      bool (*is_idle)(const struct deadline *deadline));

#endif
