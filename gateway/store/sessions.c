#include "store/sessions.h"

#include "store/sessions-private.h"

/*
 * Locks: a stripe of `map` first, then one of `users`, or a tenant's.  A node
 * that is found under its stripe's lock keeps its user and its place alive,
 * because only an unlinked node lets go of them.
 */

struct user_record *user_record_new(const struct user_view *view)
{
	size_t size = view->email.len + view->name.len +
		      view->attributes.len + view->external_id.len;
	struct user_record *r = malloc(sizeof(*r) + size);
	char *p;

	if (!r)
		return NULL;
	*r = (struct user_record){
		.id = view->id,
		.is_verified = view->is_verified,
		.external_len = (uint8_t)view->external_id.len,
		.email_len = (uint16_t)view->email.len,
		.name_len = (uint16_t)view->name.len,
		.attributes_len = (uint16_t)view->attributes.len,
	};
	p = r->text;
	memcpy(p, view->email.ptr, view->email.len);
	p += view->email.len;
	memcpy(p, view->name.ptr, view->name.len);
	p += view->name.len;
	memcpy(p, view->attributes.ptr, view->attributes.len);
	p += view->attributes.len;
	if (view->external_id.len)
		memcpy(p, view->external_id.ptr, view->external_id.len);
	return r;
}

enum err session_reserve(struct sessions *s, struct str tenant,
			 struct str host, struct session_entry **entry_r)
{
	struct session_entry *e = malloc(sizeof(*e) + tenant.len + host.len);
	struct session_node *n = malloc(sizeof(*n));
	struct session_user *u = malloc(sizeof(*u));

	(void)s;
	if (!e || !n || !u) {
		free(e);
		free(n);
		free(u);
		return ERR_NOMEM;
	}
	*e = (struct session_entry){
		.node = n,
		.user = u,
		.tenant_len = (uint16_t)tenant.len,
		.host_len = (uint16_t)host.len,
	};
	list_init(&e->written);
	memcpy(e->text, tenant.ptr, tenant.len);
	memcpy(e->text + tenant.len, host.ptr, host.len);
	*entry_r = e;
	return ERR_OK;
}

void session_release(struct sessions *s, struct session_entry *e)
{
	if (!e)
		return;
	room_undo(s, e);
	list_del(&e->written);
	free(e->user);
	free(e->node);
	free(e);
}

/* The user's one shared node: the one that is there, or `own`. */
static void join_user(struct sessions *s, struct session_node *n,
		      struct session_user *own, struct user_record *record)
{
	struct idmap_stripe *stripe = idmap_lock(&s->users, record->id);
	struct session_user *u = (struct session_user *)idmap_get(stripe,
								  record->id);

	if (u) {
		free(own);
		/* rows are written in order: the later one knows better */
		free(u->record);
	} else {
		u = own;
		u->node.id = record->id;
		list_init(&u->entries);
		idmap_add(stripe, &u->node);
	}
	u->record = record;
	n->user = u;
	list_add(&u->entries, &n->siblings);
	idmap_unlock(stripe);
}

static void leave_user(struct sessions *s, struct session_node *n)
{
	struct session_user *u = n->user;
	struct idmap_stripe *stripe = idmap_lock(&s->users, u->node.id);

	list_del(&n->siblings);
	if (list_is_empty(&u->entries)) {
		idmap_del(stripe, u->node.id);
		free(u->record);
		free(u);
	}
	idmap_unlock(stripe);
}

void session_publish(struct sessions *s, struct session_entry *e,
		     struct user_record *record)
{
	struct session_node *n = e->node;
	struct idmap_stripe *stripe;

	*n = (struct session_node){
		.node.id = e->id,
		.place = e->place,
		.created_s = (uint64_t)e->created_s & SESSION_CREATED_MAX,
	};
	memcpy(n->hash, e->hash, sizeof(n->hash));
	list_init(&n->order);
	if (!e->is_leaving)
		room_enter(n);
	join_user(s, n, e->user, record);
	stripe = idmap_lock(&s->map, n->node.id);
	idmap_add(stripe, &n->node);
	idmap_unlock(stripe);
	room_taken(s, e);
	list_del(&e->written);
	free(e);
}

