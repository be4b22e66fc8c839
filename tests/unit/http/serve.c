/*
 * The whole edge with lists of steps of its own: requests in all shapes, waits,
 * clients that dawdle or go away, and every way to stop.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit/http/edge.h"

#include "base/metric.h"
#include "handoff/steps.h"
#include "http/daemon.h"
#include "http/request.h"
#include "http/response.h"

#define LISTEN "{ url = \"http://127.0.0.1:0\"; }"
#define HOST "Host: acme.localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static struct edge_answer answer;

/* ---- steps -------------------------------------------------------------- */

/* What came in, as JSON-free text. */
static enum step_result echo(struct exchange *ex)
{
	const struct request *rq = &ex->request;

	ex->answer.status = 200;
	ex->answer.body = pool_printf(
		ex->pool, "%d path=%.*s query=%.*s param=%.*s host=%.*s:%u "
		"headers=%u tls=%d body=%zu%s:%.*s", (int)rq->method,
		STR_ARG(rq->path), STR_ARG(rq->query), STR_ARG(rq->params[0]),
		STR_ARG(rq->host), rq->port, rq->header_count, rq->is_tls,
		rq->body.len, rq->is_body_too_large ? " too large" : "",
		rq->body.len > 64 ? 64 : (int)rq->body.len, rq->body.ptr);
	answer_header(ex, "Content-Type", STR("text/plain"));
	return STEP_ANSWER;
}

/* A lower floor that finishes when the test says so. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct exchange *waiting[64];
	unsigned count;
	atomic_uint resumed;
} slow = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, { 0 }, 0, 0 };

static enum step_result hand_over(struct exchange *ex)
{
	pthread_mutex_lock(&slow.lock);
	slow.waiting[slow.count++] = ex;
	pthread_cond_broadcast(&slow.came);
	pthread_mutex_unlock(&slow.lock);
	return STEP_WAIT;
}

static enum step_result take_back(struct exchange *ex)
{
	(void)ex;
	atomic_fetch_add(&slow.resumed, 1);
	return STEP_NEXT;
}

static void await_waiting(unsigned count)
{
	pthread_mutex_lock(&slow.lock);
	while (slow.count < count)
		pthread_cond_wait(&slow.came, &slow.lock);
	pthread_mutex_unlock(&slow.lock);
}

static void wake_all(void)
{
	struct exchange *all[64];
	unsigned count;

	pthread_mutex_lock(&slow.lock);
	count = slow.count;
	memcpy(all, slow.waiting, sizeof(all));
	slow.count = 0;
	pthread_mutex_unlock(&slow.lock);
	for (unsigned i = 0; i < count; i++)
		all[i]->wake(all[i]);
}

/* So fast that it is done before the step has returned. */
static enum step_result wake_at_once(struct exchange *ex)
{
	ex->wake(ex);
	return STEP_WAIT;
}

static enum step_result long_location(struct exchange *ex)
{
	char *url = pool_alloc(ex->pool, 4097);

	memset(url, 'x', 4096);
	return answer_redirect(ex, 302, (struct str){ url, 4096 });
}

static enum step_result broken_header(struct exchange *ex)
{
	answer_header(ex, "X-Bad", STR("a\r\nSet-Cookie: b=c"));
	return echo(ex);
}

static enum step_result huge_header(struct exchange *ex)
{
	char *text = pool_alloc(ex->pool, 20001);

	memset(text, 'x', 20000);
	answer_header(ex, "X-Huge", (struct str){ text, 20000 });
	return echo(ex);
}

