#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36
#define ANCHOR_MAX_MS (INT64_MAX / 4)

static _Atomic int64_t held, held_steady;
/* Steady time minus CLOCK_BOOTTIME. */
static _Atomic int64_t anchor_ms;

static int64_t ask_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	int64_t h = atomic_load_explicit(&held, memory_order_relaxed);

	return h ? h : ask_ms(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

/* Before main(), so that no thread is too early. */
__attribute__((constructor))
static void start(void)
{
	atomic_store(&anchor_ms,
		     ask_ms(CLOCK_REALTIME) - ask_ms(CLOCK_BOOTTIME));
}

int64_t clock_steady_ms(void)
{
	int64_t h = atomic_load_explicit(&held_steady, memory_order_relaxed);

	if (!h)
		h = atomic_load_explicit(&held, memory_order_relaxed);
	return h ? h : ask_ms(CLOCK_BOOTTIME) +
		atomic_load_explicit(&anchor_ms, memory_order_relaxed);
}

int64_t clock_steady_s(void)
{
	return clock_steady_ms() / 1000;
}

int64_t clock_ahead_ms(void)
{
	int64_t ahead_ms = clock_wall_ms() - clock_steady_ms();

	return ahead_ms > CLOCK_STEP_MS || ahead_ms < -CLOCK_STEP_MS ?
		ahead_ms : 0;
}

/* Which boot this is. */
static enum err read_boot_id(char out[BOOT_ID_LEN + 1])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return ERR_IO;
	len = read(fd, out, BOOT_ID_LEN);
	close(fd);
	out[BOOT_ID_LEN] = '\0';
	return len == BOOT_ID_LEN ? ERR_OK : ERR_IO;
}

enum err clock_steady_mark(char out[CLOCK_MARK_MAX])
{
	char boot[BOOT_ID_LEN + 1];
	enum err err = read_boot_id(boot);

	if (!err)
		snprintf(out, CLOCK_MARK_MAX, "%s %lld", boot,
			 (long long)atomic_load(&anchor_ms));
	return err;
}

enum err clock_steady_resume(struct str mark)
{
	struct str boot = str_cut(mark, ' ', &mark);
	char now[BOOT_ID_LEN + 1];
	int64_t anchor;
	enum err err;

	if (boot.len != BOOT_ID_LEN ||
	    num_i64(mark, -ANCHOR_MAX_MS, ANCHOR_MAX_MS, &anchor))
		return ERR_SYNTAX;
	err = read_boot_id(now);
	if (err)
		return err;
	if (!str_eq(boot, str_from(now)))
		return ERR_NOT_FOUND;
	atomic_store(&anchor_ms, anchor);
	return ERR_OK;
}

int64_t clock_steady_at_least(int64_t ms)
{
	int64_t behind_ms = ms - clock_steady_ms();

	if (behind_ms <= 0 || behind_ms > ANCHOR_MAX_MS || atomic_load(&held))
		return 0;
	atomic_fetch_add(&anchor_ms, behind_ms);
	return behind_ms;
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

/* `n` digits of it, and what stands behind them. */
static char *put(char *out, int value, int n, char behind)
{
	for (int i = n; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	out[n] = behind;
	return out + n + 1;
}

/* Each line of log has one, and each answer about a session: strftime(3) and
 * snprintf(3) took more than looking the session up. */
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	int64_t ms = wall_ms % 1000;
	time_t s = (time_t)(wall_ms / 1000 - (ms < 0));
	struct tm tm = { 0 };

	if (ms < 0)
		ms += 1000;
	if (!gmtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
		snprintf(out, CLOCK_TEXT_MAX, "-");
		return;
	}
	out = put(out, tm.tm_year + 1900, 4, '-');
	out = put(out, tm.tm_mon + 1, 2, '-');
	out = put(out, tm.tm_mday, 2, 'T');
	out = put(out, tm.tm_hour, 2, ':');
	out = put(out, tm.tm_min, 2, ':');
	out = put(out, tm.tm_sec, 2, '.');
	*put(out, (int)ms, 3, 'Z') = '\0';
}

void clock_hold(int64_t wall_ms)
{
	atomic_store(&held, wall_ms);
	atomic_store(&held_steady, 0);
}

void clock_hold_steady(int64_t steady_ms)
{
	atomic_store(&held_steady, steady_ms);
}
