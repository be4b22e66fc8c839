#include "admin/reload.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admin/inspect.h"
#include "admin/job-wait.h"
#include "admin/notify.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log-budget.h"
#include "base/metric.h"
#include "base/thread.h"

/* Slugs that one finding names, and how many more there are. */
#define NAMES_MAX (REPORT_NAMED_MAX * 64 + 64)

#define RELOAD_WHY_MAX 65536	/* of the reason in the log */

/* What the thread works on: its alone, until it is done. */
struct reload_job {
	pthread_t thread;
	struct snapshot_options options;
	const char *keyring_path;
	struct store *store;
	enum err (*prepare)(void *ctx, struct snapshot *next,
			    struct report *report);	/* NULL: none */
	void *ctx;
	struct snapshot *previous;	/* a reference; NULL: the first */
	_Atomic bool cancel;
	bool is_rekeyed;		/* the owner's: others serve since */
	int fd;				/* to be told that it is done */
	/* out */
	struct report report;
	struct snapshot *next;		/* NULL: refused */
	struct keyring *keyring;	/* its keys */
	int64_t tried_ms;
	bool is_refused;		/* it cannot serve: the report says */
	_Atomic bool is_done;
};

int reload_init(struct reload *reload)
{
	reload->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return reload->fd < 0 ? -1 : report_init(&reload->report);
}

void reload_done(struct reload *reload)
{
	keeper_stop(reload->keeper);
	reload->keeper = NULL;
	snapshot_unref(reload->started);
	snapshot_unref(reload->first);
	reload->started = reload->first = NULL;
	report_done(&reload->report);
	if (reload->fd >= 0)
		close(reload->fd);
	reload->fd = -1;
}

void reload_set_log(const struct gateway_config *config)
{
	log_setup(config->log_level, config->log_format);
	log_budget_set(config->adapter_log);
}

static void log_finding(const struct finding *f, enum log_level level)
{
	char names[NAMES_MAX];
	struct buf tenants;

	buf_init_fixed(&tenants, names, sizeof(names));
	report_tenants(f, &tenants);

	const struct log_field fields[] = {
		LOG_STR("file", f->file.ptr ? f->file : STR("")),
		LOG_NUM("line", f->line),
		LOG_STR("tenant", tenants.len ? buf_str(&tenants) : STR("")),
		LOG_STR("setting", f->setting.ptr ? f->setting : STR("")),
		LOG_STR("problem", f->problem),
		LOG_STR("remedy", f->remedy.ptr ? f->remedy : STR("")),
	};

	log_emit(level, LOG_EVENT(config_finding), fields, N_ELEMENTS(fields));
}

void reload_log(const struct report *report)
{
	static const enum log_level levels[] = {
		[REPORT_NOTE] = LOG_LEVEL_INFO,
		[REPORT_WARNING] = LOG_LEVEL_WARN,
		[REPORT_TENANT] = LOG_LEVEL_ERROR,
		[REPORT_FATAL] = LOG_LEVEL_ERROR,
	};

	for (unsigned i = 0; i < report->count; i++)
		log_finding(&report->v[i], levels[report->v[i].level]);
	if (report->dropped)
		log_warn(config_findings_dropped,
			 LOG_NUM("count", report->dropped));
}

/* ---- the thread's --------------------------------------------------------- */

/* The keys are read anew each time, so that a rotation needs no restart. */
static void load(struct reload_job *job)
{
	struct keyring *keyring = NULL;

	job->tried_ms = clock_wall_ms();
	if (inspect_keyring(job->keyring_path, &keyring, &job->report))
		return;
	job->options.keyring = keyring;
	job->next = snapshot_load(&job->options, job->previous, &job->report);
	job->options.keyring = NULL;
	job->keyring = keyring;
}

/* ---- whose slug it is --------------------------------------------------- */

