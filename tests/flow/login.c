/*
 * Sign-ins that start at the desk: on to the partner with a state, back with it,
 * and to where the user wanted to go; in no other browser, and never in circles.
 */
#include "crypto/jws.h"
#include "flow/flow.h"
#include "handoff/login.h"

#define C "ticket.alpha.test"
#define S "ticket.signed.test"
#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1795370000000)
#define PLAIN "email=user%40example.com&name=John+Doe"
#define STATE_LEN 32

static const struct flow_file files[] = {
	{ "conf.d/secret", SECRET "\n" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\"; identity = "
	  "\"unsigned\"; url = \"https://" C "\";\n"
	  "redirects = [ \"https://alpha.test/help\" ];\n"
	  "login_url = \"https://alpha.test/login?to=desk\"; };\n" },
	{ "conf.d/signed.conf",
	  "tenant = { slug = \"signed\"; identity = \"signed\";\n"
	  "url = \"https://" S "\"; switch_user = \"replace\";\n"
	  "login_url = \"https://signed.test/login\";\n"
	  "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
	  "secret_file = \"secret\"; } ); };\n" },
	{ "conf.d/plain.conf",
	  "tenant = { slug = \"plain\"; name = \"Plain <Co>\"; identity = "
	  "\"unsigned\"; url = \"https://ticket.plain.test\";\n"
	  "home = \"https://plain.test/shop\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };\n"
		   "trusted_proxies = [ \"10.0.0.0/8\" ];", files);
	clock_hold(NOW_MS);
}

static struct exchange *login_from(const char *site, const char *host,
				   const char *query, const char *cookie)
{
	return flow_call(&steps_login, .host = host, .query = query,
			 .cookie = cookie, .headers = { BROWSER,
			 "Sec-Fetch-Mode: navigate",
			 "Sec-Fetch-Dest: document", site });
}

static struct exchange *login_at(const char *host, const char *query,
				 const char *cookie)
{
	return login_from("Sec-Fetch-Site: none", host, query, cookie);
}

static struct exchange *login(const char *query, const char *cookie)
{
	return login_at(C, query, cookie);
}

static bool goes_to(struct exchange *ex, const char *part)
{
	struct str location = flow_header(ex, "Location");

	return location.ptr && strstr(location.ptr, part);
}

/* The state that the answer sends along. */
static const char *state_of(struct exchange *ex)
{
	const char *at;

	ck_answer(ex, 302, "");
	at = strstr(flow_header(ex, "Location").ptr, "state=");
	ck_assert_ptr_nonnull(at);
	return flow_keep_text(ex, (struct str){ at + 6, STATE_LEN });
}

/* The state's cookie, behind the session's. */
static struct str login_cookie(const struct exchange *ex)
{
	for (unsigned i = 0; i < ex->answer.header_count; i++)
		if (str_has_prefix(ex->answer.headers[i].value,
				   STR(LOGIN_COOKIE "=")))
			return ex->answer.headers[i].value;
	return STR_NULL;
}

/* "token=..." of who was posted with it. */
static const char *mint(const char *fields, const char *state)
{
	char body[1024];

	snprintf(body, sizeof(body), "%s&state=%s", fields, state);
	return flow_mint("alpha", body);
}

static const char *assertion(const char *more, int64_t exp_s)
{
	static char body[JWS_MAX + 64];
	static unsigned serial;
	char payload[1024], jws[JWS_MAX + 1];
	struct buf out;

	snprintf(payload, sizeof(payload), "{\"aud\":\"signed\",\"iat\":%lld,"
		 "\"exp\":%lld,\"jti\":\"serial-%08u\",\"sub\":\"1\","
		 "\"email\":\"ann@example.com\",\"name\":\"Ann\"%s}",
		 (long long)exp_s - 60, (long long)exp_s, ++serial, more);
	buf_init_fixed(&out, jws, sizeof(jws));
	ck_assert_int_eq(jws_sign(JWS_HS256, STR(SECRET), STR("k1"),
				  str_from(payload), &out), ERR_OK);
	snprintf(body, sizeof(body), "assertion=%s", jws);
	return body;
}

static const char *with_nonce(const char *state)
{
	char more[128];

	snprintf(more, sizeof(more), ",\"nonce\":\"%s\"", state);
	return flow_mint("signed", assertion(more, clock_wall_s() + 60));
}

