/*
 * login: a sign-in that starts at the desk, and goes on at the partner's
 * login_url.
 *
 *	GET /auth/login?return_to=/tickets/17
 *	302 LOGIN_URL?state=STATE&nonce=STATE&return_to=...
 *	Set-Cookie: __Host-usher-login=...; Max-Age=600
 *
 * The handoff that the partner then makes carries STATE back: as the claim
 * `nonce` of its assertion, or in the field `state`.  It goes into the token, and
 * the callback asks the cookie for it: no sign-in that began here ends in another
 * browser than it began in, and this one ends where its user wanted to go.  The
 * post goes to another host, which cannot see the cookie.
 *
 * The cookie is sealed (crypto/jwe.h, with keys for nothing else) and stands for
 * LOGIN_TTL_S; nothing of it is stored.  It holds up to LOGIN_KEPT of them, the
 * newest first, so that tabs which were opened one after the other do not lose
 * each other's:
 *
 *	EXPIRES ' ' KIND STATE ' ' TARGET '\n'
 *
 * with TARGET empty for none.  SameSite=Lax: what comes with it is a GET for a tab
 * of its own, and our own page's post.
 *
 * One bounce, never a loop.  What a new sign-in mends, an assertion that expired
 * or was used, is begun anew once (login_bounce()): the cookie says so, and where
 * none is kept, which is tried before, it does not happen.  LOGIN_KEPT of them for
 * one place within LOGIN_HASTE_S that all came back without success are no
 * person's.  A browser that keeps no cookies at all is not sent to the partner a
 * second time: one that comes from elsewhere without any shows first that it keeps
 * one (`again=0`).
 *
 * Tabs that begin at once, without a cookie, overwrite each other's; whose state is
 * lost begins anew, by the same rule.
 */
#ifndef HANDOFF_LOGIN_H
#define HANDOFF_LOGIN_H

#include "handoff/exchange.h"

#define LOGIN_COOKIE "__Host-usher-login"
#define LOGIN_PATH "/auth/login"
#define LOGIN_TTL_S 600
#define LOGIN_KEPT 4
#define LOGIN_HASTE_S 20
#define LOGIN_STATE_SIZE 24		/* octets */
#define LOGIN_TARGET_MAX 1024		/* octets: of longer ones nothing is
					 * kept */

/*
 * May the answer be the way to the partner's login_url?  There is one, and a
 * person's browser asks with a navigation of its own tab.
 */
bool login_may_begin(const struct exchange *ex);
/* What a page may link to, with the encoded target behind it. Absent: no
 * memory. */
struct str login_path(struct exchange *ex);
/* 302 to /auth/login of the same host, which brings the user back to the path
 * that was asked for. */
enum step_result login_begin(struct exchange *ex);
/* 303 to it of the tenant's host, for a sign-in that a new one would mend.
 * `target`: where that was to lead; absent: as the cookie says. */
enum step_result login_bounce(struct exchange *ex, struct str target);

/* Is it one of ours by its look? */
bool login_is_state(struct str text);

/*
 * Take the field `state` out of the body's, where it is one of ours by its look:
 * forms have fields of that name for other ends.  Absent: there is none, or the
 * tenant has no login_url.
 */
struct str login_take_state(struct exchange *ex);

/* One that this browser began at ex->tenant. */
struct login {
	struct str target;	/* where it leads; absent: nowhere in
				 * particular, or somewhere that is no longer
				 * allowed */
	struct str cookie;	/* Set-Cookie: all others stand on */
	bool has_others;	/* there are any that are not over */
	bool has_again;		/* one in the place of one that failed */
};
/* 1; 0: there is none of that state, and nothing to lead to; -1: no memory. */
int login_find(struct exchange *ex, struct str state, struct login *login_r);

#endif
