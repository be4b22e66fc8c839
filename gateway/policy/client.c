#include "policy/client.h"

#include "base/num.h"

static bool is_trusted(const struct cidr *trusted, unsigned count,
		       const struct ip *ip)
{
	for (unsigned i = 0; i < count; i++)
		if (cidr_has(&trusted[i], ip))
			return true;
	return false;
}

/* Take the last hop off *line; at its start the line becomes absent. */
static struct str take_last(struct str *line)
{
	struct str hop = *line;
	size_t at = line->len;

	while (at && line->ptr[at - 1] != ',')
		at--;
	hop.ptr += at;
	hop.len -= at;
	*line = at ? (struct str){ line->ptr, at - 1 } : STR_NULL;
	return str_trim(hop, " \t");
}

static enum err check_port(struct str port)
{
	uint64_t n;

	return num_u64(port, 0, UINT16_MAX, &n) ? ERR_SYNTAX : ERR_OK;
}

static enum err parse_hop(struct str hop, struct ip *out_r)
{
	struct str host = hop, rest = STR_NULL;

	if (hop.ptr[0] == '[') {
		hop.ptr++;
		hop.len--;
		host = str_cut(hop, ']', &rest);
		if (str_is_null(rest) || str_find(host, ':') < 0)
			return ERR_SYNTAX;
		if (rest.len && (rest.ptr[0] != ':' ||
				 check_port((struct str){ rest.ptr + 1,
							  rest.len - 1 })))
			return ERR_SYNTAX;
	} else if (str_find(hop, '.') >= 0 && !ip_parse(hop, out_r)) {
		return ERR_OK;	/* "::ffff:192.0.2.1": colons, yet no port */
	} else if (str_find(hop, '.') >= 0) {
		host = str_cut(hop, ':', &rest);
		if (!str_is_null(rest) && check_port(rest))
			return ERR_SYNTAX;
	}
	return ip_parse(host, out_r);
}

enum err client_address(const struct cidr *trusted, unsigned count,
			const struct ip *peer, const struct str *xff,
			unsigned nxff, struct client *out_r)
{
	struct client client = { .ip = *peer };
	unsigned hops = 0;

	if (!is_trusted(trusted, count, peer)) {
		client.suspicious_forward = nxff > 0 &&
			(ip_is_loopback(peer) || ip_is_private(peer));
		*out_r = client;
		return ERR_OK;
	}
	while (nxff-- > 0) {
		struct str line = xff[nxff];

		while (!str_is_null(line)) {
			struct str hop = take_last(&line);
			enum err err;

			if (!hop.len)
				continue;
			if (++hops > CLIENT_HOPS_MAX)
				return ERR_LIMIT;
			err = parse_hop(hop, &client.ip);
			if (err)
				return err;
			if (!is_trusted(trusted, count, &client.ip))
				goto found;
		}
	}
found:
	*out_r = client;
	return ERR_OK;
}
