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
 *
 * Served by the main thread, which waits for no client: what has come is read,
 * what can be sent is sent, and one that is silent delays neither others nor
 * reloads nor the stop.  A client that has not sent its whole request within
 * SOCKET_PATIENCE_MS, or not taken the whole answer within as much again, is
 * cut; past SOCKET_CLIENTS_MAX the one that has been there longest is, but for
 * those that wait for an answer.
 */
#ifndef ADMIN_SOCKET_H
#define ADMIN_SOCKET_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define SOCKET_LINE_MAX 1024
#define SOCKET_WORDS_MAX 16
#define SOCKET_TEXTS_MAX 65536		/* bytes behind the line, together */
#define SOCKET_PATIENCE_MS 2000
#define SOCKET_CLIENTS_MAX 32
#define SOCKET_BODY_MAX (64 * 1024 * 1024)

/* What a command returns for "flawed". */
extern const char socket_flawed[];
/* ... and where it will be answered later: see socket_server_ticket(). */
extern const char socket_later[];

/*
 * Answer one command: append the body. NULL for success, socket_flawed, else a
 * short text for people, of one line (constant, as long-lived as `body`, or in
 * it).  The words are the caller's again when this returns.
 */
typedef const char *socket_command_fn(void *ctx, const struct str *words,
				      unsigned count, struct buf *body);

/* -1: the path is too long for one, with the reason in `why`. */
struct sockaddr_un;
int socket_address(const char *path, struct sockaddr_un *address_r, char *why,
		   size_t size);
/*
 * Listen at `path`, replacing a socket that nobody answers at.  Returns the
 * descriptor, or -1 with the reason in `why`.
 */
int socket_listen(const char *path, char *why, size_t size);

struct socket_server;
/* Listen there, and answer commands with `run`. NULL: the reason in `why`. */
struct socket_server *socket_server_new(const char *path,
					socket_command_fn *run, void *ctx,
					char *why, size_t size);
/* For tests: another SOCKET_PATIENCE_MS for those who come from now on. */
void socket_server_be_patient(struct socket_server *server, int64_t ms);
/* To poll for reading; -1 for NULL. */
int socket_server_fd(const struct socket_server *server);
/* It is readable: go on with all clients that it is for.  Never waits. */
void socket_server_run(struct socket_server *server);
/*
 * Of the client whose command runs: where that returns socket_later, it waits,
 * without a bound, for socket_server_answer() with this.  Never 0.
 */
uint64_t socket_server_ticket(const struct socket_server *server);
/* Answer it with what the command would have returned.  Where it has gone away
 * meanwhile, nothing happens.  Never waits. */
void socket_server_answer(struct socket_server *server, uint64_t ticket,
			  const char *trouble, const struct buf *body);
/* For tests: how many clients have come and gone. */
uint64_t socket_server_served(const struct socket_server *server);
/* Cuts those that are left. Accepts NULL. */
void socket_server_free(struct socket_server *server);

#endif
