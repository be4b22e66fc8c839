/* Several may claim a slug: who of them serves? */
#include "config/snapshot-private.h"

struct settling {
	const struct reader *reader;
	const struct snapshot *previous;
	const struct keyring *keyring;
	struct snapshot *out;
};

static int by_slug(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = str_cmp(x->slug, y->slug);

	if (order)
		return order;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = str_cmp(x->file, y->file);
	if (order)
		return order;
	return x->line < y->line ? -1 : x->line > y->line;
}

void claims_sort(struct claim *claims, unsigned count)
{
	if (count)
		qsort(claims, count, sizeof(*claims), by_slug);
}

/* Findings about this claim. */
static struct location location_of(const struct settling *s,
				   const struct claim *claim)
{
	return (struct location){ .report = s->reader->location->report,
		.level = REPORT_TENANT, .file = claim->file,
		.tenant = claim->slug };
}

/* Take up `draft` as the next tenant. -1 with findings in `location`. */
static int take_up(struct settling *s, struct draft *draft,
		   struct location *location)
{
	struct snapshot *out = s->out;
	struct reader reader = *s->reader;
	struct tenant *tenant;

	reader.location = location;
	pool_reset(reader.scratch);
	tenant = pool_alloc(reader.pool, sizeof(*tenant));
	if (!tenant)
		return reader_nomem(&reader);
	if (tenant_finish(&reader, draft, s->keyring, tenant))
		return -1;
	out->private->drafts[out->tenant_count] = draft_ref(draft);
	out->tenants[out->tenant_count++] = tenant;
	return 0;
}

/* One that only says why it does not serve. */
static int take_up_broken(struct settling *s, const struct claim *claim,
			  struct str problem)
{
	struct pool *pool = s->reader->pool;
	struct tenant *tenant = pool_alloc(pool, sizeof(*tenant));

	if (!tenant)
		return -1;
	tenant->is_formless = true;
	tenant->state = claim->is_disabled ? TENANT_DISABLED : TENANT_BROKEN;
	tenant->slug = pool_str(pool, claim->slug);
	tenant->name = tenant->slug;
	tenant->file = pool_str(pool, claim->file);
	tenant->line = claim->line;
	tenant->problem = pool_str(pool, problem.len ? problem :
				   STR("its file cannot be read"));
	tenant->origin = STR("");
	if (claim->has_url) {
		tenant->url = claim->url;
		tenant->origin = url_origin_text(pool, &claim->url);
	}
	if (str_is_null(tenant->slug) || str_is_null(tenant->file) ||
	    str_is_null(tenant->problem) || str_is_null(tenant->origin))
		return -1;
	s->out->tenants[s->out->tenant_count++] = tenant;
	return 0;
}

/* What is wrong with the file, with its line: "acme.conf:6: identity must be
 * ...".  Absent: nothing was found in it, or no memory. */
static struct str first_of(const struct settling *s, const struct claim *claim)
{
	const struct report *report = s->reader->location->report;

	for (unsigned i = 0; i < report->count; i++) {
		const struct finding *f = &report->v[i];
		const struct str setting = f->setting;

		if (f->level < REPORT_TENANT || !str_eq(f->file, claim->file) ||
		    (f->tenant.len && !str_eq(f->tenant, claim->slug)))
			continue;
		return pool_printf(s->reader->pool, "%.*s:%u: %.*s%s%.*s",
				   STR_ARG(f->file), f->line, STR_ARG(setting),
				   setting.len ? " " : "", STR_ARG(f->problem));
	}
	return STR_NULL;
}

/* Several groups with one slug: none of them is right. */
static void say_twice(const struct settling *s, const struct claim *claims,
		      unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		const struct claim *other = &claims[i ? 0 : 1];
		struct location location = location_of(s, &claims[i]);

		location_error(&location, claims[i].line, "slug",
			       "give one of them another slug, or delete it; "
			       "until then neither is used",
			       "is claimed a second time at %.*s:%u",
			       STR_ARG(other->file), other->line);
	}
}

static unsigned count_groups(const struct claim *claims, unsigned count)
{
	unsigned i;

	for (i = 0; i < count && claims[i].kind == CLAIM_GROUP; i++)
		;
	return i;
}

/* All claims on one slug. -1: no memory. */
static int settle_slug(struct settling *s, const struct claim *claims,
		       unsigned count)
{
	const struct claim *claim = &claims[0];
	struct location location = location_of(s, claim);
	struct draft *kept = s->previous ?
		snapshot_draft(s->previous, claim->slug) : NULL;
	unsigned groups = count_groups(claims, count);
	struct str problem = claim->problem;

	if (groups > 1) {
		say_twice(s, claims, groups);
		problem = STR("two groups have this slug");
	} else if (claim->draft) {
		if (!take_up(s, claim->draft, &location))
			return 0;
		problem = str_from(location.first);
	} else if (claim->is_disabled) {
		kept = NULL;
	}
	if (kept && !take_up(s, kept, &location)) {
		struct str flaw = first_of(s, claim);

		if (!flaw.len)
			flaw = pool_str(s->reader->pool, problem.len ? problem :
					STR("its file cannot be read"));
		s->out->tenants[s->out->tenant_count - 1]->flaw = flaw;
		report_add(location.report, (struct finding){
			.level = REPORT_NOTE, .file = claim->file,
			.line = claim->line, .tenant = claim->slug,
			.problem = STR("goes on in its last good form") });
		return 0;
	}
	return take_up_broken(s, claim, problem);
}

int claims_settle(const struct reader *reader, struct claim *claims,
		  unsigned count, const struct snapshot *previous,
		  const struct keyring *keyring, struct snapshot *out)
{
	struct settling s = { .reader = reader, .previous = previous,
		.keyring = keyring, .out = out };
	unsigned i, from;

	claims_sort(claims, count);
	out->tenants = pool_calloc(reader->pool, count + 1,
				   sizeof(struct tenant *));
	out->private->drafts = pool_calloc(reader->pool, count + 1,
					   sizeof(struct draft *));
	if (!out->tenants || !out->private->drafts)
		return reader_nomem(reader);
	for (from = i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(claims[i].slug, claims[i + 1].slug))
			continue;
		if (out->tenant_count == CONFIG_TENANTS_MAX) {
			location_error(reader->location, 0, NULL, NULL,
				       "there are more than %d tenants",
				       CONFIG_TENANTS_MAX);
			return -1;
		}
		if (settle_slug(&s, &claims[from], i + 1 - from))
			return reader_nomem(reader);
		from = i + 1;
	}
	return 0;
}