#define LIST(l, ...)							\
	static const struct step l##_list[] = { __VA_ARGS__, { 0 } };	\
	static const struct steps l = { .name = #l, .list = l##_list }

LIST(echo_steps, { "echo", echo, NULL });
static const struct steps wide_steps = {
	.name = "wide", .list = echo_steps_list, .body_max = REQUEST_TEXT_MAX,
};
LIST(slow_steps, { "slow", hand_over, take_back }, { "echo", echo, NULL });
LIST(twice_steps, { "slow", hand_over, take_back },
     { "again", hand_over, take_back }, { "echo", echo, NULL });
LIST(hasty_steps, { "hasty", wake_at_once, take_back },
     { "echo", echo, NULL });
LIST(location_steps, { "location", long_location, NULL });
LIST(broken_steps, { "broken", broken_header, NULL });
LIST(huge_steps, { "huge", huge_header, NULL });

static const struct route routes[] = {
	{ "/echo", METHOD_GET, ROUTE_ANY, &echo_steps },
	{ "/echo", METHOD_POST, ROUTE_ANY, &echo_steps },
	{ "/wide", METHOD_POST, ROUTE_ANY, &wide_steps },
	{ "/item/{}", METHOD_GET, ROUTE_ANY, &echo_steps },
	{ "/slow", METHOD_GET, ROUTE_ANY, &slow_steps },
	{ "/slow", METHOD_POST, ROUTE_ANY, &slow_steps },
	{ "/twice", METHOD_GET, ROUTE_ANY, &twice_steps },
	{ "/hasty", METHOD_GET, ROUTE_ANY, &hasty_steps },
	{ "/location", METHOD_GET, ROUTE_ANY, &location_steps },
	{ "/broken", METHOD_GET, ROUTE_ANY, &broken_steps },
	{ "/huge", METHOD_GET, ROUTE_ANY, &huge_steps },
	{ 0 },
};

/* ---- fixtures ----------------------------------------------------------- */

static void start_with(const char *settings)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	edge_configure(LISTEN, settings, "");
	edge_start(routes, 2);
}

static void start(void)
{
	start_with("");
}

static void stop(void)
{
	edge_stop(EDGE_PATIENCE_MS);
	edge_free();
}

/* ---- requests ----------------------------------------------------------- */

START_TEST(a_request_reaches_its_steps_as_it_was_sent)
{
	int fd = edge_connect(0);

	ck_assert_int_eq(edge_ask(fd, "GET /item/a%2fb?x=%00&y HTTP/1.1\r\n"
				  "Host: ACME.localhost:8080\r\nA: 1\r\n\r\n",
				  &answer), 200);
	ck_assert_str_eq(answer.body, "0 path=/item/a%2fb query=x=%00&y "
			 "param=a%2fb host=acme.localhost:8080 headers=2 "
			 "tls=0 body=0:");
	ck_assert(edge_says(&answer, "\r\nX-Request-Id: "));
	ck_assert(edge_says(&answer, "\r\nX-Content-Type-Options: nosniff"));
	ck_assert(!edge_says(&answer, "\r\nConnection: close"));
	close(fd);
}
END_TEST

START_TEST(a_connection_is_kept)
{
	int fd = edge_connect(0);

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(edge_ask(fd, GET("/echo"), &answer), 200);
		ck_assert_int_eq(edge_ask(fd, "POST /echo HTTP/1.1\r\n" HOST
					  "Content-Length: 5\r\n\r\nhello",
					  &answer), 200);
		ck_assert(strstr(answer.body, "body=5:hello"));
		ck_assert(!edge_says(&answer, "\r\nConnection: close"));
	}
	close(fd);
}
END_TEST

START_TEST(head_gets_the_head_alone)
{
	int fd = edge_connect(0);

	ck_assert_int_eq(edge_ask(fd, "HEAD /echo HTTP/1.1\r\n" HOST "\r\n",
				  &answer), 200);
	ck_assert_uint_eq(answer.body_len, 0);
	ck_assert_int_eq(edge_ask(fd, GET("/echo"), &answer), 200);
	close(fd);
}
END_TEST

START_TEST(what_nobody_serves_is_said)
{
	int fd = edge_connect(0);

	ck_assert_int_eq(edge_ask(fd, GET("/nowhere"), &answer), 404);
	ck_assert_int_eq(edge_ask(fd, "POST /slow/ HTTP/1.1\r\n" HOST
				  "Content-Length: 0\r\n\r\n", &answer), 404);
	ck_assert_int_eq(edge_ask(fd, "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n",
				  &answer), 405);
	ck_assert(edge_says(&answer, "\r\nAllow: GET, HEAD, POST\r\n"));
	ck_assert_int_eq(edge_ask(fd, "GET /echo HTTP/1.1\r\n"
				  "Host: evil.example\r\n\r\n", &answer), 421);
	close(fd);
}
END_TEST

