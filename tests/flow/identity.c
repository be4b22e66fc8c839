/*
 * Signed sign-ins: what holds gets a user of its own, what does not gets
 * nothing, and one assertion opens one session.
 */
#include "crypto/jws.h"
#include "flow/flow.h"

#define C "ticket.alpha.test"
#define O "ticket.omega.test"
#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "another secret, of thirty-two oct"
#define PLAIN "email=user%40example.com&name=John+Doe"

static const struct flow_file files[] = {
	{ "conf.d/secret", SECRET "\n" },
	{ "conf.d/other", OTHER_SECRET "\n" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"signed\";\n"
	  "require_origin = true; desk_user = \"u:{external_id}\";\n"
	  "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
	  "secret_file = \"secret\"; } ); };\n" },
	{ "conf.d/omega.conf",
	  "tenant = { slug = \"omega\"; url = \"https://" O "\";\n"
	  "origins = [ \"https://omega.test\" ]; identity = \"observe\";\n"
	  "require_origin = true; issuer = \"https://omega.test\";\n"
	  "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
	  "secret_file = \"secret\"; }, { kid = \"k2\"; algorithm = "
	  "\"HS256\"; secret_file = \"other\"; } ); };\n" },
	{ "conf.d/plain.conf",
	  "tenant = { slug = \"plain\"; identity = \"unsigned\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
}

/* "assertion=..." with those claims beside the usual ones; static. */
static const char *sign_with(const char *secret, const char *kid,
			     const char *slug, const char *claims)
{
	static char body[JWS_MAX + 64];
	static unsigned serial;
	char payload[4096], jws[JWS_MAX + 1];
	long long now = clock_wall_s();
	struct buf out;

	snprintf(payload, sizeof(payload), "{\"aud\":\"%s\",\"iat\":%lld,"
		 "\"exp\":%lld,\"jti\":\"serial-%08u\"%s%s}", slug, now,
		 now + 60, ++serial, *claims ? "," : "", claims);
	buf_init_fixed(&out, jws, sizeof(jws));
	ck_assert_int_eq(jws_sign(JWS_HS256, str_from(secret), str_from(kid),
				  str_from(payload), &out), ERR_OK);
	snprintf(body, sizeof(body), "assertion=%s", jws);
	return body;
}

static const char *sign(const char *slug, const char *claims)
{
	return sign_with(SECRET, "k1", slug, claims);
}

#define ANN "\"email\":\"ann@example.com\",\"name\":\"Ann\""

static struct exchange *session(const char *host, const char *cookie)
{
	return flow_call(&steps_session, .host = host, .cookie = cookie);
}

static int64_t users(void)
{
	return flow_number("SELECT count(*) FROM users");
}

START_TEST(who_is_vouched_for_is_a_verified_user)
{
	const char *cookie = flow_sign_in("alpha", C, sign("alpha", ANN
		",\"sub\":\"42\""));
	struct exchange *ex = session(C, cookie);

	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "\"email\":\"ann@example.com\""));
	ck_assert(flow_body_has(ex, "\"verified\":true"));
	ck_str_is(flow_header(ex, "Remote-Verified"), "true");
	ck_str_is(flow_header(ex, "Remote-User"), "u:42");
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users WHERE"
		" verified = 1 AND external_id = '42'"), 1);
}
END_TEST

