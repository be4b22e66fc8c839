/*
 * Who is signed in, for desks and proxies; signing out; the pages.
 */
#include "flow/flow.h"

#include "handoff/session.h"

#define C "ticket.alpha.test"
#define USER "email=user%40example.com&name=Zo%C3%AB+Doe"

static const struct flow_file files[] = {
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; home = \"https://alpha.test/shop\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\";\n"
	  "session = { idle = 1800; absolute = 28800; }; };\n" },
	{ "conf.d/homeless.conf",
	  "tenant = { slug = \"homeless\"; identity = \"unsigned\";\n"
	  "url = \"https://ticket.homeless.test\"; desk = false; };\n" },
	{ "conf.d/ids.conf",
	  "tenant = { slug = \"ids\"; identity = \"unsigned\";\n"
	  "url = \"https://ticket.ids.test\"; desk_user = \"{slug}/{id}\";\n"
	  "desk_header_encoding = \"percent\"; };\n" },
	{ "conf.d/here.conf",
	  "tenant = { slug = \"here\"; identity = \"unsigned\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
}

static struct exchange *session(const char *cookie)
{
	return flow_call(&steps_session, .host = C, .cookie = cookie);
}

static struct exchange *check(const char *cookie, const char *query)
{
	return flow_call(&steps_check, .host = C, .cookie = cookie,
			 .query = query);
}

START_TEST(nobody_is_nobody)
{
	struct exchange *ex = session(NULL);

	ck_answer(ex, 401, "not_signed_in");
	ck_assert(!flow_header(ex, "Remote-User").ptr);
	ck_assert(!flow_header(ex, "Access-Control-Allow-Origin").ptr);
	ex = check(NULL, NULL);
	ck_answer(ex, 401, "not_signed_in");
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ck_assert(!flow_header(ex, "Remote-User").ptr);
	ck_str_is(flow_header(ex, "Cross-Origin-Resource-Policy"),
		  "same-origin");
}
END_TEST

START_TEST(a_session_says_who_is_there)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex = session(cookie), *same = check(cookie, NULL);

	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "{\"tenant\":\"alpha\",\"user\":{\"id\":"));
	ck_assert(flow_body_has(ex, "\"email\":\"user@example.com\",\"name\":"
				"\"Zo\xc3\xab Doe\",\"verified\":false,"
				"\"attributes\":{}},\"expires_at\":\""));
	ck_answer(same, 200, "");
	ck_assert_uint_eq(same->answer.body.len, 0);
	for (int i = 0; i < 2; i++, ex = same) {
		ck_str_is(flow_header(ex, "Remote-User"),
			  "alpha:user@example.com");
		ck_str_is(flow_header(ex, "Remote-Id"), flow_user_text(ex));
		ck_str_is(flow_header(ex, "Remote-Email"), "user@example.com");
		ck_str_is(flow_header(ex, "Remote-Name"), "Zo\xc3\xab Doe");
		ck_str_is(flow_header(ex, "Remote-Tenant"), "alpha");
		ck_str_is(flow_header(ex, "Remote-Verified"), "false");
		ck_str_is(flow_header(ex, "Cross-Origin-Resource-Policy"),
			  "same-origin");
	}
	ck_answer(check(cookie, "tenant=alpha"), 200, "");
	ck_answer(check(cookie, "tenant=beta"), 401, "not_signed_in");
	ck_answer(check(cookie, "tenant="), 401, "not_signed_in");
	ck_answer(check(cookie, "tenant=alpha&tenant=alpha"), 400,
		  "malformed_query");
	ck_answer(flow_call(&steps_session, .host = C, .cookie = cookie,
			    .query = "tenant=beta"), 401, "not_signed_in");
}
END_TEST

#define IDS "ticket.ids.test"

START_TEST(a_desk_is_told_what_its_tenant_says)
{
	const char *cookie = flow_sign_in("ids", IDS,
					  "email=user%40example.com"
					  "&name=100%25+Zo%C3%AB");
	struct exchange *ex;

	for (int i = 0; i < 2; i++) {
		ex = flow_call(i ? &steps_session : &steps_check, .host = IDS,
			       .cookie = cookie, .query = "tenant=ids");
		ck_answer(ex, 200, "");
		ck_str_is(flow_header(ex, "Remote-User"),
			  pool_printf(ex->pool, "ids/%s",
				      flow_user_text(ex)).ptr);
		ck_str_is(flow_header(ex, "Remote-Name"), "100%25 Zo%C3%AB");
		ck_str_is(flow_header(ex, "Remote-Email"), "user@example.com");
		ck_str_is(flow_header(ex, "Remote-Id"), flow_user_text(ex));
	}
}
END_TEST

