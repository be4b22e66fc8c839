/* What an arrival makes of its person's row: planned, and written. */
#include "store/users.h"

#include "codec/json.h"
#include "store/user-rows-private.h"
#include "store/users-private.h"

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
	bool is_by_external;	/* found by the external id of the arrival */
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
		return user_rows_begin(db, sync->tenant, sync->email_key,
				       SQL_USER_STORED_SIGNED,
				       USER_ROWS_SIGNED(STORED),
				       SQL_USER_OLD_STORED_SIGNED,
				       USER_ROWS_OLD_SIGNED(STORED), q);
	return user_rows_begin(db, sync->tenant, sync->email_key,
			       SQL_USER_STORED, USER_ROWS_UNSIGNED(STORED),
			       SQL_USER_OLD_STORED,
			       USER_ROWS_OLD_UNSIGNED(STORED), q);
}

static enum err read_found(struct db *db, sqlite3_stmt *q, struct pool *pool,
			   struct stored *out_r)
{
	enum err err = read_stored(db, q, pool, out_r);

	if (!err)
		err = user_rows_see_blocks(db, q, 4, &out_r->is_blocked);
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
		err = user_rows_begin_external(db, SQL_USER_STORED_EXTERNAL,
					       USER_ROWS_EXTERNAL(STORED),
					       sync->tenant, sync->external_id,
					       &q);
		if (!err)
			err = read_found(db, q, pool, out_r);
		if (!err)
			out_r->is_by_external = true;
	}
	if (err != ERR_NOT_FOUND)
		return err;
	err = begin_stored(db, sync, &q);
	return err ? err : read_found(db, q, pool, out_r);
}

/* ---- an address that is another signed user's ---- */

/* The other one. */
struct holder {
	int64_t id, minted_ms;
	struct str external_id;		/* absent: none */
	bool is_blocked;
};

static enum err read_holder(struct db *db, sqlite3_stmt *q, struct pool *pool,
			    struct holder *out_r)
{
	enum err err = ERR_OK;
	int found = query_step(db, q, &err);
	struct holder h;

	if (found <= 0)
		return found ? err : ERR_NOT_FOUND;
	h = (struct holder){
		.id = sqlite3_column_int64(q, 0),
		.external_id = query_str(q, 1),
		.is_blocked = sqlite3_column_int(q, 2),
		.minted_ms = sqlite3_column_int64(q, 3),
	};
	if (h.external_id.ptr) {
		h.external_id = pool_str(pool, h.external_id);
		if (!h.external_id.ptr)
			return ERR_NOMEM;
	}
	*out_r = h;
	/* of more than one nobody can say whose it is */
	return query_step(db, q, &err) ? (err ? err : ERR_CONFLICT) : ERR_OK;
}

/* Those with an external id are in one index, the others in another. */
static enum err find_holder(struct db *db, const struct user_sync *sync,
			    int64_t own_id, struct pool *pool,
			    struct holder *out_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_ADDRESS,
		"SELECT id, external_id, blocked, minted_ms FROM users"
		" INDEXED BY users_external_email"
		" WHERE tenant = ?1 AND email_key = ?2"
		" AND external_id IS NOT NULL AND id <> ?3"
		" UNION ALL "
		"SELECT id, NULL, blocked, minted_ms FROM users"
		" INDEXED BY users_signed"
		" WHERE tenant = ?1 AND email_key = ?2"
		" AND verified = 1 AND external_id IS NULL AND id <> ?3"
		" LIMIT 2", &q);

	if (err)
		return err;
	query_bind_str(q, 1, sync->tenant);
	query_bind_str(q, 2, sync->email_key);
	sqlite3_bind_int64(q, 3, own_id);
	err = read_holder(db, q, pool, out_r);
	query_end(q);
	return err;
}

/* When it was said: an assertion may have waited in a page, and its token was
 * minted when that was posted.  Within the second that it was issued in, which
 * is all that it tells, the mint says more. */
static int64_t said_ms(const struct user_sync *sync)
{
	int64_t issued_ms = sync->issued_ms + 999;

	return sync->is_vouched && issued_ms < sync->minted_ms ?
		issued_ms : sync->minted_ms;
}

