/*
 * The desk without a socket: what the wire's suite cannot hold still, and what
 * happens when memory runs out.
 */
#include "flow/flow.h"

#include "desk/cache.h"
#include "desk/desk.h"
#include "desk/listing.h"
#include "handoff/session.h"

#define C "ticket.alpha.test"
#define USER "email=user%40example.com&name=Zo%C3%AB+Doe"
#define HOUR_MS 3600000

static const struct flow_file files[] = {
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; home = \"https://alpha.test/shop\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\";\n"
	  "categories = [ \"Billing\" ];\n"
	  "session = { idle = 28800; absolute = 28800; }; };\n" },
	{ "conf.d/homeless.conf",
	  "tenant = { slug = \"homeless\"; identity = \"unsigned\";\n"
	  "url = \"https://ticket.homeless.test\"; desk = false; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
	flow.gateway.desk_cache = desk_cache_new(1);
}

static void teardown(void)
{
	struct desk_cache *cache = flow.gateway.desk_cache;

	flow_stop();
	desk_cache_free(cache);
}

/* Somebody, and what their page knows. */
struct visitor {
	const char *cookie, *csrf, *origin, *host;
	const char *tenant;		/* of a frame; NULL: a tab */
};

/* "X-CSRF-Token: ..." of the page's data. */
static const char *read_csrf(const struct steps *steps, struct visitor *v)
{
	struct exchange *ex = flow_call(steps, .host = v->host,
					.param = v->tenant,
					.cookie = v->cookie);
	const char *at;

	ck_answer(ex, 200, "");
	at = memmem(ex->answer.body.ptr, ex->answer.body.len, "\"csrf\":\"",
		    8);
	ck_assert_ptr_nonnull(at);
	return pool_printf(ex->pool, "X-CSRF-Token: %.43s", at + 8).ptr;
}

static struct visitor enter(const char *user)
{
	struct visitor v = { .cookie = flow_sign_in("alpha", C, user),
			     .origin = "Origin: https://" C, .host = C };

	v.csrf = read_csrf(&steps_desk_page, &v);
	return v;
}

static struct exchange *post(const struct steps *steps,
			     const struct visitor *v, const char *number,
			     const char *key, const char *body)
{
	static char header[128];

	snprintf(header, sizeof(header), "Idempotency-Key: %s", key);
	return flow_call(steps, .method = METHOD_POST, .host = v->host,
			 .param = v->tenant ? v->tenant : number,
			 .param2 = v->tenant ? number : NULL, .type = JSON,
			 .body = body, .cookie = v->cookie,
			 .headers = { v->origin, v->csrf, header });
}

#define TICKET "{\"subject\":\"It broke\",\"category\":\"Billing\"," \
	"\"message\":\"Please help\"}"
#define MESSAGE "{\"message\":\"again\"}"

static struct exchange *get(const struct steps *steps,
			    const struct visitor *v, const char *number)
{
	return flow_call(steps, .host = v->host,
			 .param = v->tenant ? v->tenant : number,
			 .param2 = v->tenant ? number : NULL,
			 .cookie = v->cookie);
}

START_TEST(the_page_names_and_escapes_the_user)
{
	struct visitor v = enter("email=x%40example.com&"
		"name=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
	struct exchange *ex = get(&steps_desk_page, &v, NULL);

	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "&lt;script&gt;alert(1)"));
	ck_assert(!flow_body_has(ex, "<script>alert"));
	ck_assert(flow_body_has(ex, "x@example.com"));
	ck_assert(flow_body_has(ex, "action=\"/auth/logout\""));
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
}
END_TEST

START_TEST(a_tenant_may_do_without_the_desk)
{
	const char *host = "ticket.homeless.test";
	const char *cookie = flow_sign_in("homeless", host, USER);
	const struct steps *lists[] = {
		&steps_desk_page, &steps_tickets_list, &steps_tickets_create,
		&steps_ticket_show, &steps_ticket_reply, &steps_ticket_close,
		&steps_ticket_reopen,
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		ck_answer(flow_call(lists[i], .host = host, .cookie = cookie,
				    .param = "1"), 404, "not_found");
		ck_answer(flow_call(lists[i], .host = host, .param = "1"), 404,
			  "not_found");
	}
	ck_answer(flow_call(&steps_session, .host = host, .cookie = cookie),
		  200, "");
}
END_TEST

