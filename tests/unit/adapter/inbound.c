/*
 * What a child may say, and when: frames to one isolated adapter on plain
 * structs, without a process.  Whoever breaks a rule is ended, and told why.
 */
#include "adapter/supervisor-private.h"

#include <fcntl.h>

#include "sandbox/marshal.h"
#include "sandbox/sandbox.h"
#include "unit/adapter/adapters.h"

#define GENERATION 7
#define BORN_WITH 2u		/* filters */

static struct supervisor s;
static struct isolated iso;
static struct adapter_secret secrets[] = { { STR("desk"), STR("s3cret") } };
static struct adapter_env env = {
	.services = &test_services, .tenant = STR("acme"), .secrets = secrets,
	.secret_count = 1,
};
static unsigned settled;
static struct buf out;

static void count_settled(void *ctx, const char *why)
{
	ck_assert_ptr_eq(ctx, &iso);
	ck_assert_ptr_null(why);
	settled++;
}

/* Spawned, and silent so far; its status file tells of so many filters. */
static void begin(unsigned filters)
{
	char path[PATH_MAX + 16];
	FILE *status;

	s = (struct supervisor){ .scratch = pool_new(CALL_SCRATCH_MAX) };
	iso = (struct isolated){
		.supervisor = &s, .env = &env, .life = LIFE_STARTING,
		.generation = GENERATION, .settled = count_settled,
		.settled_ctx = &iso,
		.child = { .channel = -1, .log = -1, .pidfd = -1 },
	};
	settled = 0;
	log_count = 0;
	list_init(&s.finished);
	pthread_mutex_init(&s.lock, NULL);
	pthread_mutex_init(&iso.lock, NULL);
	calls_init(&iso.calls);
	iso.metrics.seconds = metric_get(usher_adapter_call_seconds,
					 "tenant=\"acme\"");
	iso.metrics.up = metric_get(usher_adapter_up, "tenant=\"acme\"");
	snprintf(path, sizeof(path), "%s/status", unit_dir());
	status = fopen(path, "we");
	ck_assert_ptr_nonnull(status);
	fprintf(status, "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t%u\n",
		filters);
	fclose(status);
	iso.child.status = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(iso.child.status, 0);
}

static void end(void)
{
	struct call_entry *entry;

	while ((entry = calls_head(&iso.calls)) != NULL)
		calls_drop(&iso.calls, entry);
	if (iso.child.status >= 0)
		close(iso.child.status);
	buf_done(&iso.answer);
	pthread_mutex_destroy(&iso.lock);
	pthread_mutex_destroy(&s.lock);
	pool_free(s.scratch);
}

/* ---- what it says -------------------------------------------------------- */

static void frame(enum wire_type type, uint32_t generation, uint64_t id)
{
	buf_init(&out, WIRE_FRAME_MAX);
	wire_begin(&out, (struct wire_head){ type, generation, id });
}

static void hear(void)
{
	ck_assert(buf_is_ok(&out));
	inbound_frame(&iso, buf_str(&out));
	buf_done(&out);
}

static void hello_of(const char *who, const char *version, uint32_t generation)
{
	frame(WIRE_HELLO, generation, 0);
	wire_add(&out, WIRE_NAME, 0, str_from(who), str_from(version));
	wire_add_number(&out, WIRE_FILTERS, BORN_WITH);
	hear();
}

static void hello(void)
{
	hello_of("usher", PACKAGE_VERSION, 0);
}

static void ready_as(const char *name, const char *version)
{
	frame(WIRE_READY, GENERATION, 0);
	wire_add(&out, WIRE_NAME, 0, str_from(name), str_from(version));
	wire_add_number(&out, WIRE_HOOKS, WIRE_FINI);
	wire_add_number(&out, WIRE_ABI, 1 << 16);
	hear();
}

static void ready(void)
{
	ready_as("plans", "1.2");
}

static void refused(const char *why)
{
	frame(WIRE_REFUSED, GENERATION, 0);
	wire_add_text(&out, WIRE_PROBLEM, str_from(why));
	hear();
}

static void line(uint64_t id)
{
	frame(WIRE_LOG, GENERATION, id);
	wire_add(&out, WIRE_LINE, LOG_LEVEL_INFO, STR("hello"), STR_NULL);
	hear();
}

