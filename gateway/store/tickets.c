#include "store/tickets.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "store/db-private.h"
#include "store/outbox.h"
#include "store/tickets-private.h"

#define VERSIONS 4096		/* users share them, by their id */
#define EVENT_FRAME_MAX 512	/* octets of an event but for its texts */

/* json_add_str() makes six octets of one at most */
_Static_assert(6 * (TICKET_SUBJECT_MAX + TICKET_CATEGORY_MAX +
		    TICKET_MESSAGE_MAX + TICKET_NAME_MAX + USER_NAME_MAX +
		    USER_EMAIL_MAX) + EVENT_FRAME_MAX <= OUTBOX_BODY_MAX,
	       "every message has room in an event");

struct tickets {
	struct writer *writer;
	uint64_t base;		/* so that no start's numbers are another's */
	_Atomic uint64_t versions[VERSIONS];
};

enum err tickets_new(struct writer *writer, struct tickets **tickets_r)
{
	struct tickets *t = calloc(1, sizeof(*t));
	enum err err;

	if (!t)
		return ERR_NOMEM;
	t->writer = writer;
	err = random_bytes(&t->base, sizeof(t->base));
	if (err) {
		free(t);
		return err;
	}
	*tickets_r = t;
	return ERR_OK;
}

void tickets_free(struct tickets *t)
{
	free(t);
}

/* Ids are in the order of time: they differ in their high bits. */
static unsigned slot_of(int64_t user_id)
{
	return (unsigned)(hash_bytes(&user_id, sizeof(user_id)) % VERSIONS);
}

uint64_t tickets_version(struct tickets *t, int64_t user_id)
{
	return t->base + atomic_load_explicit(
		&t->versions[slot_of(user_id)],
		memory_order_acquire);
}

/*
 * After the commit: who read the number before and the rows from before keeps
 * a number that is gone; who read the rows from after draws once more than they
 * had to.
 */
void tickets_touch(struct tickets *t, int64_t user_id)
{
	atomic_fetch_add_explicit(&t->versions[slot_of(user_id)],
				  1, memory_order_acq_rel);
}

/* ---- what is accepted ---- */

static enum err check_line(struct str s, size_t max, bool has_lines)
{
	size_t at = 0;
	int32_t cp;

	if (s.len > max)
		return ERR_LIMIT;
	while ((cp = utf8_next(s, &at)) >= 0)
		if (unicode_is_control(cp) &&
		    !(has_lines && (cp == '\n' || cp == '\t')))
			return ERR_CONTROL;
	return cp == -1 ? ERR_UTF8 : ERR_OK;
}

static enum err check_message(struct str body, struct str key)
{
	enum err err = check_line(body, TICKET_MESSAGE_MAX, true);

	if (!err)
		err = check_line(key, TICKET_KEY_MAX, false);
	if (!err && (!body.len || !key.len))
		err = ERR_SYNTAX;
	return err;
}

static enum err check_new(const struct ticket_new *n)
{
	enum err err = text_check(n->tenant, USER_TENANT_MAX);

	if (!err)
		err = check_line(n->subject, TICKET_SUBJECT_MAX, false);
	if (!err)
		err = check_line(n->category, TICKET_CATEGORY_MAX, false);
	if (!err)
		err = check_message(n->body, n->key);
	if (!err && !n->subject.len)
		err = ERR_SYNTAX;
	if (!err && n->audit)
		err = audit_check(n->audit);
	return err;
}

static enum err check_change(const struct ticket_change *c)
{
	enum err err = text_check(c->tenant, USER_TENANT_MAX);

	if (!err)
		err = check_line(c->name, TICKET_NAME_MAX, false);
	if (!err && c->kind == TICKET_REPLY)
		err = check_message(c->body, c->key);
	if (!err && c->kind == TICKET_REPLY && !c->user_id && !c->name.len)
		err = ERR_SYNTAX;
	if (!err && c->audit)
		err = audit_check(c->audit);
	return err;
}

/* What is told to people, and what limits go by: a user is neither locked out
 * nor let in by a clock that is set. */
struct now {
	int64_t wall_ms, steady_ms;
};

static struct now read_clocks(void)
{
	return (struct now){ clock_wall_ms(), clock_steady_ms() };
}

/* ---- limits ---- */

/* How long until what was written then is an hour old. */
static unsigned seconds_left(int64_t then_ms, int64_t now_ms)
{
	int64_t left_ms = then_ms + TICKET_HOUR_MS - now_ms;

	return left_ms <= 0 ? 1 : (unsigned)((left_ms + 999) / 1000);
}

