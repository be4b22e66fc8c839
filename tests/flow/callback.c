/*
 * The callback: which request redeems, what the others get, and that a token
 * is used once.
 */
#include "flow/flow.h"

#define C "ticket.alpha.test"
#define G "ticket.gamma.test"
#define USER "email=user%40example.com&name=John+Doe"
#define OTHER "email=mallory%40example.com&name=Mallory+%3Cb%3E"
#define DASHBOARD "https://" C "/dashboard"
#define VARY "Origin, Sec-Fetch-Mode, Sec-Fetch-Dest, Sec-Purpose"

static const struct flow_file files[] = {
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; home = \"https://alpha.test\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\";\n"
	  "redirects = [ \"https://shop.alpha.test/\" ]; };\n" },
	{ "conf.d/beta.conf",
	  "tenant = { slug = \"beta\"; url = \"https://ticket.beta.test\";\n"
	  "origins = [ \"https://beta.test\" ]; identity = \"unsigned\";\n"
	  "switch_user = \"replace\"; };\n" },
	{ "conf.d/gamma.conf",
	  "tenant = { slug = \"gamma\"; name = \"Gamma & Sons\";\n"
	  "url = \"https://" G "\"; home = \"https://gamma.test\";\n"
	  "redirects = [ \"https://shop.gamma.test/\" ];\n"
	  "identity = \"unsigned\"; callback = \"confirm\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
}

static struct exchange *session(const char *host, const char *cookie)
{
	return flow_call(&steps_session, .host = host, .cookie = cookie);
}

START_TEST(a_navigation_redeems)
{
	struct exchange *ex = flow_visit(C, flow_mint("alpha", USER), NULL);
	struct str cookie = flow_header(ex, "Set-Cookie");

	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), DASHBOARD);
	ck_assert(str_has_prefix(cookie, STR("__Host-usher=")));
	ck_assert_uint_eq(str_find(cookie, ';'), 13 + 43);
	ck_str_is(((struct str){ cookie.ptr + 56, cookie.len - 56 }),
		  "; Path=/; Secure; HttpOnly; SameSite=None");
	ck_str_is(flow_header(ex, "Cross-Origin-Opener-Policy"),
		  "same-origin");
	ck_str_is(flow_header(ex, "Vary"), VARY);
	ck_str_is(flow_header(ex, "Strict-Transport-Security"),
		  "max-age=31536000");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ex = session(C, flow_cookie(ex));
	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "\"email\":\"user@example.com\""));
}
END_TEST

START_TEST(the_user_lands_where_the_partner_asked)
{
	struct exchange *ex = flow_visit(C, flow_mint("alpha", USER
		"&redirect_url=https%3A%2F%2Fshop.alpha.test%2Fa%3Fb%3D1%26c"),
		NULL);

	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"),
		  "https://shop.alpha.test/a?b=1&c");
}
END_TEST

/* A request with these headers, and what becomes of it. The token must be as
 * good after it as it was before, unless it redeems. */
