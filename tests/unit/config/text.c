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

START_TEST(faults_are_told_up_to_a_number)
{
	for (int i = 0; i < TEXT_FAULTS_MAX - 1; i++)
		buf_puts(&text, "a = 010;\n");
	text_scan(buf_str(&text), &scan);
	ck_assert_uint_eq(scan.fault_count, TEXT_FAULTS_MAX - 1);
	buf_puts(&text, "a = 010;\na = 010;\n");
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
	tcase_add_test(tc, faults_are_told_up_to_a_number);
	tcase_add_test(tc, settings_have_a_limit);
	tcase_add_test(tc, slugs_are_found_where_nothing_else_can_be_read);
	tcase_add_test(tc, the_gateways_group_is_one_outside_of_all_others);
}

UNIT_MAIN("text", text_tests)
