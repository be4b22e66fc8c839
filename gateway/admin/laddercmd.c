#include "admin/laddercmd.h"

#include "admin/sanitize.h"
#include "codec/json.h"

#define POOL_MAX (4 * 1024 * 1024)

/* What the tenant's file says now. */
struct settings {
	bool is_known, is_signed, adopts;
	enum on_conflict on_conflict;
};

/* In the order of enum on_conflict; the table is usher.conf(5)'s. */
static const struct { const char *name, *deed; } conflicts[] = {
	{ "reject", "refused, 409 identity_conflict" },
	{ "link", "signed in at the address that they have here; refused "
	  "where their sub is new" },
	{ "update", "the address is theirs; its user has none until their "
	  "next sign-in, unless they have no sub" },
};

static struct settings read_settings(struct status *status, struct str slug)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const struct tenant *tenant = snapshot ?
		snapshot_tenant(snapshot, slug) : NULL;
	struct settings now = { .is_known = tenant != NULL };

	if (tenant) {
		now.is_signed = tenant->identity == IDENTITY_SIGNED;
		now.adopts = tenant->adopts_unsigned;
		now.on_conflict = tenant->on_conflict;
	}
	snapshot_unref(snapshot);
	return now;
}

/* ---- JSON ---- */

static void settings_json(const struct settings *now, const int64_t *ids,
			  unsigned count, struct buf *out)
{
	if (now->is_known) {
		json_add_member_bool(out, "adopt_unsigned", now->adopts);
		json_add_member(out, "on_conflict",
				str_from(conflicts[now->on_conflict].name));
	}
	buf_puts(out, buf_str(out).ptr[out->len - 1] == '{' ? "" : ",");
	buf_puts(out, "\"on_conflict_would\":{");
	for (size_t i = 0; i < N_ELEMENTS(conflicts); i++)
		json_add_member(out, conflicts[i].name,
				str_from(conflicts[i].deed));
	buf_puts(out, "},\"without_address\":[");
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, "%s%lld", i ? "," : "", (long long)ids[i]);
	buf_addc(out, ']');
}

static void page_json(const struct users_outlook *page, struct buf *out)
{
	buf_puts(out, buf_str(out).ptr[out->len - 1] == '{' ? "" : ",");
	buf_puts(out, "\"unsigned\":[");
	for (unsigned i = 0; i < page->count; i++) {
		const struct user_prospect *p = &page->list[i];

		buf_puts(out, i ? ",{" : "{");
		json_add_member_int(out, "id", p->id);
		json_add_member(out, "email", p->email);
		json_add_member(out, "adopt_unsigned_would",
				p->outlook == OUTLOOK_STAYS ?
				STR("leave") : STR("refuse"));
		if (p->signed_id)
			json_add_member_int(out, "signed_id", p->signed_id);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	json_add_member_int(out, "would_be_taken_over", page->taken_over);
	if (page->next.ptr)
		json_add_member(out, "next", page->next);
}

/* ---- text ---- */

static void settings_text(const struct settings *now, const int64_t *ids,
			  unsigned count, struct buf *out)
{
	buf_puts(out, "\nsomebody signed whose address is another signed "
		 "user's\n");
	for (size_t i = 0; i < N_ELEMENTS(conflicts); i++)
		buf_printf(out, "  on_conflict = \"%s\"%*s %s%s\n",
			   conflicts[i].name,
			   (int)(6 - strlen(conflicts[i].name)), "",
			   conflicts[i].deed,
			   now->is_known && now->on_conflict == i ?
			   " (now)" : "");
	if (count)
		buf_puts(out, "  without an address until their next sign-in:");
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, " %lld", (long long)ids[i]);
	buf_puts(out, count == LADDER_ADDRESSLESS_MAX ?
		 " and perhaps more\n" : count ? "\n" : "");
	buf_printf(out, "\nunsigned users, once their address is signed, with "
		   "adopt_unsigned = true%s\n", !now->is_known ? "" :
		   now->adopts && now->is_signed ? " (now)" :
		   now->adopts ? " (now, and without effect while identity is "
		   "not \"signed\")" : " (now false: they stay)");
}

static void page_text(const struct users_outlook *page, struct buf *out)
{
	for (unsigned i = 0; i < page->count; i++) {
		const struct user_prospect *p = &page->list[i];

		buf_printf(out, "  %-17lld %-9s ", (long long)p->id,
			   p->outlook == OUTLOOK_STAYS ? "stays" : "blocked");
		sanitize_add(out, p->email);
		if (p->signed_id)
			buf_printf(out, ", signed user %lld came before",
				   (long long)p->signed_id);
		else
			buf_puts(out, ", and the signed one is refused");
		buf_puts(out, ", last seen ");
		if (p->last_seen_s)
			sanitize_time(out, p->last_seen_s * 1000);
		else
			buf_puts(out, "never");
		buf_addc(out, '\n');
	}
	buf_printf(out, "  of %u users %u would be taken over\n",
		   page->count + page->taken_over, page->taken_over);
	if (page->next.ptr) {
		buf_puts(out, LADDER_MORE);
		buf_adds(out, page->next);
		buf_addc(out, '\n');
	}
}

const char *ladder_add(struct status *status, struct str tenant,
		       struct str after, bool json, struct buf *body)
{
	const struct settings now = read_settings(status, tenant);
	int64_t ids[LADDER_ADDRESSLESS_MAX];
	struct pool *pool = pool_new(POOL_MAX);
	struct users_outlook page = { 0 };
	unsigned count = 0;
	enum err err = pool ? users_outlook(status->reader, tenant, after,
					    USERS_OUTLOOK_ROWS, pool, &page) :
			      ERR_NOMEM;

	if (!err && !after.len)
		err = users_addressless(status->reader, tenant,
					LADDER_ADDRESSLESS_MAX, ids, &count);
	if (!err) {
		if (json)
			buf_addc(body, '{');
		if (!after.len)
			(json ? settings_json : settings_text)(&now, ids,
							       count, body);
		(json ? page_json : page_text)(&page, body);
		if (json)
			buf_addc(body, '}');
	}
	pool_free(pool);
	return err ? err_text(err) : NULL;
}
