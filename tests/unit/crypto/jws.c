/*
 * Signed texts: the vectors of the RFCs, what is made here, and a table of
 * attacks, each with the error that it ends in.
 */
#include "unit/unit.h"

#include <openssl/bn.h>
#include <pthread.h>

#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "unit/crypto/jws-keys.h"

#define SECRET "a secret of thirty-two octets, or"
#define OTHER_SECRET "another secret of some more octets"
#define PAYLOAD "{\"email\":\"user@example.com\"}"

static struct pool *pool;

static void set_up(void)
{
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
}

static void tear_down(void)
{
	pool_free(pool);
}

/* ---- helpers ------------------------------------------------------------ */

static struct jws_key *key_of(enum jws_algorithm algorithm, const char *text)
{
	struct jws_key *key = NULL;

	ck_assert_int_eq(jws_key_new(algorithm, str_from(text), &key), 0);
	ck_assert_int_eq(jws_key_algorithm(key), algorithm);
	return key;
}

/* Nothing is handed out where it fails. */
static enum err parse(struct str text, struct jws *out_r)
{
	struct jws jws;
	enum err err;

	memset(&jws, 0x5a, sizeof(jws));
	err = jws_parse(text, pool, &jws);
	if (err) {
		for (size_t i = 0; i < sizeof(jws); i++)
			ck_assert_uint_eq(((uint8_t *)&jws)[i], 0x5a);
	} else {
		*out_r = jws;
	}
	return err;
}

/* Of both steps the one that says no. */
static enum err check(const struct jws_key *key, struct str text)
{
	struct jws jws;
	enum err err = parse(text, &jws);

	return err ? err : jws_verify(key, &jws);
}

static struct str sign(enum jws_algorithm algorithm, const char *key,
		       struct str payload)
{
	struct buf out;

	buf_init_pool(&out, pool, JWS_MAX);
	ck_assert_int_eq(jws_sign(algorithm, str_from(key), STR("k1"),
				  payload, &out), 0);
	ck_assert(buf_is_ok(&out));
	return buf_str(&out);
}

/* These parts, with the signature that makes them good under SECRET. */
static struct str hand_made(struct str header, struct str payload)
{
	uint8_t mac[DIGEST_SIZE];
	struct buf out;

	buf_init_pool(&out, pool, 4 * JWS_MAX);
	base64url_add(&out, header.ptr, header.len);
	buf_addc(&out, '.');
	base64url_add(&out, payload.ptr, payload.len);
	ck_assert_int_eq(digest_hmac_sha256(SECRET, strlen(SECRET), out.ptr,
					    out.len, mac), 0);
	buf_addc(&out, '.');
	base64url_add(&out, mac, sizeof(mac));
	ck_assert(buf_is_ok(&out));
	return buf_str(&out);
}

/* The text with another signature. */
static struct str with_signature(struct str text, const void *signature,
				 size_t len)
{
	struct buf out;

	buf_init_pool(&out, pool, JWS_MAX);
	while (text.len && text.ptr[text.len - 1] != '.')
		text.len--;
	buf_adds(&out, text);
	base64url_add(&out, signature, len);
	ck_assert(buf_is_ok(&out));
	return buf_str(&out);
}

static void signature_of(struct str text, uint8_t *out, size_t len)
{
	struct jws jws;

	ck_assert_int_eq(parse(text, &jws), 0);
	ck_assert_uint_eq(jws.signature.len, len);
	memcpy(out, jws.signature.ptr, len);
}

/* ---- the RFCs ----------------------------------------------------------- */

#define JOE "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leG" \
	"FtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const struct {
	const char *name;
	enum jws_algorithm algorithm;
	const char *key;
	size_t key_len;		/* 0: it is text */
	const char *text, *payload;
} vectors[] = {
	{ "RFC 7515 A.1", JWS_HS256,
	  "\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f"
	  "\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\x0f\x84\xb2\xd2\x50\x2e\xbf"
	  "\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22"
	  "\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3",
	  64,
	  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE
	  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", NULL },
	{ "RFC 7515 A.2", JWS_RS256, RFC7515_A2_PUBLIC, 0,
	  "eyJhbGciOiJSUzI1NiJ9." JOE
	  ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	  "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	  "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	  "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	  "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	  "p0igcN_IoypGlUPQGe77Rw", NULL },
	{ "RFC 7515 A.3", JWS_ES256, RFC7515_A3_PUBLIC, 0,
	  "eyJhbGciOiJFUzI1NiJ9." JOE
	  ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	  "pmWQxfKTUJqPP3-Kg6NU1Q", NULL },
	{ "RFC 8037 A.4", JWS_EDDSA, RFC8037_A4_PUBLIC, 0,
	  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
	  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
	  "hVsPt9g7sVvpAr_MuM0KAg", "Example of Ed25519 signing" },
};

START_TEST(what_the_rfcs_signed_holds)
{
	const char *joe = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
			  "\"http://example.com/is_root\":true}";
	const char *key_text = vectors[_i].key;
	size_t key_len = vectors[_i].key_len;
	struct str text = str_from(vectors[_i].text);
	struct jws_key *key = NULL;
	struct jws jws;

	if (!key_len)
		key_len = strlen(key_text);
	ck_assert_int_eq(jws_key_new(vectors[_i].algorithm,
				     (struct str){ key_text, key_len },
				     &key), 0);
	ck_assert_int_eq(parse(text, &jws), 0);
	ck_assert_int_eq(jws_verify(key, &jws), 0);
	ck_str_is(jws.alg, jws_algorithm_text(vectors[_i].algorithm));
	ck_assert(str_is_null(jws.kid));
	ck_str_is(jws.payload, vectors[_i].payload ? vectors[_i].payload : joe);
	ck_assert_int_eq(jws.payload.ptr[jws.payload.len], '\0');
	ck_assert_uint_eq(jws.signing_input.len + 1 +
			  BASE64URL_LEN(jws.signature.len), text.len);
	jws_key_free(key);
}
END_TEST

START_TEST(algorithms_are_named_to_the_letter)
{
	static const char *const bad[] = { "", "none", "hs256", "HS256 ",
		"HS384", "HS512", "RS384", "PS256", "ES256K", "ES384",
		"EDDSA", "Ed25519", "HS25", "HS256\0" };
	enum jws_algorithm algorithm = JWS_ALGORITHM_COUNT;

	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
		const char *text = jws_algorithm_text((enum jws_algorithm)i);

		ck_assert_int_eq(jws_algorithm_parse(str_from(text),
						     &algorithm), 0);
		ck_assert_int_eq(algorithm, i);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad) - 1; i++)
		ck_assert_int_eq(jws_algorithm_parse(str_from(bad[i]),
						     &algorithm),
				 ERR_NOT_FOUND);
	ck_assert_int_eq(jws_algorithm_parse((struct str){ "HS256\0", 6 },
					     &algorithm), ERR_NOT_FOUND);
	ck_str_is(str_from(jws_algorithm_text(JWS_ALGORITHM_COUNT)), "?");
}
END_TEST

