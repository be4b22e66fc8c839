/*
 * The handoff, row by row of the contract.
 */
#include "flow/flow.h"

#include "base/metric.h"
#include "handoff/proxies.h"
#include "handoff/token.h"

#include <signal.h>
#include <sys/resource.h>

#define ALPHA "https://alpha.test"
#define FIELDS "content-type, accept, x-requested-with, x-csrf-token, " \
	"x-xsrf-token"
#define USER "email=user%40example.com&name=John+Doe"

static const struct flow_file files[] = {
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha & Co\";\n"
	  "url = \"https://ticket.alpha.test\"; home = \"" ALPHA "\";\n"
	  "origins = [ \"" ALPHA "\" ]; identity = \"unsigned\";\n"
	  "redirects = [ \"https://shop.alpha.test/support/\" ]; };\n" },
	{ "conf.d/strict.conf",
	  "tenant = { slug = \"strict\"; origins = [ \"" ALPHA "\" ];\n"
	  "require_origin = true; identity = \"unsigned\"; };\n" },
	{ "conf.d/nullish.conf",
	  "tenant = { slug = \"nullish\"; origins = [ \"" ALPHA "\" ];\n"
	  "require_origin = true; allow_null_origin = true;\n"
	  "identity = \"unsigned\"; };\n" },
	{ "conf.d/escapes.conf",
	  "tenant = { slug = \"escapes\"; decode_html = true;\n"
	  "identity = \"unsigned\"; };\n" },
	{ "conf.d/off.conf",
	  "tenant = { slug = \"off\"; origins = [ \"" ALPHA "\" ];\n"
	  "identity = \"unsigned\"; enabled = false; };\n" },
	{ "conf.d/broken.conf",
	  "tenant = { slug = \"broken\"; identity = \"unsigned\";\n"
	  "session = { idle = -5; }; };\n" },
	{ "conf.d/own.conf",
	  "tenant = { slug = \"own\"; identity = \"unsigned\";\n"
	  "rate_limit = { requests = 2; per = 3600; }; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 1000; per = 3600; };", files);
}

static void setup_limited(void)
{
	flow_start("rate_limit = { requests = 60; per = 3600; };", files);
}

static void check_guide_answer(const struct exchange *ex)
{
	struct str location = flow_header(ex, "Location");

	ck_answer(ex, 302, "");
	ck_assert(str_has_prefix(location, STR("https://ticket.alpha.test"
					       "/auth/callback?token=")));
	ck_assert_uint_le(location.len, 4096);
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ck_str_is(flow_header(ex, "X-RateLimit-Limit"), "1000");
	ck_assert_uint_gt(flow_header(ex, "X-RateLimit-Remaining").len, 0);
	/* What means nothing here is not sent. */
	ck_assert_ptr_null(flow_header(ex, "X-RateLimit-Reset").ptr);
	ck_assert_ptr_null(flow_header(ex, "X-Content-Type-Options").ptr);
	ck_str_is(flow_header(ex, "Vary"), "Origin");
	ck_str_is(flow_header(ex, "Strict-Transport-Security"),
		  "max-age=31536000");
}

START_TEST(the_guides_own_requests_are_answered_as_it_says)
{
	static const struct { const char *type, *body; } cases[] = {
		{ FORM, USER },
		{ FORM, USER "&redirect_url=https%3A%2F%2Fticket.alpha.test"
		  "%2Fdashboard" },
		{ "application/x-www-form-urlencoded; charset=UTF-8", USER },
		{ JSON, "{\"email\":\"user@example.com\",\"name\":\"John\","
		  "\"redirect_url\":\"https://ticket.alpha.test/dashboard\"}" },
		{ JSON, "{\"email\":\"user@example.com\",\"name\":\"\"}" },
		{ JSON, "{\"email\":\"user@example.com\",\"name\":4711,"
		  "\"vip\":true,\"note\":null}" },
		{ "multipart/form-data; boundary=xx",
		  "--xx\r\nContent-Disposition: form-data; name=\"email\"\r\n"
		  "\r\nuser@example.com\r\n--xx\r\nContent-Disposition: "
		  "form-data; name=\"name\"\r\n\r\nJohn\r\n--xx--\r\n" },
	};
	static const char *const accepts[] = {
		PROGRAM, BROWSER, "Accept: */*"
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t j = 0; j < 3; j++)
			check_guide_answer(flow_call(&steps_handoff,
				.method = METHOD_POST, .param = "alpha",
				.type = cases[i].type, .body = cases[i].body,
				.headers = { accepts[j] }));
}
END_TEST

START_TEST(whoever_asks_for_json_gets_the_address)
{
	struct exchange *ex = flow_post("alpha", USER "&response=json");

	ck_answer(ex, 200, "");
	ck_str_is(flow_header(ex, "Content-Type"), "application/json");
	ck_assert(flow_body_has(ex, "\"redirect_url\":\"https://ticket.alpha"
				".test/auth/callback?token="));
	ck_assert(flow_body_has(ex, "\"expires_in\":120}"));
	ck_answer(flow_post("alpha", USER "&response=xml"), 302, "");
}
END_TEST

START_TEST(unknown_and_disabled_tenants_are_one_answer)
{
	static const char *const slugs[] = {
		"nobody", "off", "", "al%70ha", "alpha%00",
		"alpha.", "../alpha", "<script>"
	};

	for (size_t i = 0; i < sizeof(slugs) / sizeof(slugs[0]); i++) {
		struct exchange *ex = flow_post(slugs[i], USER);

		ck_answer(ex, 404, "tenant_not_found");
		ck_str_is(ex->answer.body,
			  "{\"message\":\"Tenant not found.\",\"error\":"
			  "\"The specified tenant does not exist.\","
			  "\"code\":\"tenant_not_found\"}");
		ck_assert_uint_gt(flow_header(ex, "X-RateLimit-Limit").len, 0);
	}
}
END_TEST

START_TEST(a_broken_tenant_is_503)
{
	struct exchange *ex = flow_post("broken", USER);

	ck_answer(ex, 503, "tenant_unavailable");
	ck_assert_uint_gt(flow_header(ex, "Retry-After").len, 0);
	ck_assert_uint_gt(flow_header(ex, "X-RateLimit-Limit").len, 0);
}
END_TEST

START_TEST(the_gateway_host_alone_takes_handoffs)
{
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .host = "ticket.alpha.test", .param = "alpha",
			    .type = FORM, .body = USER), 404, "not_found");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .host = "evil.test", .param = "alpha",
			    .type = FORM, .body = USER), 421, "unknown_host");
}
END_TEST

START_TEST(sixty_an_hour_and_then_as_the_guide_says)
{
	struct exchange *ex;
	int i;

	clock_hold(INT64_C(1795370000000));
	ex = flow_post("alpha", USER);
	ck_str_is(flow_header(ex, "X-RateLimit-Limit"), "60");
	ck_str_is(flow_header(ex, "X-RateLimit-Remaining"), "59");
	/* Refusals are charged like any other, unknown slugs too. */
	for (i = 1; i < 60; i++)
		flow_post(i % 2 ? "nobody" : "broken", "");
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "alpha", .type = FORM, .body = USER,
		       .headers = { "Origin: " ALPHA });
	ck_answer(ex, 429, "too_many_requests");
	ck_str_is(ex->answer.body, "{\"message\":\"Too many requests.\","
		  "\"retry_after\":60,\"code\":\"too_many_requests\"}");
	ck_str_is(flow_header(ex, "Retry-After"), "60");
	ck_assert(str_eq(flow_header(ex, "X-RateLimit-Reset"),
			 pool_printf(ex->pool, "%lld", (long long)
				     ex->start_ms / 1000 + 60)));
	ck_str_is(flow_header(ex, "X-RateLimit-Remaining"), "0");
	ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"), ALPHA);
	ck_answer(flow_post("nobody", USER), 429, "too_many_requests");
	ck_answer(flow_post("broken", USER), 429, "too_many_requests");
	/* Another client, and this one a minute later. */
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "alpha", .type = FORM, .body = USER,
			    .peer = "192.0.2.2"), 302, "");
	clock_hold(INT64_C(1795370060000));
	ck_answer(flow_post("alpha", USER), 302, "");
	ck_answer(flow_post("alpha", USER), 429, "too_many_requests");
}
END_TEST

START_TEST(a_tenants_own_rule_replaces_the_gateways)
{
	int i;

	clock_hold(INT64_C(1795370000000));
	ck_str_is(flow_header(flow_post("own", USER), "X-RateLimit-Limit"),
		  "2");
	ck_answer(flow_post("own", USER), 302, "");
	ck_answer(flow_post("own", USER), 429, "too_many_requests");
	for (i = 0; i < 60; i++)
		ck_answer(flow_post("alpha", USER), 302, "");
	ck_answer(flow_post("alpha", USER), 429, "too_many_requests");
}
END_TEST

