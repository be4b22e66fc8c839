/* Users and sessions through the admin socket's commands. */
#include "admin/usercmd.h"

#include "unit/admin/door.h"

/* The first whom a store of that moment makes, and those after them. */
#define MOMENT 1700000000000
#define FIRST "500380467200000"
#define SECOND "500380467200001"
#define THIRD "500380467200002"

/* A session of that user's; its id. */
static int64_t sign_in(struct door *d, unsigned serial, int64_t user)
{
	struct redemption r = rig_token(&d->rig, serial, user);

	ck_assert_int_eq(rig_redeem(&d->rig, &r), ERR_OK);
	return r.session_id;
}

START_TEST(a_user_is_shown_by_address_or_id)
{
	struct door d;

		clock_hold(MOMENT);
	door_open(&d);
	rig_user(&d.rig, "ann@b", "Ann \xe2\x80\xae");
	ask_ok(&d, "users", "show", "acme", "Ann@B");
	ck_str_is(buf_str(&d.body),
		  "user " FIRST " of acme\n"
		  "  name        Ann \xef\xbf\xbd\n"
		  "  address     ann@b\n"
		  "  verified    no\n"
		  "  created     2023-11-14T22:13:20+00:00\n"
		  "  changed     2023-11-14T22:13:20+00:00\n"
		  "  last seen   2023-11-14T22:13:20+00:00\n"
		  "  attributes  {}\n");
	ask_ok(&d, "users", "show", "acme", FIRST, "--json");
	said(&d, "{\"users\":[{\"id\":" FIRST ",\"tenant\":\"acme\"");
	ask_no("no such user of blue", &d, "users", "show", "blue", FIRST);
	ask_no("no such user of blue", &d, "users", "show", "blue", "ann@b");
	ask_no("no such user", &d, "users", "show", "acme", "2");
	ask_no("there is no tenant amce; did you mean acme?", &d, "users",
	       "show", "amce", "ann@b");
	ask_no("there is no tenant nobody", &d, "users", "show", "nobody", "2");
	ask_no("did you mean blue?", &d, "users", "unblock", "bleu", "ann@b");
	ask_no("did you mean blue?", &d, "users", "erase", "bleu", "2");
	ask_no("did you mean acme?", &d, "users", "export", "acmee", "ann@b");
	ask_no("did you mean acme?", &d, "sessions", "amce", "ann@b");
	ask_no("by address", &d, "users", "show", "acme", "@@");
	door_close(&d);
}
END_TEST

START_TEST(two_of_one_address_are_told_apart)
{
	struct door d;

	clock_hold(MOMENT);
	door_open(&d);
	rig_user(&d.rig, "ann@b", "Unsigned");
	rig_sql(&d.rig, "INSERT INTO users(tenant, email_key, email, name,"
		" verified, created_s, updated_s, last_seen_s)"
		" VALUES('acme', 'ann@b', 'ann@b', 'Signed', 1, 1, 1, 1)");
	rig_sql(&d.rig, "INSERT INTO users(tenant, email_key, email, name,"
		" external_id, verified, created_s, updated_s, last_seen_s)"
		" VALUES('acme', 'ann@b', 'ann@b', 'Ext', 'e', 1, 1, 1, 1)");
	ask_ok(&d, "users", "show", "acme", "ann@b");
	said(&d, "user " FIRST " of acme");
	said(&d, "user " SECOND " of acme");
	said(&d, "user " THIRD " of acme");
	said(&d, "external id e");
	ask_no("by id", &d, "users", "erase", "acme", "ann@b");
	ask_no("by id", &d, "users", "export", "acme", "ann@b");
	ask_ok(&d, "users", "export", "acme", THIRD);
	said(&d, "\"external_id\":\"e\"");
	ck_assert_ptr_null(strstr(d.body.ptr, "Unsigned"));
	ask_ok(&d, "users", "erase", "acme", SECOND);
	ask_no("by id", &d, "users", "erase", "acme", "ann@b");
	ask_ok(&d, "users", "erase", "acme", FIRST);
	ask_ok(&d, "users", "erase", "acme", "ann@b");
	ck_str_is(buf_str(&d.body), "erased user " THIRD "\n");
	door_close(&d);
}
END_TEST

