#include "workbench/harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/num.h"

#define POOL_MAX (32u * 1024 * 1024)	/* of settings: all that may be */
#define LINES_POOL_MAX (HARNESS_LINES_MAX * (USHER_LOG_MAX + 64) + 8192)

struct harness {
	struct adapter_options options;
	char *path;
	const struct adapter_services *services;
	struct adapter *adapter;
	struct pool *pool;
	/* written by the supervisor's thread too, under the lock */
	struct pool *stderr_lines_pool;
	struct harness_line lines[HARNESS_LINES_MAX];
	unsigned line_count;
	bool is_answered;
};

/* What an adapter is lent has no place for whose it is: there is one harness. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static struct harness *the_rig;

/* ---- what it is lent ---------------------------------------------------- */

static enum err hmac(struct str key, const void *data, size_t len,
		     unsigned char mac_r[32])
{
	const struct adapter_services *services = NULL;

	/* A process may ask while it is being ended. */
	pthread_mutex_lock(&lock);
	if (the_rig)
		services = the_rig->services;
	pthread_mutex_unlock(&lock);
	return services ? services->hmac_sha256(key, data, len, mac_r) :
			  ERR_NOT_FOUND;
}

static void keep_line(enum log_level level, bool is_stray, struct str text)
{
	struct harness *harness;

	pthread_mutex_lock(&lock);
	harness = the_rig;
	if (harness && harness->line_count < HARNESS_LINES_MAX) {
		text = pool_str(harness->stderr_lines_pool, text);
		if (!str_is_null(text))
			harness->lines[harness->line_count++] =
				(struct harness_line){level, is_stray, text};
	}
	pthread_mutex_unlock(&lock);
}

static void log_line(enum log_level level, struct str tenant,
		     struct str adapter, struct str text)
{
	(void)tenant;
	(void)adapter;
	keep_line(level, false, text);
}

static void stray_line(struct str tenant, struct str adapter, struct str text)
{
	(void)tenant;
	(void)adapter;
	keep_line(LOG_LEVEL_WARN, true, text);
}

static const struct adapter_services harness_services = {
	.hmac_sha256 = hmac, .log = log_line, .stray = stray_line,
};

static void forget_lines(struct harness *harness)
{
	pthread_mutex_lock(&lock);
	pool_reset(harness->stderr_lines_pool);
	harness->line_count = 0;
	harness->is_answered = false;
	pthread_mutex_unlock(&lock);
}

/* ---- loading ------------------------------------------------------------ */

/* -1: no memory. */
static int copy_options(struct harness *harness,
			const struct harness_options *options)
{
	unsigned n = options->setting_count, m = options->secret_count;
	struct adapter_setting *settings =
		pool_calloc(harness->pool, n + 1, sizeof(*settings));
	struct adapter_secret *secrets =
		pool_calloc(harness->pool, m + 1, sizeof(*secrets));

	harness->path = strdup(options->path);
	if (!settings || !secrets || !harness->path)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		settings[i].key =
			pool_str(harness->pool, options->settings[i].key);
		settings[i].value =
			pool_str(harness->pool, options->settings[i].value);
	}
	for (unsigned i = 0; i < m; i++) {
		secrets[i].name =
			pool_str(harness->pool, options->secrets[i].name);
		secrets[i].value =
			pool_str(harness->pool, options->secrets[i].value);
	}
	harness->services = options->services;
	harness->options = (struct adapter_options){
		.tenant = STR("trial"),
		.path = harness->path,
		.isolation = options->supervisor ? ADAPTER_OWN_PROCESS
						 : ADAPTER_IN_PROCESS,
		.settings = settings,
		.setting_count = n,
		.secrets = secrets,
		.secret_count = m,
		.deadline_ms = HARNESS_DEADLINE_MS,
		.workers = 1,
		.supervisor = options->supervisor,
	};
	return 0;
}

enum err harness_new(const struct harness_options *options,
		     struct harness **harness_r, struct buf *problem)
{
	struct harness *harness = calloc(1, sizeof(*harness));
	enum err err = ERR_NOMEM;

	if (!harness)
		return err;
	harness->pool = pool_new(POOL_MAX);
	harness->stderr_lines_pool = pool_new(LINES_POOL_MAX);
	pthread_mutex_lock(&lock);
	the_rig = harness;
	pthread_mutex_unlock(&lock);
	if (harness->pool && harness->stderr_lines_pool &&
	    !copy_options(harness, options))
		err = adapter_load(&harness->options, &harness_services, NULL,
				   &harness->adapter, problem);
	else
		buf_puts(problem, "out of memory");
	if (err && harness->stderr_lines_pool)
		harness_last_words(harness, problem);
	if (err)
		harness_free(harness);
	else
		*harness_r = harness;
	return err;
}

