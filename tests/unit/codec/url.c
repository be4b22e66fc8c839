#include "unit/unit.h"

#include "codec/url.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"

/* Accepted, and how it is written back. */
static const struct {
	const char *in, *out;
} good[] = {
	{ "https://example.com", "https://example.com/" },
	{ "https://example.com/", "https://example.com/" },
	{ "HTTPS://EXAMPLE.Com/A", "https://example.com/A" },
	{ "http://example.com", "http://example.com/" },
	{ "https://example.com:443/", "https://example.com/" },
	{ "http://example.com:80/", "http://example.com/" },
	{ "https://example.com:80/", "https://example.com:80/" },
	{ "https://example.com:65535/", "https://example.com:65535/" },
	{ "https://example.com:1", "https://example.com:1/" },
	{ "https://ticket.yourcompany.localhost:8443/tickets/create",
	  "https://ticket.yourcompany.localhost:8443/tickets/create" },
	{ "https://localhost/", "https://localhost/" },
	{ "https://a--b.c-d.1a/", "https://a--b.c-d.1a/" },
	{ "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/" },
	{ "https://" A63 ".com/", "https://" A63 ".com/" },
	{ "https://0xg.com/", "https://0xg.com/" },
	{ "https://example.0xg/", "https://example.0xg/" },
	{ "https://0x7f.example/", "https://0x7f.example/" },
	{ "https://1.2.3.4/", "https://1.2.3.4/" },
	{ "https://1.2.3.4.example/", "https://1.2.3.4.example/" },
	/* IPv6: RFC 5952. */
	{ "https://[::1]/", "https://[::1]/" },
	{ "https://[2001:DB8:0:0:0:0:0:1]:8443/",
	  "https://[2001:db8::1]:8443/" },
	{ "https://[::1.2.3.4]/", "https://[::102:304]/" },
	/* Dot segments. */
	{ "https://h/a/./b/../c", "https://h/a/c" },
	{ "https://h/a/b/..", "https://h/a/" },
	{ "https://h/a/b/.", "https://h/a/b/" },
	{ "https://h/..", "https://h/" },
	{ "https://h/../../../a", "https://h/a" },
	{ "https://h/a//../b", "https://h/a/b" },
	{ "https://h/a//..", "https://h/a/" },
	{ "https://h//..", "https://h/" },
	{ "https://h/%2e%2e/%2E/.%2e/%2E./a", "https://h/a" },
	{ "https://h/a/%2e", "https://h/a/" },
	{ "https://h/.../....", "https://h/.../...." },
	{ "https://h/%2e%2e%2e", "https://h/%2e%2e%2e" },
	{ "https://h/a%2e", "https://h/a%2e" },
	{ "https://h/.a/..b/c../.%2ea", "https://h/.a/..b/c../.%2ea" },
	{ "https://h/..;/a", "https://h/..;/a" },
	{ "https://h//evil.com/", "https://h//evil.com/" },
	{ "https://h/.//evil.com/", "https://h//evil.com/" },
	/* Encoded octets stay. */
	{ "https://h/%2f%5C%00%0d%0a", "https://h/%2f%5C%00%0d%0a" },
	/* Query and fragment. */
	{ "https://h?", "https://h/?" },
	{ "https://h#", "https://h/#" },
	{ "https://h?#", "https://h/?#" },
	{ "https://h/?a=b&c=d#e", "https://h/?a=b&c=d#e" },
	{ "https://h?a=/../b", "https://h/?a=/../b" },
	{ "https://h/?x=https://evil.com/@#@",
	  "https://h/?x=https://evil.com/@#@" },
	{ "https://h/#/route?x#y", "https://h/#/route?x#y" },
	{ "https://h/@evil.com:80", "https://h/@evil.com:80" },
	{ "https://h/?a[]=1&b[c]=|", "https://h/?a[]=1&b[c]=|" },
	/* What browsers encode by themselves. */
	{ "https://h/a\"b<c>d^e`f{g}h|",
	  "https://h/a%22b%3Cc%3Ed%5Ee%60f%7Bg%7Dh|" },
	{ "https://h/?'\"<>^`{}|", "https://h/?%27%22%3C%3E^`{}|" },
	{ "https://h/#'\"<>^`{}|", "https://h/#'%22%3C%3E^%60{}|" },
};

