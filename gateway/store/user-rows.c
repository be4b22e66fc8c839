/* The rows behind users: found, and told.  What an arrival makes of them is in
 * user-plan.c, what else changes them in users.c. */
#include "store/users.h"

#include "store/db-private.h"
#include "store/user-rows-private.h"
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

enum err user_rows_begin(struct db *db, struct str tenant, struct str key,
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

static enum err begin_unsigned(struct db *db, struct str tenant,
			       struct str key, sqlite3_stmt **q)
{
	return user_rows_begin(db, tenant, key, SQL_USER_BY_EMAIL,
			       USER_ROWS_UNSIGNED(COLUMNS),
			       SQL_USER_BY_OLD_EMAIL,
			       USER_ROWS_OLD_UNSIGNED(COLUMNS), q);
}

static enum err begin_signed(struct db *db, struct str tenant,
			     struct str key, sqlite3_stmt **q)
{
	return user_rows_begin(db, tenant, key, SQL_USER_SIGNED,
			       USER_ROWS_SIGNED(COLUMNS), SQL_USER_OLD_SIGNED,
			       USER_ROWS_OLD_SIGNED(COLUMNS), q);
}

enum err user_rows_begin_external(struct db *db, enum sql slot,
				  const char *text, struct str tenant,
				  struct str external_id, sqlite3_stmt **q)
{
	enum err err = query_begin(db, slot, text, q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	query_bind_str(*q, 2, external_id);
	return ERR_OK;
}

static enum err begin_external_of(struct db *db, struct str tenant,
				  struct str key, sqlite3_stmt **q)
{
	enum err err = query_begin(db, SQL_USER_EXTERNAL_EMAIL,
		"SELECT " COLUMNS " FROM users INDEXED BY users_external_email"
		" WHERE tenant = ?1 AND email_key = ?2"
		" AND external_id IS NOT NULL ORDER BY id", q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	query_bind_str(*q, 2, key);
	return ERR_OK;
}

enum err user_rows_see_blocks(struct db *db, sqlite3_stmt *q, int column,
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
		err = user_rows_see_blocks(db, q, 8, &user.is_blocked);
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
		err = user_rows_begin_external(db, SQL_USER_EXTERNAL,
					       USER_ROWS_EXTERNAL(COLUMNS),
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
	static enum err (*const begin[])(struct db *, struct str, struct str,
					 sqlite3_stmt **) = {
		begin_unsigned, begin_signed, begin_external_of
	};
	unsigned count = 0;
	enum err err = ERR_OK;

	for (size_t i = 0; i < N_ELEMENTS(begin) && !err; i++) {
		sqlite3_stmt *q;

		err = begin[i](db, tenant, email_key, &q);
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
