/*
 * email: mail addresses, the sane subset of RFC 5321 and RFC 6531.
 *
 * A dot-atom local part (UTF-8 as in RFC 6531; at most 64 octets), '@', and a
 * domain of valid labels (IDN by IDNA 2008 through libidn2; single labels such
 * as "localhost" and "b" are accepted); at most 254 octets in all.  No quoted forms, comments,
 * address literals, or control characters.
 */
#ifndef CODEC_EMAIL_H
#define CODEC_EMAIL_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define EMAIL_MAX 254
#define EMAIL_LOCAL_MAX 64

struct email {
	struct str shown;	/* as given */
	struct str key;		/* lower case (ASCII and simple Unicode), domain as A-labels:
				 * what two addresses are compared by */
	struct str local;	/* of shown: the part before the '@' */
};

/* `in` is trimmed already; slices live in the pool.
 * ERR_SYNTAX, ERR_LIMIT, ERR_UTF8, ERR_CONTROL, ERR_NOMEM. */
enum err email_parse(struct pool *pool, struct str in, struct email *out_r);

#endif