START_TEST(a_bad_head_is_refused_and_the_connection_ends)
{
	static const struct {
		const char *request;
		int status;
	} bad[] = {
		{ "GET /echo HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
		{ "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
		{ "GET /echo HTTP/1.1\r\nHost: http://a/\r\n\r\n", 400 },
		{ "GET /echo HTTP/1.1\r\nHost:\r\n\r\n", 400 },
		{ "GET http://acme.localhost/echo HTTP/1.1\r\n" HOST "\r\n",
		  400 },
		{ "DELETE /echo HTTP/1.1\r\n" HOST "\r\n", 405 },
		{ "GET /echo HTTP/1.1\r\n" HOST "X_Forwarded_For: 1\r\n\r\n",
		  400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
		  "Content-Length: 1\r\n\r\nx", 400 },
		{ "GET /echo HTTP/1.1\r\n" HOST "A: 1\r\n 2\r\n\r\n", 400 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = edge_connect(0);

		ck_assert_msg(edge_ask(fd, bad[i].request, &answer) ==
			      bad[i].status, "%s: %s", bad[i].request,
			      answer.text);
		ck_assert(edge_says(&answer, "\r\nConnection: close\r\n"));
		/* libmicrohttpd 1.0 refuses some itself, in words of its own */
		if (MHD_VERSION < 0x01000000 ||
		    edge_says(&answer, "\"code\"")) {
			ck_assert(edge_says(&answer, "\r\nX-Request-Id: "));
			ck_assert(edge_says(&answer, "\"code\""));
		}
		edge_expect_end(fd);
	}
}
END_TEST

/* What follows a bad head on the same connection is never acted on. */
START_TEST(nothing_is_smuggled_behind_a_bad_head)
{
	static const char *const bad[] = {
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n"
		"Content-Length: 36\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		"GET /echo HTTP/1.1\r\n" HOST ":\n",
		"GET /echo HTTP/1.1\r\n" HOST ": v\r\n",
		"DELETE /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n",
		"DELETE /echo HTTP/1.1\r\n" HOST "\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512];
		int fd = edge_connect(0);

		snprintf(text, sizeof(text), "%s%s", bad[i], GET("/echo"));
		ck_assert_int_ge(edge_ask(fd, text, &answer), 400);
		edge_expect_end(fd);
	}
}
END_TEST

START_TEST(of_pipelined_requests_the_first_is_served)
{
	int fd = edge_connect(0);

	ck_assert_int_eq(edge_ask(fd, GET("/echo") GET("/item/2")
				  GET("/item/3"), &answer), 200);
	ck_assert(strstr(answer.body, "path=/echo"));
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}
END_TEST

START_TEST(a_head_past_the_memory_of_a_connection_is_refused)
{
	static char text[DAEMON_CONNECTION_MEMORY + 4096];
	int fd = edge_connect(0), n;

	/* a large one that fits, answered with a large head */
	n = snprintf(text, sizeof(text), "GET /location HTTP/1.1\r\n" HOST
		     "Cookie: a=%0*d\r\n\r\n", 3000, 0);
	ck_assert_int_lt(n, (int)sizeof(text));
	ck_assert_int_eq(edge_ask(fd, text, &answer), 302);
	ck_assert(!edge_says(&answer, "\r\nConnection: close"));
	n = snprintf(text, sizeof(text), "GET /echo HTTP/1.1\r\n" HOST
		     "A: %0*d\r\n\r\n", DAEMON_CONNECTION_MEMORY + 1000, 0);
	ck_assert_int_lt(n, (int)sizeof(text));
	ck_assert_int_eq(edge_ask(fd, text, &answer), 431);
	edge_expect_end(fd);
}
END_TEST

START_TEST(a_header_that_cannot_be_sent_is_a_500)
{
	static const char *const paths[] = { "/broken", "/huge" };

	for (int i = 0; i < 2; i++) {
		char text[256];
		int fd = edge_connect(0);

		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n",
			 paths[i]);
		log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
		ck_assert_int_eq(edge_ask(fd, text, &answer), 500);
		ck_assert(!edge_says(&answer, "Set-Cookie"));
		edge_expect_end(fd);
	}
}
END_TEST

/* ---- bodies ------------------------------------------------------------- */

START_TEST(a_body_may_come_in_chunks)
{
	int fd = edge_connect(0);

	edge_puts(fd, "POST /echo HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n");
	edge_puts(fd, "5\r\nhel");
	edge_puts(fd, "lo\r\n6\r\n world\r\n0\r\n");
	ck_assert_int_eq(edge_ask(fd, "Trailer: 1\r\n\r\n", &answer), 200);
	ck_assert(strstr(answer.body, "body=11:hello world"));
	/* trailers are not ours to judge: nothing may follow them */
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}
END_TEST

static const struct {
	const char *path;
	size_t len;
	const char *says;
} bodies[] = {
	{ "/echo", REQUEST_BODY_MAX, "body=16384:xxx" },
	{ "/echo", REQUEST_BODY_MAX + 1, "body=0 too large:" },
	{ "/wide", REQUEST_BODY_MAX + 1, "body=16385:xxx" },
	{ "/wide", REQUEST_TEXT_MAX, "body=32768:xxx" },
	{ "/wide", REQUEST_TEXT_MAX + 1, "body=0 too large:" },
};

START_TEST(a_body_is_as_long_as_its_list_allows)
{
	static char body[REQUEST_TEXT_MAX + 1];
	char head[256];
	int fd = edge_connect(0);

	memset(body, 'x', sizeof(body));
	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST
		 "Content-Length: %zu\r\n\r\n", bodies[_i].path,
		 bodies[_i].len);
	edge_puts(fd, head);
	edge_send(fd, body, bodies[_i].len);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(strstr(answer.body, bodies[_i].says));
	close(fd);
}
END_TEST

START_TEST(a_refused_body_is_drained_before_the_answer)
{
	static char body[200000];
	const bool chunked = _i;
	char head[256];
	int fd = edge_connect(0);

	memset(body, 'x', sizeof(body));
	snprintf(head, sizeof(head), chunked ? "POST /echo HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" :
		 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
		 sizeof(body));
	edge_puts(fd, head);
	edge_send(fd, body, sizeof(body));
	if (chunked)
		edge_puts(fd, "\r\n0\r\n\r\n");
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(strstr(answer.body, "body=0 too large:"));
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}
END_TEST

START_TEST(who_asks_first_is_refused_before_sending)
{
	int fd = edge_connect(0);

	ck_assert_int_eq(edge_ask(fd, "POST /echo HTTP/1.1\r\n" HOST
				  "Content-Length: 100000\r\n"
				  "Expect: 100-continue\r\n\r\n", &answer),
			 200);
	ck_assert(strstr(answer.body, "too large"));
	edge_expect_end(fd);
	/* and a small one is asked for */
	fd = edge_connect(0);
	ck_assert_int_eq(edge_ask(fd, "POST /echo HTTP/1.1\r\n" HOST
				  "Content-Length: 2\r\n"
				  "Expect: 100-continue\r\n\r\n", &answer),
			 100);
	ck_assert_int_eq(edge_ask(fd, "ok", &answer), 200);
	ck_assert(strstr(answer.body, "body=2:ok"));
	close(fd);
}
END_TEST

START_TEST(past_the_bounds_of_draining_it_is_cut)
{
	static const char *const heads[] = {
		"POST /echo HTTP/1.1\r\n" HOST
		"Content-Length: 999999999\r\n\r\n",
		"GET /echo HTTP/1.1\r\n" HOST
		"Content-Length: 999999999\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n",
		"GET /echo HTTP/1.1\r\n" HOST HOST
		"Content-Length: 999999999\r\n\r\n",
	};
	static char body[65536];

	memset(body, 'x', sizeof(body));
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		int fd = edge_connect(0);
		size_t sent = 0;
		ssize_t n;

		edge_puts(fd, heads[i]);
		while ((n = send(fd, body, sizeof(body), MSG_NOSIGNAL)) > 0 &&
		       sent < 64 * REQUEST_DRAIN_MAX)
			sent += (size_t)n;
		ck_assert_msg(n <= 0, "%s: %zu octets were taken", heads[i],
			      sent);
		close(fd);
	}
}
END_TEST

