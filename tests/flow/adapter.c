/*
 * Exchanges with an adapter between: every result that one can have, told at
 * once or later from another thread.
 *
 * This program brings an adapter room of its own, whose adapters do what the
 * test tells them to; the real one is tested where it lives.
 */
#include "base/num.h"
#include "flow/flow.h"

#include <sqlite3.h>

#define C "ticket.alpha.test"
#define G "ticket.gamma.test"
#define USER "email=user%40example.com&name=John+Doe"

struct adapter {
	unsigned refs;
};

/* What the next calls do. */
static struct {
	void (*handoff)(struct adapter_call *call);
	void (*deliver)(struct adapter_call *call);
	bool is_late, has_deliver, is_starting;
	unsigned handoffs, delivers;
	void (*done)(struct adapter_call *call);
	void (*act)(struct adapter_call *call);	/* once it has looked */
	pthread_t thread;
	bool has_thread;
} play;

enum err adapter_begin(const struct adapter_options *options,
		       const struct adapter_services *services,
		       struct adapter *previous, struct adapter **adapter_r,
		       struct buf *problem)
{
	(void)options;
	(void)services;
	(void)previous;
	(void)problem;
	*adapter_r = calloc(1, sizeof(**adapter_r));
	(*adapter_r)->refs = 1;
	return ERR_OK;
}

bool adapter_wait(struct adapter *const *adapters, unsigned count, int ms,
		  const _Atomic bool *cancel)
{
	(void)adapters;
	(void)count;
	(void)ms;
	(void)cancel;
	return true;
}

enum adapter_state adapter_leave(struct adapter *adapter)
{
	(void)adapter;
	return play.is_starting ? ADAPTER_STARTING : ADAPTER_READY;
}

struct adapter_verdict adapter_verdict(struct adapter *adapter,
				       struct buf *problem)
{
	(void)problem;
	return (struct adapter_verdict){ .state = adapter_leave(adapter) };
}

bool adapter_is_ready(const struct adapter *adapter)
{
	(void)adapter;
	return !play.is_starting;
}

struct adapter *adapter_ref(struct adapter *adapter)
{
	adapter->refs++;
	return adapter;
}

void adapter_unref(struct adapter *adapter)
{
	if (adapter && !--adapter->refs)
		free(adapter);
}

struct adapter *adapter_pin(struct adapter *adapter)
{
	return adapter_ref(adapter);
}

struct str adapter_name(const struct adapter *adapter)
{
	(void)adapter;
	return STR("actor");
}

struct str adapter_version(const struct adapter *adapter)
{
	(void)adapter;
	return STR("1");
}

bool adapter_has_deliver(const struct adapter *adapter)
{
	(void)adapter;
	return play.has_deliver;
}

bool adapter_has_sync(const struct adapter *adapter)
{
	(void)adapter;
	return false;
}

bool adapter_is_advisory(const struct adapter *adapter)
{
	(void)adapter;
	return true;
}

bool adapter_process(const struct adapter *adapter,
		     struct isolated_stats *stats_r)
{
	(void)adapter;
	(void)stats_r;
	return true;
}

static void *answer_late(void *arg)
{
	play.done(arg);
	return NULL;
}

/* Each adapter here asks about the user. */
static void look(struct adapter_call *call)
{
	enum err (*fetch)(struct adapter_call *call) = call->look;

	call->look = NULL;
	if (fetch)
		fetch(call);
}

static enum adapter_run be_late(struct adapter_call *call)
{
	if (play.has_thread)
		pthread_join(play.thread, NULL);
	play.has_thread = true;
	ck_assert_int_eq(pthread_create(&play.thread, NULL, answer_late, call),
			 0);
	return ADAPTER_WAITING;
}

static enum adapter_run run(struct adapter_call *call,
			    void (*act)(struct adapter_call *call),
			    void (*done)(struct adapter_call *call))
{
	play.done = done;
	play.act = act;
	if (play.is_late && call->look)
		return be_late(call);
	look(call);
	if (act)
		act(call);
	return play.is_late ? be_late(call) : ADAPTER_DONE;
}

/* One that is late asks first, and is done the second time. */
enum adapter_run adapter_resume(struct adapter *adapter,
				struct adapter_call *call)
{
	(void)adapter;
	if (!call->look)
		return ADAPTER_DONE;
	look(call);
	if (play.act)
		play.act(call);
	return be_late(call);
}

enum adapter_run adapter_handoff(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call))
{
	(void)adapter;
	(void)worker;
	play.handoffs++;
	return run(call, play.handoff, done);
}