START_TEST(without_an_assertion_nobody_gets_in)
{
	struct exchange *ex = flow_post("alpha", PLAIN);

	ck_answer(ex, 401, "assertion_missing");
	ck_assert(flow_body_has(ex, "\"hint\":\"the field assertion is missing "
				    "or empty\""));
	ck_answer(flow_post("alpha", PLAIN "&assertion="), 401,
		  "assertion_missing");
	ck_answer(flow_post("alpha", PLAIN "&assertion=x"), 401,
		  "assertion_malformed");
	ck_answer(flow_post("alpha", sign_with(OTHER_SECRET, "k1", "alpha",
					       ANN)), 401,
		  "assertion_signature");
	ck_answer(flow_post("alpha", sign_with(SECRET, "k2", "alpha", ANN)),
		  401, "assertion_key_unknown");
	ck_answer(flow_post("alpha", sign("omega", ANN)), 401,
		  "assertion_audience");
	ck_answer(flow_post("alpha", sign("alpha", "\"name\":\"x\"")), 401,
		  "assertion_claim");
	ck_assert_int_eq(users(), 0);
	/* people are told that, and not what */
	ex = flow_call(&steps_handoff, .method = METHOD_POST, .param = "alpha",
		       .type = FORM, .body = PLAIN, .headers = { BROWSER });
	ck_answer(ex, 401, "assertion_missing");
	ck_assert(flow_body_has(ex, "could not be verified"));
	ck_assert(flow_body_has(ex, ex->id));
	ck_assert(!flow_body_has(ex, "the field assertion"));
}
END_TEST

/* With the kid of a key that it does not hold under, or of none. */
START_TEST(the_key_that_would_hold_is_named)
{
	static const struct { const char *secret, *kid, *hint; } cases[] = {
		{ OTHER_SECRET, "k1", "it does not hold under the key \\\"k1"
		  "\\\" (HS256); it holds under the key \\\"k2\\\": send "
		  "that as kid" },
		{ SECRET, "k9", "which no key of the tenant is called; it holds "
		  "under the key \\\"k1\\\"" },
		{ "a secret of nobody's, of forty-two octets.", "k9",
		  "which no key of the tenant is called\"" },
	};

	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"signed\"; keys = (\n"
		   "{ kid = \"k1\"; algorithm = \"HS256\"; secret_file = "
		   "\"secret\"; }, { kid = \"k2\"; algorithm = \"HS256\"; "
		   "secret_file = \"other\"; } ); };\n");
	flow_reload();
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_post("alpha",
			sign_with(cases[i].secret, cases[i].kid, "alpha", ANN));

		ck_assert_int_eq(ex->answer.status, 401);
		ck_assert_msg(flow_body_has(ex, cases[i].hint), "%.*s",
			      STR_ARG(ex->answer.body));
		ck_assert(!flow_body_has(ex, SECRET) &&
			  !flow_body_has(ex, OTHER_SECRET));
		/* and explain has it */
		ck_assert(str_icontains(flow_audit(ex).trail,
					STR("it holds under")) == (i < 2));
	}
}
END_TEST

START_TEST(an_assertion_at_another_place_is_found)
{
	static const struct { const char *body, *headers, *hint; } cases[] = {
		{ PLAIN "&jwt=secret", NULL, "there is a field jwt: the assertion "
		  "is read from the field assertion alone" },
		{ PLAIN "&token=eyJh.eyJi.secret", NULL, "a field token:" },
		{ PLAIN "&Assertion=secret", NULL, "a field Assertion:" },
		{ PLAIN, "Authorization: bearer eyJh.eyJi.secret",
		  "an Authorization header came: the assertion" },
		{ PLAIN, "Authorization: Bearer secret",
		  "missing or empty" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = "alpha", .type = FORM,
			.body = cases[i].body, .headers = { cases[i].headers });
		struct audit_record r = flow_audit(ex);

		ck_answer(ex, 401, "assertion_missing");
		ck_assert_msg(flow_body_has(ex, cases[i].hint), "%.*s",
			      STR_ARG(ex->answer.body));
		ck_assert(str_icontains(r.trail, str_from(cases[i].hint)));
		ck_assert(!str_icontains(r.trail, STR("secret")));
	}
}
END_TEST