START_TEST(it_goes_on_at_the_partner_and_ends_where_they_wanted_to_go)
{
	struct exchange *ex = login("return_to=/tickets/17", NULL);
	const char *state = state_of(ex), *cookie = flow_cookie(ex);
	struct str set = flow_header(ex, "Set-Cookie");
	char want[512];

	snprintf(want, sizeof(want), "https://alpha.test/login?to=desk&state="
		 "%s&nonce=%s&return_to=https%%3A//" C "/tickets/17", state,
		 state);
	ck_str_is(flow_header(ex, "Location"), want);
	ck_assert(str_has_prefix(set, STR("__Host-usher-login=")));
	ck_assert(strstr(set.ptr, "; Path=/; Secure; HttpOnly; SameSite=Lax; "
			 "Max-Age=600"));
	ck_assert(!strstr(set.ptr, "tickets"));
	ck_assert(!strstr(set.ptr, state));
	ck_str_is(flow_header(ex, "Cache-Control"), "no-store");
	/* what the partner's form always sends comes after it */
	ex = flow_visit(C, mint(PLAIN "&redirect_url=https%3A%2F%2F" C
				"%2Fdashboard", state), cookie);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/tickets/17");
	ck_assert_int_eq(flow_count("sessions"), 1);
}
END_TEST

START_TEST(an_assertion_carries_it_as_its_nonce)
{
	struct exchange *ex = login_at(S, "return_to=/tickets/9", NULL);
	const char *cookie = flow_cookie(ex);

	ex = flow_visit(S, with_nonce(state_of(ex)), cookie);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" S "/tickets/9");
	/* of a page whose server knows no nonce, the form may have it */
	ex = login_at(S, "return_to=/tickets/8", NULL);
	cookie = flow_cookie(ex);
	{
		char body[JWS_MAX + 128];

		snprintf(body, sizeof(body), "%s&state=%s", assertion("",
			 clock_wall_s() + 60), state_of(ex));
		ex = flow_visit(S, flow_mint("signed", body), cookie);
	}
	ck_str_is(flow_header(ex, "Location"), "https://" S "/tickets/8");
}
END_TEST

START_TEST(one_that_began_in_another_browser_ends_in_none)
{
	struct exchange *ex = login(NULL, NULL), *other = login(NULL, NULL);
	const char *state = state_of(ex), *cookie = flow_cookie(ex);
	const char *token = mint(PLAIN, state);

	ck_answer(flow_visit(C, token, NULL), 401, "assertion_nonce");
	ck_answer(flow_visit(C, token, flow_cookie(other)), 401,
		  "assertion_nonce");
	ck_answer(flow_visit(C, token, "__Host-usher-login=x"), 401,
		  "assertion_nonce");
	ck_assert_int_eq(flow_count("redemptions"), 0);
	ck_answer(flow_visit(C, token, cookie), 302, "");
	/* signed, too */
	ck_answer(flow_visit(S, with_nonce(state), cookie), 401,
		  "assertion_nonce");
	/* after its time */
	ex = login(NULL, NULL);
	cookie = flow_cookie(ex);
	state = state_of(ex);
	clock_hold(NOW_MS + 600000);
	ck_answer(flow_visit(C, mint(PLAIN, state), cookie), 401,
		  "assertion_nonce");
}
END_TEST

/* A victim is sent to the callback with the attacker's own sign-in. */
START_TEST(anothers_sign_in_does_not_pass_for_the_one_that_was_begun)
{
	const char *victim = flow_cookie(login("return_to=/pay", NULL));
	const char *theirs = state_of(login(NULL, NULL));
	struct exchange *ex;

	ck_answer(flow_visit(C, mint("email=eve%40example.com&name=Eve",
				     theirs), victim), 401, "assertion_nonce");
	/* without one it is a sign-in from the partner's page, and does not
	 * lead to where the victim wanted to go */
	ex = flow_visit(C, flow_mint("alpha", PLAIN), victim);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/dashboard");
}
END_TEST

START_TEST(a_click_at_the_partners_page_is_as_before)
{
	const char *cookie = flow_cookie(login("return_to=/tickets/17", NULL));
	struct exchange *ex;

	ck_answer(flow_visit(C, flow_mint("alpha", PLAIN), cookie), 302, "");
	/* a field of that name, but none of ours */
	ex = flow_visit(C, mint(PLAIN, "California"), NULL);
	ck_answer(ex, 302, "");
	/* nor where nothing begins */
	ex = flow_visit("ticket.plain.test", flow_mint("plain", PLAIN
			"&state=0123456789abcdef0123456789abcdef"), NULL);
	ck_answer(ex, 302, "");
}
END_TEST

