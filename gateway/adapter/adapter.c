#include "adapter/adapter-private.h"

#include <limits.h>
#include <unistd.h>

#include "base/invariant.h"
#include "base/metric.h"
#include "codec/utf8.h"

/* Bytes: the settings and secrets of one adapter, copied. */
#define ADAPTER_POOL_MAX (16u * 1024 * 1024)

/* The supervisor's last use of it is over, or there was none. */
static void forget(void *ctx)
{
	struct adapter *adapter = ctx;

	if (adapter->copy.fd >= 0)
		close(adapter->copy.fd);
	pool_free(adapter->pool);
	free(adapter);
}

static void adapter_free(struct adapter *adapter)
{
	loading_dismiss(adapter);
	if (adapter->isolated) {
		isolated_free(adapter->isolated, forget, adapter);
		return;
	}
	for (unsigned i = 0; i < adapter->worker_count; i++) {
		struct worker *worker = &adapter->workers[i];

		if (worker->is_ready && adapter->hooks->fini)
			adapter->hooks->fini(worker->state);
		pool_free(worker->scratch);
	}
	free(adapter->workers);
	module_unref(adapter->module);
	forget(adapter);
}

static enum err out_of_memory(struct buf *problem)
{
	buf_puts(problem, "out of memory");
	return ERR_NOMEM;
}

static enum err check_settings(const struct adapter_options *options,
			       struct buf *problem)
{
	if (options->setting_count > USHER_CONFIG_MAX) {
		buf_printf(problem, "config has %u values; at most %d are "
			   "taken", options->setting_count, USHER_CONFIG_MAX);
		return ERR_LIMIT;
	}
	for (unsigned i = 0; i < options->setting_count; i++) {
		const struct adapter_setting *s = &options->settings[i];

		if (s->key.len > USHER_CONFIG_KEY_MAX ||
		    s->value.len > USHER_CONFIG_VALUE_MAX) {
			buf_printf(problem, "config.%.*s is too long; names "
				   "may have %d bytes and values %d",
				   (int)(s->key.len > 64 ? 64 : s->key.len),
				   s->key.ptr, USHER_CONFIG_KEY_MAX,
				   USHER_CONFIG_VALUE_MAX);
			return ERR_LIMIT;
		}
		if (utf8_check_text(s->key, NULL) ||
		    utf8_check_text(s->value, NULL)) {
			buf_printf(problem, "config.%.*s is not UTF-8 without "
				   "control characters", STR_ARG(s->key));
			return ERR_UTF8;
		}
	}
	return ERR_OK;
}

static enum err check_options(const struct adapter_options *options,
			      struct buf *problem)
{
	if (options->isolation == ADAPTER_OWN_PROCESS &&
	    !options->supervisor) {
		buf_puts(problem, "there is nobody to keep a process of its "
			 "own; isolation = \"none\" runs it in this one");
		return ERR_UNSUPPORTED;
	}
	if (!options->workers || options->workers > ADAPTER_WORKERS_MAX) {
		buf_printf(problem, "%u workers are outside 1 to %d",
			   options->workers, ADAPTER_WORKERS_MAX);
		return ERR_RANGE;
	}
	if (options->secret_count > USHER_SECRETS_MAX) {
		buf_printf(problem, "it has %u secrets; at most %d are taken",
			   options->secret_count, USHER_SECRETS_MAX);
		return ERR_LIMIT;
	}
	for (unsigned i = 0; i < options->secret_count; i++) {
		size_t len = options->secrets[i].name.len;

		if (!len || len > USHER_SECRET_NAME_MAX) {
			buf_printf(problem, "the name of secret %u must have 1 "
				   "to %d bytes", i + 1,
				   USHER_SECRET_NAME_MAX);
			return ERR_LIMIT;
		}
	}
	return check_settings(options, problem);
}

/* The one that its file is named in, where the others lie, too; absent where
 * there is none. */
static struct str directory_of(const char *path, char found[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX];
	int n = slash ? (int)(slash - path) + 1 : 1;

	if (n >= PATH_MAX)
		return STR_NULL;
	snprintf(name, sizeof(name), "%.*s", n, slash ? path : ".");
	return realpath(name, found) ? str_from(found) : STR_NULL;
}

/* But for the module. */
static bool is_same(const struct adapter *adapter,
		    const struct adapter_options *options,
		    const struct adapter_services *services)
{
	const struct adapter_env *env = &adapter->env;
	char found[PATH_MAX];

	if (env->services != services ||
	    adapter->wanted_workers != options->workers ||
	    env->deadline_ms != options->deadline_ms ||
	    env->setting_count != options->setting_count ||
	    env->secret_count != options->secret_count ||
	    !str_eq(env->tenant, options->tenant) ||
	    !str_eq(env->directory, directory_of(options->path, found)))
		return false;
	for (unsigned i = 0; i < env->setting_count; i++)
		if (!str_eq(env->settings[i].key, options->settings[i].key) ||
		    !str_eq(env->settings[i].value,
			    options->settings[i].value))
			return false;
	for (unsigned i = 0; i < env->secret_count; i++)
		if (!str_eq(env->secrets[i].name, options->secrets[i].name) ||
		    !str_eq(env->secrets[i].value, options->secrets[i].value))
			return false;
	return true;
}

