/* Which pages were refused lately, and that none pushes out the others. */
#include "policy/strangers.h"

#include "unit/unit.h"

static struct strangers *strangers;
static struct stranger list[STRANGERS_KEPT];
static int64_t now_ms;

static void note(const char *origin, unsigned client)
{
	char text[32];
	struct ip ip;

	snprintf(text, sizeof(text), "198.51.%u.%u", client / 256,
		 client % 256);
	ck_assert_int_eq(ip_parse(str_from(text), &ip), ERR_OK);
	strangers_note(strangers, STR("acme"), str_from(origin),
		       STRANGER_POST, &ip, ++now_ms);
}

/* "https://NAME-N.test" */
static void note_many(const char *name, unsigned from, unsigned to,
		      unsigned client)
{
	char origin[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(origin, sizeof(origin), "https://%s-%u.test", name,
			 i);
		note(origin, client);
	}
}

static unsigned count(const char *part)
{
	unsigned n = 0;
	uint64_t total;

	for (unsigned i = strangers_list(strangers, STR("acme"), list, &total);
	     i-- > 0;)
		n += strstr(list[i].origin, part) != NULL;
	return n;
}

START_TEST(each_is_told_with_how_often_when_and_at_what)
{
	struct ip ip = { .family = 4 };
	uint64_t total;

	strangers_note(strangers, STR("acme"), STR("https://a.test"),
		       STRANGER_PREFLIGHT, &ip, 5);
	strangers_note(strangers, STR("acme"), STR("null"), STRANGER_POST,
		       &ip, 6);
	strangers_note(strangers, STR("acme"), STR("https://a.test"),
		       STRANGER_READ, &ip, 7);
	strangers_note(strangers, STR("aaaa"), STR("https://b.test"),
		       STRANGER_POST, &ip, 8);
	ck_assert_uint_eq(strangers_list(strangers, STR("acme"), list,
					 &total), 2);
	ck_assert_uint_eq(total, 3);
	ck_assert_str_eq(list[0].origin, "https://a.test");
	ck_assert_uint_eq(list[0].count, 2);
	ck_assert_int_eq(list[0].last_ms, 7);
	ck_assert_uint_eq(list[0].kinds, STRANGER_PREFLIGHT | STRANGER_READ);
	ck_assert_str_eq(list[1].origin, "null");
	ck_assert_uint_eq(strangers_list(strangers, STR("none"), list,
					 &total), 0);
	ck_assert_uint_eq(total, 0);
}
END_TEST

START_TEST(one_client_holds_a_few_places_only)
{
	uint64_t total;

	note("https://honest.test", 1);
	note_many("hostile", 0, 5000, 2);
	ck_assert_uint_eq(count("hostile"), STRANGERS_OF_CLIENT);
	ck_assert_uint_eq(count("honest"), 1);
	/* its last ones, and all are counted */
	ck_assert_uint_eq(count("hostile-4999"), 1);
	strangers_list(strangers, STR("acme"), list, &total);
	ck_assert_uint_eq(total, 5001);
}
END_TEST

START_TEST(what_two_clients_have_shown_stays)
{
	note("https://honest.test", 1);
	note("https://honest.test", 2);
	for (unsigned i = 0; i < 3000; i++)
		note_many("hostile", i, i + 1, 100 + i);
	ck_assert_uint_eq(count("honest"), 1);
	ck_assert_uint_eq(count("hostile"), STRANGERS_KEPT - 1);
	/* Newcomers always find a place, whoever shares the others. */
	for (unsigned i = 0; i < 100; i++) {
		note_many("shared", i, i + 1, 5000 + i);
		note_many("shared", i, i + 1, 6000 + i);
	}
	ck_assert_uint_eq(count("honest"), 1);
	note("https://new.test", 9);
	ck_assert_uint_eq(count("new"), 1);
	/* What nobody showed for long makes room. */
	now_ms += STRANGERS_STALE_MS;
	note("https://new.test", 10);
	for (unsigned i = 0; i < 100; i++)
		note_many("late", i, i + 1, 7000 + i);
	ck_assert_uint_eq(count("new"), 1);
	ck_assert_uint_eq(count("honest"), 0);
}
END_TEST

