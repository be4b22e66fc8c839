#include "store/users.h"

#include "store/db-private.h"
#include "unit/store/rig.h"

static struct user get(struct rig *rig, int64_t id)
{
	struct user user = { 0 };

	ck_assert_int_eq(users_get(store_reader(rig->store, 0), id, rig->pool,
				   &user), ERR_OK);
	return user;
}

START_TEST(first_sync_makes_the_user_and_the_next_finds_him)
{
	struct rig rig;
	struct user_sync a = { .email = STR("Ann@Example.com"),
			       .email_key = STR("ann@example.com"),
			       .name = STR("Ann") };
	struct user_sync b = a;
	struct user user;

	clock_hold(1700000000000);
	rig_open(&rig);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert(a.is_created && a.is_changed);
	ck_assert_int_eq(rig_sync(&rig, &b), ERR_OK);
	ck_assert(!b.is_created && !b.is_changed);
	ck_assert_int_eq(a.user_id, b.user_id);
	user = get(&rig, a.user_id);
	ck_str_is(user.view.email, "Ann@Example.com");
	ck_str_is(user.email_key, "ann@example.com");
	ck_str_is(user.view.name, "Ann");
	ck_str_is(user.view.attributes, "{}");
	ck_str_is(user.tenant, "acme");
	ck_assert(!user.view.is_verified && !user.is_blocked);
	ck_assert_ptr_null(user.external_id.ptr);
	ck_assert_int_eq(user.created_s, 1700000000);
	rig_close(&rig);
}
END_TEST

START_TEST(tenants_do_not_share_users)
{
	struct rig rig;
	struct user_sync a = { .tenant = STR("acme"), .email = STR("a@b"),
			       .name = STR("A") };
	struct user_sync b = { .tenant = STR("blue"), .email = STR("a@b"),
			       .name = STR("B") };
	struct user user;

	rig_open(&rig);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_sync(&rig, &b), ERR_OK);
	ck_assert_int_ne(a.user_id, b.user_id);
	ck_assert_int_eq(users_find(store_reader(rig.store, 1), STR("acme"),
				    STR("a@b"), rig.pool, &user), ERR_OK);
	ck_str_is(user.view.name, "A");
	ck_assert_int_eq(users_find(store_reader(rig.store, 1), STR("cyan"),
				    STR("a@b"), rig.pool, &user),
			 ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

/* Signed rows come by another way; here they are put there by hand. */
START_TEST(unsigned_sync_never_reaches_a_signed_row)
{
	struct rig rig;
	int64_t id;

	rig_open(&rig);
	rig_stop(&rig);
	rig_sql(&rig, "INSERT INTO users(tenant, email_key, email, name,"
		" external_id, verified, created_s, updated_s, last_seen_s)"
		" VALUES('acme', 'a@b', 'a@b', 'Signed', 'ext-1', 1, 1, 1, 1)");
	rig_sql(&rig, "INSERT INTO users(tenant, email_key, email, name,"
		" verified, created_s, updated_s, last_seen_s)"
		" VALUES('acme', 'a@b', 'a@b', 'Signed, no id', 1, 1, 1, 1)");
	rig_start(&rig);
	id = rig_user(&rig, "a@b", "Unsigned");
	ck_assert_int_eq(id, 3);
	ck_str_is(get(&rig, 1).view.name, "Signed");
	ck_str_is(get(&rig, 1).external_id, "ext-1");
	ck_assert(get(&rig, 1).view.is_verified);
	ck_str_is(get(&rig, 2).view.name, "Signed, no id");
	rig_close(&rig);
}
END_TEST

START_TEST(attributes_are_replaced_deleted_and_else_kept)
{
	struct rig rig;
	struct fields first, second;
	struct str del[] = { STR("plan"), STR("absent") };
	struct user_sync a = { .email = STR("a@b"), .name = STR("A"),
			       .set = &first };
	struct user_sync b = { .email = STR("a@b"), .name = STR("A"),
			       .set = &second, .del = del, .del_count = 2 };
	struct user_sync c = { .email = STR("a@b"), .name = STR("A") };

	rig_open(&rig);
	fields_init(&first, rig.pool);
	fields_add(&first, STR("plan"), STR("gold \"1\""), FIELD_TEXT);
	fields_add(&first, STR("city"), STR("K\xc3\xb6ln"), FIELD_TEXT);
	fields_add(&first, STR("roles"), STR("[\"a\",\"b\"]"), FIELD_JSON);
	fields_init(&second, rig.pool);
	fields_add(&second, STR("city"), STR("Bonn"), FIELD_TEXT);
	fields_add(&second, STR("zip"), STR("53111"), FIELD_TEXT);

	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_str_is(get(&rig, a.user_id).view.attributes,
		  "{\"plan\":\"gold \\\"1\\\"\",\"city\":\"K\xc3\xb6ln\","
		  "\"roles\":[\"a\",\"b\"]}");
	ck_assert_int_eq(rig_sync(&rig, &b), ERR_OK);
	ck_assert(b.is_changed && !b.is_created);
	ck_str_is(get(&rig, a.user_id).view.attributes,
		  "{\"city\":\"Bonn\",\"roles\":[\"a\",\"b\"],"
		  "\"zip\":\"53111\"}");
	ck_assert_int_eq(rig_sync(&rig, &c), ERR_OK);
	ck_assert_msg(!c.is_changed, "no word on attributes leaves them");
	rig_close(&rig);
}
END_TEST

START_TEST(attributes_past_their_limit_are_refused_and_change_nothing)
{
	struct rig rig;
	struct fields fields;
	struct user_sync sync = { .email = STR("a@b"), .name = STR("New"),
				  .set = &fields };
	static char big[FIELD_VALUE_MAX];
	int64_t id;

	rig_open(&rig);
	id = rig_user(&rig, "a@b", "Old");
	memset(big, 'x', sizeof(big));
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("a"), (struct str){ big, sizeof(big) }, 0);
	fields_add(&fields, STR("b"), (struct str){ big, sizeof(big) }, 0);
	ck_assert_int_eq(rig_sync(&rig, &sync), ERR_LIMIT);
	ck_str_is(get(&rig, id).view.name, "Old");
	ck_str_is(get(&rig, id).view.attributes, "{}");
	rig_close(&rig);
}
END_TEST

