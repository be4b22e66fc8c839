/*
 * ratelimit: how often may a client ask?  GCRA, the generic cell rate
 * algorithm (ITU-T I.371), per scope and client.
 *
 * Per client one time is kept: when it will have its full credit again.  A
 * request moves it ahead by T = per / requests and is refused when it would
 * then lie more than a whole period ahead.  So a client may burst `requests`,
 * and afterwards one place comes free every T.  A refused request costs
 * nothing.
 *
 * A client is an IPv4 address or an IPv6 /64.  Since whoever holds a /48 holds
 * 65,536 of those, all of a /48 together have RATELIMIT_WIDE_FACTOR times the
 * budget of one; a request must fit in both.  All unix sockets are one client.
 *
 * Times are the steady clock's (base/clock.h), so that the state outlives a
 * restart and no step frees or locks anybody.  Were it behind all the same,
 * nobody waits longer than if they had just used up all of their credit.
 *
 * The table is many small ones, each with a lock of its own; growing moves a
 * few hundred clients at a time.  It never holds more than its maximum: when
 * full, the client whose credit is restored soonest makes room.  Any thread
 * may check at any time.
 */
#ifndef POLICY_RATELIMIT_H
#define POLICY_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "codec/ip.h"

/* Clients kept, about 20 bytes each: 32 MiB when full. */
#define RATELIMIT_CLIENTS_MAX (3u << 19)	/* 1,572,864 */
#define RATELIMIT_WIDE_FACTOR 16
/* What a rule may say; what is outside is taken as the nearest inside. */
#define RATELIMIT_REQUESTS_MAX 1000000u
#define RATELIMIT_PER_S_MAX (31u * 24 * 3600)
#define RATELIMIT_WHY_MAX 256	/* enough for every message below */

struct ratelimit;

struct ratelimit_rule {
	uint32_t requests;	/* 1 .. RATELIMIT_REQUESTS_MAX */
	uint32_t per_s;		/* 1 .. RATELIMIT_PER_S_MAX */
};

struct ratelimit_verdict {
	bool allowed;
	uint32_t limit;		/* the rule's requests */
	uint32_t remaining;	/* that would be allowed right now */
	uint32_t retry_after_s;	/* until a place comes free; 0 when allowed,
				 * else at least 1 */
};

/*
 * Room for `clients_max` (0: RATELIMIT_CLIENTS_MAX; at most 25 million)
 * clients; memory is taken as they come.  NULL: no memory or no random bytes.
 */
struct ratelimit *ratelimit_new(uint32_t clients_max);
/* Accepts NULL. */
void ratelimit_free(struct ratelimit *limiter);

/*
 * May this client make a request now?  If so, it is counted.  `scope` keeps
 * budgets apart: a tenant's slug where the tenant has a rule of its own, an
 * empty one for the gateway's.  Where there is no memory at all to count a
 * client not seen before, it is refused for a second.
 */
struct ratelimit_verdict ratelimit_check(struct ratelimit *limiter,
					 struct str scope,
					 struct ratelimit_rule rule,
					 const struct ip *client,
					 int64_t now_ms);

/*
 * What ratelimit_check() would say, with nothing counted: for what is charged
 * only once it is known how it went.  `remaining` is what is left before it.
 */
struct ratelimit_verdict ratelimit_peek(struct ratelimit *limiter,
					struct str scope,
					struct ratelimit_rule rule,
					const struct ip *client,
					int64_t now_ms);

/*
 * What ratelimit_check() counted costs nothing after all.  Never more than full
 * credit comes of it.
 */
void ratelimit_give_back(struct ratelimit *limiter, struct str scope,
			 struct ratelimit_rule rule, const struct ip *client,
			 int64_t now_ms);

/* Forget who has full credit, and give memory back. For about once a minute. */
void ratelimit_sweep(struct ratelimit *limiter, int64_t now_ms);

struct ratelimit_stats {
	uint32_t clients;	/* in the table, those with full credit too */
	uint32_t clients_max;
	uint64_t evicted;	/* pushed out with less than full credit */
	size_t bytes;		/* memory held */
};
struct ratelimit_stats ratelimit_stats(struct ratelimit *limiter);

/*
 * Save who has less than full credit to `path`, mode 0600: written anew beside
 * the old file, fsynced and renamed.  Clients are in it as keyed hashes, with
 * the key, but no addresses in clear.  Checks go on meanwhile; no lock is held
 * over I/O.  ERR_BUSY when somebody else is saving, ERR_IO (errno says more),
 * ERR_NOMEM.
 */
enum err ratelimit_save(const struct ratelimit *limiter, const char *path,
			int64_t now_ms);
/*
 * Take up a saved state; only on a limiter that was just made.  Whoever has
 * full credit by now is left out.  A file that is not exactly what
 * ratelimit_save() writes changes nothing, and `why` (of `size` bytes,
 * terminated) says what is wrong with it.  ERR_NOT_FOUND, ERR_IO,
 * ERR_UNSUPPORTED (another version), ERR_SYNTAX, ERR_LIMIT; ERR_NOMEM, after
 * which some of it may have been taken up.
 */
enum err ratelimit_load(struct ratelimit *limiter, const char *path,
			int64_t now_ms, char *why, size_t size);

#endif
