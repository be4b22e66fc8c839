/*
 * Whose slug it is: over reloads, over restarts, and behind the back of what
 * had begun before.
 */
#include "store/epochs.h"

#include "store/db-private.h"
#include "store/schema.h"
#include "unit/store/rig.h"

#define ALICE { STR("acme"), STR("Alice Inc"), STR("https://a.example") }
#define BOB { STR("acme"), STR("Bob Inc"), STR("https://a.example") }
#define MOVED { STR("acme"), STR("Alice Inc"), STR("https://m.example") }
#define OTHER { STR("other"), STR("Other"), STR("https://o.example") }
#define BROKEN { STR("acme"), { 0 }, { 0 } }

static struct rig rig;

/* What was told of the last settling: "acme gone, other another". */
static char told[256];

static void note(void *ctx, struct str slug, enum epoch_change change)
{
	size_t len = strlen(told);

	ck_assert_ptr_eq(ctx, &rig);
	snprintf(told + len, sizeof(told) - len, "%s%.*s %s", len ? ", " : "",
		 STR_ARG(slug), change == EPOCH_GONE ? "gone" : "another");
}

static const char *settle_all(const struct epoch_tenant *tenants,
			      unsigned count, bool is_whole)
{
	told[0] = '\0';
	ck_assert_int_eq(epochs_settle(store_epochs(rig.store), tenants, count,
				       is_whole, note, &rig), ERR_OK);
	return told;
}

/* These, and no others, are configured. */
#define SETTLE(...)							\
	settle_all((const struct epoch_tenant[]){ __VA_ARGS__ },	\
		   sizeof((const struct epoch_tenant[]){ __VA_ARGS__ }) / \
		   sizeof(struct epoch_tenant), true)
#define SETTLE_NONE() settle_all(NULL, 0, true)

/* The epoch that this tenant serves in. */
static uint64_t look(struct epoch_tenant t)
{
	uint64_t n = epochs_look(store_epochs(rig.store), t.slug, t.name,
				 t.url);

	ck_assert(epochs_is_current(store_epochs(rig.store), t.slug, n));
	return n;
}

#define LOOK(...) look((struct epoch_tenant)__VA_ARGS__)

/* A session of acme, opened now. */
static struct redemption sign_in(unsigned n, uint64_t epoch)
{
	struct redemption r = rig_token(&rig, n, 0);

	r.sync.email = r.sync.email_key = STR("ann@b");
	r.sync.name = STR("Ann");
	r.epoch = epoch;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	return r;
}

/* Found, and of the epoch that its tenant is in: it holds. */
static bool holds(const struct redemption *r)
{
	struct session s;

	return !rig_find(&rig, r, clock_wall_s(), &s) &&
	       epochs_is_current(store_epochs(rig.store), s.tenant, s.epoch);
}

static void restart(void)
{
	rig_stop(&rig);
	rig_start(&rig);
}

static void set_up(void)
{
	rig_open(&rig);
}

static void tear_down(void)
{
	rig_close(&rig);
}

START_TEST(who_stays_as_he_is_keeps_his_sessions)
{
	struct redemption r;

	ck_assert_str_eq(SETTLE(ALICE, OTHER), "");
	r = sign_in(1, LOOK(ALICE));
	ck_assert_uint_eq(r.epoch, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_str_eq(SETTLE(ALICE), i ? "" : "other gone");
		ck_assert(holds(&r));
		/* A file that is broken tells nothing about who it is. */
		ck_assert_str_eq(SETTLE(BROKEN), "");
		ck_assert(holds(&r));
		restart();
		ck_assert(holds(&r));
	}
}
END_TEST

START_TEST(who_goes_loses_his_sessions_though_he_comes_back)
{
	struct redemption r;

	SETTLE(ALICE);
	r = sign_in(1, LOOK(ALICE));
	ck_assert_str_eq(SETTLE_NONE(), "acme gone");
	ck_assert(!holds(&r));
	ck_assert_str_eq(SETTLE_NONE(), "");
	ck_assert_str_eq(SETTLE(ALICE), "");
	ck_assert(!holds(&r));
	ck_assert_uint_eq(LOOK(ALICE), 1);
	/* Signed in again, that holds. */
	r = sign_in(2, LOOK(ALICE));
	ck_assert(holds(&r));
	restart();
	ck_assert_uint_eq(LOOK(ALICE), 1);
	ck_assert(holds(&r));
}
END_TEST