/* ---- made here ---------------------------------------------------------- */

static const struct {
	const char *private, *public;
} pairs[JWS_ALGORITHM_COUNT] = {
	[JWS_HS256] = { SECRET, SECRET },
	[JWS_RS256] = { JWS_RSA_PRIVATE, JWS_RSA_PUBLIC },
	[JWS_ES256] = { JWS_EC_PRIVATE, JWS_EC_PUBLIC },
	[JWS_EDDSA] = { JWS_ED_PRIVATE, JWS_ED_PUBLIC },
};

START_TEST(what_is_signed_here_holds)
{
	enum jws_algorithm algorithm = (enum jws_algorithm)_i;
	struct jws_key *key = key_of(algorithm, pairs[_i].public);
	char payload[300];

	memset(payload, 'p', sizeof(payload));
	for (size_t len = 0; len <= sizeof(payload); len += len < 8 ? 1 : 73) {
		struct str text = sign(algorithm, pairs[_i].private,
				       (struct str){ payload, len });
		struct jws jws;

		ck_assert_int_eq(parse(text, &jws), 0);
		ck_str_is(jws.kid, "k1");
		ck_str_is(jws.typ, "JWT");
		ck_assert_uint_eq(jws.payload.len, len);
		ck_assert_int_eq(jws_verify(key, &jws), 0);
		/* a second time: a key is not used up */
		ck_assert_int_eq(jws_verify(key, &jws), 0);
	}
	jws_key_free(key);
}
END_TEST

/* Not the octet, not the bit: a text that holds has one spelling. */
START_TEST(no_bit_may_flip)
{
	enum jws_algorithm algorithm = (enum jws_algorithm)_i;
	struct jws_key *key = key_of(algorithm, pairs[_i].public);
	struct str text = sign(algorithm, pairs[_i].private, STR("{}"));
	char spoilt[JWS_MAX];
	unsigned unauthentic = 0;

	ck_assert_int_eq(check(key, text), 0);
	memcpy(spoilt, text.ptr, text.len);
	for (size_t at = 0; at < text.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			enum err err;

			spoilt[at] ^= (char)(1 << bit);
			err = check(key, (struct str){ spoilt, text.len });
			ck_assert_msg(err == ERR_SYNTAX || err == ERR_AUTH ||
				      err == ERR_UNSUPPORTED,
				      "octet %zu, bit %d: %s", at, bit,
				      err_text(err));
			unauthentic += err == ERR_AUTH;
			pool_reset(pool);
			spoilt[at] ^= (char)(1 << bit);
		}
	}
	/* Most that stays in the alphabet gets as far as the signature. */
	ck_assert_uint_gt(unauthentic, text.len);
	jws_key_free(key);
}
END_TEST

START_TEST(a_key_of_another_is_no_key)
{
	for (int with = 0; with < JWS_ALGORITHM_COUNT; with++) {
		struct str text = sign((enum jws_algorithm)with,
				       pairs[with].private, STR(PAYLOAD));

		for (int as = 0; as < JWS_ALGORITHM_COUNT; as++) {
			struct jws_key *key = key_of((enum jws_algorithm)as,
						     pairs[as].public);

			ck_assert_int_eq(check(key, text),
					 as == with ? ERR_OK : ERR_UNSUPPORTED);
			jws_key_free(key);
		}
	}
}
END_TEST

START_TEST(another_key_of_its_kind_does_not_do)
{
	static const struct {
		enum jws_algorithm algorithm;
		const char *key;
	} others[] = {
		{ JWS_HS256, OTHER_SECRET },
		{ JWS_HS256, SECRET "\n" },
		{ JWS_RS256, RFC7515_A2_PUBLIC },
		{ JWS_ES256, RFC7515_A3_PUBLIC },
		{ JWS_EDDSA, RFC8037_A4_PUBLIC },
	};

	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		enum jws_algorithm algorithm = others[i].algorithm;
		struct jws_key *key = key_of(algorithm, others[i].key);
		struct str text = sign(algorithm, pairs[algorithm].private,
				       STR(PAYLOAD));

		ck_assert_int_eq(check(key, text), ERR_AUTH);
		jws_key_free(key);
	}
}
END_TEST

/* ---- headers ------------------------------------------------------------ */

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define KID_255 FIFTY FIFTY FIFTY FIFTY FIFTY "01234"

