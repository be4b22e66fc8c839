/*
 * require-session: whose request is this?  The first steps of every list that
 * asks.
 */
#ifndef HANDOFF_REQUIRE_SESSION_H
#define HANDOFF_REQUIRE_SESSION_H

#include "handoff/exchange.h"

/*
 * Find the session that the request carries, of the kind that the list is for
 * (handoff/session.h): `id` 0 means nobody's.  In a list for frames the path
 * names the tenant (params[0]), and another tenant's session is nobody's.
 *
 * ex->tenant becomes whose user it is or, for nobody, the tenant that the path
 * names or that lives at the host alone, so that a page knows a way back.
 * STEP_NEXT, or STEP_ANSWER: no memory.
 */
enum step_result require_session_find(struct exchange *ex,
				      struct session *session_r);

/* 401 not_signed_in. STEP_ANSWER. */
enum step_result require_session_refuse(struct exchange *ex);

/*
 * The cookie goes with requests from anywhere (SameSite=None): only a page of
 * our own may change anything.  STEP_NEXT, or STEP_ANSWER: 403 origin_refused.
 */
enum step_result require_session_origin(struct exchange *ex);

#endif
