/*
 * crash: one line that stays behind when the process ends by its own fault.
 *
 *	2026-11-22T18:11:00Z usherd 1.2.0 build 5f1c... pid 4711 SIGSEGV
 *	at 0x7f... requests 01KAB... 01KAC...		(on one line)
 *
 * Written by the handler of the signal, with calls that a handler may make
 * (signal-safety(7)) and without memory of its own, to standard error where
 * that takes it without waiting, and to a file that was opened before.  Then
 * the signal takes its course.  Core dumps stay off: they would hold secrets;
 * the line holds none, only the ids under which the audit trail has the
 * requests that the threads were at.
 *
 * What an invariant (invariant.h) has to say stands on the line, too.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define CRASH_THREADS_MAX 256	/* whose requests are told */
#define CRASH_REQUEST_MAX 32	/* octets of a request's id */
#define CRASH_LINE_MAX 2048	/* octets; what is beyond is not told */

/*
 * Watch SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS and SIGABRT from here on.
 * `program` is a constant, "usherd 1.2.0".  Once in a process, before its
 * threads.  With a sanitizer, which has a report of its own, a no-op, as all
 * of this module but crash_last().
 */
void crash_init(const char *program);
/*
 * The file that the line goes to from here on: made now, 0600, empty until
 * then, and removed again by crash_done().  A line that an earlier process left
 * there is kept as PATH.last, and *was_left_r says that there was one.  The path is this process's alone: take the lock
 * of the directory first.  ERR_IO, ERR_LIMIT: there is no file then.
 */
enum err crash_keep(const char *path, bool *was_left_r);
/* The end is an orderly one. */
void crash_done(void);

/*
 * A stack of its own for the handler in this thread, so that an overflow of
 * the thread's is told as well.  Each thread calls it once; what it takes is
 * given back when the thread ends.
 */
void crash_watch_thread(void);

/* What this thread is at, copied; an absent one: nothing. */
void crash_at(struct str request_id);

/* The reason, then the line, then SIGABRT. For invariant.h. */
_Noreturn void crash_because(const char *kind, const char *file, int line,
			     const char *function, const char *what);

/*
 * The newest line that a crash left at `path`, in `line`, terminated and
 * without its line end: the running or ended process's own, else the one
 * before.  ERR_NOT_FOUND: there was none; ERR_IO.
 */
enum err crash_last(const char *path, char line[static CRASH_LINE_MAX]);

#endif
