/* Where lines go: a ring, the thread that empties it, and a file. */
#include "base/crash.h"
#include "base/log-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/thread.h"

#define MS INT64_C(1000000)
/* Between two tries, where a descriptor says that there is room and is not. */
#define RETRY_MS 10
#define FILE_MODE 0640

enum mode {
	MODE_DIRECT,		/* who says a line writes it */
	MODE_RING,
	MODE_OVER,		/* the thread hangs, and we end */
};

struct entry {
	size_t len;
	uint64_t lost;		/* lines that should stand before it */
};

/* Never freed: a thread that hangs at the end still has it. */
static struct {
	pthread_mutex_t lock;
	/* under it */
	pthread_cond_t filled, ended;
	pthread_t thread;
	char bytes[LOG_RING_OCTETS];
	struct entry entries[LOG_RING_LINES];
	size_t start, used;		/* octets */
	unsigned first, count;		/* entries */
	uint64_t lost;			/* since the last line that went in */
	bool must_stop, must_reopen, has_ended;
	char path[PATH_MAX];		/* "": none */
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Atomic int mode = MODE_DIRECT;
static _Atomic int target = STDERR_FILENO;
static _Atomic int terminal = -1;	/* is `target` one? -1: ask */
static _Atomic bool is_torn;	/* the last line ends before its end */
static _Atomic bool is_ours;	/* `target`: to be closed */

/* ---- writing ------------------------------------------------------------- */

/* Somebody else may have set O_NONBLOCK: it is a property of what is open,
 * which we may share. */
static void await_room(int fd, unsigned tries)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	if (tries > 1)
		poll(NULL, 0, RETRY_MS);
	else
		poll(&room, 1, -1);
}

/* How much of it was taken; all, unless nothing more will be. */
static size_t write_some(int fd, const char *bytes, size_t len)
{
	unsigned tries = 0;
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n > 0) {
			done += (size_t)n;
			tries = 0;
		} else if (n < 0 && errno == EAGAIN) {
			await_room(fd, ++tries);
		} else if (n == 0 || errno != EINTR) {
			break;
		}
	}
	return done;
}

/* A line, waiting for its reader. */
static bool write_line(const char *bytes, size_t len)
{
	int fd = atomic_load(&target);
	size_t done;

	if (atomic_load(&is_torn)) {
		if (write_some(fd, "\n", 1) != 1)
			return false;
		atomic_store(&is_torn, false);
	}
	done = write_some(fd, bytes, len);
	if (done && done < len)
		atomic_store(&is_torn, true);
	return done == len;
}

static struct metric *dropped(void)
{
	return metric_get(usher_log_dropped_total, "");
}

/* ---- the file ------------------------------------------------------------ */

