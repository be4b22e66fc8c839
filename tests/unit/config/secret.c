/* Files of secrets: how much is in them, who may read them, and nothing of it
 * in what is said. */
#include "config/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

#define MIN 16
#define SECRET "correct-horse-battery-staple"

static struct report report;
static struct location location;
static struct secret_place place;
static struct pool *pool;
static struct str path, out;

static void set_up(void)
{
	ck_assert_int_eq(report_init(&report), 0);
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
	location = (struct location){ .report = &report,
		.level = REPORT_TENANT, .file = STR("a.conf") };
	place = (struct secret_place){ &location, "redeem_secret_file", 9 };
	path = pool_printf(pool, "%s/secret", unit_dir());
	out = STR_NULL;
}

static void tear_down(void)
{
	pool_free(pool);
	report_done(&report);
}

static void put(const char *text, size_t len, mode_t mode)
{
	int fd;

	unlink(path.ptr);
	fd = open(path.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static int look(size_t min)
{
	return secret_read(place, pool, path, min, &out);
}

/* The last finding's problem; it names the setting and its line. */
static const char *problem(void)
{
	const struct finding *f = &report.v[report.count - 1];

	ck_assert_uint_gt(report.count, 0);
	ck_str_is(f->setting, "redeem_secret_file");
	ck_assert_uint_eq(f->line, 9);
	return f->problem.ptr;
}

START_TEST(one_line_end_is_not_part_of_it)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ SECRET, SECRET }, { SECRET "\n", SECRET },
		{ SECRET "\r\n", SECRET }, { SECRET "\n\n", SECRET "\n" },
		{ SECRET "\r", SECRET "\r" }, { SECRET " \n", SECRET " " },
		{ "\n" SECRET, "\n" SECRET },
		{ SECRET "\r\r\n", SECRET "\r" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		put(cases[i].in, strlen(cases[i].in), 0600);
		ck_assert_int_eq(look(MIN), 0);
		ck_str_is(out, cases[i].out);
	}
	put(SECRET "\0" SECRET, 2 * sizeof(SECRET) - 1, 0600);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_uint_eq(out.len, 2 * sizeof(SECRET) - 1);
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(it_has_a_least_length)
{
	put("0123456789abcdef\n", 16, 0600);
	ck_assert_int_eq(look(16), 0);
	put("0123456789abcde\n", 16, 0600);
	out = STR_NULL;
	ck_assert_int_eq(look(16), -1);
	ck_assert(str_is_null(out));
	ck_assert_ptr_nonnull(strstr(problem(), "15 octets; at least 16"));
	put("\n", 1, 0600);
	ck_assert_int_eq(look(1), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "0 octets; at least 1 "));
	put("", 0, 0600);
	ck_assert_int_eq(look(1), -1);
	ck_assert_int_eq(look(0), 0);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(it_has_a_greatest_length_its_line_end_apart)
{
	static char text[SECRET_MAX + 64];

	memset(text, 'k', sizeof(text));
	put(text, SECRET_MAX, 0600);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_uint_eq(out.len, SECRET_MAX);
	text[SECRET_MAX] = '\n';
	put(text, SECRET_MAX + 1, 0600);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_uint_eq(out.len, SECRET_MAX);
	text[SECRET_MAX] = '\r';
	text[SECRET_MAX + 1] = '\n';
	put(text, SECRET_MAX + 2, 0600);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_uint_eq(out.len, SECRET_MAX);
	ck_assert_uint_eq(report.count, 0);
	/* one more, with either end and none: never cut to fit */
	memset(text, 'k', sizeof(text));
	put(text, SECRET_MAX + 1, 0600);
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "more than 4096 octets"));
	text[SECRET_MAX + 1] = '\n';
	put(text, SECRET_MAX + 2, 0600);
	ck_assert_int_eq(look(MIN), -1);
	text[SECRET_MAX + 1] = '\r';
	text[SECRET_MAX + 2] = '\n';
	put(text, SECRET_MAX + 3, 0600);
	ck_assert_int_eq(look(MIN), -1);
	text[SECRET_MAX + 2] = text[SECRET_MAX + 3] = '\n';
	put(text, sizeof(text), 0600);
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_uint_eq(report.count, 4);
}
END_TEST

#define OTHER "the-one-before-it"
#define FOUR OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n"