static const struct spectator {
	const char *what;
	enum method method;
	const char *headers[5];
	int status;
	const char *code, *acao;
} spectators[] = {
	/* 2 */
	{ "prefetch", METHOD_GET, { "Sec-Purpose: prefetch" }, 503,
	  "prefetch_refused", NULL },
	{ "prerender", METHOD_GET, { "Sec-Purpose: prefetch;prerender",
	  "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document" }, 503,
	  "prefetch_refused", NULL },
	{ "two purposes", METHOD_GET, { "Sec-Purpose: x", "Sec-Purpose: "
	  "Prefetch" }, 503, "prefetch_refused", NULL },
	{ "Purpose", METHOD_GET, { "Purpose: prefetch" }, 503,
	  "prefetch_refused", NULL },
	{ "X-Purpose", METHOD_GET, { "X-Purpose: preview" }, 503,
	  "prefetch_refused", NULL },
	{ "X-Moz", METHOD_GET, { "X-Moz: prefetch" }, 503,
	  "prefetch_refused", NULL },
	/* 3 */
	{ "a fetch that crossed origins", METHOD_GET, { "Origin: null",
	  "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty" }, 200, "", "null" },
	{ "a fetch of the partner's", METHOD_GET,
	  { "Origin: https://alpha.test", "Sec-Fetch-Mode: cors",
	    "Sec-Fetch-Dest: empty" }, 200, "", "https://alpha.test" },
	{ "a stranger's fetch", METHOD_GET, { "Origin: https://evil.test",
	  "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty" }, 200, "", NULL },
	{ "another tenant's", METHOD_GET, { "Origin: https://beta.test",
	  "Sec-Fetch-Mode: cors" }, 200, "", NULL },
	{ "two Origins", METHOD_GET, { "Origin: null", "Origin: null",
	  "Sec-Fetch-Mode: cors" }, 200, "", NULL },
	{ "no-cors", METHOD_GET, { "Sec-Fetch-Mode: no-cors",
	  "Sec-Fetch-Dest: image" }, 200, "", NULL },
	{ "same-origin", METHOD_GET, { "Sec-Fetch-Mode: same-origin",
	  "Sec-Fetch-Dest: empty" }, 200, "", NULL },
	{ "websocket", METHOD_GET, { "Sec-Fetch-Mode: websocket" }, 200, "",
	  NULL },
	{ "an odd mode", METHOD_GET, { "Sec-Fetch-Mode: Navigate" }, 200, "",
	  NULL },
	{ "two modes", METHOD_GET, { "Sec-Fetch-Mode: navigate",
	  "Sec-Fetch-Mode: cors" }, 200, "", NULL },
	{ "a dest alone", METHOD_GET, { "Sec-Fetch-Dest: empty" }, 200, "",
	  NULL },
	{ "a dest that contradicts", METHOD_GET, { "Sec-Fetch-Mode: navigate",
	  "Sec-Fetch-Dest: empty" }, 200, "", NULL },
	{ "an old WebKit's fetch", METHOD_GET, { "Origin: null" }, 200, "",
	  "null" },
	{ "and an honest Origin", METHOD_GET, { "Origin: https://alpha.test" },
	  200, "", "https://alpha.test" },
	/* 4 */
	{ "an iframe", METHOD_GET, { "Sec-Fetch-Mode: navigate",
	  "Sec-Fetch-Dest: iframe" }, 403, "not_a_document", NULL },
	{ "an object", METHOD_GET, { "Sec-Fetch-Mode: navigate",
	  "Sec-Fetch-Dest: object" }, 403, "not_a_document", NULL },
	{ "an image", METHOD_GET, { "Sec-Fetch-Dest: image" }, 403,
	  "not_a_document", NULL },
	{ "two dests", METHOD_GET, { "Sec-Fetch-Mode: navigate",
	  "Sec-Fetch-Dest: document", "Sec-Fetch-Dest: document" }, 403,
	  "not_a_document", NULL },
	/* 1 */
	{ "HEAD", METHOD_HEAD, { "Sec-Fetch-Mode: navigate" }, 200, "", NULL },
	{ "a link checker's HEAD", METHOD_HEAD, { NULL }, 200, "", NULL },
	{ "WebKit's preflight", METHOD_OPTIONS, { "Origin: null" }, 204, "",
	  "null" },
	{ "Firefox's preflight", METHOD_OPTIONS,
	  { "Origin: https://alpha.test", "Access-Control-Request-Method: GET",
	    "Access-Control-Request-Headers: content-type" }, 204, "",
	  "https://alpha.test" },
	{ "a stranger's preflight", METHOD_OPTIONS,
	  { "Origin: https://evil.test" }, 204, "", NULL },
	{ "a stranger's POST", METHOD_POST, { "Origin: https://evil.test" },
	  403, "origin_refused", NULL },
	{ "a POST of nobody", METHOD_POST, { NULL }, 403, "origin_refused",
	  NULL },
	{ "a sandboxed POST", METHOD_POST, { "Origin: null" }, 403,
	  "origin_refused", NULL },
};

START_TEST(spectators_do_not_redeem)
{
	const struct spectator *s = &spectators[_i];
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex = flow_call(&steps_callback, .host = C,
		.method = s->method, .query = query, .type = FORM,
		.body = query,
		.headers = { s->headers[0], s->headers[1], s->headers[2] });
	struct str acao = flow_header(ex, "Access-Control-Allow-Origin");

	ck_answer(ex, s->status, s->code);
	ck_assert_msg(str_eq(acao, str_from(s->acao)), "%s: '%.*s'", s->what,
		      STR_ARG(acao));
	ck_assert_int_eq(acao.len > 0, flow_header(ex,
			 "Access-Control-Allow-Credentials").len > 0);
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_str_is(flow_header(ex, "Vary"), VARY);
	if (s->method == METHOD_GET && s->status == 200) {
		ck_str_is(ex->answer.body, "{}");
		ck_str_is(flow_header(ex, "Cross-Origin-Resource-Policy"),
			  "same-origin");
	}
	if (s->method == METHOD_OPTIONS) {
		ck_str_is(flow_header(ex, "Access-Control-Allow-Methods"),
			  "GET");
		ck_str_is(flow_header(ex, "Access-Control-Allow-Headers"),
			  "content-type, accept, x-requested-with, "
			  "x-csrf-token, x-xsrf-token");
	}
	ck_answer(flow_visit(C, query, NULL), 302, "");
}
END_TEST

