/* A request: a line of words, and the texts that some of them stand for. */
#include "admin/socket-private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"

/*
 * The line's words, those that are +N as texts without their place yet.  NULL,
 * or what is wrong with them.
 */
static const char *split(struct socket_request *r, struct str line)
{
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
			if (num_u64(word, 0, SOCKET_TEXTS_MAX - r->size, &n))
				return "a text's length is no number, or the "
				       "texts are too long";
			word = (struct str){ NULL, (size_t)n };
			r->size += (size_t)n;
		}
		r->words[r->count++] = word;
	}
	return NULL;
}

/* The texts begin behind the line's `end`. */
static enum socket_progress end_line(struct socket_request *r, const char *end)
{
	size_t line = (size_t)(end - r->line), from = line + 1;

	r->trouble = split(r, (struct str){ r->line, line });
	if (r->trouble)
		return SOCKET_READY;
	r->texts = malloc(r->size + 1);
	if (!r->texts)
		return SOCKET_GONE;
	r->have = r->len - from < r->size ? r->len - from : r->size;
	memcpy(r->texts, r->line + from, r->have);
	return SOCKET_MORE;
}

static void place_texts(struct socket_request *r)
{
	char *at = r->texts;

	for (unsigned i = 0; i < r->count; i++)
		if (!r->words[i].ptr) {
			r->words[i].ptr = at;
			at += r->words[i].len;
		}
}

/* Take up what came. */
static enum socket_progress take_up(struct socket_request *r, size_t n)
{
	char *end;

	if (r->texts) {
		r->have += n;
		return SOCKET_MORE;
	}
	end = memchr(r->line + r->len, '\n', n);
	r->len += n;
	return end ? end_line(r, end) : SOCKET_MORE;
}

enum socket_progress socket_request_read(int fd, struct socket_request *r)
{
	enum socket_progress progress = SOCKET_MORE;

	while (progress == SOCKET_MORE) {
		char *at = r->texts ? r->texts + r->have : r->line + r->len;
		size_t room = r->texts ? r->size - r->have :
					 sizeof(r->line) - r->len;
		ssize_t n;

		if (r->texts && !room) {
			place_texts(r);
			return SOCKET_READY;
		}
		if (!room)
			return SOCKET_GONE;
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return SOCKET_MORE;
		if (n <= 0)
			return SOCKET_GONE;
		progress = take_up(r, (size_t)n);
	}
	return progress;
}
