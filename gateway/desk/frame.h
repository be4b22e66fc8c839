/*
 * frame: GET /embed/{tenant}, the page that a partner's page puts into a frame
 * (handoff/embed.h says what it does from there).
 *
 * It shows nothing of anybody's and sets no cookie.  Only the tenant's origins
 * may frame it (CSP frame-ancestors, to which the star of a wildcard is any
 * number of labels), and the script inside speaks to them alone.  As a page of
 * its own it is refused (403 not_a_frame, by Sec-Fetch-Dest): nobody needs it
 * there, and who opens it might want to talk to it.  A tenant without origins
 * has no embedding: 403 embedding_off.
 */
#ifndef DESK_FRAME_H
#define DESK_FRAME_H

#include "handoff/exchange.h"

extern const struct steps steps_frame;

#endif
