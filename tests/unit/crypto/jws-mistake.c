/* What went wrong where a text was signed: each usual mistake is made, and
 * found. */
#include "unit/unit.h"

#include <openssl/ecdsa.h>

#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/jws-mistake.h"
#include "unit/crypto/jws-keys.h"

/* Base64 and hexadecimal both, so that it has each of its spellings. */
#define SECRET "00112233445566778899aabbccddeeff"

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

static struct jws_key *key_of(enum jws_algorithm algorithm, struct str text)
{
	struct jws_key *key = NULL;

	ck_assert_int_eq(jws_key_new(algorithm, text, &key), 0);
	return key;
}

static struct jws text_of(const char *header, const void *signature,
			  size_t len)
{
	struct buf out;
	struct jws jws;

	buf_init_pool(&out, pool, JWS_MAX);
	base64url_add(&out, header, strlen(header));
	buf_puts(&out, ".e30.");
	base64url_add(&out, signature, len);
	ck_assert_int_eq(jws_parse(buf_str(&out), pool, &jws), 0);
	return jws;
}

/* Signed with this secret, as HS256. */
static struct jws signed_with(struct str secret, uint8_t mac[DIGEST_SIZE])
{
	static const uint8_t none[DIGEST_SIZE];
	struct jws jws = text_of("{\"alg\":\"HS256\"}", none, sizeof(none));

	ck_assert_int_eq(digest_hmac_sha256(secret.ptr, secret.len,
					    jws.signing_input.ptr,
					    jws.signing_input.len, mac), 0);
	return text_of("{\"alg\":\"HS256\"}", mac, DIGEST_SIZE);
}

#define S(text) STR(text)
/* Its octets: from hexadecimal, and from base64. */
#define OF_HEX "\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
#define BINARY "\xfb\xff\xfe" "0123456789012345678901234567\n"
#define BINARY_BASE64 "+//+MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nwo="
#define BINARY_BASE64URL "-__-MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nwo"
#define BINARY_HEX							\
	"fbfffe303132333435363738393031323334353637383930313233343536"	\
	"370a"
#define BINARY_HEX_UPPER						\
	"FBFFFE303132333435363738393031323334353637383930313233343536"	\
	"370A"

static const struct {
	struct str here, there;
	enum jws_mistake mistake;
} spellings[] = {
	{ S(SECRET), S(SECRET "\n"), JWS_MISTAKE_LINE_END },
	{ S(SECRET), S(SECRET "\r\n"), JWS_MISTAKE_LINE_END },
	{ S(SECRET "\n"), S(SECRET), JWS_MISTAKE_WHITE_SPACE },
	{ S(" " SECRET "\r\n"), S(SECRET), JWS_MISTAKE_WHITE_SPACE },
	{ S(SECRET "\nthe secret of before, of some length"), S(SECRET),
	  JWS_MISTAKE_FIRST_LINE },
	{ S("the secret of before, of some length\r\n" SECRET "\n"),
	  S(SECRET), JWS_MISTAKE_LAST_LINE },
	{ S("short\n" SECRET), S("short"), JWS_MISTAKE_NONE },
	{ S(SECRET "\nshort"), S("short"), JWS_MISTAKE_NONE },
	{ S(SECRET), S(OF_HEX), JWS_MISTAKE_HEX_DECODED },
	{ S(SECRET "\n"), S(OF_HEX), JWS_MISTAKE_HEX_DECODED },
	{ S(BINARY_BASE64), S(BINARY), JWS_MISTAKE_BASE64_DECODED },
	{ S(BINARY_BASE64URL), S(BINARY), JWS_MISTAKE_BASE64_DECODED },
	{ S(BINARY), S(BINARY_BASE64), JWS_MISTAKE_BASE64_ENCODED },
	{ S(BINARY), S(BINARY_BASE64URL), JWS_MISTAKE_BASE64_ENCODED },
	{ S(BINARY), S(BINARY_HEX), JWS_MISTAKE_HEX_ENCODED },
	{ S(BINARY), S(BINARY_HEX_UPPER), JWS_MISTAKE_HEX_ENCODED },
	{ S(SECRET), S("quite another secret, of some length"),
	  JWS_MISTAKE_NONE },
	{ S(BINARY), S(""), JWS_MISTAKE_NONE },
};

