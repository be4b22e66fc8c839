/*
 * adapter-private: what adapter.c and loading.c share of an adapter.
 *
 *	adapter.c	what it was made from, and calls
 *	loading.c	from its beginning to ready or refused, and who waits
 */
#ifndef ADAPTER_ADAPTER_PRIVATE_H
#define ADAPTER_ADAPTER_PRIVATE_H

#include <stdatomic.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "base/list.h"
#include "module/module.h"

struct worker {
	void *state;
	struct pool *scratch;
	bool is_ready;		/* init succeeded: fini is owed */
};

#define ADAPTER_MAGIC 0x41647074u

struct adapter {
	uint32_t magic;
	atomic_uint refs;
	struct pool *pool;
	struct str file;		/* the module's name, without a path */
	const char *path;
	bool must_be_advisory;
	unsigned wanted_workers;
	struct adapter_env env;		/* .name: set before it is ready */
	struct module_copy copy;	/* .fd -1: not kept */

	/* in this process: its loader sets these before it is ready */
	struct module *module;
	const struct usher_adapter *hooks;
	struct worker *workers;
	unsigned worker_count;
	struct list queued;		/* for a loader; under its lock */

	/* in a process of its own; `supervisor` says so */
	struct isolated *isolated;
	struct supervisor *supervisor;

	_Atomic int state;		/* enum adapter_state: changed once,
					 * under the lock of loading.c */
	/* under that lock */
	struct adapter *stand_in;	/* ready; a reference; until we are */
	bool is_late, is_unfit;
	enum err err;			/* of a refused one */
	char problem[ADAPTER_LOAD_PROBLEM_MAX];
};

/* What `previous` leaves to stand in for us: a reference, or NULL. */
struct adapter *loading_stand_in(struct adapter *previous);
/* Nobody stands in any more. */
void loading_dismiss(struct adapter *adapter);
/* It is known how it went, for isolated_begin(): `why` NULL, well.  Any thread,
 * once. */
void loading_settled(void *adapter, const char *why);
/* Load it into this process, now and here; it settles. */
void loading_run(struct adapter *adapter);
/* Have a thread do that. */
enum err loading_queue(struct adapter *adapter);
/* A descriptor of the copy that is the caller's own; -1: there is none. */
int loading_dup_copy(struct adapter *adapter);

/* With adapter->module there: init for each worker. */
enum err adapter_init_workers(struct adapter *adapter, struct buf *problem);

#endif