START_TEST(these_are_navigations_too)
{
	static const char *const cases[][4] = {
		{ NULL },			/* curl; an old browser */
		{ "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document" },
		{ "Sec-Fetch-Mode: navigate" },
		{ "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
		  "Sec-Fetch-Site: cross-site" },	/* a reload keeps it */
		{ "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
		  "Origin: null" },
		{ "Sec-Fetch-Dest: document", "Sec-Purpose: x" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_answer(flow_call(&steps_callback, .host = C,
				    .query = flow_mint("alpha", USER),
				    .headers = { cases[i][0], cases[i][1],
						 cases[i][2] }), 302, "");
}
END_TEST

/* All but the request id. */
static void ck_same(const struct exchange *a, const struct exchange *b)
{
	unsigned i;

	ck_assert_int_eq(a->answer.status, b->answer.status);
	ck_assert(str_eq(a->answer.body, b->answer.body));
	ck_assert_uint_eq(a->answer.header_count, b->answer.header_count);
	for (i = 0; i < a->answer.header_count; i++) {
		const struct header *x = &a->answer.headers[i];
		const struct header *y = &b->answer.headers[i];

		ck_assert(str_eq(x->name, y->name));
		ck_assert(str_eq(x->value, y->value) ||
			  str_eq(x->name, STR("X-Request-Id")));
	}
}

START_TEST(the_constant_answer_tells_nothing_of_the_token)
{
	const char *good = flow_mint("alpha", USER);
	const char *spent = flow_mint("alpha", USER);
	const char *cookie = flow_cookie(flow_visit(C, spent, NULL));
	const char *queries[] = { good, spent, "token=x", "", NULL, "%" };
	struct exchange *first = NULL, *ex;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		ex = flow_call(&steps_callback, .host = C,
			       .query = queries[i],
			       .cookie = i % 2 ? cookie : NULL,
			       .headers = { "Origin: null",
					    "Sec-Fetch-Mode: cors" });
		if (first)
			ck_same(first, ex);
		first = ex;
	}
}
END_TEST

START_TEST(a_spent_token_leads_home_for_its_own_session_only)
{
	const char *query = flow_mint("alpha", USER);
	const char *cookie = flow_cookie(flow_visit(C, query, NULL));
	const char *later;
	struct exchange *ex = flow_visit(C, query, cookie);

	ck_answer(ex, 302, "token_used_by_this_session");
	ck_str_is(flow_header(ex, "Location"), DASHBOARD);
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
	/* The same user's later session is not the one that it opened. */
	later = flow_sign_in("alpha", C, USER);
	ck_answer(flow_visit(C, query, later), 410, "token_used");
	ck_answer(flow_visit(C, query, "__Host-usher=AAAAAAAAAAEAAAAAAAAAAA"
			     "AAAAAAAAAAAAAAAAAAAAAAAAA"), 410, "token_used");
}
END_TEST

START_TEST(a_token_lives_for_two_minutes)
{
	const char *query;
	struct exchange *ex;

	clock_hold(INT64_C(1795370000000));
	query = flow_mint("alpha", USER);
	clock_hold(INT64_C(1795370119999));
	ck_answer(flow_visit(C, query, NULL), 302, "");
	clock_hold(INT64_C(1795370000000));
	query = flow_mint("alpha", USER);
	clock_hold(INT64_C(1795370120000));
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 401, "token_expired");
	ck_assert(flow_body_has(ex, "Token expired"));
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
}
END_TEST

START_TEST(tokens_that_are_not_ours)
{
	const char *good = flow_mint("alpha", USER) + strlen("token=");
	size_t len = strlen(good);
	char query[JWE_TOKEN_MAX * 3];
	const char *bad[] = {
		NULL, "", "token", "token=", "token=x", "token=....",
		"other=1", "token=x&token=y", "token=%", "token=%00",
		"TOKEN=x",
	};
	size_t i, flips[] = { 0, 10, 60, len / 2, len - 30, len - 1 };

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_answer(flow_visit(C, bad[i], NULL), 401, "token_invalid");
	for (i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		snprintf(query, sizeof(query), "token=%s", good);
		query[6 + flips[i]] = good[flips[i]] == 'A' ? 'B' : 'A';
		ck_answer(flow_visit(C, query, NULL), 401, "token_invalid");
	}
	snprintf(query, sizeof(query), "token=%s&token=%s", good, good);
	ck_answer(flow_visit(C, query, NULL), 401, "token_invalid");
	/* Truncated tags: cjose CVE-2023-37464. */
	for (i = 0; i < 16; i++) {
		snprintf(query, sizeof(query), "token=%.*s",
			 (int)(len - 22 + i), good);
		ck_answer(flow_visit(C, query, NULL), 401, "token_invalid");
	}
	snprintf(query, sizeof(query), "token=%s", good);
	ck_answer(flow_visit("ticket.beta.test", query, NULL), 401,
		  "token_invalid");
	ck_answer(flow_visit(B, query, NULL), 401, "token_invalid");
	ck_answer(flow_visit(C, query, NULL), 302, "");
}
END_TEST