START_TEST(one_in_the_head_without_a_body_is_told)
{
	static const char bearer[] = "Authorization: Bearer eyJh.eyJi.secret";
	static const struct { const char *slug, *type; bool is_told; } cases[] = {
		{ "alpha", NULL, true }, { "omega", "text/plain", true },
		{ "plain", NULL, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct exchange *ex = flow_call(&steps_handoff,
			.method = METHOD_POST, .param = cases[i].slug,
			.type = cases[i].type,
			.headers = { bearer, "Origin: https://omega.test" });

		ck_answer(ex, 415, "unsupported_media_type");
		ck_assert(flow_body_has(ex, "An Authorization header came: the "
			"assertion is read from the field assertion alone") ==
			cases[i].is_told);
		ck_assert(!flow_body_has(ex, "secret"));
	}
	ck_assert(!flow_body_has(flow_call(&steps_handoff,
		.method = METHOD_POST, .param = "alpha"), "Authorization"));
}
END_TEST

/* Claims are told as fields are. */
START_TEST(a_claim_that_is_called_otherwise_is_told)
{
	struct exchange *ex = flow_post("alpha", sign("alpha",
		"\"email\":\"ann@example.com\",\"given_name\":\"Ann\""));

	ck_answer(ex, 422, "validation_failed");
	ck_assert(flow_body_has(ex, "There is a claim given_name: "));
	ex = flow_post("alpha", sign("alpha", "\"user_email\":"
		"\"ann@example.com\",\"name\":\"Ann\""));
	ck_answer(ex, 401, "assertion_claim");
	ck_assert(flow_body_has(ex, "email is missing; there is a claim "
				    "user_email: the address is read from "
				    "email alone"));
	ck_assert(!str_icontains(flow_audit(ex).trail, STR("ann@")));
}
END_TEST

/* Wherever a partner's code puts an address: it goes on no record. */
START_TEST(a_refused_assertions_record_names_nobody)
{
	static const char *const places[][2] = {
		{ "k1", "ann@example.com" }, { "ann@example.com", "alpha" },
	};

	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		struct exchange *ex = flow_post("alpha",
			sign_with(SECRET, places[i][0], places[i][1], ANN));
		struct audit_record record = flow_audit(ex);

		ck_assert_int_eq(record.status, 401);
		ck_assert_msg(!str_icontains(record.trail, STR("ann")) &&
			      str_icontains(record.trail, STR("is a text of 15 "
				"octets with an @")),
			      "%.*s", STR_ARG(record.trail));
	}
}
END_TEST

START_TEST(claims_win_over_posted_fields)
{
	char body[JWS_MAX + 256];
	struct exchange *ex;

	snprintf(body, sizeof(body), "email=boss%%40example.com&name=Boss&%s",
		 sign("alpha", ANN ",\"sub\":\"1\""));
	ex = session(C, flow_sign_in("alpha", C, body));
	ck_assert(flow_body_has(ex, "\"email\":\"ann@example.com\""));
	ck_assert(flow_body_has(ex, "\"name\":\"Ann\""));
	/* of what it does not say the field counts */
	snprintf(body, sizeof(body), "name=Annie&%s",
		 sign("alpha", "\"email\":\"annie@example.com\",\"sub\":\"2\""));
	ex = session(C, flow_sign_in("alpha", C, body));
	ck_assert(flow_body_has(ex, "\"name\":\"Annie\""));
	/* and an address is held to the same grammar */
	ck_answer(flow_post("alpha", sign("alpha", "\"email\":\"nobody\"")),
		  422, "validation_failed");
}
END_TEST

START_TEST(an_assertion_opens_one_session)
{
	const char *body = sign("alpha", ANN);
	const char *first = flow_mint("alpha", body);
	const char *second = flow_mint("alpha", body);
	struct exchange *ex = flow_visit(C, first, NULL), *again;
	const char *cookie;

	ck_answer(ex, 302, "");
	cookie = flow_cookie(ex);
	ck_assert_str_ne(first, second);
	ck_answer(flow_visit(C, second, NULL), 410, "assertion_replayed");
	/* posted once more, after it was used */
	ck_answer(flow_visit(C, flow_mint("alpha", body), NULL), 410,
		  "assertion_replayed");
	/* whoever it signed in is in */
	again = flow_visit(C, second, cookie);
	ck_answer(again, 302, "token_used_by_this_session");
	ck_assert_int_eq(flow_number("SELECT count(*) FROM sessions"), 1);
	ck_assert_int_eq(flow_number("SELECT count(*) FROM redemptions"), 1);
}
END_TEST

