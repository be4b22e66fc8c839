#include "unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "codec/ip.h"

/* Text and how it is written back; NULL: refused. */
static const struct {
	struct str in;
	const char *out;
} addresses[] = {
	{ STR("0.0.0.0"), "0.0.0.0" },
	{ STR("192.0.2.1"), "192.0.2.1" },
	{ STR("255.255.255.255"), "255.255.255.255" },
	{ STR("::"), "::" },
	{ STR("::1"), "::1" },
	{ STR("1::"), "1::" },
	{ STR("2001:DB8::A"), "2001:db8::a" },
	{ STR("2001:db8:0:0:0:0:0:1"), "2001:db8::1" },
	{ STR("0001:0002:0003:0004:0005:0006:0007:0008"), "1:2:3:4:5:6:7:8" },
	/* RFC 5952: the longest run, the first of equals, no lone group. */
	{ STR("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1" },
	{ STR("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1" },
	{ STR("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1" },
	{ STR("1:0:0:2:3:4:0:0"), "1::2:3:4:0:0" },
	{ STR("0:0:1::"), "0:0:1::" },
	{ STR("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	/* Mapped is IPv4, merely compatible or translated is not. */
	{ STR("::ffff:192.0.2.1"), "192.0.2.1" },
	{ STR("::FFFF:c000:0201"), "192.0.2.1" },
	{ STR("0:0:0:0:0:ffff:127.0.0.1"), "127.0.0.1" },
	{ STR("::192.0.2.1"), "::c000:201" },
	{ STR("64:ff9b::192.0.2.1"), "64:ff9b::c000:201" },
	{ STR("::ffff:0:192.0.2.1"), "::ffff:0:c000:201" },

	{ STR(""), NULL },
	{ STR("."), NULL },
	{ STR(":"), NULL },
	{ STR(":::"), NULL },
	{ STR("1.2.3"), NULL },
	{ STR("1.2.3.4.5"), NULL },
	{ STR("1.2.3.4."), NULL },
	{ STR(".1.2.3.4"), NULL },
	{ STR("1..2.3"), NULL },
	{ STR("256.1.1.1"), NULL },
	{ STR("01.2.3.4"), NULL },
	{ STR("1.2.3.00"), NULL },
	{ STR("0x7f.0.0.1"), NULL },
	{ STR("127.1"), NULL },
	{ STR("2130706433"), NULL },
	{ STR("1.2.3.-4"), NULL },
	{ STR(" 1.2.3.4"), NULL },
	{ STR("1.2.3.4 "), NULL },
	{ STR("1.2.3.4\n"), NULL },
	{ STR("1.2.3.4\0"), NULL },
	{ STR("1.2.3.4\0.evil"), NULL },
	{ STR("\xd9\xa1.2.3.4"), NULL },
	{ STR("1.2.3.4/8"), NULL },
	{ STR("1.2.3.4:80"), NULL },
	{ STR("[::1]"), NULL },
	{ STR("fe80::1%eth0"), NULL },
	{ STR("fe80::1%25eth0"), NULL },
	{ STR("1::2::3"), NULL },
	{ STR("1:2:3:4:5:6:7"), NULL },
	{ STR("1:2:3:4:5:6:7:8:9"), NULL },
	{ STR("1:2:3:4:5:6:7:8::"), NULL },
	{ STR("1:2:3:4:5:6:7:"), NULL },
	{ STR("12345::"), NULL },
	{ STR("g::"), NULL },
	{ STR("::1.2.3"), NULL },
	{ STR("::1.2.3.4:5"), NULL },
	{ STR("::ffff:01.2.3.4"), NULL },
	{ STR("localhost"), NULL },
	{ STR("unix"), NULL },
	{ STR("0000000000000000000000000000000000000000000001"), NULL },
};

START_TEST(addresses_have_one_text)
{
	struct ip ip = { .family = 99 };
	enum err err = ip_parse(addresses[_i].in, &ip);
	char text[IP_TEXT_MAX];

	if (!addresses[_i].out) {
		ck_assert_msg(err == ERR_SYNTAX, "'%.*s' was accepted",
			      STR_ARG(addresses[_i].in));
		ck_assert_int_eq(ip.family, 99);
		return;
	}
	ck_assert_msg(!err, "'%.*s' was refused", STR_ARG(addresses[_i].in));
	ip_text(&ip, text);
	ck_assert_str_eq(text, addresses[_i].out);
}
END_TEST

static struct ip must_parse(const char *text)
{
	struct ip ip;

	ck_assert_msg(!ip_parse(str_from(text), &ip), "%s", text);
	return ip;
}

static const struct {
	const char *text;
	bool loopback, private;
} kinds[] = {
	{ "127.0.0.1", true, false },	  { "127.255.255.254", true, false },
	{ "126.255.255.255", false, false }, { "128.0.0.0", false, false },
	{ "::1", true, false },		  { "::ffff:127.0.0.1", true, false },
	{ "::", false, false },		  { "::2", false, false },
	{ "::127.0.0.1", false, false },  { "10.0.0.0", false, true },
	{ "10.255.255.255", false, true }, { "11.0.0.0", false, false },
	{ "172.15.255.255", false, false }, { "172.16.0.0", false, true },
	{ "172.31.255.255", false, true }, { "172.32.0.0", false, false },
	{ "192.168.0.1", false, true },	  { "192.169.0.0", false, false },
	{ "169.254.169.254", false, true }, { "8.8.8.8", false, false },
	{ "fc00::1", false, true },	  { "fdff::1", false, true },
	{ "fe00::1", false, false },	  { "fe80::1", false, true },
	{ "febf::1", false, true },	  { "fec0::1", false, false },
	{ "2001:db8::1", false, false },  { "0a00::", false, false },
	{ "7f00::", false, false },
};

START_TEST(loopback_and_private_are_known)
{
	struct ip ip = must_parse(kinds[_i].text);

	ck_assert_int_eq(ip_is_loopback(&ip), kinds[_i].loopback);
	ck_assert_int_eq(ip_is_private(&ip), kinds[_i].private);
}
END_TEST

START_TEST(a_unix_socket_has_no_address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ip ip = ip_from_sockaddr((struct sockaddr *)&un), none = { 0 };
	struct ip four = must_parse("0.0.0.0"), six = must_parse("::");
	char text[IP_TEXT_MAX];

	ck_assert(ip_eq(&ip, &none));
	ck_assert(!ip_eq(&ip, &four));
	ck_assert(!ip_eq(&ip, &six));
	ck_assert(!ip_is_loopback(&ip));
	ck_assert(!ip_is_private(&ip));
	ip_text(&ip, text);
	ck_assert_str_eq(text, "unix");
	ip = ip_prefix(&ip, 64);
	ck_assert(ip_eq(&ip, &none));
}
END_TEST

START_TEST(socket_addresses_are_unmapped)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct ip four, six, want = must_parse("192.0.2.1");

	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	four = ip_from_sockaddr((struct sockaddr *)&in);
	ck_assert(ip_eq(&four, &want));
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
	six = ip_from_sockaddr((struct sockaddr *)&in6);
	ck_assert(ip_eq(&six, &want));
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	six = ip_from_sockaddr((struct sockaddr *)&in6);
	want = must_parse("2001:db8::1");
	ck_assert(ip_eq(&six, &want));
}
END_TEST

static const struct {
	const char *text;
	unsigned bits;
	const char *out;
} prefixes[] = {
	{ "255.255.255.255", 0, "0.0.0.0" },
	{ "255.255.255.255", 1, "128.0.0.0" },
	{ "255.255.255.255", 31, "255.255.255.254" },
	{ "255.255.255.255", 32, "255.255.255.255" },
	{ "255.255.255.255", 64, "255.255.255.255" },
	{ "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::" },
	{ "2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::" },
	{ "2001:db8:1:ffff::", 49, "2001:db8:1:8000::" },
	{ "2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6" },
	{ "2001:db8:1:2:3:4:5:6", 999, "2001:db8:1:2:3:4:5:6" },
};

START_TEST(prefixes_keep_the_first_bits)
{
	struct ip ip = must_parse(prefixes[_i].text);
	char text[IP_TEXT_MAX];

	ip = ip_prefix(&ip, prefixes[_i].bits);
	ip_text(&ip, text);
	ck_assert_str_eq(text, prefixes[_i].out);
}
END_TEST

/* A range, an address in it, one outside; ranges without are refused. */
static const struct {
	const char *range, *in, *out;
} ranges[] = {
	{ "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
	{ "10.0.0.0/8", "::ffff:10.1.1.1", "a00::" },
	{ "0.0.0.0/0", "255.1.2.3", "::1" },
	{ "::/0", "2001:db8::1", "1.2.3.4" },
	{ "192.0.2.1", "192.0.2.1", "192.0.2.2" },
	{ "192.0.2.1/32", "192.0.2.1", "192.0.2.0" },
	{ "192.0.2.0/31", "192.0.2.1", "192.0.2.2" },
	{ "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
	{ "2001:db8::1", "2001:db8::1", "2001:db8::2" },
	{ "::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3" },
	{ "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2" },
	{ "::ffff:0:0/96", "1.2.3.4", "::1" },
	{ "10.0.0.1/8", NULL, NULL },
	{ "2001:db8::1/64", NULL, NULL },
	{ "10.0.0.0/33", NULL, NULL },
	{ "::/129", NULL, NULL },
	{ "::ffff:10.0.0.0/8", NULL, NULL },
	{ "::ffff:10.0.0.0/95", NULL, NULL },
	{ "::ffff:10.0.0.0/129", NULL, NULL },
	{ "10.0.0.0/", NULL, NULL },
	{ "10.0.0.0/08", NULL, NULL },
	{ "10.0.0.0/+8", NULL, NULL },
	{ "10.0.0.0/-8", NULL, NULL },
	{ "10.0.0.0/8 ", NULL, NULL },
	{ "10.0.0.0/8/8", NULL, NULL },
	{ "10.0.0.0/255.0.0.0", NULL, NULL },
	{ "10.0.0.0/99999999999999999999", NULL, NULL },
	{ "/8", NULL, NULL },
	{ "10/8", NULL, NULL },
	{ "", NULL, NULL },
	{ "proxy.example", NULL, NULL },
};

START_TEST(ranges_hold_what_they_say)
{
	struct cidr cidr;
	enum err err = cidr_parse(str_from(ranges[_i].range), &cidr);
	struct ip in, out;

	if (!ranges[_i].in) {
		ck_assert_msg(err == ERR_SYNTAX, "%s", ranges[_i].range);
		return;
	}
	ck_assert_msg(!err, "%s", ranges[_i].range);
	in = must_parse(ranges[_i].in);
	out = must_parse(ranges[_i].out);
	ck_assert(cidr_has(&cidr, &in));
	ck_assert(!cidr_has(&cidr, &out));
}
END_TEST

START_TEST(no_range_holds_a_unix_socket)
{
	struct ip none = { 0 };
	struct cidr cidr;

	ck_assert(!cidr_parse(STR("0.0.0.0/0"), &cidr));
	ck_assert(!cidr_has(&cidr, &none));
	ck_assert(!cidr_parse(STR("::/0"), &cidr));
	ck_assert(!cidr_has(&cidr, &none));
}
END_TEST

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void ip_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, addresses_have_one_text, 0,
			    COUNT(addresses));
	tcase_add_loop_test(tcase, loopback_and_private_are_known, 0,
			    COUNT(kinds));
	tcase_add_test(tcase, a_unix_socket_has_no_address);
	tcase_add_test(tcase, socket_addresses_are_unmapped);
	tcase_add_loop_test(tcase, prefixes_keep_the_first_bits, 0,
			    COUNT(prefixes));
	tcase_add_loop_test(tcase, ranges_hold_what_they_say, 0,
			    COUNT(ranges));
	tcase_add_test(tcase, no_range_holds_a_unix_socket);
}

UNIT_MAIN("ip", ip_tests)
