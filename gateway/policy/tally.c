#include "policy/tally.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS 1024
#define SLUG_MAX 63
#define HOUR_MS (INT64_C(3600) * 1000)

struct tenant_tally {
	struct tenant_tally *next;
	char slug[SLUG_MAX + 1];
	uint64_t stamp;
	int64_t begun_ms;
	int64_t hour;			/* the newest */
	uint32_t counts[TALLY_HOURS][TALLY_KINDS];	/* by hour modulo */
};

struct tally {
	pthread_mutex_t lock;
	struct tenant_tally *buckets[BUCKETS];
	unsigned count;
	/* by the hash of tenant and jti; the later one takes the place */
	struct {
		uint64_t hash, print;
	} jtis[TALLY_JTIS];
};

bool tally_is_repeated(struct tally *tally, struct str tenant, struct str jti,
		       uint64_t print)
{
	const uint64_t both[2] = { hash_str(tenant), hash_str(jti) };
	const uint64_t hash = hash_bytes(both, sizeof(both));
	const size_t i = hash % TALLY_JTIS;
	bool is_repeated;

	pthread_mutex_lock(&tally->lock);
	is_repeated = tally->jtis[i].hash == hash &&
		      tally->jtis[i].print != print;
	tally->jtis[i].hash = hash;
	tally->jtis[i].print = print;
	pthread_mutex_unlock(&tally->lock);
	return is_repeated;
}

struct tally *tally_new(void)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (tally && pthread_mutex_init(&tally->lock, NULL)) {
		free(tally);
		return NULL;
	}
	return tally;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (tally->buckets[i]) {
			struct tenant_tally *next = tally->buckets[i]->next;

			free(tally->buckets[i]);
			tally->buckets[i] = next;
		}
	}
	pthread_mutex_destroy(&tally->lock);
	free(tally);
}

static void begin(struct tenant_tally *t, uint64_t stamp, int64_t now_ms)
{
	t->stamp = stamp;
	t->begun_ms = now_ms;
	t->hour = now_ms / HOUR_MS;
	memset(t->counts, 0, sizeof(t->counts));
}

/* Hours that nobody came in are empty. */
static void turn(struct tenant_tally *t, int64_t now_ms)
{
	int64_t hour = now_ms / HOUR_MS;

	if (hour - t->hour >= TALLY_HOURS)
		memset(t->counts, 0, sizeof(t->counts));
	else
		for (int64_t h = t->hour + 1; h <= hour; h++)
			memset(t->counts[h % TALLY_HOURS], 0,
			       sizeof(t->counts[0]));
	if (hour > t->hour)
		t->hour = hour;
}

/* As of now, of the rules of now.  NULL: no room, or no memory. */
static struct tenant_tally *find(struct tally *tally, struct str slug,
				 uint64_t stamp, int64_t now_ms)
{
	struct tenant_tally **at = &tally->buckets[hash_str(slug) % BUCKETS];
	struct tenant_tally *t = *at;

	while (t && !str_eq(str_from(t->slug), slug))
		t = t->next;
	if (!t && slug.len <= SLUG_MAX && tally->count < TALLY_TENANTS_MAX) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		memcpy(t->slug, slug.ptr, slug.len);
		begin(t, stamp, now_ms);
		t->next = *at;
		*at = t;
		tally->count++;
	}
	if (t && t->stamp != stamp)
		begin(t, stamp, now_ms);
	if (t)
		turn(t, now_ms);
	return t;
}

void tally_count(struct tally *tally, struct str tenant, uint64_t stamp,
		 unsigned kind, int64_t now_ms)
{
	struct tenant_tally *t;

	pthread_mutex_lock(&tally->lock);
	t = find(tally, tenant, stamp, now_ms);
	if (t && kind < TALLY_KINDS)
		t->counts[t->hour % TALLY_HOURS][kind]++;
	pthread_mutex_unlock(&tally->lock);
}

void tally_sum(struct tally *tally, struct str tenant, uint64_t stamp,
	       unsigned hours, int64_t now_ms, struct tally_sum *sum_r)
{
	struct tally_sum sum = { .since_ms = now_ms };
	struct tenant_tally *t;

	if (hours > TALLY_HOURS)
		hours = TALLY_HOURS;
	pthread_mutex_lock(&tally->lock);
	t = find(tally, tenant, stamp, now_ms);
	for (unsigned h = 0; t && h < hours && h <= t->hour; h++)
		for (unsigned kind = 0; kind < TALLY_KINDS; kind++)
			sum.counts[kind] += t->counts[(t->hour - h) %
						      TALLY_HOURS][kind];
	if (t) {
		int64_t first_ms = (t->hour - hours + 1) * HOUR_MS;

		sum.since_ms = t->begun_ms > first_ms ? t->begun_ms : first_ms;
	}
	pthread_mutex_unlock(&tally->lock);
	*sum_r = sum;
}

void tally_reset(struct tally *tally, struct str tenant, uint64_t stamp,
		 int64_t now_ms)
{
	struct tenant_tally *t;

	pthread_mutex_lock(&tally->lock);
	t = find(tally, tenant, stamp, now_ms);
	if (t)
		begin(t, stamp, now_ms);
	pthread_mutex_unlock(&tally->lock);
}
