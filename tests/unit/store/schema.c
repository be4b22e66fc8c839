#include "store/schema.h"

#include "store/db-private.h"
#include "unit/store/rig.h"

static const char *const steps[] = {
	"CREATE TABLE pets(name TEXT); INSERT INTO pets VALUES('Rex')",
	"ALTER TABLE pets ADD COLUMN age INTEGER NOT NULL DEFAULT 3",
	("CREATE TABLE toys(name TEXT); INSERT INTO toys VALUES('ball');"
	 "UPDATE pets SET age = 4"),
};

static const char *const broken[] = {
	"CREATE TABLE pets(name TEXT); INSERT INTO pets VALUES('Rex')",
	"CREATE TABLE toys(name TEXT); INSERT INTO nowhere VALUES(1)",
};

struct bench {
	char dir[64], text[512];
	struct buf why;
	struct db *db;
};

static void bench_open(struct bench *b)
{
	rig_make_dir(b->dir);
	buf_init_fixed(&b->why, b->text, sizeof(b->text));
	ck_assert_int_eq(db_open(b->dir, DB_WRITER, &b->db, &b->why), ERR_OK);
}

static void bench_close(struct bench *b)
{
	db_close(b->db);
	rig_remove_dir(b->dir);
}

static int64_t ask(struct bench *b, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	sqlite3_prepare_v2(b->db->handle, sql, -1, &stmt, NULL);
	if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

START_TEST(an_older_schema_is_brought_forward_with_its_rows)
{
	struct bench b;

	for (int from = 0; from <= 3; from++) {
		bench_open(&b);
		ck_assert_int_eq(schema_migrate_with(b.db, steps, from,
						     &b.why), ERR_OK);
		ck_assert_int_eq(ask(&b, "PRAGMA user_version"), from);
		ck_assert_int_eq(schema_migrate_with(b.db, steps, 3, &b.why),
				 ERR_OK);
		ck_assert_int_eq(ask(&b, "PRAGMA user_version"), 3);
		ck_assert_int_eq(ask(&b, "SELECT age FROM pets"
				     " WHERE name = 'Rex'"), 4);
		ck_assert_int_eq(ask(&b, "SELECT count(*) FROM toys"), 1);
		bench_close(&b);
	}
}
END_TEST

START_TEST(a_step_that_fails_has_not_happened)
{
	struct bench b;

	bench_open(&b);
	ck_assert_int_ne(schema_migrate_with(b.db, broken, 2, &b.why), ERR_OK);
	ck_assert_msg(strstr(b.text, "from schema 1 to 2"), "%s", b.text);
	ck_assert_msg(strstr(b.text, "nowhere"), "%s", b.text);
	ck_assert_int_eq(ask(&b, "PRAGMA user_version"), 1);
	ck_assert_int_eq(ask(&b, "SELECT count(*) FROM pets"), 1);
	ck_assert_int_eq(ask(&b, "SELECT count(*) FROM sqlite_schema"
			     " WHERE name = 'toys'"), 0);
	/* and with a program that is whole it goes on from there */
	ck_assert_int_eq(schema_migrate_with(b.db, steps, 3, &b.why), ERR_OK);
	bench_close(&b);
}
END_TEST

START_TEST(a_newer_schema_is_refused_and_not_touched)
{
	struct bench b;

	bench_open(&b);
	ck_assert_int_eq(schema_migrate_with(b.db, steps, 3, &b.why), ERR_OK);
	ck_assert_int_eq(schema_migrate_with(b.db, steps, 2, &b.why),
			 ERR_UNSUPPORTED);
	ck_assert_msg(strstr(b.text, "schema 3") && strstr(b.text, "newer"),
		      "%s", b.text);
	ck_assert_int_eq(ask(&b, "PRAGMA user_version"), 3);
	bench_close(&b);
}
END_TEST

START_TEST(somebody_elses_database_is_refused)
{
	static const char *const marks[] = {
		"CREATE TABLE theirs(x)",
		"PRAGMA user_version = 1",
		"PRAGMA application_id = 7",
	};
	struct bench b;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		bench_open(&b);
		ck_assert_int_eq(db_exec(b.db, marks[i]), ERR_OK);
		ck_assert_int_eq(schema_migrate(b.db, &b.why),
				 ERR_UNSUPPORTED);
		bench_close(&b);
	}
}
END_TEST

START_TEST(the_real_schema_is_made_once)
{
	struct bench b;

	bench_open(&b);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(schema_migrate(b.db, &b.why), ERR_OK);
		ck_assert_int_eq(ask(&b, "PRAGMA user_version"),
				 schema_version());
		ck_assert_int_eq(ask(&b, "SELECT count(*) FROM users"), 0);
	}
	bench_close(&b);
}
END_TEST

/* Every look-up by a key must find it by an index. */
START_TEST(queries_by_key_use_their_index)
{
	static const struct { const char *sql, *index; } cases[] = {
		{ "SELECT id FROM users WHERE tenant = 'a' AND email_key = 'b'"
		  " AND verified = 0", "users_unsigned" },
		{ "SELECT id FROM users WHERE tenant = 'a' AND email_key = 'b'"
		  " AND verified = 1 AND external_id IS NULL",
		  "users_signed" },
		/* who has an older key */
		{ "SELECT user_id FROM user_keys WHERE tenant = 'a'"
		  " AND key = 'b' AND verified = 0", "PRIMARY KEY" },
		{ "SELECT id FROM users WHERE tenant = 'a'"
		  " AND external_id = 'x'", "users_external" },
		{ "SELECT jti FROM redemptions WHERE jti < x'05'"
		  " ORDER BY jti", "PRIMARY KEY" },
		{ "SELECT ended_ms FROM tombstones WHERE tag = x'05'",
		  "tag=?" },
		{ "SELECT content FROM parked WHERE id = x'05'", "id=?" },
		{ "SELECT count(*) FROM parked WHERE client = 'c'"
		  " AND exp_s > 5", "COVERING INDEX parked_client" },
		{ "SELECT total(octets) FROM parked WHERE tenant = 'a'"
		  " AND exp_s > 5", "COVERING INDEX parked_tenant" },
		{ "SELECT id FROM audit WHERE request_id = 'r'",
		  "audit_request" },
		{ "SELECT body FROM trails WHERE id >= 5 ORDER BY id",
		  "INTEGER PRIMARY KEY" },
		{ "SELECT body FROM refusals WHERE id >= 5 ORDER BY id",
		  "INTEGER PRIMARY KEY" },
	};
	struct bench b;

	bench_open(&b);
	ck_assert_int_eq(schema_migrate(b.db, &b.why), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sqlite3_stmt *stmt = NULL;
		char sql[256];

		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s",
			 cases[i].sql);
		ck_assert_int_eq(sqlite3_prepare_v2(b.db->handle, sql, -1,
						    &stmt, NULL), SQLITE_OK);
		ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
		ck_assert_msg(strstr((const char *)
				     sqlite3_column_text(stmt, 3),
				     cases[i].index), "%s", cases[i].sql);
		sqlite3_finalize(stmt);
	}
	bench_close(&b);
}
END_TEST

static void schema_tests(TCase *tc)
{
	tcase_add_test(tc, an_older_schema_is_brought_forward_with_its_rows);
	tcase_add_test(tc, a_step_that_fails_has_not_happened);
	tcase_add_test(tc, a_newer_schema_is_refused_and_not_touched);
	tcase_add_test(tc, somebody_elses_database_is_refused);
	tcase_add_test(tc, the_real_schema_is_made_once);
	tcase_add_test(tc, queries_by_key_use_their_index);
}

UNIT_MAIN("schema", schema_tests)
