/*
 * redirect: where a signed-in user may be sent.
 *
 * Allowed are the tenant's own origins, and the entries of its list: an exact
 * scheme, host and port, optionally with a path prefix.  Prefixes match whole
 * segments: "/support" allows /support, /support/x and not /supportx;
 * "/support/" allows /support/ and what is below.  There are no patterns.
 *
 * A candidate is parsed strictly (codec/url.h) and only its re-serialised form
 * is ever used.  Beside that, on any host:
 *  - plain http is for loopback names only, and only where the policy says so;
 *  - no target lies in /auth/, /api/, /embed/ or /sdk/, so that nobody is sent
 *    into the machinery of signing in (letter case does not count);
 *  - the path is read as each kind of server may read it: percent-decoded any
 *    number of times, '\' as a slash, path parameters (";x") dropped, empty
 *    segments dropped, dot segments resolved.  Every reading must keep the two
 *    rules above it, and the prefix.  Encoded control characters are refused.
 */
#ifndef POLICY_REDIRECT_H
#define POLICY_REDIRECT_H

#include "base/error.h"
#include "base/pool.h"
#include "codec/url.h"

#define REDIRECT_ENTRIES_MAX 64		/* of one tenant */
#define REDIRECT_DECODE_MAX 4		/* layers of percent-encoding */

struct redirect_entry {
	struct url url;		/* path: the prefix; "/" is all of the origin */
	struct str decoded;	/* the prefix, percent-decoded */
};

/* Made of parsed parts; all belong to the owner of the policy. */
struct redirect_policy {
	const struct url *own;		/* origins; paths are not looked at */
	unsigned own_count;
	const struct redirect_entry *entries;
	unsigned entry_count;
	bool allow_http_loopback;	/* a development configuration */
};

/*
 * One entry of a list: an absolute URL without query and fragment.  A prefix
 * must be plain: without ';' and "//", with no encoded '/', '\', '.', ';', '%'
 * or control character, and not in the paths that are never a target.  Plain
 * http is accepted for loopback names only; whether it counts, the policy
 * says.
 * Slices live in the pool.  Errors as url_parse().
 */
enum err redirect_entry_parse(struct pool *pool, struct str text,
			      struct redirect_entry *out_r,
			      struct fault *fault);

/*
 * May a user be sent to `candidate`?  *url_r is then the URL to use,
 * terminated, in the pool.  Errors of url_parse(); ERR_UNSUPPORTED for what is
 * a URL but never a target, ERR_NOT_FOUND for what is not on the list.  fault
 * says more, for people.  Paths alone ("/x") are no candidates: a request
 * cannot know on which host they would end up.
 */
enum err redirect_check(const struct redirect_policy *policy,
			struct pool *pool, struct str candidate,
			struct str *url_r, struct fault *fault);

/*
 * The same for a configured absolute path ("/dashboard", a query and fragment
 * may follow) on the first of the tenant's own origins.  It starts with one
 * slash, not two.
 */
enum err redirect_resolve_path(const struct redirect_policy *policy,
			       struct pool *pool, struct str path,
			       struct str *url_r, struct fault *fault);

#endif
