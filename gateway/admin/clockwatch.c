#include "admin/clockwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"

static void tell(int64_t by_ms, int64_t ahead_ms)
{
	log_warn(clock_stepped, LOG_NUM("by_s", by_ms / 1000),
		 LOG_NUM("ahead_s", ahead_ms / 1000),
		 LOG_TEXT("problem", "the system's clock was set while we ran"),
		 LOG_TEXT("remedy", "sessions, limits and tokens are not "
			  "concerned; partners' signed assertions are: see "
			  "that the clock is right now"));
	metric_add(metric_get(usher_clock_steps_total, ""), 1);
}

bool clockwatch_look(struct clockwatch *watch)
{
	int64_t ahead_ms = clock_ahead_ms();
	int64_t by_ms = ahead_ms - watch->ahead_ms;
	bool has_stepped = by_ms > CLOCK_STEP_MS || by_ms < -CLOCK_STEP_MS;

	if (has_stepped) {
		tell(by_ms, ahead_ms);
		watch->ahead_ms = ahead_ms;
	}
	metric_set(metric_get(usher_clock_ahead_seconds, ""), ahead_ms / 1000);
	return has_stepped;
}

enum err clockwatch_resume(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[CLOCK_MARK_MAX];
	struct str line;
	ssize_t n;
	enum err err;

	if (fd < 0)
		return errno == ENOENT ? ERR_OK : ERR_IO;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0)
		return ERR_IO;
	line = (struct str){ text, (size_t)n };
	line = str_cut(line, '\n', &line);
	err = clock_steady_resume(line);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err clockwatch_save(const char *path)
{
	struct file_draft draft;
	char text[CLOCK_MARK_MAX];
	enum err err = clock_steady_mark(text);

	if (!err)
		err = file_draft_begin(&draft, path);
	if (err)
		return err;
	err = file_draft_write(&draft, text, strlen(text));
	if (!err)
		err = file_draft_write(&draft, "\n", 1);
	if (err) {
		file_draft_abort(&draft);
		return err;
	}
	return file_draft_commit(&draft, true);
}