/* -1: no memory. */
static int copy_options(struct adapter *adapter,
			const struct adapter_options *options)
{
	struct adapter_env *env = &adapter->env;
	struct pool *pool = adapter->pool;
	struct str directory;
	struct adapter_setting *settings;
	struct adapter_secret *secrets;
	char found[PATH_MAX];

	settings = pool_calloc(pool, options->setting_count + 1,
			       sizeof(*settings));
	secrets = pool_calloc(pool, options->secret_count + 1,
			      sizeof(*secrets));
	env->tenant = pool_str(pool, options->tenant);
	directory = directory_of(options->path, found);
	env->directory = str_is_null(directory) ? STR_NULL :
						  pool_str(pool, directory);
	if (str_is_null(env->directory) != str_is_null(directory))
		return -1;
	if (!settings || !secrets || str_is_null(env->tenant))
		return -1;
	for (unsigned i = 0; i < options->setting_count; i++) {
		settings[i].key = pool_str(pool, options->settings[i].key);
		settings[i].value = pool_str(pool,
					     options->settings[i].value);
		if (str_is_null(settings[i].key) ||
		    str_is_null(settings[i].value))
			return -1;
	}
	for (unsigned i = 0; i < options->secret_count; i++) {
		secrets[i].name = pool_str(pool, options->secrets[i].name);
		secrets[i].value = pool_str(pool, options->secrets[i].value);
		if (str_is_null(secrets[i].name) ||
		    str_is_null(secrets[i].value))
			return -1;
	}
	env->settings = settings;
	env->setting_count = options->setting_count;
	env->secrets = secrets;
	env->secret_count = options->secret_count;
	env->deadline_ms = options->deadline_ms;
	adapter->path = pool_str(pool, str_from(options->path)).ptr;
	adapter->file = str_from(adapter->path ? adapter->path : "");
	for (size_t i = adapter->file.len; i-- > 0;)
		if (adapter->file.ptr[i] == '/') {
			adapter->file.ptr += i + 1;
			adapter->file.len -= i + 1;
			break;
		}
	env->file = adapter->file;
	return adapter->path ? 0 : -1;
}

static enum err init_worker(struct adapter *adapter, struct worker *worker,
			    struct buf *problem)
{
	worker->scratch = pool_new(CALL_SCRATCH_MAX);
	if (!worker->scratch)
		return out_of_memory(problem);
	return call_init(adapter->hooks, &adapter->env, adapter->pool,
			 worker->scratch, &worker->state, &worker->is_ready,
			 problem);
}

enum err adapter_init_workers(struct adapter *adapter, struct buf *problem)
{
	enum err err = ERR_OK;

	adapter->workers = calloc(adapter->wanted_workers,
				  sizeof(struct worker));
	if (!adapter->workers)
		return out_of_memory(problem);
	adapter->worker_count = adapter->wanted_workers;
	for (unsigned i = 0; i < adapter->worker_count && !err; i++)
		err = init_worker(adapter, &adapter->workers[i], problem);
	return err;
}

/* Takes over copy->fd in any case. Nothing of it runs yet. */
static enum err adapter_new(const struct adapter_options *options,
			    const struct adapter_services *services,
			    const struct module_copy *copy,
			    struct adapter **adapter_r, struct buf *problem)
{
	struct adapter *adapter = calloc(1, sizeof(*adapter));

	if (!adapter) {
		close(copy->fd);
		return out_of_memory(problem);
	}
	adapter->magic = ADAPTER_MAGIC;
	atomic_init(&adapter->refs, 1);
	atomic_init(&adapter->state, ADAPTER_STARTING);
	list_init(&adapter->queued);
	if (options->isolation == ADAPTER_OWN_PROCESS)
		adapter->supervisor = options->supervisor;
	adapter->copy = *copy;
	adapter->must_be_advisory = options->must_be_advisory;
	adapter->wanted_workers = options->workers;
	adapter->env.services = services;
	adapter->pool = pool_new(ADAPTER_POOL_MAX);
	if (!adapter->pool || copy_options(adapter, options)) {
		adapter_free(adapter);
		return out_of_memory(problem);
	}
	*adapter_r = adapter;
	return ERR_OK;
}

