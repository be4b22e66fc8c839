/*
 * Heads in second place on a connection: together with the request before
 * them, in pieces, while that one waits, or after its answer.  What is acted on
 * must be what a strict reader takes for a request too.
 */
#include "unit/http/client.h"

#include "handoff/steps.h"
#include "unit/http/mutants.h"

#define MUTANTS 4000		/* unless PIPELINE_MUTANTS says otherwise */
/* For a head that the server does not take for a whole one even so. */
#define WAIT_MS 1000

#define HOST "Host: acme.localhost\r\n"
#define FIRST "GET /first HTTP/1.1\r\n" HOST "\r\n"
#define FIRST_POST "POST /first HTTP/1.1\r\n" HOST			\
		   "Content-Length: 5\r\n\r\nhello"

static struct edge_answer answer;

static enum step_result first(struct exchange *ex)
{
	ex->answer.status = 200;
	ex->answer.body = STR("first");
	return STEP_ANSWER;
}

/* A lower floor that finishes when the test says so. */
static _Atomic(struct exchange *) waiting;

static enum step_result wait(struct exchange *ex)
{
	atomic_store(&waiting, ex);
	return STEP_WAIT;
}

static const struct step first_list[] = { { "first", first, NULL }, { 0 } };
static const struct steps first_steps = { .name = "first",
					  .list = first_list };
static const struct step wait_list[] = { { "wait", wait, first }, { 0 } };
static const struct steps wait_steps = { .name = "wait", .list = wait_list };

/* The good heads ask for /p of a.example, which nobody serves: 421. */
static const struct route routes[] = {
	{ "/first", METHOD_GET, ROUTE_ANY, &first_steps },
	{ "/first", METHOD_POST, ROUTE_ANY, &first_steps },
	{ "/wait", METHOD_GET, ROUTE_ANY, &wait_steps },
	{ 0 },
};

/* Listener 0: https, listener 1: http. */
static void start(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	edge_certify("one", "one.example", 3600, 365);
	edge_configure("{ url = \"https://127.0.0.1:0\"; "
		       "certificate = \"../one.pem\"; "
		       "key = \"../one.key\"; }, "
		       "{ url = \"http://127.0.0.1:0\"; }", "", "");
	edge_start(routes, 1);
}

static void stop(void)
{
	edge_stop(EDGE_PATIENCE_MS);
	edge_free();
}

/* ---- by the thousand ---------------------------------------------------- */

/* Was the request acted on? Else the guard or the library refused it. */
static bool is_acted_on(const struct edge_answer *a)
{
	static const char *const refusals[] = {
		"bad_request", "bad_target", "bad_version", "bad_host",
		"bad_framing", "bad_header_name", "too_many_headers",
		"Only GET, HEAD, POST and OPTIONS",
	};

	if (a->status == 0 || !edge_says(a, "\r\nX-Request-Id: "))
		return false;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (edge_says(a, refusals[i]))
			return false;
	return true;
}

static int connect_and_ask(const char *request)
{
	int fd = edge_connect(1);

	ck_assert_int_eq(edge_ask(fd, request, &answer), 200);
	ck_assert(!edge_says(&answer, "\r\nConnection: close"));
	return fd;
}

/* What comes on the first one's connection after its answer. */
static bool is_second_acted_on(int fd, bool is_head)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	if (poll(&event, 1, WAIT_MS) == 0)
		shutdown(fd, SHUT_WR);
	edge_receive(fd, !is_head, &answer);
	return is_acted_on(&answer);
}

/* Two line ends, so that nobody waits for more of a head that is none. */
static size_t finish(char *octets, size_t len, struct reading *reading,
		     bool *is_valid_r)
{
	*is_valid_r = heads_read((struct str){ octets, len }, reading);
	if (*is_valid_r)
		return len;
	memcpy(octets + len, "\r\n\r\n", 4);
	*is_valid_r = heads_read((struct str){ octets, len + 4 }, reading);
	return len + 4;
}

