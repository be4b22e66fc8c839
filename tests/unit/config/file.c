/* Which files are read, and what is refused before libconfig sees it. */
#include "config/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

static struct report report;
static struct config_file *file;
static char dir[] = "/tmp/usher-file-XXXXXX";

static void begin(void)
{
	ck_assert_int_eq(report_init(&report), 0);
	file = calloc(1, sizeof(*file));
	file->path = STR("x.conf");
}

static void end(void)
{
	config_file_done(file);
	free(file);
	report_done(&report);
}

static int parse(const char *text)
{
	return config_file_parse(file, str_from(text), &report);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = openat(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

START_TEST(refused_texts_name_line_and_remedy)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *problem, *remedy;
	} cases[] = {
		{ "a = 3000000000;", 1, "'3000000000' is a number too large",
		  "2147483647" },
		{ "\n\na = 3L;", 3, "'3L' is not a number", "leave the L out" },
		{ "a = 010;", 1, "'010' is not a number", "without leading" },
		{ "a = 0x10;", 1, "'0x10' is not a number", "in decimal" },
		{ "a = [ 1,\n 1.5 ];", 2, "'1.5' is not a number",
		  "in quotes" },
		{ "a = +5;", 1, "'+5' is not a number", "whole decimal" },
		{ "a = -2147483649;", 1, "too large", "-2147483648" },
		{ "# fine\n@include \"/etc/passwd\"\n", 2,
		  "@include is not supported", "*.conf" },
		{ "a = 1; @include \"b\"", 1, "@include", "*.conf" },
		{ "a = 1;\n\xc2\x9b;", 2, "control character", "remove" },
		{ "# \x7f", 1, "control character", "remove" },
		{ "\xef\xbb\xbf" "a = 1;", 1, "byte order mark",
		  "without one" },
		{ "a = 1;\n# \xff\n", 2, "is not UTF-8", "UTF-8" },
		{ "a = 1;\r\nb = \"\x01\";", 2, "control character", "remove" },
		{ "a = \"\\x00b\";", 1, "a text holds a NUL", "\\x00" },
		{ "a = \"b\n\n", 1, "a text begins here and never ends",
		  "quotation mark" },
		{ "\n/* a\n\n", 2, "a comment begins here and never ends",
		  "*/" },
		{ "a = \xe2\x80\x9c" "b\xe2\x80\x9d;", 1,
		  "'\xe2\x80\x9c' cannot stand here", "straight" },
		{ "a = 'b';", 1, "a text stands in single quotation marks",
		  "straight double" },
		{ "a = 'no';", 1, "'no' cannot stand here", "true or false" },
		{ "a={a={a={a={a={a={a={a={a={a={a={a={a={};};};};};};};};};};"
		  "};};};", 1, "nested too deeply", "12 levels" },
		/* grammar */
		{ "a = [ \"b\",\n ];", 2, "']' has a comma too many",
		  "before the bracket" },
		{ "a = ( { }, );", 1, "')' has a comma too many", "leave out" },
		{ "\na = { b = 1;\n", 2, "opened here and never closed",
		  "close it" },
		{ "a = { b = 1; };\n};", 2, "'}' closes nothing", "too many" },
		{ "a = ( 1 ];", 1, "']' does not match", "( ) a list" },
		{ "a = { b = 1; );", 1, "')' does not match", "{ } enclose" },
		{ "a = [ 1, \"b\" ];", 1, "'\"...\"' mixes types",
		  "a list ( ) may mix" },
		{ "a = [ { } ];", 1, "'{' cannot stand inside [ ]", "use ( )" },
		{ "a = 1\n\nb 2;", 3, "'2' stands where '=' is expected",
		  "name = value;" },
		{ "a = b;", 1, "'b' is not a value", "quotation marks" },
		{ "a = yes;", 1, "'yes' is not a value", "true or false" },
		{ "a = ;", 1, "';' stands where a value is expected",
		  "[ ... ]" },
		{ "a = { = 1; };", 1, "'=' stands where a setting's name",
		  "name = value;" },
		{ "true = 1;", 1, "'true' stands where a setting's name", "" },
		{ "\"a\" = 1;", 1, "stands where a setting's name", "" },
		{ "a = 1;;", 1, "';' stands behind no setting", "leave it" },
		{ "a = ( 1 2 );", 1, "'2' comes without a comma",
		  "put a ','" },
		{ "a = 1 2;", 1, "'2' does not belong behind a value",
		  "end the setting" },
		{ "a = \"x\" = 1;", 1, "'=' does not belong", "';'" },
		{ "a", 1, "ends in the middle of a setting", "name = value;" },
		{ "\na =\n\n", 2, "ends in the middle of a setting", "" },
		{ "a = 1;\na = 2;", 2, "'a' is given twice, first on line 1",
		  "keep one" },
		{ "a = { b = 1; b = true; };", 1, "'b' is given twice",
		  "keep one" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		ck_assert_msg(parse(cases[i].text) == -1, "%s",
			      cases[i].text);
		ck_assert_uint_ge(report.count, 1);
		ck_assert_msg(report.v[0].line == cases[i].line, "%s: line %u",
			      cases[i].text, report.v[0].line);
		ck_assert_msg(str_icontains(report.v[0].problem,
					    str_from(cases[i].problem)),
			      "%s: %s", cases[i].text,
			      report.v[0].problem.ptr);
		ck_assert_msg(str_icontains(report.v[0].remedy,
					    str_from(cases[i].remedy)),
			      "%s: %s", cases[i].text, report.v[0].remedy.ptr);
		ck_assert_int_eq(report.v[0].level, REPORT_TENANT);
		ck_str_is(report.v[0].file, "x.conf");
		end();
	}
}
END_TEST

START_TEST(what_only_looks_odd_is_read)
{
	static const char text[] =
		"# 3000000000 @include \"x\" 'quoted'\n"
		"// 010\n"
		"/* 3L\n ,] */\n"
		"a = \"@include 010 # \\\" 3L\\n\"; b = -1; c = 0;\n"
		"d = 2147483647; e : true; *f-g_h = ( 1, \"x\", { i = 2; } );\n"
		"j = [ ]; k = ( ); l = { };\n"
		"m = \"adjacent \" /* ones */ \"are one\"\n"
		"n = 1 o = [ TRUE, False ] p = ( [ 1 ], ( 2 ) ), q = { r = 1 }";

	const char *adjacent;

	begin();
	ck_assert_int_eq(parse(text), 0);
	ck_assert_uint_eq(report.count, 0);
	ck_assert(file->is_parsed);
	ck_assert(config_lookup_string(&file->config, "m", &adjacent));
	ck_assert_str_eq(adjacent, "adjacent are one");
	end();
}
END_TEST

START_TEST(every_bad_number_is_told_at_once)
{
	begin();
	ck_assert_int_eq(parse("a = 010;\nb = 5L;\n\nc = 0x1;\n"), -1);
	ck_assert_uint_eq(report.count, 3);
	ck_assert_uint_eq(report.v[0].line, 1);
	ck_assert_uint_eq(report.v[1].line, 2);
	ck_assert_uint_eq(report.v[2].line, 4);
	end();
}
END_TEST

START_TEST(slugs_are_found_in_broken_files)
{
	begin();
	ck_assert_int_eq(parse("tenant = {\n\tslug = \"acme\";\n"
			       "\tadapter = { config = { slug = \"no\"; }; };\n"
			       "\tname = \"slug = \\\"no\\\"\"\n\tdesk true;"),
			 -1);
	ck_assert_uint_eq(file->slug_count, 1);
	ck_str_is(file->slugs[0].slug, "acme");
	ck_assert_uint_eq(file->slugs[0].line, 2);
	ck_assert(!file->has_gateway);
	end();

	begin();
	ck_assert_int_eq(parse("tenants = ( { slug : \"a\"; },\n"
			       "{ slug = \"b\" # \"c\"\n; } # no end"), -1);
	ck_assert_uint_eq(file->slug_count, 2);
	ck_str_is(file->slugs[0].slug, "a");
	ck_str_is(file->slugs[1].slug, "b");
	end();
}
END_TEST

START_TEST(a_broken_gateway_file_is_fatal)
{
	begin();
	ck_assert_int_eq(parse("gateway = {\n\tlisten = 010;\n};"), -1);
	ck_assert_int_eq(report.v[0].level, REPORT_FATAL);
	end();

	/* A tenant's file may well speak of a gateway. */
	begin();
	ck_assert_int_eq(parse("tenant = { gateway = 010; };"), -1);
	ck_assert_int_eq(report.v[0].level, REPORT_TENANT);
	end();
}
END_TEST

START_TEST(a_file_has_a_number_of_settings_at_most)
{
	struct buf text;
	unsigned i;

	begin();
	buf_init(&text, CONFIG_FILE_MAX);
	buf_puts(&text, "a = ( {\n");
	for (i = 1; i < TEXT_SETTINGS_MAX + 1; i++)
		buf_printf(&text, "a%u=1%s\n", i, i % 1000 ? "" : " }, {");
	buf_puts(&text, "} )");
	ck_assert(buf_is_ok(&text));
	ck_assert_int_eq(config_file_parse(file, buf_str(&text), &report), -1);
	ck_assert_uint_eq(report.count, 1);
	ck_str_is(report.v[0].problem, "has too many settings");
	ck_assert_uint_eq(report.v[0].line, TEXT_SETTINGS_MAX + 1);
	buf_done(&text);
	end();
}
END_TEST

START_TEST(a_group_has_a_number_of_settings_at_most)
{
	struct buf text;
	unsigned i;

	begin();
	buf_init(&text, CONFIG_FILE_MAX);
	buf_puts(&text, "g = {\n");
	for (i = 0; i < 1025; i++)
		buf_printf(&text, "a%u=1\n", i);
	buf_puts(&text, "}");
	ck_assert_int_eq(config_file_parse(file, buf_str(&text), &report), -1);
	ck_assert_uint_eq(report.count, 1);
	ck_str_is(report.v[0].problem,
		  "'a1024' is one setting too many for one group");
	ck_assert_uint_eq(report.v[0].line, 1026);
	buf_done(&text);
	end();
}
END_TEST

START_TEST(a_directory_is_listed_in_byte_order)
{
	static const char *const names[] = {
		"b.conf", "a.conf", "B.conf", "10.conf", "9.conf",
		".hidden.conf", ".conf", "c.conf~", "d.conf.bak", "e.config",
		"readme", "\xc3\xa4.conf",
	};
	static const char *const wanted[] = {
		"10.conf", "9.conf", "B.conf", "a.conf", "b.conf",
		"\xc3\xa4.conf",
	};
	struct pool *pool = pool_new(1 << 20);
	struct str *list = NULL;
	unsigned count = 0, i;
	char path[64];

	begin();
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		write_file(path, "", 0600);
	}
	ck_assert_int_eq(config_file_list(dir, pool, &list, &count, &report),
			 0);
	ck_assert_uint_eq(report.count, 0);
	ck_assert_uint_eq(count, 6);
	for (i = 0; i < count; i++)
		ck_str_is(list[i], wanted[i]);

	ck_assert_int_eq(chmod(dir, 0777), 0);
	ck_assert_int_eq(config_file_list(dir, pool, &list, &count, &report),
			 0);
	ck_assert_uint_eq(report_count(&report, REPORT_WARNING), 1);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(config_file_list(dir, pool, &list, &count, &report),
			 -1);
	ck_assert_int_eq(report_worst(&report), REPORT_FATAL);
	ck_assert(str_icontains(report.v[1].problem, STR("No such file")));
	pool_free(pool);
	end();
}
END_TEST

