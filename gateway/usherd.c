/*
 * usherd: the gateway's daemon. See usherd(8).
 *
 * A main thread that waits for signals, the operator's socket and the clock.
 */
#include "usherd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "admin/inspect.h"
#include "admin/notify.h"
#include "admin/services.h"
#include "admin/show.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/privileges.h"
#include "http/check.h"
#include "http/lent.h"

#define SAVE_S 60	/* between savings of the rate limiter */
#define DAY_S 86400	/* between looks at what grows old */

static void usage(FILE *out)
{
	fputs("usage: usherd --config DIR [--state DIR] [--plugins DIR] "
	      "[--strict]\n"
	      "              [--foreground] [--ready-file FILE]\n"
	      "       usherd --config DIR --check [--strict]\n"
	      "       usherd --version | --help\n"
	      "See usherd(8).\n", out);
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "plugins", required_argument, NULL, 'p' },
		{ "ready-file", required_argument, NULL, 'r' },
		{ "check", no_argument, NULL, 'C' },
		{ "strict", no_argument, NULL, 'S' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:s:p:r:CSfVh", longs, NULL)) !=
	       -1) {
		switch (c) {
		case 'c': options->config = optarg; break;
		case 's': options->state = optarg; break;
		case 'p': options->plugins = optarg; break;
		case 'r': options->ready_file = optarg; break;
		case 'C': options->check = true; break;
		case 'S': options->strict = true; break;
		case 'f': options->foreground = true; break;
		case 'V': puts("usherd " USHER_VERSION); exit(0);
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	if (optind < argc || !options->config) {
		fputs(optind < argc ? "usherd: too many arguments\n" :
				      "usherd: --config is needed\n", stderr);
		usage(stderr);
		exit(2);
	}
}

/* ---- --check ---------------------------------------------------------- */

/* What is read at start is read by the user that is named, so it is now; where
 * there is none to become, the report says so. */
static int check_as_user(struct daemon *d)
{
	struct privileges_user user;
	struct snapshot *bare;
	struct report unused;
	const char *name;
	int rc = 0;

	if (report_init(&unused))
		return -1;
	bare = snapshot_load_gateway(&d->reload.options, &unused);
	if (bare) {
		check_place(&bare->gateway, NULL, &d->reload.report);
		name = bare->gateway.user.ptr;
		if (name && privileges_find(name, &user) == ERR_OK)
			rc = usherd_drop_root(d, &bare->gateway, NULL);
	}
	snapshot_unref(bare);
	report_done(&unused);
	return rc;
}

static int check(struct daemon *d)
{
	struct snapshot *snapshot;
	enum report_level worst;

	if (check_as_user(d))
		return 1;
	usherd_start_supervisor(d);
	d->reload.options.awaits_adapters = true;
	snapshot = snapshot_load(&d->reload.options, NULL, &d->reload.report);
	if (snapshot)
		check_files(snapshot, &d->reload.report);
	worst = show_report(snapshot, &d->reload.report, false, stdout);
	snapshot_unref(snapshot);
	usherd_stop_adapters(d);
	return worst >= REPORT_TENANT ? 1 : 0;
}

/* exit() would wait for a module that hangs while it is loaded. */
static int leave(int status, bool is_stuck)
{
	crash_done();
	log_stop();
	if (adapter_loaders_end(0) && !is_stuck)
		return status;
	fflush(NULL);
	_exit(status);
}

/* ---- telling that we are ready ---------------------------------------- */

static void write_ready_file(struct daemon *d)
{
	struct buf addresses;
	enum err err = ERR_NOMEM;

	buf_init(&addresses, 65536);
	server_addresses_json(d->server, &addresses);
	if (buf_is_ok(&addresses))
		err = notify_ready_file(d->options.ready_file,
					buf_str(&addresses));
	if (err)
		log_error(ready_file,
			  LOG_TEXT("path", d->options.ready_file),
			  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
							      err_text(err)),
			  LOG_TEXT("remedy", "name one in a directory that "
				   "the gateway's user may write to"));
	buf_done(&addresses);
}

static void tell_ready(struct daemon *d)
{
	log_info(ready, LOG_TEXT("version", USHER_VERSION),
		 LOG_NUM("workers", d->reload.options.workers));
	if (d->options.ready_file)
		write_ready_file(d);
	notify_ready();
	if (d->parent >= 0) {
		if (write(d->parent, "r", 1) != 1)
			log_warn(parent_gone, LOG_NUM("errno", errno));
		close(d->parent);
		d->parent = -1;
	}
}

/* ---- the main thread -------------------------------------------------- */

static void on_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_ask(&d->reload);
	else if (info.ssi_signo == SIGUSR1)
		log_reopen();
	else
		d->must_stop = true;
}

/* A certificate may expire long after it was loaded. */
static void tell_of_today(struct daemon *d)
{
	struct snapshot *running = snapshot_slot_get(d->gateway.snapshots);
	struct report report;

	if (!report_init(&report)) {
		server_judge_dates(d->server, running, &report);
		reload_log(&report);
		report_done(&report);
	}
	snapshot_unref(running);
}

