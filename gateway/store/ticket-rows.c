/* The statements of tickets and messages, for the jobs and the look-ups: what
 * isolates users from each other is in the queries. */
#include "store/tickets-private.h"

#include "store/db-private.h"

/* The one row that stands ready: ERR_OK; ERR_NOT_FOUND. */
static enum err one_row(struct db *db, sqlite3_stmt *q)
{
	enum err err = ERR_OK;
	int found = query_step(db, q, &err);

	return found == 0 ? ERR_NOT_FOUND : err;
}

static enum err copy(struct pool *pool, sqlite3_stmt *q, int column,
		     struct str *out)
{
	*out = pool_str(pool, query_str(q, column));
	return out->ptr ? ERR_OK : ERR_NOMEM;
}

/* ---- for jobs ---- */

enum err ticket_find_user(struct db *db, struct str tenant, int64_t user_id,
			  struct ticket_user *user_r)
{
	struct ticket_user u = { .id = user_id };
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_USER,
		"SELECT email, name, blocked FROM users"
		" WHERE id = ?1 AND +tenant = ?2", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	query_bind_str(q, 2, tenant);
	err = one_row(db, q);
	if (!err)
		err = copy(db->scratch, q, 0, &u.email);
	if (!err)
		err = copy(db->scratch, q, 1, &u.name);
	if (!err) {
		u.is_blocked = sqlite3_column_int(q, 2);
		*user_r = u;
	}
	query_end(q);
	return err;
}

static enum err read_ticket_row(struct db *db, sqlite3_stmt *q,
				struct ticket_row *row_r)
{
	struct ticket_row row = {
		.id = sqlite3_column_int64(q, 0),
		.number = sqlite3_column_int64(q, 1),
		.is_closed = sqlite3_column_int(q, 2),
		.messages = (unsigned)sqlite3_column_int(q, 3),
		.turns = (unsigned)sqlite3_column_int(q, 4),
		.turned_ms = sqlite3_column_int64(q, 5),
		.created_ms = sqlite3_column_int64(q, 6),
		.user = {
			.id = sqlite3_column_int64(q, 7),
			.is_blocked = sqlite3_column_int(q, 8),
		},
	};
	enum err err = copy(db->scratch, q, 9, &row.subject);

	if (!err)
		err = copy(db->scratch, q, 10, &row.category);
	if (!err)
		err = copy(db->scratch, q, 11, &row.user.email);
	if (!err)
		err = copy(db->scratch, q, 12, &row.user.name);
	if (!err)
		*row_r = row;
	return err;
}

enum err ticket_find(struct db *db, struct str tenant, int64_t user_id,
		     int64_t number, struct ticket_row *row_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_BY_NUMBER,
		"SELECT t.id, t.number, t.closed, t.messages, t.turns,"
		" t.turned_ms, t.created_ms, u.id, u.blocked, t.subject,"
		" t.category, u.email, u.name"
		" FROM tickets t INDEXED BY tickets_number"
		" CROSS JOIN users u ON u.id = t.user_id"
		" WHERE t.tenant = ?1 AND t.number = ?2"
		" AND (?3 = 0 OR t.user_id = ?3)", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	sqlite3_bind_int64(q, 2, number);
	sqlite3_bind_int64(q, 3, user_id);
	err = one_row(db, q);
	if (!err)
		err = read_ticket_row(db, q, row_r);
	query_end(q);
	return err;
}

enum err ticket_find_key(struct db *db, int64_t user_id,
			 const struct ticket_new *n, int64_t *number_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_BY_KEY,
		"SELECT number, subject = ?3 AND category = ?4 AND ?5 ="
		" (SELECT body FROM ticket_messages"
		"  WHERE ticket_messages.id = tickets.id * ?6 + 1)"
		" FROM tickets INDEXED BY tickets_key"
		" WHERE user_id = ?1 AND key = ?2", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	query_bind_str(q, 2, n->key);
	query_bind_str(q, 3, n->subject);
	query_bind_str(q, 4, n->category);
	query_bind_str(q, 5, n->body);
	sqlite3_bind_int64(q, 6, TICKET_PLACES);
	err = one_row(db, q);
	if (!err && !sqlite3_column_int(q, 1))
		err = ERR_USED;
	if (!err)
		*number_r = sqlite3_column_int64(q, 0);
	query_end(q);
	return err;
}

enum err ticket_find_message_key(struct db *db, int64_t ticket_id,
				 const struct ticket_change *c)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_MESSAGE_BY_KEY,
		"SELECT body = ?4"
		" FROM ticket_messages INDEXED BY ticket_messages_key"
		" WHERE ticket_id = ?1 AND user_id = ?2 AND key = ?3", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, ticket_id);
	sqlite3_bind_int64(q, 2, c->user_id);
	query_bind_str(q, 3, c->key);
	query_bind_str(q, 4, c->body);
	err = one_row(db, q);
	if (!err && !sqlite3_column_int(q, 0))
		err = ERR_USED;
	query_end(q);
	return err;
}

