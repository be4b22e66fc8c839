/* Forwarded (RFC 7239): whom its lines name. */
#include "codec/forwarded.h"

#include "base/buf.h"
#include "unit/unit.h"

/* Elements as "address", "-" for what is hidden, with blanks between; NULL:
 * refused. */
static const struct {
	const char *in, *out;
} cases[] = {
	/* of the RFC itself */
	{ "for=\"_gazonk\"", "-" },
	{ "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17" },
	{ "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60" },
	{ "for=192.0.2.43, for=198.51.100.17", "192.0.2.43 198.51.100.17" },
	{ "for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
	  "192.0.2.43 2001:db8:cafe::17 -" },
	{ "for=_hidden, for=_SEVKISEK", "- -" },
	{ "FOR=Unknown;by=\"_x:_y\"", "-" },
	/* ports, by number and by name */
	{ "for=\"192.0.2.1:80\"", "192.0.2.1" },
	{ "for=\"192.0.2.1:_http\"", "192.0.2.1" },
	{ "for=\"unknown:80\"", "-" },
	{ "for=\"_a:65535\"", "-" },
	{ "for=\"[::ffff:192.0.2.1]:1\"", "192.0.2.1" },
	{ "for=\"192.0.2.\\1\"", "192.0.2.1" },
	/* elements without it, and blanks where lists have them */
	{ "proto=https;host=\"a, for=6.6.6.6\"", "-" },
	{ "x=\"\\\", for=6.6.6.6\";for=192.0.2.1", "192.0.2.1" },
	{ " ,, ;; ,for=192.0.2.1 ; proto=https\t, ", "192.0.2.1" },
	{ "", "" },
	{ " \t", "" },
	{ "host=\"\xc3\xa4\"", "-" },
	/* what is none */
	{ "192.0.2.1", NULL },
	{ "for", NULL },
	{ "for=", NULL },
	{ "=192.0.2.1", NULL },
	{ "for = 192.0.2.1", NULL },
	{ "for=192.0.2.1 proto=https", NULL },
	{ "for=\"\"", NULL },
	{ "for=\"192.0.2.1", NULL },
	{ "for=\"192.0.2.1\\", NULL },
	{ "for=\"192.0.2.1\"x", NULL },
	{ "for=192.0.2.1:80", NULL },
	{ "for=[2001:db8::1]", NULL },
	{ "for=\"2001:db8::1\"", NULL },
	{ "for=\"[2001:db8::1\"", NULL },
	{ "for=\"[192.0.2.1]\"", NULL },
	{ "for=\"[2001:db8::1]x\"", NULL },
	{ "for=\"192.0.2.1:\"", NULL },
	{ "for=\"192.0.2.1:65536\"", NULL },
	{ "for=\"192.0.2.1:000080\"", NULL },
	{ "for=\"192.0.2.1:_\"", NULL },
	{ "for=192.0.2.01", NULL },
	{ "for=192.0.2", NULL },
	{ "for=_", NULL },
	{ "for=\"_a b\"", NULL },
	{ "for=example.com", NULL },
	{ "for=\" 192.0.2.1\"", NULL },
	{ "for=\"192.0.2.1, 192.0.2.2\"", NULL },
	{ "for=192.0.2.1;for=192.0.2.2", NULL },
	{ "for=192.0.2.1;by=a;BY=b", NULL },
	{ "x=\"\x01\"", NULL },
	{ "x=\"\x7f\"", NULL },
	{ "for=\", for=\"[2001:db8::1]\"", NULL },
};

START_TEST(elements_are_read_as_they_stand)
{
	struct forwarded list[FORWARDED_ELEMENTS_MAX];
	unsigned count = 99;
	enum err err = forwarded_parse(str_from(cases[_i].in), list, &count);
	char text[512], ip[IP_TEXT_MAX];
	struct buf out;

	if (!cases[_i].out) {
		ck_assert_msg(err == ERR_SYNTAX, "%s", cases[_i].in);
		ck_assert_uint_eq(count, 99);
		return;
	}
	ck_assert_msg(!err, "%s", cases[_i].in);
	buf_init_fixed(&out, text, sizeof(text));
	for (unsigned i = 0; i < count; i++) {
		ip_text(&list[i].ip, ip);
		buf_printf(&out, "%s%s", i ? " " : "",
			   list[i].kind == FORWARDED_HIDDEN ? "-" : ip);
	}
	buf_addc(&out, '\0');
	ck_assert_str_eq(text, cases[_i].out);
}
END_TEST

static enum err repeat(const char *part, const char *between, unsigned n,
		       unsigned *count)
{
	struct forwarded list[FORWARDED_ELEMENTS_MAX];
	struct buf in;
	enum err err;

	buf_init(&in, 65536);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&in, "%s%s%u=v", i ? between : "", part, i);
	err = forwarded_parse(buf_str(&in), list, count);
	buf_done(&in);
	return err;
}

START_TEST(limits_hold)
{
	char node[FORWARDED_NODE_MAX + 8] = "for=_";
	struct forwarded list[FORWARDED_ELEMENTS_MAX];
	unsigned n = 0;

	ck_assert_int_eq(repeat("x", ",", FORWARDED_ELEMENTS_MAX, &n), ERR_OK);
	ck_assert_uint_eq(n, FORWARDED_ELEMENTS_MAX);
	ck_assert_int_eq(repeat("x", ",", FORWARDED_ELEMENTS_MAX + 1, &n),
			 ERR_LIMIT);
	ck_assert_int_eq(repeat("x", ";", FORWARDED_PAIRS_MAX, &n), ERR_OK);
	ck_assert_int_eq(repeat("x", ";", FORWARDED_PAIRS_MAX + 1, &n),
			 ERR_LIMIT);
	memset(node + 5, 'a', FORWARDED_NODE_MAX);
	ck_assert_int_eq(forwarded_parse(str_from(node), list, &n),
			 ERR_LIMIT);
	node[4 + FORWARDED_NODE_MAX] = '\0';
	ck_assert_int_eq(forwarded_parse(str_from(node), list, &n), ERR_OK);
	/* what nobody reads may be longer */
	memcpy(node, "pro=", 4);
	ck_assert_int_eq(forwarded_parse(str_from(node), list, &n), ERR_OK);
}
END_TEST

static void forwarded_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, elements_are_read_as_they_stand, 0,
			    N_ELEMENTS(cases));
	tcase_add_test(tcase, limits_hold);
}

UNIT_MAIN("forwarded", forwarded_tests)