/* A body to the reading's liking, so that the head is judged alone. */
static size_t complete(const struct reading *reading, char *octets, size_t len)
{
	struct str length = STR_NULL, coding;
	uint64_t wanted = 0;
	size_t skipped = 0;

	while (octets[skipped] == '\r')
		skipped += 2;
	if (count_of(reading, "transfer-encoding", &coding)) {
		memcpy(octets + skipped + reading->len, "0\r\n\r\n", 5);
		return skipped + reading->len + 5;
	}
	if (count_of(reading, "content-length", &length) &&
	    num_u64(length, 0, HEAD_MAX, &wanted) != ERR_OK)
		return len;
	while (len - skipped < reading->len + wanted)
		octets[len++] = 'x';
	return len;
}

static void show(const char *what, const char *octets, size_t len)
{
	fprintf(stderr, "%s: ", what);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, octets[i] < 32 || octets[i] == 127 ?
			"\\%02x" : "%c", octets[i]);
	fputc('\n', stderr);
}

static unsigned mutant_count(void)
{
	const char *wanted = getenv("PIPELINE_MUTANTS");

	return wanted ? (unsigned)strtoul(wanted, NULL, 10) : MUTANTS;
}

/* All in one piece, or with a cut inside the second one. */
START_TEST(what_comes_with_the_first_is_not_acted_on)
{
	const char *const firsts[] = { FIRST, FIRST_POST };
	unsigned count = mutant_count() / 2, wrong = 0;

	mutants_seed(count);
	for (unsigned i = 0; i < count; i++) {
		const char *ahead = firsts[i % 2];
		size_t ahead_len = strlen(ahead), len, cut;
		char both[HEAD_MAX + 256];
		struct reading reading;
		int fd = edge_connect(1);
		bool is_valid;

		memcpy(both, ahead, ahead_len);
		len = mutants_next(both + ahead_len);
		len = finish(both + ahead_len, len, &reading, &is_valid);
		cut = draw(4) ? len : 1 + draw((uint32_t)len);
		edge_send(fd, both, ahead_len + cut);
		edge_receive(fd, true, &answer);
		ck_assert_int_eq(answer.status, 200);
		ck_assert_str_eq(answer.body, "first");
		/* should it go on, only what is valid may be acted on */
		if (!edge_says(&answer, "\r\nConnection: close")) {
			edge_send(fd, both + ahead_len + cut, len - cut);
			if (is_second_acted_on(fd, false) && !is_valid) {
				show("acted on", both + ahead_len, len);
				wrong++;
			}
		} else {
			char c;

			ck_assert_int_eq(edge_read(fd, &c, 1), -1);
		}
		close(fd);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* One after the other: the second is guarded as the first is. */
START_TEST(what_comes_later_means_the_same_to_both)
{
	unsigned count = mutant_count() / 2;
	unsigned accepted = 0, wrong = 0, lost = 0;

	mutants_seed(count + 1);
	for (unsigned i = 0; i < count; i++) {
		char octets[2 * HEAD_MAX + 8];
		struct reading reading;
		size_t len = mutants_next(octets);
		int fd = connect_and_ask(i % 2 ? FIRST : FIRST_POST);
		bool is_valid;

		len = finish(octets, len, &reading, &is_valid);
		if (is_valid)
			len = complete(&reading, octets, len);
		edge_send(fd, octets, len);
		if (is_second_acted_on(fd, is_valid &&
				       str_eq(reading.method, STR("HEAD")))) {
			accepted++;
			if (!is_valid) {
				show("acted on", octets, len);
				wrong++;
			}
		} else if (is_valid && !reading.is_ours_to_refuse &&
			   !edge_says(&answer, "bad_host")) {
			show("refused", octets, len);
			lost++;
		}
		close(fd);
	}
	printf("pipeline: %u mutants, %u acted on, %u of them wrongly, %u "
	       "valid ones refused\n", count, accepted, wrong, lost);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_gt(accepted, count / 40);
}
END_TEST

/* ---- one by one --------------------------------------------------------- */

static const char hidden[] = "POST /first HTTP/1.1\r\n" HOST "A: 1\0\n"
			     "Content-Length: 5\r\n\r\nhello";

START_TEST(a_line_that_ends_in_nul_is_refused_in_any_place)
{
	static const char unknown[] = "GET /zz HTTP/1.1\r\n" HOST "\r\n";
	char both[sizeof(unknown) + sizeof(hidden)];
	int fd = edge_connect(1);

	edge_send(fd, hidden, sizeof(hidden) - 1);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 400);
	edge_expect_end(fd);
	fd = connect_and_ask(FIRST);
	edge_send(fd, hidden, sizeof(hidden) - 1);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 400);
	edge_expect_end(fd);
	/* with an unknown path ahead, too */
	memcpy(both, unknown, sizeof(unknown) - 1);
	memcpy(both + sizeof(unknown) - 1, hidden, sizeof(hidden) - 1);
	fd = edge_connect(1);
	edge_send(fd, both, sizeof(unknown) + sizeof(hidden) - 2);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 404);
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}
END_TEST

