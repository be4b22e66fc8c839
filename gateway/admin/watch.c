#include "admin/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

/* IN_CREATE is for links, which are never written to and closed. */
#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
		 IN_CREATE)

int watch_open(struct watch *watch, const char *directory)
{
	*watch = (struct watch){
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
	};
	if (watch->fd < 0)
		return -1;
	if (inotify_add_watch(watch->fd, directory, CHANGES | IN_ONLYDIR) >= 0)
		return 0;
	watch_close(watch);
	return -1;
}

void watch_close(struct watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	*watch = (struct watch){ .fd = -1 };
}

void watch_read(struct watch *watch, int64_t mono_ms)
{
	char events[4096];

	if (watch->fd < 0 || read(watch->fd, events, sizeof(events)) <= 0)
		return;
	if (!watch->is_pending)
		watch->first_ms = mono_ms;
	watch->is_pending = true;
	watch->last_ms = mono_ms;
}

int watch_timeout(const struct watch *watch, int64_t mono_ms)
{
	int64_t due = watch->last_ms + WATCH_SETTLE_MS;

	if (!watch->is_pending)
		return -1;
	if (due > watch->first_ms + WATCH_LATEST_MS)
		due = watch->first_ms + WATCH_LATEST_MS;
	return due > mono_ms ? (int)(due - mono_ms) : 0;
}

bool watch_is_due(struct watch *watch, int64_t mono_ms)
{
	if (watch_timeout(watch, mono_ms) != 0)
		return false;
	watch->is_pending = false;
	return true;
}
