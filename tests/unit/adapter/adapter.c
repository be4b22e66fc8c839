#include "adapter/adapter.h"

#include <pthread.h>

#include "unit/adapter/adapters.h"

#define WORKERS 3

static char message[ADAPTER_LOAD_PROBLEM_MAX];
static char path[ADAPTER_PATH_MAX];
static struct adapter_setting settings[] = {
	SETTING("greeting", "hello"),
};
static struct adapter_secret secrets[] = {
	{ STR("desk"), STR("s3cret") },
};

static struct adapter_options options_for(const char *name)
{
	return (struct adapter_options){
		.tenant = STR("acme"),
		.path = adapter_path(name, path),
		.isolation = ADAPTER_IN_PROCESS,
		.settings = settings,
		.setting_count = COUNT(settings),
		.secrets = secrets,
		.secret_count = COUNT(secrets),
		.deadline_ms = 50,
		.workers = WORKERS,
	};
}

static enum err load(const struct adapter_options *options,
		     struct adapter *previous, struct adapter **adapter)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	return adapter_load(options, &test_services, previous, adapter,
			    &problem);
}

static struct adapter *must_load(const char *name)
{
	struct adapter_options options = options_for(name);
	struct adapter *adapter = NULL;

	ck_assert_msg(load(&options, NULL, &adapter) == ERR_OK, "%s: %s", name,
		      message);
	return adapter;
}

START_TEST(a_handoff_runs_three_hooks_in_one_call)
{
	struct adapter *adapter = must_load("good");
	struct sign_in s;

	ck_str_is(adapter_name(adapter), "good");
	ck_str_is(adapter_version(adapter), "1.2.3");
	ck_assert(adapter_has_deliver(adapter));
	sign_in_init(&s);
	sign_in_field(&s, "plan", "pro");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(change_of(&s, "plan")->value, "pro");
	ck_str_is(change_of(&s, "greeting")->value, "hello");
	ck_str_is(change_of(&s, "calls")->value, "1");
	ck_str_is(s.call.redirect, "https://desk.example/pro");
	ck_assert_uint_eq(s.call.event_count, 1);
	ck_str_is(s.call.events[0].name, "adapter.seen");
	ck_str_is(s.call.events[0].json, "{\"n\":1}");
	pool_free(s.pool);

	/* What an earlier request set is not seen by the next. */
	sign_in_init(&s);
	sign_in_field(&s, "plan", "free");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(s.call.redirect));
	ck_str_is(change_of(&s, "calls")->value, "2");
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(outputs_outlive_the_adapter)
{
	struct adapter *adapter = must_load("good");
	struct sign_in s;

	sign_in_init(&s);
	sign_in_field(&s, "plan", "pro");
	ck_assert_int_eq(handoff(adapter, 2, &s), ADAPTER_OK);
	adapter_unref(adapter);
	ck_str_is(change_of(&s, "greeting")->value, "hello");
	ck_str_is(s.call.redirect, "https://desk.example/pro");
	pool_free(s.pool);
}
END_TEST

