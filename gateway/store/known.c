#include "store/known.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Each stripe is an array of sets of WAYS entries: a key lives in one set and
 * is looked for nowhere else, so a look-up touches three cache lines.  A
 * stripe doubles when a set is full and it may still grow.
 */
#define STRIPES 64
#define WAYS 4
#define FIRST_SETS 4

struct slot {
	struct hash128 key, values;
	int64_t user_id;	/* 0: free */
	int64_t seen_s;
};

struct stripe {
	pthread_mutex_t lock;
	struct slot *slots;
	unsigned sets;		/* a power of two */
};

struct known {
	unsigned sets_max;	/* of a stripe */
	struct stripe stripes[STRIPES];
};

struct known *known_new(unsigned max)
{
	struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->sets_max = FIRST_SETS;
	while (k->sets_max * 2 <= max / (STRIPES * WAYS))
		k->sets_max *= 2;
	for (int i = 0; i < STRIPES; i++)
		pthread_mutex_init(&k->stripes[i].lock, NULL);
	return k;
}

void known_free(struct known *k)
{
	if (!k)
		return;
	for (int i = 0; i < STRIPES; i++) {
		pthread_mutex_destroy(&k->stripes[i].lock);
		free(k->stripes[i].slots);
	}
	free(k);
}

static struct stripe *lock_stripe(struct known *k, struct hash128 key)
{
	struct stripe *s = &k->stripes[key.a % STRIPES];

	pthread_mutex_lock(&s->lock);
	return s;
}

static struct slot *set_of(const struct stripe *s, struct hash128 key)
{
	return s->slots + (key.b & (s->sets - 1)) * WAYS;
}

static struct slot *find(const struct stripe *s, struct hash128 key)
{
	struct slot *set = s->slots ? set_of(s, key) : NULL;

	for (int i = 0; set && i < WAYS; i++)
		if (set[i].user_id && set[i].key.a == key.a &&
		    set[i].key.b == key.b)
			return &set[i];
	return NULL;
}

int known_get(struct known *k, struct hash128 key, struct hash128 values,
	      int64_t since_s, int64_t *user_id_r)
{
	struct stripe *s = lock_stripe(k, key);
	const struct slot *slot = find(s, key);
	int hit = slot && slot->values.a == values.a &&
		  slot->values.b == values.b && slot->seen_s > since_s;

	if (hit)
		*user_id_r = slot->user_id;
	pthread_mutex_unlock(&s->lock);
	return hit;
}

/* A free slot of the set, else the one not seen for longest. */
static struct slot *victim(struct slot *set)
{
	struct slot *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		if (!set[i].user_id)
			return &set[i];
		if (set[i].seen_s < oldest->seen_s)
			oldest = &set[i];
	}
	return oldest;
}

/* Twice the sets: each old set's entries fit into its two heirs. */
static void grow(struct stripe *s, unsigned sets)
{
	struct stripe next = { .sets = sets };

	next.slots = calloc((size_t)sets * WAYS, sizeof(*next.slots));
	if (!next.slots)
		return;
	for (unsigned i = 0; i < s->sets * WAYS; i++)
		if (s->slots[i].user_id)
			*victim(set_of(&next, s->slots[i].key)) = s->slots[i];
	free(s->slots);
	s->slots = next.slots;
	s->sets = next.sets;
}

void known_put(struct known *k, struct hash128 key, struct hash128 values,
	       int64_t seen_s, int64_t user_id)
{
	struct stripe *s = lock_stripe(k, key);
	struct slot *slot;

	if (!s->slots)
		grow(s, FIRST_SETS);
	if (s->slots) {
		slot = find(s, key);
		if (!slot && victim(set_of(s, key))->user_id &&
		    s->sets < k->sets_max)
			grow(s, s->sets * 2);
		if (!slot)
			slot = victim(set_of(s, key));
		*slot = (struct slot){ key, values, user_id, seen_s };
	}
	pthread_mutex_unlock(&s->lock);
}

void known_drop(struct known *k, struct hash128 key)
{
	struct stripe *s = lock_stripe(k, key);
	struct slot *slot = find(s, key);

	if (slot)
		*slot = (struct slot){ 0 };
	pthread_mutex_unlock(&s->lock);
}