/* Its users are not signed out: nobody knows, until its file is mended. */
static bool has_why(struct exchange *ex, const char *text)
{
	struct audit_record record = flow_audit(ex);

	return str_icontains(record.code, STR("not_signed_in")) &&
	       str_icontains(record.trail, str_from(text));
}

START_TEST(a_check_that_is_refused_is_on_record)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	const char *others = flow_sign_in("ids", IDS, USER);
	struct audit_record none;
	struct exchange *ex;
	char wrong[256];

	ck_assert(has_why(check(NULL, NULL), "no session's cookie came"));
	ck_assert(has_why(check("__Host-usher=x", NULL),
			  "is no session's cookie"));
	snprintf(wrong, sizeof(wrong), "%s", cookie);
	wrong[strlen(wrong) - 2] ^= 1;
	ck_assert(has_why(check(wrong, NULL), "is not known"));
	ck_assert(has_why(check(others, NULL), "is of tenant ids, which"));
	ck_assert(has_why(check(cookie, "tenant=ids"),
			  "is of tenant alpha, and ?tenant="));
	/* and one that passes is not, nor what a page asks */
	ex = check(cookie, NULL);
	ck_answer(ex, 200, "");
	ck_assert_int_eq(audit_find(ex->reader, str_from(ex->id), ex->pool,
				    &none), ERR_NOT_FOUND);
	ex = session(NULL);
	ck_assert_int_eq(audit_find(ex->reader, str_from(ex->id), ex->pool,
				    &none), ERR_NOT_FOUND);
}
END_TEST

START_TEST(of_a_tenant_that_is_broken_nobody_knows)
{
	const char *cookie = flow_sign_in("ids", IDS, USER);
	const struct steps *const lists[] = { &steps_session, &steps_check };
	const char *const queries[] = { NULL, "tenant=ids" };
	char good[512];

	snprintf(good, sizeof(good), "%s", files[2].text);
	flow_write("conf.d/ids.conf",
		   "tenant = { slug = \"ids\"; identity = \"unsigned\";\n"
		   "url = \"https://" IDS "\"; desk_user = \"{id}\"; };\n");
	flow_reload();
	for (int i = 0; i < 4; i++) {
		struct exchange *ex = flow_call(lists[i % 2], .host = IDS,
						.cookie = cookie,
						.query = queries[i / 2]);

		ck_answer(ex, 503, "tenant_unavailable");
		ck_str_is(flow_header(ex, "Retry-After"), "60");
		ck_assert(!flow_header(ex, "Remote-User").ptr);
		ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	}
	/* Of another host's tenant nothing is told. */
	ck_answer(check(cookie, "tenant=ids"), 401, "not_signed_in");
	flow_write("conf.d/ids.conf", good);
	flow_reload();
	ck_answer(flow_call(&steps_check, .host = IDS, .cookie = cookie),
		  200, "");
}
END_TEST

START_TEST(a_session_ends_by_itself)
{
	const int64_t start = INT64_C(1795370000000);
	const char *cookie;
	int64_t at;

	clock_hold(start);
	cookie = flow_sign_in("alpha", C, USER);
	clock_hold(start + 1799 * 1000);
	ck_answer(session(cookie), 200, "");
	/* It was used: another half an hour. */
	clock_hold(start + 3500 * 1000);
	ck_answer(session(cookie), 200, "");
	clock_hold(start + 5300 * 1000);
	ck_answer(session(cookie), 401, "not_signed_in");
	/* However busy, a working day is the end. */
	clock_hold(start);
	cookie = flow_sign_in("alpha", C, USER);
	for (at = 0; at < 28800; at += 1700) {
		clock_hold(start + at * 1000);
		ck_answer(session(cookie), 200, "");
	}
	clock_hold(start + INT64_C(28800) * 1000);
	ck_answer(session(cookie), 401, "not_signed_in");
}
END_TEST

