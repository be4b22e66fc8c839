#include "unit/unit.h"

#include "policy/assertion.h"

#define NOW 1764407391		/* 2025-11-29T09:09:51Z */
#define WHO "\"jti\":\"12345678\",\"email\":\"a@b.example\""
#define FOR "\"aud\":\"acme\""
#define TIMES "\"iat\":1764407390,\"exp\":1764407450"
#define GOOD WHO "," FOR "," TIMES

static const struct assertion_rules rules = {
	.slug = STR("acme"),
	.url = STR("https://t.example/api/auth/redirect/acme"),
	.max_age_s = 300, .now_s = NOW,
};
static const struct assertion_rules strict = {
	.issuer = STR("https://acme.example"), .slug = STR("acme"),
	.url = STR("https://t.example/api/auth/redirect/acme"),
	.max_age_s = 300, .now_s = NOW,
};

static struct pool *pool;
static struct assertion_row rows[ASSERTION_CHECKS];

static enum err judge_as(const struct assertion_rules *as, const char *typ,
			 const char *payload, struct assertion *out)
{
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
	return assertion_check(as, str_from(typ), str_from(payload), pool, out,
			       rows);
}

static enum err judge(const char *payload, struct assertion *out)
{
	return judge_as(&rules, NULL, payload, out);
}

START_TEST(a_good_one_says_who_it_is)
{
	struct assertion a = { 0 };
	struct field const *f;

	ck_assert_int_eq(judge_as(&strict, "JWT", "{" GOOD
		",\"iss\":\"https://acme.example\",\"sub\":\"42\",\"nbf\":1,"
		"\"nonce\":\"n\",\"name\":\"\xc3\x89va\",\"plan\":\"pro\","
		"\"seats\":3,\"groups\":[\"a\",\"b\"],\"gone\":null}", &a),
		ERR_OK);
	ck_assert_ptr_null(assertion_refusal(rows));
	ck_str_is(a.email, "a@b.example");
	ck_str_is(a.name, "\xc3\x89va");
	ck_str_is(a.sub, "42");
	ck_str_is(a.jti, "12345678");
	ck_str_is(a.nonce, "n");
	ck_assert_int_eq(a.iat_s, NOW - 1);
	ck_assert_int_eq(a.exp_s, NOW + 59);
	/* what is left is the user's */
	ck_assert_uint_eq(a.claims.count, 5);
	ck_str_is(fields_value(&a.claims, STR("email")), "a@b.example");
	ck_str_is(fields_value(&a.claims, STR("plan")), "pro");
	ck_str_is(fields_value(&a.claims, STR("seats")), "3");
	f = fields_get(&a.claims, STR("groups"));
	ck_assert_int_eq(f->kind, FIELD_JSON);
	ck_str_is(f->value, "[\"a\",\"b\"]");
	pool_free(pool);
	ck_assert_int_eq(judge("{" GOOD "}", &a), ERR_OK);
	ck_assert(!a.sub.ptr && !a.name.ptr && !a.nonce.ptr);
	pool_free(pool);
}
END_TEST

