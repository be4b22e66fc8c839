/* Tickets through the admin socket's commands, on a real store. */
#include "admin/ticketcmd.h"

#include "admin/job-wait.h"
#include "unit/admin/door.h"

/* By Ann, who is made where there is none. */
static void door_ticket(struct door *d, const char *key, const char *subject)
{
	struct ticket_new n = {
		.job.done = rig_done, .tenant = STR("acme"),
		.user_id = rig_user(&d->rig, "ann@b", "Ann"), .subject = str_from(subject),
		.body = STR("Help!\n2  fake"), .key = str_from(key),
	};

	ck_assert_int_eq(tickets_create(store_tickets(d->rig.store), &n), 0);
	rig_wait(1);
	ck_assert_int_eq(n.job.result, ERR_OK);
}

START_TEST(an_agent_reads_answers_and_closes)
{
	struct door d;

	clock_hold(1700000000000);
	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	ask_ok(&d, "tickets", "list", "acme", "open", "50", "-");
	ck_str_is(buf_str(&d.body),
		  "NUMBER  STATE   LAST   MSGS  CHANGED                   "
		  " USER   SUBJECT\n"
		  "     1  open    user      1  2023-11-14T22:13:20+00:00"
		  "  ann@b  It broke\n");
	ask_ok(&d, "tickets", "reply", "acme", "1", "Jane Doe",
	       "Try it\nagain.", "a1");
	ck_str_is(buf_str(&d.body), "replied to ticket 1 of acme\n");
	ask_ok(&d, "tickets", "close", "acme", "1", "Jane Doe");
	ck_str_is(buf_str(&d.body), "closed ticket 1 of acme\n");
	ask_ok(&d, "tickets", "close", "acme", "1", "");
	ck_str_is(buf_str(&d.body), "had closed ticket 1 of acme before\n");
	ask_no("reopen", &d, "tickets", "reply", "acme", "1", "J", "x", "a2");
	ask_ok(&d, "tickets", "show", "acme", "1");
	ck_str_is(buf_str(&d.body),
		  "ticket 1 of acme: It broke\n"
		  "  state     closed, the last message is an agent's\n"
		  "  user      Ann <ann@b>, id 500380467200000, not verified\n"
		  "  created   2023-11-14T22:13:20+00:00\n"
		  "  changed   2023-11-14T22:13:20+00:00\n"
		  "\n1  2023-11-14T22:13:20+00:00  user  Ann\n"
		  "    Help!\n    2  fake\n"
		  "\n2  2023-11-14T22:13:20+00:00  agent  Jane Doe\n"
		  "    Try it\n    again.\n");
	ask_ok(&d, "tickets", "reopen", "acme", "1", "");
	ask_ok(&d, "tickets", "show", "acme", "1", "--json");
	said(&d, "\"state\":\"open\"");
	said(&d, "\"author\":\"agent\",\"name\":\"Jane Doe\","
	     "\"message\":\"Try it\\nagain.\"");
	door_close(&d);
}
END_TEST

START_TEST(what_is_done_is_on_record)
{
	struct door d;
	char id[64];
	const char *at;

	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	ask_ok(&d, "tickets", "reply", "acme", "1", "Jane {x}", "Hi", "a1",
	       "--json");
	said(&d, "\"done\":\"ticket_replied\",\"repeated\":false");
	at = strstr(d.body.ptr, "ctl-");
	ck_assert_ptr_nonnull(at);
	snprintf(id, sizeof(id), "%.20s", at);
	ask_ok(&d, "explain", id);
	said(&d, "tenant acme");
	said(&d, "ticket 1");
	said(&d, " by Jane (x)\n");
	ck_assert_ptr_null(strstr(d.body.ptr, " us\n"));
	ask_ok(&d, "explain", id, "--json");
	said(&d, "\"by\":\"Jane (x)\"");
	/* what is refused has left none */
	ask_no("no such ticket of acme", &d, "tickets", "close", "acme", "2",
	       "");
	ck_assert_int_eq(rig_records(&d.rig), 1);
	door_close(&d);
}
END_TEST

START_TEST(the_same_key_answers_once)
{
	struct door d;

	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	for (int i = 0; i < 3; i++) {
		ask_ok(&d, "tickets", "reply", "acme", "1", "J", "Hi", "a1");
		said(&d, i ? "had replied" : "replied");
	}
	ck_assert_int_eq(rig_sql(&d.rig, "SELECT messages FROM tickets"), 2);
	door_close(&d);
}
END_TEST

START_TEST(pages_go_on_where_they_say)
{
	struct door d;
	char key[16], before[64];
	unsigned seen = 0;

	door_open(&d);
	for (int i = 0; i < 5; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		door_ticket(&d, key, "It broke");
	}
	snprintf(before, sizeof(before), "-");
	for (;;) {
		const char *more;

		ask_ok(&d, "tickets", "list", "acme", "all", "2", before);
		for (const char *p = d.body.ptr; (p = strstr(p, "It broke"));
		     p++)
			seen++;
		more = strstr(d.body.ptr, "more: --before ");
		if (!more)
			break;
		snprintf(before, sizeof(before), "%s", more + 15);
		before[strcspn(before, "\n")] = '\0';
	}
	ck_assert_uint_eq(seen, 5);
	ask_ok(&d, "tickets", "list", "acme", "all", "5", "-", "--json");
	said(&d, ",\"next\":\"");
	ask_ok(&d, "tickets", "list", "acme", "all", "6", "-", "--json");
	said(&d, ",\"next\":null}");
	door_close(&d);
}
END_TEST

