#include "admin/origins.h"

#include "admin/sanitize.h"
#include "admin/trailcmd.h"
#include "base/clock.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "handoff/origin.h"

#define SCRATCH_MAX (64 * 1024)

void origins_add_place(const struct tenant *tenant, unsigned line,
		       struct buf *out)
{
	struct str name = tenant->file;

	for (ptrdiff_t at; (at = str_find(name, '/')) >= 0;)
		name = (struct str){ name.ptr + at + 1,
				     name.len - (size_t)at - 1 };
	buf_puts(out, " (");
	sanitize_add(out, name);
	if (line)
		buf_printf(out, ":%u", line);
	buf_addc(out, ')');
}

/* Was it mended meanwhile?  No list has to do with these. */
static bool is_taken_by_now(const struct tenant *tenant, struct str origin,
			    unsigned kinds, struct buf *out)
{
	struct str echo;

	if (kinds != STRANGER_POST ||
	    cors_judge(&tenant->cors, origin, !str_is_null(origin), &echo) !=
	    CORS_ALLOWED)
		return false;
	buf_adds(out, tenant->slug);
	buf_puts(out, " takes such posts by now; nothing is to be done");
	return true;
}

static void remedy_none(const struct tenant *tenant, unsigned kinds,
			struct buf *out)
{
	if (is_taken_by_now(tenant, STR_NULL, kinds, out))
		return;
	if (!(kinds & STRANGER_POST)) {
		buf_puts(out, "no page around the frame was named: a program "
			 "asked, or an old copy of the frame's script");
		return;
	}
	buf_puts(out, "no Origin came, and ");
	buf_adds(out, tenant->slug);
	buf_puts(out, " demands one: require_origin");
	origins_add_place(tenant, tenant->require_origin_line, out);
	buf_puts(out, ". Browsers send one with each post: see that no proxy "
		 "takes it away; where the partner's server posts by itself, "
		 "leave require_origin out");
}

/* Two remedies: the page's, and ours. */
static void remedy_null(const struct tenant *tenant, unsigned kinds,
			struct buf *out)
{
	bool is_script = kinds & (STRANGER_PREFLIGHT | STRANGER_READ |
				  STRANGER_FRAME);

	if (is_taken_by_now(tenant, STR("null"), kinds, out))
		return;
	buf_puts(out, "Origin: null came, as from pages with Referrer-Policy: "
		 "no-referrer, from sandboxed frames and from files. ");
	if (kinds & STRANGER_POST) {
		buf_puts(out, "Either have the partner's page say "
			 "Referrer-Policy: strict-origin-when-cross-origin, or "
			 "set allow_null_origin = true for ");
		buf_adds(out, tenant->slug);
		origins_add_place(tenant, tenant->allow_null_line, out);
	}
	if (is_script)
		buf_printf(out, "%s script of such a page can never read "
			   "answers: serve it at its own https:// address, or "
			   "let it post a form",
			   kinds & STRANGER_POST ? ". A" : "A");
}

/* The words that stand in place of an origin; false: it is another. */
static bool remedy_word(const struct tenant *tenant, struct str shown,
			unsigned kinds, struct buf *out)
{
	if (str_eq(shown, STR(STRANGER_SEVERAL)))
		buf_puts(out, "several Origin headers came: have what stands "
			 "between the browser and the gateway pass on the "
			 "browser's as it is");
	else if (str_eq(shown, STR(STRANGER_MALFORMED)))
		buf_puts(out, "what came is no origin (scheme://host[:port]); "
			 "no browser sends that");
	else if (str_eq(shown, STR(STRANGER_NONE)))
		remedy_none(tenant, kinds, out);
	else if (str_eq(shown, STR("null")))
		remedy_null(tenant, kinds, out);
	else
		return false;
	return true;
}

/* Why the list could not have it; NULL: it could. */
static const char *why_never(const struct snapshot *snapshot, struct str origin)
{
	struct pool *pool = pool_new(SCRATCH_MAX);
	struct fault fault = { .detail = NULL };
	const char *why = NULL;
	struct url url;

	if (pool && url_parse_origin(pool, origin, &url, &fault))
		why = "and cannot be: it is no http(s) address as browsers "
		      "write it. Have the sign-in begin on a web page";
	else if (pool && !url.is_https && !snapshot->gateway.development)
		why = "and cannot be, being http://. Serve the page over "
		      "https:// and add that address";
	pool_free(pool);
	return why;
}

