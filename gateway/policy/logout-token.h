/*
 * logout-token: what a partner's logout says, once its signature holds: the
 * claims of a logout token (OpenID Connect Back-Channel Logout 1.0, sections 2.4
 * and 2.6), judged for one tenant at one moment.  Pure, as policy/assertion.h.
 *
 *	{"iss":...,"aud":tenant,"iat":...,"jti":...,"sub":external id,
 *	 "events":{"http://schemas.openid.net/event/backchannel-logout":{}}}
 *
 * `email` stands for, or beside, `sub`: our own claim, for partners who have no
 * ids.  A `nonce` is refused, for that is an assertion's, and so is what was
 * issued more than LOGOUT_TOKEN_AGE_S ago or ahead; `exp` and `nbf` count where
 * they are there.  There is no session of the partner's here, so `sid` alone
 * says nothing.
 */
#ifndef POLICY_LOGOUT_TOKEN_H
#define POLICY_LOGOUT_TOKEN_H

#include "policy/assertion.h"

#define LOGOUT_TOKEN_AGE_S 120
#define LOGOUT_TOKEN_TYPE "logout+jwt"
#define LOGOUT_TOKEN_EVENT "http://schemas.openid.net/event/backchannel-logout"

/* "logout+jwt", case ignored, and nothing else. */
bool logout_token_is_type(struct str typ);

/*
 * Judge a payload: rules->max_age_s and the URL of rules->url mean nothing and
 * what they mean to an assertion.  ERR_OK: *out_r has sub or email, or both, and
 * jti; slices live in the pool.  ERR_AUTH: *hint_r says what is wrong, to the
 * partner, terminated.  ERR_NOMEM.
 */
enum err logout_token_check(const struct assertion_rules *rules,
			    struct str payload, struct pool *pool,
			    struct assertion *out_r, struct str *hint_r);

#endif
