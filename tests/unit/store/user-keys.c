/* Databases of releases that compared addresses by small letters alone. */
#include "store/user-keys-private.h"

#include "codec/email.h"
#include "unit/store/rig.h"

#define NFD "jose\xcc\x81@b"	/* an e and an accent */
#define NFC "josé@b"
#define FINAL "σίσυφος@b"	/* what small letters made of it as it stands */
#define SIGMA "σίσυφοσ@b"	/* and of ΣΊΣΥΦΟΣ; the key of today */

/* Somebody whom an older release stored: `key` is what it made. */
static void put(const struct rig *rig, int64_t id, const char *key,
		const char *more, const char *values)
{
	char sql[512];

	snprintf(sql, sizeof(sql), "INSERT INTO users(id, tenant, email_key,"
		 " email, name, created_s, updated_s, last_seen_s%s)"
		 " VALUES(%lld, 'acme', '%s', '%s', 'N', 1, 1, 1%s)", more,
		 (long long)id, key, key, values);
	rig_sql(rig, sql);
}

/* A store of the older schema, closed, for rows to be put into. */
static void make_old(struct rig *rig)
{
	rig_open(rig);
	rig_stop(rig);
	rig_go_back(rig, 8);
}

static struct redemption arrival(struct rig *rig, const char *address)
{
	struct email email;

	ck_assert_int_eq(email_parse(rig->pool, str_from(address), &email), 0);
	return (struct redemption){ .sync = { .email = email.shown,
		.email_key = email.key, .name = STR("N") } };
}

/* Whom a sign-in with that address finds; below 0: the error. */
static int64_t found(struct rig *rig, const char *address)
{
	struct redemption r = arrival(rig, address);
	struct user user = { .view.id = 0 };
	enum err err = users_find(store_reader(rig->store, 0), STR("acme"),
				  r.sync.email_key, rig->pool, &user);
	enum err visited = rig_visit(rig, &r);

	if (visited)
		return -(int64_t)visited;
	/* an adapter is shown the same person */
	if (!err)
		ck_assert_int_eq(user.view.id, r.user.id);
	else
		ck_assert_int_eq(err, ERR_NOT_FOUND);
	return r.user.id;
}

START_TEST(a_sign_in_finds_the_oldest_row)
{
	struct rig rig;

	make_old(&rig);
	put(&rig, 11, NFD, "", "");
	put(&rig, 12, NFC, "", "");
	/* the older one has today's key */
	put(&rig, 13, SIGMA, "", "");
	put(&rig, 14, FINAL, "", "");
	/* alone, by an older key and by today's */
	put(&rig, 15, "νίκος@b", "", "");
	put(&rig, 16, "zoë@b", "", "");
	put(&rig, 17, "ann@b", "", "");
	rig_start(&rig);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(found(&rig, "JOSE\xcc\x81@B"), 11);
		ck_assert_int_eq(found(&rig, "JOSÉ@b"), 11);
		ck_assert_int_eq(found(&rig, "ΣΊΣΥΦΟΣ@b"), 13);
		ck_assert_int_eq(found(&rig, FINAL), 13);
		ck_assert_int_eq(found(&rig, "ΝΊΚΟΣ@b"), 15);
		ck_assert_int_eq(found(&rig, "νίκος@b"), 15);
		ck_assert_int_eq(found(&rig, "Zoe\xcc\x88@b"), 16);
		ck_assert_int_eq(found(&rig, "Ann@b"), 17);
		rig_stop(&rig);
		rig_start(&rig);
	}
	/* nobody was made, and all have the keys that they had */
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 7);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"
		" WHERE (id, email_key) IN (VALUES(11, '" NFD "'),"
		" (12, '" NFC "'), (13, '" SIGMA "'), (14, '" FINAL "'))"), 4);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"), 3);
	/* and whoever is new has the key of today, in any spelling */
	ck_assert_int_eq(found(&rig, "Åsa@b"), found(&rig, "A\xcc\x8aSA@b"));
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"
				 " WHERE email_key = 'åsa@b'"), 1);
	rig_close(&rig);
}
END_TEST

