#include "base/metric.h"

#include <pthread.h>

#include "unit/unit.h"

#define INFO(k, n, h)							     \
	({ static const struct metric_info info_ = { .name = (n), .kind = (k),   \
						 .labels = "", .help = (h) }; \
	   &info_; })

/*
 * Metrics live as long as the process, so the tests share what they make; each
 * uses names of its own and looks for its own lines.
 */
static bool shows(const char *lines)
{
	struct buf b;
	bool found;

	buf_init(&b, 16 << 20);
	metric_render(&b);
	ck_assert(buf_is_ok(&b));
	found = strstr(b.ptr ? b.ptr : "", lines) != NULL;
	buf_done(&b);
	return found;
}

START_TEST(test_metrics_are_written_grouped_by_name)
{
	struct metric *a, *b, *other;

	a = metric_of(INFO(METRIC_COUNTER, "t_requests_total", "Requests."),
		      "tenant=\"a\"");
	other = metric_of(INFO(METRIC_GAUGE, "t_open", "Open now."), "");
	b = metric_of(INFO(METRIC_COUNTER, "t_requests_total", "Requests."),
		      "tenant=\"b\"");
	metric_add(a, 1);
	metric_add(a, 2);
	metric_add(b, 5);
	metric_set(other, 7);
	metric_add(other, -9);
	ck_assert_int_eq(metric_value(a), 3);
	ck_assert_int_eq(metric_value(other), -2);
	ck_assert(shows("# HELP t_requests_total Requests.\n"
			"# TYPE t_requests_total counter\n"
			"t_requests_total{tenant=\"a\"} 3\n"
			"t_requests_total{tenant=\"b\"} 5\n"
			"# HELP t_open Open now.\n"
			"# TYPE t_open gauge\n"
			"t_open -2\n"));
}
END_TEST

START_TEST(test_the_same_name_and_labels_are_the_same_metric)
{
	char labels[] = "x=\"1\"";
	struct metric *m =
		metric_of(INFO(METRIC_COUNTER, "t_same", "S."), labels);

	ck_assert_ptr_eq(
		metric_of(INFO(METRIC_COUNTER, "t_same", "S."), "x=\"1\""), m);
	ck_assert_ptr_ne(
		metric_of(INFO(METRIC_COUNTER, "t_same", "S."), "x=\"2\""), m);
	ck_assert_ptr_ne(
		metric_of(INFO(METRIC_COUNTER, "t_same2", "S."), "x=\"1\""), m);
	labels[3] = '9';	/* they were copied */
	ck_assert(shows("t_same{x=\"1\"} 0\nt_same{x=\"2\"} 0\n"));
}
END_TEST

START_TEST(test_a_histogram_counts_up_to_each_bound)
{
	struct metric *m = metric_of(
		INFO(METRIC_HISTOGRAM, "t_seconds", "Time."), "step=\"x\"");
	struct metric *plain = metric_of(
		INFO(METRIC_HISTOGRAM, "t_plain_seconds", "Time."), "");

	metric_observe_ns(m, -5);
	metric_observe_ns(m, 100000);
	metric_observe_ns(m, 100001);
	metric_observe_ns(m, 1500000000);
	metric_observe_ns(m, 10000000000);
	metric_observe_ns(m, 10000000001);
	metric_observe_ns(plain, 1);
	ck_assert(shows("# TYPE t_seconds histogram\n"
			"t_seconds_bucket{step=\"x\",le=\"0.0001\"} 2\n"
			"t_seconds_bucket{step=\"x\",le=\"0.00025\"} 3\n"
			"t_seconds_bucket{step=\"x\",le=\"0.0005\"} 3\n"));
	ck_assert(shows("t_seconds_bucket{step=\"x\",le=\"1\"} 3\n"
			"t_seconds_bucket{step=\"x\",le=\"2.5\"} 4\n"
			"t_seconds_bucket{step=\"x\",le=\"5\"} 4\n"
			"t_seconds_bucket{step=\"x\",le=\"10\"} 5\n"
			"t_seconds_bucket{step=\"x\",le=\"+Inf\"} 6\n"
			"t_seconds_sum{step=\"x\"} 21.500200002\n"
			"t_seconds_count{step=\"x\"} 6\n"));
	ck_assert(shows("t_plain_seconds_bucket{le=\"+Inf\"} 1\n"
			"t_plain_seconds_sum 0.000000001\n"
			"t_plain_seconds_count 1\n"));
}
END_TEST

