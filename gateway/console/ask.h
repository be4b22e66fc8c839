/*
 * ask: a command, to the daemon at its socket (admin/socket.h).
 */
#ifndef CONSOLE_ASK_H
#define CONSOLE_ASK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/*
 * ERR_NOT_FOUND when no daemon answers at `path`; ERR_CONFLICT for "flawed",
 * with its body; ERR_SYNTAX when it said "error", with its text as the body;
 * ERR_LIMIT: the words are too many or too long, or the path; ERR_IO, also for
 * an answer that was cut.  Waits until it has the answer.
 */
enum err ask_daemon(const char *path, const struct str *words, unsigned count,
		    struct buf *body);

#endif
