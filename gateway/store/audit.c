#include "store/audit.h"

#include "base/clock.h"
#include "store/db-private.h"

#define DAY_MS 86400000LL

enum err audit_check(const struct audit_record *r)
{
	enum err err = text_check(r->request_id, AUDIT_ID_MAX);

	if (!err)
		err = text_check(r->tenant, AUDIT_TENANT_MAX);
	if (!err)
		err = text_check(r->code, AUDIT_CODE_MAX);
	if (!err)
		err = text_check(r->trail, AUDIT_TRAIL_MAX);
	return err;
}

/* A column that must have a value: absent is empty. */
static struct str present(struct str s)
{
	return s.ptr ? s : STR("");
}

enum err audit_insert(struct db *db, const struct audit_record *r)
{
	sqlite3_stmt *q;
	enum err err = audit_check(r);

	if (!err)
		err = query_begin(db, SQL_AUDIT_INSERT,
			"INSERT INTO audit(request_id, time_ms, tenant, status,"
			" code, trail) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", &q);
	if (err)
		return err;
	query_bind_str(q, 1, present(r->request_id));
	sqlite3_bind_int64(q, 2, r->time_ms);
	query_bind_str(q, 3, r->tenant);
	sqlite3_bind_int(q, 4, r->status);
	query_bind_str(q, 5, r->code);
	query_bind_str(q, 6, present(r->trail));
	return query_run(db, q);
}

/* A record on its way alone, with its text behind it. */
struct audit_job {
	struct job job;
	struct audit_record record;
	char text[];
};

static enum err audit_run(struct db *db, struct job *job)
{
	return audit_insert(db, &((struct audit_job *)job)->record);
}

static void audit_done(struct job *job)
{
	free(job);
}

/* Move a slice behind `*p`. */
static void keep(struct str *s, char **p)
{
	if (!s->ptr)
		return;
	memcpy(*p, s->ptr, s->len);
	s->ptr = *p;
	*p += s->len;
}

enum err audit_write(struct writer *writer, const struct audit_record *r)
{
	enum err err = audit_check(r);
	struct audit_job *a;
	char *p;

	if (err)
		return err;
	a = malloc(sizeof(*a) + r->request_id.len + r->tenant.len +
		   r->code.len + r->trail.len);
	if (!a)
		return ERR_NOMEM;
	a->job = (struct job){ .run = audit_run, .done = audit_done };
	a->record = *r;
	p = a->text;
	keep(&a->record.request_id, &p);
	keep(&a->record.tenant, &p);
	keep(&a->record.code, &p);
	keep(&a->record.trail, &p);
	err = writer_submit_unawaited(writer, &a->job);
	if (err)
		free(a);
	return err;
}

static enum err copy(struct pool *pool, struct str in, struct str *out)
{
	*out = in.ptr ? pool_str(pool, in) : STR_NULL;
	return in.ptr && !out->ptr ? ERR_NOMEM : ERR_OK;
}

#define COLUMNS "id, request_id, time_ms, tenant, status, code, trail"

static enum err read_record(sqlite3_stmt *q, struct pool *pool,
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

enum err audit_find(struct db *db, struct str request_id, struct pool *pool,
		    struct audit_record *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_FIND,
		"SELECT " COLUMNS " FROM audit WHERE request_id = ?1"
		" ORDER BY id DESC LIMIT 1", &q);
	int found;

	if (err)
		return err;
	query_bind_str(q, 1, present(request_id));
	found = query_step(db, q, &err);
	if (found == 0)
		err = ERR_NOT_FOUND;
	if (found > 0)
		err = read_record(q, pool, out_r);
	query_end(q);
	return err;
}

enum err audit_list(struct db *db, int64_t after, struct pool *pool,
		    struct audit_record *out_r, unsigned *count_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_LIST,
		"SELECT " COLUMNS " FROM audit WHERE id > ?1"
		" ORDER BY id DESC LIMIT ?2", &q);
	unsigned n = 0;

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, after);
	sqlite3_bind_int(q, 2, AUDIT_PAGE_MAX);
	while (!err && n < AUDIT_PAGE_MAX && query_step(db, q, &err) > 0) {
		err = read_record(q, pool, &out_r[n]);
		n += !err;
	}
	query_end(q);
	if (!err)
		*count_r = n;
	return err;
}

/* Ids count up without gaps, so the newest tells how many there may be. */
static enum err last_id(struct db *db, int64_t *id_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_AUDIT_LAST,
		"SELECT id FROM audit ORDER BY id DESC LIMIT 1", &q);

	if (err)
		return err;
	*id_r = query_step(db, q, &err) > 0 ? sqlite3_column_int64(q, 0) : 0;
	query_end(q);
	return err;
}

enum err audit_sweep(struct db *db, int64_t before_ms, int64_t rows_max,
		     unsigned *deleted_r)
{
	int64_t last = 0, upto = 0;
	unsigned n = 0;
	sqlite3_stmt *q;
	enum err err = last_id(db, &last);

	if (!err)
		err = query_begin(db, SQL_AUDIT_OLDEST,
			"SELECT id, time_ms FROM audit ORDER BY id LIMIT ?1",
			&q);
	if (err)
		return err;
	sqlite3_bind_int(q, 1, AUDIT_SWEEP_MAX);
	/* oldest first: the first one to be kept keeps all behind it */
	while (query_step(db, q, &err) > 0) {
		int64_t id = sqlite3_column_int64(q, 0);

		if (id > last - rows_max &&
		    sqlite3_column_int64(q, 1) >= before_ms)
			break;
		upto = id;
		n++;
	}
	query_end(q);
	if (!err && n) {
		err = query_begin(db, SQL_AUDIT_DELETE,
			"DELETE FROM audit WHERE id <= ?1", &q);
		if (err)
			return err;
		sqlite3_bind_int64(q, 1, upto);
		err = query_run(db, q);
	}
	if (!err)
		*deleted_r = n;
	return err;
}

static enum err sweep_run(struct db *db, struct job *job)
{
	struct chore *chore = (struct chore *)job;
	unsigned deleted = 0;
	enum err err = audit_sweep(db,
				   clock_wall_ms() - AUDIT_DAYS_MAX * DAY_MS,
				   AUDIT_ROWS_MAX, &deleted);

	chore->is_more = deleted == AUDIT_SWEEP_MAX;
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