START_TEST(another_user_is_asked_before_the_desk_changes_hands)
{
	const char *mine = flow_sign_in("alpha", C, USER);
	const char *theirs = flow_mint("alpha", OTHER);
	struct exchange *ex = flow_visit(C, theirs, mine);
	static const char *const origins[] = {
		"Origin: https://evil.test", "Origin: null",
		"Origin: https://alpha.test", "Origin: https://" B,
		"Origin: https://ticket.beta.test",
		"Origin: http://" C, "Origin: https://" C ":444",
	};

	ck_answer(ex, 200, "confirm");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_str_is(flow_header(ex, "Cross-Origin-Opener-Policy"),
		  "same-origin");
	ck_assert(flow_body_has(ex, "user@example.com"));
	ck_assert(flow_body_has(ex, "Mallory &lt;b&gt;"));
	ck_assert(flow_body_has(ex, "href=\"" DASHBOARD "\""));
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		ck_answer(flow_call(&steps_callback, .host = C, .cookie = mine,
				    .method = METHOD_POST, .type = FORM,
				    .body = theirs,
				    .headers = { origins[i] }),
			  403, "origin_refused");
	ck_answer(session(C, mine), 200, "");
	ex = flow_call(&steps_callback, .host = C, .cookie = mine,
		       .method = METHOD_POST, .type = FORM, .body = theirs,
		       .headers = { "Origin: https://" C,
				    "Sec-Fetch-Mode: navigate",
				    "Sec-Fetch-Dest: document" });
	ck_answer(ex, 302, "");
	ck_assert(flow_body_has(session(C, flow_cookie(ex)),
				"mallory@example.com"));
	/* The old session is gone, not left behind. */
	ck_answer(session(C, mine), 401, "not_signed_in");
}
END_TEST

START_TEST(an_old_browser_can_press_the_button_too)
{
	const char *mine = flow_sign_in("alpha", C, USER);
	const char *theirs = flow_mint("alpha", OTHER);
	struct exchange *ex;

	ck_answer(flow_visit(C, theirs, mine), 200, "confirm");
	ex = flow_call(&steps_callback, .host = C, .cookie = mine,
		       .method = METHOD_POST, .type = FORM, .body = theirs,
		       .headers = { "Origin: https://" C });
	ck_answer(ex, 302, "");
	/* But no script may press it. */
	theirs = flow_mint("alpha", USER);
	ex = flow_call(&steps_callback, .host = C, .cookie = flow_cookie(ex),
		       .method = METHOD_POST, .type = FORM, .body = theirs,
		       .headers = { "Origin: https://" C,
				    "Sec-Fetch-Mode: cors",
				    "Sec-Fetch-Dest: empty" });
	ck_str_is(ex->answer.body, "{}");
}
END_TEST

START_TEST(the_same_user_gets_a_new_session_unasked)
{
	const char *first = flow_sign_in("alpha", C, USER);
	struct exchange *ex = flow_visit(C, flow_mint("alpha", USER), first);

	ck_answer(ex, 302, "");
	ck_assert_str_ne(flow_cookie(ex), first);
	/* No fixation: what was there before is worth nothing now. */
	ck_answer(session(C, first), 401, "not_signed_in");
	ck_answer(session(C, flow_cookie(ex)), 200, "");
}
END_TEST

START_TEST(a_cookie_that_somebody_planted_is_not_taken_over)
{
	const char *planted = "__Host-usher=AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAA"
			      "AAAAAAAAAA";
	struct exchange *ex = flow_visit(C, flow_mint("alpha", USER), planted);

	ck_answer(ex, 302, "");
	ck_assert_str_ne(flow_cookie(ex), planted);
	ck_answer(session(C, planted), 401, "not_signed_in");
}
END_TEST

START_TEST(a_tenant_may_waive_the_question)
{
	const char *mine = flow_sign_in("beta", "ticket.beta.test", USER);
	struct exchange *ex = flow_visit("ticket.beta.test",
					 flow_mint("beta", OTHER), mine);

	ck_answer(ex, 302, "");
	ck_answer(session("ticket.beta.test", mine), 401, "not_signed_in");
}
END_TEST

