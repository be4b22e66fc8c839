#include "http/selftest.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/daemon.h"
#include "http/guard.h"

/* Runs of the daemon that one head may take. */
#define ROUNDS_MAX 64
#define WAIT_MS 250		/* for the daemon to have work; it always has */
#define ANSWER_MAX 512

struct trial {
	const char *name;
	struct str head;
	bool is_good;
};

#define REST "Host: a.example\r\n\r\n"
#define GOOD(n, h) { n, { h, sizeof(h) - 1 }, true }
#define BAD(n, h) { n, { h, sizeof(h) - 1 }, false }

static const struct trial trials[] = {
	GOOD("plain", "GET / HTTP/1.1\r\n" REST),
	GOOD("query", "GET /a%2fb?c=d&e=%00 HTTP/1.1\r\n" REST),
	GOOD("several headers",
	     "GET / HTTP/1.1\r\nA: 1\r\nB:2\r\nEmpty:\r\nC: \t x y \r\n" REST),
	GOOD("cookies",
	     "GET / HTTP/1.1\r\nCookie: a=b; c=\"d\"\r\nCookie: e=f\r\n" REST),
	BAD("folded line", "GET / HTTP/1.1\r\nA: 1\r\n b: 2\r\n" REST),
	BAD("name split by a fold",
	    "GET / HTTP/1.1\r\nX-Forw: x\r\n arded-For: 1\r\n" REST),
	BAD("empty name", "GET / HTTP/1.1\r\nHost: a\r\n: v\r\nA: 1\r\n\r\n"),
	BAD("NUL at a line's start",
	    "GET / HTTP/1.1\r\nHost: a\r\n\0A: 1\r\n\r\n"),
	BAD("NUL LF for CRLF", "GET / HTTP/1.1\r\nA: 1\0\n" REST),
	BAD("a colon for the last CRLF", "GET / HTTP/1.1\r\nHost: a\r\n:\n"),
	BAD("NUL in a value", "GET / HTTP/1.1\r\nA: 1\0002\r\n" REST),
	BAD("bare LF", "GET / HTTP/1.1\nA: 1\n" REST),
	BAD("bare LF after a value", "GET / HTTP/1.1\r\nA: 1\n" REST),
	BAD("bare CR in a value", "GET / HTTP/1.1\r\nA: 1\r2\r\n" REST),
	BAD("space before a colon", "GET / HTTP/1.1\r\nA : 1\r\n" REST),
	BAD("two spaces in the request line", "GET  / HTTP/1.1\r\n" REST),
	BAD("control character", "GET / HTTP/1.1\r\nA: \001\r\n" REST),
	BAD("two lengths", "POST / HTTP/1.1\r\nContent-Length: 0\r\n"
			   "Content-Length: 5\r\n" REST),
	BAD("two hosts", "GET / HTTP/1.1\r\nHost: b\r\n" REST),
	BAD("NUL in the target", "GET /a\0b HTTP/1.1\r\n" REST),
};

struct probe {
	struct guard_target target;
	char raw[64];
	struct tap tap;
	int verdict;		/* -1: the handler was never called */
};

static void *see_target(void *ctx, const char *uri,
			struct MHD_Connection *connection)
{
	struct probe *probe = ctx;
	size_t len = strnlen(uri, sizeof(probe->raw));

	(void)connection;
	memcpy(probe->raw, uri, len);
	probe->target.at = uri;
	probe->target.raw = (struct str){ probe->raw, len };
	return probe;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *size, void **request)
{
	struct probe *probe = ctx;
	struct guard_head head;

	(void)url, (void)data, (void)size, (void)request;
	probe->verdict = (int)guard_check(connection, method, version,
					  probe->target, &probe->tap, &head);
	return MHD_NO;
}

/* The library either calls us or answers by itself; both end the connection. */
static enum err serve(struct MHD_Daemon *daemon, struct probe *probe, int fd)
{
	char answer[ANSWER_MAX];
	struct pollfd poll_fd = { .fd = daemon_fd(daemon), .events = POLLIN };

	for (int i = 0; i < ROUNDS_MAX; i++) {
		ssize_t n;

		MHD_run(daemon);
		if (probe->verdict >= 0)
			return ERR_OK;
		n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return ERR_OK;
		poll(&poll_fd, 1, WAIT_MS);
	}
	return ERR_OK;		/* never called: refused, in its way */
}

static enum err try_head(struct MHD_Daemon *daemon, struct probe *probe,
			 const struct trial *trial)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET };
	enum err err = ERR_IO;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) != 0)
		return ERR_IO;
	probe->verdict = -1;
	if (send(pair[0], trial->head.ptr, trial->head.len, MSG_NOSIGNAL) !=
	    (ssize_t)trial->head.len) {
		close(pair[1]);
		goto out;
	}
	if (tap_watch(&probe->tap, pair[1], false) != ERR_OK) {
		close(pair[1]);
		goto out;
	}
	/* the library closes its end, on failure as well */
	if (MHD_add_connection(daemon, pair[1], (struct sockaddr *)&nobody,
			       sizeof(nobody)) != MHD_YES)
		goto out;
	err = serve(daemon, probe, pair[0]);
out:
	tap_unwatch(pair[1]);
	close(pair[0]);
	return err;
}

enum err selftest_guard(const char **which_r)
{
	struct probe probe = { .verdict = -1 };
	const struct daemon_setup setup = {
		.listen_fd = -1,
		.connections_max = 4,
		.see_target = see_target,
		.handle = handle,
		.ctx = &probe,
	};
	struct MHD_Daemon *daemon = daemon_start(&setup);
	enum err err = ERR_OK;

	if (!daemon)
		return ERR_IO;
	for (size_t i = 0; err == ERR_OK &&
	     i < N_ELEMENTS(trials); i++) {
		err = try_head(daemon, &probe, &trials[i]);
		if (err == ERR_OK &&
		    (probe.verdict == GUARD_OK) != trials[i].is_good) {
			*which_r = trials[i].name;
			err = ERR_UNSUPPORTED;
		}
	}
	MHD_stop_daemon(daemon);
	tap_thread_done();
	return err;
}
