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

/* The X-Forwarded-For lines alone, with nothing configured. */
static enum err ask(unsigned trusted, const struct ip *peer,
		    const struct str *lines, unsigned count,
		    struct client *client_r)
{
	const struct client_trust rule = { proxies, trusted, CLIENT_AUTO };
	const struct client_request request = {
		.peer = *peer, .forwarded_for = { lines, count },
	};

	return client_address(&rule, &request, client_r);
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
	err = ask(cases[_i].trusted, &peer, lines, count, &client);
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
	err = ask(TRUST_ALL, &peer, &line, 1, client_r);
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
	ck_assert(!ask(TRUST_ALL, &none, &line, 1, &client));
	ck_assert_int_eq(client.ip.family, 0);
	ck_assert(!client.suspicious_forward);
}
END_TEST

#define A "198.51.100.1"
#define EVIL "203.0.113.66"
#define PROXY "10.0.0.1"
#define OTHER "10.1.1.1"

/*
 * One line each of X-Forwarded-For, Forwarded and X-Real-IP, or none, and which
 * of them is configured: the client, or NULL for a refusal.
 */
static const struct {
	enum client_header header;
	const char *xff, *forwarded, *single, *client;
	bool is_untold;
} mixed[] = {
	/* Nothing is configured: as ever, and Forwarded where that is none. */
	{ CLIENT_AUTO, A, NULL, NULL, A, false },
	{ CLIENT_AUTO, NULL, "for=" A, NULL, A, false },
	{ CLIENT_AUTO, NULL, NULL, A, PROXY, true },
	{ CLIENT_AUTO, NULL, NULL, NULL, PROXY, true },
	/* What a client forges beside what the proxy says. */
	{ CLIENT_AUTO, A, "for=" EVIL, EVIL, A, false },
	{ CLIENT_AUTO, A, "for=\"", NULL, A, false },
	{ CLIENT_AUTO, "", "for=" EVIL, NULL, PROXY, true },
	{ CLIENT_AUTO, OTHER, "for=" EVIL, NULL, OTHER, false },
	{ CLIENT_AUTO, "garbage", "for=" A, NULL, NULL, false },
	{ CLIENT_FORWARDED_FOR, A, "for=" EVIL, EVIL, A, false },
	{ CLIENT_FORWARDED_FOR, NULL, "for=" EVIL, EVIL, PROXY, true },
	{ CLIENT_FORWARDED, EVIL, "for=" A, EVIL, A, false },
	{ CLIENT_FORWARDED, EVIL, NULL, EVIL, PROXY, true },
	{ CLIENT_SINGLE, EVIL, "for=" EVIL, A, A, false },
	{ CLIENT_SINGLE, EVIL, "for=" EVIL, NULL, PROXY, true },
	{ CLIENT_SINGLE, "garbage", "for=\"", A, A, false },
	/* Forwarded: the right-most that is no proxy. */
	{ CLIENT_AUTO, NULL, "for=" EVIL ", for=" A, NULL, A, false },
	{ CLIENT_AUTO, NULL, "for=" EVIL ",for=" A ";by=" PROXY ", For=\""
	  OTHER ":80\"", NULL, A, false },
	{ CLIENT_AUTO, NULL, "for=" OTHER ", for=10.2.2.2", NULL, OTHER,
	  false },
	/* A proxy that will not tell: its clients are one. */
	{ CLIENT_AUTO, NULL, "for=" EVIL ", for=unknown, for=" OTHER, NULL,
	  OTHER, true },
	{ CLIENT_AUTO, NULL, "for=" EVIL ", for=_abc", NULL, PROXY, true },
	{ CLIENT_AUTO, NULL, "proto=https;by=_x", NULL, PROXY, true },
	{ CLIENT_AUTO, NULL, "", NULL, PROXY, true },
	/* What a client cannot do is hide behind a mark of its own. */
	{ CLIENT_AUTO, NULL, "for=\", for=" A, NULL, NULL, false },
	{ CLIENT_AUTO, NULL, "x=\"\\, for=\"" A "\"", NULL, NULL, false },
	{ CLIENT_AUTO, NULL, "for=" A ";for=" EVIL, NULL, NULL, false },
	/* A single header: one address, and no list. */
	{ CLIENT_SINGLE, NULL, NULL, " [2001:db8::9]:80 ", "2001:db8::9",
	  false },
	{ CLIENT_SINGLE, NULL, NULL, "::ffff:" A, A, false },
	{ CLIENT_SINGLE, NULL, NULL, A ":4711", A, false },
	{ CLIENT_SINGLE, NULL, NULL, EVIL ", " A, NULL, false },
	{ CLIENT_SINGLE, NULL, NULL, "unknown", NULL, false },
	{ CLIENT_SINGLE, NULL, NULL, " ", PROXY, true },
	/* The next proxy wrote over it what it saw: the first one. */
	{ CLIENT_SINGLE, NULL, NULL, OTHER, OTHER, true },
};