static struct exchange *glance(const char *cookie, const char *header)
{
	return flow_call(&steps_session, .host = C,
			 .cookie = cookie, .headers = { header });
}

/* A page that is left open asks and asks, and nobody is there. */
START_TEST(who_only_looks_keeps_no_session_from_ending)
{
	const int64_t start = INT64_C(1795370000000);
	const char *cookie;

	clock_hold(start);
	cookie = flow_sign_in("alpha", C, USER);
	for (int64_t at = 100; at < 1800; at += 100) {
		clock_hold(start + at * 1000);
		ck_answer(glance(cookie, "X-Usher-Activity: none"), 200, "");
	}
	clock_hold(start + INT64_C(1800) * 1000);
	ck_answer(glance(cookie, "X-Usher-Activity: none"), 401,
		  "not_signed_in");
	clock_hold(start);
	cookie = flow_sign_in("alpha", C, USER);
	clock_hold(start + INT64_C(1000) * 1000);
	ck_answer(glance(cookie, "X-Usher-Activity: some"), 200, "");
	clock_hold(start + INT64_C(2000) * 1000);
	ck_answer(glance(cookie, "X-Usher-Activity: none"), 200, "");
}
END_TEST

START_TEST(only_the_exact_cookie_counts_and_two_are_nobody)
{
	const char *mine = flow_sign_in("alpha", C, USER);
	const char *value = mine + strlen("__Host-usher=");
	const char *other = flow_sign_in("alpha", C,
					 "email=other%40example.com&name=O");
	struct exchange *keep = session(mine);
	const struct { int status; struct str cookie; } cases[] = {
		{ 200, pool_printf(keep->pool, "a=1; %s; b=\"x y\"; =odd; c",
				   mine) },
		{ 401, pool_printf(keep->pool, "__host-usher=%s", value) },
		{ 401, pool_printf(keep->pool, "__Host-Usher=%s", value) },
		{ 401, pool_printf(keep->pool, "x%s", mine) },
		{ 401, pool_printf(keep->pool, "usher=%s", value) },
		{ 401, pool_printf(keep->pool, "a=1,%s", mine) },
		{ 401, pool_printf(keep->pool, "a=\"b; %s\"; %s", mine, mine) },
		{ 401, pool_printf(keep->pool, "__Host-usher=\"%s\"", value) },
		{ 401, pool_printf(keep->pool, "%sx", mine) },
		{ 401, pool_printf(keep->pool, "__Host-usher=%s", value + 1) },
		{ 401, pool_printf(keep->pool, "__Host-usher=") },
		{ 401, pool_printf(keep->pool, "%s; %s", mine, mine) },
		{ 401, pool_printf(keep->pool, "%s; %s", mine, other) },
		{ 401, pool_printf(keep->pool, "__Host-usher=%.42sA", value) },
	};

	ck_answer(keep, 200, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange *ex = session(cases[i].cookie.ptr);

		if (i == 13 && value[42] == 'A')
			continue;
		ck_assert_msg(ex->answer.status == cases[i].status, "%s: %d",
			      cases[i].cookie.ptr, ex->answer.status);
	}
	/* Over several Cookie lines the rule is the same. */
	ck_answer(flow_call(&steps_session, .host = C, .cookie = mine,
			    .headers = { "Cookie: a=1" }), 200, "");
	ck_answer(flow_call(&steps_session, .host = C, .cookie = "a=1",
			    .headers = { pool_printf(keep->pool, "Cookie: %s",
						     mine).ptr }), 200, "");
	ck_answer(flow_call(&steps_session, .host = C, .cookie = mine,
			    .headers = { pool_printf(keep->pool, "Cookie: %s",
						     mine).ptr }),
		  401, "not_signed_in");
}
END_TEST

static int found;

static enum step_result look(struct exchange *ex)
{
	const struct tenant *tenant;
	struct session session;

	found = session_current(ex, &session, &tenant);
	return answer_empty(ex, 204);
}

static const struct step look_list[] = { { "look", look, NULL }, { 0 } };
static const struct steps top = { .name = "top", .list = look_list };
static const struct steps framed = { .name = "framed", .list = look_list,
				     .is_embedded = true };