enum adapter_run adapter_deliver(struct adapter *adapter, unsigned worker,
				 struct adapter_call *call,
				 void (*done)(struct adapter_call *call))
{
	(void)adapter;
	(void)worker;
	play.delivers++;
	return run(call, play.deliver, done);
}

enum err adapter_json_fields(const struct adapter_setting *settings,
			     unsigned count, struct pool *pool,
			     struct str **names_r, unsigned *count_r)
{
	static struct str names[] = { STR("address") };

	(void)settings;
	(void)count;
	(void)pool;
	*names_r = names;
	*count_r = 1;
	return ERR_OK;
}

static const struct flow_file files[] = {
	{ "actor.so", "never loaded: the adapter's services are this file's" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; home = \"https://alpha.test/\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\";\n"
	  "redirects = [ \"https://desk.elsewhere.test/\",\n"
	  "\"https://help.elsewhere.test/a/\",\n"
	  "\"https://help.elsewhere.test/b/\",\n"
	  "\"https://desk.elsewhere.test:8443/\" ];\n"
	  "webhooks = ( { url = \"https://h.test/\"; secret_file = \"h\";"
	  " events = [ \"adapter.*\", \"one\", \"two\" ]; } );"
	  "adapter = { module = \"actor.so\"; isolation = \"none\"; }; };" },
	{ "conf.d/gamma.conf",
	  "tenant = { slug = \"gamma\"; identity = \"unsigned\";\n"
	  "url = \"https://" G "\";\n"
	  "redirects = [ \"https://desk.elsewhere.test/\" ];\n"
	  "adapter = { module = \"actor.so\"; isolation = \"none\";\n"
	  "on_failure = \"default\"; }; };" },
	{ "conf.d/escapes.conf",
	  "tenant = { slug = \"escapes\"; identity = \"unsigned\";\n"
	  "decode_html = true; adapter = { module = \"actor.so\";\n"
	  "isolation = \"none\"; }; };" },
	{ "conf.d/beta.conf",
	  "tenant = { slug = \"beta\"; identity = \"unsigned\";\n"
	  "url = \"https://ticket.beta.test\"; };" },
	{ NULL, NULL }
};

static void setup(void)
{
	memset(&play, 0, sizeof(play));
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
}

static void teardown(void)
{
	if (play.has_thread)
		pthread_join(play.thread, NULL);
	flow_stop();
}

static bool has_person(struct exchange *ex, const char *tenant,
		       const char *email, struct user *user)
{
	flow_settle();
	return users_find(ex->reader, str_from(tenant), str_from(email),
			  ex->pool, user) == ERR_OK;
}

static bool has_user_of(struct exchange *ex, const char *tenant,
			struct user *user)
{
	return has_person(ex, tenant, "user@example.com", user);
}

static bool has_user(struct exchange *ex, struct user *user)
{
	return has_user_of(ex, "alpha", user);
}

/* Rows of the outbox with that event's name. */
static int count_events(const char *name)
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *q;
	int n;

	flow_settle();
	snprintf(path, sizeof(path), "%s/state/usher.db", flow.dir);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY,
					 NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM outbox "
					    "WHERE event = ?1", -1, &q, NULL),
			 SQLITE_OK);
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static void deny(struct adapter_call *call)
{
	call->result = ADAPTER_DENIED;
	call->deny_code = STR("no_plan");
	call->deny_reason = STR("Your plan has <no> support.");
}

/* Each octet becomes six, in JSON as in HTML. */
static void deny_at_length(struct adapter_call *call)
{
	static char reason[USHER_MESSAGE_MAX + 1];

	memset(reason, '<', USHER_MESSAGE_MAX);
	reason[0] = '"';
	call->result = ADAPTER_DENIED;
	call->deny_code = STR("no_plan");
	call->deny_reason = (struct str){ reason, USHER_MESSAGE_MAX };
}

static void deny_silently(struct adapter_call *call)
{
	call->result = ADAPTER_DENIED;
}

static void fall_over(struct adapter_call *call)
{
	call->result = ADAPTER_FAILED;
	snprintf(call->problem, sizeof(call->problem), "it fell over");
}

static void time_out(struct adapter_call *call)
{
	call->result = ADAPTER_TIMED_OUT;
	snprintf(call->problem, sizeof(call->problem), "it {slept}\x01");
}

static void be_away(struct adapter_call *call)
{
	call->result = ADAPTER_UNAVAILABLE;
	snprintf(call->problem, sizeof(call->problem), "it is down");
}

static void find_fault(struct adapter_call *call)
{
	static struct adapter_error errors[] = {
		{ STR("company"), STR("The company field is required.") },
		{ STR("company"), STR("And it must be a good one.") },
	};

	call->result = ADAPTER_INVALID;
	call->errors = errors;
	call->error_count = 2;
}

