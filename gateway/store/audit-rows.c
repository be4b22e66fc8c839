/*
 * The writer's book of the audit: what jobs add, the rows that it becomes, and
 * which rows make room (store/audit-private.h).
 */
#include "store/audit-private.h"

#include "base/clock.h"

#define DAY_MS 86400000LL
#define BOOK_KEPT_MAX (256 * 1024)	/* octets that stay between commits */

#define BOTH(before, after) { before "trails" after, before "refusals" after }

/* Records that wait for the commit, each behind a struct entry. */
struct heap {
	unsigned char *octets;
	size_t len, size;
};

struct entry {
	int64_t lead_ms;
	size_t len;
};

/* Where a row stands. */
struct place {
	int64_t id, at_ms, records, octets;
};

/* What the tables hold; as of the last commit, or the running transaction. */
struct tally {
	struct place last, oldest;
	bool has_oldest;		/* false: to be looked up */
};

struct audit_book {
	struct heap heaps[AUDIT_KINDS];
	struct tally tallies[AUDIT_KINDS];
	struct audit_bounds bounds[AUDIT_KINDS];
	int64_t last_id;		/* of all records */
	bool is_known;			/* the tallies are */
	bool is_dirty;			/* and differ from what is committed */
	unsigned commits;
};

static const struct audit_bounds default_bounds[AUDIT_KINDS] = {
	[AUDIT_DONE] = { AUDIT_ROWS_MAX, AUDIT_OCTETS_MAX },
	[AUDIT_REFUSED] = { AUDIT_REFUSALS_MAX, AUDIT_REFUSAL_OCTETS_MAX },
};

static enum err book(struct db *db, struct audit_book **book_r)
{
	if (!db->audit) {
		db->audit = calloc(1, sizeof(*db->audit));
		if (!db->audit)
			return ERR_NOMEM;
		memcpy(db->audit->bounds, default_bounds,
		       sizeof(default_bounds));
	}
	*book_r = db->audit;
	return ERR_OK;
}

void audit_book_free(struct audit_book *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < AUDIT_KINDS; i++)
		free(b->heaps[i].octets);
	free(b);
}

enum err audit_set_bounds(struct db *db, const struct audit_bounds *done,
			  const struct audit_bounds *refused)
{
	struct audit_book *b;
	enum err err = book(db, &b);

	if (err)
		return err;
	b->bounds[AUDIT_DONE] = *done;
	b->bounds[AUDIT_REFUSED] = *refused;
	return ERR_OK;
}

/*
 * After a transaction that was rolled back, or of which it is not known what
 * became, the tallies are read again.
 */
void audit_begin(struct db *db)
{
	struct audit_book *b = db->audit;

	if (!b)
		return;
	if (b->is_dirty)
		b->is_known = b->is_dirty = false;
	for (unsigned i = 0; i < AUDIT_KINDS; i++)
		b->heaps[i].len = 0;
}

void audit_committed(struct db *db)
{
	struct audit_book *b = db->audit;

	if (!b)
		return;
	b->is_dirty = false;
	for (unsigned i = 0; i < AUDIT_KINDS; i++) {
		struct heap *h = &b->heaps[i];

		h->len = 0;
		if (h->size <= BOOK_KEPT_MAX)
			continue;
		free(h->octets);
		*h = (struct heap){ 0 };
	}
}

struct audit_mark audit_mark(const struct db *db)
{
	struct audit_mark mark = { 0 };

	for (unsigned i = 0; db->audit && i < AUDIT_KINDS; i++)
		mark.len[i] = db->audit->heaps[i].len;
	return mark;
}

void audit_take_back(struct db *db, struct audit_mark mark)
{
	for (unsigned i = 0; db->audit && i < AUDIT_KINDS; i++)
		db->audit->heaps[i].len = mark.len[i];
}

/* Jobs of one batch are bounded, and so is what they add. */
static enum err reserve(struct heap *h, size_t more)
{
	size_t size = h->size ? h->size : 4096;
	unsigned char *octets;

	if (h->size - h->len >= more)
		return ERR_OK;
	while (size - h->len < more)
		size *= 2;
	octets = realloc(h->octets, size);
	if (!octets)
		return ERR_NOMEM;
	h->octets = octets;
	h->size = size;
	return ERR_OK;
}

enum err audit_add(struct db *db, const struct audit_packed *packed,
		   const unsigned char *octets)
{
	const struct entry entry = { packed->lead_ms, packed->len };
	struct audit_book *b;
	struct heap *h;
	enum err err = book(db, &b);

	if (err)
		return err;
	h = &b->heaps[packed->kind];
	err = reserve(h, sizeof(entry) + packed->len);
	if (err)
		return err;
	memcpy(h->octets + h->len, &entry, sizeof(entry));
	memcpy(h->octets + h->len + sizeof(entry), octets, packed->len);
	h->len += sizeof(entry) + packed->len;
	return ERR_OK;
}

