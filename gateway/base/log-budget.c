/* A hash table of tenants that is never emptied, and a list of those that have
 * something to tell; one lock for both. */
#include "base/log-budget.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log-private.h"
#include "base/metric.h"

#define SECOND INT64_C(1000000000)
#define BUCKETS 1024
#define OTHERS "others"
#define DEBTS 32		/* told at a time */

struct purse {
	int64_t since_ns;	/* when this second began */
	unsigned said;		/* in it */
	uint64_t dropped;	/* and not told */
	struct metric *metric;
};

struct speaker {
	struct speaker *next;	/* of the bucket */
	struct list owing;	/* where a purse has something to tell */
	struct purse purses[LOG_PURSES];
	struct str tenant;
	char slug[];
};

/* What is to be told, outside of the lock. */
struct debt {
	enum log_purse purse;
	uint64_t dropped;
	char tenant[128];
};

static const struct log_event *const events[LOG_PURSES] = {
	[LOG_PURSE_SAYS] = LOG_EVENT(adapter_log_dropped),
	[LOG_PURSE_ABOUT] = LOG_EVENT(adapter_events_dropped),
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct speaker *buckets[BUCKETS];
static struct list owing = { &owing, &owing };
static unsigned tenants;
static _Atomic unsigned lines_max = LOG_BUDGET_LINES;
static _Atomic int64_t due_ns = INT64_MAX;

void log_budget_set(unsigned lines)
{
	atomic_store(&lines_max, lines);
}

int64_t log_budget_due_ns(void)
{
	return atomic_load(&due_ns);
}

/* ---- who is who ---------------------------------------------------------- */

/* Slugs come from the configuration, so a fixed key will do. */
static struct speaker **place_of(struct str tenant)
{
	static const unsigned char key[16] = "log-budget";
	struct speaker **at = &buckets[hash_keyed(key, tenant.ptr,
						  tenant.len) % BUCKETS];

	while (*at && !str_eq((*at)->tenant, tenant))
		at = &(*at)->next;
	return at;
}

static void find_metrics(struct speaker *speaker)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%s\"", speaker->slug);
	speaker->purses[LOG_PURSE_SAYS].metric =
		metric_get(usher_adapter_log_dropped_total, labels);
	speaker->purses[LOG_PURSE_ABOUT].metric =
		metric_get(usher_adapter_events_dropped_total, labels);
}

/* NULL: no memory. Under the lock. */
static struct speaker *speaker_of(struct str tenant)
{
	struct speaker **at = place_of(tenant), *speaker;

	if (!*at && tenants >= LOG_BUDGET_TENANTS_MAX) {
		tenant = STR(OTHERS);
		at = place_of(tenant);
	}
	if (*at)
		return *at;
	speaker = calloc(1, sizeof(*speaker) + tenant.len + 1);
	if (!speaker)
		return NULL;
	memcpy(speaker->slug, tenant.ptr, tenant.len);
	speaker->tenant = (struct str){ speaker->slug, tenant.len };
	for (unsigned i = 0; i < LOG_PURSES; i++)
		speaker->purses[i].since_ns = INT64_MIN / 2;
	list_init(&speaker->owing);
	find_metrics(speaker);
	*at = speaker;
	tenants++;
	return speaker;
}

/* ---- counting ------------------------------------------------------------ */

static bool is_over(const struct purse *purse, int64_t now)
{
	return now == INT64_MAX || now - purse->since_ns >= SECOND;
}

/* True: that is due sooner than anything was. */
static bool owe(struct speaker *speaker, struct purse *purse, unsigned lines)
{
	int64_t at = purse->since_ns + SECOND;

	purse->dropped += lines;
	metric_add(purse->metric, lines);
	if (list_is_empty(&speaker->owing))
		list_add(&owing, &speaker->owing);
	if (at >= atomic_load(&due_ns))
		return false;
	atomic_store(&due_ns, at);
	return true;
}

static void settle(struct speaker *speaker, enum log_purse which,
		   struct debt *debt_r)
{
	struct purse *purse = &speaker->purses[which];

