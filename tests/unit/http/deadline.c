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

static const struct deadline *idle;

static bool is_idle(const struct deadline *deadline)
{
	return deadline == idle;
}

START_TEST(at_the_end_the_idle_go_and_all_others_hurry)
{
	/* terms longer than those of the end, but of who is nearly overdue */
	const int64_t now = 100000, last = now + DEADLINE_LAST_REQUEST_MS;
	struct client early, late, gone, reader, next;

	deadlines_done(&all);
	ck_assert_int_eq(deadlines_init(&all, 10000, 30000), ERR_OK);
	join(&early);
	join(&late);
	join(&gone);
	join(&reader);
	join(&next);
	deadline_set(&all, &early.deadline, DEADLINE_REQUEST, now - 9500);
	deadline_set(&all, &gone.deadline, DEADLINE_REQUEST, now - 100);
	deadline_set(&all, &late.deadline, DEADLINE_REQUEST, now);
	deadline_set(&all, &reader.deadline, DEADLINE_ANSWER, now);
	idle = &gone.deadline;
	deadlines_hasten(&all, now, is_idle);
	ck_assert(is_cut(&gone) && !is_cut(&early) && !is_cut(&late));
	deadline_set(&all, &next.deadline, DEADLINE_REQUEST, now + 10);
	ck_assert_uint_eq(deadlines_tick(&all, now + 500), 1);
	ck_assert(is_cut(&early));
	ck_assert_uint_eq(deadlines_tick(&all, last - 1), 0);
	ck_assert_uint_eq(deadlines_tick(&all, last), 1);
	ck_assert(is_cut(&late) && !is_cut(&next));
	ck_assert_uint_eq(deadlines_tick(&all, last + 10), 1);
	ck_assert(is_cut(&next) && !is_cut(&reader));
	ck_assert_uint_eq(deadlines_tick(&all, now + DEADLINE_LAST_ANSWER_MS),
			  1);
	ck_assert(is_cut(&reader));
	leave(&early);
	leave(&late);
	leave(&gone);
	leave(&reader);
	leave(&next);
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
	tcase_add_test(tcase, at_the_end_the_idle_go_and_all_others_hurry);
	tcase_add_test(tcase, the_timer_ticks_while_somebody_is_queued);
}

UNIT_MAIN("deadline", add_tests)
