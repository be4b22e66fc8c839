/*
 * Redeem, from server to server, and the canary: nothing secret is logged.
 */
#include "flow/flow.h"

#define C "ticket.alpha.test"
#define USER "email=user%40example.com&name=John+Doe"
#define SECRET "correct-horse.battery+staple/and~salt"
#define OLDER "the-one-before-it"
#define BEARER "Authorization: Bearer " SECRET

static const struct flow_file files[] = {
	{ "conf.d/secret", SECRET "\n" OLDER "\n" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; identity = \"unsigned\";\n"
	  "origins = [ \"https://alpha.test\" ];\n"
	  "signed_rate_limit = { tenant = 200; };\n"
	  "redeem_secret_file = \"secret\"; };\n" },
	{ "conf.d/beta.conf",
	  "tenant = { slug = \"beta\"; identity = \"unsigned\";\n"
	  "url = \"https://ticket.beta.test\";\n"
	  "redeem_secret_file = \"secret\"; };\n" },
	{ "conf.d/off.conf",
	  "tenant = { slug = \"off\"; identity = \"unsigned\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 60; per = 3600; };", files);
}

static struct exchange *redeem(const char *slug, const char *body,
			       const char *secret)
{
	return flow_call(&steps_redeem, .method = METHOD_POST, .param = slug,
			 .type = FORM, .body = body, .headers = { secret });
}

START_TEST(a_desk_trades_a_token_for_the_user_once)
{
	const char *body = flow_mint("alpha", USER);
	struct exchange *ex = redeem("alpha", body, BEARER);

	ck_answer(ex, 200, "");
	ck_str_is(flow_header(ex, "Content-Type"), "application/json");
	ck_str_is(ex->answer.body, pool_printf(ex->pool,
		  "{\"tenant\":\"alpha\",\"user\":{\"id\":"
		  "\"%lld\",\"email\":\"user@example.com\",\"name\":\"John Doe\","
		  "\"verified\":false,\"attributes\":{}},\"redirect_url\":"
		  "\"https://" C "/dashboard\"}", (long long)flow_user()).ptr);
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	ck_assert(flow_header(ex, "X-RateLimit-Limit").ptr);
	ck_answer(redeem("alpha", body, BEARER), 410, "token_used");
	/* One use, whichever way. */
	ck_answer(flow_visit(C, body, NULL), 410, "token_used");
	body = flow_mint("alpha", USER);
	ck_answer(flow_visit(C, body, NULL), 302, "");
	ck_answer(redeem("alpha", body, BEARER), 410, "token_used");
}
END_TEST

START_TEST(json_will_do_as_well)
{
	const char *query = flow_mint("alpha", USER);
	char body[JWE_TOKEN_MAX + 32];

	snprintf(body, sizeof(body), "{\"token\":\"%s\"}",
		 query + strlen("token="));
	ck_answer(flow_call(&steps_redeem, .method = METHOD_POST,
			    .param = "alpha", .type = JSON, .body = body,
			    .headers = { BEARER }), 200, "");
}
END_TEST

START_TEST(the_secret_is_demanded_and_the_token_not_spent_without)
{
	static const char *const wrong[] = {
		NULL, "Authorization:", "Authorization: Bearer",
		"Authorization: Bearer ", "Authorization: Bearer x",
		"Authorization: Bearer " SECRET "x",
		"Authorization: Bearer correct-horse.battery+staple/and~sal",
		"Authorization: Basic " SECRET, "Authorization: " SECRET,
		"Authorization: Bearer  " SECRET,
		"Authorization: Bearer " SECRET OLDER,
		"Authorization: Bearer " SECRET " " OLDER,
		"Authorization: Bearer " SECRET "\n" OLDER,
	};
	const char *body = flow_mint("alpha", USER);
	struct exchange *ex;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ex = redeem("alpha", body, wrong[i]);
		ck_answer(ex, 401, "secret_invalid");
		ck_assert(str_has_prefix(flow_header(ex, "WWW-Authenticate"),
					 STR("Bearer")));
	}
	ck_answer(flow_call(&steps_redeem, .method = METHOD_POST,
			    .param = "alpha", .type = FORM, .body = body,
			    .headers = { BEARER, BEARER }),
		  401, "secret_invalid");
	ck_answer(redeem("alpha", body, "Authorization: bearer " SECRET), 200,
		  "");
}
END_TEST

START_TEST(tenants_without_a_secret_do_not_have_it)
{
	ck_answer(redeem("off", flow_mint("off", USER), BEARER), 404,
		  "redeem_off");
	ck_answer(redeem("nobody", "token=x", BEARER), 404,
		  "tenant_not_found");
	ck_answer(flow_call(&steps_redeem, .method = METHOD_POST, .host = C,
			    .param = "alpha", .type = FORM, .body = "token=x",
			    .headers = { BEARER }), 404, "not_found");
}
END_TEST

START_TEST(one_tenants_token_is_not_anothers)
{
	const char *body = flow_mint("alpha", USER);

	ck_answer(redeem("beta", body, BEARER), 401, "token_invalid");
	ck_answer(redeem("alpha", "token=x", BEARER), 401, "token_invalid");
	ck_answer(redeem("alpha", "", BEARER), 401, "token_invalid");
	ck_answer(redeem("alpha", "%", BEARER), 400, "malformed_body");
	ck_answer(redeem("alpha", body, BEARER), 200, "");
}
END_TEST

