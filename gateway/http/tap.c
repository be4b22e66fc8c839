/*
 * Neither <sys/socket.h> nor anything that includes it: with _FORTIFY_SOURCE
 * it defines recv() inline.
 */
#include "http/tap.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"

#define TABLE_FIRST 256
/* Letters of a method. */
#define METHOD_MAX 16
/* The library's record of a header or a cookie, and what it needs to answer. */
#define LIBRARY_RECORD 64
#define LIBRARY_ANSWER 1024
/* Of <sys/socket.h>. */
#define MSG_PEEK 0x02
#define MSG_DONTWAIT 0x40

ssize_t recv(int fd, void *data, size_t len, int flags);

/* By descriptor: who is watched in this thread. */
static _Thread_local struct {
	struct tap **taps;
	size_t size;
} table;

static atomic_bool is_live;

/* GnuTLS's own; set before there are threads that serve. */
static int (*shake)(gnutls_session_t session);

static struct tap *find(int fd)
{
	return fd >= 0 && (size_t)fd < table.size ? table.taps[fd] : NULL;
}

/* ---- what the library calls --------------------------------------------- */

static ssize_t receive(int fd, void *data, size_t len, int flags)
{
	return syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
}

/* Once refused: 0 at the end, or enough of it; -1 with errno. */
static ssize_t drain(struct tap *tap, int fd)
{
	char dropped[4096];
	ssize_t n;

	do {
		n = receive(fd, dropped, sizeof(dropped), MSG_DONTWAIT);
		if (n > 0)
			tap->drained += (size_t)n;
	} while (n > 0 && tap->drained < TAP_DRAIN_MAX);
	return n > 0 ? 0 : n;
}

static bool is_to_refuse(const struct tap *tap)
{
	return tap->fault != TAP_FINE && tap->refuse;
}

static void refuse(struct tap *tap)
{
	tap->is_refused = true;
	tap->has_begun = true;
	tap->refuse(tap);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	struct tap *tap = find(fd);
	ssize_t n;

	if (tap && tap->is_refused)
		return drain(tap, fd);
	n = receive(fd, data, len, flags);
	if (!tap || n <= 0)
		return n;
	tap->has_begun = true;
	if (tap->is_tls)
		return n;
	tap_feed(tap, data, (size_t)n);
	if (!is_to_refuse(tap))
		return n;
	refuse(tap);
	return drain(tap, fd);
}

static struct tap *find_tls(gnutls_session_t session)
{
	struct tap *tap = find(gnutls_transport_get_int(session));

	return tap && tap->is_tls ? tap : NULL;
}

enum err tap_init(void)
{
	void *found = dlsym(RTLD_NEXT, "gnutls_handshake");

	/* POSIX lets an object's pointer be a function's here, C does not */
	memcpy(&shake, &found, sizeof(shake));
	return shake ? ERR_OK : ERR_UNSUPPORTED;
}

/* Of others than the library's, too: a client's in this process, say. */
int gnutls_handshake(gnutls_session_t session)
{
	if (find_tls(session))
		return GNUTLS_E_SUCCESS;
	if (!shake && tap_init() != ERR_OK)
		return GNUTLS_E_INTERNAL_ERROR;
	return shake(session);
}

static ssize_t drain_tls(struct tap *tap, int fd)
{
	ssize_t n = drain(tap, fd);

	if (n == 0)
		return 0;
	return errno == EAGAIN || errno == EINTR ? GNUTLS_E_AGAIN :
						   GNUTLS_E_PULL_ERROR;
}

/*
 * Before the first octet is read: is it a method and a space?  A TLS record
 * begins with an octet that no method has.  Other things are GnuTLS's, and so
 * is what has not come yet.
 */
static int look_for_hello(struct tap *tap, int fd)
{
	char start[METHOD_MAX + 1];
	ssize_t n = receive(fd, start, sizeof(start),
			    MSG_PEEK | MSG_DONTWAIT);
	ssize_t i = 0;

	if (n <= 0)
		return GNUTLS_E_SUCCESS;
	while (i < n && start[i] >= 'A' && start[i] <= 'Z')
		i++;
	/* a method that is under way */
	if (i == n && n <= METHOD_MAX)
		return GNUTLS_E_AGAIN;
	tap->is_hello = i == 0 || i == n || start[i] != ' ';
	if (tap->is_hello)
		return GNUTLS_E_SUCCESS;
	tap->fault = i == 4 && memcmp(start, "HEAD", 4) == 0 ?
		     TAP_PLAIN_HEAD : TAP_PLAIN;
	refuse(tap);
	return (int)drain_tls(tap, fd);
}

