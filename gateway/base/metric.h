/*
 * metric: counters, gauges and histograms that any thread may touch, written
 * out in the Prometheus text format 0.0.4.
 *
 * A metric is made once and lives as long as the process; asking again for
 * the same name and labels gives the same one.  Touching is one relaxed
 * atomic addition.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metric;

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,	/* of seconds, fixed buckets 0.1 ms to 10 s */
};

/* Metrics in all; past that metric_get() gives one that is never shown. */
#define METRIC_MAX 16384

/*
 * `name` and `help` are constant strings; `labels` is copied: "" or what
 * stands between the braces, values already escaped, as
 * tenant="acme",status="302".  Never NULL.
 */
struct metric *metric_get(enum metric_kind kind, const char *name,
			  const char *help, const char *labels);
void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t value);
int64_t metric_value(const struct metric *m);
void metric_observe_ns(struct metric *m, int64_t ns);

/* All of them, grouped by name, in the order of their making. */
void metric_render(struct buf *out);

#endif
