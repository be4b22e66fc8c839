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

START_TEST(the_first_visit_makes_the_user_and_the_next_finds_them)
{
	struct rig rig;
	struct redemption a = { .sync = { .email = STR("Ann@Example.com"),
			       .email_key = STR("ann@example.com"),
			       .name = STR("Ann") } };
	struct redemption b = a;
	struct user user;

	clock_hold(1700000000000);
	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &b), ERR_OK);
	ck_assert_int_eq(a.user.id, b.user.id);
	user = get(&rig, a.user.id);
	ck_str_is(user.view.email, "Ann@Example.com");
	ck_str_is(user.email_key, "ann@example.com");
	ck_str_is(user.view.name, "Ann");
	ck_str_is(user.view.attributes, "{}");
	ck_str_is(user.tenant, "acme");
	ck_assert(!user.view.is_verified && !user.is_blocked);
	ck_assert_ptr_null(user.view.external_id.ptr);
	ck_assert_int_eq(user.created_s, 1700000000);
	rig_close(&rig);
}
END_TEST

START_TEST(tenants_do_not_share_users)
{
	struct rig rig;
	struct redemption a = { .sync = { .tenant = STR("acme"), .email = STR("a@b"),
			       .name = STR("A") } };
	struct redemption b = { .sync = { .tenant = STR("blue"), .email = STR("a@b"),
			       .name = STR("B") } };
	struct user user;

	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &b), ERR_OK);
	ck_assert_int_ne(a.user.id, b.user.id);
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
START_TEST(unsigned_visit_never_reaches_a_signed_row)
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
	ck_assert_int_gt(id, 2);
	ck_str_is(get(&rig, 1).view.name, "Signed");
	ck_str_is(get(&rig, 1).view.external_id, "ext-1");
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
	struct redemption a = { .sync = { .email = STR("a@b"), .name = STR("A"),
			       .set = &first } };
	struct redemption b = { .sync = { .email = STR("a@b"), .name = STR("A"),
			       .set = &second, .del = del, .del_count = 2 } };
	struct redemption c = { .sync = { .email = STR("a@b"), .name = STR("A") } };

	rig_open(&rig);
	fields_init(&first, rig.pool);
	fields_add(&first, STR("plan"), STR("gold \"1\""), FIELD_TEXT);
	fields_add(&first, STR("city"), STR("K\xc3\xb6ln"), FIELD_TEXT);
	fields_add(&first, STR("roles"), STR("[\"a\",\"b\"]"), FIELD_JSON);
	fields_init(&second, rig.pool);
	fields_add(&second, STR("city"), STR("Bonn"), FIELD_TEXT);
	fields_add(&second, STR("zip"), STR("53111"), FIELD_TEXT);

	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	ck_str_is(get(&rig, a.user.id).view.attributes,
		  "{\"plan\":\"gold \\\"1\\\"\",\"city\":\"K\xc3\xb6ln\","
		  "\"roles\":[\"a\",\"b\"]}");
	ck_assert_int_eq(rig_visit(&rig, &b), ERR_OK);
	ck_str_is(get(&rig, a.user.id).view.attributes,
		  "{\"city\":\"Bonn\",\"roles\":[\"a\",\"b\"],"
		  "\"zip\":\"53111\"}");
	ck_assert_int_eq(rig_visit(&rig, &c), ERR_OK);
	ck_assert_msg(str_eq(c.user.attributes, b.user.attributes),
		      "no word on attributes leaves them");
	rig_close(&rig);
}
END_TEST

START_TEST(attributes_past_their_limit_are_refused_and_change_nothing)
{
	struct rig rig;
	struct fields fields;
	struct redemption sync = { .sync = { .email = STR("a@b"), .name = STR("New"),
				  .set = &fields } };
	static char big[FIELD_VALUE_MAX];
	int64_t id;

	rig_open(&rig);
	id = rig_user(&rig, "a@b", "Old");
	memset(big, 'x', sizeof(big));
	fields_init(&fields, rig.pool);
	fields_add(&fields, STR("a"), (struct str){ big, sizeof(big) }, 0);
	fields_add(&fields, STR("b"), (struct str){ big, sizeof(big) }, 0);
	ck_assert_int_eq(rig_visit(&rig, &sync), ERR_LIMIT);
	ck_str_is(get(&rig, id).view.name, "Old");
	ck_str_is(get(&rig, id).view.attributes, "{}");
	rig_close(&rig);
}
END_TEST