static struct exchange *navigate(const char *host, const char *token,
				 const char *cookie)
{
	return flow_call(&steps_callback, .host = host, .query = token,
			 .cookie = cookie, .headers = { BROWSER,
			 "Sec-Fetch-Mode: navigate",
			 "Sec-Fetch-Dest: document" });
}

/* Follow it as a browser does, with what cookie it has. */
static struct exchange *follow_at(const char *host, struct exchange *ex,
				  const char *cookie)
{
	struct str query, location = flow_header(ex, "Location");

	ck_assert(location.ptr && strstr(location.ptr, LOGIN_PATH));
	str_cut(location, '?', &query);
	return login_from("Sec-Fetch-Site: cross-site", host,
			  flow_keep_text(ex, query), cookie);
}

START_TEST(two_that_begin_at_once_both_end_well)
{
	struct exchange *ex = login("return_to=/tickets/1", NULL);
	const char *lost = state_of(ex), *cookie, *token;

	cookie = flow_cookie(login("return_to=/tickets/2", NULL));
	token = mint(PLAIN "&redirect_url=https%3A%2F%2F" C "%2Ftickets%2F1",
		     lost);
	ex = navigate(C, token, cookie);
	ck_answer(ex, 303, "sign_in_again");
	ck_assert_int_eq(flow_count("redemptions"), 0);
	ex = follow_at(C, ex, cookie);
	ck_assert(goes_to(ex, "https://alpha.test/login"));
	cookie = flow_cookie(ex);
	/* once */
	ck_answer(navigate(C, token, cookie), 401, "assertion_nonce");
	ex = navigate(C, mint(PLAIN, state_of(ex)), cookie);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/tickets/1");
	/* a program goes nowhere */
	ck_answer(flow_visit(C, token, cookie), 401, "assertion_nonce");
}
END_TEST

START_TEST(a_browser_without_cookies_is_not_sent_round)
{
	static const char *const sites[] = {
		"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", NULL
	};
	struct exchange *ex, *there;
	const char *cookie;

	for (unsigned i = 0; i < N_ELEMENTS(sites); i++) {
		ex = login_from(sites[i], C, "return_to=/tickets/3", NULL);
		ck_str_is(flow_header(ex, "Location"), "/auth/login?again=0&"
			  "return_to=https%3A//" C "/tickets/3");
		cookie = flow_cookie(ex);
		ck_answer(follow_at(C, ex, NULL), 401, "sign_in_repeated");
		there = follow_at(C, ex, cookie);
		ck_assert(goes_to(there, "https://alpha.test/login"));
		ck_assert(goes_to(there, "tickets/3"));
		there = flow_visit(C, mint(PLAIN, state_of(there)), cookie);
		ck_str_is(flow_header(there, "Location"), "https://" C
			  "/tickets/3");
	}
	/* a tab beside it was last to write the cookie */
	ex = login_from(sites[0], C, "return_to=/tickets/4", NULL);
	there = follow_at(C, ex, cookie);
	ck_assert(goes_to(there, "tickets/4"));
	ck_assert(flow_cookie(there));
	/* it keeps others */
	ex = login_from(sites[0], C, NULL, "a=b");
	ck_assert(goes_to(ex, "https://alpha.test/login"));
}
END_TEST

/* 16 octets in hex, a UUID, base64url of another length. */
static const char *const foreign[] = {
	"0123456789abcdef0123456789ABCDEF",
	"3f1b2a60-8c5e-4b8a-9d0e-3a7f9c1d2e4b", "AAAAAAAAAAAAAAAAAAAAAA", "x",
};

START_TEST(a_nonce_of_the_partners_library_is_none_of_ours)
{
	struct exchange *ex;
	const char *cookie;
	char body[JWS_MAX + 256], more[128];

	ck_answer(flow_visit(S, with_nonce(foreign[_i]), NULL), 302, "");
	/* not beside one that began here */
	ex = login_at(S, "return_to=/tickets/9", NULL);
	cookie = flow_cookie(ex);
	ck_answer(flow_visit(S, with_nonce(foreign[_i]), cookie), 401,
		  "assertion_nonce");
	/* which may come back in the form */
	snprintf(more, sizeof(more), ",\"nonce\":\"%s\"", foreign[_i]);
	snprintf(body, sizeof(body), "%s&state=%s", assertion(more,
		 clock_wall_s() + 60), state_of(ex));
	ex = flow_visit(S, flow_mint("signed", body), cookie);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" S "/tickets/9");
}
END_TEST

