/*
 * gcm: AES-256-GCM (NIST SP 800-38D) with 12-byte IVs and 16-byte tags.
 *
 * Only these sizes: OpenSSL takes tags of 1 to 15 bytes for good, which can be
 * forged in a few hundred tries.  For crypto/ and its tests.
 */
#ifndef CRYPTO_GCM_PRIVATE_H
#define CRYPTO_GCM_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define GCM_KEY_SIZE 32
#define GCM_IV_SIZE 12
#define GCM_TAG_SIZE 16
#define GCM_TEXT_MAX (1 << 20)	/* bytes at once; OpenSSL counts in int */

/*
 * A key and its number.  Contexts remember the number of the key that they
 * hold, for setting a key costs half as much as sealing a token.  So no
 * number may ever be used for two keys: take each from gcm_serial().
 */
struct gcm_key {
	uint64_t serial;
	uint8_t bytes[GCM_KEY_SIZE];
};

/* The next number that nobody has; never 0. */
uint64_t gcm_serial(void);

/*
 * `out` has room for `len` bytes and may be `in`.  ERR_LIMIT over
 * GCM_TEXT_MAX, ERR_NOMEM, ERR_INTERNAL.
 */
enum err gcm_seal(const struct gcm_key *key, const uint8_t iv[GCM_IV_SIZE],
		  struct str aad, const void *in, size_t len, void *out,
		  uint8_t tag_r[GCM_TAG_SIZE]);
/*
 * The same, but ERR_AUTH when the tag does not hold.  Plaintext appears in
 * `out` before that is known: on any failure it is wiped.
 */
enum err gcm_open(const struct gcm_key *key, const uint8_t iv[GCM_IV_SIZE],
		  struct str aad, const void *in, size_t len, void *out,
		  const uint8_t tag[GCM_TAG_SIZE]);

#endif
