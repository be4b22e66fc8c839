/*
 * address: whom the gateway connects to by itself.
 *
 * What a configuration names by URL is somebody else's server: never the
 * machine that we run on, nor the network that it stands in, whoever answers
 * for the name.  Refused is what the registries of IANA for special addresses
 * (RFC 6890) do not call global, multicast, and every IPv6 form that carries a
 * refused IPv4 address: mapped and compatible (RFC 4291), NAT64 (RFC 6052, RFC
 * 8215), 6to4 (RFC 3056).  Teredo (RFC 4380), which hides one, is refused whole.
 */
#ifndef FETCH_ADDRESS_H
#define FETCH_ADDRESS_H

#include "codec/ip.h"

/*
 * NULL: it may be connected to; else what it is, in words: "a loopback address".
 * In development loopback addresses may be, as they are.
 */
const char *address_refused(const struct ip *ip, bool is_development);

#endif