/* Of a tenant on the gateway's own host, which has the frames, too. */
START_TEST(a_session_is_of_a_kind_and_of_an_epoch)
{
	const char *cookie = flow_sign_in("here", B, USER);
	char other[256];
	struct snapshot *now;

	flow_call(&top, .cookie = cookie);
	ck_assert_int_eq(found, 1);
	/* In the frame's name it is nobody's. */
	snprintf(other, sizeof(other), "__Host-usher-embed%s",
		 strchr(cookie, '='));
	flow_call(&framed, .cookie = other);
	ck_assert_int_eq(found, 0);
	/* The slug has come to mean somebody else. */
	now = snapshot_slot_get(flow.gateway.snapshots);
	for (unsigned i = 0; i < now->tenant_count; i++)
		now->tenants[i]->epoch++;
	snapshot_unref(now);
	flow_call(&top, .cookie = cookie);
	ck_assert_int_eq(found, 0);
}
END_TEST

START_TEST(no_bit_of_a_cookie_may_change)
{
	const char *mine = flow_sign_in("alpha", C, USER);
	char copy[64];

	for (size_t i = strlen("__Host-usher="); mine[i]; i++) {
		snprintf(copy, sizeof(copy), "%s", mine);
		copy[i] = mine[i] == 'A' ? 'B' : 'A';
		ck_answer(session(copy), 401, "not_signed_in");
	}
	ck_answer(session(mine), 200, "");
}
END_TEST

START_TEST(signing_out_takes_a_page_of_our_own)
{
	static const char *const origins[] = {
		NULL, "Origin: null", "Origin: https://alpha.test",
		"Origin: https://" B, "Origin: http://" C,
		"Origin: https://" C "/", "Origin: https://" C ":443",
		"Origin: https://TICKET.alpha.test",
	};
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		ck_answer(flow_call(&steps_logout, .method = METHOD_POST,
				    .host = C, .cookie = cookie,
				    .headers = { origins[i] }),
			  403, "origin_refused");
	ck_answer(flow_call(&steps_logout, .method = METHOD_POST, .host = C,
			    .cookie = cookie,
			    .headers = { "Origin: https://" C,
					 "Origin: https://" C }),
		  403, "origin_refused");
	ck_answer(session(cookie), 200, "");
	ex = flow_call(&steps_logout, .method = METHOD_POST, .host = C,
		       .cookie = cookie, .headers = { "Origin: https://" C });
	ck_answer(ex, 204, "");
	ck_assert_uint_eq(ex->answer.body.len, 0);
	ck_str_is(flow_header(ex, "Set-Cookie"), "__Host-usher=; Path=/; "
		  "Secure; HttpOnly; SameSite=None; Max-Age=0");
	/* Gone at once, and for good. */
	ck_answer(session(cookie), 401, "not_signed_in");
	store_close(flow.gateway.store);
	flow_open_store();
	ck_answer(session(cookie), 401, "not_signed_in");
	/* Again does no harm. */
	ck_answer(flow_call(&steps_logout, .method = METHOD_POST, .host = C,
			    .cookie = cookie,
			    .headers = { "Origin: https://" C }), 204, "");
}
END_TEST

/* Or whoever signs nobody out, again and again, pushed out what was done. */
START_TEST(who_signs_nobody_out_is_not_on_record)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex = flow_call(&steps_logout, .method = METHOD_POST,
		.host = C, .headers = { "Origin: https://" C });
	struct audit_record record;

	ck_answer(ex, 204, "");
	flow_settle();
	ck_assert_int_eq(audit_find(ex->reader, (struct str){ ex->id,
			 REQUEST_ID_LEN }, ex->pool, &record), ERR_NOT_FOUND);
	ex = flow_call(&steps_logout, .method = METHOD_POST, .host = C,
		       .cookie = cookie, .headers = { "Origin: https://" C });
	ck_assert_int_eq(flow_audit(ex).status, 204);
}
END_TEST

