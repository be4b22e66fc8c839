/* Keys of signed texts: read, judged, prepared; and verifying with them. */
#include "crypto/jws-private.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/banned.h"
#include "crypto/context-private.h"
#include "crypto/digest.h"

#define ED25519_SIZE 64
#define PEM_BEGIN STR("-----BEGIN ")
#define PEM_PRIVATE STR("PRIVATE KEY-----")

bool jws_text_has(struct str text, struct str what)
{
	return text.len && memmem(text.ptr, text.len, what.ptr, what.len);
}

const char *jws_digest_name(enum jws_algorithm algorithm)
{
	return algorithm == JWS_EDDSA ? NULL : "SHA256";
}

/* ---- is it a key for the algorithm? ------------------------------------- */

enum err jws_secret_check(struct str text)
{
	if (text.len > JWS_KEY_TEXT_MAX)
		return ERR_LIMIT;
	/* Everybody has a public key: as a secret it would let anybody sign. */
	if (jws_text_has(text, PEM_BEGIN))
		return ERR_SYNTAX;
	return text.len < JWS_SECRET_MIN ? ERR_RANGE : ERR_OK;
}

static enum err check_rsa(const EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);
	BIGNUM *e = NULL;
	enum err err = ERR_OK;

	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e))
		return ERR_INTERNAL;
	if (bits < JWS_RSA_MIN || bits > JWS_RSA_MAX ||
	    BN_num_bits(e) > JWS_RSA_EXPONENT_MAX)
		err = ERR_RANGE;
	BN_free(e);
	return err;
}

static enum err check_ec(const EVP_PKEY *pkey)
{
	int is_spelled_out;
	char group[32];
	size_t len;

	/* RFC 5480 section 2.1.1: a curve is named. */
	if (!EVP_PKEY_get_int_param(
		    pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		    &is_spelled_out) || is_spelled_out ||
	    !EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) ||
	    strcmp(group, "prime256v1"))
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

enum err jws_pkey_check(enum jws_algorithm algorithm, const EVP_PKEY *pkey)
{
	static const char *const kinds[JWS_ALGORITHM_COUNT] = {
		[JWS_RS256] = "RSA", [JWS_ES256] = "EC",
		[JWS_EDDSA] = "ED25519",
	};

	if (!EVP_PKEY_is_a(pkey, kinds[algorithm]))
		return ERR_UNSUPPORTED;
	if (algorithm == JWS_RS256)
		return check_rsa(pkey);
	return algorithm == JWS_ES256 ? check_ec(pkey) : ERR_OK;
}

/* ---- reading one -------------------------------------------------------- */

static EVP_PKEY *read_certificate(const unsigned char **at, long len)
{
	X509 *certificate = d2i_X509(NULL, at, len);
	EVP_PKEY *pkey = certificate ? X509_get_pubkey(certificate) : NULL;

	X509_free(certificate);
	return pkey;
}

