#include "store/tickets.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "store/db-private.h"
#include "store/tickets-private.h"
#include "unit/store/rig.h"

#define NOON 1700000000000
#define HOUR 3600000

/* ---- what the tests do all the time ---- */

static int64_t user_of(struct rig *rig, const char *tenant, const char *email)
{
	struct redemption visit = { .sync = { .tenant = str_from(tenant),
					      .email = str_from(email),
					      .name = STR("Ann <b>") } };

	ck_assert_int_eq(rig_visit(rig, &visit), ERR_OK);
	return visit.user.id;
}

static struct ticket_new ticket_by(int64_t user, const char *key)
{
	return (struct ticket_new){
		.job.done = rig_done,
		.tenant = STR("acme"),
		.user_id = user,
		.subject = STR("It broke"),
		.category = STR("billing"),
		.body = STR("Help!\n\tPlease."),
		.key = str_from(key),
	};
}

static enum err create(struct rig *rig, struct ticket_new *n)
{
	enum err err = tickets_create(store_tickets(rig->store), n);

	if (err)
		return err;
	rig_wait(1);
	return n->job.result;
}

/* A ticket that must come to be; its number. */
static int64_t ticket(struct rig *rig, int64_t user, const char *key)
{
	struct ticket_new n = ticket_by(user, key);

	ck_assert_int_eq(create(rig, &n), ERR_OK);
	return n.number;
}

static enum err change(struct rig *rig, struct ticket_change *c)
{
	enum err err;

	c->job.done = rig_done;
	if (!c->tenant.ptr)
		c->tenant = STR("acme");
	if (!c->name.ptr)
		c->name = STR("Agent Smith");
	err = tickets_change(store_tickets(rig->store), c);
	if (err)
		return err;
	rig_wait(1);
	return c->job.result;
}

/* Of tenant acme; 0: by an agent. */
static enum err reply(struct rig *rig, int64_t user, int64_t number,
		      const char *key, const char *body)
{
	struct ticket_change c = { .user_id = user, .number = number,
				   .kind = TICKET_REPLY,
				   .body = str_from(body),
				   .key = str_from(key) };

	return change(rig, &c);
}

static enum err turn(struct rig *rig, int64_t user, int64_t number,
		     enum ticket_change_kind kind)
{
	struct ticket_change c = { .user_id = user, .number = number,
				   .kind = kind };

	return change(rig, &c);
}

static unsigned list(struct rig *rig, struct tickets_query query,
		     struct ticket **list_r)
{
	unsigned count = 0;

	if (!query.tenant.ptr)
		query.tenant = STR("acme");
	if (!query.limit)
		query.limit = TICKETS_PAGE_MAX;
	ck_assert_int_eq(tickets_list(store_reader(rig->store, 0), &query,
				      rig->pool, list_r, &count), ERR_OK);
	return count;
}

struct got {
	struct ticket ticket;
	struct ticket_message *thread;
	unsigned count;
};

static enum err get(struct rig *rig, const char *tenant, int64_t user,
		    int64_t number, struct got *got)
{
	return tickets_get(store_reader(rig->store, 0), str_from(tenant), user,
			   number, rig->pool, &got->ticket, &got->thread,
			   &got->count);
}

/* The body of the newest event of that name. */
static struct str event(struct rig *rig, const char *name)
{
	struct db *db = store_reader(rig->store, 1);
	sqlite3_stmt *q;
	struct str body;

	ck_assert_int_eq(sqlite3_prepare_v2(db->handle, "SELECT body FROM"
		" outbox WHERE event = ?1 ORDER BY id DESC LIMIT 1", -1, &q,
		NULL), SQLITE_OK);
	query_bind_str(q, 1, str_from(name));
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	body = pool_str(rig->pool, query_str(q, 0));
	sqlite3_finalize(q);
	return body;
}

static int64_t events(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM outbox");
}

/* What holds whenever nothing is half done. */
static void check_whole(struct rig *rig)
{
	ck_assert_int_eq(rig_sql(rig, "SELECT count(*) FROM tickets t"
		" WHERE messages != (SELECT count(*) FROM ticket_messages m"
		" WHERE m.ticket_id = t.id AND m.id / 1024 = t.id)"), 0);
	ck_assert_int_eq(rig_sql(rig, "SELECT count(*) FROM ticket_messages"
		" WHERE ticket_id NOT IN (SELECT id FROM tickets)"), 0);
	ck_assert_int_eq(rig_sql(rig, "SELECT count(*) FROM tickets"
		" WHERE user_id NOT IN (SELECT id FROM users)"), 0);
	ck_assert_int_eq(rig_sql(rig, "SELECT count(*) FROM ticket_numbers n"
		" WHERE last < (SELECT max(number) FROM tickets t"
		" WHERE t.tenant = n.tenant)"), 0);
}

/* ---- one ticket's life ---- */

START_TEST(a_ticket_is_made_answered_closed_and_opened_again)
{
	struct rig rig;
	struct got got;
	int64_t ann, n;

	clock_hold(NOON);
	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	n = ticket(&rig, ann, "k1");
	ck_assert_int_eq(n, 1);
	clock_hold(NOON + 1);
	ck_assert_int_eq(reply(&rig, 0, n, "a1", "Try again."), ERR_OK);
	clock_hold(NOON + 2);
	ck_assert_int_eq(reply(&rig, ann, n, "k2", "No."), ERR_OK);
	clock_hold(NOON + 3);
	ck_assert_int_eq(turn(&rig, ann, n, TICKET_CLOSE), ERR_OK);
	ck_assert_int_eq(reply(&rig, ann, n, "k3", "Yet"), ERR_EXPIRED);
	ck_assert_int_eq(reply(&rig, 0, n, "a2", "Yet"), ERR_EXPIRED);

	ck_assert_int_eq(get(&rig, "acme", ann, n, &got), ERR_OK);
	ck_assert_int_eq(got.ticket.number, 1);
	ck_str_is(got.ticket.subject, "It broke");
	ck_str_is(got.ticket.category, "billing");
	ck_assert(got.ticket.is_closed && !got.ticket.is_by_agent);
	ck_assert_int_eq(got.ticket.created_ms, NOON);
	ck_assert_int_eq(got.ticket.updated_ms, NOON + 3);
	ck_assert_msg(!got.ticket.user.id, "users are not shown themselves");
	ck_assert_uint_eq(got.count, 3);
	ck_assert_uint_eq(got.ticket.messages, 3);
	ck_str_is(got.thread[0].body, "Help!\n\tPlease.");
	ck_str_is(got.thread[0].name, "Ann <b>");
	ck_str_is(got.thread[1].name, "Agent Smith");
	ck_str_is(got.thread[2].body, "No.");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(got.thread[i].id, i + 1);
		ck_assert_int_eq(got.thread[i].created_ms, NOON + i);
		ck_assert_int_eq(got.thread[i].is_by_agent, i == 1);
	}

	ck_assert_int_eq(turn(&rig, 0, n, TICKET_REOPEN), ERR_OK);
	ck_assert_int_eq(reply(&rig, 0, n, "a2", "Sorry"), ERR_OK);
	ck_assert_int_eq(get(&rig, "acme", 0, n, &got), ERR_OK);
	ck_assert(!got.ticket.is_closed && got.ticket.is_by_agent);
	ck_assert_int_eq(got.ticket.user.id, ann);
	ck_str_is(got.ticket.user.email, "ann@b");
	ck_str_is(got.ticket.user.name, "Ann <b>");
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(each_change_leaves_its_event)
{
	struct rig rig;
	int64_t ann;

	clock_hold(NOON);
	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "k1");
	ck_str_is(event(&rig, "ticket.created"),
		  "{\"ticket\":{\"number\":1,\"subject\":\"It broke\","
		  "\"category\":\"billing\",\"state\":\"open\","
		  "\"created_at\":\"2023-11-14T22:13:20.000Z\"},"
		  "\"user\":{\"id\":500380467200000,\"email\":\"ann@b\","
		  "\"name\":\"Ann \\u003cb\\u003e\"},"
		  "\"message\":{\"id\":1,\"author\":\"user\","
		  "\"name\":\"Ann \\u003cb\\u003e\","
		  "\"text\":\"Help!\\n\\tPlease.\"},\"by\":\"user\"}");
	clock_hold(NOON + 1);
	ck_assert_int_eq(reply(&rig, 0, 1, "a", "Hm"), ERR_OK);
	ck_str_is(event(&rig, "ticket.replied"),
		  "{\"ticket\":{\"number\":1,\"subject\":\"It broke\","
		  "\"category\":\"billing\",\"state\":\"open\","
		  "\"created_at\":\"2023-11-14T22:13:20.000Z\"},"
		  "\"user\":{\"id\":500380467200000,\"email\":\"ann@b\","
		  "\"name\":\"Ann \\u003cb\\u003e\"},"
		  "\"message\":{\"id\":2,\"author\":\"agent\","
		  "\"name\":\"Agent Smith\",\"text\":\"Hm\"},"
		  "\"by\":\"agent\"}");
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_CLOSE), ERR_OK);
	ck_str_is(event(&rig, "ticket.closed"),
		  "{\"ticket\":{\"number\":1,\"subject\":\"It broke\","
		  "\"category\":\"billing\",\"state\":\"closed\","
		  "\"created_at\":\"2023-11-14T22:13:20.000Z\"},"
		  "\"user\":{\"id\":500380467200000,\"email\":\"ann@b\","
		  "\"name\":\"Ann \\u003cb\\u003e\"},\"by\":\"user\"}");
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_REOPEN), ERR_OK);
	ck_assert_msg(str_icontains(event(&rig, "ticket.reopened"),
				    STR("\"by\":\"agent\"")), "by an agent");
	ck_assert_int_eq(events(&rig), 4);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
		" WHERE tenant = 'acme' AND user_id = 500380467200000"
		" AND state = 0"), 4);
	rig_close(&rig);
}
END_TEST

