/*
 * jws-mistake: why does a signature not hold?  The usual mistakes of who signs,
 * each tried.  What fits is a mistake to be mended where the text was made: it is
 * told, and is never good for anything else.  Nothing that is told holds a
 * secret, or what would have been right.
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
	JWS_MISTAKE_FIRST_LINE,		/* several lines here, one there */
	JWS_MISTAKE_LAST_LINE,
	JWS_MISTAKE_BASE64_DECODED,	/* the secret was decoded there */
	JWS_MISTAKE_BASE64_ENCODED,	/* ... or encoded */
	JWS_MISTAKE_HEX_DECODED,
	JWS_MISTAKE_HEX_ENCODED,
	JWS_MISTAKE_HEX_SIGNATURE,	/* the MAC was not taken as octets */
	/* a public key */
	JWS_MISTAKE_PEM_SECRET,		/* its PEM was HS256's secret */
	JWS_MISTAKE_DER_SIGNATURE,	/* ES256's is in DER */
	/* it is no token */
	JWS_MISTAKE_BEARER,		/* a header's scheme stands before it */
	JWS_MISTAKE_QUOTES,		/* ... quotes around it */
	JWS_MISTAKE_WORD,		/* a script's word for no value */
	JWS_MISTAKE_TEMPLATE,		/* ... a template's mark */
	JWS_MISTAKE_JSON,		/* the claims, or a whole answer */
	JWS_MISTAKE_PERCENT,		/* encoded for a URL, once too often */
	JWS_MISTAKE_LINES,		/* line ends or blanks within it */
	JWS_MISTAKE_PADDING,		/* '=' */
	JWS_MISTAKE_ALPHABET,		/* '+' and '/' */
	JWS_MISTAKE_ENCRYPTED,		/* a JWE */
	JWS_MISTAKE_CUT_OFF,
	JWS_MISTAKE_HEADER,		/* its first part is not one */
	JWS_MISTAKE_COUNT
};

/* Which one explains that the text does not hold under this key? */
enum jws_mistake jws_mistake_find(const struct jws_key *key,
				  const struct jws *jws);
/*
 * Why is that no token, where jws_parse() says ERR_SYNTAX?  The first that
 * shows, in the order above; NONE: nothing usual.
 */
enum jws_mistake jws_mistake_form(struct str text);
/* A name for programs: "line_end".  Never NULL. */
const char *jws_mistake_name(enum jws_mistake mistake);
/* What was done, and what to do instead: one sentence each. */
const char *jws_mistake_text(enum jws_mistake mistake);

#endif