START_TEST(signed_and_unsigned_users_are_different_rows)
{
	const char *late;
	struct exchange *ex;

	/* while the tenant was unsigned still */
	flow_write("conf.d/alpha.conf", "tenant = { slug = \"alpha\";\n"
		   "url = \"https://" C "\"; identity = \"unsigned\"; };\n");
	flow_reload();
	flow_sign_in("alpha", C, "email=ann%40example.com&name=Ann");
	late = flow_mint("alpha", "email=ann%40example.com&name=Ann");
	flow_write("conf.d/alpha.conf", files[2].text);
	flow_reload();
	ck_answer(flow_visit(C, late, NULL), 401, "identity_required");
	ex = flow_visit(C, flow_mint("alpha", sign("alpha", ANN)), NULL);
	ck_answer(ex, 302, "");
	ck_assert_int_eq(users(), 2);
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users"
				    " WHERE verified = 1"), 1);
}
END_TEST

START_TEST(an_external_id_is_who_they_are)
{
	const char *who = "\"name\":\"A\",\"sub\":\"1\",\"email\":";
	char claims[256];

	flow_sign_in("alpha", C, sign("alpha", ANN));
	ck_assert_int_eq(users(), 1);
	/* who had none gets the one that they come with */
	flow_sign_in("alpha", C, sign("alpha", ANN ",\"sub\":\"1\""));
	ck_assert_int_eq(users(), 1);
	/* another address, the same one */
	snprintf(claims, sizeof(claims), "%s\"ann@other.example\"", who);
	flow_sign_in("alpha", C, sign("alpha", claims));
	ck_assert_int_eq(users(), 1);
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users WHERE"
		" email_key = 'ann@other.example' AND external_id = '1'"), 1);
	/* an address that is another's by now: nothing is written */
	flow_sign_in("alpha", C, sign("alpha", ANN ",\"sub\":\"2\""));
	ck_assert_int_eq(users(), 2);
	snprintf(claims, sizeof(claims), "%s\"ann@example.com\"", who);
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha", claims)),
			     NULL), 409, "identity_conflict");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha", ANN)), NULL),
		  409, "identity_conflict");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha", ANN
		",\"sub\":\"3\"")), NULL), 409, "identity_conflict");
	ck_assert_int_eq(users(), 2);
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users WHERE"
		" email_key = 'ann@other.example'"), 1);
}
END_TEST

static void write_alpha(const char *identity, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		 "identity = \"%s\"; desk_user = \"u:{id}\";\n"
		 "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
		 "secret_file = \"secret\"; } ); %s };\n", identity, more);
	flow_write("conf.d/alpha.conf", text);
	flow_reload();
}

START_TEST(the_first_signed_sign_in_takes_an_unsigned_user_over)
{
	const char *old, *own, *late;
	struct exchange *ex;

	write_alpha("unsigned", "");
	old = flow_sign_in("alpha", C, "email=ann%40example.com&name=Ann");
	late = flow_mint("alpha", "email=Ann%40example.com&name=Ann");
	/* else they are two, and whoever is there is asked first */
	write_alpha("signed", "");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha", ANN
		",\"sub\":\"1\"")), old), 200, "confirm");
	write_alpha("signed", "adopt_unsigned = true;");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha",
		"\"email\":\"bob@example.com\",\"name\":\"B\"")), old), 200,
		  "confirm");
	ex = flow_visit(C, flow_mint("alpha", sign("alpha", ANN
		",\"sub\":\"1\"")), old);
	ck_answer(ex, 302, "");
	own = flow_cookie(ex);
	ck_assert_int_eq(users(), 1);
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users WHERE"
		" verified = 1 AND external_id = '1'"), 1);
	ck_answer(session(C, old), 401, "not_signed_in");
	ck_answer(session(C, own), 200, "");
	/* nor does one that was under way bring the unsigned one back */
	write_alpha("observe", "");
	ck_answer(flow_visit(C, late, NULL), 401, "token_ended");
	ck_assert_int_eq(users(), 1);
}
END_TEST

