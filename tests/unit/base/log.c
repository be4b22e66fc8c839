#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "unit/unit.h"

/* Events of this suite. */
static const struct log_event log_event_a = { "a" };
static const struct log_event log_event_b = { "b" };
static const struct log_event log_event_c = { "c" };
static const struct log_event log_event_d = { "d" };
static const struct log_event log_event_e = { "e" };
static const struct log_event log_event_four = { "four" };
static const struct log_event log_event_on = { "on" };
static const struct log_event log_event_one = { "one" };
static const struct log_event log_event_tenant_broken = { "tenant_broken" };
static const struct log_event log_event_three = { "three" };
static const struct log_event log_event_two = { "two" };

#define NOW "2026-11-22T18:11:00.123Z"

static int ends[2];	/* of a pipe that takes the lines */
static char text[1 << 16];

static void set_up(void)
{
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	log_to_fd(ends[1]);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	clock_hold(INT64_C(1795371060123));
}

static void tear_down(void)
{
	close(ends[0]);
	close(ends[1]);
	log_to_fd(2);
	clock_hold(0);
}

/* What was logged since the last time. */
static const char *logged(void)
{
	ssize_t n = read(ends[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(test_a_line_for_people)
{
	log_warn(tenant_broken, LOG_TEXT("tenant", "acme"),
		 LOG_NUM("line", -3), LOG_STR("what", STR("no such setting")));
	ck_assert_str_eq(logged(), NOW " warn tenant_broken tenant=acme "
			 "line=-3 what=\"no such setting\"\n");
	log_error(stopped);
	ck_assert_str_eq(logged(), NOW " error stopped\n");
}
END_TEST

START_TEST(test_a_line_for_programs)
{
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_debug(tenant_broken, LOG_TEXT("tenant", "acme"),
		  LOG_NUM("line", INT64_MIN), LOG_STR("what", STR("")));
	ck_assert_str_eq(logged(), "{\"time\":\"" NOW "\",\"level\":\"debug\","
			 "\"event\":\"tenant_broken\",\"tenant\":\"acme\","
			 "\"line\":-9223372036854775808,\"what\":\"\"}\n");
	log_info(stopped);
	ck_assert_str_eq(logged(), "{\"time\":\"" NOW "\",\"level\":\"info\","
				   "\"event\":\"stopped\"}\n");
}
END_TEST

static const struct {
	struct str in;
	const char *text, *json;
} values[] = {
	{ { "a.b-c/d:1", 9 }, "a.b-c/d:1", "\"a.b-c/d:1\"" },
	{ { "a=b", 3 }, "\"a=b\"", "\"a=b\"" },
	{ { "a\"b\\", 4 }, "\"a\\\"b\\\\\"", "\"a\\\"b\\\\\"" },
	{ { "a\nb error forged", 16 }, "\"a\\u000ab error forged\"",
	  "\"a\\u000ab error forged\"" },
	{ { "\0\r\x1b[2J\x7f", 7 }, "\"\\u0000\\u000d\\u001b[2J\\u007f\"",
	  "\"\\u0000\\u000d\\u001b[2J\\u007f\"" },
	{ { "Zo\xc3\xab\xf0\x9f\x98\x80", 8 }, "\"Zo\xc3\xab\xf0\x9f\x98\x80\"",
	  "\"Zo\xc3\xab\xf0\x9f\x98\x80\"" },
	/* C1 CSI, line separator, right-to-left override and isolate */
	{ { "\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6", 11 },
	  "\"\\u009b\\u2028\\u202e\\u2066\"",
	  "\"\\u009b\\u2028\\u202e\\u2066\"" },
	/* not UTF-8: stray, cut, overlong, surrogate, too large */
	{ { "\x80\xff\xc3", 3 }, "\"\\x80\\xff\\xc3\"",
	  "\"\\ufffd\\ufffd\\ufffd\"" },
	{ { "\xc0\x8a\xed\xa0\x80", 5 }, "\"\\xc0\\x8a\\xed\\xa0\\x80\"",
	  "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ { "\xf4\x90\x80\x80\xc3(", 6 },
	  "\"\\xf4\\x90\\x80\\x80\\xc3(\"",
	  "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd(\"" },
};

START_TEST(test_no_value_can_forge_a_line)
{
	char want[200];

	log_info(e, LOG_STR("v", values[_i].in));
	snprintf(want, sizeof(want), NOW " info e v=%s\n", values[_i].text);
	ck_assert_str_eq(logged(), want);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info(e, LOG_STR("v", values[_i].in));
	snprintf(want, sizeof(want), "{\"time\":\"" NOW "\",\"level\":\"info\","
		 "\"event\":\"e\",\"v\":%s}\n", values[_i].json);
	ck_assert_str_eq(logged(), want);
}
END_TEST

START_TEST(test_levels_decide_what_is_written)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	ck_assert(!log_is_on(LOG_LEVEL_INFO));
	ck_assert(log_is_on(LOG_LEVEL_WARN));
	log_debug(a);
	log_info(b);
	ck_assert_str_eq(logged(), "");
	log_warn(c);
	log_error(d);
	ck_assert_str_eq(logged(), NOW " warn c\n" NOW " error d\n");
}
END_TEST

/* Every length around the limit, quoted and not: one line, closed, marked. */
START_TEST(test_a_long_line_is_cut_and_says_so)
{
	static const char fills[] = { 'x', '"' };
	static char value[LOG_LINE_MAX + 8];

	for (size_t i = 0; i < 4; i++) {
		bool json = i & 1;
		const char *mark = json ? ",\"cut\":true}\n" : " cut=true\n";

		log_setup(LOG_LEVEL_INFO,
			  json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
		memset(value, fills[i / 2], sizeof(value));
		for (size_t n = 0; n <= sizeof(value); n++) {
			struct str v = { value, n };
			size_t len;
			bool cut;

			log_info(e, LOG_STR("v", v), LOG_TEXT("w", "a b"),
				 LOG_NUM("n", 7));
			len = strlen(logged());
			ck_assert_uint_le(len, LOG_LINE_MAX);
			ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
			cut = !strcmp(text + len - strlen(mark), mark);
			if (n < 1900)
				ck_assert(!cut);
			if (n >= LOG_LINE_MAX)
				ck_assert(cut && len > LOG_LINE_MAX - 64);
			if (!cut)
				ck_assert_ptr_nonnull(strstr(text, json ?
					"\",\"n\":7}\n" : " n=7\n"));
		}
	}
}
END_TEST

START_TEST(test_many_fields_are_cut_between_two)
{
	struct log_field f[2000];

	for (int i = 0; i < 2000; i++)
		f[i] = LOG_NUM("abcdefgh", 1234567890);
	log_emit(LOG_LEVEL_INFO, LOG_EVENT(e), f, 2000);
	ck_assert_uint_le(strlen(logged()), LOG_LINE_MAX);
	ck_assert_ptr_nonnull(strstr(text, " abcdefgh=1234567890 cut=true\n"));
}
END_TEST

START_TEST(test_auto_means_json_unless_on_a_terminal)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	for (int i = 0; i < 2; i++) {
		log_info(e);
		ck_assert_int_eq(logged()[0], '{');
	}
}
END_TEST

START_TEST(test_a_terminal_gets_text)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	ssize_t n;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_to_fd(slave);
	log_info(e);
	n = read(master, text, sizeof(text));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(text[0], '2');
	close(slave);
	close(master);
}
END_TEST

START_TEST(test_a_lost_line_hurts_nobody)
{
	signal(SIGPIPE, SIG_IGN);
	log_to_fd(-1);
	errno = ENOENT;
	log_error(e);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void *log_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		log_info(e, LOG_TEXT("who", arg), LOG_NUM("i", i));
	return NULL;
}

START_TEST(test_lines_of_threads_never_mix)
{
	pthread_t a, b;
	static const char head[] = NOW " info e who=";
	int lines = 0;

	ck_assert_int_eq(pthread_create(&a, NULL, log_many, (void *)"a"), 0);
	ck_assert_int_eq(pthread_create(&b, NULL, log_many, (void *)"b"), 0);
	ck_assert_int_eq(pthread_join(a, NULL), 0);
	ck_assert_int_eq(pthread_join(b, NULL), 0);
	for (const char *p = logged(); *p; p = strchr(p, '\n') + 1) {
		ck_assert_int_eq(strncmp(p, head, strlen(head)), 0);
		lines++;
	}
	ck_assert_int_eq(lines, 400);
}
END_TEST

/* ---- a thread that writes ------------------------------------------------ */

#define WRITERS 8
#define EACH 4000	/* lines: more than the ring and a pipe hold, in all */

static char *told;	/* all that was read, terminated */

static uint64_t dropped(void)
{
	return (uint64_t)metric_value(metric_get(usher_log_dropped_total, ""));
}

/* So that nothing more goes in until it is read. */
static void fill_pipe(void)
{
	char junk[4096];
	int flags = fcntl(ends[1], F_GETFL);

	memset(junk, 'x', sizeof(junk));
	fcntl(ends[1], F_SETFL, flags | O_NONBLOCK);
	while (write(ends[1], junk, sizeof(junk)) > 0)
		;
	fcntl(ends[1], F_SETFL, flags);
}

static void *read_all(void *arg)
{
	size_t len = 0, room = 16u << 20;
	ssize_t n;

	(void)arg;
	told = malloc(room);
	while ((n = read(ends[0], told + len, room - len - 1)) > 0)
		len += (size_t)n;
	told[len] = '\0';
	/* What it was filled with. */
	told += strspn(told, "x");
	return NULL;
}

static void *log_each(void *arg)
{
	for (int i = 0; i < EACH; i++)
		log_info(e, LOG_TEXT("who", arg), LOG_NUM("i", i));
	return NULL;
}

static void log_by_many(void)
{
	static char names[WRITERS][2];
	pthread_t threads[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		names[i][0] = (char)('a' + i);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_each,
						names[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
}

/* What stands in the log: lines of the writers, in the order of each, and how
 * many are said to be missing. */
static void count_told(uint64_t *lines_r, uint64_t *lost_r)
{
	int last[WRITERS];
	const char *line = told, *count;

	memset(last, -1, sizeof(last));
	*lines_r = *lost_r = 0;
	for (; *line; line = strchr(line, '\n') + 1) {
		char who;
		int i;

		if (sscanf(line, NOW " info e who=%c i=%d\n", &who, &i) == 2) {
			ck_assert_int_gt(i, last[who - 'a']);
			last[who - 'a'] = i;
			++*lines_r;
			continue;
		}
		count = strstr(line, " warn log_dropped count=");
		ck_assert_msg(count && count < strchr(line, '\n'), "%.80s",
			      line);
		*lost_r += strtoull(strchr(count, '=') + 1, NULL, 10);
	}
}

/* Who logs never waits for who reads; what is missing is told, to a line. */
START_TEST(test_nobody_waits_for_a_log_that_nobody_reads)
{
	uint64_t lines, lost;
	pthread_t reader;

	fcntl(ends[0], F_SETFL, 0);
	fill_pipe();
	ck_assert_int_eq(log_start(), ERR_OK);
	log_by_many();		/* returns, although nothing is read */
	ck_assert_uint_ge(dropped(), WRITERS * EACH - LOG_RING_LINES - 1);
	pthread_create(&reader, NULL, read_all, NULL);
	ck_assert(log_stop());
	close(ends[1]);
	pthread_join(reader, NULL);
	count_told(&lines, &lost);
	ck_assert_uint_eq(lost, dropped());
	ck_assert_uint_eq(lines + lost, WRITERS * EACH);
	ends[1] = -1;
}
END_TEST

START_TEST(test_lines_are_lost_past_the_ring_and_no_sooner)
{
	static char value[LOG_LINE_MAX - 256];
	unsigned whole = LOG_RING_OCTETS / LOG_LINE_MAX;

	fill_pipe();
	ck_assert_int_eq(log_start(), ERR_OK);
	memset(value, 'x', sizeof(value));
	for (unsigned i = 0; i < whole; i++)
		log_info(e, LOG_STR("v", ((struct str){
			value, sizeof(value) })));
	ck_assert_uint_eq(dropped(), 0);
	for (unsigned i = 0; i < whole; i++)
		log_info(e, LOG_STR("v", ((struct str){
			value, sizeof(value) })));
	ck_assert_uint_gt(dropped(), whole / 2);
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	ends[0] = -1;
	ck_assert(log_stop());
}
END_TEST

/* A reader that never comes back does not hold the end. */
START_TEST(test_the_end_does_not_wait_for_ever)
{
	fill_pipe();
	ck_assert_int_eq(log_start(), ERR_OK);
	log_info(e);
	ck_assert(!log_stop());
	log_by_many();
	log_reopen();
	ck_assert(log_stop());
	ends[1] = -1;		/* the thread is in the midst of it */
}
END_TEST

/* Whoever shares what is open may have made it so that a write gives up. */
START_TEST(test_a_descriptor_that_does_not_block_loses_nothing)
{
	uint64_t lines, lost;
	pthread_t reader;

	fcntl(ends[0], F_SETFL, 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(log_start(), ERR_OK);
	log_each((void *)"a");	/* past the pipe, within the ring */
	pthread_create(&reader, NULL, read_all, NULL);
	ck_assert(log_stop());
	close(ends[1]);
	pthread_join(reader, NULL);
	count_told(&lines, &lost);
	ck_assert_uint_eq(dropped(), 0);
	ck_assert_uint_eq(lines, EACH);
	ends[1] = -1;
}
END_TEST

static void *read_terminal(void *arg)
{
	size_t len = 0, room = 16u << 20;
	ssize_t n;

	told = malloc(room);
	/* Until the other end is closed. */
	while ((n = read(*(int *)arg, told + len, room - len - 1)) > 0)
		len += (size_t)n;
	told[len] = '\0';
	return NULL;
}

/* Ctrl-S, and later Ctrl-Q. */
START_TEST(test_a_stopped_terminal_stops_nobody)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	uint64_t lines = 0, lost = 0;
	pthread_t reader;

	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(tcflow(slave, TCOOFF), 0);
	log_to_fd(slave);
	ck_assert_int_eq(log_start(), ERR_OK);
	log_by_many();
	ck_assert_int_eq(tcflow(slave, TCOON), 0);
	pthread_create(&reader, NULL, read_terminal, &master);
	ck_assert(log_stop());
	log_to_fd(ends[1]);
	close(slave);
	pthread_join(reader, NULL);
	for (char *p = told; (p = strstr(p, " info e who=")); p++)
		lines++;
	for (char *p = told; (p = strstr(p, " log_dropped count=")); p++)
		lost += strtoull(strchr(p, '=') + 1, NULL, 10);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(lost, dropped());
	ck_assert_uint_eq(lines + lost, WRITERS * EACH);
	close(master);
}
END_TEST

START_TEST(test_without_a_thread_nothing_is_lost_either)
{
	uint64_t lines, lost;
	pthread_t reader;

	fcntl(ends[0], F_SETFL, 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	pthread_create(&reader, NULL, read_all, NULL);
	log_each((void *)"a");
	close(ends[1]);
	pthread_join(reader, NULL);
	count_told(&lines, &lost);
	ck_assert_uint_eq(lines, EACH);
	ends[1] = -1;
}
END_TEST

START_TEST(test_a_reader_that_left_is_not_waited_for)
{
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	ck_assert_int_eq(log_start(), ERR_OK);
	for (int i = 0; i < 100; i++)
		log_info(e);
	ck_assert(log_stop());
	ck_assert_uint_eq(dropped(), 100);
	ends[0] = -1;
}
END_TEST

/* ---- a file -------------------------------------------------------------- */

static char dir[64], path[80], other[80];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/usher-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(other, sizeof(other), "%s/log.1", dir);
}

static void drop_dir(void)
{
	log_to_fd(2);
	unlink(path);
	rmdir(path);
	unlink(other);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *content(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n = 0;

	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

START_TEST(test_a_file_is_opened_anew_when_asked)
{
	struct stat st;

	make_dir();
	umask(077);
	ck_assert_int_eq(log_to_file(path), ERR_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(log_start(), ERR_OK);
	log_info(one);
	ck_assert(log_stop());
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(log_start(), ERR_OK);
	log_info(two);
	ck_assert(log_stop());
	ck_assert_str_eq(content(other), NOW " info one\n" NOW " info two\n");
	ck_assert_int_eq(log_start(), ERR_OK);
	log_reopen();
	ck_assert(log_stop());
	ck_assert_ptr_nonnull(strstr(content(path), " info log_reopened "));
	log_info(three);
	ck_assert_ptr_nonnull(strstr(content(path), NOW " info three\n"));
	ck_assert_ptr_null(strstr(content(other), "three"));
	drop_dir();
}
END_TEST

START_TEST(test_one_that_cannot_be_opened_anew_leaves_the_old)
{
	make_dir();
	ck_assert_int_eq(log_to_file(path), ERR_OK);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(log_start(), ERR_OK);
	log_reopen();
	log_info(on);
	ck_assert(log_stop());
	ck_assert_ptr_nonnull(strstr(content(other), "log_not_reopened"));
	ck_assert_ptr_nonnull(strstr(text, "not a plain file"));
	ck_assert_ptr_nonnull(strstr(text, NOW " info on\n"));
	drop_dir();
}
END_TEST

START_TEST(test_nothing_but_a_plain_file_is_taken)
{
	static char long_path[5000];

	make_dir();
	ck_assert_int_eq(log_to_file(dir), ERR_UNSUPPORTED);
	ck_assert_int_eq(log_to_file("/dev/full"), ERR_UNSUPPORTED);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(log_to_file(path), ERR_UNSUPPORTED);
	ck_assert_int_eq(symlink("log", other), 0);
	ck_assert_int_eq(log_to_file(other), ERR_UNSUPPORTED);
	ck_assert_int_eq(log_to_file("/no/such/place"), ERR_IO);
	memset(long_path, 'x', sizeof(long_path) - 1);
	ck_assert_int_eq(log_to_file(long_path), ERR_LIMIT);
	/* None of them changed where lines go. */
	log_info(e);
	ck_assert_str_eq(logged(), NOW " info e\n");
	log_reopen();
	ck_assert_str_eq(logged(), "");
	drop_dir();
}
END_TEST

static void await_dropped(uint64_t count)
{
	while (dropped() < count)
		sched_yield();
}

/* The disk is full half-way through a line, and then is not any more. */
START_TEST(test_a_full_disk_is_told_when_there_is_room)
{
	struct rlimit limit = { 40, RLIM_INFINITY };

	make_dir();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(log_to_file(path), ERR_OK);
	ck_assert_int_eq(log_start(), ERR_OK);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_info(one);	/* 35 octets */
	log_info(two);
	log_info(three);
	await_dropped(2);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_info(four);
	ck_assert(log_stop());
	ck_assert_str_eq(content(path), NOW " info one\n" "2026-1\n"
			 NOW " warn log_dropped count=2\n"
			 NOW " info four\n");
	drop_dir();
}
END_TEST

START_TEST(test_what_is_missing_last_is_told_at_the_end)
{
	struct rlimit limit = { 40, RLIM_INFINITY };

	make_dir();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(log_to_file(path), ERR_OK);
	ck_assert_int_eq(log_start(), ERR_OK);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_info(one);
	log_info(two);
	await_dropped(1);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert(log_stop());
	ck_assert_str_eq(content(path), NOW " info one\n" "2026-1\n"
			 NOW " warn log_dropped count=1\n");
	drop_dir();
}
END_TEST

static void log_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, test_a_line_for_people);
	tcase_add_test(t, test_a_line_for_programs);
	tcase_add_loop_test(t, test_no_value_can_forge_a_line, 0,
			    sizeof(values) / sizeof(values[0]));
	tcase_add_test(t, test_levels_decide_what_is_written);
	tcase_add_test(t, test_a_long_line_is_cut_and_says_so);
	tcase_add_test(t, test_many_fields_are_cut_between_two);
	tcase_add_test(t, test_auto_means_json_unless_on_a_terminal);
	tcase_add_test(t, test_a_terminal_gets_text);
	tcase_add_test(t, test_a_lost_line_hurts_nobody);
	tcase_add_test(t, test_lines_of_threads_never_mix);
	tcase_set_timeout(t, UNIT_PATIENCE_S);
	tcase_add_test(t, test_nobody_waits_for_a_log_that_nobody_reads);
	tcase_add_test(t, test_lines_are_lost_past_the_ring_and_no_sooner);
	tcase_add_test(t, test_the_end_does_not_wait_for_ever);
	tcase_add_test(t, test_a_descriptor_that_does_not_block_loses_nothing);
	tcase_add_test(t, test_a_stopped_terminal_stops_nobody);
	tcase_add_test(t, test_without_a_thread_nothing_is_lost_either);
	tcase_add_test(t, test_a_reader_that_left_is_not_waited_for);
	tcase_add_test(t, test_a_file_is_opened_anew_when_asked);
	tcase_add_test(t, test_one_that_cannot_be_opened_anew_leaves_the_old);
	tcase_add_test(t, test_nothing_but_a_plain_file_is_taken);
	tcase_add_test(t, test_a_full_disk_is_told_when_there_is_room);
	tcase_add_test(t, test_what_is_missing_last_is_told_at_the_end);
}

UNIT_MAIN("log", log_tests)
