#include "http/networks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

#define BUCKETS 4096			/* a power of two */
#define PREFIX_V6 64

struct network {
	struct network *next;
	struct network **bucket;
	struct ip prefix;
	unsigned count;
};

struct networks {
	pthread_mutex_t lock;		/* of all below */
	unsigned count;
	struct network *buckets[BUCKETS];
};

struct networks *networks_new(void)
{
	struct networks *networks = calloc(1, sizeof(*networks));

	if (networks)
		pthread_mutex_init(&networks->lock, NULL);
	return networks;
}

void networks_free(struct networks *networks)
{
	if (!networks)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (networks->buckets[i]) {
			struct network *first = networks->buckets[i];

			networks->buckets[i] = first->next;
			free(first);
		}
	pthread_mutex_destroy(&networks->lock);
	free(networks);
}

static struct network *find(struct network **bucket, const struct ip *prefix)
{
	struct network *one = *bucket;

	while (one && !ip_eq(&one->prefix, prefix))
		one = one->next;
	return one;
}

/* In its bucket, with nobody in it. */
static struct network *add(struct networks *networks, struct network **bucket,
			   const struct ip *prefix)
{
	struct network *one = calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	one->prefix = *prefix;
	one->bucket = bucket;
	one->next = *bucket;
	*bucket = one;
	networks->count++;
	return one;
}

enum err networks_enter(struct networks *networks, const struct ip *ip,
			unsigned max, struct network **network_r)
{
	struct ip prefix = ip->family == 6 ? ip_prefix(ip, PREFIX_V6) : *ip;
	uint64_t hash = hash_bytes(prefix.bytes, prefix.family == 6 ? 8 : 4);
	struct network **bucket = &networks->buckets[hash & (BUCKETS - 1)];
	struct network *one;
	enum err err = ERR_OK;

	pthread_mutex_lock(&networks->lock);
	one = find(bucket, &prefix);
	if (one && one->count >= max)
		err = ERR_LIMIT;
	else if (!one && !(one = add(networks, bucket, &prefix)))
		err = ERR_NOMEM;
	else
		one->count++;
	pthread_mutex_unlock(&networks->lock);
	if (!err)
		*network_r = one;
	return err;
}

void networks_leave(struct networks *networks, struct network *network)
{
	struct network **at;

	if (!network)
		return;
	pthread_mutex_lock(&networks->lock);
	if (--network->count == 0) {
		for (at = network->bucket; *at != network; at = &(*at)->next)
			;
		*at = network->next;
		networks->count--;
		free(network);
	}
	pthread_mutex_unlock(&networks->lock);
}

unsigned networks_count(struct networks *networks)
{
	unsigned count;

	pthread_mutex_lock(&networks->lock);
	count = networks->count;
	pthread_mutex_unlock(&networks->lock);
	return count;
}