/* The text that needs most room when escaped must still have its event. */
START_TEST(the_longest_texts_fit_their_event)
{
	static char subject[TICKET_SUBJECT_MAX], category[TICKET_CATEGORY_MAX];
	static char body[TICKET_MESSAGE_MAX + 1], name[USER_NAME_MAX];
	struct redemption visit = { .sync = {
		.email = STR("a@b"), .name = { name, sizeof(name) } } };
	struct rig rig;
	struct ticket_new n;
	struct ticket_change c;

	rig_open(&rig);
	memset(subject, '<', sizeof(subject));
	memset(category, '<', sizeof(category));
	memset(body, '<', sizeof(body));
	memset(name, '<', sizeof(name));
	ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	n = ticket_by(visit.user.id, "k");
	n.subject = (struct str){ subject, sizeof(subject) };
	n.category = (struct str){ category, sizeof(category) };
	n.body = (struct str){ body, TICKET_MESSAGE_MAX };
	ck_assert_int_eq(create(&rig, &n), ERR_OK);
	ck_assert_uint_gt(event(&rig, "ticket.created").len,
			  6 * (sizeof(body) + sizeof(name)));
	c = (struct ticket_change){
		.number = 1, .kind = TICKET_REPLY, .key = STR("k"),
		.name = { name, sizeof(name) },
		.body = { body, TICKET_MESSAGE_MAX },
	};
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	c.body.len++;
	ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
	rig_close(&rig);
}
END_TEST

