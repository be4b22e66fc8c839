#include "workbench/fixture.h"

#include <stdlib.h>

#define FIXTURE_POOL_MAX (8u * 1024 * 1024)

struct trial {
	const struct fixture_options *options;
	struct str name;
	struct buf *out;
	struct fixture_result result;
	unsigned line;
	struct pool *pool;		/* settings and secrets */
	struct adapter_setting settings[FIXTURE_SETTINGS_MAX];
	unsigned setting_count;
	struct adapter_secret secrets[USHER_SECRETS_MAX];
	unsigned secret_count;
	struct harness *harness;
	struct sample sample; /* the request at hand */
	bool has_run;
};

/* ---- messages ----------------------------------------------------------- */

const char *fixture_result_name(enum adapter_result result)
{
	static const char *const names[] = {
		[ADAPTER_OK] = "ok", [ADAPTER_INVALID] = "invalid (422)",
		[ADAPTER_DENIED] = "denied (403)",
		[ADAPTER_FAILED] = "failed (502)",
		[ADAPTER_TIMED_OUT] = "timed out (504)",
		[ADAPTER_UNAVAILABLE] = "unavailable (503)",
	};

	return names[result];
}

static enum err complain(struct trial *t, const char *problem)
{
	buf_printf(t->out, "%.*s:%u: %s\n", STR_ARG(t->name), t->line,
		   problem);
	return ERR_SYNTAX;
}

/* What an adapter gave is text already: checked when it was taken. */
static void print_pair(struct trial *t, const char *what, struct str name,
		       struct str value)
{
	buf_printf(t->out, "  %s %.*s = %.*s\n", what, STR_ARG(name),
		   STR_ARG(value));
}

static void print_value(struct trial *t, const char *what, struct str value)
{
	if (!str_is_null(value))
		buf_printf(t->out, "  %s = %.*s\n", what, STR_ARG(value));
}

static void print_outputs(struct trial *t)
{
	const struct adapter_call *call = &t->sample.call;

	print_value(t, "email", call->email);
	print_value(t, "name", call->name);
	for (unsigned i = 0; i < call->change_count; i++) {
		const struct adapter_change *change = &call->changes[i];

		if (str_is_null(change->value))
			buf_printf(t->out, "  removed %.*s\n",
				   STR_ARG(change->name));
		else
			print_pair(t, "attribute", change->name,
				   change->value);
	}
	print_value(t, "redirect", call->redirect);
	print_value(t, "post", call->post_url);
	for (unsigned i = 0; i < call->post_field_count; i++)
		print_pair(t, "posted", call->post_fields[i].field,
			   call->post_fields[i].text);
	for (unsigned i = 0; i < call->event_count; i++)
		print_pair(t, "event", call->events[i].name,
			   call->events[i].json);
}

static void print_result(struct trial *t, const char *what)
{
	const struct adapter_call *call = &t->sample.call;

	buf_printf(t->out, "%s: %s\n", what,
		   fixture_result_name(call->result));
	if (call->result == ADAPTER_OK)
		print_outputs(t);
	if (call->result == ADAPTER_INVALID)
		for (unsigned i = 0; i < call->error_count; i++)
			print_pair(t, "invalid", call->errors[i].field,
				   call->errors[i].text);
	if (call->result == ADAPTER_DENIED)
		print_pair(t, "denied", call->deny_code, call->deny_reason);
	if (call->result == ADAPTER_FAILED)
		buf_printf(t->out, "  %s\n", call->problem);
}

/* ---- statements --------------------------------------------------------- */

static enum err begin_request(struct trial *t)
{
	sample_done(&t->sample);
	t->has_run = false;
	return sample_init(&t->sample) ? complain(t, "out of memory") : ERR_OK;
}

