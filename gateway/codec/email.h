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
 * count, although RFC 5321 lets a host decide otherwise: none does.  Nor does
 * how a letter is composed: RFC 6532 section 3.1 asks for form C, and macOS and
 * others send form D.  Both by codec/fold.h: an address with another character
 * than ASCII in its local part never has the key of one without, and a key is
 * the same on every system.  The domain's labels are compared as A-labels.
 *
 * Earlier builds compared local parts by small letters alone: "josé" in
 * two spellings, and "σίσυφος" and "ΣΊΣΥΦΟΣ", were two people each.  What is
 * ASCII has the key that it had.
 */
#ifndef CODEC_EMAIL_H
#define CODEC_EMAIL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define EMAIL_MAX 254
#define EMAIL_LOCAL_MAX 64
#define EMAIL_KEY_MAX 446	/* folded, a local part may take thrice as much */

struct email {
	struct str shown;	/* as given */
	struct str key;		/* folded (codec/fold.h), the domain as
				 * A-labels: what two are compared by */
	struct str local;	/* of shown: the part before the '@' */
};

/*
 * `in` is trimmed already; the slices live in the pool and shown and key are
 * terminated.  ERR_SYNTAX, ERR_LIMIT, ERR_UTF8, ERR_CONTROL, ERR_NOMEM.
 */
enum err email_parse(struct pool *pool, struct str in, struct email *out_r);

/* Append what a key of releases up to 0.1 is today; today's stays as it is.
 * ERR_UTF8, ERR_NOMEM; whether it fits is told by buf_is_ok(). */
enum err email_add_key(struct buf *out, struct str old_key);
/* Append the key that those releases made of an address; `key` is today's. */
void email_add_old_key(struct buf *out, struct str shown, struct str key);

#endif