/* ERR_LIMIT, and *retry_s set: they have written enough within an hour. */
static enum err check_usage(struct db *db, int64_t user_id, int64_t now_ms,
			    bool is_new, unsigned *retry_s)
{
	struct ticket_usage usage;
	unsigned s = 0, t = 0;
	enum err err = ticket_find_usage(db, user_id, now_ms, &usage);

	if (err)
		return err;
	if (usage.messages >= TICKET_MESSAGES_PER_HOUR)
		s = seconds_left(usage.first_message_ms, now_ms);
	if (is_new && usage.tickets >= TICKETS_PER_HOUR)
		t = seconds_left(usage.first_ticket_ms, now_ms);
	if (!s && !t)
		return ERR_OK;
	*retry_s = s > t ? s : t;
	return ERR_LIMIT;
}

/* ---- events ---- */

struct what {
	struct str event;		/* its name */
	bool is_by_agent;
	bool is_message;
	int64_t message;		/* its place */
	struct str name, body;
};

struct str ticket_change_event(enum ticket_change_kind kind)
{
	switch (kind) {
	case TICKET_REPLY:
		return STR("ticket.replied");
	case TICKET_CLOSE:
		return STR("ticket.closed");
	case TICKET_REOPEN:
		break;
	}
	return STR("ticket.reopened");
}

static void add_ticket(struct buf *b, const struct ticket_row *row)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(row->created_ms, text);
	buf_puts(b, "\"ticket\":{");
	json_add_member_int(b, "number", row->number);
	json_add_member(b, "subject", row->subject);
	json_add_member(b, "category", row->category);
	json_add_member(b, "state", row->is_closed ? STR("closed") :
						     STR("open"));
	json_add_member(b, "created_at", str_from(text));
	buf_puts(b, "},\"user\":{");
	json_add_member_int(b, "id", row->user.id);
	json_add_member(b, "email", row->user.email);
	json_add_member(b, "name", row->user.name);
	buf_puts(b, "}");
}

static enum err append_event(struct db *db, struct str tenant,
			     const struct ticket_row *row,
			     const struct what *what)
{
	struct str author = what->is_by_agent ? STR("agent") : STR("user");
	struct outbox_event event = { .name = what->event };
	struct buf b;

	buf_init_pool(&b, db->scratch, OUTBOX_BODY_MAX + 1);
	buf_puts(&b, "{");
	add_ticket(&b, row);
	if (what->is_message) {
		buf_puts(&b, ",\"message\":{");
		json_add_member_int(&b, "id", what->message);
		json_add_member(&b, "author", author);
		json_add_member(&b, "name", what->name);
		json_add_member(&b, "text", what->body);
		buf_puts(&b, "}");
	}
	json_add_member(&b, "by", author);
	buf_puts(&b, "}");
	if (!buf_is_ok(&b))
		return ERR_NOMEM;
	event.body = buf_str(&b);
	return outbox_append(db, tenant, row->user.id, &event, 1);
}

/* ---- a new ticket ---- */

static enum err next_number(struct db *db, struct str tenant,
			    int64_t *number_r)
{
	int64_t number = 0;
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_NUMBER,
		"INSERT INTO ticket_numbers(tenant, last) VALUES(?1, 1)"
		" ON CONFLICT(tenant) DO UPDATE SET last = last + 1"
		" RETURNING last", &q);

	if (err)
		return err;
	query_bind_str(q, 1, tenant);
	while (query_step(db, q, &err) > 0)
		number = sqlite3_column_int64(q, 0);
	query_end(q);
	if (!err)
		*number_r = number;
	return err;
}

static enum err insert_ticket(struct db *db, const struct ticket_new *n,
			      struct ticket_row *row)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_INSERT,
		"INSERT INTO tickets(tenant, number, user_id, subject,"
		" category, messages, by_agent, created_ms, updated_ms, key)"
		" VALUES(?1, ?2, ?3, ?4, ?5, 1, 0, ?6, ?6, ?7)", &q);

	if (err)
		return err;
	query_bind_str(q, 1, n->tenant);
	sqlite3_bind_int64(q, 2, row->number);
	sqlite3_bind_int64(q, 3, row->user.id);
	query_bind_str(q, 4, row->subject);
	query_bind_str(q, 5, row->category);
	sqlite3_bind_int64(q, 6, row->created_ms);
	query_bind_str(q, 7, n->key);
	err = query_run(db, q);
	if (!err)
		row->id = sqlite3_last_insert_rowid(db->handle);
	return err;
}

