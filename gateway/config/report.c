#include "config/report.h"

#include "codec/json.h"
#include "codec/utf8.h"

static const char *const level_words[REPORT_LEVELS] = {
	[REPORT_NOTE] = "note",
	[REPORT_WARNING] = "warning",
	[REPORT_TENANT] = "error",
	[REPORT_FATAL] = "error",
};

int report_init(struct report *report)
{
	*report = (struct report){ .pool = pool_new(REPORT_BYTES_MAX) };
	return report->pool ? 0 : -1;
}

void report_done(struct report *report)
{
	pool_free(report->pool);
	free(report->v);
	*report = (struct report){ .pool = NULL };
}

static bool make_room(struct report *report)
{
	unsigned cap = report->cap ? report->cap * 2 : 16;
	struct finding *v;

	if (report->count < report->cap)
		return true;
	v = reallocarray(report->v, cap, sizeof(*v));
	if (!v)
		return false;
	report->v = v;
	report->cap = cap;
	return true;
}

/* False without memory; what was absent stays so. */
static bool keep(struct report *report, struct str *s)
{
	if (str_is_null(*s))
		return true;
	*s = pool_str(report->pool, *s);
	return !str_is_null(*s);
}

/* In the same words, of another tenant. */
static bool is_same(const struct finding *a, const struct finding *b)
{
	return a->level == b->level && !str_is_null(a->tenant) &&
		a->is_of_now == b->is_of_now &&
		str_eq(a->setting, b->setting) &&
		str_eq(a->problem, b->problem) && str_eq(a->remedy, b->remedy);
}

static bool is_named(const struct finding *f, struct str tenant)
{
	if (str_eq(f->tenant, tenant))
		return true;
	for (unsigned i = 0; i < f->more && i < REPORT_NAMED_MAX - 1; i++)
		if (str_eq(f->also[i], tenant))
			return true;
	return false;
}

/* False without memory. */
static bool add_tenant(struct report *report, struct finding *f,
		       struct str name)
{
	if (f->more < REPORT_NAMED_MAX - 1) {
		if (!keep(report, &name))
			return false;
		f->also[f->more] = name;
	}
	f->more++;
	return true;
}

/* With those whom it speaks for itself. */
static bool add_tenants(struct report *report, struct finding *f,
			const struct finding *from)
{
	unsigned named = from->more < REPORT_NAMED_MAX ? from->more :
		REPORT_NAMED_MAX - 1, i;

	if (!add_tenant(report, f, from->tenant))
		return false;
	for (i = 0; i < named; i++)
		if (!is_named(f, from->also[i]) &&
		    !add_tenant(report, f, from->also[i]))
			break;
	f->more += from->more - named;
	return true;
}

/* True: there is one like it, which speaks for this tenant from now on. */
static bool join(struct report *report, const struct finding *finding)
{
	if (finding->level >= REPORT_TENANT || str_is_null(finding->tenant))
		return false;
	for (unsigned i = report->count; i-- > 0;) {
		struct finding *f = &report->v[i];

		if (!is_same(f, finding))
			continue;
		/* it has it twice: a line each, as the places differ */
		if (is_named(f, finding->tenant))
			return false;
		return add_tenants(report, f, finding);
	}
	return false;
}

static bool keep_also(struct report *report, struct finding *finding)
{
	for (unsigned i = 0; i < N_ELEMENTS(finding->also); i++)
		if (!keep(report, &finding->also[i]))
			return false;
	return true;
}

void report_add(struct report *report, struct finding finding)
{
	unsigned most = finding.level < REPORT_TENANT ? REPORT_MINOR_MAX :
		REPORT_MAX;

	if (join(report, &finding))
		return;
	report->levels[finding.level]++;
	if (report->count < most && make_room(report) &&
	    keep(report, &finding.file) && keep(report, &finding.tenant) &&
	    keep(report, &finding.setting) && keep(report, &finding.problem) &&
	    keep(report, &finding.remedy) &&
	    keep_also(report, &finding))
		report->v[report->count++] = finding;
	else
		report->dropped++;
}

void report_add_all(struct report *report, const struct report *from)
{
	for (unsigned i = 0; i < from->count; i++)
		report_add(report, from->v[i]);
}