/* Each signed with the key that is asked, so that only the header speaks. */
static const struct {
	const char *what, *header;
	enum err err;
} headers[] = {
	{ "plain", "{\"alg\":\"HS256\"}", ERR_OK },
	{ "with space", " {\r\n\t\"alg\" : \"HS256\" }\n", ERR_OK },
	{ "what nobody knows", "{\"alg\":\"HS256\",\"x\":\"y\"}", ERR_OK },
	{ "an escape", "{\"\\u0061lg\":\"HS\\u003256\"}", ERR_OK },
	{ "quotes, braces", "{\"alg\":\"HS256\",\"kid\":\"\\\"{[1\\\\\"}",
	  ERR_OK },
	{ "an empty kid", "{\"alg\":\"HS256\",\"kid\":\"\"}", ERR_OK },
	{ "a kid of 255", "{\"alg\":\"HS256\",\"kid\":\"" KID_255 "\"}",
	  ERR_OK },

	{ "alg none", "{\"alg\":\"none\"}", ERR_UNSUPPORTED },
	{ "alg None", "{\"alg\":\"None\"}", ERR_UNSUPPORTED },
	{ "alg empty", "{\"alg\":\"\"}", ERR_UNSUPPORTED },
	{ "alg in lower case", "{\"alg\":\"hs256\"}", ERR_UNSUPPORTED },
	{ "alg with a space", "{\"alg\":\"HS256 \"}", ERR_UNSUPPORTED },
	{ "alg of a public key", "{\"alg\":\"RS256\"}", ERR_UNSUPPORTED },
	{ "alg of a longer digest", "{\"alg\":\"HS512\"}", ERR_UNSUPPORTED },
	{ "alg of RSA-PSS", "{\"alg\":\"PS256\"}", ERR_UNSUPPORTED },
	{ "no alg", "{\"typ\":\"JWT\"}", ERR_SYNTAX },
	{ "nothing in it", "{}", ERR_SYNTAX },
	{ "alg in capitals", "{\"ALG\":\"HS256\"}", ERR_SYNTAX },
	{ "alg null", "{\"alg\":null}", ERR_SYNTAX },
	{ "alg a number", "{\"alg\":256}", ERR_SYNTAX },
	{ "alg true", "{\"alg\":true}", ERR_SYNTAX },
	{ "alg in an array", "{\"alg\":[\"HS256\"]}", ERR_SYNTAX },
	{ "alg twice", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", ERR_SYNTAX },
	{ "alg twice, and none", "{\"alg\":\"none\",\"alg\":\"HS256\"}",
	  ERR_SYNTAX },
	{ "alg twice, escaped", "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
	  ERR_SYNTAX },
	{ "kid twice", "{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"b\"}",
	  ERR_SYNTAX },

	{ "crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
	  ERR_UNSUPPORTED },
	{ "crit, empty", "{\"alg\":\"HS256\",\"crit\":[]}", ERR_UNSUPPORTED },
	{ "crit, a string", "{\"alg\":\"HS256\",\"crit\":\"b64\"}",
	  ERR_UNSUPPORTED },
	{ "crit, null", "{\"alg\":\"HS256\",\"crit\":null}", ERR_SYNTAX },
	{ "crit, escaped", "{\"alg\":\"HS256\",\"cr\\u0069t\":\"b64\"}",
	  ERR_UNSUPPORTED },
	{ "b64 false", "{\"alg\":\"HS256\",\"b64\":false}", ERR_UNSUPPORTED },
	{ "b64 true", "{\"alg\":\"HS256\",\"b64\":true}", ERR_UNSUPPORTED },
	{ "zip", "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", ERR_UNSUPPORTED },
	{ "jku", "{\"alg\":\"HS256\",\"jku\":\"https://evil.example/k\"}",
	  ERR_UNSUPPORTED },
	{ "jwk", "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
	  ERR_UNSUPPORTED },
	{ "x5u", "{\"alg\":\"HS256\",\"x5u\":\"https://evil.example/c\"}",
	  ERR_UNSUPPORTED },
	{ "x5c", "{\"alg\":\"HS256\",\"x5c\":[\"MIIB\"]}", ERR_UNSUPPORTED },
	{ "x5t", "{\"alg\":\"HS256\",\"x5t\":\"AAAA\"}", ERR_UNSUPPORTED },
	{ "x5t#S256", "{\"alg\":\"HS256\",\"x5t#S256\":\"AAAA\"}",
	  ERR_UNSUPPORTED },

	{ "nested", "{\"alg\":\"HS256\",\"x\":{}}", ERR_SYNTAX },
	{ "an array", "{\"alg\":\"HS256\",\"x\":[]}", ERR_SYNTAX },
	{ "a number", "{\"alg\":\"HS256\",\"x\":1}", ERR_SYNTAX },
	{ "a number as kid", "{\"alg\":\"HS256\",\"kid\":1}", ERR_SYNTAX },
	{ "null as kid", "{\"alg\":\"HS256\",\"kid\":null}", ERR_SYNTAX },
	{ "false as typ", "{\"alg\":\"HS256\",\"typ\":false}", ERR_SYNTAX },
	{ "deeply nested", "{\"alg\":\"HS256\",\"x\":"
	  "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", ERR_SYNTAX },
	{ "a kid of 256", "{\"alg\":\"HS256\",\"kid\":\"" KID_255 "5\"}",
	  ERR_LIMIT },
	{ "a line end in the kid", "{\"alg\":\"HS256\",\"kid\":\"a\\nb\"}",
	  ERR_SYNTAX },
	{ "a raw line end in it", "{\"alg\":\"HS256\",\"kid\":\"a\nb\"}",
	  ERR_SYNTAX },
	{ "NUL in the kid", "{\"alg\":\"HS256\",\"kid\":\"a\\u0000b\"}",
	  ERR_SYNTAX },
	{ "DEL in the kid", "{\"alg\":\"HS256\",\"kid\":\"a\\u007fb\"}",
	  ERR_SYNTAX },
	{ "C1 in the kid", "{\"alg\":\"HS256\",\"kid\":\"a\\u009bb\"}",
	  ERR_SYNTAX },
	{ "half a surrogate", "{\"alg\":\"HS256\",\"kid\":\"\\ud800\"}",
	  ERR_SYNTAX },
	{ "no UTF-8", "{\"alg\":\"HS256\",\"kid\":\"\xc0\xaf\"}", ERR_SYNTAX },
	{ "a BOM", "\xef\xbb\xbf{\"alg\":\"HS256\"}", ERR_SYNTAX },
	{ "UTF-16", "{\0\"\0", ERR_SYNTAX },
	{ "no member's name", "{\"alg\":\"HS256\",\"\":\"x\"}", ERR_SYNTAX },
	{ "an array around it", "[{\"alg\":\"HS256\"}]", ERR_SYNTAX },
	{ "a string", "\"alg\"", ERR_SYNTAX },
	{ "an end too early", "{\"alg\":\"HS256\"", ERR_SYNTAX },
	{ "more behind it", "{\"alg\":\"HS256\"}{}", ERR_SYNTAX },
	{ "a comma too many", "{\"alg\":\"HS256\",}", ERR_SYNTAX },
	{ "single quotes", "{'alg':'HS256'}", ERR_SYNTAX },
	{ "a comment", "{\"alg\":\"HS256\"/**/}", ERR_SYNTAX },
};

START_TEST(a_header_says_what_it_may)
{
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	enum err err = check(key, hand_made(str_from(headers[_i].header),
					    STR(PAYLOAD)));

	ck_assert_msg(err == headers[_i].err, "%s: %s, not %s",
		      headers[_i].what, err_text(err),
		      err_text(headers[_i].err));
	jws_key_free(key);
}
END_TEST

START_TEST(a_header_has_its_length)
{
	static const char begin[] = "{\"alg\":\"HS256\"";
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	char header[JWS_HEADER_MAX + 1];

	for (size_t len = JWS_HEADER_MAX; len <= sizeof(header); len++) {
		memset(header, ' ', sizeof(header));
		memcpy(header, begin, sizeof(begin) - 1);
		header[len - 1] = '}';
		ck_assert_int_eq(check(key, hand_made((struct str){ header,
								    len },
						      STR("{}"))),
				 len > JWS_HEADER_MAX ? ERR_LIMIT : ERR_OK);
	}
	jws_key_free(key);
}
END_TEST

/* ---- texts -------------------------------------------------------------- */

/* H, P, S: the parts of a good text; anything else stands as it is. */
static const struct {
	const char *what, *shape;
	enum err err;
} shapes[] = {
	{ "whole", "H.P.S", ERR_OK },
	{ "nothing", "", ERR_SYNTAX },
	{ "a dot", ".", ERR_SYNTAX },
	{ "two dots", "..", ERR_SYNTAX },
	{ "one part", "H", ERR_SYNTAX },
	{ "two parts", "H.P", ERR_SYNTAX },
	{ "four parts", "H.P.S.S", ERR_SYNTAX },
	{ "five parts", "H.P.S.H.P", ERR_SYNTAX },
	{ "a dot in front", ".H.P.S", ERR_SYNTAX },
	{ "a dot behind", "H.P.S.", ERR_SYNTAX },
	{ "no header", ".P.S", ERR_SYNTAX },
	{ "no payload", "H..S", ERR_AUTH },
	{ "no signature", "H.P.", ERR_AUTH },
	{ "nothing but a header", "H..", ERR_AUTH },
	{ "the payload as signature", "H.P.P", ERR_AUTH },
	{ "the signature twice", "H.P.SS", ERR_SYNTAX },
	{ "padding", "H.P.S=", ERR_SYNTAX },
	{ "padding of the header", "H=.P.S", ERR_SYNTAX },
	{ "padding of the payload", "H.P==.S", ERR_SYNTAX },
	{ "escaped padding", "H.P.S%3D", ERR_SYNTAX },
	{ "a line end behind", "H.P.S\n", ERR_SYNTAX },
	{ "a line end within", "H.P\n.S", ERR_SYNTAX },
	{ "a space in front", " H.P.S", ERR_SYNTAX },
	{ "a space behind", "H.P.S ", ERR_SYNTAX },
	{ "a space within", "H. P.S", ERR_SYNTAX },
	{ "plus", "H.P+++.S", ERR_SYNTAX },
	{ "slash", "H.P///.S", ERR_SYNTAX },
	{ "quotes", "\"H.P.S\"", ERR_SYNTAX },
	{ "a scheme", "Bearer H.P.S", ERR_SYNTAX },
	{ "the JSON serialization",
	  "{\"protected\":\"H\",\"payload\":\"P\",\"signature\":\"S\"}",
	  ERR_SYNTAX },
	{ "high octets", "H.P\xc3\xa9.S", ERR_SYNTAX },
	{ "a payload with more", "H.PAAAA.S", ERR_AUTH },
	{ "a header with more", "HAAAA.P.S", ERR_SYNTAX },
	{ "a signature with more", "H.P.AAAAS", ERR_AUTH },
};

static struct str shaped(const char *shape, struct str text)
{
	struct str rest = text, parts[3];
	struct buf out;

	for (int i = 0; i < 3; i++)
		parts[i] = str_cut(rest, '.', &rest);
	buf_init_pool(&out, pool, JWS_MAX);
	/* "Bearer" has none of the three letters; "JSON" has none either way */
	for (; *shape; shape++) {
		const char *which = strchr("HPS", *shape);

		if (which)
			buf_adds(&out, parts[which - "HPS"]);
		else
			buf_addc(&out, *shape);
	}
	ck_assert(buf_is_ok(&out));
	return buf_str(&out);
}

START_TEST(a_text_has_its_shape)
{
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	struct str text = hand_made(STR("{\"alg\":\"HS256\"}"), STR(PAYLOAD));
	enum err err = check(key, shaped(shapes[_i].shape, text));

	ck_assert_msg(err == shapes[_i].err, "%s: %s, not %s",
		      shapes[_i].what, err_text(err),
		      err_text(shapes[_i].err));
	jws_key_free(key);
}
END_TEST

/* Octets 0 and bits that nothing reads: where a part can be spelled twice. */
START_TEST(a_part_has_one_spelling)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				       "mnopqrstuvwxyz0123456789-_";
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	struct str text = hand_made(STR("{\"alg\":\"HS256\"}"), STR("{}"));
	char *other = pool_strndup(pool, text.ptr, text.len);
	size_t ends[3] = { (size_t)str_find(text, '.') - 1, 0, text.len - 1 };
	unsigned twins = 0;

	ends[1] = ends[0] + 1 + BASE64URL_LEN(2);
	ck_assert_int_eq(text.ptr[ends[1] + 1], '.');
	for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
		for (const char *c = alphabet; *c; c++) {
			enum err err;

			other[ends[i]] = *c;
			err = check(key, (struct str){ other, text.len });
			ck_assert_int_eq(err == ERR_OK,
					 *c == text.ptr[ends[i]]);
			twins += err == ERR_SYNTAX;
		}
		other[ends[i]] = text.ptr[ends[i]];
	}
	ck_assert_uint_gt(twins, 64);
	jws_key_free(key);
}
END_TEST