#define WHO(sub, email) "\"name\":\"A\",\"sub\":\"" sub		\
	"\",\"email\":\"" email "@example.com\""

START_TEST(whose_an_address_is_is_for_the_tenant_to_say)
{
	const char *one, *two;
	struct exchange *ex;

	one = flow_sign_in("alpha", C, sign("alpha", WHO("1", "one")));
	two = flow_sign_in("alpha", C, sign("alpha", WHO("2", "two")));
	write_alpha("signed", "on_conflict = \"link\";");
	ex = session(C, flow_sign_in("alpha", C,
				     sign("alpha", WHO("1", "two"))));
	ck_assert(flow_body_has(ex, "\"email\":\"one@example.com\""));
	ck_answer(session(C, two), 200, "");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha",
		WHO("3", "two"))), NULL), 409, "identity_conflict");
	/* what is protected by now is not kept */
	write_alpha("signed", "on_conflict = \"link\";"
		    "protected = [ \"one@example.com\" ];");
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha",
		WHO("1", "two"))), NULL), 409, "identity_conflict");
	write_alpha("signed", "on_conflict = \"update\";");
	ex = session(C, flow_sign_in("alpha", C,
				     sign("alpha", WHO("1", "two"))));
	ck_assert(flow_body_has(ex, "\"email\":\"two@example.com\""));
	ck_answer(session(C, two), 401, "not_signed_in");
	ck_answer(session(C, one), 200, "");
	ck_assert_int_eq(flow_number("SELECT count(*) FROM users WHERE"
		" external_id = '2' AND email_key = ''"), 1);
	/* which they bring anew, in an assertion of after that */
	clock_hold(clock_wall_ms() + 2000);
	ck_answer(flow_visit(C, flow_mint("alpha", sign("alpha",
		WHO("2", "three"))), NULL), 302, "");
	clock_hold(0);
	ck_assert_int_eq(users(), 2);
}
END_TEST

static struct exchange *post_from(const char *slug, const char *body,
				  const char *origin)
{
	return flow_call(&steps_handoff, .method = METHOD_POST, .param = slug,
			 .type = FORM, .body = body,
			 .headers = { origin });
}

START_TEST(a_signature_stands_for_the_origin)
{
	struct exchange *ex;

	ck_answer(post_from("alpha", sign("alpha", ANN),
			    "Origin: https://evil.test"), 302, "");
	ck_answer(post_from("omega", sign("omega", ANN
		",\"iss\":\"https://omega.test\""),
			    "Origin: https://evil.test"), 302, "");
	/* what does not hold does not */
	ex = post_from("omega", PLAIN, "Origin: https://evil.test");
	ck_answer(ex, 403, "origin_refused");
	ck_answer(post_from("omega", sign("omega", ANN),
			    "Origin: https://evil.test"), 403,
		  "origin_refused");
	ck_answer(post_from("omega", PLAIN, "Origin: https://omega.test"),
		  302, "");
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
}
END_TEST

/* How often that came of an assertion of omega's. */
static int64_t counted(const char *result)
{
	char labels[128];

	snprintf(labels, sizeof(labels), "tenant=\"omega\",result=\"%s\"",
		 result);
	return metric_value(metric_get(usher_assertions_total, labels));
}

