/* A request as it comes over the operator's socket, in whatever pieces. */
#include "admin/socket-private.h"

#include <sys/socket.h>

#include "unit/unit.h"

static struct socket_request *request;
static int near_end, far_end;

static void set_up(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair), 0);
	near_end = pair[0];
	far_end = pair[1];
	request = calloc(1, sizeof(*request));
	ck_assert_ptr_nonnull(request);
}

static void tear_down(void)
{
	close(near_end);
	if (far_end >= 0)
		close(far_end);
	free(request->texts);
	free(request);
}

static void again(void)
{
	tear_down();
	set_up();
}

static void send_all(const void *data, size_t len)
{
	ck_assert_int_eq(send(far_end, data, len, 0), (ssize_t)len);
}

static enum socket_progress look(void)
{
	return socket_request_read(near_end, request);
}

static enum socket_progress ask(const char *text)
{
	send_all(text, strlen(text));
	return look();
}

static void ck_refused(const char *text, const char *trouble)
{
	ck_assert_msg(ask(text) == SOCKET_READY, "%s", text);
	ck_assert_msg(request->trouble != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(request->trouble, trouble));
	again();
}

START_TEST(a_line_is_words)
{
	ck_assert_int_eq(ask("tickets  list acme \n"), SOCKET_READY);
	ck_assert_ptr_null(request->trouble);
	ck_assert_uint_eq(request->count, 3);
	ck_str_is(request->words[0], "tickets");
	ck_str_is(request->words[1], "list");
	ck_str_is(request->words[2], "acme");
	again();
	ck_assert_int_eq(ask("\n"), SOCKET_READY);
	ck_assert_uint_eq(request->count, 0);
	ck_assert_ptr_null(request->trouble);
}
END_TEST

START_TEST(a_counted_word_may_hold_anything)
{
	static const char all[] = "reply +8 7 +0 +5\nJane DoeA\n\0+1";

	send_all(all, sizeof(all) - 1);
	ck_assert_int_eq(look(), SOCKET_READY);
	ck_assert_ptr_null(request->trouble);
	ck_assert_uint_eq(request->count, 5);
	ck_str_is(request->words[1], "Jane Doe");
	ck_str_is(request->words[2], "7");
	ck_assert_uint_eq(request->words[3].len, 0);
	ck_assert(!str_is_null(request->words[3]));
	ck_assert_uint_eq(request->words[4].len, 5);
	ck_assert_mem_eq(request->words[4].ptr, "A\n\0+1", 5);
}
END_TEST

/* However it is cut, it is the same request, and not one before its end. */
START_TEST(pieces_make_a_whole)
{
	static const char all[] = "tickets reply +8 7 +3\nJane DoeHi!";
	const size_t len = sizeof(all) - 1;

	for (size_t cut = 1; cut < len; cut++) {
		send_all(all, cut);
		ck_assert_msg(look() == SOCKET_MORE, "%zu", cut);
		ck_assert_int_eq(look(), SOCKET_MORE);
		send_all(all + cut, len - cut);
		ck_assert_msg(look() == SOCKET_READY, "%zu", cut);
		ck_assert_uint_eq(request->count, 5);
		ck_str_is(request->words[2], "Jane Doe");
		ck_str_is(request->words[4], "Hi!");
		again();
	}
	for (size_t i = 0; i < len; i++) {
		send_all(all + i, 1);
		ck_assert_int_eq(look(), i + 1 < len ? SOCKET_MORE
						     : SOCKET_READY);
	}
	ck_str_is(request->words[4], "Hi!");
}
END_TEST

/* A line of `len` octets, its end counted, or without one. */
static enum socket_progress ask_line(size_t len, bool ends)
{
	char line[SOCKET_LINE_MAX + 2];

	memset(line, 'x', sizeof(line));
	if (ends)
		line[len - 1] = '\n';
	send_all(line, len);
	return look();
}

