/*
 * heads: request heads against a real libmicrohttpd daemon, over socket pairs
 * and without a thread, and a strict reader to compare with, which knows
 * nothing of the library.
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

#define HEAD_MAX 4096		/* octets of a head under test */
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

/* ---- the strict reader -------------------------------------------------- */

struct reading {
	struct str method, target;
	struct header headers[REQUEST_HEADERS_MAX + 1];
	unsigned count;
	size_t len;		/* of the head */
	bool is_ours_to_refuse;	/* valid, but the gateway is stricter */
};

static bool is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool read_word(struct str *in, char end, struct str *out)
{
	ptrdiff_t at = str_find(*in, end);

	if (at <= 0)
		return false;
	*out = (struct str){ in->ptr, (size_t)at };
	in->ptr += at + 1;
	in->len -= (size_t)at + 1;
	return true;
}

/* A line without its CRLF; there is no other line end. */
static bool read_line(struct str *in, struct str *out)
{
	for (size_t i = 0; i + 1 < in->len; i++) {
		if (in->ptr[i] == '\n' || in->ptr[i] == '\0')
			return false;
		if (in->ptr[i] != '\r')
			continue;
		if (in->ptr[i + 1] != '\n')
			return false;
		*out = (struct str){ in->ptr, i };
		in->ptr += i + 2;
		in->len -= i + 2;
		return true;
	}
	return false;
}

static bool read_header(struct str line, struct header *out)
{
	struct str name;

	if (!read_word(&line, ':', &name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!((name.ptr[i] >= '0' && name.ptr[i] <= '9') ||
		      (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
		      (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') ||
		      is_in(name.ptr[i], "!#$%&'*+-.^_`|~")))
			return false;
	for (size_t i = 0; i < line.len; i++)
		if (((unsigned char)line.ptr[i] < 0x20 &&
		     line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
			return false;
	*out = (struct header){ name, str_trim(line, " \t") };
	return true;
}

/* What may be refused although it is a header: underscores, which are the
 * names of CGI's variables; blanks after a length or a coding, and a length
 * that starts with 0 (as an octal number), which are read in more than one way;
 * and quotation marks in cookies, of which the library wants pairs. */
static bool is_stricter(struct str line, const struct header *header)
{
	bool is_length = str_ieq(header->name, STR("Content-Length"));
	struct str value = header->value;

	if (str_find(header->name, '_') >= 0)
		return true;
	if (str_ieq(header->name, STR("Cookie")))
		return str_find(value, '"') >= 0;
	if (!is_length && !str_ieq(header->name, STR("Transfer-Encoding")))
		return false;
	return value.ptr + value.len != line.ptr + line.len ||
	       (is_length && value.len > 1 && value.ptr[0] == '0');
}

static bool is_method(struct str s)
{
	return str_eq(s, STR("GET")) || str_eq(s, STR("HEAD")) ||
	       str_eq(s, STR("POST")) || str_eq(s, STR("OPTIONS"));
}

static unsigned count_of(const struct reading *r, const char *name,
			 struct str *last)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->count; i++)
		if (str_ieq(r->headers[i].name, str_from(name))) {
			*last = r->headers[i].value;
			n++;
		}
	return n;
}

/* Digits, up to what a signed 64-bit integer holds. */
static bool is_length(struct str s)
{
	static const char most[] = "9223372036854775807";

	while (s.len > 1 && s.ptr[0] == '0') {
		s.ptr++;
		s.len--;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0 && (s.len < sizeof(most) - 1 ||
			     (s.len == sizeof(most) - 1 &&
			      memcmp(s.ptr, most, s.len) <= 0));
}

static bool is_framed(const struct reading *r, bool is_http10)
{
	struct str host, length = STR_NULL, coding = STR_NULL;
	unsigned lengths = count_of(r, "content-length", &length);
	unsigned codings = count_of(r, "transfer-encoding", &coding);

	if (count_of(r, "host", &host) != 1 || lengths + codings > 1)
		return false;
	if (codings && (is_http10 || !str_ieq(coding, STR("chunked"))))
		return false;
	return !lengths || is_length(length);
}

/*
 * libmicrohttpd 1.0 at its strictest refuses empty lines before a request, and
 * takes the blanks off the end of a value before anybody else sees them.
 */
#define LIBRARY_IS_STRICT (MHD_VERSION >= 0x01000000)

static bool heads_read(struct str in, struct reading *r)
{
	bool is_early = in.len > 1 && !memcmp(in.ptr, "\r\n", 2);
	struct str all, line;
	bool is_http10;

	/* RFC 9112 section 2.2: empty lines before a request are ignored */
	while (in.len > 1 && !memcmp(in.ptr, "\r\n", 2)) {
		in.ptr += 2;
		in.len -= 2;
	}
	all = in;
	r->count = 0;
	r->is_ours_to_refuse = is_early && LIBRARY_IS_STRICT;
	if (!read_line(&in, &line) || !read_word(&line, ' ', &r->method) ||
	    !is_method(r->method) || !read_word(&line, ' ', &r->target))
		return false;
	for (size_t i = 0; i < r->target.len; i++)
		if (r->target.ptr[i] < '!' || r->target.ptr[i] > '~' ||
		    r->target.ptr[i] == '#')
			return false;
	is_http10 = str_eq(line, STR("HTTP/1.0"));
	if (r->target.ptr[0] != '/' ||
	    (!is_http10 && !str_eq(line, STR("HTTP/1.1"))))
		return false;
	for (;;) {
		if (!read_line(&in, &line))
			return false;
		if (line.len == 0)
			break;
		if (r->count > REQUEST_HEADERS_MAX ||
		    !read_header(line, &r->headers[r->count++]))
			return false;
		if (is_stricter(line, &r->headers[r->count - 1]))
			r->is_ours_to_refuse = true;
	}
	r->len = (size_t)(in.ptr - all.ptr);
	return r->count <= REQUEST_HEADERS_MAX && is_framed(r, is_http10);
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
