/*
 * The partner's logout, server to server: OpenID Connect Back-Channel Logout 1.0,
 * with the tenant's keys.  SIGNING OUT in man/usherd.8 is the contract.
 */
#include "handoff/steps.h"

#include "base/clock.h"
#include "base/list.h"
#include "codec/email.h"
#include "handoff/admit.h"
#include "handoff/body.h"
#include "handoff/vouch.h"
#include "policy/validate.h"

struct partner_logout {
	struct exchange *ex;
	struct vouch vouch;
	struct user_logout job;
};

static enum step_result read_body(struct exchange *ex)
{
	return body_read(ex, NULL, 0);
}

/* Like a wrong secret: charged to the client, who never shuts out the tenant. */
static enum step_result refuse(struct exchange *ex, struct str hint)
{
	if (admit_limit_guess(ex) == STEP_ANSWER)
		return STEP_ANSWER;
	ex->hint = hint;
	ex->why = hint.ptr;
	return answer_error(ex, CODE_logout_token_invalid,
			    "The logout token does not hold.");
}

static enum step_result verify(struct exchange *ex)
{
	struct partner_logout *logout = pool_alloc(ex->pool, sizeof(*logout));
	enum err err;

	if (!logout)
		return answer_failure(ex, ERR_NOMEM);
	logout->ex = ex;
	ex->work = logout;
	err = vouch_read_logout(ex->tenant, fields_value(&ex->fields,
				STR("logout_token")), clock_wall_s(), ex->pool,
				&logout->vouch);
	if (err == ERR_AUTH)
		return refuse(ex, logout->vouch.hint);
	return err ? answer_failure(ex, err) :
		     admit_limit_server(ex, "logout");
}

static enum step_result find_person(struct exchange *ex)
{
	struct partner_logout *logout = ex->work;
	const struct assertion *says = &logout->vouch.says;
	struct user_logout *job = &logout->job;
	struct email email;
	enum err err;

	job->tenant = ex->tenant->slug;
	job->external_id = says->sub;
	job->jti = says->jti;
	job->issued_ms = says->iat_s * 1000 - clock_ahead_ms();
	/* the record is of whom the token names, not of what stands beside it */
	fields_del(&ex->fields, STR("email"));
	ex->subject = says->sub;
	/* nobody has an external id, as no assertion counts */
	if (!says->email.ptr && ex->tenant->identity != IDENTITY_SIGNED)
		return refuse(ex, STR("sub alone names nobody here, as identity "
				      "is not \"signed\": send email too"));
	if (!says->email.ptr)
		return STEP_NEXT;
	/* as the handoff reads it */
	err = email_parse(ex->pool, validate_trim(says->email), &email);
	if (err)
		return err == ERR_NOMEM || err == ERR_INTERNAL ?
			answer_failure(ex, err) :
			refuse(ex, STR("email is no e-mail address"));
	job->email_key = ex->person = email.key;
	err = users_can_find(ex->reader, email.key);
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

static void ended(struct job *job)
{
	struct partner_logout *logout = list_entry(job, struct partner_logout,
						   job.job);

	logout->ex->wake(logout->ex);
}

static enum step_result person_ended(struct exchange *ex)
{
	const struct partner_logout *logout = ex->work;
	enum err err = logout->job.job.result;

	if (err == ERR_USED)
		return answer_error(ex, CODE_logout_token_replayed,
				    "This logout token was used already.");
	if (err)
		return answer_failure(ex, err);
	exchange_audited(ex, 200, NULL);
	return STEP_NEXT;
}

/* Gone for good before the partner is told so. */
static enum step_result end_person(struct exchange *ex)
{
	struct partner_logout *logout = ex->work;
	struct user_logout *job = &logout->job;
	enum err err;

	job->job.done = ended;
	job->audit = exchange_audit(ex, 200, NULL);
	/* Once it is accepted the result is the writer's to set. */
	err = users_logout(store_users(ex->gateway->store), job);
	if (!err)
		return exchange_await_store(ex);
	job->job.result = err;
	return person_ended(ex);
}

/* Whether there was anybody is not told: it is none of the answer's. */
static enum step_result answer(struct exchange *ex)
{
	return answer_empty(ex, 200);
}

static const struct step logout_list[] = {
	{ "find_tenant", admit_find_tenant, NULL },
	{ "read_body", read_body, NULL },
	{ "verify", verify, NULL },
	{ "find_person", find_person, NULL },
	{ "end_person", end_person, person_ended },
	{ "answer", answer, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_partner_logout = {
	.name = "partner_logout",
	.list = logout_list,
	.is_audited = true,
};
