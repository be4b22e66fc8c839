#include "policy/ratelimit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "policy/ratelimit-private.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* How full a shard's slots may get: probes stay short, memory is not wasted. */
static uint32_t fill_max(uint32_t slot_count)
{
	return slot_count / 5 * 4;
}

/* Slots for that many clients, and for a quarter more if so many may come. */
static uint32_t slots_for(uint32_t clients, uint32_t clients_max)
{
	clients += clients / 4 + 4;
	if (clients > clients_max)
		clients = clients_max;
	return (clients / 4 + 1) * 5;
}

/* ---- one shard: open addressing, linear probing ------------------------- */

static uint32_t home_of(const struct ratelimit_shard *shard, uint64_t key)
{
	/* The low half, scaled to the slots; the top bits chose the shard. */
	return (uint32_t)((uint64_t)(uint32_t)key * shard->slot_count >> 32);
}

static uint32_t next_of(const struct ratelimit_shard *shard, uint32_t i)
{
	return ++i == shard->slot_count ? 0 : i;
}

/* The key's slot, or the free one where it would go.  There always is one. */
static struct ratelimit_slot *probe(const struct ratelimit_shard *shard,
				    uint64_t key)
{
	uint32_t i = home_of(shard, key);

	while (shard->slots[i].key && shard->slots[i].key != key)
		i = next_of(shard, i);
	return &shard->slots[i];
}

static struct ratelimit_slot *find(const struct ratelimit_shard *shard,
				   uint64_t key)
{
	struct ratelimit_slot *slot;

	if (!shard->slot_count)
		return NULL;
	slot = probe(shard, key);
	return slot->key ? slot : NULL;
}

/* Make the slot free, and move up those that had to step aside because of it,
 * so that no search ends at the gap. */
static void remove_slot(struct ratelimit_shard *shard, uint32_t hole)
{
	uint32_t n = shard->slot_count;

	for (uint32_t i = next_of(shard, hole); shard->slots[i].key;
	     i = next_of(shard, i)) {
		uint32_t home = home_of(shard, shard->slots[i].key);

		/* May it live in the hole?  Not if its home comes after. */
		if ((i + n - home) % n < (i + n - hole) % n)
			continue;
		shard->slots[hole] = shard->slots[i];
		hole = i;
	}
	shard->slots[hole] = (struct ratelimit_slot){ 0 };
	shard->used--;
}

/* The one with its full credit back first. The shard is not empty. */
static uint32_t richest(const struct ratelimit_shard *shard)
{
	int64_t least = INT64_MAX;
	uint32_t at = 0;

	for (uint32_t i = 0; i < shard->slot_count; i++) {
		if (shard->slots[i].key && shard->slots[i].full_at < least) {
			least = shard->slots[i].full_at;
			at = i;
		}
	}
	return at;
}

static void evict(struct ratelimit_shard *shard, int64_t now)
{
	uint32_t i = richest(shard);

	if (shard->slots[i].full_at > now)
		shard->evicted++;
	remove_slot(shard, i);
}

static uint32_t count_live(const struct ratelimit_shard *shard, int64_t now)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i < shard->slot_count; i++)
		live += shard->slots[i].key && shard->slots[i].full_at > now;
	return live;
}

/* Move everybody with less than full credit into `count` slots. */
static bool rebuild(struct ratelimit_shard *shard, uint32_t count,
		    int64_t now)
{
	struct ratelimit_slot *old = shard->slots;
	uint32_t old_count = shard->slot_count;
	struct ratelimit_slot *slots = NULL;

	if (count) {
		slots = calloc(count, sizeof(*slots));
		if (!slots)
			return false;
	}
	shard->slots = slots;
	shard->slot_count = count;
	shard->used = 0;
	for (uint32_t i = 0; i < old_count; i++) {
		if (!old[i].key || old[i].full_at <= now)
			continue;
		*probe(shard, old[i].key) = old[i];
		shard->used++;
	}
	free(old);
	return true;
}

