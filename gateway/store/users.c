#include "store/users.h"

#include "base/clock.h"
#include "codec/json.h"
#include "store/db-private.h"
#include "store/known.h"
#include "store/sessions-private.h"
#include "store/tickets-private.h"
#include "store/users-private.h"

#define COLUMNS "id, email, name, attributes, verified, tenant, email_key," \
	" external_id, blocked, created_s, updated_s, last_seen_s"
#define HASHED_MAX 2048		/* bytes of values hashed without malloc */

struct users {
	struct writer *writer;
	struct sessions *sessions;
	struct tickets *tickets;
	struct known *known;
};

struct users *users_new(struct writer *writer, struct sessions *sessions,
			struct tickets *tickets)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	*u = (struct users){
		.writer = writer,
		.sessions = sessions,
		.tickets = tickets,
		.known = known_new(USERS_KNOWN_MAX),
	};
	if (!u->known) {
		free(u);
		return NULL;
	}
	return u;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	known_free(u->known);
	free(u);
}

/* ---- what a sync holds, as hashes ---- */

/* Lengths go in front, so that no two lists of texts look alike. */
static void add_hashed(struct buf *b, struct str s)
{
	uint32_t len = (uint32_t)s.len;

	buf_add(b, &len, sizeof(len));
	buf_adds(b, s);
}

/* False: no memory. */
static bool hash_key(struct str tenant, struct str email_key,
		     struct hash128 *key_r)
{
	char array[USER_TENANT_MAX + USER_EMAIL_MAX + 16];
	struct buf b;

	buf_init_fixed(&b, array, sizeof(array));
	add_hashed(&b, tenant);
	add_hashed(&b, email_key);
	if (!buf_is_ok(&b))
		return false;
	*key_r = hash_wide(b.ptr, b.len);
	return true;
}

static void add_values(struct buf *b, const struct user_sync *sync)
{
	add_hashed(b, sync->email);
	add_hashed(b, sync->name);
	for (unsigned i = 0; i < sync->del_count; i++)
		add_hashed(b, sync->del[i]);
	buf_addc(b, '\0');
	for (unsigned i = 0; sync->set && i < sync->set->count; i++) {
		const struct field *f = &sync->set->v[i];

		buf_addc(b, f->kind == FIELD_JSON ? 'j' : 't');
		add_hashed(b, f->name);
		add_hashed(b, f->value);
	}
}

static void hash_sync(struct user_sync *sync)
{
	char array[HASHED_MAX];
	struct buf b;

	if (sync->has_hashes)
		return;
	buf_init_fixed(&b, array, sizeof(array));
	add_values(&b, sync);
	if (!buf_is_ok(&b)) {
		buf_init(&b, DB_SCRATCH_MAX);
		add_values(&b, sync);
	}
	if (buf_is_ok(&b) &&
	    hash_key(sync->tenant, sync->email_key, &sync->key)) {
		sync->values = hash_wide(b.ptr, b.len);
		sync->has_hashes = true;
	}
	buf_done(&b);
}

int users_known(struct users *users, struct user_sync *sync, int64_t now_s,
		int64_t *user_id_r)
{
	hash_sync(sync);
	if (!sync->has_hashes || sync->event_count)
		return 0;
	return known_get(users->known, sync->key, sync->values,
			 now_s - USER_SEEN_S, user_id_r);
}

/* ---- rows ---- */

/* The row that stands ready, copied: 1; 0 and *err_r set to ERR_NOT_FOUND. */
static enum err read_row(struct db *db, sqlite3_stmt *q, struct pool *pool,
			 struct user *out_r)
{
	static const struct { int column; size_t offset; } texts[] = {
		{ 1, offsetof(struct user, view.email) },
		{ 2, offsetof(struct user, view.name) },
		{ 3, offsetof(struct user, view.attributes) },
		{ 5, offsetof(struct user, tenant) },
		{ 6, offsetof(struct user, email_key) },
		{ 7, offsetof(struct user, external_id) },
	};
	struct user u = { 0 };
	enum err err = ERR_OK;
	int found = query_step(db, q, &err);

	if (found <= 0)
		return found ? err : ERR_NOT_FOUND;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		struct str s = query_str(q, texts[i].column);
		struct str *to = (struct str *)((char *)&u + texts[i].offset);

