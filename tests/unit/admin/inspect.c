/* The place where a gateway is to serve, as an operator may have left it. */
#include "admin/inspect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/db.h"
#include "unit/unit.h"

#define SOMEBODY 4711

static struct gateway_config config;
static struct report report;
static char state[PATH_MAX];

static const char *in_state(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", state, name);
	return path;
}

static void set_up(void)
{
	static unsigned count;

	snprintf(state, sizeof(state), "%.4000s/state%u", unit_dir(), count++);
	ck_assert_int_eq(mkdir(state, 0700), 0);
	config = (struct gateway_config){ .file = STR("g.conf"),
		.state_line = 3, .admin_line = 4, .user_line = 5,
		.log_file_line = 6, .state = str_from(state) };
	ck_assert_int_eq(report_init(&report), 0);
}

static void tear_down(void)
{
	report_done(&report);
}

static void make(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* All that was found, as text; the user is another chapter. */
static const char *look(bool is_running)
{
	static char text[65536];
	struct report kept;
	struct buf out;

	report_done(&report);
	ck_assert_int_eq(report_init(&report), 0);
	ck_assert_int_eq(report_init(&kept), 0);
	inspect_place(&config, is_running, &report);
	for (unsigned i = 0; i < report.count; i++)
		if (!str_eq(report.v[i].setting, STR("user")))
			report_add(&kept, report.v[i]);
	buf_init_fixed(&out, text, sizeof(text));
	buf_puts(&out, "");
	report_text(&kept, &out);
	report_done(&kept);
	return text;
}

#define ck_looks(is_running, want)					\
	do {								\
		const char *text_ = look(is_running);			\
		ck_assert_msg(strstr(text_, want) != NULL, "%s", text_);\
	} while (0)

START_TEST(a_good_place_is_not_spoken_of)
{
	config.admin = str_from(in_state("admin.sock"));
	make(in_state("usher.db"), 0600);
	ck_assert_str_eq(look(false), "");
	/* nor one that is still to be made */
	config.admin = STR_NULL;
	ck_assert_int_eq(unlink(in_state("usher.db")), 0);
	ck_assert_int_eq(rmdir(state), 0);
	ck_assert_str_eq(look(false), "");
	ck_assert_int_eq(access(state, F_OK), -1);
}
END_TEST

START_TEST(a_state_directory_that_cannot_be)
{
	char path[PATH_MAX + 64];

	config.state = STR("/nowhere/at/all");
	ck_looks(false, "g.conf:3: error: state is /nowhere/at/all, which is "
		 "not there and cannot be made: No such file or directory; "
		 "make it, owned by the user");
	ck_looks(true, "g.conf:3: warning: state is /nowhere/at/all");
	snprintf(path, sizeof(path), "%s", in_state("file"));
	make(path, 0600);
	config.state = str_from(path);
	ck_looks(false, "which is no directory");
	snprintf(path, sizeof(path), "%s", in_state("file/below"));
	ck_looks(false, "error: state is ");
}
END_TEST

START_TEST(a_state_directory_that_others_may_write_to)
{
	static const mode_t loose[] = { 0720, 0702, 0777, 0770 };

	for (unsigned i = 0; i < N_ELEMENTS(loose); i++) {
		ck_assert_int_eq(chmod(state, loose[i]), 0);
		ck_looks(false, "g.conf:3: warning: state is ");
		ck_looks(false, "which others may write to (mode 07");
		ck_looks(false, "chmod go-w it");
	}
	ck_assert_int_eq(chmod(state, 0755), 0);
	ck_assert_str_eq(look(false), "");
}
END_TEST

START_TEST(a_socket_and_a_log_that_have_no_place)
{
	config.admin = STR("/nowhere/admin.sock");
	ck_looks(false, "g.conf:4: error: admin names /nowhere/admin.sock, "
		 "whose directory cannot be used: No such file");
	config.admin = STR_NULL;
	config.log_file = STR("/nowhere/log");
	ck_looks(false, "g.conf:6: error: log.file names /nowhere/log, whose "
		 "directory");
	config.log_file = STR("/dev/null");
	ck_looks(false, "log.file names /dev/null, which is not a plain file");
	ck_looks(true, "g.conf:6: warning: log.file");
	config.log_file = str_from(in_state("log"));
	ck_assert_str_eq(look(false), "");
}
END_TEST

/* ---- with other eyes ---------------------------------------------------- */

/* As another user, in a process that ends. */
static int as_somebody(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (setgid(SOMEBODY) || setuid(SOMEBODY))
			_exit(99);
		_exit(body());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int says_not_ours(void)
{
	const char *text = look(false);

	return strstr(text, "g.conf:3: error: state is ") &&
		strstr(text, "of user 0 (mode 0755), which user 4711 may not "
		       "use; chown it") ? 0 : 1;
}

static int says_belongs_to_another(void)
{
	const char *text = look(false);

	return strstr(text, "warning: state is ") &&
		strstr(text, "which belongs to user 0 and not to the "
		       "gateway's (4711)") ? 0 : 1;
}

static int says_a_file_inside(void)
{
	const char *text = look(false);

	return strstr(text, "error: state has a file ") &&
		strstr(text, "usher.db of user 0 (mode 0600), which user 4711 "
		       "may not use") &&
		strstr(text, "warning: state has a file ") &&
		strstr(text, "limits of user 0") ? 0 : 1;
}

START_TEST(what_belongs_to_somebody_else)
{
	if (geteuid() != 0)
		return;		/* only root can be two users */
	ck_assert_int_eq(chmod(unit_dir(), 0755), 0);
	ck_assert_int_eq(chmod(state, 0755), 0);
	ck_assert_int_eq(as_somebody(says_not_ours), 0);
	ck_assert_int_eq(chmod(state, 0777), 0);
	ck_assert_int_eq(as_somebody(says_belongs_to_another), 0);
	ck_assert_int_eq(chown(state, SOMEBODY, SOMEBODY), 0);
	ck_assert_int_eq(chmod(state, 0700), 0);
	make(in_state(DB_FILE), 0600);
	make(in_state("limits"), 0600);
	ck_assert_int_eq(as_somebody(says_a_file_inside), 0);
}
END_TEST

/* ---- the user ----------------------------------------------------------- */

static const struct finding *about_user(void)
{
	look(false);
	for (unsigned i = 0; i < report.count; i++)
		if (str_eq(report.v[i].setting, STR("user")))
			return &report.v[i];
	return NULL;
}

static int is_not_told(void)
{
	return about_user() ? 1 : 0;
}

START_TEST(the_user_to_become)
{
	const struct finding *f;

	if (geteuid() != 0)
		return;
	f = about_user();
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(f->level, REPORT_WARNING);
	ck_str_is(f->problem, "is not set: the gateway was started as root, "
		  "and stays root");
	ck_assert_int_eq(as_somebody(is_not_told), 0);
	config.user = STR("no-such-user-here");
	f = about_user();
	ck_assert_int_eq(f->level, REPORT_FATAL);
	ck_assert_uint_eq(f->line, 5);
	ck_str_is(f->problem, "is no-such-user-here, and there is no such "
		  "user");
	config.user = STR("root");
	f = about_user();
	ck_assert_int_eq(f->level, REPORT_FATAL);
	ck_str_is(f->problem, "is root, which has root's rights");
	config.user = STR("nobody");
	ck_assert_ptr_null(about_user());
	/* root comes there, and they do not */
	ck_assert_int_eq(chmod(unit_dir(), 0700), 0);
	ck_looks(false, "g.conf:3: error: state names ");
	ck_looks(false, "(mode 0700); let the gateway's user pass");
	ck_assert_int_eq(chmod(unit_dir(), 0711), 0);
	/* the directory becomes theirs; what is in it does not */
	ck_assert_str_eq(look(false), "");
	make(in_state(DB_FILE), 0600);
	ck_looks(false, "error: state has a file ");
}
END_TEST

/* ---- the key ring ------------------------------------------------------- */

static const char *ring(void)
{
	static char text[8192];
	struct buf out;

	report_done(&report);
	ck_assert_int_eq(report_init(&report), 0);
	inspect_first_keyring(state, &report);
	buf_init_fixed(&out, text, sizeof(text));
	buf_puts(&out, "");
	report_text(&report, &out);
	return text;
}

START_TEST(a_ring_as_a_start_reads_it)
{
	const char *path = in_state("keyring");

	/* the first start makes one */
	ck_assert_str_eq(ring(), "");
	ck_assert_int_eq(access(path, F_OK), -1);
	path = in_state("keyring");
	ck_assert_int_eq(keyring_create(path), ERR_OK);
	ck_assert_str_eq(ring(), "");
	ck_assert_int_eq(chmod(in_state("keyring"), 0644), 0);
	ck_assert_ptr_nonnull(strstr(ring(), "keyring: error: its mode is "
				     "0644"));
	ck_assert_ptr_nonnull(strstr(ring(), "chmod 600 it"));
	ck_assert_int_eq(truncate(in_state("keyring"), 0), 0);
	ck_assert_int_eq(chmod(in_state("keyring"), 0600), 0);
	ck_assert_ptr_nonnull(strstr(ring(), "error: line 1: not a key ring"));
	ck_assert_ptr_nonnull(strstr(ring(), "from its backup"));
}
END_TEST

static void inspect_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_good_place_is_not_spoken_of);
	tcase_add_test(tcase, a_state_directory_that_cannot_be);
	tcase_add_test(tcase, a_state_directory_that_others_may_write_to);
	tcase_add_test(tcase, a_socket_and_a_log_that_have_no_place);
	tcase_add_test(tcase, what_belongs_to_somebody_else);
	tcase_add_test(tcase, the_user_to_become);
	tcase_add_test(tcase, a_ring_as_a_start_reads_it);
}

UNIT_MAIN("inspect", inspect_tests)