START_TEST(preflights_are_never_limited)
{
	struct exchange *ex;
	int i;

	for (i = 0; i < 70; i++) {
		ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
			       .param = "alpha",
			       .headers = { "Origin: " ALPHA,
				"Access-Control-Request-Method: POST" });
		ck_answer(ex, 204, "");
	}
	ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"), ALPHA);
	ck_str_is(flow_header(ex, "Access-Control-Allow-Credentials"), "true");
	ck_str_is(flow_header(ex, "Access-Control-Allow-Methods"), "POST");
	ck_str_is(flow_header(ex, "Access-Control-Allow-Headers"), FIELDS);
	ck_str_is(flow_header(ex, "Access-Control-Max-Age"), "600");
	ck_str_is(flow_header(ex, "Vary"), "Origin");
	ck_answer(flow_post("alpha", USER), 302, "");
	ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
		       .param = "alpha",
		       .headers = { "Origin: https://evil.test" });
	ck_answer(ex, 204, "");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	ck_assert(!flow_header(ex, "Access-Control-Allow-Methods").ptr);
	/* Slugs cannot be tried out for free. */
	ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
		       .param = "nobody", .headers = { "Origin: " ALPHA });
	ck_answer(ex, 204, "");
	ck_str_is(flow_header(ex, "Vary"), "Origin");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	/* So that the 404 of a disabled one can be read. */
	ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
		       .param = "off", .headers = { "Origin: " ALPHA });
	ck_answer(ex, 204, "");
	ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"), ALPHA);
}
END_TEST

START_TEST(a_listed_origin_may_read_every_status)
{
	static const struct { const char *slug, *type, *body; int status; }
	cases[] = {
		{ "alpha", FORM, USER, 302 },
		{ "alpha", FORM, "", 422 },
		{ "alpha", FORM, "%", 400 },
		{ "alpha", "text/plain", "", 415 },
		{ "off", FORM, USER, 404 },
	};
	struct exchange *ex;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ex = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = cases[i].slug, .type = cases[i].type,
			       .body = cases[i].body,
			       .headers = { "Origin: " ALPHA });
		ck_assert_int_eq(ex->answer.status, cases[i].status);
		ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"),
			  ALPHA);
		ck_str_is(flow_header(ex, "Access-Control-Allow-Credentials"),
			  "true");
		ck_assert(str_icontains(flow_header(ex,
				"Access-Control-Expose-Headers"),
				STR("X-RateLimit-Remaining")));
		ck_assert(str_icontains(flow_header(ex,
				"Access-Control-Expose-Headers"),
				STR("X-Request-Id")));
		ck_str_is(flow_header(ex, "Vary"), "Origin");
	}
}
END_TEST

START_TEST(no_other_origin_is_ever_echoed)
{
	static const char *const origins[] = {
		"Origin: https://evil.test", "Origin: null", "Origin: *",
		"Origin: https://alpha.test:443", "Origin: http://alpha.test",
		"Origin: https://ALPHA.test", "Origin: https://alpha.test/",
		"Origin: https://alpha.test.evil.test",
		"Origin: https://badalpha.test", "Origin: https://x.alpha.test",
		"Origin: https://alpha.test, https://evil.test", "Origin:",
	};
	struct exchange *ex;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		ex = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = "alpha", .type = FORM, .body = USER,
			       .headers = { origins[i] });
		ck_answer(ex, 302, "");
		ck_assert_msg(!flow_header(ex, "Access-Control-Allow-Origin")
			      .ptr, "%s", origins[i]);
		ck_str_is(flow_header(ex, "Vary"), "Origin");
	}
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "alpha", .type = FORM, .body = USER,
		       .headers = { "Origin: " ALPHA, "Origin: " ALPHA });
	ck_answer(ex, 403, "origin_refused");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
}
END_TEST

static bool anybody_may_read(const struct exchange *ex)
{
	ck_assert(!flow_header(ex, "Access-Control-Allow-Credentials").ptr);
	if (!flow_header(ex, "Access-Control-Allow-Origin").ptr)
		return false;
	ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"), "*");
	return true;
}

START_TEST(a_slug_in_capitals_is_answered_with_how_to_write_it)
{
	static const char *const slugs[] = { "ALPHA", "Nobody", "aLPHA-2" };
	static const char *const none[] = { "nobody", "AL_PHA", "-ALPHA", "" };
	struct exchange *ex;
	size_t i;

	ex = flow_post("Alpha", USER);
	ck_answer(ex, 404, "tenant_not_found");
	ck_str_is(ex->answer.body,
		  "{\"message\":\"Tenant not found.\",\"error\":"
		  "\"The specified tenant does not exist.\","
		  "\"hint\":\"Names of tenants are in lower case: write "
		  "alpha.\",\"code\":\"tenant_not_found\"}");
	/* It says nothing about whom there is. */
	for (i = 0; i < N_ELEMENTS(slugs); i++)
		ck_assert(flow_body_has(flow_post(slugs[i], USER),
					"in lower case"));
	for (i = 0; i < N_ELEMENTS(none); i++)
		ck_assert(!flow_body_has(flow_post(none[i], USER), "hint"));
	ex = flow_call(&steps_handoff, .method = METHOD_POST, .param = "Alpha",
		       .type = FORM, .body = USER, .headers = { BROWSER });
	ck_assert(flow_body_has(ex, "Names of tenants are in lower case: "
				"write alpha."));
	ex = flow_call(&steps_redeem, .method = METHOD_POST, .param = "Alpha",
		       .type = FORM, .body = "token=x");
	ck_assert(flow_body_has(ex, "write alpha."));
}
END_TEST

START_TEST(who_mistyped_the_tenant_may_read_it)
{
	static const struct {
		const char *slug, *origin;
		bool is_readable;	/* the answer to a POST */
		bool is_asked;		/* and to the preflight before it */
	} cases[] = {
		{ "nobody", "Origin: " ALPHA, true, false },
		{ "nobody", "Origin: null", true, false },
		{ "nobody", NULL, true, false },
		/* as if there were none */
		{ "off", "Origin: https://evil.test", true, false },
		/* no tenant can be called so: a preflight tells nothing */
		{ "ALPHA", "Origin: " ALPHA, true, true },
		{ "al_pha", "Origin: https://evil.test", true, true },
		{ "alpha", "Origin: https://evil.test", false, false },
		{ "strict", "Origin: https://evil.test", false, false },
		{ "broken", "Origin: https://evil.test", false, false },
	};
	struct exchange *ex;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		ex = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = cases[i].slug, .type = FORM,
			       .body = USER, .headers = { cases[i].origin });
		ck_assert_msg(anybody_may_read(ex) == cases[i].is_readable,
			      "%s", cases[i].slug);
		ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
			       .param = cases[i].slug,
			       .headers = { cases[i].origin });
		ck_answer(ex, 204, "");
		ck_assert_msg(anybody_may_read(ex) == cases[i].is_asked, "%s",
			      cases[i].slug);
	}
}
END_TEST

/* Or slugs could be tried for nothing, with what the headers say. */
START_TEST(past_the_limit_unknown_tenants_look_like_known_ones)
{
	struct exchange *ex;

	for (int i = 0; i < 60; i++) {
		ex = flow_post("nobody", USER);
		ck_answer(ex, 404, "tenant_not_found");
		ck_assert(anybody_may_read(ex));
	}
	ex = flow_post("nobody", USER);
	ck_answer(ex, 429, "too_many_requests");
	ck_assert(!anybody_may_read(ex));
	/* another method is free, and tells nothing either */
	ex = flow_call(&steps_handoff_method, .method = METHOD_GET,
		       .param = "nobody", .headers = { "Origin: " ALPHA });
	ck_answer(ex, 405, "method_not_allowed");
	ck_assert(!anybody_may_read(ex));
}
END_TEST

START_TEST(beside_the_paths_of_partners_any_page_may_read_where_they_are)
{
	static const char *const origins[] = {
		"Origin: " ALPHA, "Origin: https://evil.test", "Origin: null",
		NULL,
	};
	struct exchange *ex;

	for (size_t i = 0; i < N_ELEMENTS(origins); i++) {
		ex = flow_call(&steps_near_miss, .method = METHOD_POST,
			       .type = FORM, .body = USER,
			       .headers = { origins[i] });
		ck_answer(ex, 404, "not_found");
		ck_assert(anybody_may_read(ex));
		ck_str_is(ex->answer.body,
			  "{\"message\":\"There is nothing here.\","
			  "\"hint\":\"Pages post to /api/auth/redirect/"
			  "{tenant}, on the gateway's own host.\","
			  "\"code\":\"not_found\"}");
		ex = flow_call(&steps_near_miss, .method = METHOD_OPTIONS,
			       .headers = { origins[i] });
		ck_answer(ex, 204, "");
		ck_assert(anybody_may_read(ex));
		ck_str_is(flow_header(ex, "Access-Control-Allow-Methods"),
			  "GET, HEAD, POST");
		ck_str_is(flow_header(ex, "Access-Control-Allow-Headers"),
			  FIELDS);
		ck_str_is(flow_header(ex, "Access-Control-Max-Age"), "600");
	}
}
END_TEST

START_TEST(a_refused_origin_is_told_with_what_helps)
{
	static const struct { const char *headers[2], *hint; } cases[] = {
		{ { NULL }, "\"hint\":\"The request has no Origin: post" },
		{ { "Origin: null" }, "\"hint\":\"The request says \\\"Origin: "
		  "null\\\", as pages do that are sandboxed or have a "
		  "Referrer-Policy of no-referrer" },
		{ { "Origin: null" }, "strict-origin-when-cross-origin, or "
		  "have the desk set allow_null_origin" },
		{ { "Origin: https://www.alpha.test" }, "Origin is "
		  "https://www.alpha.test: have the desk add it" },
		{ { "Origin: https://evil.test/<script>" }, NULL },
		{ { "Origin: " ALPHA, "Origin: " ALPHA }, "several Origin" },
	};
	struct exchange *ex;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		ex = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = "strict", .type = FORM, .body = USER,
			       .headers = { cases[i].headers[0],
					    cases[i].headers[1] });
		ck_answer(ex, 403, "origin_refused");
		if (cases[i].hint)
			ck_assert_msg(flow_body_has(ex, cases[i].hint), "%.*s",
				      STR_ARG(ex->answer.body));
		else
			ck_assert(!flow_body_has(ex, "evil"));
	}
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "strict", .type = FORM, .body = USER,
		       .headers = { BROWSER, "Origin: null" });
	ck_assert(flow_body_has(ex, "For who made the page that you came from: "
				"The request says &quot;Origin: null&quot;"));
}
END_TEST

