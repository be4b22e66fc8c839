/* What came with an assertion and what did not, and the verdict. */
#include "admin/identity.h"

#include "config/snapshot-private.h"
#include "handoff/vouch.h"
#include "unit/admin/door.h"

#define NOW INT64_C(1795371060000)

static struct door d;
static struct tenant acme;
static struct tenant *list[] = { &acme };
static struct snapshot_private private = { .refs = 2 };	/* one is ours */
static struct snapshot snapshot;

static void set_up(void)
{
	door_open(&d);
	clock_hold(NOW);
	acme = (struct tenant){
		.slug = STR("acme"), .file = STR("conf.d/acme.conf"),
		.identity = IDENTITY_OBSERVE,
	};
	snapshot = (struct snapshot){ .tenants = list, .tenant_count = 1,
				      .private = &private };
	snapshot_slot_set(d.gateway.snapshots, &snapshot);
	d.gateway.unvouched = strangers_new();
	d.gateway.tally = tally_new();
	ck_assert_ptr_nonnull(d.gateway.unvouched);
	ck_assert_ptr_nonnull(d.gateway.tally);
}

static void tear_down(void)
{
	strangers_free(d.gateway.unvouched);
	tally_free(d.gateway.tally);
	clock_hold(0);
	door_close(&d);
}

static void come(unsigned times, enum err result, enum code code)
{
	const struct vouch vouch = { .code = code };

	while (times--)
		vouch_count(d.gateway.tally, &acme, result, &vouch,
			    clock_steady_ms());
}

static void note(const char *origin, unsigned lack)
{
	struct ip client;

	ck_assert_int_eq(ip_parse(STR("192.0.2.1"), &client), ERR_OK);
	strangers_note(d.gateway.unvouched, acme.slug, str_from(origin), lack,
		       &client, NOW);
}

START_TEST(without_anybody_there_is_no_verdict)
{
	ask_ok(&d, "identity", "acme");
	said(&d, "acme: identity = \"observe\" (conf.d/acme.conf), since ");
	said(&d, "nobody came since then: no verdict\n");
	ask_no("there is no tenant nobody", &d, "identity", "nobody");
}
END_TEST

START_TEST(one_that_is_broken_says_where_and_why)
{
	acme.state = TENANT_BROKEN;
	acme.is_formless = true;
	acme.line = 12;
	acme.problem = STR("url: must be https");
	ask_no("tenant acme is broken: conf.d/acme.conf:12: url: must be https",
	       &d, "identity", "acme");
	ask_no("tenant acme is broken: conf.d/acme.conf:12: url: must be https",
	       &d, "selftest", "acme");
	acme.state = TENANT_DISABLED;
	ask_no("tenant acme is switched off (enabled = false at "
	       "conf.d/acme.conf)", &d, "identity", "acme");
}
END_TEST

START_TEST(a_jti_that_comes_again_is_told)
{
	struct vouch vouch = { .says.jti = STR("0001-always-the-same") };

	vouch_count(d.gateway.tally, &acme, ERR_OK, &vouch, clock_steady_ms());
	ask_ok(&d, "identity", "acme");
	ck_assert_ptr_null(strstr(d.body.ptr, "a jti that another"));
	vouch.jti[REDEMPTION_JTI_TIME_LEN] = 1;
	vouch_count(d.gateway.tally, &acme, ERR_OK, &vouch, clock_steady_ms());
	ask_ok(&d, "identity", "acme");
	said(&d, "       1  good, with a jti that another assertion had: the "
		 "signing code has to draw one for each\n");
	said(&d, "100.0% of 2 signed; ");
	ask_ok(&d, "identity", "acme", "--json");
	said(&d, "\"repeated_jti\":1,");
}
END_TEST

START_TEST(unsigned_says_what_to_do)
{
	acme.identity = IDENTITY_UNSIGNED;
	ask_ok(&d, "identity", "acme");
	said(&d, "set identity = \"observe\"\n");
}
END_TEST

