/*
 * adapter: a tenant's adapter, loaded and configured, ready to be called.
 *
 * In this process: one state (the adapter's init) for each worker, so that no
 * state is ever entered by two threads.  In a process of its own: one state,
 * there; see supervisor.h.  Counted: a new configuration in which nothing
 * about an adapter changed, its file's content included, goes on with the
 * very same one, states and all.
 *
 * A call may finish at once, as it does for adapters that run in this process,
 * or later; a caller is ready for both.
 *
 * No adapter holds up another, or anybody else: adapter_begin() waits for no
 * code of the module's.  The adapter is there at once, starting, and refuses
 * calls as unavailable until it is ready; or the one that it replaces, its
 * stand-in, goes on until then (adapter_pin()).  Whoever wants to know first
 * waits as long as they like (adapter_wait()).  One that becomes ready late
 * takes over by itself; one that cannot be loaded after all is refused for
 * good, and its stand-in stays.  Processes start beside each other (see
 * supervisor.h).  In this process modules are loaded by threads of their own,
 * LOADERS_MAX at most: one that hangs there holds up those that were not loaded
 * yet, in this process, and nobody else.
 */
#ifndef ADAPTER_ADAPTER_H
#define ADAPTER_ADAPTER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "module/call.h"

#define ADAPTER_WORKERS_MAX 256
/* The longest sentence adapter_load() writes: a problem buffer's size. */
#define ADAPTER_LOAD_PROBLEM_MAX 1024

enum adapter_isolation {
	ADAPTER_IN_PROCESS,	/* isolation = "none" */
	ADAPTER_OWN_PROCESS,	/* isolation = "process": needs a supervisor */
};

enum adapter_state {
	ADAPTER_STARTING,
	ADAPTER_READY,		/* from now on */
	ADAPTER_REFUSED,	/* it could not be loaded: for good */
};

/* Threads that load adapters into this process. */
#define LOADERS_MAX 4
/* How long nothing may come of them before nobody waits for them any more. */
#define LOADERS_STALL_MS 5000

struct supervisor;

/* Everything is copied. */
struct adapter_options {
	struct str tenant;		/* slug */
	const char *path;		/* of the module */
	enum adapter_isolation isolation;
	const struct adapter_setting *settings;	/* adapter.config, flattened, in
						 * the order of the file */
	unsigned setting_count;		/* at most USHER_CONFIG_MAX */
	const struct adapter_secret *secrets;
	unsigned secret_count;		/* at most USHER_SECRETS_MAX */
	uint32_t deadline_ms;
	bool must_be_advisory;		/* else it is refused */
	unsigned workers;		/* 1 to ADAPTER_WORKERS_MAX */
	struct supervisor *supervisor;	/* of isolated ones; must outlive the
					 * adapter; NULL: refused */
};

struct adapter;

/*
 * Begin to load the module and to make its states; nothing of it runs in this
 * thread.  With `previous` (may be NULL) the same as what the options ask for,
 * *adapter_r is another reference to it, ready or starting; else `previous`, or
 * its own stand-in, stands in where it is ready.  `services` must outlive the
 * adapter.  On failure *problem gained a sentence that says what is wrong and
 * what to do.
 */
enum err adapter_begin(const struct adapter_options *options,
		       const struct adapter_services *services,
		       struct adapter *previous, struct adapter **adapter_r,
		       struct buf *problem);
/*
 * The same, and wait until it is ready.  In this process it is this thread
 * that loads it, however long that takes.
 */
enum err adapter_load(const struct adapter_options *options,
		      const struct adapter_services *services,
		      struct adapter *previous, struct adapter **adapter_r,
		      struct buf *problem);

/*
 * Wait until each of them is ready or refused, but for `ms` at most; -1: for
 * each verdict, those in this process given up once nothing came of any for
 * LOADERS_STALL_MS.  With `ms` those that were left to be late (below) are not
 * waited for again.  False: *cancel (may be NULL) became true, and
 * adapter_wake_waiters() was called.
 */