START_TEST(some_tenants_insist_on_an_origin)
{
	static const struct { const char *slug, *origin; int status; }
	cases[] = {
		{ "strict", NULL, 403 },
		{ "strict", "Origin: null", 403 },
		{ "strict", "Origin: https://evil.test", 403 },
		{ "strict", "Origin: " ALPHA, 302 },
		{ "nullish", NULL, 403 },
		{ "nullish", "Origin: https://evil.test", 403 },
		{ "nullish", "Origin: null", 302 },
		{ "nullish", "Origin: " ALPHA, 302 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = cases[i].slug,
			.type = FORM, .body = USER,
			.headers = { cases[i].origin });

		ck_answer(ex, cases[i].status,
			  cases[i].status == 403 ? "origin_refused" : "");
	}
}
END_TEST

START_TEST(a_bad_body_is_told_what_is_wrong_and_where)
{
	static const struct {
		int status;
		const char *code, *type, *body;
	} cases[] = {
		{ 415, "unsupported_media_type", NULL, USER },
		{ 415, "unsupported_media_type", "text/plain", USER },
		{ 415, "unsupported_media_type", FORM "; charset=latin1",
		  USER },
		{ 415, "unsupported_media_type", "application/json5", "{}" },
		{ 415, "unsupported_media_type", "nonsense", "{}" },
		{ 400, "malformed_body", FORM, "email=a%40b&name=%zz" },
		{ 400, "malformed_body", FORM, "email=a%40b&name=%ff" },
		{ 400, "malformed_body", FORM, "email=a%40b&name=x%00y" },
		{ 400, "malformed_body", FORM, "email=a%40b%1b&name=y" },
		{ 400, "malformed_body", FORM, "{\"email\":\"a@b\"}" },
		{ 400, "malformed_body", JSON, "\"{\\\"email\\\":1}\"" },
		{ 400, "malformed_body", FORM, "email=a%40b&email=c%40d" },
		{ 400, "malformed_body", JSON, "{\"email\":\"a\",\"email\":"
		  "\"b\"}" },
		{ 400, "malformed_body", JSON, "{\"email\":\"a@b\"} x" },
		{ 400, "malformed_body", JSON, "[\"a@b\"]" },
		{ 400, "malformed_body", JSON, "" },
		{ 400, "nested_value", JSON, "{\"email\":\"a@b\",\"name\":"
		  "{\"first\":\"y\"}}" },
		{ 400, "nested_value", JSON, "{\"email\":[\"a@b\"]}" },
		{ 400, "malformed_body", "multipart/form-data", "x" },
		{ 400, "malformed_body", "multipart/form-data; boundary=b",
		  "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--" },
	};
	struct exchange *ex;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ex = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = "alpha", .type = cases[i].type,
			       .body = cases[i].body);
		ck_answer(ex, cases[i].status, cases[i].code);
		ck_assert(flow_body_has(ex, "\"message\":\""));
		ck_assert(flow_body_has(ex, cases[i].code));
		if (!strcmp(cases[i].code, "malformed_body"))
			ck_assert(flow_body_has(ex, " at byte "));
	}
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "alpha", .type = FORM, .body = "",
			    .is_too_large = true), 413, "body_too_large");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "alpha", .type = FORM, .body = USER,
			    .headers = { "Content-Encoding: gzip" }),
		  415, "unsupported_media_type");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "alpha", .type = FORM, .body = USER,
			    .headers = { "Content-Type: " FORM }),
		  415, "unsupported_media_type");
}
END_TEST

START_TEST(what_nobody_uses_makes_no_request_fail)
{
	static const struct { const char *type, *body; } cases[] = {
		{ FORM, USER "&tags[]=a&tags[]=b&empty&note=a%0d%0ab%09c" },
		{ FORM, "&&empty&" USER "&&" },
		{ FORM, "email=%0a%20a%40b%0d%0a&name=%09Ann%0a" },
		{ FORM, "\xef\xbb\xbf" USER },
		{ FORM ";charset=\"UTF-8\"", USER },
		{ FORM ";charset=utf8", USER },
		{ FORM "; charset=us-ascii", USER },
		{ JSON, "\xef\xbb\xbf{\"email\":\"a@b\",\"name\":\"x\"}" },
		{ JSON, "{\"email\":\"a@b\",\"name\":\"x\",\"cart\":[{}]}" },
		{ JSON, "{\"email\":\"a@b\",\"name\":\"x\",\"c\":1,\"c\":2}" },
		{ JSON, "{\"email\":\"a@b\",\"name\":null,\"n\":-1.5e3,"
		  "\"t\":true,\"f\":false,\"z\":null,\"redirect_url\":null,"
		  "\"response\":null}" },
		{ JSON, "{\"email\":\"a@b\",\"name\":false}" },
		{ "multipart/form-data; boundary=b",
		  "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n"
		  "a@b\r\n--b\r\nContent-Disposition: form-data; name=\"name\""
		  "\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name="
		  "\"f\"; filename=\"\"\r\nContent-Type: application/octet-"
		  "stream\r\n\r\n\r\n--b--\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
				    .param = "alpha", .type = cases[i].type,
				    .body = cases[i].body), 302, "");
}
END_TEST

START_TEST(what_was_encoded_twice_is_told_as_such)
{
	static const char *const bodies[] = {
		"\"{\\\"email\\\":\\\"a@b\\\",\\\"name\\\":\\\"x\\\"}\"",
		" \"{}\"\n", "\xef\xbb\xbf\"{\\\"email\\\":1}\"",
	};

	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = "alpha", .type = JSON,
			.body = bodies[i]);

		ck_answer(ex, 400, "malformed_body");
		ck_assert_msg(flow_body_has(ex, "{\"message\":\"The JSON body "
			"is malformed at byte "), "%.*s",
			STR_ARG(ex->answer.body));
		ck_assert_msg(flow_body_has(ex, ": a string that holds JSON "
			"(encoded twice).\""), "%.*s",
			STR_ARG(ex->answer.body));
	}
	ck_assert(!flow_body_has(flow_call(&steps_handoff,
		.method = METHOD_POST, .param = "alpha", .type = JSON,
		.body = "\"email=a%40b\""), "encoded twice"));
}
END_TEST

/* What the trail of its read_body has, of a handoff that is answered `status`
 * with `code`. */
static void check_why(struct exchange *ex, int status, const char *code,
		      const char *why)
{
	struct audit_record record;
	char text[AUDIT_WHY_MAX + 16];

	ck_answer(ex, status, code);
	record = flow_audit(ex);
	snprintf(text, sizeof(text), "\"why\":\"%s\"", why ? why : "");
	ck_assert_msg(why ? str_icontains(record.trail, str_from(text)) :
			    !str_icontains(record.trail, STR("\"why\"")),
		      "%.*s has no %s", STR_ARG(record.trail), text);
}

