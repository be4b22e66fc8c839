#include "console/trialshow-private.h"

#include "codec/json.h"
#include "codec/utf8.h"

#define WIDTH 79

/* ---- text --------------------------------------------------------------- */

void trialshow_text(struct buf *out, struct str text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t before = at;
		int32_t c = utf8_next(text, &at);

		if (!unicode_is_control(c)) {
			buf_add(out, text.ptr + before, at - before);
			continue;
		}
		if (c < 0)
			at = before + 1;
		for (; before < at; before++)
			buf_printf(out, "\\x%02x",
				   (unsigned char)text.ptr[before]);
	}
}

void trialshow_time(struct buf *out, int64_t ns)
{
	if (ns < 10000)
		buf_printf(out, "%.1f us", (double)ns / 1e3);
	else if (ns < 10000000)
		buf_printf(out, "%lld us", (long long)(ns / 1000));
	else
		buf_printf(out, "%lld ms", (long long)(ns / 1000000));
}

/* Words, with line ends where one more would be too much. */
static void add_wrapped(struct buf *out, size_t column, size_t indent,
			struct str text)
{
	bool is_first = true;

	while (!str_is_null(text)) {
		struct str word = str_cut(text, ' ', &text);
		size_t width = utf8_length(word);

		if (!is_first && column + 1 + width > WIDTH) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!is_first) {
			buf_addc(out, ' ');
			column++;
		}
		trialshow_text(out, word);
		column += width;
		is_first = false;
	}
	buf_addc(out, '\n');
}

static void add_row(struct buf *out, const char *label, struct str text)
{
	buf_printf(out, "  %-*s", TRIALSHOW_INDENT - 2, label);
	add_wrapped(out, TRIALSHOW_INDENT, TRIALSHOW_INDENT, text);
}

/* A row of what was put into `row`, which is empty afterwards. */
static void end_row(struct buf *out, const char *label, struct buf *row)
{
	add_row(out, label, buf_str(row));
	buf_clear(row);
}

static void add_names(struct buf *row, const char *what,
		      const struct str *names, unsigned count)
{
	if (!count)
		return;
	buf_printf(row, "%s%s", row->len ? "; " : "", what);
	for (unsigned i = 0; i < count; i++)
		buf_printf(row, " %.*s%s", STR_ARG(names[i]),
			   i + 1 < count ? "," : "");
}

/* ---- the report: how it is linked --------------------------------------- */

static void add_libraries(const struct fitness *o, struct buf *row,
			  struct buf *out)
{
	const struct needs *needs = &o->linkage.needs;
	const struct elf_file *file = &o->linkage.file;

	for (unsigned i = 0; i < file->needed_count; i++) {
		buf_printf(row, "%.*s:", STR_ARG(file->needed[i]));
		for (unsigned k = 0; k < needs->count; k++)
			if (needs->v[k].state == NEED_FOUND &&
			    str_eq(needs->v[k].library, file->needed[i]))
				buf_printf(row, " %.*s",
					   STR_ARG(needs->v[k].symbol.name));
		end_row(out, i ? "" : "needs", row);
	}
	for (unsigned k = 0; k < needs->count; k++)
		if (needs->v[k].state == NEED_MISSING ||
		    needs->v[k].state == NEED_UNKNOWN)
			buf_printf(row, "%s%.*s", row->len ? " " : "",
				   STR_ARG(needs->v[k].symbol.name));
	if (row->len)
		end_row(out, "unresolved", row);
}

static void add_linkage(const struct fitness *o, struct buf *row,
			struct buf *out)
{
	const struct elf_file *file = &o->linkage.file;

	for (unsigned i = 0; i < file->export_count; i++)
		buf_printf(row, "%s%.*s", i ? " " : "",
			   STR_ARG(file->exports[i].name));
	if (!row->len)
		buf_puts(row, "nothing");
	end_row(out, "exports", row);
	add_libraries(o, row, out);
}

/* ---- the report: how it runs -------------------------------------------- */

static const struct {
	enum adapter_phase phase;
	const char *name;
} phases[] = {
	{ ADAPTER_PHASE_INIT, "init" },
	{ ADAPTER_PHASE_MAP_FIELDS, "map_fields" },
	{ ADAPTER_PHASE_SYNC_USER, "sync_user" },
	{ ADAPTER_PHASE_CHOOSE_REDIRECT, "choose_redirect" },
	{ ADAPTER_PHASE_DELIVER, "deliver" },
};
#define PHASE_COUNT (N_ELEMENTS(phases))

static void add_loaded(const struct fitness *o, struct buf *row,
		       struct buf *out)
{
	for (size_t i = 0; i < PHASE_COUNT; i++)
		if (o->facts.hooks & 1u << phases[i].phase)
			buf_printf(row, "%s%s", row->len ? " " : "",
				   phases[i].name);
	if (o->facts.has_fini)
		buf_printf(row, "%sfini", row->len ? " " : "");
	if (!row->len)
		buf_puts(row, "none");
	if (o->facts.is_advisory)
		buf_puts(row, "; says that it refuses nobody");
	end_row(out, "hooks", row);
	add_row(out, "ran in", o->is_isolated ?
		STR("a process of its own, in the sandbox") :
		STR("this process, with nothing around it"));
}