START_TEST(a_slash_64_is_one_client)
{
	struct ip ip;
	char origin[64], text[64];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "2001:db8:1:2::%x", i + 1);
		ck_assert_int_eq(ip_parse(str_from(text), &ip), ERR_OK);
		snprintf(origin, sizeof(origin), "https://six-%u.test", i);
		strangers_note(strangers, STR("acme"), str_from(origin),
			       STRANGER_POST, &ip, ++now_ms);
		strangers_note(strangers, STR("acme"), STR("https://x.test"),
			       STRANGER_POST, &ip, ++now_ms);
	}
	ck_assert_uint_eq(count("six"), STRANGERS_OF_CLIENT - 1);
	ck_assert_uint_eq(count("x.test"), 1);
}
END_TEST

START_TEST(tenants_have_tables_of_their_own_and_an_end)
{
	struct ip ip = { .family = 4 };
	char slug[32];
	uint64_t total;

	for (unsigned i = 0; i <= STRANGERS_TENANTS_MAX; i++) {
		snprintf(slug, sizeof(slug), "t%u", i * 7919 % 1000003);
		strangers_note(strangers, str_from(slug), STR("null"),
			       STRANGER_POST, &ip, i + 1);
	}
	/* the one that was refused nothing for longest went */
	ck_assert_uint_eq(strangers_list(strangers, STR("t0"), list, &total),
			  0);
	ck_assert_uint_eq(strangers_list(strangers, STR("t7919"), list,
					 &total), 1);
	ck_assert_uint_eq(strangers_list(strangers, str_from(slug), list,
					 &total), 1);
}
END_TEST

START_TEST(nothing_but_the_form_of_an_origin_is_kept)
{
	static const char *const good[] = {
		"null", "https://a.test", "http://a.test:8080",
		"https://[2001:db8::1]:8443", "capacitor://localhost",
		"chrome-extension://abcdef", "https://xn--bcher-kva.example",
	};
	static const char *const bad[] = {
		"", "NULL", "a.test", "https:/a.test", "https://",
		"://a.test", "https://u:p@a.test", "https://a.test/",
		"https://a.test?x=1", "https://a.test x", "https://a.test\x1b",
		"https://a<b>.test", "https://\xc3\xa4.test", "(none)",
		"https://a.test,https://b.test",
	};
	char longest[STRANGERS_ORIGIN_MAX + 2];

	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		ck_str_is(stranger_shown(str_from(good[i]), 1), good[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		ck_str_is(stranger_shown(str_from(bad[i]), 1),
			  STRANGER_MALFORMED);
	ck_str_is(stranger_shown(STR_NULL, 0), STRANGER_NONE);
	ck_str_is(stranger_shown(STR("https://a.test"), 2), STRANGER_SEVERAL);
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "a://", 4);
	longest[sizeof(longest) - 1] = '\0';
	ck_str_is(stranger_shown(str_from(longest), 1), STRANGER_MALFORMED);
	longest[sizeof(longest) - 2] = '\0';
	ck_str_is(stranger_shown(str_from(longest), 1), longest);
}
END_TEST

static void set_up(void)
{
	now_ms = 1795370000000;
	strangers = strangers_new();
	ck_assert_ptr_nonnull(strangers);
}

static void tear_down(void)
{
	strangers_free(strangers);
}

static void strangers_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, each_is_told_with_how_often_when_and_at_what);
	tcase_add_test(tc, one_client_holds_a_few_places_only);
	tcase_add_test(tc, what_two_clients_have_shown_stays);
	tcase_add_test(tc, a_slash_64_is_one_client);
	tcase_add_test(tc, tenants_have_tables_of_their_own_and_an_end);
	tcase_add_test(tc, nothing_but_the_form_of_an_origin_is_kept);
}

UNIT_MAIN("strangers", strangers_tests)