static void remedy_listed(const struct snapshot *snapshot,
			  const struct tenant *tenant, struct str origin,
			  struct buf *out)
{
	const char *why = why_never(snapshot, origin);
	struct str echo;

	sanitize_add(out, origin);
	cors_judge(&tenant->cors, origin, 1, &echo);
	buf_puts(out, echo.ptr ? " is in origins of " :
				 " is not in origins of ");
	buf_adds(out, tenant->slug);
	if (!tenant->cors.count)
		buf_puts(out, ", which lists none");
	origins_add_place(tenant, tenant->origins_line, out);
	if (echo.ptr)
		buf_puts(out, " by now; nothing is to be done");
	else if (why)
		buf_printf(out, ", %s", why);
	else
		buf_puts(out, "; add it");
}

/* No list has to do with it, and no setting. */
static void remedy_header(struct str shown, struct str header,
			  struct buf *out)
{
	buf_puts(out, "a script of ");
	sanitize_add(out, shown);
	buf_puts(out, " adds the header ");
	sanitize_add(out, header);
	buf_puts(out, " to its post, which browsers then do not send: have the "
		 "page leave it out, nothing is read from it");
}

void origins_remedy(const struct snapshot *snapshot,
		    const struct tenant *tenant, struct str shown,
		    unsigned kinds, struct str header, struct buf *out)
{
	if (kinds & STRANGER_HEADER) {
		remedy_header(shown, header, out);
		kinds &= ~(unsigned)STRANGER_HEADER;
		if (!kinds)
			return;
		buf_puts(out, ". Also: ");
	}
	if (kinds == STRANGER_OWN)
		buf_puts(out, "only the gateway's own pages may ask for that; "
			 "origins has no part in it");
	else if (!tenant->origin_refused)
		buf_puts(out, "the tenant's file does not hold: mend it first, "
			 "see usherctl tenants");
	else if (!remedy_word(tenant, shown, kinds & ~STRANGER_OWN, out))
		remedy_listed(snapshot, tenant, shown, out);
}

static bool skip(struct str *s, struct str prefix)
{
	if (!str_has_prefix(*s, prefix))
		return false;
	s->ptr += prefix.len;
	s->len -= prefix.len;
	return true;
}

/* What a trail says: an Origin, or a header and its page's. */
static bool take_apart(struct str why, struct str *shown_r,
		       struct str *header_r)
{
	ptrdiff_t comma;

	*header_r = STR_NULL;
	if (skip(&why, STR(ORIGIN_HEADER_WHY))) {
		comma = str_find(why, ',');
		if (comma < 0)
			return false;
		*header_r = (struct str){ why.ptr, (size_t)comma };
		skip(&why, *header_r);
		if (!skip(&why, STR(ORIGIN_HEADER_OF)))
			return false;
	} else if (!skip(&why, STR(ORIGIN_WHY))) {
		return false;
	}
	*shown_r = why;
	return true;
}

static unsigned kind_of(const struct audit_record *record, struct str step,
			struct str verdict)
{
	if (str_eq(verdict, STR("unreadable")))
		return STRANGER_READ;
	if (str_eq(verdict, STR("embedder_refused")))
		return STRANGER_FRAME;
	if (str_eq(verdict, STR(ORIGIN_HEADER_REFUSED)))
		return STRANGER_HEADER;
	if (!str_eq(verdict, STR("origin_refused")))
		return 0;
	if (record->status < 400)
		return STRANGER_PREFLIGHT;
	/* a tenant with keys decides once it has seen the signature */
	return str_eq(step, STR("check_origin")) ||
	       str_eq(step, STR("verify_identity")) ? STRANGER_POST :
						      STRANGER_OWN;
}

void origins_explain(const struct snapshot *snapshot,
		     const struct audit_record *record, struct pool *pool,
		     struct buf *out)
{
	const struct tenant *tenant = snapshot ?
		snapshot_tenant(snapshot, record->tenant) : NULL;
	struct str trail = record->trail, object;