/* ---- waiting ------------------------------------------------------------ */

START_TEST(an_exchange_waits_and_goes_on)
{
	int fds[32];

	start();
	for (int i = 0; i < 32; i++) {
		fds[i] = edge_connect(0);
		edge_puts(fds[i], i % 2 ? GET("/slow") :
			  "POST /slow HTTP/1.1\r\n" HOST
			  "Content-Length: 4\r\n\r\nbody");
	}
	await_waiting(32);
	/* others are served meanwhile */
	close(edge_connect(0));
	wake_all();
	for (int i = 0; i < 32; i++) {
		edge_receive(fds[i], true, &answer);
		ck_assert_int_eq(answer.status, 200);
		ck_assert(strstr(answer.body,
				 i % 2 ? "body=0" : "body=4:body"));
		/* and the connection is as good as before */
		ck_assert_int_eq(edge_ask(fds[i], GET("/echo"), &answer), 200);
		close(fds[i]);
	}
	ck_assert_uint_eq(slow.resumed, 32);
	stop();
}
END_TEST

START_TEST(it_may_wait_twice_or_not_at_all)
{
	int fd;

	start();
	fd = edge_connect(0);
	edge_puts(fd, GET("/twice"));
	await_waiting(1);
	wake_all();
	await_waiting(1);
	wake_all();
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(edge_ask(fd, GET("/hasty"), &answer), 200);
	close(fd);
	stop();
}
END_TEST

