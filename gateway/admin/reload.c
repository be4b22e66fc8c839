#include "admin/reload.h"

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
	char why[256];

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
				      "backup, or make a new one with "
				      "usherctl key new"),
		});
		return NULL;
	}
	reload->options.keyring = keyring;
	next = snapshot_load(&reload->options, previous, &reload->report);
	reload->options.keyring = NULL;
	keyring_free(keyring);
	return next;
}

struct snapshot *reload_first(struct reload *reload)
{
	struct snapshot *first = load(reload, NULL);

	reload_log(&reload->report);
	if (first)
		reload->loaded_ms = reload->tried_ms;
	return first;
}

static void count(const char *result)
{
	char labels[32];

	snprintf(labels, sizeof(labels), "result=\"%s\"", result);
	metric_add(metric_get(METRIC_COUNTER, "usher_reloads_total",
			      "Configuration reloads by result.", labels), 1);
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
	return ERR_OK;
}

enum err reload_run(struct reload *reload)
{
	enum err err;

	notify_reloading();
	err = take_up(reload);
	notify_ready();
	return err;
}