START_TEST(what_changed_since_the_token_was_minted_counts)
{
	const char *first = flow_mint("alpha", USER "&redirect_url=https%3A%2F"
				      "%2Fshop.alpha.test%2F");
	const char *second = flow_mint("alpha", USER);
	struct exchange *ex;

	/* The shop is not a target any more. */
	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"unsigned\"; };\n");
	flow_reload();
	ex = flow_visit(C, first, NULL);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), DASHBOARD);
	/* The tenant is not served any more. */
	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"unsigned\"; enabled = false; };\n");
	flow_reload();
	ex = flow_visit(C, second, NULL);
	ck_assert_msg(ex->answer.status == 401 || ex->answer.status == 421,
		      "%d", ex->answer.status);
}
END_TEST

/* Neither who posts now nor who was on the way; all others do. */
START_TEST(a_protected_address_does_not_enter)
{
	const char *query = flow_mint("alpha", USER);
	const char *other = flow_mint("alpha", "name=O&email=other%40example.org");

	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"unsigned\";\n"
		   "protected = [ \"@example.com\" ]; };\n");
	flow_reload();
	ck_answer(flow_visit(C, query, NULL), 403, "address_protected");
	ck_answer(flow_post("alpha", USER), 403, "address_protected");
	ck_answer(flow_post("alpha", "name=X&email=X%40EXAMPLE.COM"), 403,
		  "address_protected");
	ck_answer(flow_visit(C, other, NULL), 302, "");
}
END_TEST

START_TEST(a_user_blocked_meanwhile_does_not_enter)
{
	const char *query = flow_mint("alpha", USER);
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex = session(C, cookie);
	struct user_block block = { .is_blocked = true };
	struct user_erase erase = { 0 };
	struct user user;

	ck_assert_int_eq(users_find(ex->reader, STR("alpha"),
				    STR("user@example.com"), ex->pool, &user),
			 ERR_OK);
	block.user_id = erase.user_id = user.view.id;
	ck_assert_int_eq(users_block(store_users(flow.gateway.store), &block),
			 ERR_OK);
	flow_settle();
	ck_answer(session(C, cookie), 401, "not_signed_in");
	ck_answer(flow_visit(C, query, NULL), 403, "user_blocked");
	ck_assert_int_eq(users_erase(store_users(flow.gateway.store), &erase),
			 ERR_OK);
	flow_settle();
	ck_answer(flow_visit(C, query, NULL), 401, "token_ended");
	/* who starts again is somebody new */
	clock_hold(clock_wall_ms() + 1);
	ck_answer(flow_visit(C, flow_mint("alpha", USER), NULL), 302, "");
	ck_assert_int_ne(flow_user(), user.view.id);
}
END_TEST

/* A tenant whose file broke may have no origin at all: no header equals it. */
START_TEST(a_broken_neighbour_opens_no_door)
{
	struct exchange *ex;

	flow_write("conf.d/broken.conf",
		   "tenant = { slug = \"broken\"; url = \"https://" C "\";\n"
		   "identity = \"unsigned\"; session = { idle = -1; }; };\n");
	flow_reload();
	ex = flow_call(&steps_callback, .host = C, .method = METHOD_POST,
		       .type = FORM, .body = flow_mint("alpha", USER),
		       .headers = { "Origin:" });
	ck_answer(ex, 403, "origin_refused");
	ck_answer(flow_visit(C, flow_mint("alpha", USER), NULL), 302, "");
}
END_TEST

START_TEST(errors_are_pages_for_browsers)
{
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex = flow_visit(C, query, NULL);
	const char *again = pool_printf(ex->pool, "%s&again=1", query).ptr;

	ex = flow_call(&steps_callback, .host = C, .query = again,
		       .headers = { BROWSER, "Sec-Fetch-Mode: navigate" });
	ck_answer(ex, 410, "token_used");
	ck_str_is(flow_header(ex, "Content-Type"), "text/html; charset=utf-8");
	ck_assert(flow_body_has(ex, "href=\"https://alpha.test/"));
	ck_assert(flow_body_has(ex, ex->id));
	/* The token is in no page but the one with the button. */
	ck_assert(!flow_body_has(ex, query + strlen("token=")));
}
END_TEST

START_TEST(the_audit_keeps_what_became_of_it)
{
	const char *query = flow_mint("alpha", USER);
	struct exchange *won = flow_visit(C, query, NULL);
	struct exchange *lost = flow_visit(C, query, NULL);
	struct audit_record record = flow_audit(won);
	struct audit_tags first;

	ck_assert_int_eq(record.status, 302);
	ck_str_is(record.tenant, "alpha");
	first = record.tags;
	ck_assert(first.person && first.token && !first.subject);
	record = flow_audit(lost);
	ck_assert_int_eq(record.status, 410);
	ck_str_is(record.code, "token_used");
	ck_assert_msg(record.tags.person == first.person &&
		      record.tags.token == first.token, "both hops, one token");
	/* Where nothing was decided nothing is kept. */
	lost = flow_call(&steps_callback, .host = C, .query = query,
			 .headers = { "Sec-Fetch-Mode: cors" });
	flow_settle();
	ck_assert_int_eq(audit_find(lost->reader, (struct str){
			 lost->id, REQUEST_ID_LEN }, lost->pool, &record),
			 ERR_NOT_FOUND);
}
END_TEST

