/*
 * The end of the edge: what has come is served, be it in a socket that nobody
 * has read, in a line where nobody was let in, or in a TLS record; what has not
 * come whole is not waited for.
 *
 * The workers are held in a step of their own while the clients send, so that
 * what counts has come before the end begins and was not looked at yet.
 */
#include <pthread.h>
#include <semaphore.h>

#include "unit/http/client.h"

#include "handoff/steps.h"
#include "http/deadline.h"
#include "http/listen.h"

#define HOST "Host: acme.localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"

#define WORKERS 2
#define POSTS 40
/* Whoever is cut by it fails the test: longer than anybody's patience. */
#define REQUEST_DEADLINE "request_deadline = 60;"

static struct edge_answer answer;
static struct metric *open_now, *cut;

/* ---- steps -------------------------------------------------------------- */

static enum step_result echo(struct exchange *ex)
{
	ex->answer.status = 200;
	ex->answer.body = pool_printf(ex->pool, "got %.*s",
				      STR_ARG(ex->request.body));
	return STEP_ANSWER;
}

static sem_t held, release;

/* Holds its worker, with all its clients. */
static enum step_result hold(struct exchange *ex)
{
	sem_post(&held);
	sem_wait(&release);
	return echo(ex);
}

static enum step_result flood(struct exchange *ex)
{
	enum { LEN = 16 * 1024 * 1024 };
	static char *page;

	if (!page) {
		page = calloc(1, LEN);
		ck_assert_ptr_nonnull(page);
	}
	ex->answer.status = 200;
	ex->answer.body = (struct str){ page, LEN };
	return STEP_ANSWER;
}

#define LIST(l, f)							\
	static const struct step l##_list[] = { { #l, f, NULL }, { 0 } }; \
	static const struct steps l = { .name = #l, .list = l##_list }

LIST(echo_steps, echo);
LIST(hold_steps, hold);
LIST(flood_steps, flood);

static const struct route routes[] = {
	{ "/echo", METHOD_GET, ROUTE_ANY, &echo_steps },
	{ "/echo", METHOD_POST, ROUTE_ANY, &echo_steps },
	{ "/hold", METHOD_GET, ROUTE_ANY, &hold_steps },
	{ "/flood", METHOD_GET, ROUTE_ANY, &flood_steps },
	{ 0 },
};

/* ---- fixtures ----------------------------------------------------------- */

/* Listener 0: https, listener 1: http, the last: metrics. */
static void start_with(const char *settings)
{
	char all[256];

	snprintf(all, sizeof(all), REQUEST_DEADLINE
		 " metrics = \"http://127.0.0.1:0\"; %s", settings);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	sem_init(&held, 0, 0);
	sem_init(&release, 0, 0);
	edge_certify("one", "one.example", 3600, 365);
	edge_configure("{ url = \"https://127.0.0.1:0\"; "
		       "certificate = \"../one.pem\"; "
		       "key = \"../one.key\"; }, "
		       "{ url = \"http://127.0.0.1:0\"; }", all, "");
	edge_start(routes, WORKERS);
	open_now = metric_get(usher_http_connections, "");
	cut = metric_get(usher_http_cut_total, "");
}

static void start(void)
{
	start_with("");
}

static void done(void)
{
	edge_free();
	sem_destroy(&held);
	sem_destroy(&release);
}

static pthread_t stopper;

static void *stop_in_a_thread(void *unused)
{
	(void)unused;
	edge_stop(EDGE_PATIENCE_MS);
	return NULL;
}

/* The end has begun when this returns, and the workers have heard of it or
 * will when they are let go. */
static void begin_to_stop(void)
{
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop_in_a_thread, NULL),
			 0);
	while (!edge_gateway.is_draining)
		poll(NULL, 0, 1);
}

static void await_the_end(void)
{
	pthread_join(stopper, NULL);
	done();
}

/* Which worker gets a client is the kernel's choice. */
static void hold_all(int *holders, unsigned *count)
{
	unsigned workers = 0;
	struct timespec soon;

	*count = 0;
	while (workers < WORKERS) {
		ck_assert_uint_lt(*count, 64);
		holders[*count] = edge_connect(1);
		edge_puts(holders[(*count)++], GET("/hold"));
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 50 * 1000000;
		if (soon.tv_nsec >= 1000000000) {
			soon.tv_sec++;
			soon.tv_nsec -= 1000000000;
		}
		/* else it stands behind another one */
		if (sem_timedwait(&held, &soon) == 0)
			workers++;
	}
}