START_TEST(what_is_asked_first_is_said_first)
{
	struct visitor v = enter(USER), wrong = v;
	struct exchange *ex;

	/* nobody; then where from; then whose page; then what */
	wrong.cookie = NULL;
	wrong.origin = "Origin: null";
	wrong.csrf = "X-CSRF-Token: x";
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "", "{"), 401,
		  "not_signed_in");
	wrong.cookie = v.cookie;
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "", "{"), 403,
		  "origin_refused");
	wrong.origin = v.origin;
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "", "{"), 403,
		  "csrf_refused");
	wrong.csrf = v.csrf;
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "", "{"), 400,
		  "malformed_body");
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "", "{}"), 422,
		  "validation_failed");
	ex = post(&steps_tickets_create, &wrong, NULL, "k", TICKET);
	ck_answer(ex, 201, "");
	ck_str_is(flow_header(ex, "Content-Type"), "application/json");
	ck_answer(post(&steps_tickets_create, &wrong, NULL, "k", TICKET), 200,
		  "");
	/* close and reopen need no body, but its type */
	ck_answer(post(&steps_ticket_close, &v, "1", "", NULL), 200, "");
	ck_answer(post(&steps_ticket_close, &v, "1", "", "{}"), 200, "");
	ck_answer(post(&steps_ticket_reply, &v, "1", "r", MESSAGE), 409,
		  "ticket_closed");
	ck_answer(post(&steps_ticket_reopen, &v, "1", "", NULL), 200, "");
	ck_answer(post(&steps_ticket_reply, &v, "1", "r", MESSAGE), 201, "");
	ck_answer(post(&steps_ticket_reply, &v, "1", "r", MESSAGE), 200, "");
	ck_answer(post(&steps_ticket_reply, &v, "2", "r", MESSAGE), 404,
		  "not_found");
}
END_TEST

START_TEST(each_change_leaves_its_trail)
{
	struct visitor v = enter(USER);
	struct exchange *ex = post(&steps_tickets_create, &v, NULL, "k",
				   TICKET);
	struct audit_record record = flow_audit(ex);

	ck_assert_int_eq(record.status, 201);
	ck_str_is(record.tenant, "alpha");
	ck_assert(str_icontains(record.trail, STR("\"open_ticket\",\"verdict\":"
						  "\"stored\"")));
	ex = post(&steps_tickets_create, &v, NULL, "k", TICKET);
	ck_assert_int_eq(flow_audit(ex).status, 200);
	ex = post(&steps_ticket_close, &v, "1", "", NULL);
	ck_assert_int_eq(flow_audit(ex).status, 200);
	ex = post(&steps_ticket_reply, &v, "1", "r", MESSAGE);
	record = flow_audit(ex);
	ck_assert_int_eq(record.status, 409);
	ck_str_is(record.code, "ticket_closed");
}
END_TEST

START_TEST(the_hour_has_a_limit_and_an_end)
{
	const int64_t start = INT64_C(1795370000000);
	struct visitor v;
	struct exchange *ex;
	char key[16];
	int i;

	clock_hold(start);
	v = enter(USER);
	for (i = 0; i < TICKETS_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_answer(post(&steps_tickets_create, &v, NULL, key, TICKET),
			  201, "");
	}
	ex = post(&steps_tickets_create, &v, NULL, "more", TICKET);
	ck_answer(ex, 429, "too_many_tickets");
	ck_str_is(flow_header(ex, "Retry-After"), "3600");
	/* What was done may be asked for again. */
	ck_answer(post(&steps_tickets_create, &v, NULL, "k3", TICKET), 200,
		  "");
	for (i = TICKETS_PER_HOUR; i < TICKET_MESSAGES_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "m%d", i);
		ck_answer(post(&steps_ticket_reply, &v, "1", key, MESSAGE),
			  201, "");
	}
	ex = post(&steps_ticket_reply, &v, "1", "more", MESSAGE);
	ck_answer(ex, 429, "too_many_tickets");
	ck_assert(flow_header(ex, "Retry-After").ptr);
	clock_hold(start + HOUR_MS);
	ck_answer(post(&steps_ticket_reply, &v, "1", "more", MESSAGE), 201,
		  "");
}
END_TEST

