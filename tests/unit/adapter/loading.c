/* From the beginning of an adapter to ready or refused: who waits for whom. */
#include "adapter/supervisor.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include "unit/adapter/adapters.h"

static struct supervisor *supervisor;
static char message[ADAPTER_LOAD_PROBLEM_MAX];
static char path[ADAPTER_PATH_MAX];

/* What the log was told, the last time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static char said[256];

static void keep_event(enum log_level level, const struct log_event *event,
		       struct str tenant, struct str text)
{
	(void)level;
	pthread_mutex_lock(&lock);
	snprintf(said, sizeof(said), "%s %.*s %.*s", event->name,
		 STR_ARG(tenant), STR_ARG(text));
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&lock);
}

static const struct adapter_services services = {
	.hmac_sha256 = test_hmac, .log = test_log, .tell = keep_event,
};

static void begin(void)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(supervisor_new(NULL, &supervisor, &problem) == ERR_OK,
		      "%s", message);
}

static struct adapter_options options_for(const char *name,
					  enum adapter_isolation isolation)
{
	return (struct adapter_options){
		.tenant = STR("acme"), .path = adapter_path(name, path),
		.isolation = isolation, .deadline_ms = 10000, .workers = 1,
		.supervisor = supervisor,
	};
}

static struct adapter *start(const char *name, enum adapter_isolation isolation,
			     struct adapter *previous)
{
	struct adapter_options options = options_for(name, isolation);
	struct adapter *adapter = NULL;
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(adapter_begin(&options, &services, previous, &adapter,
				    &problem) == ERR_OK, "%s", message);
	return adapter;
}

static enum adapter_state state_of(struct adapter *adapter)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	return adapter_verdict(adapter, &problem).state;
}

static struct adapter *ready(const char *name,
			     enum adapter_isolation isolation)
{
	struct adapter *adapter = start(name, isolation, NULL);

	ck_assert(adapter_wait(&adapter, 1, -1, NULL));
	ck_assert_int_eq(state_of(adapter), ADAPTER_READY);
	return adapter;
}

/* The gate opens (tests/adapters/gate.c) whenever it looks again. */
static void open_gate(struct adapter *gate)
{
	struct rlimit files;

	while (state_of(gate) == ADAPTER_STARTING) {
		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
		files.rlim_cur--;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
		adapter_wait(&gate, 1, 10, NULL);
	}
	ck_assert_int_eq(state_of(gate), ADAPTER_READY);
}

static bool is_at_gate(const char *task)
{
	char file[300], name[32] = "";
	FILE *in;

	snprintf(file, sizeof(file), "/proc/self/task/%s/comm", task);
	in = fopen(file, "r");
	if (!in)
		return false;
	if (!fgets(name, sizeof(name), in))
		name[0] = '\0';
	fclose(in);
	return !strcmp(name, "at the gate\n");
}

/* Until a thread stands there. */
static void await_gate(void)
{
	struct dirent *task;
	bool found = false;

	while (!found) {
		DIR *tasks = opendir("/proc/self/task");

		ck_assert_ptr_nonnull(tasks);
		while (!found && (task = readdir(tasks)))
			found = is_at_gate(task->d_name);
		closedir(tasks);
	}
}

static enum adapter_result call(struct adapter *adapter)
{
	enum adapter_result result;
	struct sign_in s;

	sign_in_init(&s);
	result = handoff(adapter, 0, &s);
	pool_free(s.pool);
	return result;
}

static void end(void)
{
	supervisor_free(supervisor);
	ck_assert(adapter_loaders_end(10000));
}

START_TEST(a_module_that_hangs_here_holds_up_nobody_else)
{
	struct adapter *good, *gate, *isolated;

	begin();
	good = ready("good", ADAPTER_IN_PROCESS);
	gate = start("gate", ADAPTER_IN_PROCESS, NULL);
	ck_assert_int_eq(call(gate), ADAPTER_UNAVAILABLE);
	ck_assert(adapter_is_away(gate));
	/* Nothing is known of it, and it is taken for what is worse. */
	ck_str_is(adapter_name(gate), "gate.so");
	ck_str_is(adapter_version(gate), "");
	ck_assert(adapter_has_deliver(gate));
	ck_assert(adapter_has_sync(gate));
	ck_assert(!adapter_is_advisory(gate));
	/* The loader's thread holds what locks a load has, meanwhile. */
	await_gate();
	isolated = ready("good", ADAPTER_OWN_PROCESS);
	ck_assert_int_eq(call(good), ADAPTER_OK);
	adapter_unref(good);
	adapter_unref(isolated);
	ck_assert_int_eq(state_of(gate), ADAPTER_STARTING);
	open_gate(gate);
	ck_assert_int_eq(call(gate), ADAPTER_OK);
	ck_assert(!adapter_is_away(gate));
	ck_str_is(adapter_name(gate), "gate");
	adapter_unref(gate);
	end();
}
END_TEST

START_TEST(who_stops_is_told_that_a_module_hangs)
{
	struct adapter *gate, *behind[LOADERS_MAX + 1];

	begin();
	gate = start("gate", ADAPTER_IN_PROCESS, NULL);
	await_gate();
	for (unsigned i = 0; i < COUNT(behind); i++)
		behind[i] = start("good", ADAPTER_IN_PROCESS, NULL);
	ck_assert(!adapter_loaders_end(0));
	for (unsigned i = 0; i < COUNT(behind); i++)
		adapter_unref(behind[i]);
	open_gate(gate);
	adapter_unref(gate);
	end();
}
END_TEST