START_TEST(one_header_counts_whatever_the_others_say)
{
	const struct client_trust rule = { proxies, TRUST_ALL,
					   mixed[_i].header };
	struct client client = { .ip = { .family = 99 } };
	struct client_request request = { 0 };
	struct str xff, forwarded, single;
	char text[IP_TEXT_MAX];
	enum err err;

	trust();
	ck_assert(!ip_parse(STR(PROXY), &request.peer));
#define LINE(member, line) do {						\
	line = str_from(mixed[_i].line ? mixed[_i].line : "");		\
	request.member = (struct client_lines){ &line,			\
						mixed[_i].line != NULL };\
} while (0)
	LINE(forwarded_for, xff);
	LINE(forwarded, forwarded);
	LINE(single, single);
#undef LINE
	err = client_address(&rule, &request, &client);
	if (!mixed[_i].client) {
		ck_assert_msg(err == ERR_SYNTAX, "case %d", _i);
		ck_assert_int_eq(client.ip.family, 99);
		return;
	}
	ck_assert_msg(!err, "case %d", _i);
	ip_text(&client.ip, text);
	ck_assert_msg(!strcmp(text, mixed[_i].client), "case %d: %s", _i,
		      text);
	ck_assert_msg(client.is_untold == mixed[_i].is_untold, "case %d", _i);
	/* From somebody who is not trusted all of it means nothing. */
	ck_assert(!ip_parse(STR("192.168.1.1"), &request.peer));
	ck_assert(!client_address(&rule, &request, &client));
	ck_assert(ip_eq(&client.ip, &request.peer) && !client.is_untold);
}
END_TEST

START_TEST(a_single_header_comes_once)
{
	const struct client_trust rule = { proxies, TRUST_ALL,
					   CLIENT_SINGLE };
	const struct str lines[] = { STR(A), STR(A) };
	struct client_request request = { .single = { lines, 2 } };
	struct client client;

	trust();
	ck_assert(!ip_parse(STR(PROXY), &request.peer));
	ck_assert_int_eq(client_address(&rule, &request, &client),
			 ERR_SYNTAX);
}
END_TEST

/* Each line is a proxy's own: one further left is not looked at. */
START_TEST(lines_of_forwarded_are_read_from_the_last)
{
	const struct client_trust rule = { proxies, TRUST_ALL, CLIENT_AUTO };
	const struct str lines[] = { STR("for=\"broken"), STR("for=" A),
				     STR("for=" OTHER) };
	struct client_request request = { .forwarded = { lines, 3 } };
	struct client client;
	struct buf buf;
	struct str hops;

	trust();
	ck_assert(!ip_parse(STR(PROXY), &request.peer));
	ck_assert(!client_address(&rule, &request, &client));
	ck_assert_int_eq(client.ip.bytes[0], 198);
	/* proxies in a row: 32 are, 33 are a loop */
	buf_init(&buf, 65536);
	for (unsigned i = 0; i < CLIENT_HOPS_MAX / 2; i++)
		buf_puts(&buf, i ? ",for=" OTHER : "for=" OTHER);
	hops = buf_str(&buf);
	request.forwarded = (struct client_lines){
		(struct str[]){ STR("for=" OTHER), hops, hops }, 3 };
	ck_assert_int_eq(client_address(&rule, &request, &client),
			 ERR_LIMIT);
	request.forwarded.v++;
	request.forwarded.count--;
	ck_assert_int_eq(client_address(&rule, &request, &client), ERR_OK);
	buf_done(&buf);
}
END_TEST

static void client_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, the_client_is_the_right_most_untrusted_hop,
			    0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, too_many_trusted_hops_are_refused);
	tcase_add_test(tcase, what_the_client_sent_is_never_counted);
	tcase_add_test(tcase, a_unix_socket_is_a_client_of_its_own);
	tcase_add_loop_test(tcase, one_header_counts_whatever_the_others_say,
			    0, N_ELEMENTS(mixed));
	tcase_add_test(tcase, a_single_header_comes_once);
	tcase_add_test(tcase, lines_of_forwarded_are_read_from_the_last);
}

UNIT_MAIN("client", client_tests)