START_TEST(what_cannot_be_kept_is_not_accepted)
{
	static char big[TICKET_MESSAGE_MAX + 2];
	static const struct {
		struct str subject, category, body, key;
		enum err err;
	} cases[] = {
		{ STR(""), STR(""), STR("b"), STR("k"), ERR_SYNTAX },
		{ STR("s"), STR(""), STR(""), STR("k"), ERR_SYNTAX },
		{ STR("s"), STR(""), STR("b"), STR(""), ERR_SYNTAX },
		{ STR("s\n"), STR(""), STR("b"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR("c\t"), STR("b"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR(""), STR("b\r"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR(""), STR("b\0"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR(""), STR("\x1b[2J"), STR("k"), ERR_CONTROL },
		{ STR("\x7f"), STR(""), STR("b"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR(""), STR("\xc2\x9b"), STR("k"), ERR_CONTROL },
		{ STR("s"), STR(""), STR("\xff"), STR("k"), ERR_UTF8 },
		{ STR("\xc3"), STR(""), STR("b"), STR("k"), ERR_UTF8 },
		{ STR("s"), STR(""), STR("b"), STR("k\n"), ERR_CONTROL },
		{ { big, TICKET_SUBJECT_MAX + 1 }, STR(""), STR("b"), STR("k"),
		  ERR_LIMIT },
		{ STR("s"), { big, TICKET_CATEGORY_MAX + 1 }, STR("b"),
		  STR("k"), ERR_LIMIT },
		{ STR("s"), STR(""), { big, TICKET_MESSAGE_MAX + 1 }, STR("k"),
		  ERR_LIMIT },
		{ STR("s"), STR(""), STR("b"), { big, TICKET_KEY_MAX + 1 },
		  ERR_LIMIT },
		/* and at the limits */
		{ STR("s"), STR_NULL, STR("\n\t\xc2\xa0"), STR("k1"), ERR_OK },
		{ { big, TICKET_SUBJECT_MAX }, { big, TICKET_CATEGORY_MAX },
		  { big, TICKET_MESSAGE_MAX }, { big, TICKET_KEY_MAX },
		  ERR_OK },
	};
	struct ticket_change nameless = { .kind = TICKET_REPLY, .number = 1,
					  .name = STR(""), .body = STR("b"),
					  .key = STR("k") };
	struct rig rig;
	int64_t ann;

	memset(big, 'x', sizeof(big));
	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ticket_new n = ticket_by(ann, "");

		n.subject = cases[i].subject;
		n.category = cases[i].category;
		n.body = cases[i].body;
		n.key = cases[i].key;
		ck_assert_msg(create(&rig, &n) == cases[i].err, "case %zu", i);
	}
	ck_assert_int_eq(change(&rig, &nameless), ERR_SYNTAX);
	nameless.name = STR("A\x1b");
	ck_assert_int_eq(change(&rig, &nameless), ERR_CONTROL);
	nameless.name = STR("A");
	nameless.body = STR("\x1b");
	ck_assert_int_eq(change(&rig, &nameless), ERR_CONTROL);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM tickets"), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*)"
				 " FROM ticket_messages"), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(audit_rides_along_where_there_is_a_result)
{
	const struct audit_record audit = { .request_id = STR("r"),
					    .status = 201 };
	struct rig rig;
	struct ticket_new n;
	struct ticket_change c = { .kind = TICKET_CLOSE, .number = 1,
				   .audit = &audit };

	rig_open(&rig);
	n = ticket_by(user_of(&rig, "acme", "ann@b"), "k");
	n.audit = &audit;
	ck_assert_int_eq(create(&rig, &n), ERR_OK);
	ck_assert_int_eq(create(&rig, &n), ERR_OK);
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert(c.is_repeat);
	ck_assert_int_eq(rig_records(&rig), 4);
	ck_assert_msg(events(&rig) == 2, "a repeat is no event");
	c.number = 2;
	ck_assert_int_eq(change(&rig, &c), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_records(&rig), 4);
	rig_close(&rig);
}
END_TEST

/* ---- repeats ---- */

START_TEST(the_same_key_again_gives_the_same_ticket)
{
	struct rig rig;
	struct ticket_new n;
	struct got got;
	int64_t ann, bob;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	bob = user_of(&rig, "acme", "bob@b");
	ck_assert_int_eq(ticket(&rig, ann, "k"), 1);
	ck_assert_int_eq(ticket(&rig, bob, "k"), 2);
	for (int restarts = 0; restarts < 2; restarts++) {
		n = ticket_by(ann, "k");
		ck_assert_int_eq(create(&rig, &n), ERR_OK);
		ck_assert(n.is_repeat);
		ck_assert_int_eq(n.number, 1);
		rig_stop(&rig);
		rig_start(&rig);
	}
	ck_assert_int_eq(get(&rig, "acme", ann, 1, &got), ERR_OK);
	ck_str_is(got.ticket.subject, "It broke");
	ck_assert_int_eq(ticket(&rig, ann, "K"), 3);
	ck_assert_int_eq(events(&rig), 3);
	rig_close(&rig);
}
END_TEST

START_TEST(the_same_key_with_other_words_writes_nothing)
{
	struct ticket_change c = { .kind = TICKET_REPLY, .number = 1,
				   .key = STR("k"), .body = STR("Again") };
	struct rig rig;
	struct ticket_new n;
	unsigned records;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ck_assert_int_eq(ticket(&rig, ann, "k"), 1);
	c.user_id = ann;
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	c.user_id = 0;
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	records = rig_records(&rig);
	for (int i = 0; i < 3; i++) {
		n = ticket_by(ann, "k");
		if (i == 0)
			n.subject = STR("Something else");
		else if (i == 1)
			n.category = STR("Another");
		else
			n.body = STR("Other words");
		ck_assert_int_eq(create(&rig, &n), ERR_USED);
		ck_assert(!n.is_repeat);
	}
	c.body = STR("again");
	for (int i = 0; i < 2; i++) {
		c.user_id = i == 0 ? ann : 0;
		ck_assert_int_eq(change(&rig, &c), ERR_USED);
		ck_assert(!c.is_repeat);
	}
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM tickets"), 1);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*)"
				 " FROM ticket_messages"), 3);
	ck_assert_int_eq(events(&rig), 3);
	ck_assert_int_eq(rig_records(&rig), records);
	rig_close(&rig);
}
END_TEST

START_TEST(the_same_key_again_gives_the_same_message)
{
	struct ticket_change c = { .kind = TICKET_REPLY, .number = 1,
				   .key = STR("k"), .body = STR("Again") };
	struct rig rig;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ck_assert_int_eq(ticket(&rig, ann, "k"), 1);
	ck_assert_int_eq(ticket(&rig, ann, "k2"), 2);
	/* the ticket's own key is none of a message, an agent's none of the
	 * user's, and each ticket has its own */
	for (int round = 0; round < 2; round++) {
		bool is_repeat = round > 0;

		c.number = 1;
		c.user_id = ann;
		ck_assert_int_eq(change(&rig, &c), ERR_OK);
		ck_assert_int_eq(c.is_repeat, is_repeat);
		c.user_id = 0;
		ck_assert_int_eq(change(&rig, &c), ERR_OK);
		ck_assert_int_eq(c.is_repeat, is_repeat);
		c.number = 2;
		ck_assert_int_eq(change(&rig, &c), ERR_OK);
		ck_assert_int_eq(c.is_repeat, is_repeat);
		rig_stop(&rig);
		rig_start(&rig);
	}
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*)"
				 " FROM ticket_messages"), 5);
	/* it was written, whatever became of the ticket since */
	ck_assert_int_eq(turn(&rig, 0, 2, TICKET_CLOSE), ERR_OK);
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert(c.is_repeat);
	c.key = STR("new");
	ck_assert_int_eq(change(&rig, &c), ERR_EXPIRED);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(the_same_key_many_times_in_one_transaction_is_one_ticket)
{
	struct ticket_new n[16];
	struct ticket_change c[16];
	struct rig_gate gate;
	struct rig rig;
	unsigned first = 0;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	rig_gate_close(&gate, store_writer(rig.store));
	for (int i = 0; i < 16; i++) {
		n[i] = ticket_by(ann, "k");
		ck_assert_int_eq(tickets_create(store_tickets(rig.store),
						&n[i]), ERR_OK);
		c[i] = (struct ticket_change){
			.job.done = rig_done, .tenant = STR("acme"),
			.user_id = ann, .number = 1, .kind = TICKET_REPLY,
			.body = STR("b"), .key = STR("k"),
		};
		ck_assert_int_eq(tickets_change(store_tickets(rig.store),
						&c[i]), ERR_OK);
	}
	rig_gate_open(&gate);
	rig_wait(33);
	for (int i = 0; i < 16; i++) {
		ck_assert_int_eq(n[i].job.result, ERR_OK);
		ck_assert_int_eq(c[i].job.result, ERR_OK);
		ck_assert_int_eq(n[i].number, 1);
		first += !n[i].is_repeat + !c[i].is_repeat;
	}
	ck_assert_uint_eq(first, 2);
	ck_assert_int_eq(events(&rig), 2);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

static enum err bad_run(struct db *db, struct job *job)
{
	(void)job;
	db_exec(db, "UPDATE ticket_numbers SET last = 1000");
	return ERR_IO;
}

START_TEST(a_batch_that_runs_twice_writes_once)
{
	struct job bad = { .run = bad_run, .done = rig_done };
	struct ticket_change c = {
		.job.done = rig_done, .tenant = STR("acme"), .number = 1,
		.kind = TICKET_CLOSE,
	};
	struct ticket_new n, same;
	struct writer_stats stats;
	struct rig_gate gate;
	struct rig rig;
	uint64_t version;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	n = ticket_by(ann, "k");
	same = n;
	version = tickets_version(store_tickets(rig.store), ann);
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(tickets_create(store_tickets(rig.store), &n), 0);
	ck_assert_int_eq(tickets_change(store_tickets(rig.store), &c), 0);
	ck_assert_int_eq(writer_submit(store_writer(rig.store), &bad), 0);
	ck_assert_int_eq(tickets_create(store_tickets(rig.store), &same), 0);
	rig_gate_open(&gate);
	rig_wait(5);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_eq(stats.rerun, 1);
	ck_assert_int_eq(bad.result, ERR_IO);
	ck_assert(!n.job.result && !c.job.result && !same.job.result);
	ck_assert(!n.is_repeat && !c.is_repeat && same.is_repeat);
	ck_assert_int_eq(n.number, 1);
	ck_assert_int_eq(same.number, 1);
	ck_assert_int_eq(events(&rig), 2);
	ck_assert_uint_eq(tickets_version(store_tickets(rig.store), ann),
			  version + 2);
	ck_assert_int_eq(ticket(&rig, ann, "k2"), 2);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

/* A refusal must not cost the others of its transaction a second run. */
START_TEST(no_refusal_is_taken_for_a_failure_of_the_system)
{
	struct ticket_change c[4] = {
		{ .kind = TICKET_REPLY, .key = STR("x"), .body = STR("b"),
		  .number = 1 },	/* closed */
		{ .kind = TICKET_CLOSE, .number = 99 },
		{ .kind = TICKET_CLOSE, .number = 1, .user_id = 99 },
		{ .kind = TICKET_REPLY, .key = STR("y"), .body = STR("b"),
		  .number = 2 },		/* too many */
	};
	struct writer_stats stats;
	struct ticket_new n;
	struct rig_gate gate;
	struct rig rig;
	char key[16];
	int64_t ann;

	clock_hold(NOON);
	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ck_assert_int_eq(ticket(&rig, ann, "k"), 1);
	ck_assert_int_eq(ticket(&rig, ann, "k2"), 2);
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_CLOSE), ERR_OK);
	for (int i = 2; i < TICKET_MESSAGES_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "m%d", i);
		ck_assert_int_eq(reply(&rig, ann, 2, key, "b"), ERR_OK);
	}
	n = ticket_by(ann, "k3");
	c[3].user_id = ann;
	rig_gate_close(&gate, store_writer(rig.store));
	for (int i = 0; i < 4; i++) {
		c[i].job.done = rig_done;
		c[i].tenant = STR("acme");
		c[i].name = STR("A");
		ck_assert_int_eq(tickets_change(store_tickets(rig.store),
						&c[i]), ERR_OK);
	}
	ck_assert_int_eq(tickets_create(store_tickets(rig.store), &n), 0);
	rig_gate_open(&gate);
	rig_wait(6);
	ck_assert_int_eq(c[0].job.result, ERR_EXPIRED);
	ck_assert_int_eq(c[1].job.result, ERR_NOT_FOUND);
	ck_assert_int_eq(c[2].job.result, ERR_NOT_FOUND);
	ck_assert_int_eq(c[3].job.result, ERR_LIMIT);
	ck_assert_int_eq(n.job.result, ERR_LIMIT);
	ck_assert(c[3].is_too_many && n.is_too_many);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_eq(stats.rerun, 0);
	ck_assert_uint_eq(stats.failed, 0);
	rig_close(&rig);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_user_makes_so_many_tickets_within_an_hour)
{
	struct rig rig;
	struct ticket_new n;
	char key[16];
	int64_t ann, bob;

	rig_open(&rig);
	clock_hold(NOON);
	ann = user_of(&rig, "acme", "ann@b");
	bob = user_of(&rig, "acme", "bob@b");
	for (int i = 0; i < TICKETS_PER_HOUR; i++) {
		clock_hold(NOON + i * 1000);
		snprintf(key, sizeof(key), "k%d", i);
		ticket(&rig, ann, key);
	}
	clock_hold(NOON + 60000);
	n = ticket_by(ann, "more");
	ck_assert_int_eq(create(&rig, &n), ERR_LIMIT);
	ck_assert(n.is_too_many);
	ck_assert_uint_eq(n.retry_s, 3600 - 60);
	n = ticket_by(ann, "k7");
	ck_assert_msg(create(&rig, &n) == ERR_OK && n.is_repeat,
		      "a repeat is no new one");
	ticket(&rig, bob, "k0");
	ck_assert_int_eq(reply(&rig, ann, 1, "r", "b"), ERR_OK);
	/* it slides: when the first is an hour old there is room for one */
	clock_hold(NOON + HOUR - 1);
	n = ticket_by(ann, "more");
	ck_assert_int_eq(create(&rig, &n), ERR_LIMIT);
	ck_assert_uint_eq(n.retry_s, 1);
	clock_hold(NOON + HOUR);
	ticket(&rig, ann, "more");
	n = ticket_by(ann, "most");
	ck_assert_int_eq(create(&rig, &n), ERR_LIMIT);
	ck_assert_uint_eq(n.retry_s, 1);
	/* a clock that was set back locks nobody out */
	clock_hold(NOON - 24 * HOUR);
	ticket(&rig, ann, "most");
	rig_close(&rig);
}
END_TEST

