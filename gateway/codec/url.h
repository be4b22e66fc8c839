/*
 * url: absolute http and https URLs, parsed so strictly that every URL
 * accepted means the same to us and to a WHATWG parser (browsers).
 *
 * Refused: other schemes, user-info, '\' (anywhere), spaces, control and
 * non-ASCII characters, anything but "//" after the scheme, empty hosts, hosts
 * that are not letters-digits-hyphens labels (codec/domain.h: no empty label,
 * no trailing dot, no '%', no "0x7f.1" or other odd IPv4 forms: a last label
 * that is a number only in a dotted quad), IPv4 in the guise of IPv6, empty
 * ports, ports 0 and over 65535 or with leading zeros, stray '%'.
 * IPv6 literals stand in brackets and are re-serialised as RFC 5952 says.
 *
 * Percent-encoded octets stay as they were written, "%2f" and "%0a" too: who
 * acts on a path must mind them.  The few characters that browsers encode by
 * themselves (a quotation mark, '<', ...) come out encoded, so that url_add()
 * gives what a browser would keep unchanged.
 */
#ifndef CODEC_URL_H
#define CODEC_URL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define URL_MAX 2048		/* octets, as given and as re-serialised */
#define URL_HOST_MAX 253

struct url {
	bool is_https;
	struct str host;	/* lower case; IPv6 with its brackets */
	uint16_t port;		/* the default one filled in */
	struct str path;	/* starts with '/'; dot segments removed (RFC
				 * 3986 section 5.2.4, and for %2e as WHATWG
				 * does); may start with "//" */
	struct str query;	/* without '?'; absent when there is none */
	struct str fragment;	/* without '#'; absent when there is none */
};

/*
 * Slices live in the pool and are terminated.  ERR_SYNTAX, ERR_LIMIT,
 * ERR_CONTROL, ERR_UNSUPPORTED (scheme, user-info), ERR_NOMEM; fault says
 * what, for people.
 */
enum err url_parse(struct pool *pool, struct str in, struct url *out_r,
		   struct fault *fault);
/* "https://host[:port]", the default port left out. */
void url_add_origin(struct buf *out, const struct url *url);
/* The whole URL, re-serialised: at most URL_MAX octets. */
void url_add(struct buf *out, const struct url *url);
/* Scheme, host and port. */
bool url_is_same_origin(const struct url *a, const struct url *b);
/* localhost, *.localhost (RFC 6761), 127.0.0.0/8, [::1]. */
bool url_is_loopback(const struct url *url);

/*
 * An Origin header's value or a configured origin: scheme "://" host
 * [":" port] and nothing else, serialised as browsers do (RFC 6454 section
 * 6.2): lower case, no default port, no trailing slash.  Any other spelling is
 * ERR_SYNTAX, so that origins may be compared byte by byte; "null" is too.
 * The path of *out_r is "/".
 */
enum err url_parse_origin(struct pool *pool, struct str in,
			  struct url *out_r, struct fault *fault);
/*
 * A Host header's value (RFC 9110 section 7.2): host, optional port, same
 * strictness.  *port_r is 0 when none was given.  The host is lower case, in
 * the pool.  ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM.
 */
enum err url_parse_host(struct pool *pool, struct str in, struct str *host_r,
			uint16_t *port_r);

#endif
