#include "admin/ask.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/socket.h"
#include "base/clock.h"
#include "base/num.h"

#define ASK_MS 60000	/* others may be served before us */

/* The time is for all of it: who takes a byte now and then gets no more. */
static bool write_all(int fd, struct str s, int64_t end_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	while (s.len) {
		int64_t left_ms = end_ms - clock_mono_ms();
		ssize_t n;

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return false;
		n = send(fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return true;
}

/* May it stand in the line as it is?  Visible ASCII may. */
static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	return s.len && s.ptr[0] != '+' && s.len <= SOCKET_LINE_MAX / 2;
}

static enum err write_request(const struct str *words, unsigned count,
			      struct buf *out)
{
	size_t texts = 0;

	if (!count || count > SOCKET_WORDS_MAX)
		return ERR_LIMIT;
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_addc(out, ' ');
		if (is_word(words[i])) {
			buf_adds(out, words[i]);
			continue;
		}
		texts += words[i].len;
		buf_printf(out, "+%zu", words[i].len);
	}
	buf_addc(out, '\n');
	if (out->len > SOCKET_LINE_MAX || texts > SOCKET_TEXTS_MAX)
		return ERR_LIMIT;
	for (unsigned i = 0; i < count; i++)
		if (!is_word(words[i]))
			buf_adds(out, words[i]);
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

/*
 * All that the daemon says, up to the end of the connection. `end_ms` 0: there
 * is none.
 */
static enum err read_all(int fd, int64_t end_ms, struct buf *out)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char chunk[4096];

	for (;;) {
		int64_t left_ms = end_ms ? end_ms - clock_mono_ms() : -1;
		ssize_t n;

		if (end_ms && (left_ms <= 0 ||
			       poll(&ready, 1, (int)left_ms) == 0))
			return ERR_BUSY;
		n = recv(fd, chunk, sizeof(chunk), end_ms ? MSG_DONTWAIT : 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n == 0 && buf_is_ok(out) ? ERR_OK : ERR_IO;
		buf_add(out, chunk, (size_t)n);
	}
}

/* Connected, or -1 and *err set. A full line at the socket is waited for. */
static int dial(const char *path, int64_t ms, enum err *err)
{
	const struct timeval patience = {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000,
	};
	struct sockaddr_un sa;
	char why[256];
	int fd;

	*err = ERR_LIMIT;
	if (socket_address(path, &sa, why, sizeof(why)))
		return -1;
	*err = ERR_IO;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	*err = errno == EAGAIN || errno == EINTR ? ERR_BUSY : ERR_NOT_FOUND;
	close(fd);
	return -1;
}

/* `read_ms`: from the first on, too; 0: as long as it takes. */
static enum err ask(const char *path, const struct str *words, unsigned count,
		    int64_t write_ms, int64_t read_ms, struct buf *body)
{
	const int64_t start_ms = clock_mono_ms();
	struct str reply, head, word, rest, size;
	struct buf all, request;
	uint64_t n = 0;
	enum err err;
	int fd = -1;

	buf_init(&all, SOCKET_BODY_MAX + 64);
	buf_init(&request, 2 * SOCKET_TEXTS_MAX);
	err = write_request(words, count, &request);
	if (!err)
		fd = dial(path, write_ms, &err);
	if (fd < 0)
		goto out;
	err = ERR_IO;
	if (!write_all(fd, buf_str(&request), start_ms + write_ms))
		goto out;
	err = read_all(fd, read_ms ? start_ms + read_ms : 0, &all);
	if (err)
		goto out;
	err = ERR_IO;
	reply = buf_str(&all);
	head = str_cut(reply, '\n', &rest);
	word = str_cut(head, ' ', &size);
	if (str_eq(word, STR("ok")) || str_eq(word, STR("flawed"))) {
		/* less of it came: we were cut */
		if (!num_u64(size, 0, SOCKET_BODY_MAX, &n) && n == rest.len) {
			buf_adds(body, rest);
			err = str_eq(word, STR("ok")) ? ERR_OK : ERR_CONFLICT;
		}
	} else if (str_has_prefix(head, STR("error "))) {
		buf_adds(body, (struct str){ head.ptr + 6, head.len - 6 });
		err = ERR_SYNTAX;
	}
out:
	if (fd >= 0)
		close(fd);
	buf_done(&request);
	buf_done(&all);
	return err;
}

enum err ask_daemon(const char *path, const struct str *words, unsigned count,
		    struct buf *body)
{
	return ask(path, words, count, ASK_MS, 0, body);
}

enum err ask_daemon_within(const char *path, const struct str *words,
			   unsigned count, int64_t ms, struct buf *body)
{
	return ask(path, words, count, ms, ms, body);
}