START_TEST(what_a_browser_would_open_is_written_as_it_would)
{
	struct pool *pool = pool_new(65536);
	struct fault fault = { 0 };
	struct url url, again;
	struct buf out;
	enum err err;

	err = url_parse(pool, str_from(good[_i].in), &url, &fault);
	ck_assert_msg(!err, "'%s': %s", good[_i].in, fault.detail);
	buf_init_pool(&out, pool, URL_MAX);
	url_add(&out, &url);
	ck_str_is(buf_str(&out), good[_i].out);
	ck_assert(!url_parse(pool, buf_str(&out), &again, NULL));
	ck_assert(url_is_same_origin(&url, &again));
	ck_assert(str_eq(url.path, again.path));
	ck_assert(str_eq(url.query, again.query));
	ck_assert(str_eq(url.fragment, again.fragment));
	pool_free(pool);
}
END_TEST

/* Each says to somebody that it is at another place than it seems. */
static const struct {
	struct str in;
	enum err want;
} bad[] = {
	{ STR(""), ERR_SYNTAX },
	{ STR("/"), ERR_SYNTAX },
	{ STR("/dashboard"), ERR_SYNTAX },
	{ STR("dashboard"), ERR_SYNTAX },
	{ STR("?x=https://h/"), ERR_SYNTAX },
	{ STR("#https://h/"), ERR_SYNTAX },
	{ STR("://h/"), ERR_SYNTAX },
	/* Protocol-relative and short-slashed: a browser finds a host. */
	{ STR("//evil.com"), ERR_SYNTAX },
	{ STR("///evil.com"), ERR_SYNTAX },
	{ STR("//evil.com:80/https://h/"), ERR_SYNTAX },
	{ STR("https:evil.com"), ERR_SYNTAX },
	{ STR("https:/evil.com"), ERR_SYNTAX },
	{ STR("https:///evil.com"), ERR_SYNTAX },
	{ STR("https:////evil.com"), ERR_SYNTAX },
	{ STR("https:"), ERR_SYNTAX },
	{ STR("https:/"), ERR_SYNTAX },
	{ STR("https://"), ERR_SYNTAX },
	{ STR("https://?"), ERR_SYNTAX },
	{ STR("https://#"), ERR_SYNTAX },
	{ STR("https:///"), ERR_SYNTAX },
	{ STR("https://:443/"), ERR_SYNTAX },
	{ STR("https:?//h/"), ERR_SYNTAX },
	/* Backslashes are slashes to a browser. */
	{ STR("https:\\\\evil.com"), ERR_SYNTAX },
	{ STR("/\\evil.com"), ERR_SYNTAX },
	{ STR("\\\\evil.com"), ERR_SYNTAX },
	{ STR("https://h\\@evil.com/"), ERR_SYNTAX },
	{ STR("https://evil.com\\.h/"), ERR_SYNTAX },
	{ STR("https://h/\\evil.com"), ERR_SYNTAX },
	{ STR("https://h/a\\..\\b"), ERR_SYNTAX },
	{ STR("https://h/?\\"), ERR_SYNTAX },
	/* Tabs and line ends are nothing to it: CVE-2020-11053. */
	{ STR("/\t/evil.com"), ERR_CONTROL },
	{ STR("/\n/evil.com"), ERR_CONTROL },
	{ STR("/\r/evil.com"), ERR_CONTROL },
	{ STR("ht\ttps://h/"), ERR_CONTROL },
	{ STR("https:\n//h/"), ERR_CONTROL },
	{ STR("https:/\t/h/"), ERR_CONTROL },
	{ STR("https://h\t.evil.com/"), ERR_CONTROL },
	{ STR("https://h/\r\nSet-Cookie: a=b"), ERR_CONTROL },
	{ STR("https://h/\0"), ERR_CONTROL },
	{ STR("https://h\0.evil.com/"), ERR_CONTROL },
	{ STR("\x01https://h/"), ERR_CONTROL },
	{ STR("\x1fhttps://h/"), ERR_CONTROL },
	{ STR("https://h/\x7f"), ERR_CONTROL },
	{ STR("java\nscript:alert(1)"), ERR_CONTROL },
	/* Spaces. */
	{ STR(" https://h/"), ERR_SYNTAX },
	{ STR("https://h/ "), ERR_SYNTAX },
	{ STR("https://h /"), ERR_SYNTAX },
	{ STR("https: //h/"), ERR_SYNTAX },
	{ STR("https://h/a b"), ERR_SYNTAX },
	/* User-info, several '@' too. */
	{ STR("https://h@evil.com/"), ERR_UNSUPPORTED },
	{ STR("https://h:443@evil.com/"), ERR_UNSUPPORTED },
	{ STR("https://@h/"), ERR_UNSUPPORTED },
	{ STR("https://:@h/"), ERR_UNSUPPORTED },
	{ STR("https://a@b@evil.com/"), ERR_UNSUPPORTED },
	{ STR("https://h%40evil.com@h/"), ERR_UNSUPPORTED },
	{ STR("https://user:pass@h/"), ERR_UNSUPPORTED },
	/* Other schemes. */
	{ STR("javascript:alert(1)"), ERR_UNSUPPORTED },
	{ STR("javascript://h/%0aalert(1)"), ERR_UNSUPPORTED },
	{ STR("JaVaScRiPt:alert(1)"), ERR_UNSUPPORTED },
	{ STR("data:text/html,x"), ERR_UNSUPPORTED },
	{ STR("ftp://h/"), ERR_UNSUPPORTED },
	{ STR("file:///etc/passwd"), ERR_UNSUPPORTED },
	{ STR("blob:https://h/1"), ERR_UNSUPPORTED },
	{ STR("view-source:https://h/"), ERR_UNSUPPORTED },
	{ STR("wss://h/"), ERR_UNSUPPORTED },
	{ STR("httpss://h/"), ERR_UNSUPPORTED },
	{ STR("http+unix://h/"), ERR_UNSUPPORTED },
	{ STR("h:443/"), ERR_UNSUPPORTED },
	/* Hosts. */
	{ STR("https://h./"), ERR_SYNTAX },
	{ STR("https://example.com./"), ERR_SYNTAX },
	{ STR("https://.example.com/"), ERR_SYNTAX },
	{ STR("https://example..com/"), ERR_SYNTAX },
	{ STR("https://./"), ERR_SYNTAX },
	{ STR("https://-h/"), ERR_SYNTAX },
	{ STR("https://h-/"), ERR_SYNTAX },
	{ STR("https://a_b.com/"), ERR_SYNTAX },
	{ STR("https://*.example.com/"), ERR_SYNTAX },
	{ STR("https://h,evil.com/"), ERR_SYNTAX },
	{ STR("https://h;evil.com/"), ERR_SYNTAX },
	{ STR("https://h%2eevil.com/"), ERR_SYNTAX },
	{ STR("https://evil.com%2f.h/"), ERR_SYNTAX },
	{ STR("https://evil.com%23.h/"), ERR_SYNTAX },
	{ STR("https://%65vil.com/"), ERR_SYNTAX },
	{ STR("https://h%00.evil.com/"), ERR_SYNTAX },
	{ STR("https://xn--a/"), ERR_SYNTAX },
	{ STR("https://xn--example-.com/"), ERR_SYNTAX },
	{ STR("https://" A63 "a.com/"), ERR_SYNTAX },
	{ STR("https://" A63 "." A63 "." A63 "." A63 ".com/"), ERR_LIMIT },
	/* Characters that a browser maps to others: full-width and kin. */
	{ STR("https://\xef\xbd\x85vil.com/"), ERR_SYNTAX },
	{ STR("https://evil\xe3\x80\x82" "com/"), ERR_SYNTAX },
	{ STR("https://evil\xef\xbc\x8e" "com/"), ERR_SYNTAX },
	{ STR("https:\xef\xbc\x8f\xef\xbc\x8f" "evil.com/"), ERR_SYNTAX },
	{ STR("https://h\xef\xbc\x8f@evil.com/"), ERR_SYNTAX },
	{ STR("https://evil.com\xe2\x84\x80.h/"), ERR_SYNTAX },
	{ STR("https://b\xc3\xbc" "cher.example/"), ERR_SYNTAX },
	{ STR("https://h/\xc3\xbc"), ERR_SYNTAX },
	{ STR("https://h\xc2\xad.com/"), ERR_SYNTAX },
	{ STR("\xe2\x80\x8bhttps://h/"), ERR_SYNTAX },
	{ STR("\xef\xbb\xbfhttps://h/"), ERR_SYNTAX },
	{ STR("https://h/\x80"), ERR_SYNTAX },
	/* IPv4 in all but its own form. */
	{ STR("https://2130706433/"), ERR_SYNTAX },
	{ STR("https://0x7f000001/"), ERR_SYNTAX },
	{ STR("https://0x7f.1/"), ERR_SYNTAX },
	{ STR("https://0X7F.0.0.1/"), ERR_SYNTAX },
	{ STR("https://127.1/"), ERR_SYNTAX },
	{ STR("https://127.0.1/"), ERR_SYNTAX },
	{ STR("https://0177.0.0.1/"), ERR_SYNTAX },
	{ STR("https://127.0.0.01/"), ERR_SYNTAX },
	{ STR("https://127.0.0.0x1/"), ERR_SYNTAX },
	{ STR("https://1.2.3.4.5/"), ERR_SYNTAX },
	{ STR("https://1.2.3.256/"), ERR_SYNTAX },
	{ STR("https://1.2.3.4./"), ERR_SYNTAX },
	{ STR("https://example.1/"), ERR_SYNTAX },
	{ STR("https://example.0x/"), ERR_SYNTAX },
	{ STR("https://example.0xff/"), ERR_SYNTAX },
	{ STR("https://0/"), ERR_SYNTAX },
	/* IPv6. */
	{ STR("https://::1/"), ERR_SYNTAX },
	{ STR("https://[]/"), ERR_SYNTAX },
	{ STR("https://[::1/"), ERR_SYNTAX },
	{ STR("https://::1]/"), ERR_SYNTAX },
	{ STR("https://[::1]evil.com/"), ERR_SYNTAX },
	{ STR("https://[::1].evil.com/"), ERR_SYNTAX },
	{ STR("https://h[::1]/"), ERR_SYNTAX },
	{ STR("https://[[::1]]/"), ERR_SYNTAX },
	{ STR("https://[1.2.3.4]/"), ERR_SYNTAX },
	{ STR("https://[h]/"), ERR_SYNTAX },
	{ STR("https://[fe80::1%25eth0]/"), ERR_SYNTAX },
	{ STR("https://[::ffff:127.0.0.1]/"), ERR_SYNTAX },
	{ STR("https://[::ffff:7f00:1]/"), ERR_SYNTAX },
	{ STR("https://[v1.x]/"), ERR_SYNTAX },
	/* Ports. */
	{ STR("https://h:/"), ERR_SYNTAX },
	{ STR("https://h:0/"), ERR_SYNTAX },
	{ STR("https://h:00443/"), ERR_SYNTAX },
	{ STR("https://h:65536/"), ERR_SYNTAX },
	{ STR("https://h:99999999999999999999/"), ERR_SYNTAX },
	{ STR("https://h:+443/"), ERR_SYNTAX },
	{ STR("https://h:-1/"), ERR_SYNTAX },
	{ STR("https://h:80:80/"), ERR_SYNTAX },
	{ STR("https://h:8a/"), ERR_SYNTAX },
	{ STR("https://h:443.evil.com/"), ERR_SYNTAX },
	{ STR("https://[::1]:/"), ERR_SYNTAX },
	/* Stray percent signs. */
	{ STR("https://h/%"), ERR_SYNTAX },
	{ STR("https://h/%2"), ERR_SYNTAX },
	{ STR("https://h/%zz"), ERR_SYNTAX },
	{ STR("https://h/%2g"), ERR_SYNTAX },
	{ STR("https://h/%%32%65"), ERR_SYNTAX },
	{ STR("https://h/?%"), ERR_SYNTAX },
	{ STR("https://h/#%"), ERR_SYNTAX },
	{ STR("https://h/%u002e"), ERR_SYNTAX },
};

