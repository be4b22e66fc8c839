/* What a group may hold, and what is said when it holds something else. */
#include "config/schema.h"

#include "unit/unit.h"

static struct report report;
static struct location location;
static config_t config;

/* Parse one group's members and check them. */
static struct group check(const struct setting *schema, const char *text)
{
	struct group group;

	ck_assert_int_eq(report_init(&report), 0);
	config_init(&config);
	ck_assert_msg(config_read_string(&config, text) == CONFIG_TRUE,
		      "%s: %s", text, config_error_text(&config));
	group = (struct group){ config_root_setting(&config), schema };
	location = (struct location){ .report = &report,
				     .level = REPORT_TENANT,
				     .file = STR("a.conf"),
				     .tenant = STR("a") };
	schema_check(group, "", &location);
	return group;
}

static void end(void)
{
	config_destroy(&config);
	report_done(&report);
}

struct broken {
	const char *text;
	unsigned line;
	const char *setting, *problem, *remedy;
};

static void check_broken(const struct setting *schema,
			 const char *required, const struct broken *b)
{
	const struct finding *f;
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", b->text, required);
	check(schema, text);
	ck_assert_msg(location.errors == 1, "%s: %u errors", b->text,
		      location.errors);
	f = &report.v[0];
	ck_assert_int_eq(f->level, REPORT_TENANT);
	ck_str_is(f->file, "a.conf");
	ck_str_is(f->tenant, "a");
	ck_assert_msg(f->line == b->line, "%s: line %u", b->text, f->line);
	ck_assert_msg(str_eq(f->setting, str_from(b->setting)), "%s: %s",
		      b->text, f->setting.ptr);
	ck_assert_msg(str_icontains(f->problem, str_from(b->problem)),
		      "%s: %s", b->text, f->problem.ptr);
	ck_assert_msg(str_icontains(f->remedy, str_from(b->remedy)),
		      "%s: %.*s", b->text, STR_ARG(f->remedy));
	end();
}

