/*
 * supervisor: the one thread that keeps the processes of isolated adapters.
 *
 * It spawns them, reads what they say, times their calls, ends those that hang
 * or lie, and starts them anew: after 10 ms, doubling to 5 s; the fifth failure
 * in a row opens the breaker, and after 5 s one call tries whether it may be
 * closed.  Sixteen answers end a row of failures.
 *
 * A call is answered at its deadline at the latest; a later reply is dropped.
 * A process is killed when its oldest call is past the deadline and it made
 * no progress for SUPERVISOR_STALL_MS; each reply is progress, and so is
 * what it logs or has signed, which is bounded.
 */
#ifndef ADAPTER_SUPERVISOR_H
#define ADAPTER_SUPERVISOR_H

#include "adapter/call.h"
#include "adapter/module.h"
#include "adapter/wire.h"

#define SUPERVISOR_CALLS_MAX 256	/* outstanding, of one adapter */
#define SUPERVISOR_STALL_MS 250
#define SUPERVISOR_START_MS 5000	/* from spawn to the first answer */
#define SUPERVISOR_RETRY_MIN_MS 10
#define SUPERVISOR_RETRY_MAX_MS 5000
#define SUPERVISOR_FAILURES_MAX 5	/* in a row; then the breaker opens */
#define SUPERVISOR_ANSWERS_GOOD 16	/* answers that end the row */
#define SUPERVISOR_LINES_MAX 50		/* of its stderr, a second */

struct supervisor;
struct isolated;

/*
 * `host` is the path of usher-adapter-host, copied; NULL: child_find_host()
 * finds it.  *problem gains a sentence on failure.  The thread blocks all signals.
 */
enum err supervisor_new(const char *host, struct supervisor **supervisor_r,
			struct buf *problem);
/*
 * From now on it is the spawner that starts processes.  It must outlive the
 * supervisor, and is its thread's alone.  Before the first isolated_new().
 */
struct spawner;
void supervisor_use_spawner(struct supervisor *supervisor,
			    struct spawner *spawner);
/* Answer what is under way, as unavailable, and take no calls any more; on
 * return nothing more is called back.  Accepts NULL. */
void supervisor_quiesce(struct supervisor *supervisor);
/* Ends what still runs.  Accepts NULL.  All isolated_free() come before. */
void supervisor_free(struct supervisor *supervisor);

/*
 * A first process, ready and having answered a call of the supervisor's own.
 * Waits for that.  `env` lives as long as the result; the copy is only
 * borrowed during the call.  *problem gains a sentence on failure.
 */
enum err isolated_new(struct supervisor *supervisor,
		      const struct adapter_env *env,
		      const struct module_copy *copy,
		      struct isolated **isolated_r, struct buf *problem);
/* Ends it, without waiting.  There are no calls under way; `env` must live
 * until `freed` was called with `ctx`, by the supervisor. Accepts NULL. */
void isolated_free(struct isolated *isolated, void (*freed)(void *ctx),
		   void *ctx);

/* As the module says of itself; terminated, as long as the isolated. */
struct str isolated_name(const struct isolated *isolated);
struct str isolated_version(const struct isolated *isolated);
bool isolated_has_deliver(const struct isolated *isolated);
bool isolated_has_sync(const struct isolated *isolated);
bool isolated_is_advisory(const struct isolated *isolated);
struct adapter_facts isolated_facts(const struct isolated *isolated);

/*
 * After call_begin().  True: `done` will be called, by the supervisor.
 * False: call->result is set.
 */
bool isolated_call(struct isolated *isolated, enum wire_call_kind kind,
		   struct adapter_call *call,
		   void (*done)(struct adapter_call *call));

struct isolated_stats {
	pid_t pid;		/* 0: there is none now */
	bool is_open;		/* the breaker */
	unsigned outstanding;
	uint64_t calls, timeouts, unavailable, failures;
	uint64_t ready_ns;	/* from spawn to ready, the last time */
};

void isolated_stats(struct isolated *isolated,
		    struct isolated_stats *stats_r);

#endif
