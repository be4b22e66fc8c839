/*
 * The handoff, row by row of the contract.
 */
#include "flow/flow.h"

#include <signal.h>
#include <sys/resource.h>

#define ALPHA "https://alpha.test"
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
		"nobody", "off", "", "ALPHA", "al%70ha", "alpha%00",
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
	ck_str_is(flow_header(ex, "Access-Control-Allow-Headers"),
		  "content-type");
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
		{ 400, "malformed_body", FORM, "email=a%40b%0d%0ax&name=y" },
		{ 400, "malformed_body", FORM, "email=a%40b&email=c%40d" },
		{ 400, "malformed_body", JSON, "{\"email\":\"a\",\"email\":"
		  "\"b\"}" },
		{ 400, "malformed_body", JSON, "{\"email\":\"a@b\"} x" },
		{ 400, "malformed_body", JSON, "[\"a@b\"]" },
		{ 400, "malformed_body", JSON, "" },
		{ 400, "nested_value", JSON, "{\"email\":\"a@b\",\"name\":"
		  "\"x\",\"address\":{\"city\":\"y\"}}" },
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

START_TEST(every_failing_field_is_named_at_once)
{
	static const struct { const char *body, *errors; } cases[] = {
		{ "x=1",
		  "\"errors\":{\"email\":[\"The email field is required.\"],"
		  "\"name\":[\"The name field is required.\"]}" },
		{ "email=%20&name=x",
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
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = flow_post("alpha", cases[i].body);

		ck_answer(ex, 422, "validation_failed");
		ck_assert(flow_body_has(ex, "\"message\":\"The given data was "
					"invalid.\""));
		ck_assert_msg(flow_body_has(ex, cases[i].errors), "%.*s",
			      STR_ARG(ex->answer.body));
	}
	/* A tab or line end in a target never gets that far. */
	ck_answer(flow_post("alpha", "email=a%40b&name=x&redirect_url=https"
			    "%3A%2F%2Fticket.alpha.test%09.evil.test"),
		  400, "malformed_body");
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

/* Whoever is refused for nothing cannot push others out of the audit. */
START_TEST(a_flood_of_refusals_is_sampled)
{
	struct exchange *ex, *first = NULL;
	struct audit_record record;
	unsigned i, kept = 0;

	for (i = 0; i < 1000; i++) {
		/* nor by holding every other request open for a second */
		clock_hold(INT64_C(1795370000000) - i % 2 * 1000);
		ex = flow_new(&(struct call){
			.method = METHOD_POST, .param = "nobody",
			.type = FORM, .body = USER });
		clock_hold(INT64_C(1795370000000));
		flow_finish(ex, &steps_handoff);
		if (!first)
			first = ex;
	}
	flow_settle();
	for (i = 0; i < flow.count; i++)
		kept += !audit_find(flow.all[i]->reader, (struct str){
				    flow.all[i]->id, REQUEST_ID_LEN },
				    flow.all[i]->pool, &record);
	ck_assert_uint_eq(kept, 100 + 9);
	ck_assert_int_eq(flow_audit(first).status, 404);
	/* What was done is kept in any case. */
	ex = flow_call(&steps_handoff, .method = METHOD_POST,
		       .param = "alpha", .type = FORM, .body = USER,
		       .peer = "192.0.2.2");
	ck_answer(ex, 302, "");
	ck_assert_int_eq(flow_audit(ex).status, 302);
}
END_TEST

/* No configuration gets here: should one all the same, nobody passes. */
START_TEST(a_mode_that_is_not_there_yet_lets_nobody_in)
{
	struct snapshot *running = snapshot_slot_get(flow.gateway.snapshots);
	struct tenant *alpha = (struct tenant *)snapshot_tenant(running,
								STR("alpha"));

	alpha->identity = IDENTITY_SIGNED;
	ck_answer(flow_post("alpha", USER), 401, "identity_required");
	alpha->identity = IDENTITY_OBSERVE;
	ck_answer(flow_post("alpha", USER "&assertion=x"), 401,
		  "identity_required");
	alpha->identity = IDENTITY_UNSIGNED;
	ck_answer(flow_post("alpha", USER), 302, "");
	snapshot_unref(running);
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
	ex = flow_post("alpha", "email=new%40example.com&name=N");
	ck_answer(ex, 503, "unavailable");
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
	tcase_add_test(tcase, some_tenants_insist_on_an_origin);
	tcase_add_test(tcase, a_bad_body_is_told_what_is_wrong_and_where);
	tcase_add_test(tcase, every_failing_field_is_named_at_once);
	tcase_add_test(tcase, a_browser_gets_a_page_with_the_same_status);
	tcase_add_test(tcase, nobody_is_stored_before_they_arrive);
	tcase_add_test(tcase, what_is_long_waits_in_the_store);
	tcase_add_test(tcase, a_refused_handoff_stores_nobody);
	tcase_add_test(tcase, the_audit_tells_what_was_decided);
	tcase_add_test(tcase, a_flood_of_refusals_is_sampled);
	tcase_add_test(tcase, a_mode_that_is_not_there_yet_lets_nobody_in);
	tcase_add_test(tcase, a_full_disk_is_503_and_nothing_is_half_done);
	tcase_add_test(tcase, a_gateway_that_stops_takes_nothing_new);
	tcase_add_test(tcase,
		       answers_before_the_first_step_have_the_headers_of_all);
	tcase_add_test(tcase,
		       a_forwarded_address_counts_from_trusted_proxies_only);
	tcase_add_test(tcase, an_untrusted_proxy_next_door_is_worth_a_warning);
}

static void limit_tests(Suite *suite)
{
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup_limited, flow_stop);
	tcase_add_test(tcase, sixty_an_hour_and_then_as_the_guide_says);
	tcase_add_test(tcase, a_tenants_own_rule_replaces_the_gateways);
	tcase_add_test(tcase, preflights_are_never_limited);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("handoff");
	TCase *tcase = tcase_create("handoff");
	SRunner *runner;
	int failed;

	hash_init();
	tcase_set_timeout(tcase, 60);
	handoff_tests(tcase);
	suite_add_tcase(suite, tcase);
	limit_tests(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
