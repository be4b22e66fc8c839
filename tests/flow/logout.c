/*
 * The partner's logout: whom it ends, and whom it does not.
 */
#include "crypto/jws.h"
#include "flow/flow.h"
#include "policy/logout-token.h"

#define C "ticket.alpha.test"
#define P "ticket.plain.test"
#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1795370000000)
#define EVENTS "\"events\":{\"" LOGOUT_TOKEN_EVENT "\":{}},"

static const struct flow_file files[] = {
	{ "conf.d/secret", SECRET "\n" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
	  "identity = \"signed\"; signed_rate_limit = { tenant = 20; };\n"
	  "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
	  "secret_file = \"secret\"; } ); };\n" },
	{ "conf.d/plain.conf",
	  "tenant = { slug = \"plain\"; identity = \"unsigned\";\n"
	  "url = \"https://" P "\";\n"
	  "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
	  "secret_file = \"secret\"; } ); };\n" },
	{ "conf.d/keyless.conf",
	  "tenant = { slug = \"keyless\"; identity = \"unsigned\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 60; per = 3600; };", files);
	clock_hold(NOW_MS);
}

/* FIELD=... of those claims beside the usual ones; static. */
static const char *sign(const char *field, const char *typ, const char *slug,
			const char *claims)
{
	static char body[2][JWS_MAX + 64];
	static unsigned serial;
	char payload[4096], jws[JWS_MAX + 1];
	long long now = clock_wall_s();
	struct buf out;

	snprintf(payload, sizeof(payload), "{\"aud\":\"%s\",\"iat\":%lld,"
		 "\"exp\":%lld,\"jti\":\"serial-%08u\",%s}", slug, now,
		 now + 180, ++serial, claims);
	buf_init_fixed(&out, jws, sizeof(jws));
	ck_assert_int_eq(jws_sign_as(typ, JWS_HS256, STR(SECRET), STR("k1"),
				     str_from(payload), &out), ERR_OK);
	snprintf(body[serial % 2], sizeof(body[0]), "%s=%s", field, jws);
	return body[serial % 2];
}

static const char *assertion(const char *claims)
{
	return sign("assertion", "JWT", "alpha", claims);
}

static const char *token(const char *slug, const char *claims)
{
	char all[1024];

	snprintf(all, sizeof(all), EVENTS "%s", claims);
	return sign("logout_token", LOGOUT_TOKEN_TYPE, slug, all);
}

static struct exchange *post(const char *slug, const char *body)
{
	return flow_call(&steps_partner_logout, .method = METHOD_POST,
			 .param = slug, .type = FORM, .body = body);
}

static struct exchange *session(const char *host, const char *cookie)
{
	return flow_call(&steps_session, .host = host, .cookie = cookie);
}

#define ANN "\"email\":\"ann@example.com\",\"name\":\"Ann\",\"sub\":\"1\""
#define BOB "\"email\":\"bob@example.com\",\"name\":\"Bob\",\"sub\":\"2\""
#define EVE "\"email\":\"eve@example.com\",\"name\":\"Eve\""

START_TEST(whom_it_names_is_signed_out_everywhere)
{
	const char *here = flow_sign_in("alpha", C, assertion(ANN));
	const char *there = flow_sign_in("alpha", C, assertion(ANN));
	const char *bob = flow_sign_in("alpha", C, assertion(BOB));
	const char *late = flow_mint("alpha", assertion(ANN));
	const char *later = assertion(ANN);
	struct exchange *ex = post("alpha", token("alpha", "\"sub\":\"1\""));

	ck_answer(ex, 200, "");
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ck_str_is(flow_header(ex, "Cache-Control"), "no-store");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	ck_answer(session(C, here), 401, "not_signed_in");
	ck_answer(session(C, there), 401, "not_signed_in");
	ck_answer(session(C, bob), 200, "");
	/* on the way, and issued before */
	ck_answer(flow_visit(C, late, NULL), 401, "token_ended");
	ck_answer(flow_visit(C, flow_mint("alpha", later), NULL), 401,
		  "token_ended");
	/* what they are is kept */
	clock_hold(NOW_MS + 1000);
	ck_answer(session(C, flow_sign_in("alpha", C, assertion(ANN))), 200,
		  "");
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users"), 2);
}
END_TEST

