/* How `adapter run` shows one handoff: what goes in, each hook with what it
 * said and set, and what comes out. */
#include "console/trialshow-private.h"

#include "codec/json.h"

/* ---- what goes in ------------------------------------------------------- */

static void add_pair(struct buf *out, const char *indent, const char *what,
		     struct str name, struct str value)
{
	buf_printf(out, "%s%s ", indent, what);
	trialshow_text(out, name);
	buf_puts(out, " = ");
	trialshow_text(out, value);
	buf_addc(out, '\n');
}

static void add_fields(struct buf *out, const char *what,
		       const struct fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++)
		add_pair(out, "  ", fields->v[i].kind == FIELD_JSON ?
			 "json" : what, fields->v[i].name, fields->v[i].value);
}

static void add_info(struct buf *out, const char *name, struct str value)
{
	if (!str_is_null(value))
		add_pair(out, "  ", "info", str_from(name), value);
}

void trialshow_request(const struct sample *s, struct buf *out)
{
	const struct adapter_info *info = &s->call.info;

	buf_printf(out, "%s, %.*s:\n", s->is_deliver ? "deliver" : "handoff",
		   STR_ARG(info->identity));
	add_fields(out, "field", &s->fields);
	add_fields(out, "claim", &s->claims);
	add_fields(out, "attribute", &s->attributes);
	add_info(out, "user.id", info->user_id);
	add_info(out, "user.email", info->user_email);
	add_info(out, "user.name", info->user_name);
	add_info(out, "user.external_id", info->user_external_id);
	add_info(out, "redirect_url", info->redirect_url);
}

/* ---- step by step ------------------------------------------------------- */

static const char *returned_name(int returned)
{
	switch (returned) {
	case USHER_OK: return "USHER_OK";
	case USHER_DECLINE: return "USHER_DECLINE";
	case USHER_DENY: return "USHER_DENY";
	case USHER_FAIL: return "USHER_FAIL";
	default: return "what is no result of a hook";
	}
}

static const char *level_name(const struct harness_line *line)
{
	static const char *const names[] = { "debug", "info", "warn",
					     "error" };

	return line->is_stray ? "stderr" : names[line->level];
}

static void add_line(struct buf *out, const struct harness_line *line)
{
	buf_printf(out, "     logged (%s): ", level_name(line));
	trialshow_text(out, line->text);
	buf_addc(out, '\n');
}

/* Those of one hook: the next `count` that it logged itself. */
static unsigned add_lines(struct buf *out, const struct harness_line *lines,
			  unsigned from, unsigned end, unsigned count)
{
	for (; from < end && count; from++)
		if (!lines[from].is_stray) {
			add_line(out, &lines[from]);
			count--;
		}
	return from;
}

static void add_stray(struct buf *out, const struct harness_line *lines,
		      unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (lines[i].is_stray)
			add_line(out, &lines[i]);
}

static void add_change(struct buf *out, const struct adapter_change *change)
{
	if (!str_is_null(change->value)) {
		add_pair(out, "     ", "set attribute", change->name,
			 change->value);
		return;
	}
	buf_puts(out, "     removed attribute ");
	trialshow_text(out, change->name);
	buf_addc(out, '\n');
}

/* Which of the outputs are a hook's: they stand in the order of their doing. */
struct cursor {
	unsigned change, event, line;
};

static void add_dropped(struct buf *out, const struct adapter_step *step)
{
	if (step->changes || step->events)
		buf_printf(out, "     what it set is dropped: %u attribute%s, "
			   "%u event%s\n", step->changes,
			   step->changes == 1 ? "" : "s", step->events,
			   step->events == 1 ? "" : "s");
}

static void add_kept(struct buf *out, const struct adapter_call *call,
		     const struct adapter_step *step, struct cursor *at)
{
	bool is_map = step->phase == ADAPTER_PHASE_MAP_FIELDS;

	if (is_map && !str_is_null(call->email))
		add_pair(out, "     ", "supplied", STR("email"), call->email);
	if (is_map && !str_is_null(call->name))
		add_pair(out, "     ", "supplied", STR("name"), call->name);
	for (unsigned i = 0; i < step->changes &&
			     at->change < call->change_count; i++)
		add_change(out, &call->changes[at->change++]);
	for (unsigned i = 0; i < step->events &&
			     at->event < call->event_count; i++, at->event++)
		add_pair(out, "     ", "event", call->events[at->event].name,
			 call->events[at->event].json);
}

static void add_targets(struct buf *out, const struct adapter_call *call)
{
	if (!str_is_null(call->redirect))
		add_pair(out, "     ", "chose", STR("redirect"),
			 call->redirect);
	if (!str_is_null(call->post_url))
		add_pair(out, "     ", "chose", STR("post"), call->post_url);
	for (unsigned i = 0; i < call->post_field_count; i++)
		add_pair(out, "     ", "posted", call->post_fields[i].field,
			 call->post_fields[i].text);
}

static void add_step(const struct sample *s, unsigned index,
		     const struct harness_line *lines, unsigned count,
		     struct cursor *at, struct buf *out)
{
	const struct adapter_step *step = &s->trace.steps[index];
	const char *name = call_phase_name(step->phase);