START_TEST(each_worker_has_a_state_of_its_own)
{
	struct adapter *adapter = must_load("good");
	struct sign_in s;

	for (unsigned worker = 0; worker < WORKERS; worker++) {
		sign_in_init(&s);
		sign_in_field(&s, "plan", "x");
		ck_assert_int_eq(handoff(adapter, worker, &s), ADAPTER_OK);
		ck_str_is(change_of(&s, "calls")->value, "1");
		pool_free(s.pool);
	}
	sign_in_init(&s);
	ck_assert_int_eq(handoff(adapter, WORKERS, &s), ADAPTER_FAILED);
	ck_assert_str_eq(s.call.problem, "there is no state for worker 3");
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(deliver_sends_the_user_on_with_a_form)
{
	struct adapter *adapter = must_load("good");
	struct sign_in s;

	sign_in_init(&s);
	s.call.fields = NULL;
	s.call.info.user_id = STR("42");
	ck_assert_int_eq(adapter_deliver(adapter, 1, &s.call, not_done),
			 ADAPTER_DONE);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	ck_str_is(s.call.post_url, "https://desk.example/login");
	ck_assert_uint_eq(s.call.post_field_count, 1);
	ck_str_is(s.call.post_fields[0].field, "user");
	ck_str_is(s.call.post_fields[0].text, "42");
	pool_free(s.pool);
	/* Without a user it fails, and nobody passes. */
	sign_in_init(&s);
	adapter_deliver(adapter, 1, &s.call, not_done);
	ck_assert_int_eq(s.call.result, ADAPTER_FAILED);
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(an_adapter_without_a_hook_leaves_the_default)
{
	struct adapter *adapter = must_load("older");
	struct sign_in s;

	ck_assert(!adapter_has_deliver(adapter));
	sign_in_init(&s);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(change_of(&s, "age")->value, "old");
	ck_assert(str_is_null(s.call.redirect));
	adapter_deliver(adapter, 0, &s.call, not_done);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	ck_assert_uint_eq(s.call.change_count, 0);
	ck_assert(str_is_null(s.call.post_url));
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(the_first_hook_that_refuses_is_the_last_to_run)
{
	static const struct {
		const char *map, *sync, *choose;
		enum adapter_result result;
		unsigned changes;
	} cases[] = {
		{ "ok", "ok", "ok", ADAPTER_OK, 0 },
		{ "set", "decline", "decline", ADAPTER_OK, 1 },
		{ "set_decline", "set", "ok", ADAPTER_OK, 1 },
		{ "set", "deny", "fail", ADAPTER_DENIED, 0 },
		{ "deny_words", "fail", "fail", ADAPTER_DENIED, 0 },
		{ "error", "deny", "deny", ADAPTER_INVALID, 0 },
		{ "set", "set", "error", ADAPTER_INVALID, 0 },
		{ "fail", "deny", "deny", ADAPTER_FAILED, 0 },
		{ "set", "unknown", "deny", ADAPTER_FAILED, 0 },
		{ "bad_utf8", "ok", "ok", ADAPTER_FAILED, 0 },
		{ "wrong_hook", "ok", "ok", ADAPTER_FAILED, 0 },
		{ "thousand", "ok", "ok", ADAPTER_FAILED, 0 },
		{ "set", "set", "set", ADAPTER_FAILED, 0 },
	};
	struct adapter *adapter = must_load("misbehave");

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct sign_in s;

		sign_in_init(&s);
		sign_in_field(&s, "map", cases[i].map);
		sign_in_field(&s, "sync", cases[i].sync);
		sign_in_field(&s, "choose", cases[i].choose);
		ck_assert_msg(handoff(adapter, 0, &s) == cases[i].result,
			      "case %u: %d, %s", i, (int)s.call.result,
			      s.call.problem);
		ck_assert_msg(s.call.change_count == cases[i].changes,
			      "case %u", i);
		pool_free(s.pool);
	}
	adapter_unref(adapter);
}
END_TEST

START_TEST(a_failing_init_is_a_failed_load_that_says_why)
{
	static const struct {
		const char *how, *says;
	} cases[] = {
		{ "error", "config.how: must be something else" },
		{ "error_ok", "config.how: was seen too late" },
		{ "fail", "init returned USHER_FAIL" },
		{ "decline", "init returned 1" },
		{ "deny", "init called set_deny(), which only map_fields, " },
	};
	struct adapter_options options = options_for("init-fails");
	struct adapter_setting how = { .key = STR("how") };
	struct adapter *adapter = NULL;

	options.settings = &how;
	options.setting_count = 1;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		how.value = str_from(cases[i].how);
		ck_assert_int_ne(load(&options, NULL, &adapter), ERR_OK);
		ck_assert_msg(strstr(message, cases[i].says) != NULL,
			      "%s says '%s'", cases[i].how, message);
		ck_assert_ptr_null(adapter);
	}
	/* The third state's init fails: the other two are given back. */
	how.value = STR("third");
	ck_assert_int_ne(load(&options, NULL, &adapter), ERR_OK);
	ck_assert_ptr_null(adapter);
}
END_TEST

START_TEST(init_and_fini_are_called_once_for_each_state)
{
	char journal[] = "/tmp/usher-journal-XXXXXX", text[32];
	int fd = mkstemp(journal);
	struct adapter_setting setting = { STR("journal"), str_from(journal) };
	struct adapter_options options = options_for("good");
	struct adapter *a, *b;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	options.settings = &setting;
	options.setting_count = 1;
	ck_assert_int_eq(load(&options, NULL, &a), ERR_OK);
	b = adapter_ref(a);
	adapter_unref(a);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), WORKERS);
	adapter_unref(b);
	n = pread(fd, text, sizeof(text), 0);
	ck_str_is(((struct str){ text, (size_t)n }), "iiifff");
	close(fd);
	unlink(journal);
}
END_TEST

