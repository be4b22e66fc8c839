/*
 * Heads against a real libmicrohttpd daemon: what the guard lets through must
 * be what a strict reader takes for a request too.
 */
#include "unit/unit.h"

#include "base/buf.h"
#include "http/selftest.h"
#include "unit/http/heads.h"
#include "unit/http/mutants.h"

#define MUTANTS 20000		/* unless GUARD_MUTANTS says otherwise */

/* ---- one by one --------------------------------------------------------- */

/* "ours": stricter than the grammar */
static const struct {
	const char *name;
	struct str head;
} bad[] = {
	HEAD("two lengths", "POST /p HTTP/1.1\r\nContent-Length: 0\r\n"
	     "Content-Length: 5\r\n" REST "hello"),
	HEAD("two equal lengths", "POST /p HTTP/1.1\r\nContent-Length: 5\r\n"
	     "content-length: 5\r\n" REST "hello"),
	HEAD("a list of lengths", "POST /p HTTP/1.1\r\nContent-Length: 5, 5\r\n"
	     REST "hello"),
	HEAD("a signed length", "POST /p HTTP/1.1\r\nContent-Length: +5\r\n"
	     REST "hello"),
	HEAD("a hexadecimal length",
	     "POST /p HTTP/1.1\r\nContent-Length: 0x5\r\n" REST "hello"),
	HEAD("ours: a length" TRAILING_BLANK,
	     "POST /p HTTP/1.1\r\nContent-Length: 5 \r\n" REST "hello"),
	HEAD("ours: a length that might be octal",
	     "POST /p HTTP/1.1\r\nContent-Length: 05\r\n" REST "hello"),
	HEAD("an endless length", "POST /p HTTP/1.1\r\nContent-Length: "
	     "99999999999999999999\r\n" REST),
	HEAD("an empty length", "POST /p HTTP/1.1\r\nContent-Length:\r\n" REST),
	HEAD("coding and length", "POST /p HTTP/1.1\r\nContent-Length: 5\r\n"
	     "Transfer-Encoding: chunked\r\n" REST "0\r\n\r\n"),
	HEAD("identity", "POST /p HTTP/1.1\r\nTransfer-Encoding: identity\r\n"
	     REST),
	HEAD("two codings", "POST /p HTTP/1.1\r\nTransfer-Encoding: gzip, "
	     "chunked\r\n" REST),
	HEAD("ours: chunked" TRAILING_BLANK,
	     "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked \r\n" REST),
	HEAD("coding twice", "POST /p HTTP/1.1\r\n"
	     "Transfer-Encoding: chunked\r\n"
	     "Transfer-Encoding: chunked\r\n" REST),
	HEAD("coding in HTTP/1.0",
	     "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" REST),
	HEAD("folded line", RQ "A: 1\r\n 2\r\n" REST),
	HEAD("folded by a tab", RQ "A: 1\r\n\t2\r\n" REST),
	HEAD("name made by a fold",
	     RQ "X-Forw: x\r\n arded-For: 1.2.3.4\r\n" REST),
	HEAD("fold right after the request line", RQ " A: 1\r\n" REST),
	HEAD("empty name", RQ "Host: a\r\n: v\r\nX: y\r\n\r\n"),
	HEAD("empty name last", RQ "Host: a\r\n: v\r\n\r\n"),
	HEAD("NUL starts a line", RQ "Host: a\r\n\0: v\r\nX: y\r\n\r\n"),
	HEAD("NUL in a name", RQ "A\0b: 1\r\n" REST),
	HEAD("NUL in a value", RQ "A: 1\0002\r\n" REST),
	HEAD("NUL ends a value", RQ "A: 1\0\r\n" REST),
	HEAD("NUL LF", RQ "A: 1\0\n" REST),
	HEAD("LF NUL at the end", RQ "Host: a\n\0\r\n"),
	HEAD("NUL LF ends the head", RQ "Host: a\r\n\0\n"),
	HEAD("colon LF ends the head", RQ "Host: a\r\n:\n"),
	HEAD("NUL in the target", "GET /p\0q HTTP/1.1\r\n" REST),
	HEAD("NUL in the method", "GE\0T /p HTTP/1.1\r\n" REST),
	HEAD("bare LF everywhere", "GET /p HTTP/1.1\nHost: a\n\n"),
	HEAD("bare LF after the request line", "GET /p HTTP/1.1\n" REST),
	HEAD("bare LF after a value", RQ "A: 1\n" REST),
	HEAD("bare LF ends the head", RQ "Host: a\r\n\n"),
	HEAD("bare CR in a value", RQ "A: 1\rB: 2\r\n" REST),
	HEAD("bare CR in the target", "GET /p\rq HTTP/1.1\r\n" REST),
	HEAD("CR CR LF", RQ "A: 1\r\r\n" REST),
	HEAD("control character", RQ "A: 1\x01\r\n" REST),
	HEAD("DEL", RQ "A: 1\x7f\r\n" REST),
	HEAD("no colon", RQ "A 1\r\n" REST),
	HEAD("blank before the colon", RQ "A : 1\r\n" REST),
	HEAD("blank in a name", RQ "A b: 1\r\n" REST),
	HEAD("bracket in a name", RQ "A(b): 1\r\n" REST),
	HEAD("beyond ASCII in a name", RQ "\xc3\xa4: 1\r\n" REST),
	HEAD("HTTP/1.9", "GET /p HTTP/1.9\r\n" REST),
	HEAD("HTTP/1.11", "GET /p HTTP/1.11\r\n" REST),
	HEAD("HTTP/2.0", "GET /p HTTP/2.0\r\n" REST),
	HEAD("http/1.1", "GET /p http/1.1\r\n" REST),
	HEAD("no version", "GET /p\r\n" REST),
	HEAD("blank after the version", "GET /p HTTP/1.1 \r\n" REST),
	HEAD("two blanks", "GET  /p HTTP/1.1\r\n" REST),
	HEAD("two blanks later", "GET /p  HTTP/1.1\r\n" REST),
	HEAD("a tab", "GET\t/p HTTP/1.1\r\n" REST),
	HEAD("blank in the target", "GET /p q HTTP/1.1\r\n" REST),
	HEAD("absolute-form", "GET http://a.example/p HTTP/1.1\r\n" REST),
	HEAD("authority-form", "GET a.example:443 HTTP/1.1\r\n" REST),
	HEAD("asterisk-form", "OPTIONS * HTTP/1.1\r\n" REST),
	HEAD("fragment", "GET /p#q HTTP/1.1\r\n" REST),
	HEAD("target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" REST),
	HEAD("no slash", "GET p HTTP/1.1\r\n" REST),
	HEAD("no host", RQ "A: 1\r\n\r\n"),
	HEAD("no host in HTTP/1.0", "GET /p HTTP/1.0\r\nA: 1\r\n\r\n"),
	HEAD("two hosts", RQ "Host: b.example\r\n" REST),
	HEAD("two equal hosts", RQ "host: a.example\r\n" REST),
	HEAD("unknown method", "BREW /p HTTP/1.1\r\n" REST),
	HEAD("DELETE", "DELETE /p HTTP/1.1\r\n" REST),
	HEAD("TRACE", "TRACE /p HTTP/1.1\r\n" REST),
	HEAD("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" REST),
	HEAD("get", "get /p HTTP/1.1\r\n" REST),
	HEAD("ours: X_Forwarded_For", RQ "X_Forwarded_For: 1.2.3.4\r\n" REST),
	HEAD("ours: x-forwarded_for", RQ "x-forwarded_for: 1.2.3.4\r\n" REST),
	HEAD("ours: Content_Length",
	     "POST /p HTTP/1.1\r\nContent_Length: 5\r\n" REST),
};