void harness_free(struct harness *harness)
{
	if (!harness)
		return;
	adapter_unref(harness->adapter);
	pthread_mutex_lock(&lock);
	the_rig = NULL;
	pthread_mutex_unlock(&lock);
	pool_free(harness->stderr_lines_pool);
	pool_free(harness->pool);
	free(harness->path);
	free(harness);
}

enum err harness_restart(struct harness *harness, struct buf *problem)
{
	struct adapter *fresh;
	enum err err;

	forget_lines(harness);
	err = adapter_load(&harness->options, &harness_services, NULL, &fresh,
			   problem);
	if (err)
		return err;
	adapter_unref(harness->adapter);
	harness->adapter = fresh;
	return ERR_OK;
}

const struct adapter *harness_adapter(const struct harness *harness)
{
	return harness->adapter;
}

bool harness_is_isolated(const struct harness *harness)
{
	return harness->options.isolation == ADAPTER_OWN_PROCESS;
}

/* ---- running ------------------------------------------------------------ */

static void tell_answered(struct adapter_call *call)
{
	struct harness *harness = call->owner;

	pthread_mutex_lock(&lock);
	harness->is_answered = true;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

static void prepare(struct harness *harness, struct sample *s)
{
	struct adapter_call *call = &s->call;

	forget_lines(harness);
	pool_reset(s->out);
	s->trace.count = 0;
	call->pool = s->out;
	call->fields = s->is_deliver ? NULL : &s->fields;
	call->claims = s->is_deliver ? NULL : &s->claims;
	call->attributes = &s->attributes;
	call->trace = &s->trace;
	call->owner = harness;
}

void harness_run(struct harness *harness, struct sample *s)
{
	uint32_t spent = s->call.spent_ms;
	enum adapter_run run;

	prepare(harness, s);
	s->call.spent_ms = spent + HARNESS_DEADLINE_MS - HARNESS_SHOWN_MS;
	s->took_ns = clock_mono_ns();
	run = s->is_deliver ?
		adapter_deliver(harness->adapter, 0, &s->call, tell_answered) :
		adapter_handoff(harness->adapter, 0, &s->call, tell_answered);
	if (run == ADAPTER_WAITING) {
		pthread_mutex_lock(&lock);
		while (!harness->is_answered)
			pthread_cond_wait(&answered, &lock);
		pthread_mutex_unlock(&lock);
	}
	s->took_ns = clock_mono_ns() - s->took_ns;
	s->call.spent_ms = spent;
}

unsigned harness_lines(const struct harness *harness,
		       const struct harness_line **lines_r)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = harness->line_count;
	pthread_mutex_unlock(&lock);
	*lines_r = harness->lines;
	return count;
}

#define WORDS_MAX 256

void harness_last_words(const struct harness *harness, struct buf *out)
{
	struct str text = STR_NULL;
	bool is_error = false;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < harness->line_count; i++) {
		struct str line = harness->lines[i].text;
		bool speaks = str_icontains(line, STR("error"));

		if (!harness->lines[i].is_stray || (is_error && !speaks))
			continue;
		text = line;
		is_error = speaks;
	}
	pthread_mutex_unlock(&lock);
	if (str_is_null(text))
		return;
	buf_puts(out, "; it wrote: ");
	for (size_t i = 0; i < text.len && i < WORDS_MAX; i++)
		buf_addc(out, text.ptr[i] >= ' ' && text.ptr[i] <= '~' ?
			 text.ptr[i] : '?');
}

/* The sixth number of statm, readable to all who may see the process. */
uint64_t harness_memory(const struct harness *harness)
{
	struct isolated_stats stats;
	char path[64], text[256];
	struct str word, rest;
	uint64_t pages = 0;
	FILE *f;

	if (!adapter_process(harness->adapter, &stats))
		stats.pid = getpid();
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)stats.pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	rest = str_from(fgets(text, sizeof(text), f));
	fclose(f);
	for (int i = 0; i < 6 && !str_is_null(rest); i++) {
		word = str_cut(rest, ' ', &rest);
		if (i == 5 && num_u64(word, 0, UINT32_MAX, &pages))
			pages = 0;
	}
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
