#include "unit/unit.h"
/* What a check learns of the gateway that runs beside it. */
#include "admin/running.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "admin/socket.h"

static struct running running;

static struct running_place at;

static enum running_match match(const char *address, uint16_t port)
{
	const struct listener listener = {
		.address = str_from(address), .port = port,
	};

	return running_match(&running, &listener, &at);
}

START_TEST(a_status_is_read)
{
	ck_assert(running_read(STR(
		"usherd 1, pid 2, since now\n"
		"listening: https://127.0.0.1:8443, https://[::1]:443, "
		"http://10.0.0.1:9464 (metrics), nonsense\n"
		"configuration 7\n"), &running));
	ck_assert_int_eq(running.state, RUNNING_TOLD);
	ck_assert_uint_eq(running.count, 3);
	ck_assert_int_eq(match("127.0.0.1", 8443), RUNNING_THERE);
	ck_assert_int_eq(match("::1", 443), RUNNING_THERE);
	ck_assert_int_eq(match("10.0.0.1", 9464), RUNNING_THERE);
	ck_assert_int_eq(match("127.0.0.1", 443), RUNNING_ELSEWHERE);
	ck_assert_int_eq(match("127.0.0.2", 8443), RUNNING_ELSEWHERE);
	ck_assert_int_eq(match("::1", 8443), RUNNING_ELSEWHERE);
	ck_assert_int_eq(match("nonsense", 443), RUNNING_ELSEWHERE);
}
END_TEST

START_TEST(addresses_that_hold_each_other_overlap)
{
	ck_assert(running_read(STR("listening: http://127.0.0.1:1, "
				   "http://[::1]:2, http://0.0.0.0:3, "
				   "http://[::]:4"), &running));
	ck_assert_int_eq(match("0.0.0.0", 1), RUNNING_OVERLAPS);
	ck_assert_uint_eq(at.port, 1);
	ck_assert_int_eq(match("::", 1), RUNNING_OVERLAPS);
	ck_assert_int_eq(match("::", 2), RUNNING_OVERLAPS);
	ck_assert_int_eq(match("0.0.0.0", 2), RUNNING_ELSEWHERE);
	ck_assert_int_eq(match("10.0.0.1", 3), RUNNING_OVERLAPS);
	ck_assert_int_eq(match("::1", 3), RUNNING_ELSEWHERE);
	ck_assert_int_eq(match("::", 3), RUNNING_OVERLAPS);
	ck_assert_int_eq(match("10.0.0.1", 4), RUNNING_OVERLAPS);
	ck_assert_int_eq(match("::1", 4), RUNNING_OVERLAPS);
}
END_TEST

START_TEST(what_does_not_tell_is_not_believed)
{
	static const char *const odd[] = {
		"", "\n", "usherd 0.9, pid 2\nconfiguration 7\n",
		"listening: ", "listening: nowhere\n", "listening:\n",
		"x listening: http://127.0.0.1:1\n",
		"listening: http://127.0.0.1:0\n",
		"listening: http://127.0.0.1:65536\n",
		"listening: http://127.0.0.1\n", "listening: ://:\n",
		"listening: http://[]:1\n", "listening: 127.0.0.1:1\n",
		"listening: http:\n", "listening: ,\n",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		ck_assert_msg(!running_read(str_from(odd[i]), &running),
			      "%s", odd[i]);
}
END_TEST

START_TEST(no_more_are_kept_than_there_is_room_for)
{
	struct buf many;

	buf_init(&many, 65536);
	buf_puts(&many, RUNNING_WORD);
	for (int i = 1; i <= RUNNING_PLACES_MAX + 3; i++)
		buf_printf(&many, "http://127.0.0.1:%d, ", i);
	ck_assert(running_read(buf_str(&many), &running));
	ck_assert_uint_eq(running.count, RUNNING_PLACES_MAX);
	buf_done(&many);
}
END_TEST

/* Nobody accepts here, as in a gateway that hangs: it takes the time given,
 * however long that is, and no more. */
START_TEST(who_does_not_answer_is_not_waited_for)
{
	char path[PATH_MAX + 16];
	struct sockaddr_un address;
	char why[256];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s/admin.sock", unit_dir());
	running_ask(path, RUNNING_MS, &running);
	ck_assert_int_eq(running.state, RUNNING_NONE);
	ck_assert_int_eq(socket_address(path, &address, why, sizeof(why)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	/* a socket that nobody listens at: a gateway that was killed */
	running_ask(path, RUNNING_MS, &running);
	ck_assert_int_eq(running.state, RUNNING_NONE);
	ck_assert_int_eq(listen(fd, 0), 0);
	/* it connects, and hears nothing; then it does not even connect */
	for (int i = 0; i < 3; i++) {
		running_ask(path, 10, &running);
		ck_assert_int_eq(running.state, RUNNING_UNTOLD);
		ck_assert_uint_eq(running.count, 0);
	}
	close(fd);
}
END_TEST

static void running_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_status_is_read);
	tcase_add_test(tcase, addresses_that_hold_each_other_overlap);
	tcase_add_test(tcase, what_does_not_tell_is_not_believed);
	tcase_add_test(tcase, no_more_are_kept_than_there_is_room_for);
	tcase_add_test(tcase, who_does_not_answer_is_not_waited_for);
}

UNIT_MAIN("running", running_tests)
