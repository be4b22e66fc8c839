#include "crypto/gcm-private.h"

#include <stdatomic.h>
#include <string.h>

#include "base/banned.h"
#include "crypto/context-private.h"

uint64_t gcm_serial(void)
{
	static _Atomic uint64_t last;

	return atomic_fetch_add(&last, 1) + 1;
}

/*
 * Begin with this key and IV.  The key goes in only when the context holds
 * another one; while it goes in, the context holds none that can be relied on.
 */
static enum err begin(EVP_CIPHER_CTX *ctx, uint64_t *holds,
		      const struct gcm_key *key, const uint8_t *iv,
		      struct str aad, int encrypt)
{
	int n;

	if (*holds != key->serial) {
		*holds = 0;
		if (EVP_CipherInit_ex2(ctx, crypto_aes_256_gcm(), key->bytes,
				       iv, encrypt, NULL) <= 0)
			return ERR_INTERNAL;
		*holds = key->serial;
	} else if (EVP_CipherInit_ex2(ctx, NULL, NULL, iv, encrypt,
				      NULL) <= 0) {
		*holds = 0;
		return ERR_INTERNAL;
	}
	if (aad.len && EVP_CipherUpdate(ctx, NULL, &n,
					(const unsigned char *)aad.ptr,
					(int)aad.len) <= 0)
		return ERR_INTERNAL;
	return ERR_OK;
}

enum err gcm_seal(const struct gcm_key *key, const uint8_t iv[GCM_IV_SIZE],
		  struct str aad, const void *in, size_t len, void *out,
		  uint8_t tag_r[GCM_TAG_SIZE])
{
	struct crypto_context *ctx = crypto_context();
	uint8_t tag[GCM_TAG_SIZE], none[GCM_TAG_SIZE];
	int n = 0, rest = 0;
	enum err err;

	if (len > GCM_TEXT_MAX || aad.len > GCM_TEXT_MAX)
		return ERR_LIMIT;
	if (!ctx)
		return ERR_NOMEM;
	err = begin(ctx->seal, &ctx->seal_key, key, iv, aad, 1);
	if (err)
		return err;
	if ((len && EVP_EncryptUpdate(ctx->seal, out, &n, in,
				      (int)len) <= 0) ||
	    EVP_EncryptFinal_ex(ctx->seal, none, &rest) <= 0 ||
	    (size_t)n != len || rest != 0 ||
	    EVP_CIPHER_CTX_ctrl(ctx->seal, EVP_CTRL_AEAD_GET_TAG,
				GCM_TAG_SIZE, tag) <= 0) {
		/* It may hold the plaintext still when out is in. */
		if (len)
			explicit_bzero(out, len);
		return ERR_INTERNAL;
	}
	memcpy(tag_r, tag, GCM_TAG_SIZE);
	return ERR_OK;
}

enum err gcm_open(const struct gcm_key *key, const uint8_t iv[GCM_IV_SIZE],
		  struct str aad, const void *in, size_t len, void *out,
		  const uint8_t tag[GCM_TAG_SIZE])
{
	struct crypto_context *ctx = crypto_context();
	uint8_t copy[GCM_TAG_SIZE], none[GCM_TAG_SIZE];
	int n = 0, rest = 0;
	enum err err;

	if (len > GCM_TEXT_MAX || aad.len > GCM_TEXT_MAX)
		return ERR_LIMIT;
	if (!ctx)
		return ERR_NOMEM;
	err = begin(ctx->open, &ctx->open_key, key, iv, aad, 0);
	if (err)
		return err;
	/* The call is not const; hence the copy. */
	memcpy(copy, tag, GCM_TAG_SIZE);
	err = ERR_INTERNAL;
	if ((len && EVP_DecryptUpdate(ctx->open, out, &n, in,
				      (int)len) <= 0) ||
	    (size_t)n != len ||
	    EVP_CIPHER_CTX_ctrl(ctx->open, EVP_CTRL_AEAD_SET_TAG,
				GCM_TAG_SIZE, copy) <= 0)
		goto fail;
	if (EVP_DecryptFinal_ex(ctx->open, none, &rest) <= 0) {
		err = ERR_AUTH;
		goto fail;
	}
	return ERR_OK;
fail:
	if (len)
		explicit_bzero(out, len);
	return err;
}
