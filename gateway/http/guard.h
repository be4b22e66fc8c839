/*
 * guard: proof that a request's head was what it seems to be.
 *
 * libmicrohttpd's parser is lenient: folded lines are glued to names, a NUL
 * or an empty name ends the headers early, of two Content-Lengths the first
 * wins.  Behind a proxy that reads the same bytes otherwise, each of these is
 * a smuggled request.  So at the first call of the access handler the pieces
 * that the library hands out (method, target, version, every name and value,
 * the head's size) must tile its buffer, without gap or overlap, as
 *
 *	method SP target SP "HTTP/1." ("0" | "1") CRLF
 *	*( token ":" OWS value OWS CRLF ) CRLF
 *
 * (RFC 9112 sections 3 and 5), where each CR, LF and SP that the library has
 * overwritten stands exactly where such a head has one.  What is left out of
 * the tiles was never looked at by us either, and the request is refused.
 * That each of those was a CR, an LF or a SP indeed is what http/tap saw; a
 * head that it did not see is refused as well.  It sees none that came together
 * with the request before it (pipelining, RFC 9112 section 9.3.2), so there
 * http/turn answers the first request with "Connection: close", and the library
 * drops the rest.  What a client that pipelines sends later, once an answer is
 * out, is served; the answer that is the last always says so.
 *
 * What the library would answer by itself never gets this far: the tap refuses
 * it while it comes in, with an answer of ours (http/refuse).
 *
 * This leans on how the library treats its buffer.  selftest_guard() feeds a
 * real daemon good and bad heads and must pass before anything is served.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "handoff/exchange.h"
#include "http/tap.h"

enum guard_verdict {
	GUARD_OK,
	GUARD_MALFORMED,	/* the head does not tile */
	GUARD_METHOD,		/* none of ours */
	GUARD_TARGET,		/* not origin-form (RFC 9112 section 3.2.1) */
	GUARD_VERSION,		/* not HTTP/1.0 or 1.1 */
	GUARD_HOST,		/* not exactly one Host */
	GUARD_FRAMING,		/* Content-Length, Transfer-Encoding */
	GUARD_NAME,		/* an underscore spelling of a name we act on */
	GUARD_HEADERS,		/* more than REQUEST_HEADERS_MAX */
	GUARD_COOKIES,		/* more than the library's memory holds */
	GUARD_PLAIN,		/* plain http where TLS is spoken */
	GUARD_NETWORK,		/* no head: too many of a client's network */
	GUARD_COUNT
};

/*
 * The request's target as the library's URI log callback saw it: `at` is where
 * it stood in the buffer, `raw` a copy, since the library decodes it in place
 * before the access handler runs.
 */
struct guard_target {
	const char *at;
	struct str raw;
};

#define GUARD_NO_LENGTH UINT64_MAX

/* A head that tiles; all slices lie in the library's buffer, in
 * [start, start + len), and live as long as the request there. */
struct guard_head {
	const char *start;
	size_t len;
	enum method method;
	bool is_http10;
	bool is_chunked;
	bool expects_continue;
	uint64_t content_length;	/* GUARD_NO_LENGTH: none given */
	struct str host;
	struct header headers[REQUEST_HEADERS_MAX];
	unsigned header_count;
};

/*
 * To be called at the first call of the access handler, with what it was
 * given.  *head is filled only with GUARD_OK.  `tap` may be NULL: then a head
 * whose lines end in NUL LF passes.
 */
enum guard_verdict guard_check(struct MHD_Connection *connection,
			       const char *method, const char *version,
			       struct guard_target target,
			       const struct tap *tap,
			       struct guard_head *head);

/* The answer to a refused head: its code (and so its status) and a text. */
struct guard_refusal {
	enum code code;
	const char *message;
};

/* For any verdict but GUARD_OK. */
const struct guard_refusal *guard_refusal(enum guard_verdict verdict);
/* One word, for the metric's label. */
const char *guard_reason(enum guard_verdict verdict);

#endif
