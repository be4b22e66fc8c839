#include "store/users.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "store/db-private.h"
#include "store/outbox-private.h"
#include "store/person-private.h"
#include "store/sessions-private.h"
#include "store/tickets-private.h"
#include "store/user-keys-private.h"
#include "store/users-private.h"

/*
 * 41 bits of milliseconds since 2020 and 12 that count within one: below 2^53
 * until 2089.
 */
#define ID_EPOCH_MS 1577836800000LL
#define ID_COUNTER_BITS 12

struct users {
	struct writer *writer;
	struct sessions *sessions;
	struct tickets *tickets;
	struct tombstones *tombstones;
	struct outbox *outbox;
	_Atomic int64_t last_id;
};

/* The table is AUTOINCREMENT and keeps the highest one ever. */
static enum err load_last_id(struct db *db, int64_t *id_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_LAST,
		"SELECT seq FROM sqlite_sequence WHERE name = 'users'", &q);

	if (err)
		return err;
	*id_r = query_step(db, q, &err) > 0 ? sqlite3_column_int64(q, 0) : 0;
	query_end(q);
	return err;
}

enum err users_new(struct db *db, struct sessions *sessions,
		   struct tombstones *tombstones, struct users **users_r)
{
	struct users *u = calloc(1, sizeof(*u));
	int64_t last_id = 0;
	enum err err = u ? load_last_id(db, &last_id) : ERR_NOMEM;

	if (err) {
		free(u);
		return err;
	}
	u->sessions = sessions;
	u->tombstones = tombstones;
	atomic_init(&u->last_id, last_id);
	*users_r = u;
	return ERR_OK;
}

void users_start(struct users *u, struct writer *writer,
		 struct tickets *tickets, struct outbox *outbox)
{
	u->writer = writer;
	u->tickets = tickets;
	u->outbox = outbox;
}

void users_free(struct users *u)
{
	free(u);
}

int64_t users_new_id(struct users *u)
{
	int64_t now = (clock_steady_ms() - ID_EPOCH_MS) *
		      (1 << ID_COUNTER_BITS);
	int64_t last = atomic_load(&u->last_id), id;

	do {
		id = now > last ? now : last + 1;
	} while (!atomic_compare_exchange_weak(&u->last_id, &last, id));
	return id;
}

/* Who is meant: by number, else by address. */
static enum err find(struct db *db, int64_t id, struct str tenant,
		     struct str email_key, struct user *user_r)
{
	return id ? users_get(db, id, db->scratch, user_r) :
		users_find(db, tenant, email_key, db->scratch, user_r);
}

/* ---- block ---- */

static enum err set_blocked(struct db *db, int64_t id, bool is_blocked)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_BLOCK,
		"UPDATE users SET blocked = ?2 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_int(q, 2, is_blocked);
	return query_run(db, q);
}

/* Also for one who is not there yet, so that they never come to be. */
static enum err set_block(struct db *db, struct user_block *b)
{
	struct user user = { 0 };
	enum err err = find(db, b->user_id, b->tenant, b->email_key, &user);

	if (err == ERR_NOT_FOUND && !b->user_id && b->is_blocked) {
		b->user_id = users_new_id(b->users);
		return user_write_blocked(db, b, clock_wall_s());
	}
	if (err)
		return err;
	b->user_id = user.view.id;
	if (user.is_blocked != b->is_blocked)
		err = set_blocked(db, b->user_id, b->is_blocked);
	return err || !b->is_blocked ? err :
		user_keys_same(db, &user, b->ended, &b->ended_count);
}

static enum err block_run(struct db *db, struct job *job)
{
	struct user_block *b = (struct user_block *)job;
	enum err err;

	if (b->is_by_address)
		b->user_id = 0;
	b->ended_count = 0;
	err = set_block(db, b);
	for (unsigned i = 0; i < b->ended_count && !err; i++)
		err = sessions_delete_of(b->users->sessions, db, b->ended[i]);
	if (!err && b->audit)
		err = audit_insert(db, b->audit);
	return err;
}