enum err audit_pack_new(const struct audit_record *r,
			unsigned char out[AUDIT_PACKED_MAX],
			struct audit_packed *packed_r)
{
	struct audit_packed packed = {
		.kind = r->status < 400 && !r->is_refusal ? AUDIT_DONE :
							    AUDIT_REFUSED,
	};
	enum err err = audit_pack(r, out, &packed.len);

	if (err)
		return err;
	if (!audit_id_time(r->request_id, &packed.lead_ms))
		packed.lead_ms = 0;
	*packed_r = packed;
	return ERR_OK;
}

enum err audit_insert(struct db *db, const struct audit_record *r)
{
	unsigned char octets[AUDIT_PACKED_MAX];
	struct audit_packed packed;
	enum err err = audit_pack_new(r, octets, &packed);

	return err ? err : audit_add(db, &packed, octets);
}

/* What the tables hold. */

static void read_place(sqlite3_stmt *q, struct place *place)
{
	*place = (struct place){
		.id = sqlite3_column_int64(q, 0),
		.at_ms = sqlite3_column_int64(q, 1),
		.records = sqlite3_column_int64(q, 2),
		.octets = sqlite3_column_int64(q, 3),
	};
}

/* 1, 0 or -1 as query_step(). */
static int read_end(struct db *db, enum sql slot, const char *text,
		    struct place *place, enum err *err)
{
	sqlite3_stmt *q;
	int found;

	*place = (struct place){ 0 };
	*err = query_begin(db, slot, text, &q);
	if (*err)
		return -1;
	found = query_step(db, q, err);
	if (found > 0)
		read_place(q, place);
	query_end(q);
	return found;
}

static enum err load_oldest(struct db *db, struct audit_book *b,
			    enum audit_kind kind)
{
	static const char *const texts[] = BOTH(
		"SELECT id, at_ms, records, octets FROM ",
		" ORDER BY id LIMIT 1");
	struct tally *t = &b->tallies[kind];
	enum err err;
	int found;

	if (t->has_oldest)
		return ERR_OK;
	found = read_end(db, AUDIT_SQL(SQL_TRAILS_OLDEST, kind), texts[kind],
			 &t->oldest, &err);
	t->has_oldest = found > 0;
	return err;
}

static enum err load_last(struct db *db, struct audit_book *b)
{
	static const char *const texts[] = BOTH(
		"SELECT id, at_ms, records, octets FROM ",
		" ORDER BY id DESC LIMIT 1");
	struct place old;
	enum err err;

	if (read_end(db, SQL_AUDIT_LAST,
		     "SELECT id, 0, 0, 0 FROM audit ORDER BY id DESC LIMIT 1",
		     &old, &err) < 0)
		return err;
	b->last_id = old.id;
	for (unsigned i = 0; i < AUDIT_KINDS; i++) {
		struct place *last = &b->tallies[i].last;

		b->tallies[i].has_oldest = false;
		if (read_end(db, AUDIT_SQL(SQL_TRAILS_LAST, i), texts[i],
			     last, &err) < 0)
			return err;
		if (last->id > b->last_id)
			b->last_id = last->id;
	}
	return ERR_OK;
}

static enum err load(struct db *db, struct audit_book *b)
{
	enum err err = b->is_known ? ERR_OK : load_last(db, b);

	b->is_known = !err;
	return err;
}

/* Writing. */

struct row {
	int64_t first_ms, last_ms, records;
	size_t len;
	unsigned char body[AUDIT_BODY_MAX];
};

/* Take entries until the next one would not fit; from where to go on. */
static size_t fill(const struct heap *h, size_t at, struct row *row)
{
	row->first_ms = row->last_ms = row->records = 0;
	row->len = 0;
	row->body[row->len++] = AUDIT_VERSION;
	while (at < h->len) {
		struct entry e;

		memcpy(&e, h->octets + at, sizeof(e));
		if (e.len > sizeof(row->body) - row->len)
			break;
		memcpy(row->body + row->len, h->octets + at + sizeof(e),
		       e.len);
		row->len += e.len;
		row->records++;
		at += sizeof(e) + e.len;
		if (!e.lead_ms)
			continue;
		if (!row->first_ms || e.lead_ms < row->first_ms)
			row->first_ms = e.lead_ms;
		if (e.lead_ms > row->last_ms)
			row->last_ms = e.lead_ms;
	}
	return at;
}