static void stray(struct adapter_call *call)
{
	call->redirect = STR("https://evil.test/");
}

static const struct {
	void (*act)(struct adapter_call *call);
	int status;
	const char *code;
} refusals[] = {
	{ deny, 403, "no_plan" },
	{ deny_at_length, 403, "no_plan" },
	{ deny_silently, 403, "denied" },
	{ fall_over, 502, "adapter_failed" },
	{ time_out, 504, "adapter_timeout" },
	{ be_away, 503, "adapter_unavailable" },
	{ find_fault, 422, "validation_failed" },
	{ stray, 502, "adapter_redirect" },
};

/* Never a silent bypass, and nothing stored. */
START_TEST(what_an_adapter_refuses_is_refused)
{
	struct exchange *ex;
	struct user user;

	play.handoff = refusals[_i / 2].act;
	play.is_late = _i % 2;
	ex = flow_call(&steps_handoff, .method = METHOD_POST, .param = "alpha",
		       .type = FORM, .body = USER,
		       .headers = { "Origin: https://alpha.test" });
	ck_answer(ex, refusals[_i / 2].status, refusals[_i / 2].code);
	ck_assert_uint_eq(play.handoffs, 1);
	ck_assert(!has_user(ex, &user));
	ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"),
		  "https://alpha.test");
	ck_assert(flow_header(ex, "X-RateLimit-Remaining").ptr);
	ck_assert(!flow_body_has(ex, "fell over"));
	/* Its neighbour never notices. */
	ck_answer(flow_post("beta", USER), 302, "");
}
END_TEST

START_TEST(its_reason_is_shown_and_escaped)
{
	struct exchange *ex;

	play.handoff = deny;
	ck_assert(flow_body_has(flow_post("alpha", USER),
				"\"code\":\"no_plan\""));
	ex = flow_call(&steps_handoff, .method = METHOD_POST, .param = "alpha",
		       .type = FORM, .body = USER, .headers = { BROWSER });
	ck_assert_int_eq(ex->answer.status, 403);
	ck_assert(flow_body_has(ex, "Your plan has &lt;no&gt; support."));
	ck_str_is(flow_audit(ex).code, "no_plan");
}
END_TEST

START_TEST(its_faults_and_ours_are_one_answer)
{
	struct exchange *ex;

	play.handoff = find_fault;
	ex = flow_post("alpha", "email=nonsense&name=x");
	ck_answer(ex, 422, "validation_failed");
	ck_assert(flow_body_has(ex, "\"company\":[\"The company field is "
				"required.\",\"And it must be a good one.\"]"));
	ck_assert(flow_body_has(ex, "\"email\":["));
	/* What is missing it might have supplied. */
	ex = flow_post("alpha", "user_email=x");
	ck_assert(!flow_body_has(ex, "\"email\":["));
	ck_assert(!flow_body_has(ex, "\"name\":["));
}
END_TEST

static void enrich(struct adapter_call *call)
{
	static struct adapter_change changes[] = {
		{ STR("plan"), STR("gold") },
		{ STR("old"), STR("x") },
		{ STR("old"), STR_NULL },
		{ STR("company"), STR("Acme \"&\" Sons") },
	};
	static struct adapter_event events[] = {
		{ STR("adapter.seen"), STR("{\"n\":1}") },
	};

	call->changes = changes;
	call->change_count = 4;
	call->events = events;
	call->event_count = 1;
	call->redirect = STR("https://desk.elsewhere.test/gold");
}

static void look_and_drop(struct adapter_call *call)
{
	static struct adapter_change changes[] = {
		{ STR("company"), STR_NULL },
	};

	ck_assert_ptr_nonnull(call->attributes);
	ck_str_is(fields_value(call->attributes, STR("plan")), "gold");
	ck_str_is(call->info.user_name, "John Doe");
	ck_assert_uint_gt(call->info.user_id.len, 0);
	call->changes = changes;
	call->change_count = 1;
}

START_TEST(what_it_says_is_stored_and_where_it_sends_is_gone_to)
{
	struct exchange *ex;
	const char *query;
	struct user user;

	play.handoff = enrich;
	play.is_late = _i;
	query = flow_mint("alpha", USER "&redirect_url=https%3A%2F%2F" C "%2F");
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 302, "");
	/* Its choice counts more than the partner's. */
	ck_str_is(flow_header(ex, "Location"),
		  "https://desk.elsewhere.test/gold");
	ck_assert(has_user(ex, &user));
	ck_str_is(user.view.attributes,
		  "{\"plan\":\"gold\",\"company\":\"Acme \\\"\\u0026\\\" "
		  "Sons\"}");
	ck_assert_int_eq(count_events("adapter.seen"), 1);
	/* The rest stays, what it deletes goes. */
	play.handoff = look_and_drop;
	flow_sign_in("alpha", C, USER);
	ck_assert(has_user(ex, &user));
	ck_str_is(user.view.attributes, "{\"plan\":\"gold\"}");
}
END_TEST