#define RACERS 32

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	const char *query;
	unsigned worker;
	struct exchange *ex;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	racer->ex = flow_new(&(struct call){
		.host = C, .query = racer->query, .worker = racer->worker,
		.headers = { "Sec-Fetch-Mode: navigate" } });
	pthread_barrier_wait(racer->start);
	flow_finish(racer->ex, &steps_callback);
	return NULL;
}

START_TEST(of_any_number_of_racers_one_wins)
{
	struct racer racers[RACERS];
	pthread_barrier_t start;
	int round, i, won, lost;

	for (round = 0; round < 8; round++) {
		const char *query = flow_mint("alpha", USER);

		won = lost = 0;
		pthread_barrier_init(&start, NULL, RACERS);
		for (i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){
				.start = &start, .query = query,
				.worker = (unsigned)i + 1,
			};
			ck_assert_int_eq(pthread_create(&racers[i].thread,
							NULL, race,
							&racers[i]), 0);
		}
		for (i = 0; i < RACERS; i++) {
			pthread_join(racers[i].thread, NULL);
			won += racers[i].ex->answer.status == 302;
			lost += racers[i].ex->answer.status == 410;
		}
		pthread_barrier_destroy(&start);
		ck_assert_int_eq(won, 1);
		ck_assert_int_eq(lost, RACERS - 1);
	}
}
END_TEST

START_TEST(a_restart_brings_no_token_back)
{
	const char *spent = flow_mint("alpha", USER);
	const char *cookie = flow_cookie(flow_visit(C, spent, NULL));
	const char *unspent = flow_mint("alpha", USER);

	store_close(flow.gateway.store);
	flow_open_store();
	ck_answer(flow_visit(C, spent, NULL), 410, "token_used");
	ck_answer(flow_visit(C, unspent, NULL), 302, "");
	ck_answer(session(C, cookie), 200, "");
	ck_answer(flow_visit(C, spent, cookie), 302,
		  "token_used_by_this_session");
}
END_TEST

/* A clock that was ahead for a while: the sweep has forgotten what was used. */
START_TEST(a_used_token_that_the_sweep_forgot_is_expired)
{
	const int64_t now_ms = clock_wall_ms();
	struct store_options options = { .readers = FLOW_WORKERS,
					 .sweep_ms = 1 };
	const char *query;
	struct exchange *ex;
	char state[128], *log;
	struct buf why;

	clock_hold(now_ms);
	query = flow_mint("alpha", USER);
	ck_answer(flow_visit(C, query, NULL), 302, "");
	flow_settle();
	store_close(flow.gateway.store);
	clock_hold(now_ms + 7200 * 1000);
	snprintf(state, sizeof(state), "%s/state", flow.dir);
	buf_init(&why, 4096);
	ck_assert_int_eq(store_open(state, &options, &flow.gateway.store,
				    &why), ERR_OK);
	buf_done(&why);
	while (flow_count("redemptions"))
		flow_settle();
	clock_hold(now_ms + 30 * 1000);
	ex = flow_visit(C, query, NULL);
	ck_answer(ex, 401, "token_expired");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_assert(str_icontains(flow_audit(ex).trail, STR("expiry_swept")));
	log = flow_log();
	ck_assert_ptr_nonnull(strstr(log, "\"clock_went_back\""));
	free(log);
}
END_TEST

/* By their address: the token's person may have no number yet. */
START_TEST(who_is_signed_in_is_asked_unless_it_is_the_same_person)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	const char *query = flow_mint("alpha", USER);

	ck_answer(flow_visit(C, query, cookie), 302, "");
	cookie = flow_sign_in("alpha", C, USER);
	query = flow_mint("alpha", USER);
	/* the one at the desk goes by another address by now */
	flow_sql("UPDATE users SET email_key = 'eve@example.com',"
		 " email = 'eve@example.com'");
	store_close(flow.gateway.store);
	flow_open_store();
	ck_answer(flow_visit(C, query, cookie), 200, "confirm");
}
END_TEST

/* Nothing of it is known to come from a browser. */
static struct exchange *glance(const char *host, const char *query,
			       const char *cookie)
{
	return flow_call(&steps_callback, .host = host, .query = query,
			 .cookie = cookie, .headers = { BROWSER });
}

static struct exchange *press(const char *host, const char *token,
			      const char *cookie)
{
	return flow_call(&steps_callback, .host = host, .cookie = cookie,
			 .method = METHOD_POST, .type = FORM, .body = token,
			 .headers = { "Origin: https://" G });
}

