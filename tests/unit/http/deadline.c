#include <poll.h>
#include <sys/socket.h>

#include "unit/unit.h"

#include "base/clock.h"
#include "http/deadline.h"

#define REQUEST_MS 1000
#define ANSWER_MS 5000

struct client {
	struct deadline deadline;	/* of the server's end */
	int fd;				/* the client's */
};

static struct deadlines all;

static void start(void)
{
	ck_assert_int_eq(deadlines_init(&all, REQUEST_MS, ANSWER_MS), ERR_OK);
}

static void stop(void)
{
	deadlines_done(&all);
}

static void join(struct client *client)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	client->fd = pair[0];
	deadline_init(&client->deadline, pair[1]);
}

static void leave(struct client *client)
{
	deadline_clear(&client->deadline);
	close(client->deadline.fd);
	close(client->fd);
}

static bool is_cut(const struct client *client)
{
	char c;

	return recv(client->fd, &c, 1, MSG_DONTWAIT) == 0;
}

START_TEST(who_is_overdue_is_cut_and_nobody_else)
{
	struct client a, b, c;

	join(&a);
	join(&b);
	join(&c);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 0);
	deadline_set(&all, &b.deadline, DEADLINE_REQUEST, 10);
	deadline_set(&all, &c.deadline, DEADLINE_ANSWER, 0);
	ck_assert_uint_eq(deadlines_tick(&all, REQUEST_MS - 1), 0);
	ck_assert_uint_eq(deadlines_tick(&all, REQUEST_MS), 1);
	ck_assert(is_cut(&a) && !is_cut(&b) && !is_cut(&c));
	ck_assert_uint_eq(deadlines_tick(&all, REQUEST_MS + 10), 1);
	ck_assert(is_cut(&b) && !is_cut(&c));
	ck_assert_uint_eq(deadlines_tick(&all, ANSWER_MS), 1);
	ck_assert(is_cut(&c));
	ck_assert_uint_eq(deadlines_tick(&all, INT64_MAX), 0);
	leave(&a);
	leave(&b);
	leave(&c);
}
END_TEST

START_TEST(a_new_term_is_a_whole_one)
{
	struct client a;

	join(&a);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 0);
	deadline_set(&all, &a.deadline, DEADLINE_ANSWER, 900);
	ck_assert_uint_eq(deadlines_tick(&all, 900 + ANSWER_MS - 1), 0);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 6000);
	ck_assert_uint_eq(deadlines_tick(&all, 6000 + REQUEST_MS - 1), 0);
	deadline_clear(&a.deadline);
	ck_assert_uint_eq(deadlines_tick(&all, INT64_MAX), 0);
	ck_assert(!is_cut(&a));
	leave(&a);
}
END_TEST

START_TEST(room_is_made_by_the_longest_awaited)
{
	struct client a, b, c;

	join(&a);
	join(&b);
	join(&c);
	deadline_set(&all, &c.deadline, DEADLINE_ANSWER, 0);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 0);
	deadline_set(&all, &b.deadline, DEADLINE_REQUEST, 0);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 1);
	ck_assert_uint_eq(deadlines_evict(&all), 1);
	ck_assert(is_cut(&b) && !is_cut(&a));
	ck_assert_uint_eq(deadlines_evict(&all), 1);
	ck_assert(is_cut(&a));
	ck_assert_uint_eq(deadlines_evict(&all), 0);
	ck_assert(!is_cut(&c));
	leave(&a);
	leave(&b);
	leave(&c);
}
END_TEST

START_TEST(only_the_idle_are_sent_home)
{
	struct client a, b;

	join(&a);
	join(&b);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, 0);
	deadline_set(&all, &b.deadline, DEADLINE_REQUEST, 0);
	a.deadline.is_begun = true;
	deadlines_cut_idle(&all);
	ck_assert(!is_cut(&a) && is_cut(&b));
	leave(&a);
	leave(&b);
}
END_TEST

START_TEST(the_timer_ticks_while_somebody_is_queued)
{
	struct pollfd timer = { .fd = all.timer_fd, .events = POLLIN };
	struct client a;

	join(&a);
	ck_assert_int_eq(poll(&timer, 1, 0), 0);
	deadline_set(&all, &a.deadline, DEADLINE_REQUEST, clock_mono_ms());
	ck_assert_int_eq(poll(&timer, 1, -1), 1);
	/* still queued: it goes on */
	ck_assert_uint_eq(deadlines_tick(&all, 0), 0);
	ck_assert_int_eq(poll(&timer, 1, -1), 1);
	ck_assert_uint_eq(deadlines_tick(&all, INT64_MAX), 1);
	/* nobody is: it stands still */
	ck_assert_int_eq(poll(&timer, 1, 3 * DEADLINE_TICK_MS), 0);
	leave(&a);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, who_is_overdue_is_cut_and_nobody_else);
	tcase_add_test(tcase, a_new_term_is_a_whole_one);
	tcase_add_test(tcase, room_is_made_by_the_longest_awaited);
	tcase_add_test(tcase, only_the_idle_are_sent_home);
	tcase_add_test(tcase, the_timer_ticks_while_somebody_is_queued);
}

UNIT_MAIN("deadline", add_tests)
