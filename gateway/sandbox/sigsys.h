/*
 * sigsys: what becomes of a system call that traps in the sandbox.
 *
 * First, stat(2), for the loader and for libraries that ask.  newfstatat(2)
 * tells about any file whose name one knows, whether it can be opened or not:
 * Landlock has no part in it, and a filter of system calls does not see names.
 * But glibc's loader asks by it about what it has opened (up to 2.39; later
 * ones by fstat), and about directories of a search path.  So it traps, and the
 * handler answers by calls that are let: fstat, and for a name openat before
 * it.  What cannot be opened for reading is not told about.  The other ways to
 * the same (stat, lstat, statx) are refused: no glibc that has newfstatat uses
 * them first where it matters.
 *
 * Second, the calls that end an adapter (filter.h): the handler says which it
 * was (fall.h), for nobody else knows of a process that the kernel ended, and
 * ends the process by the same signal.
 *
 * The handler is no boundary and needs to be none.  A call that traps is not
 * made, whatever the handler does: there is no call to take another handler,
 * one who blocks the signal (by rt_sigreturn(2)) is ended by the kernel, and
 * one who has changed the handler's own code has been refused a call, as most
 * are.
 */
#ifndef SANDBOX_SIGSYS_H
#define SANDBOX_SIGSYS_H

/* From now on, for the process. -1: errno. */
int sigsys_take(void);

#endif
