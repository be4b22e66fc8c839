#include "admin/socket.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int address(const char *path, struct sockaddr_un *sa, char *why,
		   size_t size)
{
	size_t len = strlen(path);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(sa->sun_path)) {
		snprintf(why, size,
			 "the socket's path is %zu bytes long and may have "
			 "%zu: choose a shorter state directory, or set "
			 "admin = \"unix:/run/...\"",
			 len, sizeof(sa->sun_path) - 1);
		return -1;
	}
	memcpy(sa->sun_path, path, len);
	return 0;
}

static bool is_answered(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered = fd >= 0 &&
		connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;

	if (fd >= 0)
		close(fd);
	return answered;
}

/* What a daemon that was killed left behind; never anything else. */
static int remove_stale(const char *path, char *why, size_t size)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, size, "%s is there and is no socket", path);
		return -1;
	}
	unlink(path);
	return 0;
}

int socket_listen(const char *path, char *why, size_t size)
{
	struct sockaddr_un sa;
	mode_t mask;
	int fd, bound;

	if (address(path, &sa, why, size))
		return -1;
	if (is_answered(&sa)) {
		snprintf(why, size, "somebody answers at %s already", path);
		return -1;
	}
	if (remove_stale(path, why, size))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		snprintf(why, size, "socket: %s", strerror(errno));
		return -1;
	}
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (bound || listen(fd, 16)) {
		snprintf(why, size, "cannot listen at %s: %s", path,
			 strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* The request's line without its end; -1 when none came in time or it is too
 * long. */
static ssize_t read_line(int fd, char *line, size_t size)
{
	const int64_t end_ms = clock_mono_ms() + SOCKET_PATIENCE_MS;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < size) {
		int64_t left_ms = end_ms - clock_mono_ms();
		ssize_t n;
		char *end;

		/* for the whole line: a byte now and then buys no time */
		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return -1;
		n = read(fd, line + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
		if (end)
			return end - line;
	}
	return -1;
}

static bool write_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return true;
}

static unsigned split(struct str line, struct str words[SOCKET_WORDS_MAX])
{
	unsigned count = 0;

	while (!str_is_null(line) && count < SOCKET_WORDS_MAX) {
		struct str word = str_cut(line, ' ', &line);

		if (word.len)
			words[count++] = word;
	}
	return count;
}

void socket_serve(int listener, socket_command_fn *run, void *ctx)
{
	const struct timeval patience = { SOCKET_PATIENCE_MS / 1000,
					  SOCKET_PATIENCE_MS % 1000 * 1000 };
	struct str words[SOCKET_WORDS_MAX];
	char line[SOCKET_LINE_MAX];
	const char *trouble;
	struct buf body;
	ssize_t len;
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	len = read_line(fd, line, sizeof(line));
	if (len < 0) {
		close(fd);
		return;
	}
	buf_init(&body, SOCKET_BODY_MAX);
	trouble = run(ctx, words,
		      split((struct str){ line, (size_t)len }, words), &body);
	if (!trouble && !buf_is_ok(&body))
		trouble = "the answer is too long";
	if (trouble) {
		write_all(fd, STR("error "));
		write_all(fd, str_from(trouble));
		write_all(fd, STR("\n"));
	} else if (write_all(fd, STR("ok\n"))) {
		write_all(fd, buf_str(&body));
	}
	buf_done(&body);
	close(fd);
}

/* All that the daemon says, up to the end of the connection. */
static bool read_all(int fd, struct buf *out)
{
	char chunk[4096];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 && buf_is_ok(out);
		buf_add(out, chunk, (size_t)n);
	}
}

enum err socket_ask(const char *path, const char *line, struct buf *body)
{
	struct str reply, head, rest;
	enum err err = ERR_IO;
	struct sockaddr_un sa;
	struct buf all;
	char why[256];
	int fd;

	if (address(path, &sa, why, sizeof(why)))
		return ERR_LIMIT;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_IO;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		close(fd);
		return ERR_NOT_FOUND;
	}
	buf_init(&all, SOCKET_BODY_MAX + 64);
	if (!write_all(fd, str_from(line)) || !write_all(fd, STR("\n")) ||
	    !read_all(fd, &all))
		goto out;
	reply = buf_str(&all);
	head = str_cut(reply, '\n', &rest);
	if (str_eq(head, STR("ok"))) {
		buf_adds(body, rest);
		err = ERR_OK;
	} else if (str_has_prefix(head, STR("error "))) {
		buf_adds(body, (struct str){ head.ptr + 6, head.len - 6 });
		err = ERR_SYNTAX;
	}
out:
	buf_done(&all);
	close(fd);
	return err;
}