START_TEST(text_that_cannot_be_kept_whole_is_refused)
{
	static char big[USER_NAME_MAX + 1];
	struct user_sync nul = { .email = STR("a\0b@c"), .name = STR("A") };
	struct user_sync large = { .email = STR("a@b") };
	struct rig rig;

	memset(big, 'x', sizeof(big));
	large.name = (struct str){ big, sizeof(big) };
	rig_open(&rig);
	ck_assert_int_eq(rig_sync(&rig, &nul), ERR_CONTROL);
	ck_assert_int_eq(rig_sync(&rig, &large), ERR_LIMIT);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(everybody_of_an_address_is_found_for_an_operator)
{
	struct user users[USERS_OF_ADDRESS_MAX];
	struct db *db;
	unsigned count = 7;
	struct rig rig;

	rig_open(&rig);
	db = store_reader(rig.store, 0);
	ck_assert_int_eq(users_find_all(db, STR("acme"), STR("a@b"), rig.pool,
					users, &count), ERR_NOT_FOUND);
	ck_assert_uint_eq(count, 7);
	rig_sql(&rig, "INSERT INTO users(tenant, email_key, email, name,"
		" verified, created_s, updated_s, last_seen_s)"
		" VALUES('acme', 'a@b', 'a@b', 'Signed', 1, 1, 1, 1)");
	ck_assert_int_eq(users_find_all(db, STR("acme"), STR("a@b"), rig.pool,
					users, &count), ERR_OK);
	ck_assert_uint_eq(count, 1);
	ck_str_is(users[0].view.name, "Signed");
	rig_user(&rig, "a@b", "Unsigned");
	ck_assert_int_eq(users_find_all(db, STR("acme"), STR("a@b"), rig.pool,
					users, &count), ERR_OK);
	ck_assert_uint_eq(count, 2);
	ck_str_is(users[0].view.name, "Unsigned");
	ck_str_is(users[1].view.name, "Signed");
	ck_assert_int_eq(users_find_all(db, STR("blue"), STR("a@b"), rig.pool,
					users, &count), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

/* Counts what the writer's connection changed since it was opened. */
struct counter {
	struct job job;
	int64_t changes;
};


static enum err count_run(struct db *db, struct job *job)
{
	((struct counter *)job)->changes =
		sqlite3_total_changes64(db->handle);
	return ERR_OK;
}

static int64_t changes(struct rig *rig)
{
	struct counter c = { .job = { .run = count_run, .done = rig_done } };

	ck_assert_int_eq(writer_submit(store_writer(rig->store), &c.job), 0);
	rig_wait(1);
	return c.changes;
}

START_TEST(nothing_is_written_when_nothing_changed)
{
	struct rig rig;
	struct fields fields;
	struct user_sync a = { .email = STR("a@b"), .name = STR("A"),
			       .set = &fields };
	int64_t before;

	clock_hold(1700000000000);
	rig_open(&rig);
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("plan"), STR("gold"), FIELD_TEXT);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	before = changes(&rig);
	ck_assert_int_gt(before, 0);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert_int_eq(changes(&rig), before);

	/* last_seen follows, but coarsely */
	clock_hold(1700000000000 + (USER_SEEN_S - 1) * 1000LL);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert_int_eq(changes(&rig), before);
	clock_hold(1700000000000 + USER_SEEN_S * 1000LL);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert(!a.is_changed);
	ck_assert_int_eq(changes(&rig), before + 1);
	ck_assert_int_eq(get(&rig, a.user_id).last_seen_s,
			 1700000000 + USER_SEEN_S);
	ck_assert_int_eq(get(&rig, a.user_id).updated_s, 1700000000);
	rig_close(&rig);
}
END_TEST

static int known(struct rig *rig, struct user_sync *sync, int64_t now_s)
{
	int64_t id = 0;

	sync->tenant = STR("acme");
	sync->email_key = sync->email;
	if (!users_known(store_users(rig->store), sync, now_s, &id))
		return 0;
	ck_assert_int_ne(id, 0);
	return 1;
}

START_TEST(the_same_again_is_known_and_nothing_else)
{
	struct rig rig;
	struct fields fields;
	struct str del[] = { STR("x") };
	struct outbox_event event = { STR("user.seen"), STR("{}") };
	struct user_sync a = { .email = STR("a@b"), .name = STR("A") };
	struct user_sync same = a, named = a, with_set = a, with_del = a;
	struct user_sync with_event = a, later = a;
	int64_t now = 1700000000;

	clock_hold(now * 1000);
	rig_open(&rig);
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("plan"), STR("gold"), FIELD_TEXT);
	named.name = STR("B");
	with_set.set = &fields;
	with_del.del = del;
	with_del.del_count = 1;
	with_event.events = &event;
	with_event.event_count = 1;
	ck_assert_msg(!known(&rig, &a, now), "not before it was written");
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert(known(&rig, &same, now));
	ck_assert(!known(&rig, &named, now));
	ck_assert(!known(&rig, &with_set, now));
	ck_assert(!known(&rig, &with_del, now));
	ck_assert_msg(!known(&rig, &with_event, now), "events must be kept");
	ck_assert_msg(!known(&rig, &later, now + USER_SEEN_S),
		      "last_seen must follow");
	rig_close(&rig);
}
END_TEST

START_TEST(blocking_refuses_syncs_and_forgets_what_was_known)
{
	struct rig rig;
	struct user_sync a = { .email = STR("a@b"), .name = STR("A") };
	struct user_sync b = a, c = a, d = a;
	struct user_block block = { .job.done = rig_done, .is_blocked = true };
	struct user_block nobody = { .job.done = rig_done, .user_id = 99 };
	int64_t now = 1700000000;

	clock_hold(now * 1000);
	rig_open(&rig);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	block.user_id = a.user_id;
	ck_assert_int_eq(users_block(store_users(rig.store), &block), 0);
	rig_wait(1);
	ck_assert_int_eq(block.job.result, ERR_OK);
	ck_assert(!known(&rig, &b, now));
	b.name = STR("B");
	ck_assert_int_eq(rig_sync(&rig, &b), ERR_AUTH);
	ck_str_is(get(&rig, a.user_id).view.name, "A");
	ck_assert(!known(&rig, &c, now));

	block.is_blocked = false;
	ck_assert_int_eq(users_block(store_users(rig.store), &block), 0);
	rig_wait(1);
	ck_assert_int_eq(rig_sync(&rig, &d), ERR_OK);
	ck_assert_int_eq(d.user_id, a.user_id);
	ck_assert_int_eq(users_block(store_users(rig.store), &nobody), 0);
	rig_wait(1);
	ck_assert_int_eq(nobody.job.result, ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(an_erased_users_id_is_never_given_again)
{
	struct rig rig;
	struct user_erase erase = { .job.done = rig_done };
	struct user user;

	rig_open(&rig);
	erase.user_id = rig_user(&rig, "a@b", "A");
	ck_assert_int_eq(users_erase(store_users(rig.store), &erase), 0);
	rig_wait(1);
	ck_assert_int_eq(erase.job.result, ERR_OK);
	ck_assert_int_eq(users_get(store_reader(rig.store, 0), erase.user_id,
				   rig.pool, &user), ERR_NOT_FOUND);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_gt(rig_user(&rig, "a@b", "A"), erase.user_id);
	rig_close(&rig);
}
END_TEST

START_TEST(events_and_audit_stand_or_fall_with_the_sync)
{
	struct rig rig;
	struct outbox_event events[] = {
		{ STR("user.created"), STR("{\"n\":1}") },
		{ STR("user.signed_in"), STR("{\"n\":2}") },
	};
	struct audit_record audit = { .request_id = STR("01REQUEST"),
		.time_ms = 5, .tenant = STR("acme"), .status = 302,
		.code = STR("redirected"), .trail = STR("[]") }, found;
	struct user_sync a = { .email = STR("a@b"), .name = STR("A"),
		.events = events, .event_count = 2, .audit = &audit };
	struct user_block block = { .job.done = rig_done, .is_blocked = true };

	rig_open(&rig);
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
		" WHERE user_id = 1 AND tenant = 'acme' AND state = 0"), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT id FROM outbox"
		" WHERE event = 'user.created' AND body = '{\"n\":1}'"), 1);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0),
				    STR("01REQUEST"), rig.pool, &found), 0);
	ck_assert_int_eq(found.status, 302);

	block.user_id = a.user_id;
	ck_assert_int_eq(users_block(store_users(rig.store), &block), 0);
	rig_wait(1);
	audit.request_id = STR("01OTHER");
	ck_assert_int_eq(rig_sync(&rig, &a), ERR_AUTH);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 2);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0),
				    STR("01OTHER"), rig.pool, &found),
			 ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(users_are_there_after_a_restart)
{
	struct rig rig;
	int64_t id;

	rig_open(&rig);
	id = rig_user(&rig, "a@b", "A");
	rig_stop(&rig);
	rig_start(&rig);
	ck_str_is(get(&rig, id).view.name, "A");
	ck_assert_int_eq(rig_user(&rig, "a@b", "A"), id);
	rig_close(&rig);
}
END_TEST

static void users_tests(TCase *tc)
{
	tcase_add_test(tc, first_sync_makes_the_user_and_the_next_finds_him);
	tcase_add_test(tc, tenants_do_not_share_users);
	tcase_add_test(tc, unsigned_sync_never_reaches_a_signed_row);
	tcase_add_test(tc, attributes_are_replaced_deleted_and_else_kept);
	tcase_add_test(tc,
		attributes_past_their_limit_are_refused_and_change_nothing);
	tcase_add_test(tc, text_that_cannot_be_kept_whole_is_refused);
	tcase_add_test(tc,
		everybody_of_an_address_is_found_for_an_operator);
	tcase_add_test(tc, nothing_is_written_when_nothing_changed);
	tcase_add_test(tc, the_same_again_is_known_and_nothing_else);
	tcase_add_test(tc, blocking_refuses_syncs_and_forgets_what_was_known);
	tcase_add_test(tc, an_erased_users_id_is_never_given_again);
	tcase_add_test(tc, events_and_audit_stand_or_fall_with_the_sync);
	tcase_add_test(tc, users_are_there_after_a_restart);
}

UNIT_MAIN("users", users_tests)