		if (s.ptr)
			*to = pool_str(pool, s);
		if (s.ptr && !to->ptr)
			return ERR_NOMEM;
	}
	u.view.id = sqlite3_column_int64(q, 0);
	u.view.is_verified = sqlite3_column_int(q, 4);
	u.is_blocked = sqlite3_column_int(q, 8);
	u.created_s = sqlite3_column_int64(q, 9);
	u.updated_s = sqlite3_column_int64(q, 10);
	u.last_seen_s = sqlite3_column_int64(q, 11);
	*out_r = u;
	return ERR_OK;
}

enum err users_find(struct db *db, struct str tenant, struct str email_key,
		    struct pool *pool, struct user *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_BY_EMAIL,
		"SELECT " COLUMNS " FROM users"
		" WHERE tenant = ?1 AND email_key = ?2 AND verified = 0", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	query_bind_str(q, 2, email_key);
	err = read_row(db, q, pool, out_r);
	query_end(q);
	return err;
}

static enum err find_signed(struct db *db, struct str tenant,
			    struct str email_key, struct pool *pool,
			    struct user *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_SIGNED,
		"SELECT " COLUMNS " FROM users WHERE tenant = ?1"
		" AND email_key = ?2 AND verified = 1 AND external_id IS NULL",
		&q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	query_bind_str(q, 2, email_key);
	err = read_row(db, q, pool, out_r);
	query_end(q);
	return err;
}

enum err users_find_all(struct db *db, struct str tenant,
			struct str email_key, struct pool *pool,
			struct user *users, unsigned *count_r)
{
	unsigned count = 0;
	enum err err = users_find(db, tenant, email_key, pool, &users[count]);

	count += !err;
	if (!err || err == ERR_NOT_FOUND)
		err = find_signed(db, tenant, email_key, pool, &users[count]);
	count += !err;
	if (err && err != ERR_NOT_FOUND)
		return err;
	if (!count)
		return ERR_NOT_FOUND;
	*count_r = count;
	return ERR_OK;
}

enum err users_get(struct db *db, int64_t id, struct pool *pool,
		   struct user *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_BY_ID,
		"SELECT " COLUMNS " FROM users WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	err = read_row(db, q, pool, out_r);
	query_end(q);
	return err;
}

/* ---- sync ---- */

/* What a sync compares, no more: each column costs every sign-in. */
struct stored {
	int64_t id, last_seen_s;
	struct str email, name, attributes;
	bool is_blocked;
};

static enum err read_stored(struct db *db, sqlite3_stmt *q,
			    struct stored *out_r)
{
	enum err err = ERR_OK;
	int found = query_step(db, q, &err);
	struct stored s;

	if (found <= 0)
		return found ? err : ERR_NOT_FOUND;
	s = (struct stored){
		.id = sqlite3_column_int64(q, 0),
		.email = pool_str(db->scratch, query_str(q, 1)),
		.name = pool_str(db->scratch, query_str(q, 2)),
		.attributes = pool_str(db->scratch, query_str(q, 3)),
		.is_blocked = sqlite3_column_int(q, 4),
		.last_seen_s = sqlite3_column_int64(q, 5),
	};
	if (!s.email.ptr || !s.name.ptr || !s.attributes.ptr)
		return ERR_NOMEM;
	*out_r = s;
	return ERR_OK;
}

static enum err find_stored(struct db *db, const struct user_sync *sync,
			    struct stored *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_STORED,
		"SELECT id, email, name, attributes, blocked, last_seen_s"
		" FROM users WHERE tenant = ?1 AND email_key = ?2"
		" AND verified = 0", &q);

	if (err)
		return err;
	query_bind_str(q, 1, sync->tenant);
	query_bind_str(q, 2, sync->email_key);
	err = read_stored(db, q, out_r);
	query_end(q);
	return err;
}

static enum err to_json(struct db *db, const struct fields *fields,
			struct str *out_r)
{
	struct buf b;

	buf_init_pool(&b, db->scratch, USER_ATTRIBUTES_MAX);
	if (fields)
		json_add_fields(&b, fields);
	else
		buf_puts(&b, "{}");
	if (!buf_is_ok(&b))
		return ERR_LIMIT;
	*out_r = buf_str(&b);
	return ERR_OK;
}

/* Is the text that of an object with nothing in it? */
static bool is_empty_object(struct str json)
{
	return str_eq(json, STR("{}"));
}

/*
 * What `stored` becomes.  Reading it as JSON is the last resort: most users
 * have no attributes, or get the same ones with every sign-in.
 */
static enum err merge(struct db *db, const struct user_sync *sync,
		      struct str stored, struct str *out_r)
{
	struct fields fields;
	enum err err;