bool adapter_wait(struct adapter *const *adapters, unsigned count, int ms,
		  const _Atomic bool *cancel);
void adapter_wake_waiters(void);
/*
 * Nobody waits for it any more, if it still starts: what becomes of it will be
 * told to the log, as "adapter_started" or "adapter_not_started".
 */
enum adapter_state adapter_leave(struct adapter *adapter);

struct adapter_verdict {
	enum adapter_state state;
	bool has_stand_in;	/* which serves in its place */
	bool is_unfit;		/* refused: must_be_advisory, and is not */
};
/* As it is now. `problem` gained why it is refused. */
struct adapter_verdict adapter_verdict(struct adapter *adapter,
				       struct buf *problem);
/* For tests: is it neither ready nor stood in for, so that all calls are
 * refused? */
bool adapter_is_away(struct adapter *adapter);
bool adapter_is_ready(const struct adapter *adapter);
/*
 * A reference to the one that serves now: itself, or its stand-in.  For as long
 * as a request is under way, so that it meets one and the same.
 */
struct adapter *adapter_pin(struct adapter *adapter);

/*
 * Load nothing into this process any more, and wait `ms` at most for what is
 * being loaded.  False: a module hangs there, and its thread is left; then the
 * process must end by _exit(), since exit() would wait for the loader's lock.
 */
bool adapter_loaders_end(int ms);

/* Any thread. */
struct adapter *adapter_ref(struct adapter *adapter);
/* Accepts NULL. The last one runs fini on each state. Any thread. */
void adapter_unref(struct adapter *adapter);

/* The module's own, terminated; of one that is not ready the file's name, and
 * an empty version. */
struct str adapter_name(const struct adapter *adapter);
struct str adapter_version(const struct adapter *adapter);
/* How its process does: true; false for one that runs in this process. */
struct isolated_stats;
bool adapter_process(const struct adapter *adapter,
		     struct isolated_stats *stats_r);
/* Without a deliver hook adapter_deliver() changes nothing.  Of one that is
 * not ready nobody knows: true. */
bool adapter_has_deliver(const struct adapter *adapter);
/* Has it a sync_user hook?  That one decides who may enter.  True while it is
 * not ready. */
bool adapter_has_sync(const struct adapter *adapter);
/* Does it say that it refuses nobody (USHER_ADVISORY)?  False while it is not
 * ready. */
bool adapter_is_advisory(const struct adapter *adapter);
/* Of one that is ready. */
struct adapter_facts adapter_facts(const struct adapter *adapter);

enum adapter_run {
	ADAPTER_DONE,		/* call->result is set */
	ADAPTER_WAITING,	/* `done` will be called once, by any thread;
				 * then, if call->look is set, it is for
				 * adapter_resume() to say what comes next */
};

/*
 * map_fields, sync_user and choose_redirect in one call.  The caller zeroes
 * *call and fills in its inputs.  `worker` is the calling worker's index, below
 * options.workers.  `done` is not called for ADAPTER_DONE.
 */
enum adapter_run adapter_handoff(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call));
/*
 * After `done`, in the thread that made the call, where call->look was set:
 * the adapter may have asked for it.  ADAPTER_DONE, or ADAPTER_WAITING again.
 */
enum adapter_run adapter_resume(struct adapter *adapter,
				struct adapter_call *call);
/* deliver, in the same way. */
enum adapter_run adapter_deliver(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call));

/*
 * The names of request fields whose nested JSON an adapter's settings ask
 * for: for each setting "X.json" = "true" the value of "X.from", else the
 * last dotted part of X.  Slices of the settings; the array is in the pool.
 * ERR_NOMEM.
 */
enum err adapter_json_fields(const struct adapter_setting *settings,
			     unsigned count, struct pool *pool,
			     struct str **names_r, unsigned *count_r);

#endif