START_TEST(what_two_parsers_may_read_in_two_ways_is_refused)
{
	struct pool *pool = pool_new(65536);
	struct fault fault = { 0 };
	struct url url = { .host = STR("untouched") };
	enum err err = url_parse(pool, bad[_i].in, &url, &fault);

	ck_assert_msg(err == bad[_i].want, "'%.*s': %s", STR_ARG(bad[_i].in),
		      err_text(err));
	ck_str_is(url.host, "untouched");
	ck_assert_int_eq(fault.err, err);
	ck_assert_ptr_nonnull(fault.detail);
	ck_assert_uint_le(fault.offset, bad[_i].in.len);
	pool_free(pool);
}
END_TEST

START_TEST(the_parts_are_told_apart)
{
	struct pool *pool = pool_new(65536);
	struct url url;

	ck_assert(!url_parse(pool, STR("http://Example.COM/a/b?c=d#e"), &url,
			     NULL));
	ck_assert(!url.is_https);
	ck_str_is(url.host, "example.com");
	ck_assert_uint_eq(url.port, 80);
	ck_str_is(url.path, "/a/b");
	ck_str_is(url.query, "c=d");
	ck_str_is(url.fragment, "e");
	ck_assert_str_eq(url.host.ptr, "example.com");
	ck_assert_str_eq(url.path.ptr, "/a/b");
	ck_assert_str_eq(url.query.ptr, "c=d");
	ck_assert_str_eq(url.fragment.ptr, "e");

	ck_assert(!url_parse(pool, STR("https://example.com"), &url, NULL));
	ck_assert(url.is_https);
	ck_assert_uint_eq(url.port, 443);
	ck_str_is(url.path, "/");
	ck_assert(str_is_null(url.query));
	ck_assert(str_is_null(url.fragment));

	ck_assert(!url_parse(pool, STR("https://h/?#"), &url, NULL));
	ck_assert(!str_is_null(url.query));
	ck_assert(!str_is_null(url.fragment));
	ck_assert_str_eq(url.query.ptr, "");
	pool_free(pool);
}
END_TEST