START_TEST(each_of_the_secrets_will_do)
{
	ck_answer(redeem("alpha", flow_mint("alpha", USER), BEARER), 200, "");
	ck_answer(redeem("alpha", flow_mint("alpha", USER),
			 "Authorization: Bearer " OLDER), 200, "");
}
END_TEST

/* From the same address: a proxy's, or a host's that the desk shares. */
START_TEST(guesses_run_into_the_limit_and_the_right_secret_does_not)
{
	struct exchange *ex;
	int i;

	clock_hold(INT64_C(1795370000000));
	for (i = 0; i < 60; i++)
		ck_answer(redeem("alpha", "token=x", i % 2 ? "X-No: secret" :
				 "Authorization: Bearer guess"), 401,
			  "secret_invalid");
	ex = redeem("alpha", "token=x", "Authorization: Bearer guess");
	ck_answer(ex, 429, "too_many_requests");
	ck_str_is(flow_header(ex, "Retry-After"), "60");
	ck_str_is(flow_header(ex, "X-RateLimit-Remaining"), "0");
	ck_answer(redeem("beta", "token=x", "Authorization: Bearer guess"),
		  429, "too_many_requests");
	ck_answer(redeem("off", "token=x", "Authorization: Bearer guess"),
		  429, "too_many_requests");
	/* Neither are who signs in from there, nor the desk concerned. */
	ex = redeem("alpha", flow_mint("alpha", USER), BEARER);
	ck_answer(ex, 200, "");
	ck_str_is(flow_header(ex, "X-RateLimit-Limit"), "200");
	ck_str_is(flow_header(ex, "X-RateLimit-Remaining"), "199");
}
END_TEST

START_TEST(a_desk_that_knows_the_secret_is_limited_by_its_tenant_alone)
{
	struct exchange *ex;
	const char *body;
	int i;

	clock_hold(INT64_C(1795370000000));
	/* Its users' sign-ins from its address take nothing away from it. */
	for (i = 0; i < 59; i++)
		flow_mint("alpha", USER);
	body = flow_mint("alpha", USER);
	ck_answer(flow_post("alpha", USER), 429, "too_many_requests");
	for (i = 0; i < 199; i++)
		ck_answer(redeem("alpha", "token=x", BEARER), 401,
			  "token_invalid");
	ck_answer(redeem("alpha", "token=x", "Authorization: Bearer " OLDER),
		  401, "token_invalid");
	ex = redeem("alpha", body, BEARER);
	ck_answer(ex, 429, "too_many_requests");
	ck_str_is(flow_header(ex, "Retry-After"), "18");
	ck_answer(redeem("beta", "token=x", BEARER), 401, "token_invalid");
	ck_answer(redeem("alpha", "token=x", "Authorization: Bearer guess"),
		  401, "secret_invalid");
	clock_hold(INT64_C(1795370018000));
	ck_answer(redeem("alpha", body, BEARER), 200, "");
}
END_TEST

START_TEST(nothing_secret_and_nobodys_name_is_logged)
{
	static const char canary[] = "canary7f3a";
	const char *body = flow_mint("alpha", "email=canary7f3a%40example.com&"
				     "name=canary7f3a&extra=canary7f3a&"
				     "redirect_url=https%3A%2F%2F" C
				     "%2Fcanary7f3a");
	const char *token = body + strlen("token=");
	const char *cookie = flow_cookie(flow_visit(C, body, NULL));
	const char *value = cookie + strlen("__Host-usher=");
	char *log;

	ck_answer(flow_visit(C, body, NULL), 410, "token_used");
	flow_call(&steps_session, .host = C, .cookie = cookie);
	flow_call(&steps_session, .host = C,
		  .cookie = "__Host-usher=canary7f3a");
	flow_visit(C, "token=canary7f3a", cookie);
	flow_post("alpha", "email=canary7f3a%40%40&name=canary7f3a");
	flow_post("canary7f3a", USER);
	redeem("alpha", "token=canary7f3a", BEARER);
	redeem("alpha", body, "Authorization: Bearer canary7f3a");
	flow_call(&steps_not_found, .host = C, .query = "canary7f3a");
	flow_call(&steps_logout, .method = METHOD_POST, .host = C,
		  .cookie = cookie, .headers = { "Origin: https://" C });
	log = flow_log();
	ck_assert_uint_gt(strlen(log), 1000);
	ck_assert_ptr_null(strstr(log, canary));
	ck_assert_ptr_null(strstr(log, token + strlen(token) - 20));
	ck_assert_ptr_null(strstr(log, value));
	ck_assert_ptr_null(strstr(log, SECRET));
	ck_assert_ptr_null(strstr(log, OLDER));
	free(log);
}
END_TEST

static void redeem_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, a_desk_trades_a_token_for_the_user_once);
	tcase_add_test(tcase, json_will_do_as_well);
	tcase_add_test(tcase,
		       the_secret_is_demanded_and_the_token_not_spent_without);
	tcase_add_test(tcase, tenants_without_a_secret_do_not_have_it);
	tcase_add_test(tcase, one_tenants_token_is_not_anothers);
	tcase_add_test(tcase, each_of_the_secrets_will_do);
	tcase_add_test(tcase,
		guesses_run_into_the_limit_and_the_right_secret_does_not);
	tcase_add_test(tcase,
		a_desk_that_knows_the_secret_is_limited_by_its_tenant_alone);
	tcase_add_test(tcase, nothing_secret_and_nobodys_name_is_logged);
}

UNIT_MAIN("redeem", redeem_tests)
