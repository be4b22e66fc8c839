/* Which tenant, and not too often. */
#include "handoff/admit.h"

#include "unit/handoff/lone.h"

#define LIMIT 3

static const struct steps list = { .name = "list" };
static struct gateway gateway;
static struct tenant *tenants[] = { &lone_tenant };
static const struct host ours = { .is_gateway = true }, theirs = { 0 };

static void set_up(void)
{
	lone_begin(&list);
	lone_snapshot.gateway.rate_limit =
		(struct ratelimit_rule){ LIMIT, 3600 };
	lone_snapshot.tenants = tenants;
	lone_snapshot.tenant_count = 1;
	gateway = (struct gateway){ .limiter = ratelimit_new(0) };
	lone.gateway = &gateway;
	lone.host = &ours;
	lone.start_ms = INT64_C(1795370000000);
	ck_assert_int_eq(ip_parse(STR("192.0.2.1"), &lone.client), ERR_OK);
}

static void tear_down(void)
{
	ratelimit_free(gateway.limiter);
	lone_end();
}

static enum step_result find(const char *slug, enum tenant_state state)
{
	lone_again();
	lone.tenant = NULL;
	lone_tenant.state = state;
	lone.request.params[0] = str_from(slug);
	return admit_find_tenant(&lone);
}

static enum step_result charge(const struct tenant *tenant)
{
	lone_again();
	lone.tenant = tenant;
	return admit_limit_rate(&lone);
}

static const char *left(void)
{
	return lone_header("X-RateLimit-Remaining").ptr;
}

START_TEST(a_tenant_that_serves_is_found_and_free)
{
	for (unsigned i = 0; i < 2 * LIMIT; i++) {
		ck_assert_int_eq(find("acme", TENANT_SERVING), STEP_NEXT);
		ck_assert_ptr_eq(lone.tenant, &lone_tenant);
		ck_assert_uint_eq(lone.answer.header_count, 0);
	}
	/* A tenant's own host has no such path. */
	lone.host = &theirs;
	ck_refused(find("acme", TENANT_SERVING), 404, "not_found");
	ck_assert_ptr_null(lone.tenant);
}
END_TEST

/* Else slugs could be tried for nothing. */
START_TEST(who_does_not_serve_is_charged_for)
{
	ck_refused(find("acme", TENANT_BROKEN), 503, "tenant_unavailable");
	ck_str_is(lone_header("Retry-After"), "60");
	ck_assert_ptr_eq(lone.tenant, &lone_tenant);
	ck_refused(find("acme", TENANT_DISABLED), 404, "tenant_not_found");
	ck_assert_str_eq(left(), "1");
	ck_refused(find("other", TENANT_SERVING), 404, "tenant_not_found");
	ck_assert_ptr_null(lone.tenant);
	ck_assert_str_eq(left(), "0");
	ck_refused(find("other", TENANT_SERVING), 429, "too_many_requests");
	ck_refused(find("acme", TENANT_BROKEN), 429, "too_many_requests");
	ck_refused(find("", TENANT_SERVING), 429, "too_many_requests");
	ck_assert_int_eq(find("acme", TENANT_SERVING), STEP_NEXT);
}
END_TEST

START_TEST(past_the_limit_it_says_when)
{
	for (unsigned i = 0; i < LIMIT; i++) {
		ck_assert_int_eq(charge(&lone_tenant), STEP_NEXT);
		ck_str_is(lone_header("X-RateLimit-Limit"), "3");
		ck_assert_int_eq(left()[0], (char)('2' - i));
	}
	ck_refused(charge(&lone_tenant), 429, "too_many_requests");
	ck_str_is(lone_header("Retry-After"), "1200");
	ck_str_is(lone_header("X-RateLimit-Reset"), "1795371200");
	ck_assert(lone_body_has("\"retry_after\":1200,"));
	/* Another client has its own. */
	ck_assert_int_eq(ip_parse(STR("192.0.2.2"), &lone.client), ERR_OK);
	ck_assert_int_eq(charge(&lone_tenant), STEP_NEXT);
}
END_TEST

