/*
 * idmap: things found by a 64-bit id, from many threads.
 *
 * An intrusive hash table in IDMAP_STRIPES parts, each under a lock of its own.
 * It costs 4 to 8 octets an element beside the node.  Growing may fail where
 * there is no memory, adding never does: the chains are then longer.  Ids are
 * made by us: nobody can choose ones that collide.
 */
#ifndef STORE_IDMAP_H
#define STORE_IDMAP_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define IDMAP_STRIPES 64

struct idmap_node {
	struct idmap_node *next;
	int64_t id;
};

struct idmap_stripe {
	pthread_mutex_t lock;
	struct idmap_node **buckets;
	unsigned mask, count;
};

struct idmap {
	struct idmap_stripe stripes[IDMAP_STRIPES];
};

/* ERR_NOMEM: idmap_done() is not needed then. */
enum err idmap_init(struct idmap *map);
/* Make room for so many in all, as far as there is memory, so that adding them
 * one by one moves none. Before any use from another thread. */
void idmap_expect(struct idmap *map, size_t count);
/* Soon something of that id is added: the processor may fetch what that takes.
 * While no part grows. */
void idmap_fetch(struct idmap *map, int64_t id);
/* Does not free what is in it. Accepts a zeroed map. */
void idmap_done(struct idmap *map);

/* The part where `id` belongs, locked: end with idmap_unlock(). */
struct idmap_stripe *idmap_lock(struct idmap *map, int64_t id);
void idmap_unlock(struct idmap_stripe *stripe);

/* Under the stripe's lock.  NULL where there is none. */
struct idmap_node *idmap_get(struct idmap_stripe *stripe, int64_t id);
/* ->id must be set and not be there yet. */
void idmap_add(struct idmap_stripe *stripe, struct idmap_node *node);
/* Takes it out and returns it; NULL where there was none. */
struct idmap_node *idmap_del(struct idmap_stripe *stripe, int64_t id);

#endif
