#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/unit.h"

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
	log_warn("tenant_broken", LOG_TEXT("tenant", "acme"),
		 LOG_NUM("line", -3), LOG_STR("what", STR("no such setting")));
	ck_assert_str_eq(logged(), NOW " warn tenant_broken tenant=acme "
			 "line=-3 what=\"no such setting\"\n");
	log_error("stopped");
	ck_assert_str_eq(logged(), NOW " error stopped\n");
}
END_TEST

START_TEST(test_a_line_for_programs)
{
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_debug("tenant_broken", LOG_TEXT("tenant", "acme"),
		  LOG_NUM("line", INT64_MIN), LOG_STR("what", STR("")));
	ck_assert_str_eq(logged(), "{\"time\":\"" NOW "\",\"level\":\"debug\","
			 "\"event\":\"tenant_broken\",\"tenant\":\"acme\","
			 "\"line\":-9223372036854775808,\"what\":\"\"}\n");
	log_info("stopped");
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

	log_info("e", LOG_STR("v", values[_i].in));
	snprintf(want, sizeof(want), NOW " info e v=%s\n", values[_i].text);
	ck_assert_str_eq(logged(), want);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("e", LOG_STR("v", values[_i].in));
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
	log_debug("a");
	log_info("b");
	ck_assert_str_eq(logged(), "");
	log_warn("c");
	log_error("d");
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

			log_info("e", LOG_STR("v", v), LOG_TEXT("w", "a b"),
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
	log_emit(LOG_LEVEL_INFO, "e", f, 2000);
	ck_assert_uint_le(strlen(logged()), LOG_LINE_MAX);
	ck_assert_ptr_nonnull(strstr(text, " abcdefgh=1234567890 cut=true\n"));
}
END_TEST

START_TEST(test_auto_means_json_unless_on_a_terminal)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	for (int i = 0; i < 2; i++) {
		log_info("e");
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
	log_info("e");
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
	log_error("e");
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void *log_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		log_info("e", LOG_TEXT("who", arg), LOG_NUM("i", i));
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

START_TEST(test_names_of_levels_and_formats)
{
	enum log_level level = LOG_LEVEL_ERROR;
	enum log_format format = LOG_FORMAT_JSON;

	ck_assert_int_eq(log_level_parse(STR("Info"), &level), ERR_SYNTAX);
	ck_assert_int_eq(log_level_parse(STR(""), &level), ERR_SYNTAX);
	ck_assert_int_eq(level, LOG_LEVEL_ERROR);
	ck_assert_int_eq(log_level_parse(STR("debug"), &level), ERR_OK);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_format_parse(STR("xml"), &format), ERR_SYNTAX);
	ck_assert_int_eq(format, LOG_FORMAT_JSON);
	ck_assert_int_eq(log_format_parse(STR("auto"), &format), ERR_OK);
	ck_assert_int_eq(format, LOG_FORMAT_AUTO);
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
	tcase_add_test(t, test_names_of_levels_and_formats);
}

UNIT_MAIN("log", log_tests)
