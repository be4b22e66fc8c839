/*
 * steps: the lists that answer each endpoint, as tables that read like the
 * contract.  http/router maps method and path to one of these.
 */
#ifndef HANDOFF_STEPS_H
#define HANDOFF_STEPS_H

#include "handoff/exchange.h"

/* POST and OPTIONS of /api/auth/redirect/{tenant} */
extern const struct steps steps_handoff;
extern const struct steps steps_preflight;
/* 405 of that path; `Allow` was set already */
extern const struct steps steps_handoff_method;
/* The same inside a frame, and what the frame does then: POST of
 * /embed/{tenant}/handoff, /session and /logout */
extern const struct steps steps_embed_handoff;
extern const struct steps steps_embed_session;
extern const struct steps steps_embed_logout;
/* POST /api/auth/redeem/{tenant} */
extern const struct steps steps_redeem;
/* POST /api/auth/logout/{tenant} */
extern const struct steps steps_partner_logout;
/* GET, OPTIONS and POST of /selftest/{tenant} */
extern const struct steps steps_selftest_page;
extern const struct steps steps_selftest_preflight;
extern const struct steps steps_selftest;
/* /auth/callback, whatever the method */
extern const struct steps steps_callback;
/* GET /auth/login */
extern const struct steps steps_login;
/* GET /auth/session, GET /auth/check, GET and POST of /auth/logout */
extern const struct steps steps_session;
extern const struct steps steps_check;
extern const struct steps steps_logout_page;
extern const struct steps steps_logout;
/* GET / of any known host */
extern const struct steps steps_home;
/* 404 with code not_found */
extern const struct steps steps_not_found;
/* The same under /api/auth, whatever the method: any page may read it, and it
 * says where the handoff is */
extern const struct steps steps_near_miss;
/* 405; `Allow` was set already */
extern const struct steps steps_not_allowed;

#endif
