/* Going down, within STOP_MS. */
#include "usherd.h"

#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "desk/cache.h"

#define RELOAD_END_MS 1000	/* of STOP_MS, for a reload to let go */
#define LOADERS_END_MS 500	/* ... for modules that are being loaded */
#define REFRESH_END_MS 200	/* ... for keys that are being written */
#define DELIVER_END_MS 500	/* ... for a look at what is to be sent */
#define FLUSH_MS 1000		/* ... left to the store at least */

/* Whatever is to be on the disk, until then. -1: the disk did not answer. */
static int flush(struct daemon *d, int64_t end_ms)
{
	int64_t ms = end_ms - clock_mono_ms();

	if (d->gateway.store &&
	    store_quit(d->gateway.store, ms > FLUSH_MS ? ms : FLUSH_MS))
		return -1;
	ms = end_ms - clock_mono_ms();
	if (!saver_free(d->saver, ms > FLUSH_MS ? ms : FLUSH_MS))
		return -1;
	d->saver = NULL;
	return 0;
}

enum end usherd_stop(struct daemon *d)
{
	const int64_t end_ms = clock_mono_ms() + STOP_MS - FLUSH_MS;
	bool is_free = reload_cancel(&d->reload, RELOAD_END_MS), is_served;
	bool is_named;

	if (d->admin)
		status_stop(&d->status);
	if (d->options.ready_file)
		unlink(d->options.ready_file);
	is_served = server_stop(d->server, STOP_MS - RELOAD_END_MS -
				2 * FLUSH_MS - SERVER_LET_GO_MS);
	supervisor_quiesce(d->reload.options.supervisor);
	/* a reader that hangs in the disk keeps the store from its end */
	if (!deliverer_quit(d->deliverer, DELIVER_END_MS) || flush(d, end_ms))
		return END_NOT_FLUSHED;
	socket_server_free(d->admin);
	if (!is_served) {
		log_warn(thread_left, LOG_TEXT("waits_for", "a module that "
			 "serves in this process (isolation = \"none\")"));
		return END_THREAD_LEFT;
	}
	store_close(d->gateway.store);
	if (!adapter_loaders_end(LOADERS_END_MS) || !is_free) {
		log_warn(thread_left, LOG_TEXT("waits_for", is_free ?
			 "a module that is being loaded" :
			 "the files of a reload"));
		return END_THREAD_LEFT;
	}
	if (!refresher_quit(d->refresher, REFRESH_END_MS)) {
		log_warn(thread_left, LOG_TEXT("waits_for", "the disk, with "
			 "keys that were fetched"));
		return END_THREAD_LEFT;
	}
	is_named = fetcher_free(d->fetcher);
	is_named = fetcher_free(d->sender) && is_named;
	deliverer_free(d->deliverer);
	refresher_free(d->refresher);
	ratelimit_free(d->gateway.limiter);
	refusals_free(d->gateway.refusals);
	strangers_free(d->gateway.strangers);
	strangers_free(d->gateway.unvouched);
	tally_free(d->gateway.tally);
	desk_cache_free(d->gateway.desk_cache);
	snapshot_slot_free(d->gateway.snapshots);
	server_free(d->server);
	usherd_stop_adapters(d);
	reload_done(&d->reload);
	watch_close(&d->watch);
	if (d->signals >= 0)
		close(d->signals);
	if (d->timer >= 0)
		close(d->timer);
	/* a look-up that hangs is nothing of ours */
	return is_named ? END_CLEAN : END_THREAD_LEFT;
}
