/*
 * rig: an adapter in its sandbox that makes a system call when told (probe),
 * and says what came of it.  For the suites about the sandbox.
 */
#ifndef TESTS_UNIT_SANDBOX_RIG_H
#define TESTS_UNIT_SANDBOX_RIG_H

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "adapter/supervisor.h"
#include "base/sanitized.h"
#include "unit/adapter/adapters.h"

static struct supervisor *supervisor;
static char message[ADAPTER_LOAD_PROBLEM_MAX];
static char path[ADAPTER_PATH_MAX];

/* What it logs itself; what it writes to standard error is a warning. */
static void keep_info(enum log_level level, struct str tenant,
		      struct str adapter, struct str text)
{
	if (level == LOG_LEVEL_INFO)
		test_log(level, tenant, adapter, text);
}

static const struct adapter_services services = {
	.hmac_sha256 = test_hmac, .log = keep_info,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static unsigned answers;

static void done(struct adapter_call *call)
{
	(void)call;
	pthread_mutex_lock(&lock);
	answers++;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

static void begin(void)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(supervisor_new(NULL, &supervisor, &problem) == ERR_OK,
		      "%s", message);
}

static void end(struct adapter *adapter)
{
	adapter_unref(adapter);
	supervisor_free(supervisor);
	supervisor = NULL;
}

/* The probe, as that file, which makes that call in init; NULL: no call. */
static struct adapter *load_file(const char *file, const char *call)
{
	struct adapter_setting setting = { STR("call"), str_from(call) };
	struct adapter_options options = {
		.tenant = STR("acme"), .path = file,
		.isolation = ADAPTER_OWN_PROCESS, .settings = &setting,
		.setting_count = call ? 1 : 0, .deadline_ms = 10000,
		.workers = 1, .supervisor = supervisor,
	};
	struct adapter *adapter = NULL;
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	adapter_load(&options, &services, NULL, &adapter, &problem);
	return adapter;
}

static struct adapter *load(const char *call)
{
	return load_file(adapter_path("probe", path), call);
}

/* What came of it, in `text`: the probe's answer, or how it ended. */
static void ask(struct adapter *adapter, const char *call, char *text,
		size_t size)
{
	unsigned before = answers;
	struct sign_in s;

	sign_in_init(&s);
	sign_in_field(&s, "call", call);
	if (adapter_handoff(adapter, 0, &s.call, done) == ADAPTER_WAITING) {
		pthread_mutex_lock(&lock);
		while (answers == before)
			pthread_cond_wait(&answered, &lock);
		pthread_mutex_unlock(&lock);
	}
	if (s.call.result == ADAPTER_OK)
		snprintf(text, size, "%.*s",
			 STR_ARG(change_of(&s, "result")->value));
	else
		snprintf(text, size, "%s", s.call.problem);
	pool_free(s.pool);
}

/* The same, in init. */
static void ask_at_load(const char *call, char *text, size_t size)
{
	struct adapter *adapter;

	last_log[0] = '\0';
	adapter = load(call);
	snprintf(text, size, "%.300s", adapter ? strrchr(last_log, ' ') + 1 :
				       message);
	adapter_unref(adapter);
}

/* What is expected, besides an errno. */
#define ENDS (-1)		/* the kernel ends the process */
#define LET 0
#define ABORTS (-2)
#define CHANNEL (-4)		/* let, or EAGAIN */
#define LANDLOCK (-3)		/* EACCES where the kernel has it */

/* As the answer of one that made the call. */
static bool is(const char *got, int expected, bool has_landlock)
{
	char errno_text[16];

	if (expected == ENDS)
		return strstr(got, "signal 31") != NULL;
	if (expected == ABORTS)
		return strstr(got, "signal 6") != NULL;
	if (expected == CHANNEL && strcmp(got, "let") != 0)
		expected = EAGAIN;
	else if (expected == CHANNEL)
		expected = LET;
	if (expected == LANDLOCK && !has_landlock)
		return strstr(got, "signal") == NULL;
	if (expected == LANDLOCK)
		expected = EACCES;
	snprintf(errno_text, sizeof(errno_text), "%d", expected);
	return strcmp(got, expected == LET ? "let" : errno_text) == 0;
}

/* What is given up in there is given up for good. */
static void in_a_process(void (*story)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		story();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

#endif