static void supply(struct adapter_call *call)
{
	ck_assert(call->may_supply);
	ck_str_is(call->info.tenant_slug, "alpha");
	ck_str_is(call->info.tenant_home, "https://alpha.test/");
	ck_str_is(call->info.identity, "unsigned");
	ck_str_is(call->info.dashboard, "https://" C "/dashboard");
	ck_str_is(call->info.redirect_url, "https://" C "/dashboard");
	ck_assert_uint_eq(call->info.request_id.len, 26);
	ck_assert(!call->info.user_id.ptr);
	ck_assert_int_eq(fields_get(call->fields, STR("address"))->kind,
			 FIELD_JSON);
	call->email = STR(" User@Example.com ");
	call->name = STR("");
}

static void supply_nonsense(struct adapter_call *call)
{
	call->email = STR("nonsense");
	call->name = STR("x");
}

START_TEST(it_may_supply_what_the_partner_named_otherwise)
{
	static const char body[] = "{\"user_email\":\"user@example.com\","
				   "\"address\":{\"city\":\"Ulm\"}}";
	struct exchange *ex;
	struct user user;

	play.handoff = supply;
	ex = flow_call(&steps_handoff, .method = METHOD_POST, .param = "alpha",
		       .type = JSON, .body = body);
	ck_answer(ex, 302, "");
	ck_assert(!has_user(ex, &user));
	ck_answer(flow_visit(C, flow_token(ex), NULL), 302, "");
	ck_assert(has_user(ex, &user));
	ck_str_is(user.view.email, "User@Example.com");
	ck_str_is(user.view.name, "User");
	play.handoff = supply_nonsense;
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "alpha", .type = JSON, .body = body),
		  422, "validation_failed");
}
END_TEST

static void supply_escaped(struct adapter_call *call)
{
	ck_str_is(fields_value(call->fields, STR("name")), "Smith & Sons");
	ck_str_is(fields_value(call->fields, STR("company")), "A &amp; B");
	call->email = STR("o&#039;brien@example.com");
}

/* What it supplies is of the same page. */
START_TEST(what_it_supplies_may_have_been_escaped)
{
	static const char body[] = "name=Smith+%26amp%3B+Sons&"
				   "company=A+%26amp%3B+B";
	struct exchange *ex;
	struct user user;

	play.handoff = supply_escaped;
	ex = flow_post("escapes", body);
	ck_answer(ex, 302, "");
	ck_assert(str_icontains(flow_audit(ex).trail,
		STR("\"why\":\"HTML references in email read\"")));
	ck_answer(flow_visit(B, flow_token(ex), NULL), 302, "");
	ck_assert(has_person(ex, "escapes", "o'brien@example.com", &user));
	ck_str_is(user.view.name, "Smith & Sons");
}
END_TEST

static void supply_what_it_saw(struct adapter_call *call)
{
	call->email = fields_value(call->fields, STR("email"));
	call->name = fields_value(call->fields, STR("name"));
}

/* An adapter that fills in what is missing says the rest as it got it. */
START_TEST(what_it_says_again_is_read_once)
{
	static const char body[] = "email=o%26%23039%3Bbrien@example.com&"
				   "name=How+to+write+%26amp%3Bamp%3B";
	struct exchange *ex;
	struct user user;

	play.handoff = supply_what_it_saw;
	ex = flow_post("escapes", body);
	ck_answer(ex, 302, "");
	ck_answer(flow_visit(B, flow_token(ex), NULL), 302, "");
	ck_assert(has_person(ex, "escapes", "o'brien@example.com", &user));
	ck_str_is(user.view.name, "How to write &amp;");
	/* twice escaped is no address, whoever says it */
	ck_answer(flow_post("escapes", "name=X&email="
			    "o%26amp%3B%23039%3Bbrien@example.com"),
		  422, "validation_failed");
}
END_TEST

static void send_on(struct adapter_call *call)
{
	ck_str_is(call->info.user_email, "user@example.com");
	ck_str_is(call->info.user_name, "John Doe");
	ck_assert_uint_gt(call->info.user_id.len, 0);
	ck_str_is(call->info.redirect_url, "https://" C "/dashboard");
	ck_assert_ptr_null(call->fields);
	call->redirect = STR("https://desk.elsewhere.test/jwt?x=1");
}

