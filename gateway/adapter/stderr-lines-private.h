/*
 * stderr-lines: what a child writes on standard error, or libc for it, as
 * lines for the log; at most LINES_MAX a second.
 *
 * Past that it is muted until the second is over, so that no more than LINES_MAX
 * * LINES_READ octets are read in one: its pipe fills up, and what does not fit
 * is its loss, which nobody counts.  What was read and is too many is counted
 * (adapter_services.dropped).
 */
#ifndef ADAPTER_STDERR_LINES_PRIVATE_H
#define ADAPTER_STDERR_LINES_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "module/call.h"

#define LINES_MAX 50		/* a second */
#define LINES_READ 4096		/* octets at a time */

struct stderr_lines {
	unsigned count;		/* in the second that began at since_ns */
	int64_t since_ns;
	bool is_muted;
};

/* Write the lines of `text` for as long as they are not too many. */
void stderr_lines_take(struct stderr_lines *lines,
		       const struct adapter_env *env, struct str name,
		       struct str text, int64_t now_ns);
/* When a muted one may speak again. */
int64_t stderr_lines_until(const struct stderr_lines *lines);

#endif
