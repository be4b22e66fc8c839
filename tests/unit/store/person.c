/* All that is kept of a person: shown, and taken away. */
#include "store/person-private.h"

#include "codec/json.h"
#include "store/db-private.h"
#include "unit/store/rig.h"

#define NOW_MS INT64_C(1700000000000)

/*
 * All tables and their columns, in the order of names.  Before this is changed:
 * may anything of a person stand there?  Then it belongs into `places` of
 * store/person.c, to be erased and to be shown.
 */
static const char known[] =
	"audit(id,request_id,time_ms,tenant,status,code,trail)\n"
	"delivery(outbox_id,endpoint,user_id,state,attempts,next_ms,"
	"last_status,last_error)\n"
	"endpoint(id,tenant,url,state)\n"
	"epochs(tenant,number,is_gone,name,url,last_session)\n"
	"erasures(user_id,after)\n"
	"marks(name,value)\n"
	"outbox(id,tenant,user_id,event,body,created_ms,state,message)\n"
	"outbox_tenants(tenant,events,octets,refused,expired)\n"
	"parked(id,tenant,client,exp_s,octets,content,person,external)\n"
	"redemptions(jti,tenant,session_id)\n"
	"refusals(id,at_ms,first_ms,last_ms,records,octets,body)\n"
	"sessions(id,hash,tenant,host,user_id,created_s,last_seen_s,idle_s,"
	"absolute_s,kind)\n"
	"ticket_messages(id,ticket_id,user_id,created_ms,key,name,body,"
	"steady_ms)\n"
	"ticket_numbers(tenant,last)\n"
	"tickets(id,tenant,number,user_id,closed,messages,by_agent,created_ms,"
	"updated_ms,turns,turned_ms,key,subject,category)\n"
	"tombstones(id,tag,ended_ms)\n"
	"trails(id,at_ms,first_ms,last_ms,records,octets,body)\n"
	"user_keys(tenant,key,verified,user_id)\n"
	"users(id,tenant,email_key,email,name,external_id,verified,blocked,"
	"created_s,updated_s,last_seen_s,attributes,minted_ms)\n";

static void read_text(const struct rig *rig, const char *sql, struct buf *out)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig->dir, DB_FILE);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
					 NULL), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		buf_puts(out, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static bool is_place(struct str table)
{
	const char *name, *why;

	for (unsigned i = 0; (name = person_table(i, &why)); i++)
		if (str_eq(table, str_from(name)))
			return true;
	return false;
}

START_TEST(no_table_is_forgotten)
{
	struct str rest, line;
	struct rig rig;
	struct buf out;

	rig_open(&rig);
	buf_init_pool(&out, rig.pool, 65536);
	read_text(&rig, "SELECT t.name || '(' || (SELECT group_concat(name)"
		  " FROM pragma_table_info(t.name)) || ')' || char(10)"
		  " FROM sqlite_schema t WHERE t.type = 'table'"
		  " AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
		  " ORDER BY t.name", &out);
	ck_assert_str_eq(buf_str(&out).ptr, known);
	for (rest = str_from(known); rest.len;) {
		line = str_cut(rest, '\n', &rest);
		line = str_cut(line, '(', &(struct str){ 0 });
		ck_assert_msg(is_place(line), "%.*s is in no list",
			      STR_ARG(line));
	}
	rig_close(&rig);
}
END_TEST

/* Somebody of whom there is something everywhere; "mark" is in all of it. */
static struct redemption come(struct rig *rig, const char *sub)
{
	struct outbox_event event = { STR("user.synced"),
				      STR("{\"who\":\"mark5\"}") };
	struct redemption r = rig_token(rig, 1, 0);
	struct fields fields;

	fields_init(&fields, rig->pool);
	fields_add(&fields, STR("plan"), STR("mark1 \"x\""), FIELD_TEXT);
	r.sync.email = r.sync.email_key = STR("mark2@b");
	r.sync.name = STR("mark3");
	r.sync.set = &fields;
	r.events = &event;
	r.event_count = 1;
	if (sub) {
		r.sync.is_vouched = true;
		r.sync.issued_ms = r.sync.minted_ms;
		r.sync.external_id = str_from(sub);
	}
	ck_assert_int_eq(rig_redeem(rig, &r), ERR_OK);
	return r;
}

static void write_ticket(struct rig *rig, int64_t user)
{
	struct ticket_new n = {
		.job.done = rig_done, .tenant = STR("acme"), .user_id = user,
		.subject = STR("mark6"), .category = STR(""),
		.body = STR("mark7"), .key = STR("k"), .is_untold = true };
	struct ticket_change c = {
		.job.done = rig_done, .tenant = STR("acme"), .number = 1,
		.kind = TICKET_REPLY, .name = STR("Agent"), .body = STR("mark8"),
		.key = STR("l"), .is_untold = true };

	ck_assert_int_eq(tickets_create(store_tickets(rig->store), &n), 0);
	rig_wait(1);
	ck_assert_int_eq(n.job.result, ERR_OK);
	ck_assert_int_eq(tickets_change(store_tickets(rig->store), &c), 0);
	rig_wait(1);
	ck_assert_int_eq(c.job.result, ERR_OK);
}

static void park(struct rig *rig, uint8_t n, const char *email,
		 const char *sub, bool is_vouched)
{
	struct parked p = { .job.done = rig_done, .tenant = STR("acme"),
		.client = STR("192.0.2.1"), .id = { n },
		.content = STR("{\"name\":\"mark9\"}"),
		.email_key = str_from(email), .is_vouched = is_vouched,
		.exp_s = clock_wall_s() + 120 };

	if (sub)
		p.external_id = str_from(sub);
	ck_assert_int_eq(parking_add(store_parking(rig->store), &p), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(p.job.result, ERR_OK);
}

static int64_t parked(const struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM parked");
}

static struct str export(struct rig *rig, const struct user *user)
{
	struct buf out;

	buf_init_pool(&out, rig->pool, 65536);
	ck_assert_int_eq(users_export(store_users(rig->store),
				      store_reader(rig->store, 0), user,
				      rig->pool, &out), ERR_OK);
	return buf_str(&out);
}

static struct user get(struct rig *rig, int64_t id)
{
	struct user user = { 0 };

	ck_assert_int_eq(users_get(store_reader(rig->store, 0), id, rig->pool,
				   &user), ERR_OK);
	return user;
}

static unsigned traces(const struct rig *rig)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	static char text[(1 << 22) + 1];
	unsigned n = 0;
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		const char *at = text;
		size_t len = 0;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s%s", rig->dir, DB_FILE,
			 ends[i]);
		f = fopen(path, "r");
		if (!f)
			continue;
		len = fread(text, 1, sizeof(text) - 1, f);
		ck_assert(feof(f));
		fclose(f);
		/* there is a table "marks" */
		while ((at = memmem(at, len - (size_t)(at - text), "mark", 4)))
			n += *(at += 4) >= '1' && *at <= '9';
	}
	return n;
}

