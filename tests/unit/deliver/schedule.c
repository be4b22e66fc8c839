/* What an outcome means, and when an endpoint is left alone. */
#include "deliver/schedule.h"

#include "unit/unit.h"

#define S 1000

static const struct {
	unsigned failed, status;
	enum err err;
	int64_t retry_after_s;
	enum delivery_end end;
	int64_t least_ms, most_ms;
} table[] = {
	{ 0, 200, ERR_OK, -1, DELIVERY_DONE, 0, 0 },
	{ 7, 204, ERR_OK, 30, DELIVERY_DONE, 0, 0 },
	{ 0, 410, ERR_OK, -1, DELIVERY_PAUSED, 0, 0 },
	{ 7, 410, ERR_OK, 5, DELIVERY_PAUSED, 0, 0 },
	/* the schedule */
	{ 0, 500, ERR_OK, -1, DELIVERY_AGAIN, 4 * S, 6 * S },
	{ 1, 500, ERR_OK, -1, DELIVERY_AGAIN, 24 * S, 36 * S },
	{ 2, 503, ERR_OK, -1, DELIVERY_AGAIN, 240 * S, 360 * S },
	{ 3, 0, ERR_IO, -1, DELIVERY_AGAIN, 1440 * S, 2160 * S },
	{ 4, 0, ERR_EXPIRED, -1, DELIVERY_AGAIN, 5760 * S, 8640 * S },
	{ 5, 0, ERR_AUTH, -1, DELIVERY_AGAIN, 14400 * S, 21600 * S },
	{ 6, 301, ERR_OK, -1, DELIVERY_AGAIN, 28800 * S, 43200 * S },
	{ 7, 500, ERR_OK, -1, DELIVERY_DEAD, 0, 0 },
	{ 7, 500, ERR_OK, 5, DELIVERY_DEAD, 0, 0 },
	/* it is the event */
	{ 3, 400, ERR_OK, -1, DELIVERY_AGAIN, 1440 * S, 2160 * S },
	{ 4, 400, ERR_OK, -1, DELIVERY_DEAD, 0, 0 },
	{ 4, 404, ERR_OK, -1, DELIVERY_DEAD, 0, 0 },
	{ 4, 408, ERR_OK, -1, DELIVERY_AGAIN, 5760 * S, 8640 * S },
	{ 4, 429, ERR_OK, -1, DELIVERY_AGAIN, 5760 * S, 8640 * S },
	/* it says when */
	{ 0, 429, ERR_OK, 0, DELIVERY_AGAIN, 1 * S, 1 * S },
	{ 0, 429, ERR_OK, 7, DELIVERY_AGAIN, 7 * S, 7 * S },
	{ 6, 503, ERR_OK, 60, DELIVERY_AGAIN, 60 * S, 60 * S },
	{ 0, 503, ERR_OK, 1000000, DELIVERY_AGAIN, 86400 * S, 86400 * S },
	/* nobody said it */
	{ 0, 0, ERR_IO, 60, DELIVERY_AGAIN, 4 * S, 6 * S },
};

START_TEST(each_outcome_has_its_end_and_its_wait)
{
	static const uint32_t chances[] = { 0, 1u << 31, UINT32_MAX };

	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		for (size_t j = 0; j < N_ELEMENTS(chances); j++) {
			const struct attempt attempt = {
				table[i].failed, table[i].err, table[i].status,
				table[i].retry_after_s, chances[j] };
			int64_t ms = -1;

			ck_assert_msg(schedule_judge(&attempt, 1, &ms) ==
				      table[i].end, "row %zu", i);
			ck_assert_msg(ms >= table[i].least_ms &&
				      ms <= table[i].most_ms,
				      "row %zu: %lld", i, (long long)ms);
			if (j == 0)
				ck_assert_int_eq(ms, table[i].least_ms);
			if (j == 2)
				ck_assert_int_eq(ms, table[i].most_ms);
		}
}
END_TEST

static const struct attempt good = { .status = 200 };
static const struct attempt refused = { .status = 404 };
static const struct attempt bad = { .status = 500 };
static const struct attempt away = { .err = ERR_IO };

START_TEST(five_failures_open_it_and_one_is_let_on_trial)
{
	struct breaker b = { 0 };

	for (unsigned i = 0; i < BREAKER_FAILURES - 1; i++)
		ck_assert_int_eq(breaker_end(&b, i % 2 ? &bad : &away, 0, 1),
				 BREAKER_AS_IT_WAS);
	ck_assert(breaker_lets(&b, 0));
	ck_assert_int_eq(breaker_end(&b, &away, 100, 1), BREAKER_OPENED);
	/* one that was under way when it opened */
	ck_assert_int_eq(breaker_end(&b, &away, 200, 1), BREAKER_AS_IT_WAS);
	ck_assert(!breaker_lets(&b, 100 + BREAKER_FIRST_MS - 1));
	ck_assert(breaker_lets(&b, 100 + BREAKER_FIRST_MS));
	breaker_begin(&b);
	ck_assert(!breaker_lets(&b, 100 + BREAKER_FIRST_MS));
	/* twice as long, each time it fails */
	ck_assert_int_eq(breaker_end(&b, &bad, 10000, 1), BREAKER_AS_IT_WAS);
	ck_assert(!breaker_lets(&b, 10000 + 2 * BREAKER_FIRST_MS - 1));
	ck_assert(breaker_lets(&b, 10000 + 2 * BREAKER_FIRST_MS));
	for (int i = 0; i < 20; i++) {
		breaker_begin(&b);
		breaker_end(&b, &bad, 10000, 1);
	}
	ck_assert(!breaker_lets(&b, 10000 + BREAKER_LONGEST_MS - 1));
	ck_assert(breaker_lets(&b, 10000 + BREAKER_LONGEST_MS));
	breaker_begin(&b);
	ck_assert_int_eq(breaker_end(&b, &good, 20000, 1), BREAKER_CLOSED);
	ck_assert(breaker_lets(&b, 20000));
	ck_assert_uint_eq(b.failures + b.trials, 0);
}
END_TEST

START_TEST(who_refuses_an_event_answers)
{
	struct breaker b = { 0 };

	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(breaker_end(&b, &refused, 0, 1),
				 BREAKER_AS_IT_WAS);
	for (int i = 0; i < 20; i++) {
		breaker_end(&b, &bad, 0, 1);
		breaker_end(&b, &refused, 0, 1);
	}
	ck_assert(!breaker_is_open(&b));
}
END_TEST

static void schedule_tests(TCase *tcase)
{
	tcase_add_test(tcase, each_outcome_has_its_end_and_its_wait);
	tcase_add_test(tcase, five_failures_open_it_and_one_is_let_on_trial);
	tcase_add_test(tcase, who_refuses_an_event_answers);
}

UNIT_MAIN("schedule", schedule_tests)