void session_drop(struct sessions *s, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_node *n = (struct session_node *)idmap_del(stripe, id);

	idmap_unlock(stripe);
	if (!n)
		return;
	room_leave(s, n);
	leave_user(s, n);
	session_place_unref(&s->places, n->place);
	free(n);
}

/* Only this thread adds and removes, so it may look without the lock. */
static struct session_user *user_of(struct sessions *s, int64_t user_id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->users, user_id);
	struct idmap_node *n = idmap_get(stripe, user_id);

	idmap_unlock(stripe);
	return (struct session_user *)n;
}

void sessions_drop_of(struct sessions *s, int64_t user_id)
{
	struct session_user *u;

	/* the last one takes its user along */
	while ((u = user_of(s, user_id)))
		session_drop(s, list_entry(u->entries.next,
					   struct session_node,
					   siblings)->node.id);
}

void sessions_show(struct sessions *s, struct user_record *record)
{
	struct idmap_stripe *stripe;
	struct session_user *u;
	struct user_record *old = record;

	if (!record)
		return;
	stripe = idmap_lock(&s->users, record->id);
	u = (struct session_user *)idmap_get(stripe, record->id);
	if (u) {
		old = u->record;
		u->record = record;
	}
	idmap_unlock(stripe);
	free(old);
}