/* Is it of the same content, and neither refused nor about to be? */
static bool has_content(struct adapter *adapter,
			const struct module_copy *copy)
{
	struct module_copy own = adapter->copy;
	bool same;

	own.fd = loading_dup_copy(adapter);
	if (own.fd < 0)
		return false;
	same = module_copy_is_same(&own, copy);
	close(own.fd);
	return same;
}

/* One that is ready is measured; one that is not was promised something. */
static bool is_fit(const struct adapter *adapter, bool must_be_advisory)
{
	if (!adapter_is_ready(adapter))
		return adapter->must_be_advisory == must_be_advisory;
	return !must_be_advisory || (adapter_is_advisory(adapter) &&
				     !adapter_has_sync(adapter));
}

/* Another reference to `previous`, where that is what is asked for. */
static bool is_kept(struct adapter *previous,
		    const struct adapter_options *options,
		    const struct adapter_services *services,
		    const struct module_copy *copy)
{
	struct supervisor *supervisor =
		options->isolation == ADAPTER_OWN_PROCESS ?
		options->supervisor : NULL;

	return previous && previous->supervisor == supervisor &&
	       atomic_load_explicit(&previous->state, memory_order_acquire) !=
	       ADAPTER_REFUSED &&
	       is_fit(previous, options->must_be_advisory) &&
	       is_same(previous, options, services) &&
	       has_content(previous, copy);
}

static enum err begin(const struct adapter_options *options,
		      const struct adapter_services *services,
		      struct adapter *previous, bool is_here,
		      struct adapter **adapter_r, struct buf *problem)
{
	struct adapter *adapter = NULL;
	struct module_copy copy;
	enum err err = check_options(options, problem);

	if (!err)
		err = module_copy(options->path, &copy, problem);
	if (err)
		return err;
	if (is_kept(previous, options, services, &copy)) {
		close(copy.fd);
		*adapter_r = adapter_ref(previous);
		return ERR_OK;
	}
	err = adapter_new(options, services, &copy, &adapter, problem);
	if (err)
		return err;
	adapter->stand_in = loading_stand_in(previous);
	if (adapter->supervisor && str_is_null(adapter->env.directory)) {
		buf_puts(problem, "the directory that it lies in cannot be "
			 "found");
		err = ERR_IO;
	} else if (adapter->supervisor) {
		err = isolated_begin(adapter->supervisor, &adapter->env,
				     &copy, loading_settled, adapter,
				     &adapter->isolated, problem);
	} else if (is_here) {
		loading_run(adapter);
	} else if ((err = loading_queue(adapter)) != ERR_OK) {
		buf_puts(problem, "there is no thread to load it");
	}
	if (err)
		adapter_free(adapter);
	else
		*adapter_r = adapter;
	return err;
}

enum err adapter_begin(const struct adapter_options *options,
		       const struct adapter_services *services,
		       struct adapter *previous, struct adapter **adapter_r,
		       struct buf *problem)
{
	return begin(options, services, previous, false, adapter_r, problem);
}

enum err adapter_load(const struct adapter_options *options,
		      const struct adapter_services *services,
		      struct adapter *previous, struct adapter **adapter_r,
		      struct buf *problem)
{
	struct adapter *adapter = NULL;
	enum err err = begin(options, services, previous, true, &adapter,
			     problem);

	if (err)
		return err;
	adapter_wait(&adapter, 1, -1, NULL);
	if (adapter_verdict(adapter, problem).state == ADAPTER_READY) {
		*adapter_r = adapter;
		return ERR_OK;
	}
	err = adapter->err;
	adapter_unref(adapter);
	return err;
}

struct adapter *adapter_ref(struct adapter *adapter)
{
	invariant_is(adapter, ADAPTER_MAGIC);
	atomic_fetch_add_explicit(&adapter->refs, 1, memory_order_relaxed);
	return adapter;
}

void adapter_unref(struct adapter *adapter)
{
	unsigned before;

	if (!adapter)
		return;
	invariant_is(adapter, ADAPTER_MAGIC);
	before = atomic_fetch_sub_explicit(&adapter->refs, 1,
					   memory_order_acq_rel);
	invariant(before > 0);
	if (before == 1)
		adapter_free(adapter);
}

struct str adapter_name(const struct adapter *adapter)
{
	return adapter_is_ready(adapter) ? adapter->env.name : adapter->file;
}

struct str adapter_version(const struct adapter *adapter)
{
	if (!adapter_is_ready(adapter))
		return STR("");
	return adapter->isolated ? isolated_version(adapter->isolated) :
				   str_from(adapter->hooks->version);
}

bool adapter_process(const struct adapter *adapter,
		     struct isolated_stats *stats_r)
{
	if (!adapter->isolated)
		return false;
	isolated_stats(adapter->isolated, stats_r);
	return true;
}