/* Each second. */
static void on_timer(struct daemon *d)
{
	struct sessions_evicted list[SESSIONS_EVICTED_MAX];
	struct sessions *sessions = store_sessions(d->gateway.store);
	struct outbox_usage outbox[OUTBOX_NEWS_MAX];
	struct health_report health;
	int64_t now_ms;
	uint64_t times;

	if (read(d->timer, &times, sizeof(times)) != sizeof(times))
		return;
	d->seconds++;
	if (clockwatch_look(&d->clockwatch) || d->seconds % SAVE_S == 0)
		saver_ask(d->saver);
	writer_health(store_writer(d->gateway.store), &health);
	now_ms = clock_mono_ms();
	storewatch_look(&d->storewatch, &health, now_ms);
	if (storewatch_may_tell(&d->storewatch, now_ms))
		storewatch_tell_evicted(&d->storewatch, list,
			sessions_take_evicted(sessions, list), now_ms);
	storewatch_look_keys(&d->storewatch, d->status.reader);
	storewatch_tell_outbox(outbox, outbox_take_news(
		store_outbox(d->gateway.store), outbox));
	if (d->seconds % DAY_S == 0)
		tell_of_today(d);
}

static void wait_for_the_end(struct daemon *d)
{
	if (d->must_reload)
		reload_ask(&d->reload);
	while (!d->must_stop) {
		struct pollfd fds[] = {
			{ .fd = d->signals, .events = POLLIN },
			{ .fd = socket_server_fd(d->admin), .events = POLLIN },
			{ .fd = d->timer, .events = POLLIN },
			{ .fd = d->watch.fd, .events = POLLIN },
			{ .fd = d->reload.fd, .events = POLLIN },
			/* a reload has read the ring already: after it */
			{ .fd = reload_is_running(&d->reload) ? -1 :
				keeper_fd(d->reload.keeper),
			  .events = POLLIN },
		};

		if (poll(fds, 6, watch_timeout(&d->watch, clock_mono_ms())) < 0)
			continue;
		if (fds[0].revents)
			on_signal(d);
		if (fds[1].revents)
			socket_server_run(d->admin);
		if (fds[2].revents)
			on_timer(d);
		if (fds[3].revents)
			watch_read(&d->watch, clock_mono_ms());
		if (fds[5].revents)
			reload_keys(&d->reload);
		if (watch_is_due(&d->watch, clock_mono_ms()))
			reload_ask(&d->reload);
		if (fds[4].revents)
			reload_poll(&d->reload);
	}
}

/* Signals come through a descriptor; all later threads inherit the mask. */
static int open_events(struct daemon *d)
{
	const struct itimerspec every = { { 1, 0 }, { 1, 0 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->signals < 0 || d->timer < 0 ||
	    timerfd_settime(d->timer, 0, &every, NULL))
		return -1;
	return 0;
}

/* Certificates are read, and the place is looked at, before a new snapshot
 * serves. */
static enum err prepare(void *ctx, struct snapshot *next,
			struct report *report)
{
	struct daemon *d = ctx;
	enum err err;

	inspect_place(&next->gateway, true, report);
	refresher_load(d->jwks_path, next);
	err = server_reload(d->server, next, report);
	return err ? err : deliverer_route(store_deliveries(d->gateway.store),
					   next);
}

static void judge_now(void *ctx, const struct snapshot *running,
		      struct report *report)
{
	struct daemon *d = ctx;

	server_judge_dates(d->server, running, report);
}

static void on_reloaded(void *ctx, unsigned run, enum err err)
{
	struct daemon *d = ctx;

	status_reloaded(&d->status, run, err);
}

static void begin_metrics(void)
{
	metric_init();
	metric_set(metric_get(usher_build_info,
			      "version=\"" USHER_VERSION "\""), 1);
	metric_set(metric_get(process_start_time_seconds, ""),
		   clock_wall_s());
}

int main(int argc, char **argv)
{
	struct daemon d = {
		.watch = { .fd = -1 }, .signals = -1, .timer = -1,
		.parent = -1,
	};
	enum end end;
	int status = 1;

	parse_options(argc, argv, &d.options);
	lent_take();
	privileges_harden();
	hash_init();
	begin_metrics();
	crash_init("usherd " USHER_VERSION);
	d.reload.gateway = &d.gateway;
	d.reload.prepare = prepare;
	d.reload.now = judge_now;
	d.reload.done = on_reloaded;
	d.reload.ctx = &d;
	d.reload.options = (struct snapshot_options){
		.config_dir = d.options.config,
		.state_override = d.options.state,
		.plugins_override = d.options.plugins,
		.workers = 1,
		.services = &services_of_adapters,
	};
	if (reload_init(&d.reload))
		return 1;
	if (d.options.check) {
		status = check(&d);
		reload_done(&d.reload);
		return leave(status, false);
	}
	if (open_events(&d) == 0 && usherd_start(&d) == 0) {
		tell_ready(&d);
		wait_for_the_end(&d);
		notify_stopping();
		log_info(stopping,
			 LOG_NUM("seconds_at_most", STOP_MS / 1000));
		status = 0;
	} else if (d.must_stop) {
		status = 0;
	}
	end = usherd_stop(&d);
	if (end == END_NOT_FLUSHED) {
		log_error(store_not_flushed,
			  LOG_TEXT("problem", "the state directory's disk does "
				   "not answer"),
			  LOG_TEXT("remedy", "look at the disk; nothing that "
				   "was confirmed is lost"));
		status = 1;
	} else if (status == 0) {
		log_info(stopped, LOG_NUM("status", status));
	}
	return leave(status, end != END_CLEAN);
}
