/*
 * assertion: what a signed assertion says, once its signature holds: the
 * claims of a JSON Web Token (RFC 7519), judged for one tenant at one moment.
 * Pure: it neither verifies (crypto/jws.h) nor remembers.
 *
 * All checks are made, in the order below, whether an earlier one failed or
 * not: a sign-in is refused for the first, and usherctl shows all of them.
 * Each has the code of its refusal and a hint for who wrote the partner's
 * signing code; a hint tells no more than the assertion itself said, our own
 * clock, and what the tenant expects.  It goes on record, so of what may hold an
 * address it tells the length alone (json_told()).
 */
#ifndef POLICY_ASSERTION_H
#define POLICY_ASSERTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/codes.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"
#include "codec/fields.h"

#define ASSERTION_SKEW_S 60	/* clocks may differ by that */
#define ASSERTION_AGE_S 300	/* exp - iat, unless a tenant says */
#define ASSERTION_AGE_MAX_S 900	/* ... and what it may say */
#define ASSERTION_JTI_MIN 8	/* octets */
#define ASSERTION_JTI_MAX 128
#define ASSERTION_NONCE_MAX 128	/* octets */
#define ASSERTION_SUB_MAX 255	/* octets */

/* What is expected. */
struct assertion_rules {
	struct str issuer;	/* absent: any, or none */
	struct str slug, url;	/* `aud` is one: the tenant's name, or the
				 * absolute URL of its handoff */
	int64_t max_age_s;	/* of exp - iat */
	int64_t now_s;		/* the wall clock: others stamped it */
};

/* What it says.  Slices live in the pool; absent: it says nothing of it. */
struct assertion {
	struct str email, name, sub, jti, nonce;
	int64_t iat_s, exp_s;
	/* all but the registered claims and `nonce`: email, name and whatever
	 * else it vouches for; text, and nested JSON as its compact text */
	struct fields claims;
};

enum assertion_check {
	ASSERTION_TYPE,		/* `typ` of the header */
	ASSERTION_PAYLOAD,	/* one JSON object, each name once */
	ASSERTION_ISSUER,
	ASSERTION_AUDIENCE,
	ASSERTION_EXPIRY,
	ASSERTION_BEGIN,	/* iat and nbf are not ahead */
	ASSERTION_LIFETIME,
	ASSERTION_CLAIMS,	/* what is required is there, and of its type */
	ASSERTION_SUBJECT,
	ASSERTION_CHECKS
};

struct assertion_row {
	const char *name;	/* "iss", "exp" ...; constant */
	bool is_good;
	enum code code;		/* where it is not */
	struct str hint;	/* what is wrong, and what helps; terminated, in
				 * the pool.  Absent where it is good */
};

/* Absent, "JWT" or "usher+jwt", case ignored (RFC 7515 section 4.1.9); a
 * prefix "application/" is none of these (RFC 8725 section 3.11: another kind
 * of token must not pass for this one). */
bool assertion_is_type(struct str typ);
/* What helps where it is none of them, in the pool; absent: no memory. */
struct str assertion_type_hint(struct pool *pool, struct str typ);

/*
 * Judge a payload whose header has that `typ` (absent: none).  Fills in all of
 * `rows`.  ERR_OK: all are good, and *out_r is what it says; ERR_AUTH: one is
 * not; ERR_NOMEM.  Where the payload cannot be read no row after it is good
 * either, and they have its code and its hint.
 */
enum err assertion_check(const struct assertion_rules *rules, struct str typ,
			 struct str payload, struct pool *pool,
			 struct assertion *out_r,
			 struct assertion_row rows[ASSERTION_CHECKS]);

/* The first that is not good; NULL: all are. */
const struct assertion_row *
assertion_refusal(const struct assertion_row rows[ASSERTION_CHECKS]);

#endif