START_TEST(a_user_writes_so_many_messages_within_an_hour)
{
	struct ticket_change c = { .kind = TICKET_REPLY, .number = 1,
				   .body = STR("b"), .key = STR("more") };
	struct rig rig;
	char key[16];

	rig_open(&rig);
	clock_hold(NOON);
	c.user_id = user_of(&rig, "acme", "ann@b");
	ticket(&rig, c.user_id, "k");
	for (int i = 1; i < TICKET_MESSAGES_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(reply(&rig, c.user_id, 1, key, "b"), ERR_OK);
	}
	ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
	ck_assert(c.is_too_many);
	ck_assert_uint_eq(c.retry_s, 3600);
	ck_assert_msg(!reply(&rig, 0, 1, "more", "b"), "agents go on");
	clock_hold(NOON + HOUR);
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert(!c.is_too_many && !c.is_repeat && !c.retry_s);
	rig_close(&rig);
}
END_TEST

START_TEST(a_user_turns_a_ticket_so_often_within_an_hour)
{
	struct ticket_change c = { .number = 1 };
	struct rig rig;
	int i;

	rig_open(&rig);
	clock_hold(NOON);
	c.user_id = user_of(&rig, "acme", "ann@b");
	ticket(&rig, c.user_id, "k");
	for (i = 0; i < TICKET_TURNS_PER_HOUR; i++) {
		clock_hold(NOON + i);
		c.kind = i % 2 ? TICKET_REOPEN : TICKET_CLOSE;
		ck_assert_int_eq(change(&rig, &c), ERR_OK);
		ck_assert(!c.is_repeat);
		ck_assert_int_eq(change(&rig, &c), ERR_OK);
		ck_assert_msg(c.is_repeat, "which is no turn");
	}
	c.kind = i % 2 ? TICKET_REOPEN : TICKET_CLOSE;
	ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
	ck_assert(c.is_too_many);
	ck_assert_uint_eq(c.retry_s, 3600);
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_CLOSE), ERR_OK);
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_REOPEN), ERR_OK);
	ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
	clock_hold(NOON + HOUR);
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* The wall clock is ahead by so much. */
static void set_clocks(int64_t steady_ms, int64_t ahead_ms)
{
	clock_hold(steady_ms + ahead_ms);
	clock_hold_steady(steady_ms);
}

static const int64_t steps_of_a_clock[] = {
	HOUR / 2, -HOUR / 2, HOUR, -HOUR, INT64_C(720) * HOUR,
	-INT64_C(720) * HOUR,
};

START_TEST(a_clock_that_is_set_moves_no_limit)
{
	const int64_t ahead = steps_of_a_clock[_i];
	struct ticket_change c = { .number = TICKETS_PER_HOUR + 1,
				   .kind = TICKET_REPLY, .body = STR("b"),
				   .key = STR("more") };
	struct ticket_change t = { .kind = TICKET_CLOSE };
	struct rig rig;
	struct ticket_new n;
	char key[16];
	int64_t ann;

	rig_open(&rig);
	set_clocks(NOON, 0);
	c.user_id = user_of(&rig, "acme", "bob@b");
	ann = t.user_id = user_of(&rig, "acme", "ann@b");
	for (int i = 0; i < TICKETS_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		t.number = ticket(&rig, ann, key);
	}
	for (int i = 0; i < TICKET_TURNS_PER_HOUR; i++) {
		t.kind = i % 2 ? TICKET_REOPEN : TICKET_CLOSE;
		ck_assert_int_eq(change(&rig, &t), ERR_OK);
	}
	t.kind = TICKET_CLOSE;
	set_clocks(NOON + 1, ahead);	/* here half of it is written */
	c.number = ticket(&rig, c.user_id, "k");
	for (int i = 1; i < TICKET_MESSAGES_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "r%d", i);
		ck_assert_int_eq(reply(&rig, c.user_id, (int)c.number, key,
				       "b"), ERR_OK);
	}
	for (int64_t now = ahead; ; now = 0) {
		set_clocks(NOON + HOUR - 1, now);
		n = ticket_by(ann, "more");
		ck_assert_msg(create(&rig, &n) == ERR_LIMIT, "let in");
		ck_assert_uint_eq(n.retry_s, 1);
		ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
		ck_assert_uint_eq(c.retry_s, 1);
		ck_assert_int_eq(change(&rig, &t), ERR_LIMIT);
		ck_assert_uint_eq(t.retry_s, 1);
		if (!now)
			break;
	}
	set_clocks(NOON + HOUR + 1, _i % 2 ? ahead : 0);
	ck_assert_msg(create(&rig, &n) == ERR_OK, "locked out");
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert_int_eq(change(&rig, &t), ERR_OK);
	/* people are told the clock on the wall */
	ck_assert_int_eq(rig_sql(&rig, "SELECT max(created_ms) FROM"
				 " ticket_messages WHERE user_id <> 0"
				 " AND key = 'r1'"), NOON + 1 + ahead);
	rig_close(&rig);
}
END_TEST

START_TEST(what_an_older_program_wrote_counts)
{
	struct rig rig;
	struct ticket_new n;
	char key[16];
	int64_t ann;

	rig_open(&rig);
	clock_hold(NOON);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "long ago");
	clock_hold(NOON + HOUR);
	for (int i = 1; i < TICKETS_PER_HOUR; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ticket(&rig, ann, key);
	}
	rig_stop(&rig);
	rig_go_back(&rig, 7);
	rig_start(&rig);
	ticket(&rig, ann, "one more");
	n = ticket_by(ann, "another");
	ck_assert_int_eq(create(&rig, &n), ERR_LIMIT);
	ck_assert_uint_eq(n.retry_s, 3600);
	rig_close(&rig);
}
END_TEST

