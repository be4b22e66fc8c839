#include "handoff/admit.h"

#include "base/clock.h"
#include "codec/json.h"

static enum step_result refuse_rate(struct exchange *ex, uint32_t retry_s)
{
	struct str json = pool_printf(ex->pool,
		"{\"message\":\"Too many requests.\",\"retry_after\":%u,"
		"\"code\":\"%s\"}", (unsigned)retry_s,
		code_table[CODE_too_many_requests].name);

	answer_header_num(ex, "Retry-After", retry_s);
	/* The same as a time, in seconds since 1970, as Laravel has it. */
	answer_header_num(ex, "X-RateLimit-Reset",
			  (ex->start_ms + clock_ahead_ms()) / 1000 + retry_s);
	return answer_error_json(ex, CODE_too_many_requests,
				 "Too many requests.", json);
}

/* The scope of a rule: guesses at secrets, and sign-ins that start at a desk,
 * have credit of their own, so that handoffs from the same address do not use it
 * up. */
static struct str scope_of(const struct exchange *ex, const char *what)
{
	const struct tenant *tenant = ex->tenant;
	struct str slug = tenant && tenant->has_rate_limit ? tenant->slug :
							     STR("");

	return what ? pool_printf(ex->pool, "%.*s/%s", STR_ARG(slug), what) :
		      slug;
}

static struct ratelimit_rule rule_of(const struct exchange *ex)
{
	return ex->tenant && ex->tenant->has_rate_limit ?
		ex->tenant->rate_limit : ex->snapshot->gateway.rate_limit;
}

static void add_headers(struct exchange *ex, struct ratelimit_verdict verdict)
{
	answer_replace_num(ex, "X-RateLimit-Limit", verdict.limit);
	answer_replace_num(ex, "X-RateLimit-Remaining", verdict.remaining);
}

static enum step_result tell(struct exchange *ex,
			     struct ratelimit_verdict verdict)
{
	add_headers(ex, verdict);
	if (!verdict.allowed)
		return refuse_rate(ex, verdict.retry_after_s);
	return STEP_NEXT;
}

/* A rehearsal is charged to nobody. */
static struct ratelimit_verdict check(struct exchange *ex, struct str scope,
				      struct ratelimit_rule rule,
				      const struct ip *client)
{
	return (ex->rehearsal ? ratelimit_peek : ratelimit_check)(
		ex->gateway->limiter, scope, rule, client, ex->start_ms);
}

enum step_result admit_limit_rate(struct exchange *ex)
{
	return tell(ex, check(ex, scope_of(ex, NULL), rule_of(ex),
			      &ex->client));
}

enum step_result admit_limit_selftest(struct exchange *ex,
				      struct ratelimit_rule rule)
{
	struct str scope = pool_printf(ex->pool, "%.*s/selftest",
				       STR_ARG(ex->tenant->slug));
	const struct ip nowhere = { 0 };

	if (str_is_null(scope))
		return answer_failure(ex, ERR_NOMEM);
	return tell(ex, check(ex, scope, rule, &nowhere));
}

/* Who is meant, and not where they ask from. */
static struct ratelimit_verdict check_tenant(struct exchange *ex,
					     struct str scope,
					     uint32_t requests)
{
	const struct ip nowhere = { 0 };
	const struct ratelimit_rule rule = {
		requests, ex->tenant->signed_rate.per_s
	};

	return check(ex, scope, rule, &nowhere);
}

enum step_result admit_limit_person(struct exchange *ex, struct str person)
{
	const struct signed_rate *rate = &ex->tenant->signed_rate;
	struct str slug = ex->tenant->slug;
	struct str one = pool_printf(ex->pool, "%.*s/person/%.*s",
				     STR_ARG(slug), STR_ARG(person));
	struct str all = pool_printf(ex->pool, "%.*s/signed", STR_ARG(slug));
	struct ratelimit_verdict verdict;
	enum step_result result;

