/* The second way through: the users of the sessions that were read. */
#include "store/session-load-private.h"

#include <stdlib.h>

#define PIECE 8192		/* sessions whose users are one, or more */
#define AHEAD 16		/* sessions that the processor may fetch */
#define SKIP 32			/* rows passed over rather than sought */

size_t load_next_user(const struct load *l, size_t at)
{
	while (at && at < l->count && l->v[at].user_id == l->v[at - 1].user_id)
		at++;
	return at < l->count ? at : l->count;
}

/*
 * Let the statement stand at the first user from `id` on.  Where many have
 * sessions the next row is near; where few have, it is sought.  1; 0: there is
 * none; -1.
 */
static int stand_at(struct part *p, sqlite3_stmt *q, int64_t id, enum err *err)
{
	for (int i = 0; p->user_row > 0 && i < SKIP; i++) {
		if (sqlite3_column_int64(q, 0) >= id)
			return 1;
		p->user_row = query_step(p->db, q, err);
	}
	if (p->user_row > 0 || !p->is_at_users) {
		query_end(q);
		sqlite3_bind_int64(q, 1, id);
		p->is_at_users = true;
		p->user_row = query_step(p->db, q, err);
	}
	return p->user_row;
}

static void join(struct sessions *s, struct session_user *u,
		 struct session_node *n)
{
	struct idmap_stripe *stripe = idmap_lock(&s->map, n->node.id);

	n->user = u;
	list_add(&u->entries, &n->siblings);
	idmap_add(stripe, &n->node);
	idmap_unlock(stripe);
}

/* The user whose row stands ready, with their sessions. */
static enum err take_user(struct load *l, sqlite3_stmt *q, int64_t id,
			  size_t at, size_t end)
{
	const struct user_view view = {
		.id = id,
		.email = query_str(q, 1),
		.name = query_str(q, 2),
		.attributes = query_str(q, 3),
		.is_verified = sqlite3_column_int(q, 4),
		.external_id = query_str(q, 5),
	};
	struct user_record *record = user_record_new(&view);
	struct session_user *u = malloc(sizeof(*u));
	struct idmap_stripe *stripe;

	if (!record || !u) {
		free(record);
		free(u);
		return ERR_NOMEM;
	}
	*u = (struct session_user){ .node.id = id, .record = record };
	list_init(&u->entries);
	stripe = idmap_lock(&l->s->users, id);
	idmap_add(stripe, &u->node);
	idmap_unlock(stripe);
	for (; at < end; at++) {
		join(l->s, u, l->v[at].node);
		l->v[at].node = NULL;
	}
	return ERR_OK;
}

/* What comes soon is all over the memory: let the processor fetch it. */
static void fetch(struct load *l, size_t at, size_t end)
{
	const struct waiting *w = &l->v[at];

	if (at + 2 * AHEAD < end)
		__builtin_prefetch(w[2 * AHEAD].node, 1);
	if (at + AHEAD < end) {
		idmap_fetch(&l->s->map, w[AHEAD].node->node.id);
		idmap_fetch(&l->s->users, w[AHEAD].user_id);
	}
}

/* From `at` up to `end`. Who has no row stays where they are, and their
 * sessions' rows go. */
static enum err load_piece(struct part *p, sqlite3_stmt *q, size_t at,
			   size_t end)
{
	struct load *l = p->l;
	enum err err = ERR_OK;

	while (!err && at < end) {
		int64_t id = l->v[at].user_id;
		size_t next = load_next_user(l, at + 1);
		int has = stand_at(p, q, id, &err);

		fetch(l, at, end);
		if (has > 0 && sqlite3_column_int64(q, 0) == id)
			err = take_user(l, q, id, at, next);
		for (size_t i = at; !err && i < next && l->v[i].node; i++)
			err = load_doom(p, l->v[i].node->node.id);
		at = next;
	}
	return err;
}

enum err load_users(struct part *p)
{
	struct load *l = p->l;
	sqlite3_stmt *q;
	enum err err = query_begin(p->db, SQL_SESSION_USERS,
		"SELECT id, email, name, attributes, verified, external_id"
		" FROM users"
		" WHERE id >= ?1 ORDER BY id", &q);

	if (err)
		return err;
	while (!err) {
		size_t at = atomic_fetch_add(&l->next, 1) * PIECE;

		if (at >= l->count)
			break;
		err = load_piece(p, q, load_next_user(l, at),
				 load_next_user(l, at + PIECE));
	}
	query_end(q);
	return err;
}