static const struct refusal {
	const char *payload;
	enum code code;
	const char *hint;
} refusals[] = {
	{ "", CODE_assertion_malformed, "at byte 0" },
	{ "[]", CODE_assertion_malformed, "not a JSON object" },
	{ "\"x\"", CODE_assertion_malformed, "" },
	{ "{" GOOD "} ,", CODE_assertion_malformed, "data after the end" },
	{ "{" GOOD "", CODE_assertion_malformed, "ends early" },
	{ "{" GOOD ",\"exp\":1764407451}", CODE_assertion_malformed,
	  "given twice" },
	{ "{" GOOD ",\"x\":{\"y\":1,\"y\":2}}", CODE_assertion_malformed,
	  "twice" },
	{ "{" GOOD ",\"x\":\"\\u0000\"}", CODE_assertion_malformed,
	  "control" },
	{ "{" GOOD ",\"x\":\"a\\nb\"}", CODE_assertion_malformed, "control" },
	{ "{" GOOD ",\"x\":\"\xff\"}", CODE_assertion_malformed, "UTF-8" },
	{ "{" GOOD ",\"\":1}", CODE_assertion_malformed, "without a name" },
	{ "{" GOOD ",\"iat\\u0000\":1}", CODE_assertion_malformed, "" },
	{ "{" GOOD ",\"iss\":5}", CODE_assertion_issuer, "not a string" },
	{ "{" GOOD ",\"iss\":[\"https://acme.example\"]}",
	  CODE_assertion_issuer, "not a string" },
	{ "{" WHO "," TIMES "}", CODE_assertion_audience, "aud is missing: it "
	  "has to be \"acme\" or \"https://t.example/api/auth/redirect/acme\"" },
	{ "{" WHO "," TIMES ",\"aud\":\"Acme\"}", CODE_assertion_audience,
	  "aud is \"Acme\"" },
	{ "{" WHO "," TIMES ",\"aud\":\"acme \"}", CODE_assertion_audience,
	  "" },
	{ "{" WHO "," TIMES ",\"aud\":\"\"}", CODE_assertion_audience, "" },
	{ "{" WHO "," TIMES ",\"aud\":\"acm\"}", CODE_assertion_audience, "" },
	{ "{" WHO "," TIMES ",\"aud\":"
	  "\"https://t.example/api/auth/redirect/acme/\"}",
	  CODE_assertion_audience, "" },
	{ "{" WHO "," TIMES ",\"aud\":[]}", CODE_assertion_audience, "a list" },
	{ "{" WHO "," TIMES ",\"aud\":[\"beta\"]}", CODE_assertion_audience,
	  "a list without it" },
	{ "{" WHO "," TIMES ",\"aud\":[[\"acme\"]]}", CODE_assertion_audience,
	  "" },
	{ "{" WHO "," TIMES ",\"aud\":[\"x\",1,\"acme\"]}",
	  CODE_assertion_audience, "" },
	{ "{" WHO "," TIMES ",\"aud\":[\"\\\"acme\\\"\"]}",
	  CODE_assertion_audience, "" },
	{ "{" WHO "," TIMES ",\"aud\":{\"acme\":\"acme\"}}",
	  CODE_assertion_audience, "" },
	{ "{" WHO "," FOR ",\"iat\":1764407200,\"exp\":1764407331}",
	  CODE_assertion_expired,
	  "exp 09:08:51, here 09:09:51: 60 s late: it was sent too long after "
	  "it was signed, or the signer's clock is behind, or the gateway's "
	  "ahead" },
	{ "{" WHO "," FOR ",\"iat\":1764307200,\"exp\":1764307250}",
	  CODE_assertion_expired, "exp 2025-11-28 05:20:50, here 2025-11-29 "
	  "09:09:51: 100141 s late" },
	{ "{" WHO "," FOR ",\"iat\":1764407452,\"exp\":1764407500}",
	  CODE_assertion_not_yet, "iat 09:10:52, here 09:09:51: 61 s early: the signer's clock is "
	  "ahead, or the gateway's behind" },
	{ "{" GOOD ",\"nbf\":1764407452}", CODE_assertion_not_yet, "nbf " },
	{ "{" WHO "," FOR ",\"iat\":1764407391000,\"exp\":1764407451000}",
	  CODE_assertion_not_yet, "not milliseconds" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":1764407691}",
	  CODE_assertion_lifetime, "301 s after iat: at most 300" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":1764407390}",
	  CODE_assertion_lifetime, "not after iat" },
	{ "{" WHO "," FOR ",\"iat\":1764407391,\"exp\":1764407390}",
	  CODE_assertion_lifetime, "not after iat" },
	{ "{" WHO "," FOR ",\"exp\":1764407450}", CODE_assertion_claim,
	  "iat is missing" },
	{ "{" WHO "," FOR ",\"iat\":1764407390}", CODE_assertion_claim,
	  "exp is missing" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":null}",
	  CODE_assertion_claim, "exp is missing" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":\"1764407450\"}",
	  CODE_assertion_claim, "exp is not a date" },
	{ "{" WHO "," FOR ",\"iat\":1764407390.5,\"exp\":1764407450}",
	  CODE_assertion_claim, "iat is not a date" },
	{ "{" WHO "," FOR ",\"iat\":-1,\"exp\":1764407450}",
	  CODE_assertion_claim, "iat is not a date" },
	{ "{" WHO "," FOR ",\"iat\":true,\"exp\":1764407450}",
	  CODE_assertion_claim, "iat is not a date" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":1e300}",
	  CODE_assertion_claim, "exp is not a date" },
	{ "{" WHO "," FOR ",\"iat\":1764407390,\"exp\":9223372036854775807}",
	  CODE_assertion_claim, "exp is not a date" },
	{ "{" GOOD ",\"nbf\":\"1\"}", CODE_assertion_claim, "nbf is not" },
	{ "{" FOR "," TIMES ",\"email\":\"a@b\"}", CODE_assertion_claim,
	  "jti is missing" },
	{ "{" FOR "," TIMES ",\"email\":\"a@b\",\"jti\":\"1234567\"}",
	  CODE_assertion_claim, "jti has 7 octets: send 8 to 128" },
	{ "{" FOR "," TIMES ",\"email\":\"a@b\",\"jti\":12345678}",
	  CODE_assertion_claim, "jti is not a string" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\"}", CODE_assertion_claim,
	  "email is missing" },
	/* called otherwise */
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"mail\":\"a@b\"}",
	  CODE_assertion_claim, "email is missing; there is a claim mail: the "
	  "address is read from email alone" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"Email\":\"a@b\"}",
	  CODE_assertion_claim, "a claim Email:" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"e-mail\":\"a@b\"}",
	  CODE_assertion_claim, "a claim e-mail:" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"sub\":\"a@b\"}",
	  CODE_assertion_claim, "a claim sub:" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\","
	  "\"user\":{\"email\":\"a@b\"}}",
	  CODE_assertion_claim, "a claim user.email:" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"email\":\"\"}",
	  CODE_assertion_claim, "email has 0 octets" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"email\":[\"a@b\"]}",
	  CODE_assertion_claim, "email is not a string" },
	{ "{" FOR "," TIMES ",\"jti\":\"12345678\",\"email\":true}",
	  CODE_assertion_claim, "email is not a string" },
	{ "{" GOOD ",\"name\":{}}", CODE_assertion_claim, "name is not" },
	{ "{" GOOD ",\"name\":7}", CODE_assertion_claim, "name is not" },
	{ "{" GOOD ",\"redirect_url\":[]}", CODE_assertion_claim,
	  "redirect_url is not" },
	{ "{" GOOD ",\"nonce\":\"\"}", CODE_assertion_claim, "nonce has 0" },
	{ "{" GOOD ",\"sub\":\"\"}", CODE_assertion_subject, "1 to 255" },
	{ "{" GOOD ",\"sub\":42}", CODE_assertion_subject, "in quotes" },
	{ "{" GOOD ",\"sub\":[\"42\"]}", CODE_assertion_subject, "in quotes" },
};

