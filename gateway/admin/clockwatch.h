/*
 * clockwatch: tells of a wall clock that was set.
 *
 * Nothing that the gateway stamps itself depends on it (base/clock.h), so a
 * step ends no session and frees no limit; but times told to people and those
 * that others stamped do, and somebody should know.  The steady clock's place is
 * kept in a file of the state directory, so that a restart goes on from there.
 */
#ifndef ADMIN_CLOCKWATCH_H
#define ADMIN_CLOCKWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed: the clocks agree, as far as is known. */
struct clockwatch {
	int64_t ahead_ms;	/* of the wall clock, as last told */
};

/*
 * About once a second: has the wall clock stepped by more than CLOCK_STEP_MS
 * since the last time?  Then it is logged and counted, and true.
 */
bool clockwatch_look(struct clockwatch *watch);

/* At a start, before the store opens. A mark of another boot or none at all is
 * no error; ERR_SYNTAX, ERR_IO: the wall clock it is. */
enum err clockwatch_resume(const char *path);
/* Replaces the file. ERR_IO (errno says more), ERR_LIMIT, ERR_BUSY. */
enum err clockwatch_save(const char *path);

#endif
