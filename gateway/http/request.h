/*
 * request: from a guarded head, and a body as it comes in, to the struct
 * request that the steps read.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/buf.h"
#include "http/guard.h"

/*
 * A refused body is read and dropped up to here, so that the client gets to
 * read the answer; past it the connection is cut.
 */
#define REQUEST_DRAIN_MAX (1024 * 1024)	/* octets */

/*
 * Copy the head, in one piece, into the exchange's pool and fill in all of
 * ex->request but `param` and the body.  From here on nothing points into the
 * library's memory, which goes away with the client.  ERR_SYNTAX: Host is
 * none; ERR_NOMEM.
 */
enum err request_fill(struct exchange *ex, const struct guard_head *head,
		      struct guard_target target, const struct ip *peer,
		      bool is_tls);

enum body_plan {
	BODY_READ,	/* read it (or there is none), then answer */
	BODY_REFUSE,	/* too large: answer without reading any of it */
};

/* The body of one request while it comes in. */
struct body {
	bool is_too_large;
	/* private */
	size_t max;
	struct buf buf;
	size_t drained;
};

/*
 * `max`: the octets that it may have.  A body announced as longer is drained,
 * or refused at once where that is more than REQUEST_DRAIN_MAX or where the
 * client still waits for a "100 Continue".
 */
enum body_plan body_begin(struct body *body, struct pool *pool, size_t max,
			  const struct guard_head *head);
/* ERR_LIMIT: drained as much as is bearable; ERR_NOMEM. Cut the connection. */
enum err body_add(struct body *body, const char *data, size_t len);
/* All of it came: hand it to the request. */
void body_end(struct body *body, struct request *request);

#endif