static void block_settle(struct job *job)
{
	struct user_block *b = (struct user_block *)job;

	for (unsigned i = 0; i < b->ended_count && !job->result; i++)
		sessions_drop_of(b->users->sessions, b->ended[i]);
}

enum err users_block(struct users *users, struct user_block *b)
{
	enum err err = text_check(b->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(b->email, USER_EMAIL_MAX);
	if (!err)
		err = text_check(b->email_key, USER_EMAIL_MAX);
	if (!err && b->audit)
		err = audit_check(b->audit);
	if (err)
		return err;
	b->users = users;
	b->is_by_address = !b->user_id;
	b->job.run = block_run;
	b->job.settle = block_settle;
	return writer_submit(users->writer, &b->job);
}

/* ---- an arrival ends another's ---- */

enum err users_end_planned(struct users *users, struct db *db,
			   const struct user_sync *sync,
			   const struct user_plan *plan)
{
	enum err err;

	if (!plan->ends_id)
		return ERR_OK;
	err = sessions_delete_of(users->sessions, db, plan->ends_id);
	if (err)
		return err;
	if (plan->is_adopted)
		return tombstone_write(users->tombstones, db, sync->tenant,
				       TOMBSTONE_UNSIGNED, sync->email_key);
	return tombstone_write_until(users->tombstones, db, sync->tenant,
				     TOMBSTONE_EXTERNAL, plan->ends_external,
				     sync->issued_ms);
}

/* ---- erase ---- */

static enum err erase_run(struct db *db, struct job *job)
{
	struct user_erase *e = (struct user_erase *)job;
	struct user user = { 0 };
	struct person person;
	enum err err;

	if (e->is_by_address)
		e->user_id = 0;
	err = find(db, e->user_id, e->tenant, e->email_key, &user);
	if (err == ERR_NOT_FOUND && e->is_by_address) {
		user = (struct user){ .tenant = e->tenant,
				      .email_key = e->email_key };
		err = ERR_OK;
	}
	if (!err)
		err = person_init(&person, &user, e->users->sessions,
				  e->users->tombstones, db->scratch);
	if (!err)
		e->user_id = user.view.id;
	if (!err)
		err = person_erase(db, &person);
	if (!err && e->audit)
		err = audit_insert(db, e->audit);
	return err;
}

static void erase_settle(struct job *job)
{
	struct user_erase *e = (struct user_erase *)job;

	if (job->result)
		return;
	outbox_erase_soon(e->users->outbox);
	if (!e->user_id) {
		writer_wipe(e->users->writer);
		return;
	}
	sessions_drop_of(e->users->sessions, e->user_id);
	tickets_touch(e->users->tickets, e->user_id);
}

static bool is_tagged(struct str tenant, struct str name)
{
	return name.len && tenant.len <= USER_TENANT_MAX &&
	       name.len <= USER_EMAIL_MAX;
}

uint64_t users_trail_person(const struct users *users, struct str tenant,
			    struct str key)
{
	return is_tagged(tenant, key) ?
		tombstone_trail_tag(users->tombstones, tenant, TRAIL_PERSON,
				    key) : 0;
}

uint64_t users_trail_subject(const struct users *users, struct str tenant,
			     struct str external_id)
{
	return is_tagged(tenant, external_id) ?
		tombstone_trail_tag(users->tombstones, tenant, TRAIL_SUBJECT,
				    external_id) : 0;
}

enum err users_export(struct users *users, struct db *reader,
		      const struct user *user, struct pool *pool,
		      struct buf *out)
{
	struct person person;
	enum err err = person_init(&person, user, users->sessions,
				   users->tombstones, pool);

	return err ? err : person_show(reader, &person, out);
}

enum err users_erase(struct users *users, struct user_erase *e)
{
	enum err err = text_check(e->tenant, USER_TENANT_MAX);

