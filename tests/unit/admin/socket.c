#include "unit/unit.h"

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

static void socket_tests(TCase *tc)
{
	tcase_add_test(tc, only_we_may_connect);
	tcase_add_test(tc, what_a_killed_daemon_left_is_replaced);
	tcase_add_test(tc, what_is_no_socket_stays);
	tcase_add_test(tc, a_path_that_no_socket_can_have_is_told);
}

UNIT_MAIN("socket", socket_tests)
