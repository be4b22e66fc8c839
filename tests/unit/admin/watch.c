#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#include "admin/watch.h"

static struct watch watch;
static char directory[PATH_MAX + 16];

static void set_up(void)
{
	static unsigned n;

	snprintf(directory, sizeof(directory), "%s/%u", unit_dir(), n++);
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(watch_open(&watch, directory), 0);
}

static void tear_down(void)
{
	watch_close(&watch);
}

static const char *in_dir(const char *name)
{
	static char paths[2][PATH_MAX + 64];
	static unsigned i;

	i ^= 1;
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", directory, name);
	return paths[i];
}

static void write_file(const char *name)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fprintf(f, "x\n"), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static bool is_readable(void)
{
	struct pollfd fd = { .fd = watch.fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static bool notices(int64_t now)
{
	bool had = is_readable();

	watch_read(&watch, now);
	return had && watch.is_pending;
}

START_TEST(a_change_is_due_once_it_is_quiet)
{
	ck_assert_int_eq(watch_timeout(&watch, 1000), -1);
	write_file("a.conf");
	ck_assert(notices(1000));
	ck_assert_int_eq(watch_timeout(&watch, 1000), WATCH_SETTLE_MS);
	ck_assert(!watch_is_due(&watch, 1000 + WATCH_SETTLE_MS - 1));
	write_file("b.conf");
	ck_assert(notices(1400));
	ck_assert_int_eq(watch_timeout(&watch, 1000 + WATCH_SETTLE_MS), 400);
	ck_assert(watch_is_due(&watch, 1400 + WATCH_SETTLE_MS));
	ck_assert(!watch_is_due(&watch, 1400 + WATCH_SETTLE_MS));
	ck_assert_int_eq(watch_timeout(&watch, 9000), -1);
}
END_TEST

START_TEST(what_never_rests_is_taken_up_all_the_same)
{
	int64_t now;

	for (now = 0; now < WATCH_LATEST_MS; now += 100) {
		write_file("busy.conf");
		ck_assert(notices(now));
		ck_assert(!watch_is_due(&watch, now));
	}
	ck_assert(watch_is_due(&watch, now));
	write_file("busy.conf");
	ck_assert(notices(now));
	ck_assert_int_eq(watch_timeout(&watch, now), WATCH_SETTLE_MS);
}
END_TEST

START_TEST(every_way_to_change_the_directory_is_seen)
{
	write_file("a");
	ck_assert(notices(0));
	ck_assert_int_eq(rename(in_dir("a"), in_dir("b")), 0);
	ck_assert(notices(0));
	ck_assert_int_eq(symlink("b", in_dir("link")), 0);
	ck_assert(notices(0));
	ck_assert_int_eq(unlink(in_dir("b")), 0);
	ck_assert(notices(0));
	ck_assert(!is_readable());
}
END_TEST

START_TEST(what_is_no_directory_is_not_watched)
{
	struct watch other;

	write_file("file");
	ck_assert_int_eq(watch_open(&other, in_dir("file")), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(watch_open(&other, in_dir("nothing")), -1);
	ck_assert_int_eq(other.fd, -1);
	watch_read(&other, 0);
	ck_assert_int_eq(watch_timeout(&other, 0), -1);
	ck_assert(!watch_is_due(&other, 1 << 30));
	watch_close(&other);
}
END_TEST

static void watch_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_change_is_due_once_it_is_quiet);
	tcase_add_test(tc, what_never_rests_is_taken_up_all_the_same);
	tcase_add_test(tc, every_way_to_change_the_directory_is_seen);
	tcase_add_test(tc, what_is_no_directory_is_not_watched);
}

UNIT_MAIN("watch", watch_tests)