/* The longest name that there can be. */
#define LONG "adapter.e123456789012345678901234567890123456789012345678901234" \
	"567890123"

static void emit(struct adapter_call *call)
{
	static struct adapter_event events[] = { { STR(LONG), STR("{}") } };

	call->events = events;
	call->event_count = 1;
}

static void post_on(struct adapter_call *call)
{
	static struct adapter_error fields[] = {
		{ STR("jwt"), STR("ey.\"J\"") },
	};

	call->post_url = STR("https://desk.elsewhere.test/access");
	call->post_fields = fields;
	call->post_field_count = 1;
}

static void post_astray(struct adapter_call *call)
{
	call->post_url = STR("https://evil.test/access");
}

START_TEST(deliver_sends_the_user_on_in_place_of_a_session)
{
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex;

	play.has_deliver = true;
	play.deliver = send_on;
	play.is_late = _i;
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"),
		  "https://desk.elsewhere.test/jwt?x=1");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
}
END_TEST

START_TEST(deliver_may_post_the_user_on)
{
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex;

	play.has_deliver = true;
	play.deliver = post_on;
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "action=\"https://desk.elsewhere.test/"
				"access\""));
	ck_assert(flow_body_has(ex, "name=\"jwt\""));
	ck_assert(!flow_body_has(ex, "ey.\"J\""));
	ck_assert(str_icontains(flow_header(ex, "Content-Security-Policy"),
			STR("form-action https://desk.elsewhere.test "
			    "https://help.elsewhere.test "
			    "https://desk.elsewhere.test:8443;")));
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
}
END_TEST

static void post_too_much(struct adapter_call *call)
{
	static char quotes[8192];
	static struct adapter_error fields[8];

	memset(quotes, '"', sizeof(quotes));
	for (int i = 0; i < 8; i++)
		fields[i] = (struct adapter_error){
			STR("f"), { quotes, sizeof(quotes) } };
	call->post_url = STR("https://desk.elsewhere.test/access");
	call->post_fields = fields;
	call->post_field_count = 8;
}

START_TEST(a_deliver_that_refuses_or_strays_spends_nothing)
{
	static const struct {
		void (*act)(struct adapter_call *call);
		int status;
		const char *code;
	} cases[] = {
		{ deny, 403, "no_plan" },
		{ fall_over, 502, "adapter_failed" },
		{ time_out, 504, "adapter_timeout" },
		{ be_away, 503, "adapter_unavailable" },
		{ stray, 502, "adapter_redirect" },
		{ post_astray, 502, "adapter_redirect" },
		{ post_too_much, 502, "adapter_failed" },
	};
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex;

	play.has_deliver = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		play.deliver = cases[i].act;
		play.is_late = i % 2;
		ex = flow_visit(C, query, NULL);
		ck_answer(ex, cases[i].status, cases[i].code);
		ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	}
	/* One that says nothing leaves it to the gateway. */
	play.deliver = NULL;
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 302, "");
	ck_assert(flow_header(ex, "Set-Cookie").ptr);
}
END_TEST

static const struct {
	void (*act)(struct adapter_call *call);
	int status;
	const char *was, *log, *trail;
} told[] = {
	{ fall_over, 502, "failed", "it fell over", "it fell over" },
	{ time_out, 504, "late", "it {slept}", "it (slept)?" },
	{ be_away, 503, "unavailable", "it is down", "it is down" },
	{ stray, 502, "failed", "it chose a redirect target",
	  "it chose a redirect target" },
};

/* Whichever hook it was: the log and the trail say why. */
static void check_told(struct exchange *ex, const char *step, unsigned at)
{
	char *log = flow_log(), *line, wanted[256];

	snprintf(wanted, sizeof(wanted), "\"adapter_failed\",\"request\":"
		 "\"%s\",\"tenant\":\"alpha\",\"step\":\"%s\","
		 "\"was\":\"%s\",\"problem\":\"%s", ex->id, step,
		 told[at].was, told[at].log);
	line = strstr(log, wanted);
	ck_assert_msg(line != NULL, "no %s in %s", wanted, log);
	free(log);
	snprintf(wanted, sizeof(wanted), "\"why\":\"%s", told[at].trail);
	ck_assert_msg(str_icontains(flow_audit(ex).trail, str_from(wanted)),
		      "%.*s", STR_ARG(flow_audit(ex).trail));
}

