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
	struct str email_key;		/* the address in it, as compared */
	struct str target;		/* where the user goes */
	struct redemption job;
};

/*
 * Is this user who the token was minted for?  The number in it is not enough:
 * after a restore the same one may be somebody else's.
 */
bool redeem_is_for(const struct exchange *ex, const struct user *user);
/* 401 token_invalid: they are not. Said in the trail and, at most once a
 * minute, in the log. */
enum step_result redeem_refuse_other(struct exchange *ex);

/*
 * Open `text` for ex->tenant and check again that the target is still
 * allowed (the dashboard takes the place of one that no longer is).
 * STEP_NEXT, or 401 token_expired or token_invalid.
 */
enum step_result redeem_open(struct exchange *ex, struct str text);
/* 401 token_invalid. */
enum step_result redeem_refuse(struct exchange *ex);

/*
 * Use it: submits redeem->job (whose session members are set, where one is
 * to be opened).  STEP_WAIT, or the answer when the store did not take it.
 * The audit record says `status`.  What the answer will need is allocated
 * before, and 431 is answered where its headers, of up to `room` octets beside
 * those that are set, would not fit: a token that was spent for nothing is a
 * user locked out.
 */
enum step_result redeem_submit(struct exchange *ex, int status, size_t room);
/*
 * After that: STEP_NEXT when this request was the first (the user is in
 * job.user), else the answer: 410 token_used, 401, 403 user_blocked, 503.
 */
enum step_result redeem_settled(struct exchange *ex, int status);

#endif