/*
 * The library waits for octets when it hears GNUTLS_E_AGAIN, and asks again
 * soon when it hears GNUTLS_E_INTERRUPTED: the thing for a client who has not
 * made room for our part of the handshake, and may not have more to say.  Ours
 * fits into any socket's buffer, unless a certificate's chain is absurd.
 */
static ssize_t go_on_shaking(struct tap *tap, gnutls_session_t session)
{
	int rc;

	if (!tap->is_hello && tap->refuse) {
		rc = look_for_hello(tap, gnutls_transport_get_int(session));
		if (rc != GNUTLS_E_SUCCESS || tap->is_refused)
			return rc;
	}
	rc = shake ? shake(session) : GNUTLS_E_INTERNAL_ERROR;
	if (rc == GNUTLS_E_AGAIN && gnutls_record_get_direction(session) == 1)
		return GNUTLS_E_INTERRUPTED;
	if (rc != GNUTLS_E_SUCCESS)
		return rc;
	tap->is_shaken = true;
	tap->has_begun = false;
	return GNUTLS_E_SUCCESS;
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t len)
{
	struct tap *tap = find_tls(session);
	int fd = gnutls_transport_get_int(session);
	unsigned char sequence[8];
	ssize_t n;

	if (tap && !tap->is_refused && !tap->is_shaken) {
		n = go_on_shaking(tap, session);
		if (n < 0 || tap->is_refused)
			return n;
	}
	if (tap && tap->is_refused)
		return drain_tls(tap, fd);
	n = gnutls_record_recv_seq(session, data, len, sequence);
	if (!tap || n <= 0)
		return n;
	tap->has_begun = true;
	tap_feed(tap, data, (size_t)n);
	if (!is_to_refuse(tap))
		return n;
	refuse(tap);
	return drain_tls(tap, fd);
}

/* ---- looking ------------------------------------------------------------ */

static bool is_named(const char *line, size_t len, struct str name)
{
	return len >= name.len && str_ieq((struct str){ line, name.len }, name);
}

/* As the library wants it: digits alone behind the blanks. */
static bool is_length(const char *line, size_t len)
{
	struct str value = { line, len };
	uint64_t number;

	str_cut(value, ':', &value);
	while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
		value = (struct str){ value.ptr + 1, value.len - 1 };
	value.len -= value.len >= 2 ? 2 : value.len;
	return num_u64(value, 0, INT64_MAX, &number) == ERR_OK;
}

/* No method; no name; or folded, so that version 0.9 loses the name that it
 * belongs to.  Version 1.0 has its say at once, before the line has ended. */
static void note_start(struct tap *tap, char first)
{
	if (first == ' ' || first == '\t' || (first == ':' && tap->lines))
		tap->fault = TAP_MALFORMED;
}

/* The first line, or its first octets: without a method the library has
 * nothing to say. */
static void note_request(struct tap *tap, const char *line, size_t len)
{
	if (!memchr(line, ' ', len))
		tap->fault = TAP_MALFORMED;
}

/* A header, with its CRLF, or its first TAP_START_MAX octets. */
static void note_header(struct tap *tap, const char *line, size_t len)
{
	switch (ascii_lower(line[0])) {
	case 'h':
		if (is_named(line, len, STR("host:")))
			tap->has_host = true;
		break;
	case 'c':
		if (is_named(line, len, STR("content-length:")) &&
		    !is_length(line, len))
			tap->fault = TAP_LENGTH;
		if (!tap->cookie && is_named(line, len, STR("cookie:")))
			tap->cookie = tap->line;
		break;
	case 't':
		if (is_named(line, len, STR("transfer-encoding:")))
			tap->is_chunked = true;
		break;
	}
}

/* What the library will hold at once: all that came, its records of headers
 * and cookies, the cookies once more, and an answer. */
static bool is_too_much(const struct tap *tap)
{
	size_t need = tap->received + tap->cookie + LIBRARY_ANSWER +
		      (tap->lines + tap->pairs) * LIBRARY_RECORD;

	return tap->cookie && tap->memory && need > tap->memory;
}

/* The empty line. */
static void end_head(struct tap *tap)
{
	tap->state = TAP_WHOLE;
	if (tap->fault == TAP_FINE && !tap->has_host)
		tap->fault = TAP_HOST;
	if (tap->fault == TAP_FINE && is_too_much(tap))
		tap->fault = TAP_COOKIES;
}

/* One line has ended. Empty ones before the head are ignored (RFC 9112 section
 * 2.2) and not counted. */