/* Was what stands there said later? */
static bool is_late(const struct user_sync *sync, int64_t stored_ms)
{
	int64_t by_ms = stored_ms - said_ms(sync);

	return by_ms > 0 && by_ms <= (sync->is_vouched ?
				      USER_LATE_VOUCHED_MS : USER_LATE_MS);
}

/* They stay at the address that they have, if they may and have one. */
static enum err keep_address(const struct user_sync *sync,
			     const struct stored *own, struct pool *pool,
			     struct user_plan *plan)
{
	if (!own->is_by_external || !own->view.email.len)
		return ERR_CONFLICT;
	plan->keeps_address = true;
	return sync->may_have ?
	       sync->may_have(sync->ctx, own->view.email, pool) : ERR_OK;
}

/* The table in users.h.  `own`: id 0 of somebody new. */
static enum err settle_address(struct db *db, const struct user_sync *sync,
			       const struct stored *own, struct pool *pool,
			       struct user_plan *plan)
{
	struct holder holder = { 0 };
	enum err err = sync->is_vouched ?
		find_holder(db, sync, own->view.id, pool, &holder) :
		ERR_NOT_FOUND;

	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (sync->on_conflict == ON_CONFLICT_REJECT || !sync->external_id.ptr)
		return ERR_CONFLICT;
	if (holder.is_blocked)
		return ERR_AUTH;
	/* who has nothing but the address would be found by nothing */
	if (sync->on_conflict == ON_CONFLICT_LINK || !holder.external_id.ptr ||
	    is_late(sync, own->minted_ms))
		return keep_address(sync, own, pool, plan);
	/* what the partner said last of the address holds; and who has no
	 * external id yet has been the one of it */
	if (is_late(sync, holder.minted_ms) ||
	    (own->view.id && !own->is_by_external))
		return ERR_CONFLICT;
	plan->ends_id = holder.id;
	plan->ends_external = holder.external_id;
	return ERR_OK;
}

/*
 * The unsigned one of the address.  Who was blocked before anybody vouched for
 * them stays so: ERR_AUTH.  Else they may be taken over; ERR_NOT_FOUND.
 */
static enum err find_unsigned(struct db *db, const struct user_sync *sync,
			      struct pool *pool, struct stored *out_r)
{
	struct user_sync posted = *sync;
	sqlite3_stmt *q;
	enum err err;

	posted.is_vouched = false;
	err = begin_stored(db, &posted, &q);
	if (!err)
		err = read_found(db, q, pool, out_r);
	return !err && out_r->is_blocked ? ERR_AUTH : err;
}

/* Whether they take over an unsigned row: its number, and nothing that nobody
 * vouched for. */
static enum err adopt(struct db *db, const struct user_sync *sync,
		      struct pool *pool, struct user_plan *plan)
{
	struct stored posted = { 0 };
	enum err err = sync->is_vouched ?
		find_unsigned(db, sync, pool, &posted) : ERR_NOT_FOUND;

	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (sync->adopts_unsigned && !plan->ends_id) {
		plan->is_adopted = true;
		plan->ends_id = posted.view.id;
	}
	return ERR_OK;
}

/* Somebody known who comes with another address: what was said of that before
 * anybody vouched for it holds for them as for somebody new. */