START_TEST(whichever_hook_fails_the_operator_reads_why)
{
	unsigned at = (unsigned)_i / 2;
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex;

	play.is_late = _i % 2;
	play.has_deliver = true;
	play.deliver = told[at].act;
	ex = flow_visit(C, query, NULL);
	ck_assert_int_eq(ex->answer.status, told[at].status);
	check_told(ex, "deliver", at);
	play.handoff = told[at].act;
	ex = flow_post("alpha", USER);
	ck_assert_int_eq(ex->answer.status, told[at].status);
	if (told[at].act != stray)
		check_told(ex, "ask_adapter", at);
}
END_TEST

static int64_t shown[2];
static const char *other_query;

static void note_shown(struct adapter_call *call)
{
	int64_t id;

	ck_assert_int_eq(num_i64(call->info.user_id, 1, INT64_MAX, &id),
			 ERR_OK);
	ck_str_is(fields_value(call->attributes, STR("plan")), "gold");
	ck_assert_uint_le(play.delivers, 2);
	shown[play.delivers - 1] = id;
	/* at the first time somebody of the same address comes first */
	if (play.delivers == 1) {
		play.deliver = send_on;
		ck_answer(flow_visit(C, other_query, NULL), 302, "");
		play.delivers = 1;
		play.deliver = note_shown;
	}
}

static void set_plan(struct adapter_call *call)
{
	static struct adapter_change change = { STR("plan"), STR("gold") };

	call->changes = &change;
	call->change_count = 1;
}

/* They are shown as they will be, with the number that they will have. */
START_TEST(deliver_sees_who_will_have_arrived)
{
	struct exchange *ex;
	const char *query;

	play.handoff = set_plan;
	query = flow_mint("alpha", USER);
	ck_assert_int_eq(flow_count("users"), 0);
	other_query = flow_mint("alpha", USER);
	play.has_deliver = true;
	play.deliver = note_shown;
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 302, "");
	/* the second token made them before the first was redeemed: the
	 * adapter was asked again, about the one who is there */
	ck_assert_uint_eq(play.delivers, 2);
	ck_assert_int_ne(shown[0], shown[1]);
	ck_assert_int_eq(shown[1], flow_user());
	ck_assert(str_icontains(flow_audit(ex).trail, STR("deliver_again")));
}
END_TEST

START_TEST(deliver_is_not_asked_about_who_may_not_come)
{
	const char *query = flow_mint("alpha", USER);
	struct user_block block = { .tenant = STR("alpha"),
		.email = STR("user@example.com"),
		.email_key = STR("user@example.com"), .is_blocked = true };

	play.has_deliver = true;
	play.deliver = send_on;
	ck_assert_int_eq(users_block(store_users(flow.gateway.store), &block),
			 ERR_OK);
	flow_settle();
	ck_answer(flow_visit(C, query, NULL), 403, "user_blocked");
	ck_assert_uint_eq(play.delivers, 0);
}
END_TEST

/* It asked for the stored user: then a block is seen at once. */
START_TEST(who_is_blocked_is_refused_where_the_adapter_looks)
{
	flow_sign_in("alpha", C, USER);
	flow_sql("UPDATE users SET blocked = 1");
	play.handoff = set_plan;
	play.is_late = _i;
	ck_answer(flow_post("alpha", USER), 403, "user_blocked");
	ck_assert_uint_eq(play.handoffs, 2);
}
END_TEST

static void emit_much(struct adapter_call *call)
{
	static struct adapter_event events[16];
	static char body[4000];

	memset(body, 'x', sizeof(body));
	memcpy(body, "{\"x\":\"", 6);
	memcpy(body + sizeof(body) - 2, "\"}", 2);
	for (int i = 0; i < 16; i++)
		events[i] = (struct adapter_event){
			STR("adapter.much"), { body, sizeof(body) } };
	call->events = events;
	call->event_count = 16;
}

/* More than a URL can carry: it waits in the store, and goes out once. */
START_TEST(what_does_not_fit_into_the_link_waits_for_the_arrival)
{
	struct exchange *ex;
	const char *query, *cookie;

	play.handoff = emit_much;
	play.is_late = _i;
	query = flow_mint("alpha", USER);
	ck_assert_int_eq(flow_count("parked"), 1);
	ck_assert_int_eq(count_events("adapter.much"), 0);
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 302, "");
	cookie = flow_cookie(ex);
	ck_assert_int_eq(flow_count("parked"), 0);
	ck_assert_int_eq(count_events("adapter.much"), 16);
	/* that it was used is what is told, not that something is missing */
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
	ck_answer(flow_visit(C, query, cookie), 302,
		  "token_used_by_this_session");
	ck_assert_int_eq(count_events("adapter.much"), 16);
	/* what was never used and is gone opens nothing */
	query = flow_mint("alpha", USER);
	flow_sql("DELETE FROM parked");
	ck_answer(flow_visit(C, query, NULL), 401, "token_invalid");
	/* nor does another's content in its place */
	query = flow_mint("alpha", USER);
	flow_sql("UPDATE parked SET content = replace(content, 'xx', 'xy')");
	ck_answer(flow_visit(C, query, NULL), 401, "token_invalid");
	ck_assert_int_eq(flow_count("users"), 1);
}
END_TEST