START_TEST(a_full_ticket_says_so)
{
	const int64_t start = INT64_C(1795370000000);
	struct visitor v;
	char key[16];
	int i, n = 1;

	clock_hold(start);
	v = enter(USER);
	ck_answer(post(&steps_tickets_create, &v, NULL, "k", TICKET), 201, "");
	for (i = 1; n < TICKET_MESSAGES_MAX; i++) {
		clock_hold(start + i * INT64_C(40000));
		snprintf(key, sizeof(key), "m%d", n);
		ck_answer(post(&steps_ticket_reply, &v, "1", key, MESSAGE),
			  201, "");
		n++;
	}
	ck_answer(post(&steps_ticket_reply, &v, "1", "more", MESSAGE), 409,
		  "ticket_full");
}
END_TEST

static void done(struct job *job)
{
	(void)job;
}

START_TEST(who_is_blocked_meanwhile_is_nobody)
{
	struct visitor v = enter(USER);
	struct user_block block = { .job.done = done, .user_id = flow_user(),
				    .is_blocked = true };

	ck_answer(post(&steps_tickets_create, &v, NULL, "k", TICKET), 201, "");
	ck_assert_int_eq(users_block(store_users(flow.gateway.store), &block),
			 ERR_OK);
	flow_settle();
	ck_answer(get(&steps_tickets_list, &v, NULL), 401, "not_signed_in");
	ck_answer(post(&steps_tickets_create, &v, NULL, "l", TICKET), 401,
		  "not_signed_in");
}
END_TEST

START_TEST(what_was_erased_is_not_shown_from_memory)
{
	struct visitor v = enter(USER);
	struct user_erase erase = { .job.done = done,
				    .user_id = flow_user() };
	struct exchange *ex;

	ck_answer(post(&steps_tickets_create, &v, NULL, "k", TICKET), 201, "");
	for (int i = 0; i < 2; i++) {
		ex = get(&steps_tickets_list, &v, NULL);
		ck_assert(flow_body_has(ex, "It broke"));
	}
	ck_assert_int_eq(users_erase(store_users(flow.gateway.store), &erase),
			 ERR_OK);
	flow_settle();
	ck_answer(get(&steps_tickets_list, &v, NULL), 401, "not_signed_in");
	/* in the same millisecond it would be ended with them */
	clock_hold(clock_wall_ms() + 1);
	v = enter(USER);
	ex = get(&steps_tickets_list, &v, NULL);
	ck_answer(ex, 200, "");
	ck_str_is(ex->answer.body, "{\"tickets\":[],\"next\":null}");
}
END_TEST

START_TEST(lists_are_the_same_with_and_without_the_cache)
{
	struct visitor v = enter(USER);
	struct exchange *ex, *again, *other;

	ck_answer(post(&steps_tickets_create, &v, NULL, "a", TICKET), 201, "");
	ck_answer(post(&steps_tickets_create, &v, NULL, "b", TICKET), 201, "");
	ck_answer(post(&steps_ticket_close, &v, "1", "", NULL), 200, "");
	for (int i = 0; i < 3; i++) {
		static const char *const queries[] = {
			NULL, "state=open", "state=closed"
		};

		ex = flow_call(&steps_tickets_list, .host = C,
			       .cookie = v.cookie, .query = queries[i]);
		again = flow_call(&steps_tickets_list, .host = C,
				  .cookie = v.cookie, .query = queries[i]);
		/* a worker past those that have one */
		other = flow_call(&steps_tickets_list, .host = C,
				  .cookie = v.cookie, .query = queries[i],
				  .worker = 3);
		ck_answer(ex, 200, "");
		ck_assert(str_eq(ex->answer.body, again->answer.body));
		ck_assert(str_eq(ex->answer.body, other->answer.body));
		ck_assert(flow_body_has(ex, "\"number\":2,") == (i < 2));
		ck_assert(flow_body_has(ex, "\"number\":1,") == (i != 1));
	}
}
END_TEST

/* A session in a frame, as its redemption opens it. */
static struct visitor enter_frame(int64_t user_id)
{
	struct exchange *ex = flow_new(&(struct call){ .host = B });
	struct session_secret *secret = pool_alloc(ex->pool, sizeof(*secret));
	struct redemption *job = pool_alloc(ex->pool, sizeof(*job));
	struct visitor v = { .origin = "Origin: https://" B, .host = B,
			     .tenant = "alpha" };