START_TEST(faults_point_at_the_place)
{
	struct pool *pool = pool_new(65536);
	struct fault fault;
	struct url url;

	ck_assert(url_parse(pool, STR("https://h/a b"), &url, &fault));
	ck_assert_uint_eq(fault.offset, 11);
	ck_assert(url_parse(pool, STR("https://u@h/"), &url, &fault));
	ck_assert_uint_eq(fault.offset, 8);
	ck_assert_str_eq(fault.detail, "a user name or password");
	pool_free(pool);
}
END_TEST

static enum err parse_length(size_t len, const char *fill)
{
	struct pool *pool = pool_new(65536);
	struct buf text;
	struct url url;
	enum err err;

	buf_init(&text, 65536);
	buf_puts(&text, "https://h/");
	while (text.len < len)
		buf_puts(&text, fill);
	err = url_parse(pool, buf_str(&text), &url, NULL);
	buf_done(&text);
	pool_free(pool);
	return err;
}

START_TEST(the_limit_counts_before_and_after_encoding)
{
	ck_assert_int_eq(parse_length(URL_MAX, "a"), 0);
	ck_assert_int_eq(parse_length(URL_MAX + 1, "a"), ERR_LIMIT);
	ck_assert_int_eq(parse_length(600, "<"), 0);
	ck_assert_int_eq(parse_length(800, "<"), ERR_LIMIT);
	ck_assert_int_eq(parse_length(URL_MAX, "<"), ERR_LIMIT);
	ck_assert_int_eq(parse_length(1000, "../"), 0);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "https://h/", "https://H:443/x?y", true },
	{ "https://h/", "http://h/", false },
	{ "https://h/", "http://h:443/", false },
	{ "https://h/", "https://h:8443/", false },
	{ "https://h/", "https://h.evil.com/", false },
	{ "https://example.com/", "https://badexample.com/", false },
	{ "https://example.com/", "https://www.example.com/", false },
	{ "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", true },
};

