/*
 * usherd: the gateway's daemon. See usherd(8).
 *
 * Wiring and nothing else: the order in which the floors come up and go down,
 * and a main thread that waits for signals, the operator's socket and the
 * clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sandbox/child.h"
#include "sandbox/spawner.h"
#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "admin/notify.h"
#include "admin/reload.h"
#include "admin/saver.h"
#include "admin/services.h"
#include "admin/show.h"
#include "admin/socket.h"
#include "admin/status.h"
#include "admin/storewatch.h"
#include "admin/watch.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/signals.h"
#include "desk/cache.h"
#include "http/server.h"

#define STOP_MS 10000		/* for a graceful stop, all in all */
#define RELOAD_END_MS 1000	/* of them, for a reload to let go */
#define LOADERS_END_MS 500	/* ... for modules that are being loaded */
#define FLUSH_MS 1000		/* of it, left to the store at least */
#define SAVE_S 60		/* between savings of the rate limiter */
#define PATH_LONGEST 4096

struct options {
	const char *config, *state, *plugins, *ready_file;
	bool check, strict, foreground;
};

struct daemon {
	struct options options;
	struct gateway gateway;
	struct reload reload;
	struct status status;
	struct server *server;
	struct spawner spawner;	/* where has_spawner, even if it failed */
	bool has_spawner;
	char host_path[PATH_LONGEST];	/* of usher-adapter-host */
	char keyring_path[PATH_LONGEST], limits_path[PATH_LONGEST];
	char seals_path[PATH_LONGEST];
	char crash_path[PATH_LONGEST];
	struct watch watch;
	struct storewatch storewatch;
	struct saver *saver;	/* of the rate limiter */
	unsigned seconds;	/* that we have run */
	int signals, timer;	/* -1: not there */
	struct socket_server *admin;
	int parent;		/* pipe to tell that we are ready; -1 */
	bool must_stop;
	bool must_reload;	/* asked for before we were ready */
};

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

/* ---- who we are ------------------------------------------------------- */

/* Is there a user to become?  Only root may, and has to. */
static bool must_drop(const struct gateway_config *config)
{
	return config->user.ptr && geteuid() == 0;
}

static struct metric *spawner_metric(void)
{
	return metric_get(usher_adapter_spawner_up, "");
}

/* The tenants without an adapter are served, so we stay. */
static void tell_spawner(const char *why)
{
	metric_set(spawner_metric(), 0);
	log_error("spawner", LOG_TEXT("problem", why),
		  LOG_TEXT("remedy", "restart the gateway: until then no "
			   "adapter in a process of its own runs, and their "
			   "tenants are refused"));
}

/* Landlock is what they then have. */
static void tell_shared(const char *why)
{
	log_warn("adapters_share_user", LOG_TEXT("problem", why),
		 LOG_TEXT("remedy", "see usherd(8), SECURITY: until then all "
			  "adapters are one user, and only Landlock and the "
			  "filter of system calls are between them"));
}

/*
 * The last moment to keep the right to give adapters users of their own.
 * Without it, once we are no longer root, they do not start.
 */
static void start_spawner(struct daemon *d)
{
	struct uid_range range;
	struct buf why;
	char text[256];
	int lock;

	buf_init_fixed(&why, text, sizeof(text));
	child_find_host(d->host_path, sizeof(d->host_path));
	lock = uids_claim(&range, &why);
	if (lock < 0) {
		tell_shared(text);
		return;
	}
	d->has_spawner = true;
	metric_set(spawner_metric(), 1);
	if (spawner_open(&d->spawner, d->host_path, range, lock))
		tell_spawner(d->spawner.why);
	else
		d->spawner.lost = tell_spawner;
}

static const struct passwd *find_user(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		log_error("user_unknown", LOG_TEXT("user", name),
			  LOG_TEXT("remedy", "make it (adduser --system) or "
				   "change user in the gateway's file"));
	else if (user->pw_uid == 0 || user->pw_gid == 0)
		log_error("user_is_root", LOG_TEXT("user", name),
			  LOG_TEXT("remedy", "name one that is neither root "
				   "nor of root's group, or leave user out"));
	else
		return user;
	return NULL;
}

/* From root to the configured user, for good. `state` becomes his; NULL: it
 * stays as it is. */
static int drop_privileges(struct daemon *d,
			   const struct gateway_config *config,
			   const char *state)
{
	const char *name = config->user.ptr;
	const struct passwd *user;

	if (!must_drop(config))
		return 0;
	user = find_user(name);
	if (!user)
		return -1;
	start_spawner(d);
	errno = 0;
	if ((state && chown(state, user->pw_uid, user->pw_gid)) ||
	    initgroups(name, user->pw_gid) || setgid(user->pw_gid) ||
	    setuid(user->pw_uid) || setuid(0) == 0 || setgid(0) == 0) {
		log_error("user_not_taken", LOG_TEXT("user", name),
			  LOG_TEXT("problem", errno ? strerror(errno) :
				   "root's rights can be had again"));
		return -1;
	}
	return 0;
}

