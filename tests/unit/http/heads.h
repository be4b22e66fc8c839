/*
 * heads: request heads against a real libmicrohttpd daemon, over socket pairs
 * and without a thread, and the strict reader of reading.h to compare
 * with.
 *
 *	heads_start();
 *	if (heads_accepts(head, len, SIZE_MAX))
 *	 	heads_check_same(&reading);	with what
 *						heads_read() made of it
 *	heads_stop();
 *
 * For the unit suite and the fuzz target of http/guard.  What goes wrong aborts
 * the program.
 */
#ifndef TESTS_UNIT_HTTP_HEADS_H
#define TESTS_UNIT_HTTP_HEADS_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "http/daemon.h"
#include "http/guard.h"
#include "unit/http/reading.h"

#define ROUNDS_MAX 64		/* runs of the library that one may take */

/* ---- the daemon under test ---------------------------------------------- */

struct probe {
	struct MHD_Daemon *daemon;
	char raw[HEAD_MAX];
	struct guard_target target;
	struct tap tap;
	bool was_called;
	enum guard_verdict verdict;
	struct guard_head head;		/* its slices: in `copy` */
	char copy[HEAD_MAX];
};

static struct probe probe;

static void *see_target(void *ctx, const char *uri,
			struct MHD_Connection *connection)
{
	size_t len = strlen(uri);

	(void)connection;
	fuzz_assert(len < sizeof(probe.raw));
	memcpy(probe.raw, uri, len + 1);
	probe.target = (struct guard_target){ uri, { probe.raw, len } };
	return ctx;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *size, void **request)
{
	(void)ctx, (void)url, (void)data, (void)size, (void)request;
	probe.was_called = true;
	probe.verdict = guard_check(connection, method, version, probe.target,
				    &probe.tap, &probe.head);
	if (probe.verdict == GUARD_OK) {
		ptrdiff_t moved = probe.copy - probe.head.start;

		fuzz_assert(probe.head.len < HEAD_MAX);
		memcpy(probe.copy, probe.head.start, probe.head.len);
		for (unsigned i = 0; i < probe.head.header_count; i++) {
			probe.head.headers[i].name.ptr += moved;
			probe.head.headers[i].value.ptr += moved;
		}
		probe.head.host.ptr += moved;
	}
	return MHD_NO;
}

static void heads_start(void)
{
	static const struct daemon_setup setup = {
		.listen_fd = -1,
		.connections_max = 4,
		.see_target = see_target,
		.handle = handle,
		.ctx = &probe,
	};

	probe.daemon = daemon_start(&setup);
	fuzz_assert(probe.daemon);
}

__attribute__((unused))
static void heads_stop(void)
{
	MHD_stop_daemon(probe.daemon);
	tap_thread_done();
}

/* Until the library called us, or answered, or wants more. */
static void turn(int fd)
{
	struct pollfd event = { .fd = daemon_fd(probe.daemon),
				.events = POLLIN };
	char answer[1024];

	for (int i = 0; i < ROUNDS_MAX; i++) {
		ssize_t n;

		MHD_run(probe.daemon);
		if (probe.was_called)
			return;
		n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_PEEK);
		if (n >= 0 || errno != EAGAIN)
			return;
		if (poll(&event, 1, 0) == 0)
			return;
	}
}

/* Did the guard let it through? In two pieces when `cut` lies inside. */
static bool heads_accepts(const char *head, size_t len, size_t cut)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET };
	int pair[2];

	if (cut > len)
		cut = len;
	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	probe.was_called = false;
	fuzz_assert(!tap_watch(&probe.tap, pair[1], false));
	fuzz_assert(MHD_add_connection(probe.daemon, pair[1],
				       (struct sockaddr *)&nobody,
				       sizeof(nobody)) == MHD_YES);
	if (send(pair[0], head, cut, MSG_NOSIGNAL) >= 0 && cut < len) {
		turn(pair[0]);
		(void)!send(pair[0], head + cut, len - cut, MSG_NOSIGNAL);
	}
	turn(pair[0]);
	close(pair[0]);
	/* the library notices, so that connections do not pile up */
	for (int i = 0; i < 4; i++)
		MHD_run(probe.daemon);
	tap_unwatch(pair[1]);
	return probe.was_called && probe.verdict == GUARD_OK;
}

/* What was let through says the same to both. */
static void heads_check_same(const struct reading *r)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "OPTIONS" };

	fuzz_assert(str_eq(r->method,
			   str_from(names[probe.head.method])));
	fuzz_assert(str_eq(r->target, probe.target.raw));
	fuzz_assert(r->len == probe.head.len);
	fuzz_assert(r->count == probe.head.header_count);
	for (unsigned i = 0; i < r->count; i++) {
		fuzz_assert(str_eq(r->headers[i].name,
				   probe.head.headers[i].name));
		fuzz_assert(str_eq(r->headers[i].value,
				   probe.head.headers[i].value));
	}
}

#endif