void report_add_dropped(struct report *report, const struct report *from)
{
	unsigned kept[REPORT_LEVELS] = { 0 };

	for (unsigned i = 0; i < from->count; i++)
		kept[from->v[i].level]++;
	for (unsigned i = 0; i < REPORT_LEVELS; i++)
		report->levels[i] += from->levels[i] - kept[i];
	report->dropped += from->dropped;
}

const struct finding *report_find(const struct report *report,
				  enum report_level level)
{
	for (unsigned i = 0; i < report->count; i++)
		if (report->v[i].level >= level)
			return &report->v[i];
	return NULL;
}

void report_take_back(struct report *report, unsigned index)
{
	struct finding *f = &report->v[index];

	report->levels[f->level]--;
	memmove(f, f + 1, (--report->count - index) * sizeof(*f));
}

enum report_level report_worst(const struct report *report)
{
	int level;

	for (level = REPORT_FATAL; level > REPORT_NOTE; level--)
		if (report->levels[level])
			break;
	return (enum report_level)level;
}

unsigned report_count(const struct report *report, enum report_level level)
{
	return report->levels[level];
}

/* A file's name may hold anything, terminal escapes too. */
static void add_clean(struct buf *out, struct str s)
{
	size_t at = 0, from = 0;
	int32_t c;

	while ((c = utf8_next(s, &at)) != -2) {
		if (c == -1)
			at++;
		if (unicode_is_control(c))
			buf_addc(out, '?');
		else
			buf_add(out, s.ptr + from, at - from);
		from = at;
	}
}

void report_tenants(const struct finding *f, struct buf *out)
{
	unsigned named = f->more < REPORT_NAMED_MAX ? f->more :
		REPORT_NAMED_MAX - 1;

	add_clean(out, f->tenant);
	for (unsigned i = 0; i < named; i++) {
		buf_puts(out, i + 1 < f->more ? ", " : " and ");
		add_clean(out, f->also[i]);
	}
	if (f->more > named)
		buf_printf(out, " and %u more", f->more - named);
}

void report_line(const struct finding *f, struct buf *out)
{
	if (f->file.len) {
		add_clean(out, f->file);
		if (f->line)
			buf_printf(out, ":%u", f->line);
		buf_puts(out, ": ");
	}
	buf_printf(out, "%s: ", level_words[f->level]);
	if (f->tenant.len) {
		buf_puts(out, f->more ? "tenants " : "tenant ");
		report_tenants(f, out);
		buf_puts(out, ": ");
	}
	if (f->setting.len) {
		add_clean(out, f->setting);
		buf_addc(out, ' ');
	}
	add_clean(out, f->problem);
	if (f->remedy.len) {
		buf_puts(out, "; ");
		add_clean(out, f->remedy);
	}
}

void report_text(const struct report *report, struct buf *out)
{
	unsigned i;

	for (i = 0; i < report->count; i++) {
		report_line(&report->v[i], out);
		buf_addc(out, '\n');
	}
	if (report->dropped)
		buf_printf(out, "%u more finding%s not shown\n",
			   report->dropped,
			   report->dropped == 1 ? " is" : "s are");
}

static void add_member(struct buf *out, const char *name, struct str value)
{
	if (!str_is_null(value))
		json_add_member(out, name, value);
}

void report_json(const struct report *report, struct buf *out)
{
	unsigned i;

	buf_addc(out, '{');
	json_add_member_int(out, "errors", report->levels[REPORT_FATAL] +
			    report->levels[REPORT_TENANT]);
	json_add_member_int(out, "warnings", report->levels[REPORT_WARNING]);
	json_add_member_int(out, "dropped", report->dropped);
	buf_puts(out, ",\"findings\":[");
	for (i = 0; i < report->count; i++) {
		const struct finding *f = &report->v[i];

		if (i)
			buf_addc(out, ',');
		buf_addc(out, '{');
		add_member(out, "level", str_from(level_words[f->level]));
		if (f->level >= REPORT_TENANT)
			add_member(out, "scope", f->level == REPORT_FATAL ?
				   STR("gateway") : STR("tenant"));
		add_member(out, "file", f->file);
		if (f->line)
			json_add_member_int(out, "line", f->line);
		add_member(out, "tenant", f->tenant);
		if (f->more)
			json_add_member_int(out, "tenants", f->more + 1);
		add_member(out, "setting", f->setting);
		add_member(out, "problem", f->problem);
		add_member(out, "remedy", f->remedy);
		buf_addc(out, '}');
	}
	buf_puts(out, "]}");
}
