/*
 * digest: SHA-256 and SHA-384 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256
 * (RFC 5869) and comparison in constant time.
 *
 * Any thread may call any of these at any time.  Algorithms are fetched from
 * OpenSSL once per process, contexts are kept per thread and freed with it.
 * Errors: ERR_NOMEM, ERR_INTERNAL (the library said no); outputs are then
 * untouched.  `data` may be NULL where its length is 0.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DIGEST_SIZE 32		/* bytes of a digest with SHA-256 */
#define DIGEST_384_SIZE 48
#define DIGEST_HKDF_MAX (255 * DIGEST_SIZE)
#define DIGEST_HKDF_INFO_MAX 512	/* ours: bytes of `info` */

enum err digest_sha256(const void *data, size_t len,
		       uint8_t out[DIGEST_SIZE]);
enum err digest_sha384(const void *data, size_t len,
		       uint8_t out[DIGEST_384_SIZE]);
/* A key of any length, empty ones included. */
enum err digest_hmac_sha256(const void *key, size_t key_len, const void *data,
			    size_t len, uint8_t out[DIGEST_SIZE]);
/*
 * Extract and expand.  An empty salt is RFC 5869's default.  ERR_LIMIT when
 * `out_len` is over DIGEST_HKDF_MAX or `info_len` over DIGEST_HKDF_INFO_MAX.
 */
enum err digest_hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
			    size_t salt_len, const void *info, size_t info_len,
			    void *out, size_t out_len);

/* Byte equality whose time depends on `len` alone. */
bool digest_equal(const void *a, const void *b, size_t len);

#endif
