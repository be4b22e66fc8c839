#include "admin/reload.h"

#include "admin/errand.h"
#include "admin/notify.h"
#include "base/clock.h"
#include "base/log-budget.h"
#include "base/metric.h"

int reload_init(struct reload *reload)
{
	return report_init(&reload->report);
}

void reload_done(struct reload *reload)
{
	snapshot_unref(reload->started);
	reload->started = NULL;
	keyring_free(reload->keyring);
	reload->keyring = NULL;
	keeper_stop(reload->keeper);
	reload->keeper = NULL;
	report_done(&reload->report);
}

void reload_set_log(const struct gateway_config *config)
{
	log_setup(config->log_level, config->log_format);
	log_budget_set(config->adapter_log);
}

void reload_log(const struct report *report)
{
	static const enum log_level levels[] = {
		[REPORT_NOTE] = LOG_LEVEL_INFO,
		[REPORT_WARNING] = LOG_LEVEL_WARN,
		[REPORT_TENANT] = LOG_LEVEL_ERROR,
		[REPORT_FATAL] = LOG_LEVEL_ERROR,
	};

	for (unsigned i = 0; i < report->count; i++) {
		const struct finding *f = &report->v[i];
		const struct log_field fields[] = {
			LOG_STR("file", f->file.ptr ? f->file : STR("")),
			LOG_NUM("line", f->line),
			LOG_STR("tenant", f->tenant.ptr ? f->tenant : STR("")),
			LOG_STR("setting",
				f->setting.ptr ? f->setting : STR("")),
			LOG_STR("problem", f->problem),
			LOG_STR("remedy", f->remedy.ptr ? f->remedy : STR("")),
		};

		log_emit(levels[f->level], "config_finding", fields,
			 sizeof(fields) / sizeof(fields[0]));
	}
	if (report->dropped)
		log_warn("config_findings_dropped",
			 LOG_NUM("count", report->dropped));
}

/* One load: the keys are read anew each time, so that a rotation needs no
 * restart. */
static struct snapshot *load(struct reload *reload,
			     const struct snapshot *previous)
{
	struct snapshot *next = NULL;
	struct keyring *keyring = NULL;
	char why[KEYRING_WHY_MAX];

	keyring_free(reload->keyring);
	reload->keyring = NULL;
	report_done(&reload->report);
	if (report_init(&reload->report))
		return NULL;
	reload->tried_ms = clock_wall_ms();
	if (keyring_load(reload->keyring_path, &keyring, why, sizeof(why))) {
		report_add(&reload->report, (struct finding){
			.level = REPORT_FATAL,
			.file = str_from(reload->keyring_path),
			.problem = str_from(why),
			.remedy = STR("restore the key ring from its "
				      "backup; where it is lost: usherctl key "
				      "new --replace (sign-ins under way end)"),
		});
		return NULL;
	}
	reload->options.keyring = keyring;
	next = snapshot_load(&reload->options, previous, &reload->report);
	reload->options.keyring = NULL;
	reload->keyring = keyring;
	return next;
}

/* ---- whose slug it is --------------------------------------------------- */

static void epoch_ended(void *ctx, struct str slug, enum epoch_change change)
{
	bool *has_ended = ctx;

	*has_ended = true;
	if (change == EPOCH_GONE)
		log_info("tenant_gone", LOG_STR("tenant", slug),
			 LOG_TEXT("effect", "its sessions and tokens ended; "
				  "its users and tickets are kept"));
	else
		log_warn("tenant_is_another", LOG_STR("tenant", slug),
			 LOG_TEXT("why", "its name or url changed"),
			 LOG_TEXT("effect", "sessions and tokens of before "
				  "ended; stored users and tickets are still "
				  "found by their address"));
}

/* From here on what was opened for others holds no more. */
static enum err settle_epochs(struct reload *reload,
			      const struct snapshot *next)
{
	struct epochs *epochs = store_epochs(reload->gateway->store);
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
	if (has_ended && !epochs_wait(epochs, ERRAND_WAIT_MS))
		log_warn("epochs_not_saved",
			 LOG_TEXT("problem", "the disk does not answer: what "
				  "ended would be back after a crash"),
			 LOG_TEXT("remedy", "none is needed once it does"));
	return err;
}

