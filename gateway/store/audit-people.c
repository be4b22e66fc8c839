/* Whom records of the audit are about: found by it, and made nobody's. */
#include "store/audit-private.h"

#include "base/clock.h"

#define BOTH(before, after) { before "trails" after, before "refusals" after }

/* Of one record, shown. */
#define SHOWN_MAX (2 * AUDIT_RENDERED_MAX)

/* ---- found ---- */

static bool is_subject(const struct audit_query *q, uint64_t tag)
{
	for (unsigned i = 0; tag && i < q->subject_count; i++)
		if (q->subjects[i] == tag)
			return true;
	return false;
}

static bool is_match(const struct audit_query *q, const struct audit_view *v)
{
	const struct audit_tags *t = &v->tags;

	if (v->time_ms < q->from_ms || v->time_ms > q->to_ms)
		return false;
	if (q->token && t->token == q->token)
		return true;
	if (q->is_strict && t->subject)
		return is_subject(q, t->subject);
	return is_subject(q, t->subject) ||
	       (q->person && t->person == q->person);
}

typedef bool each_fn(void *ctx, const struct audit_record *record);

/* A row's records, the last first. */
struct seen {
	struct audit_view views[AUDIT_BODY_MAX / 8];
	unsigned count;
};

static enum err show(const struct audit_view *view, int64_t id, each_fn *each,
		     void *ctx, bool *goes_on)
{
	struct pool *pool = pool_new(SHOWN_MAX);
	struct audit_record record;
	enum err err = pool ? audit_view_show(view, pool, &record) : ERR_NOMEM;

	if (!err) {
		record.id = id;
		*goes_on = each(ctx, &record);
	}
	pool_free(pool);
	return err;
}

/* What is damaged is passed over: `usherctl audit` names it. */
static enum err look_into(const struct audit_query *q, struct str octets,
			  int64_t row_id, each_fn *each, void *ctx,
			  struct seen *seen, bool *goes_on)
{
	struct audit_body body;
	struct audit_view *views = seen->views;
	enum err err = ERR_OK;
	unsigned n = 0;

	if (audit_body_open(octets, &body))
		return ERR_OK;
	while (n < N_ELEMENTS(seen->views) &&
	       audit_body_next(&body, &views[n]) > 0)
		n++;
	for (unsigned i = n; !err && *goes_on && i-- > 0;)
		if (is_match(q, &views[i]))
			err = show(&views[i], row_id - (n - 1 - i), each, ctx,
				   goes_on);
	return err;
}

static enum err search_kind(struct db *db, enum audit_kind kind,
			    const struct audit_query *query, each_fn *each,
			    void *ctx, struct seen *seen, bool *goes_on)
{
	static const char *const texts[] = BOTH("SELECT id, body FROM ",
		" WHERE id >= ?1 ORDER BY id DESC");
	int64_t last = 0, low = 0;
	sqlite3_stmt *q;
	enum err err = audit_newest(db, kind, &last);

	/* rows are by the steady clock, and later than their requests */
	if (!err)
		err = audit_first_since(db, kind, query->from_ms -
					clock_ahead_ms() - AUDIT_MARGIN_MS,
					last, &low);
	if (!err)
		err = query_begin(db, AUDIT_SQL(SQL_TRAILS_ABOUT, kind),
				  texts[kind], &q);
	if (err)
		return err;
	sqlite3_bind_int64(q, 1, low);
	while (!err && *goes_on && query_step(db, q, &err) > 0) {
		const struct str octets = { sqlite3_column_blob(q, 1),
			(size_t)sqlite3_column_bytes(q, 1) };

		err = look_into(query, octets, sqlite3_column_int64(q, 0),
				each, ctx, seen, goes_on);
	}
	query_end(q);
	return err;
}

enum err audit_search(struct db *db, const struct audit_query *query,
		      each_fn *each, void *ctx)
{
	struct seen *seen = malloc(sizeof(*seen));
	bool goes_on = true;
	enum err err = seen ? ERR_OK : ERR_NOMEM;

	for (unsigned i = 0; !err && goes_on && i < AUDIT_KINDS; i++)
		err = search_kind(db, i, query, each, ctx, seen, &goes_on);
	free(seen);
	return err;
}

/* ---- made nobody's ---- */

/* 1, 0: that was the last; -1. The row's body is copied. */
static int next_row(struct db *db, int64_t after, int64_t *id_r,
		    enum audit_kind *kind_r, unsigned char *body,
		    size_t *len_r, enum err *err)
{
	sqlite3_stmt *q;
	int found;

	*err = query_begin(db, SQL_TRAILS_NEXT, "SELECT * FROM ("
		"SELECT id, body, 0 FROM trails WHERE id > ?1 UNION ALL"
		" SELECT id, body, 1 FROM refusals WHERE id > ?1)"
		" ORDER BY id LIMIT 1", &q);
	if (*err)
		return -1;
	sqlite3_bind_int64(q, 1, after);
	found = query_step(db, q, err);
	if (found > 0) {
		*len_r = (size_t)sqlite3_column_bytes(q, 1);
		*id_r = sqlite3_column_int64(q, 0);
		*kind_r = sqlite3_column_int(q, 2) ? AUDIT_REFUSED : AUDIT_DONE;
		if (*len_r && *len_r <= AUDIT_BODY_MAX)
			memcpy(body, sqlite3_column_blob(q, 1), *len_r);
		else
			*len_r = 0;
	}
	query_end(q);
	return found;
}

static enum err write_body(struct db *db, enum audit_kind kind, int64_t id,
			   const unsigned char *body, size_t len)
{
	static const char *const texts[] = BOTH("UPDATE ",
		" SET body = ?2 WHERE id = ?1");
	sqlite3_stmt *q;
	enum err err = query_begin(db, AUDIT_SQL(SQL_TRAILS_FORGET, kind),
				   texts[kind], &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_blob(q, 2, body, (int)len, SQLITE_STATIC);
	return query_run(db, q);
}

enum err audit_forget_some(struct db *db, uint64_t tag, int64_t after,
			   unsigned rows, int64_t *last_r)
{
	unsigned char body[AUDIT_BODY_MAX];
	enum audit_kind kind;
	enum err err = ERR_OK;
	size_t len = 0;

	*last_r = 0;
	while (rows-- && !err &&
	       next_row(db, after, &after, &kind, body, &len, &err) > 0) {
		*last_r = after;
		if (len && audit_body_forget(body, len, tag))
			err = write_body(db, kind, after, body, len);
	}
	return err;
}
