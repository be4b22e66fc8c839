#include "unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "admin/socket.h"

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	return path;
}

START_TEST(only_we_may_connect)
{
	const char *path = path_of("admin.sock");
	char why[256] = "";
	struct stat st;
	int fd = socket_listen(path, why, sizeof(why));

	ck_assert_msg(fd >= 0, "%s", why);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	/* Somebody answers there now. */
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "answers"));
	close(fd);
}
END_TEST

START_TEST(what_a_killed_daemon_left_is_replaced)
{
	const char *path = path_of("left.sock");
	char why[256] = "";
	int fd = socket_listen(path, why, sizeof(why));

	ck_assert_int_ge(fd, 0);
	close(fd);
	fd = socket_listen(path, why, sizeof(why));
	ck_assert_msg(fd >= 0, "%s", why);
	close(fd);
}
END_TEST

/* A slip in the setting must not cost a file. */
START_TEST(what_is_no_socket_stays)
{
	const char *path = path_of("precious");
	char why[256] = "";
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "no socket"));
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_told)
{
	char why[256] = "", path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(socket_listen(path, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "199 bytes"));
	ck_assert_int_eq(socket_listen(path_of("no/such/dir"), why,
				       sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
}
END_TEST

static const char *echo(void *ctx, const struct str *words, unsigned count,
			struct buf *body)
{
	(void)ctx;
	if (!count)
		return "what?";
	buf_adds(body, words[count - 1]);
	return NULL;
}

/* Bytes without end, as long as somebody takes them. */
static void *drip(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	const int *fd = arg;

	while (send(*fd, "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&pause, NULL);
	return NULL;
}

static void *ask(void *arg)
{
	struct buf body;
	char *said = NULL;

	buf_init(&body, 256);
	if (!socket_ask(arg, "say hello", &body))
		said = strdup(body.ptr);
	buf_done(&body);
	return said;
}

/* Without a bound for the whole line this would never return. */
START_TEST(a_byte_now_and_then_buys_no_time)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = path_of("admin.sock");
	int listener, fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd waiting;
	pthread_t dripper, asker;
	char why[256] = "";
	void *said;

	listener = socket_listen(path, why, sizeof(why));
	waiting = (struct pollfd){ .fd = listener, .events = POLLIN };
	ck_assert_msg(listener >= 0, "%s", why);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(pthread_create(&dripper, NULL, drip, &fd), 0);
	socket_serve(listener, echo, NULL);
	ck_assert_int_eq(pthread_join(dripper, NULL), 0);
	close(fd);

	ck_assert_int_eq(pthread_create(&asker, NULL, ask, (void *)path), 0);
	ck_assert_int_eq(poll(&waiting, 1, 10000), 1);
	socket_serve(listener, echo, NULL);
	ck_assert_int_eq(pthread_join(asker, &said), 0);
	ck_assert_ptr_nonnull(said);
	ck_assert_str_eq(said, "hello");
	free(said);
	close(listener);
}
END_TEST

static void socket_tests(TCase *tc)
{
	tcase_add_test(tc, only_we_may_connect);
	tcase_add_test(tc, what_a_killed_daemon_left_is_replaced);
	tcase_add_test(tc, what_is_no_socket_stays);
	tcase_add_test(tc, a_path_that_no_socket_can_have_is_told);
	tcase_add_test(tc, a_byte_now_and_then_buys_no_time);
}

UNIT_MAIN("socket", socket_tests)
