/*
 * clock: the only place that asks the time.
 *
 * Wall time for what is stored or told (it may jump), monotonic time for
 * deadlines and intervals.  Tests may hold the wall clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds and seconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);
int64_t clock_wall_s(void);
/* Nanoseconds and milliseconds since some fixed moment. */
int64_t clock_mono_ns(void);
int64_t clock_mono_ms(void);

/* "2026-11-22T18:11:00.123Z": RFC 3339 in UTC, 24 bytes and a terminator. */
#define CLOCK_TEXT_MAX 25
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);

/*
 * From now on the wall clock stands at `wall_ms` (0: runs again).  For tests;
 * process-wide.
 */
void clock_hold(int64_t wall_ms);

#endif
