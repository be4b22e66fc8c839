/*
 * How often a worker's loop turns: a few times for what happens, and hardly at
 * all while clients are silent, in whatever state they leave their connections.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "unit/http/client.h"

#include "handoff/steps.h"
#include "http/deadline.h"

#define HOST "Host: acme.localhost\r\n"
#define GET "GET /hello HTTP/1.1\r\n" HOST "\r\n"

#define SILENT 50		/* clients of each kind */
/* While they are watched: of wall clock, but what counts is turns and CPU. */
#define WATCH_MS 1000
/* A worker that spins makes tens of thousands, be the machine ever so busy;
 * one that does not makes some ten: its deadlines' ticks. */
#define SILENT_TURNS_MAX 200
#define SILENT_CPU_MS_MAX (WATCH_MS / 5)
/* A handshake, a request and an answer: each flight may arrive in pieces. */
#define SIGN_IN_TURNS_MAX 60

static struct metric *turns, *open_now;

static enum step_result hello(struct exchange *ex)
{
	ex->answer.status = 200;
	ex->answer.body = STR("hello");
	return STEP_ANSWER;
}

/* More than the sockets' buffers hold. */
static enum step_result flood(struct exchange *ex)
{
	enum { LEN = 16 * 1024 * 1024 };
	static char *page;

	if (!page) {
		page = malloc(LEN);
		ck_assert_ptr_nonnull(page);
		memset(page, 'x', LEN);
	}
	ex->answer.status = 200;
	ex->answer.body = (struct str){ page, LEN };
	return STEP_ANSWER;
}

static const struct step hello_list[] = { { "hello", hello, NULL }, { 0 } };
static const struct steps hello_steps = { .name = "hello",
					  .list = hello_list };
static const struct step flood_list[] = { { "flood", flood, NULL }, { 0 } };
static const struct steps flood_steps = { .name = "flood",
					  .list = flood_list };
static const struct route routes[] = {
	{ "/hello", METHOD_GET, ROUTE_ANY, &hello_steps },
	{ "/hello", METHOD_POST, ROUTE_ANY, &hello_steps },
	{ "/flood", METHOD_GET, ROUTE_ANY, &flood_steps },
	{ 0 },
};

/* Listener 0: https, listener 1: http. Nobody is cut meanwhile. */
static void start(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	edge_certify("one", "one.example", 3600, 365);
	edge_configure("{ url = \"https://127.0.0.1:0\"; "
		       "certificate = \"../one.pem\"; "
		       "key = \"../one.key\"; }, "
		       "{ url = \"http://127.0.0.1:0\"; }",
		       "request_deadline = 60;", "");
	edge_start(routes, 1);
	turns = metric_get(usher_http_turns_total, "");
	open_now = metric_get(usher_http_connections, "");
}

static void stop(void)
{
	edge_stop(EDGE_PATIENCE_MS);
	edge_free();
}

/* ---- what clients leave behind ------------------------------------------ */

/* Nobody in this process does anything but the worker. */
static int64_t cpu_ms(void)
{
	struct rusage used;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &used), 0);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
	       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void shaken(struct raw_client *client)
{
	client_connect(client);
	ck_assert_int_eq(client_shake(client, "NORMAL", NULL, NULL), 0);
}

/* Octets of a ClientHello, then nothing. */
static void leave_hello(struct raw_client *client)
{
	*client = (struct raw_client){ .fd = edge_connect(0) };
	edge_send(client->fd, "\x16\x03\x01\x02\x00\x01", 6);
}

static ssize_t send_once(gnutls_transport_ptr_t at, const void *data, size_t n)
{
	struct raw_client *client = at;

	/* the first flight goes out, later ones are lost */
	if (client->name[0])
		return (ssize_t)n;
	return send(client->fd, data, n, MSG_NOSIGNAL);
}

static ssize_t receive(gnutls_transport_ptr_t at, void *data, size_t n)
{
	struct raw_client *client = at;

	/* after the server's flight has begun there is no other of ours */
	client->name[0] = 'x';
	return read(client->fd, data, n);
}

static int is_readable(gnutls_transport_ptr_t at, unsigned ms)
{
	struct raw_client *client = at;
	struct pollfd event = { .fd = client->fd, .events = POLLIN };

	return poll(&event, 1, (int)ms);
}