START_TEST(broken_tenants)
{
	static const char required[] = "\nslug = \"a\"; identity = "
		"\"unsigned\";";
	static const struct broken cases[] = {
		/* names */
		{ "origin = [ ];", 1, "origin", "not a known setting",
		  "did you mean 'origins'?" },
		{ "\n\nSlug = 1;", 3, "Slug", "not a known", "'slug'" },
		{ "idle = 60;", 1, "idle", "not a known setting",
		  "belongs inside session = { ... };" },
		{ "module = \"x\";", 1, "module", "not a known setting",
		  "belongs inside adapter = { ... };" },
		{ "listen = 1;", 1, "listen", "not a known setting",
		  "belongs inside gateway = { ... };" },
		{ "banana = 1;", 1, "banana", "not a known setting",
		  "known here are slug, name, url" },
		{ "session = { idel = 60; };", 1, "session.idel",
		  "not a known setting", "'idle'" },
		{ "keys = ( { kid = \"a\"; algorithm = \"HS256\"; }, {\n"
		  "kid = \"b\"; algorithm = \"HS256\"; secret = \"\"; } );",
		  2, "keys[1].secret", "not a known", "'secret_file'" },
		/* types */
		{ "name = 5;", 1, "name",
		  "must be a text in quotation marks, not a number",
		  "write name = \"5\";" },
		{ "name = [ 5, 6 ];", 1, "name", "not an array",
		  "e.g. name = \"Your Company\";" },
		{ "desk = \"true\";", 1, "desk",
		  "must be true or false, without quotation marks, not a text",
		  "write desk = true;" },
		{ "desk = \"off\";", 1, "desk", "true or false",
		  "write desk = false;" },
		{ "desk = \"perhaps\";", 1, "desk", "true or false",
		  "e.g. desk = false;" },
		{ "require_origin = 1;", 1, "require_origin",
		  "true or false", "write require_origin = true;" },
		{ "session = { idle = \"60\"; };", 1, "session.idle",
		  "must be a number without quotation marks, not a text",
		  "write idle = 60;" },
		{ "session = { idle = \"1h\"; };", 1, "session.idle",
		  "must be a number", "e.g. idle = 1800;" },
		{ "session = ( );", 1, "session", "a group { ... }, not a list",
		  "session = {" },
		{ "origins = \"https://a\";", 1, "origins",
		  "must be a list of texts, not a text",
		  "write origins = [ \"https://a\" ];" },
		{ "url = [ \"https://a\" ];", 1, "url", "not an array",
		  "write url = \"https://a\";" },
		{ "session = ( { idle = 60; } );", 1, "session",
		  "must be a group", "leave the ( ) out" },
		{ "origins = [ 1 ];", 1, "origins[0]", "a text in quot",
		  "origins = [ " },
		{ "origins = ( \"a\",\n true );", 2, "origins[1]",
		  "not true or false", "origins = [ " },
		{ "adapter = \"x.so\";", 1, "adapter", "a group { ... }",
		  "adapter = { module" },
		{ "adapter = { module = \"x\"; config = [ ]; };", 1,
		  "adapter.config", "a group { ... }, not an array",
		  "config = {" },
		{ "keys = { };", 1, "keys", "a list of groups",
		  "put ( ) around it: keys = (" },
		{ "webhooks = ( 1 );", 1, "webhooks[0]", "a group", "url" },
		/* values */
		{ "session = { idle = 59; };", 1, "session.idle",
		  "must be from 60 to 31536000, not 59", "" },
		{ "session = {\nabsolute = 31536001; };", 2,
		  "session.absolute", "not 31536001", "" },
		{ "rate_limit = { requests = 0; };", 1, "rate_limit.requests",
		  "must be from 1 to 1000000, not 0", "" },
		{ "adapter = { module = \"x\"; deadline_ms = -1; };", 1,
		  "adapter.deadline_ms", "not -1", "" },
		{ "name = \"\";", 1, "name", "must not be empty", "leave" },
		{ "name = \"a\\nb\";", 1, "name", "a control character",
		  "remove" },
		{ "name = \"\\xff\";", 1, "name", "not UTF-8", "remove" },
		{ "switch_user = \"replaced\";", 1, "switch_user",
		  "must be \"confirm\" or \"replace\"",
		  "did you mean \"replace\"?" },
		{ "callback = \"always\";", 1, "callback",
		  "must be \"auto\" or \"confirm\"",
		  "e.g. callback = \"confirm\";" },
		{ "on_conflict = \"ignore\";", 1, "on_conflict",
		  "must be \"reject\", \"link\" or \"update\"",
		  "e.g. on_conflict = \"reject\";" },
		{ "adapter = { module = \"x\"; on_failure = \"allow\"; };", 1,
		  "adapter.on_failure", "must be \"deny\" or \"default\"",
		  "\"deny\"" },
		/* required */
		{ "adapter = { };", 1, "adapter.module", "is missing",
		  "add e.g. module = \"fieldmap.so\";" },
		{ "adapter = { module = \"m\";\nsecrets = ( {\n"
		  "name = \"a\"; } ); };", 2, "adapter.secrets[0].file",
		  "is missing", "add e.g. file =" },
		{ "webhooks = ( { url = \"u\"; secret_file = \"s\";\n"
		  "events = [ ]; } );", 2, "webhooks[0].events",
		  "must not be empty", "events = [" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_broken(schema_tenant, required, &cases[i]);
}
END_TEST

START_TEST(broken_gateways)
{
	static const char required[] = "\npublic_url = \"https://b\"; "
		"listen = ( { url = \"https://[::]\"; } );";
	static const struct broken cases[] = {
		{ "public-url = \"\";", 1, "public-url", "not a known",
		  "'public_url'" },
		{ "slug = \"a\";", 1, "slug", "not a known",
		  "belongs inside tenant = { ... };" },
		{ "level = \"info\";", 1, "level", "not a known",
		  "belongs inside log = { ... };" },
		{ "workers = 257;", 1, "workers", "from 0 to 256", "" },
		{ "connections_max = 63;", 1, "connections_max",
		  "from 64 to 1000000", "" },
		{ "request_deadline = 0;", 1, "request_deadline",
		  "from 1 to 300", "" },
		{ "log = { level = \"warning\"; };", 1, "log.level",
		  "must be \"debug\", \"info\", \"warn\" or \"error\"",
		  "did you mean \"warn\"?" },
		{ "trusted_proxies = \"10.0.0.0/8\";", 1, "trusted_proxies",
		  "a list of texts",
		  "write trusted_proxies = [ \"10.0.0.0/8\" ];" },
	};
	static const struct broken empty = {
		"public_url = \"https://b\";\nlisten = ( );", 2, "listen",
		"must not be empty", "listen = ( {",
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_broken(schema_gateway, required, &cases[i]);
	check_broken(schema_gateway, "", &empty);
}
END_TEST

START_TEST(all_that_is_wrong_is_told)
{
	check(schema_tenant, "desk = 1;\nnmae = \"x\";\nurl = \"\";");
	/* these three, slug and identity */
	ck_assert_uint_eq(location.errors, 5);
	ck_assert_str_eq(location.first, "desk must be true or false, without "
					 "quotation marks, not a number");
	ck_assert_uint_eq(location.first_line, 1);
	end();
}
END_TEST

START_TEST(a_hopeless_group_is_not_told_to_the_end)
{
	struct buf text;
	unsigned i;

	buf_init(&text, 1 << 16);
	for (i = 0; i < 200; i++)
		buf_printf(&text, "x%u = 1;\n", i);
	check(schema_tenant, text.ptr);
	/* and that slug and identity are missing */
	ck_assert_uint_eq(location.errors, SCHEMA_ERRORS_MAX + 2);
	end();
	buf_done(&text);
}
END_TEST

START_TEST(too_many_entries)
{
	struct buf text;
	unsigned i;

	buf_init(&text, 1 << 16);
	buf_puts(&text, "slug = \"a\"; identity = \"unsigned\"; origins = [ ");
	for (i = 0; i < 65; i++)
		buf_printf(&text, "%s\"https://a%u\"", i ? ", " : "", i);
	buf_puts(&text, " ];");
	check(schema_tenant, text.ptr);
	ck_assert_uint_eq(location.errors, 1);
	ck_str_is(report.v[0].problem,
		  "must have at most 64 entries, not 65");
	end();
	buf_done(&text);
}
END_TEST

START_TEST(values_and_defaults)
{
	struct group tenant = check(schema_tenant,
		"slug = \"acme\";\nidentity = \"observe\";\n"
		"session = { idle = 60; };\norigins = ( \"a\", \"b\" );\n"
		"keys = ( { kid = \"k\"; algorithm = \"ES256\"; } );\n"
		"desk = false;");
	struct group session = group_group(tenant, "session"), limit, key;

	ck_assert_uint_eq(location.errors, 0);
	ck_str_is(group_text(tenant, "slug"), "acme");
	ck_assert(str_is_null(group_text(tenant, "home")));
	ck_str_is(group_text(tenant, "dashboard"), "/dashboard");
	ck_assert_uint_eq(group_word(tenant, "identity"), 1);
	ck_assert_uint_eq(group_word(tenant, "switch_user"), 0);
	ck_assert_int_eq(group_number(session, "idle"), 60);
	ck_assert_int_eq(group_number(session, "absolute"), 28800);
	ck_assert(!group_switch(tenant, "desk"));
	ck_assert(group_switch(tenant, "enabled"));
	ck_assert_uint_eq(group_count(tenant, "origins"), 2);
	ck_str_is(group_text_at(tenant, "origins", 1), "b");
	ck_assert_uint_eq(group_count(tenant, "redirects"), 0);
	key = group_group_at(tenant, "keys", 0);
	ck_str_is(group_text(key, "kid"), "k");
	ck_assert_uint_eq(group_word(key, "algorithm"), 2);
	ck_assert_uint_eq(group_line(tenant, "session"), 3);
	ck_assert_uint_eq(group_line(session, "idle"), 3);
	ck_assert_uint_eq(group_line(session, "absolute"), 3);

	/* A group that is not there is all defaults. */
	limit = group_group(tenant, "rate_limit");
	ck_assert(!group_has(tenant, "rate_limit"));
	ck_assert_int_eq(group_number(limit, "requests"), 60);
	ck_assert_int_eq(group_number(limit, "per"), 3600);
	ck_assert_uint_eq(group_line(limit, "per"), 0);
	end();
}
END_TEST

/* Each default lies in its range, each example would be accepted. */
static void check_table(const struct setting *s)
{
	char text[512];

	for (; s->name; s++) {
		const struct setting alone[] = { *s, { .name = NULL } };

		ck_assert_msg(s->example != NULL, "%s", s->name);
		if (s->type == SETTING_NUMBER)
			ck_assert_msg(s->number >= s->min &&
				      s->number <= s->max, "%s", s->name);
		snprintf(text, sizeof(text), "%s", s->example);
		check(alone, text);
		ck_assert_msg(!location.errors, "%s: %s", s->name,
			      location.first);
		ck_assert_msg(group_has((struct group){
			config_root_setting(&config), alone }, s->name),
			      "%s: %s", s->name, s->example);
		end();
		if (s->members)
			check_table(s->members);
	}
}

START_TEST(the_tables_agree_with_themselves)
{
	check_table(schema_gateway);
	check_table(schema_tenant);
}
END_TEST

static void schema_tests(TCase *tcase)
{
	tcase_add_test(tcase, broken_tenants);
	tcase_add_test(tcase, broken_gateways);
	tcase_add_test(tcase, all_that_is_wrong_is_told);
	tcase_add_test(tcase, a_hopeless_group_is_not_told_to_the_end);
	tcase_add_test(tcase, too_many_entries);
	tcase_add_test(tcase, values_and_defaults);
	tcase_add_test(tcase, the_tables_agree_with_themselves);
}

UNIT_MAIN("schema", schema_tests)
