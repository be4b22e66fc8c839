#include "policy/refusals.h"

#include "unit/unit.h"

#define NOW_MS INT64_C(1795370000000)
#define MINUTE_MS 60000
#define DAY_MS INT64_C(86400000)

static struct refusals *refusals;

static struct ip address(unsigned n)
{
	char text[32];
	struct ip ip;

	snprintf(text, sizeof(text), "198.%u.%u.%u", 18 + n / 65536,
		 n / 256 % 256, n % 256);
	ck_assert_int_eq(ip_parse(str_from(text), &ip), ERR_OK);
	return ip;
}

/* How many of so many go on record, all at one time. */
static unsigned flood(unsigned client, const char *tenant,
		      enum refusal_kind kind, unsigned count, int64_t now_ms)
{
	struct ip ip = address(client);
	const struct refusal r = { &ip, str_from(tenant), kind };
	unsigned taken = 0;

	while (count--)
		taken += refusals_take(refusals, &r, now_ms);
	return taken;
}

START_TEST(all_of_a_clients_budget_is_on_record)
{
	ck_assert_uint_eq(flood(1, "acme", REFUSAL_OTHER,
				REFUSALS_A_DAY, NOW_MS),
			  REFUSALS_A_DAY);
	/* somebody else's flood takes nothing of it */
	flood(2, "acme", REFUSAL_OTHER, 100000, NOW_MS);
	ck_assert_uint_eq(flood(3, "acme", REFUSAL_OTHER,
				REFUSALS_A_DAY, NOW_MS),
			  REFUSALS_A_DAY);
	/* it comes back over the day */
	ck_assert_uint_eq(flood(1, "acme", REFUSAL_OTHER, REFUSALS_A_DAY,
				NOW_MS + DAY_MS), REFUSALS_A_DAY);
}
END_TEST

START_TEST(tokens_and_strange_pages_have_their_own)
{
	ck_assert_uint_eq(flood(1, NULL, REFUSAL_TOKEN, 100000, NOW_MS),
			  REFUSALS_TOKENS_A_DAY + 1);
	/* any page makes its visitors' browsers ask */
	ck_assert_uint_eq(flood(1, "acme", REFUSAL_ORIGIN, 100000, NOW_MS),
			  REFUSALS_ORIGINS_A_DAY);
	/* so does each page of a desk that nobody is signed in to: no samples,
	 * which are for others */
	ck_assert_uint_eq(flood(4, "acme", REFUSAL_CHECK, 100000, NOW_MS),
			  REFUSALS_CHECKS_A_DAY);
	ck_assert_uint_eq(flood(1, "acme", REFUSAL_OTHER,
				REFUSALS_A_DAY, NOW_MS),
			  REFUSALS_A_DAY);
}
END_TEST

START_TEST(past_it_a_client_is_sampled_at_a_fixed_rate)
{
	unsigned taken, i;

	taken = flood(1, "acme", REFUSAL_OTHER, 1000000, NOW_MS);
	ck_assert_uint_eq(taken, REFUSALS_A_DAY + 1);
	/* an hour at full speed: what came back of its budget, and samples */
	for (i = 1, taken = 0; i <= 60; i++)
		taken += flood(1, "acme", REFUSAL_OTHER, 10000,
			       NOW_MS + i * MINUTE_MS);
	ck_assert_uint_le(taken, REFUSALS_A_DAY / 24 + 6);
	ck_assert_uint_ge(taken, REFUSALS_A_DAY / 24 + 5);
}
END_TEST

START_TEST(no_tenant_takes_the_samples_of_others)
{
	unsigned i, taken;

	for (i = 0; i < 400; i++)
		flood(i, i < 200 ? "big" : i < 300 ? "small" : NULL,
		      REFUSAL_OTHER, REFUSALS_A_DAY, NOW_MS);
	for (i = 0, taken = 0; i < 200; i++)
		taken += flood(i, "big", REFUSAL_OTHER, 100, NOW_MS);
	ck_assert_uint_eq(taken, REFUSALS_SAMPLES / 3);
	for (taken = 0; i < 300; i++)
		taken += flood(i, "small", REFUSAL_OTHER, 100, NOW_MS);
	ck_assert_uint_eq(taken, REFUSALS_SAMPLES / 3);
	for (taken = 0; i < 400; i++)
		taken += flood(i, NULL, REFUSAL_OTHER, 100, NOW_MS);
	ck_assert_uint_eq(taken, REFUSALS_SAMPLES / 3);
}
END_TEST

START_TEST(all_samples_together_are_bounded)
{
	char tenant[16];
	unsigned i, taken = 0;

	for (i = 0; i < 100; i++) {
		snprintf(tenant, sizeof(tenant), "t%u", i);
		flood(i, tenant, REFUSAL_OTHER, REFUSALS_A_DAY, NOW_MS);
		taken += flood(i, tenant, REFUSAL_OTHER, 10, NOW_MS);
	}
	ck_assert_uint_eq(taken, REFUSALS_SAMPLES);
}
END_TEST

static void setup(void)
{
	refusals = refusals_new();
	ck_assert_ptr_nonnull(refusals);
}

static void teardown(void)
{
	refusals_free(refusals);
}

static void refusals_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_of_a_clients_budget_is_on_record);
	tcase_add_test(tc, tokens_and_strange_pages_have_their_own);
	tcase_add_test(tc, past_it_a_client_is_sampled_at_a_fixed_rate);
	tcase_add_test(tc, no_tenant_takes_the_samples_of_others);
	tcase_add_test(tc, all_samples_together_are_bounded);
}

UNIT_MAIN("refusals", refusals_tests)
