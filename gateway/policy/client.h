/*
 * client: whose request is it, behind proxies that are trusted?
 *
 * The client is the socket's peer.  Only where the peer is a trusted proxy,
 * X-Forwarded-For is looked at: all its lines joined in their order, as
 * proxies append to it, read from the right.  The first address that is not
 * itself a trusted proxy is the client; whatever stands further left came from
 * the client and means nothing.  Where all hops are trusted, it is the
 * left-most one; where there are none, the peer.
 *
 * A hop that is not an address, met before the client was found, is an error:
 * a trusted proxy wrote it, or passed it on unread, and any guess would charge
 * one client's requests to another.  So the request must be refused.
 */
#ifndef POLICY_CLIENT_H
#define POLICY_CLIENT_H

#include "base/error.h"
#include "base/str.h"
#include "codec/ip.h"

/* Hops looked at, the client's own included; more trusted proxies than this
 * in a row are a loop. */
#define CLIENT_HOPS_MAX 32

struct client {
	struct ip ip;
	/*
	 * X-Forwarded-For came from a loopback or private peer that is not
	 * trusted, and so was ignored: worth a loud warning, since somebody
	 * may have forgotten to name a proxy, behind which all of its clients
	 * then are one.
	 */
	bool suspicious_forward;
};

/*
 * `xff` are the values of the X-Forwarded-For lines in their order.  A hop is
 * an address (codec/ip.h), also with a port ("192.0.2.1:567", "[::1]:80") or
 * in brackets; white space around it and empty hops do not count.
 * ERR_SYNTAX for a bad hop, ERR_LIMIT past CLIENT_HOPS_MAX.
 */
enum err client_address(const struct cidr *trusted, unsigned count,
			const struct ip *peer, const struct str *xff,
			unsigned nxff, struct client *out_r);

#endif
