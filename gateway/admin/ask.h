/*
 * ask: a command, to the daemon at its socket (admin/socket.h).
 */
#ifndef ADMIN_ASK_H
#define ADMIN_ASK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/*
 * ERR_NOT_FOUND when no daemon answers at `path`; ERR_CONFLICT for "flawed",
 * with its body; ERR_SYNTAX when it said "error", with its text as the body;
 * ERR_LIMIT: the words are too many or too long, or the path; ERR_IO, also for
 * an answer that was cut, or a request that could not be said in time; ERR_BUSY:
 * a full line at the socket.  Waits until it has the answer.
 */
enum err ask_daemon(const char *path, const struct str *words, unsigned count,
		    struct buf *body);
/* The same, and all of it within `ms`: past them it is ERR_BUSY. */
enum err ask_daemon_within(const char *path, const struct str *words,
			   unsigned count, int64_t ms, struct buf *body);

#endif
