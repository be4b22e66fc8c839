/*
 * Exchanges that run out of memory, at every place where they ask for some:
 * the answer is an honest one, and nothing is half done.
 */
#include "flow/flow.h"

#include "desk/desk.h"

#include "base/pool.h"

#define C "ticket.alpha.test"
#define USER "email=user%40example.com&name=John+Doe"
#define SECRET "correct-horse.battery+staple/and~salt"

static const struct flow_file files[] = {
	{ "conf.d/secret", SECRET "\n" },
	{ "conf.d/alpha.conf",
	  "tenant = { slug = \"alpha\"; name = \"Alpha\";\n"
	  "url = \"https://" C "\"; home = \"https://alpha.test\";\n"
	  "origins = [ \"https://alpha.test\" ]; identity = \"unsigned\";\n"
	  "redeem_secret_file = \"secret\"; };\n" },
	{ NULL, NULL }
};

static void setup(void)
{
	flow_start("rate_limit = { requests = 100000; per = 3600; };", files);
}

/* The same with `room` bytes of memory to go. */
static struct exchange *starve(const struct steps *steps, size_t room,
			       const struct call *call)
{
	struct exchange *ex = flow_new(call);
	size_t used = pool_used(ex->pool);

	ck_assert_uint_gt(EXCHANGE_POOL_MAX - used, room + 64);
	ck_assert_ptr_nonnull(pool_alloc(ex->pool,
					 EXCHANGE_POOL_MAX - used - room));
	flow_finish(ex, steps);
	return ex;
}

/* How much an exchange takes when it has all that it asks for. */
static size_t appetite(const struct steps *steps, const struct call *call)
{
	struct exchange *ex = flow_new(call);
	size_t before = pool_used(ex->pool);

	flow_finish(ex, steps);
	return pool_used(ex->pool) - before;
}

static bool is_failure(const struct exchange *ex)
{
	return ex->answer.status == 503 || ex->answer.status == 500;
}

/* Bytes; everything is handed out in multiples of 16. */
#define STEP 48

START_TEST(a_handoff_succeeds_or_says_no)
{
	const struct call call = {
		.method = METHOD_POST, .param = "alpha", .type = FORM,
		.body = USER, .headers = { "Origin: https://alpha.test" },
	};
	size_t room, enough = appetite(&steps_handoff, &call);
	unsigned good = 0, bad = 0;

	for (room = 0; room < enough + 2 * STEP; room += STEP) {
		struct exchange *ex = starve(&steps_handoff, room, &call);
		struct str location = flow_header(ex, "Location");

		ck_assert_msg(is_failure(ex) || ex->answer.status == 302,
			      "%zu: %d", room, ex->answer.status);
		ck_assert_int_eq(location.len > 0, ex->answer.status == 302);
		good += ex->answer.status == 302;
		bad += is_failure(ex);
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_gt(bad, 10);
}
END_TEST

START_TEST(a_token_is_spent_for_a_session_or_not_at_all)
{
	struct call call = {
		.host = C, .query = flow_mint("alpha", USER),
		.headers = { "Sec-Fetch-Mode: navigate" },
	};
	size_t room, enough = appetite(&steps_callback, &call);
	unsigned good = 0, bad = 0;
	char text[64];

	for (room = 0; room < enough + 2 * STEP; room += STEP) {
		struct exchange *ex;

		call.query = flow_mint("alpha", USER);
		ex = starve(&steps_callback, room, &call);
		if (ex->answer.status == 302) {
			/* The exchange has no room for a copy. */
			struct str cookie = flow_header(ex, "Set-Cookie");

			snprintf(text, sizeof(text), "%.*s", 13 + 43,
				 cookie.ptr);
			ck_answer(flow_call(&steps_session, .host = C,
					    .cookie = text), 200, "");
			good++;
			continue;
		}
		ck_assert_msg(is_failure(ex), "%zu: %d %s", room,
			      ex->answer.status, flow_code(ex));
		ck_assert(!flow_header(ex, "Set-Cookie").ptr);
		ck_answer(flow_visit(C, call.query, NULL), 302, "");
		bad++;
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_gt(bad, 10);
}
END_TEST

START_TEST(a_desk_gets_the_user_or_keeps_the_token)
{
	struct call call = {
		.method = METHOD_POST, .param = "alpha", .type = FORM,
		.body = flow_mint("alpha", USER),
		.headers = { "Authorization: Bearer " SECRET },
	};
	size_t room, enough = appetite(&steps_redeem, &call);
	unsigned good = 0, bad = 0;

	for (room = 0; room < enough + 8 * STEP; room += 8 * STEP) {
		struct exchange *ex;

		call.body = flow_mint("alpha", USER);
		ex = starve(&steps_redeem, room, &call);
		if (ex->answer.status == 200) {
			ck_assert(flow_body_has(ex, "user@example.com"));
			good++;
			continue;
		}
		ck_assert_msg(is_failure(ex), "%zu: %d %s", room,
			      ex->answer.status, flow_code(ex));
		ck_answer(flow_visit(C, call.body, NULL), 302, "");
		bad++;
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_gt(bad, 10);
}
END_TEST

START_TEST(nobody_is_somebody_for_want_of_memory)
{
	struct call call = {
		.host = C, .cookie = flow_sign_in("alpha", C, USER),
		.query = "tenant=alpha",
	};
	const struct steps *lists[] = {
		&steps_session, &steps_check, &steps_desk_page
	};
	size_t room, enough;

	for (unsigned i = 0; i < 3; i++) {
		enough = appetite(lists[i], &call);
		for (room = 0; room < enough + STEP; room += STEP) {
			struct exchange *ex = starve(lists[i], room, &call);

			ck_assert_msg(is_failure(ex) ||
				      ex->answer.status == 200, "%zu: %d",
				      room, ex->answer.status);
			if (ex->answer.status != 200)
				ck_assert(!flow_header(ex, "Remote-User").ptr);
		}
	}
}
END_TEST

START_TEST(a_session_is_ended_or_goes_on)
{
	struct call call = {
		.host = C, .method = METHOD_POST,
		.cookie = flow_sign_in("alpha", C, USER),
		.headers = { "Origin: https://" C, BROWSER },
	};
	size_t room, enough = appetite(&steps_logout, &call);

	for (room = 0; room < enough + STEP; room += STEP) {
		struct exchange *ex, *after;

		call.cookie = flow_sign_in("alpha", C, USER);
		ex = starve(&steps_logout, room, &call);
		after = flow_call(&steps_session, .host = C,
				  .cookie = call.cookie);
		ck_assert_msg(is_failure(ex) || ex->answer.status == 303,
			      "%zu: %d", room, ex->answer.status);
		ck_answer(after, is_failure(ex) ? 200 : 401,
			  is_failure(ex) ? "" : "not_signed_in");
	}
}
END_TEST

static void memory_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, flow_stop);
	tcase_add_test(tcase, a_handoff_succeeds_or_says_no);
	tcase_add_test(tcase, a_token_is_spent_for_a_session_or_not_at_all);
	tcase_add_test(tcase, a_desk_gets_the_user_or_keeps_the_token);
	tcase_add_test(tcase, nobody_is_somebody_for_want_of_memory);
	tcase_add_test(tcase, a_session_is_ended_or_goes_on);
}

UNIT_MAIN("memory", memory_tests)
