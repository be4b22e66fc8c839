/*
 * jws-private: keys as OpenSSL has them, for what verifies, what signs, and
 * what looks for mistakes.
 */
#ifndef CRYPTO_JWS_PRIVATE_H
#define CRYPTO_JWS_PRIVATE_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "crypto/jws.h"

#define JWS_NUMBER_SIZE 32	/* octets of r and of s: RFC 7518 section 3.4 */

struct jws_key {
	enum jws_algorithm algorithm;
	size_t signature_size;	/* octets of each signature */
	EVP_MD_CTX *prepared;	/* only ever copied; NULL: HS256 */
	size_t secret_len;
	uint8_t secret[];
};

/* A signature as OpenSSL has it: of ES256 in DER.  Errors as jws_verify(). */
enum err jws_verify_public(const struct jws_key *key, struct str input,
			   struct str signature);
/* Does this stand in the text of a key? Case counts. */
bool jws_text_has(struct str text, struct str what);
/* Is this a secret for HS256? Errors as jws_key_new(). */
enum err jws_secret_check(struct str text);
/* Is this a key for the algorithm? The same. */
enum err jws_pkey_check(enum jws_algorithm algorithm, const EVP_PKEY *pkey);
/* A key of it, which is judged as jws_key_new() does. The same errors. */
enum err jws_key_from(enum jws_algorithm algorithm, EVP_PKEY *pkey,
		      struct jws_key **key_r);
/* What EVP_Digest*Init_ex() wants to be told; NULL: Ed25519 has its own. */
const char *jws_digest_name(enum jws_algorithm algorithm);

#endif
