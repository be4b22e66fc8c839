/*
 * correct: what a value that cannot be used was most likely meant to be,
 * written as it should stand in the file.
 *
 * Each function appends a remedy and returns true, or leaves `out` alone and
 * returns false where nobody can tell.  What it quotes is short and clean, and
 * never the part of a URL that may hold a password.
 */
#ifndef CONFIG_CORRECT_H
#define CONFIG_CORRECT_H

#include "base/buf.h"
#include "base/pool.h"
#include "config/schema.h"

#define CORRECT_QUOTED_MAX 128	/* octets; longer values are not repeated */

/* "yes", "on", "1" and "true" are 1, their opposites 0, all else -1. */
int correct_switch(struct str word);
/* A value of another kind than `setting` has: `write desk = true;`. */
bool correct_value(const struct setting *setting, const config_setting_t *at,
		   struct buf *out);
/*
 * A text that is not an origin as browsers send it: `write
 * "https://shop.example"`.  A missing scheme, capitals, a path, the default
 * port, and letters that a host name has as A-labels are mended.
 */
bool correct_origin(struct pool *pool, struct str text, struct buf *out);
/* The same for a URL, which keeps its path. */
bool correct_url(struct pool *pool, struct str text, struct buf *out);

#endif
