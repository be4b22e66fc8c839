/*
 * sourceline: from "acme.so+0x1a3", where an adapter's process ended, to file
 * and line.
 *
 * addr2line(1) knows, where the module has debug information.  It reads the
 * file with a large parser and the caller's rights, which no sandbox holds: so
 * it is named, and run only for who asks for it.
 */
#ifndef CONSOLE_SOURCELINE_H
#define CONSOLE_SOURCELINE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define SOURCELINE_MAX 4	/* places of one text; further ones are left */

/*
 * Append a line for each place of the module `path` that `text` names:
 *
 *	acme.so+0x1a3: addr2line -e ./acme.so 0x1a3 tells the line, as does
 *	--lines
 *	acme.so+0x1a3: acme.c:42		with `must_run`
 *
 * `text` may be what `out` holds.
 */
void sourceline_add(const char *path, struct str text, bool must_run,
		    struct buf *out);

#endif