START_TEST(origins_are_scheme_host_and_port)
{
	struct pool *pool = pool_new(65536);
	struct url a, b;

	ck_assert(!url_parse(pool, str_from(pairs[_i].a), &a, NULL));
	ck_assert(!url_parse(pool, str_from(pairs[_i].b), &b, NULL));
	ck_assert_int_eq(url_is_same_origin(&a, &b), pairs[_i].same);
	pool_free(pool);
}
END_TEST

static const struct {
	const char *url;
	bool loopback;
} loopbacks[] = {
	{ "http://localhost/", true },
	{ "http://LOCALHOST:8080/", true },
	{ "http://tickets.localhost/", true },
	{ "http://a.b.localhost/", true },
	{ "http://127.0.0.1/", true },
	{ "http://127.255.255.254/", true },
	{ "http://[::1]/", true },
	{ "http://notlocalhost/", false },
	{ "http://localhost.evil.com/", false },
	{ "http://127.0.0.1.evil.com/", false },
	{ "http://128.0.0.1/", false },
	{ "http://[::2]/", false },
	{ "http://[::7f00:1]/", false },
	{ "http://0.0.0.0/", false },
	{ "http://example.com/", false },
};

START_TEST(loopback_names_are_known)
{
	struct pool *pool = pool_new(65536);
	struct url url;

	ck_assert(!url_parse(pool, str_from(loopbacks[_i].url), &url, NULL));
	ck_assert_int_eq(url_is_loopback(&url), loopbacks[_i].loopback);
	pool_free(pool);
}
END_TEST