	if (!step->is_over) {
		buf_printf(out, "  %u. %s: did not return\n", index + 1, name);
		at->line = add_lines(out, lines, at->line, count, count);
		return;
	}
	buf_printf(out, "  %u. %s: %s (%d), ", index + 1, name,
		   returned_name(step->returned), step->returned);
	trialshow_time(out, step->took_ns);
	buf_addc(out, '\n');
	at->line = add_lines(out, lines, at->line, count, step->lines);
	if (s->call.result != ADAPTER_OK || step->returned != USHER_OK)
		add_dropped(out, step);
	else
		add_kept(out, &s->call, step, at);
	if (step->phase >= ADAPTER_PHASE_CHOOSE_REDIRECT &&
	    s->call.result == ADAPTER_OK)
		add_targets(out, &s->call);
}

static void add_result(const struct adapter_call *call, struct buf *out)
{
	buf_printf(out, "  result: %s\n", fixture_result_name(call->result));
	for (unsigned i = 0; i < call->error_count; i++)
		add_pair(out, "     ", "error", call->errors[i].field,
			 call->errors[i].text);
	if (call->result == ADAPTER_DENIED)
		add_pair(out, "     ", "denied", call->deny_code,
			 call->deny_reason);
	if (call->problem[0]) {
		buf_puts(out, "     ");
		trialshow_text(out, str_from(call->problem));
		buf_addc(out, '\n');
	}
}

void trialshow_run(const struct sample *s, const struct harness_line *lines,
		   unsigned count, struct buf *out)
{
	struct cursor at = { 0 };

	if (!s->trace.count)
		buf_puts(out, "  no hook ran\n");
	for (unsigned i = 0; i < s->trace.count; i++)
		add_step(s, i, lines, count, &at, out);
	add_stray(out, lines, count);
	add_result(&s->call, out);
}

/* ---- as JSON ------------------------------------------------------------ */

static void json_pairs(struct buf *out, const char *name,
		       const struct adapter_error *pairs, unsigned count)
{
	trialshow_array(out, name);
	for (unsigned i = 0; i < count; i++) {
		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "name", pairs[i].field);
		json_add_member(out, "value", pairs[i].text);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void json_step(const struct adapter_step *step, struct buf *out)
{
	trialshow_comma(out);
	buf_addc(out, '{');
	json_add_member(out, "hook", str_from(call_phase_name(step->phase)));
	json_add_member_bool(out, "returned", step->is_over);
	if (step->is_over) {
		json_add_member_int(out, "result", step->returned);
		json_add_member_int(out, "took_ns", step->took_ns);
		json_add_member_int(out, "changes", step->changes);
		json_add_member_int(out, "events", step->events);
		json_add_member_int(out, "errors", step->errors);
	}
	buf_addc(out, '}');
}

static void json_outputs(const struct adapter_call *call, struct buf *out)
{
	buf_puts(out, ",\"attributes\":{");
	for (unsigned i = 0; i < call->change_count; i++) {
		trialshow_comma(out);
		json_add_str(out, call->changes[i].name);
		buf_addc(out, ':');
		if (str_is_null(call->changes[i].value))
			buf_puts(out, "null");
		else
			json_add_str(out, call->changes[i].value);
	}
	buf_addc(out, '}');
	trialshow_array(out, "events");
	for (unsigned i = 0; i < call->event_count; i++) {
		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "name", call->events[i].name);
		json_add_member_raw(out, "data", call->events[i].json);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	if (!str_is_null(call->email))
		json_add_member(out, "email", call->email);
	if (!str_is_null(call->name))
		json_add_member(out, "name", call->name);
	if (!str_is_null(call->redirect))
		json_add_member(out, "redirect", call->redirect);
	if (!str_is_null(call->post_url))
		json_add_member(out, "post", call->post_url);
	json_pairs(out, "posted", call->post_fields, call->post_field_count);
}

void trialshow_run_json(const struct sample *s,
			const struct harness_line *lines, unsigned count,
			struct buf *out)
{
	static const char *const names[] = {
		"ok", "invalid", "denied", "failed", "timed_out",
		"unavailable",
	};
	const struct adapter_call *call = &s->call;

	trialshow_comma(out);
	buf_addc(out, '{');
	json_add_member(out, "run", s->is_deliver ? STR("deliver") :
						    STR("handoff"));
	json_add_member(out, "result", str_from(names[call->result]));
	json_add_member_int(out, "took_ns", s->took_ns);
	trialshow_array(out, "steps");
	for (unsigned i = 0; i < s->trace.count; i++)
		json_step(&s->trace.steps[i], out);
	buf_addc(out, ']');
	json_outputs(call, out);
	json_pairs(out, "errors", call->errors, call->error_count);
	if (call->result == ADAPTER_DENIED) {
		json_add_member(out, "code", call->deny_code);
		json_add_member(out, "reason", call->deny_reason);
	}
	if (call->problem[0])
		json_add_member(out, "problem", str_from(call->problem));
	trialshow_array(out, "log");
	for (unsigned i = 0; i < count; i++) {
		trialshow_comma(out);
		buf_addc(out, '{');
		json_add_member(out, "level", str_from(level_name(&lines[i])));
		json_add_member(out, "text", lines[i].text);
		buf_addc(out, '}');
	}
	buf_puts(out, "]}");
}