/* What the strict library decides by itself: see reading.h. */
static bool is_left_to_library(const char *name)
{
	return LIBRARY_IS_STRICT && (!strcmp(name, EMPTY_LINE_FIRST) ||
				     strstr(name, TRAILING_BLANK));
}

START_TEST(good_heads_pass)
{
	struct reading reading;

	if (is_left_to_library(good[_i].name))
		return;
	ck_assert_msg(heads_accepts(good[_i].head.ptr, good[_i].head.len,
				    SIZE_MAX), "%s: %s", good[_i].name,
		      probe.was_called ? guard_reason(probe.verdict) :
					 "the library refused it");
	ck_assert_msg(heads_read(good[_i].head, &reading), "%s",
		      good[_i].name);
	heads_check_same(&reading);
}
END_TEST

START_TEST(good_heads_pass_however_they_arrive)
{
	if (is_left_to_library(good[_i].name))
		return;
	for (size_t cut = 1; cut < good[_i].head.len; cut++)
		ck_assert_msg(heads_accepts(good[_i].head.ptr,
					    good[_i].head.len, cut),
			      "%s cut at %zu", good[_i].name, cut);
}
END_TEST

START_TEST(bad_heads_do_not)
{
	if (is_left_to_library(bad[_i].name))
		return;
	for (size_t cut = 1; cut <= bad[_i].head.len; cut++)
		ck_assert_msg(!heads_accepts(bad[_i].head.ptr, bad[_i].head.len,
					     cut),
			      "%s cut at %zu", bad[_i].name, cut);
}
END_TEST

