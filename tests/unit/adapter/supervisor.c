/* Adapters in processes of their own: what they may, and what comes of it. */
#include "adapter/supervisor.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "adapter/breaker-private.h"
#include "adapter/share-private.h"
#include "adapter/stderr-lines-private.h"
#include "sandbox/host.h"
#include "base/clock.h"
#include "unit/adapter/adapters.h"

static struct supervisor *supervisor;
static char message[ADAPTER_LOAD_PROBLEM_MAX];
static char path[ADAPTER_PATH_MAX];
static struct adapter_secret secrets[] = {
	{ STR("desk"), STR("s3cret") },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static unsigned answers;

/* What befell processes, by what the log would call it. */
static struct {
	const char *name;
	unsigned count;
} events[] = {
	{ "adapter_process_failed", 0 },
	{ "adapter_process_ready", 0 },
	{ "adapter_breaker_open", 0 },
	{ "adapter_breaker_closed", 0 },
	{ "adapter_slowed", 0 },
};
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static char failure[1024];		/* why, the last time */

static unsigned *event_count(const char *name)
{
	for (unsigned i = 0; i < COUNT(events); i++)
		if (!strcmp(events[i].name, name))
			return &events[i].count;
	ck_abort_msg("%s is no event", name);
	return NULL;
}

static void keep_event(enum log_level level, const struct log_event *event,
		       struct str tenant, struct str text)
{
	(void)level;
	ck_str_is(tenant, "acme");
	pthread_mutex_lock(&lock);
	if (!strcmp(event->name, "adapter_process_failed"))
		snprintf(failure, sizeof(failure), "%.*s", STR_ARG(text));
	++*event_count(event->name);
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&lock);
}

/* Until it was told so often since begin(). */
static void await_event(const char *event, unsigned count)
{
	pthread_mutex_lock(&lock);
	while (*event_count(event) < count)
		pthread_cond_wait(&told, &lock);
	pthread_mutex_unlock(&lock);
}

static atomic_uint signatures;

static enum err count_hmac(struct str key, const void *data, size_t len,
			   unsigned char mac[32])
{
	signatures++;
	return test_hmac(key, data, len, mac);
}

static atomic_uint not_taken;		/* lines of standard error */

static void count_lines(struct str tenant, unsigned lines)
{
	ck_str_is(tenant, "acme");
	not_taken += lines;
}

static const struct adapter_services services = {
	.hmac_sha256 = count_hmac, .log = test_log, .tell = keep_event,
	.dropped = count_lines,
};

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

	for (unsigned i = 0; i < COUNT(events); i++)
		events[i].count = 0;
	failure[0] = '\0';
	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_msg(supervisor_new(NULL, &supervisor, &problem) == ERR_OK,
		      "%s", message);
}

static struct adapter_options options_for(const char *name)
{
	return (struct adapter_options){
		.tenant = STR("acme"), .path = adapter_path(name, path),
		.isolation = ADAPTER_OWN_PROCESS, .secrets = secrets,
		.secret_count = COUNT(secrets), .deadline_ms = 10000,
		.workers = 1, .supervisor = supervisor,
	};
}

static struct adapter *load(const struct adapter_options *options,
			    struct adapter *previous)
{
	struct adapter *adapter = NULL;
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	if (adapter_load(options, &services, previous, &adapter, &problem))
		return NULL;
	return adapter;
}

static struct adapter *must_load(const char *name, uint32_t deadline_ms)
{
	struct adapter_options options = options_for(name);
	struct adapter *adapter;

	options.deadline_ms = deadline_ms;
	adapter = load(&options, NULL);
	ck_assert_msg(adapter != NULL, "%s: %s", name, message);
	return adapter;
}

static enum adapter_result finish(struct adapter *adapter, struct sign_in *s)
{
	unsigned before = answers;