START_TEST(another_name_or_url_is_another_tenant)
{
	static const struct epoch_tenant others[] = { BOB, MOVED };
	struct redemption r;

	SETTLE(ALICE);
	r = sign_in(1, LOOK(ALICE));
	/* Looking ahead changes nothing. */
	ck_assert_uint_eq(epochs_look(store_epochs(rig.store),
				      others[_i].slug, others[_i].name,
				      others[_i].url), 1);
	ck_assert(holds(&r));
	ck_assert_str_eq(settle_all(&others[_i], 1, true), "acme another");
	ck_assert(!holds(&r));
	ck_assert_uint_eq(look(others[_i]), 1);
	/* And who it was before is a third one. */
	ck_assert_str_eq(SETTLE(ALICE), "acme another");
	ck_assert(!holds(&r));
	ck_assert_uint_eq(LOOK(ALICE), 2);
}
END_TEST

/* The daemon was down while the files changed. */
START_TEST(what_changed_while_nobody_looked_counts_too)
{
	struct redemption r;

	SETTLE(ALICE);
	r = sign_in(1, LOOK(ALICE));
	restart();
	ck_assert(holds(&r));
	ck_assert_str_eq(SETTLE(BOB), "acme another");
	ck_assert(!holds(&r));
	r = sign_in(2, LOOK(BOB));
	restart();
	ck_assert_str_eq(SETTLE_NONE(), "acme gone");
	restart();
	ck_assert_str_eq(SETTLE(BOB), "");
	ck_assert(!holds(&r));
}
END_TEST

START_TEST(a_file_that_cannot_be_read_ends_nobody)
{
	struct redemption r;

	SETTLE(ALICE, OTHER);
	r = sign_in(1, LOOK(ALICE));
	ck_assert_str_eq(settle_all(NULL, 0, false), "");
	ck_assert(holds(&r));
	ck_assert_str_eq(SETTLE(ALICE), "other gone");
	ck_assert(holds(&r));
}
END_TEST

static int64_t session_rows(void)
{
	return rig_sql(&rig, "SELECT count(*) FROM sessions");
}

/* In memory and on the disk, without anybody asking for it. */
START_TEST(what_ended_is_swept_at_once)
{
	struct epochs *epochs;
	struct redemption r;
	struct session s;

	/* of its own accord it would look in an hour */
	rig_stop(&rig);
	rig_start_with(&rig, (struct store_options){ .sweep_ms = 3600000 });
	epochs = store_epochs(rig.store);
	SETTLE(ALICE, OTHER);
	for (unsigned i = 0; i < 600; i++)
		r = sign_in(i, 0);
	ck_assert_int_eq(session_rows(), 600);
	SETTLE(OTHER);
	ck_assert(epochs_wait(epochs, 60000));
	while (session_rows() || sessions_count(store_sessions(rig.store)))
		rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rig_find(&rig, &r, clock_wall_s(), &s),
			 ERR_NOT_FOUND);
}
END_TEST

/* Killed before the sweep: the next start drops them. */
START_TEST(a_start_drops_what_had_ended)
{
	struct redemption old, fresh;

	SETTLE(ALICE);
	old = sign_in(1, 0);
	SETTLE(BOB);
	ck_assert(epochs_wait(store_epochs(rig.store), 60000));
	fresh = sign_in(2, 1);
	rig_stop(&rig);
	/* as if no sweep had come */
	rig_sql(&rig, "INSERT INTO sessions(id, hash, tenant, host, user_id,"
		" created_s, last_seen_s, idle_s, absolute_s)"
		" SELECT last_session, zeroblob(32), 'acme', 'h', 1,"
		" 1, 4000000000, 1000, 4000000000 FROM epochs"
		" WHERE tenant = 'acme'"
		" AND last_session NOT IN (SELECT id FROM sessions)");
	ck_assert_int_eq(session_rows(), 2);
	rig_start(&rig);
	ck_assert_int_eq(session_rows(), 1);
	ck_assert(!holds(&old));
	ck_assert(holds(&fresh));
}
END_TEST

/* An exchange that began before a reload ends behind it. */
START_TEST(a_redemption_of_an_ended_epoch_is_refused)
{
	struct redemption r = rig_token(&rig, 1, rig_user(&rig, "ann@b",
							  "Ann"));

	SETTLE(ALICE);
	SETTLE(BOB);
	r.epoch = 0;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_NOT_FOUND);
	ck_assert_int_eq(session_rows(), 0);
	SETTLE_NONE();
	r.epoch = 1;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_NOT_FOUND);
	r.epoch = 2;
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_NOT_FOUND);
	SETTLE(BOB);
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	ck_assert(holds(&r));
}
END_TEST

