#include "unit/unit.h"

#include "http/request.h"

#define HEAD "POST /a%2fb?c=%00&d HTTP/1.1\r\n"			\
	"Host: X.Example:81\r\nA: b\r\n\r\n"

static struct pool *pool;

static void start(void)
{
	pool = pool_new(EXCHANGE_POOL_MAX);
}

static void stop(void)
{
	pool_free(pool);
}

/* HEAD as the library leaves it: NULs, and the target decoded in place. */
static void guarded(char *buffer, struct guard_head *head,
		    struct guard_target *target)
{
	char *host, *a;

	memcpy(buffer, HEAD, sizeof(HEAD));
	host = strstr(buffer, "Host");
	a = strstr(buffer, "A: ");
	*head = (struct guard_head){
		.start = buffer, .len = sizeof(HEAD) - 1,
		.method = METHOD_POST, .content_length = GUARD_NO_LENGTH,
		.host = { host + 6, 12 },
		.headers = { { { host, 4 }, { host + 6, 12 } },
			     { { a, 1 }, { a + 3, 1 } } },
		.header_count = 2,
	};
	*target = (struct guard_target){ buffer + 5, STR("/a%2fb?c=%00&d") };
	memcpy(buffer + 5, "/a/b\0x\0\0\0\0\0\0\0\0", 14);
}

START_TEST(a_request_outlives_the_librarys_buffer)
{
	struct exchange ex = { .pool = pool };
	struct guard_target target;
	struct guard_head head;
	char buffer[sizeof(HEAD)];
	struct str value;
	struct ip peer = { .family = 4, .bytes = { 192, 0, 2, 1 } };

	guarded(buffer, &head, &target);
	ck_assert_int_eq(request_fill(&ex, &head, target, &peer, true), ERR_OK);
	memset(buffer, 'x', sizeof(buffer));
	memset(&head, 'x', sizeof(head));
	ck_assert_int_eq(ex.request.method, METHOD_POST);
	ck_str_is(ex.request.path, "/a%2fb");
	ck_str_is(ex.request.query, "c=%00&d");
	ck_str_is(ex.request.host, "x.example");
	ck_assert_uint_eq(ex.request.port, 81);
	ck_assert(ex.request.is_tls);
	ck_assert(ip_eq(&ex.request.peer, &peer));
	ck_assert_uint_eq(ex.request.header_count, 2);
	ck_assert_int_eq(request_header(&ex.request, "a", &value), 1);
	ck_str_is(value, "b");
}
END_TEST

START_TEST(a_query_may_be_absent_or_empty)
{
	struct guard_target target;
	struct guard_head head;
	char buffer[sizeof(HEAD)];
	struct ip peer = { 0 };

	for (int i = 0; i < 2; i++) {
		struct exchange ex = { .pool = pool };

		guarded(buffer, &head, &target);
		target.raw.len = i ? 7 : 6;
		ck_assert_int_eq(request_fill(&ex, &head, target, &peer, true),
				 ERR_OK);
		ck_str_is(ex.request.path, "/a%2fb");
		ck_assert_int_eq(str_is_null(ex.request.query), !i);
		ck_assert_uint_eq(ex.request.query.len, 0);
	}
}
END_TEST

START_TEST(a_host_is_parsed_strictly)
{
	static const char *const bad[] = {
		"", "a b", "a/b", "a@b", "a:", "a:0x", "a:99999", "[::1", "a_b",
		".a", "a..b", "a,b", "http://a",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct exchange ex = { .pool = pool };
		struct guard_target target;
		struct guard_head head;
		char buffer[sizeof(HEAD)];
		struct ip peer = { 0 };

		guarded(buffer, &head, &target);
		head.host = str_from(bad[i]);
		ck_assert_msg(request_fill(&ex, &head, target, &peer, false) ==
			      ERR_SYNTAX, "%s", bad[i]);
	}
}
END_TEST

START_TEST(memory_may_run_out)
{
	struct pool *small = pool_new(100);
	struct exchange ex = { .pool = small };
	struct guard_target target;
	struct guard_head head;
	char buffer[sizeof(HEAD)];
	struct ip peer = { 0 };
	struct body body;

	guarded(buffer, &head, &target);
	ck_assert_int_eq(request_fill(&ex, &head, target, &peer, false),
			 ERR_NOMEM);
	head.content_length = 1000;
	ck_assert_int_eq(body_begin(&body, small, REQUEST_BODY_MAX, &head),
			 BODY_READ);
	ck_assert_int_eq(body_add(&body, "x", 1), ERR_NOMEM);
	pool_free(small);
}
END_TEST