START_TEST(an_unchanged_adapter_goes_on_over_a_reload)
{
	struct adapter_options options = options_for("good");
	struct adapter *first = must_load("good"), *next = NULL;
	struct adapter_setting other[] = { SETTING("greeting", "bye") };
	struct adapter_secret other_secret[] = { { STR("desk"), STR("n3w") } };
	struct sign_in s;

	sign_in_init(&s);
	sign_in_field(&s, "plan", "x");
	ck_assert_int_eq(handoff(first, 0, &s), ADAPTER_OK);
	pool_free(s.pool);

	ck_assert_int_eq(load(&options, first, &next), ERR_OK);
	ck_assert_ptr_eq(next, first);
	adapter_unref(first);
	/* With its states: this is the second call. */
	sign_in_init(&s);
	sign_in_field(&s, "plan", "x");
	ck_assert_int_eq(handoff(next, 0, &s), ADAPTER_OK);
	ck_str_is(change_of(&s, "calls")->value, "2");
	pool_free(s.pool);
	first = next;

#define CHANGED(change)							\
	options = options_for("good");					\
	options.change;							\
	ck_assert_int_eq(load(&options, first, &next), ERR_OK);		\
	ck_assert_ptr_ne(next, first);					\
	adapter_unref(next)
	CHANGED(settings = other);
	CHANGED(setting_count = 0);
	CHANGED(secrets = other_secret);
	CHANGED(secret_count = 0);
	CHANGED(deadline_ms = 51);
	CHANGED(workers = WORKERS + 1);
	CHANGED(tenant = STR("other"));
	CHANGED(path = adapter_path("misbehave", path));
#undef CHANGED
	adapter_unref(first);
	adapter_unref(NULL);
}
END_TEST

START_TEST(a_changed_file_is_a_new_adapter_a_broken_one_leaves_the_old)
{
	char from[ADAPTER_PATH_MAX], copy[] = "/tmp/usher-adapter-XXXXXX";
	struct adapter_options options = options_for("good");
	struct adapter *first, *next = NULL;
	struct sign_in s;

	close(mkstemp(copy));
	copy_file(adapter_path("good", from), copy, "v1");
	options.path = copy;
	ck_assert_msg(load(&options, NULL, &first) == ERR_OK, "%s", message);
	copy_file(from, copy, "v2");
	ck_assert_int_eq(load(&options, first, &next), ERR_OK);
	ck_assert_ptr_ne(next, first);
	adapter_unref(next);
	next = NULL;
	copy_file(adapter_path("newer-minor", from), copy, "");
	ck_assert_int_ne(load(&options, first, &next), ERR_OK);
	ck_assert_ptr_null(next);
	sign_in_init(&s);
	sign_in_field(&s, "plan", "pro");
	ck_assert_int_eq(handoff(first, 0, &s), ADAPTER_OK);
	pool_free(s.pool);
	adapter_unref(first);
	unlink(copy);
}
END_TEST

