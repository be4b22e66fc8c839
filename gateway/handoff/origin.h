/*
 * origin: what other sites' pages may see and do: CORS headers and Origin
 * checks (Fetch standard, section 3.2).
 */
#ifndef HANDOFF_ORIGIN_H
#define HANDOFF_ORIGIN_H

#include "handoff/exchange.h"

/*
 * On every answer of the handoff: Vary: Origin and, once the tenant is
 * known and lists the request's Origin, the CORS headers.  A 404 that there is
 * no such tenant, once it is set, anybody may read.  Judged once: returns
 * whether the tenant takes a POST with this Origin; false without a tenant.
 */
bool origin_handoff_headers(struct exchange *ex);
/*
 * Of the refusal of a POST for its Origin: ex->hint says which came, as nobody
 * sees it otherwise, and what helps.  "null" has remedies of its own: a page
 * with Referrer-Policy: no-referrer sends it, whatever its site.
 */
void origin_hint(struct exchange *ex);
/*
 * The same for the page around a frame, which the frame's script named in
 * `headers` headers, the first of them `origin`.  Neither tells anything that
 * the request did not say itself.
 */
void origin_hint_framer(struct exchange *ex, struct str origin,
			unsigned headers);

/*
 * Headers of a request that a page may add: what libraries and frameworks send
 * along with everything.  They are let through, and mean nothing here.
 */
#define ORIGIN_FIELDS "content-type, accept, x-requested-with, " \
	"x-csrf-token, x-xsrf-token"

/* Of the answer to the handoff's preflight. */
void origin_preflight_headers(struct exchange *ex);

/*
 * Of an answer that is the same for everybody: any page may read it, so that
 * whoever mistyped an address sees what it says, rather than their browser's
 * complaint about CORS.  No tenant is known there, so none's list can apply,
 * and to let in what any of them lists would tell whose partner a site is.
 * Hence "*": the answer then depends on no Origin, and browsers never let a
 * page read it that sent cookies or other credentials along.  Nothing may be
 * answered with it that depends on who asks.
 */
void origin_anybody_headers(struct exchange *ex);
/* ... and of the answer to the preflight before it. */
void origin_anybody_preflight_headers(struct exchange *ex);

/*
 * The callback answers fetches that followed the handoff's redirect: from a
 * listed origin, or, since the redirect crossed origins, from "null".  Both
 * are echoed, for every tenant of the host alike: what is answered is constant.
 */
void origin_callback_headers(struct exchange *ex);

/*
 * Is the request's only Origin this very host's?  So it comes from a page of
 * our own.  Frames have the gateway's origin, whoever's tenant they are.
 */
bool origin_is_own(const struct exchange *ex);

/*
 * 403 origin_refused, on record with the Origin that came, as far as it has the
 * form of one (policy/strangers.h).  `kind`: STRANGER_POST or STRANGER_OWN,
 * which comes with a hint: no list has a part in it.
 */
enum step_result origin_refuse(struct exchange *ex, enum stranger_kind kind);
/*
 * The same for others that refuse a page, or see that a browser will: counts it
 * for the tenant, if one was found, and lets the running step's trail say
 * "Origin https://...".  `shown` is what stranger_shown() makes of it.
 */
void origin_note(struct exchange *ex, enum stranger_kind kind,
		 struct str shown);
/* Who brought no assertion that holds, by the page that posted; `lack` is of
 * enum vouch_lack. */
void origin_note_unvouched(struct exchange *ex, unsigned lack);
/* What the trail says before it. */
#define ORIGIN_WHY "Origin "
/*
 * Where the answer to a page's script, or to its preflight, has no CORS headers
 * by now, the browser keeps it from the page, which learns "CORS error" and
 * nothing else: noted, with the verdict "unreadable" of a step that goes on.
 * A form's answer is no script's to read, and means nothing here.  A preflight
 * that asks for a header beside ORIGIN_FIELDS fails likewise: it is noted with
 * the verdict "header_refused", and why is ORIGIN_HEADER_WHY, the header's name,
 * ORIGIN_HEADER_OF and the origin.
 */
#define ORIGIN_HEADER_WHY "header "
#define ORIGIN_HEADER_OF ", of " ORIGIN_WHY
#define ORIGIN_HEADER_REFUSED "header_refused"
void origin_note_reader(struct exchange *ex);
void origin_note_preflight(struct exchange *ex);
/*
 * A page that the tenant does not list asks for the frame: the browser gets it,
 * and shows nothing for its frame-ancestors.  Known by its Referer.
 */
void origin_note_framer(struct exchange *ex);

#endif
