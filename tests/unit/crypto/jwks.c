#include "unit/unit.h"

#include "crypto/jwks.h"
#include "unit/crypto/jwks-keys.h"

#define JOE "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leG" \
	"FtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* What the RFCs signed, by the kid that the key has here. */
static const struct {
	const char *kid, *text;
	enum jws_algorithm algorithm;
} vectors[] = {
	{ "r", "eyJhbGciOiJSUzI1NiJ9." JOE
	  ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	  "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	  "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	  "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	  "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	  "p0igcN_IoypGlUPQGe77Rw", JWS_RS256 },
	{ "e", "eyJhbGciOiJFUzI1NiJ9." JOE
	  ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	  "pmWQxfKTUJqPP3-Kg6NU1Q", JWS_ES256 },
	{ "o", "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
	  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
	  "hVsPt9g7sVvpAr_MuM0KAg", JWS_EDDSA },
};

#define THREE JWKS("{" JWK_RSA JWK_KID("r") "},{" JWK_EC JWK_KID("e") "},{" \
		   JWK_OKP JWK_KID("o") "}")

START_TEST(what_the_rfcs_signed_holds)
{
	struct pool *pool = pool_new(1 << 16);
	char why[JWKS_WHY_MAX];
	struct jwks *set;
	struct jws jws;

	ck_assert_msg(!jwks_parse(STR(THREE), &set, why), "%s", why);
	ck_assert_uint_eq(jwks_count(set), 3);
	for (unsigned i = 0; i < N_ELEMENTS(vectors); i++) {
		ck_str_is(jwks_kid(set, i), vectors[i].kid);
		ck_assert_int_eq(jws_key_algorithm(jwks_key(set, i)),
				 vectors[i].algorithm);
		ck_assert(!jws_parse(str_from(vectors[i].text), pool, &jws));
		for (unsigned j = 0; j < 3; j++)
			ck_assert_int_eq(jws_verify(jwks_key(set, j), &jws),
					 i == j ? ERR_OK : ERR_UNSUPPORTED);
	}
	jwks_unref(set);
	pool_free(pool);
}
END_TEST

/* One set and what comes of it: how many keys, or why not. */
static const struct {
	const char *text;
	unsigned count;
	enum err err;
	const char *why;
} sets[] = {
	{ JWKS("{" JWK_EC JWK_KID("a") "}"), 1, 0, NULL },
	{ "\n{ \"keys\" : [ {" JWK_EC JWK_KID("a") ", \"x5c\": [\"a\\nb\"],"
	  "\"n\":null} ], \"more\": {} }\n", 1, 0, NULL },
	{ JWKS("{" JWK_EC JWK_KID("a") ",\"alg\":\"ES256\",\"use\":\"sig\","
	       "\"key_ops\":[\"verify\"]}"), 1, 0, NULL },

	/* passed over: meant for something else */
	{ JWKS("{" JWK_EC JWK_KID("a") "},{" JWK_RSA JWK_KID("a")
	       ",\"use\":\"enc\"}"), 1, 0, NULL },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{" JWK_RSA ",\"alg\":\"PS256\"}"),
	  1, 0, NULL },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{\"kty\":\"EC\",\"crv\":\"P-384\","
	       "\"x\":\"\",\"y\":\"\"}"), 1, 0, NULL },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{\"kty\":\"AKP\"},{}"), 1, 0, NULL },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{" JWK_OKP ",\"key_ops\":"
	       "[\"deriveKey\"]}"), 1, 0, NULL },
	{ JWKS("{" JWK_RSA JWK_KID("a") ",\"use\":\"enc\"}"), 0,
	  ERR_NOT_FOUND, "no key for signatures" },
	{ JWKS("{" JWK_RSA JWK_KID("a") ",\"use\":1}"), 0,
	  ERR_NOT_FOUND, "no key for signatures" },
	{ JWKS(""), 0, ERR_NOT_FOUND, "no key for signatures" },

	/* mistakes */
	{ "{}", 0, ERR_NOT_FOUND, "no member keys" },
	{ "{\"keys\":{}}", 0, ERR_SYNTAX, "not a list" },
	{ JWKS("1"), 0, ERR_SYNTAX, "not a list of objects" },
	{ "", 0, ERR_SYNTAX, "not the JSON" },
	{ "[]", 0, ERR_SYNTAX, "not a JSON object" },
	{ "<html>", 0, ERR_SYNTAX, "not the JSON" },
	{ THREE "x", 0, ERR_SYNTAX, "not the JSON" },
	{ "{\"keys\":[],\"keys\":[]}", 0, ERR_DUPLICATE, "twice" },
	{ JWKS("{" JWK_EC JWK_KID("a") JWK_KID("b") "}"), 0, ERR_DUPLICATE,
	  "twice" },
	{ JWKS("{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"a\"}"), 0, ERR_AUTH,
	  "key 1 is a secret" },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{\"kty\":\"oct\"}"), 0, ERR_AUTH,
	  "key 2 is a secret" },
	{ JWKS("{" JWK_EC JWK_KID("a") ",\"d\":\"AA\"}"), 0, ERR_AUTH,
	  "key 1 is a secret or private" },
	{ JWKS("{" JWK_RSA JWK_KID("a") ",\"use\":\"enc\",\"p\":\"AA\"}"), 0,
	  ERR_AUTH, "key 1 is a secret or private" },
	{ JWKS("{" JWK_EC "}"), 0, ERR_SYNTAX, "key 1 has no kid" },
	{ JWKS("{" JWK_EC JWK_KID("") "}"), 0, ERR_SYNTAX, "has no kid" },
	{ JWKS("{" JWK_EC JWK_KID("a\\nb") "}"), 0, ERR_SYNTAX, "has no kid" },
	{ JWKS("{" JWK_EC ",\"kid\":7}"), 0, ERR_SYNTAX, "has no kid" },
	{ JWKS("{" JWK_EC JWK_KID("a") "},{" JWK_OKP JWK_KID("a") "}"), 0,
	  ERR_DUPLICATE, "key 2 has the kid of one before" },
	{ JWKS("{" JWK_EC JWK_KID("a") ",\"alg\":\"EdDSA\"}"), 0,
	  ERR_UNSUPPORTED, "key 1 has an alg that does not go" },
	{ JWKS("{" JWK_RSA JWK_KID("a") ",\"alg\":\"HS256\"}"), 0,
	  ERR_UNSUPPORTED, "key 1 has an alg that does not go" },
	{ JWKS("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" JWK_N_1024 "\""
	       JWK_KID("a") "}"), 0, ERR_RANGE, "key 1 is too short" },
	{ JWKS("{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"" JWK_N "\""
	       JWK_KID("a") "}"), 0, ERR_RANGE, "key 1 is too short" },
	{ JWKS("{\"kty\":\"RSA\",\"e\":\"AAEAAQ\",\"n\":\"" JWK_N "\""
	       JWK_KID("a") "}"), 0, ERR_SYNTAX, "key 1 is malformed" },
	{ JWKS("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" JWK_N "=\""
	       JWK_KID("a") "}"), 0, ERR_SYNTAX, "key 1 is malformed" },
	{ JWKS("{\"kty\":\"RSA\",\"n\":\"" JWK_N "\"" JWK_KID("a") "}"), 0,
	  ERR_SYNTAX, "key 1 is malformed" },
	{ JWKS("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWK_Y "\","
	       "\"y\":\"" JWK_X "\"" JWK_KID("a") "}"), 0, ERR_SYNTAX,
	  "key 1 is malformed" },
	{ JWKS("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWK_X "\"" JWK_KID(
	       "a") "}"), 0, ERR_SYNTAX, "key 1 is malformed" },
	{ JWKS("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"" JWK_KID(
	       "a") "}"), 0, ERR_SYNTAX, "key 1 is malformed" },
};

