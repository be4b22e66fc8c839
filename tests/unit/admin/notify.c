#include "unit/unit.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "admin/notify.h"

static int manager = -1;

/* A service manager's socket at `name`; '@' for the abstract kind. */
static void listen_at(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	ck_assert_uint_lt(len, sizeof(sa.sun_path));
	memcpy(sa.sun_path, name, len);
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&sa, (socklen_t)
			      (offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void hang_up(void)
{
	if (manager >= 0)
		close(manager);
	manager = -1;
	unsetenv("NOTIFY_SOCKET");
}

/* What came as one datagram; "" when none did. */
static const char *heard(void)
{
	static char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	return path;
}

START_TEST(each_state_is_one_datagram)
{
	char ready[64];

	listen_at(path_of("a"));
	snprintf(ready, sizeof(ready), "READY=1\nMAINPID=%ld\n",
		 (long)getpid());
	notify_ready();
	ck_assert_str_eq(heard(), ready);
	notify_stopping();
	ck_assert_str_eq(heard(), "STOPPING=1\n");
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(a_reload_says_when_it_began)
{
	struct timespec now;
	long long before, after, said;
	char end;

	listen_at(path_of("b"));
	clock_gettime(CLOCK_MONOTONIC, &now);
	before = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	notify_reloading();
	clock_gettime(CLOCK_MONOTONIC, &now);
	after = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	ck_assert_int_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld%c",
				&said, &end), 2);
	ck_assert_int_eq(end, '\n');
	ck_assert_int_ge(said, before);
	ck_assert_int_le(said, after);
}
END_TEST

START_TEST(an_abstract_socket_will_do)
{
	char name[64];

	snprintf(name, sizeof(name), "@usher-unit-%ld", (long)getpid());
	listen_at(name);
	notify_stopping();
	ck_assert_str_eq(heard(), "STOPPING=1\n");
}
END_TEST

/* None of it is our trouble; that nothing breaks is all there is to see. */
START_TEST(nobody_there_is_no_trouble)
{
	char too_long[300];

	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	setenv("NOTIFY_SOCKET", "", 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", path_of("nobody"), 1);
	notify_ready();
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	setenv("NOTIFY_SOCKET", too_long, 1);
	notify_reloading();
	/* One that does not read is not waited for. */
	listen_at(path_of("deaf"));
	for (int i = 0; i < 5000; i++)
		notify_stopping();
	ck_assert_str_eq(heard(), "STOPPING=1\n");
}
END_TEST

/* What the file holds; NULL: there is none. */
static const char *content(const char *path)
{
	static char text[256];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

START_TEST(a_file_says_that_we_are_ready)
{
	char path[PATH_MAX], want[64];

	snprintf(path, sizeof(path), "%s", path_of("ready"));
	snprintf(want, sizeof(want), "{\"pid\":%ld,\"listen\":[]}\n",
		 (long)getpid());
	ck_assert_int_eq(notify_ready_file(path, STR("[]")), ERR_OK);
	ck_assert_str_eq(content(path), want);
	ck_assert_int_eq(notify_ready_file(path_of("none/ready"), STR("[]")),
			 ERR_IO);
}
END_TEST

START_TEST(a_full_disk_leaves_no_half_of_a_file)
{
	struct rlimit before, none;
	char path[PATH_MAX];
	enum err err;

	snprintf(path, sizeof(path), "%s", path_of("half"));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 4;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	err = notify_ready_file(path, STR("[]"));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	ck_assert_int_eq(err, ERR_IO);
	ck_assert_ptr_null(content(path));
	ck_assert_int_ne(access(path_of("half.new"), F_OK), 0);
}
END_TEST

START_TEST(a_link_in_the_way_is_not_followed)
{
	char path[PATH_MAX], victim[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s", path_of("linked"));
	snprintf(victim, sizeof(victim), "%s", path_of("victim"));
	f = fopen(victim, "w");
	ck_assert_ptr_nonnull(f);
	fputs("precious", f);
	fclose(f);
	ck_assert_int_eq(symlink(victim, path_of("linked.new")), 0);
	ck_assert_int_eq(notify_ready_file(path, STR("[]")), ERR_IO);
	ck_assert_str_eq(content(victim), "precious");
	ck_assert_ptr_null(content(path));
}
END_TEST

static void notify_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, NULL, hang_up);
	tcase_add_test(tc, each_state_is_one_datagram);
	tcase_add_test(tc, a_reload_says_when_it_began);
	tcase_add_test(tc, an_abstract_socket_will_do);
	tcase_add_test(tc, nobody_there_is_no_trouble);
	tcase_add_test(tc, a_file_says_that_we_are_ready);
	tcase_add_test(tc, a_full_disk_leaves_no_half_of_a_file);
	tcase_add_test(tc, a_link_in_the_way_is_not_followed);
}

UNIT_MAIN("notify", notify_tests)