	if (adapter_handoff(adapter, 0, &s->call, done) == ADAPTER_DONE)
		return s->call.result;
	pthread_mutex_lock(&lock);
	while (answers == before)
		pthread_cond_wait(&answered, &lock);
	pthread_mutex_unlock(&lock);
	return s->call.result;
}

static enum adapter_result commit(struct adapter *adapter, struct sign_in *s,
				  const char *sin)
{
	sign_in_init(s);
	sign_in_field(s, "sin", sin);
	return finish(adapter, s);
}

static void end(struct adapter *adapter)
{
	adapter_unref(adapter);
	supervisor_free(supervisor);
	supervisor = NULL;
}

START_TEST(a_call_that_is_looked_at_tells_its_steps)
{
	struct adapter_trace trace = { 0 };
	const struct adapter_step *step = trace.steps;
	struct adapter_facts facts;
	struct adapter *adapter;
	struct sign_in s;

	begin();
	adapter = must_load("misbehave", 10000);
	facts = adapter_facts(adapter);
	ck_assert_uint_eq(facts.abi_major, USHER_ABI_MAJOR);
	ck_assert_uint_eq(facts.abi_minor, USHER_ABI_MINOR);
	ck_assert_uint_eq(facts.hooks, 1u << ADAPTER_PHASE_MAP_FIELDS |
			  1u << ADAPTER_PHASE_SYNC_USER |
			  1u << ADAPTER_PHASE_CHOOSE_REDIRECT);
	ck_assert(!facts.has_fini);
	sign_in_init(&s);
	s.call.trace = &trace;
	sign_in_field(&s, "map", "set");
	sign_in_field(&s, "sync", "set_decline");
	sign_in_field(&s, "choose", "deny");
	ck_assert_int_eq(finish(adapter, &s), ADAPTER_DENIED);
	ck_assert_uint_eq(trace.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(step[i].is_over);
		ck_assert_int_eq(step[i].phase, ADAPTER_PHASE_MAP_FIELDS + i);
		ck_assert_int_ge(step[i].took_ns, 0);
	}
	ck_assert_int_eq(step[0].returned, USHER_OK);
	ck_assert_uint_eq(step[0].changes, 1);
	/* What it set was dropped, and is told all the same. */
	ck_assert_int_eq(step[1].returned, USHER_DECLINE);
	ck_assert_uint_eq(step[1].changes, 1);
	ck_assert_int_eq(step[2].returned, USHER_DENY);
	pool_free(s.pool);
	end(adapter);
}
END_TEST

START_TEST(the_hook_that_did_not_return_is_known)
{
	static const char *const sins[] = { "crash", "hang" };

	for (unsigned i = 0; i < COUNT(sins); i++) {
		struct adapter_trace trace = { 0 };
		struct adapter *adapter;
		struct sign_in s;

		begin();
		adapter = must_load("hostile", 2000);
		sign_in_init(&s);
		s.call.trace = &trace;
		sign_in_field(&s, "sin", sins[i]);
		ck_assert_int_ne(finish(adapter, &s), ADAPTER_OK);
		ck_assert_uint_eq(trace.count, 1);
		ck_assert_int_eq(trace.steps[0].phase,
				 ADAPTER_PHASE_MAP_FIELDS);
		ck_assert(!trace.steps[0].is_over);
		pool_free(s.pool);
		end(adapter);
	}
}
END_TEST

