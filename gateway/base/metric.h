/*
 * metric: counters, gauges and histograms that any thread may touch, written
 * out in the Prometheus text format 0.0.4.
 *
 * All there are stand in metrics.def, with what they mean: one that is not
 * there does not compile.  A metric is made once and lives as long as the
 * process; asking again for the same name and labels gives the same one.
 * Touching is one relaxed atomic addition, for a histogram two.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metric;

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_COUNTER_NS,	/* counts ns, and is shown in seconds */
	METRIC_HISTOGRAM,	/* of seconds, fixed buckets 0.1 ms to 10 s */
};

/* A line of the table. */
struct metric_info {
	const char *name;
	enum metric_kind kind;
	const char *labels;	/* their names, as "list, status"; "": none */
	const char *unit;	/* "": it has none */
	const char *since;	/* the first version that has it */
	const char *help;	/* one sentence */
};

#define METRIC(name, ...) METRIC_##name,
enum metric_id {
#include "base/metrics.def"
	METRICS
};
#undef METRIC

extern const struct metric_info metric_table[METRICS];

/* Metrics in all; past that metric_get() gives one that is never shown. */
#define METRIC_MAX 16384
#define METRIC_LABELS_MAX 512	/* octets; likewise */

/*
 *	metric_add(metric_get(usher_http_cut_total, ""), 1);
 *
 * `labels` is copied: "" or what stands between the braces, values already
 * escaped, as tenant="acme",status="302".  Never NULL: without memory, or
 * where the name is of another kind already, it is the one that is never
 * shown.
 */
#define metric_get(name, labels)					\
	metric_of(&metric_table[METRIC_##name], labels)
/* The same with a line of one's own, constant. For tests. */
struct metric *metric_of(const struct metric_info *info, const char *labels);
/* For counters and gauges. */
void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t value);
int64_t metric_value(const struct metric *m);
/* For histograms; a negative time counts as none. */
void metric_observe_ns(struct metric *m, int64_t ns);

/* Those of the table that have no labels, so that they exist from the start. */
void metric_init(void);

/* All of them, grouped by name, in the order of their making. */
void metric_render(struct buf *out);

#endif