START_TEST(a_line_has_a_limit)
{
	ck_assert_int_eq(ask_line(SOCKET_LINE_MAX - 1, true), SOCKET_READY);
	again();
	ck_assert_int_eq(ask_line(SOCKET_LINE_MAX, true), SOCKET_READY);
	ck_assert_uint_eq(request->words[0].len, SOCKET_LINE_MAX - 1);
	again();
	ck_assert_int_eq(ask_line(SOCKET_LINE_MAX + 1, true), SOCKET_GONE);
	again();
	ck_assert_int_eq(ask_line(SOCKET_LINE_MAX - 1, false), SOCKET_MORE);
	again();
	ck_assert_int_eq(ask_line(SOCKET_LINE_MAX, false), SOCKET_GONE);
}
END_TEST

static enum socket_progress ask_words(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		send_all("w ", 2);
	return ask("\n");
}

START_TEST(words_have_a_limit)
{
	ck_assert_int_eq(ask_words(SOCKET_WORDS_MAX), SOCKET_READY);
	ck_assert_ptr_null(request->trouble);
	ck_assert_uint_eq(request->count, SOCKET_WORDS_MAX);
	again();
	ck_assert_int_eq(ask_words(SOCKET_WORDS_MAX + 1), SOCKET_READY);
	ck_assert_ptr_nonnull(request->trouble);
	ck_assert_ptr_nonnull(strstr(request->trouble, "too many words"));
}
END_TEST

START_TEST(texts_have_a_limit_together)
{
	char line[64], text[1024] = { 0 };

	_Static_assert(SOCKET_TEXTS_MAX == 65536, "the numbers below");
	ck_refused("a +65537\n", "too long");
	ck_refused("a +65536 +1\n", "too long");
	ck_refused("a +1 +65535 +0 +1\n", "too long");
	ck_refused("a +18446744073709551616\n", "no number");
	ck_refused("a +18446744073709551615 +2\n", "too long");
	snprintf(line, sizeof(line), "a +%d +1\n", SOCKET_TEXTS_MAX - 1);
	ck_assert_int_eq(ask(line), SOCKET_MORE);
	for (int i = 0; i < SOCKET_TEXTS_MAX / 1024; i++) {
		ck_assert_int_eq(look(), SOCKET_MORE);
		send_all(text, sizeof(text));
	}
	ck_assert_int_eq(look(), SOCKET_READY);
	ck_assert_ptr_null(request->trouble);
	ck_assert_uint_eq(request->words[1].len, SOCKET_TEXTS_MAX - 1);
	ck_assert_uint_eq(request->words[2].len, 1);
}
END_TEST

START_TEST(a_length_is_a_plain_number)
{
	static const char *const bad[] = {
		"+\n", "++1\n", "+-1\n", "+0x4\n", "+ 4\n", "+4k\n", "+1.5\n",
	};

	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		ck_refused(bad[i], "no number");
}
END_TEST

START_TEST(what_follows_the_texts_is_left_alone)
{
	ck_assert_int_eq(ask("a +2\nHi and more\nand more"), SOCKET_READY);
	ck_assert_uint_eq(request->count, 2);
	ck_str_is(request->words[1], "Hi");
}
END_TEST

START_TEST(who_hangs_up_before_the_end_is_gone)
{
	static const char *const part[] = { "", "tick", "a +3\n", "a +3\nHi" };

	for (size_t i = 0; i < N_ELEMENTS(part); i++) {
		ck_assert_int_eq(ask(part[i]), SOCKET_MORE);
		close(far_end);
		far_end = -1;
		ck_assert_int_eq(look(), SOCKET_GONE);
		again();
	}
	/* whole, and hung up after it: an answer is owed */
	send_all("status\n", 7);
	ck_assert_int_eq(shutdown(far_end, SHUT_WR), 0);
	ck_assert_int_eq(look(), SOCKET_READY);
	ck_str_is(request->words[0], "status");
}
END_TEST

static void request_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_line_is_words);
	tcase_add_test(tc, a_counted_word_may_hold_anything);
	tcase_add_test(tc, pieces_make_a_whole);
	tcase_add_test(tc, a_line_has_a_limit);
	tcase_add_test(tc, words_have_a_limit);
	tcase_add_test(tc, texts_have_a_limit_together);
	tcase_add_test(tc, a_length_is_a_plain_number);
	tcase_add_test(tc, what_follows_the_texts_is_left_alone);
	tcase_add_test(tc, who_hangs_up_before_the_end_is_gone);
}

UNIT_MAIN("socket-request", request_tests)
