#include "console/adapterctl.h"

#include <errno.h>
#include <stdlib.h>

#include "adapter/supervisor.h"
#include "admin/services.h"
#include "console/sourceline.h"
#include "console/trialshow.h"

#define SECRET_MAX 4096			/* octets of a secret's file */
#define OUTPUT_MAX (32u * 1024 * 1024)
#define NO_SANDBOX							     \
	"usherctl: to run it in this process instead, with nothing around "  \
	"it: --isolation none\n"

#define COMMON_OPTIONS							     \
	{ "config", "KEY=VALUE", "a setting, flattened",		     \
	  FIXTURE_SETTINGS_MAX },						     \
	{ "secret", "NAME=FILE", "a secret, read from a file",		     \
	  USHER_SECRETS_MAX },						     \
	{ "lines", NULL, "have addr2line name the line of a crash", 1 },     \
	{ "isolation", "process|none", "where it runs (default process)", 1 }

const struct command_option adapterctl_check_options[] = {
	{ "fixture", "FILE", "what is to come out", FITNESS_FIXTURES_MAX },
	{ "quiet", NULL, "no transcript of fixtures that do not hold", 1 },
	COMMON_OPTIONS,
	{ 0 }
};

const struct command_option adapterctl_run_options[] = {
	{ "field", "NAME=VALUE", "a posted field", USHER_FIELDS_MAX },
	{ "json-field", "NAME=JSON", "one with nested JSON", USHER_FIELDS_MAX },
	{ "claim", "NAME=VALUE", "one that a signed assertion vouches for",
	  USHER_FIELDS_MAX },
	{ "attribute", "NAME=VALUE", "stored before", USHER_FIELDS_MAX },
	{ "info", "NAME=VALUE", "what the gateway knows: user.id ...", 16 },
	{ "signed", NULL, "the request carries an assertion", 1 },
	{ "deliver", NULL, "run deliver too, as the token is redeemed", 1 },
	COMMON_OPTIONS,
	{ 0 }
};

/* ---- what both are given ------------------------------------------------ */

struct setup {
	const struct command_line *line;
	struct pool *pool;
	struct adapter_setting settings[FIXTURE_SETTINGS_MAX];
	unsigned setting_count;
	struct adapter_secret secrets[USHER_SECRETS_MAX];
	unsigned secret_count;
	struct supervisor *supervisor;
	struct fixture_options trial;
};

/* A whole file, terminated, in the pool; -1 with the reason printed. */
static int read_file(struct pool *pool, const char *path, size_t max,
		     struct str *text_r)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(max + 2) : NULL;
	size_t len = text ? fread(text, 1, max + 1, f) : 0;
	int rc = -1;

	if (!text || ferror(f)) {
		fprintf(stderr, "usherctl: %s: %s\n", path, strerror(errno));
	} else if (len > max) {
		fprintf(stderr, "usherctl: %s: it has more than %zu octets\n",
			path, max);
	} else {
		*text_r = pool_str(pool, (struct str){ text, len });
		rc = str_is_null(*text_r) ? -1 : 0;
	}
	if (text)
		explicit_bzero(text, max + 2);
	free(text);
	if (f)
		fclose(f);
	return rc;
}

static int take_settings(struct setup *setup)
{
	const struct command_line *line = setup->line;
	const char *text;
	unsigned at = 0;

	while ((text = command_next(line, "config", &at))) {
		struct adapter_setting *s =
			&setup->settings[setup->setting_count++];

		if (command_pair(text, &s->key, &s->value))
			return command_misused(line, "--config %s: a setting "
					       "is KEY=VALUE", text);
		s->key = pool_str(setup->pool, s->key);
		s->value = pool_str(setup->pool, s->value);
		if (str_is_null(s->key) || str_is_null(s->value))
			return COMMAND_REFUSED;
	}
	return COMMAND_DONE;
}

/* As the gateway reads them: without the line end behind it. */
static int take_secrets(struct setup *setup)
{
	const struct command_line *line = setup->line;
	struct str path;
	const char *text;
	unsigned at = 0;

	while ((text = command_next(line, "secret", &at))) {
		struct adapter_secret *s =
			&setup->secrets[setup->secret_count++];

		if (command_pair(text, &s->name, &path))
			return command_misused(line, "--secret %s: a secret "
					       "is NAME=FILE", text);
		s->name = pool_str(setup->pool, s->name);
		path = pool_str(setup->pool, path);
		if (str_is_null(s->name) || str_is_null(path) ||
		    read_file(setup->pool, path.ptr, SECRET_MAX, &s->value))
			return COMMAND_REFUSED;
		s->value = str_trim(s->value, "\r\n");
	}
	return COMMAND_DONE;
}

/* Never the weaker one without being told so. */
static int take_isolation(struct setup *setup)
{
	const char *how = command_value(setup->line, "isolation");
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf problem;

	if (how && !strcmp(how, "none"))
		return COMMAND_DONE;
	if (how && strcmp(how, "process"))
		return command_misused(setup->line, "--isolation %s: it is "
				       "process or none", how);
	buf_init_fixed(&problem, text, sizeof(text));
	if (!supervisor_new(NULL, &setup->supervisor, &problem))
		return COMMAND_DONE;
	fprintf(stderr, "usherctl: there can be no process of its own: %s\n"
		NO_SANDBOX, text);
	return COMMAND_REFUSED;
}

