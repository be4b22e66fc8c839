/*
 * tally: what sign-ins' assertions were worth lately, by tenant, hour and kind:
 * is a tenant ready for identity = "signed"?
 *
 * The last TALLY_HOURS hours are kept, in memory alone.  A tenant's counts begin
 * anew where the rules that they were counted by change (`stamp`), and when they
 * are told to: what was before the pages were mended says nothing of them.
 *
 * Any thread; its lock is held for a walk over one bucket.
 */
#ifndef POLICY_TALLY_H
#define POLICY_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define TALLY_HOURS 24
#define TALLY_KINDS 16
#define TALLY_TENANTS_MAX 20000		/* later ones are not counted */

struct tally;

/* Of one tenant, since `since_ms`: by kind. */
struct tally_sum {
	int64_t since_ms;		/* steady clock */
	uint64_t counts[TALLY_KINDS];
};

/* NULL: no memory. */
struct tally *tally_new(void);
/* Accepts NULL. */
void tally_free(struct tally *tally);
/* One more of that kind, below TALLY_KINDS.  `now_ms` is the steady clock's, as
 * below.  Without memory nothing is counted. */
void tally_count(struct tally *tally, struct str tenant, uint64_t stamp,
		 unsigned kind, int64_t now_ms);
/*
 * Did this jti come in another assertion, `print` being 64 bits of one?  Of the
 * last TALLY_JTIS or so; what is forgotten is told as new.  Signing code whose
 * ids repeat works until two of its users have the same.
 */
#define TALLY_JTIS 8192
bool tally_is_repeated(struct tally *tally, struct str tenant, struct str jti,
		       uint64_t print);
/* The last `hours`, 1 to TALLY_HOURS, that which has begun included; of a
 * tenant that nobody came to since it changed all are 0, from now on. */
void tally_sum(struct tally *tally, struct str tenant, uint64_t stamp,
	       unsigned hours, int64_t now_ms, struct tally_sum *sum_r);
/* Begin anew. */
void tally_reset(struct tally *tally, struct str tenant, uint64_t stamp,
		 int64_t now_ms);

#endif