/* The partner's messages are told apart by its own clock, wherever that is. */
START_TEST(a_partners_clock_that_is_off_locks_nobody_out)
{
	static const int64_t off_s[] = { -100, -50, 0, 50 };

	for (size_t i = 0; i < N_ELEMENTS(off_s); i++) {
		const int64_t now_ms = NOW_MS + (int64_t)i * 1000000;
		const char *late, *out;

		clock_hold(now_ms + off_s[i] * 1000);
		late = assertion(ANN);
		out = token("alpha", "\"sub\":\"1\"");
		clock_hold(now_ms);
		ck_answer(post("alpha", out), 200, "");
		ck_answer(flow_visit(C, flow_mint("alpha", late), NULL), 401,
			  "token_ended");
		/* two seconds later, by both clocks */
		clock_hold(now_ms + (off_s[i] + 2) * 1000);
		late = assertion(ANN);
		clock_hold(now_ms + 2000);
		ck_answer(session(C, flow_sign_in("alpha", C, late)), 200, "");
	}
}
END_TEST

START_TEST(an_address_will_do)
{
	const char *eve = flow_sign_in("alpha", C, assertion(EVE));
	const char *ann = flow_sign_in("alpha", C, assertion(ANN));
	const char *late = flow_mint("alpha", assertion(EVE));

	ck_answer(post("alpha", token("alpha", "\"email\":\"EVE@example.com\"")),
		  200, "");
	ck_answer(session(C, eve), 401, "not_signed_in");
	ck_answer(session(C, ann), 200, "");
	ck_answer(flow_visit(C, late, NULL), 401, "token_ended");
	/* of one with an external id, too, whatever address they come with */
	late = flow_mint("alpha", assertion("\"email\":\"new@example.com\","
					    "\"name\":\"A\",\"sub\":\"1\""));
	ck_answer(post("alpha", token("alpha", "\"email\":\"ann@example.com\"")),
		  200, "");
	ck_answer(session(C, ann), 401, "not_signed_in");
	ck_answer(flow_visit(C, late, NULL), 401, "token_ended");
}
END_TEST

START_TEST(whose_address_it_is_but_not_their_id_stays)
{
	const char *bob = flow_sign_in("alpha", C, assertion(BOB));
	const char *ann = flow_sign_in("alpha", C, assertion(ANN));

	ck_answer(post("alpha", token("alpha", "\"sub\":\"1\","
				      "\"email\":\"bob@example.com\"")), 200,
		  "");
	ck_answer(session(C, ann), 401, "not_signed_in");
	ck_answer(session(C, bob), 200, "");
}
END_TEST

START_TEST(unsigned_users_are_reached_by_their_address)
{
	const char *ann = flow_sign_in("plain", P, "email=ann%40example.com&"
				       "name=Ann");
	const char *late = flow_mint("plain", "email=ann%40example.com&name=A");

	ck_answer(post("plain", token("plain", "\"sub\":\"1\"")), 400,
		  "logout_token_invalid");
	ck_answer(session(P, ann), 200, "");
	ck_answer(post("plain", token("plain", "\"email\":\"ann@example.com\"")),
		  200, "");
	ck_answer(session(P, ann), 401, "not_signed_in");
	ck_answer(flow_visit(P, late, NULL), 401, "token_ended");
	/* nobody was ever there: no matter */
	ck_answer(post("plain", token("plain", "\"email\":\"new@example.com\"")),
		  200, "");
}
END_TEST

START_TEST(one_is_taken_once_for_as_long_as_it_could_be_taken)
{
	const char *body = flow_keep_text(post("alpha", ""),
					  str_from(token("alpha",
							 "\"sub\":\"1\"")));
	const char *ann;
	struct exchange *ex;

	ck_answer(post("alpha", body), 200, "");
	clock_hold(NOW_MS + 2000);
	ann = flow_sign_in("alpha", C, assertion(ANN));
	ex = post("alpha", body);
	ck_answer(ex, 400, "logout_token_replayed");
	ck_answer(session(C, ann), 200, "");
	clock_hold(NOW_MS + 120000);
	ck_answer(post("alpha", body), 400, "logout_token_replayed");
	clock_hold(NOW_MS + 121000);
	ck_answer(post("alpha", body), 400, "logout_token_invalid");
	ck_answer(session(C, ann), 200, "");
}
END_TEST

