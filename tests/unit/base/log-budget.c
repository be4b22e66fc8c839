/* How much of the log one tenant's adapter may fill. */
#include "base/log-budget.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "unit/unit.h"

#define LINES 500
#define LIMIT 5

/* Events of this suite. */
static const struct log_event log_event_says = { "says" };
static const struct log_event log_event_failed = { "failed" };
static const struct log_event log_event_e = { "e" };

static int ends[2];
static char text[4 << 20];

static void set_up(void)
{
	ck_assert_int_eq(pipe(ends), 0);
	/* Room for all of it, so that nobody has to read meanwhile. */
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	log_to_fd(ends[1]);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_budget_set(LIMIT);
}

static void tear_down(void)
{
	log_to_fd(2);
	close(ends[0]);
	close(ends[1]);
	log_budget_set(LOG_BUDGET_LINES);
}

static void read_log(void)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(ends[0], text + len, sizeof(text) - len - 1)) > 0)
		len += (size_t)n;
	text[len] = '\0';
}

/* How often it stands there. */
static unsigned count_of(const char *what)
{
	unsigned count = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		count++;
	return count;
}

/* What these lines say is missing, in all. */
static uint64_t told(const char *what)
{
	uint64_t sum = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		sum += strtoull(p + strlen(what), NULL, 10);
	return sum;
}

static uint64_t counted(const char *name, const char *labels)
{
	unsigned i = 0;

	while (i < METRICS && strcmp(metric_table[i].name, name))
		i++;
	ck_assert_msg(i < METRICS, "no metric %s", name);
	return (uint64_t)metric_value(metric_of(&metric_table[i], labels));
}

static void say(struct str tenant, unsigned count)
{
	const struct log_field field = LOG_STR("tenant", tenant);

	for (unsigned i = 0; i < count; i++)
		log_emit_within(LOG_PURSE_SAYS, tenant, LOG_LEVEL_INFO,
				LOG_EVENT(says), &field, 1);
}

/* Whatever the clock does meanwhile, each line is there or is told of. */
START_TEST(what_is_too_much_is_counted_and_told)
{
	int64_t begin = clock_mono_ms(), seconds;
	unsigned said;

	ck_assert_int_eq(log_start(), ERR_OK);
	say(STR("loud"), LINES);
	say(STR("quiet"), LIMIT);
	ck_assert(log_stop());
	seconds = (clock_mono_ms() - begin) / 1000 + 1;
	read_log();
	said = count_of(" says tenant=loud\n");
	ck_assert_uint_ge(said, LIMIT);
	ck_assert_int_le(said, LIMIT * seconds);
	ck_assert_uint_eq(told(" warn adapter_log_dropped tenant=loud count="),
			  LINES - said);
	ck_assert_uint_eq(counted("usher_adapter_log_dropped_total",
				  "tenant=\"loud\""), LINES - said);
	ck_assert_uint_eq(count_of(" says tenant=quiet\n"), LIMIT);
	ck_assert_uint_eq(told(" warn adapter_log_dropped tenant=quiet count="),
			  0);
}
END_TEST

/* An adapter cannot drown what is said of it. */
START_TEST(what_is_said_of_it_has_a_purse_of_its_own)
{
	static const struct log_field none[1] = { { .name = "n" } };

	ck_assert_int_eq(log_start(), ERR_OK);
	say(STR("loud"), LINES);
	for (unsigned i = 0; i < LINES; i++)
		log_emit_within(LOG_PURSE_ABOUT, STR("loud"), LOG_LEVEL_ERROR,
				LOG_EVENT(failed), none, 1);
	ck_assert(log_stop());
	read_log();
	ck_assert_uint_ge(count_of(" error failed n=0\n"), LIMIT);
	ck_assert_uint_eq(told(" adapter_events_dropped tenant=loud count="),
			  LINES - count_of(" error failed n=0\n"));
	ck_assert_uint_eq(counted("usher_adapter_events_dropped_total",
				  "tenant=\"loud\""),
			  LINES - count_of(" error failed n=0\n"));
}
END_TEST

