#include "base/metric.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/hash.h"

#define SLOTS (2 * METRIC_MAX)	/* at most half of the table is used */
#define CACHE_LINE 64
#define BUCKETS 16

struct metric {
	/* A line of its own: threads that touch two metrics do not meet. */
	alignas(CACHE_LINE) _Atomic int64_t value; /* histogram: ns in sum */
	_Atomic int64_t *buckets;	/* not cumulative; the last: beyond */
	struct family *family;
	struct metric *next;		/* of the family */
	char *labels;
};

#define METRIC(n, k, l, u, s, h)					\
	[METRIC_##n] = { #n, METRIC_##k, l, u, s, h },
const struct metric_info metric_table[METRICS] = {
#include "base/metrics.def"
};
#undef METRIC

/* All metrics of one name. */
struct family {
	const struct metric_info *info;
	struct metric *first, **last;
	struct family *next;
};

static const struct {
	int64_t ns;
	const char *text;
} bounds[BUCKETS] = {
	{ 100000, "0.0001" },	  { 250000, "0.00025" },
	{ 500000, "0.0005" },	  { 1000000, "0.001" },
	{ 2500000, "0.0025" },	  { 5000000, "0.005" },
	{ 10000000, "0.01" },	  { 25000000, "0.025" },
	{ 50000000, "0.05" },	  { 100000000, "0.1" },
	{ 250000000, "0.25" },	  { 500000000, "0.5" },
	{ 1000000000, "1" },	  { 2500000000, "2.5" },
	{ 5000000000, "5" },	  { 10000000000, "10" },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *slots[SLOTS];	/* open addressing, never deleted */
static unsigned count;
static struct family *families, **last_family = &families;
static _Atomic int64_t hidden_buckets[BUCKETS + 1];
static struct metric hidden = { .buckets = hidden_buckets };

/*
 * Names and labels come from the code and the configuration, not from
 * clients: a fixed key will do, and nothing has to be set up before.
 */
static struct metric **slot_of(const char *name, const char *labels)
{
	static const unsigned char key[16] = "metric";
	uint64_t at = hash_keyed(key, name, strlen(name)) ^
		      hash_keyed(key, labels, strlen(labels)) * 3;
	struct metric *m;

	for (;; at++) {
		m = slots[at % SLOTS];
		if (!m || (!strcmp(m->family->info->name, name) &&
			   !strcmp(m->labels, labels)))
			return &slots[at % SLOTS];
	}
}

static struct family *family_get(const struct metric_info *info)
{
	struct family *f;

	for (f = families; f; f = f->next)
		if (!strcmp(f->info->name, info->name))
			return f->info->kind == info->kind ? f : NULL;
	f = malloc(sizeof(*f));
	if (!f)
		return NULL;
	*f = (struct family){ .info = info };
	f->last = &f->first;
	*last_family = f;
	last_family = &f->next;
	return f;
}

static struct metric *metric_new(struct family *family, const char *labels)
{
	struct metric *m = aligned_alloc(CACHE_LINE, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct metric){ .family = family, .labels = strdup(labels) };
	if (family->info->kind == METRIC_HISTOGRAM)
		m->buckets = calloc(BUCKETS + 1, sizeof(*m->buckets));
	if (!m->labels ||
	    (family->info->kind == METRIC_HISTOGRAM && !m->buckets)) {
		free(m->labels);
		free(m->buckets);
		free(m);
		return NULL;
	}
	*family->last = m;
	family->last = &m->next;
	return m;
}

struct metric *metric_of(const struct metric_info *info, const char *labels)
{
	struct metric **slot, *m = NULL;
	struct family *family;

	if (strlen(labels) > METRIC_LABELS_MAX)
		return &hidden;
	pthread_mutex_lock(&lock);
	slot = slot_of(info->name, labels);
	if (*slot) {
		if ((*slot)->family->info->kind == info->kind)
			m = *slot;
		goto out;
	}
	if (count == METRIC_MAX)
		goto out;
	family = family_get(info);
	if (family)
		m = metric_new(family, labels);
	if (m) {
		*slot = m;
		count++;
	}
out:
	pthread_mutex_unlock(&lock);
	return m ? m : &hidden;
}

void metric_init(void)
{
	for (unsigned i = 0; i < METRICS; i++)
		if (!metric_table[i].labels[0])
			metric_of(&metric_table[i], "");
}

void metric_add(struct metric *m, int64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t value)
{
	atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

void metric_observe_ns(struct metric *m, int64_t ns)
{
	unsigned i = 0;

	if (ns < 0)
		ns = 0;
	while (i < BUCKETS && ns > bounds[i].ns)
		i++;
	atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
	metric_add(m, ns);
}

static void add_sample(struct buf *out, const struct metric *m,
		       const char *suffix, const char *le)
{
	const char *comma = le && m->labels[0] ? "," : "";

	buf_puts(out, m->family->info->name);
	buf_puts(out, suffix);
	if (le)
		buf_printf(out, "{%s%sle=\"%s\"}", m->labels, comma, le);
	else if (m->labels[0])
		buf_printf(out, "{%s}", m->labels);
	buf_addc(out, ' ');
}

static void add_seconds(struct buf *out, int64_t ns)
{
	buf_printf(out, "%" PRId64 ".%09" PRId64 "\n", ns / 1000000000,
		   ns % 1000000000);
}

/*
 * The count is what the buckets hold at this moment: taken from them it can
 * never contradict them, even while somebody observes.
 */
static void add_histogram(struct buf *out, const struct metric *m)
{
	int64_t ns = metric_value(m), below = 0;

	for (unsigned i = 0; i <= BUCKETS; i++) {
		below += atomic_load_explicit(&m->buckets[i],
					      memory_order_relaxed);
		add_sample(out, m, "_bucket",
			   i < BUCKETS ? bounds[i].text : "+Inf");
		buf_printf(out, "%" PRId64 "\n", below);
	}
	add_sample(out, m, "_sum", NULL);
	add_seconds(out, ns);
	add_sample(out, m, "_count", NULL);
	buf_printf(out, "%" PRId64 "\n", below);
}

void metric_render(struct buf *out)
{
	static const char *const kinds[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_COUNTER_NS] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	pthread_mutex_lock(&lock);
	for (const struct family *f = families; f; f = f->next) {
		const struct metric_info *info = f->info;

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name,
			   info->help, info->name, kinds[info->kind]);
		for (const struct metric *m = f->first; m; m = m->next) {
			if (info->kind == METRIC_HISTOGRAM) {
				add_histogram(out, m);
				continue;
			}
			add_sample(out, m, "", NULL);
			if (info->kind == METRIC_COUNTER_NS)
				add_seconds(out, metric_value(m));
			else
				buf_printf(out, "%" PRId64 "\n",
					   metric_value(m));
		}
	}
	pthread_mutex_unlock(&lock);
}
