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
	clock_text(redemptions_swept_ms(redemptions) + TOKEN_TTL_S * 1000LL,
		   until);
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

/* Its own gateway's steady clock never is, so it is another's. */
static enum step_result refuse_early(struct exchange *ex)
{
	static _Atomic int64_t next_ms;

	if (may_tell(&next_ms))
		log_warn(token_early, LOG_TEXT("request", ex->id),
			 LOG_STR("tenant", ex->tenant->slug),
			 LOG_TEXT("problem", "a token was minted by a clock "
				  "that is ahead of this one"),
			 LOG_TEXT("remedy", "set the clocks of all gateways "
				  "that share the key ring"));
	return answer_error(ex, CODE_token_early,
			    "This sign-in link is from a clock that is ahead. "
			    "Please go back and try again.");
}

static enum step_result refuse_unsigned(struct exchange *ex)
{
	return answer_error(ex, CODE_identity_required,
			    "A signed sign-in is required. "
			    "Please go back and try again.");
}

enum step_result redeem_refuse_protected(struct exchange *ex)
{
	return answer_error(ex, CODE_address_protected,
			    "This address may not sign in this way.");
}

/* The rest of the token, where it was parked.  Whether one that is gone was
 * used is for the store to tell. */
static enum err unpark(struct exchange *ex)
{
	struct redeem *redeem = ex->work;
	struct str content;
	enum err err;

	if (!redeem->token.is_parked)
		return ERR_OK;
	err = parking_get(ex->reader, ex->tenant->slug, redeem->token.park_id,
			  ex->pool, &content);
	if (err == ERR_NOT_FOUND)
		redeem->is_gone = true;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	return token_unpark(&redeem->token, content, ex->pool);
}

/* For the record; *email_r is nobody's where there is an error. */
static enum err find_person(struct exchange *ex, struct email *email_r)
{
	const struct token *token = &((struct redeem *)ex->work)->token;
	enum err err = email_parse(ex->pool, token->email, email_r);

	ex->jti = token->jti;
	ex->subject = token->sub;
	if (!err)
		ex->person = email_r->key;
	return err;
}

enum step_result redeem_open(struct exchange *ex, struct str text)
{
	struct redeem *redeem = ex->work;
	struct email email;
	enum err err;

	err = token_open(ex->tenant, ex->snapshot->gateway.public_origin,
			 text, clock_steady_s(), ex->pool, &redeem->token);
	if (err == ERR_EXPIRED) {
		(void)find_person(ex, &email);
		return refuse_expired(ex);
	}
	if (err == ERR_RANGE)
		return refuse_early(ex);
	if (!err)
		err = unpark(ex);
	if (err)
		return err == ERR_AUTH ? redeem_refuse(ex) :
					 answer_failure(ex, err);
	err = find_person(ex, &email);
	/* it was posted before the tenant's file said so */
	if (!redeem->token.is_vouched && ex->tenant->identity == IDENTITY_SIGNED)
		return refuse_unsigned(ex);
	if (err)
		return err == ERR_NOMEM || err == ERR_INTERNAL ?
		       answer_failure(ex, err) : redeem_refuse(ex);
	if (protected_has(&ex->tenant->protected, email.key))
		return redeem_refuse_protected(ex);
	err = users_can_find(ex->reader, email.key);
	if (err) {
		ex->verdict = err == ERR_BUSY ? "keys_pending" : ex->verdict;
		return answer_failure(ex, err);
	}
	redeem->email_key = email.key;
	redeem->target = ex->tenant->dashboard;
	if (!redeem->token.redirect_url.ptr)
		return STEP_NEXT;
	err = redirect_check(&ex->tenant->redirects, ex->pool,
			     redeem->token.redirect_url, &redeem->target,
			     NULL);
	return err == ERR_NOMEM ? answer_failure(ex, err) : STEP_NEXT;
}

/* In the writer's thread, too: a tenant is as the exchange has it. */
static enum err may_have(const void *ctx, struct str address,
			 struct pool *pool)
{
	const struct tenant *tenant = ctx;
	struct email email;
	enum err err = email_parse(pool, address, &email);

	if (err)
		return err == ERR_NOMEM ? err : ERR_CONFLICT;
	return protected_has(&tenant->protected, email.key) ? ERR_CONFLICT :
							      ERR_OK;
}

struct user_sync redeem_sync(const struct exchange *ex)
{
	const struct redeem *redeem = ex->work;
	const struct token *token = &redeem->token;

