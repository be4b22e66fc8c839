/*
 * session: the cookie that says who somebody is, and what it stands for.
 *
 *	__Host-usher=VALUE; Path=/; Secure; HttpOnly; SameSite=None
 *	__Host-usher-embed=VALUE; ... SameSite=None; Partitioned
 *
 * The second is of a desk inside a frame on a partner's page: a name of its own
 * because browsers that do not part their cookies send both, and each is good
 * for its own kind of request alone (struct steps: is_embedded).
 *
 * VALUE is 256 bits in base64url: 8 octets of the session's number, big-endian,
 * by which it is found, and 24 random ones, of which the store keeps a
 * SHA-256.  The prefix makes browsers refuse the cookie from anybody but this
 * very host over TLS (RFC 6265bis section 4.1.3.2).
 */
#ifndef HANDOFF_SESSION_H
#define HANDOFF_SESSION_H

#include <stdint.h>

#include "codec/base64url.h"
#include "crypto/digest.h"
#include "handoff/exchange.h"

#define SESSION_COOKIE "__Host-usher"
#define SESSION_COOKIE_EMBED "__Host-usher-embed"
#define SESSION_ID_SIZE 8
#define SESSION_SECRET_SIZE 24

#define SESSION_COOKIE_MAX 128		/* of a Set-Cookie value, terminated */
#define SESSION_CSRF_LEN BASE64URL_LEN(DIGEST_SIZE)

struct session_secret {
	uint8_t bytes[SESSION_SECRET_SIZE];	/* goes to the browser */
	uint8_t hash[SESSION_HASH_LEN];		/* stays */
	char cookie[SESSION_COOKIE_MAX];	/* the header's text */
};

/* Draw one. ERR_IO, ERR_INTERNAL, ERR_NOMEM. */
enum err session_secret_new(struct session_secret *out_r);

/*
 * Set-Cookie: this session.  `secret` outlives the exchange's run, and no
 * memory is needed: the session is open already, and must not be lost.
 */
void session_set_cookie(struct exchange *ex, enum session_kind kind,
			int64_t id, struct session_secret *secret);
/* Set-Cookie: none of that kind any more. */
void session_clear_cookie(struct exchange *ex, enum session_kind kind);

/* The only cookie of that name in all Cookie headers. Two of them mean that
 * somebody planted one: false. */
bool session_find_cookie(const struct exchange *ex, struct str name,
			 struct str *value_r);
/* Where whoever signed out goes on: logout_url, or the partner's home. Absent:
 * nowhere. */
struct str session_exit(const struct tenant *tenant);
/* "'self'", and the origin of that: browsers hold form-action against each
 * redirect of a form. */
struct str session_exit_forms(struct exchange *ex);

/* The kind that the running list is for. */
enum session_kind session_kind_of(const struct exchange *ex);

/*
 * Whose session does this request carry?  1: *session_r and its tenant; the
 * session is good, of the kind that the running list is for, of the host asked
 * for, and its tenant serves: there, or, for an embedded one, on the
 * gateway's host, which has all the frames.  0: nobody's: no cookie, several
 * of that name, malformed, unknown, expired, of another host or kind.  -1: no
 * memory.  Counts as activity, unless the request says
 *	X-Usher-Activity: none
 * as a page does that looks by itself whether its session still holds: one that
 * is left open keeps nobody signed in.
 */
int session_current(struct exchange *ex, struct session *session_r,
		    const struct tenant **tenant_r);

/* Why it is nobody's, in words for the trail. NULL: no memory. */
const char *session_why_none(struct exchange *ex);

/* {"id":"12","email":...,"name":...,"verified":...,"attributes":{...}} */
void session_add_user(struct buf *out, const struct user_view *user);

/*
 * What a page of this session proves itself with, beside the cookie: derived
 * from the session's secret (HMAC-SHA256 of a label, in base64url), so that it
 * needs no row of its own, ends with the session, and does not give the cookie
 * away.  For a request that session_current() found one of: terminated.
 * ERR_NOT_FOUND: it carries none.  ERR_NOMEM, ERR_INTERNAL.
 */
enum err session_csrf(const struct exchange *ex,
		      char out_r[SESSION_CSRF_LEN + 1]);
/* Is X-CSRF-Token the one of this request's session? */
bool session_has_csrf(const struct exchange *ex);

/* Is `tenant` one of those who live at the host asked for? */
bool session_is_host_of(const struct exchange *ex,
			const struct tenant *tenant);

#endif
