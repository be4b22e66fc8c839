/* The rows behind users: found, planned, written.  What changes them is in
 * users.c and redemptions.c. */
#include "store/users.h"

#include "codec/json.h"
#include "store/db-private.h"
#include "store/user-keys-private.h"
#include "store/users-private.h"

#define COLUMNS "id, email, name, attributes, verified, tenant, email_key," \
	" external_id, blocked, created_s, updated_s, last_seen_s, minted_ms"

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
		{ 7, offsetof(struct user, view.external_id) },
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
	u.minted_ms = sqlite3_column_int64(q, 12);
	*out_r = u;
	return ERR_OK;
}

/* By today's key alone, or by an older one, too. */
static enum err begin_find(struct db *db, struct str tenant, struct str key,
			   enum sql slot, const char *text, enum sql old_slot,
			   const char *old_text, sqlite3_stmt **q)
{
	bool is_ascii = str_is_ascii(key);
	enum err err = is_ascii ? ERR_OK : users_can_find(db, key);

	if (!err)
		err = is_ascii ? query_begin(db, slot, text, q) :
				 query_begin(db, old_slot, old_text, q);
	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	query_bind_str(*q, 2, key);
	return ERR_OK;
}

#define UNSIGNED(columns) "SELECT " columns " FROM users"		\
	" WHERE tenant = ?1 AND email_key = ?2 AND verified = 0"
#define OLD_UNSIGNED(columns) "SELECT " columns " FROM users"		\
	" WHERE id IN (" USER_KEYS_SAME_UNSIGNED ") ORDER BY id"

static enum err begin_unsigned(struct db *db, struct str tenant,
			       struct str key, sqlite3_stmt **q)
{
	return begin_find(db, tenant, key, SQL_USER_BY_EMAIL,
			  UNSIGNED(COLUMNS), SQL_USER_BY_OLD_EMAIL,
			  OLD_UNSIGNED(COLUMNS), q);
}

#define SIGNED(columns) "SELECT " columns " FROM users WHERE tenant = ?1" \
	" AND email_key = ?2 AND verified = 1 AND external_id IS NULL"
#define OLD_SIGNED(columns) "SELECT " columns " FROM users"		\
	" WHERE id IN (" USER_KEYS_SAME_SIGNED ") ORDER BY id"

static enum err begin_signed(struct db *db, struct str tenant,
			     struct str key, sqlite3_stmt **q)
{
	return begin_find(db, tenant, key, SQL_USER_SIGNED, SIGNED(COLUMNS),
			  SQL_USER_OLD_SIGNED, OLD_SIGNED(COLUMNS), q);
}

#define EXTERNAL(columns) "SELECT " columns " FROM users"		\
	" WHERE tenant = ?1 AND external_id = ?2"

