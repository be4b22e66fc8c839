/*
 * secrets: several shared secrets of which each will do, so that one can take
 * another's place while both are in use.
 *
 * Digests are kept and compared, never the texts.  Neither what is answered nor
 * the time that it takes tells which of them it was, how near a wrong one came
 * or how long they are.
 */
#ifndef CRYPTO_SECRETS_H
#define CRYPTO_SECRETS_H

#include "base/str.h"
#include "crypto/digest.h"

#define SECRETS_MAX 8

/* Plain data; all zero is none. */
struct secrets {
	uint8_t digests[SECRETS_MAX][DIGEST_SIZE];
	unsigned count;
};

/* ERR_LIMIT: there are SECRETS_MAX.  ERR_NOMEM, ERR_INTERNAL. */
enum err secrets_add(struct secrets *secrets, struct str text);
/* Is `given` one of them? False too where the library fails. */
bool secrets_has(const struct secrets *secrets, struct str given);

#endif
