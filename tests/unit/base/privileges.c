/* Root becomes a user for good, or says that it did not. */
#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

#define OTHERS 65534	/* nobody */
#define TEAM 4711	/* a group more of theirs */

/* What `body` returns, in a process that may change. */
static int outcome(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(body());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(only_users_that_are_not_root_are_found)
{
	struct privileges_user user;

	ck_assert_int_eq(privileges_find("no-such-user-here", &user),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(privileges_find("", &user), ERR_NOT_FOUND);
	ck_assert_int_eq(privileges_find("root", &user), ERR_UNSUPPORTED);
	ck_assert_int_eq(privileges_find("nobody", &user), ERR_OK);
	ck_assert_str_eq(user.name, "nobody");
	ck_assert_uint_eq(user.uid, getpwnam("nobody")->pw_uid);
	ck_assert_uint_eq(user.gid, getpwnam("nobody")->pw_gid);
	ck_assert_int_eq(user.group_count, 0);
	privileges_find_groups(&user);
	/* their own group is one of them */
	ck_assert_int_ge(user.group_count, 1);
	ck_assert_uint_eq(user.groups[0], user.gid);
}
END_TEST

static int drop_and_look(void)
{
	struct privileges_user user;
	gid_t groups[64];
	uid_t r, e, s;
	gid_t gr, ge, gs;
	int count;

	if (privileges_find("nobody", &user) || privileges_drop(&user))
		return 1;
	if (getresuid(&r, &e, &s) || r != user.uid || e != r || s != r)
		return 2;
	if (getresgid(&gr, &ge, &gs) || gr != user.gid || ge != gr || gs != gr)
		return 3;
	count = getgroups(64, groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == 0)
			return 4;
	return setuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0 ?
		5 : 0;
}

START_TEST(all_ids_and_groups_change_and_there_is_no_way_back)
{
	if (geteuid() != 0)
		return;		/* below: what one who is not root meets */
	ck_assert_int_eq(outcome(drop_and_look), 0);
}
END_TEST

static int drop_without_rights(void)
{
	const struct privileges_user root = { .name = "root" };
	const struct privileges_user other = { .name = "daemon", .uid = 1,
					       .gid = 1 };

	if (geteuid() == 0 && (setgroups(0, NULL) || setgid(OTHERS) ||
			       setuid(OTHERS)))
		return 1;
	if (privileges_drop(&other) != ERR_IO || errno != EPERM)
		return 2;
	return privileges_drop(&root) == ERR_IO ? 0 : 3;
}

START_TEST(who_may_not_is_told)
{
	ck_assert_int_eq(outcome(drop_without_rights), 0);
}
END_TEST

/* Root that "becomes" root could be root again, and hears of it. */
static int drop_to_root(void)
{
	const struct privileges_user root = { .name = "root" };

	return privileges_drop(&root) == ERR_IO && errno == 0 ? 0 : 1;
}

START_TEST(a_way_back_is_an_error)
{
	if (geteuid() == 0)
		ck_assert_int_eq(outcome(drop_to_root), 0);
}
END_TEST

static int harden_and_look(void)
{
	struct rlimit core;

	privileges_harden();
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 1;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	return umask(0) == 077 ? 0 : 4;
}

START_TEST(nothing_of_memory_leaves_a_hardened_process)
{
	ck_assert_int_eq(outcome(harden_and_look), 0);
}
END_TEST

START_TEST(rights_are_told_for_another_user)
{
	static const struct {
		mode_t mode;
		uid_t uid;
		gid_t gid;
		int how;
		bool may;
	} cases[] = {
		{ 0600, OTHERS, 0, R_OK | W_OK, true },
		{ 0400, OTHERS, 0, R_OK | W_OK, false },
		{ 0600, 0, 0, R_OK, false },
		{ 0644, 0, 0, R_OK, true },
		{ 0644, 0, 0, W_OK, false },
		{ 0660, 0, OTHERS, R_OK | W_OK, true },
		{ 0606, 0, OTHERS, R_OK, false },
		{ 0660, 0, TEAM, R_OK | W_OK, true },
		{ 0606, 0, TEAM, R_OK, false },
		/* its own bits count, not those of others */
		{ 0077, OTHERS, 0, R_OK, false },
		{ 0700, OTHERS, 0, R_OK | W_OK | X_OK, true },
		{ 0755, 0, 0, R_OK | X_OK, true },
	};
	const struct privileges_user nobody = { .name = "nobody",
		.uid = OTHERS, .gid = OTHERS,
		.groups = { OTHERS, TEAM }, .group_count = 2 };

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const struct stat st = { .st_mode = S_IFREG | cases[i].mode,
			.st_uid = cases[i].uid, .st_gid = cases[i].gid };

		ck_assert_msg(privileges_may(&nobody, &st, cases[i].how) ==
			      cases[i].may, "case %zu", i);
	}
}
END_TEST

static void privileges_tests(TCase *tc)
{
	tcase_add_test(tc, only_users_that_are_not_root_are_found);
	tcase_add_test(tc, all_ids_and_groups_change_and_there_is_no_way_back);
	tcase_add_test(tc, who_may_not_is_told);
	tcase_add_test(tc, a_way_back_is_an_error);
	tcase_add_test(tc, nothing_of_memory_leaves_a_hardened_process);
	tcase_add_test(tc, rights_are_told_for_another_user);
}

UNIT_MAIN("privileges", privileges_tests)
