/*
 * Neither <sys/socket.h> nor anything that includes it: with _FORTIFY_SOURCE
 * it defines recv() inline.
 */
#include "http/tap.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TABLE_FIRST 256

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

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	ssize_t n = syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
	struct tap *tap = n > 0 ? find(fd) : NULL;

	if (tap)
		tap->has_begun = true;
	if (tap && !tap->is_tls)
		tap_feed(tap, data, (size_t)n);
	return n;
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

/*
 * The library waits for octets when it hears GNUTLS_E_AGAIN, and asks again
 * soon when it hears GNUTLS_E_INTERRUPTED: the thing for a client who has not
 * made room for our part of the handshake, and may not have more to say.  Ours
 * fits into any socket's buffer, unless a certificate's chain is absurd.
 */
static ssize_t go_on_shaking(struct tap *tap, gnutls_session_t session)
{
	int rc = shake ? shake(session) : GNUTLS_E_INTERNAL_ERROR;

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
	unsigned char sequence[8];
	ssize_t n = tap && !tap->is_shaken ? go_on_shaking(tap, session) : 0;

	if (n < 0)
		return n;
	n = gnutls_record_recv_seq(session, data, len, sequence);
	if (tap && n > 0) {
		tap->has_begun = true;
		tap_feed(tap, data, (size_t)n);
	}
	return n;
}

/* ---- looking ------------------------------------------------------------ */

/* One line has ended. Empty ones before the head are ignored (RFC 9112 section
 * 2.2) and not counted. */
static void end_line(struct tap *tap)
{
	if (tap->line == 2 && tap->len > 2)
		tap->state = TAP_WHOLE;
	if (tap->line == 2 && tap->len == 2)
		tap->len = 0;
	tap->line = 0;
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
			return;
		}
		tap->line += n;
		tap->len += n;
		tap->last = p[n - 1];
		p += n;
		if (lf)
			end_line(tap);
		if (tap->len == 0)
			tap->received = (uint64_t)(end - p);
	}
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
