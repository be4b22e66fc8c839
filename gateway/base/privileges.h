/*
 * privileges: from root to a user that is none, for good, and what a process
 * with secrets in its memory gives up.
 *
 *	privileges_harden();
 *	...				what only root may: ports, a spawner
 *	if (privileges_find(name, &user) || privileges_drop(&user))
 *		... say why and end ...
 */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include <sys/types.h>

#include "base/error.h"

struct privileges_user {
	const char *name;	/* the caller's */
	uid_t uid;
	gid_t gid;
};

/*
 * No core dumps and no ptrace by others of the same user: keys and personal
 * data are in our memory.  No program that is started may do more than we do;
 * new files are ours alone.  Signals that mean nothing end nothing
 * (base/signals.h).
 */
void privileges_harden(void);

/*
 * The user of that name.  ERR_NOT_FOUND: there is none.  ERR_UNSUPPORTED: it is
 * root, or of root's group.  Reads the system's user database, which may wait
 * for a server: for starts only.
 */
enum err privileges_find(const char *name, struct privileges_user *user_r);

/*
 * Become that user, with its groups and no others.  ERR_IO: we did not (errno),
 * or could be root again (errno 0); the process is then not fit to go on.  All
 * threads change; those that are to keep other rights are processes.
 */
enum err privileges_drop(const struct privileges_user *user);

#endif
