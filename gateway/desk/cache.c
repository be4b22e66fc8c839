#include "desk/cache.h"

#include <stdlib.h>

#include "base/buf.h"

struct place {
	struct cache_key key;		/* user_id 0: empty */
	struct buf text;
};

/* Workers write to their parts all the time: none shares a cache line. */
struct part {
	_Alignas(64) struct place places[CACHE_PLACES];
};

struct desk_cache {
	unsigned workers;
	struct part *parts;
};

struct desk_cache *desk_cache_new(unsigned workers)
{
	struct desk_cache *cache = malloc(sizeof(*cache));
	size_t size = sizeof(struct part) * (workers ? workers : 1);

	if (!cache)
		return NULL;
	cache->workers = workers;
	cache->parts = aligned_alloc(_Alignof(struct part), size);
	if (!cache->parts) {
		free(cache);
		return NULL;
	}
	memset(cache->parts, 0, size);
	return cache;
}

void desk_cache_free(struct desk_cache *cache)
{
	unsigned i, j;

	if (!cache)
		return;
	for (i = 0; i < cache->workers; i++)
		for (j = 0; j < CACHE_PLACES; j++)
			buf_done(&cache->parts[i].places[j].text);
	free(cache->parts);
	free(cache);
}

/* Users are numbered one by one: neighbours do not share a place. */
static struct place *find(struct desk_cache *cache, unsigned worker,
			  struct cache_key key)
{
	uint64_t at = (uint64_t)key.user_id * CACHE_KINDS + key.kind;

	if (!cache || worker >= cache->workers)
		return NULL;
	return &cache->parts[worker].places[at % CACHE_PLACES];
}

bool desk_cache_get(struct desk_cache *cache, unsigned worker,
		    struct cache_key key, struct str *text_r)
{
	const struct place *place = find(cache, worker, key);

	if (!place || place->key.user_id != key.user_id ||
	    place->key.kind != key.kind || place->key.version != key.version)
		return false;
	*text_r = buf_str(&place->text);
	return true;
}

void desk_cache_put(struct desk_cache *cache, unsigned worker,
		    struct cache_key key, struct str text)
{
	struct place *place = find(cache, worker, key);

	if (!place)
		return;
	/* What was there may have been another's, and longer. */
	buf_done(&place->text);
	place->key = (struct cache_key){ 0 };
	if (text.len > CACHE_TEXT_MAX)
		return;
	buf_init(&place->text, CACHE_TEXT_MAX + 1);
	if (!buf_reserve(&place->text, text.len))
		return;
	buf_adds(&place->text, text);
	if (buf_is_ok(&place->text))
		place->key = key;
}