START_TEST(text_that_cannot_be_kept_whole_is_refused)
{
	static char big[USER_NAME_MAX + 1];
	struct redemption nul = { .sync = { .email = STR("a\0b@c"), .name = STR("A") } };
	struct redemption large = { .sync = { .email = STR("a@b") } };
	struct rig rig;

	memset(big, 'x', sizeof(big));
	large.sync.name = (struct str){ big, sizeof(big) };
	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &nul), ERR_CONTROL);
	ck_assert_int_eq(rig_visit(&rig, &large), ERR_LIMIT);
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

/* A token's claims, minted `late_ms` before a moment. */
static struct redemption minted(int64_t at_ms, const char *name)
{
	return (struct redemption){ .sync = { .email = STR("a@b"),
		.name = str_from(name), .minted_ms = at_ms } };
}

/* Whichever arrives last: what was decided last is what stands. */
START_TEST(an_older_token_that_arrives_late_overwrites_nothing)
{
	const int64_t now = 1700000000000;
	const struct { int64_t late_ms; bool is_kept; } cases[] = {
		{ 1, false }, { USER_LATE_MS, false },
		/* farther is a clock that was set back: the new one counts */
		{ USER_LATE_MS + 1, true },
		{ 0, true }, { -1, true },
	};
	struct outbox_event event = { STR("came"), STR("{}") };
	struct fields fields;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redemption new = minted(now, "New");
		struct redemption old = minted(now - cases[i].late_ms, "Old");
		struct redemption next = minted(now + 2, "Next");
		struct user user;
		struct rig rig;

		clock_hold(now);
		rig_open(&rig);
		fields_init(&fields, rig.pool);
		fields_add(&fields, STR("plan"), STR("gold"), FIELD_TEXT);
		old.sync.set = &fields;
		old.events = &event;
		old.event_count = 1;
		ck_assert_int_eq(rig_visit(&rig, &new), ERR_OK);
		clock_hold(now + 5000);
		ck_assert_int_eq(rig_visit(&rig, &old), ERR_OK);
		ck_assert_int_eq(old.user.id, new.user.id);
		ck_str_is(old.user.name, cases[i].is_kept ? "Old" : "New");
		user = get(&rig, new.user.id);
		ck_str_is(user.view.name, cases[i].is_kept ? "Old" : "New");
		ck_str_is(user.view.attributes, cases[i].is_kept ?
			  "{\"plan\":\"gold\"}" : "{}");
		/* they were here, and their events go out */
		ck_assert_int_eq(user.last_seen_s, now / 1000 + 5);
		ck_assert_int_eq(user.updated_s,
				 now / 1000 + (cases[i].is_kept ? 5 : 0));
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"),
				 1);
		/* and the mark did not go back with the older one */
		ck_assert_int_eq(rig_visit(&rig, &next), ERR_OK);
		ck_str_is(get(&rig, new.user.id).view.name, "Next");
		rig_close(&rig);
	}
}
END_TEST

/* The mint is noted also by a visit that changes nothing. */
START_TEST(a_visit_without_a_change_still_counts_as_the_newest)
{
	const int64_t now = 1700000000000;
	struct redemption first = minted(now, "A");
	struct redemption older = minted(now + 1000, "B");
	struct redemption same = minted(now + 2000, "A");
	struct rig rig;

	clock_hold(now);
	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &first), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &same), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &older), ERR_OK);
	ck_str_is(get(&rig, first.user.id).view.name, "A");
	ck_assert_int_eq(get(&rig, first.user.id).minted_ms, now + 2000);
	rig_close(&rig);
}
END_TEST

