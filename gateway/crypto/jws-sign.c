/* Making signed texts. */
#include "crypto/jws-private.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/banned.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "crypto/digest.h"

/* Nobody is asked. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static enum err read_private(enum jws_algorithm algorithm, struct str text,
			     EVP_PKEY **pkey_r)
{
	EVP_PKEY *pkey;
	enum err err;
	BIO *bio;

	if (text.len > JWS_KEY_TEXT_MAX)
		return ERR_LIMIT;
	if (jws_text_has(text, STR("PUBLIC KEY-----")) ||
	    jws_text_has(text, STR("CERTIFICATE-----")) ||
	    jws_text_has(text, STR("ENCRYPTED")))
		return ERR_AUTH;
	bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	if (!bio)
		return ERR_NOMEM;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (!pkey)
		return ERR_SYNTAX;
	err = jws_pkey_check(algorithm, pkey);
	if (err)
		EVP_PKEY_free(pkey);
	else
		*pkey_r = pkey;
	return err;
}

/* From DER to r and s as RFC 7518 section 3.4 has them, in place. */
static enum err make_raw(uint8_t *signature, size_t *len)
{
	const unsigned char *at = signature;
	ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	enum err err = ERR_INTERNAL;

	if (numbers &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature,
			 JWS_NUMBER_SIZE) > 0 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(numbers),
			 signature + JWS_NUMBER_SIZE, JWS_NUMBER_SIZE) > 0)
		err = ERR_OK;
	ECDSA_SIG_free(numbers);
	*len = (size_t)2 * JWS_NUMBER_SIZE;
	return err;
}

static enum err sign_private(enum jws_algorithm algorithm, struct str key_text,
			     struct str input, uint8_t *signature, size_t *len)
{
	EVP_PKEY *pkey = NULL;
	EVP_MD_CTX *md = NULL;
	enum err err;

	err = read_private(algorithm, key_text, &pkey);
	if (err)
		goto out;
	md = EVP_MD_CTX_new();
	if (!md) {
		err = ERR_NOMEM;
		goto out;
	}
	if (EVP_DigestSignInit_ex(md, NULL, jws_digest_name(algorithm), NULL,
				  NULL, pkey, NULL) <= 0 ||
	    EVP_DigestSign(md, signature, len,
			   (const unsigned char *)input.ptr, input.len) <= 0)
		err = ERR_INTERNAL;
	else if (algorithm == JWS_ES256)
		err = make_raw(signature, len);
out:
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return err;
}

static enum err sign_secret(struct str secret, struct str input,
			    uint8_t *signature, size_t *len)
{
	enum err err = jws_secret_check(secret);

	if (err)
		return err;
	*len = DIGEST_SIZE;
	return digest_hmac_sha256(secret.ptr, secret.len, input.ptr, input.len,
				  signature);
}

static bool add_header(struct buf *out, const char *typ,
		       enum jws_algorithm algorithm, struct str kid)
{
	char array[JWS_HEADER_MAX + 1];
	struct buf json;

	buf_init_fixed(&json, array, sizeof(array));
	buf_addc(&json, '{');
	json_add_member(&json, "alg", str_from(jws_algorithm_text(algorithm)));
	json_add_member(&json, "typ", str_from(typ));
	if (!str_is_null(kid))
		json_add_member(&json, "kid", kid);
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return false;
	base64url_add(out, json.ptr, json.len);
	return true;
}

enum err jws_sign(enum jws_algorithm algorithm, struct str key_text,
		  struct str kid, struct str payload, struct buf *out)
{
	return jws_sign_as("JWT", algorithm, key_text, kid, payload, out);
}

enum err jws_sign_as(const char *typ, enum jws_algorithm algorithm,
		     struct str key_text, struct str kid, struct str payload,
		     struct buf *out)
{
	uint8_t signature[JWS_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	struct buf text;
	enum err err = ERR_OK;

	if (kid.len > JWS_KID_MAX || payload.len > JWS_MAX)
		return ERR_LIMIT;
	buf_init(&text, JWS_MAX);
	if (!add_header(&text, typ, algorithm, kid)) {
		err = ERR_LIMIT;
		goto out;
	}
	buf_addc(&text, '.');
	base64url_add(&text, payload.ptr, payload.len);
	if (!buf_is_ok(&text))
		err = ERR_LIMIT;
	else if (algorithm == JWS_HS256)
		err = sign_secret(key_text, buf_str(&text), signature, &len);
	else
		err = sign_private(algorithm, key_text, buf_str(&text),
				   signature, &len);
	if (err)
		goto out;
	buf_addc(&text, '.');
	base64url_add(&text, signature, len);
	if (!buf_is_ok(&text) || !buf_reserve(out, text.len)) {
		err = ERR_LIMIT;
		goto out;
	}
	buf_adds(out, buf_str(&text));
out:
	buf_done(&text);
	return err;
}
