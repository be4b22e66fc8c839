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

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

#define PRIVILEGES_GROUPS_MAX 256	/* looked at of one user */

struct privileges_user {
	const char *name;	/* the caller's */
	uid_t uid;
	gid_t gid;
	gid_t groups[PRIVILEGES_GROUPS_MAX];
	int group_count;
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
 * for a server: for starts, and threads that may wait.  Its groups are not
 * looked up.
 */
enum err privileges_find(const char *name, struct privileges_user *user_r);
/* Those too, for privileges_may(): it may wait for all servers there are. */
void privileges_find_groups(struct privileges_user *user);

/*
 * May that user, who is not root, do this (R_OK, W_OK, X_OK, together) to a
 * file of that owner and mode?  For a user that we are not yet; lists of access
 * rights are not looked at.  faccessat(2) tells it for us.
 */
bool privileges_may(const struct privileges_user *user, const struct stat *st,
		    int how);

/*
 * Become that user, with its groups and no others.  ERR_IO: we did not (errno),
 * or could be root again (errno 0); the process is then not fit to go on.  All
 * threads change; those that are to keep other rights are processes.
 */
enum err privileges_drop(const struct privileges_user *user);

#endif
