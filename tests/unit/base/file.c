#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"

static char path[PATH_MAX + 32], draft_path[PATH_MAX + 64];

static void set_up(void)
{
	snprintf(path, sizeof(path), "%s/thing", unit_dir());
	snprintf(draft_path, sizeof(draft_path), "%s.new", path);
	unlink(path);
	unlink(draft_path);
}

static void write_thing(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)),
			 (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* The thing holds `text`, is ours alone, and no draft is left. */
static void check_thing(const char *text)
{
	char got[64];
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	n = read(fd, got, sizeof(got) - 1);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, text);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(st.st_nlink, 1);
	close(fd);
	ck_assert_int_eq(access(draft_path, F_OK), -1);
}

static enum err put(const char *text, bool replace)
{
	struct file_draft draft;
	enum err err = file_draft_begin(&draft, path);

	if (err)
		return err;
	ck_assert_int_eq(file_draft_write(&draft, text, strlen(text)), 0);
	err = file_draft_commit(&draft, replace);
	ck_assert_int_eq(draft.fd, -1);
	return err;
}

START_TEST(a_commit_makes_or_replaces)
{
	mode_t old = umask(0);

	ck_assert_int_eq(put("one", true), 0);
	check_thing("one");
	ck_assert_int_eq(put("2", true), 0);
	check_thing("2");
	umask(old);
}
END_TEST

START_TEST(without_replace_the_first_one_stays)
{
	ck_assert_int_eq(put("one", false), 0);
	check_thing("one");
	ck_assert_int_eq(put("two", false), ERR_CONFLICT);
	check_thing("one");
}
END_TEST

START_TEST(an_abandoned_draft_leaves_nothing)
{
	struct file_draft draft;

	ck_assert_int_eq(put("one", true), 0);
	ck_assert_int_eq(file_draft_begin(&draft, path), 0);
	ck_assert_int_eq(file_draft_write(&draft, "x", 1), 0);
	ck_assert_int_eq(access(draft_path, F_OK), 0);
	file_draft_abort(&draft);
	file_draft_abort(&draft);
	check_thing("one");
}
END_TEST

START_TEST(the_old_file_is_whole_until_the_commit)
{
	struct file_draft draft;
	char got[8] = "";
	int fd;

	ck_assert_int_eq(put("one", true), 0);
	ck_assert_int_eq(file_draft_begin(&draft, path), 0);
	ck_assert_int_eq(file_draft_write(&draft, "second", 6), 0);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, got, sizeof(got)), 3);
	ck_assert_str_eq(got, "one");
	ck_assert_int_eq(file_draft_commit(&draft, true), 0);
	close(fd);
	check_thing("second");
}
END_TEST

START_TEST(a_second_writer_is_told_to_wait)
{
	struct file_draft draft;

	ck_assert_int_eq(file_draft_begin(&draft, path), 0);
	ck_assert_int_eq(put("other", true), ERR_BUSY);
	ck_assert_int_eq(file_draft_write(&draft, "mine", 4), 0);
	ck_assert_int_eq(file_draft_commit(&draft, true), 0);
	check_thing("mine");
}
END_TEST

START_TEST(the_draft_of_a_dead_writer_is_reused)
{
	write_thing(draft_path, "half a thi", 0644);
	ck_assert_int_eq(put("whole", true), 0);
	check_thing("whole");
}
END_TEST

/* Whoever may write in the directory must not lead us to another file. */
START_TEST(a_draft_that_is_a_link_is_not_followed)
{
	char victim[PATH_MAX + 32], text[8] = "";
	int fd;

	snprintf(victim, sizeof(victim), "%s/victim", unit_dir());
	write_thing(victim, "keep", 0600);
	ck_assert_int_eq(symlink(victim, draft_path), 0);
	ck_assert_int_eq(put("x", true), ERR_IO);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(unlink(draft_path), 0);
	ck_assert_int_eq(link(victim, draft_path), 0);
	ck_assert_int_eq(put("x", true), ERR_IO);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(unlink(draft_path), 0);
	ck_assert_int_eq(mkfifo(draft_path, 0600), 0);
	ck_assert_int_eq(put("x", true), ERR_IO);
	ck_assert_int_eq(unlink(draft_path), 0);
	fd = open(victim, O_RDONLY);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 4);
	ck_assert_str_eq(text, "keep");
	close(fd);
}
END_TEST

