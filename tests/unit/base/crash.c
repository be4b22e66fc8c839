#include "base/crash.h"

#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/invariant.h"
#include "unit/unit.h"

/* With a sanitizer its own report stands in the line's place. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

static bool was_left;
static char path[4096 + 64], said[CRASH_LINE_MAX], line[CRASH_LINE_MAX];

static void set_up(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	snprintf(path, sizeof(path), "%s/crash", unit_dir());
}

/* Run it in a process of its own; what it ended with, and said. */
static int end_of(void (*run)(void))
{
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dup2(ends[1], 2);
		close(ends[1]);
		run();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void ck_matches(const char *text, const char *pattern)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(!regexec(&re, text, 0, NULL, 0), "'%s' is not /%s/",
		      text, pattern);
	regfree(&re);
}

static void begin(void)
{
	crash_init("usherd 1.2.0");
	ck_assert_int_eq(crash_keep(path, &was_left), ERR_OK);
}

static volatile int *volatile bad = (volatile int *)16;

static void by_a_bad_pointer(void)
{
	begin();
	crash_at(STR("01KABCDEFGHJKMNPQRSTVWXYZ0"));
	*bad = 1;
}

#define HEAD "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:"	     \
	"[0-6][0-9]Z usherd 1[.]2[.]0 build (-|[0-9a-f]+) pid [0-9]+ "

START_TEST(a_crash_leaves_one_line_in_both_places)
{
	int status = end_of(by_a_bad_pointer);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	ck_matches(said, HEAD "SIGSEGV at 0x10 requests "
		   "01KABCDEFGHJKMNPQRSTVWXYZ0\n$");
	ck_assert_int_eq(crash_last(path, line), ERR_OK);
	said[strlen(said) - 1] = '\0';
	ck_assert_str_eq(line, said);
}
END_TEST

static void by_an_invariant(void)
{
	begin();
	invariant(path[0] == '?');
}

static void by_a_promise(void)
{
	begin();
	promise(!close(-1));
}

START_TEST(the_impossible_says_what_it_is)
{
	ck_assert_int_eq(WTERMSIG(end_of(by_an_invariant)), SIGABRT);
	ck_matches(said, "SIGABRT invariant does not hold: "
		   "path\\[0\\] == '[?]' in by_an_invariant\\(\\) at "
		   ".*crash[.]c:[0-9]+\n$");
	ck_assert_int_eq(WTERMSIG(end_of(by_a_promise)), SIGABRT);
	ck_matches(said, "promise does not hold: !close\\(-1\\) in by_a_");
}
END_TEST

static void by_a_word(void)
{
	const struct { uint32_t magic; } freed = { 0 }, *at = &freed;

	begin();
	invariant_is(at, 0x6a6f6231u);
}

static void by_no_fault(void)
{
	const struct { uint32_t magic; } alive = { 7 }, *at = &alive;

	begin();
	invariant_is(at, 7);
	invariant(at->magic == 7);
	crash_done();
}

START_TEST(a_magic_word_tells_the_dead_from_the_living)
{
	ck_assert_int_eq(WTERMSIG(end_of(by_a_word)), SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "(at)->magic == (0x6a6f6231u)"));
	ck_assert_int_eq(end_of(by_no_fault), 0);
	ck_assert_str_eq(said, "");
}
END_TEST

/* As deep as the compiler cannot see. */
static int deeper(volatile char *above, int depth)
{
	volatile char here[4096];

	here[0] = above[0];
	return depth ? deeper(here, depth - 1) + here[0] : 0;
}

static void *overflow(void *arg)
{
	char top[1] = { 1 };

	crash_watch_thread();
	crash_at(STR("01THREAD"));
	deeper(top, 1 << 30);
	return arg;
}

static void by_an_overflow(void)
{
	pthread_t thread;

	begin();
	crash_at(STR("01MAIN"));
	pthread_create(&thread, NULL, overflow, NULL);
	pthread_join(thread, NULL);
}

START_TEST(an_overflow_of_a_threads_stack_is_told_with_all_requests)
{
	ck_assert_int_eq(WTERMSIG(end_of(by_an_overflow)), SIGSEGV);
	ck_matches(said, "SIGSEGV at 0x[0-9a-f]+ requests 01MAIN 01THREAD\n$");
}
END_TEST

static void *pass_by(void *arg)
{
	crash_watch_thread();
	crash_at(STR("01GONE"));
	return arg;
}

static void after_many_threads(void)
{
	begin();
	for (unsigned i = 0; i < 2 * CRASH_THREADS_MAX; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, pass_by, NULL);
		pthread_join(thread, NULL);
	}
	by_an_overflow();
}

START_TEST(threads_that_ended_leave_room_for_others)
{
	ck_assert_int_eq(WTERMSIG(end_of(after_many_threads)), SIGSEGV);
	ck_matches(said, "SIGSEGV at 0x[0-9a-f]+ requests 01MAIN 01THREAD\n$");
}
END_TEST

/* A pipe that takes nothing more, and nobody who reads it. */
static void by_a_deaf_reader(void)
{
	int ends[2];
	char fill[4096] = "";

	begin();
	ck_assert_int_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], fill, sizeof(fill)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], 2);
	abort();
}

START_TEST(nobody_waits_for_a_reader_while_dying)
{
	ck_assert_int_eq(WTERMSIG(end_of(by_a_deaf_reader)), SIGABRT);
	ck_assert_int_eq(crash_last(path, line), ERR_OK);
	ck_matches(line, HEAD "SIGABRT$");
}
END_TEST

static void start_and_stop(void)
{
	begin();
	ck_assert(was_left);
	crash_done();
	begin();
	ck_assert(!was_left);
	crash_done();
}

START_TEST(an_orderly_end_keeps_the_line_of_the_crash_before)
{
	struct stat st;

	ck_assert_int_eq(crash_last(path, line), ERR_NOT_FOUND);
	end_of(by_a_bad_pointer);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(end_of(start_and_stop), 0);
	ck_assert_int_eq(crash_last(path, line), ERR_OK);
	ck_matches(line, "SIGSEGV at 0x10");
	/* the next crash is the last one then */
	end_of(by_an_invariant);
	ck_assert_int_eq(crash_last(path, line), ERR_OK);
	ck_matches(line, "SIGABRT invariant");
}
END_TEST

START_TEST(a_file_that_cannot_be_made_is_said)
{
	snprintf(path, sizeof(path), "%s/nowhere/crash", unit_dir());
	if (IS_SANITIZED)
		return;
	ck_assert_int_eq(crash_keep(path, &was_left), ERR_IO);
	ck_assert_int_eq(crash_last(path, line), ERR_NOT_FOUND);
}
END_TEST

static void crash_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_file_that_cannot_be_made_is_said);
	if (IS_SANITIZED)
		return;
	tcase_add_test(tcase, a_crash_leaves_one_line_in_both_places);
	tcase_add_test(tcase, the_impossible_says_what_it_is);
	tcase_add_test(tcase, a_magic_word_tells_the_dead_from_the_living);
	tcase_add_test(tcase,
		       an_overflow_of_a_threads_stack_is_told_with_all_requests);
	tcase_add_test(tcase, threads_that_ended_leave_room_for_others);
	tcase_add_test(tcase, nobody_waits_for_a_reader_while_dying);
	tcase_add_test(tcase,
		       an_orderly_end_keeps_the_line_of_the_crash_before);
}

UNIT_MAIN("crash", crash_tests)