static enum err begin_external(struct db *db, enum sql slot, const char *text,
			       struct str tenant, struct str external_id,
			       sqlite3_stmt **q)
{
	enum err err = query_begin(db, slot, text, q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	query_bind_str(*q, 2, external_id);
	return ERR_OK;
}

/* The oldest row was read; a block of any of them holds. */
static enum err see_blocks(struct db *db, sqlite3_stmt *q, int column,
			   bool *is_blocked)
{
	enum err err = ERR_OK;

	while (!*is_blocked && query_step(db, q, &err) > 0)
		*is_blocked = sqlite3_column_int(q, column);
	return err;
}

static enum err read_first(struct db *db, sqlite3_stmt *q, struct pool *pool,
			   struct user *out_r)
{
	struct user user = { 0 };
	enum err err = read_row(db, q, pool, &user);

	if (!err)
		err = see_blocks(db, q, 8, &user.is_blocked);
	query_end(q);
	if (!err)
		*out_r = user;
	return err;
}

enum err users_find(struct db *db, struct str tenant, struct str email_key,
		    struct pool *pool, struct user *out_r)
{
	sqlite3_stmt *q;
	enum err err = begin_unsigned(db, tenant, email_key, &q);

	return err ? err : read_first(db, q, pool, out_r);
}

enum err users_find_signed(struct db *db, struct str tenant,
			   struct str external_id, struct str email_key,
			   struct pool *pool, struct user *out_r)
{
	sqlite3_stmt *q;
	enum err err = ERR_NOT_FOUND;

	if (external_id.ptr) {
		err = begin_external(db, SQL_USER_EXTERNAL, EXTERNAL(COLUMNS),
				     tenant, external_id, &q);
		if (!err)
			err = read_first(db, q, pool, out_r);
	}
	if (err != ERR_NOT_FOUND)
		return err;
	err = begin_signed(db, tenant, email_key, &q);
	return err ? err : read_first(db, q, pool, out_r);
}

enum err users_find_all(struct db *db, struct str tenant,
			struct str email_key, struct pool *pool,
			struct user *users, unsigned *count_r)
{
	unsigned count = 0;
	enum err err = ERR_OK;

	for (int i = 0; i < 2 && !err; i++) {
		sqlite3_stmt *q;

		err = (i ? begin_signed : begin_unsigned)(db, tenant,
							  email_key, &q);
		if (err)
			return err;
		while (!err && count < USERS_OF_ADDRESS_MAX) {
			err = read_row(db, q, pool, &users[count]);
			count += !err;
		}
		query_end(q);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	if (err)
		return err;
	if (!count)
		return ERR_NOT_FOUND;
	*count_r = count;
	return ERR_OK;
}

static enum err begin_conflicts(struct db *db, struct str tenant,
				sqlite3_stmt **q)
{
	enum err err = query_begin(db, SQL_USER_CONFLICTS,
		"WITH same(tenant, key, verified, id) AS ("
		"SELECT tenant, key, verified, user_id FROM user_keys"
		" UNION "
		"SELECT k.tenant, k.key, 0, u.id FROM user_keys k"
		" CROSS JOIN users u INDEXED BY users_unsigned"
		" WHERE k.verified = 0 AND u.verified = 0"
		" AND u.tenant = k.tenant AND u.email_key = k.key"
		" UNION "
		"SELECT k.tenant, k.key, 1, u.id FROM user_keys k"
		" CROSS JOIN users u INDEXED BY users_signed"
		" WHERE k.verified = 1 AND u.verified = 1"
		" AND u.external_id IS NULL"
		" AND u.tenant = k.tenant AND u.email_key = k.key),"
		" many AS (SELECT tenant, key, verified FROM same"
		" WHERE ?1 IS NULL OR tenant = ?1"
		" GROUP BY tenant, key, verified HAVING count(*) > 1)"
		"SELECT " COLUMNS ", same_key FROM users JOIN"
		" (SELECT id AS same_id, key AS same_key FROM many"
		" JOIN same USING (tenant, key, verified)) ON same_id = id"
		" ORDER BY tenant, same_key, verified, id LIMIT ?2", q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	sqlite3_bind_int(*q, 2, USERS_CONFLICTS_MAX + 1);
	return ERR_OK;
}

enum err users_conflicts(struct db *db, struct str tenant, struct pool *pool,
			 struct user_conflict **list_r, unsigned *count_r,
			 bool *is_more_r)
{
	struct user_conflict *list = pool_calloc(pool, USERS_CONFLICTS_MAX + 1,
						 sizeof(*list));
	enum err err = list ? users_can_find(db, STR("é")) : ERR_NOMEM;
	unsigned n = 0;
	sqlite3_stmt *q;

	if (!err)
		err = begin_conflicts(db, tenant, &q);
	if (err)
		return err;
	for (; !err && n <= USERS_CONFLICTS_MAX; n += !err) {
		err = read_row(db, q, pool, &list[n].user);
		if (!err)
			list[n].key = pool_str(pool, query_str(q, 13));
		if (!err && !list[n].key.ptr)
			err = ERR_NOMEM;
	}
	query_end(q);
	if (err && err != ERR_NOT_FOUND)
		return err;
	*is_more_r = n > USERS_CONFLICTS_MAX;
	*count_r = *is_more_r ? USERS_CONFLICTS_MAX : n;
	*list_r = list;
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

/* ---- attributes ---- */

static enum err to_json(struct pool *pool, const struct fields *fields,
			struct str *out_r)
{
	struct buf b;

	buf_init_pool(&b, pool, USER_ATTRIBUTES_MAX);
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
static enum err merge(struct pool *pool, const struct user_sync *sync,
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
		err = to_json(pool, sync->set, out_r);
		if (err || is_empty_object(stored) || str_eq(*out_r, stored))
			return err;
	}
	fields_init(&fields, pool);
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
	return to_json(pool, &fields, out_r);
}

/* ---- an arrival ---- */

/* What it compares, no more: each column costs every sign-in. */
#define STORED "id, email, name, attributes, blocked, minted_ms"
struct stored {
	struct user_view view;
	int64_t minted_ms;
	bool is_blocked;
};

static enum err read_stored(struct db *db, sqlite3_stmt *q, struct pool *pool,
			    struct stored *out_r)
{
	enum err err = ERR_OK;
	int found = query_step(db, q, &err);
	struct stored s;

	if (found <= 0)
		return found ? err : ERR_NOT_FOUND;
	s = (struct stored){
		.view.id = sqlite3_column_int64(q, 0),
		.view.email = pool_str(pool, query_str(q, 1)),
		.view.name = pool_str(pool, query_str(q, 2)),
		.view.attributes = pool_str(pool, query_str(q, 3)),
		.is_blocked = sqlite3_column_int(q, 4),
		.minted_ms = sqlite3_column_int64(q, 5),
	};
	if (!s.view.email.ptr || !s.view.name.ptr || !s.view.attributes.ptr)
		return ERR_NOMEM;
	*out_r = s;
	return ERR_OK;
}

static enum err begin_stored(struct db *db, const struct user_sync *sync,
			     sqlite3_stmt **q)
{
	if (sync->is_vouched)
		return begin_find(db, sync->tenant, sync->email_key,
				  SQL_USER_STORED_SIGNED, SIGNED(STORED),
				  SQL_USER_OLD_STORED_SIGNED,
				  OLD_SIGNED(STORED), q);
	return begin_find(db, sync->tenant, sync->email_key,
			  SQL_USER_STORED, UNSIGNED(STORED),
			  SQL_USER_OLD_STORED, OLD_UNSIGNED(STORED), q);
}

static enum err read_found(struct db *db, sqlite3_stmt *q, struct pool *pool,
			   struct stored *out_r)
{
	enum err err = read_stored(db, q, pool, out_r);

	if (!err)
		err = see_blocks(db, q, 4, &out_r->is_blocked);
	query_end(q);
	return err;
}

/* Who was signed in without an external id until now is whose address it is,
 * and gets the one that they come with. */
static enum err find_stored(struct db *db, const struct user_sync *sync,
			    struct pool *pool, struct stored *out_r)
{
	sqlite3_stmt *q;
	enum err err = ERR_NOT_FOUND;

	if (sync->external_id.ptr) {
		err = begin_external(db, SQL_USER_STORED_EXTERNAL,
				     EXTERNAL(STORED), sync->tenant,
				     sync->external_id, &q);
		if (!err)
			err = read_found(db, q, pool, out_r);
	}
	if (err != ERR_NOT_FOUND)
		return err;
	err = begin_stored(db, sync, &q);
	return err ? err : read_found(db, q, pool, out_r);
}

/* Is the address another signed user's?  Those with an external id are in one
 * index, the others in another. */
static enum err check_address(struct db *db, const struct user_sync *sync,
			      int64_t own_id)
{
	sqlite3_stmt *q;
	enum err err;

	if (!sync->is_vouched)
		return ERR_OK;
	err = query_begin(db, SQL_USER_ADDRESS,
		"SELECT id FROM users INDEXED BY users_external_email"
		" WHERE tenant = ?1 AND email_key = ?2"
		" AND external_id IS NOT NULL AND id <> ?3"
		" UNION ALL "
		"SELECT id FROM users INDEXED BY users_signed"
		" WHERE tenant = ?1 AND email_key = ?2"
		" AND verified = 1 AND external_id IS NULL AND id <> ?3"
		" LIMIT 1", &q);
	if (err)
		return err;
	query_bind_str(q, 1, sync->tenant);
	query_bind_str(q, 2, sync->email_key);
	sqlite3_bind_int64(q, 3, own_id);
	if (query_step(db, q, &err) > 0)
		err = ERR_CONFLICT;
	query_end(q);
	return err;
}

/* Who was blocked before anybody vouched for them stays so: their row is
 * another, but they are who they were. */
static enum err check_unsigned_block(struct db *db,
				     const struct user_sync *sync,
				     struct pool *pool)
{
	struct user_sync posted = *sync;
	struct stored stored = { 0 };
	sqlite3_stmt *q;
	enum err err;

	if (!sync->is_vouched)
		return ERR_OK;
	posted.is_vouched = false;
	err = begin_stored(db, &posted, &q);
	if (!err)
		err = read_found(db, q, pool, &stored);
	if (err == ERR_NOT_FOUND)
		return ERR_OK;
	return err ? err : stored.is_blocked ? ERR_AUTH : ERR_OK;
}

static enum err plan_new(const struct user_sync *sync, struct pool *pool,
			 struct user_plan *plan_r)
{
	struct user_plan plan = {
		.view = { .email = sync->email, .name = sync->name,
			  .is_verified = sync->is_vouched,
			  .external_id = sync->external_id },
		.is_new = true,
		.is_changed = true,
	};
	enum err err = merge(pool, sync, STR("{}"), &plan.view.attributes);

	if (!err)
		*plan_r = plan;
	return err;
}

static bool is_late(const struct user_sync *sync, const struct stored *stored)
{
	return stored->minted_ms > sync->minted_ms &&
	       stored->minted_ms - sync->minted_ms <= USER_LATE_MS;
}

static enum err plan_stored(const struct user_sync *sync,
			    const struct stored *stored, struct pool *pool,
			    struct user_plan *plan_r)
{
	struct user_plan plan = { .view = stored->view };
	enum err err;

	plan.view.is_verified = sync->is_vouched;
	plan.view.external_id = sync->external_id;
	plan.is_late = is_late(sync, stored);
	if (!plan.is_late) {
		plan.view.email = sync->email;
		plan.view.name = sync->name;
		err = merge(pool, sync, stored->view.attributes,
			    &plan.view.attributes);
		if (err)
			return err;
		plan.is_changed =
			!str_eq(stored->view.email, plan.view.email) ||
			!str_eq(stored->view.name, plan.view.name) ||
			!str_eq(stored->view.attributes, plan.view.attributes);
	}
	*plan_r = plan;
	return ERR_OK;
}

enum err users_plan(struct db *db, const struct user_sync *sync,
		    struct pool *pool, struct user_plan *plan_r)
{
	struct stored stored = { 0 };
	enum err err = find_stored(db, sync, pool, &stored);
	const bool is_new = err == ERR_NOT_FOUND;

	if (err && !is_new)
		return err;
	if (stored.is_blocked)
		return ERR_AUTH;
	err = check_address(db, sync, stored.view.id);
	if (!err && is_new)
		err = check_unsigned_block(db, sync, pool);
	if (err)
		return err;
	return is_new ? plan_new(sync, pool, plan_r) :
			plan_stored(sync, &stored, pool, plan_r);
}

static enum err insert(struct db *db, const struct user_sync *sync,
		       const struct user_plan *plan, int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_INSERT,
		"INSERT INTO users(id, tenant, email_key, email, name,"
		" attributes, created_s, updated_s, last_seen_s, minted_ms,"
		" verified, external_id)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?7, ?8, ?9, ?10)",
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, plan->view.id);
	query_bind_str(q, 2, sync->tenant);
	query_bind_str(q, 3, sync->email_key);
	query_bind_str(q, 4, plan->view.email);
	query_bind_str(q, 5, plan->view.name);
	query_bind_str(q, 6, plan->view.attributes);
	sqlite3_bind_int64(q, 7, now_s);
	sqlite3_bind_int64(q, 8, sync->minted_ms);
	sqlite3_bind_int(q, 9, sync->is_vouched);
	query_bind_str(q, 10, sync->external_id);
	return query_run(db, q);
}

/* Who is known by an external id may come with another address, and who is not
 * yet with one. */
static enum err move(struct db *db, const struct user_sync *sync,
		     const struct user_plan *plan)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_MOVE,
		"UPDATE users SET email_key = ?2, external_id = ?3"
		" WHERE id = ?1 AND (email_key <> ?2 OR external_id IS NULL)",
		&q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, plan->view.id);
	query_bind_str(q, 2, sync->email_key);
	query_bind_str(q, 3, sync->external_id);
	return query_run(db, q);
}

/*
 * One statement for what changed and for what was only seen: the row is
 * written anew in either case.  The mint is noted even where nothing changes:
 * what came before it and arrives later must not undo what it found.
 */
static enum err update(struct db *db, const struct user_sync *sync,
		       const struct user_plan *plan, int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_UPDATE,
		"UPDATE users SET email = ?2, name = ?3, attributes = ?4,"
		" updated_s = ifnull(?5, updated_s), last_seen_s = ?6,"
		" minted_ms = ifnull(?7, minted_ms) WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, plan->view.id);
	query_bind_str(q, 2, plan->view.email);
	query_bind_str(q, 3, plan->view.name);
	query_bind_str(q, 4, plan->view.attributes);
	if (plan->is_changed)
		sqlite3_bind_int64(q, 5, now_s);
	sqlite3_bind_int64(q, 6, now_s);
	if (!plan->is_late)
		sqlite3_bind_int64(q, 7, sync->minted_ms);
	return query_run(db, q);
}

enum err user_write(struct db *db, const struct user_sync *sync,
		    const struct user_plan *plan, int64_t now_s)
{
	enum err err = plan->is_new ? insert(db, sync, plan, now_s) :
				      update(db, sync, plan, now_s);

	if (!err && sync->external_id.ptr && !plan->is_new && !plan->is_late)
		err = move(db, sync, plan);
	return err;
}

enum err user_write_blocked(struct db *db, const struct user_block *b,
			    int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_INSERT_BLOCKED,
		"INSERT INTO users(id, tenant, email_key, email, name, blocked,"
		" created_s, updated_s, last_seen_s)"
		" VALUES(?1, ?2, ?3, ?4, '', 1, ?5, ?5, 0)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, b->user_id);
	query_bind_str(q, 2, b->tenant);
	query_bind_str(q, 3, b->email_key);
	query_bind_str(q, 4, b->email);
	sqlite3_bind_int64(q, 5, now_s);
	return query_run(db, q);
}

enum err user_sync_check(const struct user_sync *sync)
{
	enum err err = text_check(sync->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(sync->email, USER_EMAIL_MAX);
	if (!err)
		err = text_check(sync->email_key, USER_EMAIL_MAX);
	if (!err)
		err = text_check(sync->name, USER_NAME_MAX);
	if (!err && sync->external_id.ptr)
		err = text_check(sync->external_id, USER_EXTERNAL_MAX);
	return err;
}

bool users_conflict_goes_on(const struct user_conflict *list, unsigned i)
{
	return i && str_eq(list[i - 1].key, list[i].key) &&
	       str_eq(list[i - 1].user.tenant, list[i].user.tenant) &&
	       list[i - 1].user.view.is_verified ==
	       list[i].user.view.is_verified;
}