START_TEST(options_out_of_bounds_are_refused_with_words)
{
	struct adapter_secret nameless[] = { { STR(""), STR("x") } };
	struct adapter_setting odd[] = { SETTING("greeting", "a\nb") };
	struct adapter_options options;
	struct adapter *adapter = NULL;

#define REFUSED(change, says)						\
	options = options_for("good");					\
	options.change;							\
	ck_assert_int_ne(load(&options, NULL, &adapter), ERR_OK);	\
	ck_assert_msg(strstr(message, says) != NULL, "'%s'", message)
	REFUSED(isolation = ADAPTER_OWN_PROCESS, "isolation = \"none\"");
	REFUSED(workers = 0, "0 workers");
	REFUSED(workers = ADAPTER_WORKERS_MAX + 1, "257 workers");
	REFUSED(secrets = nameless, "the name of secret 1");
	REFUSED(secret_count = USHER_SECRETS_MAX + 1, "17 secrets");
	REFUSED(setting_count = USHER_CONFIG_MAX + 1, "1025 values");
	REFUSED(settings = odd, "config.greeting is not UTF-8");
	REFUSED(path = "/nowhere/at/all.so", "cannot be opened");
#undef REFUSED
	ck_assert_ptr_null(adapter);
}
END_TEST

struct run {
	struct adapter *adapter;
	unsigned worker;
	bool is_good;
};

static void *run_many(void *arg)
{
	struct run *run = arg;

	for (int i = 0; i < 200; i++) {
		struct sign_in s;
		enum adapter_result result;

		sign_in_init(&s);
		fields_set(&s.fields, STR("plan"), STR("pro"), FIELD_TEXT);
		adapter_handoff(run->adapter, run->worker, &s.call, not_done);
		result = s.call.result;
		pool_free(s.pool);
		if (result != ADAPTER_OK)
			return NULL;
	}
	adapter_unref(run->adapter);
	run->is_good = true;
	return NULL;
}

START_TEST(workers_call_at_the_same_time)
{
	struct adapter *adapter = must_load("good");
	struct run runs[WORKERS];
	pthread_t threads[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		runs[i] = (struct run){ adapter_ref(adapter), i, false };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_many,
						&runs[i]), 0);
	}
	adapter_unref(adapter);
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert(runs[i].is_good);
	}
}
END_TEST

START_TEST(json_fields_are_read_from_the_settings)
{
	static const struct adapter_setting list[] = {
		SETTING("address.from", "postal_address"),
		SETTING("address.json", "true"),
		SETTING("tags.json", "true"),
		SETTING("plan.json", "false"),
		SETTING("deep.er.json", "true"),
		SETTING(".json", "true"),
		SETTING("json", "true"),
	};
	struct pool *pool = pool_new(4096);
	struct str *names;
	unsigned count;

	ck_assert_int_eq(adapter_json_fields(list, COUNT(list), pool, &names,
					     &count), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_str_is(names[0], "postal_address");
	ck_str_is(names[1], "tags");
	ck_str_is(names[2], "er");
	pool_free(pool);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, a_handoff_runs_three_hooks_in_one_call);
	tcase_add_test(t, outputs_outlive_the_adapter);
	tcase_add_test(t, each_worker_has_a_state_of_its_own);
	tcase_add_test(t, deliver_sends_the_user_on_with_a_form);
	tcase_add_test(t, an_adapter_without_a_hook_leaves_the_default);
	tcase_add_test(t, the_first_hook_that_refuses_is_the_last_to_run);
	tcase_add_test(t, a_failing_init_is_a_failed_load_that_says_why);
	tcase_add_test(t, init_and_fini_are_called_once_for_each_state);
	tcase_add_test(t, an_unchanged_adapter_goes_on_over_a_reload);
	tcase_add_test(t,
		a_changed_file_is_a_new_adapter_a_broken_one_leaves_the_old);
	tcase_add_test(t, options_out_of_bounds_are_refused_with_words);
	tcase_add_test(t, workers_call_at_the_same_time);
	tcase_add_test(t, json_fields_are_read_from_the_settings);
}

UNIT_MAIN("adapter", add_tests)
