#include "store/idmap.h"

#include <stdlib.h>

#define FIRST_BUCKETS 16
#define BUCKETS_MAX (1u << 20)	/* of one stripe */
#define CHAIN 2			/* in a bucket, on the average, at most */

/* The finalizer of MurmurHash3: time-ordered ids differ in few, high bits. */
static uint64_t mix(int64_t id)
{
	uint64_t h = (uint64_t)id;

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

/* The high bits choose the stripe, the low ones the bucket in it. */
static struct idmap_node **bucket_of(struct idmap_stripe *stripe, int64_t id)
{
	return &stripe->buckets[mix(id) & stripe->mask];
}

enum err idmap_init(struct idmap *map)
{
	for (int i = 0; i < IDMAP_STRIPES; i++)
		map->stripes[i] = (struct idmap_stripe){ 0 };
	for (int i = 0; i < IDMAP_STRIPES; i++) {
		struct idmap_stripe *s = &map->stripes[i];

		s->buckets = calloc(FIRST_BUCKETS, sizeof(*s->buckets));
		if (!s->buckets) {
			idmap_done(map);
			return ERR_NOMEM;
		}
		s->mask = FIRST_BUCKETS - 1;
		pthread_mutex_init(&s->lock, NULL);
	}
	return ERR_OK;
}

void idmap_done(struct idmap *map)
{
	for (int i = 0; i < IDMAP_STRIPES; i++) {
		struct idmap_stripe *s = &map->stripes[i];

		if (!s->buckets)
			continue;
		free(s->buckets);
		pthread_mutex_destroy(&s->lock);
		*s = (struct idmap_stripe){ 0 };
	}
}

struct idmap_stripe *idmap_lock(struct idmap *map, int64_t id)
{
	struct idmap_stripe *s = &map->stripes[mix(id) >> 58];

	pthread_mutex_lock(&s->lock);
	return s;
}

void idmap_unlock(struct idmap_stripe *stripe)
{
	pthread_mutex_unlock(&stripe->lock);
}

struct idmap_node *idmap_get(struct idmap_stripe *stripe, int64_t id)
{
	struct idmap_node *n = *bucket_of(stripe, id);

	while (n && n->id != id)
		n = n->next;
	return n;
}

void idmap_fetch(struct idmap *map, int64_t id)
{
	struct idmap_stripe *s = &map->stripes[mix(id) >> 58];

	__builtin_prefetch(bucket_of(s, id), 1);
}

/* To so many buckets, a power of two. */
static void grow(struct idmap_stripe *stripe, unsigned count)
{
	unsigned old = stripe->mask + 1;
	struct idmap_node **from = stripe->buckets, **to;

	if (count > BUCKETS_MAX)
		return;
	to = calloc(count, sizeof(*to));
	if (!to)
		return;
	stripe->buckets = to;
	stripe->mask = count - 1;
	for (unsigned i = 0; i < old; i++) {
		struct idmap_node *n = from[i], *next;

		for (; n; n = next) {
			struct idmap_node **b = bucket_of(stripe, n->id);

			next = n->next;
			n->next = *b;
			*b = n;
		}
	}
	free(from);
}

void idmap_expect(struct idmap *map, size_t count)
{
	/* the parts differ by chance: a little more, so that none grows */
	size_t each = (count + count / 32) / IDMAP_STRIPES / CHAIN;
	unsigned buckets = FIRST_BUCKETS;

	while (buckets < each && buckets < BUCKETS_MAX)
		buckets *= 2;
	for (int i = 0; i < IDMAP_STRIPES; i++)
		if (map->stripes[i].mask + 1 < buckets)
			grow(&map->stripes[i], buckets);
}

void idmap_add(struct idmap_stripe *stripe, struct idmap_node *node)
{
	struct idmap_node **b;

	if (stripe->count / CHAIN > stripe->mask)
		grow(stripe, (stripe->mask + 1) * 2);
	b = bucket_of(stripe, node->id);
	node->next = *b;
	*b = node;
	stripe->count++;
}

struct idmap_node *idmap_del(struct idmap_stripe *stripe, int64_t id)
{
	struct idmap_node **at = bucket_of(stripe, id), *n;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	n = *at;
	if (n) {
		*at = n->next;
		n->next = NULL;
		stripe->count--;
	}
	return n;
}
