#include "unit/unit.h"

#include "base/buf.h"
#include "policy/client.h"

static struct cidr proxies[3];
#define TRUST_NONE 0
#define TRUST_ALL 3

static void trust(void)
{
	ck_assert(!cidr_parse(STR("10.0.0.0/8"), &proxies[0]));
	ck_assert(!cidr_parse(STR("127.0.0.1"), &proxies[1]));
	ck_assert(!cidr_parse(STR("fd00::/8"), &proxies[2]));
}

/*
 * Who asks, with which X-Forwarded-For lines, behind proxies 10.0.0.0/8,
 * 127.0.0.1 and fd00::/8 or none: the client, or NULL for a refusal.
 */
static const struct {
	unsigned trusted;
	const char *peer, *lines[4], *client;
	bool suspicious;
} cases[] = {
	/* Nobody is trusted: the header means nothing (CVE-2023-36456). */
	{ TRUST_NONE, "203.0.113.7", { NULL }, "203.0.113.7", false },
	{ TRUST_NONE, "203.0.113.7", { "198.51.100.1" }, "203.0.113.7", false },
	{ TRUST_NONE, "203.0.113.7", { "garbage" }, "203.0.113.7", false },
	{ TRUST_NONE, "2001:db8::7", { "127.0.0.1" }, "2001:db8::7", false },
	/* From next door it smells of a proxy that nobody named. */
	{ TRUST_NONE, "127.0.0.1", { "198.51.100.1" }, "127.0.0.1", true },
	{ TRUST_NONE, "::1", { "198.51.100.1" }, "::1", true },
	{ TRUST_NONE, "192.168.1.1", { "198.51.100.1" }, "192.168.1.1", true },
	{ TRUST_NONE, "fd00::1", { "" }, "fd00::1", true },
	{ TRUST_NONE, "127.0.0.1", { NULL }, "127.0.0.1", false },
	{ TRUST_ALL, "192.168.1.1", { "198.51.100.1" }, "192.168.1.1", true },
	/* A trusted peer: the right-most untrusted hop. */
	{ TRUST_ALL, "10.0.0.1", { NULL }, "10.0.0.1", false },
	{ TRUST_ALL, "10.0.0.1", { "" }, "10.0.0.1", false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1" }, "198.51.100.1", false },
	{ TRUST_ALL, "::ffff:10.0.0.1", { "198.51.100.1" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1, 10.9.9.9" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1,10.9.9.9,127.0.0.1" },
	  "198.51.100.1", false },
	{ TRUST_ALL, "fd12::1", { "2001:db8::9,fd00::2" }, "2001:db8::9",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "::ffff:198.51.100.1" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1, ::ffff:10.9.9.9" },
	  "198.51.100.1", false },
	/* What the client made up stands further left. */
	{ TRUST_ALL, "10.0.0.1", { "127.0.0.1, 198.51.100.1" },
	  "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "8.8.8.8, 198.51.100.1" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "<script>, \xff, 198.51.100.1" },
	  "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "unknown, 198.51.100.1, 10.2.2.2" },
	  "198.51.100.1", false },
	/* Several lines are one list, in their order. */
	{ TRUST_ALL, "10.0.0.1", { "8.8.8.8", "198.51.100.1" },
	  "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "8.8.8.8", "198.51.100.1, 10.2.2.2",
	  "10.3.3.3" }, "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1", "", " , " },
	  "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "garbage", "198.51.100.1" },
	  "198.51.100.1", false },
	/* Only proxies: the left-most. */
	{ TRUST_ALL, "10.0.0.1", { "10.1.1.1, 10.2.2.2" }, "10.1.1.1", false },
	{ TRUST_ALL, "10.0.0.1", { "10.1.1.1", "10.2.2.2" }, "10.1.1.1",
	  false },
	/* Forms with ports. */
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1:567" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1, 10.1.1.1:80" },
	  "198.51.100.1", false },
	{ TRUST_ALL, "10.0.0.1", { "[2001:db8::1]:80" }, "2001:db8::1", false },
	{ TRUST_ALL, "10.0.0.1", { "[2001:db8::1]" }, "2001:db8::1", false },
	{ TRUST_ALL, "10.0.0.1", { "[::ffff:198.51.100.1]:1" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { "\t198.51.100.1 \t" }, "198.51.100.1",
	  false },
	{ TRUST_ALL, "10.0.0.1", { ",198.51.100.1,," }, "198.51.100.1", false },
	/* A hop that is no address, where the client should be. */
	{ TRUST_ALL, "10.0.0.1", { "garbage" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "unknown" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "_hidden" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1, garbage" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1, garbage, 10.1.1.1" }, NULL,
	  false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1", "garbage" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1 10.1.1.1" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1;10.1.1.1" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.01" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "0xc6.51.100.1" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1:" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1:x" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1:65536" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1:1:2" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "198.51.100.1/32" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "[198.51.100.1]" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "[2001:db8::1" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "[2001:db8::1]80" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "[2001:db8::1]:" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "[]" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "fe80::1%eth0" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "\"198.51.100.1\"" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "for=198.51.100.1" }, NULL, false },
	{ TRUST_ALL, "10.0.0.1", { "client.example" }, NULL, false },
};