static const char *const refused[] = {
	"https://evil.test/", "//evil.test", "/\\evil.test", "\\\\evil.test",
	"https://" C "@evil.test/",
	"https://evil.test/https://" C "/", "javascript:alert(1)",
	"http://" C "/tickets/17", "/auth/logout", "/auth/login",
	"/AUTH/login", "/api/tickets", "/embed/alpha", "/%61uth/login",
	"/x/../auth/login", "https://" C ":444/",
	"https://alpha.test/other", "data:text/html,x", " https://evil.test",
	"tickets/17", "?x", "https:evil.test", "https:///evil.test",
};

START_TEST(nobody_is_led_elsewhere)
{
	char query[512];
	struct exchange *ex;
	struct buf out;

	buf_init_fixed(&out, query, sizeof(query));
	buf_puts(&out, "return_to=");
	for (const char *p = refused[_i]; *p; p++)
		buf_printf(&out, "%%%02X", (unsigned)(unsigned char)*p);
	ex = login(query, NULL);
	ck_assert(!goes_to(ex, "return_to"));
	ex = flow_visit(C, mint(PLAIN, state_of(ex)), flow_cookie(ex));
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/dashboard");
}
END_TEST

START_TEST(the_list_of_redirects_counts_as_for_pages)
{
	struct exchange *ex = login("return_to=https://alpha.test/help/me",
				    NULL);

	ex = flow_visit(C, mint(PLAIN, state_of(ex)), flow_cookie(ex));
	ck_str_is(flow_header(ex, "Location"), "https://alpha.test/help/me");
}
END_TEST

START_TEST(a_proxy_says_what_was_asked_for_and_nobody_else)
{
	struct exchange *ex;

	ex = flow_call(&steps_login, .host = C, .peer = "10.1.2.3",
		       .headers = { BROWSER, "X-Forwarded-For: 192.0.2.9",
				    "X-Original-URI: /a?b=c d&e=%2F" });
	ck_assert(!goes_to(ex, "return_to"));	/* the space is no URL's */
	ex = flow_call(&steps_login, .host = C, .peer = "10.1.2.3",
		       .headers = { BROWSER, "X-Forwarded-For: 192.0.2.9",
				    "X-Original-URI: /a?b=c&e=%2F" });
	ck_assert(goes_to(ex, "return_to=https%3A//" C
			  "/a%3Fb%3Dc%26e%3D%252F"));
	ex = flow_call(&steps_login, .host = C,
		       .headers = { BROWSER, "X-Original-URI: /a?b=c" });
	ck_assert(!goes_to(ex, "return_to"));
	ex = flow_call(&steps_login, .host = C, .peer = "10.1.2.3",
		       .query = "return_to=/b", .headers = { BROWSER,
		       "X-Forwarded-For: 192.0.2.9", "X-Original-URI: /a" });
	ck_assert(goes_to(ex, "return_to=https%3A//" C "/b"));
}
END_TEST

START_TEST(tabs_do_not_lose_each_others)
{
	struct exchange *one = login("return_to=/tickets/1", NULL), *two, *ex;
	const char *cookie;
	struct str rest;

	two = login("return_to=/tickets/2", flow_cookie(one));
	cookie = flow_cookie(two);
	ex = flow_visit(C, mint(PLAIN, state_of(one)), cookie);
	ck_str_is(flow_header(ex, "Location"), "https://" C "/tickets/1");
	/* what is left of it */
	cookie = flow_keep_text(ex, str_cut(login_cookie(ex), ';', &rest));
	ex = flow_visit(C, mint(PLAIN, state_of(two)), cookie);
	ck_str_is(flow_header(ex, "Location"), "https://" C "/tickets/2");
	ck_str_is(login_cookie(ex), LOGIN_COOKIE "=; Path=/; Secure; HttpOnly; "
		  "SameSite=Lax; Max-Age=0");
	/* a state is used once */
	ck_answer(flow_visit(C, mint(PLAIN, state_of(one)), cookie), 401,
		  "assertion_nonce");
}
END_TEST