static enum err insert(struct db *db, enum audit_kind kind,
		       const struct place *place, const struct row *row)
{
	static const char *const texts[] = BOTH("INSERT INTO ",
		"(id, at_ms, first_ms, last_ms, records, octets, body)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sqlite3_stmt *q;
	enum err err = query_begin(db, AUDIT_SQL(SQL_TRAILS_INSERT, kind),
				   texts[kind], &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, place->id);
	sqlite3_bind_int64(q, 2, place->at_ms);
	sqlite3_bind_int64(q, 3, row->first_ms);
	sqlite3_bind_int64(q, 4, row->last_ms);
	sqlite3_bind_int64(q, 5, place->records);
	sqlite3_bind_int64(q, 6, place->octets);
	sqlite3_bind_blob(q, 7, row->body, (int)row->len, SQLITE_STATIC);
	return query_run(db, q);
}

static enum err write_kind(struct db *db, struct audit_book *b,
			   enum audit_kind kind, int64_t now_ms)
{
	const struct heap *h = &b->heaps[kind];
	struct place *last = &b->tallies[kind].last;
	enum err err = ERR_OK;
	struct row row;
	size_t at = 0;

	while (!err && at < h->len) {
		at = fill(h, at, &row);
		b->last_id += row.records;
		last->id = b->last_id;
		last->at_ms = now_ms;
		last->records += row.records;
		last->octets += (int64_t)row.len + AUDIT_ROW_OCTETS;
		err = insert(db, kind, last, &row);
	}
	return err;
}

/* Sweeping. */

static bool is_surplus(const struct audit_book *b, enum audit_kind kind,
		       const struct place *row, int64_t now_ms)
{
	const struct audit_bounds *bounds = &b->bounds[kind];
	const struct place *last = &b->tallies[kind].last;

	return row->at_ms < now_ms - AUDIT_DAYS_MAX * DAY_MS ||
	       last->records - row->records >= bounds->records ||
	       last->octets - row->octets >= bounds->octets;
}

static enum err remove_upto(struct db *db, enum audit_kind kind, int64_t id)
{
	static const char *const texts[] = BOTH("DELETE FROM ",
						" WHERE id <= ?1");
	sqlite3_stmt *q;
	enum err err = query_begin(db, AUDIT_SQL(SQL_TRAILS_DELETE, kind),
				   texts[kind], &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	return query_run(db, q);
}

/* Oldest first: the first one to be kept keeps all behind it. */
static enum err find_surplus(struct db *db, const struct audit_book *b,
			     enum audit_kind kind, unsigned max,
			     int64_t *upto_r, unsigned *count_r)
{
	static const char *const texts[] = BOTH(
		"SELECT id, at_ms, records, octets FROM ",
		" ORDER BY id LIMIT ?1");
	const int64_t now_ms = clock_steady_ms();
	struct place row;
	sqlite3_stmt *q;
	enum err err = query_begin(db, AUDIT_SQL(SQL_TRAILS_SURPLUS, kind),
				   texts[kind], &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, max);
	while (query_step(db, q, &err) > 0) {
		read_place(q, &row);
		if (!is_surplus(b, kind, &row, now_ms))
			break;
		*upto_r = row.id;
		++*count_r;
	}
	query_end(q);
	return err;
}

static enum err sweep_kind(struct db *db, struct audit_book *b,
			   enum audit_kind kind, unsigned max,
			   unsigned *swept_r)
{
	struct tally *t = &b->tallies[kind];
	unsigned count = 0;
	int64_t upto = 0;
	enum err err = load_oldest(db, b, kind);

	if (err || !t->has_oldest ||
	    !is_surplus(b, kind, &t->oldest, clock_steady_ms()))
		return err;
	err = find_surplus(db, b, kind, max, &upto, &count);
	if (!err && count) {
		b->is_dirty = true;
		t->has_oldest = false;
		err = remove_upto(db, kind, upto);
	}
	*swept_r = count;
	return err;
}

/* Refusals first. */
enum err audit_sweep(struct db *db, unsigned max, unsigned *swept_r)
{
	unsigned done = 0, refused = 0;
	struct audit_book *b;
	enum err err = book(db, &b);

	if (!err)
		err = load(db, b);
	if (!err)
		err = sweep_kind(db, b, AUDIT_REFUSED, max, &refused);
	if (!err)
		err = sweep_kind(db, b, AUDIT_DONE, max, &done);
	if (!err)
		*swept_r = refused > done ? refused : done;
	return err;
}

enum err audit_flush(struct db *db)
{
	struct audit_book *b = db->audit;
	const int64_t now_ms = clock_steady_ms();
	unsigned swept;
	enum err err;

	if (!b || (!b->heaps[AUDIT_DONE].len && !b->heaps[AUDIT_REFUSED].len))
		return ERR_OK;
	err = load(db, b);
	b->is_dirty = true;
	for (unsigned i = 0; !err && i < AUDIT_KINDS; i++)
		err = write_kind(db, b, i, now_ms);
	if (!err && ++b->commits % AUDIT_SWEEP_COMMITS == 0)
		err = audit_sweep(db, AUDIT_SWEEP_BESIDE, &swept);
	return err;
}