/* Rows of the future do not count: after a boot without the time there may be
 * some. */
enum err ticket_find_usage(struct db *db, int64_t user_id, int64_t now_ms,
			   struct ticket_usage *usage_r)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_USAGE,
		"SELECT count(*), min(steady_ms),"
		" count(*) FILTER (WHERE id % ?4 = 1),"
		" min(steady_ms) FILTER (WHERE id % ?4 = 1)"
		" FROM ticket_messages INDEXED BY ticket_messages_user"
		" WHERE user_id = ?1 AND user_id > 0"
		" AND steady_ms > ?2 AND steady_ms <= ?3", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	sqlite3_bind_int64(q, 2, now_ms - TICKET_HOUR_MS);
	sqlite3_bind_int64(q, 3, now_ms);
	sqlite3_bind_int64(q, 4, TICKET_PLACES);
	err = one_row(db, q);
	if (!err)
		*usage_r = (struct ticket_usage){
			.messages = (unsigned)sqlite3_column_int(q, 0),
			.first_message_ms = sqlite3_column_int64(q, 1),
			.tickets = (unsigned)sqlite3_column_int(q, 2),
			.first_ticket_ms = sqlite3_column_int64(q, 3),
		};
	query_end(q);
	return err;
}

/* ---- look-ups ---- */

#define COLUMNS "number, closed, by_agent, messages, t.created_ms," \
	" t.updated_ms AS updated_ms, subject, category"
#define USER_COLUMNS ", u.id, u.verified, u.email, u.name"
#define JOIN_USER " CROSS JOIN users u ON u.id = t.user_id"
#define BEHIND " AND (t.updated_ms, number) < (?2, ?3)"
#define ORDER " ORDER BY updated_ms DESC, number DESC LIMIT ?4"
/* +tenant: a user's few rows are found by the user, then looked at */
#define OF_USER(closed) "SELECT " COLUMNS \
	" FROM tickets t INDEXED BY tickets_user" \
	" WHERE user_id = ?5 AND +tenant = ?1 AND closed = " closed BEHIND
#define OF_TENANT(closed) "SELECT " COLUMNS USER_COLUMNS \
	" FROM tickets t INDEXED BY tickets_tenant" JOIN_USER \
	" WHERE t.tenant = ?1 AND closed = " closed BEHIND
#define BOTH(of) of("0") " UNION ALL " of("1") ORDER

static const struct {
	enum sql slot;
	const char *text;
} lists[2][3] = {
	{
		[TICKETS_ALL] = { SQL_TICKETS_OF_USER, BOTH(OF_USER) },
		[TICKETS_OPEN] = { SQL_TICKETS_OF_USER_OPEN,
				   OF_USER("0") ORDER },
		[TICKETS_CLOSED] = { SQL_TICKETS_OF_USER_CLOSED,
				     OF_USER("1") ORDER },
	}, {
		[TICKETS_ALL] = { SQL_TICKETS_OF_TENANT, BOTH(OF_TENANT) },
		[TICKETS_OPEN] = { SQL_TICKETS_OF_TENANT_OPEN,
				   OF_TENANT("0") ORDER },
		[TICKETS_CLOSED] = { SQL_TICKETS_OF_TENANT_CLOSED,
				     OF_TENANT("1") ORDER },
	},
};

/* The row that stands ready. */
static enum err read_ticket(sqlite3_stmt *q, bool has_user, struct pool *pool,
			    struct ticket *out)
{
	enum err err;

	out->number = sqlite3_column_int64(q, 0);
	out->is_closed = sqlite3_column_int(q, 1);
	out->is_by_agent = sqlite3_column_int(q, 2);
	out->messages = (unsigned)sqlite3_column_int(q, 3);
	out->created_ms = sqlite3_column_int64(q, 4);
	out->updated_ms = sqlite3_column_int64(q, 5);
	err = copy(pool, q, 6, &out->subject);
	if (!err)
		err = copy(pool, q, 7, &out->category);
	if (err || !has_user)
		return err;
	out->user.id = sqlite3_column_int64(q, 8);
	out->user.is_verified = sqlite3_column_int(q, 9);
	err = copy(pool, q, 10, &out->user.email);
	if (!err)
		err = copy(pool, q, 11, &out->user.name);
	return err;
}

