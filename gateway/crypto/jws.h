/*
 * jws: signed texts: JWS compact serialization (RFC 7515 section 7.1), taken
 * apart strictly and verified with a key that is pinned to one algorithm:
 * HS256, RS256 and ES256 (RFC 7518 section 3), EdDSA with Ed25519 (RFC 8037).
 *
 *	b64(header) "." b64(payload) "." b64(signature)
 *
 * b64 being BASE64URL in its one canonical spelling, without padding.  What the
 * header says decides nothing: the caller picks the key, the key has its
 * algorithm, and a header that names another is refused (RFC 8725 section 3.1).
 * Nothing is fetched, and a header that asks for something that this module
 * does not do is refused, never ignored: `crit`, `b64`, `zip`, `jku`, `jwk`,
 * `x5u`, `x5c`, `x5t`, `x5t#S256` (RFC 7515 section 4.1.11, RFC 7797).
 *
 * Any thread may call any of these at any time; a key is immutable and good for
 * any number of threads at once.
 */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define JWS_MAX 8192		/* octets of a whole text */
#define JWS_HEADER_MAX 1024	/* octets of a header, decoded */
#define JWS_KID_MAX 255		/* octets, in the header and of a key */
#define JWS_SECRET_MIN 32	/* octets of a secret: RFC 7518 section 3.2 */
#define JWS_RSA_MIN 2048	/* bits: RFC 7518 section 3.3 */
#define JWS_RSA_MAX 8192	/* bits: what a verification may cost */
#define JWS_RSA_EXPONENT_MAX 64	/* bits: the same */
#define JWS_SIGNATURE_MAX (JWS_RSA_MAX / 8)
#define JWS_KEY_TEXT_MAX 16384	/* octets of a secret or PEM */

enum jws_algorithm {
	JWS_HS256,
	JWS_RS256,
	JWS_ES256,
	JWS_EDDSA,
	JWS_ALGORITHM_COUNT
};

/* "HS256" and so on, byte by byte. ERR_NOT_FOUND. */
enum err jws_algorithm_parse(struct str text, enum jws_algorithm *out_r);
const char *jws_algorithm_text(enum jws_algorithm algorithm);	/* never NULL */

/* A key, plainly owned. */
struct jws_key;

/*
 * A key from what a file holds: for HS256 the secret's octets as they are, for
 * the others one PEM public key (SubjectPublicKeyInfo, or a certificate, of which
 * nothing but the key is looked at).  The text is not needed afterwards.
 * ERR_LIMIT over JWS_KEY_TEXT_MAX; ERR_SYNTAX: not one such PEM, or PEM where a
 * secret is wanted; ERR_AUTH: a private key where a public one is wanted;
 * ERR_UNSUPPORTED: a key of another kind or curve than the algorithm's;
 * ERR_RANGE: too short or too long for it, or weak (an RSA exponent of 1);
 * ERR_NOMEM; ERR_INTERNAL.
 */
enum err jws_key_new(enum jws_algorithm algorithm, struct str text,
		     struct jws_key **key_r);
void jws_key_free(struct jws_key *key);		/* wipes; accepts NULL */
enum jws_algorithm jws_key_algorithm(const struct jws_key *key);
/* For tools that sign: the secret of HS256, as long as the key; absent for the
 * others, whose private half is not here. */
struct str jws_key_secret(const struct jws_key *key);

/* A text taken apart.  All slices live in the pool or in the text. */
struct jws {
	struct str alg;			/* as the header says */
	struct str kid, typ;		/* absent where the header has none */
	struct str signing_input;	/* header "." payload, as received */
	struct str payload;		/* decoded; any octets, or none */
	struct str signature;		/* decoded; an unsigned text's is empty */
};

/*
 * Take one apart; proves nothing.  `text` must outlive *out_r.
 * ERR_LIMIT over JWS_MAX or another limit above; ERR_SYNTAX not three parts in
 * canonical spelling, or a header that is not one flat JSON object whose members
 * are strings, each there once, `alg` among them; ERR_UNSUPPORTED a header
 * member that asks for more than is done here; ERR_NOMEM.
 */
enum err jws_parse(struct str text, struct pool *pool, struct jws *out_r);

/*
 * Does it hold under this key?  In a time that does not depend on what the
 * right signature would be.  ERR_UNSUPPORTED: the header names another
 * algorithm than the key's; ERR_AUTH: it does not hold, or is not of the length
 * that the algorithm gives (ES256: 64 octets, both numbers in range); ERR_NOMEM;
 * ERR_INTERNAL.
 */
enum err jws_verify(const struct jws_key *key, const struct jws *jws);

/*
 * Make one, for tools and tests: {"alg":...,"typ":"JWT","kid":...}, without a
 * kid where it is absent.  `key_text` as for jws_key_new(), but a PEM private
 * key without a passphrase.  Appends to `out`.  Errors as jws_key_new(), but
 * ERR_AUTH: a public key where a private one is wanted, or one that has a
 * passphrase; ERR_LIMIT over JWS_MAX, JWS_KID_MAX or the room of `out`.
 */
enum err jws_sign(enum jws_algorithm algorithm, struct str key_text,
		  struct str kid, struct str payload, struct buf *out);
/* The same under another `typ`. */
enum err jws_sign_as(const char *typ, enum jws_algorithm algorithm,
		     struct str key_text, struct str kid, struct str payload,
		     struct buf *out);

#endif