/* Counted, never named: names are the client's words. */
START_TEST(the_trail_says_how_much_was_dropped)
{
	static const struct { const char *type, *body, *why; } cases[] = {
		{ FORM, USER "&tags[]=secret&tags[]=b&x&x&x",
		  "dropped, as nobody asks for them: files 0, nested values "
		  "0, repeated values 5" },
		{ JSON, "{\"email\":\"a@b\",\"name\":\"x\",\"cart\":[{}],"
		  "\"z\":null}",
		  "dropped, as nobody asks for them: files 0, nested values "
		  "1, repeated values 0" },
		{ "multipart/form-data; boundary=b",
		  "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n"
		  "a@b\r\n--b\r\nContent-Disposition: form-data; name=\"name\""
		  "\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name="
		  "\"f\"; filename=\"\"\r\n\r\n\r\n--b--\r\n",
		  "dropped, as nobody asks for them: files 1, nested values "
		  "0, repeated values 0" },
		{ FORM, USER "&empty&&note=a%0ab&", NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		check_why(flow_call(&steps_handoff, .method = METHOD_POST,
				    .param = "alpha", .type = cases[i].type,
				    .body = cases[i].body), 302, "",
			  cases[i].why);
}
END_TEST

/* Who arrives, as the token says: "email|name". */
static void check_person(struct exchange *ex, const char *want)
{
	struct token token;

	ck_answer(ex, 302, "");
	ck_assert_int_eq(token_open(ex->tenant,
		ex->snapshot->gateway.public_origin,
		str_from(flow_token(ex) + strlen("token=")),
		clock_steady_s(), ex->pool, &token), ERR_OK);
	ck_str_is(pool_printf(ex->pool, "%.*s|%.*s", STR_ARG(token.email),
			      STR_ARG(token.name)), want);
}

#define BRIEN "email=o%26%23039%3Bbrien%40example.com"
#define SONS "name=Smith+%26amp%3B+Sons"

START_TEST(what_another_layer_escaped_is_read_where_the_tenant_says)
{
	static const struct { const char *body, *person; } cases[] = {
		{ BRIEN "&" SONS, "o'brien@example.com|Smith & Sons" },
		{ "email=%26%2332%3Ba%26%2364%3Bb%26%2310%3B&name=",
		  "a@b|a" },
		{ "email=a%40b&name=%26amp%3Blt%3B", "a@b|&lt;" },
		{ "email=a%40b&name=Jos%26eacute%3B", "a@b|Jos&eacute;" },
		{ "email=a%40b&name=%26%230%3B", "a@b|&#0;" },
		{ "email=a%40b&name=x%26amp", "a@b|x&amp" },
	};
	struct exchange *ex;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		check_person(flow_post("escapes", cases[i].body),
			     cases[i].person);
	/* then each is held to what holds for all */
	ex = flow_post("escapes", "email=a%40b%26%2310%3Bc&"
		       "name=a%26%239%3Bb");
	ck_answer(ex, 422, "validation_failed");
	ck_assert(flow_body_has(ex, "\"email\":[\"The email field must not "
				"contain line breaks or tabs.\"],\"name\":[\"The "
				"name field must not contain line breaks or "
				"tabs.\"]"));
	/* once: of what was escaped twice the page is told */
	ex = flow_post("escapes", "email=a%26amp%3B%2339%3Bb%40c&name=x");
	ck_answer(ex, 422, "validation_failed");
	ck_assert(flow_body_has(ex, "was escaped for HTML"));
	check_why(flow_post("escapes", BRIEN "&" SONS), 302, "",
		  "HTML references in email read; "
		  "HTML references in name read");
	check_why(flow_post("escapes", "email=a%40b&name=%26amp%3Blt%3B"), 302,
		  "", "HTML references in name read once, some stay");
	check_why(flow_post("escapes", USER), 302, "", NULL);
}
END_TEST

/* There is room on record for all that can be said. */
static void check_all_at_once(void)
{
	char body[4096] = BRIEN "&" SONS "&redirect_url=%26amp%3B";
	size_t len = strlen(body);

	for (unsigned i = 0; i < FIELDS_MAX - 3; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len, "&x");
	check_why(flow_post("alpha", body), 422, "validation_failed",
		  "dropped, as nobody asks for them: files 0, nested values "
		  "0, repeated values 253; HTML references in email not read "
		  "(decode_html = false); HTML references in name not read "
		  "(decode_html = false); HTML references in redirect_url "
		  "never read");
}

START_TEST(elsewhere_an_escaped_address_is_refused_and_a_name_is_told)
{
	struct exchange *ex = flow_post("alpha", BRIEN "&" SONS);

	check_why(ex, 422, "validation_failed", "HTML references in email not "
		  "read (decode_html = false); HTML references in name not "
		  "read (decode_html = false)");
	ck_assert(flow_body_has(ex, "\"errors\":{\"email\":[\"The email field was "
				"escaped for HTML before it was sent"));
	check_why(flow_post("alpha", "email=a%40b&x&x&" SONS), 302, "",
		  "dropped, as nobody asks for them: files 0, nested values "
		  "0, repeated values 2; HTML references in name not read "
		  "(decode_html = false)");
	check_person(flow_post("alpha", "email=a%40b&" SONS),
		     "a@b|Smith &amp; Sons");
	/* a target is sent on as it is, and told of */
	check_why(flow_post("escapes", USER "&redirect_url=https%3A%2F%2F"
			    "tickets.test%2Fa%3Fb%26amp%3Bc"), 302, "",
		  "HTML references in redirect_url never read");
	check_all_at_once();
}
END_TEST

/* Somebody may be called so: it passes, and the trail has what it looks like. */
START_TEST(a_name_that_a_page_did_not_fill_in_is_told)
{
	static const struct { const char *name, *why; } cases[] = {
		{ "undefined", "the name is a script's word for no value" },
		{ "Null", "the name is a script's word for no value" },
		{ "%5Bobject+Object%5D", "the name is a script's word for no "
		  "value" },
		{ "%7B%7B+user.name+%7D%7D", "the name is a template that "
		  "nobody filled in" },
		{ "Nully", NULL },
	};
	char body[128];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		snprintf(body, sizeof(body), "email=a%%40b&name=%s",
			 cases[i].name);
		check_why(flow_post("alpha", body), 302, "", cases[i].why);
	}
}
END_TEST

START_TEST(every_failing_field_is_named_at_once)
{
	static const struct { const char *body, *errors; } cases[] = {
		{ "x=1",
		  "\"errors\":{\"email\":[\"The email field is required.\"],"
		  "\"name\":[\"The name field is required.\"]}" },
		{ "email=%20&name=x",
		  "\"errors\":{\"email\":[\"The email field is required.\"]}" },
		{ "email&name=x",
		  "\"errors\":{\"email\":[\"The email field is required.\"]}" },
		{ "email=nonsense&name=x", "\"errors\":{\"email\":[" },
		{ "email=a%40evil%40company.com&name=x",
		  "\"errors\":{\"email\":[" },
		{ "email=a%40b&name=x&redirect_url=https%3A%2F%2Fevil.test",
		  "\"errors\":{\"redirect_url\":[" },
		{ "email=a%40b&name=x&redirect_url=javascript%3Aalert(1)",
		  "\"errors\":{\"redirect_url\":[" },
		{ "email=a%40b&name=x&redirect_url=https%3A%2F%2Fticket.alpha"
		  ".test%2Fauth%2Flogout", "\"errors\":{\"redirect_url\":[" },
		{ "email=a%40b&name=x&redirect_url=%2Fdashboard",
		  "\"errors\":{\"redirect_url\":[" },
		/* a line end or a tab: named, for each field */
		{ "email=a%40b%0d%0ax&name=y%0az&redirect_url=https%3A%2F%2F"
		  "ticket.alpha.test%09.evil.test", "\"errors\":{\"email\":["
		  "\"The email field must not contain line breaks or tabs.\"],"
		  "\"name\":[\"The name field must not contain line breaks or "
		  "tabs.\"],\"redirect_url\":[\"The redirect url field must "
		  "not contain line breaks or tabs.\"]}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = flow_post("alpha", cases[i].body);

		ck_answer(ex, 422, "validation_failed");
		ck_assert(flow_body_has(ex, "\"message\":\"The given data was "
					"invalid.\""));
		ck_assert_msg(flow_body_has(ex, cases[i].errors), "%.*s",
			      STR_ARG(ex->answer.body));
	}
}
END_TEST

START_TEST(a_browser_gets_a_page_with_the_same_status)
{
	static const struct { const char *slug, *type, *body; int status; }
	cases[] = {
		{ "alpha", FORM, "", 422 }, { "alpha", FORM, "%", 400 },
		{ "nobody", FORM, USER, 404 }, { "broken", FORM, USER, 503 },
		{ "<script>alert(1)</script>", FORM, USER, 404 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = cases[i].slug,
			.type = cases[i].type, .body = cases[i].body,
			.headers = { BROWSER });

		ck_assert_int_eq(ex->answer.status, cases[i].status);
		ck_str_is(flow_header(ex, "Content-Type"),
			  "text/html; charset=utf-8");
		ck_assert(flow_body_has(ex, ex->id));
		ck_assert(!flow_body_has(ex, "<script>alert"));
		if (!strcmp(cases[i].slug, "alpha"))
			ck_assert(flow_body_has(ex, "href=\"" ALPHA));
	}
}
END_TEST

START_TEST(nobody_is_stored_before_they_arrive)
{
	struct exchange *ex = flow_post("alpha", "email=Zo%C3%AB%40Example.com"
					"&name=Zo%C3%AB+%3Cb%3E");
	struct user user;

	ck_answer(ex, 302, "");
	flow_settle();
	ck_assert_int_eq(flow_count("users"), 0);
	ck_assert_int_eq(flow_count("parked"), 0);
	ck_answer(flow_visit("ticket.alpha.test", flow_token(ex), NULL), 302,
		  "");
	ck_assert_int_eq(users_find(ex->reader, STR("alpha"),
				    STR("zo\xc3\xab@example.com"), ex->pool,
				    &user), ERR_OK);
	ck_str_is(user.view.email, "Zo\xc3\xab@Example.com");
	ck_str_is(user.view.name, "Zo\xc3\xab <b>");
	ck_assert(!user.view.is_verified);
	ck_assert_int_eq(users_find(ex->reader, STR("strict"),
				    STR("zo\xc3\xab@example.com"), ex->pool,
				    &user), ERR_NOT_FOUND);
}
END_TEST

/* Long names and targets, without an adapter: the link stays short. */
START_TEST(what_is_long_waits_in_the_store)
{
	static char body[8192], target[2048];
	struct exchange *ex;
	struct user user;
	size_t n = 0;

	n += (size_t)snprintf(body, sizeof(body),
			      "email=user%%40example.com&name=");
	for (int i = 0; i < 255; i++)
		n += (size_t)snprintf(body + n, sizeof(body) - n,
				      "%%F0%%9F%%8E%%AB");
	snprintf(target, sizeof(target), "https://ticket.alpha.test/");
	memset(target + strlen(target), 'u', sizeof(target) - 27);
	snprintf(body + n, sizeof(body) - n, "&redirect_url=%s", target);
	ex = flow_post("alpha", body);
	ck_answer(ex, 302, "");
	ck_assert_uint_le(flow_header(ex, "Location").len, 3000);
	ck_assert_int_eq(flow_count("parked"), 1);
	ex = flow_visit("ticket.alpha.test", flow_token(ex), NULL);
	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), target);
	ck_assert_int_eq(users_find(ex->reader, STR("alpha"),
				    STR("user@example.com"), ex->pool, &user),
			 ERR_OK);
	ck_assert_uint_eq(user.view.name.len, 255 * 4);
	ck_assert_int_eq(flow_count("parked"), 0);
}
END_TEST

