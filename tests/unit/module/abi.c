/*
 * Adapters as they were built with each released version of the ABI, in this
 * gateway: in its own process and in one of theirs.
 */
#include "adapter/supervisor.h"

#include <dirent.h>
#include <pthread.h>

#include "unit/adapter/adapters.h"

#define VERSIONS_MAX 64

static char message[ADAPTER_LOAD_PROBLEM_MAX];
static struct supervisor *supervisor;
static struct adapter *adapter;
static struct sign_in s;
static struct fields stored, claims;
static char names[VERSIONS_MAX][32];
static int count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static bool is_done;

/* "abi-v1.0": one for each directory of frozen headers. */
static void find_versions(void)
{
	const char *dir = getenv("ADAPTERS");
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d)) && count < VERSIONS_MAX) {
		size_t len = strlen(e->d_name);

		if (strncmp(e->d_name, "abi-v", 5) || len < 9 ||
		    len >= sizeof(names[0]) ||
		    strcmp(e->d_name + len - 3, ".so"))
			continue;
		snprintf(names[count++], sizeof(names[0]), "%.*s",
			 (int)len - 3, e->d_name);
	}
	if (d)
		closedir(d);
}

static void setup(void)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(supervisor_new(NULL, &supervisor, &problem) == ERR_OK,
		      "%s", message);
}

static void teardown(void)
{
	adapter_unref(adapter);
	pool_free(s.pool);
	supervisor_free(supervisor);
}

static void load(const char *name, bool is_apart)
{
	static const struct adapter_setting settings[] = {
		SETTING("greeting", "hello"),
	};
	static const struct adapter_secret secrets[] = {
		{ STR("desk"), STR("key") },
	};
	char path[ADAPTER_PATH_MAX];
	struct adapter_options options = {
		.tenant = STR("acme"), .path = adapter_path(name, path),
		.isolation = is_apart ? ADAPTER_OWN_PROCESS :
					ADAPTER_IN_PROCESS,
		.settings = settings, .setting_count = 1, .secrets = secrets,
		.secret_count = 1, .deadline_ms = 10000, .workers = 1,
		.supervisor = supervisor,
	};
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(!adapter_load(&options, &test_services, NULL, &adapter,
				    &problem), "%s: %s", name, message);
}

static void begin(void)
{
	pool_free(s.pool);
	sign_in_init(&s);
	fields_init(&stored, s.pool);
	fields_init(&claims, s.pool);
	s.call.attributes = &stored;
	s.call.claims = &claims;
	s.call.info.tenant_slug = STR("acme");
	s.call.info.user_id = STR("42");
	s.call.info.user_email = STR("ann@example.com");
	sign_in_field(&s, "name", "Ann");
}

static void done(struct adapter_call *call)
{
	(void)call;
	pthread_mutex_lock(&lock);
	is_done = true;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

static enum adapter_result run(bool is_deliver)
{
	enum adapter_run how;

	is_done = false;
	if (is_deliver)
		s.call.fields = NULL;
	how = is_deliver ? adapter_deliver(adapter, 0, &s.call, done) :
			   adapter_handoff(adapter, 0, &s.call, done);
	pthread_mutex_lock(&lock);
	while (how == ADAPTER_WAITING && !is_done)
		pthread_cond_wait(&answered, &lock);
	pthread_mutex_unlock(&lock);
	return s.call.result;
}

static void check_functions(void)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "get.field", "pro" }, { "get.claim", "staff" },
		{ "get.attribute", "before" }, { "get.info", "acme" },
		{ "at", "name" }, { "type.json", "+1" },
		{ "type.missing", "-1" }, { "config_at", "greeting" },
		{ "alloc", "zeroed" }, { "times", "told" },
		{ "random_bytes", "+0" }, { "hmac_sha256.missing", "-1" },
		/* of "message" under "key" */
		{ "hmac_sha256", "6e4a" },
		{ "email_key", "ann@example.com" }, { "config", "hello" },
		{ "domain_key", "example.com" }, { "has", "+1" },
		{ "set_field.there", "-6" },
	};

	for (unsigned i = 0; i < COUNT(want); i++)
		ck_assert_msg(str_eq(change_of(&s, want[i].name)->value,
				     str_from(want[i].value)), "%s is %s",
			      want[i].name,
			      change_of(&s, want[i].name)->value.ptr);
	ck_assert(str_is_null(change_of(&s, "stored")->value));
	ck_assert_uint_eq(s.call.change_count, COUNT(want) + 1);
}

/* Both ways of running it, one after the other. */
START_TEST(what_was_promised_to_it_is_kept)
{
	load(names[_i / 2], _i % 2);
	begin();
	sign_in_field(&s, "plan", "pro");
	fields_set(&s.fields, STR("tags"), STR("[1]"), FIELD_JSON);
	fields_set(&claims, STR("group"), STR("staff"), FIELD_TEXT);
	fields_set(&stored, STR("stored"), STR("before"), FIELD_TEXT);
	ck_assert_msg(run(false) == ADAPTER_OK, "%s", s.call.problem);
	check_functions();
	ck_str_is(s.call.email, "ann@example.com");
	ck_str_is(s.call.redirect, "https://desk.example/");
	ck_assert_uint_eq(s.call.event_count, 1);
	ck_str_is(s.call.events[0].name, "adapter.seen");
	begin();
	ck_assert_msg(run(true) == ADAPTER_OK, "%s", s.call.problem);
	ck_str_is(s.call.post_url, "https://desk.example/in");
	ck_assert_uint_eq(s.call.post_field_count, 2);
	ck_str_is(s.call.post_fields[0].text, "ann@example.com");
	ck_str_is(s.call.post_fields[1].text, "hello");
}
END_TEST

START_TEST(what_it_refuses_is_refused)
{
	load(names[_i / 2], _i % 2);
	begin();
	sign_in_field(&s, "error", "x");
	ck_assert_int_eq(run(false), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text, "As asked.");
	begin();
	fields_set(&stored, STR("stored"), STR("before"), FIELD_TEXT);
	sign_in_field(&s, "deny", "x");
	ck_assert_int_eq(run(false), ADAPTER_DENIED);
	ck_str_is(s.call.deny_code, "as_asked");
	begin();
	fields_set(&stored, STR("stored"), STR("before"), FIELD_TEXT);
	sign_in_field(&s, "fail", "x");
	ck_assert_int_eq(run(false), ADAPTER_FAILED);
	ck_assert_str_eq(s.call.problem, "sync_user returned USHER_FAIL");
}
END_TEST

START_TEST(there_is_one_at_least)
{
	ck_assert_int_ge(count, 1);
	ck_assert_int_lt(count, VERSIONS_MAX);
}
END_TEST

static void abi_tests(TCase *t)
{
	find_versions();
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, there_is_one_at_least);
	tcase_add_loop_test(t, what_was_promised_to_it_is_kept, 0, 2 * count);
	tcase_add_loop_test(t, what_it_refuses_is_refused, 0, 2 * count);
}

UNIT_MAIN("abi", abi_tests)
