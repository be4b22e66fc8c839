/*
 * tickets: what users ask of a tenant's desk, and what is answered.
 *
 * A ticket belongs to one user of one tenant and is a thread of messages, the
 * user's and the agents'.  Every look-up and every job names tenant and user
 * (or, for agents, the tenant alone), and what is not theirs is not found: the
 * isolation is in the queries, not in their callers.
 *
 * Each change is one job: the rows, an event for the webhooks and the audit
 * record in one transaction.  Erasing a user (users_erase()) takes the tickets
 * along.
 *
 *	event			when
 *	ticket.created		a user wrote the first message
 *	ticket.replied		either side wrote another
 *	ticket.closed		either side closed it
 *	ticket.reopened		either side opened it again
 *
 * An event's body is {"ticket":{"number","subject","category","state",
 * "created_at"},"user":{"id","email","name"},"message":{"id","author":"user" or
 * "agent","name","text"} (where one was written),"by":"user" or "agent"}, the
 * state after it.
 *
 * A client names each request that writes by a key of its own making.  The
 * same key again (of that user for a new ticket; of that user, or of the
 * agents, on that ticket for a message) writes nothing but the audit record,
 * and gives what the first one gave: a double click is one ticket, and a retry
 * after a lost answer is safe, whatever became of limits and ticket meanwhile.
 * The same key with other words is no retry: ERR_USED, nothing is written, and
 * whoever wrote them hears it.
 *
 * Text is UTF-8 without control characters, but for LF and TAB in messages;
 * that and the limits are checked here (ERR_UTF8, ERR_CONTROL, ERR_LIMIT), all
 * else was validated before.
 */
#ifndef STORE_TICKETS_H
#define STORE_TICKETS_H

#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/users.h"
#include "store/writer.h"

#define TICKET_SUBJECT_MAX 800		/* octets: 200 characters */
#define TICKET_CATEGORY_MAX 256		/* octets */
#define TICKET_MESSAGE_MAX 20000	/* octets: 5000 characters */
#define TICKET_MESSAGES_MAX 500		/* of one ticket */
#define TICKET_KEY_MAX 64		/* octets */
#define TICKET_NAME_MAX USER_NAME_MAX
#define TICKETS_PAGE_MAX 100		/* of one look-up */
/*
 * Of one user within an hour: new tickets, and messages (the first one of each
 * ticket counts).  Of one ticket within an hour: how often its user may close
 * or open it again.  Agents have no such limits.  The hour is the steady
 * clock's (base/clock.h); the times below are for people, and the wall clock's.
 */
#define TICKETS_PER_HOUR 30
#define TICKET_MESSAGES_PER_HOUR 120
#define TICKET_TURNS_PER_HOUR 20

struct tickets;			/* one per store: see store_tickets() */

struct ticket {
	int64_t number;			/* 1, 2, ... of its tenant */
	struct str subject, category;	/* category: empty: none */
	bool is_closed;
	bool is_by_agent;		/* the last message */
	unsigned messages;
	int64_t created_ms, updated_ms;
	/* whose it is, for agents alone (else zeroed); never attributes */
	struct user_view user;
};

struct ticket_message {
	int64_t id;			/* 1, 2, ... of its ticket */
	bool is_by_agent;
	struct str name;		/* as it was then */
	struct str body;
	int64_t created_ms;
};

/*
 * A new ticket.  Result: ERR_OK, also for a repeated key (is_repeat);
 * ERR_NOT_FOUND: no such user of that tenant; ERR_AUTH: they are blocked;
 * ERR_USED: the key is of a ticket with other words;
 * ERR_LIMIT with is_too_many and retry_s set: past TICKETS_PER_HOUR or
 * TICKET_MESSAGES_PER_HOUR; ERR_BUSY, ERR_NOMEM, ERR_IO: nothing was written,
 * it may be tried again.  (ERR_BUSY and ERR_CONFLICT are the system's alone: a
 * refusal by one of them would cost the jobs beside it a second run.)
 */