START_TEST(ids_are_in_the_order_of_their_making_and_stay_exact_as_doubles)
{
	int64_t ids[3], last;
	struct rig rig;

	clock_hold(3754684799999);	/* the end of 2088 */
	rig_open(&rig);
	ids[0] = rig_user(&rig, "a@b", "A");
	ids[1] = rig_user(&rig, "b@b", "B");
	ck_assert_int_gt(ids[1], ids[0]);
	ck_assert_int_lt(ids[1], 1LL << 53);
	rig_stop(&rig);
	/* a clock that was set back makes none twice */
	clock_hold(1700000000000);
	rig_start(&rig);
	ids[2] = rig_user(&rig, "c@b", "C");
	ck_assert_int_gt(ids[2], ids[1]);
	last = ids[2];
	for (int i = 0; i < 10000; i++) {
		int64_t id = users_new_id(store_users(rig.store));

		if (id <= last)
			ck_abort_msg("%lld after %lld", (long long)id,
				     (long long)last);
		last = id;
	}
	rig_close(&rig);
}
END_TEST

START_TEST(blocking_refuses_arrivals)
{
	struct rig rig;
	struct redemption a = minted(0, "A"), b = minted(0, "B"), d = b;
	struct user_block by_id = { .is_blocked = true };

	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	by_id.user_id = a.user.id;
	ck_assert_int_eq(rig_block(&rig, by_id), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &b), ERR_AUTH);
	ck_str_is(get(&rig, a.user.id).view.name, "A");

	by_id.is_blocked = false;
	ck_assert_int_eq(rig_block(&rig, by_id), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &d), ERR_OK);
	ck_assert_int_eq(d.user.id, a.user.id);
	by_id.user_id = 99;
	ck_assert_int_eq(rig_block(&rig, by_id), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

/* Before they ever came. */
START_TEST(who_was_never_here_is_blocked_by_address)
{
	struct user_block by_address = { .tenant = STR("acme"),
		.email = STR("A@b"), .email_key = STR("a@b") };
	struct redemption a = minted(0, "A"), elsewhere = minted(0, "A");
	struct user user;
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(rig_block(&rig, by_address), ERR_NOT_FOUND);
	by_address.is_blocked = true;
	ck_assert_int_eq(rig_block(&rig, by_address), ERR_OK);
	ck_assert_int_eq(rig_block(&rig, by_address), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"), 1);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_AUTH);
	ck_assert_int_eq(users_find(store_reader(rig.store, 0), STR("acme"),
				    STR("a@b"), rig.pool, &user), ERR_OK);
	ck_assert(user.is_blocked);
	ck_assert_int_eq(user.last_seen_s, 0);
	ck_str_is(user.view.email, "A@b");
	ck_str_is(user.view.attributes, "{}");
	elsewhere.sync.tenant = STR("blue");
	ck_assert_int_eq(rig_visit(&rig, &elsewhere), ERR_OK);

	by_address.is_blocked = false;
	ck_assert_int_eq(rig_block(&rig, by_address), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	ck_assert_int_eq(a.user.id, user.view.id);
	rig_close(&rig);
}
END_TEST

/* The row of who is vouched for is another, and not yet there. */
START_TEST(who_was_blocked_stays_so_with_an_assertion)
{
	static const char *const ids[] = { NULL, "42" };

	for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
		struct user_block block = { .tenant = STR("acme"),
			.email = STR("A@b"), .email_key = STR("a@b"),
			.is_blocked = true };
		struct redemption a = minted(0, "A");
		struct rig rig;

		a.sync.is_vouched = true;
		a.sync.issued_ms = a.sync.minted_ms;
		if (ids[i])
			a.sync.external_id = str_from(ids[i]);
		rig_open(&rig);
		ck_assert_int_eq(rig_block(&rig, block), ERR_OK);
		ck_assert_int_eq(rig_visit(&rig, &a), ERR_AUTH);
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"),
				 1);
		block.is_blocked = false;
		ck_assert_int_eq(rig_block(&rig, block), ERR_OK);
		ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"),
				 2);
		/* once they have one, each is blocked by itself */
		block.user_id = a.user.id;
		block.is_blocked = true;
		ck_assert_int_eq(rig_block(&rig, block), ERR_OK);
		rig_close(&rig);
	}
}
END_TEST