/* Nobody has to say another line for it. */
START_TEST(it_is_told_when_the_second_is_over)
{
	static const char what[] = " adapter_log_dropped tenant=loud count=";

	ck_assert_int_eq(log_start(), ERR_OK);
	log_budget_drop(LOG_PURSE_SAYS, STR("loud"), 7);
	fcntl(ends[0], F_SETFL, 0);
	text[read(ends[0], text, sizeof(text) - 1)] = '\0';
	ck_assert_uint_eq(told(what), 7);
	ck_assert(log_stop());
}
END_TEST

START_TEST(what_is_not_logged_costs_nothing)
{
	const struct log_field field = LOG_NUM("i", 1);

	ck_assert_int_eq(log_start(), ERR_OK);
	for (unsigned i = 0; i < LINES; i++)
		log_emit_within(LOG_PURSE_SAYS, STR("a"), LOG_LEVEL_DEBUG,
				LOG_EVENT(says), &field, 1);
	say(STR("a"), 1);
	ck_assert(log_stop());
	read_log();
	ck_assert_uint_eq(count_of(" says tenant=a\n"), 1);
	ck_assert_uint_eq(count_of("dropped"), 0);
}
END_TEST

START_TEST(who_only_checks_sees_every_line)
{
	say(STR("loud"), LINES);
	read_log();
	ck_assert_uint_eq(count_of(" says tenant=loud\n"), LINES);
	log_budget_drop(LOG_PURSE_SAYS, STR("loud"), 3);
	read_log();
	ck_assert_uint_eq(told(" adapter_log_dropped tenant=loud count="), 3);
}
END_TEST

static void *say_much(void *arg)
{
	for (unsigned i = 0; i < 4; i++)
		say(str_from(arg), LINES / 4);
	return NULL;
}

START_TEST(threads_share_a_purse)
{
	static char names[][2] = { "a", "b", "a", "b" };
	pthread_t threads[4];

	ck_assert_int_eq(log_start(), ERR_OK);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, say_much, names[i]);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert(log_stop());
	read_log();
	ck_assert_uint_eq(count_of(" says tenant=") +
			  told(" adapter_log_dropped tenant=a count=") +
			  told(" adapter_log_dropped tenant=b count="),
			  4 * LINES);
}
END_TEST

/* More tenants than have a purse: they share one. */
START_TEST(tenants_without_end_share)
{
	char name[16];

	ck_assert_int_eq(log_start(), ERR_OK);
	for (unsigned i = 0; i < LOG_BUDGET_TENANTS_MAX; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		log_budget_drop(LOG_PURSE_ABOUT, str_from(name), 0);
		log_emit_within(LOG_PURSE_ABOUT, str_from(name),
				LOG_LEVEL_INFO, LOG_EVENT(e), NULL, 0);
	}
	for (unsigned i = 0; i < 2 * LIMIT; i++) {
		snprintf(name, sizeof(name), "late%u", i);
		log_budget_drop(LOG_PURSE_SAYS, str_from(name), 1);
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	log_stop();
	ck_assert_uint_eq(counted("usher_adapter_log_dropped_total",
				  "tenant=\"others\""), 2 * LIMIT);
}
END_TEST

static void budget_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_is_too_much_is_counted_and_told);
	tcase_add_test(tcase, what_is_said_of_it_has_a_purse_of_its_own);
	tcase_add_test(tcase, it_is_told_when_the_second_is_over);
	tcase_add_test(tcase, what_is_not_logged_costs_nothing);
	tcase_add_test(tcase, who_only_checks_sees_every_line);
	tcase_add_test(tcase, threads_share_a_purse);
	tcase_add_test(tcase, tenants_without_end_share);
}

UNIT_MAIN("log-budget", budget_tests)
