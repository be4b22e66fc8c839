/*
 * plain: what others wrote, made harmless for an operator's terminal.
 *
 * Control characters (an escape sequence could rewrite the screen, or type for
 * him), characters that turn the direction of writing and bytes that are not
 * UTF-8 become U+FFFD.
 */
#ifndef ADMIN_PLAIN_H
#define ADMIN_PLAIN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* One line: line ends too. */
void plain_add(struct buf *out, struct str s);
/* And filled up with spaces to `width` characters; never cut. */
void plain_pad(struct buf *out, struct str s, unsigned width);
/* Each line behind `prefix`, so that none looks like one of ours; TAB stays.
 * Ends with a line end. */
void plain_lines(struct buf *out, struct str s, const char *prefix);

/* "2026-11-22T18:11:00+01:00": ISO 8601, in the daemon's time zone. */
#define PLAIN_TIME_WIDTH 25
void plain_time(struct buf *out, int64_t wall_ms);

#endif