static void end_line(struct tap *tap, const char *line, size_t len)
{
	if (tap->line == 2 && tap->len > 2)
		end_head(tap);
	else if (tap->line == 2)
		tap->len = 0;
	else if (tap->lines++ > 0)
		note_header(tap, line, len);
	else
		note_request(tap, line, len);
	tap->line = 0;
}

static void count_pairs(struct tap *tap, const char *p, size_t n, char sep,
			char other)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == sep || p[i] == other)
			tap->pairs++;
}

/* A line, or a piece of one; `has_end`: with its end. */
static void look_at(struct tap *tap, const char *p, size_t n, bool has_end)
{
	const char *line = p;
	size_t len = n, kept = tap->line;

	if (kept || !has_end) {
		size_t room = kept < TAP_START_MAX ? TAP_START_MAX - kept : 0;

		memcpy(tap->start + kept * (room > 0), p, n < room ? n : room);
		line = tap->start;
		len = kept + n < TAP_START_MAX ? kept + n : TAP_START_MAX;
	}
	if (!kept)
		note_start(tap, p[0]);
	if (!tap->lines)
		count_pairs(tap, p, n, '?', '&');
	else if (!tap->cookie && is_named(line, len, STR("cookie:")))
		count_pairs(tap, p, n, ';', ',');
	tap->line += n;
	tap->len += n;
	tap->last = p[n - 1];
	if (has_end)
		end_line(tap, line, len);
}

void tap_feed(struct tap *tap, const char *data, size_t len)
{
	const char *p = data, *end = data + len;

	if (!atomic_load_explicit(&is_live, memory_order_relaxed))
		atomic_store(&is_live, true);
	tap->received += len;
	while (tap->state == TAP_READING && p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf ? lf + 1 : end) - p);
		char before = lf && lf > p ? lf[-1] : tap->last;

		if (memchr(p, '\0', n) || (lf && before != '\r')) {
			tap->state = TAP_DIRTY;
			tap->fault = TAP_MALFORMED;
			return;
		}
		look_at(tap, p, n, lf != NULL);
		p += n;
		if (tap->len == 0)
			tap->received = (uint64_t)(end - p);
	}
	if (tap->is_chunked && tap->state == TAP_WHOLE)
		chunks_feed(&tap->chunks, p, (size_t)(end - p));
	if (tap->fault == TAP_FINE &&
	    (tap->chunks.state == CHUNKS_BAD ||
	     (tap->chunks.has_extension && tap->refuses_extensions)))
		tap->fault = TAP_CHUNKS;
}

bool tap_has_more(const struct tap *tap, uint64_t body_len)
{
	return tap->state != TAP_WHOLE || tap->received > tap->len + body_len;
}

void tap_next(struct tap *tap, uint64_t body_len)
{
	tap->state = tap_has_more(tap, body_len) ? TAP_UNSEEN : TAP_READING;
	tap->len = tap->line = 0;
	tap->received = 0;
	tap->last = '\0';
	tap->lines = 0;
	tap->has_host = tap->is_chunked = false;
	tap->cookie = tap->pairs = 0;
	tap->chunks = (struct chunks){ 0 };
	tap->has_begun = tap->state == TAP_UNSEEN;
}

/* ---- whom to look at ---------------------------------------------------- */

static enum err grow(size_t wanted)
{
	size_t size = table.size ? table.size : TABLE_FIRST;
	struct tap **taps;

	while (size < wanted)
		size *= 2;
	taps = realloc(table.taps, size * sizeof(struct tap *));
	if (!taps)
		return ERR_NOMEM;
	memset(taps + table.size, 0, (size - table.size) * sizeof(*taps));
	table.taps = taps;
	table.size = size;
	return ERR_OK;
}

enum err tap_watch(struct tap *tap, int fd, bool is_tls)
{
	if (fd < 0 || fd >= TAP_FD_MAX)
		return ERR_LIMIT;
	if ((size_t)fd >= table.size && grow((size_t)fd + 1) != ERR_OK)
		return ERR_NOMEM;
	*tap = (struct tap){ .is_tls = is_tls };
	table.taps[fd] = tap;
	return ERR_OK;
}

void tap_unwatch(int fd)
{
	if (fd >= 0 && (size_t)fd < table.size)
		table.taps[fd] = NULL;
}

void tap_thread_done(void)
{
	free(table.taps);
	table.taps = NULL;
	table.size = 0;
}

bool tap_is_live(void)
{
	return atomic_load_explicit(&is_live, memory_order_relaxed);
}
