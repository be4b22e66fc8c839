/*
 * file: small files that are replaced whole and survive a power loss.
 *
 * A draft is written beside its target, as PATH.new with mode 0600, and takes
 * the target's place only when it is complete and on the disk.  Whoever is
 * killed half-way leaves at worst a PATH.new, which the next draft reuses.
 * One draft per target at a time, also between processes: the draft is
 * locked (flock(2)), a second one is ERR_BUSY.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct file_draft {
	int fd;			/* the draft, for fchown(2) and its like */
	const char *path;	/* borrowed until commit or abort */
	char draft[PATH_MAX];
};

/* ERR_LIMIT a path too long, ERR_BUSY, ERR_IO (errno says more). */
enum err file_draft_begin(struct file_draft *draft, const char *path);
/* Append. ERR_IO. */
enum err file_draft_write(struct file_draft *draft, const void *data,
			  size_t len);
/*
 * Make it durable and put it in place.  With `replace` false it must not push
 * out anything: ERR_CONFLICT when the target exists.  ERR_IO: errno says more;
 * after a failing fsync of the directory the target may be new already.
 * Ends the draft, whatever the outcome.
 */
enum err file_draft_commit(struct file_draft *draft, bool replace);
/* Give it up; nothing is left. Does nothing on a draft that has ended. */
void file_draft_abort(struct file_draft *draft);

#endif
