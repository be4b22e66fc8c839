/*
 * tap: what the library calls to receive, with a look at what came; so the
 * octets of a request's head as they were before the library wrote over them.
 *
 * Version 0.9 of libmicrohttpd overwrites each line's CRLF with two NULs, and
 * leaves the same two NULs where the client sent NUL LF, or ':' LF.  Once it
 * is done, nobody can tell these apart, and a proxy that takes the latter for a
 * header goes on reading where we stopped: a smuggled request.  The library
 * offers no look at what it receives.  So this module defines recv(2) and
 * gnutls_record_recv() itself; the dynamic linker resolves the library's calls
 * to these, which do the same and look at what came.
 *
 * That is the one thing here done behind the library's back, and nothing
 * depends on it blindly: http/selftest finds out whether it works, and where
 * it does not (a statically linked library, say) the library has to refuse
 * such heads by itself, as version 1.0 does, or nothing is served.
 *
 * A TLS handshake is done in the first gnutls_record_recv()s.  Where
 * gnutls_handshake() finds nothing to read, the library takes the socket for
 * readable all the same: MHD_get_timeout() says 0 until the client goes on, and
 * each MHD_run() asks all who are silent once more.  Six octets of a
 * ClientHello cost half a core.  Of a gnutls_record_recv() that finds nothing
 * it knows better, and waits for the next octets.  So the gnutls_handshake() of
 * this module only says yes, and the one of GnuTLS runs when the library then
 * wants a record.  Nothing is sent or read before it is done.
 *
 * Watching belongs to a thread: only what a thread has put under watch itself
 * is looked at in its calls; all other sockets are left alone.
 */
#ifndef HTTP_TAP_H
#define HTTP_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "http/chunks.h"

#define TAP_FD_MAX (1 << 20)	/* descriptors a thread can watch: below this */

enum tap_state {
	TAP_READING,	/* the head is not at its end yet */
	TAP_WHOLE,	/* it ended, and each line with CRLF; no NUL in it */
	TAP_DIRTY,	/* a NUL, or an LF that follows no CR */
	TAP_UNSEEN,	/* it came together with the request before it, and
			 * nothing that comes later proves it */
};

/*
 * What must not reach the library: to these it gives answers of its own, or
 * none.  Its answer to a head without Host, or with a bad Content-Length, has
 * its head twice (0.9.75 renders it, goes on as if it had not, and renders it
 * again), and of a folded Host it loses the name; where its memory does not
 * hold the cookies it has none left to say so; of a line without a method, and
 * of a chunk larger than it can count, it says nothing and hangs up; and plain
 * http on a port of TLS gets an alert that no browser shows.
 */
enum tap_fault {
	TAP_FINE,
	TAP_MALFORMED,	/* TAP_DIRTY, a line without a name or a folded one, or
			 * no method */
	TAP_HOST,	/* none */
	TAP_LENGTH,	/* a Content-Length that is no number */
	TAP_COOKIES,	/* more than the library's memory holds */
	TAP_CHUNKS,	/* a body that is not in chunks as it says, or an
			 * extension that the library cannot skip */
	TAP_CROWD,	/* not said of octets: too many of its network */
	TAP_PLAIN,	/* plain http where TLS is spoken */
	TAP_PLAIN_HEAD,	/* the same, and its method is HEAD */
};

/* The start of a line that came in pieces: enough for the names, and for a
 * Content-Length. */
#define TAP_START_MAX 64
/* Of a refused connection, read and dropped, so that its client gets to read
 * why. */
#define TAP_DRAIN_MAX (1024 * 1024)	/* octets */

/* One connection's; embedded in whatever stands for it. */
struct tap {
	enum tap_state state;
	enum tap_fault fault;
	/*
	 * Called once, from within recv(2), in place of the library: say why
	 * and shut the connection for writing.  What still comes is dropped,
	 * and the library hears of the end, once there is one.  NULL: the
	 * library gets it all.
	 */
	void (*refuse)(struct tap *tap);
	size_t memory;		/* octets that the library has for a head */
	bool refuses_extensions;	/* of chunks: daemon_loses_extensions() */
	struct chunks chunks;	/* of a body that is sent in them */
	size_t len;		/* TAP_WHOLE: octets of the head, without the
				 * empty lines before it */
	bool has_begun;		/* octets came, be they but a part of a TLS
				 * record, since the last answer (or since the
				 * connection, or its handshake) was there */
	/* private */
	bool is_tls;
	bool is_hello;		/* it began as TLS does */
	bool is_shaken;		/* the handshake is done */
	char last;		/* the last octet looked at */
	uint64_t received;	/* since the head's first octet */
	size_t line;		/* octets of the line under way */
	char start[TAP_START_MAX];	/* its first ones */
	unsigned lines;		/* of this head, ended */
	bool has_host, is_chunked;
	size_t cookie;		/* octets of the first Cookie */
	size_t pairs;		/* in it, and in the query */
	bool is_refused;
	size_t drained;
};

/*
 * Look at what this thread receives from `fd` into *tap, which stays in place
 * until tap_unwatch().  ERR_NOMEM; ERR_LIMIT: the descriptor's number.
 */
enum err tap_watch(struct tap *tap, int fd, bool is_tls);
void tap_unwatch(int fd);
/*
 * Did more come than a request with a body of `body_len` octets?  What follows
 * it is in the library's buffer by now and was not looked at: the connection
 * has to end with this request's answer.
 */
bool tap_has_more(const struct tap *tap, uint64_t body_len);
/* The request is answered, its body had `body_len` octets: another may come. */
void tap_next(struct tap *tap, uint64_t body_len);
/* This thread watches nothing any more: free its table. */
void tap_thread_done(void);

/* ERR_UNSUPPORTED: GnuTLS's own gnutls_handshake() is not to be found. Once,
 * before any TLS is served. */
enum err tap_init(void);
/* Has anything ever been seen, in any thread? */
bool tap_is_live(void);
/* What recv() found; public for tests. */
void tap_feed(struct tap *tap, const char *data, size_t len);

#endif