/* Signed rows, and those of who has a number of the partner's. */
START_TEST(kinds_stay_apart)
{
	struct user users[USERS_OF_ADDRESS_MAX];
	unsigned count = 0;
	struct rig rig;

	make_old(&rig);
	put(&rig, 11, NFD, ", verified", ", 1");
	put(&rig, 12, NFC, ", verified", ", 1");
	put(&rig, 13, NFD, "", "");
	put(&rig, 14, NFD, ", verified, external_id", ", 1, 'x'");
	rig_start(&rig);
	ck_assert_int_eq(found(&rig, NFC), 13);
	ck_assert_int_eq(users_find_all(store_reader(rig.store, 0),
					STR("acme"), STR(NFC), rig.pool, users,
					&count), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(users[0].view.id, 13);
	ck_assert_int_eq(users[1].view.id, 11);
	ck_assert_int_eq(users[2].view.id, 12);
	rig_close(&rig);
}
END_TEST

/* Who was shut out in one spelling must not come in by another. */
START_TEST(a_block_of_any_row_holds_for_the_address)
{
	struct user user;
	struct rig rig;

	make_old(&rig);
	put(&rig, 11, NFD, "", "");
	put(&rig, 12, NFC, ", blocked", ", 1");
	rig_start(&rig);
	ck_assert_int_eq(found(&rig, NFC), -ERR_AUTH);
	ck_assert_int_eq(found(&rig, NFD), -ERR_AUTH);
	ck_assert_int_eq(users_find(store_reader(rig.store, 0), STR("acme"),
				    STR(NFC), rig.pool, &user), ERR_OK);
	ck_assert_int_eq(user.view.id, 11);
	ck_assert(user.is_blocked);
	ck_assert_int_eq(rig_block_id(&rig, 12, false), ERR_OK);
	ck_assert_int_eq(found(&rig, NFC), 11);
	ck_assert_int_eq(rig_block_id(&rig, 11, true), ERR_OK);
	ck_assert_int_eq(found(&rig, NFC), -ERR_AUTH);
	rig_close(&rig);
}
END_TEST

/* Each of them is the person. */
START_TEST(a_block_of_any_row_ends_the_sessions_of_all)
{
	struct redemption theirs, others;
	struct sessions *sessions;
	struct rig rig;

	make_old(&rig);
	put(&rig, 11, NFD, "", "");
	put(&rig, 12, NFC, "", "");
	put(&rig, 13, "ann@b", "", "");
	put(&rig, 14, NFC, ", verified", ", 1");
	rig_start(&rig);
	sessions = store_sessions(rig.store);
	theirs = rig_token(&rig, 1, 11);
	others = rig_token(&rig, 2, 13);
	ck_assert_int_eq(rig_redeem(&rig, &theirs), ERR_OK);
	ck_assert_int_eq(theirs.user.id, 11);
	ck_assert_int_eq(rig_redeem(&rig, &others), ERR_OK);
	/* another kind's is another person's */
	ck_assert_int_eq(rig_block_id(&rig, 14, true), ERR_OK);
	ck_assert(sessions_is_open(sessions, theirs.session_id));
	ck_assert_int_eq(rig_block_id(&rig, 12, true), ERR_OK);
	ck_assert(!sessions_is_open(sessions, theirs.session_id));
	ck_assert(sessions_is_open(sessions, others.session_id));
	rig_stop(&rig);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM sessions"
				 " WHERE user_id = 11"), 0);
	rig_start(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(an_erasure_reaches_what_is_kept_beside_the_row)
{
	struct redemption before;
	struct rig rig;

	clock_hold(1700000000000);
	make_old(&rig);
	put(&rig, 11, NFD, "", "");
	put(&rig, 12, FINAL, "", "");
	put(&rig, 13, SIGMA, "", "");
	rig_start(&rig);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"), 2);
	before = arrival(&rig, NFC);
	before.sync.minted_ms = 1700000000000;
	ck_assert_int_eq(rig_erase_id(&rig, 11), ERR_OK);
	ck_assert_int_eq(rig_erase_id(&rig, 12), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"), 0);
	/* what was minted for another spelling is ended, too */
	ck_assert_int_eq(rig_visit(&rig, &before), ERR_NOT_FOUND);
	ck_assert_int_eq(before.note, REDEMPTION_ENDED);
	/* later they are somebody new, or the row that was passed by */
	clock_hold(1700000001000);
	ck_assert_int_gt(found(&rig, NFD), 13);
	ck_assert_int_eq(found(&rig, FINAL), 13);
	rig_close(&rig);
}
END_TEST

/* Who was erased right before the upgrade has a tombstone by the old key. */
START_TEST(a_tombstone_of_an_older_release_holds)
{
	const int64_t now = 1700000000000;
	struct redemption same, other;
	struct rig rig;

	clock_hold(now);
	rig_open(&rig);
	same = arrival(&rig, FINAL);
	other = arrival(&rig, "ΣΊΣΥΦΟΣ@b");
	same.sync.minted_ms = other.sync.minted_ms = now;
	ck_assert_int_eq(rig_erase_address(&rig, FINAL), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &same), ERR_NOT_FOUND);
	ck_assert_int_eq(same.note, REDEMPTION_ENDED);
	/* for that release the other spelling was another person */
	ck_assert_int_eq(rig_visit(&rig, &other), ERR_OK);
	rig_close(&rig);
}
END_TEST

static void is_not_yet(struct rig *rig)
{
	struct db *db = store_reader(rig->store, 0);
	struct redemption r = arrival(rig, NFC);
	struct user_conflict *list;
	struct user_plan plan;
	struct user user;
	bool is_more;
	unsigned n;

	ck_assert_int_eq(users_can_find(db, STR(NFC)), ERR_BUSY);
	ck_assert_int_eq(users_find(db, STR("acme"), STR(NFC), rig->pool,
				    &user), ERR_BUSY);
	ck_assert_int_eq(users_find_all(db, STR("acme"), STR(NFC), rig->pool,
					&user, &n), ERR_BUSY);
	ck_assert_int_eq(users_conflicts(db, STR_NULL, rig->pool, &list, &n,
					 &is_more), ERR_BUSY);
	r.sync.tenant = STR("acme");
	ck_assert_int_eq(users_plan(db, &r.sync, rig->pool, &plan), ERR_BUSY);
	/* in the writer, too, and nothing is written */
	ck_assert_int_eq(rig_visit(rig, &r), ERR_BUSY);
}

START_TEST(nobody_beyond_ascii_is_found_before_all_rows_were_seen)
{
	struct rig rig;

	make_old(&rig);
	put(&rig, 11, NFC, "", "");
	put(&rig, 12, "ann@b", "", "");
	rig_start(&rig);
	/* as it is after a kill in the middle of it */
	rig_sql(&rig, "UPDATE marks SET value = 0 WHERE name = 'user_keys'");
	is_not_yet(&rig);
	ck_assert_int_eq(users_can_find(store_reader(rig.store, 0),
					STR("ann@b")), ERR_OK);
	ck_assert_int_eq(found(&rig, "ANN@b"), 12);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(found(&rig, NFD), 11);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 2);
	rig_close(&rig);
}
END_TEST

