/*
 * suggest: the known word that a mistyped one most likely meant.
 *
 * Optimal string alignment distance (Damerau 1964: insert, delete, replace,
 * swap two neighbours, each costs 1) without regard to ASCII letter case, with
 * '-' and '_' the same.  Pure.
 */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "base/str.h"

#define SUGGEST_WORD_MAX 64	/* longer words are near to nothing */
#define SUGGEST_PREFIX_MIN 3	/* shorter ones are the beginning of anything */

/* SUGGEST_WORD_MAX + 1 when either is too long. */
unsigned suggest_distance(struct str a, struct str b);
/*
 * The nearest of `count` terminated words, the first of equals; else the first
 * that the word is the beginning of; NULL when none is near: further away than
 * a third of the word's length, rounded up.
 */
const char *suggest_nearest(struct str word, const char *const *known,
			    unsigned count);

#endif
