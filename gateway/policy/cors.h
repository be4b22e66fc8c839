/*
 * cors: which origins may read our answers, and which may post at all
 * (Fetch standard, section 3.2).
 *
 * An origin is listed when it is byte-equal to one of the list: no suffixes,
 * no letter case.  The list's entries are in the one form that browsers send
 * (codec/url.h: url_parse_origin()), or have "*." before their host
 * (config/wildcard.h): that stands for one label, exactly, of 1 to 63 small
 * letters, digits, '-' and '_' (no host name has '_', but browsers take it), so
 * neither for https://example.com nor for https://a.b.example.com.
 */
#ifndef POLICY_CORS_H
#define POLICY_CORS_H

#include "base/str.h"

#define CORS_ORIGINS_MAX 64		/* of one tenant */

struct cors {
	struct str *origins;		/* the owner's, who keeps to the max */
	unsigned count;
	bool require_origin;		/* a POST must come from a listed one */
	bool allow_null_origin;		/* to require_origin, "null" is one */
};

enum cors_verdict {
	CORS_ALLOWED,
	CORS_REFUSED,
};

/* Is it an entry with a "*."? */
bool cors_is_wildcard(struct str entry);
/* "null", an empty and an absent origin are never listed. */
bool cors_is_listed(const struct cors *cors, struct str origin);

/*
 * Judge a handoff: `origin` is the value of its Origin header (the first, if
 * there are several; absent, if none), `headers` how many there were.
 *
 * Returns whether the POST may go on: refused are several Origin headers
 * and, with require_origin, what is absent or not listed.
 *
 * *echo_r becomes what Access-Control-Allow-Origin must say on the answer,
 * whatever its status: the origin, if it is listed and the only one; else it
 * is absent and no CORS header may be sent.  "null" is never echoed, even where
 * it may post: any sandboxed frame has that origin.
 */
enum cors_verdict cors_judge(const struct cors *cors, struct str origin,
			     unsigned headers, struct str *echo_r);

#endif
