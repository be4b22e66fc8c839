/* A file's text is looked at before libconfig reads it otherwise. */
#include "config/text.h"

#include "base/buf.h"
#include "unit/unit.h"

static struct text_scan scan;
static struct buf text;

static void set_up(void)
{
	buf_init(&text, 1024 * 1024);
}

static void tear_down(void)
{
	buf_done(&text);
}

static void look(const char *s)
{
	text_scan(str_from(s), &scan);
}

START_TEST(state_and_admin_are_found_in_the_gateway_alone)
{
	static const struct {
		const char *text, *state, *admin;
	} cases[] = {
		{ "gateway = { state = \"/a\"; admin = \"unix:b\"; };", "/a",
		  "unix:b" },
		{ "gateway = { oops state = \"/a\"; };", "/a", NULL },
		{ "gateway = { x = ( { y = 1; ); state = \"/a\"; };", "/a",
		  NULL },
		{ "gateway = { state = \"/a\"; state = \"/b\"; };", "/a",
		  NULL },
		{ "gateway = { state = \"a\\nb\"; };", NULL, NULL },
		{ "gateway = { # state = \"/a\";\n };", NULL, NULL },
		{ "state = \"/a\"; tenant = { admin = \"b\"; };", NULL,
		  NULL },
		{ "gateway = { }; tenant = { admin = \"b\"; };", NULL, NULL },
		{ "gateway = { state /* = */ = /* x */ \"/a\"; };", "/a",
		  NULL },
		{ "gateway = { state = 5; x = \"/a\"; };", NULL, NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		look(cases[i].text);
		ck_assert_msg(str_is_null(scan.state) == !cases[i].state &&
			      (!cases[i].state ||
			       str_eq(scan.state, str_from(cases[i].state))),
			      "%s", cases[i].text);
		ck_assert_msg(str_is_null(scan.admin) == !cases[i].admin &&
			      (!cases[i].admin ||
			       str_eq(scan.admin, str_from(cases[i].admin))),
			      "%s", cases[i].text);
	}
}
END_TEST

START_TEST(what_libconfig_reads_as_it_looks_is_let_through)
{
	static const char *const good[] = {
		"", "\n\n", "a = 1;", "a : 1", "a = -5;",
		"a = 2147483647;", "a = -2147483648;",
		"a = \"010 and 3L and @include\";",
		"# 010\na = 1; // 3L\n/* @include \"x\" */",
		"a = { b = ( 1, 2 ); c = [ \"x\", \"y\" ]; };", "a = true;",
	};

	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		look(good[i]);
		ck_assert_msg(scan.fault_count == 0, "%s: %s", good[i],
			      scan.fault_count ? scan.faults[0].problem : "");
	}
}
END_TEST

START_TEST(what_would_be_read_otherwise_is_refused_with_its_line)
{
	static const char *const bad[] = {
		"\na = 3000000000;", "\na = 2147483648;", "\na = 3L;",
		"\na = 010;", "\na = 0x1f;", "\n@include \"/etc/passwd\"",
		"\na = \"\xff\";", "\na = \"\x01\";", "\na = \"open",
		"\na = { b = 1;", "\na = [ 1, 2 );", "\na = = 1;",
	};

	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		look(bad[i]);
		ck_assert_msg(scan.fault_count > 0, "%s", bad[i]);
		ck_assert_msg(scan.faults[0].line == 2, "%s: line %u", bad[i],
			      scan.faults[0].line);
		ck_assert_ptr_nonnull(scan.faults[0].problem);
	}
}
END_TEST

