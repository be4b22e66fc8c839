/* A gateway is found by its files, whether they hold or not. */
#include "config/place.h"

#include "unit/config/rig.h"

static struct pool *pool;
static struct place place;

static void set_up(void)
{
	rig_begin();
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
}

static void tear_down(void)
{
	pool_free(pool);
	rig_end();
}

static enum err find(const char *state)
{
	rig_options.state_override = state;
	place = (struct place){ 0 };
	report_done(&rig_report);
	ck_assert_int_eq(report_init(&rig_report), 0);
	return place_find(&rig_options, pool, &place, &rig_report);
}

#define STATE "state = \"/srv/state\";"
#define ADMIN "admin = \"unix:/run/u.sock\";"

START_TEST(what_the_files_say_is_found)
{
	static const struct {
		const char *text;
		bool is_broken;
		const char *state, *admin;
	} cases[] = {
		{ "gateway = { " STATE ADMIN " };", false, "/srv/state",
		  "/run/u.sock" },
		{ "gateway = { " STATE " };", false, "/srv/state",
		  "/srv/state/admin.sock" },
		{ "gateway : { state : \"s\"; admin : \"unix:a/b\"; };", false,
		  "=s", "=s/a/b" },
		{ "gateway = { };", false, "/var/lib/usher",
		  "/var/lib/usher/admin.sock" },
		/* settings that a load would refuse */
		{ "gateway = { listen = 3; oops = 1; " STATE " };", false,
		  "/srv/state", "/srv/state/admin.sock" },
		/* what does not parse */
		{ "gateway = { oops " STATE ADMIN " };", true, "/srv/state",
		  "/run/u.sock" },
		{ "gateway = { listen = ( { url = \"x\"; ); " STATE "\n", true,
		  "/srv/state", "/srv/state/admin.sock" },
		{ "gateway = { " STATE " x = 010; };", true, "/srv/state",
		  "/srv/state/admin.sock" },
		{ "gateway = { nonsense", true, "/var/lib/usher",
		  "/var/lib/usher/admin.sock" },
		/* a text that is none, or no socket */
		{ "gateway = { admin = \"/run/u.sock\"; " STATE " };", false,
		  "/srv/state", "/srv/state/admin.sock" },
		{ "gateway = { state = 5; " ADMIN " };", false,
		  "/var/lib/usher", "/run/u.sock" },
		/* another's, and behind the group */
		{ "other = { state = \"/x\"; }; gateway = { " ADMIN " }; "
		  "more = { state = \"/y\"; };", false, "/var/lib/usher",
		  "/run/u.sock" },
	};
	char want[PATH_MAX + 64];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const char *state = cases[i].state, *admin = cases[i].admin;
		bool has_state = strstr(cases[i].text, STATE) != NULL;
		bool has_admin = strstr(cases[i].text, ADMIN) != NULL;

		rig_write("gateway.conf", cases[i].text);
		ck_assert_msg(find(NULL) == ERR_OK, "%s", cases[i].text);
		ck_assert_msg(place.is_broken == cases[i].is_broken, "%s",
			      cases[i].text);
		ck_assert_int_eq(rig_report.count > 0, cases[i].is_broken);
		/* a default is one where nothing is amiss, else a guess */
		ck_assert_int_eq(place.is_state_guessed,
				 cases[i].is_broken && !has_state);
		ck_assert_int_eq(place.is_admin_guessed, cases[i].is_broken &&
				 !has_state && !has_admin);
		/* '=': relative to the directory */
		snprintf(want, sizeof(want), "%s%s%s",
			 *state == '=' ? rig_dir : "", *state == '=' ? "/" : "",
			 state + (*state == '='));
		ck_assert_str_eq(place.state.ptr, want);
		snprintf(want, sizeof(want), "%s%s%s",
			 *admin == '=' ? rig_dir : "", *admin == '=' ? "/" : "",
			 admin + (*admin == '='));
		ck_assert_str_eq(place.admin.ptr, want);
	}
}
END_TEST

/* As a snapshot has them, for files that hold. */
START_TEST(it_is_where_a_snapshot_says)
{
	struct snapshot *s;

	rig_write("gateway.conf", "gateway = { public_url = \"https://x.ex\";\n"
		  "listen = ( { url = \"http://127.0.0.1:1\"; } );\n"
		  "state = \"deep/state\"; admin = \"unix:b.sock\"; };");
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(find(i ? "/elsewhere" : NULL), ERR_OK);
		s = rig_load_good(NULL);
		ck_str_is(place.state, s->gateway.state.ptr);
		ck_str_is(place.admin, s->gateway.admin.ptr);
		snapshot_unref(s);
	}
}
END_TEST

START_TEST(a_state_that_is_given_is_no_guess)
{
	rig_write("gateway.conf", "gateway = { nonsense");
	ck_assert_int_eq(find("/elsewhere"), ERR_OK);
	ck_assert(place.is_broken);
	ck_assert(!place.is_state_guessed && !place.is_admin_guessed);
	ck_str_is(place.admin, "/elsewhere/admin.sock");
	rig_write("gateway.conf", "gateway = { oops " ADMIN);
	ck_assert_int_eq(find(NULL), ERR_OK);
	ck_assert(place.is_state_guessed && !place.is_admin_guessed);
}
END_TEST

START_TEST(other_files_are_not_in_the_way)
{
	rig_write("a.conf", "tenant = { slug = \"a\"; oops");
	rig_write_mode("b.conf", "\x01\xff", 0600);
	rig_write("gateway.conf", "gateway = { " STATE " };");
	ck_assert_int_eq(find(NULL), ERR_OK);
	ck_assert(!place.is_broken);
	ck_str_is(place.state, "/srv/state");
}
END_TEST

START_TEST(without_a_gateway_there_is_none)
{
	rig_write("a.conf", TENANT("a", STATE));
	ck_assert_int_eq(find(NULL), ERR_NOT_FOUND);
	ck_assert(rig_found("no file has a gateway group"));
	rig_options.config_dir = "/nowhere/at/all";
	ck_assert_int_eq(find(NULL), ERR_NOT_FOUND);
	ck_assert(rig_found("cannot be read"));
}
END_TEST

static void place_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_the_files_say_is_found);
	tcase_add_test(tcase, it_is_where_a_snapshot_says);
	tcase_add_test(tcase, a_state_that_is_given_is_no_guess);
	tcase_add_test(tcase, other_files_are_not_in_the_way);
	tcase_add_test(tcase, without_a_gateway_there_is_none);
}

UNIT_MAIN("place", place_tests)
