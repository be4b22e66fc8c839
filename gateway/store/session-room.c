/* Who makes room where the table of sessions is full. */
#include "store/sessions-private.h"

#include <string.h>

static void count(struct sessions *s, struct session_tenant *t, int more)
{
	s->held = (unsigned)((int)s->held + more);
	session_tenant_count(&s->places, t, more);
}

/* ---- in which order they would ---- */

void room_enter(struct session_node *n)
{
	struct session_tenant *t = n->place->tenant;

	pthread_mutex_lock(&t->lock);
	list_add(&t->order, &n->order);
	pthread_mutex_unlock(&t->lock);
}

void room_load(struct sessions *s, struct session_node *n)
{
	struct session_tenant *t = n->place->tenant;

	pthread_mutex_lock(&t->lock);
	/* at the end of a list that begins with the first of this one */
	list_add(t->order.next, &n->order);
	pthread_mutex_unlock(&t->lock);
	count(s, t, 1);
}

void room_leave(struct sessions *s, struct session_node *n)
{
	struct session_tenant *t = n->place->tenant;
	bool was_held;

	pthread_mutex_lock(&t->lock);
	was_held = !list_is_empty(&n->order);
	list_del(&n->order);
	pthread_mutex_unlock(&t->lock);
	if (was_held)
		count(s, t, -1);
}