/* Without it isolated adapters fail, each with a finding. */
static void start_supervisor(struct daemon *d)
{
	char text[512];
	struct buf why;
	const char *shared;

	buf_init_fixed(&why, text, sizeof(text));
	if (supervisor_new(d->host_path[0] ? d->host_path : NULL,
			   &d->reload.options.supervisor, &why))
		log_error("supervisor", LOG_STR("problem", buf_str(&why)));
	else if (d->has_spawner)
		supervisor_use_spawner(d->reload.options.supervisor,
				       &d->spawner);
	else if ((shared = supervisor_uids_problem(
			  d->reload.options.supervisor)) != NULL)
		tell_shared(shared);
}

static void stop_adapters(struct daemon *d)
{
	supervisor_free(d->reload.options.supervisor);
	if (d->has_spawner)
		spawner_close(&d->spawner);
}

/* ---- --check ---------------------------------------------------------- */

/* What is read at start is read by the user that is named, so it is now. */
static int check_as_user(struct daemon *d)
{
	struct snapshot *bare;
	struct report unused;
	int rc = 0;

	if (report_init(&unused))
		return -1;
	bare = snapshot_load_gateway(&d->reload.options, &unused);
	if (bare)
		rc = drop_privileges(d, &bare->gateway, NULL);
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
	start_supervisor(d);
	d->reload.options.awaits_adapters = true;
	snapshot = snapshot_load(&d->reload.options, NULL, &d->reload.report);
	worst = show_report(snapshot, &d->reload.report, false, stdout);
	snapshot_unref(snapshot);
	stop_adapters(d);
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

/* ---- coming up -------------------------------------------------------- */

/* No core dumps and no ptrace by others of the same user: keys and personal
 * data are in our memory.  No program that we could start may do more than we
 * do. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
	/* Somebody who went away, a file at its limit (a full disk: an error,
	 * not our end), a timer or a signal that nobody meant for us. */
	signals_ignore_strays();
}

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

static int make_state(const char *dir)
{
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	log_error("state_directory", LOG_TEXT("path", dir),
		  LOG_TEXT("problem", strerror(errno)),
		  LOG_TEXT("remedy", "make it, owned by the user that the "
				     "gateway runs as, mode 0700"));
	return -1;
}

/*
 * A database with people in it and no key ring: a restore went half way, and a
 * new ring would hide it.
 */
static int refuse_to_make(const char *path, int has_content)
{
	if (has_content < 0)
		log_error("keyring_not_made", LOG_TEXT("path", path),
			  LOG_TEXT("problem", "whether it is the first start "
				   "cannot be told: the database is not "
				   "readable"));
	else
		log_error("keyring_missing", LOG_TEXT("path", path),
			  LOG_TEXT("problem", "it is not there, but the "
				   DB_FILE " beside it has users or sessions"),
			  LOG_TEXT("remedy", "restore the key ring from its "
				   "backup; where it is lost: usherctl key "
				   "new --replace (sign-ins under way end, "
				   "sessions stay)"));
	return -1;
}

static int make_keyring(struct daemon *d)
{
	const char *path = d->keyring_path;
	int has_content;
	enum err err;

	if (access(path, F_OK) == 0)
		return 0;
	has_content = store_has_content(d->gateway.store);
	if (has_content)
		return refuse_to_make(path, has_content);
	err = keyring_create(path);
	if (err && err != ERR_CONFLICT) {
		log_error("keyring_not_made", LOG_TEXT("path", path),
			  LOG_TEXT("problem", err_text(err)));
		return -1;
	}
	log_info("keyring_made", LOG_TEXT("path", path),
		 LOG_TEXT("remedy", "back it up, apart from the database"));
	return 0;
}

static int load_limits(struct daemon *d)
{
	char why[RATELIMIT_WHY_MAX];
	enum err err;

	d->gateway.limiter = ratelimit_new(RATELIMIT_CLIENTS_MAX);
	if (!d->gateway.limiter)
		return -1;
	if (access(d->limits_path, F_OK))
		return 0;
	err = ratelimit_load(d->gateway.limiter, d->limits_path,
			     clock_wall_ms(), why, sizeof(why));
	if (err)
		log_warn("limits_not_loaded", LOG_TEXT("path", d->limits_path),
			 LOG_TEXT("problem", why),
			 LOG_TEXT("remedy", "clients start with full credit"));
	return 0;
}