START_TEST(one_client_cannot_fill_the_store)
{
	struct exchange *ex = NULL;

	play.handoff = emit_much;
	for (int i = 0; i < PARKED_CLIENT_MAX; i++)
		flow_mint("alpha", USER);
	ex = flow_post("alpha", USER);
	ck_answer(ex, 503, "sign_in_too_large");
	ck_assert_uint_gt(flow_header(ex, "Retry-After").len, 0);
	ck_assert_int_eq(flow_count("parked"), PARKED_CLIENT_MAX);
}
END_TEST

START_TEST(what_deliver_emits_goes_out_with_the_one_use)
{
	const char *query = flow_mint("alpha", USER);

	play.has_deliver = true;
	play.deliver = emit;
	ck_answer(flow_visit(C, query, NULL), 302, "");
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
	ck_assert_uint_eq(play.delivers, 2);
	ck_assert_int_eq(count_events(LONG), 1);
}
END_TEST

START_TEST(deliver_is_not_asked_for_requests_that_redeem_nothing)
{
	const char *query = flow_mint("alpha", USER);

	play.has_deliver = true;
	play.deliver = send_on;
	flow_call(&steps_callback, .host = C, .query = query,
		  .headers = { "Sec-Fetch-Mode: cors" });
	flow_call(&steps_callback, .host = C, .query = query,
		  .headers = { "Sec-Purpose: prefetch" });
	flow_call(&steps_callback, .host = C, .query = query,
		  .method = METHOD_HEAD);
	flow_visit(C, "token=x", NULL);
	ck_assert_uint_eq(play.delivers, 0);
	ck_answer(flow_visit(C, query, NULL), 302, "");
	ck_assert_uint_eq(play.delivers, 1);
}
END_TEST

START_TEST(the_question_lets_the_button_lead_to_a_foreign_desk)
{
	const char *mine = flow_sign_in("alpha", C, USER);
	const char *theirs = flow_mint("alpha", "email=o%40example.com&name=O");
	struct exchange *ex;

	play.has_deliver = true;
	ex = flow_visit(C, theirs, mine);
	ck_answer(ex, 200, "confirm");
	ck_assert(str_icontains(flow_header(ex, "Content-Security-Policy"),
				STR("form-action 'self' https:;")));
}
END_TEST

static int64_t passed_over(struct exchange *ex)
{
	return metric_value(ex->tenant->adapter_defaults);
}

static bool has_trail(struct exchange *ex, const char *step)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "{\"step\":\"%s\",\"verdict\":\"adapter_default\"", step);
	return str_icontains(flow_audit(ex).trail, str_from(text));
}

