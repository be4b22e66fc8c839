/* From files to tenants: who stays, who goes, and where to look. */
#include "config/snapshot.h"

#include "unit/config/rig.h"

static struct snapshot *running;

static void set_up(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", "tenants = (\n"
		  "{ slug = \"a\"; identity = \"unsigned\"; },\n"
		  "{ slug = \"b\"; identity = \"unsigned\"; } );\n");
	running = rig_load_good(NULL);
}

static void tear_down(void)
{
	snapshot_unref(running);
	rig_end();
}

static void reload(const char *text)
{
	struct snapshot *next;

	rig_write("a.conf", text);
	next = rig_load(running);
	ck_assert_ptr_nonnull(next);
	snapshot_unref(running);
	running = next;
}

static bool is_there(const char *slug)
{
	return snapshot_tenant(running, str_from(slug)) != NULL;
}

START_TEST(who_is_taken_out_of_a_sound_file_is_gone)
{
	reload(TENANT("b", ""));
	ck_assert(!is_there("a"));
	ck_assert(is_there("b"));
	ck_assert(!running->is_partial);
}
END_TEST

/* Nobody knows whether it was meant. */
START_TEST(who_is_missing_in_a_broken_file_stays)
{
	reload(TENANT("b", "desk = 1;"));
	ck_assert(is_there("a"));
	ck_assert_int_eq(rig_tenant(running, "a")->state, TENANT_SERVING);
	ck_assert_int_eq(rig_tenant(running, "b")->state, TENANT_SERVING);
}
END_TEST

START_TEST(a_group_whose_slug_is_none_may_be_anybody)
{
	reload("tenants = ( { slug = \"B\"; identity = \"unsigned\"; },\n"
	       "{ slug = \"a\"; identity = \"unsigned\"; } );\n");
	ck_assert(running->is_partial);
	ck_assert(is_there("a") && is_there("b"));
	reload("tenants = ( { identity = \"unsigned\"; } );\n");
	ck_assert(running->is_partial);
	reload(TENANT("b", ""));
	ck_assert(!running->is_partial);
	ck_assert(!is_there("a"));
}
END_TEST

START_TEST(a_broken_one_names_the_line_of_its_first_error)
{
	rig_write("c.conf", "tenant = {\nslug = \"c\";\nidentity = "
		  "\"unsigned\";\nname = \"C\";\ndesk = 1;\nhome = 2; };\n");
	reload(TENANT("b", ""));
	ck_assert_int_eq(rig_tenant(running, "c")->state, TENANT_BROKEN);
	ck_assert_uint_eq(rig_tenant(running, "c")->line, 5);
	ck_assert(str_icontains(rig_tenant(running, "c")->problem,
				STR("desk")));
}
END_TEST

static void load_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, who_is_taken_out_of_a_sound_file_is_gone);
	tcase_add_test(tcase, who_is_missing_in_a_broken_file_stays);
	tcase_add_test(tcase, a_group_whose_slug_is_none_may_be_anybody);
	tcase_add_test(tcase, a_broken_one_names_the_line_of_its_first_error);
}

UNIT_MAIN("load", load_tests)
