#include "codec/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/num.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static unsigned ip_width(const struct ip *ip)
{
	return ip->family == 4 ? 32 : ip->family == 6 ? 128 : 0;
}

static struct ip from_bytes6(const uint8_t bytes[16])
{
	struct ip ip = { .family = 6 };

	if (!memcmp(bytes, mapped_prefix, sizeof(mapped_prefix))) {
		ip.family = 4;
		memcpy(ip.bytes, bytes + 12, 4);
	} else {
		memcpy(ip.bytes, bytes, 16);
	}
	return ip;
}

/*
 * inet_pton() knows neither zones nor short, octal or hexadecimal quads; the
 * set of characters is checked first so that no library's leniency counts.
 */
enum err ip_parse(struct str in, struct ip *out_r)
{
	char text[IP_TEXT_MAX];
	uint8_t bytes[16];
	bool colon = false;

	if (!in.len || in.len >= sizeof(text))
		return ERR_SYNTAX;
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == ':')
			colon = true;
		else if (in.ptr[i] != '.' && num_hex(in.ptr[i]) < 0)
			return ERR_SYNTAX;
	}
	memcpy(text, in.ptr, in.len);
	text[in.len] = '\0';
	if (inet_pton(colon ? AF_INET6 : AF_INET, text, bytes) != 1)
		return ERR_SYNTAX;
	if (colon) {
		*out_r = from_bytes6(bytes);
	} else {
		*out_r = (struct ip){ .family = 4 };
		memcpy(out_r->bytes, bytes, 4);
	}
	return ERR_OK;
}

struct ip ip_from_sockaddr(const struct sockaddr *sa)
{
	struct ip ip = { 0 };

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		ip.family = 4;
		memcpy(ip.bytes, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		ip = from_bytes6(in6.sin6_addr.s6_addr);
	}
	return ip;
}

/* The longest run of two or more zero groups, the first of equals. */
static unsigned longest_zeros(const unsigned group[8], unsigned *len_r)
{
	unsigned best = 8, best_len = 1;

	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && !group[i + n])
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	*len_r = best_len;
	return best;
}

void ip_text(const struct ip *ip, char out[IP_TEXT_MAX])
{
	const uint8_t *b = ip->bytes;
	unsigned group[8], zeros, zeros_len;
	size_t at = 0;

	if (ip->family != 6) {
		if (ip->family == 4)
			snprintf(out, IP_TEXT_MAX, "%u.%u.%u.%u", b[0], b[1],
				 b[2], b[3]);
		else
			memcpy(out, "unix", sizeof("unix"));
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
	zeros = longest_zeros(group, &zeros_len);
	for (unsigned i = 0; i < 8; i++) {
		if (i == zeros) {
			out[at++] = ':';
			if (i == 0)
				out[at++] = ':';
			i += zeros_len - 1;
			continue;
		}
		at += (size_t)snprintf(out + at, IP_TEXT_MAX - at,
				       i < 7 ? "%x:" : "%x", group[i]);
	}
	out[at] = '\0';
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family &&
	       !memcmp(a->bytes, b->bytes, ip_width(a) / 8);
}

struct ip ip_prefix(const struct ip *ip, unsigned bits)
{
	struct ip out = { .family = ip->family };
	unsigned width = ip_width(ip);

	if (bits > width)
		bits = width;
	memcpy(out.bytes, ip->bytes, bits / 8);
	if (bits % 8)
		out.bytes[bits / 8] = ip->bytes[bits / 8] &
				      (uint8_t)(0xff << (8 - bits % 8));
	return out;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const struct ip one = { .family = 6, .bytes = { [15] = 1 } };

	return (ip->family == 4 && ip->bytes[0] == 127) || ip_eq(ip, &one);
}

bool ip_is_private(const struct ip *ip)
{
	static const struct cidr ranges[] = {
		{ { 4, { 10 } }, 8 },		{ { 4, { 172, 16 } }, 12 },
		{ { 4, { 192, 168 } }, 16 },	{ { 4, { 169, 254 } }, 16 },
		{ { 6, { 0xfc } }, 7 },		{ { 6, { 0xfe, 0x80 } }, 10 },
	};

	return cidrs_have(ranges, N_ELEMENTS(ranges), ip);
}

enum err cidr_parse(struct str in, struct cidr *out_r)
{
	struct str rest, text = str_cut(in, '/', &rest);
	struct cidr cidr;
	uint64_t bits;
	struct ip net;

	if (ip_parse(text, &cidr.net))
		return ERR_SYNTAX;
	bits = ip_width(&cidr.net);
	if (!str_is_null(rest)) {
		/* An IPv4 net may be written as a mapped one, with its bits. */
		unsigned skip = cidr.net.family == 4 &&
				str_find(text, ':') >= 0 ? 96 : 0;

		if (num_u64(rest, skip, skip + bits, &bits))
			return ERR_SYNTAX;
		bits -= skip;
	}
	cidr.bits = (uint8_t)bits;
	net = ip_prefix(&cidr.net, cidr.bits);
	if (!ip_eq(&net, &cidr.net))
		return ERR_SYNTAX;
	*out_r = cidr;
	return ERR_OK;
}

bool cidr_has(const struct cidr *cidr, const struct ip *ip)
{
	struct ip net = ip_prefix(ip, cidr->bits);

	return ip->family == cidr->net.family && ip_eq(&net, &cidr->net);
}

bool cidrs_have(const struct cidr *cidrs, unsigned count, const struct ip *ip)
{
	for (unsigned i = 0; i < count; i++)
		if (cidr_has(&cidrs[i], ip))
			return true;
	return false;
}