static enum err load(struct trial *t)
{
	struct harness_options options = {
		.path = t->options->path,
		.supervisor = t->options->supervisor,
		.services = t->options->services,
		.settings = t->settings, .setting_count = t->setting_count,
		.secrets = t->secrets, .secret_count = t->secret_count,
	};
	char problem[ADAPTER_LOAD_PROBLEM_MAX];
	const struct adapter *adapter;
	struct buf text;
	enum err err;

	if (t->harness)
		return ERR_OK;
	buf_init_fixed(&text, problem, sizeof(problem));
	err = harness_new(&options, &t->harness, &text);
	if (err) {
		buf_printf(t->out, "%s: %.*s\n", options.path,
			   STR_ARG(buf_str(&text)));
		return err;
	}
	if (t->options->loaded)
		t->options->loaded(t->options->ctx, &options);
	adapter = harness_adapter(t->harness);
	buf_printf(t->out, "%s: %s %s\n", options.path,
		   adapter_name(adapter).ptr, adapter_version(adapter).ptr);
	return ERR_OK;
}

/* What became of its process is no fixture's fault: the next run has a new
 * one. */
static enum err start_again(struct trial *t)
{
	char problem[ADAPTER_LOAD_PROBLEM_MAX];
	enum adapter_result result = t->sample.call.result;
	struct buf text;

	if (result != ADAPTER_TIMED_OUT && result != ADAPTER_UNAVAILABLE &&
	    result != ADAPTER_FAILED)
		return ERR_OK;
	if (!harness_is_isolated(t->harness))
		return ERR_OK;
	buf_init_fixed(&text, problem, sizeof(problem));
	return harness_restart(t->harness, &text) ? complain(t, problem)
						  : ERR_OK;
}

static enum err run(struct trial *t, bool is_deliver)
{
	enum err err = load(t);

	if (err)
		return err;
	t->sample.is_deliver = is_deliver;
	harness_run(t->harness, &t->sample);
	t->has_run = true;
	t->result.runs++;
	print_result(t, is_deliver ? "deliver" : "handoff");
	if (t->options->ran)
		t->options->ran(t->options->ctx, t->harness, &t->sample);
	return start_again(t);
}

static enum err add_setting(struct trial *t, struct str name, struct str value)
{
	if (t->harness)
		return complain(t, "settings come before the adapter is "
				"loaded");
	for (unsigned i = 0; i < t->options->setting_count; i++)
		if (str_eq(t->options->settings[i].key, name))
			return ERR_OK;
	if (t->setting_count == FIXTURE_SETTINGS_MAX)
		return complain(t, "more than 256 settings");
	t->settings[t->setting_count++] = (struct adapter_setting){
		pool_str(t->pool, name), pool_str(t->pool, value)
	};
	return ERR_OK;
}

static enum err add_secret(struct trial *t, struct str name, struct str value)
{
	if (t->harness)
		return complain(t, "secrets come before the adapter is loaded");
	for (unsigned i = 0; i < t->options->secret_count; i++)
		if (str_eq(t->options->secrets[i].name, name))
			return ERR_OK;
	if (t->secret_count == USHER_SECRETS_MAX)
		return complain(t, "more than 16 secrets");
	t->secrets[t->secret_count++] = (struct adapter_secret){
		pool_str(t->pool, name), pool_str(t->pool, value)
	};
	return ERR_OK;
}

/* NULL for `why`: all is well. */
static enum err check(struct trial *t, const char *why)
{
	return why ? complain(t, why) : ERR_OK;
}

static enum err add(struct trial *t, enum sample_part part, struct str name,
		    struct str value)
{
	enum err err = t->has_run ? begin_request(t) : ERR_OK;

	return err ? err : check(t, sample_add(&t->sample, part, name, value));
}

static enum err add_info(struct trial *t, struct str name, struct str value)
{
	enum err err = t->has_run ? begin_request(t) : ERR_OK;

	return err ? err : check(t, sample_info(&t->sample, name, value));
}

static enum err set_signed(struct trial *t)
{
	enum err err = t->has_run ? begin_request(t) : ERR_OK;

