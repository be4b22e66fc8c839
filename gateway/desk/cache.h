/*
 * cache: first pages of lists as they were last rendered.
 *
 * A desk that is open asks for the same list again and again.  What is kept
 * here is shown again as long as tickets_version() says that nothing changed
 * (store/tickets.h).  Each worker has a part of its own, which no other
 * touches: no locks.  A part has a fixed number of places, found by user and
 * kind of list; the later one takes the place.
 */
#ifndef DESK_CACHE_H
#define DESK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CACHE_PLACES 256		/* of each worker */
#define CACHE_KINDS 4
#define CACHE_TEXT_MAX (32 * 1024)	/* octets; longer ones are not kept */

struct desk_cache;

struct cache_key {
	int64_t user_id;
	unsigned kind;			/* of the list: below CACHE_KINDS */
	uint64_t version;
};

/* NULL: no memory. */
struct desk_cache *desk_cache_new(unsigned workers);
/* Wipes it all. No worker may be using it. Accepts NULL. */
void desk_cache_free(struct desk_cache *cache);

/* The text is valid until this worker's next put. A NULL cache holds nothing,
 * nor do the parts of workers past those it was made for. */
bool desk_cache_get(struct desk_cache *cache, unsigned worker,
		    struct cache_key key, struct str *text_r);
/* Copies the text, or does nothing where it cannot. */
void desk_cache_put(struct desk_cache *cache, unsigned worker,
		    struct cache_key key, struct str text);

#endif
