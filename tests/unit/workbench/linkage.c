/* What a shared object says of itself, and which libraries have what it asks
 * for. */
#include "workbench/linkage.h"

#include <sys/mman.h>

#include "unit/adapter/adapters.h"

static char text[65536];
static struct pool *pool;
static struct findings findings;

static struct linkage read_it(const char *name, enum err want)
{
	struct linkage linkage = { 0 };
	char path[ADAPTER_PATH_MAX];

	pool = pool_new(64u << 20);
	findings_init(&findings, pool);
	ck_assert_int_eq(linkage_read(adapter_path(name, path), pool,
				      &findings, &linkage), want);
	return linkage;
}

static const struct finding *finding_of(const char *kind)
{
	for (unsigned i = 0; i < findings.count; i++)
		if (!strcmp(findings.v[i].kind, kind))
			return &findings.v[i];
	return NULL;
}

static const struct need *need_of(const struct linkage *l, const char *name)
{
	for (unsigned i = 0; i < l->needs.count; i++)
		if (str_eq(l->needs.v[i].symbol.name, str_from(name)))
			return &l->needs.v[i];
	return NULL;
}

START_TEST(an_adapter_exports_its_entry_and_names_its_libraries)
{
	struct linkage l = read_it("good", ERR_OK);
	const struct need *need = need_of(&l, "open");

	ck_assert_int_ge(elf_find_export(&l.file, STR(USHER_ENTRY_NAME)), 0);
	ck_assert_int_eq(elf_find_export(&l.file, STR("good_map")), -1);
	ck_assert_ptr_nonnull(need);
	ck_assert_int_eq(need->state, NEED_FOUND);
	ck_assert(str_has_prefix(need->library, STR("libc.so")));
	ck_assert(str_has_prefix(need->symbol.version, STR("GLIBC_")));
	ck_assert_ptr_null(finding_of("exports"));
	ck_assert_ptr_null(finding_of("flags"));
	linkage_done(&l);
	pool_free(pool);
}
END_TEST

START_TEST(the_names_that_it_asks_for_are_among_its_words)
{
	static const char *const wanted[] = { "greeting", "journal", "plan",
					      "desk", "user.id" };
	struct linkage l = read_it("good", ERR_OK);

	for (unsigned i = 0; i < COUNT(wanted); i++) {
		bool found = false;

		for (unsigned k = 0; k < l.word_count; k++)
			found |= str_eq(l.words[k], str_from(wanted[i]));
		ck_assert_msg(found, "%s", wanted[i]);
	}
	for (unsigned k = 0; k < l.word_count; k++)
		ck_assert(!str_eq(l.words[k], STR(USHER_ENTRY_NAME)));
	linkage_done(&l);
	pool_free(pool);
}
END_TEST

START_TEST(what_no_library_has_is_named)
{
	struct linkage l = read_it("missing-symbol", ERR_OK);
	const struct finding *finding = finding_of("imports");
	const struct need *need =
		need_of(&l, "usher_test_nobody_defines_this");

	ck_assert_ptr_nonnull(need);
	ck_assert_int_eq(need->state, NEED_MISSING);
	ck_assert_ptr_nonnull(finding);
	ck_assert(str_icontains(finding->text,
				STR("usher_test_nobody_defines_this")));
	linkage_done(&l);
	pool_free(pool);
}
END_TEST

START_TEST(without_an_entry_it_is_no_adapter)
{
	struct linkage l = read_it("no-entry", ERR_OK);

	ck_assert_ptr_nonnull(finding_of("exports"));
	linkage_done(&l);
	pool_free(pool);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused_with_the_reason)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum err err;
		const char *says;
	} cases[] = {
		{ "", 0, ERR_UNSUPPORTED, "not an ELF file" },
		{ "#!/bin/sh\n", 10, ERR_UNSUPPORTED, "not an ELF file" },
		{ "\x7f" "ELF", 4, ERR_UNSUPPORTED, "not an ELF file" },
	};
	struct elf_file file;
	struct buf problem;

	pool = pool_new(1 << 20);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		buf_init_fixed(&problem, text, sizeof(text));
		ck_assert_int_eq(elf_read(cases[i].bytes, cases[i].len, pool,
					  &file, &problem), cases[i].err);
		ck_assert_msg(strstr(text, cases[i].says) != NULL, "%s", text);
	}
	pool_free(pool);
}
END_TEST

/* Cut anywhere it is refused, or read as the whole file is; never past it. */
START_TEST(a_file_that_was_cut_is_not_read_past_its_end)
{
	char path[ADAPTER_PATH_MAX];
	FILE *f = fopen(adapter_path("older", path), "r");
	size_t len, page = (size_t)sysconf(_SC_PAGESIZE);
	char *map;

	ck_assert_ptr_nonnull(f);
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	ck_assert_uint_gt(len, 4096);
	/* Its end stands before memory that nobody may touch. */
	map = mmap(NULL, sizeof(text) + page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	ck_assert_int_eq(mprotect(map + sizeof(text), page, PROT_NONE), 0);
	for (size_t cut = 0; cut < len && cut < sizeof(text); cut += 13) {
		char *at = map + sizeof(text) - cut;
		struct elf_file file;

		memcpy(at, text, cut);
		pool = pool_new(16u << 20);
		if (!elf_read(at, cut, pool, &file, NULL))
			ck_assert_int_ge(elf_find_export(
				&file, STR(USHER_ENTRY_NAME)), 0);
		pool_free(pool);
	}
	munmap(map, sizeof(text) + page);
}
END_TEST

START_TEST(the_same_finding_is_counted)
{
	pool = pool_new(1 << 20);
	findings_init(&findings, pool);
	for (int i = 0; i < 3; i++)
		findings_add(&findings, "crash", STR("a request"), "signal %d",
			     11);
	findings_note(&findings, "time", STR_NULL, "slow");
	ck_assert_uint_eq(findings.count, 2);
	ck_assert_uint_eq(findings.v[0].times, 3);
	ck_assert_uint_eq(findings_faults(&findings), 1);
	for (int i = 0; i < 2 * FINDINGS_MAX; i++)
		findings_add(&findings, "crash", STR_NULL, "signal %d", i);
	ck_assert_uint_eq(findings.count, FINDINGS_MAX);
	pool_free(pool);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t,
		       an_adapter_exports_its_entry_and_names_its_libraries);
	tcase_add_test(t, the_names_that_it_asks_for_are_among_its_words);
	tcase_add_test(t, what_no_library_has_is_named);
	tcase_add_test(t, without_an_entry_it_is_no_adapter);
	tcase_add_test(t, what_cannot_be_read_is_refused_with_the_reason);
	tcase_add_test(t, a_file_that_was_cut_is_not_read_past_its_end);
	tcase_add_test(t, the_same_finding_is_counted);
}

UNIT_MAIN("linkage", add_tests)