START_TEST(who_may_be_a_program_presses_a_button)
{
	const char *query = flow_mint("gamma", OTHER "&redirect_url=https%3A%2F"
				      "%2Fshop.gamma.test%2Fx");
	struct exchange *ex = NULL;
	struct str csp;

	for (int i = 0; i < 3; i++) {
		ex = glance(G, query, NULL);
		ck_answer(ex, 200, "confirm_arrival");
		ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	}
	ck_str_is(flow_header(ex, "Vary"), VARY ", Accept-Language");
	ck_str_is(flow_header(ex, "Cross-Origin-Opener-Policy"),
		  "same-origin");
	csp = flow_header(ex, "Content-Security-Policy");
	ck_assert(str_icontains(csp, STR("form-action 'self' "
					 "https://shop.gamma.test;")));
	ck_assert(str_icontains(csp, STR("frame-ancestors 'none'")));
	ck_assert(flow_body_has(ex, "Gamma &amp; Sons"));
	ck_assert(flow_body_has(ex, query + strlen("token=")));
	/* what a preview shows to many tells of nobody */
	ck_assert(!flow_body_has(ex, "allory"));
	ck_assert_int_eq(flow_count("users"), 0);
	ex = press(G, query, NULL);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://shop.gamma.test/x");
	ck_answer(session(G, flow_cookie(ex)), 200, "");
	ck_answer(press(G, query, NULL), 410, "token_used");
	ck_answer(press(G, query, flow_cookie(ex)), 302,
		  "token_used_by_this_session");
}
END_TEST

