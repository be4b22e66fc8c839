#include "store/session-places.h"

#include <stdlib.h>
#include <string.h>

enum err session_places_init(struct session_places *ps)
{
	enum err err;

	*ps = (struct session_places){ 0 };
	err = idmap_init(&ps->tenants);
	if (err)
		return err;
	err = idmap_init(&ps->places);
	if (err)
		idmap_done(&ps->tenants);
	return err;
}

void session_places_done(struct session_places *ps)
{
	idmap_done(&ps->tenants);
	idmap_done(&ps->places);
	free(ps->ranking);
	*ps = (struct session_places){ 0 };
}

/* ---- who holds how many ---- */

static void put(struct session_places *ps, unsigned rank,
		struct session_tenant *t)
{
	ps->ranking[rank] = t;
	t->rank = rank;
}

/* Its count has changed, or it is new at its rank. */
static void settle(struct session_places *ps, struct session_tenant *t)
{
	unsigned i = t->rank;

	while (i && ps->ranking[(i - 1) / 2]->held < t->held) {
		put(ps, i, ps->ranking[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		unsigned child = 2 * i + 1;

		if (child + 1 < ps->tenant_count &&
		    ps->ranking[child + 1]->held > ps->ranking[child]->held)
			child++;
		if (child >= ps->tenant_count ||
		    ps->ranking[child]->held <= t->held)
			break;
		put(ps, i, ps->ranking[child]);
		i = child;
	}
	put(ps, i, t);
}

static bool rank_new(struct session_places *ps, struct session_tenant *t)
{
	if (ps->tenant_count == ps->ranking_cap) {
		unsigned cap = ps->ranking_cap ? ps->ranking_cap * 2 : 16;
		struct session_tenant **more =
			reallocarray(ps->ranking, cap, sizeof(*more));

		if (!more)
			return false;
		ps->ranking = more;
		ps->ranking_cap = cap;
	}
	put(ps, ps->tenant_count++, t);
	return true;
}

static void rank_no_more(struct session_places *ps, struct session_tenant *t)
{
	struct session_tenant *last = ps->ranking[--ps->tenant_count];

	if (last == t)
		return;
	put(ps, t->rank, last);
	settle(ps, last);
}

void session_tenant_count(struct session_places *ps, struct session_tenant *t,
			  int more)
{
	t->held = (unsigned)((int)t->held + more);
	settle(ps, t);
}

struct session_tenant *session_places_top(const struct session_places *ps)
{
	return ps->tenant_count ? ps->ranking[0] : NULL;
}

/* ---- finding and making ---- */

#define HASH_START 0xcbf29ce484222325
#define HASH_PRIME 0x100000001b3

/* FNV-1a: slugs and hosts are the operator's, who means no harm. */
static uint64_t hash_text(uint64_t h, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * HASH_PRIME;
	return h * HASH_PRIME;
}

static int64_t hash_where(const struct session_where *w)
{
	uint64_t h = hash_text(HASH_START, w->tenant);

	h = hash_text(h, w->host);
	h = (h ^ w->epoch) * HASH_PRIME;
	h = (h ^ w->kind) * HASH_PRIME;
	h = (h ^ w->idle_s) * HASH_PRIME;
	h = (h ^ w->life_s) * HASH_PRIME;
	return (int64_t)h;
}

/*
 * Where the hash is another one's already.  Should that one go, what stands
 * here is not found again but made once more: two of a kind, and no harm.
 */
static int64_t next_number(int64_t id)
{
	return (int64_t)((uint64_t)id + 1);
}

/* Only this thread adds and removes: what it found stays without the lock. */
static struct idmap_node *get(struct idmap *map, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(map, id);
	struct idmap_node *n = idmap_get(stripe, id);

	idmap_unlock(stripe);
	return n;
}

static void add(struct idmap *map, struct idmap_node *n)
{
	struct idmap_stripe *stripe = idmap_lock(map, n->id);

	idmap_add(stripe, n);
	idmap_unlock(stripe);
}

static void take_out(struct idmap *map, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(map, id);

	idmap_del(stripe, id);
	idmap_unlock(stripe);
}

static struct session_tenant *new_tenant(struct session_places *ps,
					 struct str slug, int64_t id)
{
	struct session_tenant *t = malloc(sizeof(*t) + slug.len);

	if (!t)
		return NULL;
	*t = (struct session_tenant){
		.node.id = id,
		.slug = { t->text, slug.len },
	};
	memcpy(t->text, slug.ptr, slug.len);
	if (!rank_new(ps, t)) {
		free(t);
		return NULL;
	}
	list_init(&t->order);
	pthread_mutex_init(&t->lock, NULL);
	add(&ps->tenants, &t->node);
	return t;
}

static struct session_tenant *find_tenant(struct session_places *ps,
					  struct str slug)
{
	int64_t id = (int64_t)hash_text(HASH_START, slug);
	struct idmap_node *n;

	for (; (n = get(&ps->tenants, id)) != NULL; id = next_number(id))
		if (str_eq(((struct session_tenant *)n)->slug, slug))
			return (struct session_tenant *)n;
	return new_tenant(ps, slug, id);
}

static void free_tenant(struct session_places *ps, struct session_tenant *t)
{
	take_out(&ps->tenants, t->node.id);
	rank_no_more(ps, t);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool session_place_is(const struct session_place *p,
		      const struct session_where *w)
{
	return p->kind == w->kind && p->epoch == w->epoch &&
	       p->idle_s == w->idle_s && p->life_s == w->life_s &&
	       str_eq(p->host, w->host) && str_eq(p->tenant->slug, w->tenant);
}

static struct session_place *new_place(struct session_places *ps,
				       const struct session_where *w,
				       int64_t id)
{
	struct session_tenant *t = find_tenant(ps, w->tenant);
	struct session_place *p = malloc(sizeof(*p) + w->host.len);

	if (!t || !p) {
		if (t && !t->places)
			free_tenant(ps, t);
		free(p);
		return NULL;
	}
	*p = (struct session_place){
		.node.id = id,
		.tenant = t,
		.kind = w->kind,
		.epoch = w->epoch,
		.idle_s = w->idle_s,
		.life_s = w->life_s,
		.host = { p->text, w->host.len },
	};
	memcpy(p->text, w->host.ptr, w->host.len);
	t->places++;
	add(&ps->places, &p->node);
	return p;
}

struct session_place *session_place_ref(struct session_places *ps,
					const struct session_where *where)
{
	int64_t id = hash_where(where);
	struct session_place *p;
	struct idmap_node *n;

	for (; (n = get(&ps->places, id)) != NULL; id = next_number(id)) {
		p = (struct session_place *)n;
		if (session_place_is(p, where))
			return session_place_keep(p);
	}
	p = new_place(ps, where, id);
	return p ? session_place_keep(p) : NULL;
}

struct session_place *session_place_keep(struct session_place *p)
{
	p->refs++;
	return p;
}

void session_place_unref(struct session_places *ps, struct session_place *p)
{
	if (--p->refs)
		return;
	take_out(&ps->places, p->node.id);
	if (!--p->tenant->places)
		free_tenant(ps, p->tenant);
	free(p);
}
