/*
 * context: what OpenSSL needs to work fast: algorithms fetched once per
 * process, contexts made once per thread.
 *
 * Making a context and fetching an algorithm cost more than sealing a token.
 * A fetch that fails is tried again by the next caller.
 */
#ifndef CRYPTO_CONTEXT_PRIVATE_H
#define CRYPTO_CONTEXT_PRIVATE_H

#include <openssl/evp.h>
#include <stdint.h>

/* One thread's; never NULL inside. Freed, and wiped, when the thread ends. */
struct crypto_context {
	EVP_MD_CTX *md;		/* of whichever digest */
	EVP_MD_CTX *verify;	/* a key's (crypto/jws.h), copied here */
	EVP_MAC_CTX *mac;	/* HMAC-SHA-256 */
	EVP_CIPHER_CTX *seal, *open;
	/* Serial numbers of the keys that seal and open hold; 0: none. */
	uint64_t seal_key, open_key;
};

/* This thread's. NULL: no memory, or OpenSSL lacks an algorithm. */
struct crypto_context *crypto_context(void);

const EVP_MD *crypto_sha256(void);
/* NULL: OpenSSL lacks it. */
const EVP_MD *crypto_sha384(void);
const EVP_CIPHER *crypto_aes_256_gcm(void);

#endif
