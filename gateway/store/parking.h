/*
 * parking: what does not fit into a token waits here for its arrival.
 *
 * A token travels in a URL.  What passes that URL's limit is parked by the
 * handoff, durably, under an id that the token carries; the commit that redeems
 * the token takes it away, else the sweep does once the token has expired.
 *
 * It is the only thing that a post makes the store write, so it is bounded: per
 * row, per client and per tenant.
 */
#ifndef STORE_PARKING_H
#define STORE_PARKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "store/writer.h"

#define PARKED_ID_LEN 16
#define PARKED_MAX (72 * 1024)		/* octets of one */
#define PARKED_CLIENT_MAX 4		/* of one client at a time */
#define PARKED_TENANT_MAX (16 * 1024 * 1024)	/* octets of one tenant */
#define PARKED_CLIENT_LEN_MAX 64	/* octets that tell clients apart */

struct parking;			/* one per store: see store_parking() */

/*
 * Result: ERR_OK: it stands, until exp_s.  ERR_LIMIT: the client or the tenant
 * has too much there already.  ERR_BUSY, ERR_NOMEM, ERR_IO.
 */
struct parked {
	struct job job;			/* set .done */
	/* in */
	struct str tenant;
	struct str client;
	uint8_t id[PARKED_ID_LEN];	/* random */
	struct str content;
	int64_t exp_s;
	/* whom it is for, so that it goes with them */
	struct str email_key;
	bool is_vouched;
	struct str external_id;		/* absent: none */
	/* private */
	const struct tombstones *tombstones;
};
/* ERR_BUSY, ERR_LIMIT: not accepted, done() is not called. */
enum err parking_add(struct parking *parking, struct parked *parked);

/* Any reader; copied into the pool.  ERR_NOT_FOUND: there is none of that
 * tenant (any more). ERR_NOMEM, ERR_IO. */
enum err parking_get(struct db *reader, struct str tenant,
		     const uint8_t id[PARKED_ID_LEN], struct pool *pool,
		     struct str *content_r);

#endif