static const struct {
	const char *in;
	bool ok;
} origins[] = {
	{ "https://yourcompany.com", true },
	{ "https://yourcompany.com:8443", true },
	{ "http://yourcompany.com:443", true },
	{ "http://[::1]:8080", true },
	{ "https://YourCompany.com", false },
	{ "HTTPS://yourcompany.com", false },
	{ "https://yourcompany.com/", false },
	{ "https://yourcompany.com:443", false },
	{ "http://yourcompany.com:80", false },
	{ "https://yourcompany.com?", false },
	{ "https://yourcompany.com#", false },
	{ "https://yourcompany.com/..", false },
	{ "https://yourcompany.com.", false },
	{ "https://[0::1]", false },
	{ "https://a https://b", false },
	{ "https://a,https://b", false },
	{ "yourcompany.com", false },
	{ "null", false },
	{ "*", false },
	{ "https://*.yourcompany.com", false },
	{ "chrome-extension://abc", false },
	{ "", false },
};

START_TEST(an_origin_has_one_spelling)
{
	struct pool *pool = pool_new(65536);
	struct fault fault = { 0 };
	struct url url;
	struct buf out;
	enum err err;

	err = url_parse_origin(pool, str_from(origins[_i].in), &url, &fault);
	ck_assert_msg(!err == origins[_i].ok, "%s", origins[_i].in);
	if (err) {
		ck_assert_ptr_nonnull(fault.detail);
	} else {
		buf_init_pool(&out, pool, URL_MAX);
		url_add_origin(&out, &url);
		ck_str_is(buf_str(&out), origins[_i].in);
		ck_str_is(url.path, "/");
	}
	pool_free(pool);
}
END_TEST