START_TEST(a_browser_that_signs_out_goes_home)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex = flow_call(&steps_logout, .method = METHOD_POST,
		.host = C, .cookie = cookie,
		.headers = { "Origin: https://" C, BROWSER });

	ck_answer(ex, 303, "");
	ck_str_is(flow_header(ex, "Location"), "https://alpha.test/shop");
	cookie = flow_sign_in("homeless", "ticket.homeless.test", USER);
	ex = flow_call(&steps_logout, .method = METHOD_POST,
		       .host = "ticket.homeless.test", .cookie = cookie,
		       .headers = { "Origin: https://ticket.homeless.test",
				    BROWSER });
	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "You are signed out."));
	ck_assert(str_icontains(flow_header(ex, "Set-Cookie"),
				STR("Max-Age=0")));
}
END_TEST

START_TEST(a_page_has_the_button_that_signs_out)
{
	const char *cookie = flow_sign_in("alpha", C, USER);
	struct exchange *ex = flow_call(&steps_logout_page, .host = C,
					.cookie = cookie,
					.headers = { BROWSER });
	struct str csp = flow_header(ex, "Content-Security-Policy");

	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "Zo\xc3\xab Doe"));
	ck_assert(flow_body_has(ex, "<form method=\"post\" action="
				"\"/auth/logout\" data-exit="
				"\"https://alpha.test/shop\">"));
	ck_assert(flow_body_has(ex, "content=\"strict-origin\""));
	ck_assert(strstr(csp.ptr, "form-action 'self' https://alpha.test;"));
	ck_assert(strstr(csp.ptr, "frame-ancestors 'none'"));
	ck_assert(!flow_header(ex, "Set-Cookie").ptr);
	/* a link ends nothing */
	ck_answer(session(cookie), 200, "");
	ex = flow_call(&steps_logout_page, .host = C, .headers = { BROWSER });
	ck_answer(ex, 200, "");
	ck_assert(flow_body_has(ex, "You are signed out"));
	ck_assert(!flow_body_has(ex, "<form"));
}
END_TEST

START_TEST(who_signed_out_goes_where_the_tenant_says)
{
	const char *cookie;
	struct exchange *ex;

	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; url = \"https://" C "\";\n"
		   "home = \"https://alpha.test/\"; identity = \"unsigned\";\n"
		   "logout_url = \"https://id.alpha.test/out?from=desk\"; };\n");
	flow_reload();
	cookie = flow_sign_in("alpha", C, USER);
	ex = flow_call(&steps_logout_page, .host = C, .cookie = cookie,
		       .headers = { BROWSER });
	ck_assert(strstr(flow_header(ex, "Content-Security-Policy").ptr,
			 "form-action 'self' https://id.alpha.test;"));
	ex = flow_call(&steps_logout, .method = METHOD_POST, .host = C,
		       .cookie = cookie, .headers = { BROWSER,
		       "Origin: https://" C });
	ck_answer(ex, 303, "");
	ck_str_is(flow_header(ex, "Location"),
		  "https://id.alpha.test/out?from=desk");
	ck_answer(session(cookie), 401, "not_signed_in");
}
END_TEST

START_TEST(one_logout_leaves_other_devices_alone)
{
	const char *phone = flow_sign_in("alpha", C, USER);
	const char *desktop = flow_sign_in("alpha", C, USER);

	ck_answer(flow_call(&steps_logout, .method = METHOD_POST, .host = C,
			    .cookie = phone,
			    .headers = { "Origin: https://" C }), 204, "");
	ck_answer(session(phone), 401, "not_signed_in");
	ck_answer(session(desktop), 200, "");
}
END_TEST

START_TEST(a_changed_name_shows_in_open_sessions)
{
	const char *cookie = flow_sign_in("alpha", C, USER);

	flow_sign_in("alpha", C, "email=User%40EXAMPLE.com&name=Renamed");
	ck_assert(flow_body_has(session(cookie), "\"name\":\"Renamed\""));
}
END_TEST

START_TEST(front_pages_and_what_is_not_there)
{
	struct exchange *ex = flow_call(&steps_home, .host = C);

	ck_answer(ex, 302, "");
	ck_str_is(flow_header(ex, "Location"), "https://" C "/dashboard");
	ck_answer(flow_call(&steps_home, .host = B), 200, "");
	ck_answer(flow_call(&steps_home, .host = "evil.test"), 421,
		  "unknown_host");
	ck_answer(flow_call(&steps_not_found, .host = C), 404, "not_found");
	ex = flow_new(&(struct call){ .host = C });
	answer_header(ex, "Allow", STR("POST"));
	flow_finish(ex, &steps_not_allowed);
	ck_answer(ex, 405, "method_not_allowed");
	ck_str_is(flow_header(ex, "Allow"), "POST");
}
END_TEST

