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
#include "base/log.h"
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

static const struct event {
	const char *name, *levels, *fields, *since, *meaning;
} events[] = {
#define EVENT(name, levels, fields, since, meaning)	\
	{ #name, levels, fields, since, meaning },
#include "base/log-events.def"
#undef EVENT
};

static void events_page(struct buf *out)
{
	buf_puts(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < N_ELEMENTS(events); i++) {
		buf_printf(out, ".It Ic %s\n%s; with %s; since %s.\n",
			   events[i].name, events[i].levels, events[i].fields,
			   events[i].since);
		add_sentences(events[i].meaning, out);
	}
	buf_puts(out, ".El\n");
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
	{ "events", events_page },
	{ "errors", codes_page },
};

/* The page as it has to be: what is between the marks comes from the tables. */
static void make_page(struct str page, struct buf *out)
{
	for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
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

/* What a comment says is no use. */
static void blank_comments(char *source)
{
	char *at = source, *end;

	while ((at = strstr(at, "/*"))) {
		end = strstr(at, "*/");
		if (!end)
			break;
		memset(at, ' ', (size_t)(end + 2 - at));
		at = end + 2;
	}
}

/* The code of all .c files, a terminated text. */
static void read_sources(struct buf *out)
{
	buf_init(out, SOURCE_MAX);
	add_sources(source_dir(), out);
	buf_adds(out, (struct str){ "", 1 });
	ck_assert(buf_is_ok(out));
	blank_comments(out->ptr);
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

	read_sources(&source);
	for (unsigned i = 0; i < METRICS; i++)
		is_used(buf_str(&source), "(", metric_table[i].name, ",");
	for (unsigned i = 0; i < CODES; i++)
		is_emitted(buf_str(&source), code_table[i].name);
	buf_done(&source);
}
END_TEST

/* Is `word` one of `list`, "a, b, c"? */
static bool is_listed(struct str list, struct str word)
{
	struct str rest = list;

	while (!str_is_null(rest))
		if (str_eq(str_trim(str_cut(rest, ',', &rest), " "), word))
			return true;
	return false;
}

/* The end of what opens at `at`; texts in between are passed over. */
static const char *closing(const char *at, char open, char close)
{
	int depth = 0;

	for (;; at++) {
		if (*at == '"')
			while (*++at != '"')
				at += *at == '\\';
		depth += (*at == open) - (*at == close);
		if (!depth || !*at)
			return at;
	}
}

/* The next field that is named before `end`; absent: there is none. */
static struct str next_field(const char **at, const char *end)
{
	static const char *const before[] = { "LOG_STR(\"", "LOG_TEXT(\"",
					      "LOG_NUM(\"" };
	const char *first = end;
	size_t len = 0;

	for (size_t i = 0; i < N_ELEMENTS(before); i++) {
		const char *found = memmem(*at, (size_t)(first - *at),
					   before[i], strlen(before[i]));

		if (found) {
			first = found;
			len = strlen(before[i]);
		}
	}
	if (first == end)
		return STR_NULL;
	first += len;
	*at = strchr(first, '"');
	return (struct str){ first, (size_t)(*at - first) };
}

/* Each field of a list of fields is the row's; how many there are. */
static unsigned check_fields(const struct event *row, const char *at,
			     const char *end, bool must)
{
	unsigned count = 0;
	struct str field;

	while (!str_is_null(field = next_field(&at, end))) {
		if (!is_listed(str_from(row->fields), field)) {
			ck_assert_msg(!must, "%s has no field %.*s in its row",
				      row->name, STR_ARG(field));
			return 0;
		}
		count++;
	}
	return count;
}

static unsigned fields_of(const struct event *row)
{
	unsigned count = 1;

	for (const char *p = row->fields; *p; p++)
		count += *p == ',';
	return count;
}

/* What is written in one place: log_warn(name, ...). Where is each field
 * of the row? */
static void check_calls(const struct event *row, const char *source,
			struct buf *seen)
{
	static const char *const levels[] = { "debug", "info", "warn",
					      "error" };

	for (size_t i = 0; i < N_ELEMENTS(levels); i++) {
		char call[128];
		const char *at = source;
		size_t len = (size_t)snprintf(call, sizeof(call), "log_%s(%s",
					      levels[i], row->name);

		while ((at = strstr(at, call))) {
			const char *open = strchr(at, '('), *end, *p;
			struct str field;

			at += len;
			if (*at != ',' && *at != ')')
				continue;
			end = closing(open, '(', ')');
			ck_assert_msg(is_listed(str_from(row->levels),
						str_from(levels[i])),
				      "%s is not of level %s", row->name,
				      levels[i]);
			check_fields(row, at, end, true);
			for (p = at;
			     !str_is_null(field = next_field(&p, end));) {
				buf_adds(seen, field);
				buf_puts(seen, ",");
			}
		}
	}
}

/* Where an event is a value: the levels that its statement names. */
static void check_values(const struct event *row, const char *source,
			 const char *use)
{
	static const struct {
		const char *name, *level;
	} levels[] = {
		{ "LOG_LEVEL_DEBUG", "debug" }, { "LOG_LEVEL_INFO", "info" },
		{ "LOG_LEVEL_WARN", "warn" }, { "LOG_LEVEL_ERROR", "error" },
	};
	const char *at = source;

	while ((at = strstr(at, use))) {
		const char *from = at, *to = at + strcspn(at, ";{}");

		while (from > source && !strchr(";{}", from[-1]))
			from--;
		for (size_t i = 0; i < N_ELEMENTS(levels); i++)
			if (memmem(from, (size_t)(to - from), levels[i].name,
				   strlen(levels[i].name)))
				ck_assert_msg(is_listed(str_from(row->levels),
					      str_from(levels[i].level)),
					      "%s is not of level %s",
					      row->name, levels[i].level);
		at = to;
	}
}

/* What takes its fields from a list: is there one that is the row's? */
static bool has_list(const struct event *row, const char *source)
{
	static const char begin[] = "const struct log_field ";

	while ((source = strstr(source, begin))) {
		const char *open = strchr(source, '{');
		const char *end = strchr(source, ';');

		source += sizeof(begin);
		if (open && open < end)
			end = closing(open, '{', '}');
		if (check_fields(row, source, end, false) == fields_of(row))
			return true;
	}
	return false;
}

START_TEST(events_have_the_fields_of_their_rows)
{
	struct buf source;

	read_sources(&source);
	for (size_t i = 0; i < N_ELEMENTS(events); i++) {
		char use[128];
		struct buf seen;
		struct str rest = str_from(events[i].fields);

		buf_init(&seen, 4096);
		snprintf(use, sizeof(use), "LOG_EVENT(%s)", events[i].name);
		check_calls(&events[i], source.ptr, &seen);
		check_values(&events[i], source.ptr, use);
		if (find(buf_str(&source), str_from(use)) >= 0) {
			ck_assert_msg(has_list(&events[i], source.ptr),
				      "%s: no list has its fields",
				      events[i].name);
			rest = STR_NULL;
		} else {
			ck_assert_msg(seen.len, "nothing says %s",
				      events[i].name);
		}
		while (!str_is_null(rest)) {
			struct str field = str_trim(str_cut(rest, ',', &rest),
						    " ");

			ck_assert_msg(is_listed(buf_str(&seen), field),
				      "%s never has the field %.*s",
				      events[i].name, STR_ARG(field));
		}
		buf_done(&seen);
	}
	buf_done(&source);
}
END_TEST

START_TEST(events_are_told_in_whole_sentences)
{
	for (size_t i = 0; i < N_ELEMENTS(events); i++) {
		struct str rest = str_from(events[i].levels);

		ck_assert_msg(ends_with(str_from(events[i].meaning),
					STR(".")), "%s", events[i].name);
		while (!str_is_null(rest))
			ck_assert(is_listed(STR("debug, info, warn, error"),
				  str_trim(str_cut(rest, ',', &rest), " ")));
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(events[i].name, events[j].name);
	}
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
	tcase_add_test(tcase, events_have_the_fields_of_their_rows);
	tcase_add_test(tcase, events_are_told_in_whole_sentences);
	tcase_add_test(tcase, codes_say_what_they_mean_and_what_helps);
	tcase_add_test(tcase, names_are_as_prometheus_wants_them);
}

UNIT_MAIN("reference", reference_tests)
