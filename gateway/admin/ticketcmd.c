#include "admin/ticketcmd.h"

#include "admin/job-wait.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/utf8.h"

/* a page of the list, or a whole thread */
#define POOL_MAX (32 * 1024 * 1024)
#define USER_WIDTH_MAX 32

/* ---- as JSON ---- */

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(ms, text);
	json_add_member(out, name, str_from(text));
}

/* Without the closing brace. */
static void ticket_json(const struct ticket *t, struct buf *out)
{
	buf_addc(out, '{');
	json_add_member_int(out, "number", t->number);
	json_add_member(out, "subject", t->subject);
	json_add_member(out, "category", t->category);
	json_add_member(out, "state", t->is_closed ? STR("closed") :
						     STR("open"));
	json_add_member_int(out, "messages", t->messages);
	json_add_member(out, "last", t->is_by_agent ? STR("agent") :
						      STR("user"));
	add_time(out, "created_at", t->created_ms);
	add_time(out, "updated_at", t->updated_ms);
	buf_puts(out, ",\"user\":{");
	json_add_member_int(out, "id", t->user.id);
	json_add_member(out, "email", t->user.email);
	json_add_member(out, "name", t->user.name);
	json_add_member_bool(out, "verified", t->user.is_verified);
	buf_addc(out, '}');
}

static void message_json(const struct ticket_message *m, struct buf *out)
{
	buf_addc(out, '{');
	json_add_member_int(out, "id", m->id);
	json_add_member(out, "author", m->is_by_agent ? STR("agent") :
							STR("user"));
	json_add_member(out, "name", m->name);
	json_add_member(out, "message", m->body);
	add_time(out, "created_at", m->created_ms);
	buf_addc(out, '}');
}

/* ---- list ---- */

/* Where the next page goes on; empty: there is none. */
static struct str cursor(struct pool *pool, const struct ticket *list,
			 unsigned count, unsigned limit)
{
	const struct ticket *last = &list[count - 1];

	return count < limit ? STR("") :
		pool_printf(pool, "%lld:%lld", (long long)last->updated_ms,
			    (long long)last->number);
}

static void list_json(const struct ticket *list, unsigned count,
		      struct str next, struct buf *out)
{
	buf_puts(out, "{\"tickets\":[");
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_addc(out, ',');
		ticket_json(&list[i], out);
		buf_addc(out, '}');
	}
	buf_puts(out, "]");
	if (next.len)
		json_add_member(out, "next", next);
	else
		json_add_member_raw(out, "next", STR("null"));
	buf_puts(out, "}\n");
}

static unsigned user_width(const struct ticket *list, unsigned count)
{
	size_t width = 4;

	for (unsigned i = 0; i < count; i++) {
		size_t n = utf8_length(list[i].user.email);

		if (n > width)
			width = n;
	}
	return width < USER_WIDTH_MAX ? (unsigned)width : USER_WIDTH_MAX;
}

static void list_text(const struct ticket *list, unsigned count,
		      struct str next, struct buf *out)
{
	unsigned width = user_width(list, count);

	if (!count) {
		buf_puts(out, "no tickets\n");
		return;
	}
	buf_printf(out, "%6s  %-6s  %-5s  %4s  %-*s  %-*s  %s\n", "NUMBER",
		   "STATE", "LAST", "MSGS", SANITIZE_TIME_WIDTH, "CHANGED",
		   (int)width, "USER", "SUBJECT");
	for (unsigned i = 0; i < count; i++) {
		const struct ticket *t = &list[i];

		buf_printf(out, "%6lld  %-6s  %-5s  %4u  ",
			   (long long)t->number,
			   t->is_closed ? "closed" : "open",
			   t->is_by_agent ? "agent" : "user", t->messages);
		sanitize_time(out, t->updated_ms);
		buf_puts(out, "  ");
		sanitize_pad(out, t->user.email, width);
		buf_puts(out, "  ");
		sanitize_add(out, t->subject);
		buf_addc(out, '\n');
	}
	if (next.len)
		buf_printf(out, "more: --before %.*s\n", STR_ARG(next));
}

static const char *read_query(const struct str *words,
			      struct tickets_query *query)
{
	static const struct str states[] = {
		[TICKETS_ALL] = STR("all"),
		[TICKETS_OPEN] = STR("open"),
		[TICKETS_CLOSED] = STR("closed"),
	};
	struct str number, ms = str_cut(words[3], ':', &number);
	uint64_t limit;
	int state = 0;

	while (!str_eq(words[1], states[state]))
		if (++state > TICKETS_CLOSED)
			return "the state is one of open, closed and all";
	if (num_u64(words[2], 1, TICKETS_PAGE_MAX, &limit))
		return "the limit is a number from 1 to 100";
	*query = (struct tickets_query){
		.tenant = words[0], .state = state, .limit = (unsigned)limit,
	};
	if (!str_eq(words[3], STR("-")) &&
	    (num_i64(ms, 0, INT64_MAX, &query->before_ms) ||
	     num_i64(number, 1, INT64_MAX, &query->before_number)))
		return "what --before takes stands below the page before";
	return NULL;
}

