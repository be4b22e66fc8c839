/*
 * jwe: sealed tokens: JWE compact serialization (RFC 7516) with "alg":"dir"
 * and "enc":"A256GCM" (RFC 7518 sections 4.5 and 5.3).
 *
 *	b64(header) ".." b64(IV) "." b64(ciphertext) "." b64(tag)
 *
 * b64 being BASE64URL.  The protected header is exactly
 *
 *	{"alg":"dir","enc":"A256GCM","kid":"KID","aud":"TENANT"}
 *
 * with `aud` replicated as RFC 7519 section 5.3 allows, so that a callback on
 * a shared host knows whose key to take.  The IV is 12 random bytes, the tag
 * 16 bytes, the header the only additional authenticated data.
 *
 * Each tenant and purpose has keys of its own, one per master key:
 *
 *	key = HKDF-SHA-256(IKM = master key, salt = JWE_SALT,
 *			   info = L("usher") L("1") L(purpose) L(tenant))
 *
 * where L(s) is one byte with the length of s and then s.  So a token of one
 * tenant, purpose or master key never opens for another, and any JOSE library
 * that is given one derived key opens that tenant's tokens and no others.
 *
 * A tenant's name may come to mean another tenant (store/epochs.h).  From its
 * second epoch on, L(epoch) follows in the info, as decimal digits: what was
 * sealed in one epoch never opens in the next.
 *
 * The IV comes from the kernel at each seal (base/random.h): neither a fork nor
 * a snapshot of the machine that is restored twice repeats one.
 */
#ifndef CRYPTO_JWE_H
#define CRYPTO_JWE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"
#include "crypto/keyring.h"

#define JWE_SALT "usher token keys, version 1"
#define JWE_TOKEN_MAX 4096	/* octets of a whole token */
#define JWE_TENANT_MAX 64	/* octets */
#define JWE_PURPOSE_MAX 32	/* octets */
#define JWE_KEY_SIZE 32
#define JWE_IV_SIZE 12
#define JWE_TAG_SIZE 16
/* Octets of the protected header before and after base64url. */
#define JWE_HEADER_MAX (47 + KEYRING_KID_MAX + JWE_TENANT_MAX)
#define JWE_HEADER_TEXT_MAX ((JWE_HEADER_MAX * 4 + 2) / 3)
/* The longest plaintext that fits whatever the names: 2,897 octets. */
#define JWE_PLAINTEXT_MAX \
	((JWE_TOKEN_MAX - JWE_HEADER_TEXT_MAX - 16 - 22 - 4) * 3 / 4)
/*
 * One tenant's keys for one purpose: plainly owned, immutable to the outside,
 * good for any number of threads at once.
 */
struct jwe_keys;

/*
 * For tests: as jwe_keys_of_epoch(), of the first epoch.  Derive one key per
 * master key of `ring`, which is not needed afterwards.
 * `tenant` and `purpose` are [A-Za-z0-9._-] and not empty.  NULL: a name
 * outside its grammar or limit, or no memory.
 */
struct jwe_keys *jwe_keys_new(const struct keyring *ring, struct str tenant,
			      struct str purpose);
/* The same for another epoch of the tenant than its first, which is 0. */
struct jwe_keys *jwe_keys_of_epoch(const struct keyring *ring,
				   struct str tenant, struct str purpose,
				   uint64_t epoch);
/*
 * Wipes.  Accepts NULL.  No thread may be using them.  A thread's cipher
 * context keeps the expanded key that it used last until it uses another or
 * ends.
 */
void jwe_keys_free(struct jwe_keys *keys);

/*
 * Append a token that carries `plaintext`, sealed with the newest key.
 * ERR_LIMIT over JWE_TOKEN_MAX or the room of `out`, or past SEALS_MAX (see
 * crypto/seals.h: the master key has to be rotated);
 * ERR_IO no random bytes; ERR_NOMEM; ERR_INTERNAL.  On failure `out` is as it
 * was, though a buffer that had no room stays failed.
 */
enum err jwe_seal(const struct jwe_keys *keys, struct str plaintext,
		  struct buf *out);

/*
 * Open a token that one of these keys sealed.  Nothing of the header is
 * interpreted: it must be byte-equal to one that we would write.  The
 * plaintext is terminated, lives in `pool`, and exists only once the tag held.
 *
 * ERR_LIMIT over JWE_TOKEN_MAX; ERR_SYNTAX not five parts of the right size in
 * the one spelling each value has; ERR_NOT_FOUND another header: not for this
 * tenant, or none of our key ids; ERR_AUTH the tag does not hold; ERR_NOMEM;
 * ERR_INTERNAL.
 */
enum err jwe_open(const struct jwe_keys *keys, struct str token,
		  struct pool *pool, struct str *plaintext_r);

/*
 * Which tenant and key does a token claim?  NOT authenticated: good for
 * choosing whose keys jwe_open() shall try, for nothing else.  Accepts only a
 * header of the exact shape above.  The slices are terminated and live in
 * `pool`.  ERR_LIMIT, ERR_SYNTAX, ERR_UNSUPPORTED (a JOSE header, but not of
 * our shape), ERR_NOMEM.
 */
enum err jwe_peek(struct str token, struct pool *pool, struct str *kid_r,
		  struct str *aud_r);

/* For tests: as many as the ring had. Key 0 seals. */
unsigned jwe_keys_count(const struct jwe_keys *keys);
/*
 * For tests: key `i` and its kid, for another JOSE implementation that shall
 * open this tenant's tokens.  *kid_r lives as long as `keys`; the caller wipes
 * key_r.
 * ERR_NOT_FOUND: no such key.
 */
enum err jwe_keys_export(const struct jwe_keys *keys, unsigned i,
			 struct str *kid_r, uint8_t key_r[JWE_KEY_SIZE]);
/* For tests: seals of the key that seals, as crypto/seals.h counts them. */
uint64_t jwe_keys_sealed(const struct jwe_keys *keys);

#endif
