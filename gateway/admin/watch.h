/*
 * watch: notice that a file of a directory has changed, and wait until whoever
 * writes is done.
 *
 * Editors and deployments write in several steps, so a change is due once
 * nothing happened for WATCH_SETTLE_MS, and in any case WATCH_LATEST_MS after
 * the first one: a file that never comes to rest does not keep the others
 * from being taken up.
 *
 * Seen are files of the directory itself that were written and closed, moved
 * or linked in, moved out or deleted; neither its subdirectories nor files
 * elsewhere that it names.
 */
#ifndef ADMIN_WATCH_H
#define ADMIN_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_SETTLE_MS 500
#define WATCH_LATEST_MS 5000

struct watch {
	int fd;			/* to poll for reading; -1: not watching */
	bool is_pending;
	int64_t first_ms, last_ms;	/* of the changes that are pending */
};

/* -1 with errno: nothing is watched, and all calls below do nothing. */
int watch_open(struct watch *watch, const char *directory);
void watch_close(struct watch *watch);

/* `fd` is readable: take note of what changed. */
void watch_read(struct watch *watch, int64_t mono_ms);
/* Milliseconds until a change is due, for poll(2); -1: none is pending. */
int watch_timeout(const struct watch *watch, int64_t mono_ms);
/* Once per change that is due. */
bool watch_is_due(struct watch *watch, int64_t mono_ms);

#endif