/* Rows that no door let in, from a database that somebody tampered with. */
START_TEST(an_escape_sequence_never_reaches_the_terminal)
{
	struct door d;

	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	rig_sql(&d.rig, "UPDATE tickets SET subject = char(27) || '[2J' ||"
		" char(155) || 'x', category = char(27) || 'c'");
	rig_sql(&d.rig, "UPDATE ticket_messages SET body = 'a' || char(27) ||"
		" ']0;x' || char(7) || char(13), name = char(8238)");
	rig_sql(&d.rig, "UPDATE users SET name = char(27), email = char(9)");
	for (int i = 0; i < 2; i++) {
		if (i)
			ask_ok(&d, "tickets", "show", "acme", "1");
		else
			ask_ok(&d, "tickets", "list", "acme", "all", "9", "-");
		for (size_t k = 0; k < d.body.len; k++)
			ck_assert((unsigned char)d.body.ptr[k] >= ' ' ||
				  d.body.ptr[k] == '\n');
		ck_assert_ptr_null(strstr(d.body.ptr, "\xc2\x9b"));
		ck_assert_ptr_null(strstr(d.body.ptr, "\xe2\x80\xae"));
	}
	/* nor out of a refusal */
	ask_no("no tenant \xef\xbf\xbd[2J", &d, "tickets", "show",
	       "\x1b[2J", "1");
	door_close(&d);
}
END_TEST

START_TEST(nonsense_is_told_and_changes_nothing)
{
	static char big[TICKET_MESSAGE_MAX + 2];
	struct door d;

	memset(big, 'x', sizeof(big) - 1);
	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	ask_no("no such command", &d, "tickets", "list", "acme");
	ask_no("no such command", &d, "tickets");
	ask_no("no such command", &d, "tickets", "burn", "acme", "1");
	ask_no("the state", &d, "tickets", "list", "acme", "torn", "9", "-");
	ask_no("the limit", &d, "tickets", "list", "acme", "all", "0", "-");
	ask_no("the limit", &d, "tickets", "list", "acme", "all", "101", "-");
	ask_no("--before", &d, "tickets", "list", "acme", "all", "9", "1");
	ask_no("--before", &d, "tickets", "list", "acme", "all", "9", "x:1");
	ask_no("number", &d, "tickets", "show", "acme", "0");
	ask_no("number", &d, "tickets", "close", "acme", "-1", "");
	ask_no("no such ticket of blue", &d, "tickets", "show", "blue", "1");
	ask_no("did you mean blue?", &d, "tickets", "show", "bleu", "1");
	ask_no("no such ticket of blue", &d, "tickets", "reply", "blue", "1",
	       "J", "x", "a");
	ask_no("too long", &d, "tickets", "reply", "acme", "1", "J", big, "a");
	ask_no("control", &d, "tickets", "reply", "acme", "1", "J\n", "x",
	       "a");
	ask_no("control", &d, "tickets", "reply", "acme", "1", "J", "\x1b",
	       "a");
	ask_no("UTF-8", &d, "tickets", "reply", "acme", "1", "J", "\xff", "a");
	ask_no("a name", &d, "tickets", "reply", "acme", "1", "", "x", "a");
	ck_assert_int_eq(rig_sql(&d.rig, "SELECT messages FROM tickets"), 1);
	ck_assert_int_eq(rig_records(&d.rig), 0);
	door_close(&d);
}
END_TEST

/*
 * While the writer stands still the main thread is let go, the truth is told,
 * and the key makes the second attempt safe.
 */
START_TEST(a_writer_that_stands_still_holds_nobody_for_long)
{
	struct rig_gate gate;
	struct door d;
	int64_t since;

	door_open(&d);
	door_ticket(&d, "k1", "It broke");
	rig_gate_close(&gate, store_writer(d.rig.store));
	since = clock_mono_ms();
	ask_no("run it again with --key a1", &d, "tickets", "reply", "acme",
	       "1", "Jane", "Hi", "a1");
	ck_assert_int_ge(clock_mono_ms() - since, JOB_WAIT_MS);
	ask_no("not confirmed", &d, "users", "block", "acme", "ann@b");
	rig_gate_open(&gate);
	rig_wait(1);
	ask_ok(&d, "tickets", "reply", "acme", "1", "Jane", "Hi", "a1");
	said(&d, "had replied to");
	ck_assert_int_eq(rig_sql(&d.rig, "SELECT messages FROM tickets"), 2);
	ck_assert_int_eq(rig_sql(&d.rig, "SELECT blocked FROM users"), 1);
	door_close(&d);
}
END_TEST

/* What the writer still has when the daemon ends is not its end. */
START_TEST(an_errand_that_was_left_ends_with_the_writer)
{
	struct rig_gate gate;
	struct door d;

	door_open(&d);
	rig_user(&d.rig, "ann@b", "Ann");
	rig_gate_close(&gate, store_writer(d.rig.store));
	ask_no("not confirmed", &d, "users", "block", "acme", "ann@b");
	rig_gate_open(&gate);
	door_close(&d);
	rig_wait(1);
}
END_TEST

static void ticketcmd_tests(TCase *tc)
{
	tcase_add_test(tc, an_agent_reads_answers_and_closes);
	tcase_add_test(tc, what_is_done_is_on_record);
	tcase_add_test(tc, the_same_key_answers_once);
	tcase_add_test(tc, pages_go_on_where_they_say);
	tcase_add_test(tc, an_escape_sequence_never_reaches_the_terminal);
	tcase_add_test(tc, nonsense_is_told_and_changes_nothing);
	tcase_add_test(tc, a_writer_that_stands_still_holds_nobody_for_long);
	tcase_add_test(tc, an_errand_that_was_left_ends_with_the_writer);
}

UNIT_MAIN("ticketcmd", ticketcmd_tests)