/* A whole ClientHello, the server's flight read, then nothing. */
static void leave_flight(struct raw_client *client)
{
	client_connect(client);
	gnutls_init(&client->session, GNUTLS_CLIENT);
	gnutls_certificate_allocate_credentials(&client->credentials);
	gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE,
			       client->credentials);
	/* a group that the server likes: else it asks for another hello */
	gnutls_priority_set_direct(client->session, "NORMAL:-GROUP-ALL:"
				   "+GROUP-SECP384R1", NULL);
	gnutls_transport_set_ptr(client->session, client);
	gnutls_transport_set_push_function(client->session, send_once);
	gnutls_transport_set_pull_function(client->session, receive);
	gnutls_transport_set_pull_timeout_function(client->session,
						   is_readable);
	gnutls_handshake_set_timeout(client->session, EDGE_PATIENCE_MS);
	/* under TLS 1.3 it takes itself for done */
	ck_assert_int_eq(gnutls_handshake(client->session), 0);
}

static void leave_shaken(struct raw_client *client)
{
	shaken(client);
}

/* A record's header and some octets of it. */
static void leave_record(struct raw_client *client)
{
	shaken(client);
	edge_send(client->fd, "\x17\x03\x03\x01\x00\x01\x02\x03", 8);
}

static void leave_tls_head(struct raw_client *client)
{
	static const char part[] = "GET /hello HTTP/1.1\r\nHo";

	shaken(client);
	ck_assert_int_gt(gnutls_record_send(client->session, part,
					    sizeof(part) - 1), 0);
}

static void leave_tls_body(struct raw_client *client)
{
	static const char part[] = "POST /hello HTTP/1.1\r\n" HOST
				   "Content-Length: 9\r\n\r\nabc";

	shaken(client);
	ck_assert_int_gt(gnutls_record_send(client->session, part,
					    sizeof(part) - 1), 0);
}

/* Said goodbye, but keeps the socket. */
static void leave_goodbye(struct raw_client *client)
{
	shaken(client);
	gnutls_bye(client->session, GNUTLS_SHUT_WR);
}

/* TLS 1.2's renegotiation. */
static void leave_renegotiation(struct raw_client *client)
{
	client_connect(client);
	ck_assert_int_eq(client_shake(client, "NORMAL:-VERS-ALL:+VERS-TLS1.2",
				      NULL, NULL), 0);
	/* asked for, and not waited for: the server may have ended it */
	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	ck_assert_int_ne(gnutls_handshake(client->session), 0);
}

/* An answer that is not read. */
static void leave_tls_answer(struct raw_client *client)
{
	static const char text[] = "GET /flood HTTP/1.1\r\n" HOST "\r\n";

	shaken(client);
	ck_assert_int_gt(gnutls_record_send(client->session, text,
					    sizeof(text) - 1), 0);
	ck_assert_int_eq(is_readable(client, EDGE_PATIENCE_MS), 1);
}

static void leave_plain(struct raw_client *client, const char *text)
{
	*client = (struct raw_client){ .fd = edge_connect(1) };
	edge_puts(client->fd, text);
}

static void leave_head(struct raw_client *client)
{
	leave_plain(client, "GET /hello HTTP/1.1\r\nHo");
}

static void leave_body(struct raw_client *client)
{
	leave_plain(client, "POST /hello HTTP/1.1\r\n" HOST
		    "Content-Length: 9\r\n\r\nabc");
}

static void leave_chunk(struct raw_client *client)
{
	leave_plain(client, "POST /hello HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n9\r\nabc");
}

