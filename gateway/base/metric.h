/*
 * metric: counters, gauges and histograms that any thread may touch, written
 * out in the Prometheus text format 0.0.4.
 *
 * A metric is made once and lives as long as the process; asking again for
 * the same name and labels gives the same one.  Touching is one relaxed
 * atomic addition, for a histogram two.
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
#define METRIC_LABELS_MAX 512	/* octets; likewise */

/*
 * `name` and `help` are constant strings; `labels` is copied: "" or what
 * stands between the braces, values already escaped, as
 * tenant="acme",status="302".  Never NULL: without memory, or where the name
 * is of another kind already, it is the one that is never shown.
 */
struct metric *metric_get(enum metric_kind kind, const char *name,
			  const char *help, const char *labels);
/* For counters and gauges. */
void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t value);
int64_t metric_value(const struct metric *m);
/* For histograms; a negative time counts as none. */
void metric_observe_ns(struct metric *m, int64_t ns);

/* All of them, grouped by name, in the order of their making. */
void metric_render(struct buf *out);

#endif