	if (!sync->set || !sync->set->count) {
		if (!sync->del_count || is_empty_object(stored)) {
			*out_r = stored;
			return ERR_OK;
		}
	} else {
		err = to_json(db, sync->set, out_r);
		if (err || is_empty_object(stored) || str_eq(*out_r, stored))
			return err;
	}
	fields_init(&fields, db->scratch);
	if (json_parse_fields(stored, &fields, NULL))
		return ERR_INTERNAL;
	for (unsigned i = 0; i < sync->del_count; i++)
		fields_del(&fields, sync->del[i]);
	for (unsigned i = 0; sync->set && i < sync->set->count; i++) {
		const struct field *f = &sync->set->v[i];

		err = fields_set(&fields, f->name, f->value, f->kind);
		if (err)
			return err;
	}
	return to_json(db, &fields, out_r);
}

static enum err insert(struct db *db, struct user_sync *sync,
		       struct str attributes, int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_INSERT,
		"INSERT INTO users(tenant, email_key, email, name, attributes,"
		" created_s, updated_s, last_seen_s)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6)", &q);

	if (err)
		return err;
	query_bind_str(q, 1, sync->tenant);
	query_bind_str(q, 2, sync->email_key);
	query_bind_str(q, 3, sync->email);
	query_bind_str(q, 4, sync->name);
	query_bind_str(q, 5, attributes);
	sqlite3_bind_int64(q, 6, now_s);
	err = query_run(db, q);
	if (err)
		return err;
	sync->user_id = sqlite3_last_insert_rowid(db->handle);
	sync->is_created = sync->is_changed = true;
	sync->seen_s = now_s;
	return ERR_OK;
}

static enum err update(struct db *db, struct user_sync *sync,
		       struct str attributes, int64_t now_s)
{
	const struct user_view view = {
		.id = sync->user_id,
		.email = sync->email,
		.name = sync->name,
		.attributes = attributes,
		.is_verified = false,
	};
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_UPDATE,
		"UPDATE users SET email = ?2, name = ?3, attributes = ?4,"
		" updated_s = ?5, last_seen_s = ?5 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, view.id);
	query_bind_str(q, 2, view.email);
	query_bind_str(q, 3, view.name);
	query_bind_str(q, 4, view.attributes);
	sqlite3_bind_int64(q, 5, now_s);
	err = query_run(db, q);
	if (err)
		return err;
	/* made now, since nothing may fail after the commit */
	sync->record = user_record_new(&view);
	sync->is_changed = true;
	sync->seen_s = now_s;
	return sync->record ? ERR_OK : ERR_NOMEM;
}

static enum err update_seen(struct db *db, struct user_sync *sync,
			    int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_SEEN,
		"UPDATE users SET last_seen_s = ?2 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, sync->user_id);
	sqlite3_bind_int64(q, 2, now_s);
	sync->seen_s = now_s;
	return query_run(db, q);
}

static enum err bring_up(struct db *db, struct user_sync *sync, int64_t now_s)
{
	struct stored stored = { 0 };
	struct str attributes;
	enum err err = find_stored(db, sync, &stored);

	if (err == ERR_NOT_FOUND) {
		err = merge(db, sync, STR("{}"), &attributes);
		return err ? err : insert(db, sync, attributes, now_s);
	}
	if (err)
		return err;
	if (stored.is_blocked)
		return ERR_AUTH;
	sync->user_id = stored.id;
	sync->seen_s = stored.last_seen_s;
	err = merge(db, sync, stored.attributes, &attributes);
	if (err)
		return err;
	if (!str_eq(stored.email, sync->email) ||
	    !str_eq(stored.name, sync->name) ||
	    !str_eq(stored.attributes, attributes))
		return update(db, sync, attributes, now_s);
	if (now_s - stored.last_seen_s >= USER_SEEN_S)
		return update_seen(db, sync, now_s);
	return ERR_OK;
}

static enum err sync_run(struct db *db, struct job *job)
{
	struct user_sync *sync = (struct user_sync *)job;
	enum err err;

	/* it may be the second time */
	free(sync->record);
	sync->record = NULL;
	sync->user_id = 0;
	sync->is_created = sync->is_changed = false;
	err = bring_up(db, sync, clock_wall_s());
	if (!err)
		err = outbox_append(db, sync->tenant, sync->user_id,
				    sync->events, sync->event_count);
	if (!err && sync->audit)
		err = audit_insert(db, sync->audit);
	return err;
}