	ck_assert_int_eq(session_secret_new(secret), ERR_OK);
	*job = (struct redemption){
		.job.done = done,
		.sync = { .tenant = STR("alpha"), .name = STR("Zo\xc3\xab Doe"),
			  .email = STR("user@example.com"),
			  .email_key = STR("user@example.com"),
			  .minted_ms = clock_wall_ms() },
		.shown_id = user_id,
		.exp_s = clock_wall_s() + 60, .opens_session = true,
		.kind = SESSION_EMBEDDED, .host = STR(B), .idle_s = 1800,
		.absolute_s = 1800,
	};
	redemption_jti_time(clock_wall_ms(), job->jti);
	job->jti[6] = (uint8_t)flow.count;
	memcpy(job->hash, secret->hash, sizeof(job->hash));
	ck_assert_int_eq(redemptions_submit(
			 store_redemptions(flow.gateway.store), job), ERR_OK);
	flow_settle();
	ck_assert_int_eq(job->job.result, ERR_OK);
	session_set_cookie(ex, SESSION_EMBEDDED, job->session_id, secret);
	ck_assert(str_icontains(flow_header(ex, "Set-Cookie"),
				STR("SameSite=None; Partitioned")));
	v.cookie = flow_cookie(ex);
	ck_assert_int_eq(strncmp(v.cookie, "__Host-usher-embed=", 19), 0);
	v.csrf = read_csrf(&steps_frame_desk_page, &v);
	return v;
}

/* One page of the list: its JSON, and the cursor of the next ("": none). */
static struct exchange *page(const struct visitor *v, const char *query,
			     char cursor_r[64])
{
	struct exchange *ex = flow_call(&steps_tickets_list, .host = v->host,
					.cookie = v->cookie, .query = query);
	const char *next;

	ck_answer(ex, 200, "");
	next = memmem(ex->answer.body.ptr, ex->answer.body.len, "\"next\":",
		      7);
	ck_assert_ptr_nonnull(next);
	cursor_r[0] = '\0';
	if (next[7] == '"')
		snprintf(cursor_r, 64, "%.*s", (int)strcspn(next + 8, "\""),
			 next + 8);
	else
		ck_assert_int_eq(strncmp(next + 7, "null", 4), 0);
	return ex;
}

START_TEST(pages_hold_each_ticket_once)
{
	struct visitor v = enter(USER);
	char cursor[64], query[128], number[32];
	struct exchange *ex;

	for (int i = 0; i < 5; i++) {
		char key[] = { (char)('a' + i), '\0' };

		ck_answer(post(&steps_tickets_create, &v, NULL, key, TICKET),
			  201, "");
	}
	snprintf(query, sizeof(query), "limit=2");
	for (int shown = 0; shown < 5;) {
		ex = page(&v, query, cursor);
		for (int i = 1; i <= 5; i++) {
			bool is_here = i == 5 - shown || i == 4 - shown;

			snprintf(number, sizeof(number), "\"number\":%d,", i);
			ck_assert_msg(flow_body_has(ex, number) == is_here,
				      "%d: %.*s", i,
				      STR_ARG(ex->answer.body));
		}
		shown += 2;
		ck_assert_int_eq(cursor[0] != '\0', shown < 5);
		snprintf(query, sizeof(query), "limit=2&before=%s", cursor);
	}
	/* One that is just full is the last. */
	page(&v, "limit=5", cursor);
	ck_assert_str_eq(cursor, "");
	page(&v, "limit=4", cursor);
	ck_assert_str_ne(cursor, "");
}
END_TEST

static bool shows(const struct listing *listing, const char *text)
{
	return str_icontains(listing->json, str_from(text));
}

