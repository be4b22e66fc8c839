/*
 * Tenants that must not see each other, on hosts of their own and on one that
 * they share.
 */
#include "flow/flow.h"

#include "desk/desk.h"

#define A "ticket.alpha.test"
#define Z "ticket.beta.test"
#define USER "email=same%40example.com&name=Same"
#define OTHER "email=other%40example.com&name=Other"

static const struct flow_file files[] = {
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; url = \"https://" A "\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\"; };" },
	{ "conf.d/beta.conf",
	  "tenant = { slug = \"beta\"; url = \"https://" Z "\";\n"
	  "origins = [ \"https://beta.test\" ]; identity = \"unsigned\"; };" },
	{ "conf.d/red.conf",
	  "tenant = { slug = \"red\"; origins = [ \"https://red.test\" ];\n"
	  "name = \"Red <i>\";\n"
	  "identity = \"unsigned\"; switch_user = \"replace\"; };" },
	{ "conf.d/blue.conf",
	  "tenant = { slug = \"blue\"; origins = [ \"https://blue.test\" ];\n"
	  "name = \"Blue\";\n"
	  "identity = \"unsigned\"; };" },
	{ "conf.d/green.conf",
	  "tenant = { slug = \"green\"; identity = \"unsigned\";\n"
	  "switch_user = \"replace\"; };" },
	{ "conf.d/copy.conf",
	  "tenant = { slug = \"copy\"; identity = \"unsigned\";\n"
	  "name = \"Blue\"; };" },
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

static struct exchange *check(const char *cookie, const char *query)
{
	return flow_call(&steps_check, .host = B, .cookie = cookie,
			 .query = query);
}

static struct exchange *press(const char *host, const char *body,
			      const char *cookie, const char *origin)
{
	return flow_call(&steps_callback, .host = host, .cookie = cookie,
			 .method = METHOD_POST, .type = FORM, .body = body,
			 .headers = { origin });
}

START_TEST(one_address_at_two_tenants_is_two_users)
{
	struct exchange *a, *b;

	a = session(A, flow_sign_in("alpha", A, USER));
	b = session(Z, flow_sign_in("beta", Z, "email=same%40example.com&"
				    "name=Elsewhere"));
	ck_answer(a, 200, "");
	ck_answer(b, 200, "");
	ck_assert(!str_eq(flow_header(a, "Remote-User"),
			  flow_header(b, "Remote-User")));
	ck_str_is(flow_header(a, "Remote-Name"), "Same");
	ck_str_is(flow_header(b, "Remote-Name"), "Elsewhere");
}
END_TEST

START_TEST(a_session_of_one_host_is_nobody_on_another)
{
	const char *alpha = flow_sign_in("alpha", A, USER);
	const char *red = flow_sign_in("red", B, USER);

	ck_answer(session(Z, alpha), 401, "not_signed_in");
	ck_answer(session(B, alpha), 401, "not_signed_in");
	ck_answer(session(A, red), 401, "not_signed_in");
	ck_answer(flow_call(&steps_desk_page, .host = Z, .cookie = alpha), 401,
		  "not_signed_in");
	/* Nor can it be ended from there. */
	ck_answer(flow_call(&steps_logout, .method = METHOD_POST, .host = Z,
			    .cookie = alpha,
			    .headers = { "Origin: https://" Z }), 204, "");
	ck_answer(session(A, alpha), 200, "");
}
END_TEST

START_TEST(a_token_is_good_at_its_own_tenants_host_only)
{
	const char *alpha = flow_mint("alpha", USER);
	const char *red = flow_mint("red", USER);

	ck_answer(flow_visit(Z, alpha, NULL), 401, "token_invalid");
	ck_answer(flow_visit(B, alpha, NULL), 401, "token_invalid");
	ck_answer(flow_visit(A, red, NULL), 401, "token_invalid");
	ck_answer(flow_visit(A, alpha, NULL), 302, "");
	ck_answer(flow_visit(B, red, NULL), 302, "");
}
END_TEST

START_TEST(a_tenant_that_moved_leaves_its_sessions_behind)
{
	const char *cookie = flow_sign_in("alpha", A, USER);

	flow_write("conf.d/alpha.conf", "tenant = { slug = \"alpha\";\n"
		   "url = \"https://desk.alpha.test\";\n"
		   "identity = \"unsigned\"; };");
	flow_write("conf.d/squatter.conf", "tenant = { slug = \"squatter\";\n"
		   "url = \"https://" A "\"; identity = \"unsigned\"; };");
	flow_reload();
	ck_answer(session(A, cookie), 401, "not_signed_in");
	ck_answer(session("desk.alpha.test", cookie), 401, "not_signed_in");
}
END_TEST

