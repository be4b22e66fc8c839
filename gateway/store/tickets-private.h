/*
 * tickets-private: tickets for the other modules of this room.
 */
#ifndef STORE_TICKETS_PRIVATE_H
#define STORE_TICKETS_PRIVATE_H

#include "store/tickets.h"

/* A message's id is its ticket's times this, and its place in the thread. */
#define TICKET_PLACES 1024
#define TICKET_HOUR_MS 3600000
_Static_assert(TICKET_MESSAGES_MAX < TICKET_PLACES, "places in a thread");

/* ERR_NOMEM, ERR_IO (no random bytes). */
enum err tickets_new(struct writer *writer, struct tickets **tickets_r);
/* After the writer ended. Accepts NULL. */
void tickets_free(struct tickets *tickets);

/* Inside a job: delete all of a user. */
enum err tickets_delete_of(struct db *db, int64_t user_id);
/* While settling: the user's list is another now. */
void tickets_touch(struct tickets *tickets, int64_t user_id);

/* ---- rows, for jobs (ticket-rows.c); texts in the job's scratch ---- */

/* A user as jobs need them. */
struct ticket_user {
	int64_t id;
	struct str email, name;
	bool is_blocked;
};

struct ticket_row {
	struct ticket_user user;
	int64_t id, number;
	struct str subject, category;
	bool is_closed;
	unsigned messages, turns;
	int64_t created_ms;		/* wall clock */
	int64_t turned_ms;		/* steady clock */
};

/* What a user wrote within the hour before `now_ms`; all by the steady
 * clock. */
struct ticket_usage {
	unsigned messages, tickets;
	int64_t first_message_ms, first_ticket_ms;	/* the oldest of them */
};

/* ERR_NOT_FOUND: there is none of that tenant. */
enum err ticket_find_user(struct db *db, struct str tenant, int64_t user_id,
			  struct ticket_user *user_r);
/* ERR_NOT_FOUND. `user_id` 0: whosever it is. */
enum err ticket_find(struct db *db, struct str tenant, int64_t user_id,
		     int64_t number, struct ticket_row *row_r);
/* The number of the user's ticket of that key; ERR_NOT_FOUND; ERR_USED: its
 * subject, category or text is another. */
enum err ticket_find_key(struct db *db, int64_t user_id,
			 const struct ticket_new *n, int64_t *number_r);
/* ERR_OK: they (or an agent) wrote one of that key; ERR_NOT_FOUND; ERR_USED:
 * its text is another. */
enum err ticket_find_message_key(struct db *db, int64_t ticket_id,
				 const struct ticket_change *c);
enum err ticket_find_usage(struct db *db, int64_t user_id, int64_t now_ms,
			   struct ticket_usage *usage_r);

#endif