static void add_fixtures(const struct fitness *o, struct buf *row,
			 struct buf *out)
{
	for (unsigned i = 0; i < o->fixture_count; i++) {
		const struct fitness_verdict *v = &o->fixtures[i];

		buf_printf(row, "%.*s: ", STR_ARG(v->name));
		if (v->was_read)
			buf_printf(row, "%u of %u expectations hold",
				   v->expectations - v->failures,
				   v->expectations);
		else
			buf_puts(row, "not run to its end");
		end_row(out, i ? "" : "fixtures", row);
	}
}

static void add_tried(const struct fitness *o, struct buf *row, struct buf *out)
{
	buf_printf(row, "%u requests that are hostile or odd", o->tried);
	for (unsigned i = 0; i <= ADAPTER_UNAVAILABLE; i++)
		if (o->results[i])
			buf_printf(row, "%s%u %s",
				   strchr(row->ptr, ':') ? ", " : ": ",
				   o->results[i], fixture_result_name(i));
	end_row(out, "tried", row);
	add_names(row, "attributes", o->attributes, o->attribute_count);
	add_names(row, "events", o->events, o->event_count);
	if (row->len)
		end_row(out, "sets", row);
	for (unsigned i = 0; i < o->redirect_count; i++)
		add_row(out, i ? "" : "sends to", o->redirects[i]);
}

static void add_measures(const struct fitness *o, struct buf *row,
			 struct buf *out)
{
	if (!o->rounds_calls)
		return;
	buf_puts(row, "in the hooks median ");
	trialshow_time(row, o->in_hooks.median);
	buf_puts(row, ", worst ");
	trialshow_time(row, o->in_hooks.worst);
	buf_puts(row, o->is_isolated ? "; with the way to its process and "
		 "back median " : "; with what the gateway does median ");
	trialshow_time(row, o->round_trip.median);
	buf_puts(row, ", worst ");
	trialshow_time(row, o->round_trip.worst);
	end_row(out, "time", row);
	if (!o->heap)
		buf_puts(row, "not known: its malloc is not libc's");
	else if (o->growth)
		buf_printf(row, "grows by about %llu octets a call",
			   (unsigned long long)o->growth);
	else
		buf_puts(row, "does not grow");
	buf_printf(row, " (%u calls", o->rounds_calls);
	if (o->heap)
		buf_printf(row, "; heap %llu KiB",
			   (unsigned long long)(o->heap + 1023) / 1024);
	buf_puts(row, ")");
	end_row(out, "memory", row);
}

static void add_findings(const struct fitness *o, bool notes, struct buf *row,
			 struct buf *out)
{
	for (unsigned i = 0; i < o->findings.count; i++) {
		const struct finding *f = &o->findings.v[i];

		if (f->is_note != notes)
			continue;
		buf_puts(row, f->is_note ? "note: " : "FINDING: ");
		buf_adds(row, f->text);
		if (!str_is_null(f->where))
			buf_printf(row, " [with: %.*s%s]", STR_ARG(f->where),
				   f->times > 1 ? ", and others" : "");
		buf_puts(out, "  ");
		add_wrapped(out, 2, 4, buf_str(row));
		buf_clear(row);
	}
	if (!notes && o->findings.faults_past)
		buf_printf(out, "  FINDING: and others, found %u times, that "
			   "are not shown\n", o->findings.faults_past);
}

void trialshow_report(const struct fitness *o, struct str file, struct buf *out)
{
	unsigned faults = findings_faults(&o->findings);
	struct buf row;

	buf_init(&row, 1 << 20);
	trialshow_text(out, file);
	if (o->is_loaded)
		buf_printf(out, ": %.*s %.*s, adapter ABI %u.%u",
			   STR_ARG(o->name), STR_ARG(o->version),
			   o->facts.abi_major, o->facts.abi_minor);
	else
		buf_puts(out, ": it does not load");
	buf_addc(out, '\n');
	if (o->is_linked)
		add_linkage(o, &row, out);
	if (o->is_loaded)
		add_loaded(o, &row, out);
	add_fixtures(o, &row, out);
	if (o->is_loaded)
		add_tried(o, &row, out);
	add_measures(o, &row, out);
	add_findings(o, true, &row, out);
	add_findings(o, false, &row, out);
	trialshow_text(out, file);
	if (faults)
		buf_printf(out, ": %u finding%s\n", faults,
			   faults == 1 ? "" : "s");
	else
		buf_puts(out, ": fit\n");
	buf_done(&row);
}

/* ---- the report as JSON ------------------------------------------------- */