START_TEST(several_stand_a_line_each)
{
	static const struct {
		const char *in;
		unsigned count;
	} cases[] = {
		{ SECRET, 1 }, { SECRET "\n", 1 }, { SECRET "\r\n", 1 },
		{ OTHER "\n" SECRET, 2 }, { SECRET "\n" OTHER "\n", 2 },
		{ SECRET "\r\n" OTHER "\r\n", 2 },
		{ FOUR OTHER "\n" OTHER "\n" OTHER "\n" SECRET "\n", 8 },
	};
	struct secrets secrets;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		put(cases[i].in, strlen(cases[i].in), 0600);
		ck_assert_int_eq(secret_read_several(place, path, &secrets), 0);
		ck_assert_uint_eq(secrets.count, cases[i].count);
		ck_assert(secrets_has(&secrets, STR(SECRET)));
		ck_assert(secrets_has(&secrets, STR(OTHER)) ==
			  (cases[i].count > 1));
		ck_assert(!secrets_has(&secrets, STR("")));
		ck_assert(!secrets_has(&secrets, STR(SECRET "\r")));
	}
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(one_line_of_several_that_is_wrong_is_named)
{
	static const struct {
		const char *in, *problem;
	} cases[] = {
		{ "", "line 1 is a secret of 0 octets; at least 16" },
		{ "\n" SECRET, "line 1 is a secret of 0 octets" },
		{ SECRET "\n\n", "line 2 is empty" },
		{ SECRET "\n\n" OTHER, "line 2 is empty" },
		{ SECRET "\r\n\r\n", "line 2 is empty" },
		{ "#" SECRET "\n" OTHER, "line 1 begins with '#'" },
		{ SECRET "\n0123456789abcde\n", "line 2 is a secret of 15 " },
		{ SECRET "\n# the old one: " OTHER, "line 2 begins with '#'" },
		{ SECRET "\nthe old one: " OTHER, "line 2 has characters" },
		{ SECRET "\r" OTHER, "line 1 has characters that no header" },
		{ SECRET "\r", "line 1 has characters" },
		{ "0123456789abcde\xc3\xa9\n", "line 1 has characters" },
		{ FOUR FOUR SECRET, "more than 8 secrets" },
	};
	struct secrets secrets = { .count = 7 };
	static char text[SECRET_MAX + 1];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		put(cases[i].in, strlen(cases[i].in), 0600);
		ck_assert_int_eq(secret_read_several(place, path, &secrets),
				 -1);
		ck_assert_msg(strstr(problem(), cases[i].problem) != NULL,
			      "%zu: %s", i, problem());
		ck_assert_ptr_null(strstr(problem(), SECRET));
	}
	memset(text, 'k', sizeof(text));
	put(text, sizeof(text), 0600);
	ck_assert_int_eq(secret_read_several(place, path, &secrets), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "more than 4096 octets"));
	unlink(path.ptr);
	ck_assert_int_eq(secret_read_several(place, path, &secrets), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "No such file"));
	ck_assert_uint_eq(secrets.count, 7);
}
END_TEST

START_TEST(others_who_may_open_it_are_a_warning)
{
	static const mode_t modes[] = { 0640, 0620, 0610, 0604, 0602, 0601 };

	for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
		put(SECRET, sizeof(SECRET) - 1, modes[i]);
		ck_assert_int_eq(look(MIN), 0);
		ck_str_is(out, SECRET);
		ck_assert_uint_eq(report.count, i + 1);
		ck_assert_int_eq(report.v[i].level, REPORT_WARNING);
		ck_assert_ptr_nonnull(strstr(problem(), "other users may"));
	}
	put(SECRET, sizeof(SECRET) - 1, 0400);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_uint_eq(report.count, N_ELEMENTS(modes));
}
END_TEST

START_TEST(a_stranger_who_owns_it_is_a_warning)
{
	if (geteuid())
		return;		/* only root can give files away */
	put(SECRET, sizeof(SECRET) - 1, 0600);
	ck_assert_int_eq(chown(path.ptr, 12345, 0), 0);
	ck_assert_int_eq(look(MIN), 0);
	ck_assert_int_eq(report.v[0].level, REPORT_WARNING);
	ck_assert_ptr_nonnull(strstr(problem(), "another user (uid 12345)"));
}
END_TEST

/* A pipe would be waited for, for ever. */
START_TEST(what_is_no_regular_file_is_refused_at_once)
{
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "cannot be read: No such"));
	unlink(path.ptr);
	ck_assert_int_eq(mkfifo(path.ptr, 0600), 0);
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "not a regular file"));
	ck_assert_int_eq(secret_check_pem(place, path, true), -1);
	unlink(path.ptr);
	path = str_from(unit_dir());
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_ptr_nonnull(strstr(problem(), "not a regular file"));
	path = STR("/dev/zero");
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_int_eq(secret_check_pem(place, path, false), -1);
	ck_assert_str_eq(problem(),
			 "names /dev/zero, which is not a regular file");
	/* ... and of a key no path, which may be the key itself */
	ck_assert_int_eq(secret_check_pem(place, path, true), -1);
	ck_assert_str_eq(problem(),
			 "names something, which is not a regular file");
}
END_TEST

