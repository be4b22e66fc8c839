#include <errno.h>
#include <sys/socket.h>

#include "unit/unit.h"

#include "http/tap.h"

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD_LEN (sizeof(HEAD) - 1)

static const struct {
	const char *name;
	struct str bytes;
	enum tap_state state;
	size_t len;
} cases[] = {
	{ "a head", { HEAD, HEAD_LEN }, TAP_WHOLE, HEAD_LEN },
	{ "empty lines first", { "\r\n\r\n" HEAD, HEAD_LEN + 4 }, TAP_WHOLE,
	  HEAD_LEN },
	{ "what follows is not looked at", { HEAD "\0\n\n", HEAD_LEN + 3 },
	  TAP_WHOLE, HEAD_LEN },
	{ "not at its end", { HEAD, HEAD_LEN - 1 }, TAP_READING, HEAD_LEN - 1 },
	{ "NUL", { "GET / HTTP/1.1\0", 15 }, TAP_DIRTY, 0 },
	{ "bare LF", { "GET / HTTP/1.1\nHost: a\r\n\r\n", 27 }, TAP_DIRTY, 0 },
	{ "bare LF first", { "\n" HEAD, HEAD_LEN + 1 }, TAP_DIRTY, 0 },
	{ "bare LF last", { "GET / HTTP/1.1\r\n\n", 17 }, TAP_DIRTY, 0 },
	{ "colon LF", { "GET / HTTP/1.1\r\nHost: a\r\n:\n", 27 }, TAP_DIRTY,
	  0 },
};

START_TEST(heads_are_told_from_what_looks_alike)
{
	struct str bytes = cases[_i].bytes;

	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct tap tap = { 0 };

		tap_feed(&tap, bytes.ptr, cut);
		tap_feed(&tap, bytes.ptr + cut, bytes.len - cut);
		ck_assert_msg(tap.state == cases[_i].state, "%s cut at %zu",
			      cases[_i].name, cut);
		if (tap.state != TAP_DIRTY)
			ck_assert_uint_eq(tap.len, cases[_i].len);
	}
	ck_assert(tap_is_live());
}
END_TEST

/* What the library would answer by itself, wherever the head is cut. */
START_TEST(what_the_library_must_not_see_is_told)
{
	static const struct {
		const char *head;
		enum tap_fault fault;
	} heads[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", TAP_FINE },
		{ "GET / HTTP/1.1\r\nhOST:a\r\nContent-Length: \t7\r\n"
		  "\r\n", TAP_FINE },
		{ "GET / HTTP/1.1\r\nHosts: a\r\n\r\n", TAP_HOST },
		{ "GET / HTTP/1.0\r\n\r\n", TAP_HOST },
		{ "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
		  TAP_MALFORMED },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", TAP_MALFORMED },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 7 \r\n"
		  "\r\n", TAP_LENGTH },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
		  TAP_LENGTH },
		{ "GET / HTTP/1.1\r\nHost: a\r\ncontent-length: -1\r\n\r\n",
		  TAP_LENGTH },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: "
		  "9223372036854775808\r\n\r\n", TAP_LENGTH },
		/* 14 records, the head, the cookies once more */
		{ "GET /?a&b HTTP/1.1\r\nHost: a\r\nCookie: a;b;c;d;e;f;g;h"
		  "\r\n\r\n", TAP_COOKIES },
		{ "GET / HTTP/1.1\r\nHost: a\r\nCookie: a;b\r\n"
		  "Cookie: a;b;c;d;e;f;g;h\r\n\r\n", TAP_FINE },
	};

	for (size_t i = 0; i < N_ELEMENTS(heads); i++) {
		size_t len = strlen(heads[i].head);

		for (size_t cut = 0; cut <= len; cut++) {
			struct tap tap = { .memory = 1024 + 750 };

			tap_feed(&tap, heads[i].head, cut);
			tap_feed(&tap, heads[i].head + cut, len - cut);
			ck_assert_msg(tap.fault == heads[i].fault,
				      "%zu cut at %zu: %d", i, cut, tap.fault);
		}
	}
}
END_TEST

/* With its first octet: versions of the library have their say at once. */
START_TEST(a_line_that_begins_wrong_is_told_before_it_ends)
{
	static const char *const starts[] = {
		" ", "\t", "GET / HTTP/1.1\r\n ", "GET / HTTP/1.1\r\n\t",
		"GET / HTTP/1.1\r\nHost: a\r\n:", "\r\n ",
	};

	for (size_t i = 0; i < N_ELEMENTS(starts); i++) {
		size_t len = strlen(starts[i]);
		struct tap tap = { 0 };

		tap_feed(&tap, starts[i], len - 1);
		ck_assert_int_eq(tap.fault, TAP_FINE);
		tap_feed(&tap, starts[i] + len - 1, 1);
		ck_assert_int_eq(tap.fault, TAP_MALFORMED);
	}
}
END_TEST