/* Room for one more.  False: there is no memory for even the first. */
static bool make_room(struct ratelimit_shard *shard, uint32_t clients_max,
		      int64_t now)
{
	if (shard->used >= clients_max) {
		evict(shard, now);
		return true;
	}
	if (shard->used < fill_max(shard->slot_count))
		return true;
	if (rebuild(shard, slots_for(count_live(shard, now) + 1,
				     clients_max), now))
		return true;
	if (!shard->slot_count)
		return false;
	/* Searches end at a free slot: one must stay. */
	if (shard->used + 1 >= shard->slot_count)
		evict(shard, now);
	return true;
}

/* Set or add.  The shard is locked.  False: no memory. */
static bool put(struct ratelimit *limiter, struct ratelimit_shard *shard,
		uint64_t key, int64_t full_at, int64_t now)
{
	struct ratelimit_slot *slot = find(shard, key);

	if (!slot) {
		if (!make_room(shard, limiter->shard_clients, now))
			return false;
		slot = probe(shard, key);
		slot->key = key;
		shard->used++;
	}
	slot->full_at = full_at;
	return true;
}

static struct ratelimit_shard *shard_of(const struct ratelimit *limiter,
					uint64_t key)
{
	return &limiter->shards[key >> 40 & (limiter->shard_count - 1)];
}

bool ratelimit_restore(struct ratelimit *limiter, uint64_t key,
		       int64_t full_at, int64_t now)
{
	struct ratelimit_shard *shard = shard_of(limiter, key);
	bool done = true;

	pthread_mutex_lock(&shard->lock);
	/* Here the newcomer has no right of way: entries come in any order. */
	if (shard->used < limiter->shard_clients ||
	    shard->slots[richest(shard)].full_at < full_at)
		done = put(limiter, shard, key, full_at, now);
	pthread_mutex_unlock(&shard->lock);
	return done;
}

/* ---- the whole ---------------------------------------------------------- */

struct ratelimit *ratelimit_new(uint32_t clients_max)
{
	struct ratelimit *limiter = calloc(1, sizeof(*limiter));

	if (!limiter)
		return NULL;
	if (!clients_max)
		clients_max = RATELIMIT_CLIENTS_MAX;
	limiter->shard_count = 1;
	while (limiter->shard_count < RATELIMIT_SHARDS_MAX &&
	       clients_max / limiter->shard_count > RATELIMIT_SHARD_CLIENTS)
		limiter->shard_count *= 2;
	limiter->shard_clients = clients_max / limiter->shard_count;
	if (limiter->shard_clients > RATELIMIT_SHARD_CLIENTS)
		limiter->shard_clients = RATELIMIT_SHARD_CLIENTS;
	limiter->shards = aligned_alloc(_Alignof(struct ratelimit_shard),
					limiter->shard_count *
					sizeof(limiter->shards[0]));
	if (!limiter->shards ||
	    random_bytes(limiter->key, sizeof(limiter->key))) {
		free(limiter->shards);
		free(limiter);
		return NULL;
	}
	for (uint32_t i = 0; i < limiter->shard_count; i++) {
		limiter->shards[i] = (struct ratelimit_shard){ 0 };
		pthread_mutex_init(&limiter->shards[i].lock, NULL);
	}
	return limiter;
}

void ratelimit_free(struct ratelimit *limiter)
{
	if (!limiter)
		return;
	for (uint32_t i = 0; i < limiter->shard_count; i++) {
		pthread_mutex_destroy(&limiter->shards[i].lock);
		free(limiter->shards[i].slots);
	}
	free(limiter->shards);
	explicit_bzero(limiter->key, sizeof(limiter->key));
	free(limiter);
}

void ratelimit_sweep(struct ratelimit *limiter, int64_t now_ms)
{
	int64_t now = now_ms * NS_PER_MS;
	int64_t latest = now + RATELIMIT_PER_S_MAX * NS_PER_S;

	for (uint32_t i = 0; i < limiter->shard_count; i++) {
		struct ratelimit_shard *shard = &limiter->shards[i];
		uint32_t live, fit;

		pthread_mutex_lock(&shard->lock);
		/* Left behind by a clock that was ahead: no rule wants that. */
		for (uint32_t s = 0; s < shard->slot_count; s++) {
			if (shard->slots[s].full_at > latest)
				shard->slots[s].full_at = latest;
		}
		live = count_live(shard, now);
		fit = live ? slots_for(live, limiter->shard_clients) : 0;
		/* Give back what is worth it; no memory to do so: later. */
		if (live < shard->used || fit < shard->slot_count / 2)
			rebuild(shard, fit < shard->slot_count ?
				fit : shard->slot_count, now);
		pthread_mutex_unlock(&shard->lock);
	}
}

