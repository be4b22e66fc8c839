/*
 * listing: tickets as JSON.
 */
#ifndef DESK_LISTING_H
#define DESK_LISTING_H

#include "desk/input.h"
#include "handoff/exchange.h"

/* Tickets that the page comes with: it takes less than 50 KiB as a rule. */
#define LISTING_PAGE 20
/* Octets of a thread that one answer shows; a message that is longer by itself
 * is shown all the same. */
#define LISTING_THREAD_MAX (64 * 1024)

/* Text in memory of its own: a list may take more than an exchange has. */
struct listing {
	struct str json;
	/* private */
	struct pool *pool;
};

/*
 * One page of the list of a user of ex->tenant, as members of an object:
 *	"tickets":[TICKET...],"next":CURSOR or null
 * The text is valid until this worker makes another listing.  ERR_NOMEM,
 * ERR_IO.
 */
enum err listing_tickets(struct exchange *ex, int64_t user_id,
			 const struct input_query *query,
			 struct listing *out_r);

/*
 * A THREAD (desk/desk.h): the ticket, and of its thread the newest messages
 * that `max` octets have room for and that came before the message `before`
 * (0: of all); one at least.  ERR_NOT_FOUND: not a ticket of that user of
 * ex->tenant; ERR_NOMEM, ERR_IO.
 */
enum err listing_thread(struct exchange *ex, int64_t user_id, int64_t number,
			int64_t before, size_t max, struct listing *out_r);

/* Accepts a zeroed one. */
void listing_done(struct listing *listing);

#endif