static bool is_logged(struct exchange *ex, const char *was)
{
	char text[65536], wanted[256];
	ssize_t n = pread(flow.log_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	snprintf(wanted, sizeof(wanted), "\"request\":\"%s\",\"tenant\":"
		 "\"gamma\",\"step\":\"ask_adapter\",\"was\":\"%s\"",
		 ex->id, was);
	return strstr(text, "adapter_passed_over") && strstr(text, wanted);
}

static const struct {
	void (*act)(struct adapter_call *call);
	const char *was;
} failures[] = {
	{ fall_over, "failed" },
	{ time_out, "late" },
	{ be_away, "unavailable" },
};

#define FAILURES (sizeof(failures) / sizeof(failures[0]))

START_TEST(what_only_advises_is_passed_over_and_that_is_told)
{
	struct exchange *ex;
	int64_t before;

	play.handoff = failures[_i / 2].act;
	play.is_late = _i % 2;
	ex = flow_post("gamma", USER);
	before = passed_over(ex);
	ck_assert_int_ge(before, 1);
	ck_answer(ex, 302, "");
	ck_assert(has_trail(ex, "ask_adapter"));
	ck_assert(is_logged(ex, failures[_i / 2].was));
	ck_answer(flow_post("gamma", USER), 302, "");
	ck_assert_int_eq(passed_over(ex), before + 1);
	/* Where it answers, it counts. */
	play.handoff = enrich;
	ex = flow_post("gamma", USER);
	ck_answer(ex, 302, "");
	ck_assert(!has_trail(ex, "ask_adapter"));
	ck_assert_int_eq(passed_over(ex), before + 1);
}
END_TEST

/* Nobody knows yet that it refuses nobody. */
START_TEST(one_that_was_never_ready_is_not_passed_over)
{
	struct exchange *ex;
	int64_t before;

	play.handoff = be_away;
	ex = flow_post("gamma", USER);
	before = passed_over(ex);
	play.is_starting = true;
	ex = flow_post("gamma", USER);
	ck_answer(ex, 503, "adapter_unavailable");
	ck_assert_int_eq(passed_over(ex), before);
	play.is_starting = false;
	ck_answer(flow_post("gamma", USER), 302, "");
}
END_TEST

START_TEST(a_refusal_is_never_passed_over)
{
	static const unsigned which[] = { 0, 2, 6, 7 };
	unsigned at = which[_i / 2];
	struct exchange *ex;
	struct user user;

	play.handoff = refusals[at].act;
	play.is_late = _i % 2;
	ex = flow_post("gamma", USER);
	ck_answer(ex, refusals[at].status, refusals[at].code);
	ck_assert(!has_user_of(ex, "gamma", &user));
	ck_assert(!has_trail(ex, "ask_adapter"));
}
END_TEST

START_TEST(where_the_way_on_fails_there_is_a_session_of_ours)
{
	const char *query = flow_mint("gamma", USER);
	struct exchange *ex;
	int64_t before;

	play.has_deliver = true;
	play.is_late = _i % 2;
	play.deliver = deny;
	ck_answer(flow_visit(G, query, NULL), 403, "no_plan");
	play.deliver = post_astray;
	ex = flow_visit(G, query, NULL);
	ck_answer(ex, 502, "adapter_redirect");
	before = passed_over(ex);
	play.deliver = failures[_i / 2].act;
	ex = flow_visit(G, query, NULL);
	ck_answer(ex, 302, "");
	ck_assert(flow_header(ex, "Set-Cookie").ptr);
	ck_str_is(flow_header(ex, "Location"), "https://" G "/dashboard");
	ck_assert(has_trail(ex, "deliver"));
	ck_assert_int_eq(passed_over(ex), before + 1);
	ck_answer(flow_visit(G, query, NULL), 410, "token_used");
}
END_TEST

static void adapter_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
		what_only_advises_is_passed_over_and_that_is_told, 0,
		2 * FAILURES);
	tcase_add_loop_test(tcase, a_refusal_is_never_passed_over, 0, 8);
	tcase_add_loop_test(tcase,
		where_the_way_on_fails_there_is_a_session_of_ours, 0,
		2 * FAILURES);
	tcase_add_loop_test(tcase, what_an_adapter_refuses_is_refused, 0,
			    2 * sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tcase, its_reason_is_shown_and_escaped);
	tcase_add_test(tcase, its_faults_and_ours_are_one_answer);
	tcase_add_loop_test(tcase,
		what_it_says_is_stored_and_where_it_sends_is_gone_to, 0, 2);
	tcase_add_test(tcase, it_may_supply_what_the_partner_named_otherwise);
	tcase_add_test(tcase, what_it_supplies_may_have_been_escaped);
	tcase_add_test(tcase, what_it_says_again_is_read_once);
	tcase_add_loop_test(tcase,
		deliver_sends_the_user_on_in_place_of_a_session, 0, 2);
	tcase_add_test(tcase, deliver_may_post_the_user_on);
	tcase_add_test(tcase, one_that_was_never_ready_is_not_passed_over);
	tcase_add_test(tcase, a_deliver_that_refuses_or_strays_spends_nothing);
	tcase_add_loop_test(tcase,
		whichever_hook_fails_the_operator_reads_why, 0,
		2 * sizeof(told) / sizeof(told[0]));
	tcase_add_test(tcase, deliver_sees_who_will_have_arrived);
	tcase_add_test(tcase, deliver_is_not_asked_about_who_may_not_come);
	tcase_add_loop_test(tcase,
		who_is_blocked_is_refused_where_the_adapter_looks, 0, 2);
	tcase_add_loop_test(tcase,
		what_does_not_fit_into_the_link_waits_for_the_arrival, 0, 2);
	tcase_add_test(tcase, one_client_cannot_fill_the_store);
	tcase_add_test(tcase, what_deliver_emits_goes_out_with_the_one_use);
	tcase_add_test(tcase,
		       deliver_is_not_asked_for_requests_that_redeem_nothing);
	tcase_add_test(tcase,
		       the_question_lets_the_button_lead_to_a_foreign_desk);
}

UNIT_MAIN("adapter", adapter_tests)
