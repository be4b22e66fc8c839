#include "store/tombstones.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "store/db-private.h"
#include "store/tombstones-private.h"
#include "store/users.h"

#define KEPT_MS (TOMBSTONE_KEPT_S * 1000LL)
#define SWEEP_MAX 256		/* rows deleted in one transaction */

/* All but `key` is the writer's thread's alone. */
struct tombstones {
	unsigned char key[2][16];
	/* at least as many as there are: what was rolled back is counted until
	 * the next sweep counts anew */
	int64_t count;
	struct chore sweep;
};

#define TAG_TEXT_MAX (USER_TENANT_MAX + USER_EMAIL_MAX + 2)

/* Slugs have no octet like a kind's: no two people make one text. */
static size_t tag_text(struct str tenant, int kind, struct str name,
		       char text[TAG_TEXT_MAX])
{
	memcpy(text, tenant.ptr, tenant.len);
	text[tenant.len] = (char)kind;
	if (name.len)
		memcpy(text + tenant.len + 1, name.ptr, name.len);
	return tenant.len + 1 + name.len;
}

uint64_t tombstone_trail_tag(const struct tombstones *ts, struct str tenant,
			     enum trail_kind kind, struct str name)
{
	char text[TAG_TEXT_MAX];
	size_t len = tag_text(tenant, kind, name, text);
	uint64_t tag = hash_keyed(ts->key[0], text, len) & INT64_MAX;

	return tag ? tag : 1;
}

void tombstone_tag(const struct tombstones *ts, struct str tenant,
		   enum tombstone_kind kind, struct str name,
		   uint8_t tag[TOMBSTONE_TAG_LEN])
{
	char text[TAG_TEXT_MAX];
	size_t len = tag_text(tenant, kind, name, text);

	for (int i = 0; i < 2; i++) {
		uint64_t half = hash_keyed(ts->key[i], text, len);

		memcpy(tag + 8 * i, &half, sizeof(half));
	}
}

enum err tombstone_write(struct tombstones *ts, struct db *db,
			 struct str tenant, enum tombstone_kind kind,
			 struct str name)
{
	return tombstone_write_until(ts, db, tenant, kind, name,
				     clock_steady_ms());
}

/* One that reaches farther stays, unless it is of another clock. */
enum err tombstone_write_until(struct tombstones *ts, struct db *db,
			       struct str tenant, enum tombstone_kind kind,
			       struct str name, int64_t until_ms)
{
	uint8_t tag[TOMBSTONE_TAG_LEN];
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TOMBSTONE_INSERT,
		"INSERT OR REPLACE INTO tombstones(tag, ended_ms)"
		" VALUES(?1, ifnull((SELECT ended_ms FROM tombstones"
		" WHERE tag = ?1 AND ended_ms BETWEEN ?2 AND ?2 + ?3), ?2))",
		&q);

	if (err)
		return err;
	tombstone_tag(ts, tenant, kind, name, tag);
	sqlite3_bind_blob(q, 1, tag, sizeof(tag), SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, until_ms);
	sqlite3_bind_int64(q, 3, KEPT_MS);
	ts->count++;
	return query_run(db, q);
}

/* When what has that name was ended; 0: it was not. */
static enum err find_end(const struct tombstones *ts, struct db *db,
			 struct str tenant, enum tombstone_kind kind,
			 struct str name, int64_t *ended_ms_r)
{
	uint8_t tag[TOMBSTONE_TAG_LEN];
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TOMBSTONE_GET,
		"SELECT ended_ms FROM tombstones WHERE tag = ?1", &q);

	if (err)
		return err;
	*ended_ms_r = 0;
	tombstone_tag(ts, tenant, kind, name, tag);
	sqlite3_bind_blob(q, 1, tag, sizeof(tag), SQLITE_STATIC);
	if (query_step(db, q, &err) > 0)
		*ended_ms_r = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

enum err tombstone_check(struct tombstones *ts, struct db *db,
			 struct str tenant, enum tombstone_kind kind,
			 struct str name, int64_t minted_ms)
{
	int64_t ended_ms = 0;
	enum err err = ts->count ? find_end(ts, db, tenant, kind, name,
					    &ended_ms) : ERR_OK;

	/* farther ahead is a clock that was set back since */
	return !err && ended_ms && minted_ms <= ended_ms &&
	       ended_ms - minted_ms <= KEPT_MS ? ERR_NOT_FOUND : err;
}

enum err tombstone_take(struct tombstones *ts, struct db *db,
			struct str tenant, enum tombstone_kind kind,
			struct str name)
{
	int64_t now_ms = clock_steady_ms(), ended_ms = 0;
	enum err err = find_end(ts, db, tenant, kind, name, &ended_ms);

	if (err)
		return err;
	if (ended_ms && now_ms - ended_ms <= KEPT_MS &&
	    ended_ms - now_ms <= KEPT_MS)
		return ERR_USED;
	return tombstone_write(ts, db, tenant, kind, name);
}

/* ---- the sweep ---- */

static enum err count_rows(struct db *db, int64_t *count_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TOMBSTONE_COUNT,
		"SELECT count(*) FROM tombstones", &q);

	if (err)
		return err;
	if (query_step(db, q, &err) > 0)
		*count_r = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

static enum err forget(struct db *db)
{
	int64_t now_ms = clock_steady_ms();
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TOMBSTONE_DELETE,
		"DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones"
		" WHERE ended_ms < ?1 OR ended_ms > ?2 ORDER BY id LIMIT ?3)",
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, now_ms - KEPT_MS);
	/* by another clock, of before a restart */
	sqlite3_bind_int64(q, 2, now_ms + KEPT_MS);
	sqlite3_bind_int(q, 3, SWEEP_MAX);
	return query_run(db, q);
}

static enum err sweep_run(struct db *db, struct job *job)
{
	struct tombstones *ts = list_entry(job, struct tombstones, sweep.job);
	enum err err = ts->count ? forget(db) : ERR_OK;

	return err || !ts->count ? err : count_rows(db, &ts->count);
}

/* ---- the table ---- */

static enum err load_key(struct db *db, const char *name,
			 unsigned char key[16])
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_MARK_OF,
		"SELECT value FROM marks WHERE name IN (?1 || '_a', ?1 || '_b')"
		" ORDER BY name", &q);
	int n = 0;

	if (err)
		return err;
	query_bind_str(q, 1, str_from(name));
	for (; n < 2 && query_step(db, q, &err) > 0; n++) {
		int64_t half = sqlite3_column_int64(q, 0);

		memcpy(key + 8 * n, &half, sizeof(half));
	}
	query_end(q);
	return !err && n != 2 ? ERR_INTERNAL : err;
}

enum err tombstones_new(struct db *db, struct tombstones **tombstones_r)
{
	struct tombstones *ts = calloc(1, sizeof(*ts));
	enum err err = ts ? load_key(db, "tombstone_0", ts->key[0]) :
			    ERR_NOMEM;

	if (!err)
		err = load_key(db, "tombstone_1", ts->key[1]);
	if (!err)
		err = count_rows(db, &ts->count);
	if (err) {
		free(ts);
		return err;
	}
	*tombstones_r = ts;
	return ERR_OK;
}

enum err tombstones_start(struct tombstones *ts, struct writer *writer,
			  int64_t sweep_ms)
{
	ts->sweep.job.run = sweep_run;
	ts->sweep.interval_ms = sweep_ms;
	return writer_add_chore(writer, &ts->sweep);
}

void tombstones_free(struct tombstones *ts)
{
	free(ts);
}
