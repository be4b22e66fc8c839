#include "store/audit.h"

#include "base/clock.h"
#include "store/audit-private.h"

#define DAY_MS 86400000LL

#define BOTH(before, after) { before "trails" after, before "refusals" after }

/* A record on its way alone, packed. */
struct audit_job {
	struct job job;
	struct audit_packed packed;
	unsigned char octets[];
};

static enum err audit_run(struct db *db, struct job *job)
{
	struct audit_job *a = (struct audit_job *)job;

	return audit_add(db, &a->packed, a->octets);
}

static void audit_done(struct job *job)
{
	free(job);
}

enum err audit_write(struct writer *writer, const struct audit_record *r)
{
	unsigned char octets[AUDIT_PACKED_MAX];
	struct audit_packed packed;
	struct audit_job *a;
	enum err err = audit_pack_new(r, octets, &packed);

	if (err)
		return err;
	a = malloc(sizeof(*a) + packed.len);
	if (!a)
		return ERR_NOMEM;
	a->job = (struct job){ .run = audit_run, .done = audit_done };
	a->packed = packed;
	memcpy(a->octets, octets, packed.len);
	err = writer_submit_unawaited(writer, &a->job);
	if (err)
		free(a);
	return err;
}

/* Records of schema 4 and before, a row and an entry of an index each. */

static enum err copy(struct pool *pool, struct str in, struct str *out)
{
	*out = in.ptr ? pool_str(pool, in) : STR_NULL;
	return in.ptr && !out->ptr ? ERR_NOMEM : ERR_OK;
}

#define COLUMNS "id, request_id, time_ms, tenant, status, code, trail"

static enum err read_old(sqlite3_stmt *q, struct pool *pool,
			 struct audit_record *out_r)
{
	struct audit_record r = {
		.id = sqlite3_column_int64(q, 0),
		.time_ms = sqlite3_column_int64(q, 2),
		.status = sqlite3_column_int(q, 4),
	};
	enum err err = copy(pool, query_str(q, 1), &r.request_id);

	if (!err)
		err = copy(pool, query_str(q, 3), &r.tenant);
	if (!err)
		err = copy(pool, query_str(q, 5), &r.code);
	if (!err)
		err = copy(pool, query_str(q, 6), &r.trail);
	if (!err)
		*out_r = r;
	return err;
}

static enum err find_old(struct db *db, struct str request_id,
			 struct pool *pool, struct audit_record *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_FIND,
		"SELECT " COLUMNS " FROM audit WHERE request_id = ?1"
		" ORDER BY id DESC LIMIT 1", &q);
	int found;

	if (err)
		return err;
	query_bind_str(q, 1, request_id);
	found = query_step(db, q, &err);
	if (found == 0)
		err = ERR_NOT_FOUND;
	if (found > 0)
		err = read_old(q, pool, out_r);
	query_end(q);
	return err;
}

static enum err list_old(struct db *db, int64_t after, struct pool *pool,
			 struct audit_record *out_r, unsigned *count)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_LIST,
		"SELECT " COLUMNS " FROM audit WHERE id > ?1"
		" ORDER BY id DESC LIMIT ?2", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, after);
	sqlite3_bind_int(q, 2, (int)(AUDIT_PAGE_MAX - *count));
	while (!err && *count < AUDIT_PAGE_MAX &&
	       query_step(db, q, &err) > 0) {
		err = read_old(q, pool, &out_r[*count]);
		*count += !err;
	}
	query_end(q);
	return err;
}

/* They only grow old: a few at a time, each with its entry in the index. */
static enum err sweep_old(struct db *db, int *swept_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_DELETE,
		"DELETE FROM audit WHERE id IN"
		" (SELECT id FROM (SELECT id, time_ms FROM audit"
		"  ORDER BY id LIMIT ?1) WHERE time_ms < ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_int(q, 1, AUDIT_SWEEP_MAX);
	sqlite3_bind_int64(q, 2, clock_steady_ms() - AUDIT_DAYS_MAX * DAY_MS);
	err = query_run(db, q);
	if (!err)
		*swept_r = sqlite3_changes(db->handle);
	return err;
}

/* Looking for one. */

struct search {
	struct db *db;
	struct str request_id;
	struct pool *pool;
	int64_t least_ms, most_ms;	/* of the times in a row, one at least */
	bool is_damaged;		/* a row that was looked into */
	int64_t row_id;			/* where it was found; 0: nowhere */
	struct audit_record found;
};