START_TEST(all_that_came_were_signed)
{
	come(3, ERR_OK, 0);
	ask_ok(&d, "identity", "acme");
	said(&d, "100.0% of 3 signed; safe to enforce: set identity = "
		 "\"signed\"\n");
	acme.identity = IDENTITY_SIGNED;
	ask_ok(&d, "identity", "acme");
	said(&d, "100.0% of 3 signed; nobody was refused\n");
	/* other rules, other counts */
	acme.identity_stamp = 1;
	ask_ok(&d, "identity", "acme");
	said(&d, "nobody came since then: no verdict\n");
}
END_TEST

/* One of a thousand is one too many. */
START_TEST(one_that_did_not_is_told_with_its_page)
{
	come(1999, ERR_OK, 0);
	come(1, ERR_AUTH, CODE_assertion_missing);
	note("https://shop.example", VOUCH_LACKING);
	ask_ok(&d, "identity", "acme");
	said(&d, "       1  assertion_missing\n");
	said(&d, "https://shop.example                          1  ");
	said(&d, "  no assertion\n");
	said(&d, "99.9% of 2000 signed; not yet safe to enforce\n");
	/* no memory, which says nothing of them, is not counted */
	come(1, ERR_NOMEM, 0);
	come(2, ERR_AUTH, CODE_assertion_expired);
	note("https://shop.example", VOUCH_REFUSED);
	note("https://old.example", VOUCH_REFUSED);
	ask_ok(&d, "identity", "acme");
	said(&d, "       2  assertion_expired\n");
	said(&d, "  none, or one that does not hold\n");
	said(&d, "  one that does not hold\n");
	said(&d, "99.8% of 2002 signed; not yet safe to enforce\n");
	come(1, ERR_AUTH, CODE_assertion_expired);
	ask_ok(&d, "identity", "acme");
	said(&d, "1 more, of pages that are not kept\n");
}
END_TEST

/* What was before the pages were mended does not count for ever. */
START_TEST(the_counting_begins_anew)
{
	come(1, ERR_AUTH, CODE_assertion_missing);
	note("https://shop.example", VOUCH_LACKING);
	clock_hold(NOW + 2 * INT64_C(3600) * 1000);
	come(3, ERR_OK, 0);
	ask_ok(&d, "identity", "acme");
	said(&d, "75.0% of 4 signed; not yet safe to enforce\n");
	ask_ok(&d, "identity", "acme", "1");
	said(&d, "100.0% of 3 signed; safe to enforce");
	ask_ok(&d, "identity", "acme", "reset");
	said(&d, "nobody came since then: no verdict\n");
	come(1, ERR_OK, 0);
	ask_ok(&d, "identity", "acme");
	said(&d, "100.0% of 1 signed; safe to enforce");
	ask_no("HOURS is 1 to 24, or reset: 25", &d, "identity", "acme", "25");
}
END_TEST

START_TEST(programs_are_told_the_same)
{
	come(1, ERR_OK, 0);
	come(1, ERR_AUTH, CODE_assertion_missing);
	note("https://shop.example", VOUCH_LACKING);
	ask_ok(&d, "identity", "acme", "--json");
	said(&d, "{\"tenant\":\"acme\",\"identity\":\"observe\",\"since_ms\":");
	said(&d, ",\"good\":1,\"refused\":1,\"repeated_jti\":0,\"safe\":false,\"by_code\":"
		 "{\"assertion_missing\":1},\"pages\":[{\"origin\":"
		 "\"https://shop.example\",\"count\":1,\"last_ms\":"
		 "1795371060000,\"lacking\":true,\"refused\":false}]}\n");
}
END_TEST

static void identity_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, without_anybody_there_is_no_verdict);
	tcase_add_test(tc, one_that_is_broken_says_where_and_why);
	tcase_add_test(tc, a_jti_that_comes_again_is_told);
	tcase_add_test(tc, unsigned_says_what_to_do);
	tcase_add_test(tc, all_that_came_were_signed);
	tcase_add_test(tc, one_that_did_not_is_told_with_its_page);
	tcase_add_test(tc, the_counting_begins_anew);
	tcase_add_test(tc, programs_are_told_the_same);
}

UNIT_MAIN("identity", identity_tests)
