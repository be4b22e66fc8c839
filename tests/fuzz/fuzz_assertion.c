/*
 * The claims of an assertion: the first line is its `typ` (empty: none), the
 * rest its payload.  The same claims are read as a partner's logout, too.
 */
#include "base/hash.h"
#include "base/pool.h"
#include "fuzz/fuzz.h"
#include "policy/logout-token.h"

static struct pool *pool;

static const struct assertion_rules rules = {
	.issuer = STR("https://acme.test"), .slug = STR("acme"),
	.url = STR("https://t.test/api/auth/redirect/acme"),
	.max_age_s = ASSERTION_AGE_S, .now_s = 1764407391,
};

static void check_good(const struct assertion *a)
{
	fuzz_assert(a->email.len);
	fuzz_assert(a->jti.len >= ASSERTION_JTI_MIN &&
		    a->jti.len <= ASSERTION_JTI_MAX);
	fuzz_assert(!a->sub.ptr ||
		    (a->sub.len && a->sub.len <= ASSERTION_SUB_MAX));
	fuzz_assert(a->exp_s > a->iat_s &&
		    a->exp_s - a->iat_s <= rules.max_age_s);
	fuzz_assert(a->iat_s <= rules.now_s + ASSERTION_SKEW_S &&
		    a->exp_s > rules.now_s - ASSERTION_SKEW_S);
	fuzz_assert(str_eq(fields_value(&a->claims, STR("email")), a->email));
	fuzz_assert(!fields_get(&a->claims, STR("exp")));
}

static void try_logout(struct str payload)
{
	struct assertion a = { 0 };
	struct str hint = STR_NULL;
	enum err err = logout_token_check(&rules, payload, pool, &a, &hint);

	if (err == ERR_NOMEM)
		return;
	fuzz_assert(err == ERR_OK || (err == ERR_AUTH && hint.len));
	fuzz_assert(err || (a.jti.len >= ASSERTION_JTI_MIN &&
			    (a.sub.len || a.email.len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str payload, typ = str_cut((struct str){ (const char *)data,
							size }, '\n', &payload);
	struct assertion_row rows[ASSERTION_CHECKS];
	struct assertion a;
	bool is_good;
	enum err err;

	if (!pool) {
		hash_init();
		pool = pool_new(1 << 20);
	}
	pool_reset(pool);
	err = assertion_check(&rules, typ.len ? typ : STR_NULL, payload, pool,
			      &a, rows);
	if (err == ERR_NOMEM)
		return 0;
	is_good = !assertion_refusal(rows);
	fuzz_assert(is_good == !err);
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		fuzz_assert(rows[i].name && rows[i].is_good ==
			    !rows[i].hint.ptr);
	if (is_good)
		check_good(&a);
	try_logout(payload);
	return 0;
}