/* The table of places, from both sides. */
START_TEST(what_is_shown_is_what_is_taken_away)
{
	static const char *const subs[] = { NULL, "mark4" };

	for (size_t i = 0; i < N_ELEMENTS(subs); i++) {
		struct redemption r;
		struct fields fields;
		struct str text;
		struct user user;
		struct rig rig;

		clock_hold(NOW_MS);
		rig_open(&rig);
		r = come(&rig, subs[i]);
		write_ticket(&rig, r.user.id);
		park(&rig, 1, "mark2@b", subs[i], i);
		user = get(&rig, r.user.id);
		text = export(&rig, &user);
		/* well-formed, and each of them in it */
		fields_init(&fields, rig.pool);
		ck_assert_msg(!json_parse_fields(text, &fields, NULL) &&
			      fields.count == 8, "%.*s", STR_ARG(text));
		for (char m = '1'; m <= '9'; m++) {
			const char mark[] = { 'm', 'a', 'r', 'k', m, 0 };

			ck_assert_msg((m == '4' && !i) ||
				      str_icontains(text, str_from(mark)),
				      "%s is not in %.*s", mark,
				      STR_ARG(text));
		}
		ck_assert(str_icontains(text, STR("\"plan\":\"mark1 \\\"x\\\"\"")));
		ck_assert(str_icontains(text, STR("\"body\":{\"who\":")));
		ck_assert(str_icontains(text, STR("\"host\":\"desk.example\"")));
		ck_assert(!str_icontains(text, STR("hash")));
		ck_assert_int_eq(rig_erase_id(&rig, r.user.id), ERR_OK);
		while (outbox_is_erasing(store_outbox(rig.store)))
			rig_flush(store_writer(rig.store));
		ck_assert_uint_eq(traces(&rig), 0);
		text = export(&rig, &user);
		ck_assert_msg(!str_icontains(text, STR("mark")), "%.*s",
			      STR_ARG(text));
		rig_close(&rig);
	}
}
END_TEST

static void record(struct rig *rig, const char *id, const char *email,
		   const char *sub, int status)
{
	const struct users *users = store_users(rig->store);
	struct audit_record r = { .request_id = str_from(id), .time_ms = NOW_MS,
		.tenant = STR("acme"), .status = status,
		.trail = STR("[]") };

	r.tags.person = users_trail_person(users, r.tenant, str_from(email));
	if (sub)
		r.tags.subject = users_trail_subject(users, r.tenant,
						     str_from(sub));
	ck_assert_int_eq(audit_write(store_writer(rig->store), &r), ERR_OK);
	rig_flush(store_writer(rig->store));
}

static bool count_one(void *ctx, const struct audit_record *r)
{
	*(unsigned *)ctx += r->tags.person || r->tags.subject;
	return true;
}

/* Of that address, whatever the external id. */
static unsigned of_address(struct rig *rig, const char *email)
{
	const struct audit_query query = { .to_ms = INT64_MAX,
		.person = users_trail_person(store_users(rig->store),
					     STR("acme"), str_from(email)) };
	unsigned n = 0;

	ck_assert_int_eq(audit_search(store_reader(rig->store, 0), &query,
				      count_one, &n), ERR_OK);
	return n;
}