START_TEST(wakes_of_one_batch_ring_once)
{
	int fds[8];

	start();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			fds[i] = edge_connect(0);
			edge_puts(fds[i], GET("/slow"));
		}
		await_waiting(8);
		wake_all();
		server_batch_done(edge_server);
		for (int i = 0; i < 8; i++) {
			edge_receive(fds[i], true, &answer);
			ck_assert_int_eq(answer.status, 200);
			close(fds[i]);
		}
	}
	stop();
}
END_TEST

START_TEST(a_client_may_go_away_while_it_waits)
{
	struct metric *open_now = metric_get(usher_http_connections, "");
	struct metric *waiting = metric_get(usher_http_waiting, "");
	const struct linger reset = { 1, 0 };

	start();
	for (int i = 0; i < 8; i++) {
		int fd = edge_connect(0);

		edge_puts(fd, GET("/slow"));
		await_waiting((unsigned)i + 1);
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
				   sizeof(reset));
		close(fd);
	}
	edge_await(waiting, 8);
	wake_all();
	edge_await(waiting, 0);
	edge_await(open_now, 0);
	stop();
}
END_TEST

/* ---- slow clients ------------------------------------------------------- */

START_TEST(who_dawdles_is_cut_at_the_deadline)
{
	static const char *const starts[] = {
		"", "G", "GET /echo HTTP/1.1\r\n",
		"GET /echo HTTP/1.1\r\nHost: ",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n5\r\na",
	};
	enum { COUNT = sizeof(starts) / sizeof(starts[0]) };
	struct metric *cut = metric_get(usher_http_cut_total, "");
	int fds[COUNT], honest;

	start_with("request_deadline = 1;");
	honest = edge_connect(0);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = edge_connect(0);
		edge_puts(fds[i], starts[i]);
	}
	/* one octet every now and then does not help */
	for (;;) {
		struct pollfd event = { .fd = fds[1], .events = POLLIN };

		if (poll(&event, 1, 50) == 1)
			break;
		edge_puts(fds[1], "x");
		ck_assert_int_eq(edge_ask(honest, GET("/echo"), &answer), 200);
	}
	for (int i = 0; i < COUNT; i++)
		edge_expect_end(fds[i]);
	edge_await(cut, COUNT);
	/* each answer gave the honest one a new term */
	ck_assert_int_eq(edge_ask(honest, GET("/echo"), &answer), 200);
	close(honest);
	stop();
}
END_TEST

START_TEST(new_clients_find_room_when_it_is_full)
{
	struct metric *evicted = metric_get(usher_http_evicted_total, "");
	int fds[300];

	/* 32 each for two workers, and a reserve */
	start_with("connections_max = 64;");
	for (int i = 0; i < 300; i++)
		fds[i] = edge_connect(0);
	for (int i = 290; i < 300; i++)
		ck_assert_int_eq(edge_ask(fds[i], GET("/echo"), &answer), 200);
	ck_assert_int_ge(metric_value(evicted), 300 - 64 - 10);
	for (int i = 0; i < 300; i++)
		close(fds[i]);
	stop();
}
END_TEST