/* `author` 0: an agent. */
static enum err insert_message(struct db *db, const struct ticket_row *row,
			       const struct what *what, int64_t author,
			       struct str key, const struct now *now)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_MESSAGE_INSERT,
		"INSERT INTO ticket_messages(id, ticket_id, user_id,"
		" created_ms, key, name, body, steady_ms)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, row->id * TICKET_PLACES + what->message);
	sqlite3_bind_int64(q, 2, row->id);
	sqlite3_bind_int64(q, 3, author);
	sqlite3_bind_int64(q, 4, now->wall_ms);
	query_bind_str(q, 5, key);
	query_bind_str(q, 6, what->name);
	query_bind_str(q, 7, what->body);
	sqlite3_bind_int64(q, 8, now->steady_ms);
	return query_run(db, q);
}

static enum err write_new(struct db *db, struct ticket_new *n,
			  const struct ticket_user *user,
			  const struct now *now)
{
	struct ticket_row row = {
		.user = *user,
		.subject = n->subject,
		.category = n->category,
		.messages = 1,
		.created_ms = now->wall_ms,
	};
	const struct what what = {
		.event = STR("ticket.created"),
		.is_message = true,
		.message = 1,
		.name = user->name,
		.body = n->body,
	};
	enum err err = next_number(db, n->tenant, &row.number);

	if (!err)
		err = insert_ticket(db, n, &row);
	if (!err)
		err = insert_message(db, &row, &what, user->id, STR(""), now);
	if (!err && !n->is_untold)
		err = append_event(db, n->tenant, &row, &what);
	if (!err) {
		n->number = row.number;
		n->changed_id = user->id;
	}
	return err;
}

static enum err new_run(struct db *db, struct job *job)
{
	struct ticket_new *n = (struct ticket_new *)job;
	const struct now now = read_clocks();
	struct ticket_user user;
	enum err err;

	/* it may be the second time */
	n->number = n->changed_id = 0;
	n->is_repeat = n->is_too_many = false;
	n->retry_s = 0;
	err = ticket_find_user(db, n->tenant, n->user_id, &user);
	if (!err && user.is_blocked)
		err = ERR_AUTH;
	if (err)
		return err;
	err = ticket_find_key(db, user.id, n, &n->number);
	n->is_repeat = !err;
	if (err == ERR_NOT_FOUND) {
		err = check_usage(db, user.id, now.steady_ms, true,
				  &n->retry_s);
		n->is_too_many = err == ERR_LIMIT;
		if (!err)
			err = write_new(db, n, &user, &now);
	}
	if (!err && n->audit)
		err = audit_insert(db, n->audit);
	return err;
}

static void new_settle(struct job *job)
{
	struct ticket_new *n = (struct ticket_new *)job;

	if (!job->result && n->changed_id)
		tickets_touch(n->tickets, n->changed_id);
}

enum err tickets_create(struct tickets *tickets, struct ticket_new *n)
{
	enum err err = check_new(n);

	if (err)
		return err;
	if (!n->category.ptr)
		n->category = STR("");
	n->tickets = tickets;
	n->job.run = new_run;
	n->job.settle = new_settle;
	return writer_submit(tickets->writer, &n->job);
}

/* ---- a change ---- */

static enum err update_message(struct db *db, const struct ticket_row *row,
			       bool is_by_agent, int64_t now_ms)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_REPLIED,
		"UPDATE tickets SET messages = ?2, by_agent = ?3,"
		" updated_ms = ?4 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, row->id);
	sqlite3_bind_int64(q, 2, row->messages);
	sqlite3_bind_int(q, 3, is_by_agent);
	sqlite3_bind_int64(q, 4, now_ms);
	return query_run(db, q);
}

static enum err update_state(struct db *db, const struct ticket_row *row,
			     int64_t now_ms)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_TICKET_TURNED,
		"UPDATE tickets SET closed = ?2, updated_ms = ?3, turns = ?4,"
		" turned_ms = ?5 WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, row->id);
	sqlite3_bind_int(q, 2, row->is_closed);
	sqlite3_bind_int64(q, 3, now_ms);
	sqlite3_bind_int64(q, 4, row->turns);
	sqlite3_bind_int64(q, 5, row->turned_ms);
	return query_run(db, q);
}