/* An operator may have written the secret where its path belongs. */
START_TEST(neither_the_secret_nor_its_path_is_quoted)
{
	struct buf said;

	buf_init(&said, 1 << 16);
	put("hunter2", 7, 0666);
	ck_assert_int_eq(look(MIN), -1);
	path = pool_printf(pool, "%s/hunter2", unit_dir());
	ck_assert_int_eq(look(MIN), -1);
	ck_assert_int_eq(secret_check_pem(place, path, true), -1);
	ck_assert_int_eq(mkdir(path.ptr, 0700), 0);
	ck_assert_int_eq(look(MIN), -1);
	report_text(&report, &said);
	ck_assert_uint_ge(report.count, 5);
	ck_assert(!str_icontains(buf_str(&said), STR("hunter2")));
	buf_done(&said);
}
END_TEST

START_TEST(a_certificate_may_be_open_and_its_key_not)
{
	put("PEM", 3, 0644);
	ck_assert_int_eq(secret_check_pem(place, path, false), 0);
	ck_assert_uint_eq(report.count, 0);
	ck_assert_int_eq(secret_check_pem(place, path, true), 0);
	ck_assert_uint_eq(report.count, 1);
	ck_assert_int_eq(report.v[0].level, REPORT_WARNING);
	unlink(path.ptr);
	ck_assert_int_eq(secret_check_pem(place, path, false), -1);
}
END_TEST

START_TEST(where_a_certificate_was_looked_for_is_told)
{
	const struct finding *f;
	struct str other;

	put("PEM", 3, 0600);
	other = pool_printf(pool, "%s/Secret.pem", unit_dir());
	ck_assert_int_eq(secret_check_pem(place, other, false), -1);
	ck_assert_ptr_nonnull(strstr(problem(), other.ptr));
	f = &report.v[report.count - 1];
	ck_str_is(f->remedy, "did you mean secret?");
	/* The path of a key is nobody's to read, the name beside it is. */
	ck_assert_int_eq(secret_check_pem(place, other, true), -1);
	ck_assert_ptr_null(strstr(problem(), other.ptr));
	f = &report.v[report.count - 1];
	ck_str_is(f->remedy, "did you mean secret?");
	other = pool_printf(pool, "%s/hunter2/x", unit_dir());
	ck_assert_int_eq(secret_check_pem(place, other, true), -1);
	f = &report.v[report.count - 1];
	ck_assert(!str_icontains(f->remedy, STR("hunter2")));
}
END_TEST

START_TEST(paths_begin_where_the_file_is)
{
	ck_str_is(secret_path(pool, STR("/etc/usher"), STR("a/b")),
		  "/etc/usher/a/b");
	ck_str_is(secret_path(pool, STR("/etc/usher"), STR("/a/b")), "/a/b");
	ck_str_is(secret_path(pool, STR("/etc/usher"), STR("../b")),
		  "/etc/usher/../b");
	ck_str_is(secret_path(pool, STR("/etc/usher"), STR("")),
		  "/etc/usher/");
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	struct pool *small = pool_new(16);

	put(SECRET, sizeof(SECRET) - 1, 0600);
	ck_assert_int_eq(secret_read(place, small, path, MIN, &out), -1);
	ck_assert(str_is_null(out));
	ck_assert_str_eq(problem(), "no memory");
	ck_assert(str_is_null(secret_path(small, STR("/etc/usher"),
					  STR("a-longer-name"))));
	ck_assert(str_is_null(secret_path(small, STR("/etc/usher"),
					  STR("/a-much-longer-name"))));
	pool_free(small);
}
END_TEST

static void secret_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_line_end_is_not_part_of_it);
	tcase_add_test(tc, it_has_a_least_length);
	tcase_add_test(tc, it_has_a_greatest_length_its_line_end_apart);
	tcase_add_test(tc, several_stand_a_line_each);
	tcase_add_test(tc, one_line_of_several_that_is_wrong_is_named);
	tcase_add_test(tc, others_who_may_open_it_are_a_warning);
	tcase_add_test(tc, a_stranger_who_owns_it_is_a_warning);
	tcase_add_test(tc, what_is_no_regular_file_is_refused_at_once);
	tcase_add_test(tc, neither_the_secret_nor_its_path_is_quoted);
	tcase_add_test(tc, a_certificate_may_be_open_and_its_key_not);
	tcase_add_test(tc, where_a_certificate_was_looked_for_is_told);
	tcase_add_test(tc, paths_begin_where_the_file_is);
	tcase_add_test(tc, without_memory_it_says_so);
}

UNIT_MAIN("secret", secret_tests)
