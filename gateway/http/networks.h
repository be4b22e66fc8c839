/*
 * networks: how many connections each client's network has open, all workers
 * together: an IPv4 address, or an IPv6 /64, which is one customer's.
 *
 * Without a bound one of them could take all that the gateway serves
 * (connections_max), and hold them for as long as a request may take.  The
 * library's own bound counts single addresses, of which an IPv6 client has
 * as many as they like, and each worker's daemon alone.
 */
#ifndef HTTP_NETWORKS_H
#define HTTP_NETWORKS_H

#include "base/error.h"
#include "codec/ip.h"

struct networks;
struct network;

/* NULL: no memory. */
struct networks *networks_new(void);
/* Accepts NULL; nobody is in it any more. */
void networks_free(struct networks *networks);
/*
 * One more connection from there; any thread.  ERR_LIMIT: there are `max`;
 * ERR_NOMEM.  *network_r is for networks_leave().
 */
enum err networks_enter(struct networks *networks, const struct ip *ip,
			unsigned max, struct network **network_r);
/* It has ended. Accepts NULL. */
void networks_leave(struct networks *networks, struct network *network);
/* Networks with a connection; for tests. */
unsigned networks_count(struct networks *networks);

#endif
