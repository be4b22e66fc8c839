/*
 * steps: the lists that answer each endpoint, as tables that read like the
 * contract.  http/router maps method and path to one of these.
 */
#ifndef HANDOFF_STEPS_H
#define HANDOFF_STEPS_H

#include "handoff/exchange.h"

extern const struct steps steps_handoff;	/* POST /api/auth/redirect/{tenant} */
extern const struct steps steps_preflight;	/* OPTIONS of the same */
extern const struct steps steps_redeem;		/* POST /api/auth/redeem/{tenant} */
extern const struct steps steps_callback;	/* any method, /auth/callback */
extern const struct steps steps_session;	/* GET /auth/session */
extern const struct steps steps_check;		/* GET /auth/check */
extern const struct steps steps_logout;		/* POST /auth/logout */
extern const struct steps steps_dashboard;	/* GET /dashboard */
extern const struct steps steps_home;		/* GET / of any known host */
extern const struct steps steps_not_found;	/* 404 with code not_found */
extern const struct steps steps_not_allowed;	/* 405; `Allow` was set already */

#endif
