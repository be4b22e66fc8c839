/*
 * known: what the last sync of a user held, so that the same again costs
 * nothing.
 *
 * A bounded, shared cache of hashes: no text is kept.  Keys and values are
 * 128 bits of SipHash under the process's secret, so nobody can make two that
 * are equal.  Entries are put after the commit and dropped when anything else
 * changes their user.
 */
#ifndef STORE_KNOWN_H
#define STORE_KNOWN_H

#include <stdint.h>

#include "base/hash.h"

struct known;

/* About `max` entries, allocated as they come. NULL: no memory. */
struct known *known_new(unsigned max);
/* Accepts NULL. */
void known_free(struct known *known);

/* Is `values` what `key` had, seen after `since_s`?  1 and *user_id_r, or 0. */
int known_get(struct known *known, struct hash128 key, struct hash128 values,
	      int64_t since_s, int64_t *user_id_r);
/* Add or replace; where there is no room the one not seen for longest goes. */
void known_put(struct known *known, struct hash128 key, struct hash128 values,
	       int64_t seen_s, int64_t user_id);
void known_drop(struct known *known, struct hash128 key);

#endif