static void sign(uint64_t id, const char *secret)
{
	frame(WIRE_SIGN, GENERATION, id);
	wire_add(&out, WIRE_DATA, 0, str_from(secret), STR("data"));
	hear();
}

static void look(uint64_t id)
{
	frame(WIRE_LOOK, GENERATION, id);
	hear();
}

static void step(uint64_t id)
{
	const struct adapter_step begins = { .phase =
					     ADAPTER_PHASE_MAP_FIELDS };

	buf_init(&out, WIRE_FRAME_MAX);
	marshal_write_step(&begins, (struct wire_head){ WIRE_STEP, GENERATION,
							id }, &out);
	hear();
}

static void reply(uint64_t id, enum adapter_result result)
{
	frame(WIRE_REPLY, GENERATION, id);
	wire_add_number(&out, WIRE_RESULT, result);
	hear();
}

/* ---- what becomes of it -------------------------------------------------- */

#define ck_goes_on()							\
	ck_assert_msg(iso.life != LIFE_ENDING, "ended: %s", iso.why)

/* It was ended for that reason; the next rig stands. */
#define ck_ended(begin_again, says)					\
	do {								\
		ck_assert_int_eq(iso.life, LIFE_ENDING);		\
		ck_assert_msg(strstr(iso.why, says) != NULL, "%s",	\
			      iso.why);					\
		end();							\
		begin_again;						\
	} while (0)

/* A call that is with the child already. */
static struct call_entry *sent(struct adapter_call *call)
{
	struct iovec pieces[2 * CALLS_WINDOW];
	struct call_entry *entry;
	struct buf nothing;

	buf_init(&nothing, 16);
	buf_adds(&nothing, STR("call"));
	entry = calls_add(&iso.calls, &nothing);
	ck_assert_ptr_nonnull(entry);
	entry->call = call;
	calls_sent(&iso.calls, calls_gather(&iso.calls, pieces));
	ck_assert(entry->is_sent);
	return entry;
}

static void probed(void)
{
	sent(NULL)->is_probe = true;
	hello();
	ready();
	reply(1, ADAPTER_OK);
}

static struct adapter_call call;
static struct call_entry *entry;

/* It serves, and its first call is number 2. */
static void serve(void)
{
	begin(BORN_WITH + SANDBOX_FILTERS);
	probed();
	ck_goes_on();
	ck_assert_int_eq(iso.life, LIFE_SERVING);
	if (call.pool)
		pool_free(call.pool);
	call = (struct adapter_call){ .pool = pool_new(1 << 16) };
	call_begin(&call, &env, NULL);
	entry = sent(&call);
	ck_assert_uint_eq(entry->id, 2);
}

static void stop(void)
{
	pool_free(call.pool);
	call.pool = NULL;
	end();
}

static bool is_answered(void)
{
	return s.finished.next == &call.node;
}

/* The frame that it would be sent. */
static const struct wire_frame *answered(void)
{
	static struct wire_frame read;

	ck_assert_int_eq(wire_read(iso.answer.ptr, iso.answer.len, false,
				   &read), ERR_OK);
	ck_assert_uint_eq(read.head.generation, GENERATION);
	return &read;
}

static void take_answer(void)
{
	buf_done(&iso.answer);
}

START_TEST(a_start_is_hello_ready_and_the_probe)
{
	begin(BORN_WITH + SANDBOX_FILTERS);
	sent(NULL)->is_probe = true;
	hello();
	ck_assert_int_eq(iso.greeting, GREETING_HELLO);
	ck_assert_uint_eq(iso.child.filters, BORN_WITH);
	ready();
	ck_assert_int_eq(iso.greeting, GREETING_READY);
	ck_assert_int_eq(iso.child.status, -1);
	ck_assert_str_eq(iso.name, "plans");
	ck_assert_str_eq(iso.version, "1.2");
	ck_assert_uint_eq(settled, 0);
	reply(1, ADAPTER_OK);
	ck_goes_on();
	ck_assert_int_eq(iso.life, LIFE_SERVING);
	ck_assert_uint_eq(settled, 1);
	ck_assert_uint_eq(iso.calls.count, 0);
	end();
}
END_TEST

