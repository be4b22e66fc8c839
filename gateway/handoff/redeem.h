/*
 * redeem: from a token's text to the one use of it, for the callback and for
 * desks that keep sessions of their own.
 */
#ifndef HANDOFF_REDEEM_H
#define HANDOFF_REDEEM_H

#include "handoff/exchange.h"
#include "handoff/token.h"

/* The first member of what a list that redeems keeps as ex->work. */
struct redeem {
	struct exchange *ex;
	struct token token;		/* opened; not used yet */
	bool is_gone;			/* what was parked with it is: it was
					 * used, or its time is over */
	struct str email_key;		/* the address in it, as compared */
	struct str target;		/* where the user goes */
	struct redemption job;
};

/*
 * Open `text` for ex->tenant and check again that the target is still
 * allowed (the dashboard takes the place of one that no longer is).
 * STEP_NEXT, or 401 token_expired or token_invalid, 403 address_protected, 401 identity_required where
 * nobody vouches for it and the tenant wants that by now, or 503 where nobody
 * of such an address can be found yet (users_can_find()).
 */
enum step_result redeem_open(struct exchange *ex, struct str text);
/* 403 address_protected: policy/protected.h. */
enum step_result redeem_refuse_protected(struct exchange *ex);
/* 401 token_invalid. */
enum step_result redeem_refuse(struct exchange *ex);

/* What the arrival brings of its person; see `is_gone`. */
struct user_sync redeem_sync(const struct exchange *ex);
/* Why users_plan(), or the job, refused the person: 403 user_blocked, 409
 * identity_conflict, 422 too_many_attributes, or what answer_failure() makes of it. */
enum step_result redeem_refuse_person(struct exchange *ex, enum err err);

/*
 * Use it: submits redeem->job (whose session members and events are set, where
 * there are any).  STEP_WAIT, or the answer when the store did not take it.
 * The audit record says `status`.  What the answer will need is allocated
 * before, and 431 is answered where its headers, of up to `room` octets beside
 * those that are set, would not fit: a token that was spent for nothing is a
 * user locked out.
 */
enum step_result redeem_submit(struct exchange *ex, int status, size_t room);
/*
 * After that: STEP_NEXT when this request was the first (the user is in
 * job.user), else the answer: 410 token_used or assertion_replayed, 401, 403
 * user_blocked, 409, 422, 503.
 */
enum step_result redeem_settled(struct exchange *ex, int status);

#endif
