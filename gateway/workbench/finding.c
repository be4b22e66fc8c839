#include "workbench/finding.h"

#include <stdio.h>

void findings_init(struct findings *findings, struct pool *pool)
{
	findings->pool = pool;
	findings->count = 0;
	findings->faults_past = 0;
}

/* Past the last place only what is known is counted. */
static void add(struct findings *f, const char *kind, bool is_note,
		struct str where, const char *format, va_list ap)
{
	char text[FINDING_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, ap);
	for (unsigned i = 0; i < f->count; i++) {
		struct finding *known = &f->v[i];

		if (known->is_note != is_note || strcmp(known->kind, kind))
			continue;
		if (!str_eq(known->text, str_from(text)))
			continue;
		known->times++;
		return;
	}
	if (f->count == FINDINGS_MAX) {
		f->faults_past += !is_note;
		return;
	}
	f->v[f->count++] = (struct finding){
		.kind = kind,
		.is_note = is_note,
		.text = pool_str(f->pool, str_from(text)),
		.where = str_is_null(where) ? where :
					      pool_str(f->pool, where),
		.times = 1,
	};
}

void findings_add(struct findings *findings, const char *kind, struct str where,
		  const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(findings, kind, false, where, format, ap);
	va_end(ap);
}

void findings_note(struct findings *findings, const char *kind,
		   struct str where, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(findings, kind, true, where, format, ap);
	va_end(ap);
}

unsigned findings_faults(const struct findings *findings)
{
	unsigned count = findings->faults_past;

	for (unsigned i = 0; i < findings->count; i++)
		count += !findings->v[i].is_note;
	return count;
}
