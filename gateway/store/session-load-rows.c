/* The first way through: the sessions, in pieces of their ids. */
#include "store/session-load-private.h"

#include <stdlib.h>
#include <string.h>

#define PIECES 64		/* by id */

/* ---- what the table of epochs says ---- */

static enum err load_slugs(struct load *l)
{
	sqlite3_stmt *q;
	enum err err = query_begin(l->db, SQL_SESSION_EPOCHS,
		"SELECT tenant, number, last_session FROM epochs"
		" ORDER BY tenant", &q);

	if (err)
		return err;
	while (!err && query_step(l->db, q, &err) > 0) {
		struct str name = query_str(q, 0);
		char *copy = strndup(name.ptr, name.len);

		if (!copy || !load_grow(&l->slugs, &l->slug_cap, l->slug_count,
					sizeof(*l->slugs))) {
			free(copy);
			err = ERR_NOMEM;
			break;
		}
		l->slugs[l->slug_count++] = (struct slug){
			.name = copy,
			.epoch = (uint64_t)sqlite3_column_int64(q, 1),
			.ended = sqlite3_column_int64(q, 2),
		};
	}
	query_end(q);
	return err;
}

/* One that nobody knows is in its first epoch. */
static const struct slug *slug_of(struct part *p, struct str tenant)
{
	static const struct slug none = { 0 };
	struct load *l = p->l;
	size_t low = 0, high = l->slug_count;

	if (p->slug && str_eq(str_from(p->slug->name), tenant))
		return p->slug;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(str_from(l->slugs[middle].name), tenant);

		if (!order)
			return p->slug = &l->slugs[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return &none;
}

/* ---- sessions ---- */

/* None where it ends before it begins; `max` at most. */
static uint32_t seconds(int64_t from_s, int64_t to_s, int64_t max)
{
	if (to_s <= from_s)
		return 0;
	return (uint32_t)(to_s - from_s > max ? max : to_s - from_s);
}

/* The references of the rows since the last time. Under the lock. */
static void count_refs(struct part *p)
{
	for (; p->place_refs; p->place_refs--)
		session_place_keep(p->place);
}

/* Most rows are of the place of the row before. */
static struct session_place *place_of(struct part *p,
				      const struct session_where *w)
{
	if (p->place && session_place_is(p->place, w)) {
		p->place_refs++;
		return p->place;
	}
	pthread_mutex_lock(&p->l->places);
	count_refs(p);
	p->place = session_place_ref(&p->l->s->places, w);
	pthread_mutex_unlock(&p->l->places);
	return p->place;
}

/* To be put in order: those of a minute in a chain, the last one first. */
static void note_minute(struct part *p, struct session_node *n)
{
	int64_t ago = (p->l->now_s - session_node_seen(n)) / SESSION_ORDER_S;
	struct session_node **first;

	if (ago < 0)
		ago = 0;
	if (ago >= LOAD_MINUTES)
		ago = LOAD_MINUTES - 1;
	first = &p->minutes[ago];
	n->order.next = *first ? &(*first)->order : NULL;
	*first = n;
}

/* Of the row that stands ready. */
static struct session_where where_of(sqlite3_stmt *q, int64_t created_s)
{
	return (struct session_where){
		.tenant = query_str(q, 2),
		.host = query_str(q, 3),
		.kind = sqlite3_column_int(q, 9) ? SESSION_EMBEDDED :
						   SESSION_TOP,
		.idle_s = seconds(0, sqlite3_column_int64(q, 7), UINT32_MAX),
		.life_s = seconds(created_s, sqlite3_column_int64(q, 8),
				  UINT32_MAX),
	};
}

static enum err take_row(struct part *p, sqlite3_stmt *q)
{
	int64_t id = sqlite3_column_int64(q, 0);
	int64_t created_s = sqlite3_column_int64(q, 5);
	const struct slug *slug = slug_of(p, query_str(q, 2));
	const void *hash = sqlite3_column_blob(q, 1);
	struct session_where where;
	struct session_node *n;

	/* of a time that no clock shows: it cannot be told when it ends */
	if (created_s < 0 || created_s > SESSION_CREATED_MAX)
		return load_doom(p, id);
	if (id <= slug->ended)
		return load_doom(p, id);
	if (!hash || sqlite3_column_bytes(q, 1) != SESSION_HASH_LEN)
		return ERR_IO;
	n = malloc(sizeof(*n));
	if (!n || !load_grow(&p->v, &p->cap, p->count, sizeof(*p->v))) {
		free(n);
		return ERR_NOMEM;
	}
	where = where_of(q, created_s);
	where.epoch = slug->epoch;
	*n = (struct session_node){
		.node.id = id,
		.place = place_of(p, &where),
		.created_s = (uint64_t)created_s & SESSION_CREATED_MAX,
		.seen_after_s = seconds(created_s, sqlite3_column_int64(q, 6),
					SESSION_SEEN_MAX) & SESSION_SEEN_MAX,
	};
	if (!n->place) {
		free(n);
		return ERR_NOMEM;
	}
	memcpy(n->hash, hash, sizeof(n->hash));
	note_minute(p, n);
	p->v[p->count++] = (struct waiting){ sqlite3_column_int64(q, 4), n };
	return ERR_OK;
}

/* Which ids there are; none: the last is before the first. */
static enum err find_range(struct load *l)
{
	sqlite3_stmt *q;
	enum err err = query_begin(l->db, SQL_SESSION_RANGE,
		"SELECT (SELECT min(id) FROM sessions),"
		" (SELECT max(id) FROM sessions)", &q);

	if (err)
		return err;
	l->last_id = -1;
	if (query_step(l->db, q, &err) > 0 &&
	    sqlite3_column_type(q, 0) != SQLITE_NULL) {
		l->first_id = sqlite3_column_int64(q, 0);
		l->last_id = sqlite3_column_int64(q, 1);
	}
	query_end(q);
	return err;
}

enum err load_prepare(struct load *l)
{
	enum err err = load_slugs(l);

	return err ? err : find_range(l);
}

/* Where a piece of the ids begins; the last one ends with the last of them. */
static int64_t piece_at(const struct load *l, size_t piece)
{
	uint64_t span = (uint64_t)l->last_id - (uint64_t)l->first_id;
	uint64_t at = span / PIECES * piece;

	return (int64_t)((uint64_t)l->first_id + at);
}

enum err load_sessions(struct part *p)
{
	struct load *l = p->l;
	sqlite3_stmt *q;
	enum err err = query_begin(p->db, SQL_SESSION_ALL,
		"SELECT id, hash, tenant, host, user_id, created_s,"
		" last_seen_s, idle_s, absolute_s, kind FROM sessions"
		" WHERE id BETWEEN ?1 AND ?2 ORDER BY id", &q);
	size_t piece;

	if (err)
		return err;
	while (!err && l->first_id <= l->last_id &&
	       (piece = atomic_fetch_add(&l->next, 1)) < PIECES) {
		sqlite3_bind_int64(q, 1, piece_at(l, piece));
		sqlite3_bind_int64(q, 2, piece == PIECES - 1 ? l->last_id :
				   piece_at(l, piece + 1) - 1);
		while (!err && query_step(p->db, q, &err) > 0)
			err = take_row(p, q);
		query_end(q);
	}
	pthread_mutex_lock(&l->places);
	count_refs(p);
	pthread_mutex_unlock(&l->places);
	return err;
}
