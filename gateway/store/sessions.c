#include "store/sessions.h"

#include <stdatomic.h>

#include "store/sessions-private.h"

/*
 * Locks: a stripe of `map` first, then one of `users`.  An entry that is found
 * under its stripe's lock keeps its session_user alive, because only an
 * unlinked entry lets go of it.
 */

struct user_record *user_record_new(const struct user_view *view)
{
	size_t size = view->email.len + view->name.len + view->attributes.len;
	struct user_record *r = malloc(sizeof(*r) + size);
	char *p;

	if (!r)
		return NULL;
	*r = (struct user_record){
		.id = view->id,
		.is_verified = view->is_verified,
		.email_len = (uint32_t)view->email.len,
		.name_len = (uint32_t)view->name.len,
		.attributes_len = (uint32_t)view->attributes.len,
	};
	p = r->text;
	memcpy(p, view->email.ptr, view->email.len);
	p += view->email.len;
	memcpy(p, view->name.ptr, view->name.len);
	p += view->name.len;
	memcpy(p, view->attributes.ptr, view->attributes.len);
	return r;
}

enum err session_reserve(struct sessions *s, struct str tenant,
			 struct str host, struct session_entry **entry_r)
{
	struct session_entry *e;
	struct session_user *u;

	if (atomic_fetch_add(&s->reserved, 1) >= s->max) {
		atomic_fetch_sub(&s->reserved, 1);
		return ERR_BUSY;
	}
	e = malloc(sizeof(*e) + tenant.len + host.len);
	u = malloc(sizeof(*u));
	if (!e || !u) {
		free(e);
		free(u);
		atomic_fetch_sub(&s->reserved, 1);
		return ERR_NOMEM;
	}
	*u = (struct session_user){ 0 };
	*e = (struct session_entry){
		.user = u,
		.tenant_len = (uint16_t)tenant.len,
		.host_len = (uint16_t)host.len,
	};
	list_init(&u->entries);
	list_init(&e->siblings);
	memcpy(e->text, tenant.ptr, tenant.len);
	memcpy(e->text + tenant.len, host.ptr, host.len);
	*entry_r = e;
	return ERR_OK;
}

void session_release(struct sessions *s, struct session_entry *e)
{
	if (!e)
		return;
	list_del(&e->siblings);
	free(e->user);
	free(e);
	atomic_fetch_sub(&s->reserved, 1);
}

/* The user's one shared node: the one that is there, or the entry's own. */
static void join_user(struct sessions *s, struct session_entry *e,
		      struct user_record *record)
{
	struct idmap_stripe *stripe = idmap_lock(&s->users, e->user_id);
	struct idmap_node *n = idmap_get(stripe, e->user_id);
	struct session_user *u;

	if (n) {
		free(e->user);
		u = (struct session_user *)n;
		/* rows are written in order: the later one knows better */
		free(u->record);
	} else {
		u = e->user;
		u->node.id = e->user_id;
		idmap_add(stripe, &u->node);
	}
	u->record = record;
	e->user = u;
	list_add(&u->entries, &e->siblings);
	idmap_unlock(stripe);
}

static void leave_user(struct sessions *s, struct session_entry *e)
{
	struct session_user *u = e->user;
	struct idmap_stripe *stripe = idmap_lock(&s->users, e->user_id);

	list_del(&e->siblings);
	if (list_is_empty(&u->entries)) {
		idmap_del(stripe, e->user_id);
		free(u->record);
		free(u);
	}
	idmap_unlock(stripe);
}

void session_publish(struct sessions *s, struct session_entry *e,
		     struct user_record *record)
{
	struct idmap_stripe *stripe;

	list_del(&e->siblings);
	join_user(s, e, record);
	stripe = idmap_lock(&s->map, e->node.id);
	idmap_add(stripe, &e->node);
	idmap_unlock(stripe);
}