START_TEST(a_text_has_its_length)
{
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	char payload[JWS_MAX];
	struct str text = STR("");
	size_t len = 6000;

	memset(payload, 'p', sizeof(payload));
	for (; text.len <= JWS_MAX; len++) {
		text = hand_made(STR("{\"alg\":\"HS256\"}"),
				 (struct str){ payload, len });
		ck_assert_int_eq(check(key, text),
				 text.len > JWS_MAX ? ERR_LIMIT : ERR_OK);
		pool_reset(pool);
	}
	ck_assert_uint_le(text.len, JWS_MAX + 2);
	/* To the octet: in a text of that length even the dots may lack. */
	memset(payload, 'A', sizeof(payload));
	ck_assert_int_eq(check(key, (struct str){ payload, JWS_MAX }),
			 ERR_SYNTAX);
	jws_key_free(key);
}
END_TEST

START_TEST(a_signature_has_its_length)
{
	uint8_t signature[JWS_SIGNATURE_MAX + 1] = { 0 };
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	struct str text = hand_made(STR("{\"alg\":\"HS256\"}"), STR("{}"));

	ck_assert_int_eq(check(key, with_signature(text, signature,
						   JWS_SIGNATURE_MAX)),
			 ERR_AUTH);
	ck_assert_int_eq(check(key, with_signature(text, signature,
						   sizeof(signature))),
			 ERR_LIMIT);
	jws_key_free(key);
}
END_TEST

