/* assertctl-private: what `sign` and `verify` share. */
#ifndef CONSOLE_ASSERTCTL_PRIVATE_H
#define CONSOLE_ASSERTCTL_PRIVATE_H

#include "console/assertctl.h"
#include "console/console.h"

/* All of a file, or of standard input ("-"), of at most `max` octets, which
 * buf_done() wipes: -1 with the reason printed. */
int assertctl_read(const char *path, size_t max, struct buf *out);

/* The configuration and a tenant of it that can be used: -1 with the reason
 * printed, and nothing to close. */
int assertctl_open(const struct command_line *line, struct str slug,
		   struct console *console_r, const struct tenant **tenant_r);

#endif
