/*
 * socket: the operator's door, a unix stream socket that usherctl talks to.
 *
 * One request a connection: a line of words, at most SOCKET_LINE_MAX bytes;
 * the answer is a line "ok" or "error TEXT" and then the body (JSON), up to
 * the end of the connection.  The socket is 0600: who may connect may command.
 * Served by the main thread, which does nothing that a request waits for; a
 * client that does not finish its line within SOCKET_PATIENCE_MS is cut.
 */
#ifndef ADMIN_SOCKET_H
#define ADMIN_SOCKET_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define SOCKET_LINE_MAX 1024
#define SOCKET_WORDS_MAX 8
#define SOCKET_PATIENCE_MS 2000
#define SOCKET_BODY_MAX (64 * 1024 * 1024)

/*
 * Answer one command: append the body. NULL for success, else a short text
 * for people (constant or as long-lived as `body`).
 */
typedef const char *socket_command_fn(void *ctx, const struct str *words,
				      unsigned count, struct buf *body);

/*
 * Listen at `path`, replacing a socket that nobody answers at.  Returns the
 * descriptor, or -1 with the reason in `why`.
 */
int socket_listen(const char *path, char *why, size_t size);
/* Serve one waiting connection, if there is one. */
void socket_serve(int listener, socket_command_fn *run, void *ctx);

/* The client's side: ERR_NOT_FOUND when no daemon answers at `path`; ERR_SYNTAX
 * when it said "error", with its text as the body. */
enum err socket_ask(const char *path, const char *line, struct buf *body);

#endif