START_TEST(a_tenants_own_rule_has_credit_of_its_own)
{
	lone_tenant.has_rate_limit = true;
	lone_tenant.rate_limit = (struct ratelimit_rule){ 1, 60 };
	ck_assert_int_eq(charge(&lone_tenant), STEP_NEXT);
	ck_str_is(lone_header("X-RateLimit-Limit"), "1");
	ck_refused(charge(&lone_tenant), 429, "too_many_requests");
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert_int_eq(charge(NULL), STEP_NEXT);
	ck_refused(charge(NULL), 429, "too_many_requests");
}
END_TEST

START_TEST(to_tell_charges_nothing)
{
	charge(&lone_tenant);
	for (unsigned i = 0; i < 2 * LIMIT; i++) {
		lone_again();
		admit_tell_rate(&lone);
		ck_assert_str_eq(left(), "2");
		ck_str_is(lone_header("X-RateLimit-Limit"), "3");
		ck_assert_int_eq(lone.answer.status, 0);
	}
}
END_TEST

static enum step_result guess(void)
{
	lone_again();
	return admit_limit_guess(&lone);
}

static enum step_result server(void)
{
	lone_again();
	return admit_limit_server(&lone, "redeem");
}

START_TEST(wrong_secrets_never_use_up_what_right_ones_need)
{
	lone_tenant.signed_rate = (struct signed_rate){ 1, LIMIT + 1, 3600 };
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert_int_eq(guess(), STEP_NEXT);
	ck_refused(guess(), 429, "too_many_requests");
	ck_str_is(lone_header("Retry-After"), "1200");
	ck_assert_int_eq(server(), STEP_NEXT);
	ck_str_is(lone_header("X-RateLimit-Limit"), "4");
	ck_str_is(lone_header("X-RateLimit-Remaining"), "3");
	/* Apart from sign-ins, either way, and from those that begin here. */
	lone_again();
	ck_assert_int_eq(admit_limit_login(&lone), STEP_NEXT);
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert_int_eq(charge(&lone_tenant), STEP_NEXT);
	ck_refused(charge(&lone_tenant), 429, "too_many_requests");
	lone_tenant.has_rate_limit = true;
	lone_tenant.rate_limit = (struct ratelimit_rule){ 1, 60 };
	ck_assert_int_eq(guess(), STEP_NEXT);
	ck_refused(guess(), 429, "too_many_requests");
	ck_assert_int_eq(server(), STEP_NEXT);
}
END_TEST

START_TEST(right_secrets_are_charged_to_the_tenant_wherever_they_come_from)
{
	lone_tenant.signed_rate = (struct signed_rate){ 1, LIMIT, 3600 };
	for (unsigned i = 0; i < LIMIT; i++) {
		lone.client.bytes[15] = (unsigned char)i;
		ck_assert_int_eq(server(), STEP_NEXT);
	}
	ck_refused(server(), 429, "too_many_requests");
	ck_str_is(lone_header("Retry-After"), "1200");
	/* Another's is not concerned, nor are guesses, or logouts. */
	lone_again();
	ck_assert_int_eq(admit_limit_server(&lone, "logout"), STEP_NEXT);
	lone_tenant.slug = STR("another");
	ck_assert_int_eq(server(), STEP_NEXT);
	ck_assert_int_eq(guess(), STEP_NEXT);
}
END_TEST

START_TEST(without_memory_for_the_count_nobody_passes)
{
	lone_starve(0);
	ck_assert_int_eq(guess(), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 503);
	ck_assert_int_eq(server(), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 503);
}
END_TEST

static void admit_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_tenant_that_serves_is_found_and_free);
	tcase_add_test(tcase, who_does_not_serve_is_charged_for);
	tcase_add_test(tcase, past_the_limit_it_says_when);
	tcase_add_test(tcase, a_tenants_own_rule_has_credit_of_its_own);
	tcase_add_test(tcase, to_tell_charges_nothing);
	tcase_add_test(tcase, wrong_secrets_never_use_up_what_right_ones_need);
	tcase_add_test(tcase,
		right_secrets_are_charged_to_the_tenant_wherever_they_come_from);
	tcase_add_test(tcase, without_memory_for_the_count_nobody_passes);
}

UNIT_MAIN("admit", admit_tests)
