#include "unit/unit.h"

#include "base/buf.h"
#include "codec/cookie.h"

#define NAME "__Host-usher"

/* What the header says of __Host-usher: 1 and a value, 0, or -1. */
static const struct {
	struct str header;
	int found;
	const char *value;
} cases[] = {
	{ STR("__Host-usher=abc"), 1, "abc" },
	{ STR("a=1; __Host-usher=abc"), 1, "abc" },
	{ STR("__Host-usher=abc; a=1"), 1, "abc" },
	{ STR("a=1; __Host-usher=abc; b=2"), 1, "abc" },
	{ STR(" \t__Host-usher=abc\t "), 1, "abc" },
	{ STR("__Host-usher="), 1, "" },
	{ STR("__Host-usher=a=b=="), 1, "a=b==" },
	{ STR("__Host-usher=!#$%&'()*+-./0:<=>?@[]^_`{|}~"), 1,
	  "!#$%&'()*+-./0:<=>?@[]^_`{|}~" },
	{ STR("__Host-usher=abc;"), 1, "abc" },
	{ STR(""), 0, NULL },
	{ STR("a=1"), 0, NULL },
	{ STR(";;; ; ;"), 0, NULL },

	/* Names that only resemble it. */
	{ STR("__host-usher=x"), 0, NULL },
	{ STR("__HOST-USHER=x"), 0, NULL },
	{ STR("__Host-usher2=x"), 0, NULL },
	{ STR("x__Host-usher=x"), 0, NULL },
	{ STR("__Host-ushe=x"), 0, NULL },
	{ STR("__Host-usher =x"), 0, NULL },
	{ STR("a=1;  __Host-usher=x"), 0, NULL },
	{ STR("a=1;\t__Host-usher=x"), 0, NULL },
	{ STR("a=1; \xc2\xa0__Host-usher=x"), 0, NULL },
	{ STR("\0__Host-usher=x"), 0, NULL },
	{ STR("__Host-usher\0=x"), 0, NULL },
	{ STR("__Host-usher"), 0, NULL },
	{ STR("__%48ost-usher=x"), 0, NULL },
	{ STR("..Host-usher=x"), 0, NULL },	/* CVE-2022-31629 */
	{ STR("_[Host-usher=x"), 0, NULL },
	{ STR(" .Host-usher=x"), 0, NULL },
	{ STR("__Host\xe2\x80\x91usher=x"), 0, NULL },

	/* A nameless cookie of a neighbour: CVE-2023-23934. */
	{ STR("=__Host-usher=x"), 0, NULL },
	{ STR("a=1; =__Host-usher=x; b=2"), 0, NULL },
	{ STR("==__Host-usher=x"), 0, NULL },
	{ STR("=x; __Host-usher=abc"), 1, "abc" },

	/* Quotes swallow nothing: CVE-2023-26049. */
	{ STR("a=\"b; __Host-usher=abc; c=d\""), 1, "abc" },
	{ STR("a=\"; __Host-usher=abc"), 1, "abc" },
	{ STR("$Version=1; $Path=\"/; __Host-usher=abc"), 1, "abc" },

	/* Nor do commas or a missing space part pairs. */
	{ STR("a=1, __Host-usher=x"), 0, NULL },
	{ STR("a=1,__Host-usher=x"), 0, NULL },
	{ STR("a=1;__Host-usher=x"), 0, NULL },
	{ STR("a=1&__Host-usher=x"), 0, NULL },

	/* Neighbours that break the grammar sign nobody out. */
	{ STR("a b c; \x01=\x02; __Host-usher=abc; \xff\xfe"), 1, "abc" },
	{ STR("{\"a\":1}; __Host-usher=abc"), 1, "abc" },
	{ STR("a=\"x,y\\z\"; __Host-usher=abc"), 1, "abc" },
	{ STR("; ; __Host-usher=abc"), 1, "abc" },

	/* Twice, even with one value: somebody tossed a second one in. */
	{ STR("__Host-usher=a; __Host-usher=b"), -1, NULL },
	{ STR("__Host-usher=a; x=1; __Host-usher=a"), -1, NULL },
	{ STR("__Host-usher=; __Host-usher=b"), -1, NULL },

	/* A value that breaks the grammar. */
	{ STR("__Host-usher=\"abc\""), -1, NULL },
	{ STR("__Host-usher=a b"), -1, NULL },
	{ STR("__Host-usher=abc ; a=1"), -1, NULL },
	{ STR("__Host-usher= abc"), -1, NULL },
	{ STR("__Host-usher=a,b"), -1, NULL },
	{ STR("__Host-usher=a\\b"), -1, NULL },
	{ STR("__Host-usher=a\0b"), -1, NULL },
	{ STR("__Host-usher=a\x7f"), -1, NULL },
	{ STR("__Host-usher=a\tb"), -1, NULL },
	{ STR("__Host-usher=\xc3\xa9"), -1, NULL },
};

START_TEST(only_the_exact_cookie_is_found)
{
	struct str value = STR("untouched");
	int found = cookie_find(cases[_i].header, STR(NAME), &value);

	ck_assert_msg(found == cases[_i].found, "'%.*s' gave %d, want %d",
		      STR_ARG(cases[_i].header), found, cases[_i].found);
	ck_str_is(value, found == 1 ? cases[_i].value : "untouched");
	ck_assert(!str_is_null(value));
}
END_TEST

/* Each byte that is not a cookie-octet, anywhere in the value. */
START_TEST(every_byte_of_a_value_is_checked)
{
	char header[] = NAME "=aXb";
	struct str s = { header, sizeof(header) - 1 }, value;

	for (unsigned c = 0; c < 256; c++) {
		bool octet = c > 0x20 && c < 0x7f && !strchr("\",;\\", (int)c);
		int want = octet ? 1 : c == ';' ? 1 : -1;

		header[sizeof(header) - 3] = (char)c;
		ck_assert_msg(cookie_find(s, STR(NAME), &value) == want,
			      "byte %u", c);
	}
}
END_TEST

static int find_after(unsigned neighbours)
{
	struct str value;
	struct buf out;
	int found;

	buf_init(&out, 65536);
	for (unsigned i = 0; i < neighbours; i++)
		buf_printf(&out, "n%u=%u; ", i, i);
	buf_puts(&out, NAME "=abc");
	ck_assert(buf_is_ok(&out));
	found = cookie_find(buf_str(&out), STR(NAME), &value);
	buf_done(&out);
	return found;
}

START_TEST(more_pairs_than_a_browser_keeps_are_refused)
{
	ck_assert_int_eq(find_after(COOKIE_PAIRS_MAX - 1), 1);
	ck_assert_int_eq(find_after(COOKIE_PAIRS_MAX), -1);
}
END_TEST

static void cookie_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, only_the_exact_cookie_is_found, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, every_byte_of_a_value_is_checked);
	tcase_add_test(tcase, more_pairs_than_a_browser_keeps_are_refused);
}

UNIT_MAIN("cookie", cookie_tests)