/* NULL: there is none. */
static EVP_PKEY *read_public(struct str text)
{
	BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const unsigned char *at;
	EVP_PKEY *pkey = NULL;
	long len;

	if (!bio || PEM_read_bio(bio, &name, &header, &der, &len) <= 0)
		goto out;
	at = der;
	if (!strcmp(name, PEM_STRING_PUBLIC))
		pkey = d2i_PUBKEY(NULL, &at, len);
	else if (!strcmp(name, PEM_STRING_X509))
		pkey = read_certificate(&at, len);
	if (pkey && (*header || at != der + len)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
out:
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	return pkey;
}

static bool is_one_pem(struct str text)
{
	const char *first, *end = text.ptr + text.len;

	first = text.len ? memmem(text.ptr, text.len, PEM_BEGIN.ptr,
				  PEM_BEGIN.len) : NULL;
	if (!first)
		return false;
	first += PEM_BEGIN.len;
	return !jws_text_has((struct str){ first, (size_t)(end - first) },
			     PEM_BEGIN);
}

/* An exponent of 1 and a point that is on no curve would verify anything. */
static bool is_sound(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = ctx && EVP_PKEY_public_check(ctx) > 0;

	EVP_PKEY_CTX_free(ctx);
	return sound;
}

static enum err prepare(struct jws_key *key, EVP_PKEY *pkey)
{
	key->prepared = EVP_MD_CTX_new();
	if (!key->prepared)
		return ERR_NOMEM;
	if (EVP_DigestVerifyInit_ex(key->prepared, NULL,
				    jws_digest_name(key->algorithm), NULL,
				    NULL, pkey, NULL) <= 0)
		return ERR_INTERNAL;
	return ERR_OK;
}

static enum err take_pkey(struct jws_key *key, EVP_PKEY *pkey)
{
	enum err err = jws_pkey_check(key->algorithm, pkey);

	if (!err && !is_sound(pkey))
		err = ERR_RANGE;
	if (!err)
		err = prepare(key, pkey);
	key->signature_size =
		key->algorithm == JWS_RS256 ? (size_t)EVP_PKEY_get_size(pkey) :
		key->algorithm == JWS_ES256 ? (size_t)2 * JWS_NUMBER_SIZE :
					      (size_t)ED25519_SIZE;
	return err;
}

static enum err read_pem(struct jws_key *key, struct str text)
{
	EVP_PKEY *pkey;
	enum err err;

	if (text.len > JWS_KEY_TEXT_MAX)
		return ERR_LIMIT;
	if (jws_text_has(text, PEM_PRIVATE))
		return ERR_AUTH;
	pkey = is_one_pem(text) ? read_public(text) : NULL;
	if (!pkey)
		return ERR_SYNTAX;
	err = take_pkey(key, pkey);
	EVP_PKEY_free(pkey);
	return err;
}

static enum err read_secret(struct jws_key *key, struct str text)
{
	enum err err = jws_secret_check(text);

	if (err)
		return err;
	memcpy(key->secret, text.ptr, text.len);
	key->secret_len = text.len;
	key->signature_size = DIGEST_SIZE;
	return ERR_OK;
}

enum err jws_key_new(enum jws_algorithm algorithm, struct str text,
		     struct jws_key **key_r)
{
	size_t room = algorithm == JWS_HS256 && text.len <= JWS_KEY_TEXT_MAX ?
			      text.len : 0;
	struct jws_key *key = calloc(1, sizeof(*key) + room);
	enum err err;

	if (!key)
		return ERR_NOMEM;
	key->algorithm = algorithm;
	err = algorithm == JWS_HS256 ? read_secret(key, text) :
				       read_pem(key, text);
	/* What failed on the way stands in this thread's list of errors. */
	ERR_clear_error();
	if (err) {
		jws_key_free(key);
		return err;
	}
	*key_r = key;
	return ERR_OK;
}

enum err jws_key_from(enum jws_algorithm algorithm, EVP_PKEY *pkey,
		      struct jws_key **key_r)
{
	struct jws_key *key = calloc(1, sizeof(*key));
	enum err err;

	if (!key)
		return ERR_NOMEM;
	key->algorithm = algorithm;
	err = take_pkey(key, pkey);
	ERR_clear_error();
	if (err) {
		jws_key_free(key);
		return err;
	}
	*key_r = key;
	return ERR_OK;
}

void jws_key_free(struct jws_key *key)
{
	if (!key)
		return;
	EVP_MD_CTX_free(key->prepared);
	explicit_bzero(key->secret, key->secret_len);
	free(key);
}

enum jws_algorithm jws_key_algorithm(const struct jws_key *key)
{
	return key->algorithm;
}

struct str jws_key_secret(const struct jws_key *key)
{
	return key->prepared ? STR_NULL :
	       (struct str){ (const char *)key->secret, key->secret_len };
}

/* ---- verifying ---------------------------------------------------------- */

static enum err verify_secret(const struct jws_key *key,
			      const struct jws *jws)
{
	uint8_t mac[DIGEST_SIZE];
	enum err err;

	err = digest_hmac_sha256(key->secret, key->secret_len,
				 jws->signing_input.ptr,
				 jws->signing_input.len, mac);
	if (!err && !digest_equal(mac, jws->signature.ptr, sizeof(mac)))
		err = ERR_AUTH;
	explicit_bzero(mac, sizeof(mac));
	return err;
}

/* SEC 2 section 2.4.2: n, the order of P-256. */
static const uint8_t order[JWS_NUMBER_SIZE] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
	0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

/* A SEQUENCE of two INTEGERs, each with an octet for its sign. */
#define DER_MAX (2 + 2 * (2 + 1 + JWS_NUMBER_SIZE))

/* Append one as DER has it; false where it is not from 1 to n - 1. */
static bool put_number(uint8_t *der, size_t *len, const uint8_t *number)
{
	size_t zeros = 0, size;

	while (zeros < JWS_NUMBER_SIZE && !number[zeros])
		zeros++;
	if (zeros == JWS_NUMBER_SIZE ||
	    memcmp(number, order, JWS_NUMBER_SIZE) >= 0)
		return false;
	size = JWS_NUMBER_SIZE - zeros;
	der[(*len)++] = 0x02;
	if (number[zeros] & 0x80) {
		der[(*len)++] = (uint8_t)(size + 1);
		der[(*len)++] = 0;
	} else {
		der[(*len)++] = (uint8_t)size;
	}
	memcpy(der + *len, number + zeros, size);
	*len += size;
	return true;
}

enum err jws_verify_public(const struct jws_key *key, struct str input,
			   struct str signature)
{
	struct crypto_context *ctx = crypto_context();
	int result;

	if (!ctx)
		return ERR_NOMEM;
	/* Copied over one of the same digest, it crashes where the digest is
	 * the key's affair (seen in OpenSSL 3.5.9; openssl/openssl#31831). */
	EVP_MD_CTX_reset(ctx->verify);
	if (!EVP_MD_CTX_copy_ex(ctx->verify, key->prepared)) {
		ERR_clear_error();
		return ERR_INTERNAL;
	}
	result = EVP_DigestVerify(ctx->verify,
				  (const unsigned char *)signature.ptr,
				  signature.len,
				  (const unsigned char *)input.ptr, input.len);
	if (result == 1)
		return ERR_OK;
	ERR_clear_error();
	return result == 0 ? ERR_AUTH : ERR_INTERNAL;
}

enum err jws_verify(const struct jws_key *key, const struct jws *jws)
{
	const uint8_t *raw = (const uint8_t *)jws->signature.ptr;
	struct str signature = jws->signature;
	uint8_t der[DER_MAX] = { 0x30 };
	size_t len = 2;

	if (!str_eq(jws->alg, str_from(jws_algorithm_text(key->algorithm))))
		return ERR_UNSUPPORTED;
	if (signature.len != key->signature_size)
		return ERR_AUTH;
	if (key->algorithm == JWS_HS256)
		return verify_secret(key, jws);
	if (key->algorithm == JWS_ES256) {
		if (!put_number(der, &len, raw) ||
		    !put_number(der, &len, raw + JWS_NUMBER_SIZE))
			return ERR_AUTH;
		der[1] = (uint8_t)(len - 2);
		signature = (struct str){ (const char *)der, len };
	}
	return jws_verify_public(key, jws->signing_input, signature);
}