static void leave_continue(struct raw_client *client)
{
	leave_plain(client, "POST /hello HTTP/1.1\r\n" HOST
		    "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
}

static void leave_half_closed(struct raw_client *client)
{
	leave_plain(client, "GET /hello HTTP/1.1\r\nHo");
	/* the library may take the end for later octets, and wait for them */
	shutdown(client->fd, SHUT_WR);
}

static void leave_answer(struct raw_client *client)
{
	leave_plain(client, "GET /flood HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_int_eq(is_readable(client, EDGE_PATIENCE_MS), 1);
}

static const struct {
	const char *name;
	void (*leave)(struct raw_client *client);
	int open;		/* that the server keeps; -1: either */
} kinds[] = {
	{ "a part of a ClientHello", leave_hello, SILENT },
	{ "a handshake but for its last flight", leave_flight, SILENT },
	{ "a handshake", leave_shaken, SILENT },
	{ "a part of a record", leave_record, SILENT },
	{ "a part of a head, TLS", leave_tls_head, SILENT },
	{ "a part of a body, TLS", leave_tls_body, SILENT },
	{ "close_notify", leave_goodbye, 0 },
	{ "a renegotiation", leave_renegotiation, 0 },
	{ "an answer, TLS", leave_tls_answer, SILENT },
	{ "a part of a head", leave_head, SILENT },
	{ "a part of a body", leave_body, SILENT },
	{ "a part of a chunk", leave_chunk, SILENT },
	{ "a wish to be asked", leave_continue, SILENT },
	{ "a half-closed connection", leave_half_closed, -1 },
	{ "an answer", leave_answer, SILENT },
};

/* ---- tests -------------------------------------------------------------- */

struct share {
	int64_t turns, cpu_ms;
};

static struct share watch(void)
{
	struct share seen = { metric_value(turns), cpu_ms() };

	poll(NULL, 0, WATCH_MS);
	return (struct share){ metric_value(turns) - seen.turns,
			       cpu_ms() - seen.cpu_ms };
}

/*
 * What was sent is read, and what can be written is written: how soon depends
 * on the machine, and 16 MiB for each of 50 clients may be few turns of much
 * work.  So it is watched until it is calm: who spins never is.
 */
static struct share settle(void)
{
	int64_t end = clock_mono_ms() + EDGE_PATIENCE_MS;
	struct share seen;

	do
		seen = watch();
	while ((seen.turns > SILENT_TURNS_MAX ||
		seen.cpu_ms > SILENT_CPU_MS_MAX) && clock_mono_ms() < end);
	return seen;
}

START_TEST(silence_costs_nothing)
{
	static struct raw_client clients[SILENT];
	struct share seen;

	for (int i = 0; i < SILENT; i++)
		kinds[_i].leave(&clients[i]);
	if (kinds[_i].open >= 0)
		edge_await(open_now, kinds[_i].open);
	seen = settle();
	ck_assert_msg(seen.turns <= SILENT_TURNS_MAX, "%s: %lld turns",
		      kinds[_i].name, (long long)seen.turns);
	ck_assert_msg(seen.cpu_ms <= SILENT_CPU_MS_MAX, "%s: %lld ms of CPU",
		      kinds[_i].name, (long long)seen.cpu_ms);
	for (int i = 0; i < SILENT; i++) {
		if (clients[i].session)
			client_close(&clients[i]);
		else
			close(clients[i].fd);
	}
}
END_TEST

static void expect_answer(struct raw_client *client)
{
	char text[1024];
	size_t len = 0;

	while (len < 5 || memcmp(text + len - 5, "hello", 5) != 0) {
		ssize_t n = gnutls_record_recv(client->session, text + len,
					       sizeof(text) - len);

		/* a ticket is no answer yet */
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		ck_assert_int_gt(n, 0);
		len += (size_t)n;
	}
	ck_assert_mem_eq(text, "HTTP/1.1 200 ", 13);
}

/* From the first octet to the answer, in milliseconds. */
static int64_t sign_in(void)
{
	struct raw_client client;
	int64_t begin = clock_mono_ms();

	shaken(&client);
	ck_assert_int_gt(gnutls_record_send(client.session, GET,
					    sizeof(GET) - 1), 0);
	expect_answer(&client);
	client_close(&client);
	return clock_mono_ms() - begin;
}

/*
 * Each flight is answered when it comes: in few turns, and without waiting for
 * a tick of anything, of which there is one each 250 ms.  Of two flights that
 * wait for one, the second has a whole one to wait: so it is enough, however
 * busy the machine, that one of all was quicker.
 */
START_TEST(a_sign_in_is_a_few_turns)
{
	enum { COUNT = 20 };
	static struct raw_client silent[SILENT];
	const bool is_crowded = _i;
	bool is_quick = false;
	int64_t before;

	for (int i = 0; i < SILENT && is_crowded; i++)
		leave_hello(&silent[i]);
	if (is_crowded)
		edge_await(open_now, SILENT);
	settle();
	before = metric_value(turns);
	for (int i = 0; i < COUNT; i++)
		is_quick |= sign_in() < DEADLINE_TICK_MS;
	ck_assert_int_le(metric_value(turns) - before,
			 COUNT * SIGN_IN_TURNS_MAX);
	while (!is_quick)
		is_quick = sign_in() < DEADLINE_TICK_MS;
	for (int i = 0; i < SILENT && is_crowded; i++)
		close(silent[i].fd);
}
END_TEST

/* A record may be longer than the library's buffer: what GnuTLS has opened
 * already makes no event. */
START_TEST(what_is_decrypted_is_not_left_lying)
{
	static char text[12000];
	struct raw_client client;
	int n;

	shaken(&client);
	n = snprintf(text, sizeof(text), "POST /hello HTTP/1.1\r\n" HOST
		     "Content-Length: 10000\r\n\r\n");
	memset(text + n, 'x', 10000);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(gnutls_record_send(client.session, text,
						    (size_t)n + 10000),
				 n + 10000);
		expect_answer(&client);
	}
	client_close(&client);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_loop_test(tcase, silence_costs_nothing, 0,
			    sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_loop_test(tcase, a_sign_in_is_a_few_turns, 0, 2);
	tcase_add_test(tcase, what_is_decrypted_is_not_left_lying);
}

UNIT_MAIN("turns", add_tests)