static int setup_begin(struct setup *setup, const struct command_line *line)
{
	int status;

	*setup = (struct setup){ .line = line, .pool = pool_new(64u << 20) };
	if (!setup->pool)
		return COMMAND_REFUSED;
	status = take_settings(setup);
	if (!status)
		status = take_secrets(setup);
	if (!status)
		status = take_isolation(setup);
	setup->trial = (struct fixture_options){
		.path = line->arguments[0],
		.supervisor = setup->supervisor,
		.services = &services_of_adapters,
		.settings = setup->settings,
		.setting_count = setup->setting_count,
		.secrets = setup->secrets,
		.secret_count = setup->secret_count,
	};
	return status;
}

static void setup_end(struct setup *setup)
{
	supervisor_free(setup->supervisor);
	pool_free(setup->pool);
}

/* Is it the machine, rather than the file, that keeps it from loading? */
static bool is_about_sandbox(struct str problem)
{
	return str_icontains(problem, STR("no sandbox")) ||
	       str_icontains(problem, STR("process cannot be started"));
}

static void print(struct buf *out)
{
	struct str text = buf_str(out);

	fwrite(text.ptr, 1, text.len, stdout);
	buf_done(out);
}

/* Where it ended, as far as `out` says so. */
static void add_lines(const struct command_line *line, struct buf *out)
{
	sourceline_add(line->arguments[0], buf_str(out),
		       command_has(line, "lines"), out);
}

/* ---- check -------------------------------------------------------------- */

static int take_fixtures(struct setup *setup, struct fitness_fixture *fixtures,
			 unsigned *count)
{
	const struct command_line *line = setup->line;
	const char *paths[2 * FITNESS_FIXTURES_MAX];
	unsigned n = 0, at = 0;
	const char *path;

	for (int i = 1; i < line->count; i++)
		paths[n++] = line->arguments[i];
	while ((path = command_next(line, "fixture", &at)))
		paths[n++] = path;
	if (n > FITNESS_FIXTURES_MAX)
		return command_misused(line, "more than %d fixtures",
				       FITNESS_FIXTURES_MAX);
	for (unsigned i = 0; i < n; i++) {
		fixtures[i].name = str_from(paths[i]);
		if (read_file(setup->pool, paths[i], FIXTURE_TEXT_MAX,
			      &fixtures[i].text))
			return COMMAND_REFUSED;
	}
	*count = n;
	return COMMAND_DONE;
}

static bool has_failed_fixture(const struct fitness *o)
{
	for (unsigned i = 0; i < o->fixture_count; i++)
		if (!o->fixtures[i].was_read || o->fixtures[i].failures)
			return true;
	return false;
}

static bool lacks_sandbox(const struct fitness *o)
{
	for (unsigned i = 0; i < o->findings.count; i++)
		if (is_about_sandbox(o->findings.v[i].text))
			return true;
	return false;
}

static int report(const struct setup *setup, const struct fitness *o)
{
	struct str file = str_from(setup->line->arguments[0]);
	bool is_fit = !findings_faults(&o->findings);
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	if (setup->line->general.json) {
		trialshow_report_json(o, file, &out);
	} else {
		if (has_failed_fixture(o) &&
		    !command_has(setup->line, "quiet"))
			buf_adds(&out, buf_str(&o->transcript));
		trialshow_report(o, file, &out);
		add_lines(setup->line, &out);
	}
	print(&out);
	if (!is_fit && setup->supervisor && lacks_sandbox(o))
		fputs(NO_SANDBOX, stderr);
	return is_fit ? COMMAND_DONE : COMMAND_REFUSED;
}

int adapterctl_check(const struct command_line *line)
{
	struct fitness_fixture fixtures[FITNESS_FIXTURES_MAX];
	struct fitness_options options = { .fixtures = fixtures };
	struct fitness *fitness = NULL;
	struct setup setup;
	int status = setup_begin(&setup, line);

	if (!status)
		status = take_fixtures(&setup, fixtures,
				       &options.fixture_count);
	if (!status) {
		options.trial = setup.trial;
		fitness = fitness_run(&options);
		status = fitness ? report(&setup, fitness) : COMMAND_REFUSED;
	}
	fitness_free(fitness);
	setup_end(&setup);
	return status;
}

/* ---- run ---------------------------------------------------------------- */

static int take_part(const struct command_line *line, const char *option,
		     enum sample_part part, struct sample *s)
{
	struct str name, value;
	const char *text, *why;
	unsigned at = 0;

	while ((text = command_next(line, option, &at))) {
		if (command_pair(text, &name, &value))
			return command_misused(line, "--%s %s: it is "
					       "NAME=VALUE", option, text);
		why = sample_add(s, part, name, value);
		if (why)
			return command_misused(line, "--%s %s: %s", option,
					       text, why);
	}
	return COMMAND_DONE;
}