START_TEST(neither_kind_passes_for_the_other)
{
	const char *ann = flow_sign_in("alpha", C, assertion(ANN));
	struct exchange *ex;

	ex = post("alpha", sign("logout_token", "JWT", "alpha",
				EVENTS "\"sub\":\"1\""));
	ck_answer(ex, 400, "logout_token_invalid");
	ck_assert(flow_body_has(ex, "\"hint\":\"typ of its header has to be "));
	ck_answer(session(C, ann), 200, "");
	ck_answer(flow_post("alpha", sign("assertion", LOGOUT_TOKEN_TYPE,
					  "alpha", EVENTS ANN)), 401,
		  "assertion_type");
	/* the other's field is none of ours */
	ck_answer(post("alpha", sign("assertion", LOGOUT_TOKEN_TYPE, "alpha",
				     EVENTS "\"sub\":\"1\"")), 400,
		  "logout_token_invalid");
}
END_TEST

START_TEST(anothers_token_ends_nobody)
{
	const char *ann = flow_sign_in("alpha", C, assertion(ANN));
	struct exchange *ex = post("alpha", token("plain", "\"sub\":\"1\""));

	ck_answer(ex, 400, "logout_token_invalid");
	ck_assert(flow_body_has(ex, "aud is"));
	/* an id of nobody's ends nobody, and does not say that it did */
	ex = post("plain", token("plain", "\"sub\":\"1\""));
	ck_answer(ex, 400, "logout_token_invalid");
	ck_assert(flow_body_has(ex, "sub alone names nobody here"));
	ck_answer(post("plain", token("plain", "\"email\":\"a@b.test\"")), 200,
		  "");
	ck_answer(session(C, ann), 200, "");
	ck_answer(post("keyless", token("keyless", "\"sub\":\"1\"")), 400,
		  "logout_token_invalid");
	ck_answer(post("nobody", token("nobody", "\"sub\":\"1\"")), 404,
		  "tenant_not_found");
	/* as the handoff reads it */
	ck_answer(post("plain", token("plain", "\"email\":\" a@b.test \"")),
		  200, "");
	ck_answer(post("alpha", token("alpha", "\"email\":\"nobody\"")), 400,
		  "logout_token_invalid");
	ck_answer(post("alpha", ""), 400, "logout_token_invalid");
}
END_TEST

START_TEST(a_tenant_has_its_limit_and_who_guesses_theirs)
{
	struct exchange *ex;
	int i;

	for (i = 0; i < 60; i++)
		ck_answer(post("alpha", "logout_token=x"), 400,
			  "logout_token_invalid");
	ck_answer(post("alpha", "logout_token=x"), 429, "too_many_requests");
	for (i = 0; i < 20; i++)
		ck_answer(post("alpha", token("alpha", "\"sub\":\"1\"")), 200,
			  "");
	ex = post("alpha", token("alpha", "\"sub\":\"1\""));
	ck_answer(ex, 429, "too_many_requests");
	ck_str_is(flow_header(ex, "Retry-After"), "180");
	/* of another client, as this one has guessed too often */
	ck_answer(post("plain", token("plain", "\"email\":\"a@b.test\"")), 200,
		  "");
}
END_TEST

static void logout_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, flow_stop);
	tcase_add_test(t, whom_it_names_is_signed_out_everywhere);
	tcase_add_test(t, a_partners_clock_that_is_off_locks_nobody_out);
	tcase_add_test(t, an_address_will_do);
	tcase_add_test(t, whose_address_it_is_but_not_their_id_stays);
	tcase_add_test(t, unsigned_users_are_reached_by_their_address);
	tcase_add_test(t,
		one_is_taken_once_for_as_long_as_it_could_be_taken);
	tcase_add_test(t, neither_kind_passes_for_the_other);
	tcase_add_test(t, anothers_token_ends_nobody);
	tcase_add_test(t, a_tenant_has_its_limit_and_who_guesses_theirs);
}

UNIT_MAIN("logout", logout_tests)