START_TEST(a_thread_that_is_full_takes_no_more)
{
	struct ticket_change c = { .kind = TICKET_REPLY, .number = 1,
				   .body = STR("b"), .key = STR("more") };
	struct rig rig;
	struct got got;
	char key[16];
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "k");
	ticket(&rig, ann, "k2");
	for (int i = 1; i < TICKET_MESSAGES_MAX; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(reply(&rig, 0, 1, key, key), ERR_OK);
	}
	ck_assert_int_eq(change(&rig, &c), ERR_LIMIT);
	ck_assert(!c.is_too_many);
	c.key = c.body = STR("k7");
	ck_assert_int_eq(change(&rig, &c), ERR_OK);
	ck_assert(c.is_repeat);
	ck_assert_int_eq(get(&rig, "acme", ann, 1, &got), ERR_OK);
	ck_assert_uint_eq(got.count, TICKET_MESSAGES_MAX);
	ck_str_is(got.thread[TICKET_MESSAGES_MAX - 1].body, "k499");
	ck_assert_int_eq(get(&rig, "acme", ann, 2, &got), ERR_OK);
	ck_assert_uint_eq(got.count, 1);
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_CLOSE), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* The places from `first` to `last` of ticket 1, and nothing else. */
static void part_is(struct rig *rig, int64_t user, int64_t before,
		    size_t octets, unsigned first, unsigned last)
{
	struct got got;
	unsigned i;

	ck_assert_int_eq(tickets_get_part(store_reader(rig->store, 0),
					  STR("acme"), user, 1, before, octets,
					  rig->pool, &got.ticket, &got.thread,
					  &got.count), ERR_OK);
	ck_assert_uint_eq(got.ticket.messages, 10);
	ck_assert_uint_eq(got.count, first ? last - first + 1 : 0);
	for (i = 0; i < got.count; i++)
		ck_assert_int_eq(got.thread[i].id, first + i);
}

START_TEST(a_thread_can_be_read_from_its_end)
{
	struct rig rig;
	struct got got;
	size_t one;
	int64_t ann, bob;
	char key[16];

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	bob = user_of(&rig, "acme", "bob@b");
	ticket(&rig, ann, "k");
	for (int i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(reply(&rig, 0, 1, key, "four"), ERR_OK);
	}
	one = strlen("Agent Smith") + strlen("four");
	part_is(&rig, ann, 0, SIZE_MAX, 1, 10);
	part_is(&rig, ann, 0, 0, 0, 0);
	part_is(&rig, ann, 0, 1, 10, 10);
	part_is(&rig, ann, 0, one, 10, 10);
	part_is(&rig, ann, 0, one + 1, 9, 10);
	part_is(&rig, ann, 9, one * 3, 6, 8);
	part_is(&rig, ann, 2, SIZE_MAX, 1, 1);
	part_is(&rig, ann, 1, SIZE_MAX, 0, 0);
	part_is(&rig, ann, 11, 1, 10, 10);
	part_is(&rig, ann, INT64_MAX, 1, 10, 10);
	part_is(&rig, 0, 0, 1, 10, 10);
	ck_assert_int_eq(tickets_get_part(store_reader(rig.store, 0),
					  STR("acme"), bob, 1, 0, 1, rig.pool,
					  &got.ticket, &got.thread,
					  &got.count), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(a_blocked_user_writes_nothing_but_can_be_written_to)
{
	struct ticket_new n;
	struct rig rig;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "k");
	ck_assert_int_eq(rig_block_id(&rig, ann, true), ERR_OK);
	n = ticket_by(ann, "k");
	ck_assert_int_eq(create(&rig, &n), ERR_AUTH);
	ck_assert_int_eq(reply(&rig, ann, 1, "r", "b"), ERR_AUTH);
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_CLOSE), ERR_AUTH);
	ck_assert_int_eq(reply(&rig, 0, 1, "r", "b"), ERR_OK);
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_CLOSE), ERR_OK);
	ck_assert_int_eq(rig_block_id(&rig, ann, false), ERR_OK);
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_REOPEN), ERR_OK);
	ck_assert_int_eq(reply(&rig, ann, 1, "r", "b"), ERR_OK);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(erasing_a_user_takes_his_tickets_and_nobody_elses)
{
	struct rig rig;
	struct got got;
	struct ticket *tickets;
	struct ticket_new n;
	uint64_t version;
	int64_t ann, bob;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	bob = user_of(&rig, "acme", "bob@b");
	ticket(&rig, ann, "k");
	ticket(&rig, bob, "k");
	ticket(&rig, ann, "k2");
	ck_assert_int_eq(reply(&rig, 0, 1, "r", "b"), ERR_OK);
	ck_assert_int_eq(reply(&rig, 0, 2, "r", "b"), ERR_OK);
	ck_assert_int_eq(turn(&rig, 0, 3, TICKET_CLOSE), ERR_OK);
	version = tickets_version(store_tickets(rig.store), ann);
	ck_assert_int_eq(rig_erase_id(&rig, ann), ERR_OK);
	ck_assert_uint_ne(tickets_version(store_tickets(rig.store), ann),
			  version);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM tickets"), 1);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*)"
				 " FROM ticket_messages"), 2);
	ck_assert_uint_eq(list(&rig, (struct tickets_query){ .user_id = ann },
			       &tickets), 0);
	ck_assert_int_eq(get(&rig, "acme", 0, 1, &got), ERR_NOT_FOUND);
	ck_assert_int_eq(get(&rig, "acme", bob, 2, &got), ERR_OK);
	n = ticket_by(ann, "k");
	ck_assert_int_eq(create(&rig, &n), ERR_NOT_FOUND);
	ck_assert_msg(ticket(&rig, bob, "k4") == 4, "no number comes again");
	ck_assert_int_eq(rig_erase_id(&rig, ann), ERR_NOT_FOUND);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- isolation ---- */

#define TENANTS 3
#define USERS_EACH 3
#define TICKETS_EACH 3

struct world {
	int64_t user[TENANTS][USERS_EACH];
	/* whose it is; numbers are in the order of writing */
	int64_t owner[TENANTS][USERS_EACH * TICKETS_EACH + 2];
};

static const char *const tenant_names[TENANTS] = { "acme", "acme2", "blue" };

static void populate(struct rig *rig, struct world *w)
{
	char text[32];

	memset(w, 0, sizeof(*w));
	for (int u = 0; u < USERS_EACH; u++)
		for (int t = 0; t < TENANTS; t++) {
			snprintf(text, sizeof(text), "u%d@b", u);
			w->user[t][u] = user_of(rig, tenant_names[t], text);
		}
	for (int k = 0; k < TICKETS_EACH; k++)
		for (int t = 0; t < TENANTS; t++)
			for (int u = 0; u < USERS_EACH; u++) {
				struct ticket_new n =
					ticket_by(w->user[t][u], text);

				n.tenant = str_from(tenant_names[t]);
				snprintf(text, sizeof(text), "%d", k);
				n.key = str_from(text);
				ck_assert_int_eq(create(rig, &n), ERR_OK);
				w->owner[t][n.number] = n.user_id;
			}
}

/* Each asker, at each tenant: is what they get of a number as it should be? */
static void check_number(struct rig *rig, const struct world *w, int t,
			 int64_t asker, int64_t number)
{
	bool is_there = number >= 1 &&
			number <= USERS_EACH * TICKETS_EACH;
	bool is_his = is_there &&
		      (!asker || w->owner[t][number] == asker);
	enum err want = is_his ? ERR_OK : ERR_NOT_FOUND;
	int64_t rows = rig_sql(rig, "SELECT count(*) + total(closed) +"
		" total(messages) FROM tickets");
	struct got got;
	char key[48];

	ck_assert_int_eq(get(rig, tenant_names[t], asker, number, &got), want);
	if (is_his)
		ck_assert_int_eq(got.ticket.number, number);
	for (int kind = TICKET_REPLY; kind <= TICKET_REOPEN; kind++) {
		struct ticket_change c = {
			.tenant = str_from(tenant_names[t]),
			.user_id = asker, .number = number, .kind = kind,
			.body = STR("b"),
		};

		snprintf(key, sizeof(key), "%d-%d-%d", t, (int)asker,
			 (int)number);
		c.key = str_from(key);
		ck_assert_int_eq(change(rig, &c), want);
	}
	if (!is_his)
		ck_assert_msg(rig_sql(rig, "SELECT count(*) + total(closed) +"
			" total(messages) FROM tickets") == rows,
			"nothing is written to what is not theirs");
}