START_TEST(the_same_adapter_works_in_a_process_of_its_own)
{
	struct adapter *adapter;
	struct sign_in s, here;
	struct adapter *inside;

	begin();
	adapter = must_load("misbehave", 10000);
	inside = load_with("misbehave", NULL, 0, message);
	ck_str_is(adapter_name(adapter), "misbehave");
	ck_str_is(adapter_version(adapter), "0");
	ck_assert(!adapter_has_deliver(adapter));
	for (unsigned i = 0; i < 12; i++) {
		static const char *const what[] = {
			"ok", "decline", "fail", "deny", "deny_words",
			"unknown", "error", "bad_utf8", "wrong_hook",
			"thousand", "set_decline", "set",
		};

		sign_in_init(&s);
		sign_in_field(&s, "map", what[i]);
		sign_in_init(&here);
		sign_in_field(&here, "map", what[i]);
		handoff(inside, 0, &here);
		ck_assert_msg(finish(adapter, &s) == here.call.result, "%s: %s",
			      what[i], s.call.problem);
		ck_assert_str_eq(s.call.problem, here.call.problem);
		ck_assert_uint_eq(s.call.change_count, here.call.change_count);
		ck_assert(str_eq(s.call.deny_code, here.call.deny_code));
		ck_assert(str_eq(s.call.deny_reason, here.call.deny_reason));
		ck_assert_uint_eq(s.call.error_count, here.call.error_count);
		pool_free(s.pool);
		pool_free(here.pool);
	}
	adapter_unref(inside);
	end(adapter);
}
END_TEST

START_TEST(the_sandbox_refuses)
{
	static const struct {
		const char *sin, *result;
	} cases[] = {
		{ "socket", "Operation not permitted" },
		{ "open", "Operation not permitted" },
		{ "library", "Operation not permitted" },
		{ "thread", "Function not implemented" },
		{ "rwx", "Operation not permitted" },
		{ "abort_parent", "Operation not permitted" },
		{ "uid", "Operation not permitted" },
		{ "sign", NULL },
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{ "allocate", "Cannot allocate memory" },
#endif
	};
	struct adapter *adapter;
	unsigned char mac[32];
	char wanted[16];
	struct sign_in s;

	begin();
	adapter = must_load("hostile", 10000);
	test_hmac(STR("s3cret"), "data", 4, mac);
	snprintf(wanted, sizeof(wanted), "%02x%02x%02x%02x", mac[0], mac[1],
		 mac[2], mac[3]);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		ck_assert_msg(commit(adapter, &s, cases[i].sin) == ADAPTER_OK,
			      "%s: %s", cases[i].sin, s.call.problem);
		ck_str_is(change_of(&s, "result")->value, cases[i].result ?
			  cases[i].result : wanted);
		pool_free(s.pool);
	}
	end(adapter);
}
END_TEST

START_TEST(what_ends_it_is_an_answer_and_a_new_process)
{
	static const struct {
		const char *sin, *says;
	} cases[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{ "crash", "signal 11" },
		{ "abort", "signal 6" },
		{ "exit", "status 0" },
#endif
		{ "fork", "signal 31" },
		{ "exec", "signal 31" },
		{ "kill", "signal 31" },
		{ "junk", "malformed frame" },
	};
	struct adapter *adapter, *good;
	struct sign_in s;

	begin();
	good = must_load("misbehave", 10000);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		adapter = must_load("hostile", 10000);
		ck_assert_int_eq(commit(adapter, &s, cases[i].sin),
				 ADAPTER_FAILED);
		ck_assert_msg(strstr(s.call.problem, cases[i].says) != NULL,
			      "%s: '%s'", cases[i].sin, s.call.problem);
		pool_free(s.pool);
		/* Down, then there again. */
		await_event("adapter_process_ready", i + 1);
		ck_assert_int_eq(commit(adapter, &s, "none"), ADAPTER_OK);
		pool_free(s.pool);
		adapter_unref(adapter);
		sign_in_init(&s);
		ck_assert_int_eq(finish(good, &s), ADAPTER_OK);
		pool_free(s.pool);
	}
	end(good);
}
END_TEST

START_TEST(who_hangs_is_late_and_then_gone)
{
	struct adapter *adapter;
	struct sign_in s;

	begin();
	adapter = must_load("hostile", 50);
	ck_assert_int_eq(commit(adapter, &s, "hang"), ADAPTER_TIMED_OUT);
	pool_free(s.pool);
	await_event("adapter_process_ready", 1);
	/* A good one may be late, too, where the machine is busy. */
	while (commit(adapter, &s, "none") != ADAPTER_OK)
		pool_free(s.pool);
	pool_free(s.pool);
	end(adapter);
}
END_TEST