void room_seen(struct session_node *n)
{
	struct session_tenant *t = n->place->tenant;

	pthread_mutex_lock(&t->lock);
	if (!list_is_empty(&n->order)) {
		list_del(&n->order);
		list_add(&t->order, &n->order);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- making room ---- */

/* Of whom, where `t` signs in? */
static struct session_tenant *who_pays(const struct sessions *s,
				       struct session_tenant *t)
{
	struct session_tenant *top = session_places_top(&s->places);
	unsigned share = s->max / s->places.tenant_count;

	if (t->held > share || (top->held <= share && t->held))
		return t;
	return top;
}

static struct session_node *node_of(struct sessions *s, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct idmap_node *n = idmap_get(stripe, id);

	idmap_unlock(stripe);
	return (struct session_node *)n;
}

/* The longest idle of that tenant, out of the order; NULL: none. */
static struct session_node *take_first(struct session_tenant *t)
{
	struct session_node *n = NULL;

	pthread_mutex_lock(&t->lock);
	if (!list_is_empty(&t->order)) {
		n = list_entry(t->order.next, struct session_node, order);
		list_del(&n->order);
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

static bool has_expired(struct sessions *s, const struct session_node *n,
			int64_t now_s)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, n->node.id);
	bool has = now_s >= session_node_end(n);

	idmap_unlock(stripe);
	return has;
}

/* One that is written, but not in the table yet: the first of that tenant, or
 * of that id. */
static struct session_entry *find_written(struct sessions *s,
					  const struct session_tenant *t,
					  int64_t id)
{
	struct list *pos, *safe;

	list_each(pos, safe, &s->written) {
		struct session_entry *e = list_entry(pos, struct session_entry,
						     written);

		if (e->place && (t ? e->place->tenant == t && !e->is_leaving :
				     e->id == id))
			return e;
	}
	return NULL;
}

/* Note in `e` who makes room for it. */
static void evict_one(struct sessions *s, struct session_tenant *t,
		      struct session_entry *e)
{
	struct session_node *n = take_first(t);
	struct session_entry *other = n ? NULL : find_written(s, t, 0);

	if (n) {
		e->evicts = n->node.id;
		e->evicts_open = !has_expired(s, n, e->created_s);
	} else if (other) {
		/* all of the table makes room for this very transaction */
		other->is_leaving = true;
		e->evicts = other->id;
		e->evicts_open = true;
	}
	if (e->evicts)
		count(s, t, -1);
}

enum err room_make(struct sessions *s, struct db *db, struct session_entry *e)
{
	const struct session_where where = {
		.tenant = { e->text, e->tenant_len },
		.host = { e->text + e->tenant_len, e->host_len },
		.epoch = e->epoch,
		.kind = e->kind,
		.idle_s = e->idle_s,
		.life_s = (uint32_t)(e->absolute_s - e->created_s),
	};
	struct session_place *place = session_place_ref(&s->places, &where);

	if (!place)
		return ERR_NOMEM;
	if (s->held >= s->max)
		evict_one(s, who_pays(s, place->tenant), e);
	e->place = place;
	count(s, place->tenant, 1);
	return e->evicts ? session_delete(db, e->evicts) : ERR_OK;
}

/* Back to where it was taken from, unless it is gone for another reason. */
static void take_back(struct sessions *s, int64_t id)
{
	struct session_node *n = node_of(s, id);
	struct session_entry *e = n ? NULL : find_written(s, NULL, id);

	if (n)
		room_load(s, n);
	if (e && e->is_leaving) {
		e->is_leaving = false;
		count(s, e->place->tenant, 1);
	}
}

void room_undo(struct sessions *s, struct session_entry *e)
{
	if (e->evicts)
		take_back(s, e->evicts);
	e->evicts = 0;
	if (!e->place)
		return;
	if (!e->is_leaving)
		count(s, e->place->tenant, -1);
	e->is_leaving = false;
	session_place_unref(&s->places, e->place);
	e->place = NULL;
}

/* ---- telling of it ---- */

static void note(struct session_evictions *ev, struct str tenant)
{
	unsigned i = 0;

	if (tenant.len > USER_TENANT_MAX)
		tenant.len = USER_TENANT_MAX;
	pthread_mutex_lock(&ev->lock);
	ev->total++;
	while (i < ev->count &&
	       !str_eq(str_from(ev->list[i].tenant), tenant))
		i++;
	if (i == SESSIONS_EVICTED_MAX - 1 && i == ev->count)
		tenant = STR("");
	if (i == SESSIONS_EVICTED_MAX)
		i--;
	if (i == ev->count) {
		ev->list[i].count = 0;
		memcpy(ev->list[i].tenant, tenant.ptr, tenant.len);
		ev->list[i].tenant[tenant.len] = '\0';
		ev->count++;
	}
	ev->list[i].count++;
	pthread_mutex_unlock(&ev->lock);
}

void room_taken(struct sessions *s, const struct session_entry *e)
{
	const struct session_node *n = e->evicts ? node_of(s, e->evicts) :
						   NULL;

	if (!n)
		return;
	if (e->evicts_open)
		note(&s->evictions, n->place->tenant->slug);
	session_drop(s, e->evicts);
}

uint64_t sessions_evicted(struct sessions *s)
{
	uint64_t total;

	pthread_mutex_lock(&s->evictions.lock);
	total = s->evictions.total;
	pthread_mutex_unlock(&s->evictions.lock);
	return total;
}

unsigned sessions_take_evicted(struct sessions *s,
		struct sessions_evicted list[SESSIONS_EVICTED_MAX])
{
	struct session_evictions *ev = &s->evictions;
	unsigned n;

	pthread_mutex_lock(&ev->lock);
	n = ev->count;
	memcpy(list, ev->list, n * sizeof(*list));
	ev->count = 0;
	pthread_mutex_unlock(&ev->lock);
	return n;
}

/* At a start, of a table that was larger before: who holds most pays. */
enum err room_trim(struct sessions *s, struct db *db, int64_t now_s)
{
	enum err err = ERR_OK;

	while (!err && s->held > s->max) {
		struct session_tenant *t = session_places_top(&s->places);
		struct session_node *n = take_first(t);

		count(s, t, -1);
		if (!has_expired(s, n, now_s))
			note(&s->evictions, t->slug);
		err = session_delete(db, n->node.id);
		session_drop(s, n->node.id);
	}
	return err;
}