static int take_info(const struct command_line *line, struct sample *s)
{
	struct str name, value;
	const char *text, *why;
	unsigned at = 0;

	while ((text = command_next(line, "info", &at))) {
		why = command_pair(text, &name, &value) ?
			"it is NAME=VALUE" : sample_info(s, name, value);
		if (why)
			return command_misused(line, "--info %s: %s", text,
					       why);
	}
	return COMMAND_DONE;
}

/* The short form: NAME=VALUE without an option is a field. */
static int take_arguments(const struct command_line *line, struct sample *s)
{
	struct str name, value;
	const char *why;

	for (int i = 1; i < line->count; i++) {
		why = command_pair(line->arguments[i], &name, &value) ?
			"a field is NAME=VALUE" :
			sample_add(s, SAMPLE_FIELD, name, value);
		if (why)
			return command_misused(line, "%s: %s",
					       line->arguments[i], why);
	}
	return COMMAND_DONE;
}

static int take_request(const struct command_line *line, struct sample *s)
{
	static const struct {
		const char *option;
		enum sample_part part;
	} parts[] = {
		{ "field", SAMPLE_FIELD }, { "json-field", SAMPLE_JSON },
		{ "claim", SAMPLE_CLAIM },
		{ "attribute", SAMPLE_ATTRIBUTE },
	};
	int status = sample_init(s) ? COMMAND_REFUSED : take_arguments(line, s);

	for (size_t i = 0; !status && i < N_ELEMENTS(parts);
	     i++)
		status = take_part(line, parts[i].option, parts[i].part, s);
	if (!status)
		status = take_info(line, s);
	if (!status && command_has(line, "signed"))
		sample_sign(s);
	return status;
}

static bool is_answer(enum adapter_result result)
{
	return result == ADAPTER_OK || result == ADAPTER_INVALID ||
	       result == ADAPTER_DENIED;
}

static void run_one(struct harness *harness, struct sample *s, bool json,
		    struct buf *out)
{
	const struct harness_line *lines;
	unsigned count;

	if (!json)
		trialshow_request(s, out);
	harness_run(harness, s);
	count = harness_lines(harness, &lines);
	if (json)
		trialshow_run_json(s, lines, count, out);
	else
		trialshow_run(s, lines, count, out);
}

/* The handoff, and the deliver that follows one that was let through. */
static int run_all(const struct command_line *line, struct harness *harness,
		   struct sample *s, struct buf *out)
{
	bool json = line->general.json;

	run_one(harness, s, json, out);
	if (command_has(line, "deliver") && s->call.result == ADAPTER_OK &&
	    !sample_follow(s))
		run_one(harness, s, json, out);
	return is_answer(s->call.result) ? COMMAND_DONE : COMMAND_REFUSED;
}

static void add_loaded(struct harness *harness, struct buf *out)
{
	const struct adapter *adapter = harness_adapter(harness);
	const struct harness_line *lines;
	unsigned count = harness_lines(harness, &lines);

	buf_printf(out, "%.*s %.*s, in %s\n", STR_ARG(adapter_name(adapter)),
		   STR_ARG(adapter_version(adapter)),
		   harness_is_isolated(harness) ? "a process of its own"
						: "this process");
	for (unsigned i = 0; i < count; i++) {
		buf_puts(out, "  init logged: ");
		trialshow_text(out, lines[i].text);
		buf_addc(out, '\n');
	}
}

static int load_and_run(const struct setup *setup, struct sample *s)
{
	const struct fixture_options *t = &setup->trial;
	const struct harness_options options = {
		t->path, t->supervisor, t->services, t->settings,
		t->setting_count, t->secrets, t->secret_count,
	};
	bool json = setup->line->general.json;
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf out, problem;
	struct harness *harness;
	int status;

	buf_init_fixed(&problem, text, sizeof(text));
	if (harness_new(&options, &harness, &problem)) {
		buf_init(&out, 2 * sizeof(text) + 4096);
		trialshow_text(&out, buf_str(&problem));
		buf_addc(&out, '\n');
		add_lines(setup->line, &out);
		fprintf(stderr, "usherctl: %s: %.*s%s", t->path,
			STR_ARG(buf_str(&out)),
			is_about_sandbox(buf_str(&problem)) ? NO_SANDBOX : "");
		buf_done(&out);
		return COMMAND_REFUSED;
	}
	buf_init(&out, OUTPUT_MAX);
	if (json)
		buf_addc(&out, '[');
	else
		add_loaded(harness, &out);
	status = run_all(setup->line, harness, s, &out);
	if (json)
		buf_puts(&out, "]\n");
	else
		add_lines(setup->line, &out);
	print(&out);
	harness_free(harness);
	return status;
}

int adapterctl_run(const struct command_line *line)
{
	struct sample sample = { 0 };
	struct setup setup;
	int status = take_request(line, &sample);

	if (!status) {
		status = setup_begin(&setup, line);
		if (!status)
			status = load_and_run(&setup, &sample);
		setup_end(&setup);
	}
	sample_done(&sample);
	return status;
}