/* In any spelling, and where rows of older releases are the same address's. */
START_TEST(all_spellings_name_the_same_people)
{
	struct door d;

	clock_hold(MOMENT);
	door_open(&d);
	ask_ok(&d, "users", "conflicts");
	ck_str_is(buf_str(&d.body), "no address is more than one user's\n");
	rig_user(&d.rig, "josé@b", "José");
	ask_ok(&d, "users", "show", "acme", "JOSE\xcc\x81@B");
	said(&d, "user " FIRST " of acme");
	rig_sql(&d.rig, "INSERT INTO users(id, tenant, email_key, email, name,"
		" created_s, updated_s, last_seen_s) VALUES"
		" (7, 'acme', 'jose\xcc\x81@b', 'Jose\xcc\x81@b', 'J', 1, 1,"
		" 0)");
	rig_sql(&d.rig, "INSERT INTO user_keys VALUES('acme', 'josé@b', 0, 7)");
	ask_ok(&d, "users", "show", "acme", "josé@b");
	said(&d, "user 7 of acme");
	said(&d, "user " FIRST " of acme");
	ask_no("by id", &d, "users", "block", "acme", "JOSÉ@b");
	ask_no("by id", &d, "users", "erase", "acme", "JOSÉ@b");
	ask_ok(&d, "users", "conflicts");
	ck_str_is(buf_str(&d.body), "acme: josé@b\n"
		  "  7                 in use    Jose\xcc\x81@b,"
		  " last seen never\n"
		  "  " FIRST "   passed by josé@b,"
		  " last seen 2023-11-14T22:13:20+00:00\n");
	ask_ok(&d, "users", "conflicts", "acme", "--json");
	said(&d, "{\"conflicts\":[{\"tenant\":\"acme\","
		 "\"email_key\":\"josé@b\",\"users\":[{\"id\":7,");
	said(&d, "},{\"id\":" FIRST ",");
	said(&d, "}]}],\"more\":false,\"ladder\":{");
	ask_ok(&d, "users", "erase", "acme", "7");
	ask_ok(&d, "users", "conflicts", "--json");
	ck_str_is(buf_str(&d.body), "{\"conflicts\":[],\"more\":false}\n");
	ask_ok(&d, "users", "erase", "acme", "JOSE\xcc\x81@b");
	ck_str_is(buf_str(&d.body), "erased user " FIRST "\n");
	door_close(&d);
}
END_TEST

static void add_row(struct door *d, int id, const char *email, bool is_signed,
		    const char *sub, bool is_blocked)
{
	char sql[512];

	snprintf(sql, sizeof(sql), "INSERT INTO users(id, tenant, email_key,"
		 " email, name, verified, external_id, blocked, created_s,"
		 " updated_s, last_seen_s) VALUES(%d, 'acme', '%s', '%s', 'N',"
		 " %d, %s, %d, 1, 1, 0)", id, email, email, is_signed,
		 sub ? sub : "NULL", is_blocked);
	rig_sql(&d->rig, sql);
}

START_TEST(what_the_ladder_would_do_is_told_before)
{
	struct door d;

	door_open(&d);
	/* none of theirs, at one of them signed with an id, and without */
	rig_user(&d.rig, "a@b", "A");
	add_row(&d, 2, "b@b", false, NULL, false);
	add_row(&d, 3, "b@b", true, "'x'", false);
	add_row(&d, 4, "c@b", false, NULL, true);
	add_row(&d, 5, "c@b", true, NULL, false);
	add_row(&d, 6, "d@b", false, NULL, true);
	add_row(&d, 7, "", true, "'y'", false);
	/* rows of an older release, which are told as ever */
	add_row(&d, 8, "jose\xcc\x81@b", false, NULL, false);
	add_row(&d, 9, "josé@b", false, NULL, false);
	rig_sql(&d.rig, "INSERT INTO user_keys VALUES('acme', 'josé@b', 0, 8)");
	ask_ok(&d, "users", "conflicts", "acme");
	said(&d, "acme: josé@b\n  8                 in use");
	said(&d, "on_conflict = \"reject\" refused, 409 identity_conflict");
	said(&d, "without an address until their next sign-in: 7\n");
	said(&d, "  2                 stays     b@b, signed user 3 came before");
	said(&d, "  4                 stays     c@b, signed user 5 came before");
	said(&d, "  6                 blocked   d@b, and the signed one is");
	said(&d, "  of 6 users 3 would be taken over\n");
	ck_assert_ptr_null(strstr(d.body.ptr, "more behind"));
	ask_ok(&d, "users", "conflicts", "acme", "--json");
	said(&d, "\"without_address\":[7]");
	said(&d, "\"unsigned\":[{\"id\":2,\"email\":\"b@b\","
		 "\"adopt_unsigned_would\":\"leave\",\"signed_id\":3},");
	said(&d, "\"would_be_taken_over\":3}}\n");
	/* where a page ended */
	ask_ok(&d, "users", "conflicts", "acme", "c@b", "--json");
	ck_str_is(buf_str(&d.body), "{\"ladder\":{\"unsigned\":[{\"id\":6,"
		  "\"email\":\"d@b\",\"adopt_unsigned_would\":\"refuse\"}],"
		  "\"would_be_taken_over\":2}}\n");
	door_close(&d);
}
END_TEST

