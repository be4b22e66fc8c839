/*
 * client: whose request is it, behind proxies that are trusted?
 *
 * The client is the socket's peer.  Only where the peer is a trusted proxy, a
 * header is looked at, and only one, so that what a client forges in another
 * means nothing:
 *
 *	CLIENT_AUTO		X-Forwarded-For; where the request has none at
 *				all, Forwarded (codec/forwarded.h)
 *	CLIENT_FORWARDED_FOR	X-Forwarded-For alone
 *	CLIENT_FORWARDED	Forwarded alone
 *	CLIENT_SINGLE		a header that holds one address
 *
 * X-Forwarded-For and Forwarded are lists: their lines in their order, as
 * proxies append to them, read from the right (of Forwarded each line by
 * itself).  The first address that is not
 * itself a trusted proxy is the client; whatever stands further left came from
 * the client and means nothing.  Where all hops are trusted, it is the
 * left-most one; where there are none, the peer.  A single header is taken as
 * it is: the proxy next to the clients has to set it, whatever came in it, and
 * those behind it to pass it on.
 *
 * A hop that is not an address, met before the client was found, is an error:
 * a trusted proxy wrote it, or passed it on unread, and any guess would charge
 * one client's requests to another.  So the request must be refused.  So it is
 * where a single header comes twice or is a list.  "unknown" and "_hidden" of
 * Forwarded are no error: the proxy will not tell, and its clients are one.
 *
 * CLIENT_AUTO trusts no more than X-Forwarded-For alone: a proxy that
 * passes a client's Forwarded on, and sets no X-Forwarded-For, passes a
 * client's X-Forwarded-For on as well.  But for one that takes that out: it has
 * to take out Forwarded, too, or the operator says which one counts.
 */
#ifndef POLICY_CLIENT_H
#define POLICY_CLIENT_H

#include "base/error.h"
#include "base/str.h"
#include "codec/ip.h"

enum client_header {
	CLIENT_AUTO,
	CLIENT_FORWARDED_FOR,
	CLIENT_FORWARDED,
	CLIENT_SINGLE,
};

/* Hops looked at, the client's own included; more trusted proxies than this
 * in a row are a loop. */
#define CLIENT_HOPS_MAX 32

struct client_trust {
	const struct cidr *proxies;
	unsigned count;
	enum client_header header;
};

/* The values of a header's lines in their order. */
struct client_lines {
	const struct str *v;
	unsigned count;
};

struct client_request {
	struct ip peer;
	struct client_lines forwarded_for, forwarded, single;
};

struct client {
	struct ip ip;
	/*
	 * The header came from a loopback or private peer that is not
	 * trusted, and so was ignored: worth a loud warning, since somebody
	 * may have forgotten to name a proxy, behind which all of its clients
	 * then are one.
	 */
	bool suspicious_forward;
	/*
	 * A trusted proxy did not say who asks, or, in a single header, named
	 * another proxy: all its clients are one, and share one budget.
	 */
	bool is_untold;
};

/* Is it one of the proxies? */
bool client_is_trusted(const struct client_trust *trust, const struct ip *ip);

/*
 * A hop of X-Forwarded-For, and a single header, is an address (codec/ip.h),
 * also with a port ("192.0.2.1:567", "[::1]:80") or in brackets; white space
 * around it and empty hops do not count.  ERR_SYNTAX for a bad hop, ERR_LIMIT
 * past CLIENT_HOPS_MAX.
 */
enum err client_address(const struct client_trust *trust,
			const struct client_request *request,
			struct client *out_r);

#endif
