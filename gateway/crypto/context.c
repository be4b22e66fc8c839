#include "crypto/context-private.h"

#include <openssl/core_names.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/banned.h"

static _Atomic(EVP_MD *) sha256;
static _Atomic(EVP_MD *) sha384;
static _Atomic(EVP_MAC *) hmac;
static _Atomic(EVP_CIPHER *) aes_256_gcm;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit;
static bool has_at_exit;
static _Thread_local struct crypto_context *mine;

/*
 * Each caller that finds none fetches; the second gives its own back.  Not
 * pthread_once: that would keep a failure for ever.
 */
#define FETCH_ONCE(name, type, slot, fetch, free)			\
	static type *name(void)						\
	{								\
		type *have = atomic_load(&(slot)), *made;		\
									\
		if (have)						\
			return have;					\
		made = (fetch);						\
		if (!made)						\
			return NULL;					\
		if (atomic_compare_exchange_strong(&(slot), &have, made)) \
			return made;					\
		free(made);						\
		return have;						\
	}

FETCH_ONCE(get_sha256, EVP_MD, sha256,
	   EVP_MD_fetch(NULL, "SHA256", NULL), EVP_MD_free)
FETCH_ONCE(get_sha384, EVP_MD, sha384,
	   EVP_MD_fetch(NULL, "SHA384", NULL), EVP_MD_free)
FETCH_ONCE(get_hmac, EVP_MAC, hmac,
	   EVP_MAC_fetch(NULL, "HMAC", NULL), EVP_MAC_free)
FETCH_ONCE(get_aes_256_gcm, EVP_CIPHER, aes_256_gcm,
	   EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL), EVP_CIPHER_free)

const EVP_MD *crypto_sha256(void)
{
	return get_sha256();
}

const EVP_MD *crypto_sha384(void)
{
	return get_sha384();
}

const EVP_CIPHER *crypto_aes_256_gcm(void)
{
	return get_aes_256_gcm();
}

static void context_free(void *p)
{
	struct crypto_context *ctx = p;

	if (!ctx)
		return;
	EVP_MD_CTX_free(ctx->md);
	EVP_MD_CTX_free(ctx->verify);
	EVP_MAC_CTX_free(ctx->mac);
	EVP_CIPHER_CTX_free(ctx->seal);
	EVP_CIPHER_CTX_free(ctx->open);
	free(ctx);
	mine = NULL;
}

static void make_key(void)
{
	has_at_exit = pthread_key_create(&at_exit, context_free) == 0;
}

/* The digest is told once: later EVP_MAC_init()s only change the key. */
static bool mac_prepare(EVP_MAC_CTX *mac)
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
						 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) > 0;
}

static struct crypto_context *context_new(void)
{
	struct crypto_context *ctx;
	EVP_MAC *mac = get_hmac();

	if (!mac || !get_sha256() || !get_aes_256_gcm())
		return NULL;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	ctx->md = EVP_MD_CTX_new();
	ctx->verify = EVP_MD_CTX_new();
	ctx->mac = EVP_MAC_CTX_new(mac);
	ctx->seal = EVP_CIPHER_CTX_new();
	ctx->open = EVP_CIPHER_CTX_new();
	if (!ctx->md || !ctx->verify || !ctx->mac || !ctx->seal ||
	    !ctx->open || !mac_prepare(ctx->mac)) {
		context_free(ctx);
		return NULL;
	}
	return ctx;
}

struct crypto_context *crypto_context(void)
{
	struct crypto_context *ctx;

	if (mine)
		return mine;
	pthread_once(&once, make_key);
	if (!has_at_exit)
		return NULL;
	ctx = context_new();
	if (!ctx)
		return NULL;
	if (pthread_setspecific(at_exit, ctx)) {
		context_free(ctx);
		return NULL;
	}
	mine = ctx;
	return mine;
}