static void sign_in_lie(struct sign_in *s, const char *lie)
{
	sign_in_init(s);
	sign_in_field(s, "fault", lie);
	s->call.info.request_id = STR("4711");
}

/* The first time it may be any of its hooks; from then on it tells which. */
START_TEST(who_hangs_is_told_with_the_hook)
{
	struct adapter *adapter;
	struct sign_in s;
	unsigned ready = 0;

	begin();
	adapter = must_load("faults", 500);
	do {
		sign_in_lie(&s, "hang_at_last");
		ck_assert_msg(finish(adapter, &s) == ADAPTER_TIMED_OUT,
			      "%s", s.call.problem);
		if (!ready)
			ck_assert_str_eq(s.call.problem, "it did not answer in "
				"time, in map_fields or choose_redirect");
		pool_free(s.pool);
		await_event("adapter_process_ready", ++ready);
		if (ready == 1)
			ck_assert_str_eq(failure, "it hung in a call, in "
					 "map_fields or choose_redirect");
		/* what it does well counts for it: it is not left alone */
		while (commit(adapter, &s, "none") != ADAPTER_OK)
			pool_free(s.pool);
		pool_free(s.pool);
		/* where the machine is busy, its hook may not have begun */
	} while (strcmp(failure, "it hung in a call, in choose_redirect"));
	ck_assert_uint_gt(ready, 1);
	end(adapter);
}
END_TEST

START_TEST(where_its_host_is_not_there_is_told_how_it_is_named)
{
	struct adapter_options options;
	struct buf problem;

	begin();
	supervisor_free(supervisor);
	buf_init_fixed(&problem, message, sizeof(message));
	ck_assert_int_eq(supervisor_new("/nonexistent/host", &supervisor,
					&problem), ERR_OK);
	options = options_for("good");
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(strstr(message, "its process cannot be started "
		"(/nonexistent/host): No such file or directory; install it, "
		"or name a build tree's in USHER_ADAPTER_HOST") != NULL, "%s",
		message);
	end(NULL);
}
END_TEST

START_TEST(who_fails_on_and_on_is_left_alone)
{
	struct adapter *adapter;
	struct isolated_stats stats;
	struct sign_in s;

	begin();
	adapter = must_load("hostile", 10000);
	for (unsigned i = 1; i <= BREAKER_FAILURES_MAX; i++) {
		ck_assert_int_eq(commit(adapter, &s, "junk"), ADAPTER_FAILED);
		pool_free(s.pool);
		if (i < BREAKER_FAILURES_MAX)
			await_event("adapter_process_ready", i);
	}
	await_event("adapter_breaker_open", 1);
	ck_assert(adapter_process(adapter, &stats));
	ck_assert(stats.is_open && !stats.is_serving && !stats.pid);
	ck_assert_uint_eq(stats.failures, BREAKER_FAILURES_MAX);
	ck_assert_int_eq(commit(adapter, &s, "none"), ADAPTER_UNAVAILABLE);
	ck_assert_str_eq(s.call.problem, "its process is not running; its last "
			 "failure: it sent a malformed frame");
	pool_free(s.pool);
	end(adapter);
}
END_TEST

START_TEST(floods_cost_their_author)
{
	struct adapter *adapter;
	struct sign_in s;

	begin();
	adapter = must_load("hostile", 10000);
	log_count = 0;
	ck_assert_int_eq(commit(adapter, &s, "log"), ADAPTER_OK);
	pool_free(s.pool);
	ck_assert_uint_le(log_count, USHER_LOG_LINES_MAX);
	ck_assert_int_eq(commit(adapter, &s, "stderr"), ADAPTER_OK);
	pool_free(s.pool);
	end(adapter);
	ck_assert_uint_le(log_count, USHER_LOG_LINES_MAX +
			  3 * LINES_MAX);
}
END_TEST

