/*
 * sanitize: what others wrote, made harmless for an operator's terminal.
 *
 * Control characters (an escape sequence could rewrite the screen, or type for
 * them), characters that turn the direction of writing and bytes that are not
 * UTF-8 become U+FFFD.
 */
#ifndef ADMIN_SANITIZE_H
#define ADMIN_SANITIZE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* One line: line ends too. */
void sanitize_add(struct buf *out, struct str s);
/* And filled up with spaces to `width` characters; never cut. */
void sanitize_pad(struct buf *out, struct str s, unsigned width);
/* Each line behind `prefix`, so that none looks like one of ours; TAB stays.
 * Ends with a line end. */
void sanitize_lines(struct buf *out, struct str s, const char *prefix);

/* "2026-11-22T18:11:00+01:00": ISO 8601, in the daemon's time zone. */
#define SANITIZE_TIME_WIDTH 25
void sanitize_time(struct buf *out, int64_t wall_ms);

#endif