	while (tenant && trail_next_step(&trail, &object)) {
		struct fields fields;
		struct str why, shown, header;
		unsigned kind;

		fields_init(&fields, pool);
		if (json_parse_fields(object, &fields, NULL))
			continue;
		why = fields_value(&fields, STR("why"));
		kind = kind_of(record, fields_value(&fields, STR("step")),
			       fields_value(&fields, STR("verdict")));
		if (!kind || !take_apart(why, &shown, &header))
			continue;
		origins_remedy(snapshot, tenant, shown, kind, header, out);
		return;
	}
}

/* In the order of their bits. */
static const char *const kind_names[STRANGER_KINDS] = {
	"post", "preflight", "read", "frame", "own", "header",
};

static void list_json(const struct snapshot *snapshot,
		      const struct tenant *tenant,
		      const struct stranger *list, unsigned count,
		      uint64_t total, struct buf *body)
{
	buf_addc(body, '{');
	json_add_member(body, "tenant", tenant->slug);
	json_add_member_int(body, "refused", (int64_t)total);
	buf_puts(body, ",\"origins\":[");
	for (unsigned i = 0; i < count; i++) {
		const struct stranger *s = &list[i];
		char text[ORIGINS_REMEDY_MAX];
		struct buf remedy;
		bool is_more = false;

		buf_init_fixed(&remedy, text, sizeof(text));
		origins_remedy(snapshot, tenant, str_from(s->origin), s->kinds,
			       str_from(s->header), &remedy);
		buf_puts(body, i ? ",{" : "{");
		json_add_member(body, "origin", str_from(s->origin));
		json_add_member_int(body, "count", (int64_t)s->count);
		json_add_member_int(body, "last_ms",
				    s->last_ms + clock_ahead_ms());
		buf_puts(body, ",\"at\":[");
		for (unsigned k = 0; k < STRANGER_KINDS; k++)
			if (s->kinds >> k & 1) {
				buf_printf(body, "%s\"%s\"",
					   is_more ? "," : "", kind_names[k]);
				is_more = true;
			}
		buf_addc(body, ']');
		if (s->header[0])
			json_add_member(body, "header", str_from(s->header));
		json_add_member(body, "remedy", buf_str(&remedy));
		buf_addc(body, '}');
	}
	buf_puts(body, "]}\n");
}

static void list_text(const struct snapshot *snapshot,
		      const struct tenant *tenant,
		      const struct stranger *list, unsigned count,
		      uint64_t total, struct buf *body)
{
	uint64_t told = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct stranger *s = &list[i];

		told += s->count;
		sanitize_pad(body, str_from(s->origin), 40);
		buf_printf(body, " %6llu  ", (unsigned long long)s->count);
		sanitize_time(body, s->last_ms + clock_ahead_ms());
		buf_puts(body, " ");
		for (unsigned k = 0; k < STRANGER_KINDS; k++)
			if (s->kinds >> k & 1)
				buf_printf(body, " %s", kind_names[k]);
		buf_puts(body, "\n    ");
		origins_remedy(snapshot, tenant, str_from(s->origin), s->kinds,
			       str_from(s->header), body);
		buf_addc(body, '\n');
	}
	if (!total)
		buf_puts(body, "no page was refused since the gateway "
			 "started\n");
	else if (total > told)
		buf_printf(body, "%llu more, of pages that are not kept\n",
			   (unsigned long long)(total - told));
}

const char *command_origins(struct status *status, const struct str *words,
			    bool json, struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const struct tenant *tenant = snapshot_tenant(snapshot, words[0]);
	struct stranger list[STRANGERS_KEPT];
	const char *trouble = NULL;
	uint64_t total = 0;
	unsigned count = 0;

	if (!tenant) {
		trouble = status_no_tenant(snapshot, words[0], body);
	} else {
		if (status->gateway->strangers)
			count = strangers_list(status->gateway->strangers,
					       tenant->slug, list, &total);
		(json ? list_json : list_text)(snapshot, tenant, list, count,
					       total, body);
	}
	snapshot_unref(snapshot);
	return trouble;
}
