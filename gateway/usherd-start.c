/*
 * Coming up, in this order: the gateway's file, into the background, the log's
 * thread, ports, root's rights given up, the state, the adapters' supervisor,
 * a first snapshot, the operator's door, and the workers last.
 */
#include "usherd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "adapter/supervisor.h"
#include "admin/inspect.h"
#include "admin/show.h"
#include "base/clock.h"
#include "base/log.h"
#include "desk/cache.h"

/*
 * Return in a child that goes on, while the parent waits for its word. Done
 * before there is any thread.
 */
static int into_background(struct daemon *d)
{
	int ends[2], null;
	char word;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &word, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	d->parent = ends[1];
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		close(null);
	}
	return 0;
}

static int open_admin(struct daemon *d, const struct gateway_config *config)
{
	struct buf listening;
	char why[512];

	buf_init_fixed(&listening, d->listening, sizeof(d->listening));
	server_addresses_text(d->server, &listening);
	d->admin = socket_server_new(config->admin.ptr, status_command,
				     &d->status, why, sizeof(why));
	if (!d->admin) {
		log_error(admin_socket, LOG_TEXT("problem", why));
		return -1;
	}
	d->status = (struct status){
		.gateway = &d->gateway,
		.reload = &d->reload,
		.reader = store_reader(d->gateway.store,
				       d->reload.options.workers),
		.version = USHER_VERSION,
		.listening = d->listening,
		.start_ms = clock_wall_ms(),
		.socket = d->admin,
		.spawner = d->has_spawner ? &d->spawner : NULL,
	};
	return 0;
}

/* Opened by the user that we are from here on, as it will be each time that it
 * is opened anew. */
static int open_log(const struct gateway_config *config)
{
	const char *path = config->log_file.ptr;
	enum err err;

	if (!path)
		return 0;
	log_info(log_file, LOG_TEXT("path", path));
	err = log_to_file(path);
	if (!err)
		return 0;
	log_error(log_not_opened, LOG_TEXT("path", path),
		  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
			   err == ERR_UNSUPPORTED ? "it is not a plain file" :
						    err_text(err)),
		  LOG_TEXT("remedy", "give its directory to the gateway's user,"
			   " or leave log.file out"));
	return -1;
}

static unsigned worker_count(const struct gateway_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return config->workers;
	if (cores < 1)
		return 1;
	return cores > SERVER_WORKERS_MAX ? SERVER_WORKERS_MAX :
					    (unsigned)cores;
}

static int start_keeper(struct daemon *d)
{
	if (keeper_start(d->reload.keeper) == ERR_OK)
		return 0;
	log_error(keeper, LOG_TEXT("problem", strerror(errno)));
	return -1;
}

static int start_refresher(struct daemon *d)
{
	const struct fetcher_options as_it_is = { 0 };

	if (fetcher_new(&as_it_is, &d->fetcher) == ERR_OK)
		d->refresher = refresher_new(d->jwks_path,
					     d->gateway.snapshots, d->fetcher);
	if (!d->refresher)
		log_error(fetcher, LOG_TEXT("problem", "no thread for it"));
	return d->refresher ? 0 : -1;
}

static int start_deliverer(struct daemon *d, const struct gateway_config *config)
{
	unsigned haste = deliverer_haste(config->development);
	const struct fetcher_options for_webhooks = {
		.running_max = DELIVERER_RUNNING_MAX,
		.total_ms = haste > 1 ? FETCH_CONNECT_MS / 2 : 0,
	};
	struct deliverer_options options = {
		.slot = d->gateway.snapshots,
		.store = d->gateway.store,
		.reader = store_reader(d->gateway.store,
				       d->reload.options.workers + 1),
		.haste = haste,
	};

	if (fetcher_new(&for_webhooks, &d->sender) == ERR_OK) {
		options.fetcher = d->sender;
		d->deliverer = deliverer_new(&options);
	}
	if (!d->deliverer)
		log_error(deliverer, LOG_TEXT("problem", "no thread for it"));
	return d->deliverer ? 0 : -1;
}