START_TEST(on_a_shared_host_the_tenant_is_always_named)
{
	const char *red = flow_sign_in("red", B, USER);
	struct exchange *ex = session(B, red);

	ck_answer(ex, 200, "");
	ck_str_is(flow_header(ex, "Remote-Tenant"), "red");
	ck_assert(flow_body_has(ex, "\"tenant\":\"red\""));
	ex = check(red, "tenant=red");
	ck_answer(ex, 200, "");
	ck_str_is(flow_header(ex, "Remote-Tenant"), "red");
	ck_answer(check(red, "tenant=blue"), 401, "not_signed_in");
	/* Whoever does not ask for one never hears yes. */
	ex = check(red, NULL);
	ck_answer(ex, 400, "tenant_required");
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ck_assert(!flow_header(ex, "Remote-User").ptr);
	ck_answer(check(red, "x=1"), 400, "tenant_required");
	ck_answer(check(red, "tenant=blue&tenant=red"), 400,
		  "malformed_query");
	ck_answer(check(NULL, "tenant=red"), 401, "not_signed_in");
	ck_answer(check(NULL, NULL), 401, "not_signed_in");
}
END_TEST

START_TEST(on_a_shared_host_another_tenant_asks_and_then_replaces)
{
	const char *red = flow_sign_in("red", B, USER);
	const char *token = flow_mint("blue", USER);
	struct exchange *ex = flow_visit(B, token, red);

	/* The same address: yet somebody else, and the page says of whom. */
	ck_answer(ex, 200, "confirm");
	ck_assert(flow_body_has(ex, "signed in at <b><bdi>Red &lt;i&gt;</bdi>"
				"</b> as<"));
	ck_assert(flow_body_has(ex, "go on at <b><bdi>Blue</bdi></b> as<"));
	ck_assert(flow_body_has(ex, "<button>Go on at <b><bdi>Blue</bdi></b>"));
	ck_assert(flow_body_has(ex, ">No, stay at <b><bdi>Red &lt;i&gt;</bdi>"
				"</b></a>"));
	ck_assert(flow_body_has(ex, "signed out of <b><bdi>Red &lt;i&gt;</bdi>"
				"</b>."));
	ck_answer(press(B, token, red, "Origin: https://blue.test"), 403,
		  "origin_refused");
	ex = press(B, token, red, "Origin: https://" B);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(session(B, flow_cookie(ex)), "Remote-Tenant"),
		  "blue");
	ck_answer(session(B, red), 401, "not_signed_in");
}
END_TEST

START_TEST(tenants_of_one_name_are_told_apart)
{
	const char *blue = flow_sign_in("blue", B, USER);
	struct exchange *ex = flow_visit(B, flow_mint("copy", USER), blue);

	ck_answer(ex, 200, "confirm");
	ck_assert(flow_body_has(ex, "at <b><bdi>Blue</bdi></b> (blue) as<"));
	ck_assert(flow_body_has(ex, "at <b><bdi>Blue</bdi></b> (copy) as<"));
	/* of one tenant there is nothing to tell apart */
	ex = flow_visit(B, flow_mint("blue", OTHER), blue);
	ck_answer(ex, 200, "confirm");
	ck_assert(flow_body_has(ex, "you are signed in as<"));
	ck_assert(flow_body_has(ex, "want to go on as<"));
}
END_TEST

/* red waived the question for its own users, not for blue's. */
START_TEST(no_tenant_waives_the_question_for_another)
{
	const char *blue = flow_sign_in("blue", B, USER);
	const char *red = flow_sign_in("red", B, USER);

	ck_answer(flow_visit(B, flow_mint("red", OTHER), blue), 200,
		  "confirm");
	ck_answer(flow_visit(B, flow_mint("red", OTHER), red), 302, "");
	red = flow_sign_in("red", B, USER);
	ck_answer(flow_visit(B, flow_mint("green", OTHER), red), 302, "");
	ck_answer(session(B, blue), 200, "");
}
END_TEST

START_TEST(the_constant_answer_echoes_what_any_of_the_host_lists)
{
	static const struct { const char *host, *origin, *echo; } cases[] = {
		{ B, "Origin: https://red.test", "https://red.test" },
		{ B, "Origin: https://blue.test", "https://blue.test" },
		{ B, "Origin: https://alpha.test", "" },
		{ B, "Origin: null", "null" },
		{ A, "Origin: https://red.test", "" },
		{ A, "Origin: https://alpha.test", "https://alpha.test" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = flow_call(&steps_callback,
			.host = cases[i].host, .query = "token=x",
			.headers = { cases[i].origin,
				     "Sec-Fetch-Mode: cors" });

		ck_str_is(ex->answer.body, "{}");
		ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"),
			  cases[i].echo);
	}
}
END_TEST

static void isolation_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, one_address_at_two_tenants_is_two_users);
	tcase_add_test(tcase, a_session_of_one_host_is_nobody_on_another);
	tcase_add_test(tcase, a_token_is_good_at_its_own_tenants_host_only);
	tcase_add_test(tcase, a_tenant_that_moved_leaves_its_sessions_behind);
	tcase_add_test(tcase, on_a_shared_host_the_tenant_is_always_named);
	tcase_add_test(tcase,
		       on_a_shared_host_another_tenant_asks_and_then_replaces);
	tcase_add_test(tcase, tenants_of_one_name_are_told_apart);
	tcase_add_test(tcase, no_tenant_waives_the_question_for_another);
	tcase_add_test(tcase,
		       the_constant_answer_echoes_what_any_of_the_host_lists);
}

UNIT_MAIN("isolation", isolation_tests)
