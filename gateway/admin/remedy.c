#include "admin/remedy.h"

#include "admin/origins.h"
#include "admin/trailcmd.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "handoff/exchange.h"
#include "policy/validate.h"
#include "store/health.h"

/* Of a 422: what of the trail's words a setting could mend. */
static void explain_fields(const struct tenant *tenant, struct str why,
			   struct buf *out)
{
	if (str_icontains(why, STR(VALIDATE_NO_PLACE))) {
		buf_puts(out, "have the page ask for a place that redirects of ");
		buf_adds(out, tenant->slug);
		origins_add_place(tenant, tenant->redirects_line, out);
		buf_puts(out, " allows, or add that place there");
	} else if (str_icontains(why, STR(VALIDATE_ESCAPED))) {
		buf_puts(out, "have the page send the address as it is; where "
			 "it cannot be mended, set decode_html = true for ");
		buf_adds(out, tenant->slug);
		origins_add_place(tenant, tenant->decode_html_line, out);
	}
}

/* Of a 503: what helps a store that suffers from this. */
static void explain_store(struct str why, struct buf *out)
{
	static const struct str begin = STR(EXCHANGE_STORE_WHY);
	ptrdiff_t colon;

	if (!str_has_prefix(why, begin))
		return;
	why = (struct str){ why.ptr + begin.len, why.len - begin.len };
	colon = str_find(why, ':');
	if (colon < 0)
		return;
	why.len = (size_t)colon;
	for (int i = HEALTH_WELL + 1; i < HEALTH_COUNT; i++)
		if (str_eq(why, str_from(health_name((enum health_trouble)i))))
			buf_puts(out, health_remedy((enum health_trouble)i));
}

static bool is_code(struct str verdict, enum code code)
{
	return str_eq(verdict, str_from(code_table[code].name));
}

/* The setting that a refusal hangs on, where it stands or, not set, where it
 * would. False: none. */
static bool explain_setting(const struct tenant *tenant, struct str verdict,
			    struct buf *out)
{
	const bool is_by_url = tenant->key_source && !tenant->key_count;
	const char *keys = is_by_url ? "jwks_url" : "keys";
	const unsigned keys_line = is_by_url ? tenant->jwks_line :
					       tenant->keys_line;
	const struct {
		enum code code;
		const char *setting;
		unsigned line;
	} settings[] = {
		{ CODE_assertion_issuer, "issuer", tenant->issuer_line },
		{ CODE_assertion_key_unknown, keys, keys_line },
		{ CODE_assertion_algorithm, keys, keys_line },
		{ CODE_assertion_signature, keys, keys_line },
		{ CODE_assertion_lifetime, "assertion_max_age",
		  tenant->max_age_line },
		{ CODE_redeem_off, "redeem_secret_file", 0 },
		{ CODE_adapter_timeout, "adapter.deadline_ms",
		  tenant->deadline_line },
		{ CODE_adapter_redirect, "redirects", tenant->redirects_line },
		{ CODE_adapter_unavailable, "adapter.module",
		  tenant->module_line },
	};
	const struct code_info *info;

	for (unsigned i = 0; i < N_ELEMENTS(settings); i++) {
		if (!is_code(verdict, settings[i].code))
			continue;
		info = &code_table[settings[i].code];
		buf_printf(out, "%s The setting: %s of ", info->remedy,
			   settings[i].setting);
		buf_adds(out, tenant->slug);
		origins_add_place(tenant, settings[i].line, out);
		if (!settings[i].line)
			buf_puts(out, ", where it is not set");
		return true;
	}
	return false;
}

/* Of one that passed: what identity = "signed" would have refused it for. */
static void explain_observed(const struct audit_record *record,
			     const struct tenant *tenant, struct str verdict,
			     struct buf *out)
{
	const struct code_info *info;

	if (record->status >= 400 ||
	    !str_has_prefix(verdict, STR("assertion_")))
		return;
	info = code_find(verdict, code_table[CODE_assertion_missing].status);
	if (!info)
		return;
	buf_puts(out, "it passed");
	if (tenant) {
		buf_puts(out, ", by identity of ");
		buf_adds(out, tenant->slug);
		origins_add_place(tenant, tenant->identity_line, out);
	}
	buf_printf(out, "; identity = \"signed\" would have refused it: %s ",
		   info->meaning);
	if (!tenant || !explain_setting(tenant, verdict, out))
		buf_puts(out, info->remedy);
}

void remedy_explain(const struct snapshot *snapshot,
		    const struct audit_record *record, struct pool *pool,
		    struct buf *out)
{
	const struct tenant *tenant = snapshot ?
		snapshot_tenant(snapshot, record->tenant) : NULL;
	struct str trail = record->trail, object;

	origins_explain(snapshot, record, pool, out);
	while (!out->len && trail_next_step(&trail, &object)) {
		struct fields fields;
		struct str verdict, why;

		fields_init(&fields, pool);
		if (json_parse_fields(object, &fields, NULL))
			continue;
		verdict = fields_value(&fields, STR("verdict"));
		why = fields_value(&fields, STR("why"));
		if (tenant && is_code(verdict, CODE_validation_failed))
			explain_fields(tenant, why, out);
		else if (is_code(verdict, CODE_unavailable) ||
			 is_code(verdict, CODE_busy))
			explain_store(why, out);
		else
			explain_observed(record, tenant, verdict, out);
		if (tenant && !out->len)
			(void)explain_setting(tenant, verdict, out);
	}
}
