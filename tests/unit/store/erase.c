/* What is left of a person who was erased: in the raw octets of all files. */
#include "store/outbox-private.h"
#include "store/walvfs.h"
#include "unit/store/rig.h"

#define NOW_MS INT64_C(1700000000000)
#define PEOPLE 600
#define MARK "mk%05uq"		/* one person's, in all that they bring */

struct person {
	char mark[16], email[64], name[64], text[1400];
	int64_t id;
};

static struct person people[PEOPLE];

static struct str file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	long size;

	if (!f)
		return STR_NULL;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	text = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, (size_t)size, f), (size_t)size);
	fclose(f);
	return (struct str){ text, (size_t)size };
}

/* How often it stands in usher.db, its -wal and its -shm. */
static unsigned traces(const struct rig *rig, const char *mark)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	unsigned n = 0;
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		struct str text, rest;
		char *at;

		snprintf(path, sizeof(path), "%s/%s%s", rig->dir, DB_FILE,
			 ends[i]);
		text = file_text(path);
		rest = text;
		while (rest.ptr && (at = memmem(rest.ptr, rest.len, mark,
						strlen(mark)))) {
			n++;
			rest.len -= (size_t)(at + 1 - rest.ptr);
			rest.ptr = at + 1;
		}
		free((char *)(uintptr_t)text.ptr);
	}
	return n;
}

/* They come, and bring `len` octets of themselves as an attribute. */
static void come(struct rig *rig, struct person *p, size_t len, bool emits)
{
	struct outbox_event events[16];
	struct fields set;
	struct redemption r = { .sync = {
		.email = str_from(p->email), .name = str_from(p->name),
		.set = &set } };

	pool_reset(rig->pool);
	fields_init(&set, rig->pool);
	memset(p->text, 'y', len);
	memcpy(p->text, p->mark, strlen(p->mark));
	ck_assert_int_eq(fields_set(&set, STR("about"),
				    (struct str){ p->text, len }, FIELD_TEXT),
			 ERR_OK);
	for (unsigned i = 0; i < 16; i++)
		events[i] = (struct outbox_event){ STR("adapter.seen"),
			pool_printf(rig->pool, "{\"who\":\"%s\",\"n\":%u,"
				    "\"x\":\"%.*s\"}", p->mark, i,
				    (int)len, p->text) };
	r.events = events;
	r.event_count = emits ? 16 : 0;
	ck_assert_int_eq(rig_visit(rig, &r), ERR_OK);
	p->id = r.user.id;
}

static void write_ticket(struct rig *rig, const struct person *p,
			 const char *key)
{
	struct ticket_new n = {
		.job.done = rig_done, .tenant = STR("acme"), .user_id = p->id,
		.subject = str_from(p->name), .category = str_from(p->mark),
		.body = str_from(p->text),
		.key = pool_printf(rig->pool, "%s%s", p->mark, key) };
	struct ticket_change c = {
		.job.done = rig_done, .tenant = STR("acme"), .user_id = p->id,
		.kind = TICKET_REPLY, .body = str_from(p->text),
		.key = n.key };

	ck_assert_int_eq(tickets_create(store_tickets(rig->store), &n), 0);
	rig_wait(1);
	ck_assert_int_eq(n.job.result, ERR_OK);
	c.number = n.number;
	ck_assert_int_eq(tickets_change(store_tickets(rig->store), &c), 0);
	rig_wait(1);
	ck_assert_int_eq(c.job.result, ERR_OK);
}

static void park(struct rig *rig, const struct person *p)
{
	static char content[6000];
	struct parked parked = {
		.job.done = rig_done, .tenant = STR("acme"),
		.client = STR("192.0.2.1"),
		.content = { content, sizeof(content) },
		.exp_s = NOW_MS / 1000 + 120 };

	for (size_t i = 0; i + 8 < sizeof(content); i += 8)
		memcpy(content + i, p->mark, 8);
	memset(content + sizeof(content) - 8, 'x', 8);
	ck_assert_int_eq(parking_add(store_parking(rig->store), &parked), 0);
	rig_wait(1);
	ck_assert_int_eq(parked.job.result, ERR_OK);
}

static void people_come(struct rig *rig)
{
	unsigned seed = 7;

	for (unsigned i = 0; i < PEOPLE; i++) {
		struct person *p = &people[i];

		*p = (struct person){ .id = 0 };
		snprintf(p->mark, sizeof(p->mark), MARK, i);
		/* keys come in no order: pages of indexes split */
		seed = seed * 1103515245u + 12345u;
		snprintf(p->email, sizeof(p->email), "%08x" MARK "@example.com",
			 seed, i);
		snprintf(p->name, sizeof(p->name), "Name " MARK, i);
		come(rig, p, 12, i % 8 == 0);
	}
	/* rows grow: pages of tables split, and rows move */
	for (unsigned i = 0; i < 2 * PEOPLE; i++) {
		seed = seed * 1103515245u + 12345u;
		come(rig, &people[(seed >> 8) % PEOPLE],
		     50 + (seed >> 4) % 1200, false);
	}
}

/* Until the store says that nothing of them is left. */
static void await_erasures(struct rig *rig)
{
	while (outbox_is_erasing(store_outbox(rig->store)))
		rig_flush(store_writer(rig->store));
}

static void await_none_parked(struct rig *rig)
{
	while (rig_sql(rig, "SELECT count(*) FROM parked"))
		rig_flush(store_writer(rig->store));
}

