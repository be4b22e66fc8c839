/* When a process that failed starts again. */
#include "adapter/breaker-private.h"

#include "unit/unit.h"

START_TEST(each_failure_doubles_the_wait)
{
	struct breaker b = { 0 };

	ck_assert_int_eq(breaker_fail(&b), 10);
	ck_assert_int_eq(breaker_fail(&b), 20);
	ck_assert_int_eq(breaker_fail(&b), 40);
	ck_assert_int_eq(breaker_fail(&b), 80);
	ck_assert(!b.is_open);
	ck_assert(breaker_may(&b, 200));
	ck_assert_int_eq(breaker_fail(&b), 5000);
	ck_assert(b.is_open);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(breaker_fail(&b), 5000);
}
END_TEST

START_TEST(an_open_one_lets_one_call_try)
{
	struct breaker b = { 0 };

	while (!b.is_open)
		breaker_fail(&b);
	ck_assert(breaker_may(&b, 0));
	ck_assert(!breaker_may(&b, 1));
	ck_assert(breaker_answer(&b));
	ck_assert(breaker_may(&b, 1));
	ck_assert(!breaker_answer(&b));
	/* It is on probation: one more, and it is open again. */
	ck_assert_int_eq(breaker_fail(&b), 5000);
	ck_assert(b.is_open);
}
END_TEST

START_TEST(enough_answers_end_the_row)
{
	struct breaker b = { 0 };

	breaker_fail(&b);
	breaker_fail(&b);
	for (unsigned i = 1; i < BREAKER_ANSWERS_GOOD; i++)
		ck_assert(!breaker_answer(&b));
	/* Not quite: the row goes on, and the answers count anew. */
	ck_assert_int_eq(breaker_fail(&b), 40);
	for (unsigned i = 0; i < BREAKER_ANSWERS_GOOD; i++)
		breaker_answer(&b);
	ck_assert_int_eq(breaker_fail(&b), 10);
}
END_TEST

static void breaker_tests(TCase *tcase)
{
	tcase_add_test(tcase, each_failure_doubles_the_wait);
	tcase_add_test(tcase, an_open_one_lets_one_call_try);
	tcase_add_test(tcase, enough_answers_end_the_row);
}

UNIT_MAIN("breaker", breaker_tests)