static const struct {
	const char *name;
	uint64_t length;	/* announced */
	bool expects_continue;
	enum body_plan plan;
	size_t comes;		/* octets that come, a thousand at a time */
	enum err err;		/* at the last of them */
	bool is_too_large;
} bodies[] = {
	{ "none", GUARD_NO_LENGTH, false, BODY_READ, 0, ERR_OK, false },
	{ "empty", 0, false, BODY_READ, 0, ERR_OK, false },
	{ "small", 10, true, BODY_READ, 10, ERR_OK, false },
	{ "the largest", REQUEST_BODY_MAX, false, BODY_READ, REQUEST_BODY_MAX,
	  ERR_OK, false },
	{ "the largest in chunks", GUARD_NO_LENGTH, false, BODY_READ,
	  REQUEST_BODY_MAX, ERR_OK, false },
	{ "one too many", REQUEST_BODY_MAX + 1, false, BODY_READ,
	  REQUEST_BODY_MAX + 1, ERR_OK, true },
	{ "one too many in chunks", GUARD_NO_LENGTH, false, BODY_READ,
	  REQUEST_BODY_MAX + 1, ERR_OK, true },
	{ "one too many, asked first", REQUEST_BODY_MAX + 1, true, BODY_REFUSE,
	  0, ERR_OK, true },
	{ "as much as is drained", REQUEST_DRAIN_MAX, false, BODY_READ,
	  REQUEST_DRAIN_MAX, ERR_OK, true },
	{ "more than is drained", REQUEST_DRAIN_MAX + 1, false, BODY_REFUSE, 0,
	  ERR_OK, true },
	{ "more than is drained in chunks", GUARD_NO_LENGTH, false, BODY_READ,
	  REQUEST_DRAIN_MAX + REQUEST_BODY_MAX + 1001, ERR_LIMIT, true },
	{ "the longest length", INT64_MAX, false, BODY_REFUSE, 0, ERR_OK,
	  true },
};

START_TEST(bodies_have_their_bounds)
{
	struct guard_head head = { .content_length = bodies[_i].length,
		.expects_continue = bodies[_i].expects_continue };
	static char data[1000];
	struct request request = { 0 };
	size_t left = bodies[_i].comes;
	enum err err = ERR_OK;
	struct body body;

	memset(data, 'x', sizeof(data));
	ck_assert_int_eq(body_begin(&body, pool, REQUEST_BODY_MAX, &head),
			 bodies[_i].plan);
	while (left > 0 && !err) {
		size_t n = left < sizeof(data) ? left : sizeof(data);

		err = body_add(&body, data, n);
		left -= n;
	}
	ck_assert_int_eq(err, bodies[_i].err);
	body_end(&body, &request);
	ck_assert_int_eq(request.is_body_too_large, bodies[_i].is_too_large);
	ck_assert_uint_eq(request.body.len,
			  bodies[_i].is_too_large ? 0 : bodies[_i].comes);
	ck_assert(!str_is_null(request.body));
	for (size_t i = 0; i < request.body.len; i++)
		ck_assert(request.body.ptr[i] == 'x');
}
END_TEST

START_TEST(a_body_may_have_more_where_that_is_said)
{
	const size_t max = REQUEST_TEXT_MAX;
	struct guard_head head = { .content_length = max };
	static char data[REQUEST_TEXT_MAX];
	struct request request = { 0 };
	struct body body;

	for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
		if (is_chunked)
			head.content_length = GUARD_NO_LENGTH;
		ck_assert_int_eq(body_begin(&body, pool, max, &head),
				 BODY_READ);
		ck_assert_int_eq(body_add(&body, data, max), ERR_OK);
		body_end(&body, &request);
		ck_assert_uint_eq(request.body.len, max);
		ck_assert_int_eq(body_add(&body, "x", 1), ERR_OK);
		body_end(&body, &request);
		ck_assert(request.is_body_too_large);
	}
	head.content_length = max + 1;
	ck_assert_int_eq(body_begin(&body, pool, max, &head), BODY_READ);
	ck_assert(body.is_too_large);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, a_request_outlives_the_librarys_buffer);
	tcase_add_test(tcase, a_query_may_be_absent_or_empty);
	tcase_add_test(tcase, a_host_is_parsed_strictly);
	tcase_add_test(tcase, memory_may_run_out);
	tcase_add_loop_test(tcase, bodies_have_their_bounds, 0,
			    sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test(tcase, a_body_may_have_more_where_that_is_said);
}

UNIT_MAIN("request", add_tests)