	return (struct user_sync){
		.tenant = ex->tenant->slug,
		.email = token->email,
		.email_key = redeem->email_key,
		.name = token->name,
		.set = &token->set,
		.del = token->unset,
		.del_count = token->unset_count,
		.minted_ms = token->minted_ms,
		.is_vouched = token->is_vouched,
		.external_id = token->sub,
		.issued_ms = redemption_time(token->jti) - clock_ahead_ms(),
		.adopts_unsigned = ex->tenant->adopts_unsigned,
		.on_conflict = ex->tenant->on_conflict,
		.may_have = may_have,
		.ctx = ex->tenant,
	};
}

enum step_result redeem_refuse_person(struct exchange *ex, enum err err)
{
	switch (err) {
	case ERR_AUTH:
		return answer_error(ex, CODE_user_blocked,
				    "This user may not sign in.");
	case ERR_CONFLICT:
		return answer_error(ex, CODE_identity_conflict,
				    "This sign-in belongs to two different "
				    "users.");
	case ERR_LIMIT:
		return answer_error(ex, CODE_too_many_attributes,
				    "There is too much to store about this "
				    "user.");
	default:
		return answer_failure(ex, err);
	}
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

/* What the handoff decided to tell, before what `deliver` did. */
static enum err add_events(struct redeem *redeem, struct pool *pool)
{
	const struct token *token = &redeem->token;
	struct redemption *job = &redeem->job;
	unsigned count = 0;
	struct outbox_event *events;

	if (!token->event_count)
		return ERR_OK;
	events = pool_calloc(pool, token->event_count + job->event_count,
			     sizeof(*events));
	if (!events)
		return ERR_NOMEM;
	/* there may be other webhooks by now */
	for (unsigned i = 0; i < token->event_count; i++)
		if (tenant_wants(redeem->ex->tenant, token->events[i].name))
			events[count++] = token->events[i];
	metric_add(redeem->ex->tenant->unwanted, token->event_count - count);
	if (job->event_count)
		memcpy(events + count, job->events,
		       job->event_count * sizeof(*events));
	job->events = events;
	job->event_count += count;
	return ERR_OK;
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
	err = add_events(redeem, ex->pool);
	if (err)
		return answer_failure(ex, err);
	job->job.done = redeemed;
	job->sync = redeem_sync(ex);
	job->epoch = ex->tenant->epoch;
	memcpy(job->jti, redeem->token.jti, sizeof(job->jti));
	job->exp_s = redeem->token.exp_s;
	if (redeem->token.is_parked)
		job->parked = redeem->token.park_id;
	job->audit = exchange_audit(ex, status, NULL);
	job->pool = ex->pool;
	/* Once it is accepted the result is the writer's to set. */
	err = redemptions_submit(store_redemptions(ex->gateway->store), job);
	if (!err)
		return exchange_await_store(ex);
	job->job.result = err;
	return redeem_settled(ex, status);
}

static enum step_result refuse_ended(struct exchange *ex)
{
	return answer_error(ex, CODE_token_ended,
			    "This sign-in was ended before it arrived. "
			    "Please go back and try again.");
}

enum step_result redeem_settled(struct exchange *ex, int status)
{
	struct redeem *redeem = ex->work;

	switch (redeem->job.job.result) {
	case ERR_OK:
		exchange_audited(ex, status, NULL);
		return STEP_NEXT;
	case ERR_USED:
		if (redeem->token.is_vouched)
			return answer_error(ex, CODE_assertion_replayed,
					    "This sign-in was used already. "
					    "Please reload the page that you "
					    "came from and try again.");
		return answer_error(ex, CODE_token_used,
				    "This sign-in link was used already. "
				    "Please go back and try again.");
	case ERR_EXPIRED:
		if (redeem->job.note == REDEMPTION_SWEPT)
			tell_swept(ex);
		return refuse_expired(ex);
	case ERR_NOT_FOUND:
		if (redeem->job.note == REDEMPTION_ENDED)
			return refuse_ended(ex);
		/* a second time, between `deliver` and the commit */
		if (redeem->job.note == REDEMPTION_OTHER_ID)
			return answer_failure(ex, ERR_BUSY);
		if (redeem->job.note == REDEMPTION_CONFLICT)
			return redeem_refuse_person(ex, ERR_CONFLICT);
		return redeem_refuse(ex);
	default:
		return redeem_refuse_person(ex, redeem->job.job.result);
	}
}