struct ratelimit_stats ratelimit_stats(struct ratelimit *limiter)
{
	struct ratelimit_stats stats = {
		.clients_max = limiter->shard_count * limiter->shard_clients,
		.bytes = sizeof(*limiter) +
			 limiter->shard_count * sizeof(limiter->shards[0]),
	};

	for (uint32_t i = 0; i < limiter->shard_count; i++) {
		struct ratelimit_shard *shard = &limiter->shards[i];

		pthread_mutex_lock(&shard->lock);
		stats.clients += shard->used;
		stats.evicted += shard->evicted;
		stats.bytes += shard->slot_count * sizeof(shard->slots[0]);
		pthread_mutex_unlock(&shard->lock);
	}
	return stats;
}

/* ---- the algorithm ------------------------------------------------------ */

/* A rule, worked out: `burst` times `step` is what may be used up. */
struct budget {
	uint64_t key;
	struct ratelimit_shard *shard;
	int64_t step;		/* ns that one request costs */
	int64_t whole;		/* ns that all of the credit is worth */
	/* what is found, and what it comes to */
	int64_t full_at;
	int64_t wait;		/* ns until a request fits; <= 0: now */
};

static uint32_t bound(uint32_t n, uint32_t max)
{
	return n == 0 ? 1 : n > max ? max : n;
}

/*
 * Who asks, as 64 bits.  Two clients share a budget by accident once in many
 * millions of years; nobody can make it happen without the key.
 */
static uint64_t client_key(const struct ratelimit *limiter, uint64_t scope,
			   const struct ip *client, unsigned bits)
{
	uint8_t text[8 + 2 + 16] = { 0 };
	size_t bytes = bits / 8;
	uint64_t key;

	memcpy(text, &scope, 8);
	text[8] = client->family;
	text[9] = (uint8_t)bits;
	memcpy(text + 10, client->bytes, bytes);
	key = hash_keyed(limiter->key, text, 10 + bytes);
	return key ? key : 1;	/* 0 is a free slot */
}

static struct budget budget_of(const struct ratelimit *limiter, uint64_t key,
			       struct ratelimit_rule rule, uint32_t factor)
{
	int64_t burst = (int64_t)rule.requests * factor;
	int64_t step = rule.per_s * NS_PER_S / burst;

	return (struct budget){
		.key = key,
		.shard = shard_of(limiter, key),
		.step = step,
		.whole = step * burst,
	};
}

/* What does the client have?  The shard is locked. */
static void look(struct budget *b, int64_t now)
{
	struct ratelimit_slot *slot = find(b->shard, b->key);

	b->full_at = slot && slot->full_at > now ? slot->full_at : now;
	/*
	 * More used up than there is: the clock was set back, or the rule was
	 * made smaller.  It is written down at once, refused or not: else the
	 * client would wait for the clock to come back to where it was.
	 */
	if (b->full_at > now + b->whole) {
		b->full_at = now + b->whole;
		slot->full_at = b->full_at;
	}
	b->wait = b->full_at + b->step - (now + b->whole);
}

