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
 *
 * Sessions that ended because there were too many are told by tenant, at once
 * and then at most once in STOREWATCH_EVERY_MS:
 *
 *	warn sessions_evicted tenant=acme count=1200 remedy=...
 *
 * After an upgrade that changed by what addresses are compared: that rows are
 * still being looked at, once, that they were, and how many addresses beyond
 * ASCII are more than one user's (store/users.h), once for each start:
 *
 *	info user_keys_pending remedy=...
 *	info user_keys_done conflicts=3
 *	warn user_conflicts count=3 remedy=...
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
	int64_t evicted_ms;	/* no line of sessions before that */
	bool is_keys_pending;	/* told that they are */
	bool is_keys_told;	/* all there is to tell */
};

void storewatch_look(struct storewatch *watch,
		     const struct health_report *health, int64_t mono_ms);

/* May it tell of sessions?  Then what sessions_take_evicted() gave. */
bool storewatch_may_tell(const struct storewatch *watch, int64_t mono_ms);
void storewatch_tell_evicted(struct storewatch *watch,
			     const struct sessions_evicted *list,
			     unsigned count, int64_t mono_ms);
/* Of outbox_take_news(): one line each. */
void storewatch_tell_outbox(const struct outbox_usage *list, unsigned count);
/* `reader` is the caller's. */
void storewatch_look_keys(struct storewatch *watch, struct db *reader);

/* One line for people, no line end: what is wrong and what helps.  Nothing
 * where the store is well. */
void storewatch_say(const struct health_report *health, struct buf *out);

#endif