/* -1, with *err_r and perhaps errno. */
static int open_file(const char *path, enum err *err_r)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
			  O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int fd = open(path, flags | O_CREAT | O_EXCL, FILE_MODE);

	*err_r = ERR_IO;
	if (fd >= 0) {
		/* Whatever the umask says: a log's readers are a group. */
		if (fchmod(fd, FILE_MODE) == 0)
			return fd;
	} else if (errno == EEXIST) {
		fd = open(path, flags);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			return fd;
		if (fd >= 0 || errno == ELOOP || errno == ENXIO ||
		    errno == EISDIR)
			*err_r = ERR_UNSUPPORTED;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void switch_to(int fd, bool is_file)
{
	int old = atomic_load(&target);
	bool was_ours = atomic_load(&is_ours);

	/* Nobody is to ask a descriptor that is being closed. */
	atomic_store(&terminal, is_file ? 0 : -1);
	atomic_store(&target, fd);
	atomic_store(&is_ours, is_file);
	atomic_store(&is_torn, false);
	if (was_ours)
		close(old);
}

void log_to_fd(int fd)
{
	switch_to(fd, false);
	pthread_mutex_lock(&ring.lock);
	ring.path[0] = '\0';
	pthread_mutex_unlock(&ring.lock);
}

static void tell_not_reopened(const char *path, enum err err, int number)
{
	log_error(log_not_reopened, LOG_TEXT("path", path),
		  LOG_TEXT("problem", err == ERR_IO ? strerror(number) :
			   "it is not a plain file"),
		  LOG_TEXT("remedy", "mend it and send SIGUSR1 again; until "
			   "then the old file is written on"));
}

static void reopen(void)
{
	char path[PATH_MAX];
	enum err err;
	int fd;

	pthread_mutex_lock(&ring.lock);
	memcpy(path, ring.path, sizeof(path));
	pthread_mutex_unlock(&ring.lock);
	if (!path[0])
		return;
	fd = open_file(path, &err);
	if (fd < 0) {
		tell_not_reopened(path, err, errno);
		return;
	}
	switch_to(fd, true);
	log_info(log_reopened, LOG_TEXT("path", path));
}

enum err log_to_file(const char *path)
{
	size_t len = strlen(path);
	enum err err;
	int fd;

	if (len >= sizeof(ring.path))
		return ERR_LIMIT;
	fd = open_file(path, &err);
	if (fd < 0)
		return err;
	pthread_mutex_lock(&ring.lock);
	memcpy(ring.path, path, len + 1);
	/* What the thread writes to, it alone may change. */
	if (atomic_load(&mode) == MODE_RING) {
		ring.must_reopen = true;
		pthread_cond_signal(&ring.filled);
		pthread_mutex_unlock(&ring.lock);
		close(fd);
		return ERR_OK;
	}
	pthread_mutex_unlock(&ring.lock);
	switch_to(fd, true);
	return ERR_OK;
}

void log_reopen(void)
{
	if (atomic_load(&mode) == MODE_DIRECT) {
		reopen();
		return;
	}
	pthread_mutex_lock(&ring.lock);
	ring.must_reopen = true;
	if (atomic_load(&mode) == MODE_RING)
		pthread_cond_signal(&ring.filled);
	pthread_mutex_unlock(&ring.lock);
}

bool log_ring_is_terminal(void)
{
	int tty = atomic_load(&terminal);

	if (tty < 0) {
		tty = isatty(atomic_load(&target));
		atomic_store(&terminal, tty);
	}
	return tty;
}

/* ---- in ------------------------------------------------------------------ */

bool log_ring_is_on(void)
{
	return atomic_load(&mode) == MODE_RING;
}

static void copy_in(const char *bytes, size_t len)
{
	size_t at = (ring.start + ring.used) % LOG_RING_OCTETS;
	size_t part = LOG_RING_OCTETS - at < len ? LOG_RING_OCTETS - at : len;

	memcpy(ring.bytes + at, bytes, part);
	memcpy(ring.bytes, bytes + part, len - part);
	ring.used += len;
}

void log_ring_put(const char *bytes, size_t len)
{
	bool has_room, was_empty;

	if (atomic_load(&mode) == MODE_DIRECT) {
		if (!write_line(bytes, len))
			metric_add(dropped(), 1);
		return;
	}
	pthread_mutex_lock(&ring.lock);
	was_empty = !ring.count;
	has_room = ring.count < LOG_RING_LINES &&
		   len <= LOG_RING_OCTETS - ring.used;
	if (has_room) {
		ring.entries[(ring.first + ring.count) % LOG_RING_LINES] =
			(struct entry){ len, ring.lost };
		ring.lost = 0;
		ring.count++;
		copy_in(bytes, len);
	} else {
		ring.lost++;
	}
	pthread_mutex_unlock(&ring.lock);
	/* The thread sleeps only where there is nothing. */
	if (was_empty)
		pthread_cond_signal(&ring.filled);
	if (!has_room)
		metric_add(dropped(), 1);
}

void log_ring_wake(void)
{
	pthread_mutex_lock(&ring.lock);
	if (atomic_load(&mode) == MODE_RING)
		pthread_cond_signal(&ring.filled);
	pthread_mutex_unlock(&ring.lock);
}

/* ---- out ----------------------------------------------------------------- */

static void copy_out(char *bytes, size_t len)
{
	size_t part = LOG_RING_OCTETS - ring.start < len ?
		LOG_RING_OCTETS - ring.start : len;

	memcpy(bytes, ring.bytes + ring.start, part);
	memcpy(bytes + part, ring.bytes, len - part);
	ring.start = (ring.start + len) % LOG_RING_OCTETS;
	ring.used -= len;
}

/* The oldest line, and what is missing before it; a line of no length: only
 * something is missing. Under the lock. False: there is nothing. */
static bool take(struct log_line *line, uint64_t *lost_r)
{
	struct entry *entry = &ring.entries[ring.first];

	line->len = 0;
	if (ring.count) {
		line->len = entry->len;
		*lost_r = entry->lost;
		copy_out(line->bytes, entry->len);
		ring.first = (ring.first + 1) % LOG_RING_LINES;
		ring.count--;
		return true;
	}
	*lost_r = ring.lost;
	ring.lost = 0;
	return *lost_r > 0;
}

/* Until there may be something to do. Under the lock. */
static void await_work(int64_t due_ns)
{
	const struct timespec due = { due_ns / (1000 * MS),
				      due_ns % (1000 * MS) };

	if (due_ns == INT64_MAX)
		pthread_cond_wait(&ring.filled, &ring.lock);
	else
		pthread_cond_timedwait(&ring.filled, &ring.lock, &due);
}

static bool tell_loss(uint64_t count)
{
	const struct log_field field = LOG_NUM("count", (int64_t)count);
	struct log_line line;

	log_line_make(&line, LOG_LEVEL_WARN, LOG_EVENT(log_dropped), &field, 1);
	return write_line(line.bytes, line.len);
}

/* `lost` lines are missing before this one; how many are after it. */
static uint64_t write_one(const struct log_line *line, uint64_t lost)
{
	if (lost && tell_loss(lost))
		lost = 0;
	if (line->len && !write_line(line->bytes, line->len)) {
		metric_add(dropped(), 1);
		lost++;
	}
	return lost;
}

/* What is owed besides lines. Without the lock. */
static void do_chores(bool must_reopen, bool must_stop)
{
	if (must_reopen)
		reopen();
	log_budget_tell(must_stop ? INT64_MAX : clock_mono_ns());
}

static void *write_on(void *unused)
{
	bool must_stop = false, must_reopen;
	uint64_t lost = 0, more;
	struct log_line line;
	bool has_line;

	crash_watch_thread();
	(void)unused;
	pthread_mutex_lock(&ring.lock);
	for (;;) {
		int64_t due = log_budget_due_ns();

		must_reopen = ring.must_reopen;
		ring.must_reopen = false;
		if (must_reopen || due <= clock_mono_ns() ||
		    must_stop != ring.must_stop) {
			must_stop = ring.must_stop;
			pthread_mutex_unlock(&ring.lock);
			do_chores(must_reopen, must_stop);
			pthread_mutex_lock(&ring.lock);
			continue;
		}
		has_line = take(&line, &more);
		if (!has_line && must_stop)
			break;
		if (!has_line) {
			await_work(due);
			continue;
		}
		pthread_mutex_unlock(&ring.lock);
		lost = write_one(&line, lost + more);
		pthread_mutex_lock(&ring.lock);
	}
	pthread_mutex_unlock(&ring.lock);
	/* The last chance to say what is missing. */
	if (lost)
		tell_loss(lost);
	pthread_mutex_lock(&ring.lock);
	ring.has_ended = true;
	pthread_cond_signal(&ring.ended);
	pthread_mutex_unlock(&ring.lock);
	return NULL;
}

/* ---- from start to stop -------------------------------------------------- */

static void init_conditions(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ring.filled, &attr);
	pthread_cond_init(&ring.ended, &attr);
	pthread_condattr_destroy(&attr);
}