static void epoch_ended(void *ctx, struct str slug, enum epoch_change change)
{
	bool *has_ended = ctx;

	*has_ended = true;
	if (change == EPOCH_GONE)
		log_info(tenant_gone, LOG_STR("tenant", slug),
			 LOG_TEXT("effect", "its sessions and tokens ended; "
				  "its users and tickets are kept"));
	else
		log_warn(tenant_is_another, LOG_STR("tenant", slug),
			 LOG_TEXT("why", "its name or url changed"),
			 LOG_TEXT("effect", "sessions and tokens of before "
				  "ended; stored users and tickets are still "
				  "found by their address"));
}

/* From here on what was opened for others holds no more. */
static enum err settle_epochs(const struct reload_job *job)
{
	const struct snapshot *next = job->next;
	struct epochs *epochs = store_epochs(job->store);
	struct epoch_tenant *tenants = calloc(next->tenant_count + 1,
					      sizeof(*tenants));
	bool has_ended = false;
	enum err err;

	if (!tenants)
		return ERR_NOMEM;
	for (unsigned i = 0; i < next->tenant_count; i++) {
		const struct tenant *t = next->tenants[i];

		tenants[i].slug = t->slug;
		if (t->is_formless)
			continue;
		tenants[i].name = t->name;
		tenants[i].url = t->origin;
	}
	err = epochs_settle(epochs, tenants, next->tenant_count,
			    !next->is_partial, epoch_ended, &has_ended);
	free(tenants);
	if (has_ended && !epochs_wait(epochs, JOB_WAIT_MS))
		log_warn(epochs_not_saved,
			 LOG_TEXT("problem", "the disk does not answer: what "
				  "ended would be back after a crash"),
			 LOG_TEXT("remedy", "none is needed once it does"));
	return err;
}

static uint64_t epoch_of(void *ctx, struct str slug, struct str name,
			 struct str origin)
{
	return epochs_look(ctx, slug, name, origin);
}

static void say_nomem(struct report *report)
{
	report_add(report, (struct finding){ .level = REPORT_FATAL,
		.problem = STR("no memory for the new configuration") });
}

/* It can serve: the certificates, then what it ends. */
static void prepare(struct reload_job *job)
{
	if (!job->next || job->cancel)
		return;
	if (job->prepare && job->prepare(job->ctx, job->next, &job->report)) {
		job->is_refused = true;
	} else if (job->store && settle_epochs(job)) {
		job->is_refused = true;
		say_nomem(&job->report);
	}
}

