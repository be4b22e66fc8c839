#include "unit/unit.h"

#include "codec/charref.h"

static const struct {
	struct str in;
	const char *out;	/* NULL: as it is, and nothing stands in it */
} cases[] = {
	{ STR(""), NULL },
	{ STR("plain"), NULL },
	/* what escapers write: PHP, Laravel, WordPress; Django, React; Go,
	 * Jinja, ASP.NET; JSTL; XML's */
	{ STR("o&#039;brien@example.com"), "o'brien@example.com" },
	{ STR("o&#x27;brien"), "o'brien" },
	{ STR("&#39;&#34;"), "'\"" },
	{ STR("&#034;"), "\"" },
	{ STR("it&apos;s"), "it's" },
	{ STR("Smith &amp; Sons &lt;b&gt; &quot;x&quot;"),
	  "Smith & Sons <b> \"x\"" },
	{ STR("&#8217;&#xE9;&#X1f600;"),
	  "\xe2\x80\x99\xc3\xa9\xf0\x9f\x98\x80" },
	{ STR("&#00000039;"), "'" },
	{ STR("&#x10FFFF;&#xffff;&#128512;"),
	  "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xf0\x9f\x98\x80" },
	{ STR("&#128512;&#64;"), "\xf0\x9f\x98\x80@" },
	/* once */
	{ STR("&amp;#39;"), "&#39;" },
	{ STR("&amp;amp;lt;"), "&amp;lt;" },
	{ STR("&#38;lt;"), "&lt;" },
	{ STR("&&amp;;"), "&&;" },
	/* lines are for the caller to refuse */
	{ STR("a&#10;&#13;&#x9;b"), "a\n\r\tb" },
	/* what stands for no text stays, and is seen */
	{ STR("&#0;"), "&#0;" },
	{ STR("&#1;&#x1b;&#127;&#128;&#159;"),
	  "&#1;&#x1b;&#127;&#128;&#159;" },
	{ STR("&#xd800;&#xDFFF;&#55357;"), "&#xd800;&#xDFFF;&#55357;" },
	{ STR("&#x110000;&#99999999;&#xffffffff;"),
	  "&#x110000;&#99999999;&#xffffffff;" },
	/* so does what no escaper writes */
	{ STR("Jos&eacute;&nbsp;&AMP;"), "Jos&eacute;&nbsp;&AMP;" },
	{ STR("&nbsp;&amp;"), "&nbsp;&" },
	/* and what is none */
	{ STR("&"), NULL },
	{ STR("a&"), NULL },
	{ STR("&;"), NULL },
	{ STR("&#;"), NULL },
	{ STR("&#x;"), NULL },
	{ STR("&#"), NULL },
	{ STR("&#x"), NULL },
	{ STR("&#39"), NULL },
	{ STR("&amp"), NULL },
	{ STR("&ampx"), NULL },
	{ STR("& amp;"), NULL },
	{ STR("&#3 9;"), NULL },
	{ STR("&#-39;"), NULL },
	{ STR("&#+39;"), NULL },
	{ STR("&#3a;"), NULL },
	{ STR("&#xg;"), NULL },
	{ STR("&#x0x27;"), NULL },
	{ STR("&#000000039;"), NULL },
	{ STR("R&D; x"), "R&D; x" },
	{ STR("R&D, x;"), NULL },
	{ STR("&3;"), NULL },
	{ STR("&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;"), NULL },
	{ STR("caf\xc3\xa9 & co"), NULL },
};

START_TEST(references_become_what_they_stand_for)
{
	struct str in = cases[_i].in, out = STR("untouched");
	struct pool *pool = pool_new(4096);
	char *copy = malloc(in.len ? in.len : 1);

	/* A copy of its size: a byte read past its end is seen. */
	ck_assert_ptr_nonnull(copy);
	if (in.len)
		memcpy(copy, in.ptr, in.len);
	in.ptr = copy;
	ck_assert_int_eq(charref_is_in(in), cases[_i].out != NULL);
	ck_assert_int_eq(charref_decode(pool, in, &out), ERR_OK);
	ck_assert_msg(str_eq(out, cases[_i].out ? str_from(cases[_i].out) : in),
		      "'%.*s' became '%.*s'", STR_ARG(in), STR_ARG(out));
	if (!cases[_i].out)
		ck_assert_ptr_eq(out.ptr, copy);
	free(copy);
	pool_free(pool);
}
END_TEST

START_TEST(an_absent_text_stays_absent)
{
	struct str out = STR("x");

	ck_assert(!charref_is_in(STR_NULL));
	ck_assert_int_eq(charref_decode(NULL, STR_NULL, &out), ERR_OK);
	ck_assert(str_is_null(out));
}
END_TEST

START_TEST(a_full_pool_is_told)
{
	struct pool *pool = pool_new(1);
	struct str out = STR("untouched");

	ck_assert_int_eq(charref_decode(pool, STR("&amp;, and much more than "
					"a pool of one octet can hold"), &out),
			 ERR_NOMEM);
	ck_str_is(out, "untouched");
	pool_free(pool);
}
END_TEST

static void charref_tests(TCase *t)
{
	tcase_add_loop_test(t, references_become_what_they_stand_for, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, an_absent_text_stays_absent);
	tcase_add_test(t, a_full_pool_is_told);
}

UNIT_MAIN("charref", charref_tests)