/* ---- stopping ----------------------------------------------------------- */

static void *stop_in_a_thread(void *ms)
{
	edge_stop(*(int64_t *)ms);
	return NULL;
}

START_TEST(what_waits_is_finished_before_the_end)
{
	int64_t ms = EDGE_PATIENCE_MS;
	pthread_t thread;
	int fd, idle;

	start();
	fd = edge_connect(0);
	idle = edge_connect(0);
	ck_assert_int_eq(edge_ask(idle, GET("/echo"), &answer), 200);
	edge_puts(fd, GET("/slow"));
	await_waiting(1);
	pthread_create(&thread, NULL, stop_in_a_thread, &ms);
	/* idle connections go at once */
	edge_expect_end(idle);
	ck_assert(edge_gateway.is_draining);
	wake_all();
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
	pthread_join(thread, NULL);
	edge_free();
}
END_TEST

START_TEST(new_work_is_refused_while_stopping)
{
	int fd;

	start();
	fd = edge_connect(0);
	edge_puts(fd, "POST /echo HTTP/1.1\r\n" HOST);
	ck_assert_int_eq(edge_ask(edge_connect(0), GET("/echo"), &answer), 200);
	edge_gateway.is_stopping = true;
	ck_assert_int_eq(edge_ask(fd, "Content-Length: 0\r\n\r\n", &answer),
			 503);
	ck_assert(edge_says(&answer, "\r\nRetry-After: "));
	close(fd);
	stop();
}
END_TEST

START_TEST(nothing_aborts_when_the_end_comes_first)
{
	int fds[8];

	start();
	for (int i = 0; i < 8; i++) {
		fds[i] = edge_connect(0);
		edge_puts(fds[i], GET("/slow"));
	}
	await_waiting(8);
	edge_stop(1);
	for (int i = 0; i < 8; i++)
		edge_expect_end(fds[i]);
	/* the store finishes later, and its wakes still find somebody */
	wake_all();
	server_batch_done(edge_server);
	edge_free();
}
END_TEST

START_TEST(a_server_that_never_ran_can_be_stopped)
{
	char why[SERVER_WHY_MAX];
	struct snapshot *snapshot;

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	edge_configure(LISTEN, "metrics = \"http://127.0.0.1:0\";", "");
	edge_keys = keyring_new_throwaway();
	snapshot = edge_load();
	ck_assert_int_eq(server_listen(&edge_gateway, &snapshot->gateway, 2,
				       &edge_server, why, sizeof(why)), ERR_OK);
	server_stop(edge_server, 0);
	server_free(edge_server);
	server_stop(NULL, 0);
	server_free(NULL);
	snapshot_unref(snapshot);
	keyring_free(edge_keys);
}
END_TEST

/* ---- listeners ---------------------------------------------------------- */

START_TEST(addresses_tell_the_real_ports)
{
	char expected[256];
	struct buf json;

	edge_configure(LISTEN ", { url = \"http://[::1]:0\"; "
		       "close_always = true; }",
		       "metrics = \"http://127.0.0.1:0\";", "");
	edge_start(routes, 2);
	buf_init(&json, 4096);
	server_addresses_json(edge_server, &json);
	snprintf(expected, sizeof(expected),
		 "[{\"for\":\"public\",\"url\":\"http://127.0.0.1:%u\"},"
		 "{\"for\":\"public\",\"url\":\"http://[::1]:%u\"},"
		 "{\"for\":\"metrics\",\"url\":\"http://127.0.0.1:%u\"}]",
		 server_port(edge_server, 0), server_port(edge_server, 1),
		 server_port(edge_server, 2));
	ck_str_is(buf_str(&json), expected);
	buf_done(&json);
	ck_assert_uint_ne(server_port(edge_server, 2), 0);
	stop();
}
END_TEST