START_TEST(what_cannot_be_says_why)
{
	struct file_draft draft;
	char long_path[PATH_MAX + 1];

	snprintf(path, sizeof(path), "%s/no/where", unit_dir());
	ck_assert_int_eq(file_draft_begin(&draft, path), ERR_IO);
	ck_assert_int_eq(errno, ENOENT);
	file_draft_abort(&draft);
	memset(long_path, 'x', PATH_MAX);
	long_path[PATH_MAX - 4] = '\0';
	ck_assert_int_eq(file_draft_begin(&draft, long_path), ERR_LIMIT);
	file_draft_abort(&draft);
	/* A directory stands where the file should. */
	set_up();
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(put("x", true), ERR_IO);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(access(draft_path, F_OK), -1);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	struct file_draft draft;
	int full = open("/dev/full", O_WRONLY);

	if (full < 0)
		return;
	ck_assert_int_eq(file_draft_begin(&draft, path), 0);
	ck_assert_int_eq(dup2(full, draft.fd), draft.fd);
	close(full);
	ck_assert_int_eq(file_draft_write(&draft, "x", 1), ERR_IO);
	ck_assert_int_eq(errno, ENOSPC);
	file_draft_abort(&draft);
	ck_assert_int_eq(access(draft_path, F_OK), -1);
}
END_TEST

static atomic_int written;

/* Commit again and again, and wait for whoever is at it. */
static void *put_often(void *arg)
{
	char text[32];

	for (int i = 0; i < 100; i++) {
		struct file_draft draft;
		enum err err = file_draft_begin(&draft, path);

		if (err == ERR_BUSY)
			continue;
		snprintf(text, sizeof(text), "from %s, number %3d",
			 (const char *)arg, i);
		if (err || file_draft_write(&draft, text, strlen(text)) ||
		    file_draft_commit(&draft, true))
			return (void *)"failed";
		written++;
	}
	return NULL;
}

START_TEST(racing_writers_leave_a_whole_file)
{
	static const char *const names[] = { "one", "two", "six", "ten" };
	pthread_t threads[4];
	char got[64] = "";
	void *failed;
	int fd;

	ck_assert_int_eq(put("begin", true), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, put_often,
						(void *)names[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_int_gt(written, 0);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, got, sizeof(got)), 20);
	ck_assert_int_eq(strncmp(got, "from ", 5), 0);
	close(fd);
	ck_assert_int_eq(access(draft_path, F_OK), -1);
}
END_TEST

START_TEST(a_name_without_a_directory_is_in_this_one)
{
	char was[PATH_MAX];

	ck_assert_ptr_nonnull(getcwd(was, sizeof(was)));
	ck_assert_int_eq(chdir(unit_dir()), 0);
	snprintf(path, sizeof(path), "bare");
	snprintf(draft_path, sizeof(draft_path), "bare.new");
	ck_assert_int_eq(put("here", true), 0);
	check_thing("here");
	ck_assert_int_eq(chdir(was), 0);
}
END_TEST

static void file_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, a_commit_makes_or_replaces);
	tcase_add_test(tc, without_replace_the_first_one_stays);
	tcase_add_test(tc, an_abandoned_draft_leaves_nothing);
	tcase_add_test(tc, the_old_file_is_whole_until_the_commit);
	tcase_add_test(tc, a_second_writer_is_told_to_wait);
	tcase_add_test(tc, the_draft_of_a_dead_writer_is_reused);
	tcase_add_test(tc, a_draft_that_is_a_link_is_not_followed);
	tcase_add_test(tc, what_cannot_be_says_why);
	tcase_add_test(tc, a_full_disk_is_an_error);
	tcase_add_test(tc, racing_writers_leave_a_whole_file);
	tcase_add_test(tc, a_name_without_a_directory_is_in_this_one);
}

UNIT_MAIN("file", file_tests)