/* What other languages have: told where it stands, and what to write. */
START_TEST(habits_get_a_remedy_of_their_own)
{
	static const struct {
		const char *text, *token, *remedy;
		unsigned line;
	} cases[] = {
		{ "\na = 'yes';", "'yes'", "true or false", 2 },
		{ "\na = 'off';\nb = 'x';", "'off'", "true or false", 2 },
		{ "a = 'secret word';", "", "double quotation marks", 1 },
		{ "a = 'open;\nb = 1;", "", "double quotation marks", 1 },
		{ "\na = yes;", "yes", "true or false", 2 },
		{ "a = On;", "On", "true or false", 1 },
		{ "a = banana;", "banana", "in quotation marks", 1 },
		{ "a = { yes };", "}", "name = value", 1 },
		/* the mark is missing where the text begins */
		{ "\nslug = \"acme;\nname = \"A Corp\";\n", "",
		  "close it with a quotation mark", 2 },
		{ "\nurl = \"https://a.b;\nhome = \"https://c.d\";\n"
		  "x = 1;\n", "", "close it with a quotation mark", 2 },
		/* and is not, where another fault comes long after */
		{ "a = \"two\nlines\"; b = 1; c = 2;\nd = = 1;", "=",
		  "true, false", 3 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		look(cases[i].text);
		ck_assert_msg(scan.fault_count == 1, "%s: %u", cases[i].text,
			      scan.fault_count);
		ck_assert_msg(scan.faults[0].line == cases[i].line,
			      "%s: line %u", cases[i].text,
			      scan.faults[0].line);
		ck_str_is(scan.faults[0].token, cases[i].token);
		ck_assert_msg(strstr(scan.faults[0].remedy, cases[i].remedy),
			      "%s: %s", cases[i].text, scan.faults[0].remedy);
	}
}
END_TEST

START_TEST(a_name_is_given_once_in_its_group)
{
	static const struct {
		const char *text;
		unsigned line, first;
	} cases[] = {
		{ "a = 1;\nb = 2;\na = 3;", 3, 1 },
		{ "g = { a = 1;\nh = { b = 1; };\na = 2; };", 3, 1 },
		{ "l = ( { a = 1; },\n{ a = 1;\na = 2; } );", 3, 2 },
		{ "g = { };\ng = { };", 2, 1 },
		{ "a = 1; g = { a = 1; h = { a = 1; }; }; b = { a = 1; };",
		  0, 0 },
		{ "l = ( { a = 1; }, { a = 1; } ); A = 1; a = 1;", 0, 0 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		look(cases[i].text);
		ck_assert_msg(scan.fault_count == (cases[i].line ? 1 : 0),
			      "%s: %u", cases[i].text, scan.fault_count);
		if (!cases[i].line)
			continue;
		ck_assert_uint_eq(scan.faults[0].line, cases[i].line);
		ck_assert_uint_eq(scan.faults[0].first_line, cases[i].first);
		ck_assert_ptr_nonnull(strstr(scan.faults[0].problem, "twice"));
	}
}
END_TEST

START_TEST(faults_are_told_up_to_a_number)
{
	for (int i = 0; i < TEXT_FAULTS_MAX - 1; i++)
		buf_printf(&text, "a%d = 010;\n", i);
	text_scan(buf_str(&text), &scan);
	ck_assert_uint_eq(scan.fault_count, TEXT_FAULTS_MAX - 1);
	buf_puts(&text, "b = 010;\nc = 010;\n");
	text_scan(buf_str(&text), &scan);
	ck_assert_uint_eq(scan.fault_count, TEXT_FAULTS_MAX);
}
END_TEST

/* The library takes the square of it. */
START_TEST(settings_have_a_limit)
{
	/* one for the list itself; groups have a smaller limit of their own */
	buf_puts(&text, "l = ( {\n");
	for (int i = 1; i < TEXT_SETTINGS_MAX; i++)
		buf_printf(&text, "%sa%d = 1;\n", i % 500 ? "" : "}, {", i);
	buf_puts(&text, "} );\n");
	text_scan(buf_str(&text), &scan);
	ck_assert_msg(scan.fault_count == 0, "%s at %u", scan.faults[0].problem,
		      scan.faults[0].line);
	buf_puts(&text, "b = 1;\n");
	text_scan(buf_str(&text), &scan);
	ck_assert_uint_eq(scan.fault_count, 1);
	ck_assert_uint_eq(scan.faults[0].line, TEXT_SETTINGS_MAX + 2);
}
END_TEST

START_TEST(slugs_are_found_where_nothing_else_can_be_read)
{
	look("tenant = {\n slug = \"acme\";\n name = \"open\n};\n");
	ck_assert_uint_gt(scan.fault_count, 0);
	ck_assert_uint_eq(scan.slug_count, 1);
	ck_str_is(scan.slugs[0].slug, "acme");
	ck_assert_uint_eq(scan.slugs[0].line, 2);
	look("tenant = { name = \"slug = \\\"x\\\"\"; # slug = \"y\"\n};");
	ck_assert_uint_eq(scan.slug_count, 0);
	buf_puts(&text, "tenants = (");
	for (int i = 0; i < TEXT_SLUGS_MAX + 2; i++)
		buf_printf(&text, "%s{ slug = \"s%d\"; }", i ? ",\n" : "", i);
	buf_puts(&text, ");\n");
	text_scan(buf_str(&text), &scan);
	ck_assert_uint_eq(scan.slug_count, TEXT_SLUGS_MAX);
	ck_assert_uint_eq(scan.fault_count, 0);
}
END_TEST

START_TEST(the_gateways_group_is_one_outside_of_all_others)
{
	look("gateway = { };");
	ck_assert(scan.has_gateway);
	look("gateway : { };");
	ck_assert(scan.has_gateway);
	look("tenant = { gateway = 1; };");
	ck_assert(!scan.has_gateway);
	look("# gateway = { };\na = \"gateway = {}\";");
	ck_assert(!scan.has_gateway);
}
END_TEST

static void text_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_libconfig_reads_as_it_looks_is_let_through);
	tcase_add_test(tc,
		what_would_be_read_otherwise_is_refused_with_its_line);
	tcase_add_test(tc, habits_get_a_remedy_of_their_own);
	tcase_add_test(tc, a_name_is_given_once_in_its_group);
	tcase_add_test(tc, faults_are_told_up_to_a_number);
	tcase_add_test(tc, state_and_admin_are_found_in_the_gateway_alone);
	tcase_add_test(tc, settings_have_a_limit);
	tcase_add_test(tc, slugs_are_found_where_nothing_else_can_be_read);
	tcase_add_test(tc, the_gateways_group_is_one_outside_of_all_others);
}

UNIT_MAIN("text", text_tests)
