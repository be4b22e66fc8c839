/*
 * token: the handoff token: all that was decided about a user who is on the
 * way, sealed, for two minutes and for one use.  The gateway stores nobody
 * before they arrive, so the token carries what their arrival writes.
 *
 * The plaintext is a JSON object of fixed shape and order (RFC 7519 names):
 *
 *	{"v":2,"iss":B's origin,"aud":tenant,"email":...,"iat":...,"exp":...,
 *	 "mms":mint time in ms,"jti":...,"rid":the handoff's request id,
 *	 "vouched":true,"sub":external id,"aexp":the assertion's exp,
 *	 "nonce":of the sign-in that began at the desk,"chosen":true,
 *	 "redirect_url":...,"name":...,
 *	 "set":{attribute:value,...},"unset":[name,...],
 *	 "events":[{"name":...,"body":{...}},...],
 *	 "park":"ID.SUM"}
 *
 * sealed with the tenant's keys (crypto/jwe.h).  The last four stand only where
 * there are any, and `vouched`, `sub` and `aexp` where a signed assertion says
 * who it is, `nonce` where handoff/login.h began it, and `chosen` beside that
 * where an adapter chose the target.  `jti` is 128 bits, base64url: 48 of milliseconds of the steady
 * clock and 80 random ones, so that the redemptions' table grows at its end.
 * Where it is vouched for, both come from the assertion (handoff/vouch.h): all
 * tokens of one share a jti, and so a use.
 *
 * What does not fit into TOKEN_LOCATION_MAX is parked (store/parking.h): of the
 * members from `redirect_url` on, from the end, in whole steps: the events,
 * then the attributes, the name, the target.  They make an object of the same
 * shape; `park` is its id and the SHA-256 of its text, both in base64url.
 */
#ifndef HANDOFF_TOKEN_H
#define HANDOFF_TOKEN_H

#include <stdint.h>

#include "base/pool.h"
#include "config/snapshot.h"
#include "crypto/digest.h"
#include "store/redemptions.h"

#define TOKEN_FORMAT "2"
#define TOKEN_TTL_S 120
#define TOKEN_SKEW_S 5		/* `iat` may lie this far ahead of our clock */
/* Octets of the URL that carries one: the head of the answer stays under 4,000
 * with it, of which a default nginx takes no more. */
#define TOKEN_LOCATION_MAX 3000
#define TOKEN_CALLBACK_PATH "/auth/callback"

struct token {
	struct str rid;			/* request id of the handoff */
	struct str email, name, redirect_url;
	struct fields set;		/* attributes; all text */
	const struct str *unset;	/* names of those to remove, before */
	unsigned unset_count;
	const struct outbox_event *events;
	unsigned event_count;
	int64_t iat_s, exp_s, minted_ms;
	uint8_t jti[REDEMPTION_JTI_LEN];
	bool is_vouched;		/* by an assertion */
	struct str sub;			/* its external id; absent: none */
	int64_t aexp_s;			/* when it expires */
	struct str nonce;		/* that it goes on with; absent: it
					 * began at the partner's */
	bool is_chosen;			/* the target, by an adapter; told with
					 * a nonce alone */
	bool is_parked;			/* the rest lies there */
	uint8_t park_id[PARKED_ID_LEN], park_sum[DIGEST_SIZE];
};

/*
 * Mint a token: times, jti (unless it is vouched for) and what is said of
 * parking are filled in from `now_ms` and fresh random bytes.  *location_r is the whole callback URL,
 * *parked_r what has to be parked under token->park_id before anybody gets it
 * (absent: nothing); both in the pool.  The texts are validated ones (no
 * control characters).  ERR_LIMIT past PARKED_MAX, ERR_IO (no random bytes),
 * ERR_NOMEM, ERR_INTERNAL.
 */
enum err token_mint(const struct tenant *tenant, struct str issuer,
		    int64_t now_ms, struct token *token, struct pool *pool,
		    struct str *location_r, struct str *parked_r);

/*
 * Open and check one; slices live in the pool.  Of one that is_parked what lies
 * there is absent until token_unpark().  ERR_EXPIRED: it was ours, and good
 * once, and *out_r is what it says; ERR_RANGE: ours, by a clock that is ahead; ERR_AUTH: not ours, not this
 * tenant's, or not in the shape that we write; ERR_NOMEM, ERR_INTERNAL.
 */
enum err token_open(const struct tenant *tenant, struct str issuer,
		    struct str text, int64_t now_s, struct pool *pool,
		    struct token *out_r);
/* Add what was parked with it; slices live in the pool or are of `content`.
 * ERR_AUTH: that is not what was parked. ERR_NOMEM, ERR_INTERNAL. */
enum err token_unpark(struct token *token, struct str content,
		      struct pool *pool);

#endif
