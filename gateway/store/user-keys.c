#include "base/list.h"
#include "codec/email.h"
#include "store/db-private.h"
#include "store/user-keys-private.h"
#include "store/users-private.h"

/* How far the table is filled: the row that was read last, in the order of the
 * indexes, first that of unsigned people. */
struct place {
	bool is_signed;
	size_t tenant_len, key_len;
	char tenant[USER_TENANT_MAX], key[USER_EMAIL_MAX];
};

/* The writer's thread's alone. */
struct user_keys {
	struct place place;	/* as of the last commit */
	struct place next;	/* and of this one */
	bool is_done, will_be_done;
	struct chore chore;
};

/* What one transaction may do. */
struct share {
	unsigned reads, writes;
};

static struct str tenant_of(const struct place *place)
{
	return (struct str){ place->tenant, place->tenant_len };
}

static struct str key_of(const struct place *place)
{
	return (struct str){ place->key, place->key_len };
}

/* What is longer than this program writes (text_check()) is passed by: the next
 * one is a place, too. */
static bool move(struct place *place, struct str tenant, struct str key)
{
	if (tenant.len > sizeof(place->tenant) || key.len > sizeof(place->key))
		return false;
	memcpy(place->tenant, tenant.ptr, tenant.len);
	memcpy(place->key, key.ptr, key.len);
	place->tenant_len = tenant.len;
	place->key_len = key.len;
	return true;
}

/* ---- filling the table ---- */

static enum err read_mark(struct db *db, bool *is_done_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_KEYS_DONE,
		"SELECT value FROM marks WHERE name = 'user_keys'", &q);

	if (err)
		return err;
	if (query_step(db, q, &err) > 0)
		*is_done_r = sqlite3_column_int(q, 0) != 0;
	else if (!err)
		err = ERR_INTERNAL;
	query_end(q);
	return err;
}

static enum err add(struct db *db, const struct place *place, int64_t id,
		    struct str key)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_KEYS_ADD,
		"INSERT OR IGNORE INTO user_keys(tenant, key, verified,"
		" user_id) VALUES(?1, ?2, ?3, ?4)", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant_of(place));
	query_bind_str(q, 2, key);
	sqlite3_bind_int(q, 3, place->is_signed);
	sqlite3_bind_int64(q, 4, id);
	return query_run(db, q);
}

/* What this program never wrote stays as it is, and is found by that. */
static enum err today(struct str key, struct buf *out)
{
	enum err err = email_add_key(out, key);

	if (err != ERR_UTF8 && (err || buf_is_ok(out)))
		return err;
	buf_clear(out);
	buf_adds(out, key);
	return ERR_OK;
}

/* The row at `place`. */
static enum err look_at(struct db *db, const struct place *place, int64_t id,
			struct share *share)
{
	char text[USER_EMAIL_MAX + 1];
	struct buf key;
	enum err err;

	if (str_is_ascii(key_of(place)))
		return ERR_OK;
	buf_init_fixed(&key, text, sizeof(text));
	err = today(key_of(place), &key);
	if (err || str_eq(buf_str(&key), key_of(place)))
		return err;
	share->writes--;
	return add(db, place, id, buf_str(&key));
}

static enum err begin(struct db *db, const struct place *place,
		      unsigned reads, sqlite3_stmt **q)
{
	enum err err = place->is_signed ?
		query_begin(db, SQL_USER_KEYS_SIGNED,
			"SELECT id, tenant, email_key FROM users"
			" INDEXED BY users_signed"
			" WHERE verified = 1 AND external_id IS NULL"
			" AND (tenant, email_key) > (?1, ?2)"
			" ORDER BY tenant, email_key LIMIT ?3", q) :
		query_begin(db, SQL_USER_KEYS_UNSIGNED,
			"SELECT id, tenant, email_key FROM users"
			" INDEXED BY users_unsigned WHERE verified = 0"
			" AND (tenant, email_key) > (?1, ?2)"
			" ORDER BY tenant, email_key LIMIT ?3", q);

	if (err)
		return err;
	query_bind_str(*q, 1, tenant_of(place));
	query_bind_str(*q, 2, key_of(place));
	sqlite3_bind_int64(*q, 3, reads);
	return ERR_OK;
}

/* Those of one kind, or some of them. */
static enum err fill_kind(struct db *db, struct user_keys *keys,
			  struct share *share)
{
	const unsigned reads = share->reads;
	struct place before = keys->next, *place = &keys->next;
	sqlite3_stmt *q;
	enum err err = begin(db, &before, reads, &q);
	int found = 1;

	if (err)
		return err;
	while (!err && share->writes && (found = query_step(db, q, &err)) > 0) {
		share->reads--;
		if (move(place, query_str(q, 1), query_str(q, 2)))
			err = look_at(db, place, sqlite3_column_int64(q, 0),
				      share);
	}
	query_end(q);
	/* there are no more */
	if (!err && !found && share->reads) {
		keys->will_be_done = place->is_signed;
		*place = (struct place){ .is_signed = true };
	}
	return err;
}

static enum err fill(struct db *db, struct user_keys *keys, struct share share)
{
	enum err err = ERR_OK;

