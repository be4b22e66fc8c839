#include "admin/show.h"

#include "base/clock.h"
#include "codec/json.h"

#define SHOW_MAX (16 * 1024 * 1024)

const char *show_tenant_state(enum tenant_state state)
{
	static const char *const names[] = {
		[TENANT_SERVING] = "serving",
		[TENANT_DISABLED] = "disabled",
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
	char created[CLOCK_TEXT_MAX];

	clock_text(keyring_created_s(ring, i) * 1000, created);
	if (!json) {
		buf_printf(out, "%-*.*s  %s%s\n", KEYRING_KID_MAX,
			   STR_ARG(keyring_kid(ring, i)), created,
			   i == 0 ? "  seals and opens" : "  opens");
		return;
	}
	if (i)
		buf_addc(out, ',');
	buf_addc(out, '{');
	json_add_member(out, "kid", keyring_kid(ring, i));
	json_add_member(out, "created", str_from(created));
	json_add_member_bool(out, "seals", i == 0);
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

static void show_tenant(const struct tenant *tenant, bool json,
			struct buf *out)
{
	const char *state = show_tenant_state(tenant->state);

	if (!json) {
		buf_printf(out, "%-24.*s %-9s %.*s\n", STR_ARG(tenant->slug),
			   state, STR_ARG(tenant->origin));
		if (tenant->state == TENANT_BROKEN)
			buf_printf(out, "  %.*s:%u: %.*s\n",
				   STR_ARG(tenant->file), tenant->line,
				   STR_ARG(tenant->problem));
		return;
	}
	if (out->ptr[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addc(out, '{');
	json_add_member(out, "slug", tenant->slug);
	json_add_member(out, "state", str_from(state));
	json_add_member(out, "url", tenant->origin);
	json_add_member(out, "file", tenant->file);
	if (tenant->state == TENANT_BROKEN)
		json_add_member(out, "problem", tenant->problem);
	buf_addc(out, '}');
}

void show_tenants(const struct snapshot *snapshot, bool json, struct buf *out)
{
	if (json)
		buf_addc(out, '[');
	for (unsigned i = 0; i < snapshot->tenant_count; i++)
		show_tenant(snapshot->tenants[i], json, out);
	if (json)
		buf_puts(out, "]\n");
}