/* A Host header; host NULL: refused. */
static const struct {
	struct str in;
	const char *host;
	unsigned port;
} hosts[] = {
	{ STR("example.com"), "example.com", 0 },
	{ STR("Example.COM:8443"), "example.com", 8443 },
	{ STR("localhost:80"), "localhost", 80 },
	{ STR("127.0.0.1:8080"), "127.0.0.1", 8080 },
	{ STR("[::1]"), "[::1]", 0 },
	{ STR("[0:0::1]:443"), "[::1]", 443 },
	{ STR(""), NULL, 0 },
	{ STR(":80"), NULL, 0 },
	{ STR("example.com:"), NULL, 0 },
	{ STR("example.com:0"), NULL, 0 },
	{ STR("example.com:080"), NULL, 0 },
	{ STR("example.com."), NULL, 0 },
	{ STR(" example.com"), NULL, 0 },
	{ STR("example.com "), NULL, 0 },
	{ STR("example.com/"), NULL, 0 },
	{ STR("example.com\\"), NULL, 0 },
	{ STR("a@example.com"), NULL, 0 },
	{ STR("example.com,evil.com"), NULL, 0 },
	{ STR("example.com\0"), NULL, 0 },
	{ STR("example.com\r\n"), NULL, 0 },
	{ STR("exam%70le.com"), NULL, 0 },
	{ STR("b\xc3\xbc" "cher.example"), NULL, 0 },
	{ STR("https://example.com"), NULL, 0 },
	{ STR("0x7f.1"), NULL, 0 },
	{ STR("::1"), NULL, 0 },
	{ STR("[::1]x"), NULL, 0 },
	{ STR("[::1"), NULL, 0 },
	{ STR("["), NULL, 0 },
	{ STR("[]"), NULL, 0 },
	{ STR("[::ffff:127.0.0.1]"), NULL, 0 },
};

START_TEST(a_host_header_is_a_host_and_maybe_a_port)
{
	struct pool *pool = pool_new(65536);
	struct str host = STR("untouched");
	uint16_t port = 7;
	enum err err = url_parse_host(pool, hosts[_i].in, &host, &port);

	if (hosts[_i].host) {
		ck_assert(!err);
		ck_str_is(host, hosts[_i].host);
		ck_assert_uint_eq(port, hosts[_i].port);
	} else {
		ck_assert_msg(err == ERR_SYNTAX, "%.*s", STR_ARG(hosts[_i].in));
		ck_str_is(host, "untouched");
		ck_assert_uint_eq(port, 7);
	}
	pool_free(pool);
}
END_TEST

START_TEST(no_memory_is_said_at_every_allocation)
{
	static const char *const urls[] = { "https://h/a?b#c",
					    "https://[::1]" };

	for (unsigned i = 0; i < 2; i++) {
		enum err err = ERR_NOMEM;
		unsigned limit = 0;
		struct url url;

		for (; err == ERR_NOMEM; limit += 16) {
			struct pool *pool = pool_new(limit);

			err = url_parse(pool, str_from(urls[i]), &url, NULL);
			pool_free(pool);
		}
		ck_assert_int_eq(err, 0);
		ck_assert_uint_gt(limit, 64);
	}
}
END_TEST

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void url_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase,
			    what_a_browser_would_open_is_written_as_it_would,
			    0, COUNT(good));
	tcase_add_loop_test(tcase,
			    what_two_parsers_may_read_in_two_ways_is_refused,
			    0, COUNT(bad));
	tcase_add_test(tcase, the_parts_are_told_apart);
	tcase_add_test(tcase, faults_point_at_the_place);
	tcase_add_test(tcase, the_limit_counts_before_and_after_encoding);
	tcase_add_loop_test(tcase, origins_are_scheme_host_and_port, 0,
			    COUNT(pairs));
	tcase_add_loop_test(tcase, loopback_names_are_known, 0,
			    COUNT(loopbacks));
	tcase_add_loop_test(tcase, an_origin_has_one_spelling, 0,
			    COUNT(origins));
	tcase_add_loop_test(tcase, a_host_header_is_a_host_and_maybe_a_port, 0,
			    COUNT(hosts));
	tcase_add_test(tcase, no_memory_is_said_at_every_allocation);
}

UNIT_MAIN("url", url_tests)