/* Counted in flushes of the writer: as many as it takes, but not for ever. */
static void wait_until_done(struct rig *rig)
{
	unsigned n = 0;

	while (users_can_find(store_reader(rig->store, 0), STR(NFC))) {
		ck_assert_uint_lt(n++, 1000000);
		rig_flush(store_writer(rig->store));
	}
}

#define MANY "3000"

START_TEST(what_does_not_fit_into_the_start_is_done_while_serving)
{
	struct writer_stats stats;
	struct rig rig;

	make_old(&rig);
	rig_sql(&rig, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		" FROM n WHERE i < " MANY ") INSERT INTO users(id, tenant,"
		" email_key, email, name, created_s, updated_s, last_seen_s)"
		" SELECT i, 't' || (i % 7), CASE i % 3 WHEN 0 THEN 'ann' || i"
		" WHEN 1 THEN 'josé' || i ELSE 'jose\xcc\x81' || i END || '@b',"
		" 'e', 'N', 1, 1, 1 FROM n");
	put(&rig, 5001, NFD, ", verified", ", 1");
	put(&rig, 5002, NFC, ", verified", ", 1");
	/* some of it was done when it was killed */
	rig_start_with(&rig, (struct store_options){ .keys_at_start = 5 });
	rig_stop(&rig);
	ck_assert_int_lt(rig_sql(&rig, "SELECT count(*) FROM user_keys"),
			 1001);
	rig_start_with(&rig, (struct store_options){ .keys_at_start = 7 });
	wait_until_done(&rig);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"),
			 1001);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"
		" JOIN users USING (tenant, verified) WHERE id = user_id"
		" AND key = replace(email_key, 'e\xcc\x81', 'é')"
		" AND key <> email_key"), 1001);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_gt(stats.chores, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(rows_that_no_release_wrote_stop_nothing)
{
	struct rig rig;

	make_old(&rig);
	rig_sql(&rig, "INSERT INTO users(id, tenant, email_key, email, name,"
		" created_s, updated_s, last_seen_s) VALUES"
		" (11, 'acme', CAST(x'fF40' AS TEXT), 'e', 'N', 1, 1, 1),"
		" (12, 'acme', 'é' || CAST(zeroblob(9) AS TEXT), 'e', 'N', 1,"
		"  1, 1),"
		" (13, 'acme', printf('%0700d', 0) || 'é', 'e', 'N', 1, 1, 1),"
		" (14, 'acme', '', 'e', 'N', 1, 1, 1),"
		" (15, 'acme', 'é', 'e', 'N', 1, 1, 1)");
	put(&rig, 16, NFD, "", "");
	rig_start_with(&rig, (struct store_options){ .keys_at_start = 2 });
	wait_until_done(&rig);
	ck_assert_int_eq(found(&rig, NFC), 16);
	ck_assert_int_eq(rig_erase_id(&rig, 11), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(conflicts_are_listed_address_by_address)
{
	struct user_conflict *list = NULL;
	unsigned count = 9;
	bool is_more = true;
	struct db *db;
	struct rig rig;

	make_old(&rig);
	put(&rig, 14, NFD, "", "");
	put(&rig, 12, NFC, ", blocked", ", 1");
	put(&rig, 11, FINAL, ", verified", ", 1");
	put(&rig, 13, SIGMA, ", verified", ", 1");
	put(&rig, 15, SIGMA, "", "");		/* another kind */
	put(&rig, 16, "νίκος@b", "", "");	/* alone */
	put(&rig, 17, "\xea\xad\xb0@b", "", "");	/* Cherokee */
	put(&rig, 18, "\xe1\x8e\xa0@b", "", "");
	rig_start(&rig);
	db = store_reader(rig.store, 0);
	ck_assert_int_eq(users_conflicts(db, STR("acme"), rig.pool, &list,
					 &count, &is_more), ERR_OK);
	ck_assert_uint_eq(count, 6);
	ck_assert(!is_more);
	ck_str_is(list[0].key, NFC);
	ck_assert_int_eq(list[0].user.view.id, 12);
	ck_assert(list[0].user.is_blocked);
	ck_str_is(list[1].key, NFC);
	ck_assert_int_eq(list[1].user.view.id, 14);
	ck_str_is(list[2].key, SIGMA);
	ck_assert_int_eq(list[2].user.view.id, 11);
	ck_assert_int_eq(list[3].user.view.id, 13);
	ck_str_is(list[3].user.tenant, "acme");
	ck_str_is(list[5].key, "\xe1\x8e\xa0@b");
	ck_assert_int_eq(users_conflicts(db, STR_NULL, rig.pool, &list,
					 &count, &is_more), ERR_OK);
	ck_assert_uint_eq(count, 6);
	ck_assert_int_eq(users_conflicts(db, STR("blue"), rig.pool, &list,
					 &count, &is_more), ERR_OK);
	ck_assert_uint_eq(count, 0);
	/* one that is left is none */
	ck_assert_int_eq(rig_erase_id(&rig, 12), ERR_OK);
	ck_assert_int_eq(users_conflicts(db, STR_NULL, rig.pool, &list,
					 &count, &is_more), ERR_OK);
	ck_assert_uint_eq(count, 4);
	rig_close(&rig);
}
END_TEST

START_TEST(a_long_list_of_conflicts_is_cut_and_says_so)
{
	struct user_conflict *list = NULL;
	unsigned count = 0;
	bool is_more = false;
	struct rig rig;

	make_old(&rig);
	rig_sql(&rig, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		" FROM n WHERE i < 600) INSERT INTO users(id, tenant,"
		" email_key, email, name, created_s, updated_s, last_seen_s)"
		" SELECT i, 'acme', iif(i % 2, 'é', 'e\xcc\x81') || (i / 2) ||"
		" '@b', 'e', 'N', 1, 1, 1 FROM n");
	rig_start(&rig);
	ck_assert_int_eq(users_conflicts(store_reader(rig.store, 0), STR_NULL,
					 rig.pool, &list, &count, &is_more),
			 ERR_OK);
	ck_assert_uint_eq(count, USERS_CONFLICTS_MAX);
	ck_assert(is_more);
	rig_close(&rig);
}
END_TEST

static void user_keys_tests(TCase *tc)
{
	tcase_add_test(tc, a_sign_in_finds_the_oldest_row);
	tcase_add_test(tc, kinds_stay_apart);
	tcase_add_test(tc, a_block_of_any_row_holds_for_the_address);
	tcase_add_test(tc, a_block_of_any_row_ends_the_sessions_of_all);
	tcase_add_test(tc, an_erasure_reaches_what_is_kept_beside_the_row);
	tcase_add_test(tc, a_tombstone_of_an_older_release_holds);
	tcase_add_test(tc,
		       nobody_beyond_ascii_is_found_before_all_rows_were_seen);
	tcase_add_test(tc,
		       what_does_not_fit_into_the_start_is_done_while_serving);
	tcase_add_test(tc, rows_that_no_release_wrote_stop_nothing);
	tcase_add_test(tc, conflicts_are_listed_address_by_address);
	tcase_add_test(tc, a_long_list_of_conflicts_is_cut_and_says_so);
}

UNIT_MAIN("user-keys", user_keys_tests)
