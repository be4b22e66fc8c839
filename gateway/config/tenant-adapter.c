/* A tenant's adapter: its settings flattened, its secrets read, loaded. */
#include <errno.h>
#include <unistd.h>

#include "base/metric.h"
#include "config/nearby.h"
#include "config/secret.h"
#include "config/snapshot-private.h"

/* The settings of adapter.config, being flattened. */
struct flat {
	const struct reader *reader;
	struct adapter_setting *settings;
	unsigned count;
	bool is_full;		/* a finding says so */
};

static struct str value_text(struct pool *pool, const config_setting_t *at)
{
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_STRING:
		return pool_str(pool, str_from(config_setting_get_string(at)));
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(at) ? STR("true") :
			STR("false");
	default:
		return pool_printf(pool, "%d", config_setting_get_int(at));
	}
}

static void flat_add(struct flat *flat, struct str key,
		     const config_setting_t *at)
{
	struct pool *pool = flat->reader->scratch;
	struct adapter_setting *setting;

	if (flat->count == USHER_CONFIG_MAX) {
		if (!flat->is_full)
			location_error(flat->reader->location,
				       config_setting_source_line(at),
				       "adapter.config", NULL,
				       "has more than %d values",
				       USHER_CONFIG_MAX);
		flat->is_full = true;
		return;
	}
	setting = &flat->settings[flat->count++];
	setting->key = pool_str(pool, key);
	setting->value = value_text(pool, at);
	if (str_is_null(setting->key) || str_is_null(setting->value))
		reader_nomem(flat->reader);
}

/*
 * Depth first, in the order of the file.  Nesting is bounded by
 * GRAMMAR_DEPTH_MAX.  `key` holds what is above, and is left as it was.
 */
static void flatten(struct flat *flat, const config_setting_t *at,
		    struct buf *key)
{
	unsigned i, count = (unsigned)config_setting_length(at);
	size_t len = key->len;

	for (i = 0; i < count && !flat->is_full; i++) {
		const config_setting_t *item = config_setting_get_elem(
			(config_setting_t *)at, i);

		if (len)
			buf_addc(key, '.');
		if (config_setting_name(item))
			buf_puts(key, config_setting_name(item));
		else
			buf_printf(key, "%u", i);
		if (!buf_is_ok(key)) {
			location_error(flat->reader->location,
				       config_setting_source_line(item),
				       "adapter.config", "choose shorter names",
				       "has a key of more than %d octets",
				       USHER_CONFIG_KEY_MAX);
			flat->is_full = true;
		} else if (config_setting_is_aggregate(item)) {
			flatten(flat, item, key);
		} else {
			flat_add(flat, buf_str(key), item);
		}
		key->len = len;
	}
}

static int read_config(const struct reader *reader, struct group group,
		       struct flat *out)
{
	struct group config = group_group(group, "config");
	char array[USHER_CONFIG_KEY_MAX + 1];
	struct buf key;

	*out = (struct flat){ .reader = reader };
	if (!config.at)
		return 0;
	out->settings = pool_calloc(reader->scratch, USHER_CONFIG_MAX,
				    sizeof(*out->settings));
	if (!out->settings)
		return reader_nomem(reader);
	buf_init_fixed(&key, array, sizeof(array));
	flatten(out, config.at, &key);
	return reader->location->errors ? -1 : 0;
}

static int read_secrets(const struct reader *reader, struct group group,
			struct adapter_secret *out)
{
	unsigned i, j, count = group_count(group, "secrets");

	for (i = 0; i < count; i++) {
		struct group item = group_group_at(group, "secrets", i);
		char setting[48];
		struct secret_place at = { reader->location, setting,
					   group_line(item, "file") };
		struct str path = secret_path(reader->scratch, reader->dir,
					      group_text(item, "file"));

		out[i].name = group_text(item, "name");
		for (j = 0; j < i; j++)
			if (str_eq(out[i].name, out[j].name))
				location_error(reader->location,
					       group_line(item, "name"),
					       "adapter.secrets",
					       "keep one of the two",
					       "has the name %s twice",
					       out[i].name.ptr);
		snprintf(setting, sizeof(setting), "adapter.secrets[%u].file",
			 i);
		if (str_is_null(path))
			reader_nomem(reader);
		else
			secret_read(at, reader->scratch, path, 1,
				    &out[i].value);
	}
	return reader->location->errors ? -1 : 0;
}

static bool is_listed(const struct str *names, unsigned count, struct str name)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

/* What is listed, and what the settings ask for. */
static int read_json_fields(const struct reader *reader, struct group group,
			    const struct flat *flat, struct tenant *out)
{
	unsigned i, asked = 0, listed = group_count(group, "json_fields");
	struct str *names = NULL, *all, name;

	if (adapter_json_fields(flat->settings, flat->count, reader->scratch,
				&names, &asked))
		return reader_nomem(reader);
	all = pool_calloc(reader->pool, listed + asked + 1, sizeof(*all));
	if (!all)
		return reader_nomem(reader);
	for (i = 0; i < listed + asked; i++) {
		name = i < listed ? group_text_at(group, "json_fields", i) :
			names[i - listed];
		if (is_listed(all, out->json_field_count, name))
			continue;
		name = pool_str(reader->pool, name);
		if (str_is_null(name))
			return reader_nomem(reader);
		all[out->json_field_count++] = name;
	}
	out->json_fields = all;
	return 0;
}

static int check_module(const struct reader *reader, struct group group)
{
	struct str module = group_text(group, "module");

	if (str_find(module, '/') >= 0 || module.ptr[0] == '.') {
		location_error(
			reader->location, group_line(group, "module"),
			"adapter.module",
			"write the file's name alone; it is looked up in "
			"the gateway's plugins directory",
			"must be a file name without a path");
		return -1;
	}
	return 0;
}

