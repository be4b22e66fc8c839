/*
 * set_clock: loaded into usherd before the C library (LD_PRELOAD), a wall clock
 * that can be set: the file SET_CLOCK begins with the seconds by which it is
 * ahead, a 64-bit number in the machine's order, and may change at any time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

static int64_t ahead_s(void)
{
	if (!ahead) {
		const char *path = getenv("SET_CLOCK");
		int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		void *page;

		if (fd < 0)
			return 0;
		page = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
		if (page == MAP_FAILED)
			abort();
		ahead = page;
	}
	return *ahead;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ts);

	if (!result && (clock == CLOCK_REALTIME ||
			clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += ahead_s();
	return result;
}

time_t time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}