static void sync_settle(struct job *job)
{
	struct user_sync *sync = (struct user_sync *)job;
	struct users *users = sync->users;

	if (job->result) {
		free(sync->record);
		sync->record = NULL;
		return;
	}
	sessions_show(users->sessions, sync->record);
	sync->record = NULL;
	if (sync->has_hashes)
		known_put(users->known, sync->key, sync->values, sync->seen_s,
			  sync->user_id);
}

static enum err check_sync(const struct user_sync *sync)
{
	enum err err = text_check(sync->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(sync->email, USER_EMAIL_MAX);
	if (!err)
		err = text_check(sync->email_key, USER_EMAIL_MAX);
	if (!err)
		err = text_check(sync->name, USER_NAME_MAX);
	if (!err)
		err = outbox_check(sync->events, sync->event_count);
	if (!err && sync->audit)
		err = audit_check(sync->audit);
	return err;
}

enum err users_sync(struct users *users, struct user_sync *sync)
{
	enum err err = check_sync(sync);

	if (err)
		return err;
	hash_sync(sync);
	sync->users = users;
	sync->record = NULL;
	sync->job.run = sync_run;
	sync->job.settle = sync_settle;
	return writer_submit(users->writer, &sync->job);
}

/* ---- block, erase ---- */

/* The user, and the key under which a sync would know them. */
static enum err find_key(struct db *db, int64_t id, struct user *user_r,
			 struct hash128 *key_r)
{
	enum err err = users_get(db, id, db->scratch, user_r);

	if (err)
		return err;
	return hash_key(user_r->tenant, user_r->email_key, key_r) ?
		ERR_OK : ERR_INTERNAL;
}

static enum err block_run(struct db *db, struct job *job)
{
	struct user_block *b = (struct user_block *)job;
	struct user user;
	sqlite3_stmt *q;
	enum err err = find_key(db, b->user_id, &user, &b->key);

	if (!err && user.is_blocked != b->is_blocked) {
		err = query_begin(db, SQL_USER_BLOCK,
			"UPDATE users SET blocked = ?2 WHERE id = ?1", &q);
		if (err)
			return err;
		sqlite3_bind_int64(q, 1, b->user_id);
		sqlite3_bind_int(q, 2, b->is_blocked);
		err = query_run(db, q);
	}
	if (!err && b->is_blocked)
		err = sessions_delete_of(b->users->sessions, db, b->user_id);
	if (!err && b->audit)
		err = audit_insert(db, b->audit);
	return err;
}

static void block_settle(struct job *job)
{
	struct user_block *b = (struct user_block *)job;

	if (job->result)
		return;
	known_drop(b->users->known, b->key);
	if (b->is_blocked)
		sessions_drop_of(b->users->sessions, b->user_id);
}

enum err users_block(struct users *users, struct user_block *b)
{
	enum err err = b->audit ? audit_check(b->audit) : ERR_OK;

	if (err)
		return err;
	b->users = users;
	b->job.run = block_run;
	b->job.settle = block_settle;
	return writer_submit(users->writer, &b->job);
}

static enum err erase_run(struct db *db, struct job *job)
{
	struct user_erase *e = (struct user_erase *)job;
	struct user user;
	sqlite3_stmt *q;
	enum err err = find_key(db, e->user_id, &user, &e->key);

	if (!err)
		err = sessions_delete_of(e->users->sessions, db, e->user_id);
	if (!err)
		err = tickets_delete_of(db, e->user_id);
	if (!err)
		err = query_begin(db, SQL_USER_ERASE,
			"DELETE FROM users WHERE id = ?1", &q);
	if (err)
		return err;
	sqlite3_bind_int64(q, 1, e->user_id);
	err = query_run(db, q);
	if (!err && e->audit)
		err = audit_insert(db, e->audit);
	return err;
}

static void erase_settle(struct job *job)
{
	struct user_erase *e = (struct user_erase *)job;

	if (job->result)
		return;
	known_drop(e->users->known, e->key);
	sessions_drop_of(e->users->sessions, e->user_id);
	tickets_touch(e->users->tickets, e->user_id);
}

enum err users_erase(struct users *users, struct user_erase *e)
{
	enum err err = e->audit ? audit_check(e->audit) : ERR_OK;

	if (err)
		return err;
	e->users = users;
	e->job.run = erase_run;
	e->job.settle = erase_settle;
	return writer_submit(users->writer, &e->job);
}