START_TEST(a_refused_handoff_stores_nobody)
{
	struct exchange *ex = flow_post("alpha", USER "&redirect_url=https%3A"
					"%2F%2Fevil.test");
	struct user user;

	ck_answer(ex, 422, "validation_failed");
	flow_settle();
	ck_assert_int_eq(users_find(ex->reader, STR("alpha"),
				    STR("user@example.com"), ex->pool, &user),
			 ERR_NOT_FOUND);
}
END_TEST

START_TEST(the_audit_tells_what_was_decided)
{
	struct exchange *first = flow_post("alpha", USER);
	struct exchange *again = flow_post("alpha", USER);
	struct exchange *bad = flow_post("alpha", "");
	struct exchange *none = flow_post("nobody", USER);
	struct audit_record record = flow_audit(first);

	ck_assert_int_eq(record.status, 302);
	ck_str_is(record.tenant, "alpha");
	ck_assert(str_icontains(record.trail, STR("{\"step\":\"find_tenant\","
						  "\"verdict\":\"next\"")));
	ck_assert(str_icontains(record.trail, STR("mint_token")));
	ck_assert_int_eq(flow_audit(again).status, 302);
	record = flow_audit(bad);
	ck_assert_int_eq(record.status, 422);
	ck_str_is(record.code, "validation_failed");
	ck_assert(str_icontains(record.trail,
				STR("\"verdict\":\"validation_failed\"")));
	record = flow_audit(none);
	ck_assert_int_eq(record.status, 404);
	ck_str_is(record.tenant, "");
}
END_TEST

static unsigned on_record(unsigned from, unsigned to)
{
	struct audit_record record;
	unsigned kept = 0;

	flow_settle();
	for (unsigned i = from; i < to; i++)
		kept += !audit_find(flow.all[i]->reader, (struct str){
				    flow.all[i]->id, REQUEST_ID_LEN },
				    flow.all[i]->pool, &record);
	return kept;
}

/* Whoever is refused for nothing cannot push others out of the audit. */
START_TEST(a_flood_of_refusals_is_sampled)
{
	struct exchange *ex = NULL;
	struct metric *left_out = metric_get(usher_audit_sampled_out_total,
					     "");
	char *log;
	unsigned i;

	clock_hold(INT64_C(1795370000000));
	for (i = 0; i < 1000; i++) {
		ex = flow_new(&(struct call){
			.method = METHOD_POST, .param = "nobody",
			.type = FORM, .body = USER });
		flow_finish(ex, &steps_handoff);
		/* all are answered alike, on record or not */
		ck_answer(ex, 404, "tenant_not_found");
	}
	ck_assert_uint_eq(on_record(0, REFUSALS_A_DAY), REFUSALS_A_DAY);
	ck_assert_uint_eq(on_record(REFUSALS_A_DAY, 1000), 1);
	ck_assert_int_eq(metric_value(left_out), 999 - REFUSALS_A_DAY);
	log = flow_log();
	ck_assert_ptr_nonnull(strstr(log, "\"refusals_left_out\""));
	free(log);
	/* Another client's are on record... */
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "nobody", .type = FORM, .body = USER,
		       .peer = "192.0.2.2");
	ck_assert_int_eq(flow_audit(ex).status, 404);
	/* ... and what was done is in any case, past its budget too. */
	for (i = 0; i < REFUSALS_A_DAY; i++)
		flow_call(&steps_callback, .host = "ticket.alpha.test",
			  .query = "nothing", .peer = "192.0.2.2");
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "alpha", .type = FORM, .body = USER,
		       .peer = "192.0.2.2");
	ck_answer(ex, 302, "");
	ck_assert_int_eq(flow_audit(ex).status, 302);
}
END_TEST

START_TEST(a_flood_of_wrong_tokens_costs_no_records)
{
	struct exchange *ex;
	unsigned i;

	clock_hold(INT64_C(1795370000000));
	for (i = 0; i < 500; i++) {
		ex = flow_call(&steps_callback,
			       .host = "ticket.alpha.test",
			       .query = "token=x");
		ck_assert_int_ge(ex->answer.status, 400);
		ck_assert(str_has_prefix(str_from(ex->code), STR("token_")));
	}
	ck_assert_uint_eq(on_record(0, 500), REFUSALS_TOKENS_A_DAY + 1);
	/* their other refusals have a budget that this leaves alone */
	ex = flow_post("alpha", "");
	ck_assert_int_eq(flow_audit(ex).status, 422);
}
END_TEST

static void set_disk(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Its trail says what the store suffers from. */
static void check_full(const struct exchange *ex)
{
	const char *why = ex->trail[ex->trail_count - 1].why;

	ck_assert_msg(why && str_has_prefix(str_from(why), STR(
		      EXCHANGE_STORE_WHY "io_error: disk I/O error at a "
		      "write: File too large")), "%s", why ? why : "-");
}

START_TEST(a_full_disk_is_503_and_nothing_is_half_done)
{
	const char *query = flow_mint("alpha", USER);
	struct exchange *ex;

	/* what is on its way fails, and is not spent; what comes from then on
	 * is not sent on its way */
	/* room for what the test itself notes, but not for the WAL */
	set_disk(16384);
	ex = flow_visit("ticket.alpha.test", query, NULL);
	ck_answer(ex, 503, "unavailable");
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	check_full(ex);
	ex = flow_post("alpha", "email=new%40example.com&name=N");
	ck_answer(ex, 503, "unavailable");
	check_full(ex);
	ck_assert_uint_gt(flow_header(ex, "Retry-After").len, 0);
	set_disk(RLIM_INFINITY);
	ck_assert_int_eq(flow_count("users"), 0);
	ck_answer(flow_visit("ticket.alpha.test", query, NULL), 302, "");
	ck_answer(flow_post("alpha", "email=new%40example.com&name=N"), 302,
		  "");
}
END_TEST

START_TEST(a_gateway_that_stops_takes_nothing_new)
{
	struct exchange *ex;

	flow.gateway.is_stopping = true;
	ex = flow_post("alpha", USER);
	ck_answer(ex, 503, "stopping");
	ck_assert_uint_gt(flow_header(ex, "Retry-After").len, 0);
}
END_TEST

/* A partner's script can read them all, and knows what it has left. */
START_TEST(answers_before_the_first_step_have_the_headers_of_all)
{
	struct exchange *answers[3];

	answers[0] = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = "alpha", .type = FORM, .body = USER,
			       .headers = { "Origin: " ALPHA,
					    "X_Forwarded_For: 198.51.100.3" });
	ck_answer(answers[0], 400, "bad_forwarded_for");
	answers[1] = flow_call(&steps_handoff_method, .method = METHOD_GET,
			       .param = "alpha",
			       .headers = { "Origin: " ALPHA });
	ck_answer(answers[1], 405, "method_not_allowed");
	ck_assert(flow_body_has(answers[1], "\"hint\":\"Pages post to this "
				"address: a form needs method=\\\"post\\\""));
	flow.gateway.is_stopping = true;
	answers[2] = flow_call(&steps_handoff, .method = METHOD_POST,
			       .param = "alpha", .type = FORM, .body = USER,
			       .headers = { "Origin: " ALPHA });
	ck_answer(answers[2], 503, "stopping");
	for (int i = 0; i < 3; i++) {
		ck_str_is(flow_header(answers[i],
				      "Access-Control-Allow-Origin"), ALPHA);
		ck_str_is(flow_header(answers[i], "Vary"), "Origin");
		ck_assert_uint_gt(flow_header(answers[i],
					      "X-RateLimit-Remaining").len, 0);
	}
}
END_TEST

START_TEST(a_forwarded_address_counts_from_trusted_proxies_only)
{
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "own", .type = FORM, .body = USER,
			    .headers = { "X-Forwarded-For: 198.51.100.1" }),
		  302, "");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "own", .type = FORM, .body = USER,
			    .headers = { "X-Forwarded-For: 198.51.100.2" }),
		  302, "");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "own", .type = FORM, .body = USER,
			    .headers = { "X-Forwarded-For: 198.51.100.3" }),
		  429, "too_many_requests");
	ck_answer(flow_call(&steps_handoff, .method = METHOD_POST,
			    .param = "own", .type = FORM, .body = USER,
			    .peer = "198.51.100.9",
			    .headers = { "X_Forwarded_For: 198.51.100.3" }),
		  400, "bad_forwarded_for");
}
END_TEST

START_TEST(an_untrusted_proxy_next_door_is_worth_a_warning)
{
	char *log;

	flow_call(&steps_handoff, .method = METHOD_POST, .param = "alpha",
		  .type = FORM, .body = USER, .peer = "10.0.0.1",
		  .headers = { "X-Forwarded-For: 198.51.100.1" });
	log = flow_log();
	ck_assert_ptr_nonnull(strstr(log, "untrusted_forwarded_for"));
	ck_assert_ptr_nonnull(strstr(log, "trusted_proxies"));
	free(log);
}
END_TEST