static uint32_t seconds_up(int64_t ns)
{
	return ns <= 0 ? 0 : (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

static struct ratelimit_verdict decide(struct ratelimit *limiter,
				       struct budget *b, size_t count,
				       uint32_t limit, bool charge,
				       int64_t now)
{
	struct ratelimit_verdict v = { .allowed = true, .limit = limit,
				       .remaining = limit };
	int64_t wait = 0;

	for (size_t i = 0; i < count; i++) {
		look(&b[i], now);
		if (b[i].wait > wait)
			wait = b[i].wait;
	}
	v.allowed = wait <= 0;
	for (size_t i = 0; i < count; i++) {
		int64_t left;

		if (v.allowed && charge)
			b[i].full_at += b[i].step;
		if (v.allowed && charge &&
		    !put(limiter, b[i].shard, b[i].key, b[i].full_at, now)) {
			/* What is not counted is not allowed. */
			v.allowed = false;
			wait = NS_PER_S;
		}
		left = (now + b[i].whole - b[i].full_at) / b[i].step;
		if (left < v.remaining)
			v.remaining = (uint32_t)left;
	}
	if (!v.allowed)
		v.remaining = 0;
	v.retry_after_s = seconds_up(wait);
	return v;
}

/* Both locks, always in the same order; one if it is the same. */
static void lock_all(const struct budget *b, size_t count)
{
	struct ratelimit_shard *first = b[0].shard, *second = NULL;

	if (count > 1 && b[1].shard != first) {
		second = b[1].shard > first ? b[1].shard : first;
		first = b[1].shard > first ? first : b[1].shard;
	}
	pthread_mutex_lock(&first->lock);
	if (second)
		pthread_mutex_lock(&second->lock);
}

static void unlock_all(const struct budget *b, size_t count)
{
	pthread_mutex_unlock(&b[0].shard->lock);
	if (count > 1 && b[1].shard != b[0].shard)
		pthread_mutex_unlock(&b[1].shard->lock);
}

#define BUDGETS_MAX 2

/* Those that a request of the client's has to fit in: how many? */
static size_t budgets_of(const struct ratelimit *limiter, struct str scope,
			 struct ratelimit_rule rule, const struct ip *client,
			 struct budget out[BUDGETS_MAX])
{
	uint64_t about = hash_keyed(limiter->key, scope.len ? scope.ptr : "",
				    scope.len);
	unsigned bits = client->family == 6 ? 64 :
			client->family == 4 ? 32 : 0;
	size_t count = 0;

	rule.requests = bound(rule.requests, RATELIMIT_REQUESTS_MAX);
	rule.per_s = bound(rule.per_s, RATELIMIT_PER_S_MAX);
	out[count++] = budget_of(limiter, client_key(limiter, about, client,
						     bits), rule, 1);
	if (client->family == 6)
		out[count++] = budget_of(limiter, client_key(limiter, about,
							     client, 48),
					 rule, RATELIMIT_WIDE_FACTOR);
	return count;
}

static struct ratelimit_verdict ask(struct ratelimit *limiter,
				    struct str scope,
				    struct ratelimit_rule rule,
				    const struct ip *client, bool charge,
				    int64_t now_ms)
{
	struct ratelimit_verdict verdict;
	struct budget budgets[BUDGETS_MAX];
	size_t count = budgets_of(limiter, scope, rule, client, budgets);

	lock_all(budgets, count);
	verdict = decide(limiter, budgets, count,
			 bound(rule.requests, RATELIMIT_REQUESTS_MAX), charge,
			 now_ms * NS_PER_MS);
	unlock_all(budgets, count);
	return verdict;
}

struct ratelimit_verdict ratelimit_check(struct ratelimit *limiter,
					 struct str scope,
					 struct ratelimit_rule rule,
					 const struct ip *client,
					 int64_t now_ms)
{
	return ask(limiter, scope, rule, client, true, now_ms);
}

struct ratelimit_verdict ratelimit_peek(struct ratelimit *limiter,
					struct str scope,
					struct ratelimit_rule rule,
					const struct ip *client,
					int64_t now_ms)
{
	return ask(limiter, scope, rule, client, false, now_ms);
}

void ratelimit_give_back(struct ratelimit *limiter, struct str scope,
			 struct ratelimit_rule rule, const struct ip *client,
			 int64_t now_ms)
{
	struct budget budgets[BUDGETS_MAX];
	size_t count = budgets_of(limiter, scope, rule, client, budgets);
	int64_t now = now_ms * NS_PER_MS;

	lock_all(budgets, count);
	for (size_t i = 0; i < count; i++) {
		struct budget *b = &budgets[i];

		look(b, now);
		/* they are in the table if they have less than all of it, so
		 * this takes no memory */
		if (b->full_at > now)
			put(limiter, b->shard, b->key,
			    b->full_at - b->step > now ? b->full_at - b->step :
							 now, now);
	}
	unlock_all(budgets, count);
}
