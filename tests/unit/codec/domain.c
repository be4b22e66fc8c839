#include "unit/unit.h"

#include "base/buf.h"
#include "codec/domain.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"
#define A253 A63 "." A63 "." A63 "." A60 "a"

/* A name and what it is in ASCII; NULL: refused. */
static const struct {
	const char *in, *ascii;
} cases[] = {
	{ "example.com", "example.com" },
	{ "EXAMPLE.Com", "example.com" },
	{ "b", "b" },
	{ "localhost", "localhost" },
	{ "a-b.c--d.e1", "a-b.c--d.e1" },
	{ "r3---sn-abc.example", "r3---sn-abc.example" },
	{ "1.2.3.4", "1.2.3.4" },
	{ "123", "123" },
	{ A63 ".com", A63 ".com" },
	{ A253, A253 },
	{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
	{ "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" },
	{ "bu\xcc\x88" "cher.example", "xn--bcher-kva.example" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
	{ "fa\xc3\x9f.de", "xn--fa-hia.de" },
	{ "\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp" },
	{ "\xd7\x90" "1.com", "xn--1-zhc.com" },

	{ "", NULL },
	{ ".", NULL },
	{ "example.com.", NULL },
	{ ".example.com", NULL },
	{ "a..b", NULL },
	{ "-a.com", NULL },
	{ "a-.com", NULL },
	{ "a.-", NULL },
	{ "a_b.com", NULL },
	{ "a b.com", NULL },
	{ "*.example.com", NULL },
	{ "a@b", NULL },
	{ "a/b", NULL },
	{ "a:1", NULL },
	{ "[1.2.3.4]", NULL },
	{ "a%2eb", NULL },
	{ A63 "a.com", NULL },
	{ A253 "a", NULL },
	{ "\xc3\xbc.", NULL },
	{ ".\xc3\xbc", NULL },
	{ "\xc3\xbc..b", NULL },
	{ "-\xc3\xbc.de", NULL },
	{ "\xc3\xbc-.de", NULL },
	{ "\xc3\xbc_b.de", NULL },
	{ "\xc3\xbc b.de", NULL },
	{ "\xc3\xbc@b.de", NULL },
	{ "ab--c\xc3\xbc.de", NULL },
	{ "xn--", NULL },
	{ "xn--a", NULL },
	{ "xn--example-.com", NULL },
	{ "xn--zzzzzzzz99999.com", NULL },
	{ "xn--n3h.net", NULL },
	/* Look-alikes that UTS 46 would map. */
	{ "\xef\xbd\x85xample.com", NULL },
	{ "\xe4\xbe\x8b\xe3\x80\x82jp", NULL },
	{ "\xe4\xbe\x8b\xef\xbc\x8ejp", NULL },
	{ "\xe4\xbe\x8b\xef\xbd\xa1jp", NULL },
	{ "\xe2\x84\xaa.com", NULL },
	{ "\xef\xac\x81.com", NULL },
	{ "ex\xc2\xad" "ample.com", NULL },
	{ "a\xe2\x80\x8b.com", NULL },
	{ "a\xe2\x80\x8d" "b.de", NULL },
	{ "\xe2\x85\xa3.com", NULL },
	{ "1\xd7\x90.com", NULL },
	{ "\xf0\x9f\x92\xa9.la", NULL },
};

START_TEST(names_have_one_ascii_form)
{
	struct pool *pool = pool_new(65536);
	struct str in = str_from(cases[_i].in), ascii = STR("untouched");
	enum err err = domain_to_ascii(pool, in, &ascii);

	if (cases[_i].ascii) {
		ck_assert_msg(!err, "'%s' was refused", cases[_i].in);
		ck_str_is(ascii, cases[_i].ascii);
		ck_assert_int_eq(ascii.ptr[ascii.len], '\0');
		ck_assert_int_eq(domain_check(ascii), 0);
	} else {
		ck_assert_msg(err == ERR_SYNTAX, "'%s' gave '%.*s'",
			      cases[_i].in, STR_ARG(ascii));
		ck_str_is(ascii, "untouched");
		ck_assert_int_eq(domain_check(in), ERR_SYNTAX);
	}
	pool_free(pool);
}
END_TEST

START_TEST(an_ascii_check_takes_no_other_alphabet)
{
	ck_assert_int_eq(domain_check(STR("b\xc3\xbc" "cher.example")),
			 ERR_SYNTAX);
	ck_assert_int_eq(domain_check(STR("a\0b")), ERR_SYNTAX);
	ck_assert_int_eq(domain_check(STR_NULL), ERR_SYNTAX);
}
END_TEST

/* A kilobyte of four-octet letters must not overrun what IDNA is given. */
START_TEST(a_very_long_name_is_refused)
{
	struct pool *pool = pool_new(65536);
	struct str out;
	struct buf name;

	buf_init(&name, 8192);
	while (name.len < 8000)
		buf_puts(&name, "\xf0\x90\x90\xa8");
	ck_assert_int_eq(domain_to_ascii(pool, buf_str(&name), &out),
			 ERR_SYNTAX);
	buf_done(&name);
	pool_free(pool);
}
END_TEST

START_TEST(no_memory_is_said)
{
	struct pool *pool = pool_new(4);
	struct str out;

	ck_assert_int_eq(domain_to_ascii(pool, STR("example.com"), &out),
			 ERR_NOMEM);
	pool_free(pool);
}
END_TEST

static void domain_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, names_have_one_ascii_form, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, an_ascii_check_takes_no_other_alphabet);
	tcase_add_test(tcase, a_very_long_name_is_refused);
	tcase_add_test(tcase, no_memory_is_said);
}

UNIT_MAIN("domain", domain_tests)