static void check_lists(struct rig *rig, const struct world *w, int t,
			int64_t asker, bool is_of_tenant)
{
	for (int state = TICKETS_ALL; state <= TICKETS_CLOSED; state++) {
		struct tickets_query query = {
			.tenant = str_from(tenant_names[t]),
			.user_id = asker, .state = state,
		};
		struct ticket *tickets;
		unsigned count = list(rig, query, &tickets), want = 0;

		/* check_number() left all of them open */
		if (!asker && state != TICKETS_CLOSED)
			want = USERS_EACH * TICKETS_EACH;
		else if (is_of_tenant && state != TICKETS_CLOSED)
			want = TICKETS_EACH;
		ck_assert_uint_eq(count, want);
		for (unsigned i = 0; i < count; i++) {
			int64_t owner = w->owner[t][tickets[i].number];

			ck_assert_int_eq(asker ? owner : tickets[i].user.id,
					 asker ? asker : owner);
			ck_assert_int_eq(!!tickets[i].user.id, !asker);
		}
	}
}

START_TEST(nobody_reaches_what_is_not_his)
{
	struct rig rig;
	struct world w;
	int64_t askers[TENANTS * USERS_EACH + 3] = { 0, -1, 9999 };
	unsigned count = 3;

	rig_open(&rig);
	populate(&rig, &w);
	for (int t = 0; t < TENANTS; t++)
		for (int u = 0; u < USERS_EACH; u++)
			askers[count++] = w.user[t][u];
	for (int t = 0; t < TENANTS; t++)
		for (unsigned a = 0; a < count; a++) {
			bool is_of_tenant = false;
			struct ticket_new n = ticket_by(askers[a], "own");

			for (int u = 0; u < USERS_EACH; u++)
				is_of_tenant |= w.user[t][u] == askers[a];
			for (int64_t i = -1; i <= USERS_EACH * TICKETS_EACH + 1;
			     i++)
				check_number(&rig, &w, t, askers[a], i);
			check_lists(&rig, &w, t, askers[a], is_of_tenant);
			n.tenant = str_from(tenant_names[t]);
			if (!is_of_tenant)
				ck_assert_int_eq(create(&rig, &n),
						 ERR_NOT_FOUND);
			pool_reset(rig.pool);
		}
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- lists ---- */

/* Every page size must give every ticket once, in the one right order. */
static void check_pages(struct rig *rig, struct tickets_query query,
			unsigned page, unsigned want)
{
	struct ticket *tickets = NULL, last = { 0 };
	unsigned seen = 0, count;

	query.limit = page;
	do {
		count = list(rig, query, &tickets);
		for (unsigned i = 0; i < count; i++) {
			const struct ticket *t = &tickets[i];

			if (seen++)
				ck_assert(t->updated_ms < last.updated_ms ||
					  (t->updated_ms == last.updated_ms &&
					   t->number < last.number));
			ck_assert(query.state == TICKETS_ALL || t->is_closed ==
				  (query.state == TICKETS_CLOSED));
			last = *t;
		}
		query.before_ms = last.updated_ms;
		query.before_number = last.number;
		ck_assert(seen <= want);
	} while (count == page);
	ck_assert_uint_eq(seen, want);
}

START_TEST(lists_go_on_behind_ties)
{
	struct rig rig;
	char key[16];
	int64_t ann;

	rig_open(&rig);
	clock_hold(NOON);
	ann = user_of(&rig, "acme", "ann@b");
	/* five share each moment, every third is closed */
	for (int i = 0; i < TICKETS_PER_HOUR; i++) {
		clock_hold(NOON + i / 5);
		snprintf(key, sizeof(key), "k%d", i);
		ticket(&rig, ann, key);
	}
	for (int i = 0; i < TICKETS_PER_HOUR; i += 3)
		ck_assert_int_eq(turn(&rig, ann, i + 1, TICKET_CLOSE), ERR_OK);
	for (unsigned page = 1; page <= TICKETS_PER_HOUR + 1; page++)
		for (int64_t user = 0; user <= ann; user += ann) {
			struct tickets_query query = { .user_id = user };

			check_pages(&rig, query, page, 30);
			query.state = TICKETS_OPEN;
			check_pages(&rig, query, page, 20);
			query.state = TICKETS_CLOSED;
			check_pages(&rig, query, page, 10);
			pool_reset(rig.pool);
		}
	rig_close(&rig);
}
END_TEST

START_TEST(what_was_changed_last_comes_first)
{
	struct rig rig;
	struct ticket *tickets;
	int64_t ann;

	rig_open(&rig);
	clock_hold(NOON);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "a");
	ticket(&rig, ann, "b");
	ck_assert_uint_eq(list(&rig, (struct tickets_query){ .user_id = ann },
			       &tickets), 2);
	ck_assert_int_eq(tickets[0].number, 2);
	clock_hold(NOON + 1);
	ck_assert_int_eq(reply(&rig, 0, 1, "k", "b"), ERR_OK);
	ck_assert_uint_eq(list(&rig, (struct tickets_query){ .user_id = ann },
			       &tickets), 2);
	ck_assert_int_eq(tickets[0].number, 1);
	ck_assert(tickets[0].is_by_agent && !tickets[1].is_by_agent);
	ck_assert_uint_eq(tickets[0].messages, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(no_more_than_a_page_is_given)
{
	struct tickets_query query = { .tenant = STR("acme") };
	struct ticket *tickets = NULL;
	struct rig rig;
	unsigned count = 7;

	rig_open(&rig);
	ck_assert_int_eq(tickets_list(store_reader(rig.store, 0), &query,
				      rig.pool, &tickets, &count), ERR_RANGE);
	query.limit = TICKETS_PAGE_MAX + 1;
	ck_assert_int_eq(tickets_list(store_reader(rig.store, 0), &query,
				      rig.pool, &tickets, &count), ERR_RANGE);
	ck_assert_uint_eq(count, 7);
	ck_assert_ptr_null(tickets);
	rig_close(&rig);
}
END_TEST

START_TEST(a_pool_that_is_too_small_is_told)
{
	struct tickets_query query = { .tenant = STR("acme"), .limit = 100 };
	struct ticket_message *thread = NULL;
	struct ticket *tickets = NULL, one;
	unsigned count = 7;
	struct rig rig;
	enum err err = ERR_NOMEM;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "k");
	for (size_t size = 1; err == ERR_NOMEM; size *= 2) {
		struct pool *pool = pool_new(size);

		err = tickets_get(store_reader(rig.store, 0), STR("acme"), 0,
				  1, pool, &one, &thread, &count);
		ck_assert(err == ERR_OK || err == ERR_NOMEM);
		ck_assert_uint_eq(count, err ? 7 : 1);
		pool_free(pool);
	}
	count = 7;
	err = ERR_NOMEM;
	for (size_t size = 1; err == ERR_NOMEM; size *= 2) {
		struct pool *pool = pool_new(size);

		err = tickets_list(store_reader(rig.store, 0), &query, pool,
				   &tickets, &count);
		ck_assert(err == ERR_OK || err == ERR_NOMEM);
		ck_assert_uint_eq(count, err ? 7 : 1);
		pool_free(pool);
	}
	rig_close(&rig);
}
END_TEST

/* ---- how SQLite goes about it ---- */

/* Says how many of the tickets' statements this connection has. */
static unsigned check_plans(struct db *db)
{
	unsigned count = 0;

	for (int i = SQL_TICKET_USER; i <= SQL_TICKET_THREAD; i++) {
		sqlite3_stmt *q = NULL;
		struct str sql;
		char text[2048];

		if (!db->stmt[i])
			continue;
		count++;
		sql = str_from(sqlite3_sql(db->stmt[i]));
		snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %.*s",
			 STR_ARG(sql));
		ck_assert_int_eq(sqlite3_prepare_v2(db->handle, text, -1, &q,
						    NULL), SQLITE_OK);
		while (sqlite3_step(q) == SQLITE_ROW) {
			struct str step = query_str(q, 3);

			ck_assert_msg(!str_icontains(step, STR("TEMP B-TREE"))
				      && !str_icontains(step, STR("SCAN")),
				      "%s: %.*s", text, STR_ARG(step));
		}
		sqlite3_finalize(q);
	}
	return count;
}

