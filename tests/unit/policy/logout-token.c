#include "unit/unit.h"

#include "policy/logout-token.h"

#define NOW 1764407391		/* 2025-11-29T09:09:51Z */
#define EVENTS "\"events\":{\"" LOGOUT_TOKEN_EVENT "\":{}}"
#define FOR "\"aud\":\"acme\",\"iat\":1764407390,\"jti\":\"12345678\""
#define GOOD FOR "," EVENTS ",\"sub\":\"42\""

static const struct assertion_rules rules = {
	.issuer = STR("https://acme.example"), .slug = STR("acme"),
	.url = STR("https://t.example/api/auth/redirect/acme"), .now_s = NOW,
};

static struct pool *pool;
static struct str hint;

static enum err judge(const char *payload, struct assertion *out)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"iss\":\"https://acme.example\"%s%s}",
		 *payload ? "," : "", payload);
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
	hint = STR_NULL;
	return logout_token_check(&rules, str_from(text), pool, out, &hint);
}

START_TEST(a_good_one_says_who_signed_out)
{
	struct assertion a = { 0 };

	ck_assert_int_eq(judge(GOOD, &a), ERR_OK);
	ck_str_is(a.sub, "42");
	ck_str_is(a.jti, "12345678");
	ck_assert(!a.email.ptr);
	pool_free(pool);
	ck_assert_int_eq(judge(FOR "," EVENTS ",\"email\":\"a@b.example\","
			       "\"exp\":1764407392,\"sid\":\"s\"", &a), ERR_OK);
	ck_assert(!a.sub.ptr);
	ck_str_is(a.email, "a@b.example");
	pool_free(pool);
}
END_TEST

static const struct refusal {
	const char *payload, *hint;
} refusals[] = {
	{ "\"aud\":\"acme\",\"aud\":\"acme\"", "no JSON object with each" },
	{ "", "aud is missing" },
	{ FOR "," EVENTS, "neither sub nor email" },
	{ FOR "," EVENTS ",\"sid\":\"s\"", "neither sub nor email" },
	{ FOR "," EVENTS ",\"sub\":42", "sub is not a string" },
	{ FOR "," EVENTS ",\"sub\":\"\"", "sub has 0 octets" },
	{ FOR "," EVENTS ",\"sub\":\"1\",\"email\":1", "email is not" },
	{ GOOD ",\"nonce\":\"n\"", "nonce is for sign-ins" },
	{ GOOD ",\"nonce\":\"\"", "nonce is for sign-ins" },
	{ GOOD ",\"nonce\":7", "nonce is for sign-ins" },
	{ FOR ",\"sub\":\"42\"", "events is no object" },
	{ FOR ",\"sub\":\"42\",\"events\":{}", "events is no object" },
	{ FOR ",\"sub\":\"42\",\"events\":\"" LOGOUT_TOKEN_EVENT "\"",
	  "events is no object" },
	{ FOR ",\"sub\":\"42\",\"events\":[\"" LOGOUT_TOKEN_EVENT "\"]",
	  "events is no object" },
	{ FOR ",\"sub\":\"42\",\"events\":{\"" LOGOUT_TOKEN_EVENT "\":true}",
	  "events is no object" },
	{ FOR ",\"sub\":\"42\",\"events\":{\"" LOGOUT_TOKEN_EVENT "\":[]}",
	  "events is no object" },
	{ "\"aud\":\"beta\",\"iat\":1764407390,\"jti\":\"12345678\"," EVENTS
	  ",\"sub\":\"42\"", "aud is \"beta\"" },
	{ "\"aud\":\"acme\",\"jti\":\"12345678\"," EVENTS ",\"sub\":\"42\"",
	  "iat is missing" },
	{ "\"aud\":\"acme\",\"iat\":1764407270,\"jti\":\"12345678\"," EVENTS
	  ",\"sub\":\"42\"", "iat 09:07:50, here 09:09:51: 121 s late" },
	{ "\"aud\":\"acme\",\"iat\":1764407512,\"jti\":\"12345678\"," EVENTS
	  ",\"sub\":\"42\"", "iat 09:11:52, here 09:09:51: 121 s early" },
	{ GOOD ",\"exp\":1764407331", "exp 09:08:51, here 09:09:51: 60 s" },
	{ GOOD ",\"exp\":\"x\"", "exp is not a date" },
	{ GOOD ",\"nbf\":1764407452", "nbf 09:10:52, here 09:09:51: 61 s" },
	{ "\"aud\":\"acme\",\"iat\":1764407390,\"jti\":\"1234567\"," EVENTS
	  ",\"sub\":\"42\"", "jti has 7 octets" },
	{ "\"aud\":\"acme\",\"iat\":1764407390," EVENTS ",\"sub\":\"42\"",
	  "jti is missing" },
};

START_TEST(what_does_not_hold_says_why)
{
	const struct refusal *r = &refusals[_i];
	struct assertion a = { .sub = STR("untouched") };

	ck_assert_int_eq(judge(r->payload, &a), ERR_AUTH);
	ck_assert_msg(strstr(hint.ptr, r->hint) != NULL, "%s", hint.ptr);
	ck_str_is(a.sub, "untouched");
	pool_free(pool);
}
END_TEST

START_TEST(two_minutes_are_two_minutes)
{
	struct assertion a;

	ck_assert_int_eq(judge("\"aud\":\"acme\",\"iat\":1764407271,"
		"\"jti\":\"12345678\"," EVENTS ",\"sub\":\"42\"", &a), ERR_OK);
	pool_free(pool);
	ck_assert_int_eq(judge("\"aud\":\"acme\",\"iat\":1764407511,"
		"\"jti\":\"12345678\"," EVENTS ",\"sub\":\"42\"", &a), ERR_OK);
	pool_free(pool);
}
END_TEST

START_TEST(it_is_of_its_issuer)
{
	struct assertion a;

	pool = pool_new(1 << 20);
	ck_assert_int_eq(logout_token_check(&rules, STR("{" GOOD ",\"iss\":"
		"\"https://evil.example\"}"), pool, &a, &hint), ERR_AUTH);
	ck_assert(strstr(hint.ptr, "iss is \"https://evil.example\""));
	ck_assert_int_eq(logout_token_check(&rules, STR("{" GOOD "}"), pool,
					    &a, &hint), ERR_AUTH);
	pool_free(pool);
}
END_TEST

START_TEST(its_type_is_its_own)
{
	ck_assert(logout_token_is_type(STR("logout+jwt")));
	ck_assert(logout_token_is_type(STR("Logout+JWT")));
	ck_assert(!logout_token_is_type(STR("JWT")));
	ck_assert(!logout_token_is_type(STR("application/logout+jwt")));
	ck_assert(!logout_token_is_type(STR("")));
	ck_assert(!logout_token_is_type(STR_NULL));
	ck_assert(!assertion_is_type(STR(LOGOUT_TOKEN_TYPE)));
}
END_TEST

static void logout_token_tests(TCase *t)
{
	tcase_add_test(t, a_good_one_says_who_signed_out);
	tcase_add_loop_test(t, what_does_not_hold_says_why, 0,
			    sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(t, two_minutes_are_two_minutes);
	tcase_add_test(t, it_is_of_its_issuer);
	tcase_add_test(t, its_type_is_its_own);
}

UNIT_MAIN("logout-token", logout_token_tests)