START_TEST(each_check_refuses_with_its_code_and_a_hint)
{
	for (size_t i = 0; i < N_ELEMENTS(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct assertion a = { .iat_s = -7 };
		const struct assertion_row *row;

		ck_assert_msg(judge(r->payload, &a) == ERR_AUTH, "%s",
			      r->payload);
		row = assertion_refusal(rows);
		ck_assert_ptr_nonnull(row);
		ck_assert_msg(row->code == r->code, "%s: got %s", r->payload,
			      code_table[row->code].name);
		ck_assert_msg(strstr(row->hint.ptr, r->hint) != NULL,
			      "%s: got %s", r->payload, row->hint.ptr);
		/* untouched */
		ck_assert_int_eq(a.iat_s, -7);
		pool_free(pool);
	}
}
END_TEST

START_TEST(the_edges_of_the_clock_are_good)
{
	static const char *const good[] = {
		/* a second before it is too late, and too early */
		"{" WHO "," FOR ",\"iat\":1764407200,\"exp\":1764407332}",
		"{" WHO "," FOR ",\"iat\":1764407451,\"exp\":1764407500}",
		"{" WHO "," FOR ",\"iat\":1764407390,\"exp\":1764407690}",
		"{" GOOD ",\"nbf\":1764407451}",
		"{" WHO "," FOR ",\"iat\":1.76440739e9,\"exp\":1764407450}",
	};

	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		struct assertion a;

		ck_assert_msg(!judge(good[i], &a), "%s: %s", good[i],
			      assertion_refusal(rows)->hint.ptr);
		pool_free(pool);
	}
}
END_TEST

START_TEST(an_audience_may_be_one_of_a_list)
{
	static const char *const good[] = {
		"\"acme\"", "[\"acme\"]", "[\"x\",\"acme\"]",
		"[\"a,b\\\"]\",\"acme\",\"y\"]",
		"\"https://t.example/api/auth/redirect/acme\"",
		"[\"https:\\/\\/t.example\\/api\\/auth\\/redirect\\/acme\"]",
	};
	char text[512];

	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		struct assertion a;

		snprintf(text, sizeof(text), "{" WHO "," TIMES ",\"aud\":%s}",
			 good[i]);
		ck_assert_msg(!judge(text, &a), "%s", good[i]);
		pool_free(pool);
	}
}
END_TEST