/* Shown is what is theirs, and not what another did at the same address; then
 * it is nobody's, and stays. */
START_TEST(records_become_nobodys)
{
	struct redemption r;
	struct user user;
	struct str text;
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	r = come(&rig, "1");
	user = get(&rig, r.user.id);
	record(&rig, "01OWN", "mark2@b", "1", 302);
	record(&rig, "02MOVED", "old@b", "1", 401);
	record(&rig, "03POSTED", "mark2@b", NULL, 422);
	record(&rig, "04OTHERS", "mark2@b", "2", 302);
	record(&rig, "05ELSE", "else@b", NULL, 302);
	text = export(&rig, &user);
	ck_assert_msg(str_icontains(text, STR("01OWN")) &&
		      str_icontains(text, STR("02MOVED")) &&
		      str_icontains(text, STR("03POSTED")), "%.*s",
		      STR_ARG(text));
	ck_assert(!str_icontains(text, STR("04OTHERS")) &&
		  !str_icontains(text, STR("05ELSE")));
	ck_assert_uint_eq(of_address(&rig, "mark2@b"), 3);
	ck_assert_int_eq(rig_erase_id(&rig, user.view.id), ERR_OK);
	/* across a restart as well */
	rig_stop(&rig);
	rig_start(&rig);
	while (outbox_is_erasing(store_outbox(rig.store)))
		rig_flush(store_writer(rig.store));
	ck_assert_uint_eq(of_address(&rig, "mark2@b"), 0);
	ck_assert_uint_eq(of_address(&rig, "old@b"), 0);
	ck_assert_uint_eq(of_address(&rig, "else@b"), 1);
	ck_assert(!str_icontains(export(&rig, &user), STR("01OWN")));
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0), STR("01OWN"),
				    rig.pool, &(struct audit_record){ 0 }),
			 ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM erasures"), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(nobody_elses_goes_along)
{
	struct redemption r;
	struct user user;
	struct str text;
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	r = come(&rig, "1");
	rig_user(&rig, "mark2@b", "Other");
	park(&rig, 1, "mark2@b", NULL, false);
	park(&rig, 2, "new@b", "1", true);
	park(&rig, 3, "mark2@b", "2", true);
	park(&rig, 4, "mark2@b", NULL, true);
	user = get(&rig, r.user.id);
	text = export(&rig, &user);
	ck_assert(!str_icontains(text, STR("Other")));
	ck_assert_int_eq(rig_erase_id(&rig, r.user.id), ERR_OK);
	/* what is of their external id, or their address as signed, and not
	 * of another who came with that */
	ck_assert_int_eq(parked(&rig), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM parked WHERE"
				 " substr(id, 1, 1) IN (x'01', x'03')"), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 1);
	rig_close(&rig);
}
END_TEST

START_TEST(who_has_not_arrived_is_found_by_address)
{
	const struct user nobody = { .tenant = STR("acme"),
				     .email_key = STR("a@b") };
	struct redemption r;
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	park(&rig, 1, "a@b", NULL, false);
	park(&rig, 2, "a@b", NULL, true);
	park(&rig, 3, "c@b", NULL, false);
	r = rig_token(&rig, 1, 0);
	r.sync.email = r.sync.email_key = STR("a@b");
	r.sync.is_vouched = true;
	r.sync.issued_ms = r.sync.minted_ms;
	ck_assert(str_icontains(export(&rig, &nobody), STR("mark9")));
	ck_assert_int_eq(rig_erase_address(&rig, "a@b"), ERR_OK);
	ck_assert_int_eq(parked(&rig), 1);
	ck_assert(!str_icontains(export(&rig, &nobody), STR("mark9")));
	/* of whichever kind they would have been */
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_NOT_FOUND);
	ck_assert_int_eq(r.note, REDEMPTION_ENDED);
	rig_close(&rig);
}
END_TEST

START_TEST(what_is_too_much_is_said)
{
	struct redemption r;
	struct user user;
	struct buf out;
	struct rig rig;
	char text[64];

	rig_open(&rig);
	r = come(&rig, NULL);
	user = get(&rig, r.user.id);
	buf_init_fixed(&out, text, sizeof(text));
	ck_assert_int_eq(users_export(store_users(rig.store),
				      store_reader(rig.store, 0), &user,
				      rig.pool, &out), ERR_NOMEM);
	/* and the reader is free again */
	ck_assert(str_icontains(export(&rig, &user), STR("mark2@b")));
	rig_close(&rig);
}
END_TEST

static void person_tests(TCase *tc)
{
	tcase_set_timeout(tc, UNIT_PATIENCE_S);
	tcase_add_test(tc, no_table_is_forgotten);
	tcase_add_test(tc, what_is_shown_is_what_is_taken_away);
	tcase_add_test(tc, records_become_nobodys);
	tcase_add_test(tc, nobody_elses_goes_along);
	tcase_add_test(tc, who_has_not_arrived_is_found_by_address);
	tcase_add_test(tc, what_is_too_much_is_said);
}

UNIT_MAIN("person", person_tests)