static void say_unusable(struct location *location, const struct draft *draft,
			 const struct buf *problem)
{
	location_error(location, draft->module_line, "adapter.module", NULL,
		       "%s cannot be used: %s", draft->module.ptr,
		       problem->len ? problem->ptr : "no reason was given");
}

/* A finding where the plugins directory does not have it. */
static bool is_there(const struct reader *reader, const struct draft *draft,
		     struct str path)
{
	char text[512];
	struct buf remedy;

	if (!access(path.ptr, F_OK) || (errno != ENOENT && errno != ENOTDIR))
		return true;
	path = nearby_absolute(reader->scratch, path);
	buf_init_fixed(&remedy, text, sizeof(text));
	nearby(reader->scratch, path, STR(".so"), &remedy);
	location_error(reader->location, draft->module_line, "adapter.module",
		       text, "%s is not in the gateway's plugins directory, "
		       "%.*s", draft->module.ptr,
		       (int)(path.len - draft->module.len - 1), path.ptr);
	return false;
}

static int begin(const struct reader *reader, struct group group,
		const struct flat *flat, const struct adapter_secret *secrets,
		struct draft *draft, const struct draft *previous)
{
	const struct snapshot_options *options = reader->options;
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf problem;
	struct str path = pool_printf(reader->scratch, "%.*s/%s",
				      STR_ARG(reader->gateway->plugins),
				      group_text(group, "module").ptr);
	struct adapter_options wanted = {
		.tenant = draft->tenant.slug,
		.path = path.ptr,
		.isolation = group_word(group, "isolation") == 0 ?
			ADAPTER_OWN_PROCESS : ADAPTER_IN_PROCESS,
		.supervisor = options->supervisor,
		.settings = flat->settings,
		.setting_count = flat->count,
		.secrets = secrets,
		.secret_count = group_count(group, "secrets"),
		.deadline_ms = draft->tenant.adapter_deadline_ms,
		/* the schema's words are deny and default */
		.must_be_advisory = group_word(group, "on_failure") != 0,
		.workers = options->workers ? options->workers : 1,
	};

	if (str_is_null(path))
		return reader_nomem(reader);
	if (!is_there(reader, draft, path))
		return -1;
	buf_init_fixed(&problem, text, sizeof(text));
	if (!adapter_begin(&wanted, options->services,
			   previous ? previous->tenant.adapter : NULL,
			   &draft->tenant.adapter, &problem))
		return 0;
	say_unusable(reader->location, draft, &problem);
	return -1;
}

/* A finding, but no failure: it takes over by itself once it is ready. */
static void say_late(const struct location *location, const struct draft *draft,
		     unsigned seconds, bool has_stand_in)
{
	char text[LOCATION_PROBLEM_MAX];

	snprintf(text, sizeof(text), "%.256s is not ready after %u s: %s",
		 draft->module.ptr, seconds, has_stand_in ?
		 "the one before it goes on until it is" :
		 "sign-ins are answered 503 until it is");
	report_add(location->report, (struct finding){
		.level = location->level, .file = location->file,
		.line = draft->module_line, .tenant = location->tenant,
		.setting = STR("adapter.module"), .problem = str_from(text),
		.remedy = STR("it takes over by itself once it is ready: "
			      "usherctl tenants tells"),
		.is_passing = true });
}

int draft_judge_adapter(struct location *location, const struct draft *draft,
			unsigned seconds)
{
	struct adapter *adapter = draft->tenant.adapter;
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct adapter_verdict verdict;
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	if (seconds && adapter_leave(adapter) == ADAPTER_STARTING) {
		say_late(location, draft, seconds,
			 adapter_verdict(adapter, &problem).has_stand_in);
		return 0;
	}
	verdict = adapter_verdict(adapter, &problem);
	if (verdict.state == ADAPTER_READY)
		return 0;
	if (verdict.is_unfit) {
		location_error(location, draft->on_failure_line,
			       "adapter.on_failure", "write \"deny\"",
			       "cannot be \"default\": %s", text);
		return -1;
	}
	if (verdict.state == ADAPTER_STARTING)
		buf_printf(&problem, "it was not loaded within %d seconds",
			   LOADERS_STALL_MS / 1000);
	say_unusable(location, draft, &problem);
	return -1;
}

/* Counted from the start, so that it is seen before anything fails. */
static void find_defaults(struct tenant *out)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%s\"", out->slug.ptr);
	out->adapter_defaults =
		metric_get(usher_adapter_defaults_total, labels);
}

int draft_read_adapter(const struct reader *reader, struct group group,
		       struct draft *draft, const struct draft *previous)
{
	struct adapter_secret secrets[USHER_SECRETS_MAX] = { 0 };
	struct flat flat;

	if (check_module(reader, group) ||
	    read_config(reader, group, &flat) ||
	    read_secrets(reader, group, secrets) ||
	    read_json_fields(reader, group, &flat, &draft->tenant))
		return -1;
	draft->tenant.deadline_line = group_line(group, "deadline_ms");
	draft->tenant.module_line = group_line(group, "module");
	draft->tenant.adapter_deadline_ms =
		(uint32_t)group_number(group, "deadline_ms");
	/* A tenant that is switched off runs no code. */
	if (draft->tenant.state != TENANT_SERVING)
		return 0;
	draft->module_line = group_line(group, "module");
	draft->on_failure_line = group_line(group, "on_failure");
	draft->module = pool_str(reader->pool, group_text(group, "module"));
	if (str_is_null(draft->module))
		return reader_nomem(reader);
	if (begin(reader, group, &flat, secrets, draft, previous))
		return -1;
	if (group_word(group, "on_failure") != 0)
		find_defaults(&draft->tenant);
	return 0;
}
