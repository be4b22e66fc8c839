#include "admin/pages.h"

#include "admin/storewatch.h"
#include "base/metric.h"

#define GAUGE(name, help, value) \
	metric_set(metric_get(METRIC_GAUGE, name, help, ""), (int64_t)(value))
#define COUNTER(name, help, value) \
	metric_set(metric_get(METRIC_COUNTER, name, help, ""), (int64_t)(value))

static void tenants(struct gateway *gateway)
{
	struct snapshot *snapshot = snapshot_slot_get(gateway->snapshots);
	unsigned counts[TENANT_BROKEN + 1] = { 0 };

	for (unsigned i = 0; i < snapshot->tenant_count; i++)
		counts[snapshot->tenants[i]->state]++;
	GAUGE("usher_config_generation",
	      "The running configuration, counted from the start.",
	      snapshot->generation);
	snapshot_unref(snapshot);
	GAUGE("usher_tenants_serving", "Tenants that serve.",
	      counts[TENANT_SERVING]);
	GAUGE("usher_tenants_broken",
	      "Tenants whose file or adapter could not be loaded.",
	      counts[TENANT_BROKEN]);
}

static void store(struct gateway *gateway)
{
	struct health_report health;

	writer_health(store_writer(gateway->store), &health);
	GAUGE("usher_store_ok", "Can the store write? 0 also while its disk "
	      "does not answer.", health.trouble == HEALTH_WELL);
	COUNTER("usher_store_failures_total",
		"Transactions and look-ups that the system failed.",
		health.failures);
	GAUGE("usher_store_busy_seconds",
	      "How long the writer is at the same transaction.",
	      health.busy_ms / 1000);
}

/* What others keep anyway is copied in when it is asked for. */
static void collect(struct gateway *gateway)
{
	struct ratelimit_stats limit = ratelimit_stats(gateway->limiter);
	struct writer_stats writer;

	tenants(gateway);
	store(gateway);
	writer_stats(store_writer(gateway->store), &writer);
	GAUGE("usher_writer_queued", "Jobs that wait for the writer.",
	      writer.queued);
	COUNTER("usher_writer_jobs_total", "Jobs that the writer completed.",
		writer.jobs);
	COUNTER("usher_writer_commits_total", "Transactions committed.",
		writer.batches);
	COUNTER("usher_writer_failed_total",
		"Jobs that failed for the store's reasons.", writer.failed);
	COUNTER("usher_writer_refused_total",
		"Jobs refused because the queue was full.", writer.refused);
	COUNTER("usher_audit_dropped_total",
		"Trails not kept because too many waited.",
		writer.unawaited_refused);
	GAUGE("usher_sessions", "Open sessions.",
	      sessions_count(store_sessions(gateway->store)));
	GAUGE("usher_ratelimit_clients", "Clients in the rate limiter's table.",
	      limit.clients);
	COUNTER("usher_ratelimit_evicted_total",
		"Clients pushed out of a full table.", limit.evicted);
}

static int ready(struct gateway *gateway, struct buf *out)
{
	struct health_report health;

	if (gateway->is_stopping) {
		buf_puts(out, "stopping\n");
		return 503;
	}
	writer_health(store_writer(gateway->store), &health);
	if (health.trouble == HEALTH_WELL) {
		buf_puts(out, "ready\n");
		return 200;
	}
	storewatch_say(&health, out);
	buf_addc(out, '\n');
	return 503;
}

int pages_get(struct gateway *gateway, struct str path,
	      struct buf *out, const char **type_r)
{
	*type_r = "text/plain; charset=utf-8";
	if (str_eq(path, STR("/healthz"))) {
		buf_puts(out, "ok\n");
		return 200;
	}
	if (str_eq(path, STR("/readyz")))
		return ready(gateway, out);
	if (str_eq(path, STR("/metrics"))) {
		*type_r = "text/plain; version=0.0.4; charset=utf-8";
		collect(gateway);
		metric_render(out);
		return 200;
	}
	buf_puts(out, "there is /healthz, /readyz and /metrics\n");
	return 404;
}
