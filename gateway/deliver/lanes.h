/*
 * lanes: what is under way, so that nobody is in anybody's way.
 *
 * One event of an endpoint and user at a time, or their order would not hold;
 * so many of an endpoint, of a tenant, and in all, so that one slow receiver
 * holds up itself.  Plain data; all zero is none.
 */
#ifndef DELIVER_LANES_H
#define DELIVER_LANES_H

#include <stdbool.h>
#include <stdint.h>

#define LANES_MAX 64
#define LANES_TENANT_MAX 16
#define LANES_ENDPOINT_MAX 8

struct lanes {
	struct {
		uint64_t tenant;	/* a hash of its slug */
		int64_t endpoint, user;
	} list[LANES_MAX];
	unsigned count;
};

/* Of an endpoint. */
unsigned lanes_count(const struct lanes *lanes, int64_t endpoint);
/* Has the endpoint any room? */
bool lanes_have_room(const struct lanes *lanes, uint64_t tenant,
		     int64_t endpoint);
/* False: there is no room, or the lane is taken. */
bool lanes_take(struct lanes *lanes, uint64_t tenant, int64_t endpoint,
		int64_t user);
void lanes_give_back(struct lanes *lanes, int64_t endpoint, int64_t user);

#endif
