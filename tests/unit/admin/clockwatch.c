#include "admin/clockwatch.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "unit/unit.h"

#define NOW 1700000000000

static int log_fd;
static char dir[64], path[128];

static void set_up(void)
{
	metric_init();
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_to_fd(log_fd);
	snprintf(dir, sizeof(dir), "/tmp/usher-clock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/clock", dir);
}

static void tear_down(void)
{
	clock_hold(0);
	log_to_fd(2);
	close(log_fd);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static bool has_logged(const char *text)
{
	char log[4096];
	ssize_t n = pread(log_fd, log, sizeof(log) - 1, 0);

	ck_assert_int_ge(n, 0);
	log[n] = '\0';
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
	return text ? strstr(log, text) != NULL : n == 0;
}

START_TEST(each_step_is_told_once)
{
	struct clockwatch watch = { 0 };

	clock_hold(NOW);
	ck_assert(!clockwatch_look(&watch));
	clock_hold_steady(NOW - 3600000);
	ck_assert(clockwatch_look(&watch));
	ck_assert(has_logged("\"by_s\":3600,\"ahead_s\":3600"));
	ck_assert(!clockwatch_look(&watch));
	/* NTP that pulls it by little steps is none */
	clock_hold_steady(NOW - 3600000 - CLOCK_STEP_MS);
	ck_assert(!clockwatch_look(&watch));
	ck_assert(has_logged(NULL));
	clock_hold_steady(NOW);
	ck_assert(clockwatch_look(&watch));
	ck_assert(has_logged("\"by_s\":-3600,\"ahead_s\":0"));
}
END_TEST

START_TEST(its_place_is_kept)
{
	struct stat st;

	ck_assert_int_eq(clockwatch_resume(path), ERR_OK);
	ck_assert_int_gt(clock_steady_at_least(clock_steady_ms() + 7200000), 0);
	ck_assert_int_eq(clockwatch_save(path), ERR_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_gt(clock_steady_at_least(clock_steady_ms() + 7200000), 0);
	ck_assert_int_lt(clock_ahead_ms(), -7200000 - 3600000);
	ck_assert_int_eq(clockwatch_resume(path), ERR_OK);
	ck_assert_int_gt(clock_ahead_ms(), -7200000 - 3600000);
	ck_assert_int_lt(clock_ahead_ms(), -7200000 + 3600000);
}
END_TEST

START_TEST(a_file_that_is_none_changes_nothing)
{
	static const char *const texts[] = { "", "\n", "x", "x 1\n",
		"00000000-0000-0000-0000-000000000000 0", NULL };
	const enum err errs[] = { ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX,
		ERR_SYNTAX, ERR_OK };

	for (int i = 0; texts[i]; i++) {
		FILE *f = fopen(path, "w");

		ck_assert_ptr_nonnull(f);
		ck_assert_int_ge(fputs(texts[i], f), 0);
		ck_assert_int_eq(fclose(f), 0);
		ck_assert_int_eq(clockwatch_resume(path), errs[i]);
		ck_assert_int_eq(clock_ahead_ms(), 0);
	}
	ck_assert_int_eq(clockwatch_resume(dir), ERR_IO);
	ck_assert_int_eq(clockwatch_save("/nowhere/clock"), ERR_IO);
}
END_TEST

static void clockwatch_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, each_step_is_told_once);
	tcase_add_test(tc, its_place_is_kept);
	tcase_add_test(tc, a_file_that_is_none_changes_nothing);
}

UNIT_MAIN("clockwatch", clockwatch_tests)