void session_drop(struct sessions *s, int64_t id)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_entry *e =
		(struct session_entry *)idmap_del(stripe, id);

	idmap_unlock(stripe);
	if (!e)
		return;
	leave_user(s, e);
	free(e);
	atomic_fetch_sub(&s->reserved, 1);
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
					   struct session_entry,
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
				struct session_entry, siblings)->node.id);
			if (err)
				return err;
		}
	}
	/* and those of this very transaction, which nobody sees yet */
	list_each(pos, safe, &s->written) {
		struct session_entry *e = list_entry(pos, struct session_entry,
						     siblings);

		if (e->user_id == user_id)
			err = session_delete(db, e->node.id);
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

int64_t session_entry_end(const struct session_entry *e)
{
	int64_t idle = e->last_seen_s + (int64_t)e->idle_s;

	return idle < e->absolute_s ? idle : e->absolute_s;
}

static struct str cut(char **p, size_t len)
{
	struct str s = { *p, len };

	*p += len;
	return s;
}

/* Under the entry's lock: one block of the pool for all of the text. */
static enum err copy_out(struct sessions *s, const struct session_entry *e,
			 struct pool *pool, struct session *out_r)
{
	struct idmap_stripe *stripe = idmap_lock(&s->users, e->user_id);
	const struct user_record *r = e->user->record;
	size_t own = (size_t)e->tenant_len + e->host_len;
	size_t text = (size_t)r->email_len + r->name_len + r->attributes_len;
	char *p = pool_alloc(pool, own + text);

	if (!p) {
		idmap_unlock(stripe);
		return ERR_NOMEM;
	}
	memcpy(p, e->text, own);
	memcpy(p + own, r->text, text);
	out_r->id = e->node.id;
	out_r->kind = e->kind;
	out_r->epoch = e->epoch;
	out_r->tenant = cut(&p, e->tenant_len);
	out_r->host = cut(&p, e->host_len);
	out_r->user.id = r->id;
	out_r->user.is_verified = r->is_verified;
	out_r->user.email = cut(&p, r->email_len);
	out_r->user.name = cut(&p, r->name_len);
	out_r->user.attributes = cut(&p, r->attributes_len);
	out_r->created_s = e->created_s;
	out_r->expires_s = session_entry_end(e);
	out_r->absolute_s = e->absolute_s;
	idmap_unlock(stripe);
	return ERR_OK;
}

/*
 * Count as activity.  Says whether the row should follow, and what it holds
 * until then, so that a refused write can be tried again.
 */
static bool touch(struct session_entry *e, int64_t now_s, int64_t *before_r)
{
	int64_t every = e->idle_s / 4;

	if (now_s <= e->last_seen_s)
		return false;
	e->last_seen_s = now_s;
	if (now_s - e->persisted_s < (every ? every : 1))
		return false;
	*before_r = e->persisted_s;
	e->persisted_s = now_s;
	return true;
}

static void untouch(struct sessions *s, int64_t id, int64_t before_s)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_entry *e =
		(struct session_entry *)idmap_get(stripe, id);

	if (e)
		e->persisted_s = before_s;
	idmap_unlock(stripe);
}

enum err sessions_find(struct sessions *s, int64_t id,
		       const uint8_t hash[SESSION_HASH_LEN], int64_t now_s,
		       struct pool *pool, struct session *out_r)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, id);
	struct session_entry *e =
		(struct session_entry *)idmap_get(stripe, id);
	bool persist = false;
	int64_t before = 0;
	enum err err;

	if (!e || !is_same_hash(e->hash, hash)) {
		err = ERR_NOT_FOUND;
	} else if (now_s >= session_entry_end(e)) {
		err = ERR_EXPIRED;
	} else {
		persist = touch(e, now_s, &before);
		err = copy_out(s, e, pool, out_r);
	}
	idmap_unlock(stripe);
	if (persist && session_persist(s, id, now_s))
		untouch(s, id, before);
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

static bool is_listed(const struct session_entry *e, struct str tenant,
		      int64_t user_id, int64_t now_s)
{
	return str_eq((struct str){ e->text, e->tenant_len }, tenant) &&
	       (!user_id || e->user_id == user_id) &&
	       now_s < session_entry_end(e);
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
				const struct session_entry *e = (void *)n;

				if (!is_listed(e, tenant, user_id, now_s))
					continue;
				total++;
				if (count < max)
					err = copy_out(s, e, pool,
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