START_TEST(a_text_needs_its_memory)
{
	struct str text = sign(JWS_HS256, SECRET, STR(PAYLOAD));
	enum err err = ERR_NOMEM;
	unsigned failures = 0;

	for (size_t limit = 0; err; limit += 16) {
		struct pool *small = pool_new(limit);
		struct jws jws;

		ck_assert_ptr_nonnull(small);
		err = jws_parse(text, small, &jws);
		ck_assert(err == ERR_OK || err == ERR_NOMEM);
		failures += err == ERR_NOMEM;
		pool_free(small);
	}
	ck_assert_uint_gt(failures, 3);
}
END_TEST

/* ---- signatures --------------------------------------------------------- */

#define N256 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define N256_1 \
	"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ALL_ONES \
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"

/* NULL: as in the good one. */
static const struct {
	const char *r, *s;
} numbers[] = {
	{ ZERO, NULL }, { NULL, ZERO }, { ZERO, ZERO }, { ONE, ONE },
	{ N256, NULL }, { NULL, N256 }, { N256, N256 }, { N256_1, NULL },
	{ NULL, N256_1 }, { N256_1, N256_1 }, { ALL_ONES, NULL },
	{ NULL, ALL_ONES }, { ALL_ONES, ALL_ONES }, { ZERO, ONE },
	{ ONE, ZERO },
};

START_TEST(es256_numbers_are_in_range)
{
	struct jws_key *key = key_of(JWS_ES256, JWS_EC_PUBLIC);
	struct str text = sign(JWS_ES256, JWS_EC_PRIVATE, STR(PAYLOAD));
	uint8_t good[64], raw[64];

	signature_of(text, good, sizeof(good));
	for (size_t i = 0; i < N_ELEMENTS(numbers); i++) {
		memcpy(raw, good, sizeof(raw));
		if (numbers[i].r)
			unit_hex(numbers[i].r, raw, 32);
		if (numbers[i].s)
			unit_hex(numbers[i].s, raw + 32, 32);
		ck_assert_int_eq(check(key, with_signature(text, raw, 64)),
				 ERR_AUTH);
	}
	jws_key_free(key);
}
END_TEST

/* (r, n - s) is as good as (r, s): so nothing may be known by a signature. */
START_TEST(es256_has_twins)
{
	struct jws_key *key = key_of(JWS_ES256, JWS_EC_PUBLIC);
	struct str text = sign(JWS_ES256, JWS_EC_PRIVATE, STR(PAYLOAD));
	BIGNUM *n = NULL, *s;
	uint8_t raw[64];

	signature_of(text, raw, sizeof(raw));
	s = BN_bin2bn(raw + 32, 32, NULL);
	ck_assert_int_gt(BN_hex2bn(&n, N256), 0);
	ck_assert(s && BN_sub(s, n, s));
	ck_assert_int_eq(BN_bn2binpad(s, raw + 32, 32), 32);
	ck_assert_int_eq(check(key, with_signature(text, raw, 64)), 0);
	BN_free(n);
	BN_free(s);
	jws_key_free(key);
}
END_TEST

/* Numbers that begin with zeros, or with a bit that DER takes for a sign: of
 * so many signatures each kind comes. */
START_TEST(es256_numbers_of_any_size)
{
	struct jws_key *key = key_of(JWS_ES256, JWS_EC_PUBLIC);
	unsigned high = 0, low = 0, zero = 0;

	for (unsigned i = 0; !zero || !high || !low; i++) {
		struct str text = sign(JWS_ES256, JWS_EC_PRIVATE, STR("{}"));
		uint8_t raw[64];

		signature_of(text, raw, sizeof(raw));
		high += raw[0] >= 0x80;
		low += raw[0] < 0x80;
		zero += raw[0] == 0 || raw[32] == 0;
		ck_assert_int_eq(check(key, text), 0);
		ck_assert_uint_lt(i, 20000);
		pool_reset(pool);
	}
	jws_key_free(key);
}
END_TEST

/* As OpenSSL makes it, and most that is built on it. */
START_TEST(es256_is_not_der)
{
	struct jws_key *key = key_of(JWS_ES256, JWS_EC_PUBLIC);
	struct str text = sign(JWS_ES256, JWS_EC_PRIVATE, STR(PAYLOAD));
	uint8_t raw[64], der[72] = { 0x30, 0 };
	size_t len = 2;

	signature_of(text, raw, sizeof(raw));
	for (int i = 0; i < 2; i++) {
		const uint8_t *number = raw + 32 * i;
		bool has_sign = number[0] & 0x80;

		der[len++] = 2;
		der[len++] = (uint8_t)(32 + has_sign);
		if (has_sign)
			der[len++] = 0;
		memcpy(der + len, number, 32);
		len += 32;
	}
	der[1] = (uint8_t)(len - 2);
	ck_assert_int_eq(check(key, with_signature(text, der, len)), ERR_AUTH);
	jws_key_free(key);
}
END_TEST