static struct exchange *posted(const char *slug, const char *origin,
			       const char *mode)
{
	return flow_call(&steps_handoff, .method = METHOD_POST, .param = slug,
			 .type = FORM, .body = USER,
			 .headers = { origin ? origin : "X: y", mode });
}

static struct exchange *preflighted(const char *slug, const char *origin,
				    const char *peer)
{
	return flow_call(&steps_preflight, .method = METHOD_OPTIONS,
			 .param = slug, .peer = peer,
			 .headers = { origin, "Access-Control-Request-Method: "
				      "POST" });
}

static struct metric *refused_of(const char *slug)
{
	struct snapshot *running = snapshot_slot_get(flow.gateway.snapshots);
	struct metric *metric =
		snapshot_tenant(running, str_from(slug))->origin_refused;

	snapshot_unref(running);
	return metric;
}

static void setup_behind(void)
{
	flow_start("rate_limit = { requests = 2; per = 3600; };\n"
		   "trusted_proxies = [ \"10.0.0.0/8\" ];", files);
}

static void setup_behind_single(void)
{
	flow_start("rate_limit = { requests = 2; per = 3600; };\n"
		   "trusted_proxies = [ \"10.0.0.0/8\" ];\n"
		   "client_header = \"X-Real-IP\";", files);
}

static int through(const char *proxy, const char *one, const char *two)
{
	return flow_call(&steps_handoff, .method = METHOD_POST,
			 .param = "alpha", .type = FORM, .body = USER,
			 .peer = proxy, .headers = { one ? one : "X: y", two })
		->answer.status;
}

START_TEST(a_proxy_may_say_forwarded)
{
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.1", NULL),
			 302);
	ck_assert_int_eq(through("10.0.0.2", "Forwarded: for=192.0.2.1, for="
				 "10.0.0.1", NULL), 302);
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.1", NULL),
			 429);
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.2", NULL),
			 302);
	/* who forges one beside the proxy's own header gains nothing */
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.77",
				 "X-Forwarded-For: 192.0.2.1"), 429);
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.77, "
				 "for=192.0.2.1", NULL), 429);
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.1", NULL),
			 302);
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=\"", NULL), 400);
	/* nor does who is no proxy */
	ck_assert_int_eq(through("192.0.2.1", "Forwarded: for=192.0.2.77",
				 NULL), 429);
}
END_TEST

START_TEST(a_single_header_counts_where_it_is_named)
{
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.1", NULL),
			 302);
	ck_assert_int_eq(through("10.0.0.1", "x-real-ip: 192.0.2.1", NULL),
			 302);
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.1",
				 "X-Forwarded-For: 192.0.2.77"), 429);
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.1",
				 "Forwarded: for=192.0.2.77"), 429);
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.2", NULL),
			 302);
	ck_assert_int_eq(through("10.0.0.1", "X-Real-IP: 192.0.2.2",
				 "X-Real-IP: 192.0.2.3"), 400);
	ck_assert_int_eq(through("10.0.0.1", "X_Real_IP: 192.0.2.2", NULL),
			 400);
	ck_assert_int_eq(through("10.0.0.1", "X-Forwarded-For: 192.0.2.1",
				 NULL), 302);
	ck_assert_int_eq(through("10.0.0.1", "Forwarded: for=192.0.2.9",
				 NULL), 302);
	ck_assert_int_eq(through("10.0.0.1", "X-Forwarded-For: 192.0.2.9",
				 NULL), 429);
}
END_TEST

static unsigned count_lines(const char *name)
{
	char *log = flow_log();
	unsigned n = 0;

	for (char *p = log; (p = strstr(p, name)); p++)
		n++;
	free(log);
	return n;
}

/* All of its clients are one, and nobody would know. */
START_TEST(a_proxy_that_names_nobody_is_told_once)
{
	struct proxy_seen list[PROXIES_TOLD_MAX];
	uint64_t total;
	char peer[32];

	through("10.0.0.1", "X-Forwarded-For: 192.0.2.1", NULL);
	through("10.0.0.1", "Forwarded: for=192.0.2.1", NULL);
	/* a probe of the proxy's own */
	flow_call(&steps_session, .host = "ticket.alpha.test",
		  .peer = "10.0.0.1");
	ck_assert_uint_eq(proxies_list(list, &total), 0);
	through("10.0.0.1", "X-Real-IP: 192.0.2.1", NULL);
	through("10.0.0.1", "X-Real-IP: 192.0.2.2", NULL);
	through("10.0.0.1", "X-Real-IP: 192.0.2.3", NULL);
	ck_assert_uint_eq(count_lines("\"proxy_tells_no_client\""), 1);
	ck_assert_uint_eq(count_lines("client_header = \\\"X-Real-IP"), 1);
	ck_assert_uint_eq(proxies_list(list, &total), 1);
	ck_assert_uint_eq(list[0].count, 3);
	ck_assert_ptr_nonnull(strstr(list[0].remedy, "X-Real-IP"));
	through("10.0.0.2", "Forwarded: for=_hidden", NULL);
	ck_assert_uint_eq(proxies_list(list, &total), 2);
	ck_assert_ptr_nonnull(strstr(list[1].problem, "Forwarded"));
	/* however many there are, the list and the log end */
	for (unsigned i = 3; i < 40; i++) {
		snprintf(peer, sizeof(peer), "10.0.0.%u", i);
		through(peer, NULL, NULL);
	}
	ck_assert_uint_eq(proxies_list(list, &total), PROXIES_TOLD_MAX);
	ck_assert_uint_eq(total, 3 + 1 + 37);
	ck_assert_uint_eq(count_lines("\"proxy_tells_no_client\""),
			  PROXIES_TOLD_MAX);
}
END_TEST

#define CORS "Sec-Fetch-Mode: cors"
#define EVIL "https://evil.test"

/* Nobody is told anything but the browser's own words; so we tell. */
START_TEST(a_page_that_is_not_listed_leaves_a_trace)
{
	const struct {
		struct exchange *ex;
		int status;
		const char *code, *trail;
	} cases[] = {
		{ posted("strict", "Origin: " EVIL, NULL), 403,
		  "origin_refused", "\"why\":\"Origin " EVIL "\"" },
		{ posted("strict", "Origin: null", NULL), 403,
		  "origin_refused", "\"why\":\"Origin null\"" },
		{ posted("strict", NULL, NULL), 403, "origin_refused",
		  "\"why\":\"Origin (none)\"" },
		{ posted("strict", "Origin: https://u:secret@evil.test/",
			 NULL), 403, "origin_refused",
		  "\"why\":\"Origin (malformed)\"" },
		/* its script cannot read the answer */
		{ posted("alpha", "Origin: " EVIL, CORS), 302, "",
		  "\"verdict\":\"unreadable\"" },
		{ preflighted("alpha", "Origin: " EVIL, NULL), 204,
		  "origin_refused", "\"why\":\"Origin " EVIL "\"" },
		/* nothing is amiss */
		{ posted("alpha", "Origin: " ALPHA, CORS), 302, "", NULL },
		{ posted("alpha", "Origin: " EVIL, "Sec-Fetch-Mode: navigate"),
		  302, "", NULL },
		/* as node's own fetch says, which keeps nothing from anybody,
		 * and a page of the gateway's */
		{ posted("alpha", NULL, CORS), 302, "", NULL },
		{ posted("alpha", "Origin: https://tickets.test", CORS), 302,
		  "", NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct audit_record r = flow_audit(cases[i].ex);
		char text[AUDIT_NETWORK_TEXT_MAX];

		ck_assert_int_eq(cases[i].ex->answer.status, cases[i].status);
		ck_assert_int_eq(r.status, cases[i].status);
		ck_str_is(r.code, cases[i].code);
		ck_assert_msg(str_icontains(r.trail, cases[i].trail ?
			      str_from(cases[i].trail) : STR("check_origin")),
			      "case %zu: %.*s", i, STR_ARG(r.trail));
		if (!cases[i].trail)
			ck_assert(!str_icontains(r.trail, STR("\"why\"")));
		ck_assert(!str_icontains(r.trail, STR("secret")));
		audit_network_text(&r.network, text);
		ck_assert_str_eq(text, "192.0.2.0/24");
	}
	ck_assert_int_eq(metric_value(refused_of("strict")), 4);
	ck_assert_int_eq(metric_value(refused_of("alpha")), 2);
}
END_TEST

START_TEST(the_counter_is_there_from_the_start)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	metric_render(&text);
	buf_addc(&text, '\0');
	ck_assert_ptr_nonnull(strstr(text.ptr, "usher_origin_refused_total"
				     "{tenant=\"nullish\"} 0\n"));
	buf_done(&text);
}
END_TEST

