#include "admin/show.h"

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "codec/json.h"

#define SHOW_MAX (16 * 1024 * 1024)

static const char *state_name(enum tenant_state state)
{
	static const char *const names[] = {
		[TENANT_SERVING] = "serving",
		[TENANT_DISABLED] = "disabled",
		[TENANT_STARTING] = "starting",
		[TENANT_BROKEN] = "broken",
	};

	return names[state];
}

static void verdict(const struct snapshot *snapshot,
		    const struct report *report, struct buf *out)
{
	unsigned broken = report_count(report, REPORT_TENANT);
	unsigned warnings = report_count(report, REPORT_WARNING);

	if (!snapshot || report_worst(report) == REPORT_FATAL) {
		buf_puts(out, "the gateway cannot start with this "
			      "configuration\n");
		return;
	}
	buf_printf(out, "%u tenant%s", snapshot->tenant_count,
		   snapshot->tenant_count == 1 ? "" : "s");
	if (broken)
		buf_printf(out, ", %u error%s", broken,
			   broken == 1 ? "" : "s");
	if (warnings)
		buf_printf(out, ", %u warning%s", warnings,
			   warnings == 1 ? "" : "s");
	buf_puts(out, broken ? "\n" : ": the configuration holds\n");
}

enum report_level show_report(const struct snapshot *snapshot,
			      const struct report *report, bool json,
			      FILE *out)
{
	enum report_level worst = snapshot ? report_worst(report) :
					     REPORT_FATAL;
	struct buf text;

	buf_init(&text, SHOW_MAX);
	if (json) {
		report_json(report, &text);
		buf_addc(&text, '\n');
	} else {
		report_text(report, &text);
		verdict(snapshot, report, &text);
	}
	fprintf(out, "%.*s", STR_ARG(buf_str(&text)));
	buf_done(&text);
	return worst;
}

static void show_key(const struct keyring *ring, unsigned i, bool json,
		     struct buf *out)
{
	char created[CLOCK_TEXT_MAX], superseded[CLOCK_TEXT_MAX] = "";

	clock_text(keyring_created_s(ring, i) * 1000, created);
	if (i)
		clock_text(keyring_superseded_s(ring, i) * 1000, superseded);
	if (!json) {
		buf_printf(out, "%-*.*s  %s  %s%s\n", KEYRING_KID_MAX,
			   STR_ARG(keyring_kid(ring, i)), created,
			   i == 0 ? "seals and opens" :
				    "opens; superseded ", superseded);
		return;
	}
	if (i)
		buf_addc(out, ',');
	buf_addc(out, '{');
	json_add_member(out, "kid", keyring_kid(ring, i));
	json_add_member(out, "created", str_from(created));
	json_add_member_bool(out, "seals", i == 0);
	if (i)
		json_add_member(out, "superseded", str_from(superseded));
	buf_addc(out, '}');
}

void show_keys(const struct keyring *ring, bool json, FILE *out)
{
	struct buf text;

	buf_init(&text, SHOW_MAX);
	if (json)
		buf_addc(&text, '[');
	for (unsigned i = 0; i < keyring_count(ring); i++)
		show_key(ring, i, json, &text);
	if (json)
		buf_puts(&text, "]\n");
	fprintf(out, "%.*s", STR_ARG(buf_str(&text)));
	buf_done(&text);
}

/* One that is not ready: NULL, or how far it came, and *why gains more. */
static const char *how_far(struct adapter *adapter, struct buf *why)
{
	struct adapter_verdict verdict = adapter_verdict(adapter, why);

	if (verdict.state == ADAPTER_READY)
		return NULL;
	return verdict.state == ADAPTER_STARTING ?
		(verdict.has_stand_in ? "starting; the one before it serves" :
					"starting") :
		(verdict.has_stand_in ? "refused; the one before it serves" :
					"refused");
}