enum err log_start(void)
{
	if (atomic_load(&mode) != MODE_DIRECT)
		return ERR_OK;
	init_conditions();
	ring.must_stop = ring.has_ended = false;
	metric_add(dropped(), 0);	/* to be seen from the start */
	if (thread_start(&ring.thread, write_on, NULL))
		return ERR_NOMEM;
	atomic_store(&mode, MODE_RING);
	return ERR_OK;
}

bool log_stop(void)
{
	int64_t until_ns = clock_mono_ns() + LOG_STOP_MS * MS;
	const struct timespec until = { until_ns / (1000 * MS),
					until_ns % (1000 * MS) };
	int rc = 0;

	if (atomic_load(&mode) != MODE_RING)
		return true;
	pthread_mutex_lock(&ring.lock);
	ring.must_stop = true;
	pthread_cond_signal(&ring.filled);
	while (!ring.has_ended && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&ring.ended, &ring.lock, &until);
	atomic_store(&mode, ring.has_ended ? MODE_DIRECT : MODE_OVER);
	pthread_mutex_unlock(&ring.lock);
	if (atomic_load(&mode) == MODE_OVER) {
		pthread_detach(ring.thread);
		return false;
	}
	pthread_join(ring.thread, NULL);
	pthread_cond_destroy(&ring.filled);
	pthread_cond_destroy(&ring.ended);
	return true;
}