START_TEST(who_is_in_needs_no_partner)
{
	const char *cookie = flow_sign_in("alpha", C, PLAIN);
	struct exchange *ex = login("return_to=/tickets/17", cookie);

	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/tickets/17");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ex = login("return_to=https://evil.test/", cookie);
	ck_str_is(flow_header(ex, "Location"), "https://" C "/dashboard");
	/* and a tab whose state went with another one is let in as well */
	ck_answer(flow_visit(C, mint(PLAIN, state_of(login(NULL, NULL))),
			     cookie), 302, "");
	ck_answer(flow_visit(C, mint("email=eve%40example.com&name=Eve",
				     state_of(login(NULL, NULL))), cookie),
		  401, "assertion_nonce");
}
END_TEST

START_TEST(without_a_page_of_the_partners_there_is_one_of_ours)
{
	struct exchange *ex = login_at("ticket.plain.test", NULL, NULL);

	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "Please sign in"));
	ck_assert(flow_body_has(ex, "href=\"https://plain.test/shop\""));
	ck_assert(flow_body_has(ex, "Plain &lt;Co&gt;"));
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
}
END_TEST

START_TEST(only_a_persons_navigation_is_sent_on)
{
	static const char *const headers[][2] = {
		{ PROGRAM, NULL }, { BROWSER, "Sec-Fetch-Mode: cors" },
		{ BROWSER, "Sec-Fetch-Dest: iframe" },
		{ BROWSER, "Sec-Fetch-Dest: empty" },
	};

	for (size_t i = 0; i < N_ELEMENTS(headers); i++) {
		struct exchange *ex = flow_call(&steps_login, .host = C,
			.headers = { headers[i][0], headers[i][1] });

		ck_answer(ex, 401, "not_signed_in");
		ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	}
}
END_TEST

static struct exchange *post_late(const char *more)
{
	char body[JWS_MAX + 256];

	snprintf(body, sizeof(body), "%s%s", assertion("", clock_wall_s() -
						       100), more);
	return flow_call(&steps_handoff, .method = METHOD_POST,
			 .param = "signed", .type = FORM, .body = body,
			 .headers = { BROWSER });
}

static struct exchange *follow(struct exchange *ex, const char *cookie)
{
	return follow_at(S, ex, cookie);
}

START_TEST(an_assertion_that_expired_is_signed_anew_once)
{
	struct exchange *ex = post_late("&redirect_url=https%3A%2F%2F" S
					"%2Ftickets%2F5"), *tried;
	const char *cookie;

	ck_answer(ex, 303, "sign_in_again");
	ck_assert(str_has_prefix(flow_header(ex, "Location"),
				 STR("https://" S "/auth/login?again=1&")));
	tried = follow(ex, NULL);
	ck_str_is(flow_header(tried, "Location"), "/auth/login?again=2");
	cookie = flow_cookie(tried);
	ex = follow(tried, cookie);
	ck_assert(goes_to(ex, "https://signed.test/login?state="));
	cookie = flow_cookie(ex);
	/* the partner is as slow again, and knows of no state */
	ex = follow(post_late(""), cookie);
	ck_answer(ex, 401, "sign_in_repeated");
	ck_assert(flow_body_has(ex, "Reload the page that you came from"));
	/* in a browser that keeps no cookies it does not begin */
	ex = follow(tried, NULL);
	ck_answer(ex, 401, "sign_in_repeated");
}
END_TEST

START_TEST(an_assertion_that_carries_a_state_is_not_signed_anew)
{
	struct exchange *ex = login_at(S, NULL, NULL);
	char more[128];

	snprintf(more, sizeof(more), "&state=%s", state_of(ex));
	ck_answer(post_late(more), 401, "assertion_expired");
	ck_answer(post_late("&response=json"), 401, "assertion_expired");
	ck_answer(flow_post("signed", assertion("", clock_wall_s() - 100)),
		  401, "assertion_expired");
}
END_TEST