	*debt_r = (struct debt){ .purse = which, .dropped = purse->dropped };
	snprintf(debt_r->tenant, sizeof(debt_r->tenant), "%s", speaker->slug);
	purse->dropped = 0;
}

static void tell(enum log_purse which, struct str tenant, uint64_t dropped)
{
	const struct log_field fields[] = {
		LOG_STR("tenant", tenant),
		LOG_NUM("count", (int64_t)dropped),
	};

	log_emit(LOG_LEVEL_WARN, events[which], fields, N_ELEMENTS(fields));
}

static void tell_debt(const struct debt *debt)
{
	tell(debt->purse, str_from(debt->tenant), debt->dropped);
}

/* May it say a line?  *debt_r: to be told before; *is_due_r: the log's thread
 * has to know that something is. */
static bool take(enum log_purse which, struct str tenant, struct debt *debt_r,
		 bool *is_due_r)
{
	int64_t now = clock_mono_ns();
	struct speaker *speaker;
	struct purse *purse;
	bool may = true;

	pthread_mutex_lock(&lock);
	speaker = speaker_of(tenant);
	if (!speaker)
		goto out;
	purse = &speaker->purses[which];
	if (is_over(purse, now)) {
		settle(speaker, which, debt_r);
		purse->since_ns = now;
		purse->said = 0;
	}
	may = purse->said < atomic_load(&lines_max);
	if (may)
		purse->said++;
	else
		*is_due_r = owe(speaker, purse, 1);
out:
	pthread_mutex_unlock(&lock);
	return may;
}

void log_emit_within(enum log_purse purse, struct str tenant,
		     enum log_level level, const struct log_event *event,
		     const struct log_field *fields, unsigned count)
{
	struct debt debt = { .dropped = 0 };
	bool may, is_due = false;

	if (!log_is_on(level))
		return;
	may = !log_ring_is_on() || take(purse, tenant, &debt, &is_due);
	if (debt.dropped)
		tell_debt(&debt);
	if (may)
		log_emit(level, event, fields, count);
	if (is_due)
		log_ring_wake();
}

void log_budget_drop(enum log_purse which, struct str tenant, unsigned lines)
{
	int64_t now = clock_mono_ns();
	struct speaker *speaker;
	struct purse *purse;
	bool is_due = false;

	if (!lines)
		return;
	if (!log_ring_is_on()) {
		tell(which, tenant, lines);
		return;
	}
	pthread_mutex_lock(&lock);
	speaker = speaker_of(tenant);
	if (speaker) {
		purse = &speaker->purses[which];
		if (is_over(purse, now)) {
			purse->since_ns = now;
			purse->said = 0;
		}
		is_due = owe(speaker, purse, lines);
	}
	pthread_mutex_unlock(&lock);
	if (is_due)
		log_ring_wake();
}

/* ---- telling ------------------------------------------------------------- */

/* Those that are due, at most DEBTS of them; what is left says when. */
static unsigned take_debts(int64_t now, struct debt debts_r[DEBTS])
{
	int64_t due = INT64_MAX;
	struct list *pos, *safe;
	unsigned count = 0;

	pthread_mutex_lock(&lock);
	list_each(pos, safe, &owing) {
		struct speaker *s = list_entry(pos, struct speaker, owing);
		bool is_owing = false;

		for (unsigned i = 0; i < LOG_PURSES; i++) {
			const struct purse *purse = &s->purses[i];

			if (purse->dropped && count < DEBTS &&
			    is_over(purse, now))
				settle(s, (enum log_purse)i, &debts_r[count++]);
			if (!purse->dropped)
				continue;
			is_owing = true;
			if (purse->since_ns + SECOND < due)
				due = purse->since_ns + SECOND;
		}
		if (!is_owing)
			list_del(&s->owing);
	}
	atomic_store(&due_ns, due);
	pthread_mutex_unlock(&lock);
	return count;
}

void log_budget_tell(int64_t now_ns)
{
	struct debt debts[DEBTS];
	unsigned count;

	do {
		count = take_debts(now_ns, debts);
		for (unsigned i = 0; i < count; i++)
			tell_debt(&debts[i]);
	} while (count == DEBTS);
}