/* One octet less or more, in front or behind: of every algorithm. */
START_TEST(a_signature_is_of_its_algorithms_length)
{
	enum jws_algorithm algorithm = (enum jws_algorithm)_i;
	static const size_t sizes[] = { 32, 256, 64, 64 };
	struct jws_key *key = key_of(algorithm, pairs[_i].public);
	struct str text = sign(algorithm, pairs[_i].private, STR(PAYLOAD));
	size_t size = sizes[_i];
	uint8_t padded[2 + 256] = { 0 };

	signature_of(text, padded + 1, size);
	ck_assert_int_eq(check(key, with_signature(text, padded + 1, size)),
			 0);
	for (int from = 0; from < 3; from++) {
		for (size_t len = size - 1; len <= size + 1; len++) {
			if (from == 1 && len == size)
				continue;
			if (from + len > sizeof(padded))
				continue;
			ck_assert_int_eq(check(key,
					       with_signature(text,
							      padded + from,
							      len)),
					 ERR_AUTH);
		}
	}
	ck_assert_int_eq(check(key, with_signature(text, padded, 0)),
			 ERR_AUTH);
	memset(padded, 0, sizeof(padded));
	ck_assert_int_eq(check(key, with_signature(text, padded, size)),
			 ERR_AUTH);
	memset(padded, 0xff, sizeof(padded));
	ck_assert_int_eq(check(key, with_signature(text, padded, size)),
			 ERR_AUTH);
	jws_key_free(key);
}
END_TEST

