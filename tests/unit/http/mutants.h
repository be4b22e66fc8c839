/*
 * mutants: good request heads, and what becomes of them by a few changes, the
 * same with each run.
 *
 *	mutants_seed(number);
 *	for (...)
 *		len = mutants_next(head);
 */
#ifndef TESTS_UNIT_HTTP_MUTANTS_H
#define TESTS_UNIT_HTTP_MUTANTS_H

#include "unit/http/reading.h"

#define REST "Host: a.example\r\n\r\n"
#define RQ "GET /p HTTP/1.1\r\n"
#define HEAD(name, text) { name, { text, sizeof(text) - 1 } }

#define EMPTY_LINE_FIRST "an empty line first"
#define TRAILING_BLANK " with a blank at its end"

static const struct {
	const char *name;
	struct str head;
} good[] = {
	HEAD("plain", RQ REST),
	HEAD("HTTP/1.0", "GET /p HTTP/1.0\r\n" REST),
	HEAD("query", "GET /p?a=b&c=%20&&=;+ HTTP/1.1\r\n" REST),
	HEAD("encoded octets", "GET /%2f%2e%00%0d%0a?x=%00 HTTP/1.1\r\n" REST),
	HEAD("odd path", "GET //a/../b;c=(d)' HTTP/1.1\r\n" REST),
	HEAD("cookies", RQ "Cookie: a=b; c=d\r\nCookie: e=\"f\"\r\n" REST),
	HEAD("an odd cookie", RQ "Cookie: =v; ;\r\n" REST),
	HEAD("empty value", RQ "A:\r\nB: \r\nC:\t\r\n" REST),
	HEAD("blanks around a value", RQ "A: \t b c \t \r\n" REST),
	HEAD("colons in a value", RQ "A: b:c::d\r\n" REST),
	HEAD("octets beyond ASCII", RQ "A: \xc3\xa4\xff\r\n" REST),
	HEAD("a harmless underscore", RQ "My_Header: 1\r\n" REST),
	HEAD("length",
	     "POST /p HTTP/1.1\r\nContent-Length: 5\r\n" REST "hello"),
	HEAD("no length", "POST /p HTTP/1.1\r\nContent-Length: 0\r\n" REST),
	HEAD("chunked", "POST /p HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n"
			REST "0\r\n\r\n"),
	HEAD("options", "OPTIONS /p HTTP/1.1\r\nOrigin: null\r\n" REST),
	HEAD("head", "HEAD /p HTTP/1.1\r\n" REST),
	HEAD(EMPTY_LINE_FIRST, "\r\n" RQ REST),
};

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

static const struct str pieces[] = {
	{ "\r\n", 2 }, { "\n", 1 }, { "\r", 1 }, { "\0", 1 }, { "\0\n", 2 },
	{ "\n\0", 2 }, { "\r\n\0", 3 }, { "\n\n", 2 }, { "\0\r\n", 3 },
	{ "\0\0", 2 }, { "\r\n\r\n", 4 }, { " ", 1 }, { "\t", 1 }, { ":", 1 },
	{ "\r\n ", 3 }, { ": ", 2 }, { "\x7f", 1 }, { "\x01", 1 },
	{ "Host: b\r\n", 9 }, { "Content-Length: 3\r\n", 19 },
	{ "Transfer-Encoding: chunked\r\n", 28 }, { "HTTP/1.1", 8 },
	{ "GET / ", 6 }, { "\xff", 1 }, { "Cookie: a=b\r\n", 13 }, { "=", 1 },
	{ "?", 1 }, { "%00", 3 }, { ",", 1 }, { "_", 1 }, { "A:", 2 },
};

/* Replace [at, at + cut) by a piece. */
static size_t splice(char *head, size_t len, size_t at, size_t cut,
		     struct str piece)
{
	if (cut > len - at)
		cut = len - at;
	if (len - cut + piece.len > HEAD_MAX - 1)
		return len;
	memmove(head + at + piece.len, head + at + cut, len - at - cut);
	memcpy(head + at, piece.ptr, piece.len);
	return len - cut + piece.len;
}

/* Line ends are where parsers differ: half of all changes happen there. */
static size_t pick_place(const char *head, size_t len)
{
	size_t at = draw((uint32_t)len);

	if (draw(2))
		return at;
	for (size_t i = 0; i < len; i++, at = (at + 1) % len)
		if (head[at] == '\r' || head[at] == '\n')
			return at;
	return at;
}

static size_t mutate(char *head, size_t len)
{
	for (unsigned n = 1 + draw(3); n > 0 && len > 0; n--) {
		size_t at = pick_place(head, len);
		struct str piece =
			pieces[draw(sizeof(pieces) / sizeof(pieces[0]))];

		switch (draw(5)) {
		case 0:
			head[at] = (char)draw(256);
			break;
		case 1:
			len = splice(head, len, at, 1 + draw(3), STR(""));
			break;
		case 2:
			len = splice(head, len, at, 0, piece);
			break;
		case 3:
			len = splice(head, len, at, piece.len, piece);
			break;
		case 4:
			len = splice(head, len, at, 2, piece);
			break;
		}
	}
	return len;
}

__attribute__((unused)) static void mutants_seed(uint64_t number)
{
	seed = 0x9e3779b97f4a7c15 + number;
}

/* Into head[HEAD_MAX]; returns its octets. */
__attribute__((unused)) static size_t mutants_next(char *head)
{
	const struct str *from =
		&good[draw(sizeof(good) / sizeof(good[0]))].head;

	memcpy(head, from->ptr, from->len);
	return mutate(head, from->len);
}

#endif
