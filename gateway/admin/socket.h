/*
 * socket: the operator's door, a unix stream socket that usherctl talks to.
 *
 * One request a connection: a line of words, at most SOCKET_LINE_MAX bytes
 * with its end; a word that is +N (decimal) stands for a text of N bytes,
 * which follows the line, the first such word's first: so a word may hold
 * anything, line ends and spaces too.
 *
 *	tickets reply acme 7 +8 +13 0f2c9a41\nJane DoeTry it again.
 *
 * The answer is a line "error TEXT"; or "ok N", or "flawed N" (done, and the
 * body says what is amiss all the same), and then N bytes, the body; and the
 * end of the connection.  The socket is 0600: who may connect may command.
 * Served by the main thread, which waits for nothing long; a client that has
 * not sent its whole request within SOCKET_PATIENCE_MS, or not taken the whole
 * answer within as much again, is cut.
 */
#ifndef ADMIN_SOCKET_H
#define ADMIN_SOCKET_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define SOCKET_LINE_MAX 1024
#define SOCKET_WORDS_MAX 16
#define SOCKET_TEXTS_MAX 65536		/* bytes behind the line, together */
#define SOCKET_PATIENCE_MS 2000
#define SOCKET_BODY_MAX (64 * 1024 * 1024)

/* What a command returns for "flawed". */
extern const char socket_flawed[];
/* ... and where it will be answered later: see socket_serve(). */
extern const char socket_later[];

/*
 * Answer one command: append the body. NULL for success, socket_flawed, else a
 * short text for people, of one line (constant, as long-lived as `body`, or in
 * it).  The words are the caller's again when this returns.
 */
typedef const char *socket_command_fn(void *ctx, const struct str *words,
				      unsigned count, struct buf *body);

/*
 * Listen at `path`, replacing a socket that nobody answers at.  Returns the
 * descriptor, or -1 with the reason in `why`.
 */
int socket_listen(const char *path, char *why, size_t size);
/*
 * Serve one waiting connection, if there is one.  Returns -1; or, where the
 * command said socket_later, the connection, for socket_answer().
 */
int socket_serve(int listener, socket_command_fn *run, void *ctx);
/* Answer it, with what the command would have returned, and close it. */
void socket_answer(int fd, const char *trouble, struct buf *body);

/* The client's side: ERR_NOT_FOUND when no daemon answers at `path`;
 * ERR_CONFLICT for "flawed", with its body; ERR_SYNTAX when it said "error",
 * with its text as the body; ERR_LIMIT: the words are too many or too long, or
 * the path; ERR_IO, also for an answer that was cut. */
enum err socket_ask(const char *path, const struct str *words, unsigned count,
		    struct buf *body);

#endif