/* The browser tells the page nothing but "CORS error". */
START_TEST(a_header_that_a_script_may_not_add_is_told)
{
	static const struct { const char *asked, *header; } cases[] = {
		{ "authorization", "authorization" },
		{ "content-type, X-Api-Key,authorization", "X-Api-Key" },
		{ "content-type,accept,x-requested-with,X-CSRF-Token", NULL },
		{ "", NULL },
		/* no browser's words */
		{ "\x1b[2J", NULL },
		{ "a23456789012345678901234567890123456789012345678901234567890"
		  "12345", NULL },
	};
	struct stranger list[STRANGERS_KEPT];
	struct exchange *ex;
	uint64_t total;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char asked[128], why[128];

		snprintf(asked, sizeof(asked), "Access-Control-Request-Headers: "
			 "%s", cases[i].asked);
		ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
			       .param = "alpha", .headers = { "Origin: " ALPHA,
			       "Access-Control-Request-Method: POST", asked });
		ck_answer(ex, 204, "");
		ck_str_is(flow_header(ex, "Access-Control-Allow-Origin"),
			  ALPHA);
		ck_assert_int_eq(ex->is_refusal, !!cases[i].header);
		if (!cases[i].header)
			continue;
		snprintf(why, sizeof(why), "\"verdict\":\"header_refused\",");
		ck_assert(str_icontains(flow_audit(ex).trail, str_from(why)));
		snprintf(why, sizeof(why), "\"why\":\"header %s, of Origin "
			 ALPHA "\"", cases[i].header);
		ck_assert(str_icontains(flow_audit(ex).trail, str_from(why)));
		ck_assert_uint_eq(strangers_list(flow.gateway.strangers,
			STR("alpha"), list, &total), 1);
		ck_assert_str_eq(list[0].origin, ALPHA);
		ck_assert_str_eq(list[0].header, cases[i].header);
		ck_assert_uint_eq(list[0].kinds, STRANGER_HEADER);
	}
	/* no list of origins refused it */
	ck_assert_int_eq(metric_value(refused_of("alpha")), 0);
	/* who is not on the list has another thing to mend first */
	ex = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
		       .param = "alpha", .headers = { "Origin: " EVIL,
		       "Access-Control-Request-Method: POST",
		       "Access-Control-Request-Headers: authorization" });
	ck_answer(ex, 204, "origin_refused");
}
END_TEST

/* Any page can have its visitors send these, for nothing. */
START_TEST(a_flood_of_preflights_is_sampled_and_pushes_out_nothing)
{
	struct exchange *ex, *other;
	unsigned i;

	clock_hold(INT64_C(1795370000000));
	for (i = 0; i < 500; i++)
		ck_answer(preflighted("alpha", "Origin: " EVIL, NULL), 204,
			  "origin_refused");
	ck_assert_uint_eq(on_record(0, 500), REFUSALS_ORIGINS_A_DAY + 1);
	ck_assert_int_eq(metric_value(refused_of("alpha")), 500);
	/* the same visitor's other refusals, and others' preflights */
	ck_assert_int_eq(flow_audit(flow_post("alpha", "")).status, 422);
	ck_assert_int_eq(flow_audit(preflighted("alpha", "Origin: " EVIL,
						"192.0.2.2")).status, 204);
	/* they lie where refusals do, not where what was done lies */
	flow_settle();
	ck_assert_int_eq(flow_count("trails"), 0);
	/* what is no preflight, or is allowed, is nothing to keep */
	ex = preflighted("alpha", "Origin: " ALPHA, "192.0.2.3");
	other = flow_call(&steps_preflight, .method = METHOD_OPTIONS,
			  .param = "alpha", .peer = "192.0.2.3");
	ck_answer(ex, 204, "");
	ck_answer(other, 204, "");
	ck_answer(preflighted("ALPHA", "Origin: " EVIL, "192.0.2.3"), 204, "");
	ck_assert_uint_eq(on_record(502, flow.count), 0);
	/* whether there is a tenant is not to be learnt from one */
	other = preflighted("nobody", "Origin: " EVIL, "192.0.2.4");
	ex = preflighted("alpha", "Origin: " EVIL, "192.0.2.4");
	ck_assert_int_eq(other->answer.status, ex->answer.status);
	ck_assert_uint_eq(other->answer.header_count,
			  ex->answer.header_count);
}
END_TEST

/* What the answer says of a body, its trail says as well: `explain` has it. */
START_TEST(what_is_wrong_with_a_body_is_told_in_answer_and_trail)
{
	static const struct {
		int status;
		const char *type, *body, *message, *why;
	} cases[] = {
		{ 400, FORM, "email=a%40b&name=%zz", "at byte 17: '%' without two "
		  "hex digits.", "" },
		{ 400, FORM, "email=a&email=b", "The form body is malformed at "
		  "byte 8: the field email is given twice.", "" },
		{ 400, JSON, "{\"name\":1,\"name\":2}", "at byte 10: the field "
		  "name is given twice.", "" },
		{ 400, JSON, "{\"a\":{\"b\":1,\"b\":secret}}", "at byte 16: "
		  "malformed JSON.", "" },
		{ 400, JSON, "{\"name\":\"secret\",}", "at byte 17: a comma "
		  "before the closing bracket.", "" },
		{ 400, JSON, "{'name':'secret'}", "at byte 1: single quotes, "
		  "JSON has double ones.", "" },
		{ 400, JSON, "[object Object]", "at byte 1: this is what a "
		  "script makes of an object", "" },
		{ 400, FORM, "[object Object]", "at byte 0: this is what a "
		  "script makes of an object that it did not turn to text: "
		  "send new URLSearchParams() of it, or JSON.stringify()", "" },
		{ 400, FORM, "%5Bobject+Object%5D=", "at byte 0: this is what a "
		  "script makes of an object", "" },
		{ 400, FORM, "undefined", "at byte 0: this is a script's word "
		  "for no value", "" },
		{ 415, "text/plain;charset=UTF-8", "[object Object]",
		  "\"hint\":\"The body: this is what a script makes of an "
		  "object", "The Content-Type \\\"text/plain\\\" came." },
		{ 400, JSON, "\xef\xbb\xbf{\"n\":NaN}", "at byte 8: NaN is no "
		  "value of JSON.", "" },
		{ 400, JSON, "{\"a\":1}{", "at byte 7: data after the end.",
		  "" },
		{ 400, JSON, "{\"a\":\"sec\"ret\"}", "at byte 10: a quote "
		  "within a text", "" },
		{ 400, FORM, "email=a%40b&name=secret%ff", "at byte 23: not "
		  "well-formed UTF-8, in the field name.", "" },
		{ 400, JSON, "{\"user\":{\"secret\":\"\xff\"},\"a\":1}",
		  "not well-formed UTF-8, in the field user.", "" },
		{ 400, JSON, "{\"secret name\":\"\xff\"}", "not well-formed "
		  "UTF-8.", "" },
		{ 400, JSON, "email=a%40b", "at byte 0: this is a form, send it "
		  "as application/x-www-form-urlencoded.", "" },
		{ 400, FORM, "{\"email\":1}", "at byte 0: this is JSON, send it "
		  "as application/json.", "" },
		{ 400, FORM, "--b\r\nContent-Disposition: form-data; "
		  "name=\"email\"\r\n\r\nsecret\r\n--b--", "at byte 0: this is "
		  "multipart/form-data, leave the Content-Type to the browser.",
		  "" },
		{ 400, "multipart/form-data", "--b", "names no boundary, leave "
		  "that header to the browser.", "" },
		{ 400, JSON, "{\"email\":{\"secret\":1}}", "The email field must "
		  "be a string, not an array or an object.", "" },
		{ 415, NULL, USER, "No Content-Type came. Send the fields as "
		  "application/x-www-form-urlencoded, multipart/form-data or "
		  "application/json, in UTF-8.", "No Content-Type came." },
		{ 415, "text/plain;charset=UTF-8", USER, "The Content-Type "
		  "\\\"text/plain\\\" came. Send the", "The Content-Type "
		  "\\\"text/plain\\\" came." },
		{ 415, JSON ";charset=latin1", "{}", "The charset \\\"latin1\\\" "
		  "came. Send the", "The charset \\\"latin1\\\" came." },
		/* what has no form is shown to who sent it alone, as text */
		{ 415, "secret<b>\x1b[2J", "", "The Content-Type "
		  "\\\"secret\\\\u003cb\\\\u003e\\\\u001b[2J\\\" is malformed. "
		  "Send the", "The Content-Type is malformed." },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = "alpha",
			.type = cases[i].type, .body = cases[i].body);
		struct audit_record r = flow_audit(ex);
		const char *why = *cases[i].why ? cases[i].why :
						  cases[i].message;

		ck_assert_int_eq(ex->answer.status, cases[i].status);
		ck_assert_msg(flow_body_has(ex, cases[i].message), "%.*s",
			      STR_ARG(ex->answer.body));
		ck_assert_msg(str_icontains(r.trail, str_from(why)), "%.*s",
			      STR_ARG(r.trail));
		ck_assert(!str_icontains(r.trail, STR("secret")));
	}
}
END_TEST