START_TEST(the_client_is_the_right_most_untrusted_hop)
{
	struct client client = { .ip = { .family = 99 } };
	struct str lines[4];
	char text[IP_TEXT_MAX];
	unsigned count = 0;
	struct ip peer;
	enum err err;

	trust();
	ck_assert(!ip_parse(str_from(cases[_i].peer), &peer));
	while (count < 4 && cases[_i].lines[count]) {
		lines[count] = str_from(cases[_i].lines[count]);
		count++;
	}
	err = client_address(proxies, cases[_i].trusted, &peer, lines, count,
			     &client);
	if (!cases[_i].client) {
		ck_assert_int_eq(err, ERR_SYNTAX);
		ck_assert_int_eq(client.ip.family, 99);
		return;
	}
	ck_assert_msg(!err, "%s", cases[_i].lines[0]);
	ip_text(&client.ip, text);
	ck_assert_str_eq(text, cases[_i].client);
	ck_assert_int_eq(client.suspicious_forward, cases[_i].suspicious);
}
END_TEST

static enum err walk(unsigned junk, unsigned hops, struct client *client_r)
{
	struct ip peer;
	struct buf buf;
	struct str line;
	enum err err;

	trust();
	buf_init(&buf, 65536);
	for (unsigned i = 0; i < junk; i++)
		buf_puts(&buf, "junk,");
	buf_puts(&buf, "198.51.100.1");
	for (unsigned i = 1; i < hops; i++)
		buf_puts(&buf, ",10.1.1.1");
	line = buf_str(&buf);
	ck_assert(!ip_parse(STR("10.0.0.1"), &peer));
	err = client_address(proxies, TRUST_ALL, &peer, &line, 1, client_r);
	buf_done(&buf);
	return err;
}

START_TEST(too_many_trusted_hops_are_refused)
{
	struct client client;

	ck_assert_int_eq(walk(0, CLIENT_HOPS_MAX, &client), 0);
	ck_assert_int_eq(walk(0, CLIENT_HOPS_MAX + 1, &client), ERR_LIMIT);
}
END_TEST

/* Else a client could choose to be refused, or to be charged as a proxy. */
START_TEST(what_the_client_sent_is_never_counted)
{
	struct client client;

	ck_assert_int_eq(walk(5000, 2, &client), 0);
	ck_assert_int_eq(client.ip.bytes[0], 198);
}
END_TEST

START_TEST(a_unix_socket_is_a_client_of_its_own)
{
	struct str line = STR("198.51.100.1");
	struct ip none = { 0 };
	struct client client;

	trust();
	ck_assert(!client_address(proxies, TRUST_ALL, &none, &line, 1,
				  &client));
	ck_assert_int_eq(client.ip.family, 0);
	ck_assert(!client.suspicious_forward);
}
END_TEST

static void client_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, the_client_is_the_right_most_untrusted_hop,
			    0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, too_many_trusted_hops_are_refused);
	tcase_add_test(tcase, what_the_client_sent_is_never_counted);
	tcase_add_test(tcase, a_unix_socket_is_a_client_of_its_own);
}

UNIT_MAIN("client", client_tests)
