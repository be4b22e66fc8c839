/*
 * tombstones: people whose sign-ins under way were ended.
 *
 * A token carries all that an arrival needs, so there is no row to delete while
 * its holder is on the way.  Who is erased leaves a tombstone instead: tokens
 * that were minted for them up to that moment redeem no more, nor do later ones
 * by an assertion that was issued up to then; others do.
 * (Blocking needs none: the row says it.)  Whom their partner signs out leaves
 * the same, and the name of the partner's message beside it, which is taken once.
 *
 * An assertion's time is of its partner's clock, which may be a minute ahead: so
 * an erasure ends what was issued up to TOMBSTONE_SKEW_MS after it as well.  Who
 * is back sooner is refused until then.  An arrival that takes an address from
 * somebody ends what the partner issued for them up to its own assertion, by the
 * same clock.  What an adoption ends has no assertion.
 *
 * It is written in the transaction of the erasure and asked for in that of the
 * redemption, so that the two may share a batch.  Where there are none, as
 * nearly always, asking costs nothing.
 *
 * Of the person it keeps 128 bits of SipHash of tenant, kind and address (or external id), under
 * a key that was drawn with the database: no address, though who has the
 * database may try addresses against it while it is kept.  That is
 * TOMBSTONE_KEPT_S, longer than any token or assertion is good for (900 seconds,
 * and 240), by the steady clock, which does not leap.
 */
#ifndef STORE_TOMBSTONES_H
#define STORE_TOMBSTONES_H

#define TOMBSTONE_KEPT_S 1140
#define TOMBSTONE_SKEW_MS 60000	/* as ASSERTION_SKEW_S of policy/assertion.h */

struct tombstones;		/* one per store */

#endif
