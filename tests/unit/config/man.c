/*
 * usher.conf(5) tells every setting there is, and no other, with the type,
 * the range and the default that the tables have.
 *
 * In the page each setting is an item `.It Ic a.b` of its subsection (.Ss
 * gateway, .Ss tenant), and the line that follows is its type, its default, and
 * whether only a restart takes it up.
 */
#include "unit/unit.h"

#include "base/buf.h"
#include "config/schema.h"

#define PAGE_MAX (128 * 1024)
#define ITEM_MAX 512

static char page[PAGE_MAX];

static void read_page(void)
{
	const char *src = getenv("srcdir");
	char path[PATH_MAX];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/../gateway/man/usher.conf.5",
		 src ? src : ".");
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s cannot be read", path);
	len = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	ck_assert_uint_lt(len, sizeof(page) - 1);
	page[len] = '\0';
}

static void add_default(const struct setting *s, const char *value,
			struct buf *out)
{
	if (s->is_required)
		buf_puts(out, "; required");
	else
		buf_printf(out, "; default %s", value ? value : "none");
}

static void add_number(const struct setting *s, struct buf *out)
{
	char value[24];

	snprintf(value, sizeof(value), "%lld", (long long)s->number);
	buf_printf(out, "number, %lld to %lld", (long long)s->min,
		   (long long)s->max);
	add_default(s, value, out);
}

static void add_word(const struct setting *s, struct buf *out)
{
	buf_puts(out, "one of");
	for (unsigned i = 0; s->words[i]; i++)
		buf_printf(out, "%s %s", i ? "," : "", s->words[i]);
	add_default(s, s->words[s->number], out);
}

/* The type as the page has to tell it. */
static void describe(const struct setting *s, struct buf *out)
{
	switch (s->type) {
	case SETTING_TEXT:
		buf_printf(out, "text of up to %lld octets",
			   (long long)s->max);
		/* The build's own directory. */
		add_default(s, strcmp(s->name, "plugins") ? s->text :
			    "where adapters are installed", out);
		break;
	case SETTING_NUMBER:
		add_number(s, out);
		break;
	case SETTING_SWITCH:
		buf_puts(out, "true or false");
		add_default(s, s->number ? "true" : "false", out);
		break;
	case SETTING_WORD:
		add_word(s, out);
		break;
	case SETTING_TEXTS:
		buf_printf(out, "list of up to %u texts of up to %lld octets",
			   s->count_max, (long long)s->max);
		add_default(s, NULL, out);
		break;
	case SETTING_GROUPS:
		buf_printf(out, "list of up to %u groups", s->count_max);
		add_default(s, NULL, out);
		break;
	case SETTING_GROUP:
	case SETTING_FREE:
		buf_puts(out, "group; optional");
		break;
	}
}

/* The part of the page from `.Ss name` to the next heading, cut out. */
static char *section(const char *name)
{
	char heading[64];
	char *from, *to;

	snprintf(heading, sizeof(heading), "\n.Ss %s\n", name);
	from = strstr(page, heading);
	ck_assert_msg(from != NULL, "no subsection %s", name);
	from += strlen(heading) - 1;
	for (to = from + 1; *to; to++)
		if (!strncmp(to, "\n.Ss", 4) || !strncmp(to, "\n.Sh", 4))
			break;
	return strndup(from, (size_t)(to - from) + 1);
}

static unsigned count_items(const char *text)
{
	unsigned n = 0;

	while ((text = strstr(text, "\n.It Ic "))) {
		n++;
		text++;
	}
	return n;
}

/* Hold the table's settings against `text`; returns how many there are. */
static unsigned hold(const struct setting *table, const char *prefix,
		     const char *text)
{
	unsigned n = 0;

	for (const struct setting *s = table; s->name; s++, n++) {
		char item[ITEM_MAX], name[SETTING_NAME_MAX];
		struct buf line;

		snprintf(name, sizeof(name), "%s%s", prefix, s->name);
		buf_init_fixed(&line, item, sizeof(item));
		buf_printf(&line, "\n.It Ic %s\n", name);
		ck_assert_msg(strstr(text, item) != NULL,
			      "%s does not stand in usher.conf(5)", name);
		describe(s, &line);
		if (s->is_at_start)
			buf_puts(&line, "; read at a start only");
		buf_puts(&line, ".\n");
		ck_assert(buf_is_ok(&line));
		ck_assert_msg(strstr(text, item) != NULL,
			      "usher.conf(5) should say:%s", item);
		if (s->members) {
			snprintf(name, sizeof(name), "%s%s.", prefix, s->name);
			n += hold(s->members, name, text);
		}
	}
	return n;
}

static void hold_section(const char *name, const struct setting *table)
{
	char *text;

	read_page();
	text = section(name);
	ck_assert_uint_gt(count_items(text), 10);
	/* All of ours are there: as many items, and there are no others. */
	ck_assert_uint_eq(hold(table, "", text), count_items(text));
	free(text);
}

START_TEST(the_gateway_is_told)
{
	hold_section("gateway", schema_gateway);
}
END_TEST

START_TEST(tenants_are_told)
{
	hold_section("tenant", schema_tenant);
}
END_TEST

static void man_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_gateway_is_told);
	tcase_add_test(tcase, tenants_are_told);
}

UNIT_MAIN("man", man_tests)