static enum step_result go_on(struct exchange *ex)
{
	(void)ex;
	return STEP_NEXT;
}

static enum step_result say_too_much(struct exchange *ex)
{
	int i;

	for (i = 0; i < ANSWER_HEADERS_MAX; i++)
		answer_header_num(ex, "X-Many", i);
	return answer_empty(ex, 204);
}

START_TEST(a_list_without_an_answer_is_a_500)
{
	static const struct step list[] = {
		{ "go_on", go_on, NULL }, { NULL, NULL, NULL }
	};
	static const struct step defect[] = {
		{ "say_too_much", say_too_much, NULL }, { NULL, NULL, NULL }
	};
	const struct steps steps = {
	.name = "nothing",
	.list = list,
};
	const struct steps loud = {
	.name = "loud",
	.list = defect,
};
	struct exchange *ex = flow_call(&steps, .host = C);

	ck_answer(ex, 500, "internal");
	ck_answer(flow_call(&loud, .host = C), 500, "internal");
}
END_TEST

START_TEST(request_ids_sort_as_the_requests_came)
{
	struct exchange *a, *b;

	clock_hold(INT64_C(1795370000000));
	a = session(NULL);
	b = session(NULL);
	ck_assert_str_ne(a->id, b->id);
	ck_assert_int_eq(strncmp(a->id, b->id, 10), 0);
	clock_hold(INT64_C(1795370000001));
	b = session(NULL);
	ck_assert_int_lt(strcmp(a->id, b->id), 0);
	ck_assert_uint_eq(strspn(a->id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
			  26);
}
END_TEST

START_TEST(there_is_no_hsts_for_loopback_names)
{
	struct exchange *ex = session(NULL);

	ck_assert(flow_header(ex, "Strict-Transport-Security").ptr);
	flow_write("conf.d/alpha.conf",
		   "tenant = { slug = \"alpha\"; identity = \"unsigned\";\n"
		   "url = \"https://ticket.alpha.localhost\"; };\n");
	flow_reload();
	ex = flow_call(&steps_session, .host = "ticket.alpha.localhost");
	ck_answer(ex, 401, "not_signed_in");
	ck_assert(!flow_header(ex, "Strict-Transport-Security").ptr);
}
END_TEST

static void account_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, nobody_is_nobody);
	tcase_add_test(tcase, a_session_says_who_is_there);
	tcase_add_test(tcase, a_desk_is_told_what_its_tenant_says);
	tcase_add_test(tcase, a_check_that_is_refused_is_on_record);
	tcase_add_test(tcase, of_a_tenant_that_is_broken_nobody_knows);
	tcase_add_test(tcase, a_session_ends_by_itself);
	tcase_add_test(tcase, who_only_looks_keeps_no_session_from_ending);
	tcase_add_test(tcase, only_the_exact_cookie_counts_and_two_are_nobody);
	tcase_add_test(tcase, a_session_is_of_a_kind_and_of_an_epoch);
	tcase_add_test(tcase, no_bit_of_a_cookie_may_change);
	tcase_add_test(tcase, signing_out_takes_a_page_of_our_own);
	tcase_add_test(tcase, a_browser_that_signs_out_goes_home);
	tcase_add_test(tcase, who_signs_nobody_out_is_not_on_record);
	tcase_add_test(tcase, a_page_has_the_button_that_signs_out);
	tcase_add_test(tcase, who_signed_out_goes_where_the_tenant_says);
	tcase_add_test(tcase, one_logout_leaves_other_devices_alone);
	tcase_add_test(tcase, a_changed_name_shows_in_open_sessions);
	tcase_add_test(tcase, front_pages_and_what_is_not_there);
	tcase_add_test(tcase, a_list_without_an_answer_is_a_500);
	tcase_add_test(tcase, request_ids_sort_as_the_requests_came);
	tcase_add_test(tcase, there_is_no_hsts_for_loopback_names);
}

UNIT_MAIN("account", account_tests)
