/*
 * socket-private: one client's request, as it comes.
 */
#ifndef ADMIN_SOCKET_PRIVATE_H
#define ADMIN_SOCKET_PRIVATE_H

#include "admin/socket.h"

/* Begins as zeroes; `texts` is free()'d by its owner. */
struct socket_request {
	char line[SOCKET_LINE_MAX];
	size_t len;		/* of what was read into it */
	struct str words[SOCKET_WORDS_MAX];
	unsigned count;
	char *texts;		/* what the counted words stand for; NULL: the
				 * line has not ended yet */
	size_t have, size;	/* of the texts */
	const char *trouble;	/* why it is refused; NULL: it is not */
};

enum socket_progress {
	SOCKET_MORE,		/* what came is not all */
	SOCKET_READY,		/* all there, or refused */
	SOCKET_GONE,		/* nothing came that can be answered */
};

/*
 * Take up all that is there by now, without waiting for more.  Where it is
 * SOCKET_READY, `words` and `count` are the request, unless `trouble` says why
 * it is refused.
 */
enum socket_progress socket_request_read(int fd, struct socket_request *r);

#endif