/* The hint is the maker's; the errors stay as the guide has them. */
START_TEST(a_field_that_is_called_otherwise_is_told)
{
	static const struct { const char *type, *body, *hint, *why; } cases[] = {
		{ FORM, "mail=secret%40b&name=x", "There is a field mail: the "
		  "address is read from email alone.", "email: missing; there "
		  "is a field mail" },
		{ FORM, "email=&Email=secret%40b&name=x", "a field Email:",
		  "email: empty; there is a field Email" },
		{ FORM, "user%5Bemail%5D=secret%40b&name=x",
		  "a field user[email]:", "there is a field user[email]" },
		{ JSON, "{\"user\":{\"email\":\"secret@b\"},\"name\":\"x\"}",
		  "a field user.email:", "there is a field user.email" },
		{ FORM, "email=secret+b%40example.com&name=x",
		  "send it as %2B,", "email: not a valid address; a space," },
		{ JSON, "{\"email\":\"secret b@example.com\",\"name\":\"x\"}",
		  NULL, "\"email: not a valid address\"" },
		{ FORM, "company=secret%40b&name=x", NULL, "\"email: missing\"" },
		{ FORM, "email=undefined&name=x", "a script writes where there "
		  "is no value", "email: not a valid address; a script's" },
		{ FORM, "email=%7b%7b+user.secret+%7d%7d&name=x", "nobody filled "
		  "in", "a template that nobody filled in" },
		{ FORM, "email=secret@b.test,%20secret@c.test&name=x", "send one",
		  "several addresses" },
		{ JSON, "{\"email\":\"secret <secret@b.test>\",\"name\":\"x\"}",
		  "and the name in the field name.", "a name with the address" },
		{ FORM, "email=secret%2540b.test&name=x", "encoded twice",
		  "encoded twice" },
		{ FORM, "mail=secret%40b&first_name=secret", "There is a field "
		  "mail: the address is read from email alone. There is a "
		  "field first_name: the whole name is read from name alone.",
		  "there is a field mail; there is a field first_name" },
		/* of no use where there is an address */
		{ FORM, "mail=secret%40b&email=b&name=x", NULL,
		  "\"email: not a valid address\"" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = "alpha",
			.type = cases[i].type, .body = cases[i].body);
		struct audit_record r = flow_audit(ex);

		ck_answer(ex, 422, "validation_failed");
		ck_assert_msg(cases[i].hint ?
			      flow_body_has(ex, "\"hint\":\"") &&
			      flow_body_has(ex, cases[i].hint) :
			      !flow_body_has(ex, "\"hint\""), "%.*s",
			      STR_ARG(ex->answer.body));
		ck_assert(flow_body_has(ex, "\"errors\":{\"email\":[\"The "
					"email field "));
		ck_assert_msg(str_icontains(r.trail, str_from(cases[i].why)),
			      "%.*s", STR_ARG(r.trail));
		ck_assert(!str_icontains(r.trail, STR("secret")));
	}
}
END_TEST

START_TEST(a_name_that_is_called_otherwise_is_told)
{
	static const struct { const char *type, *body, *field; } cases[] = {
		{ FORM, "email=a%40b.test&Name=secret", "Name" },
		{ FORM, "email=a%40b.test&user%5Bname%5D=secret", "user[name]" },
		{ JSON, "{\"email\":\"a@b.test\",\"user\":{\"name\":"
		  "\"secret\"}}", "user.name" },
		{ FORM, "email=a%40b.test&company=secret", NULL },
		{ FORM, "email=a%40b.test&username=secret%40b", NULL },
	};
	char want[64];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = "alpha",
			.type = cases[i].type, .body = cases[i].body);
		struct audit_record r = flow_audit(ex);

		ck_answer(ex, 422, "validation_failed");
		snprintf(want, sizeof(want), "There is a field %s: ",
			 cases[i].field ? cases[i].field : "");
		ck_assert_msg(flow_body_has(ex, want) == !!cases[i].field,
			      "%.*s", STR_ARG(ex->answer.body));
		ck_assert(!str_icontains(r.trail, STR("secret")));
	}
}
END_TEST

START_TEST(a_422_names_its_fields_and_no_values)
{
	static const struct { const char *body, *why; } cases[] = {
		{ "", "\"why\":\"email: missing, name: missing\"" },
		{ "email=nonsense&name=x", "\"why\":\"email: not a valid address\"" },
		{ "email=a%40b&name=x&redirect_url=javascript%3Asecret",
		  "\"why\":\"redirect_url: not a place that redirects allows\"" },
		{ "email=a%40b&name=sec%0aret", "\"why\":\"name: a line break or tab within\"" },
		/* read_body has said something before */
		{ "email=a%40b&x&x&name=sec%0aret",
		  "\"why\":\"name: a line break or tab within; dropped, as nobody asks for them: files 0, "
		  "nested values 0, repeated values 2\"" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct audit_record r = flow_audit(flow_post("alpha",
							cases[i].body));

		ck_assert_int_eq(r.status, 422);
		ck_assert_msg(str_icontains(r.trail, str_from(cases[i].why)),
			      "%.*s", STR_ARG(r.trail));
		ck_assert(!str_icontains(r.trail, STR("sec")));
		ck_assert(!str_icontains(r.trail, STR("nonsense")));
	}
}
END_TEST

static void handoff_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, the_guides_own_requests_are_answered_as_it_says);
	tcase_add_test(tcase, whoever_asks_for_json_gets_the_address);
	tcase_add_test(tcase, unknown_and_disabled_tenants_are_one_answer);
	tcase_add_test(tcase, a_broken_tenant_is_503);
	tcase_add_test(tcase, the_gateway_host_alone_takes_handoffs);
	tcase_add_test(tcase, a_listed_origin_may_read_every_status);
	tcase_add_test(tcase, no_other_origin_is_ever_echoed);
	tcase_add_test(tcase,
		       a_slug_in_capitals_is_answered_with_how_to_write_it);
	tcase_add_test(tcase, who_mistyped_the_tenant_may_read_it);
	tcase_add_test(tcase,
		beside_the_paths_of_partners_any_page_may_read_where_they_are);
	tcase_add_test(tcase, a_refused_origin_is_told_with_what_helps);
	tcase_add_test(tcase, some_tenants_insist_on_an_origin);
	tcase_add_test(tcase, a_bad_body_is_told_what_is_wrong_and_where);
	tcase_add_test(tcase, what_nobody_uses_makes_no_request_fail);
	tcase_add_test(tcase, what_was_encoded_twice_is_told_as_such);
	tcase_add_test(tcase,
		       what_is_wrong_with_a_body_is_told_in_answer_and_trail);
	tcase_add_test(tcase, a_field_that_is_called_otherwise_is_told);
	tcase_add_test(tcase, a_header_that_a_script_may_not_add_is_told);
	tcase_add_test(tcase, the_trail_says_how_much_was_dropped);
	tcase_add_test(tcase,
		       what_another_layer_escaped_is_read_where_the_tenant_says);
	tcase_add_test(tcase,
		elsewhere_an_escaped_address_is_refused_and_a_name_is_told);
	tcase_add_test(tcase,
		a_name_that_a_page_did_not_fill_in_is_told);
	tcase_add_test(tcase, every_failing_field_is_named_at_once);
	tcase_add_test(tcase, a_browser_gets_a_page_with_the_same_status);
	tcase_add_test(tcase, nobody_is_stored_before_they_arrive);
	tcase_add_test(tcase, what_is_long_waits_in_the_store);
	tcase_add_test(tcase, a_refused_handoff_stores_nobody);
	tcase_add_test(tcase, the_audit_tells_what_was_decided);
	tcase_add_test(tcase, a_flood_of_refusals_is_sampled);
	tcase_add_test(tcase, a_flood_of_wrong_tokens_costs_no_records);
	tcase_add_test(tcase, a_full_disk_is_503_and_nothing_is_half_done);
	tcase_add_test(tcase, a_gateway_that_stops_takes_nothing_new);
	tcase_add_test(tcase,
		       answers_before_the_first_step_have_the_headers_of_all);
	tcase_add_test(tcase,
		       a_forwarded_address_counts_from_trusted_proxies_only);
	tcase_add_test(tcase, an_untrusted_proxy_next_door_is_worth_a_warning);
	tcase_add_test(tcase, a_page_that_is_not_listed_leaves_a_trace);
	tcase_add_test(tcase, the_counter_is_there_from_the_start);
	tcase_add_test(tcase,
		a_flood_of_preflights_is_sampled_and_pushes_out_nothing);
	tcase_add_test(tcase, a_name_that_is_called_otherwise_is_told);
	tcase_add_test(tcase, a_422_names_its_fields_and_no_values);
}

static void limit_tests(Suite *suite)
{
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(tcase, setup_limited, flow_stop);
	tcase_add_test(tcase,
		       past_the_limit_unknown_tenants_look_like_known_ones);
	tcase_add_test(tcase, sixty_an_hour_and_then_as_the_guide_says);
	tcase_add_test(tcase, a_tenants_own_rule_replaces_the_gateways);
	tcase_add_test(tcase, preflights_are_never_limited);
	suite_add_tcase(suite, tcase);
}

static void proxy_tests(Suite *suite)
{
	TCase *behind = tcase_create("behind a proxy");
	TCase *single = tcase_create("behind one with a header of its own");

	tcase_set_timeout(behind, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(behind, setup_behind, flow_stop);
	tcase_add_test(behind, a_proxy_may_say_forwarded);
	tcase_add_test(behind, a_proxy_that_names_nobody_is_told_once);
	suite_add_tcase(suite, behind);
	tcase_set_timeout(single, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(single, setup_behind_single, flow_stop);
	tcase_add_test(single, a_single_header_counts_where_it_is_named);
	suite_add_tcase(suite, single);
}

int main(void)
{
	Suite *suite = suite_create("handoff");
	TCase *tcase = tcase_create("handoff");
	SRunner *runner;
	int failed;

	hash_init();
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	handoff_tests(tcase);
	suite_add_tcase(suite, tcase);
	limit_tests(suite);
	proxy_tests(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
