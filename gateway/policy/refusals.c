#include "policy/refusals.h"

#include <stdlib.h>

#include "policy/ratelimit.h"

#define DAY_S 86400

/* Scopes; no tenant's slug has a blank. */
#define SCOPE_TOKENS STR(" tokens")
#define SCOPE_ORIGINS STR(" origins")
#define SCOPE_CHECKS STR(" checks")
#define SCOPE_OTHERS STR(" others")
#define SCOPE_CLIENT STR(" samples of a client")
#define SCOPE_ALL STR(" samples")

struct refusals {
	struct ratelimit *limiter;
};

struct refusals *refusals_new(void)
{
	struct refusals *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->limiter = ratelimit_new(REFUSALS_CLIENTS_MAX);
	if (!r->limiter) {
		free(r);
		return NULL;
	}
	return r;
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	ratelimit_free(r->limiter);
	free(r);
}

void refusals_sweep(struct refusals *r, int64_t now_ms)
{
	ratelimit_sweep(r->limiter, now_ms);
}

struct budget {
	struct str scope;
	struct ratelimit_rule rule;
	const struct ip *who;
};

static bool is_within(struct refusals *r, const struct refusal *refusal,
		      int64_t now_ms)
{
	static const struct {
		struct str scope;
		struct ratelimit_rule rule;
	} kinds[] = {
		[REFUSAL_OTHER] = { SCOPE_OTHERS, { REFUSALS_A_DAY, DAY_S } },
		[REFUSAL_TOKEN] = { SCOPE_TOKENS,
				    { REFUSALS_TOKENS_A_DAY, DAY_S } },
		[REFUSAL_ORIGIN] = { SCOPE_ORIGINS,
				     { REFUSALS_ORIGINS_A_DAY, DAY_S } },
		[REFUSAL_CHECK] = { SCOPE_CHECKS,
				    { REFUSALS_CHECKS_A_DAY, DAY_S } },
	};

	return ratelimit_check(r->limiter, kinds[refusal->kind].scope,
			       kinds[refusal->kind].rule, refusal->client,
			       now_ms).allowed;
}

/* All three must have room: asked first, so that none is charged in vain. */
bool refusals_take(struct refusals *r, const struct refusal *refusal,
		   int64_t now_ms)
{
	static const struct ip everybody;	/* no address that asks */
	const struct budget budgets[] = {
		{ SCOPE_CLIENT, { 1, REFUSALS_CLIENT_S }, refusal->client },
		{ refusal->tenant.ptr ? refusal->tenant : STR(""),
		  { REFUSALS_SAMPLES / 3, REFUSALS_SAMPLES_S }, &everybody },
		{ SCOPE_ALL, { REFUSALS_SAMPLES, REFUSALS_SAMPLES_S },
		  &everybody },
	};
	bool is_taken = true;

	if (is_within(r, refusal, now_ms))
		return true;
	if (refusal->kind == REFUSAL_CHECK)
		return false;
	for (unsigned i = 0; is_taken && i < N_ELEMENTS(budgets); i++)
		is_taken = ratelimit_peek(r->limiter, budgets[i].scope,
					  budgets[i].rule, budgets[i].who,
					  now_ms).allowed;
	for (unsigned i = 0; is_taken && i < N_ELEMENTS(budgets); i++)
		is_taken = ratelimit_check(r->limiter, budgets[i].scope,
					   budgets[i].rule, budgets[i].who,
					   now_ms).allowed;
	return is_taken;
}
