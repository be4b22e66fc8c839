#include "handoff/redeem.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/email.h"

#define TELL_EVERY_MS 60000

/* A token may be shown again and again: its holder must not fill the log. */
static bool may_tell(_Atomic int64_t *next_ms)
{
	int64_t due = atomic_load(next_ms), now = clock_mono_ms();

	return now >= due &&
	       atomic_compare_exchange_strong(next_ms, &due,
					      now + TELL_EVERY_MS);
}

bool redeem_is_for(const struct exchange *ex, const struct user *user)
{
	const struct redeem *redeem = ex->work;

	/* no token of today says that anybody vouched for its person */
	return redemption_is_person(user, ex->tenant->slug, false,
				    redeem->email_key);
}

enum step_result redeem_refuse_other(struct exchange *ex)
{
	static _Atomic int64_t next_ms;

	ex->verdict = "other_person";
	if (may_tell(&next_ms))
		log_warn(token_of_other_person,
			 LOG_TEXT("request", ex->id),
			 LOG_STR("tenant", ex->tenant->slug),
			 LOG_TEXT("problem", "the user's number in a sign-in "
				  "token is another person's by now: the "
				  "database was restored"),
			 LOG_TEXT("remedy", "none is needed: it was refused, "
				  "and who signs in again gets a new one"));
	return redeem_refuse(ex);
}

enum step_result redeem_refuse(struct exchange *ex)
{
	return answer_error(ex, CODE_token_invalid,
			    "This sign-in link is not valid here. "
			    "Please go back and try again.");
}

/* A used token must not look unused because the sweep forgot it. */
static void tell_swept(struct exchange *ex)
{
	struct redemptions *redemptions =
		store_redemptions(ex->gateway->store);
	static _Atomic int64_t next_ms;
	char until[CLOCK_TEXT_MAX];

	ex->verdict = "expiry_swept";
	if (!may_tell(&next_ms))
		return;
	clock_text(redemptions_swept_s(redemptions) * 1000, until);
	log_error(clock_went_back, LOG_TEXT("request", ex->id),
		  LOG_STR("tenant", ex->tenant->slug),
		  LOG_TEXT("until", until),
		  LOG_TEXT("problem", "a token expires at a time whose used "
			   "tokens are forgotten already: the system's clock "
			   "is behind, or was ahead"),
		  LOG_TEXT("remedy", "set the clock right; nobody signs in "
			   "until it has passed the time named in `until`"));
}

static enum step_result refuse_expired(struct exchange *ex)
{
	return answer_error(ex, CODE_token_expired,
			    "Token expired. Please go back and try again.");
}

enum step_result redeem_open(struct exchange *ex, struct str text)
{
	struct redeem *redeem = ex->work;
	struct email email;
	enum err err;

	err = token_open(ex->tenant, ex->snapshot->gateway.public_origin,
			 text, clock_wall_s(), ex->pool, &redeem->token);
	if (err == ERR_EXPIRED)
		return refuse_expired(ex);
	if (err == ERR_AUTH)
		return redeem_refuse(ex);
	if (!err)
		err = email_parse(ex->pool, redeem->token.email, &email);
	if (err)
		return err == ERR_NOMEM || err == ERR_INTERNAL ?
		       answer_failure(ex, err) : redeem_refuse(ex);
	redeem->email_key = email.key;
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
	return answer_error(ex, CODE_headers_too_long,
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
	job->email_key = redeem->email_key;
	job->is_vouched = false;
	job->audit = exchange_audit(ex, status, NULL);
	job->pool = ex->pool;
	/* Once it is accepted the result is the writer's to set. */
	err = redemptions_submit(store_redemptions(ex->gateway->store), job);
	if (!err)
		return exchange_await_store(ex);
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
		return answer_error(ex, CODE_token_used,
				    "This sign-in link was used already. "
				    "Please go back and try again.");
	case ERR_EXPIRED:
		if (redeem->job.note == REDEMPTION_SWEPT)
			tell_swept(ex);
		return refuse_expired(ex);
	case ERR_NOT_FOUND:
		return redeem->job.note == REDEMPTION_OTHER_PERSON ?
		       redeem_refuse_other(ex) : redeem_refuse(ex);
	case ERR_AUTH:
		return answer_error(ex, CODE_user_blocked,
				    "This user may not sign in.");
	default:
		return answer_failure(ex, redeem->job.job.result);
	}
}