START_TEST(observe_lets_all_pass_and_tells)
{
	const char *origin = "Origin: https://omega.test";
	struct exchange *ex = post_from("omega", PLAIN, origin);
	struct audit_record record;

	ck_answer(ex, 302, "");
	ck_assert_int_eq(counted("assertion_missing"), 1);
	record = flow_audit(ex);
	ck_assert_msg(str_icontains(record.trail,
				    STR("\"verdict\":\"assertion_missing\"")) &&
		      str_icontains(record.trail, STR("the field assertion is "
						      "missing or empty")),
		      "%.*s", STR_ARG(record.trail));
	ck_answer(post_from("omega", PLAIN "&assertion=x", origin), 302, "");
	ck_assert_int_eq(counted("assertion_malformed"), 1);
	ck_answer(post_from("omega", sign("omega", ANN), origin), 422,
		  "validation_failed");
	ck_assert_int_eq(counted("assertion_issuer"), 1);
	/* what holds is as unsigned as the rest, but what it says counts */
	ex = post_from("omega", sign_with(OTHER_SECRET, "k2", "omega",
		ANN ",\"iss\":\"https://omega.test\""), origin);
	ck_assert_int_eq(counted("good"), 1);
	ex = flow_visit(O, flow_token(ex), NULL);
	ck_answer(ex, 302, "");
	ex = session(O, flow_cookie(ex));
	ck_assert(flow_body_has(ex, "\"email\":\"ann@example.com\""));
	ck_assert(flow_body_has(ex, "\"verified\":false"));
	/* with several keys it has to say which */
	ck_answer(post_from("omega", sign_with(SECRET, NULL, "omega", ANN),
			    origin), 422, "validation_failed");
	ck_assert_int_eq(counted("assertion_key_unknown"), 1);
}
END_TEST

START_TEST(an_unsigned_tenant_reads_no_assertion)
{
	ck_answer(flow_post("plain", PLAIN "&assertion=x"), 302, "");
	ck_answer(flow_post("plain", sign("plain", ANN)), 422,
		  "validation_failed");
}
END_TEST

static void erased(struct job *job)
{
	(void)job;
}

static void erase(int64_t id)
{
	struct user_erase erase = { .job.done = erased, .user_id = id,
				    .tenant = STR("alpha") };

	ck_assert_int_eq(users_erase(store_users(flow.gateway.store), &erase),
			 ERR_OK);
	flow_settle();
	ck_assert_int_eq(erase.job.result, ERR_OK);
}

START_TEST(who_was_erased_is_not_brought_back_by_an_older_assertion)
{
	const char *body = sign("alpha", ANN ",\"sub\":\"9\"");
	const char *other, *under_way;

	flow_sign_in("alpha", C, body);
	other = flow_mint("alpha", sign("alpha", "\"email\":\"new@example.com\","
		"\"name\":\"A\",\"sub\":\"9\""));
	under_way = flow_mint("alpha", sign("alpha", ANN ",\"sub\":\"9\""));
	erase(flow_number("SELECT id FROM users"));
	ck_answer(flow_visit(C, under_way, NULL), 401, "token_ended");
	ck_answer(flow_visit(C, other, NULL), 401, "token_ended");
	ck_assert_int_eq(users(), 0);
}
END_TEST

static void ck_rate(struct exchange *ex, const char *limit,
		    const char *remaining)
{
	unsigned found = 0;

	for (unsigned i = 0; i < ex->answer.header_count; i++)
		found += str_eq(ex->answer.headers[i].name,
				STR("X-RateLimit-Limit"));
	ck_assert_uint_eq(found, 1);
	ck_str_is(flow_header(ex, "X-RateLimit-Limit"), limit);
	ck_str_is(flow_header(ex, "X-RateLimit-Remaining"), remaining);
}

