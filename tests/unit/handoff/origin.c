/* What other sites' pages may see and do. */
#include "handoff/origin.h"

#include "base/metric.h"

#include "unit/handoff/lone.h"

#define LISTED "https://acme.example"
#define DESK "https://desk.example"
#define ALLOWED "Access-Control-Allow-Origin"

static const struct steps top = { .name = "top" };
static const struct steps framed = { .name = "framed", .is_embedded = true };
static struct str origins[] = { STR(LISTED) };
static struct tenant neighbour = { .origin = STR("https://next.example") };
static const struct tenant *list[] = { &lone_tenant, &neighbour };
static const struct host host = { .tenants = list, .tenant_count = 2 };

static void set_up(void)
{
	lone_begin(&top);
	lone.host = &host;
	lone_tenant.origin = STR(DESK);
	lone_tenant.cors = (struct cors){ .origins = origins, .count = 1 };
}

static void tear_down(void)
{
	lone_end();
}

/* From a page of `origin`; NULL: without the header. */
static void from(const char *origin)
{
	lone_again();
	if (origin)
		lone_says("oRigin", origin);
}

START_TEST(a_listed_page_reads_the_handoffs_answers)
{
	from(LISTED);
	origin_handoff_headers(&lone);
	ck_str_is(lone_header("Vary"), "Origin");
	ck_str_is(lone_header(ALLOWED), LISTED);
	ck_str_is(lone_header("Access-Control-Allow-Credentials"), "true");
	ck_assert(str_icontains(lone_header("Access-Control-Expose-Headers"),
				STR("X-RateLimit-Remaining")));
	from(LISTED);
	origin_preflight_headers(&lone);
	ck_str_is(lone_header("Vary"), "Origin");
	ck_str_is(lone_header(ALLOWED), LISTED);
	ck_str_is(lone_header("Access-Control-Allow-Methods"), "POST");
	ck_str_is(lone_header("Access-Control-Allow-Headers"), ORIGIN_FIELDS);
}
END_TEST

/* Caches are told that it would be another answer, whoever asks. */
START_TEST(nobody_else_gets_more_than_vary)
{
	static const char *const others[] = {
		NULL, "", "null", "https://acme.example.net",
		"https://ACME.example", "http://acme.example",
		"https://acme.example/", DESK,
	};

	for (unsigned i = 0; i <= N_ELEMENTS(others); i++) {
		bool is_twice = i == N_ELEMENTS(others);

		for (unsigned k = 0; k < 2; k++) {
			from(is_twice ? LISTED : others[i]);
			if (is_twice)
				lone_says("Origin", LISTED);
			if (k)
				origin_preflight_headers(&lone);
			else
				origin_handoff_headers(&lone);
			ck_assert_uint_eq(lone.answer.header_count, 1);
			ck_str_is(lone_header("Vary"), "Origin");
		}
	}
	/* No tenant is known yet. */
	from(LISTED);
	lone.tenant = NULL;
	origin_handoff_headers(&lone);
	ck_assert_uint_eq(lone.answer.header_count, 1);
}
END_TEST

START_TEST(a_tenant_says_whose_posts_it_takes)
{
	struct cors *cors = &lone_tenant.cors;

	from(LISTED);
	ck_assert(origin_handoff_headers(&lone));
	from(NULL);
	ck_assert(origin_handoff_headers(&lone));
	cors->require_origin = true;
	ck_assert(!origin_handoff_headers(&lone));
	from("null");
	ck_assert(!origin_handoff_headers(&lone));
	cors->allow_null_origin = true;
	ck_assert(origin_handoff_headers(&lone));
	from(LISTED);
	lone_says("Origin", LISTED);
	ck_assert(!origin_handoff_headers(&lone));
}
END_TEST

START_TEST(the_callback_echoes_what_any_tenant_of_the_host_lists)
{
	static const struct {
		const char *origin;
		bool is_echoed;
	} cases[] = {
		{ LISTED, true }, { "null", true }, { NULL, false },
		{ "", false }, { "https://next.example", false },
		{ "https://evil.example", false },
	};

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		from(cases[i].origin);
		lone.tenant = NULL;	/* it is not known yet */
		origin_callback_headers(&lone);
		ck_assert_uint_eq(lone.answer.header_count,
				  cases[i].is_echoed ? 2 : 0);
		if (cases[i].is_echoed)
			ck_str_is(lone_header(ALLOWED), cases[i].origin);
	}
	from("null");
	lone_says("Origin", "null");
	origin_callback_headers(&lone);
	ck_assert_uint_eq(lone.answer.header_count, 0);
}
END_TEST