bool adapter_has_deliver(const struct adapter *adapter)
{
	if (!adapter_is_ready(adapter))
		return true;
	return adapter->isolated ? isolated_has_deliver(adapter->isolated) :
				   adapter->hooks->deliver != NULL;
}

bool adapter_has_sync(const struct adapter *adapter)
{
	if (!adapter_is_ready(adapter))
		return true;
	return adapter->isolated ? isolated_has_sync(adapter->isolated) :
				   adapter->hooks->sync_user != NULL;
}

bool adapter_is_advisory(const struct adapter *adapter)
{
	if (!adapter_is_ready(adapter))
		return false;
	return adapter->isolated ? isolated_is_advisory(adapter->isolated) :
				   adapter->hooks->flags & USHER_ADVISORY;
}

struct adapter_facts adapter_facts(const struct adapter *adapter)
{
	return adapter->isolated ? isolated_facts(adapter->isolated) :
				   call_facts(adapter->hooks);
}

static enum adapter_run run_hooks(struct adapter *adapter, unsigned index,
				  struct adapter_call *call, bool is_deliver)
{
	struct call_hook hooks[CALL_HOOKS_MAX];
	struct worker *worker;
	unsigned count;

	if (index >= adapter->worker_count) {
		snprintf(call->problem, sizeof(call->problem),
			 "there is no state for worker %u", index);
		call->result = ADAPTER_FAILED;
		return ADAPTER_DONE;
	}
	worker = &adapter->workers[index];
	call_begin(call, &adapter->env, worker->scratch);
	count = call_hooks(adapter->hooks, is_deliver, hooks);
	call_run(call, worker->state, hooks, count);
	return ADAPTER_DONE;
}

static enum adapter_run ask(struct adapter *adapter, enum wire_call_kind kind,
			    struct adapter_call *call,
			    void (*done)(struct adapter_call *call))
{
	call_begin(call, &adapter->env, NULL);
	return isolated_call(adapter->isolated, kind, call, done) ?
		ADAPTER_WAITING : ADAPTER_DONE;
}

/* Nobody is there to be called. */
static enum adapter_run refuse(const struct adapter *adapter,
			       struct adapter_call *call)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%.*s\"",
		 STR_ARG(adapter->env.tenant));
	metric_add(metric_get(usher_adapter_unavailable_total, labels), 1);
	snprintf(call->problem, sizeof(call->problem), "%s",
		 atomic_load_explicit(&adapter->state, memory_order_relaxed) ==
		 ADAPTER_STARTING ? "it is still starting" :
				    "it could not be started");
	call->result = ADAPTER_UNAVAILABLE;
	return ADAPTER_DONE;
}

enum adapter_run adapter_handoff(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call))
{
	if (!adapter_is_ready(adapter))
		return refuse(adapter, call);
	if (adapter->isolated)
		return ask(adapter, WIRE_HANDOFF, call, done);
	/* In this process every call is done at once. */
	return run_hooks(adapter, worker, call, false);
}

enum adapter_run adapter_resume(struct adapter *adapter,
				struct adapter_call *call)
{
	return adapter->isolated && isolated_resume(adapter->isolated, call) ?
		ADAPTER_WAITING : ADAPTER_DONE;
}

enum adapter_run adapter_deliver(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call))
{
	if (!adapter_is_ready(adapter))
		return refuse(adapter, call);
	if (adapter->isolated)
		return ask(adapter, WIRE_DELIVER, call, done);
	return run_hooks(adapter, worker, call, true);
}

/* What stands before ".json", with its last dotted part apart. */
static struct str json_field(const struct adapter_setting *settings,
			     unsigned count, struct str prefix)
{
	struct str name = prefix;
	ptrdiff_t dot;

	for (unsigned i = 0; i < count; i++) {
		struct str key = settings[i].key;

		if (key.len == prefix.len + 5 && str_has_prefix(key, prefix) &&
		    !memcmp(key.ptr + prefix.len, ".from", 5))
			return settings[i].value;
	}
	while ((dot = str_find(name, '.')) >= 0)
		name = (struct str){ name.ptr + dot + 1,
				     name.len - (size_t)dot - 1 };
	return name;
}

enum err adapter_json_fields(const struct adapter_setting *settings,
			     unsigned count, struct pool *pool,
			     struct str **names_r, unsigned *count_r)
{
	struct str *names = pool_calloc(pool, count + 1, sizeof(*names));
	unsigned found = 0;

	if (!names)
		return ERR_NOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct str key = settings[i].key;

		if (key.len <= 5 || memcmp(key.ptr + key.len - 5, ".json", 5) ||
		    !str_eq(settings[i].value, STR("true")))
			continue;
		key.len -= 5;
		names[found++] = json_field(settings, count, key);
	}
	*names_r = names;
	*count_r = found;
	return ERR_OK;
}
