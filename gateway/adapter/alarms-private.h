/*
 * alarms: moments at which somebody wants to be looked at, on one timerfd.
 *
 * A heap by time: the one who waits on the descriptor looks at those that are
 * due and at nobody else.  Setting an alarm that is not the next one costs no
 * system call.  Any thread may set one; one thread takes them.
 */
#ifndef ADAPTER_ALARMS_PRIVATE_H
#define ADAPTER_ALARMS_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ALARM_NEVER INT64_MAX

/* Its owner's; stays where it is from alarms_add() to alarms_remove(). */
struct alarm {
	void *owner;
	/* private */
	int64_t at_ns;
	unsigned slot;
};

struct alarms {
	int fd;			/* a timerfd: readable when one is due */
	/* private */
	pthread_mutex_t lock;
	struct alarm **heap;
	unsigned count, room;
	int64_t armed_ns;
};

/* ERR_IO; *alarms can then be handed to alarms_done(), too. */
enum err alarms_init(struct alarms *alarms);
void alarms_done(struct alarms *alarms);

/* Never, at first. ERR_NOMEM. */
enum err alarms_add(struct alarms *alarms, struct alarm *alarm, void *owner);
/* Does nothing with one that was not added. */
void alarms_remove(struct alarms *alarms, struct alarm *alarm);
/* `at_ns` on the monotonic clock, in place of what was set before. */
void alarms_set(struct alarms *alarms, struct alarm *alarm, int64_t at_ns);

/*
 * The owner of one that is due, which is then set to never; NULL: none is (any
 * more), and the descriptor is readable when the next one is.
 */
void *alarms_take(struct alarms *alarms, int64_t now_ns);

#endif