static void let_go(unsigned count)
{
	for (unsigned i = 0; i < count + WORKERS; i++)
		sem_post(&release);
}

static void expect_served(int fd)
{
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body, "got hello");
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}

/* ---- what has come ------------------------------------------------------ */

static void shaken(struct raw_client *client)
{
	char text[1024];
	ssize_t n;

	client_connect(client);
	ck_assert_int_eq(client_shake(client, "NORMAL", NULL, NULL), 0);
	/* an answer, so that it is known and its tickets are out of the way */
	ck_assert_int_gt(gnutls_record_send(client->session, GET("/echo"),
					    strlen(GET("/echo"))), 0);
	for (size_t len = 0; len < 4 || memcmp(text + len - 4, "got ", 4);) {
		n = gnutls_record_recv(client->session, text + len,
				       sizeof(text) - len);
		if (n > 0)
			len += (size_t)n;
		else
			ck_assert(!gnutls_error_is_fatal((int)n) && n != 0);
	}
}

static void expect_served_tls(struct raw_client *client)
{
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = gnutls_record_recv(client->session, answer.text + len,
				       EDGE_ANSWER_MAX - len);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	answer.text[len] = '\0';
	ck_assert_mem_eq(answer.text, "HTTP/1.1 200 ", 13);
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	ck_assert(edge_says(&answer, "\r\n\r\ngot hello"));
	client_close(client);
}