static void *run(void *arg)
{
	struct reload_job *job = arg;
	const uint64_t one = 1;
	int fd = job->fd;

	crash_watch_thread();
	load(job);
	prepare(job);
	job->is_done = true;
	/* Never full: one job at a time. */
	if (write(fd, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* ---- the owner's ---------------------------------------------------------- */

static void job_free(struct reload_job *job)
{
	snapshot_unref(job->next);
	snapshot_unref(job->previous);
	keyring_free(job->keyring);
	report_done(&job->report);
	free(job);
}

static struct reload_job *job_new(struct reload *reload)
{
	struct snapshot_slot *slot = reload->gateway->snapshots;
	struct reload_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->options = reload->options;
	job->options.cancel = &job->cancel;
	job->keyring_path = reload->keyring_path;
	job->store = reload->gateway->store;
	if (job->store) {
		job->options.epoch_of = epoch_of;
		job->options.epoch_ctx = store_epochs(job->store);
	}
	job->ctx = reload->ctx;
	job->fd = reload->fd;
	job->prepare = reload->prepare;
	if (slot) {
		job->options.awaits_adapters = false;
		job->previous = snapshot_slot_get(slot);
	}
	if (report_init(&job->report)) {
		snapshot_unref(job->previous);
		free(job);
		return NULL;
	}
	return job;
}

static int begin(struct reload *reload)
{
	struct reload_job *job = job_new(reload);

	reload->is_asked = false;
	reload->run++;
	if (!job || thread_start(&job->thread, run, job)) {
		if (job)
			job_free(job);
		return -1;
	}
	pthread_setname_np(job->thread, "usher-reload");
	reload->job = job;
	if (job->previous)
		notify_reloading();
	return 0;
}

/* ---- the keys ----------------------------------------------------------- */

/* What was loaded serves: from now on the keeper has the ring. */
static enum err hand_over(struct reload *reload, struct reload_job *job)
{
	struct keyring *ring = job->keyring;
	enum err err = ERR_OK;

	if (!reload->seals_path)
		return ERR_OK;	/* nobody looks after it: a test */
	if (reload->keeper)
		keeper_serves(reload->keeper, ring);
	else
		err = keeper_new(reload->keyring_path, reload->seals_path,
				 ring, &reload->keeper);
	if (!err)
		job->keyring = NULL;
	return err;
}

void reload_keys(struct reload *reload)
{
	struct keyring *ring = keeper_take(reload->keeper);
	struct snapshot *running, *next;

	if (!ring)
		return;
	running = snapshot_slot_get(reload->gateway->snapshots);
	next = snapshot_rekey(running, ring);
	snapshot_unref(running);
	if (!next) {
		keyring_free(ring);
		keeper_retry(reload->keeper);
		log_error(keyring_not_taken_up,
			  LOG_TEXT("path", reload->keyring_path),
			  LOG_TEXT("problem", "no memory"),
			  LOG_TEXT("remedy", "it is tried again"));
		return;
	}
	log_info(keyring_taken_up,
		 LOG_TEXT("path", reload->keyring_path),
		 LOG_STR("kid", keyring_kid(ring, 0)),
		 LOG_NUM("keys", keyring_count(ring)));
	snapshot_slot_set(reload->gateway->snapshots, next);
	keeper_serves(reload->keeper, ring);
	/* What a reload under way has read may be older. */
	if (reload->job)
		reload->job->is_rekeyed = true;
}

/* ---- taking a configuration up ------------------------------------------ */

static void count(const char *result)
{
	char labels[32];

	snprintf(labels, sizeof(labels), "result=\"%s\"", result);
	metric_add(metric_get(usher_reloads_total, labels), 1);
}

static enum err refused(struct reload *reload, const char *why)
{
	reload->failures++;
	reload->is_restart_found = false;
	count("refused");
	log_error(reload_refused, LOG_TEXT("why", why),
		  LOG_TEXT("remedy", "mend what is named and reload again; "
				     "the old configuration serves on"));
	return ERR_SYNTAX;
}

/* Keys that were read before those that serve, or from an older copy of the
 * file, would end what the newer ones sealed: these go on. */
static enum err keep_keys(struct reload *reload, struct reload_job *job)
{
	struct keyring *ring;
	struct snapshot *next;
	bool is_behind;

	if (!reload->keeper)
		return ERR_OK;
	is_behind = keeper_is_ahead(reload->keeper, job->keyring);
	if (!is_behind && !job->is_rekeyed)
		return ERR_OK;
	ring = keeper_copy(reload->keeper);
	next = ring ? snapshot_rekey(job->next, ring) : NULL;
	if (!next) {
		keyring_free(ring);
		return ERR_NOMEM;
	}
	snapshot_unref(job->next);
	job->next = next;
	keyring_free(job->keyring);
	job->keyring = ring;
	if (is_behind && !job->is_rekeyed)
		report_add(&reload->report, (struct finding){
			.level = REPORT_WARNING,
			.file = str_from(reload->keyring_path),
			.problem = STR("it is older than the keys that serve, "
				       "and was not taken up"),
			.remedy = STR("put the newer file back; a restart "
				      "would take the older one") });
	return ERR_OK;
}

/* What one tenant's events may take up: a reload may say something else. */
static void bound_outbox(struct reload *reload,
			 const struct snapshot *snapshot)
{
	if (reload->gateway->store && snapshot)
		outbox_set_bounds(store_outbox(reload->gateway->store),
				  snapshot->gateway.outbox_max,
				  snapshot->gateway.outbox_kept_s);
}

/* The first thing to mend. */
static enum err refused_by_report(struct reload *reload)
{
	const struct finding *first = report_find(&reload->report,
						  REPORT_FATAL);
	struct buf why;
	enum err err;

	buf_init(&why, RELOAD_WHY_MAX);
	if (first)
		report_line(first, &why);
	err = refused(reload, why.len ? why.ptr : "no usable configuration");
	buf_done(&why);
	return err;
}

/* Told once more by each reload, for as long as it is so. */
static void tell_restart(struct reload *reload, struct reload_job *job)
{
	const unsigned before = reload->report.count;
	struct buf restart, problem;
	char text[sizeof(reload->restart_needed) + 64];
	unsigned line;

	buf_init_fixed(&restart, reload->restart_needed,
		       sizeof(reload->restart_needed));
	line = snapshot_restart_needed(reload->started ? reload->started :
				job->previous, job->next, &restart);
	if (!restart.len)
		return;
	log_warn(restart_needed, LOG_TEXT("settings", reload->restart_needed));
	buf_init_fixed(&problem, text, sizeof(text));
	buf_printf(&problem, "%s: changed since the start, and read at a "
		   "start only", reload->restart_needed);
	report_add(&reload->report, (struct finding){
		.level = REPORT_WARNING, .file = job->next->gateway.file,
		.line = line, .problem = buf_str(&problem),
		.remedy = STR("restart the gateway: until then it goes on "
			      "with what it was started with") });
	/* a full report takes no more warnings */
	reload->is_restart_found = reload->report.count > before;
}

/* Whom the files do not name any more: an operator may have taken one out by
 * mistake, and its users are told 404.  The log has it by the epochs. */
static void tell_gone(struct reload *reload, const struct snapshot *was,
		      const struct snapshot *now)
{
	for (unsigned i = 0; i < was->tenant_count; i++) {
		const struct tenant *tenant = was->tenants[i];
		struct finding gone = {
			.level = REPORT_WARNING, .file = tenant->file,
			.line = tenant->line, .tenant = tenant->slug,
			.problem = STR("is in no file any more, and is not "
				       "served"),
			.remedy = STR("put it back where that was not meant; "
				      "enabled = false switches one off"),
		};

		if (snapshot_tenant(now, tenant->slug))
			continue;
		report_add(&reload->report, gone);
	}
}

static enum err take_up(struct reload *reload, struct reload_job *job)
{
	struct snapshot *next;

	if (job->is_refused || !job->next)
		return refused_by_report(reload);
	if (keep_keys(reload, job))
		return refused(reload, "no memory");
	next = job->next;
	reload->is_restart_found = false;
	tell_restart(reload, job);
	tell_gone(reload, job->previous, next);
	reload->loaded_ms = job->tried_ms;
	reload_set_log(&next->gateway);
	log_info(reloaded, LOG_NUM("generation", (int64_t)next->generation),
		 LOG_NUM("tenants", next->tenant_count),
		 LOG_NUM("findings", reload->report.count));
	count("ok");
	job->next = NULL;
	bound_outbox(reload, next);
	snapshot_slot_set(reload->gateway->snapshots, next);
	return hand_over(reload, job);
}

/* The first one: with a store there is a ring to look after. */
static void take_first(struct reload *reload, struct reload_job *job)
{
	if (job->is_refused || !job->next)
		return;
	if (hand_over(reload, job)) {
		log_error(not_taken_up,
			  LOG_TEXT("problem", "the counts of seals cannot be "
				   "read, or there is no memory"));
		return;
	}
	reload->first = job->next;
	bound_outbox(reload, reload->first);
	job->next = NULL;
	reload->loaded_ms = job->tried_ms;
}

/* No thread, no memory: the old one goes on. */
static void not_begun(struct reload *reload)
{
	report_done(&reload->report);
	if (!report_init(&reload->report))
		report_add(&reload->report, (struct finding){
			.level = REPORT_FATAL,
			.problem = STR("no memory or no thread for a "
				       "reload") });
	refused(reload, "no memory or no thread");
	if (reload->done)
		reload->done(reload->ctx, reload->run, ERR_NOMEM);
}

static void finish(struct reload *reload)
{
	struct reload_job *job = reload->job;
	bool is_first = !job->previous;
	enum err err = ERR_OK;

	reload->job = NULL;
	report_done(&reload->report);
	reload->report = job->report;
	job->report = (struct report){ 0 };
	reload->tried_ms = job->tried_ms;
	reload_log(&reload->report);
	if (is_first) {
		take_first(reload, job);
	} else {
		err = take_up(reload, job);
		notify_ready();
	}
	job_free(job);
	if (!is_first && reload->done)
		reload->done(reload->ctx, reload->run, err);
}

unsigned reload_ask(struct reload *reload)
{
	if (reload->job) {
		reload->is_asked = true;
		return reload->run + 1;
	}
	/* Told when the caller knows the number. */
	reload->is_asked = true;
	eventfd_write(reload->fd, 1);
	return reload->run + 1;
}

bool reload_is_running(const struct reload *reload)
{
	return reload->job || reload->is_asked;
}

void reload_poll(struct reload *reload)
{
	eventfd_t times;

	eventfd_read(reload->fd, &times);
	if (reload->job && reload->job->is_done) {
		pthread_join(reload->job->thread, NULL);
		finish(reload);
	}
	if (!reload->job && reload->is_asked && begin(reload))
		not_begun(reload);
}

bool reload_cancel(struct reload *reload, int ms)
{
	struct reload_job *job = reload->job;
	const int64_t end = clock_mono_ms() + ms;
	struct pollfd told = { .fd = reload->fd, .events = POLLIN };
	eventfd_t times;

	reload->is_asked = false;
	if (!job)
		return true;
	job->cancel = true;
	adapter_wake_waiters();
	while (!job->is_done) {
		int64_t left = end - clock_mono_ms();

		if (left <= 0)
			break;
		if (poll(&told, 1, (int)left) > 0)
			eventfd_read(reload->fd, &times);
	}
	if (!job->is_done)
		return false;
	pthread_join(job->thread, NULL);
	job_free(job);
	reload->job = NULL;
	return true;
}

/* ---- afterwards ----------------------------------------------------------- */

static void amend(struct reload *reload, unsigned index,
		  const struct tenant *tenant)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX + 64];
	struct finding finding = reload->report.v[index];
	struct adapter_verdict verdict = { .state = ADAPTER_READY };
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	buf_puts(&problem, "cannot be used: ");
	if (tenant && tenant->adapter)
		verdict = adapter_verdict(tenant->adapter, &problem);
	if (verdict.state == ADAPTER_STARTING)
		return;
	report_take_back(&reload->report, index);
	if (verdict.state == ADAPTER_READY)
		return;
	finding.is_passing = false;
	finding.problem = buf_str(&problem);
	finding.remedy = STR_NULL;
	report_add(&reload->report, finding);
}

void reload_amend(struct reload *reload)
{
	struct snapshot *running =
		snapshot_slot_get(reload->gateway->snapshots);

	for (unsigned i = reload->report.count; i-- > 0;)
		if (reload->report.v[i].is_passing)
			amend(reload, i, snapshot_tenant(running,
				reload->report.v[i].tenant));
	snapshot_unref(running);
}

void reload_report(const struct reload *reload,
		   const struct snapshot *running, struct report *report)
{
	for (unsigned i = 0; i < reload->report.count; i++)
		if (!reload->report.v[i].is_of_now || !reload->now)
			report_add(report, reload->report.v[i]);
	if (reload->now)
		reload->now(reload->ctx, running, report);
	report_add_dropped(report, &reload->report);
}
