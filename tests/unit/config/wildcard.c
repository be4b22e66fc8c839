/* Which names a star may stand before. */
#include "config/wildcard.h"

#include "unit/unit.h"

static struct pool *pool;

static void set_up(void)
{
	pool = pool_new(1 << 20);
	ck_assert_ptr_nonnull(pool);
}

static void tear_down(void)
{
	pool_free(pool);
}

static const struct { const char *text, *host; unsigned port; } good[] = {
	{ "https://*.example.com", "example.com", 443 },
	{ "https://*.example.com:8443", "example.com", 8443 },
	{ "https://*.shop.example.com", "shop.example.com", 443 },
	{ "https://*.example.co.uk", "example.co.uk", 443 },
	{ "https://*.somebody.github.io", "somebody.github.io", 443 },
	{ "https://*.xn--bcher-kva.example", "xn--bcher-kva.example", 443 },
	/* an exception among names that are all suffixes */
	{ "https://*.city.kawasaki.jp", "city.kawasaki.jp", 443 },
	{ "http://*.partner.localhost:8080", "partner.localhost", 8080 },
	/* no address: browsers take one of its last label alone */
	{ "https://*.4.example.com", "4.example.com", 443 },
};

START_TEST(a_name_that_is_the_partners_alone)
{
	struct wildcard_fault fault = { NULL, NULL };
	struct url url;

	ck_assert(wildcard_is_meant(str_from(good[_i].text)));
	ck_assert_msg(!wildcard_parse(pool, str_from(good[_i].text), &url,
				      &fault), "%s: %s", good[_i].text,
		      fault.problem);
	ck_str_is(url.host, good[_i].host);
	ck_assert_uint_eq(url.port, good[_i].port);
	ck_assert(url.is_https == !strncmp(good[_i].text, "https", 5));
}
END_TEST

#define ALONE "the star stands alone"
#define NOT_ALL "a star that is not all of the first label"

static const struct { const char *text, *problem, *remedy; } bad[] = {
	/* suffixes: of registries, of companies, of nobody yet */
	{ "https://*.co.uk", "*.co.uk: everybody may have a name under co.uk",
	  "a name that is the partner's alone" },
	{ "https://*.com", "everybody may have a name under com", "alone" },
	{ "https://*.com:8443", "everybody may have a name under com", "" },
	{ "https://*.github.io", "a name under github.io", "list each site" },
	{ "https://*.herokuapp.com", "a name under herokuapp.com", "" },
	{ "https://*.xn--p1ai", "a name under xn--p1ai", "" },
	{ "https://*.xn--55qx5d.cn", "a name under xn--55qx5d.cn", "" },
	{ "https://*.intranet", "a name under intranet", "" },
	{ "https://*.localhost", "a name under localhost", "" },
	{ "http://*.localhost:8080", "a name under localhost", "" },
	{ "https://*.foo.ck", "a name under foo.ck", "" },
	{ "https://*.other.kawasaki.jp", "a name under other.kawasaki.jp",
	  "" },
	/* not one itself, but each name below it is */
	{ "https://*.kawasaki.jp", "under kawasaki.jp", "alone" },
	/* stars */
	{ "https://*", ALONE, "https://*.yourcompany.com" },
	{ "https://*:8443", ALONE, "" },
	{ "https://*/", ALONE, "" },
	{ "*", "does not begin with https://", "https://*.yourcompany.com" },
	{ "*.example.com", "does not begin with https://", "https://*." },
	{ "//*.example.com", "does not begin with https://", "" },
	{ "HTTPS://*.example.com", "does not begin with https://", "" },
	{ "wss://*.example.com", "does not begin with https://", "" },
	{ "*://a.example.com", "does not begin with https://", "" },
	{ "https://*.*.example.com", "two stars", "" },
	{ "https://**.example.com", "two stars", "" },
	{ "https://*.example.com:*", "two stars", "" },
	{ "https://*example.com", NOT_ALL, "https://*.yourcompany.com" },
	{ "https://a*.example.com", NOT_ALL, "" },
	{ "https://*a.example.com", NOT_ALL, "" },
	{ "https://www.*.example.com", NOT_ALL, "" },
	{ "https://example.*", NOT_ALL, "" },
	{ "https://example.com:*", NOT_ALL, "" },
	{ "https://u@*.example.com", NOT_ALL, "" },
	/* what is behind them */
	{ "https://*.", "behind its \"*.\": no host", "" },
	{ "https://*..example.com", "not a host name", "" },
	{ "https://*.example.com.", "not a host name", "" },
	{ "https://*.EXAMPLE.com", "behind its \"*.\"", "" },
	{ "https://*.example.com/", "behind its \"*.\"", "" },
	{ "https://*.example.com:443", "behind its \"*.\"", "" },
	{ "https://*.example.com:", "behind its \"*.\"", "" },
	{ "https://*.example.com:0", "a port must be", "" },
	{ "https://*.b\xc3\xbc" "cher.example", "beyond ASCII", "" },
	{ "https://*.my_shop.example", "not a host name", "" },
	{ "https://*.example.com#https://x", "behind its \"*.\"", "" },
	{ "https://*.x@example.com", "a user name", "" },
	{ "https://*.192.0.2.1", "an address behind its star", "without a" },
	{ "https://*.[2001:db8::1]", "an address behind its star", "" },
	{ "https://*.0.2.1", "four decimal numbers", "" },
};

START_TEST(anything_else_is_refused_in_words)
{
	struct wildcard_fault fault = { NULL, NULL };
	struct url url = { .port = 7 };
	enum err err;

	ck_assert(wildcard_is_meant(str_from(bad[_i].text)));
	err = wildcard_parse(pool, str_from(bad[_i].text), &url, &fault);
	ck_assert_msg(err == ERR_SYNTAX, "%s", bad[_i].text);
	ck_assert_msg(strstr(fault.problem, bad[_i].problem) != NULL,
		      "%s: %s", bad[_i].text, fault.problem);
	ck_assert_msg(strstr(fault.remedy, bad[_i].remedy) != NULL, "%s: %s",
		      bad[_i].text, fault.remedy);
	ck_assert_uint_eq(url.port, 7);
}
END_TEST

START_TEST(other_entries_are_not_meant_as_one)
{
	ck_assert(!wildcard_is_meant(STR("https://example.com")));
	ck_assert(!wildcard_is_meant(STR("")));
	ck_assert(!wildcard_is_meant(STR("null")));
}
END_TEST

static void wildcard_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_name_that_is_the_partners_alone, 0,
			    N_ELEMENTS(good));
	tcase_add_loop_test(tcase, anything_else_is_refused_in_words, 0,
			    N_ELEMENTS(bad));
	tcase_add_test(tcase, other_entries_are_not_meant_as_one);
}

UNIT_MAIN("wildcard", wildcard_tests)