/* Many are told in pages, each of them once. */
START_TEST(very_many_are_told_page_by_page)
{
	struct users_outlook page = { .next = STR("") };
	struct str after = STR("");
	unsigned count = 0, pages = 0;
	struct door d;

	door_open(&d);
	for (int i = 0; i < 7; i++) {
		char email[16];

		snprintf(email, sizeof(email), "u%d@b", i);
		add_row(&d, i + 1, email, false, NULL, i % 2);
	}
	while (page.next.ptr && pages++ < 10) {
		ck_assert_int_eq(users_outlook(store_reader(d.rig.store, 0),
			STR("acme"), after, 3, d.rig.pool, &page), ERR_OK);
		count += page.count + page.taken_over;
		after = page.next;
	}
	ck_assert_uint_eq(pages, 3);
	ck_assert_uint_eq(count, 7);
	door_close(&d);
}
END_TEST

START_TEST(while_keys_are_made_it_is_said)
{
	struct door d;

	door_open(&d);
	rig_user(&d.rig, "ann@b", "Ann");
	rig_sql(&d.rig, "UPDATE marks SET value = 0 WHERE name = 'user_keys'");
	ask_no("since the upgrade", &d, "users", "conflicts");
	ask_no("since the upgrade", &d, "users", "show", "acme", "é@b");
	ask_no("since the upgrade", &d, "users", "block", "acme", "é@b");
	ask_ok(&d, "users", "show", "acme", "ann@b");
	door_close(&d);
}
END_TEST

START_TEST(blocking_ends_sessions_and_is_on_record)
{
	struct audit_record records[AUDIT_PAGE_MAX];
	unsigned count = 0;
	struct door d;
	int64_t ann, bob;

	clock_hold(MOMENT);
	door_open(&d);
	ann = rig_user(&d.rig, "ann@b", "Ann");
	bob = rig_user(&d.rig, "bob@b", "Bob");
	sign_in(&d, 1, ann);
	sign_in(&d, 2, bob);
	ask_no("no such user of blue", &d, "users", "block", "blue", FIRST);
	ask_ok(&d, "users", "block", "acme", "ann@b", "--json");
	said(&d, "{\"id\":" FIRST ",\"done\":\"user_blocked\"");
	ask_ok(&d, "users", "show", "acme", "ann@b");
	said(&d, "of acme, blocked\n");
	ask_ok(&d, "sessions", "acme", "-");
	ck_assert_ptr_null(strstr(d.body.ptr, "ann@b"));
	said(&d, "bob@b (" SECOND ")");
	ask_ok(&d, "users", "unblock", "acme", "ann@b");
	ck_str_is(buf_str(&d.body), "unblocked user " FIRST "\n");
	ck_assert_int_eq(audit_list(store_reader(d.rig.store, 0), 0,
				    d.rig.pool, records, &count), ERR_OK);
	ck_assert_uint_eq(count, 2);
	ck_str_is(records[0].code, "user_unblocked");
	ck_str_is(records[1].code, "user_blocked");
	ck_str_is(records[1].tenant, "acme");
	door_close(&d);
}
END_TEST

START_TEST(sessions_are_listed_and_ended)
{
	struct door d;
	char id[32];
	int64_t ann, bob, first, second;

	clock_hold(MOMENT);
	door_open(&d);
	ann = rig_user(&d.rig, "ann@b", "Ann");
	bob = rig_user(&d.rig, "bob@b", "Bob");
	first = sign_in(&d, 1, ann);
	second = sign_in(&d, 2, ann);
	sign_in(&d, 3, bob);
	ask_ok(&d, "sessions", "acme", "-", "--json");
	said(&d, "\"total\":3}");
	ask_ok(&d, "sessions", "acme", "ann@b", "--json");
	said(&d, "\"total\":2}");
	snprintf(id, sizeof(id), "{\"id\":\"%lld\",", (long long)second);
	ck_assert_msg(strstr(d.body.ptr, id) == d.body.ptr +
		      strlen("{\"sessions\":["), "the newest first: %s",
		      d.body.ptr);
	snprintf(id, sizeof(id), "%lld", (long long)first);
	ask_ok(&d, "session", "end", id);
	ask_no("no such session", &d, "session", "end", id);
	ask_no("a number", &d, "session", "end", "x");
	ask_ok(&d, "sessions", "acme", FIRST, "--json");
	said(&d, "\"total\":1}");
	ask_no("no such user", &d, "sessions", "blue", FIRST);
	door_close(&d);
}
END_TEST

static void usercmd_tests(TCase *tc)
{
	tcase_add_test(tc, a_user_is_shown_by_address_or_id);
	tcase_add_test(tc, two_of_one_address_are_told_apart);
	tcase_add_test(tc, all_spellings_name_the_same_people);
	tcase_add_test(tc, while_keys_are_made_it_is_said);
	tcase_add_test(tc, what_the_ladder_would_do_is_told_before);
	tcase_add_test(tc, very_many_are_told_page_by_page);
	tcase_add_test(tc, blocking_ends_sessions_and_is_on_record);
	tcase_add_test(tc, sessions_are_listed_and_ended);
}

UNIT_MAIN("usercmd", usercmd_tests)
