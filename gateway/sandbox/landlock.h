/*
 * landlock: which files an isolated adapter's process may read: those of the
 * system's library directories, so that it may need libm, and no other file.
 *
 * Not the directory that adapters lie in, which may be below one of those
 * (/usr/lib/usher/adapters): what other tenants' adapters consist of is not
 * its affair.  As a rule of Landlock's is for a directory with all that is
 * below it, the way to a hidden one is left out by rules for each entry beside
 * it.  That the directory is there can be seen, its names and files cannot.
 *
 * Landlock also keeps it from tracing or seeing into any process outside (in
 * /proc), from the network (version 4), and from signals and abstract sockets
 * (6).  It does not see stat(2) and O_PATH: the filter does (filter.h).
 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

/* The kernel's version of it, 0 without. */
int landlock_version(void);

/*
 * For good, for this thread and what it starts. `hidden`: a directory, or
 * NULL; one that does not exist hides nothing.  Needs no new privileges.
 * -1: errno says why.
 */
int landlock_restrict(int version, const char *hidden);

#endif