START_TEST(an_extension_that_the_library_cannot_skip_is_refused)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\n"
		"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n";

	for (size_t cut = 0; cut < sizeof(request) - 1; cut++) {
		for (int refuses = 0; refuses < 2; refuses++) {
			struct tap tap = { .refuses_extensions = refuses };

			tap_feed(&tap, request, cut);
			tap_feed(&tap, request + cut, sizeof(request) - 1 - cut);
			ck_assert_int_eq(tap.fault, refuses ? TAP_CHUNKS :
							      TAP_FINE);
			if (refuses)
				continue;
			ck_assert_int_eq(tap.chunks.state, CHUNKS_DONE);
		}
	}
}
END_TEST

START_TEST(one_request_after_the_other_is_seen)
{
	struct tap tap = { 0 };

	for (int i = 0; i < 3; i++) {
		tap_feed(&tap, HEAD "body", HEAD_LEN + 4);
		ck_assert_int_eq(tap.state, TAP_WHOLE);
		ck_assert_uint_eq(tap.len, HEAD_LEN);
		tap_next(&tap, 4);
		ck_assert_int_eq(tap.state, TAP_READING);
	}
}
END_TEST

START_TEST(one_request_with_the_other_is_not)
{
	struct tap tap = { 0 };

	tap_feed(&tap, HEAD HEAD, 2 * HEAD_LEN);
	ck_assert_int_eq(tap.state, TAP_WHOLE);
	tap_next(&tap, 0);
	ck_assert_int_eq(tap.state, TAP_UNSEEN);
	/* and nothing that comes later proves it */
	tap_feed(&tap, HEAD, HEAD_LEN);
	ck_assert_int_eq(tap.state, TAP_UNSEEN);
	tap_next(&tap, 0);
	ck_assert_int_eq(tap.state, TAP_UNSEEN);
}
END_TEST

START_TEST(only_watched_sockets_are_looked_at)
{
	struct tap tap, tls;
	char buffer[64];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(tap_watch(&tap, pair[1], false), ERR_OK);
	ck_assert_int_eq(send(pair[0], HEAD, HEAD_LEN, 0), HEAD_LEN);
	ck_assert_int_eq(recv(pair[1], buffer, 10, 0), 10);
	ck_assert_mem_eq(buffer, HEAD, 10);
	ck_assert_uint_eq(tap.len, 10);
	ck_assert_int_eq(recv(pair[1], buffer, 64, 0), HEAD_LEN - 10);
	ck_assert_int_eq(tap.state, TAP_WHOLE);
	/* under TLS these octets are ciphertext */
	ck_assert_int_eq(tap_watch(&tls, pair[1], true), ERR_OK);
	ck_assert_int_eq(send(pair[0], HEAD, HEAD_LEN, 0), HEAD_LEN);
	ck_assert_int_eq(recv(pair[1], buffer, 64, 0), HEAD_LEN);
	ck_assert_uint_eq(tls.len, 0);
	tap_unwatch(pair[1]);
	ck_assert_int_eq(send(pair[1], HEAD, HEAD_LEN, 0), HEAD_LEN);
	ck_assert_int_eq(recv(pair[0], buffer, 64, 0), HEAD_LEN);
	ck_assert_uint_eq(tls.len, 0);
	ck_assert_int_eq(tap_watch(&tap, -1, false), ERR_LIMIT);
	ck_assert_int_eq(tap_watch(&tap, TAP_FD_MAX, false), ERR_LIMIT);
	ck_assert_int_eq(recv(-1, buffer, 64, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	tap_thread_done();
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, heads_are_told_from_what_looks_alike, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, what_the_library_must_not_see_is_told);
	tcase_add_test(tcase, a_line_that_begins_wrong_is_told_before_it_ends);
	tcase_add_test(tcase,
		       an_extension_that_the_library_cannot_skip_is_refused);
	tcase_add_test(tcase, one_request_after_the_other_is_seen);
	tcase_add_test(tcase, one_request_with_the_other_is_not);
	tcase_add_test(tcase, only_watched_sockets_are_looked_at);
}

UNIT_MAIN("tap", add_tests)
