/*
 * email: mail addresses, the sane subset of RFC 5321 and RFC 6531.
 *
 * A dot-atom local part (UTF-8 as in RFC 6531; at most 64 octets), '@', and a
 * domain of valid labels (IDN by IDNA 2008 through libidn2; single labels such
 * as "localhost" and "b" are accepted); at most 254 octets in all.  No quoted
 * forms, comments, address literals, or control characters; beyond ASCII no
 * white space, invisible or direction-changing characters, and no full-width
 * or small forms of ASCII ones, which a later normalisation could turn into
 * an '@' or a dot.
 *
 * Two addresses are the same when their keys are equal.  Letter case does not
 * count, although RFC 5321 lets a host decide otherwise: none does.  Unicode
 * normalisation is not applied to the local part (RFC 6531 section 3.1 leaves
 * it to the receiving host); the domain is in form C, as IDNA demands.
 */
#ifndef CODEC_EMAIL_H
#define CODEC_EMAIL_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define EMAIL_MAX 254
#define EMAIL_LOCAL_MAX 64
#define EMAIL_KEY_MAX 350	/* lower case may take half as much again */

struct email {
	struct str shown;	/* as given */
	struct str key;		/* lower case (codec/lower.h), the domain as
				 * A-labels: what two are compared by */
	struct str local;	/* of shown: the part before the '@' */
};

/*
 * `in` is trimmed already; the slices live in the pool and shown and key are
 * terminated.  ERR_SYNTAX, ERR_LIMIT, ERR_UTF8, ERR_CONTROL, ERR_NOMEM.
 */
enum err email_parse(struct pool *pool, struct str in, struct email *out_r);

#endif
