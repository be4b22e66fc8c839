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
 */
#ifndef ADAPTER_ADAPTER_H
#define ADAPTER_ADAPTER_H

#include <stdint.h>

#include "module/call.h"
#include "base/buf.h"
#include "base/error.h"

#define ADAPTER_WORKERS_MAX 256
/* The longest sentence adapter_load() writes: a problem buffer's size. */
#define ADAPTER_LOAD_PROBLEM_MAX 1024

enum adapter_isolation {
	ADAPTER_IN_PROCESS,	/* isolation = "none" */
	ADAPTER_OWN_PROCESS,	/* isolation = "process": needs a supervisor */
};

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
	unsigned workers;		/* 1 to ADAPTER_WORKERS_MAX */
	struct supervisor *supervisor;	/* of isolated ones; must outlive the
					 * adapter; NULL: refused */
};

struct adapter;

/*
 * Load the module and make its states.  With `previous` (may be NULL) the
 * same as what the options ask for, *adapter_r is another reference to it.
 * `services` must outlive the adapter.  On failure *problem gained a sentence
 * that says what is wrong and what to do.
 */
enum err adapter_load(const struct adapter_options *options,
		      const struct adapter_services *services,
		      struct adapter *previous, struct adapter **adapter_r,
		      struct buf *problem);
/* Any thread. */
struct adapter *adapter_ref(struct adapter *adapter);
/* Accepts NULL. The last one runs fini on each state. Any thread. */
void adapter_unref(struct adapter *adapter);

/* The module's own, terminated. */
struct str adapter_name(const struct adapter *adapter);
struct str adapter_version(const struct adapter *adapter);
/* How its process does: true; false for one that runs in this process. */
struct isolated_stats;
bool adapter_process(const struct adapter *adapter,
		     struct isolated_stats *stats_r);
/* Without a deliver hook adapter_deliver() changes nothing. */
bool adapter_has_deliver(const struct adapter *adapter);
/* Has it a sync_user hook?  That one decides who may enter. */
bool adapter_has_sync(const struct adapter *adapter);
/* Does it say that it refuses nobody (USHER_ADVISORY)? */
bool adapter_is_advisory(const struct adapter *adapter);
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