	if (!err)
		err = text_check(e->email_key, USER_EMAIL_MAX);
	if (!err && e->audit)
		err = audit_check(e->audit);
	if (err)
		return err;
	e->users = users;
	e->is_by_address = !e->user_id;
	e->job.run = erase_run;
	e->job.settle = erase_settle;
	return writer_submit(users->writer, &e->job);
}

/* ---- the partner's logout ---- */

static enum err end_user(struct db *db, struct user_logout *l,
			 const struct user *user)
{
	struct users *u = l->users;
	struct person person;
	enum err err = person_init(&person, user, u->sessions, u->tombstones,
				   db->scratch);

	if (!err)
		err = sessions_delete_of(u->sessions, db, user->view.id);
	if (!err)
		err = person_end(db, &person, l->issued_ms);
	l->ended[l->ended_count++] = user->view.id;
	return err;
}

/* Who has another external id is somebody else, who has their address. */
static enum err end_all_of_address(struct db *db, struct user_logout *l)
{
	struct user *all = pool_calloc(db->scratch, USERS_OF_ADDRESS_MAX,
				       sizeof(*all));
	unsigned count = 0;
	enum err err;

	if (!all)
		return ERR_NOMEM;
	err = users_find_all(db, l->tenant, l->email_key, db->scratch, all,
			     &count);
	if (err == ERR_NOT_FOUND)
		err = ERR_OK;
	for (unsigned i = 0; i < count && !err; i++)
		if (!l->external_id.ptr || !all[i].view.external_id.ptr)
			err = end_user(db, l, &all[i]);
	return err;
}

/* The names in the message, of whom there may be no row yet. */
static enum err end_names(struct db *db, struct user_logout *l)
{
	static const enum tombstone_kind kinds[] = {
		TOMBSTONE_EXTERNAL, TOMBSTONE_SIGNED, TOMBSTONE_UNSIGNED
	};
	const int64_t now_ms = clock_steady_ms();
	enum err err = ERR_OK;

	for (unsigned i = 0; i < N_ELEMENTS(kinds) && !err; i++) {
		struct str name = i ? l->email_key : l->external_id;

		if (name.ptr)
			err = tombstone_write_until(
				l->users->tombstones, db, l->tenant, kinds[i],
				name, kinds[i] == TOMBSTONE_UNSIGNED ? now_ms :
								l->issued_ms);
	}
	return err;
}

static enum err logout_run(struct db *db, struct job *job)
{
	struct user_logout *l = (struct user_logout *)job;
	struct user user;
	enum err err = tombstone_take(l->users->tombstones, db, l->tenant,
				      TOMBSTONE_LOGOUT, l->jti);

	l->ended_count = 0;
	if (!err && l->external_id.ptr) {
		err = users_find_signed(db, l->tenant, l->external_id, STR(""),
					db->scratch, &user);
		if (!err)
			err = end_user(db, l, &user);
		else if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	if (!err && l->email_key.ptr)
		err = end_all_of_address(db, l);
	if (!err)
		err = end_names(db, l);
	if (!err && l->audit)
		err = audit_insert(db, l->audit);
	return err;
}

static void logout_settle(struct job *job)
{
	struct user_logout *l = (struct user_logout *)job;

	for (unsigned i = 0; i < l->ended_count && !job->result; i++)
		sessions_drop_of(l->users->sessions, l->ended[i]);
}

enum err users_logout(struct users *users, struct user_logout *l)
{
	enum err err = text_check(l->tenant, USER_TENANT_MAX);

	if (!err && l->external_id.ptr)
		err = text_check(l->external_id, USER_EXTERNAL_MAX);
	if (!err && l->email_key.ptr)
		err = text_check(l->email_key, USER_EMAIL_MAX);
	if (!err)
		err = text_check(l->jti, USER_EXTERNAL_MAX);
	if (!err && l->audit)
		err = audit_check(l->audit);
	if (err)
		return err;
	l->users = users;
	l->job.run = logout_run;
	l->job.settle = logout_settle;
	return writer_submit(users->writer, &l->job);
}