START_TEST(a_page_of_our_own_has_the_hosts_origin)
{
	from(DESK);
	ck_assert(origin_is_own(&lone));
	from("https://next.example");
	ck_assert(origin_is_own(&lone));
	from(LISTED);
	ck_assert(!origin_is_own(&lone));
	from("https://tickets.test");
	ck_assert(!origin_is_own(&lone));
	from(NULL);
	ck_assert(!origin_is_own(&lone));
	from(DESK);
	lone_says("Origin", DESK);
	ck_assert(!origin_is_own(&lone));
	/* A broken neighbour has no origin, and an empty one is nobody's. */
	neighbour.origin = STR("");
	from("");
	ck_assert(!origin_is_own(&lone));
	neighbour.origin = STR("https://next.example");
	/* Frames are the gateway's. */
	lone.steps = &framed;
	from("https://tickets.test");
	ck_assert(origin_is_own(&lone));
	from(DESK);
	ck_assert(!origin_is_own(&lone));
}
END_TEST

/* Who is refused elsewhere than at the list is on record as well. */
START_TEST(what_is_refused_is_noted_for_its_tenant)
{
	struct gateway gateway = { .strangers = strangers_new() };
	struct stranger seen[STRANGERS_KEPT];
	uint64_t total;

	lone.gateway = &gateway;
	lone_tenant.origin_refused = metric_get(usher_origin_refused_total,
						"tenant=\"acme\"");
	from("https://evil.example");
	ck_refused(origin_refuse(&lone, STRANGER_OWN), 403, "origin_refused");
	ck_assert(lone.is_refusal);
	ck_assert_str_eq(lone.why, "Origin https://evil.example");
	ck_assert_int_eq(metric_value(lone_tenant.origin_refused), 1);
	ck_assert_uint_eq(strangers_list(gateway.strangers, STR("acme"), seen,
					 &total), 1);
	ck_assert_uint_eq(seen[0].kinds, STRANGER_OWN);
	/* a frame's page is known by its Referer, of which the path is not
	 * kept; what is listed, or no frame, is nothing to tell */
	from(NULL);
	lone_says("Referer", LISTED "/a?b");
	lone_says("Sec-Fetch-Dest", "iframe");
	origin_note_framer(&lone);
	from(NULL);
	lone_says("Referer", "https://tickets.test/embed/acme");
	lone_says("Sec-Fetch-Dest", "iframe");
	origin_note_framer(&lone);
	from(NULL);
	lone_says("Referer", "https://other.example/a?secret");
	origin_note_framer(&lone);
	ck_assert_int_eq(metric_value(lone_tenant.origin_refused), 1);
	lone_says("Sec-Fetch-Dest", "iframe");
	origin_note_framer(&lone);
	ck_assert_str_eq(lone.why, "Origin https://other.example");
	ck_assert_int_eq(metric_value(lone_tenant.origin_refused), 2);
	/* nobody's tenant, or one of which nothing is known */
	lone_tenant.origin_refused = NULL;
	from("https://evil.example");
	origin_refuse(&lone, STRANGER_POST);
	lone.tenant = NULL;
	from("https://evil.example");
	origin_refuse(&lone, STRANGER_OWN);
	strangers_list(gateway.strangers, STR("acme"), seen, &total);
	ck_assert_uint_eq(total, 2);
	strangers_free(gateway.strangers);
}
END_TEST

static void origin_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_listed_page_reads_the_handoffs_answers);
	tcase_add_test(tcase, nobody_else_gets_more_than_vary);
	tcase_add_test(tcase, a_tenant_says_whose_posts_it_takes);
	tcase_add_test(tcase,
		       the_callback_echoes_what_any_tenant_of_the_host_lists);
	tcase_add_test(tcase, a_page_of_our_own_has_the_hosts_origin);
	tcase_add_test(tcase, what_is_refused_is_noted_for_its_tenant);
}

UNIT_MAIN("origin", origin_tests)
