#include "adapter/share-private.h"

static uint64_t cost_of(enum wire_type type, size_t len)
{
	switch (type) {
	case WIRE_REPLY:
		return len;
	case WIRE_SIGN:
		return len + SHARE_SIGN;
	default:
		return len + SHARE_FRAME;
	}
}

int64_t share_until(const struct share *share)
{
	return share->since_ns + SHARE_NS;
}

bool share_is_spent(const struct share *share, int64_t now)
{
	return share->cost >= SHARE_MAX && now < share_until(share);
}

void share_take(struct share *share, enum wire_type type, size_t len,
		int64_t now)
{
	if (now >= share_until(share)) {
		share->since_ns = now;
		share->cost = 0;
	}
	share->cost += cost_of(type, len);
}
