/*
 * supervisor, the inside: one thread, and what it keeps about each adapter.
 *
 *	supervisor.c	the thread: what happened, to whom
 *	isolated.c	what other threads ask of one adapter
 *	lifecycle.c	its process: start, end, and start again
 *	channel.c	what goes over its channel
 *	inbound.c	what its process says, and what that means
 *	stderr-lines.c	what it writes on standard error
 *	calls.c, alarms.c, breaker.c, share.c: plain structures
 *
 * Locks.  The supervisor's lock guards its own queue of orders; an isolated's
 * lock guards that one's calls, and is taken for moments only: nobody
 * logs, signs, decodes a reply or calls back under a lock.  Order: an
 * isolated's, then that of the alarms, which is the last; the supervisor's is
 * never held together with either.
 *
 * What is said to be the thread's own is touched by it alone, and needs no
 * lock.  What is said to be under the lock is changed by the thread alone
 * where nothing else is said, so that the thread reads it without.
 */
#ifndef ADAPTER_SUPERVISOR_PRIVATE_H
#define ADAPTER_SUPERVISOR_PRIVATE_H

#include "adapter/supervisor.h"

#include <pthread.h>
#include <stdatomic.h>

#include "adapter/alarms-private.h"
#include "adapter/breaker-private.h"
#include "adapter/calls-private.h"
#include "adapter/share-private.h"
#include "adapter/stderr-lines-private.h"
#include "base/metric.h"
#include "sandbox/child.h"
#include "sandbox/fall.h"
#include "sandbox/uids.h"

#define MS INT64_C(1000000)
/* Datagrams that one system call takes from a channel. */
#define CHANNEL_BATCH 8
/* Of one child, before the others have their turn. */
#define CHANNEL_TURN 64
#define WHY_MAX 1100
/* After a call that asked about its user, the users of so many go along
 * unasked; then one is sent without, to see whether it asks. */
#define ISOLATED_LOOKERS 1024

enum source_kind {
	SOURCE_CHANNEL,
	SOURCE_LOG,
	SOURCE_PIDFD,
	SOURCE_BELL,
	SOURCE_ALARMS,
};

/* What an epoll event is about. */
struct source {
	enum source_kind kind;
	struct isolated *isolated;	/* of the first three */
};

enum life {
	LIFE_DOWN,		/* there is no process until retry_ns */
	LIFE_STARTING,		/* spawned, not yet ready */
	LIFE_SERVING,
	LIFE_ENDING,		/* killed; its pidfd will tell */
};

/* How far a start is.  What the child needs for it, and the probe, are sent as
 * soon as it is spawned: nobody has to wake up for it. */
enum greeting {
	GREETING_NONE,
	GREETING_HELLO,		/* it said HELLO */
	GREETING_READY,		/* it said READY */
};

struct isolated_metrics {
	struct metric *up, *open, *restarts, *failures, *timeouts,
		*unavailable, *slowed, *seconds;
};

#define ISOLATED_MAGIC 0x49736f6cu

struct isolated {
	uint32_t magic;
	/* constant */
	struct supervisor *supervisor;
	const struct adapter_env *env;
	int module;
	uid_t uid;
	struct source sources[3];
	void (*settled)(void *ctx, const char *why);
	void *settled_ctx;
	struct isolated_metrics metrics;

	pthread_mutex_t lock;
	/* under it */
	enum life life;
	struct child child;
	uint32_t generation;
	struct calls calls;		/* any thread adds, and sends */
	struct breaker breaker;
	struct buf answer;		/* that its running hook waits for:
					 * any thread */
	bool is_full;			/* the channel: any thread sets it */
	bool is_hushed;			/* it is not read: see share */
	bool is_closed;			/* no calls any more */
	int64_t alarm_ns;		/* any thread sets it earlier */
	struct isolated_stats stats;	/* calls, unavailable: any thread */

	_Atomic unsigned lookers;	/* see isolated.c; any thread */
	/* It has hung: from now on it tells each step, so that the hook is
	 * known in which it does so again. */
	_Atomic bool is_suspect;
	_Atomic int64_t progress_ns;	/* it sent something, or was sent
					 * the first thing to do */

	/* the thread's own */
	struct list node;		/* of all, then of the dead */
	struct list waiting;		/* for a place among the first starts */
	bool has_slot;			/* it has one */
	bool is_up;			/* the metric counts it */
	struct alarm alarm;
	enum greeting greeting;
	unsigned settings_sent;
	bool is_told;			/* START went behind them */
	struct stderr_lines lines;
	/* LOG and SIGN frames while it started */
	unsigned start_lines, start_signs;
	struct share share;		/* its processes', one after another */
	int64_t told_slow_ns;		/* when the log last said so */
	int64_t spawn_ns, retry_ns;
	struct fall fall;		/* what it said of its end */
	unsigned falls;			/* how often */
	char why[WHY_MAX];		/* what it did; "": see how it ended */
	char name[USHER_ADAPTER_NAME_MAX + 1];
	char version[USHER_ADAPTER_NAME_MAX + 1];
	unsigned hooks, abi;		/* as READY has them */

