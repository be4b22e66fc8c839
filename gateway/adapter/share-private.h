/*
 * share: how much of the supervisor's time one adapter's process may take.
 *
 * Whatever it sends is read, decoded and answered by the one thread that all
 * isolated adapters share.  So each frame costs its octets, and more where it
 * is a question; what is beyond SHARE_MAX in a tenth of a second is not read
 * before that is over.  The process waits then, with its own calls: 4000 lines
 * for the log or 60 signatures over 64 KiB in a tenth are few per cent of a
 * core.  A reply costs its octets alone: it was asked for.
 */
#ifndef ADAPTER_SHARE_PRIVATE_H
#define ADAPTER_SHARE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wire.h"

#define SHARE_NS INT64_C(100000000)
#define SHARE_MAX (4u * 1024 * 1024)	/* a tenth of a second */
#define SHARE_FRAME 1024		/* one that is no reply */
#define SHARE_SIGN 4096			/* one that wants a signature */

struct share {
	int64_t since_ns;	/* when this tenth began */
	uint64_t cost;		/* in it */
};

/* A frame of `len` octets was heard. */
void share_take(struct share *share, enum wire_type type, size_t len,
		int64_t now_ns);
/* Is it to wait at `now_ns`? */
bool share_is_spent(const struct share *share, int64_t now_ns);
/* Until then. */
int64_t share_until(const struct share *share);

#endif
