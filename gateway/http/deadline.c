#include "http/deadline.h"

#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void tick(struct deadlines *all, bool on)
{
	const struct timespec every = { 0, DEADLINE_TICK_MS * 1000000 };
	const struct timespec never = { 0, 0 };
	const struct itimerspec spec = {
		.it_interval = on ? every : never,
		.it_value = on ? every : never,
	};

	timerfd_settime(all->timer_fd, 0, &spec, NULL);
	all->is_ticking = on;
}

enum err deadlines_init(struct deadlines *all, uint32_t request_ms,
			uint32_t answer_ms)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return ERR_IO;
	*all = (struct deadlines){
		.timer_fd = fd,
		.allowed_ms = { request_ms, answer_ms },
	};
	for (int i = 0; i < DEADLINE_QUEUES; i++)
		list_init(&all->queues[i]);
	return ERR_OK;
}

void deadlines_done(struct deadlines *all)
{
	if (all->timer_fd >= 0)
		close(all->timer_fd);
	all->timer_fd = -1;
}

void deadline_init(struct deadline *deadline, int fd)
{
	list_init(&deadline->node);
	deadline->fd = fd;
}

void deadline_set(struct deadlines *all, struct deadline *deadline,
		  enum deadline_queue queue, int64_t now_ms)
{
	list_del(&deadline->node);
	deadline->end_ms = now_ms + all->allowed_ms[queue];
	list_add(&all->queues[queue], &deadline->node);
	if (!all->is_ticking)
		tick(all, true);
}

void deadline_clear(struct deadline *deadline)
{
	list_del(&deadline->node);
}

/* Once cut, a connection is in no queue: the library ends it. */
static void cut(struct deadline *deadline)
{
	list_del(&deadline->node);
	shutdown(deadline->fd, SHUT_RDWR);
}

unsigned deadlines_tick(struct deadlines *all, int64_t now_ms)
{
	struct list *pos, *safe;
	unsigned count = 0;
	uint64_t ticks;
	bool is_empty = true;

	(void)!read(all->timer_fd, &ticks, sizeof(ticks));
	for (int i = 0; i < DEADLINE_QUEUES; i++) {
		list_each(pos, safe, &all->queues[i]) {
			struct deadline *deadline =
				list_entry(pos, struct deadline, node);

			if (deadline->end_ms > now_ms)
				break;
			cut(deadline);
			count++;
		}
		is_empty = is_empty && list_is_empty(&all->queues[i]);
	}
	if (is_empty)
		tick(all, false);
	return count;
}

unsigned deadlines_evict(struct deadlines *all)
{
	struct list *queue = &all->queues[DEADLINE_REQUEST];

	if (list_is_empty(queue))
		return 0;
	cut(list_entry(queue->next, struct deadline, node));
	return 1;
}

/* The order of ends stays: at most the last ones become equal. */
static void shorten(struct deadlines *all, enum deadline_queue queue,
		    uint32_t most_ms, int64_t now_ms)
{
	struct list *pos, *safe;

	if (all->allowed_ms[queue] > most_ms)
		all->allowed_ms[queue] = most_ms;
	list_each(pos, safe, &all->queues[queue]) {
		struct deadline *deadline =
			list_entry(pos, struct deadline, node);

		if (deadline->end_ms > now_ms + most_ms)
			deadline->end_ms = now_ms + most_ms;
	}
}

void deadlines_hasten(struct deadlines *all, int64_t now_ms,
		      bool (*is_idle)(const struct deadline *deadline))
{
	struct list *pos, *safe;

	list_each(pos, safe, &all->queues[DEADLINE_REQUEST]) {
		struct deadline *deadline =
			list_entry(pos, struct deadline, node);

		if (is_idle(deadline))
			cut(deadline);
	}
	shorten(all, DEADLINE_REQUEST, DEADLINE_LAST_REQUEST_MS, now_ms);
	shorten(all, DEADLINE_ANSWER, DEADLINE_LAST_ANSWER_MS, now_ms);
}
