#include "fetch/address.h"

#define LOOPBACK "a loopback address"
#define PRIVATE "a private address"
#define LINK_LOCAL "a link-local address"
#define UNSPECIFIED "an unspecified address"
#define MULTICAST "a multicast address"
#define RESERVED "a reserved address"

struct range {
	struct cidr net;
	const char *what;
};

/* The first that has it counts. */
static const struct range ranges[] = {
	{ { { 4, { 0 } }, 8 }, UNSPECIFIED },
	{ { { 4, { 127 } }, 8 }, LOOPBACK },
	{ { { 4, { 10 } }, 8 }, PRIVATE },
	{ { { 4, { 172, 16 } }, 12 }, PRIVATE },
	{ { { 4, { 192, 168 } }, 16 }, PRIVATE },
	{ { { 4, { 169, 254 } }, 16 }, LINK_LOCAL },
	{ { { 4, { 100, 64 } }, 10 }, "an address of a carrier's NAT" },
	{ { { 4, { 192, 0, 0 } }, 24 }, RESERVED },
	{ { { 4, { 192, 0, 2 } }, 24 }, RESERVED },
	{ { { 4, { 192, 88, 99 } }, 24 }, RESERVED },
	{ { { 4, { 198, 18 } }, 15 }, RESERVED },
	{ { { 4, { 198, 51, 100 } }, 24 }, RESERVED },
	{ { { 4, { 203, 0, 113 } }, 24 }, RESERVED },
	{ { { 4, { 224 } }, 4 }, MULTICAST },
	{ { { 4, { 240 } }, 4 }, RESERVED },
	{ { { 6, { 0 } }, 128 }, UNSPECIFIED },
	{ { { 6, { [15] = 1 } }, 128 }, LOOPBACK },
	{ { { 6, { 0xfc } }, 7 }, PRIVATE },
	{ { { 6, { 0xfe, 0x80 } }, 10 }, LINK_LOCAL },
	{ { { 6, { 0xfe, 0xc0 } }, 10 }, PRIVATE },
	{ { { 6, { 0xff } }, 8 }, MULTICAST },
	{ { { 6, { 0x20, 0x01, 0x0d, 0xb8 } }, 32 }, RESERVED },
	{ { { 6, { 0x3f, 0xff } }, 20 }, RESERVED },
	{ { { 6, { 0x20, 0x01 } }, 23 }, RESERVED },	/* Teredo, too */
};

/* Where an IPv4 address stands in IPv6 ones that go to it. */
static const struct {
	struct cidr net;
	unsigned at;		/* octet */
} carriers[] = {
	{ { { 6, { 0 } }, 96 }, 12 },	/* compatible; mapped ones are IPv4 */
	{ { { 6, { 0, 0x64, 0xff, 0x9b } }, 96 }, 12 },	/* NAT64 */
	{ { { 6, { 0x20, 0x02 } }, 16 }, 2 },		/* 6to4 */
};

static const struct cidr local_nat64 = { { 6, { 0, 0x64, 0xff, 0x9b, 0, 1 } },
					 48 };
static const struct cidr global = { { 6, { 0x20 } }, 3 };

static const char *find(const struct ip *ip)
{
	for (size_t i = 0; i < N_ELEMENTS(ranges); i++)
		if (cidr_has(&ranges[i].net, ip))
			return ranges[i].what;
	return NULL;
}

const char *address_refused(const struct ip *ip, bool is_development)
{
	const char *what = find(ip);

	if (is_development && ip_is_loopback(ip))
		return NULL;
	if (what || ip->family == 4)
		return what;
	if (ip->family != 6)
		return "no address of the Internet";
	for (size_t i = 0; i < N_ELEMENTS(carriers); i++) {
		struct ip inner = { .family = 4 };

		if (!cidr_has(&carriers[i].net, ip))
			continue;
		memcpy(inner.bytes, ip->bytes + carriers[i].at, 4);
		what = find(&inner);
		return what || i ? what : RESERVED;
	}
	if (cidr_has(&local_nat64, ip))
		return PRIVATE;
	return cidr_has(&global, ip) ? NULL : RESERVED;
}
