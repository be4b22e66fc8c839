/*
 * embed: what the frame on a partner's page may do: hand its user over, and
 * have a desk of its own inside the frame.
 *
 * GET /embed/{tenant} is framed by the tenant's origins alone
 * (desk/frame.h).  Its script learns from the page around it who the user is
 * (window.postMessage, whose origin the browser tells) and posts here, from
 * the gateway's own origin.  So these lists take no other Origin, and the
 * page's stands in a header:
 *
 *	X-Embedded-By: https://yourcompany.com
 *
 * Only the gateway's own pages can send that: on a request from anywhere else
 * browsers ask with a preflight first, which is refused.  A program can send
 * anything, as it can an Origin.
 *
 *	POST /embed/{tenant}/handoff	as POST /api/auth/redirect/{tenant}, but
 *		JSON alone: 200 {"redirect_url":...,"expires_in":120}
 *	POST /embed/{tenant}/session	{"token":...}: opens the session of the
 *		frame (SESSION_EMBEDDED): 204 and its cookie
 *	POST /embed/{tenant}/logout	204
 *
 * Refusals beside those of the handoff and the callback: 403 origin_refused,
 * 403 embedder_refused, 415, 404 desk_off.  Each says what the page's maker can
 * do (ex->hint), from what the request itself said: none tells what is listed.
 */
#ifndef HANDOFF_EMBED_H
#define HANDOFF_EMBED_H

#include "handoff/exchange.h"

#define EMBED_HEADER "X-Embedded-By"

/*
 * Is it the frame's own script that asks?  Exactly one Origin, the gateway's,
 * and Sec-Fetch-Site: same-origin where the browser sends it.  STEP_NEXT or 403
 * origin_refused.
 */
enum step_result embed_check_frame(struct exchange *ex);

/*
 * Does the page around it belong to the tenant?  It must be listed, whatever
 * require_origin says: no other can have framed it.  STEP_NEXT or 403
 * embedder_refused.
 */
enum step_result embed_check_embedder(struct exchange *ex);

/* JSON, as the frame's script sends it, and nothing that a form could send:
 * STEP_NEXT or 415. */
enum step_result embed_check_type(struct exchange *ex);

/*
 * May the desk of this tenant open in a frame?  Not where it has none, nor
 * where the adapter's `deliver` decides about each user's way on; nor while
 * nobody knows that, as long as it starts.
 */
bool embed_has_desk(struct exchange *ex);

#endif