START_TEST(what_has_come_is_served)
{
	int kept[POSTS], lined_up[POSTS], holders[64];
	struct raw_client tls[POSTS];
	unsigned count;

	start();
	for (int i = 0; i < POSTS; i++) {
		kept[i] = edge_connect(1);
		ck_assert_int_eq(edge_ask(kept[i], GET("/echo"), &answer),
				 200);
		shaken(&tls[i]);
	}
	hold_all(holders, &count);
	for (int i = 0; i < POSTS; i++) {
		edge_puts(kept[i], POST);
		lined_up[i] = edge_connect(1);
		edge_puts(lined_up[i], POST);
		ck_assert_int_gt(gnutls_record_send(tls[i].session, POST,
						    strlen(POST)), 0);
	}
	begin_to_stop();
	let_go(count);
	for (int i = 0; i < POSTS; i++) {
		expect_served(kept[i]);
		expect_served(lined_up[i]);
		expect_served_tls(&tls[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		edge_receive(holders[i], true, &answer);
		ck_assert_int_eq(answer.status, 200);
		edge_expect_end(holders[i]);
	}
	await_the_end();
	ck_assert_int_eq(metric_value(cut), 0);
}
END_TEST

/* Standing in line without a word, or with half of one, when the end begins. */
START_TEST(what_comes_soon_is_served)
{
	int fds[POSTS], holders[64];
	unsigned count;

	start();
	hold_all(holders, &count);
	for (int i = 0; i < POSTS; i++) {
		fds[i] = edge_connect(1);
		edge_send(fds[i], POST, i % 2 ? 30 : 0);
	}
	begin_to_stop();
	for (int i = 0; i < POSTS; i++)
		edge_puts(fds[i], i % 2 ? &POST[30] : POST);
	let_go(count);
	for (int i = 0; i < POSTS; i++)
		expect_served(fds[i]);
	await_the_end();
}
END_TEST

/* More than there is room for, even with the reserve: nobody is cut to make
 * some. */
START_TEST(a_long_line_is_served_through_few_places)
{
	enum { LINE = 300 };
	int fds[LINE], holders[64];
	unsigned count;

	start_with("connections_max = 64;");
	hold_all(holders, &count);
	for (int i = 0; i < LINE; i++) {
		fds[i] = edge_connect(1);
		edge_puts(fds[i], POST);
	}
	begin_to_stop();
	let_go(count);
	for (int i = 0; i < LINE; i++)
		expect_served(fds[i]);
	await_the_end();
	ck_assert_int_eq(metric_value(cut), 0);
}
END_TEST

/* ---- what has not ------------------------------------------------------- */

static const struct {
	const char *name, *text;
	bool is_tls, is_read;
} unfinished[] = {
	{ "a part of a head", "POST /echo HTTP/1.1\r\nHo", false, true },
	{ "a part of a request line", "PO", false, true },
	{ "a part of a body", "POST /echo HTTP/1.1\r\n" HOST
	  "Content-Length: 9\r\n\r\nabc", false, true },
	{ "a part of a ClientHello", "\x16\x03\x01\x02", true, true },
	{ "an answer", GET("/flood"), false, false },
};

/* Its end comes by itself: the stop is not cut short, nor by its deadline. */
START_TEST(what_has_not_come_is_not_waited_for)
{
	int fd;

	start();
	fd = edge_connect(unfinished[_i].is_tls ? 0 : 1);
	edge_puts(fd, unfinished[_i].text);
	edge_await(open_now, 1);
	if (!unfinished[_i].is_read) {
		struct pollfd event = { .fd = fd, .events = POLLIN };

		ck_assert_int_eq(poll(&event, 1, EDGE_PATIENCE_MS), 1);
	}
	begin_to_stop();
	await_the_end();
	ck_assert_msg(metric_value(cut) == 1, "%s was cut %lld times",
		      unfinished[_i].name, (long long)metric_value(cut));
	ck_assert_int_eq(metric_value(open_now), 0);
	close(fd);
}
END_TEST

/* Between two requests, or in reserve: nobody waits for these. */
START_TEST(who_is_idle_goes_at_once)
{
	int kept, spare;
	struct raw_client tls;

	start();
	spare = edge_connect(1);
	kept = edge_connect(1);
	ck_assert_int_eq(edge_ask(kept, GET("/echo"), &answer), 200);
	shaken(&tls);
	edge_await(open_now, 3);
	poll(NULL, 0, DEADLINE_LAST_REQUEST_MS);
	begin_to_stop();
	edge_expect_end(spare);
	edge_expect_end(kept);
	await_the_end();
	client_close(&tls);
	/* nobody's term was over */
	ck_assert_int_eq(metric_value(cut), 0);
}
END_TEST

START_TEST(a_watcher_of_the_metrics_holds_nothing_up)
{
	int fd;

	start();
	fd = edge_connect(2);
	edge_puts(fd, "GET /readyz HTT");
	edge_await(open_now, 1);
	begin_to_stop();
	await_the_end();
	ck_assert_int_eq(metric_value(cut), 0);
	close(fd);
}
END_TEST

START_TEST(readyz_says_that_we_stop)
{
	int fd, holders[64];
	unsigned count;

	start();
	edge_gateway.is_draining = true;
	fd = edge_connect(2);
	ck_assert_int_eq(edge_ask(fd, GET("/readyz"), &answer), 503);
	ck_assert_str_eq(answer.body, "stopping\n");
	close(fd);
	hold_all(holders, &count);
	begin_to_stop();
	let_go(count);
	await_the_end();
}
END_TEST

/* ---- the line ----------------------------------------------------------- */

START_TEST(nobody_joins_a_line_that_is_hushed)
{
	struct listener listener = {
		.url = STR("http://127.0.0.1"), .address = STR("127.0.0.1"),
	};
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	char why[SERVER_WHY_MAX];
	int early, late, fd, accepted;
	uint16_t port;
	char c = 'x';

	ck_assert_int_eq(listen_open(&listener, 1, &fd, &port, why,
				     sizeof(why)), ERR_OK);
	sa.sin_port = htons(port);
	early = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(early, (struct sockaddr *)&sa, sizeof(sa)),
			 0);
	listen_hush(fd);
	late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(connect(late, (struct sockaddr *)&sa, sizeof(sa)),
			 -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	/* who stood there is let in, and can talk */
	accepted = accept(fd, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	edge_send(early, &c, 1);
	c = 0;
	ck_assert_int_eq(edge_read(accepted, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(accepted);
	close(early);
	close(late);
	close(fd);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_test(tcase, what_has_come_is_served);
	tcase_add_test(tcase, what_comes_soon_is_served);
	tcase_add_test(tcase, a_long_line_is_served_through_few_places);
	tcase_add_loop_test(tcase, what_has_not_come_is_not_waited_for, 0,
			    sizeof(unfinished) / sizeof(unfinished[0]));
	tcase_add_test(tcase, who_is_idle_goes_at_once);
	tcase_add_test(tcase, a_watcher_of_the_metrics_holds_nothing_up);
	tcase_add_test(tcase, readyz_says_that_we_stop);
	tcase_add_test(tcase, nobody_joins_a_line_that_is_hushed);
}

UNIT_MAIN("stop", add_tests)
