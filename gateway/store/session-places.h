/*
 * session-places: what many sessions have in common, kept once.
 *
 * A place is where sessions hold and how long: tenant, its epoch, host, kind
 * and the two lifetimes.  A tenant's sessions are in a few of them.  Places
 * are counted by reference, and go with the last one; a tenant's book goes
 * with the last of its places.
 *
 * Only one thread (the writer's; at a start the one that loads) takes and
 * gives back, and moves the counts.  Others may read a place that somebody's
 * reference keeps, and move sessions in a tenant's `order`, under its lock.
 */
#ifndef STORE_SESSION_PLACES_H
#define STORE_SESSION_PLACES_H

#include "base/list.h"
#include "store/idmap.h"
#include "store/sessions.h"

/* A tenant that has sessions. */
struct session_tenant {
	struct idmap_node node;		/* by the hash of its slug */
	unsigned places;		/* that point here */
	unsigned held;			/* its sessions: see session_room */
	unsigned rank;			/* where it is in `ranking` */
	pthread_mutex_t lock;		/* of `order` */
	struct list order;		/* the longest idle comes first */
	struct str slug;
	char text[];
};

struct session_place {
	struct idmap_node node;		/* by the hash of all that follows */
	struct session_tenant *tenant;
	unsigned refs;
	enum session_kind kind;
	uint64_t epoch;
	uint32_t idle_s, life_s;	/* the second: from its opening on */
	struct str host;
	char text[];
};

struct session_places {
	struct idmap tenants, places;
	/* a heap: who holds most is the first */
	struct session_tenant **ranking;
	unsigned tenant_count, ranking_cap;
};

/* What a place is known by. */
struct session_where {
	struct str tenant, host;
	uint64_t epoch;
	enum session_kind kind;
	uint32_t idle_s, life_s;
};

/* ERR_NOMEM: session_places_done() is not needed then. */
enum err session_places_init(struct session_places *places);
/* All references were given back. Accepts a zeroed one. */
void session_places_done(struct session_places *places);

/* A reference to the place, made where there is none. NULL: no memory. */
struct session_place *session_place_ref(struct session_places *places,
					const struct session_where *where);
void session_place_unref(struct session_places *places,
			 struct session_place *place);
bool session_place_is(const struct session_place *place,
		      const struct session_where *where);
/* Another reference to one that is there. */
struct session_place *session_place_keep(struct session_place *place);

/* The tenant holds so many more (or fewer). */
void session_tenant_count(struct session_places *places,
			  struct session_tenant *tenant, int more);
/* Who holds most; NULL: there is none. */
struct session_tenant *session_places_top(const struct session_places *places);

#endif