const char *command_tickets_list(struct status *status, const struct str *words,
				 bool json, struct buf *body)
{
	struct tickets_query query;
	const char *trouble = read_query(words, &query);
	struct ticket *tickets = NULL;
	struct pool *pool;
	unsigned count = 0;
	struct str next;
	enum err err;

	if (trouble)
		return trouble;
	pool = pool_new(POOL_MAX);
	err = pool ? tickets_list(status->reader, &query, pool, &tickets,
				  &count) : ERR_NOMEM;
	if (!err && !count)
		trouble = status_check_tenant(status, words[0], body);
	if (!err && !trouble) {
		next = count ? cursor(pool, tickets, count, query.limit) :
			       STR("");
		(json ? list_json : list_text)(tickets, count, next, body);
	}
	pool_free(pool);
	return err ? err_text(err) : trouble;
}

/* ---- show ---- */

static void add_label(struct buf *out, const char *label)
{
	buf_printf(out, "  %-10s", label);
}

static void show_text(struct str tenant, const struct ticket *t,
		      const struct ticket_message *thread, unsigned count,
		      struct buf *out)
{
	buf_printf(out, "ticket %lld of ", (long long)t->number);
	sanitize_add(out, tenant);
	buf_puts(out, ": ");
	sanitize_add(out, t->subject);
	buf_addc(out, '\n');
	add_label(out, "state");
	buf_printf(out, "%s, the last message is %s\n",
		   t->is_closed ? "closed" : "open",
		   t->is_by_agent ? "an agent's" : "the user's");
	if (t->category.len) {
		add_label(out, "category");
		sanitize_add(out, t->category);
		buf_addc(out, '\n');
	}
	add_label(out, "user");
	sanitize_add(out, t->user.name);
	buf_puts(out, " <");
	sanitize_add(out, t->user.email);
	buf_printf(out, ">, id %lld%s\n", (long long)t->user.id,
		   t->user.is_verified ? "" : ", not verified");
	add_label(out, "created");
	sanitize_time(out, t->created_ms);
	buf_addc(out, '\n');
	add_label(out, "changed");
	sanitize_time(out, t->updated_ms);
	buf_addc(out, '\n');
	for (unsigned i = 0; i < count; i++) {
		buf_printf(out, "\n%lld  ", (long long)thread[i].id);
		sanitize_time(out, thread[i].created_ms);
		buf_puts(out, thread[i].is_by_agent ? "  agent  " :
						      "  user  ");
		sanitize_add(out, thread[i].name);
		buf_addc(out, '\n');
		sanitize_lines(out, thread[i].body, "    ");
	}
}

static void show_json(struct str tenant, const struct ticket *t,
		      const struct ticket_message *thread, unsigned count,
		      struct buf *out)
{
	(void)tenant;
	buf_puts(out, "{\"ticket\":");
	ticket_json(t, out);
	buf_puts(out, ",\"thread\":[");
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_addc(out, ',');
		message_json(&thread[i], out);
	}
	buf_puts(out, "]}}\n");
}

static const char *read_number(struct str word, int64_t *number_r)
{
	return num_i64(word, 1, INT64_MAX, number_r) ?
		"a ticket's number is a number from 1 on" : NULL;
}

static const char *no_ticket(struct status *status, const struct str *words,
			     struct buf *body)
{
	return status_none(status, "there is no such ticket of ", words[0],
			   body);
}

const char *command_tickets_show(struct status *status, const struct str *words,
				 bool json, struct buf *body)
{
	struct ticket_message *thread = NULL;
	struct ticket ticket;
	int64_t number = 0;
	const char *trouble = read_number(words[1], &number);
	struct pool *pool;
	unsigned count = 0;
	enum err err;

	if (trouble)
		return trouble;
	pool = pool_new(POOL_MAX);
	err = pool ? tickets_get(status->reader, words[0], 0, number, pool,
				 &ticket, &thread, &count) : ERR_NOMEM;
	if (!err)
		(json ? show_json : show_text)(words[0], &ticket, thread,
					       count, body);
	pool_free(pool);
	if (err == ERR_NOT_FOUND)
		return no_ticket(status, words, body);
	return err ? err_text(err) : NULL;
}

/* ---- what changes ---- */

static const struct {
	struct str code;
	const char *done, *again;
} kinds[] = {
	[TICKET_REPLY] = {
		STR("ticket_replied"), "replied to", "had replied to",
	},
	[TICKET_CLOSE] = { STR("ticket_closed"), "closed", "had closed" },
	[TICKET_REOPEN] = {
		STR("ticket_reopened"), "reopened", "had opened",
	},
};

