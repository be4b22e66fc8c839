/*
 * drain: the end of a worker's serving.  Who has connected and who has sent a
 * request gets an answer; a browser does not repeat a form.
 */
#include "http/worker-private.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/listen.h"

static bool is_public(const struct door *door)
{
	/* /readyz keeps saying that we stop */
	return !door->options.is_metrics;
}

/* A line that is lent is left to who comes after us, with all in it. */
static bool has_line(const struct door *door)
{
	struct pollfd event = { .fd = door->options.listen_fd,
				.events = POLLIN };

	return !door->options.is_lent && door->line > 0 &&
	       poll(&event, 1, 0) == 1;
}

static void begin(struct worker *worker)
{
	worker->is_draining = true;
	/* the turn may have been a long one */
	worker->now_ms = clock_mono_ms();
	for (unsigned i = 0; i < worker->options.door_count; i++) {
		struct door *door = &worker->doors[i];

		if (!is_public(door) || door->options.listen_fd < 0 ||
		    door->options.is_lent)
			continue;
		listen_hush(door->options.listen_fd);
		/* where that failed, others join the line while it moves */
		door->line = LISTEN_BACKLOG + 1;
	}
	deadlines_hasten(&worker->deadlines, worker->now_ms,
			 connection_is_idle);
}

static void close_listener(struct door *door)
{
	/* with it the socket becomes ours again */
	if (MHD_quiesce_daemon(door->daemon) != MHD_INVALID_SOCKET)
		close(door->options.listen_fd);
	door->options.listen_fd = -1;
}

bool drain(struct worker *worker)
{
	bool is_over = worker->waiting_count == 0;

	if (!worker->is_draining)
		begin(worker);
	for (unsigned i = 0; i < worker->options.door_count; i++) {
		struct door *door = &worker->doors[i];

		if (!is_public(door))
			continue;
		if (door->options.listen_fd >= 0 && !has_line(door))
			close_listener(door);
		/* full a while ago, the library may have looked away */
		if (door->options.listen_fd >= 0)
			door->has_work = true;
		if (door->options.listen_fd >= 0 || door->connections > 0)
			is_over = false;
	}
	return is_over;
}