START_TEST(a_thread_is_shown_from_its_end)
{
	struct visitor v = enter(USER);
	struct exchange *ex;
	struct listing part;

	ck_answer(post(&steps_tickets_create, &v, NULL, "a", TICKET), 201, "");
	ck_answer(post(&steps_ticket_reply, &v, "1", "b", MESSAGE), 201, "");
	ck_answer(post(&steps_ticket_reply, &v, "1", "c", MESSAGE), 201, "");
	ex = get(&steps_ticket_show, &v, "1");
	ck_answer(ex, 200, "");
	/* However little there is room for, there is one. */
	ck_assert_int_eq(listing_thread(ex, flow_user(), 1, 0, 1, &part),
			 ERR_OK);
	ck_assert(shows(&part, "\"thread\":[{\"id\":3,"));
	ck_assert(shows(&part, "}],\"earlier\":3}"));
	listing_done(&part);
	ck_assert_int_eq(listing_thread(ex, flow_user(), 1, 3, 1000, &part),
			 ERR_OK);
	ck_assert(shows(&part, "\"thread\":[{\"id\":1,"));
	ck_assert(shows(&part, "{\"id\":2,") && !shows(&part, "{\"id\":3,"));
	ck_assert(shows(&part, "}],\"earlier\":null}"));
	listing_done(&part);
	ck_assert_int_eq(listing_thread(ex, flow_user() + 1, 1, 0, 1000,
					&part), ERR_NOT_FOUND);
	ck_assert_int_eq(listing_thread(ex, flow_user(), 2, 0, 1000, &part),
			 ERR_NOT_FOUND);
	listing_done(&(struct listing){ .pool = NULL });
}
END_TEST

START_TEST(a_page_of_a_tab_is_in_nobodys_frame)
{
	struct visitor v = enter(USER);
	struct exchange *ex = get(&steps_desk_page, &v, NULL);
	struct str csp = flow_header(ex, "Content-Security-Policy");

	ck_assert(str_icontains(csp, STR("frame-ancestors 'none'")));
	/* Signing out leads home. */
	ck_assert(str_icontains(csp, STR("form-action 'self' "
					 "https://alpha.test;")));
	v = enter_frame(flow_user());
	ex = get(&steps_frame_desk_page, &v, NULL);
	csp = flow_header(ex, "Content-Security-Policy");
	ck_assert(str_icontains(csp, STR("frame-ancestors "
					 "https://alpha.test")));
	/* A ticket that is not theirs is no page. */
	ck_answer(get(&steps_frame_desk_page, &v, "7"), 404,
		  "not_found");
}
END_TEST

START_TEST(a_frame_has_the_same_desk_with_its_own_cookie)
{
	struct visitor tab = enter(USER), frame = enter_frame(flow_user()), odd;
	struct exchange *ex;

	ck_answer(post(&steps_frame_tickets_create, &frame, NULL, "k", TICKET),
		  201, "");
	ck_answer(get(&steps_ticket_show, &tab, "1"), 200, "");
	ck_answer(post(&steps_frame_ticket_reply, &frame, "1", "r", MESSAGE),
		  201, "");
	ck_answer(post(&steps_frame_ticket_close, &frame, "1", "", NULL), 200,
		  "");
	ck_answer(post(&steps_frame_ticket_reopen, &frame, "1", "", NULL), 200,
		  "");
	ex = get(&steps_frame_desk_page, &frame, "1");
	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "\"api\":\"/embed/alpha/api/tickets\""));
	ck_assert(flow_body_has(ex, "\"embedded\":true"));
	/* Neither is the other, under whatever name. */
	odd = frame;
	odd.tenant = NULL;
	odd.host = C;
	ck_answer(get(&steps_tickets_list, &odd, NULL), 401, "not_signed_in");
	odd.cookie = pool_printf(ex->pool, "__Host-usher=%s",
				 frame.cookie + 19).ptr;
	ck_answer(get(&steps_tickets_list, &odd, NULL), 401, "not_signed_in");
	odd.host = B;
	ck_answer(get(&steps_session, &odd, NULL), 401, "not_signed_in");
	odd = frame;
	odd.cookie = pool_printf(ex->pool, "__Host-usher-embed=%s",
				 strchr(tab.cookie, '=') + 1).ptr;
	ck_answer(get(&steps_frame_tickets_list, &odd, NULL), 401,
		  "not_signed_in");
	odd = frame;
	odd.tenant = "homeless";
	ck_answer(get(&steps_frame_tickets_list, &odd, NULL), 401,
		  "not_signed_in");
	odd.tenant = "nobody";
	ck_answer(get(&steps_frame_tickets_list, &odd, NULL), 401,
		  "not_signed_in");
}
END_TEST