START_TEST(the_metrics_listener_serves_its_pages_alone)
{
	int fd;

	edge_configure(LISTEN, "metrics = \"http://127.0.0.1:0\";", "");
	edge_start(routes, 2);
	fd = edge_connect(1);
	ck_assert_int_eq(edge_ask(fd, "GET /healthz HTTP/1.1\r\n"
				  "Host: 127.0.0.1\r\n\r\n", &answer), 200);
	ck_assert_str_eq(answer.body, "ok\n");
	edge_expect_end(fd);
	fd = edge_connect(1);
	ck_assert_int_eq(edge_ask(fd, GET("/echo"), &answer), 404);
	edge_expect_end(fd);
	fd = edge_connect(1);
	ck_assert_int_eq(edge_ask(fd, "GET /healthz HTTP/1.1\r\n" HOST HOST
				  "\r\n", &answer), 400);
	edge_expect_end(fd);
	edge_gateway.is_stopping = true;
	fd = edge_connect(1);
	ck_assert_int_eq(edge_ask(fd, GET("/readyz"), &answer), 503);
	edge_expect_end(fd);
	stop();
}
END_TEST

/* Others are read by a page elsewhere whose name leads here. */
START_TEST(the_metrics_listener_knows_its_names)
{
	static const struct {
		const char *host;
		int status;
	} cases[] = {
		{ "127.0.0.1", 200 }, { "127.0.0.1:9", 200 },
		{ "192.0.2.1", 200 }, { "[::1]", 200 }, { "[::1]:9", 200 },
		{ "[2001:db8::1]", 200 }, { "[not::one::of::them]", 421 },
		{ "localhost", 200 }, { "LOCALHOST:9", 200 },
		{ "prometheus", 200 }, { "a.localhost", 200 },
		{ "a.LOCALHOST", 200 }, { ".localhost", 421 },
		{ "metrics.example", 200 }, { "Metrics.Example:9", 200 },
		{ "metrics.example.evil.example", 421 },
		{ "evil.example", 421 }, { "alocalhost.example", 421 },
	};

	edge_configure(LISTEN, "metrics = \"http://127.0.0.1:0\"; "
		       "metrics_hosts = [ \"metrics.example\" ];", "");
	edge_start(routes, 1);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		int fd = edge_connect(1), status;
		char request[256];

		snprintf(request, sizeof(request), "GET /healthz HTTP/1.1\r\n"
			 "Host: %s\r\n\r\n", cases[i].host);
		status = edge_ask(fd, request, &answer);
		if (cases[i].status != 200)
			ck_assert_msg(status >= 400, "%s: %d", cases[i].host,
				      status);
		else
			ck_assert_msg(status == 200, "%s: %d", cases[i].host,
				      status);
		ck_assert_int_eq(!strcmp(answer.body, "ok\n"), status == 200);
		edge_expect_end(fd);
	}
	stop();
}
END_TEST

static struct rlimit descriptors;