struct planner {
	struct job job;
	unsigned count;
};

static enum err plan_run(struct db *db, struct job *job)
{
	((struct planner *)job)->count = check_plans(db);
	return ERR_OK;
}

START_TEST(every_query_finds_what_it_wants_by_an_index)
{
	struct planner p = { .job = { .run = plan_run, .done = rig_done } };
	struct rig rig;
	struct got got;
	int64_t ann;

	rig_open(&rig);
	ann = user_of(&rig, "acme", "ann@b");
	ticket(&rig, ann, "k");
	ck_assert_int_eq(reply(&rig, ann, 1, "k", "b"), ERR_OK);
	ck_assert_int_eq(turn(&rig, ann, 1, TICKET_CLOSE), ERR_OK);
	for (int64_t user = 0; user <= ann; user += ann) {
		struct tickets_query query = { .user_id = user };
		struct ticket *tickets;

		for (int state = 0; state <= TICKETS_CLOSED; state++) {
			query.state = state;
			list(&rig, query, &tickets);
		}
		ck_assert_int_eq(get(&rig, "acme", user, 1, &got), ERR_OK);
	}
	ck_assert_int_eq(rig_erase_id(&rig, ann), ERR_OK);
	ck_assert_int_eq(writer_submit(store_writer(rig.store), &p.job), 0);
	rig_wait(1);
	ck_assert_msg(p.count + check_plans(store_reader(rig.store, 0)) ==
		      SQL_TICKET_THREAD - SQL_TICKET_USER + 1,
		      "each statement was looked at");
	rig_close(&rig);
}
END_TEST

/* ---- versions, and threads ---- */

START_TEST(the_version_follows_what_a_list_shows)
{
	struct rig rig;
	struct tickets *t;
	struct ticket_new n;
	uint64_t ann_v, bob_v;
	int64_t ann, bob;

	rig_open(&rig);
	t = store_tickets(rig.store);
	ann = user_of(&rig, "acme", "ann@b");
	bob = user_of(&rig, "acme", "bob@b");
	ann_v = tickets_version(t, ann);
	bob_v = tickets_version(t, bob);
	ticket(&rig, ann, "k");
	ck_assert_uint_ne(tickets_version(t, ann), ann_v);
	ann_v = tickets_version(t, ann);
	ck_assert_int_eq(reply(&rig, 0, 1, "k", "b"), ERR_OK);
	ck_assert_uint_ne(tickets_version(t, ann), ann_v);
	ann_v = tickets_version(t, ann);
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_CLOSE), ERR_OK);
	ck_assert_uint_ne(tickets_version(t, ann), ann_v);
	ann_v = tickets_version(t, ann);

	/* and what changes nothing leaves it */
	n = ticket_by(ann, "k");
	ck_assert_int_eq(create(&rig, &n), ERR_OK);
	ck_assert_int_eq(turn(&rig, 0, 1, TICKET_CLOSE), ERR_OK);
	ck_assert_int_eq(reply(&rig, 0, 1, "k9", "b"), ERR_EXPIRED);
	ck_assert_int_eq(turn(&rig, bob, 1, TICKET_REOPEN), ERR_NOT_FOUND);
	ck_assert_uint_eq(tickets_version(t, ann), ann_v);
	ck_assert_uint_eq(tickets_version(t, bob), bob_v);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_msg(tickets_version(store_tickets(rig.store), ann) != ann_v,
		      "another start, other numbers");
	rig_close(&rig);
}
END_TEST

struct watcher {
	struct rig *rig;
	int64_t user;
	atomic_bool is_over;
	unsigned looks;
};

/* A list that was looked up under a version must be the one of that version. */
static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct tickets *t = store_tickets(w->rig->store);
	struct pool *pool = pool_new(1 << 20);
	uint64_t version = 0;
	unsigned messages = 0;
	bool is_last = false;

	while (!is_last) {
		struct tickets_query query = {
			.tenant = STR("acme"), .user_id = w->user,
			.limit = TICKETS_PAGE_MAX,
		};
		struct ticket *tickets;
		uint64_t now;
		unsigned count, sum = 0;

		/* read first, so that the last look is at the end's state */
		is_last = atomic_load(&w->is_over);
		now = tickets_version(t, w->user);
		ck_assert_int_eq(tickets_list(store_reader(w->rig->store, 1),
			&query, pool, &tickets, &count), ERR_OK);
		for (unsigned i = 0; i < count; i++)
			sum += tickets[i].messages;
		/* new rows may come before their number; once their writing
		 * was told, what was kept under the number is what there is */
		ck_assert_uint_ge(sum, messages);
		if (is_last && now == version)
			ck_assert_uint_eq(sum, messages);
		version = now;
		messages = sum;
		w->looks++;
		pool_reset(pool);
	}
	pool_free(pool);
	return NULL;
}

#define WRITERS 4
#define EACH 25

struct typist {
	struct rig *rig;
	int64_t user;
	int index;
	struct ticket_new jobs[EACH];
	char keys[EACH][16];
};

/* Several threads write, for their own users, without waiting in between. */
static void *type(void *arg)
{
	struct typist *w = arg;

	for (int i = 0; i < EACH; i++) {
		snprintf(w->keys[i], sizeof(w->keys[i]), "%d-%d", w->index, i);
		w->jobs[i] = ticket_by(w->user, w->keys[i]);
		ck_assert_int_eq(tickets_create(store_tickets(w->rig->store),
						&w->jobs[i]), ERR_OK);
	}
	return NULL;
}