/* Values and targets are read by eight. */
START_TEST(each_octet_counts_wherever_it_stands)
{
	enum { LEN = 19, VALUE_AT = 19, TARGET_AT = 5 };
	unsigned wrong = 0;

	for (unsigned i = 0; i < 2 * LEN * 256; i++) {
		char value[] = "GET /p HTTP/1.1\r\nA:xxxxxxxxxxxxxxxxxxx\r\n"
			       "Host: a\r\n\r\n";
		char target[] = "GET /xxxxxxxxxxxxxxxxxxx HTTP/1.1\r\n"
				"Host: a\r\n\r\n";
		bool is_target = i & 1;
		unsigned char c = (unsigned char)(i >> 1);
		char *head = is_target ? target : value;
		bool is_good = is_target ? c > ' ' && c < 0x7f && c != '#' :
			       c == '\t' || (c >= ' ' && c != 0x7f);

		head[(is_target ? TARGET_AT : VALUE_AT) + i / 512] = (char)c;
		wrong += is_good != heads_accepts(head, is_target ?
			sizeof(target) - 1 : sizeof(value) - 1, SIZE_MAX);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(the_reader_of_this_test_agrees)
{
	struct reading reading;

	if (strncmp(bad[_i].name, "ours", 4) != 0)
		ck_assert_msg(!heads_read(bad[_i].head, &reading), "%s",
			      bad[_i].name);
}
END_TEST

START_TEST(headers_are_counted)
{
	char head[HEAD_MAX];
	struct buf buf;

	for (int n = REQUEST_HEADERS_MAX; n <= REQUEST_HEADERS_MAX + 1; n++) {
		buf_init_fixed(&buf, head, sizeof(head));
		buf_puts(&buf, RQ);
		for (int i = 1; i < n; i++)
			buf_printf(&buf, "A%d: %d\r\n", i, i);
		buf_puts(&buf, REST);
		ck_assert_int_eq(heads_accepts(buf.ptr, buf.len, SIZE_MAX),
				 n == REQUEST_HEADERS_MAX);
		if (n > REQUEST_HEADERS_MAX)
			ck_assert_int_eq(probe.verdict, GUARD_HEADERS);
	}
}
END_TEST

START_TEST(framing_is_told)
{
	ck_assert(heads_accepts(good[12].head.ptr, good[12].head.len,
				SIZE_MAX));
	ck_assert_str_eq(good[12].name, "length");
	ck_assert_uint_eq(probe.head.content_length, 5);
	ck_assert(!probe.head.is_chunked);
	ck_assert(heads_accepts(good[14].head.ptr, good[14].head.len,
				SIZE_MAX));
	ck_assert_str_eq(good[14].name, "chunked");
	ck_assert(probe.head.is_chunked);
	ck_assert(probe.head.content_length == GUARD_NO_LENGTH);
	ck_str_is(probe.head.host, "a.example");
}
END_TEST

START_TEST(the_library_passes_the_self_test)
{
	const char *which = "";
	enum err err = selftest_guard(&which);

	ck_assert_msg(err == ERR_OK, "%s: %s", err_text(err), which);
}
END_TEST

/* ---- by the thousand ---------------------------------------------------- */

START_TEST(mutants_mean_the_same_to_both)
{
	const char *wanted = getenv("GUARD_MUTANTS");
	unsigned count = wanted ? (unsigned)strtoul(wanted, NULL, 10) : MUTANTS;
	unsigned accepted = 0, wrong = 0, lost = 0;

	mutants_seed(count);
	for (unsigned i = 0; i < count; i++) {
		char head[HEAD_MAX];
		struct reading reading;
		size_t len;
		bool is_valid;

		len = mutants_next(head);
		is_valid = heads_read((struct str){ head, len }, &reading);
		if (!heads_accepts(head, len, draw(4) ? SIZE_MAX :
				     1 + draw((uint32_t)len + 1))) {
			lost += is_valid && !reading.is_ours_to_refuse;
			continue;
		}
		accepted++;
		if (is_valid) {
			heads_check_same(&reading);
			continue;
		}
		wrong++;
		for (size_t j = 0; j < len; j++)
			fprintf(stderr, head[j] < 32 || head[j] == 127 ?
				"\\%02x" : "%c", head[j]);
		fputc('\n', stderr);
	}
	printf("guard: %u mutants, %u accepted, %u of them wrongly, %u valid "
	       "ones refused\n", count, accepted, wrong, lost);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_gt(accepted, count / 20);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, heads_start, heads_stop);
	tcase_add_loop_test(tcase, good_heads_pass, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, good_heads_pass_however_they_arrive, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, bad_heads_do_not, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tcase, the_reader_of_this_test_agrees, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, each_octet_counts_wherever_it_stands);
	tcase_add_test(tcase, headers_are_counted);
	tcase_add_test(tcase, framing_is_told);
	tcase_add_test(tcase, the_library_passes_the_self_test);
	tcase_add_test(tcase, mutants_mean_the_same_to_both);
}

UNIT_MAIN("guard", add_tests)
