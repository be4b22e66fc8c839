/*
 * uids: the users that adapters run as.
 *
 * Each process of an adapter has a user and a group of its own, of the same
 * number, that no other process has at the same time: no home, no name, no
 * supplementary groups, no file.  The numbers are
 *
 *	2097152000 to 2098200575
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
 * has not even those there are none.
 *
 * Two gateways on one machine must not give the same number to two processes:
 * the same user may set limits and more.  So each takes a block of its own,
 * of 128 (or 8), for as long as it, or its spawner, lives: by a lock on an
 * octet of UIDS_FILE, which only root can make and open.  The first of a block
 * is the spawner's (spawner.h).  Containers do not share /run; those that see
 * each other's processes should share the file.
 */
#ifndef SANDBOX_UIDS_H
#define SANDBOX_UIDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

#define UIDS_FILE "/run/usher-uids"
#define UIDS_MAX 8192u		/* in a block */

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

/*
 * A block of this process's user namespace's that no other gateway has, for a
 * process that is root.  The descriptor, close-on-exec, keeps it, as do its
 * copies in other processes, until the last is closed.  -1: there is none, and
 * *problem gained a phrase; *range_r is then one of none.
 */
int uids_claim(struct uid_range *range_r, struct buf *problem);
/* All blocks, and how many: from the text of its uid_map and gid_map
 * (user_namespaces(7)).  *blocks_r is 0 without. */
struct uid_range uids_range_of(struct str uid_map, struct str gid_map,
			       unsigned *blocks_r);

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
