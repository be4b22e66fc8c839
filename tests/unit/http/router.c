#include "unit/unit.h"

#include "desk/desk.h"
#include "desk/frame.h"
#include "handoff/steps.h"
#include "http/router.h"

static const struct tenant somebody;
static const struct tenant *tenants[] = { &somebody };

static const struct host gateway_alone = { .is_gateway = true };
static const struct host gateway_shared = { .is_gateway = true,
					    .tenants = tenants,
					    .tenant_count = 1 };
static const struct host tenant_host = { .tenants = tenants,
					 .tenant_count = 1 };

#define NOT_FOUND &steps_not_found
#define NEAR_MISS &steps_near_miss
#define NOT_ALLOWED &steps_not_allowed

static const struct {
	enum method method;
	const char *path;
	const struct host *host;
	const struct steps *steps;
	const char *param;	/* NULL: absent */
	const char *allow;
} cases[] = {
	/* B: the gateway's own host */
	{ METHOD_POST, "/api/auth/redirect/acme", &gateway_alone,
	  &steps_handoff, "acme", NULL },
	{ METHOD_OPTIONS, "/api/auth/redirect/acme", &gateway_alone,
	  &steps_preflight, "acme", NULL },
	{ METHOD_GET, "/api/auth/redirect/acme", &gateway_alone,
	  &steps_handoff_method, "acme", "POST, OPTIONS" },
	{ METHOD_HEAD, "/api/auth/redirect/acme", &gateway_alone,
	  &steps_handoff_method, "acme", "POST, OPTIONS" },
	{ METHOD_POST, "/api/auth/redeem/acme", &gateway_shared, &steps_redeem,
	  "acme", NULL },
	{ METHOD_OPTIONS, "/api/auth/redeem/acme", &gateway_shared,
	  NOT_ALLOWED, NULL, "POST" },
	{ METHOD_POST, "/api/auth/redirect/acme", &tenant_host, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_GET, "/api/auth/redirect/acme", &tenant_host, NEAR_MISS, NULL,
	  NULL },
	{ METHOD_POST, "/api/auth/redeem/acme", &tenant_host, NEAR_MISS, NULL,
	  NULL },
	/* a slash behind the slug, and nowhere else */
	{ METHOD_POST, "/api/auth/redirect/acme/", &gateway_alone,
	  &steps_handoff, "acme", NULL },
	{ METHOD_OPTIONS, "/api/auth/redirect/acme/", &gateway_alone,
	  &steps_preflight, "acme", NULL },
	{ METHOD_GET, "/api/auth/redirect/acme/", &gateway_alone,
	  &steps_handoff_method, "acme", "POST, OPTIONS" },
	{ METHOD_POST, "/api/auth/redeem/acme/", &gateway_alone, &steps_redeem,
	  "acme", NULL },
	{ METHOD_GET, "/embed/acme", &gateway_alone, &steps_frame, "acme",
	  NULL },
	{ METHOD_GET, "/embed/acme/", &gateway_alone, &steps_frame, "acme",
	  NULL },
	{ METHOD_GET, "/embed/acme//", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_POST, "/embed/acme/handoff/", &gateway_alone, NOT_FOUND, NULL,
	  NULL },
	{ METHOD_POST, "/api/auth/redirect/acme//", &gateway_alone, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_POST, "/api/auth/redirect//acme", &gateway_alone, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_POST, "/api/auth/redirect//", &gateway_alone, NEAR_MISS, NULL,
	  NULL },
	/* beside the endpoints of partners */
	{ METHOD_OPTIONS, "/api/auth/redirekt/acme", &gateway_alone, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_GET, "/api/auth", &gateway_alone, NEAR_MISS, NULL, NULL },
	{ METHOD_GET, "/api/auth/", &tenant_host, NEAR_MISS, NULL, NULL },
	{ METHOD_POST, "/API/Auth/Redirect/acme", &gateway_alone, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_POST, "/api/authx/redirect/acme", &gateway_alone, NOT_FOUND,
	  NULL, NULL },
	{ METHOD_POST, "/api/aut", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_POST, "/auth/redirect/acme", &gateway_alone, NOT_FOUND, NULL,
	  NULL },
	/* C: where tenants live */
	{ METHOD_GET, "/auth/callback", &tenant_host, &steps_callback, NULL,
	  NULL },
	{ METHOD_HEAD, "/auth/callback", &tenant_host, &steps_callback, NULL,
	  NULL },
	{ METHOD_POST, "/auth/callback", &tenant_host, &steps_callback, NULL,
	  NULL },
	{ METHOD_OPTIONS, "/auth/callback", &tenant_host, &steps_callback,
	  NULL, NULL },
	{ METHOD_GET, "/auth/callback", &gateway_shared, &steps_callback, NULL,
	  NULL },
	{ METHOD_GET, "/auth/callback", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth/session", &tenant_host, &steps_session, NULL,
	  NULL },
	{ METHOD_HEAD, "/auth/session", &tenant_host, &steps_session, NULL,
	  NULL },
	{ METHOD_POST, "/auth/session", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD" },
	{ METHOD_OPTIONS, "/auth/session", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD" },
	{ METHOD_GET, "/auth/session", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth/check", &tenant_host, &steps_check, NULL, NULL },
	{ METHOD_POST, "/auth/logout", &tenant_host, &steps_logout, NULL,
	  NULL },
	{ METHOD_GET, "/auth/logout", &tenant_host, &steps_logout_page, NULL,
	  NULL },
	{ METHOD_OPTIONS, "/auth/logout", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD, POST" },
	{ METHOD_GET, "/auth/login", &tenant_host, &steps_login, NULL, NULL },
	{ METHOD_POST, "/auth/login", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD" },
	{ METHOD_GET, "/auth/login", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_POST, "/api/auth/logout/acme", &gateway_shared,
	  &steps_partner_logout, "acme", NULL },
	{ METHOD_GET, "/api/auth/logout/acme", &gateway_alone, NOT_ALLOWED,
	  NULL, "POST" },
	{ METHOD_POST, "/api/auth/logout/acme", &tenant_host, NEAR_MISS, NULL,
	  NULL },
	{ METHOD_GET, "/dashboard", &tenant_host, &steps_desk_page, NULL,
	  NULL },
	{ METHOD_GET, "/dashboard", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/tickets/new", &tenant_host, &steps_desk_page, NULL,
	  NULL },
	{ METHOD_GET, "/tickets/7", &gateway_shared, &steps_desk_page, "7",
	  NULL },
	{ METHOD_GET, "/tickets/7", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/tickets/", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/api/tickets", &tenant_host, &steps_tickets_list, NULL,
	  NULL },
	{ METHOD_POST, "/api/tickets", &tenant_host, &steps_tickets_create,
	  NULL, NULL },
	{ METHOD_OPTIONS, "/api/tickets", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD, POST" },
	{ METHOD_GET, "/api/tickets/7", &tenant_host, &steps_ticket_show, "7",
	  NULL },
	{ METHOD_POST, "/api/tickets/7", &tenant_host, NOT_ALLOWED, NULL,
	  "GET, HEAD" },
	{ METHOD_POST, "/api/tickets/7/messages", &tenant_host,
	  &steps_ticket_reply, "7", NULL },
	{ METHOD_GET, "/api/tickets/7/messages", &tenant_host, NOT_ALLOWED,
	  NULL, "POST" },
	{ METHOD_POST, "/api/tickets/7/close", &tenant_host,
	  &steps_ticket_close, "7", NULL },
	{ METHOD_POST, "/api/tickets/7/reopen", &tenant_host,
	  &steps_ticket_reopen, "7", NULL },
	{ METHOD_POST, "/api/tickets/7/delete", &tenant_host, NOT_FOUND, NULL,
	  NULL },
	/* the same in frames, on the gateway's host alone */
	{ METHOD_GET, "/embed/acme/dashboard", &gateway_alone,
	  &steps_frame_desk_page, "acme", NULL },
	{ METHOD_GET, "/embed/acme/tickets/new", &gateway_alone,
	  &steps_frame_desk_page, "acme", NULL },
	{ METHOD_GET, "/embed/acme/tickets/7", &gateway_shared,
	  &steps_frame_desk_page, "acme", NULL },
	{ METHOD_GET, "/embed/acme/dashboard", &tenant_host, NOT_FOUND, NULL,
	  NULL },
	{ METHOD_GET, "/embed/acme/api/tickets", &gateway_alone,
	  &steps_frame_tickets_list, "acme", NULL },
	{ METHOD_POST, "/embed/acme/api/tickets", &gateway_alone,
	  &steps_frame_tickets_create, "acme", NULL },
	{ METHOD_GET, "/embed/acme/api/tickets/7", &gateway_alone,
	  &steps_frame_ticket_show, "acme", NULL },
	{ METHOD_POST, "/embed/acme/api/tickets/7/messages", &gateway_alone,
	  &steps_frame_ticket_reply, "acme", NULL },
	{ METHOD_POST, "/embed/acme/api/tickets/7/close", &gateway_alone,
	  &steps_frame_ticket_close, "acme", NULL },
	{ METHOD_POST, "/embed/acme/api/tickets/7/reopen", &gateway_alone,
	  &steps_frame_ticket_reopen, "acme", NULL },
	{ METHOD_POST, "/embed/acme/api/tickets/7/close", &tenant_host,
	  NOT_FOUND, NULL, NULL },
	/* everywhere */
	{ METHOD_GET, "/", &gateway_alone, &steps_home, NULL, NULL },
	{ METHOD_HEAD, "/", &tenant_host, &steps_home, NULL, NULL },
	{ METHOD_POST, "/", &tenant_host, NOT_ALLOWED, NULL, "GET, HEAD" },
	/* octet by octet */
	{ METHOD_GET, "/auth/session/", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "//auth/session", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth//session", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth/./session", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/x/../auth/session", &tenant_host, NOT_FOUND, NULL,
	  NULL },
	{ METHOD_GET, "/auth%2fsession", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/%61uth/session", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/AUTH/session", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth/sessio", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/auth/sessions", &tenant_host, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/healthz", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_GET, "/metrics", &gateway_alone, NOT_FOUND, NULL, NULL },
	{ METHOD_POST, "/api/auth/redirect/", &gateway_alone, NEAR_MISS, NULL,
	  NULL },
	{ METHOD_POST, "/api/auth/redirect", &gateway_alone, NEAR_MISS, NULL,
	  NULL },
	{ METHOD_POST, "/api/auth/redirect/a/b", &gateway_alone, NEAR_MISS,
	  NULL, NULL },
	{ METHOD_POST, "/api/auth/redirect/{}", &gateway_alone, &steps_handoff,
	  "{}", NULL },
	{ METHOD_POST, "/api/auth/redirect/%61", &gateway_alone,
	  &steps_handoff, "%61", NULL },
};

START_TEST(each_endpoint_lives_where_the_contract_says)
{
	struct router_match match =
		router_find(router_table, cases[_i].method,
			    str_from(cases[_i].path), cases[_i].host);

	ck_assert_msg(match.steps == cases[_i].steps, "%s: %s", cases[_i].path,
		      match.steps->name);
	if (cases[_i].param)
		ck_str_is(match.params[0], cases[_i].param);
	else
		ck_assert(str_is_null(match.params[0]));
	if (cases[_i].allow)
		ck_assert_str_eq(match.allow, cases[_i].allow);
	else
		ck_assert_ptr_null(match.allow);
}
END_TEST

/* A table of its own, with what the gateway's does not try. */
START_TEST(a_pattern_may_have_two_holes)
{
	static const struct steps whole = { .name = "whole" },
				  tail = { .name = "tail" };
	static const struct route table[] = {
		{ "/a/{}/b/{}", METHOD_GET, ROUTE_ANY, &whole },
		{ "/a/{}/c", METHOD_GET, ROUTE_ANY, &tail },
		{ 0 },
	};
	static const struct {
		const char *path;
		const struct steps *steps;
		const char *params[2];
	} tries[] = {
		{ "/a/x/b/12", &whole, { "x", "12" } },
		{ "/a/x/c", &tail, { "x", NULL } },
		{ "/a//b/12", NULL, { NULL } },
		{ "/a/x/b/", NULL, { NULL } },
		{ "/a/x/b/12/", NULL, { NULL } },
		{ "/a/x/b/12/3", NULL, { NULL } },
		{ "/a/x/b", NULL, { NULL } },
		{ "/a/x", NULL, { NULL } },
		{ "/a/x/cc", NULL, { NULL } },
		{ "/a/", NULL, { NULL } },
		{ "", NULL, { NULL } },
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		struct router_match m = router_find(table, METHOD_GET,
						    str_from(tries[i].path),
						    &tenant_host);

		if (!tries[i].steps) {
			ck_assert_ptr_eq(m.steps, NOT_FOUND);
			ck_assert(str_is_null(m.params[0]));
			continue;
		}
		ck_assert_ptr_eq(m.steps, tries[i].steps);
		ck_str_is(m.params[0], tries[i].params[0]);
		if (tries[i].params[1])
			ck_str_is(m.params[1], tries[i].params[1]);
		else
			ck_assert(str_is_null(m.params[1]));
	}
}
END_TEST

START_TEST(an_unknown_host_gets_some_list_that_is_answered_421)
{
	ck_assert_ptr_nonnull(router_find(router_table, METHOD_GET,
					  STR("/nowhere"), NULL).steps);
	ck_assert_ptr_nonnull(router_find(router_table, METHOD_POST,
					  STR("/auth/session"), NULL).steps);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_endpoint_lives_where_the_contract_says,
			    0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, a_pattern_may_have_two_holes);
	tcase_add_test(tcase,
		       an_unknown_host_gets_some_list_that_is_answered_421);
}

UNIT_MAIN("router", add_tests)
