#include "handoff/admit.h"

static enum step_result refuse_rate(struct exchange *ex, uint32_t retry_s)
{
	struct str json = pool_printf(ex->pool,
		"{\"message\":\"Too many requests.\",\"retry_after\":%u,"
		"\"code\":\"%s\"}", (unsigned)retry_s,
		code_table[CODE_too_many_requests].name);

	answer_header_num(ex, "Retry-After", retry_s);
	/* The same as a time, in seconds since 1970, as Laravel has it. */
	answer_header_num(ex, "X-RateLimit-Reset",
			  ex->start_ms / 1000 + retry_s);
	return answer_error_json(ex, CODE_too_many_requests,
				 "Too many requests.", json);
}

/* The scope of a rule: guesses at secrets have credit of their own, so that
 * sign-ins from the same address do not use it up. */
static struct str scope_of(const struct exchange *ex, bool is_guess)
{
	const struct tenant *tenant = ex->tenant;
	struct str slug = tenant && tenant->has_rate_limit ? tenant->slug :
							     STR("");

	return is_guess ? pool_printf(ex->pool, "%.*s/guess", STR_ARG(slug)) :
			  slug;
}

static struct ratelimit_rule rule_of(const struct exchange *ex)
{
	return ex->tenant && ex->tenant->has_rate_limit ?
		ex->tenant->rate_limit : ex->snapshot->gateway.rate_limit;
}

static void add_headers(struct exchange *ex, struct ratelimit_verdict verdict)
{
	answer_header_num(ex, "X-RateLimit-Limit", verdict.limit);
	answer_header_num(ex, "X-RateLimit-Remaining", verdict.remaining);
}

static enum step_result tell(struct exchange *ex,
			     struct ratelimit_verdict verdict)
{
	add_headers(ex, verdict);
	if (!verdict.allowed)
		return refuse_rate(ex, verdict.retry_after_s);
	return STEP_NEXT;
}

enum step_result admit_limit_rate(struct exchange *ex)
{
	return tell(ex, ratelimit_check(ex->gateway->limiter,
					scope_of(ex, false), rule_of(ex),
					&ex->client, ex->start_ms));
}

void admit_tell_rate(struct exchange *ex)
{
	add_headers(ex, ratelimit_peek(ex->gateway->limiter,
				       scope_of(ex, false), rule_of(ex),
				       &ex->client, ex->start_ms));
}

enum step_result admit_limit_guesses(struct exchange *ex, bool is_wrong)
{
	struct ratelimit *limiter = ex->gateway->limiter;
	struct str scope = scope_of(ex, true);

	if (str_is_null(scope))
		return answer_failure(ex, ERR_NOMEM);
	return tell(ex, is_wrong ?
		    ratelimit_check(limiter, scope, rule_of(ex), &ex->client,
				    ex->start_ms) :
		    ratelimit_peek(limiter, scope, rule_of(ex), &ex->client,
				   ex->start_ms));
}

enum step_result admit_find_tenant(struct exchange *ex)
{
	struct str json;

	/* The gateway host has these paths; a tenant's own host has not. */
	if (!ex->host->is_gateway)
		return answer_error(ex, CODE_not_found,
				    "There is nothing here.");
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	if (ex->tenant && ex->tenant->state == TENANT_SERVING)
		return STEP_NEXT;
	if (admit_limit_rate(ex) == STEP_ANSWER)
		return STEP_ANSWER;
	if (ex->tenant && ex->tenant->state == TENANT_BROKEN) {
		answer_header(ex, "Retry-After", STR("60"));
		return answer_error(ex, CODE_tenant_unavailable,
				    "This service is not available right now.");
	}
	json = pool_printf(ex->pool, "{\"message\":\"Tenant not found.\","
			   "\"error\":\"The specified tenant does not "
			   "exist.\",\"code\":\"%s\"}",
			   code_table[CODE_tenant_not_found].name);
	if (!json.ptr)
		return answer_failure(ex, ERR_NOMEM);
	return answer_error_json(ex, CODE_tenant_not_found,
				 "Tenant not found.", json);
}