#define AGAIN begin(BORN_WITH + SANDBOX_FILTERS)

START_TEST(a_start_out_of_order_is_none)
{
	AGAIN;
	ready();
	ck_ended(AGAIN, "it was ready twice");
	hello();
	ready();
	ready();
	ck_ended(AGAIN, "it was ready twice");
	hello();
	hello();
	ck_ended(AGAIN, "it greeted twice");
	hello_of("usher", PACKAGE_VERSION, GENERATION);
	ck_ended(AGAIN, "it greeted twice");
	hello_of("usher", "0.0.0-other", 0);
	ck_ended(AGAIN, "of another version");
	hello_of("other", PACKAGE_VERSION, 0);
	ck_ended(AGAIN, "of another version");
	/* The probe before READY, or an answer that is none. */
	sent(NULL)->is_probe = true;
	hello();
	reply(1, ADAPTER_OK);
	ck_ended(AGAIN, "not under way");
	sent(NULL)->is_probe = true;
	hello();
	ready();
	reply(1, ADAPTER_INVALID);
	ck_ended(serve(), "did not pass the test of a call");
	hello();
	ck_ended(serve(), "it greeted twice");
	ready();
	ck_ended(serve(), "it was ready twice");
	stop();
}
END_TEST

/* One less: it is not closed.  One more: some are not ours. */
START_TEST(ready_counts_with_exactly_our_filters)
{
	for (unsigned more = 0; more <= SANDBOX_FILTERS + 1; more++) {
		begin(BORN_WITH + more);
		hello();
		ready();
		ck_assert_int_eq(iso.child.status, -1);
		if (more == SANDBOX_FILTERS)
			ck_goes_on();
		else
			ck_assert_int_eq(iso.life, LIFE_ENDING);
		end();
	}
	/* No status file came with its HELLO. */
	AGAIN;
	close(iso.child.status);
	iso.child.status = -1;
	hello();
	ready();
	ck_ended(AGAIN, "the kernel does not tell");
	end();
}
END_TEST

START_TEST(who_refuses_is_ended_with_its_own_words)
{
	for (unsigned i = 0; i < 2; i++) {
		AGAIN;
		if (i)
			hello();
		refused("no plan is set");
		ck_ended(AGAIN, "no plan is set");
		end();
	}
	serve();
	refused("no plan is set");
	ck_ended(serve(), "having started");
	stop();
}
END_TEST