/* S + L says the same as S to who does not look (RFC 8032 section 5.1.7). */
START_TEST(ed25519_has_no_twins)
{
	struct jws_key *key = key_of(JWS_EDDSA, JWS_ED_PUBLIC);
	struct str text = sign(JWS_EDDSA, JWS_ED_PRIVATE, STR(PAYLOAD));
	uint8_t raw[64], l[32];
	unsigned carry = 0;

	unit_hex("edd3f55c1a631258d69cf7a2def9de14"
		 "00000000000000000000000000000010", l, sizeof(l));
	signature_of(text, raw, sizeof(raw));
	for (int i = 0; i < 32; i++) {
		carry += raw[32 + i] + l[i];
		raw[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ck_assert_uint_eq(carry, 0);
	ck_assert_int_eq(check(key, with_signature(text, raw, 64)), ERR_AUTH);
	jws_key_free(key);
}
END_TEST

/* Who has only the public key makes it a secret (RFC 8725 section 2.1). */
START_TEST(a_public_key_is_no_secret)
{
	struct jws_key *key = key_of(JWS_RS256, JWS_RSA_PUBLIC);
	uint8_t mac[DIGEST_SIZE];
	struct buf out;

	for (int i = 0; i < 2; i++) {
		buf_init_pool(&out, pool, JWS_MAX);
		base64url_add(&out, i ? "{\"alg\":\"HS256\"}" :
				    "{\"alg\":\"RS256\"}", 15);
		buf_puts(&out, ".e30");
		ck_assert_int_eq(digest_hmac_sha256(JWS_RSA_PUBLIC,
						    strlen(JWS_RSA_PUBLIC),
						    out.ptr, out.len, mac), 0);
		buf_addc(&out, '.');
		base64url_add(&out, mac, sizeof(mac));
		ck_assert_int_eq(check(key, buf_str(&out)),
				 i ? ERR_UNSUPPORTED : ERR_AUTH);
	}
	jws_key_free(key);
}
END_TEST

/* ---- keys --------------------------------------------------------------- */

#define SECRET_31 "0123456789012345678901234567890"

static const struct {
	const char *what;
	enum jws_algorithm algorithm;
	const char *text;
	enum err err;
} keys[] = {
	{ "secret of 32", JWS_HS256, SECRET_31 "1", ERR_OK },
	{ "secret of 31", JWS_HS256, SECRET_31, ERR_RANGE },
	{ "no secret", JWS_HS256, "", ERR_RANGE },
	{ "public key as secret", JWS_HS256, JWS_RSA_PUBLIC, ERR_SYNTAX },
	{ "private key as secret", JWS_HS256, JWS_EC_PRIVATE, ERR_SYNTAX },
	{ "certificate as secret", JWS_HS256, JWS_EC_CERTIFICATE, ERR_SYNTAX },
	{ "PEM behind a secret", JWS_HS256, SECRET "\n" JWS_ED_PUBLIC,
	  ERR_SYNTAX },

	{ "RSA", JWS_RS256, JWS_RSA_PUBLIC, ERR_OK },
	{ "a line before it", JWS_RS256, "ours\n" JWS_RSA_PUBLIC, ERR_OK },
	{ "P-256", JWS_ES256, JWS_EC_PUBLIC, ERR_OK },
	{ "certificate", JWS_ES256, JWS_EC_CERTIFICATE, ERR_OK },
	{ "Ed25519", JWS_EDDSA, JWS_ED_PUBLIC, ERR_OK },

	{ "nothing", JWS_RS256, "", ERR_SYNTAX },
	{ "a secret", JWS_RS256, SECRET, ERR_SYNTAX },
	{ "a JWK", JWS_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	  "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", ERR_SYNTAX },
	{ "a beginning", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\n",
	  ERR_SYNTAX },
	{ "nothing within", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\n"
	  "-----END PUBLIC KEY-----\n", ERR_SYNTAX },
	{ "not base64", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\n!!!!\n"
	  "-----END PUBLIC KEY-----\n", ERR_SYNTAX },
	{ "not DER", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\nAAAA\n"
	  "-----END PUBLIC KEY-----\n", ERR_SYNTAX },
	{ "another end", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\nAAAA\n"
	  "-----END CERTIFICATE-----\n", ERR_SYNTAX },
	{ "a header of its own", JWS_EDDSA, "-----BEGIN PUBLIC KEY-----\n"
	  "Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0011223344556677\n\n"
	  "AAAA\n-----END PUBLIC KEY-----\n", ERR_SYNTAX },
	{ "two keys", JWS_ES256, JWS_EC_PUBLIC RFC7515_A3_PUBLIC, ERR_SYNTAX },
	{ "an octet behind DER", JWS_RS256, JWS_RSA_TRAILING, ERR_SYNTAX },
	{ "RSA in PKCS #1", JWS_RS256, JWS_RSA_PKCS1_PUBLIC, ERR_SYNTAX },
	{ "P-256 beside the curve", JWS_ES256, JWS_EC_OFF_CURVE, ERR_SYNTAX },

	{ "private RSA", JWS_RS256, JWS_RSA_PRIVATE, ERR_AUTH },
	{ "private RSA in PKCS #1", JWS_RS256, JWS_RSA_PKCS1_PRIVATE,
	  ERR_AUTH },
	{ "private P-256", JWS_ES256, JWS_EC_PRIVATE, ERR_AUTH },
	{ "private P-256 of SEC 1", JWS_ES256, JWS_EC_SEC1_PRIVATE, ERR_AUTH },
	{ "private, encrypted", JWS_ES256, JWS_EC_ENCRYPTED, ERR_AUTH },
	{ "private Ed25519", JWS_EDDSA, JWS_ED_PRIVATE, ERR_AUTH },
	{ "both halves", JWS_EDDSA, JWS_ED_PUBLIC JWS_ED_PRIVATE, ERR_AUTH },

	{ "P-256 for RS256", JWS_RS256, JWS_EC_PUBLIC, ERR_UNSUPPORTED },
	{ "Ed25519 for RS256", JWS_RS256, JWS_ED_PUBLIC, ERR_UNSUPPORTED },
	{ "RSA-PSS for RS256", JWS_RS256, JWS_RSA_PSS, ERR_UNSUPPORTED },
	{ "RSA for ES256", JWS_ES256, JWS_RSA_PUBLIC, ERR_UNSUPPORTED },
	{ "P-384 for ES256", JWS_ES256, JWS_P384, ERR_UNSUPPORTED },
	{ "secp256k1 for ES256", JWS_ES256, JWS_SECP256K1, ERR_UNSUPPORTED },
	{ "P-256, spelled out", JWS_ES256, JWS_EC_EXPLICIT, ERR_UNSUPPORTED },
	{ "Ed448 for EdDSA", JWS_EDDSA, JWS_ED448, ERR_UNSUPPORTED },
	{ "P-256 for EdDSA", JWS_EDDSA, JWS_EC_PUBLIC, ERR_UNSUPPORTED },

	{ "RSA of 1024", JWS_RS256, JWS_RSA_1024, ERR_RANGE },
	{ "RSA of 2047", JWS_RS256, JWS_RSA_2047, ERR_RANGE },
	{ "RSA of 8193", JWS_RS256, JWS_RSA_8193, ERR_RANGE },
	{ "RSA, e = 1", JWS_RS256, JWS_RSA_E1, ERR_RANGE },
	{ "RSA, e even", JWS_RS256, JWS_RSA_EVEN, ERR_RANGE },
	{ "RSA, e of 65 bits", JWS_RS256, JWS_RSA_E65, ERR_RANGE },
	{ "P-256 at infinity", JWS_ES256, JWS_EC_INFINITY, ERR_RANGE },
};

START_TEST(a_key_is_of_its_algorithm)
{
	struct jws_key *key = NULL;
	enum err err = jws_key_new(keys[_i].algorithm, str_from(keys[_i].text),
				   &key);

	ck_assert_msg(err == keys[_i].err, "%s: %s, not %s", keys[_i].what,
		      err_text(err), err_text(keys[_i].err));
	ck_assert_int_eq(err == ERR_OK, key != NULL);
	jws_key_free(key);
}
END_TEST

START_TEST(a_key_has_its_length)
{
	char *text = pool_alloc(pool, JWS_KEY_TEXT_MAX + 1);
	struct jws_key *key = NULL;

	memset(text, '\n', JWS_KEY_TEXT_MAX + 1);
	ck_assert_int_eq(jws_key_new(JWS_HS256,
				     (struct str){ text, JWS_KEY_TEXT_MAX },
				     &key), 0);
	jws_key_free(key);
	memcpy(text, JWS_ED_PUBLIC, strlen(JWS_ED_PUBLIC));
	ck_assert_int_eq(jws_key_new(JWS_EDDSA,
				     (struct str){ text, JWS_KEY_TEXT_MAX },
				     &key), 0);
	jws_key_free(key);
	key = NULL;
	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++)
		ck_assert_int_eq(jws_key_new((enum jws_algorithm)i,
					     (struct str){
						text, JWS_KEY_TEXT_MAX + 1 },
					     &key), ERR_LIMIT);
	ck_assert_ptr_null(key);
}
END_TEST

/* Line ends of Windows, and none behind the last line. */
START_TEST(a_pem_may_have_any_line_ends)
{
	struct str pem = STR(JWS_EC_PUBLIC);
	struct jws_key *key = NULL;
	struct buf text;

	buf_init_pool(&text, pool, JWS_KEY_TEXT_MAX);
	for (size_t i = 0; i < pem.len; i++) {
		if (pem.ptr[i] == '\n')
			buf_addc(&text, '\r');
		buf_addc(&text, pem.ptr[i]);
	}
	ck_assert_int_eq(jws_key_new(JWS_ES256, buf_str(&text), &key), 0);
	jws_key_free(key);
	pem.len--;
	ck_assert_int_eq(jws_key_new(JWS_ES256, pem, &key), 0);
	jws_key_free(key);
	jws_key_free(NULL);
}
END_TEST

/* ---- making ------------------------------------------------------------- */

static const struct {
	const char *what;
	enum jws_algorithm algorithm;
	const char *key;
	enum err err;
} signers[] = {
	{ "RSA in PKCS #1", JWS_RS256, JWS_RSA_PKCS1_PRIVATE, ERR_OK },
	{ "P-256 of SEC 1", JWS_ES256, JWS_EC_SEC1_PRIVATE, ERR_OK },
	{ "secret of 31", JWS_HS256, SECRET_31, ERR_RANGE },
	{ "PEM as secret", JWS_HS256, JWS_EC_PRIVATE, ERR_SYNTAX },
	{ "public RSA", JWS_RS256, JWS_RSA_PUBLIC, ERR_AUTH },
	{ "certificate", JWS_ES256, JWS_EC_CERTIFICATE, ERR_AUTH },
	{ "a passphrase", JWS_ES256, JWS_EC_ENCRYPTED, ERR_AUTH },
	{ "a secret", JWS_EDDSA, SECRET, ERR_SYNTAX },
	{ "P-256 for EdDSA", JWS_EDDSA, JWS_EC_PRIVATE, ERR_UNSUPPORTED },
	{ "RSA for ES256", JWS_ES256, JWS_RSA_PRIVATE, ERR_UNSUPPORTED },
};

START_TEST(who_signs_has_the_key_for_it)
{
	struct buf out;
	enum err err;

	buf_init_pool(&out, pool, JWS_MAX);
	err = jws_sign(signers[_i].algorithm, str_from(signers[_i].key),
		       STR_NULL, STR(PAYLOAD), &out);
	ck_assert_msg(err == signers[_i].err, "%s: %s, not %s",
		      signers[_i].what, err_text(err),
		      err_text(signers[_i].err));
	ck_assert_int_eq(err == ERR_OK, out.len != 0);
}
END_TEST

START_TEST(what_is_made_has_its_limits)
{
	struct jws_key *key = key_of(JWS_HS256, SECRET);
	char payload[JWS_MAX + 1], kid[JWS_KID_MAX + 1], room[64];
	struct str text;
	struct buf out;
	size_t len;
	enum err err;

	/* The longest that can be made can be read. */
	memset(payload, 'p', sizeof(payload));
	for (len = sizeof(payload); len; len--) {
		buf_init_pool(&out, pool, JWS_MAX);
		err = jws_sign(JWS_HS256, STR(SECRET), STR_NULL,
			       (struct str){ payload, len }, &out);
		text = buf_str(&out);
		if (!err)
			break;
		ck_assert_int_eq(err, ERR_LIMIT);
		ck_assert_uint_eq(text.len, 0);
		pool_reset(pool);
	}
	ck_assert_uint_gt(text.len, JWS_MAX - 3);
	ck_assert_int_eq(check(key, text), 0);

	memset(kid, '"', sizeof(kid));
	ck_assert_int_eq(jws_sign(JWS_HS256, STR(SECRET),
				  (struct str){ kid, sizeof(kid) }, STR("{}"),
				  &out), ERR_LIMIT);
	buf_init_pool(&out, pool, JWS_MAX);
	ck_assert_int_eq(jws_sign(JWS_HS256, STR(SECRET),
				  (struct str){ kid, JWS_KID_MAX }, STR("{}"),
				  &out), 0);
	ck_assert_int_eq(check(key, buf_str(&out)), 0);
	/* Escaped, these are six octets each. */
	memset(kid, '\1', sizeof(kid));
	ck_assert_int_eq(jws_sign(JWS_HS256, STR(SECRET),
				  (struct str){ kid, JWS_KID_MAX }, STR("{}"),
				  &out), ERR_LIMIT);
	buf_init_fixed(&out, room, sizeof(room));
	ck_assert_int_eq(jws_sign(JWS_HS256, STR(SECRET), STR_NULL, STR("{}"),
				  &out), ERR_LIMIT);
	ck_assert_uint_eq(out.len, 0);
	jws_key_free(key);
}
END_TEST

/* ---- several at once ---------------------------------------------------- */

#define THREADS 4
#define TIMES 200

struct shared {
	const struct jws_key *key;
	struct jws good, bad;
	unsigned wrong[THREADS];
};

struct one {
	struct shared *shared;
	unsigned *wrong;
};

static void *verify_often(void *arg)
{
	struct one *one = arg;

	for (int i = 0; i < TIMES; i++) {
		*one->wrong += jws_verify(one->shared->key,
					  &one->shared->good) != ERR_OK;
		*one->wrong += jws_verify(one->shared->key,
					  &one->shared->bad) != ERR_AUTH;
	}
	return NULL;
}

START_TEST(a_key_serves_many_at_once)
{
	enum jws_algorithm algorithm = (enum jws_algorithm)_i;
	struct jws_key *key = key_of(algorithm, pairs[_i].public);
	struct shared shared = { .key = key };
	struct one each[THREADS];
	pthread_t threads[THREADS];

	ck_assert_int_eq(parse(sign(algorithm, pairs[_i].private,
				    STR(PAYLOAD)), &shared.good), 0);
	shared.bad = shared.good;
	shared.bad.signing_input.len--;
	for (int i = 0; i < THREADS; i++) {
		each[i] = (struct one){ &shared, &shared.wrong[i] };
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						verify_often, &each[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(shared.wrong[i], 0);
	}
	jws_key_free(key);
}
END_TEST

static void jws_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, what_the_rfcs_signed_holds, 0,
			    N_ELEMENTS(vectors));
	tcase_add_test(tc, algorithms_are_named_to_the_letter);
	tcase_add_loop_test(tc, what_is_signed_here_holds, 0,
			    JWS_ALGORITHM_COUNT);
	tcase_add_loop_test(tc, no_bit_may_flip, 0, JWS_ALGORITHM_COUNT);
	tcase_add_test(tc, a_key_of_another_is_no_key);
	tcase_add_test(tc, another_key_of_its_kind_does_not_do);
	tcase_add_loop_test(tc, a_header_says_what_it_may, 0,
			    N_ELEMENTS(headers));
	tcase_add_test(tc, a_header_has_its_length);
	tcase_add_loop_test(tc, a_text_has_its_shape, 0, N_ELEMENTS(shapes));
	tcase_add_test(tc, a_part_has_one_spelling);
	tcase_add_test(tc, a_text_has_its_length);
	tcase_add_test(tc, a_signature_has_its_length);
	tcase_add_test(tc, a_text_needs_its_memory);
	tcase_add_test(tc, es256_numbers_are_in_range);
	tcase_add_test(tc, es256_has_twins);
	tcase_add_test(tc, es256_numbers_of_any_size);
	tcase_add_test(tc, es256_is_not_der);
	tcase_add_loop_test(tc, a_signature_is_of_its_algorithms_length, 0,
			    JWS_ALGORITHM_COUNT);
	tcase_add_test(tc, ed25519_has_no_twins);
	tcase_add_test(tc, a_public_key_is_no_secret);
	tcase_add_loop_test(tc, a_key_is_of_its_algorithm, 0,
			    N_ELEMENTS(keys));
	tcase_add_test(tc, a_key_has_its_length);
	tcase_add_test(tc, a_pem_may_have_any_line_ends);
	tcase_add_loop_test(tc, who_signs_has_the_key_for_it, 0,
			    N_ELEMENTS(signers));
	tcase_add_test(tc, what_is_made_has_its_limits);
	tcase_add_loop_test(tc, a_key_serves_many_at_once, 0,
			    JWS_ALGORITHM_COUNT);
}

UNIT_MAIN("jws", jws_tests)
