/*
 * sigsys: stat(2) in the sandbox, for the loader and for libraries that ask.
 *
 * newfstatat(2) tells about any file whose name one knows, whether it can be
 * opened or not: Landlock has no part in it, and a filter of system calls does
 * not see names.  But glibc's loader asks by it about what it has opened (up to
 * 2.39; later ones by fstat), and about directories of a search path.  So in
 * the load phase it traps, and the handler answers by calls that are let:
 * fstat, and for a name openat before it.  What cannot be opened for reading
 * is not told about.  The handler is no boundary and needs to be none: it can
 * do nothing that the code that calls it could not do by itself.
 *
 * The other ways to the same (stat, lstat, statx) are refused: no glibc that
 * has newfstatat uses them first where it matters.
 */
#ifndef SANDBOX_SIGSYS_H
#define SANDBOX_SIGSYS_H

/* From now on, for the process. -1: errno. */
int sigsys_take(void);

#endif