/* It is shown to operators, at their terminals. */
START_TEST(what_it_calls_itself_is_text)
{
	static const struct {
		const char *name, *version;
	} cases[] = {
		{ "", "1" }, { "plans", "" }, { "\x1b[2J", "1" },
		{ "plans and more", "1" }, { "plans", "1\n2" },
		{ "plans", "\x1b]0;x\a" }, { "plans", "\xff" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		AGAIN;
		hello();
		ready_as(cases[i].name, cases[i].version);
		ck_assert_str_eq(iso.name, "");
		ck_ended(AGAIN, "that no adapter has");
		end();
	}
	AGAIN;
	refused("\x1b[2J");
	ck_ended(AGAIN, "why is no text");
	refused("\xff");
	ck_ended(AGAIN, "why is no text");
	end();
}
END_TEST

START_TEST(frames_are_of_this_process_and_well_formed)
{
	serve();
	inbound_frame(&iso, STR(""));
	ck_ended(serve(), "malformed frame");
	inbound_frame(&iso, STR("x"));
	ck_ended(serve(), "malformed frame");
	/* What is the gateway's to say. */
	frame(WIRE_SIGNED, GENERATION, 2);
	wire_add(&out, WIRE_MAC, -1, STR_NULL, STR_NULL);
	hear();
	ck_ended(serve(), "malformed frame");
	/* What its predecessor said. */
	frame(WIRE_LOG, GENERATION - 1, 2);
	wire_add(&out, WIRE_LINE, LOG_LEVEL_INFO, STR("hello"), STR_NULL);
	hear();
	ck_ended(serve(), "of another process");
	ck_assert_uint_eq(log_count, 0);
	stop();
}
END_TEST

START_TEST(a_reply_ends_the_oldest_call_and_no_other)
{
	serve();
	sent(NULL);
	reply(3, ADAPTER_OK);
	ck_ended(serve(), "not under way");
	reply(0, ADAPTER_OK);
	ck_ended(serve(), "");
	reply(2, ADAPTER_OK);
	ck_goes_on();
	ck_assert(is_answered());
	ck_assert_int_eq(call.result, ADAPTER_OK);
	ck_assert_uint_eq(iso.calls.count, 0);
	reply(2, ADAPTER_OK);
	ck_ended(serve(), "not under way");
	stop();
}
END_TEST

/* Its caller was told, and who runs meanwhile is still it. */
START_TEST(a_late_reply_is_dropped)
{
	serve();
	sent(&call);
	entry->call = NULL;
	reply(2, ADAPTER_OK);
	ck_goes_on();
	ck_assert(!is_answered());
	ck_assert_uint_eq(iso.calls.count, 1);
	reply(3, ADAPTER_OK);
	ck_assert(is_answered());
	stop();
}
END_TEST

START_TEST(a_reply_that_no_host_writes_fails_the_call_and_ends_it)
{
	serve();
	reply(2, ADAPTER_DENIED);
	ck_assert(is_answered());
	ck_assert_int_eq(call.result, ADAPTER_FAILED);
	ck_assert_uint_eq(iso.calls.count, 0);
	ck_ended(serve(), "its reply was malformed");
	stop();
}
END_TEST

START_TEST(lines_have_a_number_and_a_call)
{
	serve();
	for (unsigned i = 0; i < USHER_LOG_LINES_MAX; i++)
		line(2);
	ck_goes_on();
	ck_assert_uint_eq(log_count, USHER_LOG_LINES_MAX);
	ck_assert_str_eq(last_log, "1 acme plans hello");
	line(2);
	ck_assert_uint_eq(log_count, USHER_LOG_LINES_MAX);
	ck_ended(serve(), "more lines than a call may have");
	sent(NULL);
	line(3);
	ck_ended(serve(), "a call that is not its");
	/* init is over. */
	line(0);
	ck_ended(AGAIN, "a call that is not its");
	line(0);
	ck_ended(AGAIN, "a call that is not its");
	hello();
	for (unsigned i = 0; i < USHER_LOG_LINES_MAX; i++)
		line(0);
	ck_goes_on();
	ck_assert_str_eq(last_log, "1 acme starting hello");
	line(0);
	ck_ended(AGAIN, "more lines than");
	stop();
}
END_TEST

START_TEST(a_secret_signs_by_its_name)
{
	unsigned char mac[USHER_MAC_LEN];
	const struct wire_item *item;

	serve();
	test_hmac(STR("s3cret"), "data", 4, mac);
	sign(2, "desk");
	ck_goes_on();
	ck_assert_uint_eq(answered()->head.id, 2);
	item = wire_find(answered(), WIRE_MAC);
	ck_assert_int_eq(item->number, 0);
	ck_assert_uint_eq(item->a.len, USHER_MAC_LEN);
	ck_assert_mem_eq(item->a.ptr, mac, USHER_MAC_LEN);
	take_answer();
	sign(2, "desks");
	item = wire_find(answered(), WIRE_MAC);
	ck_assert_int_eq(item->number, USHER_E_NOTFOUND);
	ck_assert(str_is_null(item->a));
	/* While it waits it may neither ask nor answer. */
	sign(2, "desk");
	ck_ended(serve(), "a signature out of turn");
	sign(2, "desk");
	reply(2, ADAPTER_OK);
	ck_assert(!is_answered());
	ck_ended(serve(), "not under way");
	stop();
}
END_TEST

START_TEST(signatures_have_a_number)
{
	serve();
	for (unsigned i = 0; i < WIRE_SIGNS_MAX; i++, take_answer())
		sign(2, "desk");
	ck_goes_on();
	sign(2, "desk");
	ck_assert_uint_eq(iso.answer.len, 0);
	ck_ended(AGAIN, "more signatures than a call");
	hello();
	for (unsigned i = 0; i < WIRE_SIGNS_MAX; i++, take_answer())
		sign(0, "desk");
	ck_goes_on();
	sign(0, "desk");
	ck_ended(AGAIN, "more signatures than a start");
	sign(0, "desk");
	ck_ended(serve(), "a signature out of turn");
	stop();
}
END_TEST

START_TEST(a_look_goes_to_who_made_the_call_once)
{
	serve();
	look(2);
	ck_assert(!is_answered());
	ck_ended(serve(), "about a user out of turn");
	entry->is_lookable = true;
	look(2);
	ck_goes_on();
	ck_assert(is_answered());
	ck_assert_uint_eq(call.look_id, 2);
	ck_assert(entry->is_looking);
	ck_assert_ptr_null(entry->call);
	ck_assert_uint_eq(iso.lookers, ISOLATED_LOOKERS);
	reply(2, ADAPTER_OK);
	ck_ended(serve(), "not under way");
	/* Once, even when that is over. */
	entry->is_lookable = true;
	look(2);
	entry->is_looking = false;
	entry->call = &call;
	look(2);
	ck_ended(serve(), "about a user out of turn");
	/* One thing at a time. */
	entry->is_lookable = true;
	sign(2, "desk");
	look(2);
	ck_ended(serve(), "about a user out of turn");
	/* It is late, and gets nothing to see. */
	entry->is_lookable = true;
	entry->call = NULL;
	look(2);
	ck_goes_on();
	ck_assert(!is_answered());
	ck_assert_int_eq(answered()->head.type, WIRE_USER);
	ck_assert_uint_eq(answered()->count, 0);
	take_answer();
	stop();
}
END_TEST

START_TEST(a_scout_that_does_not_look_ends_the_looking_ahead)
{
	serve();
	iso.lookers = ISOLATED_LOOKERS;
	reply(2, ADAPTER_OK);
	ck_assert_uint_eq(iso.lookers, ISOLATED_LOOKERS);
	entry = sent(&call);
	entry->is_scout = true;
	reply(entry->id, ADAPTER_OK);
	ck_assert_uint_eq(iso.lookers, 0);
	stop();
}
END_TEST

START_TEST(steps_are_told_where_somebody_looks_on)
{
	struct adapter_trace trace = { 0 };

	serve();
	step(2);
	ck_ended(serve(), "a step that nobody asked for");
	call.trace = &trace;
	step(2);
	ck_goes_on();
	ck_assert_uint_eq(trace.count, 1);
	/* The same begins again before it is over. */
	step(2);
	ck_ended(serve(), "a step that nobody asked for");
	/* Of a call that was given up: heard, up to a number. */
	entry->call = NULL;
	for (unsigned i = 0; i < WIRE_STEPS_MAX; i++)
		step(2);
	ck_goes_on();
	step(2);
	ck_ended(AGAIN, "a step out of turn");
	hello();
	step(0);
	ck_ended(AGAIN, "a step out of turn");
	sent(NULL)->is_probe = true;
	hello();
	ready();
	step(1);
	ck_ended(AGAIN, "a step out of turn");
	stop();
}
END_TEST

static void inbound_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_start_is_hello_ready_and_the_probe);
	tcase_add_test(tcase, a_start_out_of_order_is_none);
	tcase_add_test(tcase, ready_counts_with_exactly_our_filters);
	tcase_add_test(tcase, who_refuses_is_ended_with_its_own_words);
	tcase_add_test(tcase, what_it_calls_itself_is_text);
	tcase_add_test(tcase, frames_are_of_this_process_and_well_formed);
	tcase_add_test(tcase, a_reply_ends_the_oldest_call_and_no_other);
	tcase_add_test(tcase, a_late_reply_is_dropped);
	tcase_add_test(tcase,
		       a_reply_that_no_host_writes_fails_the_call_and_ends_it);
	tcase_add_test(tcase, lines_have_a_number_and_a_call);
	tcase_add_test(tcase, a_secret_signs_by_its_name);
	tcase_add_test(tcase, signatures_have_a_number);
	tcase_add_test(tcase, a_look_goes_to_who_made_the_call_once);
	tcase_add_test(tcase, a_scout_that_does_not_look_ends_the_looking_ahead);
	tcase_add_test(tcase, steps_are_told_where_somebody_looks_on);
}

UNIT_MAIN("inbound", inbound_tests)
