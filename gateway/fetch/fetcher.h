/*
 * fetcher: the gateway's only client: requests to servers of others, over
 * libcurl, by one thread of its own.
 *
 *	fetcher_get()  ->  in line  ->  name looked up  ->  addresses vetted
 *		->  transfer, pinned to them  ->  done()
 *
 * Whoever asks waits for nothing: `done` is called later, by the fetcher's
 * thread, and hands the answer on to where it is used.
 *
 * What a server, or whoever answers for its name, may do to us is bounded:
 * - addresses: all that a name has are vetted (fetch/address.h), and one that is
 *   refused fails the request; the transfer is pinned to those (no second
 *   look-up that might say something else); each socket is vetted again when it
 *   is opened, and each connection before it is used;
 * - no redirects, no proxies (of the environment neither), no cookies, no
 *   credentials; https alone, and http in development;
 * - time: FETCH_CONNECT_MS for the name, and again for the connection,
 *   FETCH_TOTAL_MS in all, however slowly octets come;
 * - room: answer_max of the body, FETCH_HEADERS_MAX of headers, FETCH_RUNNING_MAX
 *   transfers at a time, FETCH_WAITING_MAX in line.
 */
#ifndef FETCH_FETCHER_H
#define FETCH_FETCHER_H

#include <stdint.h>

#include "codec/url.h"
#include "fetch/resolver.h"

#define FETCH_CONNECT_MS 5000
#define FETCH_TOTAL_MS 15000
#define FETCH_HEADERS_MAX 16384
#define FETCH_RUNNING_MAX 16
#define FETCH_WAITING_MAX 256
#define FETCH_ETAG_MAX 256		/* octets; a longer one is not kept */
#define FETCH_WHY_MAX 256

struct fetcher;

/* Zero: as the gateway has it.  For tests. */
struct fetcher_options {
	resolver_fn *lookup;		/* NULL: getaddrinfo(3) */
	int connect_ms, total_ms;	/* 0: those above */
	unsigned running_max;		/* 0: FETCH_RUNNING_MAX */
};

struct fetch_answer {
	/*
	 * ERR_OK: the server answered, with whatever status.  ERR_AUTH: the
	 * address is refused by rule; ERR_LIMIT: the answer is too large;
	 * ERR_EXPIRED: not in time; ERR_IO: no name, no connection, no TLS, or
	 * it broke off; ERR_NOMEM.
	 */
	enum err err;
	const char *why;	/* in words, where that is not ERR_OK */
	unsigned status;
	struct str body;
	const char *etag;	/* as it came; "": none */
	int64_t retry_after_s;	/* RFC 9110 section 10.2.3, in seconds; -1: it
				 * says nothing, or a date */
	int64_t max_age_s;	/* of Cache-Control, 0 for no-cache and
				 * no-store; -1: it says nothing */
};

struct fetch_request {
	struct url url;			/* without a fragment */
	bool is_development;		/* http, and loopback addresses */
	struct str ca;			/* PEM of whom to trust in place of the
					 * system's; absent: the system's */
	struct str accept;		/* for the header; absent: none */
	const char *etag;		/* of what is held; NULL or "": none */
	size_t answer_max;		/* octets */
	/* What is sent: then it is a POST.  Absent: a GET. */
	struct str body;
	/* "name: value" each, without line ends */
	const struct str *headers;
	unsigned header_count;
	bool needs_status_only;		/* past answer_max the rest is left
					 * unread, and no fault */
	/*
	 * Called once, by the fetcher's thread, unless the fetcher ends before.
	 * The answer is gone when it returns.  It may ask for more.
	 */
	void (*done)(void *ctx, const struct fetch_answer *answer);
	void *ctx;
};

/* Starts the thread. ERR_NOMEM, ERR_IO. */
enum err fetcher_new(const struct fetcher_options *options,
		     struct fetcher **fetcher_r);
/*
 * Ends it: what is under way is given up, and its `done` not called.  Accepts
 * NULL.  False as resolver_free(): a thread hangs.
 */
bool fetcher_free(struct fetcher *fetcher);

/* Copies. Any thread. ERR_BUSY past FETCH_WAITING_MAX, ERR_NOMEM. */
enum err fetcher_get(struct fetcher *fetcher,
		     const struct fetch_request *request);

#endif
