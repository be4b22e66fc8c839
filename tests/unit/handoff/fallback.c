/* The front page, and what is nowhere. */
#include "handoff/steps.h"

#include "unit/handoff/lone.h"

static struct tenant neighbour;
static const struct tenant *list[] = { &lone_tenant, &neighbour };
static struct host host;

static void set_up(void)
{
	lone_begin(&steps_home);
	lone_tenant.state = TENANT_SERVING;
	lone_tenant.dashboard = STR("https://acme.test/dashboard");
	host = (struct host){ .tenants = list, .tenant_count = 1 };
	lone.host = &host;
}

static void tear_down(void)
{
	lone_end();
}

START_TEST(one_tenants_host_leads_to_its_desk)
{
	ck_assert_int_eq(lone_run("show_home"), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 302);
	ck_str_is(lone_header("Location"), "https://acme.test/dashboard");
}
END_TEST

static void ck_notice(void)
{
	lone_again();
	ck_assert_int_eq(lone_run("show_home"), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 200);
	ck_assert(str_is_null(lone_header("Location")));
	ck_assert(lone_body_has("Sign-in gateway"));
}

START_TEST(no_other_host_favours_a_tenant)
{
	host.is_gateway = true;
	ck_notice();
	host.is_gateway = false;
	host.tenant_count = 2;
	ck_notice();
	host.tenant_count = 0;
	ck_notice();
	host.tenant_count = 1;
	lone_tenant.state = TENANT_BROKEN;
	ck_notice();
}
END_TEST

START_TEST(what_is_nowhere_says_so)
{
	lone.steps = &steps_not_found;
	ck_refused(lone_run("not_found"), 404, "not_found");
	lone_again();
	lone.steps = &steps_not_allowed;
	ck_refused(lone_run("not_allowed"), 405, "method_not_allowed");
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	host.is_gateway = true;
	lone_starve(64);
	ck_assert_int_eq(lone_run("show_home"), STEP_ANSWER);
	ck_assert_int_eq(lone.answer.status, 503);
}
END_TEST

static void fallback_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_tenants_host_leads_to_its_desk);
	tcase_add_test(tcase, no_other_host_favours_a_tenant);
	tcase_add_test(tcase, what_is_nowhere_says_so);
	tcase_add_test(tcase, without_memory_it_says_so);
}

UNIT_MAIN("fallback", fallback_tests)
