/*
 * adapters: what the suites that load real adapters share.
 *
 * Where the built ones are stands in the environment: ADAPTERS is a directory
 * of them, PLUGINS the build directory of plugins/ (not needed where the
 * former has them too).
 */
#ifndef TESTS_UNIT_ADAPTERS_H
#define TESTS_UNIT_ADAPTERS_H

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "unit/unit.h"

#define ADAPTER_PATH_MAX 4096

__attribute__((unused)) static const char *
adapter_path(const char *name, char path[ADAPTER_PATH_MAX])
{
	const char *dir = getenv("ADAPTERS"), *plugins = getenv("PLUGINS");

	ck_assert_msg(dir != NULL, "ADAPTERS must name the directory of the "
				   "built adapters");
	snprintf(path, ADAPTER_PATH_MAX, "%s/%s.so", dir, name);
	if (access(path, F_OK) && plugins) {
		snprintf(path, ADAPTER_PATH_MAX, "%s/%s/.libs/%s.so", plugins,
			 name, name);
		if (access(path, F_OK))
			snprintf(path, ADAPTER_PATH_MAX, "%s/%s.so", dir,
				 name);
	}
	/* What a build under umask 002 leaves is refused, and rightly so. */
	chmod(path, 0755);
	return path;
}

/* The file's bytes, and `extra` at their end, as a new file. */
__attribute__((unused)) static void copy_file(const char *from, const char *to,
					      const char *extra)
{
	char chunk[4096];
	int in = open(from, O_RDONLY), out;
	ssize_t n;

	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, chunk, sizeof(chunk))) > 0)
		ck_assert_int_eq(write(out, chunk, (size_t)n), n);
	n = (ssize_t)strlen(extra);
	ck_assert_int_eq(write(out, extra, (size_t)n), n);
	ck_assert_int_eq(fchmod(out, 0755), 0);
	close(in);
	close(out);
}

__attribute__((unused)) static enum err test_hmac(struct str key,
						  const void *data, size_t len,
						  unsigned char mac[32])
{
	unsigned size = 32;

	return HMAC(EVP_sha256(), key.ptr, (int)key.len, data, len, mac,
		    &size) ? ERR_OK : ERR_INTERNAL;
}

static char last_log[2048] __attribute__((unused));
/* The supervisor's thread writes lines, too. */
static atomic_uint log_count __attribute__((unused));

__attribute__((unused)) static void test_log(enum log_level level,
					     struct str tenant,
					     struct str adapter,
					     struct str text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	/* the loaders' threads, the supervisor's and the test's write */
	pthread_mutex_lock(&lock);
	log_count++;
	snprintf(last_log, sizeof(last_log), "%d %.*s %.*s %.*s", (int)level,
		 STR_ARG(tenant), STR_ARG(adapter), STR_ARG(text));
	pthread_mutex_unlock(&lock);
}

static const struct adapter_services test_services __attribute__((unused)) = {
	.hmac_sha256 = test_hmac,
	.log = test_log,
};

/* One request: its pool and fields. */
struct sign_in {
	struct pool *pool;
	struct fields fields;
	struct adapter_call call;
};

__attribute__((unused)) static void
sign_in_init(struct sign_in *s)
{
	s->pool = pool_new(256 * 1024);
	fields_init(&s->fields, s->pool);
	s->call = (struct adapter_call){ .pool = s->pool, .fields = &s->fields,
					 .may_supply = true };
}

__attribute__((unused)) static void
sign_in_field(struct sign_in *s, const char *name, const char *value)
{
	ck_assert_int_eq(fields_set(&s->fields, str_from(name),
				    str_from(value), FIELD_TEXT), ERR_OK);
}

__attribute__((unused)) static void
not_done(struct adapter_call *call)
{
	(void)call;
	ck_abort_msg("done is not called for ADAPTER_DONE");
}

__attribute__((unused)) static enum adapter_result
handoff(struct adapter *adapter, unsigned worker, struct sign_in *s)
{
	ck_assert_int_eq(adapter_handoff(adapter, worker, &s->call, not_done),
			 ADAPTER_DONE);
	return s->call.result;
}

__attribute__((unused)) static const struct adapter_change *
change_of(const struct sign_in *s, const char *name)
{
	for (unsigned i = 0; i < s->call.change_count; i++)
		if (str_eq(s->call.changes[i].name, str_from(name)))
			return &s->call.changes[i];
	ck_abort_msg("%s was not changed", name);
	return NULL;
}

/* With these settings and nothing else; NULL: `message` says why. */
__attribute__((unused)) static struct adapter *
load_with(const char *name, const struct adapter_setting *settings,
	  unsigned count, char message[ADAPTER_LOAD_PROBLEM_MAX])
{
	char path[ADAPTER_PATH_MAX];
	struct adapter_options options = {
		.tenant = STR("acme"),
		.path = adapter_path(name, path),
		.settings = settings,
		.setting_count = count,
		.deadline_ms = 50,
		.workers = 1,
	};
	struct adapter *adapter = NULL;
	struct buf problem;

	buf_init_fixed(&problem, message, ADAPTER_LOAD_PROBLEM_MAX);
	adapter_load(&options, &test_services, NULL, &adapter, &problem);
	return adapter;
}

/* One setting that keeps an adapter from loading, and words of the message. */
struct bad_setting {
	const char *key, *value, *says;
};

__attribute__((unused)) static void
check_bad_settings(const char *name, const struct bad_setting *cases,
		   unsigned count)
{
	char message[ADAPTER_LOAD_PROBLEM_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct adapter_setting one = { str_from(cases[i].key),
					       str_from(cases[i].value) };

		ck_assert_msg(load_with(name, &one, 1, message) == NULL,
			      "%s loads with %s = %s", name, cases[i].key,
			      cases[i].value);
		ck_assert_msg(strstr(message, cases[i].says) != NULL,
			      "%s = %s: %s", cases[i].key, cases[i].value,
			      message);
	}
}

#define SETTING(k, v) { STR(k), STR(v) }
#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

#endif
