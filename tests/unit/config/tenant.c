/* A tenant's group at the edge of its rules, its desk's settings too. */
#include "config/snapshot-private.h"

#include "unit/config/rig.h"

static void set_up(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
}

static void tear_down(void)
{
	rig_end();
}

/* Does a tenant with this serve?  What was found is in the report. */
static bool serves(const char *slug, const char *members)
{
	struct snapshot *s;
	char text[4096];
	bool serves;

	snprintf(text, sizeof(text), "tenant = { slug = \"%s\"; "
		 "identity = \"unsigned\"; %s };\n", slug, members);
	rig_write("a.conf", text);
	s = rig_load(NULL);
	ck_assert_ptr_nonnull(s);
	serves = s->tenant_count && s->tenants[0]->state == TENANT_SERVING;
	snapshot_unref(s);
	return serves;
}

START_TEST(a_slug_is_a_label_of_a_host)
{
	static const struct {
		const char *text;
		bool is_one;
	} cases[] = {
		{ "a", true }, { "1", true }, { "a-", true }, { "a--b", true },
		{ "", false }, { "-a", false }, { "A", false }, { "a_b", false },
		{ "a.b", false }, { "a/b", false }, { "a b", false },
		{ "\xc3\xa4", false },
	};
	char longest[65] = "";

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++)
		ck_assert_msg(snapshot_is_slug(str_from(cases[i].text)) ==
			      cases[i].is_one, "%s", cases[i].text);
	ck_assert(!snapshot_is_slug((struct str){ "a\0b", 3 }));
	memset(longest, 'a', 64);
	ck_assert(!snapshot_is_slug(str_from(longest)));
	ck_assert(!serves(longest, ""));
	longest[63] = '\0';
	ck_assert(snapshot_is_slug(str_from(longest)));
	ck_assert(serves(longest, ""));
}
END_TEST

START_TEST(events_are_wanted_by_name_or_family)
{
	static const struct {
		const char *pattern, *event;
		bool is_wanted;
	} cases[] = {
		{ "ticket.created", "ticket.created", true },
		{ "ticket.created", "ticket.create", false },
		{ "ticket.created", "ticket.created2", false },
		{ "ticket.*", "ticket.created", true },
		{ "ticket.*", "ticket.x.y", true },
		/* a family has members, and is not its name's beginning */
		{ "ticket.*", "ticket.", false },
		{ "ticket.*", "ticket", false },
		{ "ticket.*", "tickets.created", false },
		{ "ticket.*", "tacket.created", false },
		{ ".*", ".x", false }, { ".*", ".*", true },
		{ "user.synced", "user.created", true },
		{ "user.synced", "user.updated", true },
		{ "user.synced", "user.signed_in", false },
		{ "user.synced", "user.synced", false },
	};
	struct str wanted[2] = { STR("other"), STR_NULL };
	struct tenant_hook hook = { .events = wanted, .event_count = 2 };
	struct tenant tenant = { .hooks = &hook, .hook_count = 1 };

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		wanted[1] = str_from(cases[i].pattern);
		ck_assert_msg(tenant_wants(&tenant, str_from(cases[i].event)) ==
			      cases[i].is_wanted, "%s %s", cases[i].pattern,
			      cases[i].event);
	}
	tenant.hook_count = 0;
	ck_assert(!tenant_wants(&tenant, STR("user.created")));
}
END_TEST

START_TEST(a_key_that_others_may_open_is_told)
{
#define OWN "certificate = \"c\"; key = \"k\";"
	rig_write_mode("c", "certificate", 0644);
	rig_write_mode("k", "key", 0600);
	ck_assert(serves("a", OWN));
	ck_assert(!rig_found("may open"));
	rig_write_mode("k", "key", 0640);
	ck_assert(serves("a", OWN));
	ck_assert(rig_found("may open"));
	ck_assert(!serves("a", "certificate = \"c\";"));
	ck_assert(!serves("a", "key = \"k\";"));
}
END_TEST

START_TEST(a_session_is_no_longer_than_its_end)
{
	ck_assert(serves("a", "session = { idle = 60; absolute = 60; };"));
	ck_assert(!serves("a", "session = { idle = 61; absolute = 60; };"));
	/* One alone is held against the other's default. */
	ck_assert(!serves("a", "session = { idle = 28801; };"));
}
END_TEST

START_TEST(a_colour_is_six_digits)
{
	static const struct {
		const char *text;
		bool is_one;
	} cases[] = {
		{ "#0b57D0", true }, { "#000000", true }, { "0b57d0", false },
		{ "#0b57d", false }, { "#0b57d0f", false }, { "#0b57dg", false },
		{ "#fff", false }, { " #0b57d0", false },
		{ "#0b57d0;", false }, { "red", false },
	};
	char text[64];

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		snprintf(text, sizeof(text), "accent = \"%s\";",
			 cases[i].text);
		ck_assert_msg(serves("a", text) == cases[i].is_one, "%s",
			      text);
	}
}
END_TEST

/* The built-in desk compares it with nothing. */
START_TEST(a_name_that_looks_like_a_number_is_told_to_other_desks)
{
	ck_assert(serves("14a", "desk = false;"));
	ck_assert(rig_found("begins with a digit"));
	ck_assert(serves("14a", "desk = true;"));
	ck_assert(!rig_found("begins with a digit"));
	ck_assert(!serves("a", "desk_user = \"{slug}:{external_id}\";"));
	ck_assert(rig_found("do not have"));
}
END_TEST

static void tenant_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_slug_is_a_label_of_a_host);
	tcase_add_test(tcase, events_are_wanted_by_name_or_family);
	tcase_add_test(tcase, a_key_that_others_may_open_is_told);
	tcase_add_test(tcase, a_session_is_no_longer_than_its_end);
	tcase_add_test(tcase, a_colour_is_six_digits);
	tcase_add_test(tcase,
		       a_name_that_looks_like_a_number_is_told_to_other_desks);
}

UNIT_MAIN("tenant", tenant_tests)
