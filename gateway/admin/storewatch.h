/*
 * storewatch: tells the log how the store does.
 *
 * Asked about once a second, by a thread that may log.  A store that fails is
 * told at once, and then at most once in STOREWATCH_EVERY_MS, with how often
 * it has failed since the last line:
 *
 *	error store_failed trouble=disk_full failures=12
 *	      problem="database or disk is full (SQLite 13)" remedy=...
 *
 * and that it is over, once:
 *
 *	info store_recovered failures=12 after_s=31
 *
 * `trouble` is one of the names of store/health.h.
 */
#ifndef ADMIN_STOREWATCH_H
#define ADMIN_STOREWATCH_H

#include "store/store.h"

#define STOREWATCH_EVERY_MS 60000

/* Zeroed: nothing was told yet. */
struct storewatch {
	uint64_t told;		/* failures, by the last line */
	uint64_t since;		/* failures, when it was last well */
	int64_t next_ms;	/* no line before that */
	int64_t first_ms;	/* of the trouble that is being told */
	bool is_telling;	/* and is not over yet */
};

void storewatch_look(struct storewatch *watch,
		     const struct health_report *health, int64_t mono_ms);

/* One line for people, no line end: what is wrong and what helps.  Nothing
 * where the store is well. */
void storewatch_say(const struct health_report *health, struct buf *out);

#endif