/* The first row from `id` on: 1, 0 or -1 as query_step(). */
static int seek(struct db *db, enum audit_kind kind, int64_t id,
		int64_t *id_r, int64_t *at_ms_r, enum err *err)
{
	static const char *const texts[] = BOTH("SELECT id, at_ms FROM ",
		" WHERE id >= ?1 ORDER BY id LIMIT 1");
	sqlite3_stmt *q;
	int found;

	*err = query_begin(db, AUDIT_SQL(SQL_TRAILS_SEEK, kind), texts[kind],
			   &q);
	if (*err)
		return -1;
	sqlite3_bind_int64(q, 1, id);
	found = query_step(db, q, err);
	if (found > 0) {
		*id_r = sqlite3_column_int64(q, 0);
		*at_ms_r = sqlite3_column_int64(q, 1);
	}
	query_end(q);
	return found;
}

enum err audit_newest(struct db *db, enum audit_kind kind, int64_t *id_r)
{
	static const char *const texts[] = BOTH("SELECT max(id) FROM ", "");
	sqlite3_stmt *q;
	enum err err = query_begin(db, AUDIT_SQL(SQL_TRAILS_NEWEST, kind),
				   texts[kind], &q);

	if (err)
		return err;
	*id_r = query_step(db, q, &err) > 0 ? sqlite3_column_int64(q, 0) : 0;
	query_end(q);
	return err;
}

enum err audit_first_since(struct db *db, enum audit_kind kind,
			   int64_t time_ms, int64_t last, int64_t *id_r)
{
	int64_t low = 0, high = last + 1;
	enum err err = ERR_OK;

	while (low < high) {
		int64_t middle = low + (high - low) / 2, id = 0, at_ms = 0;
		int found = seek(db, kind, middle, &id, &at_ms, &err);

		if (found < 0)
			return err;
		if (found && at_ms < time_ms)
			low = id + 1;
		else
			high = middle;
	}
	*id_r = low;
	return ERR_OK;
}

/* 1: it is in this row, the last of that id; else 0, or -1. */
static int look_into(struct search *s, struct str octets, int64_t row_id,
		     enum err *err)
{
	struct audit_body body;
	struct audit_view view, last;
	int64_t behind = -1;	/* records behind it; -1: it is not here */
	int is = 0;

	if (audit_body_open(octets, &body)) {
		s->is_damaged = true;
		return 0;
	}
	while ((is = audit_body_next(&body, &view)) > 0) {
		behind += behind >= 0;
		if (!audit_view_is(&view, s->request_id))
			continue;
		last = view;
		behind = 0;
	}
	s->is_damaged |= is < 0;
	if (behind < 0)
		return 0;
	*err = audit_view_show(&last, s->pool, &s->found);
	if (*err)
		return -1;
	s->found.id = row_id - behind;
	s->row_id = row_id;
	return 1;
}

static struct str column_octets(sqlite3_stmt *q, int column)
{
	const void *octets = sqlite3_column_blob(q, column);

	return (struct str){ octets, (size_t)sqlite3_column_bytes(q, column) };
}

/* Newest first, in the rows from `low` to `high` that may have it. */
static enum err look_between(struct search *s, enum audit_kind kind,
			     int64_t low, int64_t high)
{
	static const char *const texts[] = BOTH("SELECT id, body FROM ",
		" WHERE id BETWEEN ?1 AND ?2"
		" AND first_ms <= ?3 AND last_ms >= ?4 ORDER BY id DESC");
	sqlite3_stmt *q;
	enum err err = query_begin(s->db, AUDIT_SQL(SQL_TRAILS_LOOK, kind),
				   texts[kind], &q);
	int found = 0;

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, low > s->row_id ? low : s->row_id + 1);
	sqlite3_bind_int64(q, 2, high);
	sqlite3_bind_int64(q, 3, s->most_ms);
	sqlite3_bind_int64(q, 4, s->least_ms);
	while (!found && query_step(s->db, q, &err) > 0)
		found = look_into(s, column_octets(q, 1),
				  sqlite3_column_int64(q, 0), &err);
	query_end(q);
	return err;
}

static enum err look_at_time(struct search *s, enum audit_kind kind,
			     int64_t time_ms)
{
	int64_t last = 0, low = 0, high = 0;
	enum err err = audit_newest(s->db, kind, &last);

	if (!err)
		err = audit_first_since(s->db, kind,
					time_ms - AUDIT_MARGIN_MS, last, &low);
	if (!err)
		err = audit_first_since(s->db, kind,
					time_ms + AUDIT_SPAN_MS, last, &high);
	return err ? err : look_between(s, kind, low, high);
}