void trialshow_comma(struct buf *out)
{
	char last = out->len ? out->ptr[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_addc(out, ',');
}

void trialshow_array(struct buf *out, const char *name)
{
	trialshow_comma(out);
	buf_printf(out, "\"%s\":[", name);
}

/* One more: a comma where one belongs. */
static void add_element(struct buf *out, struct str text)
{
	trialshow_comma(out);
	json_add_str(out, text);
}

static void array_of(struct buf *out, const char *name, const struct str *v,
		     unsigned count)
{
	trialshow_array(out, name);
	for (unsigned i = 0; i < count; i++)
		add_element(out, v[i]);
	buf_addc(out, ']');
}

static void json_linkage(const struct fitness *o, struct buf *out)
{
	static const char *const states[] = {
		[NEED_FOUND] = "found", [NEED_OPTIONAL] = "optional",
		[NEED_UNKNOWN] = "unknown", [NEED_MISSING] = "missing",
	};
	const struct elf_file *file = &o->linkage.file;

	trialshow_array(out, "exports");
	for (unsigned i = 0; i < file->export_count; i++)
		add_element(out, file->exports[i].name);
	buf_addc(out, ']');
	array_of(out, "libraries", file->needed, file->needed_count);
	trialshow_array(out, "imports");
	for (unsigned i = 0; i < o->linkage.needs.count; i++) {
		const struct need *need = &o->linkage.needs.v[i];

		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "symbol", need->symbol.name);
		json_add_member(out, "state", str_from(states[need->state]));
		if (!str_is_null(need->library))
			json_add_member(out, "library", need->library);
		if (!str_is_null(need->symbol.version))
			json_add_member(out, "version", need->symbol.version);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void json_loaded(const struct fitness *o, struct buf *out)
{
	json_add_member(out, "name", o->name);
	json_add_member(out, "version", o->version);
	buf_printf(out, ",\"abi\":\"%u.%u\"", o->facts.abi_major,
		   o->facts.abi_minor);
	json_add_member(out, "isolation", o->is_isolated ? STR("process") :
							   STR("none"));
	json_add_member_bool(out, "advisory", o->facts.is_advisory);
	trialshow_array(out, "hooks");
	for (size_t i = 0; i < PHASE_COUNT; i++)
		if (o->facts.hooks & 1u << phases[i].phase)
			add_element(out, str_from(phases[i].name));
	if (o->facts.has_fini)
		add_element(out, STR("fini"));
	buf_addc(out, ']');
}

static void json_fixtures(const struct fitness *o, struct buf *out)
{
	trialshow_array(out, "fixtures");
	for (unsigned i = 0; i < o->fixture_count; i++) {
		const struct fitness_verdict *v = &o->fixtures[i];

		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "name", v->name);
		json_add_member_bool(out, "was_read", v->was_read);
		json_add_member_int(out, "runs", v->runs);
		json_add_member_int(out, "expectations", v->expectations);
		json_add_member_int(out, "failures", v->failures);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void json_tried(const struct fitness *o, struct buf *out)
{
	static const char *const names[] = {
		"ok", "invalid", "denied", "failed", "timed_out",
		"unavailable",
	};

	buf_puts(out, ",\"tried\":{");
	json_add_member_int(out, "requests", o->tried);
	for (unsigned i = 0; i <= ADAPTER_UNAVAILABLE; i++)
		json_add_member_int(out, names[i], o->results[i]);
	buf_puts(out, "}");
	array_of(out, "attributes", o->attributes, o->attribute_count);
	array_of(out, "events", o->events, o->event_count);
	array_of(out, "redirects", o->redirects, o->redirect_count);
	if (!o->rounds_calls)
		return;
	buf_puts(out, ",\"time\":{");
	json_add_member_int(out, "calls", o->rounds_calls);
	json_add_member_int(out, "hooks_median_ns", o->in_hooks.median);
	json_add_member_int(out, "hooks_worst_ns", o->in_hooks.worst);
	json_add_member_int(out, "round_trip_median_ns",
			    o->round_trip.median);
	json_add_member_int(out, "round_trip_worst_ns", o->round_trip.worst);
	buf_puts(out, "},\"memory\":{");
	json_add_member_int(out, "heap", (int64_t)o->heap);
	json_add_member_int(out, "growth_per_call", (int64_t)o->growth);
	buf_addc(out, '}');
}

static void json_findings(const struct fitness *o, struct buf *out)
{
	trialshow_array(out, "findings");
	for (unsigned i = 0; i < o->findings.count; i++) {
		const struct finding *f = &o->findings.v[i];

		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "kind", str_from(f->kind));
		json_add_member_bool(out, "is_note", f->is_note);
		json_add_member(out, "text", f->text);
		if (!str_is_null(f->where))
			json_add_member(out, "with", f->where);
		json_add_member_int(out, "times", f->times);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	json_add_member_int(out, "findings_not_shown", o->findings.faults_past);
}

void trialshow_report_json(const struct fitness *o, struct str file,
			   struct buf *out)
{
	buf_addc(out, '{');
	json_add_member(out, "file", file);
	json_add_member_bool(out, "fit", !findings_faults(&o->findings));
	json_add_member_bool(out, "loads", o->is_loaded);
	if (o->is_loaded)
		json_loaded(o, out);
	if (o->is_linked)
		json_linkage(o, out);
	json_fixtures(o, out);
	if (o->is_loaded)
		json_tried(o, out);
	json_findings(o, out);
	buf_puts(out, "}\n");
}