START_TEST(a_tenant_may_want_an_issuer)
{
	struct assertion a;

	ck_assert_int_eq(judge_as(&strict, NULL, "{" GOOD "}", &a), ERR_AUTH);
	ck_assert_int_eq(assertion_refusal(rows)->code, CODE_assertion_issuer);
	ck_str_is(assertion_refusal(rows)->hint,
		  "iss is missing: it has to be \"https://acme.example\"");
	pool_free(pool);
	ck_assert_int_eq(judge_as(&strict, NULL, "{" GOOD
		",\"iss\":\"https://acme.example/\"}", &a), ERR_AUTH);
	ck_str_is(assertion_refusal(rows)->hint,
		  "iss is \"https://acme.example/\": it has to be "
		  "\"https://acme.example\"");
	pool_free(pool);
}
END_TEST

START_TEST(only_tokens_of_this_kind_pass)
{
	static const char *const good[] = { "JWT", "jwt", "usher+jwt",
					    "Usher+JWT" };
	static const char *const bad[] = {
		"", "at+jwt", "logout+jwt", "JWT ", "application/jwt", "jwe",
		"secevent+jwt",
	};

	ck_assert(assertion_is_type(STR_NULL));
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		ck_assert_msg(assertion_is_type(str_from(good[i])), "%s",
			      good[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct assertion a;

		ck_assert_msg(!assertion_is_type(str_from(bad[i])), "%s",
			      bad[i]);
		ck_assert_int_eq(judge_as(&rules, bad[i], "{" GOOD "}", &a),
				 ERR_AUTH);
		ck_assert_int_eq(assertion_refusal(rows)->code,
				 CODE_assertion_type);
		pool_free(pool);
	}
}
END_TEST

START_TEST(all_rows_are_told)
{
	struct assertion a;

	ck_assert_int_eq(judge("{\"aud\":\"x\",\"exp\":1,\"iat\":0,"
			       "\"sub\":1}", &a), ERR_AUTH);
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++) {
		bool is_bad = i == ASSERTION_AUDIENCE ||
			      i == ASSERTION_EXPIRY || i == ASSERTION_CLAIMS ||
			      i == ASSERTION_SUBJECT;

		ck_assert_ptr_nonnull(rows[i].name);
		ck_assert_msg(rows[i].is_good == !is_bad, "%s", rows[i].name);
		ck_assert_int_eq(rows[i].hint.ptr != NULL, is_bad);
	}
	pool_free(pool);
	/* of what cannot be read nothing is good */
	ck_assert_int_eq(judge("{", &a), ERR_AUTH);
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		ck_assert_int_eq(rows[i].is_good, i == ASSERTION_TYPE);
	pool_free(pool);
}
END_TEST

START_TEST(without_memory_nothing_is_good)
{
	for (size_t room = 0; room < 64; room++) {
		struct assertion a;
		struct pool *small = pool_new(room * 16);
		enum err err;

		ck_assert_ptr_nonnull(small);
		err = assertion_check(&rules, STR_NULL,
				      STR("{\"aud\":\"nobody\"}"), small, &a,
				      rows);
		ck_assert(err == ERR_NOMEM || err == ERR_AUTH);
		for (unsigned i = 0; err == ERR_AUTH && i < ASSERTION_CHECKS;
		     i++)
			ck_assert(rows[i].is_good || rows[i].hint.ptr);
		pool_free(small);
	}
}
END_TEST

static void assertion_tests(TCase *t)
{
	tcase_add_test(t, a_good_one_says_who_it_is);
	tcase_add_test(t, each_check_refuses_with_its_code_and_a_hint);
	tcase_add_test(t, the_edges_of_the_clock_are_good);
	tcase_add_test(t, an_audience_may_be_one_of_a_list);
	tcase_add_test(t, a_tenant_may_want_an_issuer);
	tcase_add_test(t, only_tokens_of_this_kind_pass);
	tcase_add_test(t, all_rows_are_told);
	tcase_add_test(t, without_memory_nothing_is_good);
}

UNIT_MAIN("assertion", assertion_tests)
