/*
 * One Forwarded line per line of the input (RFC 7239).
 */
#include "base/buf.h"
#include "codec/forwarded.h"
#include "fuzz/fuzz.h"
#include "policy/client.h"

#define LINES_MAX 64
#define REAL "198.51.100.1"

static struct cidr trusted;
static struct ip real;

static enum err ask(const char *peer, const struct str *lines, unsigned count,
		    struct client *out_r)
{
	const struct client_trust trust = { &trusted, 1, CLIENT_FORWARDED };
	struct client_request request = { .forwarded = { lines, count } };

	fuzz_assert(!ip_parse(str_from(peer), &request.peer));
	return client_address(&trust, &request, out_r);
}

/* Whatever a client sent, a proxy that appends to it says who it was, or the
 * client is refused: no quotation mark swallows the proxy's words. */
static void append(struct str line, const char *tail)
{
	struct forwarded elements[FORWARDED_ELEMENTS_MAX];
	struct buf joined;
	struct client client;
	unsigned count = 0;
	struct str all;

	buf_init(&joined, 1 << 20);
	buf_adds(&joined, line);
	buf_puts(&joined, tail);
	fuzz_assert(buf_is_ok(&joined));
	all = buf_str(&joined);
	if (!forwarded_parse(all, elements, &count)) {
		fuzz_assert(count && count <= FORWARDED_ELEMENTS_MAX);
		fuzz_assert(elements[count - 1].kind == FORWARDED_ADDRESS);
		fuzz_assert(ip_eq(&elements[count - 1].ip, &real));
	}
	if (!ask("10.0.0.1", &all, 1, &client))
		fuzz_assert(ip_eq(&client.ip, &real) && !client.is_untold);
	buf_done(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = fuzz_str(data, size), lines[LINES_MAX + 1];
	struct client client = { 0 };
	unsigned count = 0;
	enum err err;

	fuzz_assert(!cidr_parse(STR("10.0.0.0/8"), &trusted));
	fuzz_assert(!ip_parse(STR(REAL), &real));
	while (!str_is_null(rest) && count < LINES_MAX)
		lines[count++] = str_cut(rest, '\n', &rest);
	err = ask("10.0.0.1", lines, count, &client);
	fuzz_assert(!err || err == ERR_SYNTAX || err == ERR_LIMIT);
	fuzz_assert(err || client.ip.family);
	for (unsigned i = 0; i < count; i++) {
		append(lines[i], ", for=" REAL);
		append(lines[i], ",for=\"" REAL ":80\";by=10.0.0.1");
		append(lines[i], ", proto=https;for=\"" REAL "\"");
	}

	/* A line of the proxy's own counts, whatever stands before. */
	lines[count] = STR("for=" REAL ";proto=https");
	fuzz_assert(!ask("10.0.0.1", lines, count + 1, &client));
	fuzz_assert(ip_eq(&client.ip, &real));

	/* And nobody else is believed. */
	fuzz_assert(!ask("203.0.113.7", lines, count + 1, &client));
	fuzz_assert(client.ip.bytes[0] == 203);
	return 0;
}
