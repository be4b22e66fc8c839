/*
 * meter: what the edge counts, found again without a search by name.
 *
 * One per worker; the metrics behind it are shared by all.
 */
#ifndef HTTP_METER_H
#define HTTP_METER_H

#include "base/metric.h"
#include "http/guard.h"

#define METER_LISTS_MAX 64	/* lists told apart; the rest share one */
#define METER_STATUS_FIRST 200
#define METER_STATUS_LAST 599

struct meter_list {
	const struct steps *steps;
	struct metric *seconds;
	struct metric *statuses[METER_STATUS_LAST - METER_STATUS_FIRST + 1];
};

struct meter {
	struct metric *turns;		/* of the loop */
	struct metric *connections;	/* gauge: open now */
	struct metric *waiting;		/* gauge: exchanges that wait */
	struct metric *cut;		/* past a deadline */
	struct metric *evicted;		/* to make room */
	struct metric *late;		/* told that the store takes too long */
	struct metric *refused[GUARD_COUNT];
	struct meter_list *lists[METER_LISTS_MAX];
};

void meter_init(struct meter *meter);
void meter_done(struct meter *meter);
/* One request was answered, `ns` after its head was read. */
void meter_request(struct meter *meter, const struct steps *steps, int status,
		   int64_t ns);

#endif
