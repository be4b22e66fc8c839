/*
 * jws-mistake: why does a signature not hold?  The usual mistakes of who signs,
 * each tried.  For tools: what fits is a mistake to be mended where the text
 * was made, and is never good for anything else.
 */
#ifndef CRYPTO_JWS_MISTAKE_H
#define CRYPTO_JWS_MISTAKE_H

#include "crypto/jws.h"

/* "There" is where it was signed. */
enum jws_mistake {
	JWS_MISTAKE_NONE,		/* none of these */
	/* HS256 */
	JWS_MISTAKE_LINE_END,		/* a line end behind the secret there */
	JWS_MISTAKE_WHITE_SPACE,	/* ... around it here, none there */
	JWS_MISTAKE_BASE64_DECODED,	/* the secret was decoded there */
	JWS_MISTAKE_BASE64_ENCODED,	/* ... or encoded */
	JWS_MISTAKE_HEX_DECODED,
	JWS_MISTAKE_HEX_ENCODED,
	JWS_MISTAKE_HEX_SIGNATURE,	/* the MAC was not taken as octets */
	/* a public key */
	JWS_MISTAKE_PEM_SECRET,		/* its PEM was HS256's secret */
	JWS_MISTAKE_DER_SIGNATURE,	/* ES256's is in DER */
	JWS_MISTAKE_COUNT
};

/* Which one explains that the text does not hold under this key? */
enum jws_mistake jws_mistake_find(const struct jws_key *key,
				  const struct jws *jws);
/* A name for programs: "line_end".  Never NULL. */
const char *jws_mistake_name(enum jws_mistake mistake);
/* What was done, and what to do instead: one sentence each. */
const char *jws_mistake_text(enum jws_mistake mistake);

#endif