/* Who is not read while the first one waits is seen when it is. */
START_TEST(what_comes_while_the_first_waits_is_guarded)
{
	const bool is_bad = _i;
	int64_t end = clock_mono_ms() + EDGE_PATIENCE_MS;
	struct exchange *ex;
	int fd;

	start();
	fd = edge_connect(1);
	edge_puts(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
	while (!(ex = atomic_load(&waiting))) {
		ck_assert_int_lt(clock_mono_ms(), end);
		poll(NULL, 0, 1);
	}
	if (is_bad)
		edge_send(fd, hidden, sizeof(hidden) - 1);
	else
		edge_puts(fd, FIRST_POST);
	ex->wake(ex);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	if (!edge_says(&answer, "\r\nConnection: close")) {
		edge_receive(fd, true, &answer);
		ck_assert_int_eq(answer.status, is_bad ? 400 : 200);
	}
	close(fd);
	stop();
}
END_TEST

/* The rest of a body and a request behind it. */
START_TEST(what_comes_with_a_body_is_not_acted_on)
{
	int fd = edge_connect(1);

	edge_puts(fd, "POST /first HTTP/1.1\r\n" HOST
		  "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	edge_receive(fd, false, &answer);
	ck_assert_int_eq(answer.status, 100);
	edge_puts(fd, "hello" FIRST);
	edge_receive(fd, true, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(edge_says(&answer, "\r\nConnection: close"));
	edge_expect_end(fd);
}
END_TEST

START_TEST(what_comes_in_one_record_is_not_acted_on)
{
	char both[512], text[2048];
	struct raw_client client;
	size_t len = 0;
	ssize_t n;

	client_connect(&client);
	ck_assert_int_eq(client_shake(&client, "NORMAL", NULL, NULL), 0);
	memcpy(both, FIRST, strlen(FIRST));
	memcpy(both + strlen(FIRST), hidden, sizeof(hidden) - 1);
	ck_assert_int_gt(gnutls_record_send(client.session, both,
					    strlen(FIRST) + sizeof(hidden) - 1),
			 0);
	do {
		n = gnutls_record_recv(client.session, text + len,
				       sizeof(text) - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	text[len] = '\0';
	ck_assert_mem_eq(text, "HTTP/1.1 200 ", 13);
	ck_assert(strcasestr(text, "\r\nConnection: close"));
	ck_assert_ptr_null(strstr(text + 13, "HTTP/1.1 "));
	client_close(&client);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_loop_test(tcase, what_comes_while_the_first_waits_is_guarded,
			    0, 2);
}

static void add_others(Suite *suite)
{
	TCase *tcase = tcase_create("one server");

	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, what_comes_with_the_first_is_not_acted_on);
	tcase_add_test(tcase, what_comes_later_means_the_same_to_both);
	tcase_add_test(tcase, a_line_that_ends_in_nul_is_refused_in_any_place);
	tcase_add_test(tcase, what_comes_with_a_body_is_not_acted_on);
	tcase_add_test(tcase, what_comes_in_one_record_is_not_acted_on);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tcase = tcase_create("pipeline");
	SRunner *runner;
	int failed;

	hash_init();
	add_tests(tcase);
	add_others(suite);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
