/* What a tenant's rows will become when its users are signed. */
#include "store/db-private.h"
#include "store/users.h"

static enum err begin(struct db *db, struct str tenant, struct str after,
		      unsigned rows, sqlite3_stmt **q)
{
	enum err err = query_begin(db, SQL_USER_OUTLOOK,
		"SELECT u.id, u.email_key, u.email, u.blocked, u.last_seen_s,"
		" coalesce((SELECT id FROM users INDEXED BY users_signed"
		" WHERE tenant = u.tenant AND email_key = u.email_key"
		" AND verified = 1 AND external_id IS NULL),"
		" (SELECT min(id) FROM users INDEXED BY users_external_email"
		" WHERE tenant = u.tenant AND email_key = u.email_key"
		" AND external_id IS NOT NULL))"
		" FROM users u INDEXED BY users_unsigned WHERE u.verified = 0"
		" AND u.tenant = ?1 AND u.email_key > ?2"
		" ORDER BY u.email_key LIMIT ?3", q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant);
	query_bind_str(*q, 2, after.ptr ? after : STR(""));
	sqlite3_bind_int64(*q, 3, rows);
	return ERR_OK;
}

static enum err add(sqlite3_stmt *q, struct pool *pool,
		    struct users_outlook *out)
{
	struct user_prospect *p = &out->list[out->count];
	bool is_blocked = sqlite3_column_int(q, 3);

	*p = (struct user_prospect){
		.id = sqlite3_column_int64(q, 0),
		.last_seen_s = sqlite3_column_int64(q, 4),
		.signed_id = sqlite3_column_int64(q, 5),
	};
	if (!p->signed_id && !is_blocked) {
		out->taken_over++;
		return ERR_OK;
	}
	p->outlook = p->signed_id ? OUTLOOK_STAYS : OUTLOOK_BLOCKED;
	p->email = pool_str(pool, query_str(q, 2));
	out->count++;
	return p->email.ptr ? ERR_OK : ERR_NOMEM;
}

enum err users_outlook(struct db *db, struct str tenant, struct str after,
		       unsigned rows, struct pool *pool,
		       struct users_outlook *out_r)
{
	struct users_outlook out = { .list =
		pool_calloc(pool, USERS_CONFLICTS_MAX, sizeof(*out.list)) };
	char last[USER_EMAIL_MAX];
	size_t last_len = 0;
	unsigned looked = 0;
	sqlite3_stmt *q;
	enum err err = out.list ? begin(db, tenant, after, rows, &q) :
				  ERR_NOMEM;

	if (err)
		return err;
	while (!err && out.count < USERS_CONFLICTS_MAX &&
	       query_step(db, q, &err) > 0) {
		struct str key = query_str(q, 1);

		looked++;
		if (key.len <= sizeof(last)) {
			memcpy(last, key.ptr, key.len);
			last_len = key.len;
		}
		err = add(q, pool, &out);
	}
	query_end(q);
	if (!err && (looked == rows || out.count == USERS_CONFLICTS_MAX)) {
		out.next = pool_str(pool, (struct str){ last, last_len });
		err = out.next.ptr ? ERR_OK : ERR_NOMEM;
	}
	if (!err)
		*out_r = out;
	return err;
}

enum err users_addressless(struct db *db, struct str tenant, unsigned max,
			   int64_t *ids, unsigned *count_r)
{
	unsigned count = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_ADDRESSLESS,
		"SELECT id FROM users INDEXED BY users_external_email"
		" WHERE tenant = ?1 AND email_key = ''"
		" AND external_id IS NOT NULL ORDER BY id LIMIT ?2", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	sqlite3_bind_int64(q, 2, max);
	while (count < max && query_step(db, q, &err) > 0)
		ids[count++] = sqlite3_column_int64(q, 0);
	query_end(q);
	*count_r = count;
	return err;
}
