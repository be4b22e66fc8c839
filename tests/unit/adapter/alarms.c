/* Moments in a heap, on one timer. */
#include "adapter/alarms-private.h"

#include <poll.h>

#include "base/clock.h"
#include "unit/unit.h"

#define MANY 500
#define HOUR INT64_C(3600000000000)

static struct alarms alarms;
static struct alarm many[MANY];

static void setup(void)
{
	ck_assert_int_eq(alarms_init(&alarms), ERR_OK);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(alarms_add(&alarms, &many[i], &many[i]),
				 ERR_OK);
}

static void teardown(void)
{
	alarms_done(&alarms);
}

static bool is_readable(int timeout_ms)
{
	struct pollfd fd = { .fd = alarms.fd, .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1;
}

START_TEST(they_come_in_the_order_of_their_times)
{
	int64_t now = clock_mono_ns() + HOUR, last = 0;
	uint32_t x = 1;
	unsigned due = 0, got = 0;
	struct alarm *alarm;
	int64_t at[MANY];

	/* Each set many times, earlier and later. */
	for (unsigned i = 0; i < 10 * MANY; i++) {
		x = x * 1664525 + 1013904223;
		at[i % MANY] = now - 100000 + x % 200000;
		alarms_set(&alarms, &many[i % MANY], at[i % MANY]);
	}
	for (unsigned i = 0; i < MANY; i++)
		due += at[i] <= now;
	ck_assert_uint_gt(due, 0);
	ck_assert_uint_lt(due, MANY);
	while ((alarm = alarms_take(&alarms, now)) != NULL) {
		ck_assert_int_ge(at[alarm - many], last);
		ck_assert_int_le(at[alarm - many], now);
		last = at[alarm - many];
		got++;
	}
	ck_assert_uint_eq(got, due);
	/* Each once. */
	ck_assert_ptr_null(alarms_take(&alarms, now));
}
END_TEST

START_TEST(one_that_is_removed_never_comes)
{
	int64_t now = clock_mono_ns() + HOUR;
	struct alarm *alarm;
	unsigned got = 0;

	for (unsigned i = 0; i < MANY; i++)
		alarms_set(&alarms, &many[i], now - (i * 7919) % MANY);
	for (unsigned i = 0; i < MANY; i += 2)
		alarms_remove(&alarms, &many[i]);
	alarms_remove(&alarms, &many[0]);
	while ((alarm = alarms_take(&alarms, now)) != NULL) {
		ck_assert_uint_eq((alarm - many) % 2, 1);
		got++;
	}
	ck_assert_uint_eq(got, MANY / 2);
}
END_TEST

START_TEST(the_timer_goes_off_for_the_first)
{
	int64_t now = clock_mono_ns();

	ck_assert(!is_readable(0));
	alarms_set(&alarms, &many[3], now + HOUR);
	ck_assert(!is_readable(0));
	alarms_set(&alarms, &many[5], now + 1000000);
	ck_assert(is_readable(-1));
	ck_assert_ptr_eq(alarms_take(&alarms, clock_mono_ns()), &many[5]);
	ck_assert_ptr_null(alarms_take(&alarms, clock_mono_ns()));
	ck_assert(!is_readable(0));
}
END_TEST

START_TEST(one_that_was_put_off_comes_later)
{
	int64_t now = clock_mono_ns();

	alarms_set(&alarms, &many[0], now + 1000000);
	alarms_set(&alarms, &many[0], now + HOUR);
	/* The timer was not set anew: it finds nobody, and is then. */
	ck_assert(is_readable(-1));
	ck_assert_ptr_null(alarms_take(&alarms, clock_mono_ns()));
	ck_assert(!is_readable(0));
	ck_assert_ptr_eq(alarms_take(&alarms, now + HOUR), &many[0]);
}
END_TEST

static void alarms_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, they_come_in_the_order_of_their_times);
	tcase_add_test(tcase, one_that_is_removed_never_comes);
	tcase_add_test(tcase, the_timer_goes_off_for_the_first);
	tcase_add_test(tcase, one_that_was_put_off_comes_later);
}

UNIT_MAIN("alarms", alarms_tests)