static uint64_t epoch_of(void *ctx, struct str slug, struct str name,
			 struct str origin)
{
	const struct reload *reload = ctx;

	return epochs_look(store_epochs(reload->gateway->store), slug, name,
			   origin);
}

/* ---- the keys ----------------------------------------------------------- */

/* What was loaded serves: from now on the keeper has the ring. */
static enum err hand_over(struct reload *reload)
{
	struct keyring *ring = reload->keyring;
	enum err err = ERR_OK;

	if (reload->keeper)
		keeper_serves(reload->keeper, ring);
	else
		err = keeper_new(reload->keyring_path, reload->seals_path,
				 ring, &reload->keeper);
	if (!err)
		reload->keyring = NULL;
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
		log_error("keyring_not_taken_up",
			  LOG_TEXT("path", reload->keyring_path),
			  LOG_TEXT("problem", "no memory"),
			  LOG_TEXT("remedy", "it is tried again"));
		return;
	}
	log_info("keyring_taken_up",
		 LOG_TEXT("path", reload->keyring_path),
		 LOG_STR("kid", keyring_kid(ring, 0)),
		 LOG_NUM("keys", keyring_count(ring)));
	snapshot_slot_set(reload->gateway->snapshots, next);
	keeper_serves(reload->keeper, ring);
}

/* ---- taking a configuration up ------------------------------------------ */

struct snapshot *reload_first(struct reload *reload)
{
	struct snapshot *first;

	reload->options.epoch_of = epoch_of;
	reload->options.epoch_ctx = reload;
	first = load(reload, NULL);
	reload_log(&reload->report);
	if (!first)
		return NULL;
	if (settle_epochs(reload, first) || hand_over(reload)) {
		log_error("not_taken_up", LOG_TEXT("problem", "no memory"));
		snapshot_unref(first);
		return NULL;
	}
	reload->loaded_ms = reload->tried_ms;
	return first;
}

static void count(const char *result)
{
	char labels[32];

	snprintf(labels, sizeof(labels), "result=\"%s\"", result);
	metric_add(metric_get(usher_reloads_total, labels), 1);
}

static enum err refused(struct reload *reload, const char *why)
{
	reload->failures++;
	count("refused");
	log_error("reload_refused", LOG_TEXT("why", why),
		  LOG_TEXT("remedy", "mend what is named and reload again; "
				     "the old configuration serves on"));
	return ERR_SYNTAX;
}

static enum err take_up(struct reload *reload)
{
	struct snapshot *running =
		snapshot_slot_get(reload->gateway->snapshots);
	struct snapshot *next = load(reload, running);
	struct buf restart;
	char why[512];
	enum err err;

	reload_log(&reload->report);
	if (!next) {
		snapshot_unref(running);
		return refused(reload, "no usable configuration");
	}
	if (reload->prepare &&
	    reload->prepare(reload->ctx, next, why, sizeof(why))) {
		report_add(&reload->report, (struct finding){
			.level = REPORT_FATAL, .problem = str_from(why) });
		err = refused(reload, why);
		snapshot_unref(next);
		snapshot_unref(running);
		return err;
	}
	if (settle_epochs(reload, next)) {
		snapshot_unref(next);
		snapshot_unref(running);
		return refused(reload, "no memory");
	}
	buf_init_fixed(&restart, reload->restart_needed,
		       sizeof(reload->restart_needed));
	snapshot_restart_needed(reload->started ? reload->started : running,
				next, &restart);
	snapshot_unref(running);
	if (restart.len)
		log_warn("restart_needed",
			 LOG_TEXT("settings", reload->restart_needed));
	reload->loaded_ms = reload->tried_ms;
	reload_set_log(&next->gateway);
	log_info("reloaded", LOG_NUM("generation", (int64_t)next->generation),
		 LOG_NUM("tenants", next->tenant_count),
		 LOG_NUM("findings", reload->report.count));
	count("ok");
	snapshot_slot_set(reload->gateway->snapshots, next);
	return hand_over(reload);
}

enum err reload_run(struct reload *reload)
{
	enum err err;

	notify_reloading();
	err = take_up(reload);
	notify_ready();
	return err;
}
