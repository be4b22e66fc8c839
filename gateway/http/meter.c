#include "http/meter.h"

#define LABELS_MAX 128

void meter_init(struct meter *meter)
{
	char labels[LABELS_MAX];

	*meter = (struct meter){
		.turns = metric_get(usher_http_turns_total, ""),
		.connections = metric_get(usher_http_connections, ""),
		.waiting = metric_get(usher_http_waiting, ""),
		.cut = metric_get(usher_http_cut_total, ""),
		.evicted = metric_get(usher_http_evicted_total, ""),
		.late = metric_get(usher_store_late_total, ""),
	};
	for (int i = GUARD_OK + 1; i < GUARD_COUNT; i++) {
		snprintf(labels, sizeof(labels), "reason=\"%s\"",
			 guard_reason((enum guard_verdict)i));
		meter->refused[i] =
			metric_get(usher_http_refused_total, labels);
	}
}

void meter_done(struct meter *meter)
{
	for (unsigned i = 0; i < METER_LISTS_MAX; i++) {
		free(meter->lists[i]);
		meter->lists[i] = NULL;
	}
}

static struct meter_list *list_new(const struct steps *steps)
{
	struct meter_list *list = calloc(1, sizeof(*list));
	char labels[LABELS_MAX];

	if (!list)
		return NULL;
	list->steps = steps;
	snprintf(labels, sizeof(labels), "list=\"%s\"", steps->name);
	list->seconds = metric_get(usher_http_request_seconds, labels);
	return list;
}

/* There are a dozen lists: the loop ends at the first few. */
static struct meter_list *find_list(struct meter *meter,
				    const struct steps *steps)
{
	for (unsigned i = 0; i < METER_LISTS_MAX; i++) {
		if (!meter->lists[i])
			meter->lists[i] = list_new(steps);
		if (!meter->lists[i] || meter->lists[i]->steps == steps)
			return meter->lists[i];
	}
	return meter->lists[METER_LISTS_MAX - 1];
}

void meter_request(struct meter *meter, const struct steps *steps, int status,
		   int64_t ns)
{
	struct meter_list *list = find_list(meter, steps);
	struct metric **place;
	char labels[LABELS_MAX];

	if (!list || status < METER_STATUS_FIRST || status > METER_STATUS_LAST)
		return;
	place = &list->statuses[status - METER_STATUS_FIRST];
	if (!*place) {
		snprintf(labels, sizeof(labels), "list=\"%s\",status=\"%d\"",
			 list->steps->name, status);
		*place = metric_get(usher_http_requests_total, labels);
	}
	metric_add(*place, 1);
	metric_observe_ns(list->seconds, ns);
}