	/* under the supervisor's lock */
	struct list order;		/* waits for the thread to look */
	bool is_settled;		/* how its first start went is known */
	bool must_free;
	void (*freed)(void *ctx);
	void *freed_ctx;
};

struct supervisor {
	pthread_t thread;
	char *host;
	int epoll, bell, filters;
	struct alarms alarms;
	struct source bell_source, alarms_source;

	pthread_mutex_t lock;
	/* under it */
	pthread_cond_t settled;
	struct list orders;		/* of struct isolated, by `order` */
	bool is_closed, is_quiet;	/* quiesced: asked for, done */
	bool must_stop;
	struct uids uids;
	int uids_lock;			/* -1: they are the spawner's, or
					 * there are none */
	char uids_problem[256];		/* why not, where we are root */
	struct spawner *spawner;	/* NULL: none */
	void (*batch_done)(void *ctx);
	void *batch_ctx;

	/* the thread's own */
	struct list all;
	struct list waiting;		/* first starts that are to come */
	unsigned slots_taken;
	struct list finished;		/* calls whose `done` is due */
	struct list dead;		/* isolated ones, for the turn's end */
	bool has_dismissed;		/* all, for good */
	uint32_t next_generation;
	int64_t now_ns;			/* when the last datagram was heard */
	struct pool *scratch;
	struct buf out;
	char (*in)[WIRE_DATAGRAM_MAX];	/* CHANNEL_BATCH of them */
	struct wire_frame frame;
};

/* ---- supervisor.c -------------------------------------------------------- */

/* Have the thread look at what changed. Under the lock. */
void supervisor_ring(struct supervisor *supervisor);
/* Its `done` is called at the end of the turn. The thread. */
void supervisor_finish(struct supervisor *supervisor,
		       struct adapter_call *call);
/*
 * It has no process and no calls, and nobody wants it: at the turn's end, when
 * no event speaks of it any more, it is forgotten; then `settled` tells that
 * its first start failed, or `freed` is called.
 */
void supervisor_bury(struct isolated *isolated);
/* Its first start is over, or takes long: another one may begin. */
void supervisor_give_slot(struct isolated *isolated);

/* ---- lifecycle.c: the thread, without a lock ---------------------------------- */

void lifecycle_start(struct isolated *isolated);
/* Its end is certain from here on; the pidfd says when.  `why` is kept unless
 * there is a reason already. */
void lifecycle_end(struct isolated *isolated, const char *why);
/* It took its share of our time: go on when the tenth is over. */
void lifecycle_hush(struct isolated *isolated);
/* Its pidfd was readable. */
void lifecycle_ended(struct isolated *isolated);
/* It answered the probe. */
void lifecycle_serve(struct isolated *isolated);
/* It wrote on standard error. */
void lifecycle_listen(struct isolated *isolated);
/* An alarm: whatever is due. */
void lifecycle_tick(struct isolated *isolated, int64_t now_ns);
/* Answer whatever is under way. */
void lifecycle_answer_all(struct isolated *isolated, const char *why);

/* Say in the log what befell it. */
void lifecycle_tell(const struct isolated *isolated, enum log_level level,
		    const struct log_event *event, const char *text);

/* ---- channel.c ----------------------------------------------------------- */

/*
 * Send the answer that waits, and what calls there is room for.  Any thread,
 * under the isolated's lock.
 */
void channel_send(struct isolated *isolated);
/* The same, after settings that it does not have yet. The thread. */
void channel_flush(struct isolated *isolated);
/* There is room again, or an end. The thread. */
void channel_room(struct isolated *isolated);
/* Take what came, up to CHANNEL_TURN datagrams or its share, and hear each
 * frame. The thread. */
void channel_receive(struct isolated *isolated);
/* The same with whatever its process left, which has ended. */
void channel_last_words(struct isolated *isolated);
/* Does what comes wake the thread? The thread. */
void channel_listen(struct isolated *isolated, bool wanted);
/* Wake the thread by what that descriptor tells. The thread. */
int channel_watch(struct isolated *isolated, enum source_kind kind, int fd);
void channel_unwatch(struct isolated *isolated, int fd);

/* ---- inbound.c -------------------------------------------------------------- */

/* One frame, as it came. The thread. */
void inbound_frame(struct isolated *isolated, struct str frame);

/* ---- isolated.c ---------------------------------------------------------- */

/* How the first start went is known: NULL, well. The thread. */
void isolated_settle(struct isolated *isolated, const char *why);
/* Does it wait for that? */
bool isolated_is_first(struct isolated *isolated);
/* Was isolated_free() called? */
bool isolated_must_free(struct isolated *isolated);
/* No calls from now on. */
void isolated_close(struct isolated *isolated);
/* Nobody knows it any more. */
void isolated_destroy(struct isolated *isolated);
/* The result of a call that failed. */
void isolated_call_fail(struct adapter_call *call, enum adapter_result result,
			const char *problem);

#endif
