/*
 * usher-reference(7) tells what the tables of the code have, no more and no
 * less, and the code uses all that the tables have.
 *
 * After a change of a table:  make reference  (in tests/) writes the page anew.
 */
#include "unit/unit.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/codes.h"
#include "base/metric.h"

#define PAGE_MAX (256 * 1024)
#define SOURCE_MAX (8 * 1024 * 1024)

static const char *source_dir(void)
{
	static char path[PATH_MAX];
	const char *src = getenv("srcdir");

	snprintf(path, sizeof(path), "%s/../gateway", src ? src : ".");
	return path;
}

static ptrdiff_t find(struct str s, struct str what)
{
	const char *at = memmem(s.ptr, s.len, what.ptr, what.len);

	return at ? at - s.ptr : -1;
}

static bool ends_with(struct str s, struct str end)
{
	return s.len >= end.len &&
	       !memcmp(s.ptr + s.len - end.len, end.ptr, end.len);
}

static void add_file(const char *path, struct buf *out)
{
	char part[8192];
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_adds(out, (struct str){ part, n });
	fclose(f);
}

/* ---- the tables, as the page has them ----------------------------------------- */

static void metrics_page(struct buf *out)
{
	static const char *const kinds[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_COUNTER_NS] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	buf_puts(out, ".Bl -tag -width Ds\n");
	for (unsigned i = 0; i < METRICS; i++) {
		const struct metric_info *m = &metric_table[i];

		buf_printf(out, ".It Ic %s\n%s", m->name, kinds[m->kind]);
		if (m->unit[0])
			buf_printf(out, " of %s", m->unit);
		if (m->labels[0])
			buf_printf(out, ", by %s", m->labels);
		buf_printf(out, "; since %s.\n%s\n", m->since, m->help);
	}
	buf_puts(out, ".El\n");
}

/* Each sentence on a line of its own, as mdoc(7) wants them. */
static void add_sentences(const char *text, struct buf *out)
{
	for (; *text; text++) {
		bool ends = strchr(".?!", text[0]) && text[1] == ' ';

		buf_addc(out, *text);
		if (ends) {
			buf_addc(out, '\n');
			text++;
		}
	}
	buf_addc(out, '\n');
}

static void codes_page(struct buf *out)
{
	buf_puts(out, ".Bl -tag -width Ds\n");
	for (unsigned i = 0; i < CODES; i++) {
		const struct code_info *c = &code_table[i];

		buf_printf(out, ".It Ic %s\n%d; since %s.\n", c->name,
			   c->status, c->since);
		add_sentences(c->meaning, out);
		buf_puts(out, "Remedy: ");
		add_sentences(c->remedy, out);
	}
	buf_puts(out, ".El\n");
}

static const struct {
	const char *name;
	void (*write)(struct buf *out);
} parts[] = {
	{ "metrics", metrics_page },
	{ "errors", codes_page },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* The page as it has to be: what is between the marks comes from the tables. */
static void make_page(struct str page, struct buf *out)
{
	for (size_t i = 0; i < PARTS; i++) {
		char begin[64], end[64];
		ptrdiff_t at, to;

		snprintf(begin, sizeof(begin), ".\\\" begin %s\n",
			 parts[i].name);
		snprintf(end, sizeof(end), ".\\\" end %s\n", parts[i].name);
		at = find(page, str_from(begin));
		to = find(page, str_from(end));
		ck_assert_msg(at >= 0 && to > at, "no marks for %s",
			      parts[i].name);
		at += (ptrdiff_t)strlen(begin);
		buf_adds(out, (struct str){ page.ptr, (size_t)at });
		parts[i].write(out);
		page.ptr += to;
		page.len -= (size_t)to;
	}
	buf_adds(out, page);
}

START_TEST(the_page_tells_the_tables)
{
	char path[PATH_MAX + 64];
	struct buf page, want;
	const char *write_to = getenv("USHER_WRITE_REFERENCE");

	buf_init(&page, PAGE_MAX);
	buf_init(&want, PAGE_MAX);
	snprintf(path, sizeof(path), "%s/man/usher-reference.7", source_dir());
	add_file(path, &page);
	make_page(buf_str(&page), &want);
	ck_assert(buf_is_ok(&want));
	if (write_to && *write_to) {
		FILE *f = fopen(path, "w");

		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(want.ptr, 1, want.len, f), want.len);
		ck_assert_int_eq(fclose(f), 0);
	} else {
		ck_assert_msg(str_eq(buf_str(&page), buf_str(&want)),
			      "usher-reference.7 is not what the tables say; "
			      "write it anew: make -C tests reference");
	}
	buf_done(&page);
	buf_done(&want);
}
END_TEST