/* Whoever bypasses its host in a constructor is stopped by the gateway. */
START_TEST(a_start_may_have_so_many_signatures)
{
	struct adapter_setting setting = { STR("fault"),
					   STR("sign_without_end") };
	struct adapter_options options;

	begin();
	options = options_for("faults");
	options.settings = &setting;
	options.setting_count = 1;
	signatures = 0;
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(strstr(message, "more signatures than a start") != NULL,
		      "%s", message);
	ck_assert_uint_eq(signatures, WIRE_SIGNS_MAX);
	supervisor_free(supervisor);
}
END_TEST

static enum adapter_result run_fault(struct adapter *adapter,
				     struct sign_in *s, const char *fault)
{
	sign_in_init(s);
	s->call.info.request_id = STR("r");
	sign_in_field(s, "fault", fault);
	return finish(adapter, s);
}

/* However fast the machine: no more than there is of the supervisor's time. */
START_TEST(who_asks_much_waits_and_is_answered)
{
	/* and what one system call takes beyond */
	const unsigned a_tenth = SHARE_MAX / WIRE_SIGN_MAX + 8;
	struct adapter *adapter;
	struct sign_in s;
	int64_t began;

	begin();
	adapter = must_load("faults", 60000);
	signatures = 0;
	for (unsigned i = 1; i <= 4; i++) {
		began = clock_mono_ns();
		ck_assert_int_eq(run_fault(adapter, &s, "sign_much"),
				 ADAPTER_OK);
		ck_assert_uint_eq(signatures, i * WIRE_SIGNS_MAX);
		ck_assert_int_le(WIRE_SIGNS_MAX, a_tenth *
				 ((clock_mono_ns() - began) / SHARE_NS + 2));
		pool_free(s.pool);
	}
	end(adapter);
}
END_TEST

START_TEST(so_many_frames_come_at_once)
{
	struct adapter *adapter;
	struct sign_in s;

	begin();
	adapter = must_load("faults", 10000);
	log_count = 0;
	ck_assert_int_eq(run_fault(adapter, &s, "say_much_at_once"),
			 ADAPTER_FAILED);
	ck_assert_msg(strstr(s.call.problem, "too many frames at once") !=
		      NULL, "%s", s.call.problem);
	ck_assert_uint_eq(log_count, HOST_WINDOW);
	pool_free(s.pool);
	end(adapter);
}
END_TEST

static unsigned looks;
static enum err look_result;
static pthread_t looker;

/* What a gateway reads from its store, in the thread that asked. */
static enum err look(struct adapter_call *call)
{
	struct fields *stored = pool_alloc(call->pool, sizeof(*stored));

	looks++;
	looker = pthread_self();
	if (look_result)
		return look_result;
	fields_init(stored, call->pool);
	ck_assert_int_eq(fields_set(stored, STR("plan"), STR("pro"),
				    FIELD_TEXT), ERR_OK);
	call->attributes = stored;
	call->info.user_id = STR("7");
	return ERR_OK;
}

/* Until it is over; how often the adapter was told about the user. */
static unsigned finish_lookable(struct adapter *adapter, struct sign_in *s)
{
	unsigned rounds = 0;

	s->call.look = look;
	finish(adapter, s);
	for (unsigned before = answers; adapter_resume(adapter, &s->call) ==
	     ADAPTER_WAITING; before++, rounds++) {
		pthread_mutex_lock(&lock);
		while (answers == before)
			pthread_cond_wait(&answered, &lock);
		pthread_mutex_unlock(&lock);
	}
	return rounds;
}