START_TEST(sets_are_judged)
{
	char why[JWKS_WHY_MAX];
	struct jwks *set = NULL;
	enum err err = jwks_parse(str_from(sets[_i].text), &set, why);

	ck_assert_msg(err == sets[_i].err, "%s: %s: %s", sets[_i].text,
		      err_text(err), why);
	ck_assert_uint_eq(jwks_count(set), sets[_i].count);
	if (err)
		ck_assert_msg(strstr(why, sets[_i].why), "%s: %s",
			      sets[_i].text, why);
	jwks_unref(set);
}
END_TEST

/* As many as fit, and one more. */
START_TEST(limits_are_kept)
{
	char why[JWKS_WHY_MAX];
	struct jwks *set = NULL;
	struct buf text;

	for (unsigned n = JWKS_KEYS_MAX; n <= JWKS_KEYS_MAX + 1; n++) {
		buf_init(&text, JWKS_MAX);
		buf_puts(&text, "{\"keys\":[");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&text, "%s{" JWK_OKP ",\"kid\":\"%u\"}",
				   i ? "," : "", i);
		buf_puts(&text, "]}");
		ck_assert_int_eq(jwks_parse(buf_str(&text), &set, why),
				 n == JWKS_KEYS_MAX ? ERR_OK : ERR_LIMIT);
		buf_done(&text);
	}
	ck_assert_uint_eq(jwks_count(set), JWKS_KEYS_MAX);
	jwks_unref(set);
	set = NULL;
	for (size_t len = JWKS_MAX; len <= JWKS_MAX + 1; len++) {
		buf_init(&text, JWKS_MAX + 1);
		buf_puts(&text, JWKS("{" JWK_OKP JWK_KID("a") "}"));
		while (text.len < len)
			buf_addc(&text, ' ');
		ck_assert_int_eq(jwks_parse(buf_str(&text), &set, why),
				 len == JWKS_MAX ? ERR_OK : ERR_LIMIT);
		buf_done(&text);
	}
	jwks_unref(set);
}
END_TEST

START_TEST(a_set_is_counted)
{
	char why[JWKS_WHY_MAX];
	struct jwks *set, *other;

	ck_assert(!jwks_parse(STR(THREE), &set, why));
	other = jwks_ref(set);
	jwks_unref(set);
	ck_assert_uint_eq(jwks_count(other), 3);
	jwks_unref(other);
	jwks_unref(jwks_ref(NULL));
	ck_assert_uint_eq(jwks_count(NULL), 0);
}
END_TEST

static void jwks_tests(TCase *tc)
{
	tcase_add_test(tc, what_the_rfcs_signed_holds);
	tcase_add_loop_test(tc, sets_are_judged, 0, N_ELEMENTS(sets));
	tcase_add_test(tc, limits_are_kept);
	tcase_add_test(tc, a_set_is_counted);
}

UNIT_MAIN("jwks", jwks_tests)