	if (!one.ptr || !all.ptr)
		return answer_failure(ex, ERR_NOMEM);
	verdict = check_tenant(ex, one, rate->person);
	result = tell(ex, verdict);
	if (result != STEP_NEXT)
		return result;
	verdict = check_tenant(ex, all, rate->tenant);
	if (!verdict.allowed)
		return tell(ex, verdict);
	if (!ex->rehearsal)
		ratelimit_give_back(ex->gateway->limiter, scope_of(ex, NULL),
				    rule_of(ex), &ex->client, ex->start_ms);
	return STEP_NEXT;
}

void admit_tell_rate(struct exchange *ex)
{
	add_headers(ex, ratelimit_peek(ex->gateway->limiter,
				       scope_of(ex, NULL), rule_of(ex),
				       &ex->client, ex->start_ms));
}

static enum step_result limit_apart(struct exchange *ex, const char *what,
				    struct ratelimit_rule rule)
{
	struct str scope = scope_of(ex, what);

	if (str_is_null(scope))
		return answer_failure(ex, ERR_NOMEM);
	return tell(ex, ratelimit_check(ex->gateway->limiter, scope, rule,
					&ex->client, ex->start_ms));
}

enum step_result admit_limit_guess(struct exchange *ex)
{
	return limit_apart(ex, "guess", rule_of(ex));
}

enum step_result admit_limit_login(struct exchange *ex)
{
	struct ratelimit_rule rule = rule_of(ex);

	/* of an office at nine o'clock, all behind one address: it is cheap,
	 * and stores nothing */
	rule.requests = rule.requests > RATELIMIT_REQUESTS_MAX /
					ADMIT_LOGIN_TIMES ?
		RATELIMIT_REQUESTS_MAX : rule.requests * ADMIT_LOGIN_TIMES;
	return limit_apart(ex, "login", rule);
}

enum step_result admit_limit_server(struct exchange *ex, const char *what)
{
	struct str scope = pool_printf(ex->pool, "%.*s/%s",
				       STR_ARG(ex->tenant->slug), what);

	if (str_is_null(scope))
		return answer_failure(ex, ERR_NOMEM);
	return tell(ex, check_tenant(ex, scope,
				     ex->tenant->signed_rate.tenant));
}

/* Of a slug in capitals, whether there is that tenant or not. */
static void add_hint(struct exchange *ex)
{
	struct str slug = ex->request.params[0];
	char *lower = pool_strndup(ex->pool, slug.ptr, slug.len);

	for (char *p = lower; p && *p; p++)
		*p = ascii_lower(*p);
	if (lower && !snapshot_is_slug(slug) &&
	    snapshot_is_slug(str_from(lower)))
		ex->hint = pool_printf(ex->pool, "Names of tenants are in "
				       "lower case: write %s.", lower);
}

/* The guide's body, and what helps beside it. */
static enum step_result refuse_tenant(struct exchange *ex)
{
	struct buf json;

	add_hint(ex);
	buf_init_pool(&json, ex->pool, 512);
	buf_addc(&json, '{');
	json_add_member(&json, "message", STR("Tenant not found."));
	json_add_member(&json, "error",
			STR("The specified tenant does not exist."));
	if (ex->hint.len)
		json_add_member(&json, "hint", ex->hint);
	json_add_member(&json, "code",
			str_from(code_table[CODE_tenant_not_found].name));
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	return answer_error_json(ex, CODE_tenant_not_found,
				 "Tenant not found.", buf_str(&json));
}

/*
 * For the trail alone: the tenant that was meant, and not what was asked for,
 * which is somebody's word.  Among many it would cost who asks nothing too much.
 */
#define NEAR_TENANTS_MAX 64
static void tell_near(struct exchange *ex)
{
	const struct str asked = ex->request.params[0];
	struct str near;

	if (ex->tenant || !snapshot_is_slug(asked) ||
	    ex->snapshot->tenant_count > NEAR_TENANTS_MAX)
		return;
	near = snapshot_nearest(ex->snapshot, asked);
	if (near.len)
		ex->why = pool_printf(ex->pool, "the name is near %.*s",
				      STR_ARG(near)).ptr;
}

enum step_result admit_find_tenant(struct exchange *ex)
{
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
	tell_near(ex);
	return refuse_tenant(ex);
}