START_TEST(the_user_is_told_to_who_asks)
{
	struct adapter *adapter, *other;
	struct sign_in s;

	begin();
	looks = 0;
	look_result = ERR_OK;
	/* It looks at an attribute of its own naming, and routes by it. */
	adapter = must_load("good", 10000);
	sign_in_init(&s);
	ck_assert_uint_eq(finish_lookable(adapter, &s), 1);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	ck_str_is(s.call.redirect, "https://desk.example/pro");
	ck_assert_uint_eq(looks, 1);
	ck_assert(pthread_equal(looker, pthread_self()));
	pool_free(s.pool);
	/* One that asked is told at once the next time. */
	sign_in_init(&s);
	ck_assert_uint_eq(finish_lookable(adapter, &s), 0);
	ck_str_is(s.call.redirect, "https://desk.example/pro");
	ck_assert_uint_eq(looks, 2);
	pool_free(s.pool);
	adapter_unref(adapter);
	/* And one that does not ask costs no look. */
	other = must_load("misbehave", 10000);
	sign_in_init(&s);
	ck_assert_uint_eq(finish_lookable(other, &s), 0);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	ck_assert_uint_eq(looks, 2);
	pool_free(s.pool);
	end(other);
}
END_TEST

START_TEST(a_look_that_fails_shows_nobody)
{
	struct adapter *adapter;
	struct sign_in s;

	begin();
	looks = 0;
	look_result = ERR_IO;
	adapter = must_load("good", 10000);
	sign_in_init(&s);
	ck_assert_uint_eq(finish_lookable(adapter, &s), 1);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	ck_assert(!s.call.redirect.ptr);
	pool_free(s.pool);
	sign_in_init(&s);
	ck_assert_uint_eq(finish_lookable(adapter, &s), 0);
	ck_assert_int_eq(s.call.result, ADAPTER_UNAVAILABLE);
	ck_assert_uint_eq(looks, 2);
	pool_free(s.pool);
	end(adapter);
}
END_TEST

/* Its field tells `faults` what to do, its id where to find the frame. */
/* It ended for that reason, and is there again; its neighbour never noticed. */
static void lie_once(struct adapter *good, const char *lie, const char *says,
		     unsigned starts)
{
	struct adapter *adapter = must_load("faults", 10000);
	struct sign_in s;

	sign_in_lie(&s, lie);
	finish_lookable(adapter, &s);
	if (!says) {
		ck_assert_msg(s.call.result == ADAPTER_OK, "%s: %s", lie,
			      s.call.problem);
		ck_str_is(change_of(&s, "result")->value, "done");
	} else {
		ck_assert_msg(s.call.result == ADAPTER_FAILED, "%s", lie);
		await_event("adapter_process_ready", starts);
		ck_assert_msg(strstr(failure, says) != NULL, "%s: '%s'", lie,
			      failure);
	}
	pool_free(s.pool);
	sign_in_init(&s);
	ck_assert_int_eq(finish(adapter, &s), ADAPTER_OK);
	pool_free(s.pool);
	adapter_unref(adapter);
	sign_in_init(&s);
	ck_assert_int_eq(finish(good, &s), ADAPTER_OK);
	pool_free(s.pool);
}

