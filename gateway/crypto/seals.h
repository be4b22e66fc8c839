/*
 * seals: how often each master key has sealed.
 *
 * AES-GCM with random IVs is good for 2^32 seals of one key (NIST SP 800-38D
 * section 8.3).  They are counted here by key id, over all tenants together,
 * though each has a key of its own: that is on the safe side.  A count belongs
 * to the process and not to a configuration, so neither a reload nor a rotation
 * begins it anew; and it is kept in a file over restarts:
 *
 *	usher-seals 1
 *	KID COUNT
 *
 * The file runs ahead of the truth (SEALS_AHEAD), so that after a process was
 * killed too many are counted and never too few.
 *
 * All functions may be called from any thread; seals_load() and seals_save()
 * read and write files and wait for the disk.
 */
#ifndef CRYPTO_SEALS_H
#define CRYPTO_SEALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "crypto/keyring.h"

#define SEALS_MAX (UINT64_C(1) << 32)	/* then a key seals no more */
#define SEALS_WARN (SEALS_MAX / 2)	/* it is time for the next key */
#define SEALS_ROTATE (SEALS_MAX / 4 * 3)	/* the daemon makes it itself */
#define SEALS_AHEAD (UINT64_C(1) << 20)	/* of the file before the truth */
#define SEALS_NEW_S 86400	/* a key may be unknown for so long, s */
#define SEALS_KIDS_MAX 256		/* key ids known in one process */
#define SEALS_FILE_MAX 4096		/* octets */

/* One key's count.  Lives at least as long as somebody holds it. */
struct seals;

/* The count of that key, from 0 where it is new.  NULL: SEALS_KIDS_MAX others
 * are held. */
struct seals *seals_hold(struct str kid);
/* Accepts NULL. */
void seals_let_go(struct seals *seals);
/* Count one, before it happens. False: the key must not seal any more. */
bool seals_take(struct seals *seals);
uint64_t seals_taken(const struct seals *seals);

/* What is known of a key; 0: nothing. */
uint64_t seals_of(struct str kid);
/* It was sealed with this often at least: a count never goes down. */
void seals_at_least(struct str kid, uint64_t count);

/*
 * Take the counts of a ring's keys from a file.  ERR_NOT_FOUND: there is none,
 * and the ring is new; ERR_SYNTAX, ERR_LIMIT, ERR_IO: its counts are lost;
 * ERR_CONFLICT: it is gone, or does not know a key that is older than
 * SEALS_NEW_S.  In all but the first nobody knows how often these keys have
 * sealed: each counts as SEALS_ROTATE from now on.
 */
enum err seals_load(const char *path, const struct keyring *ring);
/* Have the file's counts been used up by half, for any key of the ring? */
bool seals_is_due(const struct keyring *ring);
/* Write the counts of a ring's keys, `ahead` seals before the truth (0 at a
 * clean stop). ERR_IO, ERR_BUSY, ERR_LIMIT: the file is as it was. */
enum err seals_save(const char *path, const struct keyring *ring,
		    uint64_t ahead);

#endif