START_TEST(a_secret_in_another_spelling_is_found)
{
	struct jws_key *key = key_of(JWS_HS256, spellings[_i].here);
	uint8_t mac[DIGEST_SIZE];
	struct jws jws = signed_with(spellings[_i].there, mac);

	ck_assert_int_eq(jws_verify(key, &jws), ERR_AUTH);
	ck_assert_int_eq(jws_mistake_find(key, &jws), spellings[_i].mistake);
	/* and not where one bit of it is another */
	mac[31] ^= 1;
	jws = text_of("{\"alg\":\"HS256\"}", mac, sizeof(mac));
	ck_assert_int_eq(jws_mistake_find(key, &jws), JWS_MISTAKE_NONE);
	jws_key_free(key);
}
END_TEST

START_TEST(a_signature_in_hex_is_found)
{
	struct jws_key *key = key_of(JWS_HS256, STR(SECRET));
	char hex[2 * DIGEST_SIZE + 1];
	uint8_t mac[DIGEST_SIZE];
	struct jws jws;

	signed_with(STR(SECRET), mac);
	for (int i = 0; i < DIGEST_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	jws = text_of("{\"alg\":\"HS256\"}", hex, sizeof(hex) - 1);
	ck_assert_int_eq(jws_verify(key, &jws), ERR_AUTH);
	ck_assert_int_eq(jws_mistake_find(key, &jws),
			 JWS_MISTAKE_HEX_SIGNATURE);
	/* and where the digits stand there as they are */
	ck_assert_int_eq(jws_parse(pool_printf(pool, "%.*s.%s",
				   STR_ARG(jws.signing_input), hex), pool,
				   &jws), 0);
	ck_assert_int_eq(jws_mistake_find(key, &jws),
			 JWS_MISTAKE_HEX_SIGNATURE);
	hex[0] = hex[0] == '0' ? '1' : '0';
	jws = text_of("{\"alg\":\"HS256\"}", hex, sizeof(hex) - 1);
	ck_assert_int_eq(jws_mistake_find(key, &jws), JWS_MISTAKE_NONE);
	jws_key_free(key);
}
END_TEST

START_TEST(a_public_key_as_secret_is_found)
{
	static const struct {
		enum jws_algorithm algorithm;
		struct str pem;
	} publics[] = {
		{ JWS_RS256, STR(JWS_RSA_PUBLIC) },
		{ JWS_ES256, STR(JWS_EC_PUBLIC) },
		{ JWS_EDDSA, STR(JWS_ED_PUBLIC) },
	};

	for (size_t i = 0; i < N_ELEMENTS(publics); i++) {
		struct str pem = publics[i].pem;
		struct jws_key *key = key_of(publics[i].algorithm, pem);
		uint8_t mac[DIGEST_SIZE];
		struct jws jws = signed_with(pem, mac);

		ck_assert_int_eq(jws_verify(key, &jws), ERR_UNSUPPORTED);
		ck_assert_int_eq(jws_mistake_find(key, &jws),
				 JWS_MISTAKE_PEM_SECRET);
		pem.len--;
		jws = signed_with(pem, mac);
		ck_assert_int_eq(jws_mistake_find(key, &jws),
				 JWS_MISTAKE_PEM_SECRET);
		pem.len--;
		jws = signed_with(pem, mac);
		ck_assert_int_eq(jws_mistake_find(key, &jws),
				 JWS_MISTAKE_NONE);
		jws_key_free(key);
	}
}
END_TEST

START_TEST(a_signature_in_der_is_found)
{
	struct jws_key *key = key_of(JWS_ES256, STR(JWS_EC_PUBLIC));
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	uint8_t der[80], *at = der;
	struct buf text;
	struct jws jws;
	int len;

	buf_init_pool(&text, pool, JWS_MAX);
	ck_assert_int_eq(jws_sign(JWS_ES256, STR(JWS_EC_PRIVATE), STR_NULL,
				  STR("{}"), &text), 0);
	ck_assert_int_eq(jws_parse(buf_str(&text), pool, &jws), 0);
	ck_assert_int_eq(jws_mistake_find(key, &jws), JWS_MISTAKE_NONE);
	ck_assert(ECDSA_SIG_set0(numbers,
				 BN_bin2bn((void *)jws.signature.ptr, 32, NULL),
				 BN_bin2bn((void *)(jws.signature.ptr + 32), 32,
					   NULL)));
	len = i2d_ECDSA_SIG(numbers, &at);
	jws.signature = (struct str){ (char *)der, (size_t)len };
	ck_assert_int_eq(jws_verify(key, &jws), ERR_AUTH);
	ck_assert_int_eq(jws_mistake_find(key, &jws),
			 JWS_MISTAKE_DER_SIGNATURE);
	der[len - 1] ^= 1;
	ck_assert_int_eq(jws_mistake_find(key, &jws), JWS_MISTAKE_NONE);
	ECDSA_SIG_free(numbers);
	jws_key_free(key);
}
END_TEST

START_TEST(a_secret_is_told_to_tools_only_where_there_is_one)
{
	struct jws_key *key = key_of(JWS_HS256, STR(SECRET));

	ck_str_is(jws_key_secret(key), SECRET);
	jws_key_free(key);
	key = key_of(JWS_EDDSA, STR(JWS_ED_PUBLIC));
	ck_assert(str_is_null(jws_key_secret(key)));
	jws_key_free(key);
}
END_TEST

#define HEAD "eyJhbGciOiJIUzI1NiJ9"
#define GOOD HEAD ".e30.AAAA"

static const struct {
	struct str text;
	enum jws_mistake mistake;
} forms[] = {
	{ S("Bearer " GOOD), JWS_MISTAKE_BEARER },
	{ S("bearer " GOOD), JWS_MISTAKE_BEARER },
	{ S("\"" GOOD "\""), JWS_MISTAKE_QUOTES },
	{ S("'" GOOD "'"), JWS_MISTAKE_QUOTES },
	{ S("{\"email\":\"x@example.com\"}"), JWS_MISTAKE_JSON },
	{ S("[\"" GOOD "\"]"), JWS_MISTAKE_JSON },
	{ S("undefined"), JWS_MISTAKE_WORD },
	{ S("[object Promise]"), JWS_MISTAKE_WORD },
	{ S("{{ assertion }}"), JWS_MISTAKE_TEMPLATE },
	{ S("{!! $jwt !!}"), JWS_MISTAKE_TEMPLATE },
	{ S(HEAD "%2Ee30%2EAAAA"), JWS_MISTAKE_PERCENT },
	{ S(HEAD ".e30.AA\nAA"), JWS_MISTAKE_LINES },
	{ S(HEAD ".e30.AA AA"), JWS_MISTAKE_LINES },
	{ S(HEAD ".e30=.AAAA"), JWS_MISTAKE_PADDING },
	{ S(HEAD ".e30.AA+A"), JWS_MISTAKE_ALPHABET },
	{ S(HEAD ".e30.AA/A"), JWS_MISTAKE_ALPHABET },
	{ S(HEAD ".e30.AAAA.AAAA.AAAA"), JWS_MISTAKE_ENCRYPTED },
	{ S(HEAD), JWS_MISTAKE_CUT_OFF },
	{ S(HEAD ".e30"), JWS_MISTAKE_CUT_OFF },
	{ S(HEAD ".e30.AAAAA"), JWS_MISTAKE_CUT_OFF },
	{ S(HEAD ".e30.AAB"), JWS_MISTAKE_CUT_OFF },
	{ S("e30.e30.AAAA"), JWS_MISTAKE_HEADER },
	{ S("eyJhIjpbXX0.e30.AAAA"), JWS_MISTAKE_HEADER },
	{ S(HEAD ".e30.AA!A"), JWS_MISTAKE_NONE },
	{ S(HEAD ".e30.AAAA.AAAA"), JWS_MISTAKE_NONE },
	{ S("'"), JWS_MISTAKE_NONE },
};

START_TEST(what_is_no_token_is_named)
{
	struct jws jws;

	ck_assert_int_eq(jws_parse(STR(GOOD), pool, &jws), ERR_OK);
	ck_assert_int_eq(jws_parse(forms[_i].text, pool, &jws), ERR_SYNTAX);
	ck_assert_int_eq(jws_mistake_form(forms[_i].text), forms[_i].mistake);
}
END_TEST

START_TEST(each_has_a_name_and_a_text)
{
	for (int i = 0; i < JWS_MISTAKE_COUNT; i++) {
		ck_assert_ptr_nonnull(jws_mistake_name((enum jws_mistake)i));
		ck_assert_ptr_nonnull(jws_mistake_text((enum jws_mistake)i));
	}
}
END_TEST

static void jws_mistake_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_secret_in_another_spelling_is_found, 0,
			    N_ELEMENTS(spellings));
	tcase_add_test(tc, a_signature_in_hex_is_found);
	tcase_add_test(tc, a_public_key_as_secret_is_found);
	tcase_add_test(tc, a_signature_in_der_is_found);
	tcase_add_test(tc, a_secret_is_told_to_tools_only_where_there_is_one);
	tcase_add_loop_test(tc, what_is_no_token_is_named, 0,
			    N_ELEMENTS(forms));
	tcase_add_test(tc, each_has_a_name_and_a_text);
}

UNIT_MAIN("jws-mistake", jws_mistake_tests)
