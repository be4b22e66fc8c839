/* A tenant's adapter: found, given its settings, shared, kept. */
#include "unit/config/rig.h"

#define ADAPTER(module, more) "adapter = { module = \"" module "\";\n" \
	"isolation = \"none\";\n" more " };"

/* The plugins directory holds what the project builds. */
static void plugin(const char *name, const char *from)
{
	char to[PATH_MAX + 256];

	snprintf(to, sizeof(to), "%s", rig_path(name));
	copy_file(from, to, "");
}

static const char *built(const char *name)
{
	static char path[ADAPTER_PATH_MAX];
	const char *dir = getenv("PLUGINS");

	ck_assert_msg(dir != NULL, "PLUGINS must name the directory of the "
				   "built plugins");
	snprintf(path, sizeof(path), "%s/%s/.libs/%s.so", dir, name, name);
	return path;
}

static void begin(void)
{
	char path[ADAPTER_PATH_MAX];

	rig_begin();
	rig_options.plugins_override = rig_dir;
	rig_write("gateway.conf", GATEWAY);
	plugin("good.so", adapter_path("good", path));
	plugin("init-fails.so", adapter_path("init-fails", path));
	plugin("fieldmap.so", built("fieldmap"));
}

START_TEST(an_adapter_is_loaded_and_named)
{
	const struct tenant *t;
	struct snapshot *s;

	begin();
	rig_write("secret", "\x01not text\n");
	rig_write("a.conf", TENANT("a", ADAPTER("good.so",
		"deadline_ms = 7; json_fields = [ \"address\", \"more\" ];\n"
		"secrets = ( { name = \"s\"; file = \"secret\"; } );\n"
		"config = { greeting = \"hi\"; nested = { json = true; };\n"
		"other = { from = \"address\"; json = true; };\n"
		"third = { from = \"posted\"; json = true; }; };")));
	s = rig_load_good(NULL);
	t = rig_tenant(s, "a");
	ck_assert_ptr_nonnull(t->adapter);
	ck_str_is(adapter_name(t->adapter), "good");
	ck_assert_uint_eq(t->adapter_deadline_ms, 7);
	/* The listed ones, and those that the settings ask for. */
	ck_assert_uint_eq(t->json_field_count, 4);
	ck_str_is(t->json_fields[0], "address");
	ck_str_is(t->json_fields[1], "more");
	ck_str_is(t->json_fields[2], "nested");
	ck_str_is(t->json_fields[3], "posted");
	snapshot_unref(s);
	rig_end();
}
END_TEST

/* What fieldmap does not know it names: so the flattened key is seen. */
static void check_flattened(const char *config, const char *key)
{
	char text[4096], wanted[512];
	struct snapshot *s;

	begin();
	snprintf(text, sizeof(text), TENANT("a", ADAPTER("fieldmap.so",
		 "config = { %s };")), config);
	rig_write("a.conf", text);
	s = rig_load(NULL);
	snprintf(wanted, sizeof(wanted), "config.%s:", key);
	ck_assert_msg(rig_found(wanted), "%s: %s", config,
		      rig_finding(REPORT_TENANT) ?
		      rig_finding(REPORT_TENANT)->problem.ptr : "nothing");
	ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_BROKEN);
	snapshot_unref(s);
	rig_end();
}

