#include "store/parking.h"

#include "base/clock.h"
#include "base/list.h"
#include "store/db-private.h"
#include "store/parking-private.h"
#include "store/users.h"

#define SWEEP_MAX 64		/* rows deleted in one transaction */

struct parking {
	struct writer *writer;
	const struct tombstones *tombstones;
	struct chore sweep;
};

/* One number about what the client, or the tenant, has there. */
static enum err ask(struct db *db, enum sql slot, const char *text,
		    struct str whose, int64_t *n_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, slot, text, &q);

	if (err)
		return err;
	query_bind_str(q, 1, whose);
	sqlite3_bind_int64(q, 2, clock_steady_s());
	*n_r = query_step(db, q, &err) > 0 ? sqlite3_column_int64(q, 0) : 0;
	query_end(q);
	return err;
}

static enum err check_room(struct db *db, const struct parked *p)
{
	int64_t rows = 0, octets = 0;
	enum err err = ask(db, SQL_PARKED_OF_CLIENT,
		"SELECT count(*) FROM parked WHERE client = ?1 AND exp_s > ?2",
		p->client, &rows);

	if (!err)
		err = ask(db, SQL_PARKED_OF_TENANT,
			"SELECT total(octets) FROM parked"
			" WHERE tenant = ?1 AND exp_s > ?2", p->tenant,
			&octets);
	if (!err && (rows >= PARKED_CLIENT_MAX ||
		     octets + (int64_t)p->content.len > PARKED_TENANT_MAX))
		err = ERR_LIMIT;
	return err;
}

static enum err add_run(struct db *db, struct job *job)
{
	const struct parked *p = (const struct parked *)job;
	uint8_t person[TOMBSTONE_TAG_LEN], external[TOMBSTONE_TAG_LEN];
	sqlite3_stmt *q;
	enum err err = check_room(db, p);

	if (!err)
		err = query_begin(db, SQL_PARKED_INSERT,
			"INSERT INTO parked(id, tenant, client, exp_s, octets,"
			" content, person, external)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &q);
	if (err)
		return err;
	sqlite3_bind_blob(q, 1, p->id, PARKED_ID_LEN, SQLITE_STATIC);
	query_bind_str(q, 2, p->tenant);
	query_bind_str(q, 3, p->client);
	sqlite3_bind_int64(q, 4, p->exp_s);
	sqlite3_bind_int64(q, 5, (int64_t)p->content.len);
	query_bind_str(q, 6, p->content);
	tombstone_tag(p->tombstones, p->tenant, p->is_vouched ?
		      TOMBSTONE_SIGNED : TOMBSTONE_UNSIGNED, p->email_key,
		      person);
	sqlite3_bind_blob(q, 7, person, sizeof(person), SQLITE_STATIC);
	if (p->external_id.ptr) {
		tombstone_tag(p->tombstones, p->tenant, TOMBSTONE_EXTERNAL,
			      p->external_id, external);
		sqlite3_bind_blob(q, 8, external, sizeof(external),
				  SQLITE_STATIC);
	}
	return query_run(db, q);
}

enum err parking_add(struct parking *parking, struct parked *p)
{
	enum err err = text_check(p->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(p->client, PARKED_CLIENT_LEN_MAX);
	if (!err)
		err = text_check(p->content, PARKED_MAX);
	if (!err)
		err = text_check(p->email_key, USER_EMAIL_MAX);
	if (!err)
		err = text_check(p->external_id, USER_EXTERNAL_MAX);
	if (err)
		return err;
	p->tombstones = parking->tombstones;
	p->job.run = add_run;
	p->job.settle = NULL;
	return writer_submit(parking->writer, &p->job);
}

enum err parking_get(struct db *reader, struct str tenant,
		     const uint8_t id[PARKED_ID_LEN], struct pool *pool,
		     struct str *content_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(reader, SQL_PARKED_GET,
		"SELECT content FROM parked WHERE id = ?1 AND tenant = ?2",
		&q);
	int found;

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, id, PARKED_ID_LEN, SQLITE_STATIC);
	query_bind_str(q, 2, tenant);
	found = query_step(reader, q, &err);
	if (found > 0) {
		*content_r = pool_str(pool, query_str(q, 0));
		err = content_r->ptr ? ERR_OK : ERR_NOMEM;
	} else if (!found) {
		err = ERR_NOT_FOUND;
	}
	query_end(q);
	return err;
}

enum err parking_take(struct db *db, struct str tenant,
		      const uint8_t id[PARKED_ID_LEN])
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_PARKED_DELETE,
		"DELETE FROM parked WHERE id = ?1 AND tenant = ?2", &q);

	if (err)
		return err;
	sqlite3_bind_blob(q, 1, id, PARKED_ID_LEN, SQLITE_STATIC);
	query_bind_str(q, 2, tenant);
	err = query_run(db, q);
	return !err && !sqlite3_changes(db->handle) ? ERR_NOT_FOUND : err;
}

/* In the order of their coming, so that what is looked at and stays is little:
 * they all live equally long. */
static enum err sweep_run(struct db *db, struct job *job)
{
	struct parking *parking = list_entry(job, struct parking, sweep.job);
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_PARKED_SWEEP,
		"DELETE FROM parked WHERE rowid IN (SELECT rowid FROM parked"
		" WHERE exp_s <= ?1 ORDER BY rowid LIMIT ?2)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, clock_steady_s());
	sqlite3_bind_int(q, 2, SWEEP_MAX);
	err = query_run(db, q);
	parking->sweep.is_more = !err &&
		sqlite3_changes(db->handle) == SWEEP_MAX;
	return err;
}

struct parking *parking_new(void)
{
	return calloc(1, sizeof(struct parking));
}

enum err parking_start(struct parking *parking, struct writer *writer,
		       const struct tombstones *tombstones, int64_t sweep_ms)
{
	parking->writer = writer;
	parking->tombstones = tombstones;
	parking->sweep.job.run = sweep_run;
	parking->sweep.interval_ms = sweep_ms;
	return writer_add_chore(writer, &parking->sweep);
}

void parking_free(struct parking *parking)
{
	free(parking);
}
