/*
 * jwks: the keys that a partner publishes: a JWK Set (RFC 7517 section 5) into
 * keys for crypto/jws.h, each pinned to one algorithm by its kind:
 *
 *	kty RSA			RS256	JWS_RSA_MIN to JWS_RSA_MAX bits
 *	kty EC, crv P-256	ES256
 *	kty OKP, crv Ed25519	EdDSA
 *
 * Of what others put into such a set beside them, what is meant for something
 * else is passed over: another kind or curve, an `alg` of another than these, a
 * `use` that is not sig, `key_ops` without verify.  All else is a mistake that
 * nobody should sign in on, and the whole set is refused: a key that is secret
 * (kty oct, or with a private half), one that is weak or malformed, an `alg`
 * that does not go with its kind, a `kid` that is missing or there twice, JSON
 * that is not strict.
 *
 * A set is immutable and counted, and good for any number of threads at once.
 */
#ifndef CRYPTO_JWKS_H
#define CRYPTO_JWKS_H

#include "crypto/jws.h"

#define JWKS_MAX 65536		/* octets of a set's text */
#define JWKS_KEYS_MAX 16	/* in it, those included that are passed over */
#define JWKS_WHY_MAX 160

struct jwks;

/*
 * With one reference.  Otherwise why[] says in words what is wrong, and with
 * which key, counted from 1: ERR_LIMIT, ERR_SYNTAX, ERR_DUPLICATE and the other
 * errors of json_parse_objects(); ERR_AUTH: something secret; ERR_RANGE: a weak
 * key; ERR_UNSUPPORTED: an alg that does not go with it; ERR_NOT_FOUND: nothing
 * that can be used; ERR_NOMEM; ERR_INTERNAL.
 */
enum err jwks_parse(struct str text, struct jwks **jwks_r,
		    char why[JWKS_WHY_MAX]);
struct jwks *jwks_ref(struct jwks *jwks);	/* accepts NULL */
void jwks_unref(struct jwks *jwks);		/* the same */

/* 1 to JWKS_KEYS_MAX; 0 for NULL. */
unsigned jwks_count(const struct jwks *jwks);
struct str jwks_kid(const struct jwks *jwks, unsigned i);
const struct jws_key *jwks_key(const struct jwks *jwks, unsigned i);

#endif
