/* Which users adapters run as. */
#include "sandbox/uids.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

START_TEST(the_range_is_one_that_the_namespace_has)
{
	static const struct {
		const char *uids, *gids;
		uid_t first;
	} cases[] = {
		{ "         0          0 4294967295\n",
		  "         0          0 4294967295\n", 2097152000 },
		{ "0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 65536\n",
		  61440 },
		{ "0 100000 65536\n", "0 100000 65536\n", 61440 },
		/* both kinds of ids are needed, whole */
		{ "0 0 4294967295\n", "0 100000 65536\n", 61440 },
		{ "0 0 2098200575\n", "0 0 4294967295\n", 61440 },
		{ "0 0 2098200576\n", "0 0 4294967295\n", 2097152000 },
		{ "2097152000 5 1048576\n", "0 0 4294967295\n", 2097152000 },
		{ "2097152001 5 1048576\n", "0 0 4294967295\n", 0 },
		{ "0 0 63487\n", "0 0 65536\n", 0 },
		{ "0 0 63488\n", "0 0 65536\n", 61440 },
		{ "0 1000 1\n", "0 1000 1\n", 0 },
		{ "", "", 0 },
		{ "0 0\nx 0 4294967295\n0 0 99999999999\n",
		  "0 0 4294967295\n", 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned blocks = 7;
		struct uid_range range =
			uids_range_of(str_from(cases[i].uids),
				      str_from(cases[i].gids), &blocks);

		ck_assert_msg(range.first == cases[i].first, "%u: %u", i,
			      (unsigned)range.first);
		ck_assert(!range.count == !range.first);
		ck_assert_uint_eq(blocks, !range.first ? 0 :
				  range.first == 61440 ? 8 : 128);
		ck_assert_uint_eq(range.count, !range.first ? 0 :
				  range.first == 61440 ? 2048 : 1048576);
	}
}
END_TEST

START_TEST(nobody_has_the_user_of_another)
{
	static struct uids uids;
	uid_t uid, last = 0;

	uids_init(&uids, (struct uid_range){ 1000, 4 });
	for (uid_t want = 1001; want <= 1003; want++) {
		ck_assert_int_eq(uids_take(&uids, &uid), 1);
		ck_assert_uint_eq(uid, want);
	}
	/* The first is the spawner's, whatever is given back. */
	uids_give_back(&uids, 1000);
	uids_give_back(&uids, 999);
	uids_give_back(&uids, 1004);
	uids_give_back(&uids, 0);
	ck_assert_int_eq(uids_take(&uids, &last), 0);
	ck_assert_uint_eq(last, 0);
	uids_give_back(&uids, 1002);
	ck_assert_int_eq(uids_take(&uids, &uid), 1);
	ck_assert_uint_eq(uid, 1002);
}
END_TEST

START_TEST(one_given_back_rests)
{
	static struct uids uids;
	uid_t uid;

	uids_init(&uids, (struct uid_range){ 1000, 8 });
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(uids_take(&uids, &uid), 1);
		ck_assert_uint_eq(uid, 1001 + i % 7);
		uids_give_back(&uids, uid);
	}
}
END_TEST

START_TEST(without_a_range_there_are_none)
{
	static struct uids uids;
	uid_t uid = 7;

	uids_init(&uids, (struct uid_range){ 0, 0 });
	ck_assert_int_eq(uids_take(&uids, &uid), 0);
	ck_assert_uint_eq(uid, 7);
}
END_TEST

/* ---- side by side -------------------------------------------------------- */

static int claim(struct uid_range *range)
{
	char text[256];
	struct buf problem;
	int fd;

	buf_init_fixed(&problem, text, sizeof(text));
	fd = uids_claim(range, &problem);
	ck_assert_msg(fd >= 0, "%s", text);
	ck_assert_uint_gt(range->count, 1);
	ck_assert_uint_le(range->count, UIDS_MAX);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

static bool is_apart(struct uid_range a, struct uid_range b)
{
	return a.first + a.count <= b.first || b.first + b.count <= a.first;
}

/* Does somebody hold the lock of that block? */
static bool is_held(struct uid_range range)
{
	int fd = open(UIDS_FILE, O_RDWR | O_CLOEXEC);
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
		.l_start = range.first < 0x7d000000 ?
			128 + (range.first - 0xf000) / 256 :
			(range.first - 0x7d000000) / UIDS_MAX,
	};

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

START_TEST(no_two_gateways_have_the_same)
{
	struct uid_range ranges[4];
	int fds[4], status;
	pid_t pid;

	if (geteuid() != 0) {
		puts("skipped: only root can claim users");
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = claim(&ranges[i]);
		for (unsigned j = 0; j < i; j++)
			ck_assert(is_apart(ranges[i], ranges[j]));
	}
	/* Another process is another gateway, though its parent has some. */
	pid = fork();
	if (pid == 0) {
		struct uid_range other;

		claim(&other);
		for (unsigned i = 0; i < 4; i++)
			if (!is_apart(other, ranges[i]))
				_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_block_is_held_as_long_as_anybody_lives_by_it)
{
	struct uid_range mine;
	int fd, ends[2], status;
	pid_t pid;
	char c;

	if (geteuid() != 0) {
		puts("skipped: only root can claim users");
		return;
	}
	fd = claim(&mine);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	close(fd);
	ck_assert(is_held(mine));
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static void locked_out(void)
{
	struct uid_range range = { 1, 1 };
	char text[256];
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	ck_assert_int_eq(mount("none", "/run", "tmpfs", 0, "mode=755"), 0);
	/* Others could hold all locks of a file that they may open. */
	ck_assert_int_eq(close(open(UIDS_FILE, O_RDWR | O_CREAT, 0600)), 0);
	ck_assert_int_eq(chmod(UIDS_FILE, 0644), 0);
	ck_assert_int_eq(uids_claim(&range, &problem), -1);
	ck_assert_uint_eq(range.count, 0);
	ck_assert_msg(strstr(text, "root's alone") != NULL, "%s", text);
	ck_assert_int_eq(unlink(UIDS_FILE), 0);
	ck_assert_int_eq(symlink("/etc/passwd", UIDS_FILE), 0);
	ck_assert_int_eq(uids_claim(&range, &problem), -1);
	ck_assert_int_eq(unlink(UIDS_FILE), 0);
	/* All that there are. */
	while (uids_claim(&range, &problem) >= 0)
		ck_assert_uint_gt(range.count, 0);
	ck_assert_msg(strstr(text, "of no more") != NULL, "%s", text);
}

START_TEST(without_a_lock_there_is_no_block)
{
	pid_t pid;
	int status;

	if (geteuid() != 0) {
		puts("skipped: only root can mount");
		return;
	}
	pid = fork();
	if (pid == 0) {
		locked_out();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static void uids_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_range_is_one_that_the_namespace_has);
	tcase_add_test(tcase, nobody_has_the_user_of_another);
	tcase_add_test(tcase, one_given_back_rests);
	tcase_add_test(tcase, without_a_range_there_are_none);
	tcase_add_test(tcase, no_two_gateways_have_the_same);
	tcase_add_test(tcase, a_block_is_held_as_long_as_anybody_lives_by_it);
	tcase_add_test(tcase, without_a_lock_there_is_no_block);
}

UNIT_MAIN("uids", uids_tests)