START_TEST(what_the_erased_brought_is_in_no_file)
{
	const struct store_options options = { .sweep_ms = 1 };
	struct person *full = &people[8];
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	rig_stop(&rig);
	rig_start_with(&rig, options);
	people_come(&rig);
	write_ticket(&rig, full, "1");
	write_ticket(&rig, full, "2");
	park(&rig, full);
	ck_assert_uint_gt(traces(&rig, full->mark), 100);
	clock_hold(NOW_MS + 121000);
	await_none_parked(&rig);
	for (unsigned i = 0; i < PEOPLE; i += 4)
		ck_assert_int_eq(rig_erase_id(&rig, people[i].id), ERR_OK);
	await_erasures(&rig);
	for (unsigned i = 0; i < PEOPLE; i++) {
		unsigned n = traces(&rig, people[i].mark);

		ck_assert_msg(i % 4 ? n > 0 : n == 0, "%s: %u traces",
			      people[i].mark, n);
	}
	/* nor does what is written now bring any of them back */
	for (unsigned i = 1; i < PEOPLE; i += 4)
		come(&rig, &people[i], 40 + i, false);
	for (unsigned i = 0; i < PEOPLE; i += 4)
		ck_assert_msg(!traces(&rig, people[i].mark), "%s came back",
			      people[i].mark);
	/* the fact stays: one event for each that was told, without them */
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox WHERE"
				 " body = '" OUTBOX_ERASED "'"),
			 (PEOPLE + 7) / 8 * 16 + 4);
	ck_assert_int_eq(rig_sql(&rig, "SELECT octets - (SELECT"
		" sum(length(event) + length(body)) FROM outbox)"
		" FROM outbox_tenants"), 0);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM erasures"), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(an_erasure_goes_on_after_a_start)
{
	struct rig rig;
	struct person *p = &people[0];

	rig_open(&rig);
	*p = (struct person){ .mark = "mk00000q", .email = "mk00000q@b",
			      .name = "mk00000q" };
	come(&rig, p, 1200, true);
	rig_stop(&rig);
	rig_sql(&rig, "DELETE FROM users");
	rig_sql(&rig, "INSERT INTO erasures(user_id)"
		      " SELECT DISTINCT user_id FROM outbox");
	rig_start(&rig);
	await_erasures(&rig);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox WHERE"
				 " body = '" OUTBOX_ERASED "'"), 16);
	ck_assert_uint_eq(traces(&rig, p->mark), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(an_older_database_gives_up_whom_it_erased_before)
{
	struct rig rig;
	struct person *gone = &people[0], *here = &people[1];

	rig_open(&rig);
	*gone = (struct person){ .mark = "mk00000q", .email = "mk00000q@b",
				 .name = "mk00000q" };
	*here = (struct person){ .mark = "mk00001q", .email = "mk00001q@b",
				 .name = "mk00001q" };
	come(&rig, gone, 300, true);
	come(&rig, here, 300, true);
	rig_stop(&rig);
	rig_sql(&rig, "DELETE FROM users WHERE name = 'mk00000q'");
	rig_go_back(&rig, 6);
	rig_start(&rig);
	await_erasures(&rig);
	ck_assert_uint_eq(traces(&rig, gone->mark), 0);
	ck_assert_uint_gt(traces(&rig, here->mark), 16);
	ck_assert_int_eq(rig_sql(&rig, "SELECT events FROM outbox_tenants"
				 " WHERE tenant = 'acme'"), 32);
	ck_assert_int_eq(rig_sql(&rig, "SELECT octets - (SELECT"
		" sum(length(event) + length(body)) FROM outbox)"
		" FROM outbox_tenants"), 0);
	rig_close(&rig);
}
END_TEST

/* Somebody from elsewhere reads: nobody waits for them, and it is done once
 * they have left. */
START_TEST(a_reader_delays_it_and_stops_nobody)
{
	struct rig rig;
	struct person *p = &people[0];
	struct writer_stats stats;
	sqlite3 *reader = NULL;
	char path[128];

	rig_open(&rig);
	*p = (struct person){ .mark = "mk00000q", .email = "mk00000q@b",
			      .name = "mk00000q" };
	come(&rig, p, 1200, true);
	snprintf(path, sizeof(path), "%s/%s", rig.dir, DB_FILE);
	ck_assert_int_eq(sqlite3_open(path, &reader), SQLITE_OK);
	sqlite3_db_config(reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	ck_assert_int_eq(sqlite3_exec(reader, "BEGIN; SELECT * FROM users",
				      NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(rig_erase_id(&rig, p->id), ERR_OK);
	for (int i = 0; i < 50; i++)
		rig_user(&rig, "other@b", "O");
	ck_assert(outbox_is_erasing(store_outbox(rig.store)));
	ck_assert_uint_gt(traces(&rig, p->mark), 0);
	ck_assert_int_eq(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), 0);
	sqlite3_close(reader);
	await_erasures(&rig);
	ck_assert_uint_eq(traces(&rig, p->mark), 0);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_ge(stats.wipes, 1);
	rig_close(&rig);
}
END_TEST

static void erase_tests(TCase *tc)
{
	tcase_set_timeout(tc, UNIT_PATIENCE_S);
	tcase_add_test(tc, what_the_erased_brought_is_in_no_file);
	tcase_add_test(tc, an_erasure_goes_on_after_a_start);
	tcase_add_test(tc, an_older_database_gives_up_whom_it_erased_before);
	tcase_add_test(tc, a_reader_delays_it_and_stops_nobody);
}

UNIT_MAIN("erase", erase_tests)
