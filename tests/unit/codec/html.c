#include "unit/unit.h"

#include "codec/html.h"

static const struct {
	struct str in;
	const char *out;
} cases[] = {
	{ STR(""), "" },
	{ STR("plain"), "plain" },
	{ STR("<"), "&lt;" },
	{ STR("<script>alert(\"1\")</script>"),
	  "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" },
	{ STR("' onmouseover='x"), "&#39; onmouseover=&#39;x" },
	{ STR("&lt; &amp;"), "&amp;lt; &amp;amp;" },
	{ STR("a&b"), "a&amp;b" },
	{ STR("&&"), "&amp;&amp;" },
	{ STR("Zo\xc3\xab <zoe@example.com>"),
	  "Zo\xc3\xab &lt;zoe@example.com&gt;" },
};

START_TEST(markup_becomes_text)
{
	struct buf out;

	buf_init(&out, 128);
	html_add(&out, cases[_i].in);
	ck_assert(buf_is_ok(&out));
	ck_str_is(buf_str(&out), cases[_i].out);
	buf_done(&out);
}
END_TEST

START_TEST(an_absent_text_adds_nothing)
{
	struct buf out;

	buf_init(&out, 128);
	html_add(&out, STR_NULL);
	ck_assert(buf_is_ok(&out));
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
}
END_TEST

START_TEST(a_full_buffer_holds_no_half_reference)
{
	struct buf out;
	char array[4];

	buf_init_fixed(&out, array, sizeof(array));
	html_add(&out, STR("a<"));
	ck_assert(!buf_is_ok(&out));
	ck_str_is(buf_str(&out), "a");
}
END_TEST

static void html_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, markup_becomes_text, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, an_absent_text_adds_nothing);
	tcase_add_test(tcase, a_full_buffer_holds_no_half_reference);
}

UNIT_MAIN("html", html_tests)
