/*
 * forwarded: the header Forwarded (RFC 7239), as far as it tells clients.
 *
 *	for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8::1]:4711"
 *
 * A line is a list of elements, an element a list of pairs, a value a token or
 * a quoted string.  Strict: names once in an element, addresses in their one
 * form, IPv6 in brackets and so in quotes, as whatever has a port.  Blanks may
 * stand around ',' and also around ';', as some write; empty elements and pairs
 * count as nothing.  What the pairs but `for` say is checked for its form only.
 */
#ifndef CODEC_FORWARDED_H
#define CODEC_FORWARDED_H

#include "base/error.h"
#include "base/str.h"
#include "codec/ip.h"

#define FORWARDED_ELEMENTS_MAX 32	/* of a line */
#define FORWARDED_PAIRS_MAX 16		/* of an element */
#define FORWARDED_NODE_MAX 64		/* octets of what `for` says */

enum forwarded_kind {
	FORWARDED_ADDRESS,
	FORWARDED_HIDDEN,		/* "unknown", "_name", or no `for` */
};

struct forwarded {
	enum forwarded_kind kind;
	struct ip ip;			/* of an address */
};

/* The elements of one line in their order.  ERR_SYNTAX, ERR_LIMIT. */
enum err forwarded_parse(struct str line,
			 struct forwarded out[FORWARDED_ELEMENTS_MAX],
			 unsigned *count_r);

#endif
