/* The fetcher, and the resolver below it, against a small server and names of
 * our own. */
#include "unit/unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "fetch/fetcher.h"

#define ANSWER_MAX 1000
#define HOUR_MS 3600000

/* ---- a server: one connection after another gets the same answer ---------- */

static struct {
	int fd;
	unsigned port;
	pthread_t thread;
	_Atomic(const char *) head;	/* what is sent once a request was read */
	atomic_size_t extra;		/* and so many octets behind it */
	bool drips;		/* ... one at a time, for ever */
	bool is_mute;		/* nothing at all */
	atomic_uint requests;
	char seen[4096];	/* the last request */
	int stop[2];
} server;

static bool is_stopped(int ms)
{
	struct pollfd fd = { .fd = server.stop[0], .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

static void answer_one(int fd)
{
	ssize_t n = recv(fd, server.seen, sizeof(server.seen) - 1, 0);

	if (n <= 0)
		return;
	server.seen[n] = '\0';
	server.requests++;
	if (server.is_mute) {
		is_stopped(-1);
		return;
	}
	if (send(fd, server.head, strlen(server.head), MSG_NOSIGNAL) < 0)
		return;
	for (size_t i = 0; i < server.extra; i++)
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
			return;
	while (server.drips && !is_stopped(1))
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
			return;
}

static void *serve(void *arg)
{
	struct pollfd fds[2] = { { .fd = server.fd, .events = POLLIN },
				 { .fd = server.stop[0], .events = POLLIN } };

	(void)arg;
	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept(server.fd, NULL, NULL);

		answer_one(fd);
		close(fd);
	}
	return NULL;
}

static void server_start(const char *head)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	server.head = head;
	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(!bind(server.fd, (struct sockaddr *)&at, len));
	ck_assert(!listen(server.fd, 8));
	ck_assert(!getsockname(server.fd, (struct sockaddr *)&at, &len));
	server.port = ntohs(at.sin_port);
	ck_assert(!pipe(server.stop));
	ck_assert(!pthread_create(&server.thread, NULL, serve, NULL));
}

static void server_stop(void)
{
	ck_assert_int_eq(write(server.stop[1], "x", 1), 1);
	pthread_join(server.thread, NULL);
	close(server.fd);
	close(server.stop[0]);
	close(server.stop[1]);
}

/* ---- names ------------------------------------------------------------------ */

static atomic_uint lookups;
static pthread_mutex_t hang = PTHREAD_MUTEX_INITIALIZER;

static int chain(const char *one, const char *two, struct addrinfo **list_r)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST };
	int rc = getaddrinfo(one, NULL, &hints, list_r);

	if (!rc && two)
		rc = getaddrinfo(two, NULL, &hints, &(*list_r)->ai_next);
	return rc;
}

static int lookup(const char *host, const char *service,
		  const struct addrinfo *hints, struct addrinfo **list_r)
{
	unsigned n = ++lookups;

	(void)service;
	(void)hints;
	if (!strcmp(host, "keys.example"))
		return chain("127.0.0.1", NULL, list_r);
	if (!strcmp(host, "mixed.example"))
		return chain("8.8.8.8", "10.1.2.3", list_r);
	/* says something else each time it is asked */
	if (!strcmp(host, "rebinding.example"))
		return chain(n == 1 ? "127.0.0.1" : "169.254.169.254", NULL,
			     list_r);
	if (!strcmp(host, "busy.example"))
		return EAI_AGAIN;
	if (!strcmp(host, "hanging.example")) {
		pthread_mutex_lock(&hang);
		pthread_mutex_unlock(&hang);
	}
	return EAI_NONAME;
}

/* ---- asking ----------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned done;
	/* of the last */
	enum err err;
	unsigned status;
	char why[FETCH_WHY_MAX], body[ANSWER_MAX + 1], etag[FETCH_ETAG_MAX + 1];
	int64_t max_age_s;
} got = { .lock = PTHREAD_MUTEX_INITIALIZER,
	  .changed = PTHREAD_COND_INITIALIZER };