/* Signals, before there is anything to reload. */
static void on_early_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		d->must_reload = true;
	else if (info.ssi_signo == SIGUSR1)
		log_reopen();
	else
		d->must_stop = true;
}

/* The first load, unless we are told to stop. With --strict every adapter has
 * to be ready, and each has its time. */
static struct snapshot *load_first(struct daemon *d)
{
	struct snapshot *first;

	d->reload.options.awaits_adapters = d->options.strict;
	reload_ask(&d->reload);
	while (reload_is_running(&d->reload) && !d->must_stop) {
		struct pollfd fds[] = {
			{ .fd = d->signals, .events = POLLIN },
			{ .fd = d->reload.fd, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			on_early_signal(d);
		if (fds[1].revents)
			reload_poll(&d->reload);
	}
	first = d->must_stop ? NULL : d->reload.first;
	if (first)
		d->reload.first = NULL;
	return first;
}

/* As a check does, before anything is made. */
static int look_around(const struct gateway_config *config)
{
	struct report report;
	int rc = -1;

	if (report_init(&report))
		return -1;
	inspect_place(config, false, &report);
	/* warnings are told with the first load */
	if (report_worst(&report) < REPORT_FATAL)
		rc = 0;
	else
		reload_log(&report);
	report_done(&report);
	return rc;
}

/* From bound ports to a first snapshot that serves. */
static int start_serving(struct daemon *d, const struct gateway_config *config)
{
	struct snapshot *first;
	char why[SERVER_WHY_MAX];

	/* before a port, which that one has as well, is said to be in use */
	if (usherd_state_is_taken(config->state.ptr))
		return -1;
	if (server_listen(&d->gateway, config, d->reload.options.workers,
			  &d->server, why, sizeof(why))) {
		log_error(not_listening, LOG_TEXT("problem", why));
		return -1;
	}
	if (usherd_drop_root(d, config, config->state.ptr) ||
	    open_log(config) || usherd_open_state(d, config->state.ptr))
		return -1;
	usherd_start_supervisor(d);
	if (d->reload.options.supervisor)
		supervisor_on_batch(d->reload.options.supervisor,
				    server_batch_done, d->server);
	first = load_first(d);
	if (!first)
		return -1;
	if (d->options.strict &&
	    report_worst(&d->reload.report) >= REPORT_TENANT) {
		log_error(strict,
			  LOG_TEXT("problem", "a tenant's file does not hold, "
				   "and --strict is given"));
		snapshot_unref(first);
		return -1;
	}
	d->gateway.snapshots = snapshot_slot_new(first);
	if (!d->gateway.snapshots || open_admin(d, config) ||
	    start_keeper(d) || start_refresher(d) ||
	    start_deliverer(d, config))
		return -1;
	if (server_run(d->server, why, sizeof(why))) {
		log_error(not_serving, LOG_TEXT("problem", why));
		return -1;
	}
	return 0;
}

int usherd_start(struct daemon *d)
{
	struct snapshot *bare = snapshot_load_gateway(&d->reload.options,
						      &d->reload.report);
	const struct gateway_config *config;
	int rc = -1;

	if (!bare) {
		show_report(NULL, &d->reload.report, false, stderr);
		return -1;
	}
	config = &bare->gateway;
	d->reload.started = snapshot_ref(bare);
	reload_set_log(config);
	if (!d->options.foreground && into_background(d))
		goto out;
	/* From here on nobody waits for who reads the log. */
	if (log_start()) {
		log_error(log_not_started,
			  LOG_TEXT("problem", "there is no memory for its "
				   "thread"));
		goto out;
	}
	d->reload.options.workers = worker_count(config);
	d->gateway.desk_cache = desk_cache_new(d->reload.options.workers);
	if (!d->gateway.desk_cache)
		goto out;
	if (config->watch && watch_open(&d->watch, d->options.config))
		log_error(watch, LOG_TEXT("path", d->options.config),
			  LOG_TEXT("problem", strerror(errno)),
			  LOG_TEXT("remedy", "reload by hand after changes"));
	if (look_around(config) == 0 &&
	    usherd_find_state(d, config->state.ptr) == 0)
		rc = start_serving(d, config);
out:
	snapshot_unref(bare);
	return rc;
}