START_TEST(threads_get_numbers_of_their_own_while_others_read)
{
	static struct typist typists[WRITERS];
	pthread_t threads[WRITERS], reader;
	unsigned seen[WRITERS * EACH + 1] = { 0 };
	struct watcher w;
	struct rig rig;
	char email[16];

	rig_open(&rig);
	for (int i = 0; i < WRITERS; i++) {
		snprintf(email, sizeof(email), "u%d@b", i);
		typists[i] = (struct typist){
			.rig = &rig, .index = i,
			.user = user_of(&rig, "acme", email),
		};
	}
	w = (struct watcher){ .rig = &rig, .user = typists[0].user };
	pthread_create(&reader, NULL, watch, &w);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, type, &typists[i]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	rig_wait(WRITERS * EACH);
	atomic_store(&w.is_over, true);
	pthread_join(reader, NULL);
	for (int i = 0; i < WRITERS; i++)
		for (int k = 0; k < EACH; k++) {
			const struct ticket_new *n = &typists[i].jobs[k];

			ck_assert_int_eq(n->job.result, ERR_OK);
			ck_assert_int_ge(n->number, 1);
			ck_assert_int_le(n->number, WRITERS * EACH);
			seen[n->number]++;
		}
	for (int i = 1; i <= WRITERS * EACH; i++)
		ck_assert_uint_eq(seen[i], 1);
	ck_assert_uint_gt(w.looks, 0);
	check_whole(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- a daemon that is killed ---- */

#define CYCLES 4
#define SLOTS 32
#define ACKS_MIN 200

/* A user is made, writes, is answered, and the ticket closed: each is told. */
struct ack {
	int32_t serial;
	int32_t step;		/* 1: ticket; 2: answer; 3: closed */
	int64_t user, number;
};

struct slot {
	union {
		struct job job;
		struct redemption visit;
		struct ticket_new new_;
		struct ticket_change change;
	};
	struct ack ack;
	char text[32];
};

static struct store *victim;
static int victim_pipe, victim_next;

static void slot_done(struct job *job);

static enum err slot_submit(struct slot *s)
{
	struct tickets *t = store_tickets(victim);
	const struct ticket_change base = {
		.job.done = slot_done, .tenant = STR("acme"),
		.number = s->ack.number, .kind = TICKET_REPLY,
		.name = STR("A"), .body = str_from(s->text),
		.key = str_from(s->text),
	};

	switch (s->ack.step) {
	case 0:
		s->visit = (struct redemption){
			.job.done = slot_done,
			.sync = { .tenant = STR("acme"),
				  .email = str_from(s->text), .name = STR("U"),
				  .email_key = str_from(s->text) },
			.exp_s = clock_wall_s() + 60,
			.shown_id = users_new_id(store_users(victim)),
			.is_shown_new = true,
		};
		redemption_jti_time(clock_wall_ms(), s->visit.jti);
		memcpy(s->visit.jti + 6, &s->ack.serial,
		       sizeof(s->ack.serial));
		return redemptions_submit(store_redemptions(victim),
					  &s->visit);
	case 1:
		s->ack.user = s->visit.shown_id;
		s->new_ = ticket_by(s->ack.user, s->text);
		s->new_.subject = str_from(s->text);
		s->new_.job.done = slot_done;
		return tickets_create(t, &s->new_);
	default:
		if (s->ack.step == 2)
			s->ack.number = s->new_.number;
		s->change = base;
		s->change.number = s->ack.number;
		s->change.kind = s->ack.step == 2 ? TICKET_REPLY :
						    TICKET_CLOSE;
		return tickets_change(t, &s->change);
	}
}

static void slot_start(struct slot *s)
{
	memset(s, 0, sizeof(*s));
	s->ack.serial = victim_next++;
	snprintf(s->text, sizeof(s->text), "u%d@b", s->ack.serial);
	if (slot_submit(s))
		_exit(3);
}

static void slot_done(struct job *job)
{
	struct slot *s = (struct slot *)job;

	if (job->result)
		_exit(4);
	if (s->ack.step == 1)
		s->ack.number = s->new_.number;
	if (s->ack.step && write(victim_pipe, &s->ack, sizeof(s->ack)) !=
			   sizeof(s->ack))
		_exit(5);
	if (++s->ack.step > 3)
		slot_start(s);
	else if (slot_submit(s))
		_exit(6);
}

/* Never returns: it works until it is killed. */
static void victim_main(const char *dir, int fd, int first)
{
	static struct slot slots[SLOTS];
	const struct store_options options = { .readers = 1 };
	char text[512];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	if (store_open(dir, &options, &victim, &why))
		_exit(2);
	victim_pipe = fd;
	victim_next = first;
	for (int i = 0; i < SLOTS; i++)
		slot_start(&slots[i]);
	for (;;)
		pause();
}

static void check_ack(struct rig *rig, const struct ack *ack)
{
	struct ticket_new again;
	struct got got;
	char text[32];

	pool_reset(rig->pool);
	snprintf(text, sizeof(text), "u%d@b", ack->serial);
	ck_assert_int_eq(get(rig, "acme", ack->user, ack->number, &got), 0);
	ck_str_is(got.ticket.subject, text);
	ck_assert_uint_ge(got.count, ack->step >= 2 ? 2 : 1);
	ck_assert(ack->step < 3 || got.ticket.is_closed);
	again = ticket_by(ack->user, text);
	again.subject = got.ticket.subject;
	again.category = got.ticket.category;
	again.body = got.thread[0].body;
	ck_assert_int_eq(create(rig, &again), ERR_OK);
	ck_assert(again.is_repeat);
	ck_assert_int_eq(again.number, ack->number);
}

static unsigned read_acks(int fd, struct ack *acks, unsigned max)
{
	unsigned n = 0;

	while (n < max && read(fd, &acks[n], sizeof(acks[n])) ==
			  sizeof(acks[n]))
		n++;
	return n;
}

START_TEST(what_was_told_survives_kill_9)
{
	const unsigned max = 65536;
	struct ack *acks = calloc(max, sizeof(*acks));
	struct rig rig;

	rig_open(&rig);
	rig_stop(&rig);
	for (int cycle = 0; cycle < CYCLES; cycle++) {
		unsigned count;
		int fds[2], status;
		pid_t pid;

		ck_assert_int_eq(pipe(fds), 0);
		/* no database is open here that the child could inherit */
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			victim_main(rig.dir, fds[1], cycle * 1000000);
		}
		ck_assert_int_gt(pid, 0);
		close(fds[1]);
		count = read_acks(fds[0], acks,
				  ACKS_MIN + (unsigned)cycle * 17);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status) &&
			      WTERMSIG(status) == SIGKILL, "exit %d", status);
		/* what it told before it died and nobody had read yet */
		count += read_acks(fds[0], acks + count, max - count);
		close(fds[0]);
		ck_assert_int_ge(count, ACKS_MIN);
		rig_start(&rig);
		check_whole(&rig);
		ck_assert_msg(rig_sql(&rig, "SELECT count(*) ="
			" (SELECT count(*) FROM ticket_messages) FROM outbox"
			" WHERE event IN ('ticket.created', 'ticket.replied')"),
			"each message has its event");
		ck_assert_msg(rig_sql(&rig, "SELECT last ="
			" (SELECT count(*) FROM tickets) FROM ticket_numbers"),
			"no number is left out");
		for (unsigned i = 0; i < count; i++)
			check_ack(&rig, &acks[i]);
		rig_stop(&rig);
	}
	free(acks);
	rig_close(&rig);
}
END_TEST

static void tickets_tests(TCase *tc)
{
	tcase_add_test(tc, a_ticket_is_made_answered_closed_and_opened_again);
	tcase_add_test(tc, each_change_leaves_its_event);
	tcase_add_test(tc, the_longest_texts_fit_their_event);
	tcase_add_test(tc, what_cannot_be_kept_is_not_accepted);
	tcase_add_test(tc, audit_rides_along_where_there_is_a_result);
	tcase_add_test(tc, the_same_key_again_gives_the_same_ticket);
	tcase_add_test(tc, the_same_key_again_gives_the_same_message);
	tcase_add_test(tc, the_same_key_with_other_words_writes_nothing);
	tcase_add_test(tc,
		the_same_key_many_times_in_one_transaction_is_one_ticket);
	tcase_add_test(tc, a_batch_that_runs_twice_writes_once);
	tcase_add_test(tc, no_refusal_is_taken_for_a_failure_of_the_system);
	tcase_add_test(tc, a_user_makes_so_many_tickets_within_an_hour);
	tcase_add_test(tc, a_user_writes_so_many_messages_within_an_hour);
	tcase_add_test(tc, a_user_turns_a_ticket_so_often_within_an_hour);
	tcase_add_loop_test(tc, a_clock_that_is_set_moves_no_limit, 0,
			    N_ELEMENTS(steps_of_a_clock));
	tcase_add_test(tc, what_an_older_program_wrote_counts);
	tcase_add_test(tc, a_thread_that_is_full_takes_no_more);
	tcase_add_test(tc, a_thread_can_be_read_from_its_end);
	tcase_add_test(tc,
		a_blocked_user_writes_nothing_but_can_be_written_to);
	tcase_add_test(tc,
		erasing_a_user_takes_his_tickets_and_nobody_elses);
	tcase_add_test(tc, nobody_reaches_what_is_not_his);
	tcase_add_test(tc, lists_go_on_behind_ties);
	tcase_add_test(tc, what_was_changed_last_comes_first);
	tcase_add_test(tc, no_more_than_a_page_is_given);
	tcase_add_test(tc, a_pool_that_is_too_small_is_told);
	tcase_add_test(tc, every_query_finds_what_it_wants_by_an_index);
	tcase_add_test(tc, the_version_follows_what_a_list_shows);
	tcase_add_test(tc,
		threads_get_numbers_of_their_own_while_others_read);
	tcase_add_test(tc, what_was_told_survives_kill_9);
}

UNIT_MAIN("tickets", tickets_tests)