static void on_done(void *ctx, const struct fetch_answer *a)
{
	(void)ctx;
	pthread_mutex_lock(&got.lock);
	got.done++;
	got.err = a->err;
	got.status = a->status;
	got.max_age_s = a->max_age_s;
	snprintf(got.why, sizeof(got.why), "%s", a->why);
	snprintf(got.body, sizeof(got.body), "%.*s", STR_ARG(a->body));
	snprintf(got.etag, sizeof(got.etag), "%s", a->etag);
	pthread_cond_broadcast(&got.changed);
	pthread_mutex_unlock(&got.lock);
}

static void wait_for(unsigned done)
{
	pthread_mutex_lock(&got.lock);
	while (got.done < done)
		pthread_cond_wait(&got.changed, &got.lock);
	pthread_mutex_unlock(&got.lock);
}

static struct pool *pool;

static struct fetcher *new_fetcher(int connect_ms, int total_ms)
{
	const struct fetcher_options options = {
		.lookup = lookup, .connect_ms = connect_ms,
		.total_ms = total_ms,
	};
	struct fetcher *fetcher;

	pool = pool_new(1 << 20);
	ck_assert(!fetcher_new(&options, &fetcher));
	return fetcher;
}

static void ask(struct fetcher *fetcher, const char *url, bool development)
{
	struct fetch_request request = {
		.is_development = development, .answer_max = ANSWER_MAX,
		.done = on_done, .accept = STR("application/json"),
		.etag = "\"one\"",
	};

	ck_assert(!url_parse(pool, str_from(url), &request.url, NULL));
	ck_assert(!fetcher_get(fetcher, &request));
}

/* One request in development, to its end. */
static void get(struct fetcher *fetcher, const char *host)
{
	char url[256];
	unsigned before = got.done;

	snprintf(url, sizeof(url), "http://%s:%u/keys", host, server.port);
	ask(fetcher, url, true);
	wait_for(before + 1);
}

static void end(struct fetcher *fetcher)
{
	ck_assert(fetcher_free(fetcher));
	pool_free(pool);
}

#define OK "HTTP/1.1 200 OK\r\n"

START_TEST(an_answer_comes_whole)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);

	server_start(OK "ETag:  \"two\"\r\nCache-Control: public, "
		     "Max-Age=600\r\nContent-Length: 2\r\n\r\n{}");
	get(fetcher, "127.0.0.1");
	ck_assert_msg(!got.err, "%s", got.why);
	ck_assert_uint_eq(got.status, 200);
	ck_assert_str_eq(got.body, "{}");
	ck_assert_str_eq(got.etag, "\"two\"");
	ck_assert_int_eq(got.max_age_s, 600);
	ck_assert_ptr_nonnull(strstr(server.seen, "GET /keys HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(server.seen,
				     "If-None-Match: \"one\"\r\n"));
	ck_assert_ptr_nonnull(strstr(server.seen,
				     "Accept: application/json\r\n"));
	ck_assert_uint_eq(lookups, 0);
	get(fetcher, "keys.example");
	ck_assert_msg(!got.err, "%s", got.why);
	ck_assert_uint_eq(lookups, 1);
	server_stop();
	end(fetcher);
}
END_TEST

static const struct {
	const char *header;
	int64_t age_s;
} controls[] = {
	{ "X: y", -1 },
	{ "Cache-Control: public", -1 },
	{ "cache-control: max-age=0", 0 },
	{ "Cache-Control: max-age=5 , must-revalidate", 5 },
	{ "Cache-Control: max-age=5, no-cache", 0 },
	{ "Cache-Control: no-store, max-age=5", 0 },
	{ "Cache-Control: s-maxage=5", -1 },
	{ "Cache-Control: max-age=-1", -1 },
	{ "Cache-Control: max-age=99999999999999999999", -1 },
	{ "Cache-Control: max-age", -1 },
	{ "Cache-Control: ,,", -1 },
	{ "Cache-Control:", -1 },
};