START_TEST(who_looks_out_of_turn_is_ended)
{
	static const char look_says[] = "asked about a user out of turn";
	static const struct {
		const char *lie, *says;		/* NULL: it goes well */
	} cases[] = {
		{ "look_once", NULL },
		{ "look_again", look_says },
		{ "look_twice", look_says },
		{ "look_at_next", look_says },
		{ "look_at_none", look_says },
		{ "look_while_signing", look_says },
		{ "sign_while_looking", "asked for a signature out of turn" },
		{ "reply_while_looking", "a call that is not under way" },
	};
	struct adapter *adapter, *good;
	struct sign_in s;
	unsigned starts = 0;

	begin();
	look_result = ERR_OK;
	good = must_load("misbehave", 10000);
	for (unsigned i = 0; i < COUNT(cases); i++)
		lie_once(good, cases[i].lie, cases[i].says,
			 cases[i].says ? ++starts : starts);
	/* Where no look is offered; the outcome is the call's, then. */
	adapter = must_load("faults", 10000);
	sign_in_lie(&s, "look_once");
	ck_assert_int_eq(finish(adapter, &s), ADAPTER_FAILED);
	ck_assert_msg(strstr(s.call.problem, look_says) != NULL, "%s",
		      s.call.problem);
	await_event("adapter_process_ready", ++starts);
	pool_free(s.pool);
	/* The answer stands, but nothing comes behind it. */
	sign_in_lie(&s, "look_past_reply");
	ck_assert_uint_eq(finish_lookable(adapter, &s), 0);
	ck_assert_int_eq(s.call.result, ADAPTER_OK);
	await_event("adapter_process_ready", ++starts);
	ck_assert_msg(strstr(failure, look_says) != NULL, "%s", failure);
	pool_free(s.pool);
	adapter_unref(adapter);
	end(good);
}
END_TEST

/* Until its process is done with all that it was asked. */
static void await_idle(struct adapter *adapter)
{
	struct isolated_stats stats;

	/* It gives way to us: who spins here keeps it from ever being done. */
	while (adapter_process(adapter, &stats) && stats.outstanding)
		poll(NULL, 0, 1);
}

/* On a busy machine one that is late looks as one that hangs: that says nothing
 * about looks, so it is tried again. */
static bool was_taken_for_hung(unsigned *starts, bool is_restarted)
{
	if (!strstr(failure, "it hung in a call"))
		return false;
	if (!is_restarted)
		await_event("adapter_process_ready", ++*starts);
	failure[0] = '\0';
	return true;
}

/* Nobody is there any more to look, or nobody was. */
START_TEST(a_late_look_is_answered_if_it_was_offered)
{
	struct adapter *adapter;
	struct sign_in s;
	unsigned starts = 0;

	begin();
	look_result = ERR_OK;
	looks = 0;
	adapter = must_load("faults", 100);
	do {
		sign_in_lie(&s, "look_late");
		s.call.look = look;
		ck_assert_int_eq(finish(adapter, &s), ADAPTER_TIMED_OUT);
		pool_free(s.pool);
		await_idle(adapter);
	} while (was_taken_for_hung(&starts, false));
	ck_assert_uint_eq(looks, 0);
	ck_assert_msg(!failure[0], "%s", failure);
	do {
		sign_in_lie(&s, "look_late");
		ck_assert_int_eq(finish(adapter, &s), ADAPTER_TIMED_OUT);
		pool_free(s.pool);
		await_event("adapter_process_ready", ++starts);
	} while (was_taken_for_hung(&starts, true));
	ck_assert_msg(strstr(failure, "asked about a user out of turn") !=
		      NULL, "%s", failure);
	end(adapter);
}
END_TEST

START_TEST(who_lies_while_it_starts_does_not_start)
{
	static const char out_of_turn[] = "about a user out of turn";
	static const struct {
		const char *name, *why;
	} lies[] = {
		{ "look_too_soon", out_of_turn },
		{ "look_at_probe_too_soon", out_of_turn },
		{ "look_at_probe", out_of_turn },
		{ "ready_too_soon", "it said that it is ready without having "
				    "closed its sandbox" },
	};
	struct adapter *good;
	struct sign_in s;

	begin();
	good = must_load("misbehave", 10000);
	for (unsigned i = 0; i < COUNT(lies); i++) {
		struct adapter_setting setting = { STR("fault"),
						   str_from(lies[i].name) };
		struct adapter_options options = options_for("faults");

		options.settings = &setting;
		options.setting_count = 1;
		ck_assert_ptr_null(load(&options, NULL));
		ck_assert_msg(strstr(message, lies[i].why) != NULL, "%s: %s",
			      lies[i].name, message);
		sign_in_init(&s);
		ck_assert_int_eq(finish(good, &s), ADAPTER_OK);
		pool_free(s.pool);
	}
	end(good);
}
END_TEST