	if (!err)
		sample_sign(&t->sample);
	return err;
}

/* ---- expectations ------------------------------------------------------- */

static const struct adapter_change *last_change(const struct trial *t,
						struct str name)
{
	for (unsigned i = t->sample.call.change_count; i-- > 0;)
		if (str_eq(t->sample.call.changes[i].name, name))
			return &t->sample.call.changes[i];
	return NULL;
}

static bool has_pair(const struct adapter_error *pairs, unsigned count,
		     struct str name, struct str value)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq(pairs[i].field, name) &&
		    str_eq(pairs[i].text, value))
			return true;
	return false;
}

static bool has_event(const struct trial *t, struct str name, struct str json)
{
	struct str prefix = STR("adapter.");

	for (unsigned i = 0; i < t->sample.call.event_count; i++) {
		struct str is = t->sample.call.events[i].name;

		is.ptr += prefix.len;
		is.len -= prefix.len;
		if (str_eq(is, name) &&
		    str_eq(t->sample.call.events[i].json, json))
			return true;
	}
	return false;
}

static bool is_value(struct str is, struct str want)
{
	if (str_eq(want, STR("none")))
		return str_is_null(is);
	return !str_is_null(is) && str_eq(is, want);
}

/* 1: holds, 0: does not, -1: nothing of that name can be expected. */
static int holds(const struct trial *t, struct str what, struct str name,
		 struct str value)
{
	const struct adapter_call *call = &t->sample.call;
	const struct adapter_change *change = last_change(t, name);

	if (str_eq(what, STR("ok")))
		return call->result == ADAPTER_OK;
	if (str_eq(what, STR("failed")))
		return call->result == ADAPTER_FAILED;
	if (str_eq(what, STR("invalid")))
		return call->result == ADAPTER_INVALID &&
		       has_pair(call->errors, call->error_count, name, value);
	if (str_eq(what, STR("denied")))
		return call->result == ADAPTER_DENIED &&
		       str_eq(call->deny_code, name) &&
		       str_eq(call->deny_reason, value);
	if (str_eq(what, STR("attribute")))
		return change && is_value(change->value, value);
	if (str_eq(what, STR("removed")))
		return change && str_is_null(change->value);
	if (str_eq(what, STR("unchanged")))
		return !change;
	if (str_eq(what, STR("posted")))
		return has_pair(call->post_fields, call->post_field_count,
				name, value);
	if (str_eq(what, STR("event")))
		return has_event(t, name, value);
	if (str_eq(what, STR("email")))
		return is_value(call->email, value);
	if (str_eq(what, STR("name")))
		return is_value(call->name, value);
	if (str_eq(what, STR("redirect")))
		return is_value(call->redirect, value);
	if (str_eq(what, STR("post")))
		return is_value(call->post_url, value);
	return -1;
}

/* "word rest": both without spaces around them. */
static struct str word(struct str *rest)
{
	struct str w = str_cut(*rest, ' ', rest);

	*rest = str_trim(*rest, " \t");
	return str_trim(w, " \t");
}

/* "name = value", the name perhaps missing. */
static void pair(struct str text, struct str *name, struct str *value)
{
	*name = str_trim(str_cut(text, '=', value), " \t");
	*value = str_trim(*value, " \t");
}

static enum err expect(struct trial *t, struct str line)
{
	struct str what, name, value, rest = line;
	int rc;

	if (!t->has_run)
		return complain(t, "nothing was run: write handoff or deliver "
				"before");
	what = word(&rest);
	pair(rest, &name, &value);
	rc = holds(t, what, name, value);
	if (rc < 0)
		return complain(t, "this cannot be expected; there are ok, "
				"failed, invalid, denied, attribute, removed, "
				"unchanged, email, name, redirect, post, "
				"posted and event");
	t->result.expectations++;
	if (rc)
		return ERR_OK;
	t->result.failures++;
	buf_printf(t->out, "%.*s:%u: NOT AS EXPECTED: %.*s\n",
		   STR_ARG(t->name), t->line, STR_ARG(line));
	return ERR_OK;
}

