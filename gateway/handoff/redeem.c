#include "handoff/redeem.h"

#include "base/clock.h"
#include "base/list.h"

enum step_result redeem_refuse(struct exchange *ex)
{
	return answer_error(ex, 401, "token_invalid",
			    "This sign-in link is not valid here. "
			    "Please go back and try again.");
}

static enum step_result refuse_expired(struct exchange *ex)
{
	return answer_error(ex, 401, "token_expired",
			    "Token expired. Please go back and try again.");
}

enum step_result redeem_open(struct exchange *ex, struct str text)
{
	struct redeem *redeem = ex->work;
	enum err err;

	err = token_open(ex->tenant, ex->snapshot->gateway.public_origin,
			 text, clock_wall_s(), ex->pool, &redeem->token);
	if (err == ERR_EXPIRED)
		return refuse_expired(ex);
	if (err == ERR_AUTH)
		return redeem_refuse(ex);
	if (err)
		return answer_failure(ex, err);
	err = redirect_check(&ex->tenant->redirects, ex->pool,
			     redeem->token.redirect_url, &redeem->target,
			     NULL);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	if (err)
		redeem->target = ex->tenant->dashboard;
	return STEP_NEXT;
}

static void redeemed(struct job *job)
{
	struct redeem *redeem = list_entry(job, struct redeem, job.job);

	redeem->ex->wake(redeem->ex);
}

static enum step_result refuse_headers(struct exchange *ex)
{
	return answer_error(ex, 431, "headers_too_long",
			    "Your browser keeps too many cookies for this "
			    "site. Please delete some and try again.");
}

enum step_result redeem_submit(struct exchange *ex, int status, size_t room)
{
	struct redeem *redeem = ex->work;
	struct redemption *job = &redeem->job;
	enum err err;

	if (ex->answer.is_overfull)
		return answer_failure(ex, ERR_NOMEM);
	if (!answer_has_room(ex, room))
		return refuse_headers(ex);
	job->job.done = redeemed;
	job->tenant = ex->tenant->slug;
	job->epoch = ex->tenant->epoch;
	memcpy(job->jti, redeem->token.jti, sizeof(job->jti));
	job->exp_s = redeem->token.exp_s;
	job->user_id = redeem->token.user_id;
	job->audit = exchange_audit(ex, status, NULL);
	job->pool = ex->pool;
	/* Once it is accepted the result is the writer's to set. */
	err = redemptions_submit(store_redemptions(ex->gateway->store), job);
	if (!err)
		return STEP_WAIT;
	job->job.result = err;
	return redeem_settled(ex, status);
}

enum step_result redeem_settled(struct exchange *ex, int status)
{
	struct redeem *redeem = ex->work;

	switch (redeem->job.job.result) {
	case ERR_OK:
		exchange_audited(ex, status, NULL);
		return STEP_NEXT;
	case ERR_USED:
		return answer_error(ex, 410, "token_used",
				    "This sign-in link was used already. "
				    "Please go back and try again.");
	case ERR_EXPIRED:
		return refuse_expired(ex);
	case ERR_NOT_FOUND:
		return redeem_refuse(ex);
	case ERR_AUTH:
		return answer_error(ex, 403, "user_blocked",
				    "This user may not sign in.");
	default:
		return answer_failure(ex, redeem->job.job.result);
	}
}