/* Its end and the order to free it come in either order, or at once. */
START_TEST(one_may_be_freed_while_its_process_ends)
{
	begin();
	for (unsigned i = 0; i < 200; i++) {
		struct adapter *adapter = must_load("misbehave", 10000);
		int64_t until = clock_mono_ns() + i % 50 * 10000;
		struct isolated_stats stats;

		ck_assert(adapter_process(adapter, &stats));
		ck_assert_int_eq(kill(stats.pid, SIGKILL), 0);
		while (clock_mono_ns() < until)
			sched_yield();
		adapter_unref(adapter);
	}
	end(NULL);
}
END_TEST

START_TEST(a_start_that_fails_says_why)
{
	static struct adapter_setting settings[] = { SETTING("sin", "fork") };
	struct adapter_options options;
	struct adapter *adapter, *next;
	struct sign_in s;

	begin();
	options = options_for("hostile");
	options.settings = settings;
	options.setting_count = 1;
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(strstr(message, "signal 31") != NULL, "%s", message);
	options = options_for("init-fails");
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(message[0] != '\0', "no reason");
	options = options_for("no-entry");
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(strstr(message, "does not export") != NULL, "%s",
		      message);
	options = options_for("missing-symbol");
	ck_assert_ptr_null(load(&options, NULL));
	ck_assert_msg(strstr(message, "cannot be loaded") != NULL, "%s",
		      message);
	/* The same is not started twice; something else is. */
	adapter = must_load("good", 10000);
	options = options_for("good");
	ck_assert_ptr_eq(load(&options, adapter), adapter);
	adapter_unref(adapter);
	options.deadline_ms = 9;
	next = load(&options, adapter);
	ck_assert_ptr_nonnull(next);
	ck_assert_ptr_ne(next, adapter);
	adapter_unref(adapter);
	supervisor_quiesce(supervisor);
	sign_in_init(&s);
	ck_assert_int_eq(finish(next, &s), ADAPTER_UNAVAILABLE);
	pool_free(s.pool);
	end(next);
}
END_TEST

static void supervisor_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_same_adapter_works_in_a_process_of_its_own);
	tcase_add_test(tcase, the_sandbox_refuses);
	tcase_add_test(tcase, what_ends_it_is_an_answer_and_a_new_process);
	tcase_add_test(tcase, who_hangs_is_late_and_then_gone);
	tcase_add_test(tcase, who_hangs_is_told_with_the_hook);
	tcase_add_test(tcase,
		where_its_host_is_not_there_is_told_how_it_is_named);
	tcase_add_test(tcase, a_call_that_is_looked_at_tells_its_steps);
	tcase_add_test(tcase, the_hook_that_did_not_return_is_known);
	tcase_add_test(tcase, who_fails_on_and_on_is_left_alone);
	tcase_add_test(tcase, floods_cost_their_author);
	tcase_add_test(tcase, a_start_may_have_so_many_signatures);
	tcase_add_test(tcase, who_asks_much_waits_and_is_answered);
	tcase_add_test(tcase, so_many_frames_come_at_once);
	tcase_add_test(tcase, the_user_is_told_to_who_asks);
	tcase_add_test(tcase, a_look_that_fails_shows_nobody);
	tcase_add_test(tcase, who_looks_out_of_turn_is_ended);
	tcase_add_test(tcase, a_late_look_is_answered_if_it_was_offered);
	tcase_add_test(tcase, who_lies_while_it_starts_does_not_start);
	tcase_add_test(tcase, one_may_be_freed_while_its_process_ends);
	tcase_add_test(tcase, a_start_that_fails_says_why);
}

UNIT_MAIN("supervisor", supervisor_tests)