START_TEST(a_name_that_was_meant_to_be_read_is_told)
{
	char where[] = "/tmp/usher-names-XXXXXX", path[4096];
	static const char *const names[] = {
		"a.conf", "acme.cfg", ".hidden.cfg", "b.conf.dpkg-new", ".cfg",
	};
	struct pool *pool = pool_new(100000);
	struct str *list;
	unsigned count;

	begin();
	ck_assert_ptr_nonnull(mkdtemp(where));
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", where, names[i]);
		write_file(path, "", 0600);
	}
	ck_assert_int_eq(config_file_list(where, pool, &list, &count, &report),
			 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(report.count, 1);
	ck_assert_int_eq(report.v[0].level, REPORT_WARNING);
	ck_assert(str_icontains(report.v[0].file, STR("/acme.cfg")));
	ck_assert(str_icontains(report.v[0].remedy, STR("only *.conf")));
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", where, names[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(rmdir(where), 0);
	pool_free(pool);
	end();
}
END_TEST

/* Read `name` of a fresh directory and expect it to be refused. */
static void expect_unreadable(int dirfd, const char *name,
			      const char *problem)
{
	begin();
	ck_assert_int_eq(config_file_read(file, dirfd, name, &report), -1);
	ck_assert(file->is_unreadable);
	ck_assert(!file->is_parsed);
	ck_assert_uint_eq(report.count, 1);
	ck_assert_uint_eq(report.v[0].line, 0);
	ck_assert_msg(str_icontains(report.v[0].problem, str_from(problem)),
		      "%s: %s", name, report.v[0].problem.ptr);
	end();
}