static void allow_descriptors(rlim_t soft, rlim_t hard)
{
	const struct rlimit limit = { soft, hard };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* What the log says of a server that listens as somebody who is not root, with
 * so many descriptors and workers. */
static const char *listen_with(rlim_t soft, rlim_t hard, unsigned workers)
{
	static char log[4096];
	char why[SERVER_WHY_MAX];
	struct snapshot *snapshot;
	int fd = memfd_create("log", MFD_CLOEXEC);
	ssize_t n;
	enum err err;

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_to_fd(fd);
	edge_keys = keyring_new_throwaway();
	snapshot = edge_load();
	allow_descriptors(soft, hard);
	(void)!seteuid(65534);	/* root may have more than the limit */
	err = server_listen(&edge_gateway, &snapshot->gateway, workers,
			    &edge_server, why, sizeof(why));
	(void)!seteuid(getuid());
	ck_assert_msg(err == ERR_OK, "%s", why);
	getrlimit(RLIMIT_NOFILE, &descriptors);
	server_free(edge_server);
	snapshot_unref(snapshot);
	keyring_free(edge_keys);
	n = pread(fd, log, sizeof(log) - 1, 0);
	log[n < 0 ? 0 : n] = '\0';
	log_to_fd(2);
	close(fd);
	return log;
}

/* Never so many connections that accept(2) runs out of them. */
START_TEST(few_descriptors_are_few_connections)
{
	const char *log;

	edge_configure(LISTEN, "connections_max = 1000;", "");
	/* what the system allows is taken: nothing to tell */
	log = listen_with(128, 4000, 2);
	ck_assert_str_eq(log, "");
	ck_assert_uint_gt(descriptors.rlim_cur, 1000);
	log = listen_with(600, 600, 2);
	ck_assert_msg(strstr(log, "\"few_descriptors\",\"limit\":600,") &&
		      strstr(log, "\"connections_max\":150,") &&
		      strstr(log, "raise the limit"), "%s", log);
	/* one for each worker, whatever the limit is */
	log = listen_with(200, 200, 64);
	ck_assert_msg(strstr(log, "\"limit\":200,") &&
		      strstr(log, "\"connections_max\":64,"), "%s", log);
}
END_TEST

START_TEST(close_always_means_it)
{
	int fd;

	edge_configure("{ url = \"http://127.0.0.1:0\"; close_always = true; }",
		       "", "");
	edge_start(routes, 1);
	fd = edge_connect(0);
	ck_assert_int_eq(edge_ask(fd, GET("/echo"), &answer), 200);
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
	stop();
}
END_TEST

START_TEST(a_port_in_use_is_named)
{
	char why[SERVER_WHY_MAX], text[128];
	struct snapshot *snapshot;
	struct server *second;

	start();
	snprintf(text, sizeof(text), "{ url = \"http://127.0.0.1:%u\"; }",
		 server_port(edge_server, 0));
	edge_configure(text, "", "");
	snapshot = edge_load();
	ck_assert_int_eq(server_listen(&edge_gateway, &snapshot->gateway, 2,
				       &second, why, sizeof(why)), ERR_IO);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u",
		 server_port(edge_server, 0));
	ck_assert_msg(strstr(why, text) && strstr(why, "another program"),
		      "%s", why);
	snapshot_unref(snapshot);
	stop();
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, an_exchange_waits_and_goes_on);
	tcase_add_test(tcase, it_may_wait_twice_or_not_at_all);
	tcase_add_test(tcase, wakes_of_one_batch_ring_once);
	tcase_add_test(tcase, a_client_may_go_away_while_it_waits);
	tcase_add_test(tcase, who_dawdles_is_cut_at_the_deadline);
	tcase_add_test(tcase, new_clients_find_room_when_it_is_full);
	tcase_add_test(tcase, what_waits_is_finished_before_the_end);
	tcase_add_test(tcase, new_work_is_refused_while_stopping);
	tcase_add_test(tcase, nothing_aborts_when_the_end_comes_first);
	tcase_add_test(tcase, a_server_that_never_ran_can_be_stopped);
	tcase_add_test(tcase, addresses_tell_the_real_ports);
	tcase_add_test(tcase, the_metrics_listener_serves_its_pages_alone);
	tcase_add_test(tcase, the_metrics_listener_knows_its_names);
	tcase_add_test(tcase, few_descriptors_are_few_connections);
	tcase_add_test(tcase, close_always_means_it);
	tcase_add_test(tcase, a_port_in_use_is_named);
}

static void add_requests(Suite *suite)
{
	TCase *tcase = tcase_create("requests");

	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, a_request_reaches_its_steps_as_it_was_sent);
	tcase_add_test(tcase, a_connection_is_kept);
	tcase_add_test(tcase, head_gets_the_head_alone);
	tcase_add_test(tcase, what_nobody_serves_is_said);
	tcase_add_test(tcase, a_bad_head_is_refused_and_the_connection_ends);
	tcase_add_test(tcase, nothing_is_smuggled_behind_a_bad_head);
	tcase_add_test(tcase, of_pipelined_requests_the_first_is_served);
	tcase_add_test(tcase, a_head_past_the_memory_of_a_connection_is_refused);
	tcase_add_test(tcase, a_header_that_cannot_be_sent_is_a_500);
	tcase_add_test(tcase, a_body_may_come_in_chunks);
	tcase_add_loop_test(tcase, a_body_is_as_long_as_its_list_allows, 0,
			    sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_loop_test(tcase,
			    a_refused_body_is_drained_before_the_answer,
			    0, 2);
	tcase_add_test(tcase, who_asks_first_is_refused_before_sending);
	tcase_add_test(tcase, past_the_bounds_of_draining_it_is_cut);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("serve");
	TCase *tcase = tcase_create("serve");
	SRunner *runner;
	int failed;

	hash_init();
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	add_tests(tcase);
	add_requests(suite);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
