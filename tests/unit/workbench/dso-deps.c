/* Which library has what a shared object asks for, by the files' own words. */
#include "workbench/dso-deps.h"

#include "module/module.h"
#include "unit/unit.h"

static struct pool *pool;
static struct elf_symbol imports[4];
static struct elf_file file;
static struct needs needs;

static void set_up(void)
{
	pool = pool_new(64u << 20);
	memset(imports, 0, sizeof(imports));
	file = (struct elf_file){ .imports = imports };
}

static void tear_down(void)
{
	pool_free(pool);
}

static void asks_for(const char *name, bool is_weak)
{
	imports[file.import_count++] = (struct elf_symbol){
		.name = str_from(name), .is_weak = is_weak };
}

static void needs_library(const char *name)
{
	file.needed[file.needed_count++] = str_from(name);
}

static void resolve(void)
{
	ck_assert_int_eq(dso_deps_resolve(&file, pool, &needs), ERR_OK);
	ck_assert_uint_eq(needs.count, file.import_count);
	for (unsigned i = 0; i < needs.count; i++)
		ck_str_is(needs.v[i].symbol.name, imports[i].name.ptr);
}

START_TEST(what_a_library_has_is_found_there)
{
	needs_library("libc.so.6");
	asks_for("open", false);
	asks_for("no_such_function", false);
	asks_for("no_such_hook", true);
	asks_for("getenv", true);
	resolve();
	ck_assert_int_eq(needs.v[0].state, NEED_FOUND);
	ck_str_is(needs.v[0].library, "libc.so.6");
	ck_assert_int_eq(needs.v[1].state, NEED_MISSING);
	ck_assert(str_is_null(needs.v[1].library));
	ck_assert_int_eq(needs.v[2].state, NEED_OPTIONAL);
	ck_assert_int_eq(needs.v[3].state, NEED_FOUND);
	ck_assert_uint_eq(needs.absent_count, 0);
}
END_TEST

/* The loader follows them, and so do we: libjansson asks libc for malloc. */
START_TEST(the_libraries_of_libraries_count)
{
	needs_library("libjansson.so.4");
	asks_for("json_object", false);
	asks_for("malloc", false);
	resolve();
	ck_str_is(needs.v[0].library, "libjansson.so.4");
	ck_assert_int_eq(needs.v[1].state, NEED_FOUND);
	ck_assert(str_has_prefix(needs.v[1].library, STR("libc.so")));
}
END_TEST

START_TEST(what_was_not_looked_into_is_not_called_missing)
{
	char other[PATH_MAX + 16];
	FILE *f;

	snprintf(other, sizeof(other), "%s/liblie.so", unit_dir());
	f = fopen(other, "we");
	ck_assert_ptr_nonnull(f);
	fputs("no library at all", f);
	fclose(f);
	needs_library("libc.so.6");
	needs_library("libnowhere.so.1");
	needs_library(other);
	needs_library(unit_dir());
	needs_library("/dev/zero");
	needs_library("");
	asks_for("no_such_function", false);
	asks_for("no_such_hook", true);
	asks_for("open", false);
	resolve();
	ck_assert_int_eq(needs.v[0].state, NEED_UNKNOWN);
	ck_assert_int_eq(needs.v[1].state, NEED_OPTIONAL);
	ck_assert_int_eq(needs.v[2].state, NEED_FOUND);
	ck_assert_uint_eq(needs.absent_count, 5);
	ck_str_is(needs.absent[0], "libnowhere.so.1");
	ck_str_is(needs.absent[1], other);
}
END_TEST

static const char *path_of_libc(void)
{
	static char path[PATH_MAX];
	struct str dirs[MODULE_DIRS_MAX];
	unsigned count = module_search_dirs(pool, dirs);

	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%.*s/libc.so.6",
			 STR_ARG(dirs[i]));
		if (!access(path, R_OK))
			return path;
	}
	ck_abort_msg("there is no libc.so.6");
	return NULL;
}

/* Each is looked at once, so that naming one again costs no place. */
START_TEST(so_many_libraries_are_looked_at)
{
	static char names[DSO_DEPS_LIBRARIES_MAX][PATH_MAX + 32];
	unsigned most;

	/* libc needs one more, the loader. */
	needs_library("libc.so.6");
	asks_for("no_such_function", false);
	resolve();
	ck_assert_uint_eq(needs.absent_count, 0);
	most = DSO_DEPS_LIBRARIES_MAX - 2;
	for (unsigned i = 0; i <= most; i++) {
		snprintf(names[i], sizeof(names[i]), "%s/lib%u.so",
			 unit_dir(), i);
		ck_assert_int_eq(symlink(path_of_libc(), names[i]), 0);
		if (i < most)
			needs_library(names[i]);
		needs_library(names[0]);
	}
	resolve();
	ck_assert_uint_eq(needs.absent_count, 0);
	ck_assert_int_eq(needs.v[0].state, NEED_MISSING);
	/* One past the limit: it might have had it. */
	needs_library(names[most]);
	resolve();
	ck_assert_uint_eq(needs.absent_count, 0);
	ck_assert_int_eq(needs.v[0].state, NEED_UNKNOWN);
}
END_TEST

START_TEST(nothing_asked_for_is_nothing_needed)
{
	resolve();
	ck_assert_uint_eq(needs.count, 0);
	asks_for("open", false);
	resolve();
	ck_assert_int_eq(needs.v[0].state, NEED_MISSING);
}
END_TEST

static void dso_deps_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_a_library_has_is_found_there);
	tcase_add_test(tcase, the_libraries_of_libraries_count);
	tcase_add_test(tcase, what_was_not_looked_into_is_not_called_missing);
	tcase_add_test(tcase, so_many_libraries_are_looked_at);
	tcase_add_test(tcase, nothing_asked_for_is_nothing_needed);
}

UNIT_MAIN("dso-deps", dso_deps_tests)
