/*
 * clock: the only place that asks the time.
 *
 *	wall	what is told to people, and what others stamp (assertions,
 *		certificates).  It may jump: somebody sets it, NTP steps it.
 *	steady	what we stamp and judge ourselves: tokens, sessions, limits.
 *		Wall time as it was at the start, carried on by
 *		CLOCK_BOOTTIME: it never jumps, and counts what the machine
 *		sleeps.  A step of the wall clock ends and prolongs nothing.
 *	mono	deadlines and intervals within the process.
 *
 * After a restart the steady clock goes on where it was: clock_steady_resume()
 * takes back what clock_steady_mark() gave, and clock_steady_at_least() puts it
 * right where the wall clock is behind what is stored.  Where neither can tell,
 * after a boot, it is the wall clock.
 *
 * Tests may hold the clocks.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Milliseconds and seconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);
int64_t clock_wall_s(void);
/* The same, as the steady clock has it. */
int64_t clock_steady_ms(void);
int64_t clock_steady_s(void);
/* Nanoseconds and milliseconds since some fixed moment. */
int64_t clock_mono_ns(void);
int64_t clock_mono_ms(void);

/* What to add to a steady time to tell it to people, in milliseconds; within
 * CLOCK_STEP_MS it is 0. */
#define CLOCK_STEP_MS 2000
int64_t clock_ahead_ms(void);

/* A line about this boot and the steady clock's place in it. ERR_IO: the kernel
 * does not tell which boot it is. */
#define CLOCK_MARK_MAX 96
enum err clock_steady_mark(char out[CLOCK_MARK_MAX]);
/* Take the steady clock from there.  ERR_SYNTAX; ERR_NOT_FOUND: that was
 * another boot, and nothing changed.  Before other threads ask. */
enum err clock_steady_resume(struct str mark);
/* Where it is behind `ms`, it leaps there. By how much it did, or 0. */
int64_t clock_steady_at_least(int64_t ms);

/* "2026-11-22T18:11:00.123Z": RFC 3339 in UTC, 24 bytes and a terminator; "-"
 * where the year has not four digits. */
#define CLOCK_TEXT_MAX 25
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);

/*
 * From now on wall and steady clock stand at `wall_ms` (0: run again); the
 * second: that the steady one stands apart.  For tests; process-wide.
 */
void clock_hold(int64_t wall_ms);
void clock_hold_steady(int64_t steady_ms);

#endif
