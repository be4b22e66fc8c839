/*
 * token: the handoff token: what the gateway tells the tenant's host about a
 * user, sealed, for two minutes and for one use.
 *
 * The plaintext is a JSON object of fixed shape (RFC 7519 names):
 *
 *	{"iss":B's origin,"aud":tenant,"sub":user id,"email":...,"name":...,
 *	 "iat":...,"exp":...,"jti":...,"redirect_url":...}
 *
 * sealed with the tenant's keys (crypto/jwe.h).  `jti` is 128 bits, base64url:
 * 48 of wall-clock milliseconds and 80 random ones, so that the redemptions'
 * table grows at its end.
 */
#ifndef HANDOFF_TOKEN_H
#define HANDOFF_TOKEN_H

#include <stdint.h>

#include "base/pool.h"
#include "config/snapshot.h"
#include "store/redemptions.h"

#define TOKEN_TTL_S 120
#define TOKEN_SKEW_S 5		/* `iat` may lie this far ahead of our clock */
#define TOKEN_LOCATION_MAX 4096	/* octets of the URL that carries one */
#define TOKEN_CALLBACK_PATH "/auth/callback"

struct token {
	struct str email, name, redirect_url;
	int64_t user_id;
	int64_t iat_s, exp_s;
	uint8_t jti[REDEMPTION_JTI_LEN];
};

/*
 * Mint a token: iat_s, exp_s and jti of *token are filled in from `now_ms` and
 * fresh random bytes.  *location_r is the whole callback URL, in the pool.
 * The texts are validated ones (no control characters).  Where the
 * URL would pass TOKEN_LOCATION_MAX the *name* in the token is cut at
 * a character; what is stored stays whole.  ERR_LIMIT when that is not enough,
 * ERR_IO (no random bytes), ERR_NOMEM, ERR_INTERNAL.
 */
enum err token_mint(const struct tenant *tenant, struct str issuer,
		    int64_t now_ms, struct token *token, struct pool *pool,
		    struct str *location_r);

/*
 * Open and check one; slices live in the pool.  ERR_EXPIRED: it was ours, and
 * good once; ERR_AUTH: not ours, not this tenant's, or not in the shape that we
 * write; ERR_NOMEM, ERR_INTERNAL.
 */
enum err token_open(const struct tenant *tenant, struct str issuer,
		    struct str text, int64_t now_s, struct pool *pool,
		    struct token *out_r);

#endif