/* In the saver's thread. */
static void save_limits(void *ctx)
{
	struct daemon *d = ctx;
	enum err err;

	ratelimit_sweep(d->gateway.limiter, clock_wall_ms());
	err = ratelimit_save(d->gateway.limiter, d->limits_path,
			     clock_wall_ms());
	if (err)
		log_error("limits_not_saved", LOG_TEXT("path", d->limits_path),
			  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
							      err_text(err)));
}

static int start_saver(struct daemon *d)
{
	d->saver = saver_new(save_limits, d);
	if (!d->saver)
		log_error("saver", LOG_TEXT("problem", "no thread for it"));
	return d->saver ? 0 : -1;
}

static int open_store(struct daemon *d, const char *dir)
{
	const struct store_options options = {
		.readers = d->reload.options.workers + 1,
		.batch_done = server_batch_done,
		.batch_ctx = d->server,
	};
	struct buf why;
	enum err err;

	buf_init(&why, 1024);
	err = store_open(dir, &options, &d->gateway.store, &why);
	if (err)
		log_error("store_not_opened", LOG_TEXT("directory", dir),
			  LOG_STR("problem", buf_str(&why)));
	buf_done(&why);
	return err ? -1 : 0;
}

static int open_admin(struct daemon *d, const struct gateway_config *config)
{
	char why[512];

	d->admin = socket_server_new(config->admin.ptr, status_command,
				     &d->status, why, sizeof(why));
	if (!d->admin) {
		log_error("admin_socket", LOG_TEXT("problem", why));
		return -1;
	}
	d->status = (struct status){
		.gateway = &d->gateway,
		.reload = &d->reload,
		.reader = store_reader(d->gateway.store,
				       d->reload.options.workers),
		.version = USHER_VERSION,
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
	log_info("log_file", LOG_TEXT("path", path));
	err = log_to_file(path);
	if (!err)
		return 0;
	log_error("log_not_opened", LOG_TEXT("path", path),
		  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
			   err == ERR_UNSUPPORTED ? "it is not a plain file" :
						    err_text(err)),
		  LOG_TEXT("remedy", "give its directory to the gateway's user,"
			   " or leave log.file out"));
	return -1;
}

/* Certificates are read before a new snapshot serves. */
static enum err prepare(void *ctx, struct snapshot *next, char *why,
			size_t size)
{
	struct daemon *d = ctx;

	return server_reload(d->server, next, why, size);
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
	log_error("keeper", LOG_TEXT("problem", strerror(errno)));
	return -1;
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

/* The state directory is ours alone by now. What an earlier crash left is told
 * once more: whoever restarted us may not have seen it. */
static void keep_crashes(struct daemon *d)
{
	char line[CRASH_LINE_MAX];
	bool was_left;

	if (crash_keep(d->crash_path, &was_left)) {
		log_warn("crash_file", LOG_TEXT("path", d->crash_path),
			 LOG_TEXT("problem", strerror(errno)));
		return;
	}
	if (was_left && crash_last(d->crash_path, line) == ERR_OK)
		log_warn("crashed_before", LOG_TEXT("line", line));
}

/* From bound ports to a first snapshot that serves. */
static int start_serving(struct daemon *d, const struct gateway_config *config)
{
	struct snapshot *first;
	char why[512];

	if (server_listen(&d->gateway, config, d->reload.options.workers,
			  &d->server, why, sizeof(why))) {
		log_error("not_listening", LOG_TEXT("problem", why));
		return -1;
	}
	if (drop_privileges(d, config, config->state.ptr) ||
	    open_log(config) || load_limits(d) ||
	    open_store(d, config->state.ptr) || make_keyring(d) ||
	    start_saver(d))
		return -1;
	keep_crashes(d);
	start_supervisor(d);
	if (d->reload.options.supervisor)
		supervisor_on_batch(d->reload.options.supervisor,
				    server_batch_done, d->server);
	first = load_first(d);
	if (!first)
		return -1;
	if (d->options.strict &&
	    report_worst(&d->reload.report) >= REPORT_TENANT) {
		log_error("strict",
			  LOG_TEXT("problem", "a tenant's file does not hold, "
				   "and --strict is given"));
		snapshot_unref(first);
		return -1;
	}
	d->gateway.snapshots = snapshot_slot_new(first);
	if (!d->gateway.snapshots || open_admin(d, config) ||
	    start_keeper(d))
		return -1;
	if (server_run(d->server, first, why, sizeof(why))) {
		log_error("not_serving", LOG_TEXT("problem", why));
		return -1;
	}
	return 0;
}

static int start(struct daemon *d)
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
		log_error("log_not_started",
			  LOG_TEXT("problem", "there is no memory for its "
				   "thread"));
		goto out;
	}
	d->reload.options.workers = worker_count(config);
	d->gateway.desk_cache = desk_cache_new(d->reload.options.workers);
	if (!d->gateway.desk_cache)
		goto out;
	snprintf(d->keyring_path, sizeof(d->keyring_path), "%s/keyring",
		 config->state.ptr);
	snprintf(d->limits_path, sizeof(d->limits_path), "%s/limits",
		 config->state.ptr);
	snprintf(d->seals_path, sizeof(d->seals_path), "%s/keyring.seals",
		 config->state.ptr);
	snprintf(d->crash_path, sizeof(d->crash_path), "%s/crash",
		 config->state.ptr);
	d->reload.keyring_path = d->keyring_path;
	d->reload.seals_path = d->seals_path;
	if (config->watch && watch_open(&d->watch, d->options.config))
		log_error("watch", LOG_TEXT("path", d->options.config),
			  LOG_TEXT("problem", strerror(errno)),
			  LOG_TEXT("remedy", "reload by hand after changes"));
	if (make_state(config->state.ptr) == 0)
		rc = start_serving(d, config);