static enum err check_move(struct db *db, const struct user_sync *sync,
			   const struct stored *own, struct pool *pool,
			   const struct user_plan *plan)
{
	struct stored posted;
	enum err err;

	if (!sync->is_vouched || plan->keeps_address ||
	    str_eq(own->view.email, sync->email) ||
	    (own->view.email.len && is_late(sync, own->minted_ms)))
		return ERR_OK;
	err = find_unsigned(db, sync, pool, &posted);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- the plan ---- */

static enum err plan_new(struct db *db, const struct user_sync *sync,
			 struct pool *pool, struct user_plan *plan)
{
	enum err err = adopt(db, sync, pool, plan);

	plan->view = (struct user_view){
		.id = plan->is_adopted ? plan->ends_id : 0,
		.email = sync->email, .name = sync->name,
		.is_verified = sync->is_vouched,
		.external_id = sync->external_id,
	};
	plan->is_new = !plan->is_adopted;
	plan->is_changed = true;
	return err ? err : merge(pool, sync, STR("{}"),
				 &plan->view.attributes);
}

static enum err plan_stored(const struct user_sync *sync,
			    const struct stored *stored, struct pool *pool,
			    struct user_plan *plan)
{
	enum err err;

	plan->view = stored->view;
	plan->view.is_verified = sync->is_vouched;
	plan->view.external_id = sync->external_id;
	/* who lost their address takes the one that they come with */
	plan->is_late = stored->view.email.len &&
			is_late(sync, stored->minted_ms);
	if (plan->is_late)
		return ERR_OK;
	if (!plan->keeps_address)
		plan->view.email = sync->email;
	plan->view.name = sync->name;
	err = merge(pool, sync, stored->view.attributes,
		    &plan->view.attributes);
	plan->is_changed = !err &&
		(!str_eq(stored->view.email, plan->view.email) ||
		 !str_eq(stored->view.name, plan->view.name) ||
		 !str_eq(stored->view.attributes, plan->view.attributes));
	return err;
}

enum err users_plan(struct db *db, const struct user_sync *sync,
		    struct pool *pool, struct user_plan *plan_r)
{
	struct user_plan plan = { .is_new = false };
	struct stored stored = { 0 };
	enum err err = find_stored(db, sync, pool, &stored);
	const bool is_new = err == ERR_NOT_FOUND;

	if (err && !is_new)
		return err;
	if (stored.is_blocked)
		return ERR_AUTH;
	err = settle_address(db, sync, &stored, pool, &plan);
	if (!err && !is_new)
		err = check_move(db, sync, &stored, pool, &plan);
	if (!err)
		err = is_new ? plan_new(db, sync, pool, &plan) :
			       plan_stored(sync, &stored, pool, &plan);
	if (!err)
		*plan_r = plan;
	return err;
}

enum err users_plan_adopts(struct db *db, const struct user_sync *sync,
			   struct pool *pool, struct user *out_r)
{
	struct user_plan plan;
	enum err err = users_plan(db, sync, pool, &plan);

	if (err)
		return err;
	if (!plan.is_adopted)
		return ERR_NOT_FOUND;
	*out_r = (struct user){ .view = plan.view };
	return ERR_OK;
}

/* ---- written ---- */

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
	sqlite3_bind_int64(q, 8, said_ms(sync));
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

/* An unsigned row becomes a signed one: by today's key, as those are. */
static enum err take_over(struct db *db, const struct user_sync *sync,
			  int64_t id)
{
	const struct user was = { .view.id = id, .tenant = sync->tenant,
				  .email_key = sync->email_key };
	sqlite3_stmt *q;
	enum err err = user_keys_forget(db, &was);

	if (!err)
		err = query_begin(db, SQL_USER_ADOPT,
			"UPDATE users SET verified = 1, email_key = ?2,"
			" external_id = ?3 WHERE id = ?1", &q);
	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	query_bind_str(q, 2, sync->email_key);
	query_bind_str(q, 3, sync->external_id);
	return query_run(db, q);
}

/* They keep their external id, and get an address with their next arrival. */
static enum err lose_address(struct db *db, int64_t id, int64_t now_s)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_YIELD,
		"UPDATE users SET email = '', email_key = '', updated_s = ?2"
		" WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_int64(q, 2, now_s);
	return query_run(db, q);
}

/*
 * One statement for what changed and for what was only seen: the row is
 * written anew in either case.  When it was said is noted even where nothing
 * changes: what came before it and arrives later must not undo what it found.
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
		sqlite3_bind_int64(q, 7, said_ms(sync));
	return query_run(db, q);
}

enum err user_write(struct db *db, const struct user_sync *sync,
		    const struct user_plan *plan, int64_t now_s)
{
	enum err err = ERR_OK;

	if (plan->is_adopted)
		err = take_over(db, sync, plan->view.id);
	else if (plan->ends_id)
		err = lose_address(db, plan->ends_id, now_s);
	if (!err)
		err = plan->is_new ? insert(db, sync, plan, now_s) :
				     update(db, sync, plan, now_s);
	if (!err && sync->external_id.ptr && !plan->is_new &&
	    !plan->is_adopted && !plan->is_late && !plan->keeps_address)
		err = move(db, sync, plan);
	return err;
}