	keys->next = keys->place;
	keys->will_be_done = false;
	while (!err && share.reads && share.writes && !keys->will_be_done)
		err = fill_kind(db, keys, &share);
	if (err || !keys->will_be_done)
		return err;
	return query_do(db, SQL_USER_KEYS_END,
			"UPDATE marks SET value = 1 WHERE name = 'user_keys'");
}

static enum err chore_run(struct db *db, struct job *job)
{
	struct user_keys *keys = list_entry(job, struct user_keys, chore.job);
	enum err err;

	keys->chore.is_more = false;
	if (keys->is_done)
		return ERR_OK;
	err = fill(db, keys, (struct share){
		.reads = keys->chore.rows * USER_KEYS_READ,
		.writes = keys->chore.rows });
	keys->chore.is_more = !err && !keys->will_be_done;
	return err;
}

static void chore_settle(struct job *job)
{
	struct user_keys *keys = list_entry(job, struct user_keys, chore.job);

	if (job->result || keys->is_done)
		return;
	keys->place = keys->next;
	keys->is_done = keys->will_be_done;
}

static enum err fill_at_start(struct db *db, struct user_keys *keys,
			      unsigned rows)
{
	enum err err = db_begin(db);

	if (!err)
		err = fill(db, keys, (struct share){ rows, rows });
	if (!err)
		err = db_commit(db);
	if (err)
		db_rollback(db);
	else
		chore_settle(&keys->chore.job);
	return err;
}

enum err user_keys_new(struct db *db, unsigned rows, struct user_keys **keys_r)
{
	struct user_keys *keys = calloc(1, sizeof(*keys));
	enum err err = keys ? read_mark(db, &keys->is_done) : ERR_NOMEM;

	if (!err && !keys->is_done)
		err = fill_at_start(db, keys, rows);
	if (err) {
		free(keys);
		return err;
	}
	*keys_r = keys;
	return ERR_OK;
}

enum err user_keys_start(struct user_keys *keys, struct writer *writer,
			 int64_t sweep_ms)
{
	enum err err;

	if (keys->is_done)
		return ERR_OK;
	keys->chore.job.run = chore_run;
	keys->chore.job.settle = chore_settle;
	keys->chore.interval_ms = sweep_ms;
	err = writer_add_chore(writer, &keys->chore);
	if (!err)
		writer_hurry(writer, &keys->chore);
	return err;
}

void user_keys_free(struct user_keys *keys)
{
	free(keys);
}

/* ---- what others ask ---- */

enum err users_can_find(struct db *reader, struct str email_key)
{
	bool is_done = true;
	enum err err = str_is_ascii(email_key) ? ERR_OK :
						 read_mark(reader, &is_done);

	return err || is_done ? err : ERR_BUSY;
}

enum err user_key_today(const struct user *user, struct buf *out)
{
	enum err err = today(user->email_key, out);

	return err || buf_is_ok(out) ? err : ERR_NOMEM;
}

enum err user_keys_forget(struct db *db, const struct user *user)
{
	char text[USER_EMAIL_MAX + 1];
	struct buf key;
	sqlite3_stmt *q;
	enum err err;

	if (str_is_ascii(user->email_key))
		return ERR_OK;
	buf_init_fixed(&key, text, sizeof(text));
	err = user_key_today(user, &key);
	if (!err)
		err = query_begin(db, SQL_USER_KEYS_FORGET,
			"DELETE FROM user_keys WHERE tenant = ?1 AND key = ?2"
			" AND verified = ?3 AND user_id = ?4", &q);
	if (err)
		return err;
	query_bind_str(q, 1, user->tenant);
	query_bind_str(q, 2, buf_str(&key));
	sqlite3_bind_int(q, 3, user->view.is_verified);
	sqlite3_bind_int64(q, 4, user->view.id);
	return query_run(db, q);
}

static enum err begin_same(struct db *db, const struct user *user,
			   struct str key, sqlite3_stmt **q)
{
	enum err err = user->view.is_verified ?
		query_begin(db, SQL_USER_KEYS_SAME_SIGNED,
			    USER_KEYS_SAME_SIGNED, q) :
		query_begin(db, SQL_USER_KEYS_SAME_UNSIGNED,
			    USER_KEYS_SAME_UNSIGNED, q);

	if (err)
		return err;
	query_bind_str(*q, 1, user->tenant);
	query_bind_str(*q, 2, key);
	return ERR_OK;
}

enum err user_keys_same(struct db *db, const struct user *user,
			int64_t ids[USERS_OF_ADDRESS_MAX], unsigned *count_r)
{
	char text[USER_EMAIL_MAX + 1];
	struct buf key;
	unsigned count = 0;
	sqlite3_stmt *q;
	enum err err;

	ids[count++] = user->view.id;
	*count_r = count;
	/* nobody else has their external id, or their ASCII address */
	if (user->view.external_id.ptr || str_is_ascii(user->email_key))
		return ERR_OK;
	buf_init_fixed(&key, text, sizeof(text));
	err = user_key_today(user, &key);
	if (!err)
		err = begin_same(db, user, buf_str(&key), &q);
	if (err)
		return err;
	while (count < USERS_OF_ADDRESS_MAX && query_step(db, q, &err) > 0)
		if (sqlite3_column_int64(q, 0) != user->view.id)
			ids[count++] = sqlite3_column_int64(q, 0);
	query_end(q);
	*count_r = count;
	return err;
}
