/*
 * router: which list of steps answers a method and a path on a host.
 *
 * A pure function over a table that reads like the contract's list of
 * endpoints.  Paths are matched raw, octet by octet: nothing is decoded,
 * so "/auth%2fsession" is no endpoint, and neither is "/auth/session/".  Only
 * behind a tenant's slug, where people write the address by hand, one slash
 * may stand or be left out.  What is under /api/auth, in any letter case, and
 * no endpoint is answered by steps_near_miss.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "handoff/exchange.h"

/* Where an endpoint lives. */
enum route_place {
	ROUTE_GATEWAY = 1,	/* B: the gateway's own host */
	ROUTE_TENANT = 2,	/* C: hosts where tenants live; the gateway's
				 * too, when tenants live there */
	ROUTE_ANY = 3,
};

#define ROUTE_ANY_METHOD (-1)
/* Behind the routes of a path: its own list for the methods that none of
 * them has, in place of the common 405. */
#define ROUTE_OTHER_METHOD (-2)

struct route {
	const char *pattern;	/* "{}" stands for one filled segment; at most
				 * REQUEST_PARAMS_MAX of them; "[/]" at the end
				 * for a slash or none */
	int method;		/* enum method; GET takes HEAD as well */
	enum route_place place;
	const struct steps *steps;
};

/* The gateway's own table; a route without a pattern ends a table. */
extern const struct route router_table[];

struct router_match {
	const struct steps *steps;	/* never NULL */
	/* what each "{}" stood for, raw; absent past the last */
	struct str params[REQUEST_PARAMS_MAX];
	const char *allow;		/* for a 405: its Allow; else NULL */
};

/*
 * `host` is NULL for a host that nobody configured: the list chosen then does
 * not matter, as every exchange there is answered 421.
 */
struct router_match router_find(const struct route *table, enum method method,
				struct str path, const struct host *host);

#endif