static enum err statement(struct trial *t, struct str line)
{
	struct str rest = line, name, value, verb = word(&rest);

	if (!verb.len || verb.ptr[0] == '#')
		return ERR_OK;
	if (str_eq(verb, STR("load")))
		return load(t);
	if (str_eq(verb, STR("handoff")))
		return run(t, false);
	if (str_eq(verb, STR("deliver")))
		return run(t, true);
	if (str_eq(verb, STR("signed")))
		return set_signed(t);
	if (str_eq(verb, STR("expect")))
		return expect(t, rest);
	pair(rest, &name, &value);
	if (!name.len || str_is_null(value))
		return complain(t, "not understood; a line is a word, and most "
				"are followed by name = value");
	if (str_eq(verb, STR("config")))
		return add_setting(t, name, value);
	if (str_eq(verb, STR("secret")))
		return add_secret(t, name, value);
	if (str_eq(verb, STR("field")))
		return add(t, SAMPLE_FIELD, name, value);
	if (str_eq(verb, STR("json")))
		return add(t, SAMPLE_JSON, name, value);
	if (str_eq(verb, STR("claim")))
		return add(t, SAMPLE_CLAIM, name, value);
	if (str_eq(verb, STR("attribute")))
		return add(t, SAMPLE_ATTRIBUTE, name, value);
	if (str_eq(verb, STR("info")))
		return add_info(t, name, value);
	return complain(t, "not understood; there are config, secret, load, "
			"field, json, claim, attribute, info, signed, "
			"handoff, "
			"deliver and expect");
}

_Static_assert(FIXTURE_TEXT_MAX == 256 * 1024 &&
	       FIXTURE_LINE_MAX == 16 * 1024, "as read_lines() tells");

static enum err read_lines(struct trial *t, struct str fixture)
{
	enum err err =
		fixture.len > FIXTURE_TEXT_MAX
			? complain(t, "the fixture is longer than 256 KiB")
			: begin_request(t);

	while (!err && !str_is_null(fixture)) {
		struct str line = str_cut(fixture, '\n', &fixture);

		t->line++;
		line = str_trim(line, " \t\r");
		err = line.len > FIXTURE_LINE_MAX ?
			complain(t, "a line is longer than 16 KiB") :
			statement(t, line);
	}
	/* A fixture without a run still shows whether the file loads. */
	return err ? err : load(t);
}

/* What the command line said comes first. */
static enum err begin(struct trial *t)
{
	const struct fixture_options *o = t->options;

	t->pool = pool_new(FIXTURE_POOL_MAX);
	if (!t->pool)
		return ERR_NOMEM;
	if (o->setting_count > FIXTURE_SETTINGS_MAX ||
	    o->secret_count > USHER_SECRETS_MAX)
		return complain(t, "too many settings or secrets");
	for (unsigned i = 0; i < o->setting_count; i++)
		t->settings[t->setting_count++] = o->settings[i];
	for (unsigned i = 0; i < o->secret_count; i++)
		t->secrets[t->secret_count++] = o->secrets[i];
	return ERR_OK;
}

enum err fixture_run(const struct fixture_options *options, struct str name,
		     struct str fixture, struct buf *out,
		     struct fixture_result *result_r)
{
	struct trial *t = calloc(1, sizeof(*t));
	enum err err;

	if (!t)
		return ERR_NOMEM;
	t->options = options;
	t->name = name;
	t->out = out;
	err = begin(t);
	if (!err)
		err = read_lines(t, fixture);
	if (!err)
		*result_r = t->result;
	harness_free(t->harness);
	sample_done(&t->sample);
	pool_free(t->pool);
	free(t);
	return err;
}