static void adapter_text(struct adapter *adapter, struct buf *out)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct isolated_stats stats;
	const char *how;
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	how = how_far(adapter, &why);
	if (how) {
		buf_puts(out, "  adapter ");
		sanitize_add(out, adapter_name(adapter));
		buf_printf(out, ", %s%s", how, why.len ? ": " : "");
		sanitize_add(out, buf_str(&why));
		buf_addc(out, '\n');
		return;
	}
	buf_printf(out, "  adapter %.*s %.*s, ",
		   STR_ARG(adapter_name(adapter)),
		   STR_ARG(adapter_version(adapter)));
	if (!adapter_process(adapter, &stats)) {
		buf_puts(out, "in this process\n");
		return;
	}
	if (stats.pid)
		buf_printf(out, "process %d", (int)stats.pid);
	else
		buf_puts(out, stats.is_open ? "down, given up for now" :
					      "down, coming back");
	buf_printf(out, "; %llu calls, %llu too late, %llu failed, "
		   "%llu turned away, %u under way\n",
		   (unsigned long long)stats.calls,
		   (unsigned long long)stats.timeouts,
		   (unsigned long long)stats.failures,
		   (unsigned long long)stats.unavailable, stats.outstanding);
	if (stats.last_failure[0]) {
		buf_puts(out, "    failed last: ");
		sanitize_add(out, str_from(stats.last_failure));
		buf_addc(out, '\n');
	}
}

static void adapter_json(struct adapter *adapter, struct buf *out)
{
	static const char *const states[] = {
		[ADAPTER_STARTING] = "starting",
		[ADAPTER_READY] = "ready",
		[ADAPTER_REFUSED] = "refused",
	};
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct isolated_stats stats;
	bool has_process = adapter_process(adapter, &stats);
	struct adapter_verdict verdict;
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	verdict = adapter_verdict(adapter, &why);
	buf_puts(out, ",\"adapter\":{");
	json_add_member(out, "state", str_from(states[verdict.state]));
	if (verdict.state != ADAPTER_READY)
		json_add_member_bool(out, "stand_in", verdict.has_stand_in);
	if (why.len)
		json_add_member(out, "problem", buf_str(&why));
	json_add_member(out, "name", adapter_name(adapter));
	json_add_member(out, "version", adapter_version(adapter));
	json_add_member(out, "isolation",
			has_process ? STR("process") : STR("none"));
	if (has_process) {
		json_add_member_int(out, "pid", stats.pid);
		json_add_member_bool(out, "given_up", stats.is_open);
		json_add_member_int(out, "calls", (int64_t)stats.calls);
		json_add_member_int(out, "timeouts", (int64_t)stats.timeouts);
		json_add_member_int(out, "failures", (int64_t)stats.failures);
		json_add_member_int(out, "unavailable",
				    (int64_t)stats.unavailable);
		json_add_member_int(out, "outstanding", stats.outstanding);
		if (stats.last_failure[0])
			json_add_member(out, "last_failure",
					str_from(stats.last_failure));
	}
	buf_addc(out, '}');
}

static void show_tenant(const struct tenant *tenant, bool json,
			struct buf *out)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	enum tenant_state now;
	const char *state;
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	now = tenant_state(tenant, &why);
	state = state_name(now);

	if (!json) {
		buf_printf(out, "%-24.*s %-9s %.*s\n", STR_ARG(tenant->slug),
			   state, STR_ARG(tenant->origin));
		if (tenant->state == TENANT_BROKEN) {
			buf_puts(out, "  ");
			sanitize_add(out, tenant->file);
			buf_printf(out, ":%u: ", tenant->line);
			sanitize_add(out, tenant->problem);
			buf_addc(out, '\n');
		}
		if (tenant->flaw.len) {
			buf_puts(out, "  in its last good form, as its file "
				      "does not hold: ");
			sanitize_add(out, tenant->flaw);
			buf_addc(out, '\n');
		}
		if (tenant->adapter)
			adapter_text(tenant->adapter, out);
		return;
	}
	buf_addc(out, '{');
	json_add_member(out, "slug", tenant->slug);
	json_add_member(out, "state", str_from(state));
	json_add_member(out, "url", tenant->origin);
	json_add_member(out, "file", tenant->file);
	if (now == TENANT_BROKEN)
		json_add_member(out, "problem", buf_str(&why));
	if (tenant->flaw.len)
		json_add_member(out, "flaw", tenant->flaw);
	if (tenant->adapter)
		adapter_json(tenant->adapter, out);
	buf_addc(out, '}');
}

void show_tenants(const struct snapshot *snapshot, bool json, struct buf *out)
{
	if (json)
		buf_addc(out, '[');
	for (unsigned i = 0; i < snapshot->tenant_count; i++) {
		if (json && i)
			buf_addc(out, ',');
		show_tenant(snapshot->tenants[i], json, out);
	}
	if (json)
		buf_puts(out, "]\n");
}