static enum err reply(struct db *db, struct ticket_change *c,
		      struct ticket_row *row, const struct now *now)
{
	const struct what what = {
		.event = ticket_change_event(TICKET_REPLY),
		.is_by_agent = !c->user_id,
		.is_message = true,
		.message = row->messages + 1,
		.name = c->user_id ? row->user.name : c->name,
		.body = c->body,
	};
	enum err err = ticket_find_message_key(db, row->id, c);

	if (err != ERR_NOT_FOUND) {
		c->is_repeat = !err;
		return err;
	}
	if (row->is_closed)
		return ERR_EXPIRED;
	if (row->messages >= TICKET_MESSAGES_MAX)
		return ERR_LIMIT;
	if (c->user_id) {
		err = check_usage(db, c->user_id, now->steady_ms, false,
				  &c->retry_s);
		c->is_too_many = err == ERR_LIMIT;
		if (err)
			return err;
	}
	err = insert_message(db, row, &what, c->user_id, c->key, now);
	row->messages++;
	if (!err)
		err = update_message(db, row, what.is_by_agent, now->wall_ms);
	if (!err && !c->is_untold)
		err = append_event(db, c->tenant, row, &what);
	if (!err)
		c->changed_id = row->user.id;
	return err;
}

/* Count one more of the user's within the hour. */
static enum err count_turn(struct ticket_change *c, struct ticket_row *row,
			   int64_t now_ms)
{
	if (!row->turns || now_ms < row->turned_ms ||
	    now_ms >= row->turned_ms + TICKET_HOUR_MS) {
		row->turns = 0;
		row->turned_ms = now_ms;
	}
	if (row->turns >= TICKET_TURNS_PER_HOUR) {
		c->is_too_many = true;
		c->retry_s = seconds_left(row->turned_ms, now_ms);
		return ERR_LIMIT;
	}
	row->turns++;
	return ERR_OK;
}

static enum err turn(struct db *db, struct ticket_change *c,
		     struct ticket_row *row, const struct now *now)
{
	bool closes = c->kind == TICKET_CLOSE;
	const struct what what = {
		.event = ticket_change_event(c->kind),
		.is_by_agent = !c->user_id,
	};
	enum err err = ERR_OK;

	if (row->is_closed == closes) {
		c->is_repeat = true;
		return ERR_OK;
	}
	if (c->user_id)
		err = count_turn(c, row, now->steady_ms);
	if (err)
		return err;
	row->is_closed = closes;
	err = update_state(db, row, now->wall_ms);
	if (!err && !c->is_untold)
		err = append_event(db, c->tenant, row, &what);
	if (!err)
		c->changed_id = row->user.id;
	return err;
}

static enum err change_run(struct db *db, struct job *job)
{
	struct ticket_change *c = (struct ticket_change *)job;
	const struct now now = read_clocks();
	struct ticket_row row;
	enum err err;

	/* it may be the second time */
	c->changed_id = 0;
	c->is_repeat = c->is_too_many = false;
	c->retry_s = 0;
	err = ticket_find(db, c->tenant, c->user_id, c->number, &row);
	if (!err && c->user_id && row.user.is_blocked)
		err = ERR_AUTH;
	if (!err)
		err = c->kind == TICKET_REPLY ? reply(db, c, &row, &now) :
						turn(db, c, &row, &now);
	if (!err && c->audit)
		err = audit_insert(db, c->audit);
	return err;
}

static void change_settle(struct job *job)
{
	struct ticket_change *c = (struct ticket_change *)job;

	if (!job->result && c->changed_id)
		tickets_touch(c->tickets, c->changed_id);
}

enum err tickets_change(struct tickets *tickets, struct ticket_change *c)
{
	enum err err = check_change(c);

	if (err)
		return err;
	c->tickets = tickets;
	c->job.run = change_run;
	c->job.settle = change_settle;
	return writer_submit(tickets->writer, &c->job);
}

/* ---- erasure ---- */

static enum err delete_by_user(struct db *db, enum sql slot, const char *text,
			       int64_t user_id)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, slot, text, &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, user_id);
	return query_run(db, q);
}

enum err tickets_delete_of(struct db *db, int64_t user_id)
{
	enum err err = delete_by_user(db, SQL_TICKET_MESSAGES_ERASE,
		"DELETE FROM ticket_messages INDEXED BY ticket_messages_key"
		" WHERE ticket_id IN"
		" (SELECT id FROM tickets WHERE user_id = ?1)", user_id);

	if (!err)
		err = delete_by_user(db, SQL_TICKETS_ERASE,
			"DELETE FROM tickets INDEXED BY tickets_user"
			" WHERE user_id = ?1", user_id);
	return err;
}