/* An office of many people has one address; a person has many. */
START_TEST(whom_a_signature_names_is_charged)
{
	char claims[128];
	struct exchange *ex;

	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"signed\"; rate_limit = { requests = 3; };\n"
		   "signed_rate_limit = { person = 2; tenant = 8; };\n"
		   "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
		   "secret_file = \"secret\"; } ); };\n");
	flow_reload();
	for (int i = 0; i < 5; i++) {
		snprintf(claims, sizeof(claims), "\"email\":\"u%d@example.com\","
			 "\"name\":\"U\"", i);
		ex = flow_post("alpha", sign("alpha", claims));
		ck_answer(ex, 302, "");
		ck_rate(ex, "2", "1");
	}
	/* the person's own */
	ck_answer(flow_post("alpha", sign("alpha", ANN)), 302, "");
	ck_answer(flow_post("alpha", sign("alpha", ANN)), 302, "");
	ex = flow_post("alpha", sign("alpha", ANN));
	ck_answer(ex, 429, "too_many_requests");
	ck_rate(ex, "2", "0");
	/* which was charged to the address: so are two that do not hold */
	for (int i = 0; i < 2; i++) {
		ex = flow_post("alpha", sign_with(OTHER_SECRET, "k1", "alpha",
						  ANN));
		ck_answer(ex, 401, "assertion_signature");
		ck_rate(ex, "3", i ? "0" : "1");
	}
	ex = flow_post("alpha", sign("alpha", "\"email\":\"v@example.com\","
				     "\"name\":\"V\""));
	ck_answer(ex, 429, "too_many_requests");
	ck_rate(ex, "3", "0");
}
END_TEST

START_TEST(all_that_are_signed_have_a_limit_together)
{
	char claims[128];
	struct exchange *ex = NULL;

	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "identity = \"signed\"; rate_limit = { requests = 3; };\n"
		   "signed_rate_limit = { person = 5; tenant = 4; };\n"
		   "keys = ( { kid = \"k1\"; algorithm = \"HS256\";\n"
		   "secret_file = \"secret\"; } ); };\n");
	flow_reload();
	for (int i = 0; i < 5; i++) {
		snprintf(claims, sizeof(claims), "\"email\":\"u@example.com\","
			 "\"name\":\"U\",\"sub\":\"%d\"", i);
		ex = flow_post("alpha", sign("alpha", claims));
		ck_answer(ex, i < 4 ? 302 : 429, i < 4 ? "" :
			  "too_many_requests");
	}
	ck_rate(ex, "4", "0");
}
END_TEST

static void identity_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, flow_stop);
	tcase_add_test(t, who_is_vouched_for_is_a_verified_user);
	tcase_add_test(t, without_an_assertion_nobody_gets_in);
	tcase_add_test(t, the_key_that_would_hold_is_named);
	tcase_add_test(t, an_assertion_at_another_place_is_found);
	tcase_add_test(t, one_in_the_head_without_a_body_is_told);
	tcase_add_test(t, a_claim_that_is_called_otherwise_is_told);
	tcase_add_test(t, a_refused_assertions_record_names_nobody);
	tcase_add_test(t, claims_win_over_posted_fields);
	tcase_add_test(t, an_assertion_opens_one_session);
	tcase_add_test(t, signed_and_unsigned_users_are_different_rows);
	tcase_add_test(t,
		the_first_signed_sign_in_takes_an_unsigned_user_over);
	tcase_add_test(t, whose_an_address_is_is_for_the_tenant_to_say);
	tcase_add_test(t, an_external_id_is_who_they_are);
	tcase_add_test(t, a_signature_stands_for_the_origin);
	tcase_add_test(t, whom_a_signature_names_is_charged);
	tcase_add_test(t, all_that_are_signed_have_a_limit_together);
	tcase_add_test(t, observe_lets_all_pass_and_tells);
	tcase_add_test(t, an_unsigned_tenant_reads_no_assertion);
	tcase_add_test(t,
		who_was_erased_is_not_brought_back_by_an_older_assertion);
}

UNIT_MAIN("identity", identity_tests)