/* While the disk says no the table in memory decides, and it is tried again. */
START_TEST(what_was_not_written_is_written_later)
{
	struct redemption r;

	rig_stop(&rig);
	rig_start_with(&rig, (struct store_options){ .sweep_ms = 1 });
	SETTLE(ALICE);
	r = sign_in(1, 0);
	ck_assert(epochs_wait(store_epochs(rig.store), 60000));
	rig_sql(&rig, "CREATE TRIGGER no BEFORE UPDATE ON epochs"
		" BEGIN SELECT RAISE(ABORT, 'no'); END");
	SETTLE(BOB);
	ck_assert(!epochs_wait(store_epochs(rig.store), 60000));
	ck_assert(!holds(&r));
	ck_assert_uint_eq(LOOK(BOB), 1);
	rig_sql(&rig, "DROP TRIGGER no");
	while (!epochs_wait(store_epochs(rig.store), 0))
		rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rig_sql(&rig, "SELECT number FROM epochs"), 1);
	restart();
	ck_assert_uint_eq(LOOK(BOB), 1);
}
END_TEST

/* Slugs that were in use before there were epochs belong to who has them. */
START_TEST(a_database_of_before_keeps_its_sessions)
{
	struct redemption r;

	SETTLE(ALICE);
	r = sign_in(1, 0);
	rig_stop(&rig);
	rig_go_back(&rig, 2);
	rig_start(&rig);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM epochs"
				 " WHERE tenant = 'acme' AND name IS NULL"),
			 1);
	ck_assert_str_eq(SETTLE(BOB), "");
	ck_assert(holds(&r));
	/* ... from when on they are known. */
	restart();
	ck_assert_str_eq(SETTLE(ALICE), "acme another");
	ck_assert(!holds(&r));
}
END_TEST

START_TEST(a_slug_that_nobody_has_ends_at_the_first_start)
{
	struct redemption r;

	SETTLE(ALICE);
	r = sign_in(1, 0);
	rig_stop(&rig);
	rig_go_back(&rig, 2);
	rig_start(&rig);
	ck_assert_str_eq(SETTLE(OTHER), "acme gone");
	ck_assert_str_eq(SETTLE(OTHER, ALICE), "");
	ck_assert(!holds(&r));
}
END_TEST

/* As many as there can be, twice. */
START_TEST(many_tenants_settle)
{
	enum { MANY = 3000 };
	static struct epoch_tenant tenants[MANY];
	static char slugs[MANY][16];

	for (int i = 0; i < MANY; i++) {
		snprintf(slugs[i], sizeof(slugs[i]), "t%05d", i * 7919 % MANY);
		tenants[i] = (struct epoch_tenant){ str_from(slugs[i]),
			str_from(slugs[i]), STR("https://a.example") };
	}
	ck_assert_str_eq(settle_all(tenants, MANY, true), "");
	ck_assert(epochs_wait(store_epochs(rig.store), 60000));
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM epochs"), MANY);
	restart();
	for (int i = 0; i < MANY; i++)
		ck_assert_uint_eq(look(tenants[i]), 0);
	tenants[5].name = STR("Another");
	settle_all(tenants, MANY, true);
	ck_assert_int_eq(strlen(told), strlen("t00000 another"));
	ck_assert_uint_eq(look(tenants[5]), 1);
}
END_TEST

START_TEST(whether_anybody_was_here_is_known)
{
	struct redemption r;

	ck_assert_int_eq(store_has_content(rig.store), 0);
	SETTLE(ALICE);
	ck_assert(epochs_wait(store_epochs(rig.store), 60000));
	ck_assert_int_eq(store_has_content(rig.store), 0);
	r = sign_in(1, 0);
	ck_assert_int_eq(store_has_content(rig.store), 1);
	(void)r;
	rig_sql(&rig, "DELETE FROM users");
	rig_sql(&rig, "DELETE FROM sessions");
	ck_assert_int_eq(store_has_content(rig.store), 1);
	rig_sql(&rig, "DELETE FROM redemptions");
	ck_assert_int_eq(store_has_content(rig.store), 0);
}
END_TEST

static void epochs_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, who_stays_as_he_is_keeps_his_sessions);
	tcase_add_test(t, who_goes_loses_his_sessions_though_he_comes_back);
	tcase_add_loop_test(t, another_name_or_url_is_another_tenant, 0, 2);
	tcase_add_test(t, what_changed_while_nobody_looked_counts_too);
	tcase_add_test(t, a_file_that_cannot_be_read_ends_nobody);
	tcase_add_test(t, what_ended_is_swept_at_once);
	tcase_add_test(t, a_start_drops_what_had_ended);
	tcase_add_test(t, a_redemption_of_an_ended_epoch_is_refused);
	tcase_add_test(t, what_was_not_written_is_written_later);
	tcase_add_test(t, a_database_of_before_keeps_its_sessions);
	tcase_add_test(t, a_slug_that_nobody_has_ends_at_the_first_start);
	tcase_add_test(t, many_tenants_settle);
	tcase_add_test(t, whether_anybody_was_here_is_known);
}

UNIT_MAIN("epochs", epochs_tests)
