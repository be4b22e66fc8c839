#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/banned.h"
#include "crypto/context-private.h"

static enum err digest(const EVP_MD *type, const void *data, size_t len,
		       uint8_t *out, unsigned out_len)
{
	struct crypto_context *ctx = crypto_context();
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned size;

	if (!ctx)
		return ERR_NOMEM;
	if (!type || EVP_DigestInit_ex2(ctx->md, type, NULL) <= 0 ||
	    EVP_DigestUpdate(ctx->md, data, len) <= 0 ||
	    EVP_DigestFinal_ex(ctx->md, md, &size) <= 0 ||
	    size != out_len)
		return ERR_INTERNAL;
	memcpy(out, md, out_len);
	return ERR_OK;
}

enum err digest_sha256(const void *data, size_t len,
		       uint8_t out[DIGEST_SIZE])
{
	/* The context has it, so that a thread's first call may fail there. */
	if (!crypto_context())
		return ERR_NOMEM;
	return digest(crypto_sha256(), data, len, out, DIGEST_SIZE);
}

enum err digest_sha384(const void *data, size_t len,
		       uint8_t out[DIGEST_384_SIZE])
{
	return digest(crypto_sha384(), data, len, out, DIGEST_384_SIZE);
}

/* One part of a message, so that HKDF need not glue parts together. */
struct part {
	const void *data;
	size_t len;
};

static enum err hmac_parts(const void *key, size_t key_len,
			   const struct part *parts, size_t count,
			   uint8_t out[DIGEST_SIZE])
{
	struct crypto_context *ctx = crypto_context();
	uint8_t mac[DIGEST_SIZE];
	size_t size = 0;

	if (!ctx)
		return ERR_NOMEM;
	/* To OpenSSL a NULL key means "the last one again". */
	if (EVP_MAC_init(ctx->mac, key_len ? key : "", key_len, NULL) <= 0)
		return ERR_INTERNAL;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len && EVP_MAC_update(ctx->mac, parts[i].data,
						   parts[i].len) <= 0)
			return ERR_INTERNAL;
	}
	if (EVP_MAC_final(ctx->mac, mac, &size, sizeof(mac)) <= 0 ||
	    size != DIGEST_SIZE)
		return ERR_INTERNAL;
	memcpy(out, mac, DIGEST_SIZE);
	explicit_bzero(mac, sizeof(mac));
	return ERR_OK;
}

enum err digest_hmac_sha256(const void *key, size_t key_len, const void *data,
			    size_t len, uint8_t out[DIGEST_SIZE])
{
	struct part part = { data, len };

	return hmac_parts(key, key_len, &part, 1, out);
}

/* RFC 5869 section 2.3: T(n) = HMAC(PRK, T(n-1) | info | n). */
static enum err expand(const uint8_t prk[DIGEST_SIZE], struct part info,
		       uint8_t *out, size_t out_len)
{
	uint8_t t[DIGEST_SIZE], n = 0;
	size_t t_len = 0, done = 0;
	enum err err = ERR_OK;

	while (!err && done < out_len) {
		size_t take = out_len - done;
		uint8_t number = ++n;
		struct part parts[] = { { t, t_len }, info, { &number, 1 } };

		err = hmac_parts(prk, DIGEST_SIZE, parts, 3, t);
		t_len = DIGEST_SIZE;
		if (take > DIGEST_SIZE)
			take = DIGEST_SIZE;
		if (!err)
			memcpy(out + done, t, take);
		done += take;
	}
	explicit_bzero(t, sizeof(t));
	return err;
}

enum err digest_hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
			    size_t salt_len, const void *info, size_t info_len,
			    void *out, size_t out_len)
{
	uint8_t okm[DIGEST_HKDF_MAX], prk[DIGEST_SIZE];
	struct part part = { info, info_len };
	enum err err;

	if (out_len > DIGEST_HKDF_MAX || info_len > DIGEST_HKDF_INFO_MAX)
		return ERR_LIMIT;
	/* An empty key and 32 zeros, the default salt, are one key to HMAC. */
	err = digest_hmac_sha256(salt, salt_len, ikm, ikm_len, prk);
	if (!err)
		err = expand(prk, part, okm, out_len);
	if (!err && out_len)
		memcpy(out, okm, out_len);
	explicit_bzero(prk, sizeof(prk));
	explicit_bzero(okm, out_len);
	return err;
}

bool digest_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}
