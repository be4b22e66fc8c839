/* A directory to begin an adapter in, and nobody's files touched. */
#include "console/scaffold.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit/unit.h"

static char err[4096];

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	return path;
}

/* In a process of its own, whose directory is the test's. */
static int make(const char *name, const char *dir)
{
	const struct command command = { "adapter new", "NAME", "", 1, 1, NULL,
					 scaffold_options };
	char *arguments[] = { (char *)name, NULL };
	struct command_line line = {
		.command = &command, .arguments = arguments, .count = 1,
		.given = { { &scaffold_options[0], dir } },
		.given_count = dir ? 1 : 0,
	};
	FILE *e = tmpfile();
	int status;
	size_t len;
	pid_t pid;

	ck_assert_ptr_nonnull(e);
	unit_dir();
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (chdir(unit_dir()) || !freopen("/dev/null", "w", stdout))
			_exit(99);
		dup2(fileno(e), 2);
		status = scaffold_new(&line);
		fflush(NULL);
		_exit(status);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	rewind(e);
	len = fread(err, 1, sizeof(err) - 1, e);
	err[len] = '\0';
	fclose(e);
	return WEXITSTATUS(status);
}

/* How many files there are; none has the placeholder's name, or holds it. */
static unsigned check_files(const char *dir)
{
	static char text[65536];
	char path[PATH_MAX + 512];
	struct dirent *at;
	unsigned count = 0;
	DIR *d = opendir(path_of(dir));

	ck_assert_ptr_nonnull(d);
	while ((at = readdir(d))) {
		FILE *f;
		size_t len;

		if (!strcmp(at->d_name, ".") || !strcmp(at->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", path_of(dir),
			 at->d_name);
		ck_assert_ptr_null(strstr(at->d_name, "acme"));
		f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		len = fread(text, 1, sizeof(text) - 1, f);
		text[len] = '\0';
		fclose(f);
		ck_assert_msg(!strstr(text, "acme"), "%s", path);
		count++;
	}
	closedir(d);
	return count;
}

START_TEST(all_of_the_template_has_its_name)
{
	unsigned count = 0;

	while (scaffold_files[count].name)
		count++;
	ck_assert_msg(make("plan-router", NULL) == COMMAND_DONE, "%s", err);
	ck_assert_uint_eq(check_files("plan-router"), count);
	ck_assert_int_eq(access(path_of("plan-router/plan-router.c"), R_OK),
			 0);
	ck_assert_int_eq(access(path_of("plan-router/.gitignore"), R_OK), 0);
	ck_assert_msg(make("x", "elsewhere") == COMMAND_DONE, "%s", err);
	ck_assert_int_eq(access(path_of("elsewhere/x.c"), R_OK), 0);
}
END_TEST

START_TEST(what_is_there_is_somebodys)
{
	FILE *f;

	ck_assert_int_eq(mkdir(path_of("taken"), 0700), 0);
	ck_assert_int_eq(make("taken", NULL), COMMAND_REFUSED);
	ck_assert_ptr_nonnull(strstr(err, strerror(EEXIST)));
	ck_assert_uint_eq(check_files("taken"), 0);
	f = fopen(path_of("file"), "we");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(make("x", "file"), COMMAND_REFUSED);
	ck_assert_int_eq(symlink("nowhere", path_of("link")), 0);
	ck_assert_int_eq(make("x", "link"), COMMAND_REFUSED);
	ck_assert_int_eq(access(path_of("nowhere"), F_OK), -1);
	ck_assert_int_eq(make("x", "no/such/place"), COMMAND_REFUSED);
	ck_assert_ptr_nonnull(strstr(err, strerror(ENOENT)));
}
END_TEST

START_TEST(a_name_is_a_files_and_a_modules)
{
	static const char *const bad[] = {
		"", "A", "a.c", "../x", "a/b", "-a", "1a", "_a", "a b", "a\n",
		"caf\xc3\xa9", "a;b", "$(x)",
	};
	char longest[SCAFFOLD_NAME_MAX + 2];

	for (unsigned i = 0; i < N_ELEMENTS(bad); i++) {
		ck_assert_msg(make(bad[i], "made") == COMMAND_USAGE, "%s",
			      bad[i]);
		ck_assert_ptr_nonnull(strstr(err, "a name is"));
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(make(longest, "made"), COMMAND_USAGE);
	ck_assert_int_eq(access(path_of("made"), F_OK), -1);
	longest[SCAFFOLD_NAME_MAX] = '\0';
	ck_assert_msg(make(longest, "made") == COMMAND_DONE, "%s", err);
}
END_TEST

static void scaffold_tests(TCase *tcase)
{
	tcase_add_test(tcase, all_of_the_template_has_its_name);
	tcase_add_test(tcase, what_is_there_is_somebodys);
	tcase_add_test(tcase, a_name_is_a_files_and_a_modules);
}

UNIT_MAIN("scaffold", scaffold_tests)
