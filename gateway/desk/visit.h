/*
 * visit: what all lists of the desk begin with.
 */
#ifndef DESK_VISIT_H
#define DESK_VISIT_H

#include "desk/input.h"
#include "handoff/exchange.h"
#include "store/tickets.h"

struct visit {
	struct exchange *ex;
	struct session session;		/* always somebody's */
	int64_t number;			/* of the path; 0: none there */
	struct input_text text;		/* what they wrote */
	/* what becomes of it, by the list */
	union {
		struct ticket_new opening;
		struct ticket_change change;
	};
};

/*
 * Who is there: ex->work is the visit, ex->tenant its tenant, which has a desk.
 * 401 not_signed_in; 404 where the tenant has none, or for a path whose number
 * is none.
 */
enum step_result visit_begin(struct exchange *ex);
/* X-CSRF-Token is this session's. 403 csrf_refused. */
enum step_result visit_check_csrf(struct exchange *ex);
/* The same, but no token will do as well. */
enum step_result visit_check_page(struct exchange *ex);
/* 404: another's ticket and none look the same. STEP_ANSWER. */
enum step_result visit_refuse_ticket(struct exchange *ex);

#endif