START_TEST(cache_control_is_read)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);
	char head[256];

	snprintf(head, sizeof(head), OK "%s\r\nContent-Length: 0\r\n\r\n",
		 controls[_i].header);
	server_start(head);
	get(fetcher, "127.0.0.1");
	ck_assert_msg(!got.err, "%s", got.why);
	ck_assert_int_eq(got.max_age_s, controls[_i].age_s);
	server_stop();
	end(fetcher);
}
END_TEST

/* A redirect is an answer like others, and nobody goes there. */
START_TEST(redirects_are_not_followed)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);
	char head[256];

	server_start(head);
	snprintf(head, sizeof(head), "HTTP/1.1 302 Found\r\nLocation: "
		 "http://127.0.0.1:%u/else\r\nContent-Length: 0\r\n\r\n",
		 server.port);
	get(fetcher, "127.0.0.1");
	ck_assert(!got.err);
	ck_assert_uint_eq(got.status, 302);
	ck_assert_uint_eq(server.requests, 1);
	server_stop();
	end(fetcher);
}
END_TEST

START_TEST(what_is_too_large_is_cut)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);

	server_start(OK "Content-Length: 1001\r\n\r\n");
	get(fetcher, "127.0.0.1");	/* told before it comes */
	ck_assert_int_eq(got.err, ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(got.why, "1000 octets"));
	server.head = OK "\r\n";
	server.extra = 1001;		/* not told */
	get(fetcher, "127.0.0.1");
	ck_assert_int_eq(got.err, ERR_LIMIT);
	server.extra = 1000;
	get(fetcher, "127.0.0.1");
	ck_assert_msg(!got.err, "%s", got.why);
	ck_assert_uint_eq(strlen(got.body), 1000);
	server.head = OK "X: ";		/* a header without an end */
	server.extra = 200000;
	get(fetcher, "127.0.0.1");
	ck_assert_int_ne(got.err, ERR_OK);
	server_stop();
	end(fetcher);
}
END_TEST

START_TEST(who_says_nothing_or_little_is_left)
{
	struct fetcher *fetcher = new_fetcher(200, 400);

	server_start(OK "\r\n");
	server.is_mute = true;
	get(fetcher, "127.0.0.1");
	ck_assert_int_eq(got.err, ERR_EXPIRED);
	server_stop();
	server.is_mute = false;
	server.drips = true;
	server_start(OK "Content-Length: 999\r\n\r\n");
	get(fetcher, "127.0.0.1");
	ck_assert(got.err == ERR_EXPIRED || got.err == ERR_IO);
	server_stop();
	end(fetcher);
}
END_TEST

/* Each with what is said of it. */
static const struct {
	const char *url;
	bool development;
	enum err err;
	const char *why;
} refused[] = {
	{ "https://127.0.0.1/", false, ERR_AUTH, "a loopback address" },
	{ "https://[::1]/", false, ERR_AUTH, "a loopback address" },
	{ "https://10.0.0.1/", true, ERR_AUTH, "a private address" },
	{ "https://169.254.169.254/", true, ERR_AUTH, "a link-local address" },
	{ "https://[64:ff9b::7f00:1]/", true, ERR_AUTH, "a loopback address" },
	{ "https://keys.example/", false, ERR_AUTH, "127.0.0.1 is refused" },
	{ "https://mixed.example/", false, ERR_AUTH, "10.1.2.3 is refused" },
	{ "https://nobody.example/", false, ERR_IO, "has no address" },
	{ "https://busy.example/", false, ERR_IO, "no name server" },
	{ "http://keys.example/", false, ERR_AUTH, "127.0.0.1 is refused" },
	{ "http://8.8.8.8/", false, ERR_IO, "rotocol" },
};

START_TEST(no_address_of_ours_is_reached)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);

	ask(fetcher, refused[_i].url, refused[_i].development);
	wait_for(1);
	ck_assert_int_eq(got.err, refused[_i].err);
	ck_assert_msg(strstr(got.why, refused[_i].why), "%s", got.why);
	end(fetcher);
}
END_TEST