START_TEST(who_says_to_be_a_browser_presses_none)
{
	static const char *const headers[] = {
		"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
		"sec-fetch-site: cross-site", "Sec-Fetch-User: ?1",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		ck_answer(flow_call(&steps_callback, .host = G,
				    .query = flow_mint("gamma", USER),
				    .headers = { headers[i] }), 302, "");
	ck_answer(flow_call(&steps_callback, .host = G,
			    .query = flow_mint("gamma", USER),
			    .headers = { "Sec-Fetch-: x", "Sec-Fetch: x",
					 "X-Sec-Fetch-Mode: navigate" }), 200,
		  "confirm_arrival");
	/* where nobody asked for it all is as before */
	ck_answer(glance(C, flow_mint("alpha", USER), NULL), 302, "");
}
END_TEST

START_TEST(the_button_hides_no_answer)
{
	const char *mine, *query = flow_mint("gamma", USER);
	struct exchange *ex;

	ck_answer(flow_call(&steps_callback, .host = G, .query = query,
			    .method = METHOD_HEAD), 200, "");
	ck_answer(flow_call(&steps_callback, .host = G, .query = query,
			    .method = METHOD_HEAD,
			    .headers = { "Sec-Fetch-Mode: navigate" }), 200,
		  "");
	ck_answer(glance(G, "token=x", NULL), 401, "token_invalid");
	ex = flow_call(&steps_callback, .host = G, .query = query,
		       .headers = { "Origin: https://gamma.test" });
	ck_str_is(ex->answer.body, "{}");
	ck_answer(flow_call(&steps_callback, .host = G, .query = query,
			    .headers = { "Purpose: prefetch" }), 503,
		  "prefetch_refused");
	ck_answer(flow_call(&steps_callback, .host = G, .method = METHOD_POST,
			    .type = FORM, .body = query,
			    .headers = { "Origin: https://evil.test" }), 403,
		  "origin_refused");
	/* who is here as somebody else is asked that, by one page */
	mine = flow_cookie(press(G, query, NULL));
	query = flow_mint("gamma", OTHER);
	ck_answer(glance(G, query, mine), 200, "confirm");
	ck_answer(press(G, query, mine), 302, "");
	ck_answer(session(G, mine), 401, "not_signed_in");
}
END_TEST

static struct exchange *browse(const char *query, const char *cookie)
{
	return flow_call(&steps_callback, .host = C, .query = query,
			 .cookie = cookie,
			 .headers = { BROWSER, "Sec-Fetch-Mode: navigate",
				      "Sec-Fetch-Dest: document" });
}

/* Two tabs open one link at once: the second one's request had no cookie. */
START_TEST(a_browser_comes_to_a_used_link_once_more)
{
	const char *query = flow_mint("alpha", USER), *again;
	struct exchange *ex = browse(query, NULL);
	const char *cookie = flow_cookie(ex);
	struct str location, rest;

	ck_answer(ex, 302, "");
	ex = browse(query, NULL);
	ck_answer(ex, 302, "token_tried_again");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	location = flow_header(ex, "Location");
	ck_str_is(location, pool_printf(ex->pool, "/auth/callback?%s&again=1",
					query).ptr);
	ck_assert_uint_eq(flow.gateway.paused, 0);
	str_cut(location, '?', &rest);
	again = flow_keep_text(ex, rest);
	/* what comes of it is on record, not that it was tried */
	flow_settle();
	ck_assert_int_eq(audit_find(ex->reader, (struct str){
			 ex->id, REQUEST_ID_LEN }, ex->pool,
			 &(struct audit_record){ 0 }), ERR_NOT_FOUND);
	ex = browse(again, cookie);
	ck_answer(ex, 302, "token_used_by_this_session");
	ck_str_is(flow_header(ex, "Location"), DASHBOARD);
	ex = browse(again, NULL);
	ck_answer(ex, 410, "token_used");
	ck_assert_int_eq(flow_audit(ex).status, 410);
	/* one that is good is redeemed, whatever stands beside it */
	query = pool_printf(ex->pool, "%s&again=1",
			    flow_mint("alpha", USER)).ptr;
	ck_answer(browse(query, NULL), 302, "");
	ck_answer(browse(query, NULL), 410, "token_used");
}
END_TEST

START_TEST(who_cannot_be_a_second_tab_learns_it_at_once)
{
	const char *query = flow_mint("alpha", USER);
	const char *cookie = flow_cookie(flow_visit(C, query, NULL));
	const char *later = flow_sign_in("alpha", C, USER);

	ck_answer(session(C, cookie), 200, "");
	ck_answer(flow_call(&steps_callback, .host = C, .query = query,
			    .headers = { PROGRAM }), 410, "token_used");
	ck_answer(flow_visit(C, query, NULL), 410, "token_used");
	ck_answer(browse(query, later), 410, "token_used");
	ck_answer(flow_call(&steps_callback, .host = C, .method = METHOD_POST,
			    .type = FORM, .body = query,
			    .headers = { BROWSER, "Origin: https://" C }), 410,
		  "token_used");
	/* many that come again cost no more than so many */
	flow.gateway.paused = EXCHANGE_PAUSED_MAX - 1;
	ck_answer(browse(query, NULL), 302, "token_tried_again");
	flow.gateway.paused = EXCHANGE_PAUSED_MAX;
	ck_answer(browse(query, NULL), 410, "token_used");
	ck_assert_uint_eq(flow.gateway.paused, EXCHANGE_PAUSED_MAX);
	flow.gateway.paused = 0;
	flow.gateway.is_draining = true;
	ck_answer(browse(query, NULL), 410, "token_used");
}
END_TEST

static void callback_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, a_used_token_that_the_sweep_forgot_is_expired);
	tcase_add_test(tcase,
		who_is_signed_in_is_asked_unless_it_is_the_same_person);
	tcase_add_test(tcase, a_navigation_redeems);
	tcase_add_test(tcase, the_user_lands_where_the_partner_asked);
	tcase_add_loop_test(tcase, spectators_do_not_redeem, 0,
			    sizeof(spectators) / sizeof(spectators[0]));
	tcase_add_test(tcase, these_are_navigations_too);
	tcase_add_test(tcase, the_constant_answer_tells_nothing_of_the_token);
	tcase_add_test(tcase,
		       a_spent_token_leads_home_for_its_own_session_only);
	tcase_add_test(tcase, a_token_lives_for_two_minutes);
	tcase_add_test(tcase, tokens_that_are_not_ours);
	tcase_add_test(tcase,
		       another_user_is_asked_before_the_desk_changes_hands);
	tcase_add_test(tcase, an_old_browser_can_press_the_button_too);
	tcase_add_test(tcase, the_same_user_gets_a_new_session_unasked);
	tcase_add_test(tcase, a_cookie_that_somebody_planted_is_not_taken_over);
	tcase_add_test(tcase, a_tenant_may_waive_the_question);
	tcase_add_test(tcase, what_changed_since_the_token_was_minted_counts);
	tcase_add_test(tcase, a_protected_address_does_not_enter);
	tcase_add_test(tcase, a_user_blocked_meanwhile_does_not_enter);
	tcase_add_test(tcase, a_broken_neighbour_opens_no_door);
	tcase_add_test(tcase, errors_are_pages_for_browsers);
	tcase_add_test(tcase, the_audit_keeps_what_became_of_it);
	tcase_add_test(tcase, of_any_number_of_racers_one_wins);
	tcase_add_test(tcase, a_restart_brings_no_token_back);
	tcase_add_test(tcase, a_browser_comes_to_a_used_link_once_more);
	tcase_add_test(tcase, who_cannot_be_a_second_tab_learns_it_at_once);
	tcase_add_test(tcase, who_may_be_a_program_presses_a_button);
	tcase_add_test(tcase, who_says_to_be_a_browser_presses_none);
	tcase_add_test(tcase, the_button_hides_no_answer);
}

UNIT_MAIN("callback", callback_tests)