/* The longest that everything can be, and it still shows. */
START_TEST(the_worst_page_is_a_page)
{
	struct visitor v;
	struct exchange *ex;
	struct buf body;
	char key[16];
	int i, j;

	v = enter(USER);
	for (i = 0; i < TICKETS_PER_HOUR; i++) {
		ex = flow_new(&(struct call){ .host = C });
		buf_init_pool(&body, ex->pool, 64 * 1024);
		buf_puts(&body, "{\"subject\":\"");
		for (j = 0; j < 200; j++)
			buf_addc(&body, '<');
		buf_puts(&body, "\",\"message\":\"");
		for (j = 0; j < 5000; j++)
			buf_addc(&body, '&');
		buf_puts(&body, "\"}");
		snprintf(key, sizeof(key), "k%d", i);
		ex = post(&steps_tickets_create, &v, NULL, key, body.ptr);
		ck_answer(ex, 201, "");
		/* ..., each of which is six octets as JSON. */
		ck_assert_uint_gt(ex->answer.body.len, 31000);
	}
	ex = get(&steps_desk_page, &v, "1");
	ck_answer(ex, 200, "");
	ck_assert_uint_gt(ex->answer.body.len,
			  LISTING_PAGE * 1200 + 30000);
	ck_answer(get(&steps_tickets_list, &v, NULL), 200, "");
}
END_TEST

/* As little memory as `room` octets less than there is. */
static struct exchange *starve(const struct steps *steps, size_t room,
			       const struct call *call)
{
	struct exchange *ex = flow_new(call);
	size_t left = EXCHANGE_POOL_MAX - pool_used(ex->pool);

	ck_assert_uint_ge(left, room + 64);
	ck_assert_ptr_nonnull(pool_alloc(ex->pool, left - room - 64));
	flow_finish(ex, steps);
	return ex;
}

START_TEST(for_want_of_memory_it_says_so)
{
	struct visitor v = enter(USER);
	const struct steps *lists[] = { &steps_desk_page, &steps_tickets_list,
					&steps_ticket_show };
	unsigned good = 0, bad = 0;
	size_t room;

	ck_answer(post(&steps_tickets_create, &v, NULL, "k", TICKET), 201, "");
	for (unsigned i = 0; i < 3; i++)
		for (room = 0; room < 140 * 1024; room += i ? 256 : 4096) {
			struct exchange *ex = starve(lists[i], room,
				&(struct call){ .host = C,
						.param = i == 1 ? NULL : "1",
						.cookie = v.cookie });

			ck_assert_msg(ex->answer.status == 200 ||
				      ex->answer.status == 503 ||
				      ex->answer.status == 500,
				      "%zu: %d", room, ex->answer.status);
			if (ex->answer.status == 200)
				good++;
			else
				bad++;
			if (ex->answer.status == 200)
				ck_assert(flow_body_has(ex, "It broke"));
			else
				ck_assert(!flow_body_has(ex, "It broke"));
		}
	ck_assert_uint_gt(good, 10);
	ck_assert_uint_gt(bad, 10);
	/* A ticket is opened once, however often it was tried. */
	for (room = 0; room < 12 * 1024; room += 128)
		starve(&steps_tickets_create, room, &(struct call){
			.method = METHOD_POST, .host = C, .type = JSON,
			.body = TICKET, .cookie = v.cookie,
			.headers = { v.origin, v.csrf,
				     "Idempotency-Key: starved" } });
	ck_answer(post(&steps_tickets_create, &v, NULL, "starved", TICKET),
		  200, "");
	ck_answer(get(&steps_ticket_show, &v, "3"), 404, "not_found");
}
END_TEST

static void desk_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_page_names_and_escapes_the_user);
	tcase_add_test(tcase, a_tenant_may_do_without_the_desk);
	tcase_add_test(tcase, what_is_asked_first_is_said_first);
	tcase_add_test(tcase, each_change_leaves_its_trail);
	tcase_add_test(tcase, the_hour_has_a_limit_and_an_end);
	tcase_add_test(tcase, a_full_ticket_says_so);
	tcase_add_test(tcase, who_is_blocked_meanwhile_is_nobody);
	tcase_add_test(tcase, what_was_erased_is_not_shown_from_memory);
	tcase_add_test(tcase, lists_are_the_same_with_and_without_the_cache);
	tcase_add_test(tcase, pages_hold_each_ticket_once);
	tcase_add_test(tcase, a_thread_is_shown_from_its_end);
	tcase_add_test(tcase, a_page_of_a_tab_is_in_nobodys_frame);
	tcase_add_test(tcase, a_frame_has_the_same_desk_with_its_own_cookie);
	tcase_add_test(tcase, the_worst_page_is_a_page);
	tcase_add_test(tcase, for_want_of_memory_it_says_so);
}

UNIT_MAIN("desk", desk_tests)