static const char *refusal(struct status *status, enum err err,
			   const struct str *words, struct buf *body)
{
	switch (err) {
	case ERR_NOT_FOUND:
		return no_ticket(status, words, body);
	case ERR_EXPIRED:
		return "it is closed: open it first, by usherctl tickets "
		       "reopen";
	case ERR_LIMIT:
		return "the message or the name is too long, or the ticket "
		       "has all the messages that one can have (500)";
	case ERR_CONTROL:
		return "names and messages have no control characters, and "
		       "none but messages have line ends";
	case ERR_UTF8:
		return "names and messages are UTF-8";
	case ERR_SYNTAX:
		return "a reply has a name and a message";
	case ERR_BUSY:
		return "the writer is busy: try again";
	case ERR_USED:
		return "that key is of a reply with another text; nothing was "
		       "written: leave --key out for a new one";
	default:
		return err_text(err);
	}
}

static const char *unconfirmed(const struct ticket_change *c,
			       struct buf *body)
{
	if (c->kind == TICKET_REPLY)
		return status_say(body, "not confirmed in time, and perhaps "
				  "yet to be written; to make sure, without "
				  "writing it twice, run it again with --key ",
				  c->key);
	return "not confirmed in time, and perhaps yet to be written: run it "
	       "again";
}

static void tell_change(const struct job_wait *e, bool json, struct buf *body)
{
	const struct ticket_change *c = &e->change;

	if (json) {
		buf_addc(body, '{');
		json_add_member_int(body, "number", c->number);
		json_add_member(body, "done", kinds[c->kind].code);
		json_add_member_bool(body, "repeated", c->is_repeat);
		json_add_member(body, "request_id", e->audit.request_id);
		buf_puts(body, "}\n");
		return;
	}
	buf_printf(body, "%s ticket %lld of ",
		   c->is_repeat ? kinds[c->kind].again : kinds[c->kind].done,
		   (long long)c->number);
	sanitize_add(body, c->tenant);
	buf_puts(body, c->is_repeat ? " before\n" : "\n");
}

/* The job's change, from the words; false: no memory. */
/* Does a webhook want to hear of it? */
static bool is_told(struct status *status, struct str slug,
		    enum ticket_change_kind kind)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const struct tenant *tenant;
	bool is_told;

	/* with no configuration nobody knows: it is kept */
	if (!snapshot)
		return true;
	tenant = snapshot_tenant(snapshot, slug);
	is_told = tenant && tenant_wants(tenant, ticket_change_event(kind));
	snapshot_unref(snapshot);
	return is_told;
}

static bool fill_change(struct status *status, struct job_wait *e,
			enum ticket_change_kind kind,
			const struct str *words, int64_t number)
{
	struct ticket_change *c = &e->change;

	*c = (struct ticket_change){
		.tenant = job_wait_str(e, words[0]),
		.number = number,
		.kind = kind,
		.name = job_wait_str(e, words[2]),
	};
	if (!c->tenant.ptr || !c->name.ptr)
		return false;
	c->is_untold = !is_told(status, c->tenant, kind);
	if (kind == TICKET_REPLY) {
		c->body = job_wait_str(e, words[3]);
		c->key = job_wait_str(e, words[4]);
		if (!c->body.ptr || !c->key.ptr)
			return false;
	}
	c->audit = job_wait_audit(
		e, c->tenant, kinds[kind].code,
		pool_printf(e->pool, "ticket %lld", (long long)number),
		c->name);
	return c->audit != NULL;
}

static const char *change(struct status *status, enum ticket_change_kind kind,
			  const struct str *words, bool json,
			  struct buf *body)
{
	int64_t number = 0;
	const char *trouble = read_number(words[1], &number);
	struct job_wait *e = trouble ? NULL : job_wait_new();
	enum err err = ERR_NOMEM;

	if (trouble)
		return trouble;
	if (e && fill_change(status, e, kind, words, number)) {
		job_wait_send(e);
		err = tickets_change(store_tickets(status->gateway->store),
				     &e->change);
		if (err)
			job_wait_unsend(e);
		else if (job_wait_for(e))
			err = e->job.result;
		else
			trouble = unconfirmed(&e->change, body);
	}
	if (err)
		trouble = refusal(status, err, words, body);
	else if (!trouble)
		tell_change(e, json, body);
	job_wait_free(e);
	return trouble;
}

const char *command_tickets_reply(struct status *status,
				  const struct str *words, bool json,
				  struct buf *body)
{
	return change(status, TICKET_REPLY, words, json, body);
}

const char *command_tickets_close(struct status *status,
				  const struct str *words, bool json,
				  struct buf *body)
{
	return change(status, TICKET_CLOSE, words, json, body);
}

const char *command_tickets_reopen(struct status *status,
				   const struct str *words, bool json,
				   struct buf *body)
{
	return change(status, TICKET_REOPEN, words, json, body);
}
