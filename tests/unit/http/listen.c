/* Sockets that several workers share, and nobody besides. */
#include "http/listen.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "unit/unit.h"

#define MANY 4

static int fds[MANY];
static uint16_t port;
static char why[256];

static enum err open_at(const char *address, uint16_t wanted, unsigned count)
{
	const struct listener listener = {
		.url = STR("http://the.url"), .address = str_from(address),
		.port = wanted,
	};

	why[0] = '\0';
	return listen_open(&listener, count, fds, &port, why, sizeof(why));
}

static void close_all(unsigned count)
{
	while (count-- > 0)
		close(fds[count]);
}

static struct sockaddr_in here(uint16_t at)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(at),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int call(int flags)
{
	const struct sockaddr_in sa = here(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	ck_assert_int_ge(fd, 0);
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Whichever of them has the connection: nobody waits for one. */
static unsigned take(unsigned count)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		int fd;

		while ((fd = accept(fds[i], NULL, NULL)) >= 0) {
			close(fd);
			taken++;
		}
		ck_assert_int_eq(errno, EAGAIN);
	}
	return taken;
}

START_TEST(all_of_them_have_one_free_port)
{
	int clients[8];

	ck_assert_msg(open_at("127.0.0.1", 0, MANY) == ERR_OK, "%s", why);
	ck_assert_uint_ne(port, 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct sockaddr_in sa;
		socklen_t len = sizeof(sa);
		int listens = 0;
		socklen_t size = sizeof(listens);

		ck_assert_int_eq(getsockname(fds[i], (struct sockaddr *)&sa,
					     &len), 0);
		ck_assert_uint_eq(ntohs(sa.sin_port), port);
		ck_assert_int_eq(getsockopt(fds[i], SOL_SOCKET, SO_ACCEPTCONN,
					    &listens, &size), 0);
		ck_assert(listens);
	}
	for (unsigned i = 0; i < N_ELEMENTS(clients); i++)
		clients[i] = call(0);
	ck_assert_uint_eq(take(MANY), N_ELEMENTS(clients));
	for (unsigned i = 0; i < N_ELEMENTS(clients); i++)
		close(clients[i]);
	close_all(MANY);
}
END_TEST

START_TEST(every_address_is_ipv4_too)
{
	int client;

	ck_assert_msg(open_at("::", 0, 1) == ERR_OK, "%s", why);
	client = call(0);
	ck_assert_uint_eq(take(1), 1);
	close(client);
	close_all(1);
}
END_TEST

/* It may allow sharing, and be of the same user. */
START_TEST(somebody_elses_port_is_not_shared)
{
	unsigned before;
	uint16_t taken;
	int ours[2];

	ck_assert_int_eq(open_at("127.0.0.1", 0, 2), ERR_OK);
	memcpy(ours, fds, sizeof(ours));
	taken = port;
	before = open_descriptors();
	ck_assert_int_eq(open_at("127.0.0.1", taken, MANY), ERR_IO);
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_ptr_nonnull(strstr(why, "http://the.url"));
	ck_assert_ptr_nonnull(strstr(why, "another program listens there"));
	close(ours[0]);
	close(ours[1]);
	/* Once it is gone the port is free, at once. */
	ck_assert_msg(open_at("127.0.0.1", taken, MANY) == ERR_OK, "%s", why);
	ck_assert_uint_eq(port, taken);
	close_all(MANY);
}
END_TEST

START_TEST(what_cannot_be_says_why)
{
	unsigned before = open_descriptors();

	ck_assert_int_eq(open_at("localhost", 0, 1), ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(why, "localhost is no address"));
	ck_assert_int_eq(open_at("", 0, 1), ERR_SYNTAX);
	/* RFC 5737: of documents alone. */
	ck_assert_int_eq(open_at("192.0.2.1", 0, MANY), ERR_IO);
	ck_assert_ptr_nonnull(strstr(why, "no such address"));
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(all_of_them_or_none)
{
	struct rlimit limit;
	unsigned before;
	int last = dup(0);

	close(last);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)last + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	before = open_descriptors();
	ck_assert_int_eq(open_at("127.0.0.1", 0, MANY), ERR_IO);
	ck_assert_ptr_nonnull(strstr(why, "Too many open files"));
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(behind_a_hush_the_line_can_be_emptied)
{
	int early, late;

	ck_assert_int_eq(open_at("127.0.0.1", 0, 1), ERR_OK);
	early = call(0);
	listen_hush(fds[0]);
	late = call(SOCK_NONBLOCK);
	/* Who stands in line is served; who comes now hears nothing, not even
	 * a reset. */
	ck_assert_uint_eq(take(1), 1);
	ck_assert_int_eq(recv(late, &port, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(early);
	close(late);
	close_all(1);
}
END_TEST

static enum err try_at(const char *address, uint16_t wanted)
{
	const struct listener listener = {
		.url = STR("http://the.url"), .address = str_from(address),
		.port = wanted,
	};

	why[0] = '\0';
	return listen_try(&listener, why, sizeof(why));
}

START_TEST(a_port_is_tried_and_let_go)
{
	unsigned before;
	char said[sizeof(why)];

	ck_assert_int_eq(open_at("127.0.0.1", 0, 2), ERR_OK);
	before = open_descriptors();
	/* ours, which is shared, is no less in use */
	ck_assert_int_eq(try_at("127.0.0.1", port), ERR_CONFLICT);
	memcpy(said, why, sizeof(said));
	ck_assert_int_eq(open_at("127.0.0.1", port, 1), ERR_IO);
	ck_assert_str_eq(said, why);
	ck_assert_ptr_nonnull(strstr(why, "another program listens there"));
	close_all(2);
	ck_assert_int_eq(try_at("127.0.0.1", port), ERR_OK);
	ck_assert_str_eq(why, "");
	/* again, and for real: nothing was kept */
	ck_assert_int_eq(try_at("127.0.0.1", port), ERR_OK);
	ck_assert_uint_eq(open_descriptors(), before - 2);
	/* any free one */
	ck_assert_int_eq(try_at("127.0.0.1", 0), ERR_OK);
	ck_assert_int_eq(try_at("192.0.2.1", 1), ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(why, "this machine has no such address"));
}
END_TEST

static void listen_tests(TCase *tcase)
{
	tcase_add_test(tcase, all_of_them_have_one_free_port);
	tcase_add_test(tcase, every_address_is_ipv4_too);
	tcase_add_test(tcase, somebody_elses_port_is_not_shared);
	tcase_add_test(tcase, what_cannot_be_says_why);
	tcase_add_test(tcase, all_of_them_or_none);
	tcase_add_test(tcase, a_port_is_tried_and_let_go);
	tcase_add_test(tcase, behind_a_hush_the_line_can_be_emptied);
}

UNIT_MAIN("listen", listen_tests)
