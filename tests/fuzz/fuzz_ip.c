#include <arpa/inet.h>
#include <netinet/in.h>

#include "codec/ip.h"
#include "fuzz/fuzz.h"

static void check_prefixes(const struct ip *ip)
{
	unsigned width = ip->family == 4 ? 32 : 128;

	for (unsigned bits = 0; bits <= width; bits++) {
		struct ip net = ip_prefix(ip, bits), again;
		struct cidr cidr = { net, (uint8_t)bits };

		again = ip_prefix(&net, bits);
		fuzz_assert(ip_eq(&net, &again));
		fuzz_assert(cidr_has(&cidr, ip));
		/* The first bit past the prefix does not matter, the last
		 * one in it does. */
		if (bits) {
			struct ip flipped = *ip;

			flipped.bytes[(bits - 1) / 8] ^=
				(uint8_t)(0x80 >> (bits - 1) % 8);
			fuzz_assert(!cidr_has(&cidr, &flipped));
		}
		if (bits < width) {
			struct ip flipped = *ip;

			flipped.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
			fuzz_assert(cidr_has(&cidr, &flipped));
		}
	}
}

/* The same address through the system's own text and back. */
static void check_system(const struct ip *ip)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	char text[IP_TEXT_MAX];
	struct ip other;

	ip_text(ip, text);
	if (ip->family == 4) {
		fuzz_assert(inet_pton(AF_INET, text, &in.sin_addr) == 1);
		other = ip_from_sockaddr((struct sockaddr *)&in);
	} else {
		fuzz_assert(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
		other = ip_from_sockaddr((struct sockaddr *)&in6);
	}
	fuzz_assert(ip_eq(ip, &other));
}

static void check_ip(const struct ip *ip)
{
	char text[IP_TEXT_MAX], again_text[IP_TEXT_MAX];
	struct ip again;

	fuzz_assert(ip->family == 4 || ip->family == 6);
	ip_text(ip, text);
	fuzz_assert(!ip_parse(str_from(text), &again));
	fuzz_assert(ip_eq(ip, &again));
	ip_text(&again, again_text);
	fuzz_assert(!strcmp(text, again_text));
	fuzz_assert(!(ip_is_loopback(ip) && ip_is_private(ip)));
	check_system(ip);
	check_prefixes(ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_str(data, size), rest;
	struct cidr cidr;
	struct ip ip, net;

	if (!ip_parse(in, &ip)) {
		check_ip(&ip);
		fuzz_assert(!cidr_parse(in, &cidr));
		fuzz_assert(cidr.bits == (ip.family == 4 ? 32 : 128));
	}
	if (!cidr_parse(in, &cidr)) {
		fuzz_assert(cidr.bits <= (cidr.net.family == 4 ? 32 : 128));
		fuzz_assert(cidr_has(&cidr, &cidr.net));
		net = ip_prefix(&cidr.net, cidr.bits);
		fuzz_assert(ip_eq(&net, &cidr.net));
		fuzz_assert(!ip_parse(str_cut(in, '/', &rest), &ip));
		check_ip(&ip);
	}
	return 0;
}
