/*
 * uids: the users that adapters run as.
 *
 * Each process of an adapter has a user and a group of its own, of the same
 * number, that no other process has at the same time: no home, no name, no
 * supplementary groups, no file.  The numbers are
 *
 *	2097152000 to 2097217535
 *
 * which neither Debian (users to 60000, subordinate ones from 100000 to
 * 600100000) nor systemd (dynamic users 61184 to 65519, containers 524288 to
 * 1879048191) nor the usual mappings of directory services (to 2000200000)
 * give to anybody.  Where a user namespace has no such numbers, as in a
 * container of an unprivileged user, they are
 *
 *	61440 to 63487
 *
 * of that namespace, from what systemd has for dynamic users; and where it
 * has not even those there are none.  The first of either range is the
 * spawner's (spawner.h).
 */
#ifndef SANDBOX_UIDS_H
#define SANDBOX_UIDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

#define UIDS_MAX 65536u		/* in a range */

struct uid_range {
	uid_t first;
	unsigned count;		/* 0: there are none */
};

/* Which are not given to anybody. One thread at a time. */
struct uids {
	struct uid_range range;
	unsigned next;
	uint8_t taken[UIDS_MAX / 8];
};

/* The range of this process's user namespace; count is 0 without. */
struct uid_range uids_range(void);
/* The same, from the text of its uid_map and gid_map (user_namespaces(7)). */
struct uid_range uids_range_of(struct str uid_map, struct str gid_map);

void uids_init(struct uids *uids, struct uid_range range);
/*
 * One that nobody has, not the first of the range; those given back rest
 * until all others had their turn.  1 found; 0 all are taken, or there are
 * none.
 */
int uids_take(struct uids *uids, uid_t *uid_r);
/* Accepts 0, and what is not in the range. */
void uids_give_back(struct uids *uids, uid_t uid);

#endif
