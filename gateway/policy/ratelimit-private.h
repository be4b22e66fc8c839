/* ratelimit-private: the table, shared by the limiter and its state file. */
#ifndef POLICY_RATELIMIT_PRIVATE_H
#define POLICY_RATELIMIT_PRIVATE_H

#include <pthread.h>

#include "policy/ratelimit.h"

#define RATELIMIT_SHARDS_MAX 65536u
/* Clients of one shard: what moves at once when a shard grows, and what is
 * looked through when it is full. */
#define RATELIMIT_SHARD_CLIENTS 384u
#define RATELIMIT_KEY_SIZE 16

struct ratelimit_slot {
	uint64_t key;		/* keyed hash of scope and client; 0: free */
	int64_t full_at;	/* ns since 1970: when the credit is full */
};

struct ratelimit_shard {
	pthread_mutex_t lock;
	uint32_t slot_count, used;
	uint64_t evicted;
	struct ratelimit_slot *slots;
} __attribute__((aligned(64)));	/* a cache line: neighbours do not disturb */

struct ratelimit {
	uint8_t key[RATELIMIT_KEY_SIZE];	/* of hash_keyed() */
	uint32_t shard_count;			/* a power of two */
	uint32_t shard_clients;			/* the most in one shard */
	struct ratelimit_shard *shards;
};

/*
 * Take up a saved client; in a full table the ones with the least credit stay.
 * False: no memory.
 */
bool ratelimit_restore(struct ratelimit *limiter, uint64_t key,
		       int64_t full_at, int64_t now);

#endif
