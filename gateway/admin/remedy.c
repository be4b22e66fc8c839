#include "admin/remedy.h"

#include "admin/origins.h"
#include "admin/trailcmd.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "policy/validate.h"

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

void remedy_explain(const struct snapshot *snapshot,
		    const struct audit_record *record, struct pool *pool,
		    struct buf *out)
{
	const struct tenant *tenant = snapshot ?
		snapshot_tenant(snapshot, record->tenant) : NULL;
	struct str trail = record->trail, object;

	origins_explain(snapshot, record, pool, out);
	while (tenant && !out->len && trail_next_step(&trail, &object)) {
		struct fields fields;

		fields_init(&fields, pool);
		if (!json_parse_fields(object, &fields, NULL) &&
		    str_eq(fields_value(&fields, STR("verdict")),
			   str_from(code_table[CODE_validation_failed].name)))
			explain_fields(tenant, fields_value(&fields,
							    STR("why")), out);
	}
}