START_TEST(one_stands_in_until_the_next_is_ready)
{
	struct adapter *first, *next, *pinned, *again, *other;

	begin();
	first = ready("good", ADAPTER_OWN_PROCESS);
	next = start("gate", ADAPTER_IN_PROCESS, first);
	ck_assert(!adapter_is_away(next));
	pinned = adapter_pin(next);
	ck_assert_ptr_eq(pinned, first);
	/* The same once more is the very same, another has the same stand-in. */
	again = start("gate", ADAPTER_IN_PROCESS, next);
	ck_assert_ptr_eq(again, next);
	other = start("constructor-hang", ADAPTER_OWN_PROCESS, next);
	adapter_unref(first);
	adapter_unref(again);
	again = adapter_pin(other);
	ck_assert_ptr_eq(again, first);
	adapter_unref(again);
	adapter_unref(other);	/* in the middle of its start */
	ck_assert_int_eq(adapter_leave(next), ADAPTER_STARTING);
	open_gate(next);
	again = adapter_pin(next);
	ck_assert_ptr_eq(again, next);
	adapter_unref(again);
	/* Whoever began with the old one goes on with it. */
	ck_str_is(adapter_name(pinned), "good");
	adapter_unref(pinned);
	pthread_mutex_lock(&lock);
	while (!said[0])
		pthread_cond_wait(&told, &lock);
	ck_assert_str_eq(said, "adapter_started acme gate");
	pthread_mutex_unlock(&lock);
	adapter_unref(next);
	end();
}
END_TEST

START_TEST(the_supervisor_lets_go_of_nothing_in_this_process)
{
	struct adapter *first, *next, *pinned;

	begin();
	first = ready("good", ADAPTER_IN_PROCESS);
	next = start("good", ADAPTER_OWN_PROCESS, first);
	adapter_unref(first);
	ck_assert(adapter_wait(&next, 1, -1, NULL));
	pinned = adapter_pin(next);
	ck_assert_ptr_eq(pinned, next);
	adapter_unref(pinned);
	ck_assert_int_eq(call(first), ADAPTER_OK);	/* still there */
	adapter_unref(next);
	end();
}
END_TEST

START_TEST(those_that_hang_give_their_place_away)
{
	struct adapter *hung[SUPERVISOR_STARTS_MAX + 2], *good;

	begin();
	for (unsigned i = 0; i < COUNT(hung); i++)
		hung[i] = start("constructor-hang", ADAPTER_OWN_PROCESS, NULL);
	good = ready("good", ADAPTER_OWN_PROCESS);
	/* None has had its end, which each has after seconds. */
	for (unsigned i = 0; i < COUNT(hung); i++)
		ck_assert_int_eq(state_of(hung[i]), ADAPTER_STARTING);
	/* Nor does who lets them go wait for it. */
	for (unsigned i = 0; i < COUNT(hung); i++)
		adapter_unref(hung[i]);
	adapter_unref(good);
	end();
}
END_TEST

static _Atomic bool must_cancel;

static void *cancel(void *unused)
{
	(void)unused;
	must_cancel = true;
	adapter_wake_waiters();
	return NULL;
}

START_TEST(who_waits_can_be_told_to_stop)
{
	struct adapter *gate;
	pthread_t thread;

	begin();
	gate = start("gate", ADAPTER_IN_PROCESS, NULL);
	ck_assert(adapter_wait(&gate, 1, 1, NULL));	/* its time is over */
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel, NULL), 0);
	ck_assert(!adapter_wait(&gate, 1, 3600 * 1000, &must_cancel));
	pthread_join(thread, NULL);
	/* Who was left to be late is not waited for again. */
	ck_assert_int_eq(adapter_leave(gate), ADAPTER_STARTING);
	ck_assert(adapter_wait(&gate, 1, 3600 * 1000, NULL));
	open_gate(gate);
	adapter_unref(gate);
	end();
}
END_TEST

static void refuse_one(const char *name, enum adapter_isolation isolation,
		       const char *says)
{
	struct adapter_options options = options_for(name, isolation);
	struct adapter *adapter = NULL;
	struct adapter_verdict verdict;
	struct buf problem;

	options.must_be_advisory = true;
	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_int_eq(adapter_begin(&options, &services, NULL, &adapter,
				       &problem), ERR_OK);
	ck_assert(adapter_wait(&adapter, 1, -1, NULL));
	verdict = adapter_verdict(adapter, &problem);
	ck_assert_int_eq(verdict.state, ADAPTER_REFUSED);
	ck_assert(verdict.is_unfit);
	ck_assert_msg(strstr(message, says) != NULL, "%s", message);
	/* It is not called, though it would answer. */
	ck_assert_int_eq(call(adapter), ADAPTER_UNAVAILABLE);
	adapter_unref(adapter);
}

START_TEST(one_that_must_advise_only_is_refused_if_it_decides)
{
	begin();
	refuse_one("gate-two", ADAPTER_OWN_PROCESS, "gate does not say");
	refuse_one("good", ADAPTER_IN_PROCESS, "good has a sync_user hook");
	end();
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, a_module_that_hangs_here_holds_up_nobody_else);
	tcase_add_test(t, who_stops_is_told_that_a_module_hangs);
	tcase_add_test(t, one_stands_in_until_the_next_is_ready);
	tcase_add_test(t, the_supervisor_lets_go_of_nothing_in_this_process);
	tcase_add_test(t, those_that_hang_give_their_place_away);
	tcase_add_test(t, who_waits_can_be_told_to_stop);
	tcase_add_test(t, one_that_must_advise_only_is_refused_if_it_decides);
}

UNIT_MAIN("loading", add_tests)
