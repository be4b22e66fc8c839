/*
 * worker-private: what worker.c, connection.c, drain.c and turn.c share.
 */
#ifndef HTTP_WORKER_PRIVATE_H
#define HTTP_WORKER_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "http/daemon.h"
#include "http/deadline.h"
#include "http/meter.h"
#include "http/request.h"
#include "http/worker.h"

/* One listener as one worker serves it. */
struct door {
	struct worker *worker;
	struct worker_door options;
	struct daemon_setup setup;
	struct MHD_Daemon *daemon;
	int fd;			/* the daemon's epoll descriptor */
	bool has_work;		/* MHD_run() it in this turn of the loop */
	unsigned connections;	/* open now */
	unsigned line;		/* draining: who may stand in line, at most */
};

enum order {
	ORDER_SERVE,
	ORDER_QUIESCE,
	ORDER_ABANDON,
};

struct worker {
	struct worker_options options;
	struct door doors[WORKER_DOORS_MAX];
	struct meter meter;
	struct deadlines deadlines;
	int epoll_fd, event_fd;
	int64_t now_ms;			/* monotonic, of this loop's turn */
	unsigned connections;		/* without those turned away */
	struct list waiting;		/* turns whose exchange waits */
	struct list paused;		/* ... for the time to pass, in the
					 * order in which it does */
	unsigned waiting_count;		/* of both */
	int64_t hurried_ms;		/* the last look at them */
	bool has_ticked;		/* there may be somebody to cut */
	bool is_draining;
	unsigned unfinished;		/* cut while draining */

	/* touched by other threads */
	_Atomic(struct turn *) posted;	/* a stack, newest first */
	atomic_bool is_asleep;		/* ring for what is posted */
	atomic_bool is_owed;		/* posted, worker_flush() rings */
	atomic_int order;
	atomic_bool is_over;
	pthread_t thread;
	bool is_running;		/* there is a thread to join */
};

/* One connection; lives from NOTIFY_CONNECTION's start to its end. */
struct conn {
	struct deadline deadline;
	struct door *door;
	struct MHD_Connection *mhd;
	int64_t start_ms;		/* monotonic */
	bool is_counted;		/* in worker->connections */
	bool is_kept;			/* it has had an answer */
	struct ip peer;
	struct network *network;	/* counted there; NULL: it is not */
	struct tap tap;
	uint64_t body_len;		/* announced, of this request */
	struct tls_session tls;
	struct turn *turn;		/* the request under way; NULL: none */
	const char *target_at;		/* see struct guard_target */
	char *target;			/* its copy, kept for the next */
	size_t target_len, target_size;
};

enum turn_state {
	TURN_BODY,		/* its body comes in */
	TURN_WAITING,		/* its exchange waits */
	TURN_READY,		/* its answer is there */
	TURN_SENT,		/* and queued */
};

/*
 * One request and its exchange, in whose pool it lives.  When the client goes
 * away meanwhile, `conn` becomes NULL and the turn ends with its wake.
 */
#define TURN_MAGIC 0x5475726eu

struct turn {
	uint32_t magic;
	struct turn *next;		/* in worker->posted */
	struct list node;		/* in worker->waiting, or ->paused */
	struct worker *worker;
	struct conn *conn;
	struct exchange *ex;
	enum turn_state state;
	const struct steps *steps;
	struct body body;
	size_t room;			/* octets for the answer's head */
	int64_t start_ns;
	int64_t wait_ms;	/* monotonic: it began to wait */
	bool closes;
	bool is_chunked;		/* its body comes in chunks */
};

/* connection.c: the library's callbacks; ctx is the struct door. */
void connection_notify(void *ctx, struct MHD_Connection *mhd, void **socket,
		       enum MHD_ConnectionNotificationCode code);
void *connection_see_target(void *ctx, const char *uri,
			    struct MHD_Connection *mhd);
void connection_completed(void *ctx, struct MHD_Connection *mhd,
			  void **request, enum MHD_RequestTerminationCode code);
/* Nothing has come, as far as can be seen, and nothing may come. */
bool connection_is_idle(const struct deadline *deadline);

/* drain.c: at each turn of the loop from ORDER_QUIESCE on. Is it over? */
bool drain(struct worker *worker);

/* turn.c: the access handler; ctx is the struct door. */
enum MHD_Result turn_handle(void *ctx, struct MHD_Connection *mhd,
			    const char *url, const char *method,
			    const char *version, const char *data, size_t *size,
			    void **request);
/* Its exchange was woken: go on; on the worker's thread. */
void turn_go_on(struct turn *turn);
/* Answered, or its client is gone. */
void turn_end(struct turn *turn);
/* Its client has waited long enough for the store: answer it. */
void turn_hurry(struct turn *turn);
/* Nobody waits for it any more: let go of the connection. */
void turn_abandon(struct turn *turn);

/* worker.c: ex->wake of all exchanges. */
void worker_post(struct exchange *ex);

#endif