enum err sessions_delete_of(struct sessions *s, struct db *db,
			    int64_t user_id)
{
	struct session_user *u = user_of(s, user_id);
	struct list *pos, *safe;
	enum err err = ERR_OK;

	if (u) {
		list_each(pos, safe, &u->entries) {
			err = session_delete(db, list_entry(pos,
				struct session_node, siblings)->node.id);
			if (err)
				return err;
		}
	}
	/* and those of this very transaction, which nobody sees yet */
	list_each(pos, safe, &s->written) {
		struct session_entry *e = list_entry(pos, struct session_entry,
						     written);

		if (e->user_id == user_id)
			err = session_delete(db, e->id);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* In a time that does not tell where they differ. */
static bool is_same_hash(const uint8_t *a, const uint8_t *b)
{
	volatile uint8_t diff = 0;

	for (int i = 0; i < SESSION_HASH_LEN; i++)
		diff = (uint8_t)(diff | (a[i] ^ b[i]));
	return diff == 0;
}

int64_t session_node_seen(const struct session_node *n)
{
	return (int64_t)n->created_s + (int64_t)n->seen_after_s;
}

int64_t session_node_end(const struct session_node *n)
{
	int64_t idle = session_node_seen(n) + (int64_t)n->place->idle_s;
	int64_t last = (int64_t)n->created_s + (int64_t)n->place->life_s;

	return idle < last ? idle : last;
}

static struct str cut(char **p, size_t len)
{
	struct str s = { *p, len };

	*p += len;
	return s;
}

static char *put(char *p, struct str s)
{
	memcpy(p, s.ptr, s.len);
	return p + s.len;
}

/* Under the node's lock: one block of the pool for all of the text. */
static enum err copy_out(struct sessions *s, const struct session_node *n,
			 struct pool *pool, struct session *out_r)
{
	struct idmap_stripe *stripe = idmap_lock(&s->users, n->user->node.id);
	const struct session_place *place = n->place;
	const struct user_record *r = n->user->record;
	struct str tenant = place->tenant->slug, host = place->host;
	size_t text = (size_t)r->email_len + r->name_len + r->attributes_len +
		      r->external_len;
	char *p = pool_alloc(pool, tenant.len + host.len + text);

	if (!p) {
		idmap_unlock(stripe);
		return ERR_NOMEM;
	}
	memcpy(put(put(p, tenant), host), r->text, text);
	out_r->id = n->node.id;
	out_r->kind = place->kind;
	out_r->epoch = place->epoch;
	out_r->tenant = cut(&p, tenant.len);
	out_r->host = cut(&p, host.len);
	out_r->user.id = r->id;
	out_r->user.is_verified = r->is_verified;
	out_r->user.email = cut(&p, r->email_len);
	out_r->user.name = cut(&p, r->name_len);
	out_r->user.attributes = cut(&p, r->attributes_len);
	out_r->user.external_id = r->external_len ?
		cut(&p, r->external_len) : STR_NULL;
	out_r->created_s = (int64_t)n->created_s;
	out_r->expires_s = session_node_end(n);
	out_r->absolute_s = out_r->created_s + (int64_t)place->life_s;
	idmap_unlock(stripe);
	return ERR_OK;
}

/*
 * Count as activity.  Says whether the row should follow: once in each quarter
 * of the idle time, and again where that was refused.
 */
static bool touch(struct session_node *n, int64_t now_s)
{
	int64_t every = n->place->idle_s / 4;
	int64_t before = (int64_t)n->seen_after_s;
	int64_t after = now_s - (int64_t)n->created_s;
	bool persist = n->is_owing;

	if (after > SESSION_SEEN_MAX)
		after = SESSION_SEEN_MAX;
	if (after <= before)
		return false;
	n->seen_after_s = (uint64_t)after & SESSION_SEEN_MAX;
	if (after / SESSION_ORDER_S != before / SESSION_ORDER_S)
		room_seen(n);
	if (!every || after / every != before / every)
		persist = true;
	n->is_owing = false;
	return persist;
}

/* The row did not follow: it should with the next look. */
static void owe(struct sessions *s, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_node *n = (struct session_node *)idmap_get(stripe, id);

	if (n)
		n->is_owing = true;
	idmap_unlock(stripe);
}

enum err sessions_find(struct sessions *s, int64_t id,
		       const uint8_t hash[SESSION_HASH_LEN], int64_t now_s,
		       bool is_activity, struct pool *pool,
		       struct session *out_r)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_node *n = (struct session_node *)idmap_get(stripe, id);
	bool persist = false;
	enum err err;

	if (!n || !is_same_hash(n->hash, hash)) {
		err = ERR_NOT_FOUND;
	} else if (now_s >= session_node_end(n)) {
		err = ERR_EXPIRED;
	} else {
		persist = is_activity && touch(n, now_s);
		err = copy_out(s, n, pool, out_r);
	}
	idmap_unlock(stripe);
	if (persist && session_persist(s, id, now_s))
		owe(s, id);
	return err;
}

unsigned sessions_count(struct sessions *s)
{
	unsigned n = 0;

	for (int i = 0; i < IDMAP_STRIPES; i++) {
		struct idmap_stripe *stripe = &s->map.stripes[i];

		pthread_mutex_lock(&stripe->lock);
		n += stripe->count;
		pthread_mutex_unlock(&stripe->lock);
	}
	return n;
}

bool sessions_is_open(struct sessions *s, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	bool is_open = idmap_get(stripe, id) != NULL;

	idmap_unlock(stripe);
	return is_open;
}

static bool is_listed(const struct session_node *n, struct str tenant,
		      int64_t user_id, int64_t now_s)
{
	return str_eq(n->place->tenant->slug, tenant) &&
	       (!user_id || n->user->node.id == user_id) &&
	       now_s < session_node_end(n);
}

enum err sessions_list(struct sessions *s, struct str tenant, int64_t user_id,
		       int64_t now_s, unsigned max, struct pool *pool,
		       struct session **list_r, unsigned *count_r,
		       unsigned *total_r)
{
	struct session *list = pool_calloc(pool, max, sizeof(*list));
	unsigned count = 0, total = 0;
	enum err err = list ? ERR_OK : ERR_NOMEM;

	for (int i = 0; !err && i < IDMAP_STRIPES; i++) {
		struct idmap_stripe *stripe = &s->map.stripes[i];

		pthread_mutex_lock(&stripe->lock);
		for (unsigned b = 0; !err && b <= stripe->mask; b++) {
			struct idmap_node *n = stripe->buckets[b];

			for (; !err && n; n = n->next) {
				const struct session_node *sn = (void *)n;

				if (!is_listed(sn, tenant, user_id, now_s))
					continue;
				total++;
				if (count < max)
					err = copy_out(s, sn, pool,
						       &list[count++]);
			}
		}
		pthread_mutex_unlock(&stripe->lock);
	}
	if (err)
		return err;
	*list_r = list;
	*count_r = count;
	*total_r = total;
	return ERR_OK;
}
