#include "unit/unit.h"

#include "codec/url.h"
#include "fetch/address.h"

/* What it is called, as part of the words; NULL: it may be connected to. */
static const struct {
	const char *text, *what;
} addresses[] = {
	{ "8.8.8.8", NULL },
	{ "1.1.1.1", NULL },
	{ "172.15.255.255", NULL },
	{ "172.32.0.1", NULL },
	{ "100.63.255.255", NULL },
	{ "100.128.0.1", NULL },
	{ "192.167.1.1", NULL },
	{ "192.0.1.1", NULL },
	{ "198.17.255.255", NULL },
	{ "198.20.0.1", NULL },
	{ "223.255.255.255", NULL },
	{ "2606:4700::1111", NULL },
	{ "2a00:1450:4001::1", NULL },
	{ "2001:4860:4860::8888", NULL },

	{ "127.0.0.1", "loopback" },
	{ "127.255.255.254", "loopback" },
	{ "::1", "loopback" },
	{ "0.0.0.0", "unspecified" },
	{ "0.1.2.3", "unspecified" },
	{ "::", "unspecified" },
	{ "10.0.0.0", "private" },
	{ "10.255.255.255", "private" },
	{ "172.16.0.1", "private" },
	{ "172.31.255.255", "private" },
	{ "192.168.1.1", "private" },
	{ "fc00::1", "private" },
	{ "fdff::1", "private" },
	{ "fec0::1", "private" },
	{ "169.254.169.254", "link-local" },
	{ "fe80::1", "link-local" },
	{ "febf::1", "link-local" },
	{ "100.64.0.1", "carrier" },
	{ "100.127.255.255", "carrier" },
	{ "224.0.0.1", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "ff02::1", "multicast" },
	{ "192.0.0.8", "reserved" },
	{ "192.0.2.1", "reserved" },
	{ "192.88.99.1", "reserved" },
	{ "198.18.0.1", "reserved" },
	{ "198.19.255.255", "reserved" },
	{ "198.51.100.1", "reserved" },
	{ "203.0.113.1", "reserved" },
	{ "240.0.0.1", "reserved" },
	{ "255.255.255.255", "reserved" },
	{ "2001:db8::1", "reserved" },
	{ "3fff::1", "reserved" },
	{ "100::1", "reserved" },
	{ "4000::1", "reserved" },

	/* IPv4 in other clothes */
	{ "::ffff:127.0.0.1", "loopback" },
	{ "::ffff:10.1.2.3", "private" },
	{ "::ffff:a9fe:a9fe", "link-local" },
	{ "::ffff:8.8.8.8", NULL },
	{ "::127.0.0.1", "loopback" },
	{ "::10.0.0.1", "private" },
	{ "::8.8.8.8", "reserved" },
	{ "64:ff9b::7f00:1", "loopback" },
	{ "64:ff9b::a9fe:a9fe", "link-local" },
	{ "64:ff9b::808:808", NULL },
	{ "64:ff9b:1::808:808", "private" },
	{ "2002:7f00:1::1", "loopback" },
	{ "2002:c0a8:101::1", "private" },
	{ "2002:6440:1::", "carrier" },
	{ "2002:808:808::1", NULL },
	{ "2001:0:7f00:1::1", "reserved" },	/* Teredo */
};

START_TEST(addresses_are_judged)
{
	const char *what;
	struct ip ip;

	ck_assert_msg(!ip_parse(str_from(addresses[_i].text), &ip), "%s",
		      addresses[_i].text);
	what = address_refused(&ip, false);
	ck_assert_msg(!what == !addresses[_i].what, "%s: %s",
		      addresses[_i].text, what ? what : "accepted");
	if (what)
		ck_assert_msg(strstr(what, addresses[_i].what), "%s: %s",
			      addresses[_i].text, what);
}
END_TEST

/* Loopback alone is let through, and only as what it is. */
START_TEST(development_lets_loopback_through)
{
	const char *want = addresses[_i].what;
	struct ip ip;
	const char *what;

	ck_assert(!ip_parse(str_from(addresses[_i].text), &ip));
	what = address_refused(&ip, true);
	if (ip_is_loopback(&ip))
		ck_assert_ptr_null(what);
	else
		ck_assert(!what == !want);
}
END_TEST

START_TEST(a_unix_socket_is_no_address)
{
	const struct ip none = { 0 };

	ck_assert_ptr_nonnull(address_refused(&none, false));
	ck_assert_ptr_nonnull(address_refused(&none, true));
}
END_TEST

/* Other spellings that the C library would take for an address are no host of a
 * URL: none of them gets as far as a look-up. */
static const char *const spellings[] = {
	"https://0177.0.0.1/", "https://0x7f.1/", "https://0x7f000001/",
	"https://2130706433/", "https://127.1/", "https://017700000001/",
	"https://127.0.0.1./", "https://[::ffff:127.0.0.1]/",
	"https://127.0.0.01/", "https://1.2.3.4.5/", "https://[::1%25lo]/",
	"https://%31%32%37.0.0.1/", "https://u@127.0.0.1/",
};

START_TEST(odd_spellings_are_no_hosts)
{
	struct pool *pool = pool_new(1 << 16);
	struct url url;

	ck_assert_msg(url_parse(pool, str_from(spellings[_i]), &url, NULL),
		      "%s", spellings[_i]);
	pool_free(pool);
}
END_TEST

static void address_tests(TCase *tc)
{
	tcase_add_loop_test(tc, addresses_are_judged, 0,
			    N_ELEMENTS(addresses));
	tcase_add_loop_test(tc, development_lets_loopback_through, 0,
			    N_ELEMENTS(addresses));
	tcase_add_test(tc, a_unix_socket_is_no_address);
	tcase_add_loop_test(tc, odd_spellings_are_no_hosts, 0,
			    N_ELEMENTS(spellings));
}

UNIT_MAIN("address", address_tests)
