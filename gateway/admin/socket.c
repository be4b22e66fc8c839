#include "admin/socket.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_HEAD_MAX 4096	/* bytes of an answer's first line */
#define SOCKET_ASK_MS 60000	/* others may be served before us */

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

/*
 * Some bytes more, at most `room`; 0: the client has gone, or its time is
 * over.  The time is for the whole request: a byte now and then buys none.
 */
static size_t read_some(int fd, char *at, size_t room, int64_t end_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left_ms = end_ms - clock_mono_ms();
		ssize_t n;

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return 0;
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		return n > 0 ? (size_t)n : 0;
	}
}

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

struct request {
	char line[SOCKET_LINE_MAX];
	size_t len;		/* of what was read into it */
	struct str words[SOCKET_WORDS_MAX];
	unsigned count;
	char *texts;		/* what the counted words stand for */
};

/*
 * The line's words, those that are +N as texts without their place yet.  NULL,
 * or what is wrong with them.
 */
static const char *split(struct request *r, struct str line, size_t *texts_r)
{
	size_t texts = 0;

	while (!str_is_null(line)) {
		struct str word = str_cut(line, ' ', &line);
		uint64_t n;

		if (!word.len)
			continue;
		if (r->count == SOCKET_WORDS_MAX)
			return "the request has too many words";
		if (word.ptr[0] == '+') {
			word.ptr++;
			word.len--;
			if (num_u64(word, 0, SOCKET_TEXTS_MAX - texts, &n))
				return "a text's length is no number, or the "
				       "texts are too long";
			word = (struct str){ NULL, (size_t)n };
			texts += (size_t)n;
		}
		r->words[r->count++] = word;
	}
	*texts_r = texts;
	return NULL;
}

/* The texts' bytes: what stands behind the line already, then the rest. */
static bool read_texts(int fd, struct request *r, size_t from, size_t size,
		       int64_t end_ms)
{
	size_t have = r->len - from < size ? r->len - from : size;
	char *at;

	r->texts = malloc(size + 1);
	if (!r->texts)
		return false;
	memcpy(r->texts, r->line + from, have);
	while (have < size) {
		size_t n = read_some(fd, r->texts + have, size - have, end_ms);

		if (!n)
			return false;
		have += n;
	}
	at = r->texts;
	for (unsigned i = 0; i < r->count; i++)
		if (!r->words[i].ptr) {
			r->words[i].ptr = at;
			at += r->words[i].len;
		}
	return true;
}

/* False: nothing came that can be answered.  *trouble_r: it is refused. */
static bool read_request(int fd, struct request *r, const char **trouble_r)
{
	const int64_t end_ms = clock_mono_ms() + SOCKET_PATIENCE_MS;
	size_t texts = 0, n;
	char *end;

	do {
		if (r->len == sizeof(r->line))
			return false;
		n = read_some(fd, r->line + r->len, sizeof(r->line) - r->len,
			      end_ms);
		if (!n)
			return false;
		end = memchr(r->line + r->len, '\n', n);
		r->len += n;
	} while (!end);
	n = (size_t)(end - r->line);
	*trouble_r = split(r, (struct str){ r->line, n }, &texts);
	return *trouble_r || read_texts(fd, r, n + 1, texts, end_ms);
}

const char socket_flawed[] = "flawed";
const char socket_later[] = "later";

static void answer(int fd, const char *trouble, struct buf *body)
{
	const int64_t end_ms = clock_mono_ms() + SOCKET_PATIENCE_MS;
	const char *head = "ok";
	char array[SOCKET_HEAD_MAX];
	struct buf text;

	if (trouble == socket_flawed) {
		head = "flawed";
		trouble = NULL;
	}
	if (!trouble && !buf_is_ok(body))
		trouble = "the answer is too long";
	buf_init_fixed(&text, array, sizeof(array));
	if (trouble)
		buf_printf(&text, "error %.*s\n", SOCKET_HEAD_MAX - 16,
			   trouble);
	else
		buf_printf(&text, "%s %zu\n", head, body->len);
	if (write_all(fd, buf_str(&text), end_ms) && !trouble)
		write_all(fd, buf_str(body), end_ms);
}

void socket_answer(int fd, const char *trouble, struct buf *body)
{
	answer(fd, trouble, body);
	close(fd);
}

int socket_serve(int listener, socket_command_fn *run, void *ctx)
{
	struct request request = { .len = 0 };
	const char *trouble = NULL;
	struct buf body;
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read_request(fd, &request, &trouble)) {
		buf_init(&body, SOCKET_BODY_MAX);
		if (!trouble)
			trouble = run(ctx, request.words, request.count,
				      &body);
		if (trouble != socket_later)
			answer(fd, trouble, &body);
		buf_done(&body);
	}
	free(request.texts);
	if (trouble == socket_later)
		return fd;
	close(fd);
	return -1;
}

/* ---- the client's side ---- */

/* May it stand in the line as it is? */
static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
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

/* Connected, or -1 and *err set. */
static int dial(const char *path, enum err *err)
{
	struct sockaddr_un sa;
	char why[256];
	int fd;

	*err = ERR_LIMIT;
	if (address(path, &sa, why, sizeof(why)))
		return -1;
	*err = ERR_IO;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	*err = ERR_NOT_FOUND;
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	close(fd);
	return -1;
}

enum err socket_ask(const char *path, const struct str *words, unsigned count,
		    struct buf *body)
{
	struct str reply, head, word, rest, size;
	struct buf all, request;
	uint64_t n = 0;
	enum err err;
	int fd = -1;

	buf_init(&all, SOCKET_BODY_MAX + 64);
	buf_init(&request, 2 * SOCKET_TEXTS_MAX);
	err = write_request(words, count, &request);
	if (!err)
		fd = dial(path, &err);
	if (fd < 0)
		goto out;
	err = ERR_IO;
	if (!write_all(fd, buf_str(&request),
		       clock_mono_ms() + SOCKET_ASK_MS) || !read_all(fd, &all))
		goto out;
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