/* What was vetted is what is connected to: nobody looks a second time. */
START_TEST(a_name_is_looked_up_once)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);

	server_start(OK "Content-Length: 0\r\n\r\n");
	get(fetcher, "rebinding.example");
	ck_assert_msg(!got.err, "%s", got.why);
	ck_assert_uint_eq(lookups, 1);
	/* ... and the next request vets what is said then */
	get(fetcher, "rebinding.example");
	ck_assert_int_eq(got.err, ERR_AUTH);
	ck_assert_ptr_nonnull(strstr(got.why, "169.254.169.254"));
	ck_assert_uint_eq(server.requests, 1);
	server_stop();
	end(fetcher);
}
END_TEST

START_TEST(nobody_there_is_said)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);

	server_start("");
	server_stop();
	get(fetcher, "127.0.0.1");
	ck_assert_int_eq(got.err, ERR_IO);
	ck_assert_msg(strstr(got.why, "connect"), "%s", got.why);
	end(fetcher);
}
END_TEST

/* However many look-ups hang: others that need none go on, each of those ends in
 * its time, and so does the fetcher. */
START_TEST(a_resolver_that_hangs_holds_up_nobody)
{
	struct fetcher *fetcher = new_fetcher(200, HOUR_MS);

	pthread_mutex_lock(&hang);
	server_start(OK "Content-Length: 0\r\n\r\n");
	for (int i = 0; i < RESOLVER_THREADS + 2; i++)
		ask(fetcher, "https://hanging.example/", false);
	ask(fetcher, "https://keys.example/", false);	/* stands behind */
	wait_for(RESOLVER_THREADS + 3);
	ck_assert_int_eq(got.err, ERR_EXPIRED);
	get(fetcher, "127.0.0.1");
	ck_assert_msg(!got.err, "%s", got.why);
	/* four threads are still in there */
	ck_assert(!fetcher_free(fetcher));
	pool_free(pool);
	server_stop();
	pthread_mutex_unlock(&hang);
}
END_TEST

START_TEST(an_end_gives_up_what_is_under_way)
{
	struct fetcher *fetcher = new_fetcher(0, HOUR_MS);
	char url[64];

	server.is_mute = true;
	server_start("");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
	for (int i = 0; i < FETCH_RUNNING_MAX + 3; i++)
		ask(fetcher, url, true);
	while (server.requests != 1)
		poll(NULL, 0, 1);
	end(fetcher);
	ck_assert_uint_eq(got.done, 0);
	server_stop();
}
END_TEST

START_TEST(the_line_has_an_end)
{
	struct fetcher *fetcher = new_fetcher(HOUR_MS, HOUR_MS);
	struct fetch_request request = { .answer_max = 1, .done = on_done };
	unsigned taken = 0;

	ck_assert(!url_parse(pool, STR("https://hanging.example/"),
			     &request.url, NULL));
	pthread_mutex_lock(&hang);
	while (!fetcher_get(fetcher, &request))
		ck_assert_uint_le(++taken,
				  FETCH_WAITING_MAX + FETCH_RUNNING_MAX);
	ck_assert_uint_ge(taken, FETCH_WAITING_MAX);
	ck_assert_int_eq(fetcher_get(fetcher, &request), ERR_BUSY);
	fetcher_free(fetcher);
	pool_free(pool);
	pthread_mutex_unlock(&hang);
}
END_TEST

static void fetcher_tests(TCase *tc)
{
	tcase_add_test(tc, an_answer_comes_whole);
	tcase_add_loop_test(tc, cache_control_is_read, 0,
			    N_ELEMENTS(controls));
	tcase_add_test(tc, redirects_are_not_followed);
	tcase_add_test(tc, what_is_too_large_is_cut);
	tcase_add_test(tc, who_says_nothing_or_little_is_left);
	tcase_add_loop_test(tc, no_address_of_ours_is_reached, 0,
			    N_ELEMENTS(refused));
	tcase_add_test(tc, a_name_is_looked_up_once);
	tcase_add_test(tc, nobody_there_is_said);
	tcase_add_test(tc, a_resolver_that_hangs_holds_up_nobody);
	tcase_add_test(tc, an_end_gives_up_what_is_under_way);
	tcase_add_test(tc, the_line_has_an_end);
}

UNIT_MAIN("fetcher", fetcher_tests)
