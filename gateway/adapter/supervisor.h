/*
 * supervisor: the one thread that keeps the processes of isolated adapters.
 *
 * It spawns them, reads what they say, times their calls, ends those that hang
 * or lie, and starts them anew: after 10 ms, doubling to 5 s; the fifth failure
 * in a row opens the breaker, and after 5 s one call tries whether it may be
 * closed.  Sixteen answers end a row of failures (breaker-private.h).
 *
 * A call is answered at its deadline at the latest; a later reply is dropped.
 * An adapter has at most 256 calls under way (calls-private.h), 16 of them
 * before its process.  The process is killed when its oldest call is past the
 * deadline and nothing came from it for 250 ms; what counts as coming is a
 * reply, a line for the log, a request to sign or to see the user, all of which
 * are bounded, and it does not count while it waits for us.
 * From spawn to the first answer it has 5 s, and of its standard error 50
 * lines a second are kept (stderr-lines-private.h).  A start may ask for as many
 * signatures as a call (WIRE_SIGNS_MAX) and log as many lines; a datagram has at
 * most HOST_WINDOW frames.  Who breaks that is ended.  Who asks or logs more
 * than its share in a tenth of a second is not heard until that is over
 * (share-private.h), so that one adapter never has the supervisor to itself.
 *
 * Adapters start beside each other: of those that start for the first time,
 * SUPERVISOR_STARTS_MAX at once, so that a thousand do not take the machine
 * from each other until none of them is ready in time.  One that needs longer
 * than SUPERVISOR_SLOT_MS gives its place away and goes on: those that hang
 * hold up nobody.
 *
 * Calls go to the process straight from the thread that makes them; a thread
 * that works in turns sends all of a turn in one datagram, and the answers of
 * a datagram come back in one: an answer that is less than a tenth of a
 * millisecond old waits for the next hook, and is lost where that one never
 * returns.
 */
#ifndef ADAPTER_SUPERVISOR_H
#define ADAPTER_SUPERVISOR_H

#include "module/call.h"
#include "module/module.h"
#include "sandbox/wire.h"

/* Adapters of which one turn of a thread may hold calls back. */
#define ISOLATED_HELD_MAX 32

/* First starts at once, and for how long one of them counts as one. */
#define SUPERVISOR_STARTS_MAX 16
#define SUPERVISOR_SLOT_MS 250

struct supervisor;
struct isolated;

/*
 * `host` is the path of usher-adapter-host, copied; NULL: child_find_host()
 * finds it.  *problem gains a sentence on failure.  The thread blocks all
 * signals.
 */
enum err supervisor_new(const char *host, struct supervisor **supervisor_r,
			struct buf *problem);
/* For a gateway that is root: why its adapters cannot have users of their own,
 * and are root's without root's rights, by Landlock alone; NULL: they have. */
const char *supervisor_uids_problem(const struct supervisor *supervisor);
/*
 * From now on it is the spawner that starts processes, as users of its range.
 * It must outlive the supervisor, and is its thread's alone.  Before the first
 * isolated_begin().
 */
struct spawner;
void supervisor_use_spawner(struct supervisor *supervisor,
			    struct spawner *spawner);
/*
 * Called by the supervisor after it called back a group of calls: where a
 * server wakes each worker once rather than once a call.  NULL: none.
 */
void supervisor_on_batch(struct supervisor *supervisor,
			 void (*batch_done)(void *ctx), void *ctx);
/* Answer what is under way, as unavailable, and take no calls any more; on
 * return nothing more is called back.  Accepts NULL. */
void supervisor_quiesce(struct supervisor *supervisor);
/* Ends what still runs.  Accepts NULL.  All isolated_free() come before. */
void supervisor_free(struct supervisor *supervisor);

/*
 * Have a first process started, and do not wait.  Once it is ready, having
 * answered a call of the supervisor's own, `settled` is called by the
 * supervisor with `why` NULL; or once it is known that this never will be, with
 * a sentence: then there is no process, and will be none.  Until then, and
 * then, calls are refused.  It is not called any more once isolated_free() has
 * been seen to.  `env` lives as long as the result; the copy is only borrowed
 * during the call.  *problem gains a sentence on failure.
 */
enum err isolated_begin(struct supervisor *supervisor,
			const struct adapter_env *env,
			const struct module_copy *copy,
			void (*settled)(void *ctx, const char *why), void *ctx,
			struct isolated **isolated_r, struct buf *problem);
/* Ends it, without waiting, even while it starts.  There are no calls under
 * way; `env` must live until `freed` was called with `ctx`, by the supervisor.
 * Accepts NULL. */
void isolated_free(struct isolated *isolated, void (*freed)(void *ctx),
		   void *ctx);

/* As the module says of itself, once it was ready; terminated, as long as the
 * isolated. */
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

/*
 * After `done`, in the thread that made the call.  False: call->result is set.
 * True: the adapter asked about the user, was told what call->look() found,
 * and `done` will be called again.
 */
bool isolated_resume(struct isolated *isolated, struct adapter_call *call);

/*
 * This thread calls isolated_flush() whenever it is about to wait: from now on
 * its calls are sent only then, those of one adapter together.
 */
void isolated_promise_flush(void);
void isolated_flush(void);

#define ISOLATED_FAILURE_MAX 512

struct isolated_stats {
	pid_t pid;		/* 0: there is none now */
	bool is_serving;	/* it is ready */
	bool is_open;		/* the breaker */
	unsigned outstanding;
	uint64_t calls, timeouts, unavailable, failures;
	uint64_t ready_ns;	/* from spawn to ready, the last time */
	char last_failure[ISOLATED_FAILURE_MAX];	/* what it was; "": none
				 * yet. May hold text of the adapter's */
};

void isolated_stats(struct isolated *isolated,
		    struct isolated_stats *stats_r);

#endif
