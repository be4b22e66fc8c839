#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t held;

int64_t clock_wall_ms(void)
{
	int64_t h = atomic_load_explicit(&held, memory_order_relaxed);
	struct timespec ts;

	if (h)
		return h;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

int64_t clock_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	time_t s = (time_t)(wall_ms / 1000);
	size_t n = 0;
	struct tm tm;

	if (gmtime_r(&s, &tm))
		n = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT_MAX - n, ".%03dZ", (int)(wall_ms % 1000));
}

void clock_hold(int64_t wall_ms)
{
	atomic_store(&held, wall_ms);
}