START_TEST(what_is_no_ordinary_file_is_refused)
{
	char top[] = "/tmp/usher-file-XXXXXX";
	char *large = malloc(CONFIG_FILE_MAX + 2);
	int dirfd;

	ck_assert_ptr_nonnull(mkdtemp(top));
	dirfd = open(top, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dirfd, 0);
	ck_assert_int_eq(mkdirat(dirfd, "dir.conf", 0700), 0);
	ck_assert_int_eq(mkfifoat(dirfd, "fifo.conf", 0600), 0);
	ck_assert_int_eq(symlinkat("gone", dirfd, "link.conf"), 0);
	ck_assert_int_eq(fchdir(dirfd), 0);
	memset(large, '#', CONFIG_FILE_MAX + 1);
	large[CONFIG_FILE_MAX + 1] = '\0';
	write_file("large.conf", large, 0600);
	large[CONFIG_FILE_MAX] = '\0';
	write_file("largest.conf", large, 0602);

	expect_unreadable(dirfd, "dir.conf", "not a regular file");
	expect_unreadable(dirfd, "fifo.conf", "not a regular file");
	expect_unreadable(dirfd, "link.conf", "No such file");
	expect_unreadable(dirfd, "none.conf", "No such file");
	expect_unreadable(dirfd, "large.conf", "larger than 256 KiB");

	begin();
	ck_assert_int_eq(config_file_read(file, dirfd, "largest.conf",
					  &report), 0);
	ck_assert_uint_eq(report.count, 1);
	ck_assert_int_eq(report.v[0].level, REPORT_WARNING);
	ck_str_is(report.v[0].problem, "may be changed by anyone");
	end();

	ck_assert_int_eq(unlinkat(dirfd, "dir.conf", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(dirfd, "fifo.conf", 0), 0);
	ck_assert_int_eq(unlinkat(dirfd, "link.conf", 0), 0);
	ck_assert_int_eq(unlinkat(dirfd, "large.conf", 0), 0);
	ck_assert_int_eq(unlinkat(dirfd, "largest.conf", 0), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(top), 0);
	close(dirfd);
	free(large);
}
END_TEST

static void file_tests(TCase *tcase)
{
	tcase_add_test(tcase, refused_texts_name_line_and_remedy);
	tcase_add_test(tcase, what_only_looks_odd_is_read);
	tcase_add_test(tcase, every_bad_number_is_told_at_once);
	tcase_add_test(tcase, slugs_are_found_in_broken_files);
	tcase_add_test(tcase, a_broken_gateway_file_is_fatal);
	tcase_add_test(tcase, a_file_has_a_number_of_settings_at_most);
	tcase_add_test(tcase, a_group_has_a_number_of_settings_at_most);
	tcase_add_test(tcase, a_directory_is_listed_in_byte_order);
	tcase_add_test(tcase, what_is_no_ordinary_file_is_refused);
	tcase_add_test(tcase,
		       a_name_that_was_meant_to_be_read_is_told);
}

UNIT_MAIN("file", file_tests)