START_TEST(a_module_that_is_not_there_is_told_with_what_is)
{
	struct snapshot *s;

	begin();
	rig_write("a.conf", TENANT("a", ADAPTER("Good.so", "")));
	rig_write("b.conf", TENANT("b", ADAPTER("feildmap", "")));
	rig_write("c.conf", TENANT("c", ADAPTER("zendesk.so", "")));
	s = rig_load(NULL);
	ck_assert(rig_found("Good.so is not in the gateway's plugins "
			    "directory, "));
	ck_assert(rig_found(rig_dir));
	for (unsigned i = 0, n = 0; i < rig_report.count; i++) {
		static const char *const wanted[] = {
			"did you mean good.so?", "did you mean fieldmap.so?",
			" holds fieldmap.so, good.so, init-fails.so",
		};

		if (rig_report.v[i].level != REPORT_TENANT)
			continue;
		ck_str_is(rig_report.v[i].setting, "adapter.module");
		ck_assert_msg(n < 3 && strstr(rig_report.v[i].remedy.ptr,
					      wanted[n]), "%s",
			      rig_report.v[i].remedy.ptr);
		n++;
	}
	ck_assert_uint_eq(report_count(&rig_report, REPORT_TENANT), 3);
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(a_process_of_its_own_needs_who_keeps_it)
{
	struct snapshot *s;

	begin();
	rig_write("a.conf", TENANT("a", "adapter = { module = \"good.so\"; "
				   "};"));
	s = rig_load(NULL);
	ck_assert(rig_found("good.so cannot be used: there is nobody to keep "
			    "a process of its own"));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(settings_are_flattened)
{
	check_flattened("a = \"x\";", "a");
	check_flattened("a = 1;", "a");
	check_flattened("a = { b = true; };", "a.b");
	check_flattened("a = { b = { c = ( 1, { d = -5; } ); }; };", "a.b.c.0");
	check_flattened("a = { b = ( { d = -5; } ); };", "a.b.0.d");
	check_flattened("ok = { from = \"x\"; }; a = [ 1, 2 ];", "a.0");
}
END_TEST

START_TEST(settings_have_limits)
{
	struct buf text;
	struct snapshot *s;
	unsigned i;

	begin();
	buf_init(&text, 1 << 20);
	buf_puts(&text, "tenants = ( { slug = \"many\"; identity = "
		 "\"unsigned\"; " ADAPTER("good.so", "config = { a = [ "));
	text.len -= strlen(" };");
	for (i = 0; i < USHER_CONFIG_MAX + 1; i++)
		buf_printf(&text, "%s%u", i ? ", " : "", i);
	buf_puts(&text, " ]; }; }; },\n{ slug = \"long\"; identity = "
		 "\"unsigned\"; " ADAPTER("good.so", "config = { "));
	text.len -= strlen(" };");
	for (i = 0; i < USHER_CONFIG_KEY_MAX + 1; i++)
		buf_addc(&text, 'k');
	buf_puts(&text, " = 1; }; }; } );");
	rig_write("a.conf", text.ptr);
	s = rig_load(NULL);
	ck_assert(rig_found("has more than 1024 values"));
	ck_assert(rig_found("a key of more than 256 octets"));
	ck_assert_int_eq(rig_tenant(s, "many")->state, TENANT_BROKEN);
	ck_assert_int_eq(rig_tenant(s, "long")->state, TENANT_BROKEN);
	snapshot_unref(s);
	buf_done(&text);
	rig_end();
}
END_TEST

START_TEST(an_unchanged_adapter_goes_on)
{
	struct snapshot *s, *next;
	struct adapter *first;

	begin();
	rig_write("a.conf", TENANT("a", ADAPTER("good.so",
						"config = { x = 1; };")));
	s = rig_load_good(NULL);
	first = rig_tenant(s, "a")->adapter;

	/* The tenant changed, its adapter did not. */
	rig_write("a.conf", TENANT("a", "name = \"A\";\n"
				   ADAPTER("good.so",
					   "config = { x = 1; };")));
	next = rig_load_good(s);
	ck_assert_ptr_eq(rig_tenant(next, "a")->adapter, first);
	snapshot_unref(s);

	/* A setting changed: it begins anew. */
	rig_write("a.conf", TENANT("a", ADAPTER("good.so",
						"config = { x = 2; };")));
	s = rig_load_good(next);
	ck_assert_ptr_ne(rig_tenant(s, "a")->adapter, first);
	snapshot_unref(next);
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(a_failing_adapter_keeps_the_old_one)
{
	struct snapshot *s, *next;
	struct adapter *first;

	begin();
	rig_write("a.conf", TENANT("a", ADAPTER("good.so", "")));
	rig_write("b.conf", TENANT("b", ADAPTER("init-fails.so",
						"config = { how = \"error\"; "
						"};")));
	s = rig_load(NULL);
	first = rig_tenant(s, "a")->adapter;
	ck_assert(rig_found("init-fails.so cannot be used"));
	ck_assert(rig_found("must be something else"));
	ck_assert_int_eq(rig_tenant(s, "b")->state, TENANT_BROKEN);

	/* The module is replaced by garbage, another would fail. */
	rig_write_mode("good.so", "garbage", 0755);
	next = rig_load(s);
	ck_assert_ptr_eq(rig_tenant(next, "a")->adapter, first);
	ck_assert_int_eq(rig_tenant(next, "a")->state, TENANT_SERVING);
	snapshot_unref(s);
	rig_write("a.conf", TENANT("a", ADAPTER("init-fails.so", "")));
	s = rig_load(next);
	ck_assert_ptr_eq(rig_tenant(s, "a")->adapter, first);
	snapshot_unref(next);
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(only_what_only_advises_may_be_passed_over)
{
	static const struct {
		const char *module, *config, *says;
	} cases[] = {
		{ "good.so", "", "good has a sync_user hook, which decides" },
		{ "fieldmap.so", "", "fieldmap does not say of itself that it "
		  "refuses nobody (USHER_ADVISORY)" },
		{ "advisor.so", "", NULL },
		{ "plan-router.so", "config = { default = \"https://a.example/"
		  "\"; };", NULL },
	};
	char text[1024], path[ADAPTER_PATH_MAX];
	struct snapshot *s = NULL, *next;
	struct adapter *first = NULL;

	begin();
	plugin("advisor.so", adapter_path("advisor", path));
	plugin("plan-router.so", built("plan-router"));
	for (unsigned i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), TENANT("a", ADAPTER("%s",
			 "on_failure = \"default\"; %s")), cases[i].module,
			 cases[i].config);
		rig_write("a.conf", text);
		if (!cases[i].says) {
			next = rig_load_good(s);
			first = rig_tenant(next, "a")->adapter;
			ck_assert_ptr_nonnull(rig_tenant(next, "a")->
					      adapter_defaults);
			snapshot_unref(s);
			s = next;
			continue;
		}
		next = rig_load(NULL);
		ck_assert_msg(rig_found(cases[i].says), "%s",
			      rig_finding(REPORT_TENANT)->problem.ptr);
		ck_assert(rig_found("cannot be \"default\""));
		ck_assert_int_eq(rig_tenant(next, "a")->state, TENANT_BROKEN);
		snapshot_unref(next);
	}
	/* A change that would let people by leaves what there is. */
	rig_write("a.conf", TENANT("a", ADAPTER("good.so",
						"on_failure = \"default\";")));
	next = rig_load(s);
	ck_assert(rig_found("which decides who may enter"));
	ck_assert_ptr_eq(rig_tenant(next, "a")->adapter, first);
	snapshot_unref(s);
	/* The word alone is no new adapter; without it none is passed over. */
	rig_write("a.conf", TENANT("a", ADAPTER("plan-router.so",
		  "config = { default = \"https://a.example/\"; };")));
	s = rig_load_good(next);
	ck_assert_ptr_eq(rig_tenant(s, "a")->adapter, first);
	ck_assert_ptr_null(rig_tenant(s, "a")->adapter_defaults);
	snapshot_unref(next);
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(who_is_switched_off_runs_no_code)
{
	struct snapshot *s;

	begin();
	rig_write("a.conf", TENANT("a", "enabled = false;\n"
				   ADAPTER("init-fails.so", "")));
	s = rig_load_good(NULL);
	ck_assert_ptr_null(rig_tenant(s, "a")->adapter);
	snapshot_unref(s);
	rig_end();
}
END_TEST

static void adapter_tests(TCase *tcase)
{
	tcase_add_test(tcase, an_adapter_is_loaded_and_named);
	tcase_add_test(tcase, a_module_that_is_not_there_is_told_with_what_is);
	tcase_add_test(tcase, a_process_of_its_own_needs_who_keeps_it);
	tcase_add_test(tcase, settings_are_flattened);
	tcase_add_test(tcase, settings_have_limits);
	tcase_add_test(tcase, an_unchanged_adapter_goes_on);
	tcase_add_test(tcase, a_failing_adapter_keeps_the_old_one);
	tcase_add_test(tcase, only_what_only_advises_may_be_passed_over);
	tcase_add_test(tcase, who_is_switched_off_runs_no_code);
}

UNIT_MAIN("tenant-adapter", adapter_tests)
