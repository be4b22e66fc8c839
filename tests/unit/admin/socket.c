#include "unit/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "admin/ask.h"
#include "admin/socket.h"

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	return path;
}

START_TEST(only_we_may_connect)
{
	const char *path = path_of("admin.sock");
	char why[256] = "";
	struct stat st;
	int fd = socket_listen(path, why, sizeof(why));

	ck_assert_msg(fd >= 0, "%s", why);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	/* Somebody answers there now. */
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "answers"));
	close(fd);
}
END_TEST

START_TEST(what_a_killed_daemon_left_is_replaced)
{
	const char *path = path_of("left.sock");
	char why[256] = "";
	int fd = socket_listen(path, why, sizeof(why));

	ck_assert_int_ge(fd, 0);
	close(fd);
	fd = socket_listen(path, why, sizeof(why));
	ck_assert_msg(fd >= 0, "%s", why);
	close(fd);
}
END_TEST

/* A slip in the setting must not cost a file. */
START_TEST(what_is_no_socket_stays)
{
	const char *path = path_of("precious");
	char why[256] = "";
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "no socket"));
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_told)
{
	char why[256] = "", path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "199 bytes"));
	ck_assert_int_eq(socket_listen(path_of("no/such/dir"), why,
				       sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
}
END_TEST

static const char *echo(void *ctx, const struct str *words, unsigned count,
			struct buf *body)
{
	(void)ctx;
	if (!count)
		return "what?";
	buf_adds(body, words[count - 1]);
	return NULL;
}

static struct socket_server *open_server(const char *path,
					 socket_command_fn *run)
{
	char why[256] = "";
	struct socket_server *s = socket_server_new(path, run, NULL, why,
						    sizeof(why));

	ck_assert_msg(s != NULL, "%s", why);
	return s;
}

/* As the main thread does, until so many clients have come and gone. */
static void serve(struct socket_server *s, uint64_t count)
{
	while (socket_server_served(s) < count) {
		struct pollfd ready = { .fd = socket_server_fd(s),
					.events = POLLIN };

		ck_assert_int_ge(poll(&ready, 1, -1), 0);
		socket_server_run(s);
	}
}

static int dial(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Bytes without end, as long as somebody takes them. */
static void *drip(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	const int *fd = arg;

	while (send(*fd, "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&pause, NULL);
	return NULL;
}

static void *ask(void *arg)
{
	const struct str words[] = { STR("say"), STR("hello") };
	struct buf body;
	char *said = NULL;

	buf_init(&body, 256);
	if (!ask_daemon(arg, words, 2, &body))
		said = strdup(body.ptr);
	buf_done(&body);
	return said;
}

/* Without a bound for the whole line this would never return. */
START_TEST(a_byte_now_and_then_buys_no_time)
{
	const char *path = path_of("admin.sock");
	struct socket_server *s = open_server(path, echo);
	int fd = dial(path);
	pthread_t dripper, asker;
	void *said;

	ck_assert_int_eq(pthread_create(&dripper, NULL, drip, &fd), 0);
	serve(s, 1);
	ck_assert_int_eq(pthread_join(dripper, NULL), 0);
	close(fd);

	ck_assert_int_eq(pthread_create(&asker, NULL, ask, (void *)path), 0);
	serve(s, 2);
	ck_assert_int_eq(pthread_join(asker, &said), 0);
	ck_assert_ptr_nonnull(said);
	ck_assert_str_eq(said, "hello");
	free(said);
	socket_server_free(s);
}
END_TEST

/* Were one waited for, the others' answers would come after its end. */
START_TEST(a_silent_client_delays_nobody)
{
	const char *path = path_of("silent.sock");
	struct socket_server *s = open_server(path, echo);
	int silent = dial(path), half = dial(path);
	pthread_t asker;
	void *said;

	socket_server_be_patient(s, 3600 * 1000);
	ck_assert_int_eq(send(half, "say +5\nfo", 9, 0), 9);
	socket_server_run(s);
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(pthread_create(&asker, NULL, ask,
						(void *)path), 0);
		/* those two are still there: they are not counted */
		serve(s, i);
		ck_assert_int_eq(pthread_join(asker, &said), 0);
		ck_assert_ptr_nonnull(said);
		ck_assert_str_eq(said, "hello");
		free(said);
	}
	/* and they have theirs, with what comes late */
	ck_assert_int_eq(send(half, "urs", 3, MSG_NOSIGNAL), 3);
	serve(s, 4);
	close(silent);
	close(half);
	socket_server_free(s);
}
END_TEST

START_TEST(the_silent_never_keep_the_door_shut)
{
	const char *path = path_of("crowd.sock");
	struct socket_server *s = open_server(path, echo);
	int fds[3 * SOCKET_CLIENTS_MAX];
	pthread_t asker;
	void *said;

	socket_server_be_patient(s, 3600 * 1000);
	for (int i = 0; i < 3 * SOCKET_CLIENTS_MAX; i++) {
		fds[i] = dial(path);
		socket_server_run(s);
	}
	/* the oldest went: the door never holds more */
	ck_assert_uint_eq(socket_server_served(s), 2 * SOCKET_CLIENTS_MAX);
	ck_assert_int_eq(pthread_create(&asker, NULL, ask, (void *)path), 0);
	serve(s, 2 * SOCKET_CLIENTS_MAX + 2);
	ck_assert_int_eq(pthread_join(asker, &said), 0);
	ck_assert_ptr_nonnull(said);
	free(said);
	for (int i = 0; i < 3 * SOCKET_CLIENTS_MAX; i++)
		close(fds[i]);
	socket_server_free(s);
}
END_TEST

/* ---- words that are texts ---- */

static unsigned told_runs;

/* Each word in brackets, so that where it begins and ends shows. */
static const char *tell(void *ctx, const struct str *words, unsigned count,
			struct buf *body)
{
	(void)ctx;
	told_runs++;
	for (unsigned i = 0; i < count; i++) {
		buf_addc(body, '[');
		buf_adds(body, words[i]);
		buf_addc(body, ']');
	}
	return NULL;
}

struct client {
	const char *path;
	const struct str *words;
	unsigned count;
	enum err err;
	struct buf body;
};

static void *ask_words(void *arg)
{
	struct client *c = arg;

	buf_init(&c->body, 1 << 20);
	c->err = ask_daemon(c->path, c->words, c->count, &c->body);
	return NULL;
}

START_TEST(a_word_may_hold_anything)
{
	static char big[SOCKET_TEXTS_MAX], line[700];
	const struct str sets[][5] = {
		{ STR("tickets"), STR("Jane Doe"), STR("Try\n\tagain\n"),
		  STR("") , STR("key") },
		{ STR("+5"), STR("+"), STR("a\0b"), STR("\xff\x7f"),
		  STR("k\xc3\xb6ln") },
		{ STR("say"), { big, sizeof(big) }, STR("x"), STR("--json"),
		  STR("y") },
		{ { line, sizeof(line) }, { line, 500 }, STR("x"), STR("x"),
		  STR("x") },
	};
	const char *path = path_of("words.sock");
	struct socket_server *s = open_server(path, tell);

	memset(big, ' ', sizeof(big));
	memset(line, 'w', sizeof(line));
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct client c = { .path = path, .words = sets[i],
				    .count = 5 };
		struct buf want;
		pthread_t asker;

		ck_assert_int_eq(pthread_create(&asker, NULL, ask_words, &c),
				 0);
		serve(s, i + 1);
		ck_assert_int_eq(pthread_join(asker, NULL), 0);
		ck_assert_int_eq(c.err, ERR_OK);
		buf_init(&want, 1 << 20);
		tell(NULL, sets[i], 5, &want);
		ck_assert_msg(str_eq(buf_str(&c.body), buf_str(&want)),
			      "set %zu", i);
		buf_done(&want);
		buf_done(&c.body);
	}
	socket_server_free(s);
}
END_TEST

START_TEST(what_the_daemon_would_refuse_is_not_sent)
{
	static char big[SOCKET_TEXTS_MAX + 1];
	struct str many[SOCKET_WORDS_MAX + 1];
	const struct str long_text[] = { { big, sizeof(big) } };
	const struct str long_line[] = {
		{ big, 500 }, { big, 500 }, { big, 30 },
	};
	struct buf body;

	memset(big, 'x', sizeof(big));
	for (int i = 0; i <= SOCKET_WORDS_MAX; i++)
		many[i] = STR("x");
	buf_init(&body, 64);
	ck_assert_int_eq(ask_daemon("/nowhere", many, SOCKET_WORDS_MAX, &body),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(ask_daemon("/nowhere", many, SOCKET_WORDS_MAX + 1,
				    &body), ERR_LIMIT);
	ck_assert_int_eq(ask_daemon("/nowhere", many, 0, &body), ERR_LIMIT);
	ck_assert_int_eq(ask_daemon("/nowhere", long_text, 1, &body),
			 ERR_LIMIT);
	ck_assert_int_eq(ask_daemon("/nowhere", long_line, 3, &body),
			 ERR_LIMIT);
	buf_done(&body);
}
END_TEST

/*
 * Send these bytes, in pieces of `piece`, close our side where `ends`, serve;
 * what comes back, in a static array.
 */
static const char *exchange(struct str bytes, size_t piece, bool ends)
{
	static char back[65536 * 2];
	const char *path = path_of("raw.sock");
	struct socket_server *s = open_server(path, tell);
	int fd = dial(path);
	size_t len = 0;
	ssize_t n;

	told_runs = 0;
	for (size_t at = 0; at < bytes.len; at += piece) {
		size_t left = bytes.len - at;

		if (left > piece)
			left = piece;
		/* what follows all of a request is not read */
		if (send(fd, bytes.ptr + at, left, MSG_NOSIGNAL) < 0)
			break;
		/* now and then it sees a piece by itself */
		if (at % 3 == 0 && !socket_server_served(s))
			socket_server_run(s);
	}
	if (ends)
		shutdown(fd, SHUT_WR);
	serve(s, 1);
	while ((n = read(fd, back + len, sizeof(back) - len - 1)) > 0)
		len += (size_t)n;
	back[len] = '\0';
	close(fd);
	socket_server_free(s);
	return back;
}

START_TEST(texts_come_in_pieces_and_end_where_they_said)
{
	static const struct {
		struct str sent;
		const char *back;
	} cases[] = {
		{ STR("say +3 b +4\nabcdefgEXTRA"),
		  "ok 19\n[say][abc][b][defg]" },
		{ STR("+0 +0\n"), "ok 4\n[][]" },
		{ STR("  say   x  \n"), "ok 8\n[say][x]" },
		{ STR("\n"), "ok 0\n" },
		{ STR("say +2\n\n\n"), "ok 9\n[say][\n\n]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece < 30; piece++)
			ck_assert_str_eq(exchange(cases[i].sent, piece, false),
					 cases[i].back);
}
END_TEST

START_TEST(a_request_that_lies_is_refused_and_not_run)
{
	static const struct str lies[] = {
		STR("say +65537\n"), STR("say +65536 +1\n"),
		STR("say +-1\n"), STR("say ++1\n"), STR("say +\n"),
		STR("say +01\nx"), STR("say +1x\nx"), STR("say + 1\nx"),
		STR("say +18446744073709551616\n"),
		STR("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"),
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const char *back = exchange(lies[i], 64, false);

		ck_assert_msg(!strncmp(back, "error ", 6), "%.*s: %s",
			      STR_ARG(lies[i]), back);
		ck_assert_uint_eq(told_runs, 0);
	}
}
END_TEST

START_TEST(a_request_that_is_cut_short_is_not_run)
{
	static char line[SOCKET_LINE_MAX];
	static const struct str cut[] = {
		STR(""), STR("say"), STR("say +5\nfour"), STR("say +1\n"),
		STR("say +65536\nx"),
	};

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		ck_assert_str_eq(exchange(cut[i], 64, true), "");
		ck_assert_uint_eq(told_runs, 0);
	}
	/* and a line as long as one may be, and a byte longer */
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	exchange((struct str){ line, sizeof(line) }, 4096, false);
	ck_assert_uint_eq(told_runs, 1);
	line[sizeof(line) - 1] = 'x';
	ck_assert_str_eq(exchange((struct str){ line, sizeof(line) }, 4096,
				  false), "");
	ck_assert_uint_eq(told_runs, 0);
}
END_TEST

/* The time is for the texts too, not for the line alone. */
START_TEST(texts_that_never_come_are_not_waited_for)
{
	ck_assert_str_eq(exchange(STR("say +5\nfour"), 64, false), "");
	ck_assert_uint_eq(told_runs, 0);
}
END_TEST

/* More than any socket's buffer holds. */
static const char *flood(void *ctx, const struct str *words, unsigned count,
			 struct buf *body)
{
	(void)ctx;
	(void)words;
	(void)count;
	buf_reserve(body, SOCKET_BODY_MAX / 2);
	for (int i = 0; i < SOCKET_BODY_MAX / 2 / 64; i++)
		buf_adds(body, STR("01234567890123456789012345678901"
				   "01234567890123456789012345678901"));
	return NULL;
}

static atomic_bool is_served;

/* Takes a byte now and then, as long as it is served. */
static void *sip(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	const int *fd = arg;
	char c;

	while (!is_served && recv(*fd, &c, 1, 0) == 1)
		nanosleep(&pause, NULL);
	return NULL;
}

/* Without a bound for the whole answer this would never return. */
START_TEST(a_byte_taken_now_and_then_buys_no_time)
{
	const char *path = path_of("sip.sock");
	struct socket_server *s = open_server(path, flood);
	int fd = dial(path);
	pthread_t sipper;

	ck_assert_int_eq(send(fd, "x\n", 2, 0), 2);
	ck_assert_int_eq(pthread_create(&sipper, NULL, sip, &fd), 0);
	serve(s, 1);
	is_served = true;
	ck_assert_int_eq(pthread_join(sipper, NULL), 0);
	close(fd);
	socket_server_free(s);
}
END_TEST

/* Says these bytes to whoever comes, and hangs up. */
struct liar {
	int listener;
	struct str says;
};

static void *lie(void *arg)
{
	const struct liar *liar = arg;
	int fd = accept(liar->listener, NULL, NULL);
	char line[64];

	if (read(fd, line, sizeof(line)) > 0)
		send(fd, liar->says.ptr, liar->says.len, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

START_TEST(an_answer_that_was_cut_is_no_answer)
{
	static const struct {
		struct str says;
		enum err err;
	} cases[] = {
		{ STR("ok 4\nfour"), ERR_OK },
		{ STR("flawed 4\nfour"), ERR_CONFLICT },
		{ STR("flawed 5\nfour"), ERR_IO },
		{ STR("ok 4\nfou"), ERR_IO },
		{ STR("ok 4\nfourx"), ERR_IO },
		{ STR("ok 4"), ERR_IO },
		{ STR("ok\n"), ERR_IO },
		{ STR("ok \n"), ERR_IO },
		{ STR("ok x\n"), ERR_IO },
		{ STR(""), ERR_IO },
		{ STR("error no\n"), ERR_SYNTAX },
	};
	const struct str words[] = { STR("x") };
	const char *path = path_of("liar.sock");
	char why[256] = "";
	struct liar liar;

	liar.listener = socket_listen(path, why, sizeof(why));
	ck_assert_msg(liar.listener >= 0, "%s", why);
	/* it waits for us */
	fcntl(liar.listener, F_SETFL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf body;
		pthread_t thread;

		liar.says = cases[i].says;
		buf_init(&body, 64);
		ck_assert_int_eq(pthread_create(&thread, NULL, lie, &liar), 0);
		ck_assert_msg(ask_daemon(path, words, 1, &body) ==
			      cases[i].err, "%.*s", STR_ARG(cases[i].says));
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		if (cases[i].err == ERR_IO)
			ck_assert_uint_eq(body.len, 0);
		buf_done(&body);
	}
	close(liar.listener);
}
END_TEST

static void socket_tests(TCase *tc)
{
	tcase_add_test(tc, only_we_may_connect);
	tcase_add_test(tc, what_a_killed_daemon_left_is_replaced);
	tcase_add_test(tc, what_is_no_socket_stays);
	tcase_add_test(tc, a_path_that_no_socket_can_have_is_told);
	tcase_add_test(tc, a_byte_now_and_then_buys_no_time);
	tcase_add_test(tc, a_silent_client_delays_nobody);
	tcase_add_test(tc, the_silent_never_keep_the_door_shut);
	tcase_add_test(tc, a_word_may_hold_anything);
	tcase_add_test(tc, what_the_daemon_would_refuse_is_not_sent);
	tcase_add_test(tc, texts_come_in_pieces_and_end_where_they_said);
	tcase_add_test(tc, a_request_that_lies_is_refused_and_not_run);
	tcase_add_test(tc, a_request_that_is_cut_short_is_not_run);
	tcase_add_test(tc, texts_that_never_come_are_not_waited_for);
	tcase_add_test(tc, a_byte_taken_now_and_then_buys_no_time);
	tcase_add_test(tc, an_answer_that_was_cut_is_no_answer);
}

UNIT_MAIN("socket", socket_tests)