enum err tickets_list(struct db *db, const struct tickets_query *query,
		      struct pool *pool, struct ticket **list_r,
		      unsigned *count_r)
{
	bool is_agent = !query->user_id;
	bool is_top = !query->before_ms && !query->before_number;
	struct ticket *list;
	unsigned count = 0;
	sqlite3_stmt *q;
	enum err err;

	if (!query->limit || query->limit > TICKETS_PAGE_MAX ||
	    (unsigned)query->state > TICKETS_CLOSED)
		return ERR_RANGE;
	list = pool_calloc(pool, query->limit, sizeof(*list));
	if (!list)
		return ERR_NOMEM;
	err = query_begin(db, lists[is_agent][query->state].slot,
			  lists[is_agent][query->state].text, &q);
	if (err)
		return err;
	query_bind_str(q, 1, query->tenant);
	sqlite3_bind_int64(q, 2, is_top ? INT64_MAX : query->before_ms);
	sqlite3_bind_int64(q, 3, is_top ? INT64_MAX : query->before_number);
	sqlite3_bind_int64(q, 4, query->limit);
	if (!is_agent)
		sqlite3_bind_int64(q, 5, query->user_id);
	while (!err && count < query->limit && query_step(db, q, &err) > 0)
		err = read_ticket(q, is_agent, pool, &list[count++]);
	query_end(q);
	if (err)
		return err;
	*list_r = list;
	*count_r = count;
	return ERR_OK;
}

static enum err find_ticket(struct db *db, struct str tenant, int64_t user_id,
			    int64_t number, struct pool *pool,
			    int64_t *id_r, struct ticket *out_r)
{
	struct ticket t = { 0 };
	sqlite3_stmt *q;
	enum err err;

	if (user_id)
		err = query_begin(db, SQL_TICKET_OF_USER,
			"SELECT " COLUMNS ", t.id"
			" FROM tickets t INDEXED BY tickets_number"
			" WHERE tenant = ?1 AND number = ?2 AND user_id = ?3",
			&q);
	else
		err = query_begin(db, SQL_TICKET_OF_TENANT,
			"SELECT " COLUMNS USER_COLUMNS ", t.id"
			" FROM tickets t INDEXED BY tickets_number" JOIN_USER
			" WHERE t.tenant = ?1 AND number = ?2", &q);
	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	sqlite3_bind_int64(q, 2, number);
	if (user_id)
		sqlite3_bind_int64(q, 3, user_id);
	err = one_row(db, q);
	if (!err)
		err = read_ticket(q, !user_id, pool, &t);
	if (!err) {
		*id_r = sqlite3_column_int64(q, user_id ? 8 : 12);
		*out_r = t;
	}
	query_end(q);
	return err;
}

/*
 * From the message in place `last` back until there are `octets`, into the end
 * of a list of `last`.
 */
static enum err read_thread(struct db *db, int64_t id, unsigned last,
			    size_t octets, struct pool *pool,
			    struct ticket_message *list, unsigned *count_r)
{
	unsigned count = 0;
	size_t used = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_THREAD,
		"SELECT id, user_id, created_ms, name, body"
		" FROM ticket_messages WHERE id > ?1 AND id <= ?2"
		" ORDER BY id DESC", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, id * TICKET_PLACES);
	sqlite3_bind_int64(q, 2, id * TICKET_PLACES + last);
	while (!err && count < last && used < octets &&
	       query_step(db, q, &err) > 0) {
		struct ticket_message *m = &list[last - ++count];

		m->id = sqlite3_column_int64(q, 0) - id * TICKET_PLACES;
		m->is_by_agent = !sqlite3_column_int64(q, 1);
		m->created_ms = sqlite3_column_int64(q, 2);
		err = copy(pool, q, 3, &m->name);
		if (!err)
			err = copy(pool, q, 4, &m->body);
		used += m->name.len + m->body.len;
	}
	query_end(q);
	if (!err)
		*count_r = count;
	return err;
}

/*
 * Two queries and no transaction: messages are only ever added, so the thread
 * as of the ticket's row is its first ones.  Where they are gone, the user was
 * erased in between.
 */
enum err tickets_get_part(struct db *db, struct str tenant, int64_t user_id,
			  int64_t number, int64_t before, size_t octets,
			  struct pool *pool, struct ticket *out_r,
			  struct ticket_message **thread_r, unsigned *count_r)
{
	struct ticket_message *thread;
	struct ticket t;
	unsigned count = 0, last;
	int64_t id = 0;
	enum err err = find_ticket(db, tenant, user_id, number, pool, &id, &t);

	if (err)
		return err;
	last = before > 0 && before <= t.messages ? (unsigned)before - 1 :
						    t.messages;
	thread = pool_calloc(pool, last, sizeof(*thread));
	if (!thread)
		return ERR_NOMEM;
	if (last)
		err = read_thread(db, id, last, octets, pool, thread, &count);
	if (!err && last && octets && (!count || thread[last - 1].id != last))
		err = ERR_NOT_FOUND;
	if (err)
		return err;
	*out_r = t;
	*thread_r = thread + last - count;
	*count_r = count;
	return ERR_OK;
}

enum err tickets_get(struct db *db, struct str tenant, int64_t user_id,
		     int64_t number, struct pool *pool, struct ticket *out_r,
		     struct ticket_message **thread_r, unsigned *count_r)
{
	return tickets_get_part(db, tenant, user_id, number, 0, SIZE_MAX,
				pool, out_r, thread_r, count_r);
}