static enum err look_back(struct search *s, enum audit_kind kind)
{
	int64_t last = 0;
	enum err err = audit_newest(s->db, kind, &last);

	return err ? err : look_between(s, kind, last - AUDIT_LOOK_BACK + 1,
					last);
}

static enum err look(struct search *s)
{
	enum err err = ERR_OK;
	int64_t time_ms;
	bool is_timed = audit_id_time(s->request_id, &time_ms);

	s->most_ms = is_timed ? time_ms : INT64_MAX;
	s->least_ms = is_timed ? time_ms : 0;
	for (unsigned i = 0; !err && is_timed && i < AUDIT_KINDS; i++)
		err = look_at_time(s, i, time_ms);
	for (unsigned i = 0; !err && !s->row_id && i < AUDIT_KINDS; i++)
		err = look_back(s, i);
	return err;
}

enum err audit_find(struct db *db, struct str request_id, struct pool *pool,
		    struct audit_record *out_r)
{
	struct search s = { .db = db, .request_id = request_id,
			    .pool = pool };
	enum err err = look(&s);

	if (!err && !s.row_id)
		err = find_old(db, request_id, pool, &s.found);
	if (err == ERR_NOT_FOUND && s.is_damaged)
		err = ERR_SYNTAX;
	if (!err)
		*out_r = s.found;
	return err;
}

/* Listing. */

/* How many records a row has; -1: it is damaged. */
static int count_records(struct str octets)
{
	struct audit_body body;
	struct audit_view view;
	int n = 0, is;

	if (audit_body_open(octets, &body))
		return -1;
	while ((is = audit_body_next(&body, &view)) > 0)
		n++;
	return is < 0 ? -1 : n;
}

static enum err show_row(struct str octets, int64_t row_id, int64_t after,
			 struct pool *pool, struct audit_record *out_r,
			 unsigned *count)
{
	int64_t n = count_records(octets), take = row_id - after, at = 0;
	unsigned room = AUDIT_PAGE_MAX - *count;
	struct audit_body body;
	struct audit_view view;
	enum err err = ERR_OK;

	if (n < 0) {
		out_r[(*count)++] = (struct audit_record){
			.id = row_id, .request_id = STR(""),
			.code = STR(AUDIT_UNREADABLE), .trail = STR("[]"),
		};
		return ERR_OK;
	}
	take = take < n ? take : n;
	take = take < room ? take : room;
	audit_body_open(octets, &body);
	for (; !err && audit_body_next(&body, &view) > 0; at++) {
		struct audit_record *r = &out_r[*count + (n - 1 - at)];

		if (at < n - take)
			continue;
		err = audit_view_show(&view, pool, r);
		if (!err)
			r->id = row_id - (n - 1 - at);
	}
	if (!err)
		*count += (unsigned)take;
	return err;
}

enum err audit_list(struct db *db, int64_t after, struct pool *pool,
		    struct audit_record *out_r, unsigned *count_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TRAILS_LIST,
		"SELECT id, body FROM trails WHERE id > ?1 UNION ALL"
		" SELECT id, body FROM refusals WHERE id > ?1"
		" ORDER BY id DESC LIMIT ?2", &q);
	unsigned n = 0;

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, after);
	sqlite3_bind_int(q, 2, AUDIT_PAGE_MAX);
	while (!err && n < AUDIT_PAGE_MAX && query_step(db, q, &err) > 0)
		err = show_row(column_octets(q, 1), sqlite3_column_int64(q, 0),
			       after, pool, out_r, &n);
	query_end(q);
	if (!err)
		err = list_old(db, after, pool, out_r, &n);
	if (!err)
		*count_r = n;
	return err;
}

static enum err sweep_run(struct db *db, struct job *job)
{
	struct chore *chore = (struct chore *)job;
	unsigned swept = 0;
	int old = 0;
	enum err err = audit_sweep(db, AUDIT_SWEEP_MAX, &swept);

	if (!err)
		err = sweep_old(db, &old);
	chore->is_more = swept == AUDIT_SWEEP_MAX || old == AUDIT_SWEEP_MAX;
	return err;
}

enum err audit_start(struct writer *writer, struct chore *chore,
		     int64_t sweep_ms)
{
	*chore = (struct chore){
		.job.run = sweep_run,
		.interval_ms = sweep_ms,
	};
	return writer_add_chore(writer, chore);
}