START_TEST(a_used_assertion_and_a_late_arrival_begin_anew)
{
	const char *body = flow_keep_text(login(NULL, NULL), str_from(
		assertion("", clock_wall_s() + 60)));
	const char *first = flow_mint("signed", body);
	const char *second = flow_mint("signed", body), *late;
	const char *const headers[] = { BROWSER, "Sec-Fetch-Mode: navigate",
					"Sec-Fetch-Dest: document" };
	struct exchange *ex;
	char again[JWE_TOKEN_MAX + 32];

	ck_answer(flow_visit(S, first, NULL), 302, "");
	snprintf(again, sizeof(again), "%s&again=1", second);
	ex = flow_call(&steps_callback, .host = S, .query = again,
		       .headers = { headers[0], headers[1], headers[2] });
	ck_answer(ex, 303, "sign_in_again");
	/* a program is told */
	ck_answer(flow_visit(S, second, NULL), 410, "assertion_replayed");
	late = flow_mint("alpha", PLAIN);
	clock_hold(NOW_MS + 121000);
	ex = flow_call(&steps_callback, .host = C, .query = late,
		       .headers = { headers[0], headers[1], headers[2] });
	ck_answer(ex, 303, "sign_in_again");
	ck_str_is(flow_header(ex, "Location"), "https://" C
		  "/auth/login?again=1");
	ck_assert(!flow_header(ex, "Content-Type").ptr);
	ck_answer(flow_visit(C, late, NULL), 401, "token_expired");
}
END_TEST

START_TEST(nobody_goes_round_in_circles)
{
	const char *cookie = NULL;
	struct exchange *ex = NULL;

	for (int i = 0; i < LOGIN_KEPT; i++) {
		ex = login("return_to=/tickets/17", cookie);
		ck_assert(goes_to(ex, "https://alpha.test/login"));
		cookie = flow_cookie(ex);
	}
	ck_answer(login("return_to=/tickets/17", cookie), 401,
		  "sign_in_repeated");
	/* a person may click as often as they like */
	clock_hold(NOW_MS + LOGIN_HASTE_S * 1000);
	ex = login("return_to=/tickets/17", cookie);
	ck_assert(goes_to(ex, "https://alpha.test/login"));
}
END_TEST

START_TEST(long_places_leave_the_head_small)
{
	char query[LOGIN_TARGET_MAX + 64] = "return_to=/";
	const char *cookie = NULL;
	struct exchange *ex = NULL;

	memset(query + strlen(query), 'x', LOGIN_TARGET_MAX - 64);
	for (int i = 0; i < 3; i++) {
		ex = login(query, cookie);
		ck_assert(!goes_to(ex, "return_to"));
		cookie = flow_cookie(ex);
		ck_assert_uint_lt(flow_header(ex, "Set-Cookie").len +
				  flow_header(ex, "Location").len, 3200);
	}
	ex = flow_visit(C, mint(PLAIN, state_of(ex)), cookie);
	ck_assert(goes_to(ex, "/xxxxxxxx"));
}
END_TEST

static void login_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, flow_stop);
	tcase_add_test(t,
		it_goes_on_at_the_partner_and_ends_where_they_wanted_to_go);
	tcase_add_test(t, an_assertion_carries_it_as_its_nonce);
	tcase_add_test(t, one_that_began_in_another_browser_ends_in_none);
	tcase_add_test(t,
		anothers_sign_in_does_not_pass_for_the_one_that_was_begun);
	tcase_add_test(t, a_click_at_the_partners_page_is_as_before);
	tcase_add_test(t, two_that_begin_at_once_both_end_well);
	tcase_add_test(t, a_browser_without_cookies_is_not_sent_round);
	tcase_add_loop_test(t, a_nonce_of_the_partners_library_is_none_of_ours,
			    0, sizeof(foreign) / sizeof(foreign[0]));
	tcase_add_loop_test(t, nobody_is_led_elsewhere, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, the_list_of_redirects_counts_as_for_pages);
	tcase_add_test(t, a_proxy_says_what_was_asked_for_and_nobody_else);
	tcase_add_test(t, tabs_do_not_lose_each_others);
	tcase_add_test(t, who_is_in_needs_no_partner);
	tcase_add_test(t,
		without_a_page_of_the_partners_there_is_one_of_ours);
	tcase_add_test(t, only_a_persons_navigation_is_sent_on);
	tcase_add_test(t, an_assertion_that_expired_is_signed_anew_once);
	tcase_add_test(t,
		an_assertion_that_carries_a_state_is_not_signed_anew);
	tcase_add_test(t, a_used_assertion_and_a_late_arrival_begin_anew);
	tcase_add_test(t, nobody_goes_round_in_circles);
	tcase_add_test(t, long_places_leave_the_head_small);
}

UNIT_MAIN("login", login_tests)
