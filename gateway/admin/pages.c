#include "admin/pages.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/storewatch.h"
#include "base/metric.h"
#include "base/num.h"

#define OUTBOX_POOL_MAX (16 * 1024 * 1024)

#define SHOW(name, value) metric_set(metric_get(name, ""), (int64_t)(value))

static void tenants(struct gateway *gateway)
{
	struct snapshot *snapshot = snapshot_slot_get(gateway->snapshots);
	unsigned counts[TENANT_BROKEN + 1] = { 0 };

	for (unsigned i = 0; i < snapshot->tenant_count; i++)
		counts[tenant_state(snapshot->tenants[i], NULL)]++;
	SHOW(usher_config_generation, snapshot->generation);
	snapshot_unref(snapshot);
	SHOW(usher_tenants_serving, counts[TENANT_SERVING]);
	SHOW(usher_tenants_starting, counts[TENANT_STARTING]);
	SHOW(usher_tenants_broken, counts[TENANT_BROKEN]);
}

/* The second number of /proc/self/statm, in pages (proc(5)). */
static uint64_t resident_pages(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct str rest = { text, n > 0 ? (size_t)n : 0 };
	uint64_t pages = 0;

	if (fd >= 0)
		close(fd);
	str_cut(rest, ' ', &rest);
	num_u64(str_cut(rest, ' ', &rest), 0, UINT64_MAX, &pages);
	return pages;
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (!dir)
		return 0;
	closedir(dir);
	return count - 3;	/* ".", ".." and the directory's own */
}

static int64_t ns_of(struct timeval t)
{
	return ((int64_t)t.tv_sec * 1000000 + t.tv_usec) * 1000;
}

static void process(void)
{
	struct rusage used;
	struct rlimit files = { 0, 0 };

	getrusage(RUSAGE_SELF, &used);
	getrlimit(RLIMIT_NOFILE, &files);
	SHOW(process_cpu_seconds_total,
	     ns_of(used.ru_utime) + ns_of(used.ru_stime));
	SHOW(process_resident_memory_bytes,
	     resident_pages() * (uint64_t)sysconf(_SC_PAGESIZE));
	SHOW(process_open_fds, open_descriptors());
	SHOW(process_max_fds, files.rlim_cur);
}

static void store(struct gateway *gateway)
{
	struct health_report health;

	writer_health(store_writer(gateway->store), &health);
	SHOW(usher_store_ok, health.trouble == HEALTH_WELL);
	SHOW(usher_store_failures_total, health.failures);
	SHOW(usher_store_busy_seconds, health.busy_ms / 1000);
}

static void outbox(struct gateway *gateway)
{
	struct pool *pool = pool_new(OUTBOX_POOL_MAX);
	struct outbox_usage *list;
	unsigned count = 0;

	if (pool && outbox_usages(store_outbox(gateway->store), pool, &list,
				  &count))
		count = 0;
	for (unsigned i = 0; i < count; i++) {
		char labels[METRIC_LABELS_MAX];

		snprintf(labels, sizeof(labels), "tenant=\"%s\"",
			 list[i].tenant);
		metric_set(metric_get(usher_outbox_events, labels),
			   list[i].events);
		metric_set(metric_get(usher_outbox_octets, labels),
			   list[i].octets);
		metric_set(metric_get(usher_outbox_refused_total, labels),
			   list[i].refused);
		metric_set(metric_get(usher_outbox_expired_total, labels),
			   list[i].expired);
	}
	pool_free(pool);
}

/* What others keep anyway is copied in when it is asked for. */
static void collect(struct gateway *gateway)
{
	struct ratelimit_stats limit = ratelimit_stats(gateway->limiter);
	struct writer_stats writer;

	process();
	tenants(gateway);
	store(gateway);
	outbox(gateway);
	writer_stats(store_writer(gateway->store), &writer);
	SHOW(usher_writer_queued, writer.queued);
	SHOW(usher_writer_jobs_total, writer.jobs);
	SHOW(usher_writer_commits_total, writer.batches);
	SHOW(usher_writer_chores_total, writer.chores);
	SHOW(usher_writer_failed_total, writer.failed);
	SHOW(usher_writer_refused_total, writer.refused);
	SHOW(usher_audit_dropped_total, writer.unawaited_refused);
	SHOW(usher_sessions, sessions_count(store_sessions(gateway->store)));
	SHOW(usher_sessions_evicted_total,
	     sessions_evicted(store_sessions(gateway->store)));
	SHOW(usher_ratelimit_clients, limit.clients);
	SHOW(usher_ratelimit_evicted_total, limit.evicted);
}

static int ready(struct gateway *gateway, struct buf *out)
{
	struct health_report health;

	if (gateway->is_draining || gateway->is_stopping) {
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