/* Touching what there is no room for does no harm and shows nowhere. */
static void ck_is_hidden(struct metric *m)
{
	ck_assert_ptr_nonnull(m);
	metric_add(m, 1);
	metric_set(m, 424242);
	metric_observe_ns(m, 1);
	ck_assert(!shows("424242"));
}

START_TEST(test_misuse_gives_a_metric_that_is_never_shown)
{
	char labels[METRIC_LABELS_MAX + 2];

	metric_of(INFO(METRIC_COUNTER, "t_kind", "K."), "");
	ck_is_hidden(metric_of(INFO(METRIC_GAUGE, "t_kind", "K."), ""));
	ck_is_hidden(
		metric_of(INFO(METRIC_HISTOGRAM, "t_kind", "K."), "x=\"1\""));
	memset(labels, 'x', sizeof(labels));
	labels[sizeof(labels) - 1] = '\0';
	ck_is_hidden(metric_of(INFO(METRIC_COUNTER, "t_long", "L."), labels));
	ck_assert(!shows("t_long"));
}
END_TEST

#define ADDS 20000

static void *touch(void *arg)
{
	struct metric *m = metric_of(INFO(METRIC_COUNTER, "t_race", "R."), "");
	struct metric *h =
		metric_of(INFO(METRIC_HISTOGRAM, "t_race_seconds", "R."), "");

	for (int i = 0; i < ADDS; i++) {
		metric_add(m, 1);
		metric_observe_ns(h, 1000000000);
	}
	return arg;
}

START_TEST(test_no_thread_loses_a_touch)
{
	struct metric *m = metric_of(INFO(METRIC_COUNTER, "t_race", "R."), "");
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, touch,
						NULL), 0);
	ck_assert(shows("t_race "));	/* while they touch it */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_int_eq(metric_value(m), 4 * ADDS);
	ck_assert(shows("t_race_seconds_bucket{le=\"0.5\"} 0\n"));
	ck_assert(shows("t_race_seconds_sum 80000.000000000\n"
			"t_race_seconds_count 80000\n"));
}
END_TEST

/* The last test: afterwards there is no room. */
START_TEST(test_there_are_never_more_than_the_maximum)
{
	char labels[32];

	for (int i = 0; i < METRIC_MAX; i++) {
		snprintf(labels, sizeof(labels), "i=\"%d\"", i);
		metric_add(
			metric_of(INFO(METRIC_COUNTER, "t_many", "M."), labels),
			i);
	}
	ck_assert(shows("t_many{i=\"8000\"} 8000\n"
			"t_many{i=\"8001\"} 8001\n"));
	ck_is_hidden(
		metric_of(INFO(METRIC_COUNTER, "t_many", "M."), "more=\"1\""));
	ck_assert(!shows("more="));
	/* What there is stays within reach. */
	ck_assert_int_eq(
		metric_value(metric_of(INFO(METRIC_COUNTER, "t_many", "M."),
				       "i=\"8000\"")),
		8000);
}
END_TEST

static void metric_tests(TCase *t)
{
	tcase_add_test(t, test_metrics_are_written_grouped_by_name);
	tcase_add_test(t, test_the_same_name_and_labels_are_the_same_metric);
	tcase_add_test(t, test_a_histogram_counts_up_to_each_bound);
	tcase_add_test(t, test_misuse_gives_a_metric_that_is_never_shown);
	tcase_add_test(t, test_no_thread_loses_a_touch);
	tcase_add_test(t, test_there_are_never_more_than_the_maximum);
}

UNIT_MAIN("metric", metric_tests)
