/* One X-Forwarded-For line per line of the input. */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "policy/client.h"

#define LINES_MAX 64

static struct cidr trusted;
static struct ip proxy;

static enum err ask(const struct str *lines, unsigned count,
		    struct client *out_r)
{
	const struct client_trust trust = { &trusted, 1, CLIENT_AUTO };
	const struct client_request request = {
		.peer = proxy, .forwarded_for = { lines, count },
	};

	return client_address(&trust, &request, out_r);
}

static void check_same(enum err a, const struct client *one, enum err b,
		       const struct client *two)
{
	fuzz_assert(a == b);
	fuzz_assert(a || ip_eq(&one->ip, &two->ip));
}

/* Lines are one list, whether a proxy joins them or not. */
static void check_joined(const struct str *lines, unsigned count, enum err err,
			 const struct client *client)
{
	struct client other;
	struct buf joined;
	struct str line;

	buf_init(&joined, 1 << 20);
	for (unsigned i = 0; i < count; i++) {
		buf_puts(&joined, i ? ", " : "");
		buf_adds(&joined, lines[i]);
	}
	fuzz_assert(buf_is_ok(&joined));
	line = buf_str(&joined);
	check_same(err, client, ask(&line, 1, &other), &other);
	buf_done(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = fuzz_str(data, size), lines[LINES_MAX + 1];
	struct client client = { 0 }, other = { 0 };
	struct ip real, stranger;
	unsigned count = 0;
	enum err err;

	fuzz_assert(!cidr_parse(STR("10.0.0.0/8"), &trusted));
	fuzz_assert(!ip_parse(STR("10.0.0.1"), &proxy));
	fuzz_assert(!ip_parse(STR("198.51.100.1"), &real));
	fuzz_assert(!ip_parse(STR("203.0.113.7"), &stranger));
	while (!str_is_null(rest) && count < LINES_MAX)
		lines[count++] = str_cut(rest, '\n', &rest);

	err = ask(lines, count, &client);
	fuzz_assert(!err || err == ERR_SYNTAX || err == ERR_LIMIT);
	fuzz_assert(err || client.ip.family);
	check_joined(lines, count, err, &client);

	/* Whatever a client sends, the proxy says who it was. */
	lines[count] = STR("198.51.100.1");
	fuzz_assert(!ask(lines, count + 1, &other));
	fuzz_assert(ip_eq(&other.ip, &real));

	/* And nobody else is believed. */
	proxy = stranger;
	fuzz_assert(!ask(lines, count + 1, &other));
	fuzz_assert(ip_eq(&other.ip, &stranger));
	return 0;
}