struct ticket_new {
	struct job job;			/* set .done */
	/* in */
	struct str tenant;
	int64_t user_id;
	struct str subject, category, body, key;
	bool is_untold;			/* no webhook wants its event */
	const struct audit_record *audit;	/* NULL: none */
	/* out */
	int64_t number;
	bool is_repeat, is_too_many;
	unsigned retry_s;		/* where is_too_many: 1 to 3600 */
	/* private */
	struct tickets *tickets;
	int64_t changed_id;		/* whose list is another now; 0: none's */
};
/* ERR_BUSY, ERR_LIMIT, ERR_UTF8, ERR_CONTROL, ERR_SYNTAX (empty subject, body
 * or key): not accepted, done() is not called. */
enum err tickets_create(struct tickets *tickets, struct ticket_new *new_);

enum ticket_change_kind {
	TICKET_REPLY,		/* ERR_EXPIRED: it is closed */
	TICKET_CLOSE,		/* is_repeat when it is so already: then */
	TICKET_REOPEN,		/* only the audit record is written */
};

/*
 * A change of a ticket.  Result as above (ERR_USED: of a message with another
 * text), and ERR_NOT_FOUND for what is not theirs; ERR_EXPIRED; ERR_LIMIT without is_too_many: it has
 * TICKET_MESSAGES_MAX messages.  An agent may write to a blocked user.
 */
struct ticket_change {
	struct job job;			/* set .done */
	/* in */
	struct str tenant;
	int64_t user_id;		/* 0: an agent */
	int64_t number;
	enum ticket_change_kind kind;
	struct str name;		/* the agent's, for people */
	struct str body, key;		/* of TICKET_REPLY */
	bool is_untold;			/* no webhook wants its event */
	const struct audit_record *audit;	/* NULL: none */
	/* out */
	bool is_repeat, is_too_many;
	unsigned retry_s;
	/* private */
	struct tickets *tickets;
	int64_t changed_id;		/* whose list is another now; 0: none's */
};
/* "ticket.replied", "ticket.closed", "ticket.reopened". */
struct str ticket_change_event(enum ticket_change_kind kind);
/* As tickets_create(); ERR_SYNTAX also for an agent's reply without a
 * name. */
enum err tickets_change(struct tickets *tickets, struct ticket_change *change);

/* One page of a list, the last changed first. */
struct tickets_query {
	struct str tenant;
	int64_t user_id;		/* 0: everybody's, for agents */
	enum { TICKETS_ALL, TICKETS_OPEN, TICKETS_CLOSED } state;
	/* go on behind this one of the page before; 0, 0: from the top */
	int64_t before_ms, before_number;
	unsigned limit;			/* 1 to TICKETS_PAGE_MAX */
};

/* Slices and the array live in the pool. ERR_RANGE, ERR_NOMEM, ERR_IO. */
enum err tickets_list(struct db *reader, const struct tickets_query *query,
		      struct pool *pool, struct ticket **list_r,
		      unsigned *count_r);
/* One ticket with its whole thread as of one moment, the oldest message first.
 * `user_id` 0: an agent asks. ERR_NOT_FOUND, ERR_NOMEM, ERR_IO. */
enum err tickets_get(struct db *reader, struct str tenant, int64_t user_id,
		     int64_t number, struct pool *pool, struct ticket *out_r,
		     struct ticket_message **thread_r, unsigned *count_r);

/*
 * The same with the end of the thread alone, or of what stands before message
 * `before` (0: all): newest first as many as it takes until their names and
 * texts come to `octets` (0: none).  No more is read.
 */
enum err tickets_get_part(struct db *reader, struct str tenant,
			  int64_t user_id, int64_t number, int64_t before,
			  size_t octets, struct pool *pool,
			  struct ticket *out_r,
			  struct ticket_message **thread_r, unsigned *count_r);

/*
 * A number that differs once anything changed that tickets_list() of this user
 * shows, and that was read before the look-up: what was rendered from it may be
 * shown again as long as the number stays, to that user alone.  Any thread, no
 * database.  (Different users may share one: it then changes more often.)
 * Numbers start anywhere with each start of the daemon.
 */
uint64_t tickets_version(struct tickets *tickets, int64_t user_id);

#endif