out:
	snapshot_unref(bare);
	return rc;
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
		log_error("ready_file",
			  LOG_TEXT("path", d->options.ready_file),
			  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
							      err_text(err)),
			  LOG_TEXT("remedy", "name one in a directory that "
				   "the gateway's user may write to"));
	buf_done(&addresses);
}

static void tell_ready(struct daemon *d)
{
	log_info("ready", LOG_TEXT("version", USHER_VERSION),
		 LOG_NUM("workers", d->reload.options.workers));
	if (d->options.ready_file)
		write_ready_file(d);
	notify_ready();
	if (d->parent >= 0) {
		if (write(d->parent, "r", 1) != 1)
			log_warn("parent_gone", LOG_NUM("errno", errno));
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

/* Each second. */
static void on_timer(struct daemon *d)
{
	struct health_report health;
	uint64_t times;

	if (read(d->timer, &times, sizeof(times)) != sizeof(times))
		return;
	if (++d->seconds % SAVE_S == 0)
		saver_ask(d->saver);
	writer_health(store_writer(d->gateway.store), &health);
	storewatch_look(&d->storewatch, &health, clock_mono_ms());
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

/* How a stop went. */
enum end {
	END_CLEAN,
	/* a thread that nobody can end is left, in a file system or in a
	 * module: what it may use stays, and exit() would wait for it */
	END_THREAD_LEFT,
	/* the same, in the state directory's disk */
	END_NOT_FLUSHED,
};

/* Downward from the edge: nothing that is waited for is cut off before it is
 * durable. */
static enum end stop(struct daemon *d)
{
	const int64_t end_ms = clock_mono_ms() + STOP_MS - FLUSH_MS;
	bool is_free = reload_cancel(&d->reload, RELOAD_END_MS);

	if (d->admin)
		status_stop(&d->status);
	if (d->options.ready_file)
		unlink(d->options.ready_file);
	server_stop(d->server, STOP_MS - RELOAD_END_MS - 2 * FLUSH_MS);
	supervisor_quiesce(d->reload.options.supervisor);
	if (flush(d, end_ms))
		return END_NOT_FLUSHED;
	socket_server_free(d->admin);
	store_close(d->gateway.store);
	if (!adapter_loaders_end(LOADERS_END_MS) || !is_free) {
		log_warn("thread_left", LOG_TEXT("waits_for", is_free ?
			 "a module that is being loaded" :
			 "the files of a reload"));
		return END_THREAD_LEFT;
	}
	ratelimit_free(d->gateway.limiter);
	desk_cache_free(d->gateway.desk_cache);
	snapshot_slot_free(d->gateway.snapshots);
	server_free(d->server);
	stop_adapters(d);
	reload_done(&d->reload);
	watch_close(&d->watch);
	if (d->signals >= 0)
		close(d->signals);
	if (d->timer >= 0)
		close(d->timer);
	return END_CLEAN;
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
	harden();
	hash_init();
	begin_metrics();
	crash_init("usherd " USHER_VERSION);
	d.reload.gateway = &d.gateway;
	d.reload.prepare = prepare;
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
	if (open_events(&d) == 0 && start(&d) == 0) {
		tell_ready(&d);
		wait_for_the_end(&d);
		notify_stopping();
		log_info("stopping",
			 LOG_NUM("seconds_at_most", STOP_MS / 1000));
		status = 0;
	} else if (d.must_stop) {
		status = 0;
	}
	end = stop(&d);
	if (end == END_NOT_FLUSHED) {
		log_error("store_not_flushed",
			  LOG_TEXT("problem", "the state directory's disk does "
				   "not answer"),
			  LOG_TEXT("remedy", "look at the disk; nothing that "
				   "was confirmed is lost"));
		status = 1;
	} else if (status == 0) {
		log_info("stopped", LOG_NUM("status", status));
	}
	return leave(status, end != END_CLEAN);
}