/* Nor by a way around: who is here by an id already, and comes with it later. */
START_TEST(a_blocked_address_is_nobodys_to_move_to)
{
	struct user_block block = { .tenant = STR("acme"),
		.email = STR("A@b"), .email_key = STR("a@b"),
		.is_blocked = true };
	struct redemption there = minted(0, "A"), here = there, again;
	struct rig rig;

	there.sync.is_vouched = true;
	there.sync.issued_ms = there.sync.minted_ms;
	there.sync.external_id = STR("42");
	here = there;
	here.sync.email = here.sync.email_key = STR("c@d");
	rig_open(&rig);
	ck_assert_int_eq(rig_block(&rig, block), ERR_OK);
	ck_assert_int_eq(rig_visit(&rig, &here), ERR_OK);
	again = here;
	ck_assert_int_eq(rig_visit(&rig, &there), ERR_AUTH);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users WHERE"
				 " external_id = '42' AND email_key = 'c@d'"),
			 1);
	/* at the address that they have they are as welcome as before */
	again.jti[0] ^= 1;
	ck_assert_int_eq(rig_visit(&rig, &again), ERR_OK);
	block.is_blocked = false;
	ck_assert_int_eq(rig_block(&rig, block), ERR_OK);
	there.jti[0] ^= 1;
	ck_assert_int_eq(rig_visit(&rig, &there), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(an_erased_users_id_is_never_given_again)
{
	struct rig rig;
	struct user user;
	int64_t id;

	rig_open(&rig);
	id = rig_user(&rig, "a@b", "A");
	ck_assert_int_eq(rig_erase_id(&rig, id), ERR_OK);
	ck_assert_int_eq(users_get(store_reader(rig.store, 0), id, rig.pool,
				   &user), ERR_NOT_FOUND);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_gt(rig_user(&rig, "a@b", "A"), id);
	rig_close(&rig);
}
END_TEST

START_TEST(events_and_audit_stand_or_fall_with_the_visit)
{
	struct rig rig;
	struct outbox_event events[] = {
		{ STR("user.created"), STR("{\"n\":1}") },
		{ STR("user.signed_in"), STR("{\"n\":2}") },
	};
	struct audit_record audit = { .request_id = STR("01REQUEST"),
		.time_ms = 5, .tenant = STR("acme"), .status = 302,
		.code = STR("redirected"), .trail = STR("[]") }, found;
	struct redemption a = {
		.sync = { .email = STR("a@b"), .name = STR("A") },
		.events = events, .event_count = 2, .audit = &audit };

	rig_open(&rig);
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
		" WHERE user_id IN (SELECT id FROM users) AND tenant = 'acme' AND state = 0"), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT id FROM outbox"
		" WHERE event = 'user.created' AND body = '{\"n\":1}'"), 1);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0),
				    STR("01REQUEST"), rig.pool, &found), 0);
	ck_assert_int_eq(found.status, 302);

	ck_assert_int_eq(rig_block_id(&rig, a.user.id, true), ERR_OK);
	audit.request_id = STR("01OTHER");
	ck_assert_int_eq(rig_visit(&rig, &a), ERR_AUTH);
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
	tcase_add_test(tc, the_first_visit_makes_the_user_and_the_next_finds_them);
	tcase_add_test(tc, tenants_do_not_share_users);
	tcase_add_test(tc, unsigned_visit_never_reaches_a_signed_row);
	tcase_add_test(tc, attributes_are_replaced_deleted_and_else_kept);
	tcase_add_test(tc,
		attributes_past_their_limit_are_refused_and_change_nothing);
	tcase_add_test(tc, text_that_cannot_be_kept_whole_is_refused);
	tcase_add_test(tc,
		everybody_of_an_address_is_found_for_an_operator);
	tcase_add_test(tc,
		an_older_token_that_arrives_late_overwrites_nothing);
	tcase_add_test(tc,
		a_visit_without_a_change_still_counts_as_the_newest);
	tcase_add_test(tc,
	ids_are_in_the_order_of_their_making_and_stay_exact_as_doubles);
	tcase_add_test(tc, blocking_refuses_arrivals);
	tcase_add_test(tc, who_was_never_here_is_blocked_by_address);
	tcase_add_test(tc, who_was_blocked_stays_so_with_an_assertion);
	tcase_add_test(tc, a_blocked_address_is_nobodys_to_move_to);
	tcase_add_test(tc, an_erased_users_id_is_never_given_again);
	tcase_add_test(tc, events_and_audit_stand_or_fall_with_the_visit);
	tcase_add_test(tc, users_are_there_after_a_restart);
}

UNIT_MAIN("users", users_tests)