/* ---- the code, as the tables have it ------------------------------------------- */

static void add_sources(const char *dir, struct buf *out)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	ck_assert_msg(d != NULL, "%s", dir);
	while ((entry = readdir(d))) {
		char path[PATH_MAX];
		size_t len = strlen(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		ck_assert_int_eq(stat(path, &st), 0);
		if (S_ISDIR(st.st_mode))
			add_sources(path, out);
		else if (len > 2 && !strcmp(entry->d_name + len - 2, ".c"))
			add_file(path, out);
	}
	closedir(d);
}

static void is_used(struct str source, const char *before, const char *name,
		    const char *after)
{
	char use[256];

	snprintf(use, sizeof(use), "%s%s%s", before, name, after);
	ck_assert_msg(find(source, str_from(use)) >= 0,
		      "nothing in the code has '%s'", use);
}

/* As a whole word. */
static void is_emitted(struct str source, const char *name)
{
	char use[128];
	ptrdiff_t at;

	snprintf(use, sizeof(use), "CODE_%s", name);
	while ((at = find(source, str_from(use))) >= 0) {
		char next;

		source.ptr += at + (ptrdiff_t)strlen(use);
		source.len -= (size_t)at + strlen(use);
		next = source.len ? source.ptr[0] : ' ';
		if (!isalnum((unsigned char)next) && next != '_')
			return;
	}
	ck_abort_msg("no answer has the code %s", name);
}

START_TEST(the_code_uses_the_tables)
{
	struct buf source;

	buf_init(&source, SOURCE_MAX);
	add_sources(source_dir(), &source);
	ck_assert(buf_is_ok(&source));
	for (unsigned i = 0; i < METRICS; i++)
		is_used(buf_str(&source), "(", metric_table[i].name, ",");
	for (unsigned i = 0; i < CODES; i++)
		is_emitted(buf_str(&source), code_table[i].name);
	buf_done(&source);
}
END_TEST

START_TEST(names_are_as_prometheus_wants_them)
{
	for (unsigned i = 0; i < METRICS; i++) {
		const struct metric_info *m = &metric_table[i];
		struct str name = str_from(m->name);
		bool counts = m->kind == METRIC_COUNTER ||
			      m->kind == METRIC_COUNTER_NS;

		ck_assert_msg(ends_with(name, STR("_total")) == counts, "%s",
			      m->name);
		if (m->kind == METRIC_HISTOGRAM)
			ck_assert_msg(ends_with(name, STR("_seconds")), "%s",
				      m->name);
		ck_assert_msg(ends_with(str_from(m->help), STR(".")) ||
			      ends_with(str_from(m->help), STR("?")), "%s",
			      m->name);
	}
}
END_TEST

static void check_sentences(const struct code_info *c, const char *text)
{
	ck_assert_msg(ends_with(str_from(text), STR(".")) && text[0] >= 'A' &&
		      text[0] <= 'Z', "%s: %s", c->name, text);
}

START_TEST(codes_say_what_they_mean_and_what_helps)
{
	for (unsigned i = 0; i < CODES; i++) {
		const struct code_info *c = &code_table[i];

		check_sentences(c, c->meaning);
		check_sentences(c, c->remedy);
		ck_assert_ptr_eq(code_find(str_from(c->name), c->status), c);
		ck_assert_ptr_null(code_find(str_from(c->name), 299));
	}
	ck_assert_ptr_null(code_find(STR("members_only"), 403));
	ck_assert_ptr_null(code_find(STR_NULL, 200));
}
END_TEST

static void reference_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_page_tells_the_tables);
	tcase_add_test(tcase, the_code_uses_the_tables);
	tcase_add_test(tcase, codes_say_what_they_mean_and_what_helps);
	tcase_add_test(tcase, names_are_as_prometheus_wants_them);
}

UNIT_MAIN("reference", reference_tests)
