/*
 * desk: the built-in ticket desk: one page, and a JSON API behind it.
 *
 * Everything is of the user who is signed in, at their tenant; nothing of
 * anybody else's can be named.  The same lists answer twice: at the tenant's
 * host for the session of a tab, and under /embed/{tenant} at the gateway's
 * for the session of a frame (struct steps: is_embedded), of that tenant.
 *
 *	GET  /dashboard, /tickets/new, /tickets/{number}    the page
 *	GET  /api/tickets?state=open|closed&before=CURSOR&limit=N
 *		200 {"tickets":[TICKET...],"next":CURSOR or null}
 *		the last changed first, 50 at a time unless asked for fewer
 *	POST /api/tickets  {"subject","category"?,"message"}
 *		201 {"ticket":THREAD}; 200 for a repeated Idempotency-Key
 *	GET  /api/tickets/{number}?before=ID
 *		200 {"ticket":THREAD}
 *	POST /api/tickets/{number}/messages  {"message"}
 *		201 {"ticket":THREAD}; 200 repeated; 409 ticket_closed, or
 *		ticket_full (TICKET_MESSAGES_MAX)
 *	POST /api/tickets/{number}/close, /reopen   {} or no body
 *		200 {"ticket":THREAD}, also where it is so already
 *
 *	TICKET  {"number":7,"subject","category","state":"open" or "closed",
 *		"messages":2,"last":"user" or "agent",
 *		"created_at":"2026-11-22T10:00:00.000Z","updated_at"}
 *	THREAD  a TICKET with "thread":[{"id":1,"author":"user" or "agent",
 *		"name","message","created_at"}...], the oldest first, and
 *		"earlier": null, or an ID: only the newest messages that an
 *		answer has room for are there (LISTING_THREAD_MAX), and those
 *		before ID come with ?before=ID
 *
 * A subject has 1 to 200 characters in one line, a category is one of the
 * tenant's or empty, a message has 1 to 5000 characters, its lines ended by LF
 * (CRLF and CR become that).  White space around each is dropped.  A body has
 * REQUEST_TEXT_MAX octets at most: room for the longest ticket in UTF-8, though
 * not for one that spells all of its characters as \uXXXX.
 *
 * A POST carries JSON (application/json), a same-origin Origin, X-CSRF-Token
 * (below) and, where it writes a message, Idempotency-Key: 1 to 64 of
 * [A-Za-z0-9_-].  Refusals: 401 not_signed_in; 403 origin_refused,
 * csrf_refused; 404 not_found (another's ticket looks like none; also where the
 * tenant has no desk); 400 malformed_query, malformed_body; 413
 * body_too_large, 415 unsupported_media_type; 422 validation_failed in the
 * guide's shape, on subject, category, message and idempotency_key; 422
 * key_reused: that key came before with other content; 409; 429
 * too_many_tickets (of tickets, messages, or turns) with Retry-After; 503.
 *
 * A GET of the API may carry X-CSRF-Token as well, and is then refused (403
 * csrf_refused) where it is not this session's: a page that stayed open while
 * somebody else signed in shows nothing of theirs under the old name.
 *
 * A request of the page's own accord says X-Usher-Activity: none, and is no
 * activity (handoff/session.h): by GET /api/tickets?limit=1 the page looks
 * whether its person is still signed in, when somebody comes to its tab, each
 * minute while it is in view, and when another tab says that it signed out
 * (BroadcastChannel "usher", "signed-out").  Once nobody is, or somebody else,
 * nothing of them is in the page any more.  Signing out is a fetch of "logout",
 * so that the others are told of what has happened; the form stands in for it.
 *
 * The CSRF token is derived from the session's secret (HMAC-SHA256 of a label,
 * in base64url), so it needs no row of its own, ends with the session, and
 * is of no use to read the cookie.
 *
 * The page is one document: style, script and the first data inside it, so
 * that one round trip shows the desk.  Its data is
 *	<script type="application/json" id="data" nonce="...">
 *	{"tenant":{"slug","name","home","accent","categories":[...],"terms",
 *	 "attribution"},"user":{"name","email"},"csrf":"...","api":
 *	 "/api/tickets","base":"/","tickets":[...],"next":...,
 *	 "ticket":THREAD or null,"logout":"/auth/logout"}
 *	</script>
 * (absent settings are null), everything in it escaped so that no text can end
 * the element.  "tickets" is the list without `state`, the first 20 of it, so
 * that the whole takes less than 50 KiB as a rule.  In a frame there is also
 * "embedded":true, and the paths begin with "/embed/SLUG/": "api" is
 * "/embed/SLUG/api/tickets", "base" "/embed/SLUG/", "logout"
 * "/embed/SLUG/logout".  A form may post to "logout" in either place: the
 * answer leads on to where signing out is said.  The page's own paths are base
 * + "dashboard", "tickets/new" and "tickets/7".
 *
 * The body is <div id="desk"></div>, which the script fills, a <noscript> that
 * says so, who is signed in, and a form that signs out, and the data, in this
 * order before the script.  The tenant's colour comes after the style, as
 *	:root{--accent:#rrggbb;--on-accent:#rrggbb}
 * the second being what can be read on the first; absent: the style's own.
 */
#ifndef DESK_DESK_H
#define DESK_DESK_H

#include "handoff/exchange.h"

/* The page, whatever its path; 404 for a number that is not theirs. */
extern const struct steps steps_desk_page;
extern const struct steps steps_tickets_list;
extern const struct steps steps_tickets_create;
extern const struct steps steps_ticket_show;
extern const struct steps steps_ticket_reply;
extern const struct steps steps_ticket_close;
extern const struct steps steps_ticket_reopen;

/* The same in a frame: params are {tenant}, {number}. */
extern const struct steps steps_frame_desk_page;
extern const struct steps steps_frame_tickets_list;
extern const struct steps steps_frame_tickets_create;
extern const struct steps steps_frame_ticket_show;
extern const struct steps steps_frame_ticket_reply;
extern const struct steps steps_frame_ticket_close;
extern const struct steps steps_frame_ticket_reopen;

#endif
