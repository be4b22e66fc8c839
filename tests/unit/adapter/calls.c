/* The calls of one adapter: who waits, who is with the child, who is late. */
#include "adapter/calls-private.h"

#include "unit/unit.h"

static struct calls calls;
static struct adapter_call callers[CALLS_MAX];

static void setup(void)
{
	calls_init(&calls);
}

static void teardown(void)
{
	while (calls_head(&calls))
		calls_drop(&calls, calls_head(&calls));
}

static struct call_entry *add(unsigned i, size_t size)
{
	struct call_entry *entry;
	struct buf frame;

	buf_init(&frame, size);
	while (frame.len < size)
		buf_addc(&frame, (char)i);
	entry = calls_add(&calls, &frame);
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_null(frame.ptr);
	entry->call = &callers[i];
	entry->deadline_ns = 1000 + i;
	return entry;
}

static unsigned send_some(void)
{
	struct iovec pieces[2 * CALLS_WINDOW];
	unsigned count = calls_gather(&calls, pieces);

	for (unsigned i = 0; i < count; i++) {
		uint32_t len;

		ck_assert_uint_eq(pieces[2 * i].iov_len, sizeof(len));
		memcpy(&len, pieces[2 * i].iov_base, sizeof(len));
		ck_assert_uint_eq(len, pieces[2 * i + 1].iov_len);
	}
	calls_sent(&calls, count);
	return count;
}

START_TEST(they_go_together_up_to_the_window)
{
	for (unsigned i = 0; i < CALLS_WINDOW + 3; i++)
		add(i, 100);
	ck_assert_uint_eq(send_some(), CALLS_WINDOW);
	ck_assert_uint_eq(send_some(), 0);
	calls_drop(&calls, calls_head(&calls));
	calls_drop(&calls, calls_head(&calls));
	ck_assert_uint_eq(send_some(), 2);
	ck_assert_uint_eq(calls.count, CALLS_WINDOW + 1);
	ck_assert_uint_eq(calls.sent, CALLS_WINDOW);
}
END_TEST

START_TEST(large_ones_go_alone)
{
	add(0, 100);
	add(1, CALLS_DATAGRAM);
	add(2, CALLS_DATAGRAM + 1);
	add(3, 100);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(send_some(), 1);
	ck_assert_uint_eq(send_some(), 0);
}
END_TEST

START_TEST(only_the_oldest_with_the_child_runs)
{
	uint64_t first = add(0, 1)->id, second;

	ck_assert_ptr_null(calls_running(&calls, first));
	send_some();
	second = add(1, 1)->id;
	ck_assert_ptr_nonnull(calls_running(&calls, first));
	ck_assert_ptr_null(calls_running(&calls, second));
	calls_drop(&calls, calls_head(&calls));
	ck_assert_ptr_null(calls_running(&calls, first));
	ck_assert_ptr_null(calls_running(&calls, second));
	send_some();
	ck_assert_ptr_nonnull(calls_running(&calls, second));
}
END_TEST

START_TEST(a_late_one_that_was_sent_keeps_its_place)
{
	for (unsigned i = 0; i < CALLS_WINDOW + 2; i++)
		add(i, 10);
	send_some();
	ck_assert_int_eq(calls_deadline(&calls), 1000);
	ck_assert_ptr_null(calls_late(&calls, 999));
	ck_assert_ptr_eq(calls_late(&calls, 1001), &callers[0]);
	ck_assert_ptr_eq(calls_late(&calls, 1001), &callers[1]);
	ck_assert_ptr_null(calls_late(&calls, 1001));
	ck_assert_int_eq(calls_deadline(&calls), 1002);
	/* The child has them still. */
	ck_assert_uint_eq(calls.sent, CALLS_WINDOW);
	ck_assert_uint_eq(send_some(), 0);
	for (unsigned i = 2; i < CALLS_WINDOW + 2; i++)
		ck_assert_ptr_eq(calls_late(&calls, INT64_MAX - 1),
				 &callers[i]);
	ck_assert_ptr_null(calls_late(&calls, INT64_MAX - 1));
	/* Those behind the window were never begun and are gone. */
	ck_assert_uint_eq(calls.count, CALLS_WINDOW);
	ck_assert(calls_deadline(&calls) == INT64_MAX);
}
END_TEST

static void calls_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, they_go_together_up_to_the_window);
	tcase_add_test(tcase, large_ones_go_alone);
	tcase_add_test(tcase, only_the_oldest_with_the_child_runs);
	tcase_add_test(tcase, a_late_one_that_was_sent_keeps_its_place);
}

UNIT_MAIN("calls", calls_tests)
