/*
 * ip: addresses and CIDR ranges. IPv4-mapped IPv6 addresses
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) are IPv4 from the start, so that
 * a client of a dual-stack socket is the same client as on an IPv4 one.
 */
#ifndef CODEC_IP_H
#define CODEC_IP_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"

struct ip {
	uint8_t family;		/* 4, 6, or 0: none (a unix socket) */
	uint8_t bytes[16];	/* network order; the first 4 for IPv4 */
};

struct cidr {
	struct ip net;		/* host bits are zero */
	uint8_t bits;
};

#define IP_TEXT_MAX 46		/* terminator included */

/* Dotted quad without leading zeros, or RFC 4291 text without zone.
 * ERR_SYNTAX. */
enum err ip_parse(struct str in, struct ip *out_r);
struct ip ip_from_sockaddr(const struct sockaddr *sa);
/* RFC 5952 section 4 text (never the mixed notation), "unix" for none. */
void ip_text(const struct ip *ip, char out[IP_TEXT_MAX]);
bool ip_eq(const struct ip *a, const struct ip *b);
/* The address with all but the first `bits` bits zero; more bits than it has
 * change nothing. */
struct ip ip_prefix(const struct ip *ip, unsigned bits);
bool ip_is_loopback(const struct ip *ip);
/* RFC 1918, RFC 4193, link-local. */
bool ip_is_private(const struct ip *ip);

/*
 * "10.0.0.0/8"; a bare address is its own /32 or /128; host bits: ERR_SYNTAX.
 * "::ffff:10.0.0.0/104" is 10.0.0.0/8; a mapped range wider than /96 is
 * ERR_SYNTAX as well.
 */
enum err cidr_parse(struct str in, struct cidr *out_r);
bool cidr_has(const struct cidr *cidr, const struct ip *ip);
/* Has any of them? */
bool cidrs_have(const struct cidr *cidrs, unsigned count, const struct ip *ip);

#endif
