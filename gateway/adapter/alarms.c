#include "adapter/alarms-private.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define NOT_ADDED UINT32_MAX
#define ROOM_FIRST 64

enum err alarms_init(struct alarms *a)
{
	*a = (struct alarms){ .armed_ns = ALARM_NEVER };
	pthread_mutex_init(&a->lock, NULL);
	a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return a->fd < 0 ? ERR_IO : ERR_OK;
}

void alarms_done(struct alarms *a)
{
	if (a->fd >= 0)
		close(a->fd);
	free(a->heap);
	pthread_mutex_destroy(&a->lock);
}

/* ---- the heap ------------------------------------------------------------ */

static void put(struct alarms *a, struct alarm *alarm, unsigned slot)
{
	a->heap[slot] = alarm;
	alarm->slot = slot;
}

/* To where it belongs, up or down. */
static void settle(struct alarms *a, struct alarm *alarm)
{
	unsigned slot = alarm->slot;

	while (slot > 0 && a->heap[(slot - 1) / 2]->at_ns > alarm->at_ns) {
		put(a, a->heap[(slot - 1) / 2], slot);
		slot = (slot - 1) / 2;
	}
	for (;;) {
		unsigned child = 2 * slot + 1;

		if (child >= a->count)
			break;
		if (child + 1 < a->count &&
		    a->heap[child + 1]->at_ns < a->heap[child]->at_ns)
			child++;
		if (a->heap[child]->at_ns >= alarm->at_ns)
			break;
		put(a, a->heap[child], slot);
		slot = child;
	}
	put(a, alarm, slot);
}

/*
 * The timer goes off when the first is due, or sooner: an alarm that was put
 * off is found not to be due, and the timer is set again then.
 */
static void arm(struct alarms *a)
{
	int64_t at = a->count ? a->heap[0]->at_ns : ALARM_NEVER;
	const struct itimerspec when = {
		.it_value = { at / SECOND, at % SECOND },
	};

	if (at >= a->armed_ns)
		return;
	a->armed_ns = at;
	timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- what others see ----------------------------------------------------- */

enum err alarms_add(struct alarms *a, struct alarm *alarm, void *owner)
{
	enum err err = ERR_OK;

	pthread_mutex_lock(&a->lock);
	if (a->count == a->room) {
		unsigned room = a->room ? 2 * a->room : ROOM_FIRST;
		struct alarm **heap = realloc(a->heap, room * sizeof(*heap));

		if (heap) {
			a->heap = heap;
			a->room = room;
		} else {
			err = ERR_NOMEM;
		}
	}
	*alarm = (struct alarm){ owner, ALARM_NEVER, NOT_ADDED };
	if (!err)
		put(a, alarm, a->count++);
	pthread_mutex_unlock(&a->lock);
	return err;
}

void alarms_remove(struct alarms *a, struct alarm *alarm)
{
	pthread_mutex_lock(&a->lock);
	if (alarm->slot != NOT_ADDED) {
		struct alarm *last = a->heap[--a->count];

		if (last != alarm) {
			put(a, last, alarm->slot);
			settle(a, last);
		}
		alarm->slot = NOT_ADDED;
	}
	pthread_mutex_unlock(&a->lock);
}

void alarms_set(struct alarms *a, struct alarm *alarm, int64_t at_ns)
{
	pthread_mutex_lock(&a->lock);
	alarm->at_ns = at_ns;
	settle(a, alarm);
	arm(a);
	pthread_mutex_unlock(&a->lock);
}

void *alarms_take(struct alarms *a, int64_t now_ns)
{
	struct alarm *alarm = NULL;
	uint64_t times;

	pthread_mutex_lock(&a->lock);
	if (a->count && a->heap[0]->at_ns <= now_ns) {
		alarm = a->heap[0];
		alarm->at_ns = ALARM_NEVER;
		settle(a, alarm);
	} else {
		/* Fails where it did not go off, and no harm is done. */
		if (read(a->fd, &times, sizeof(times)) < 0)
			times = 0;
		a->armed_ns = ALARM_NEVER;
		arm(a);
	}
	pthread_mutex_unlock(&a->lock);
	return alarm ? alarm->owner : NULL;
}
