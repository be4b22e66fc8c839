#include "policy/client.h"

#include "base/num.h"
#include "codec/forwarded.h"

bool client_is_trusted(const struct client_trust *trust, const struct ip *ip)
{
	return cidrs_have(trust->proxies, trust->count, ip);
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

/* The client, where these tell; else it stays as it is. */
static enum err find_in_list(const struct client_trust *trust,
			     struct client_lines lines, struct client *client)
{
	unsigned hops = 0;
	enum err err;

	while (lines.count-- > 0) {
		struct str line = lines.v[lines.count];

		while (!str_is_null(line)) {
			struct str hop = take_last(&line);

			if (!hop.len)
				continue;
			err = ++hops > CLIENT_HOPS_MAX ? ERR_LIMIT :
			      parse_hop(hop, &client->ip);
			if (err)
				return err;
			client->is_untold = false;
			if (!client_is_trusted(trust, &client->ip))
				return ERR_OK;
		}
	}
	return ERR_OK;
}

/* Each line is read whole, so that no quotation mark of a client's swallows
 * what a proxy appended; a line further left is not looked at. */
static enum err find_in_forwarded(const struct client_trust *trust,
				  struct client_lines lines,
				  struct client *client)
{
	struct forwarded elements[FORWARDED_ELEMENTS_MAX];
	unsigned hops = 0;
	enum err err;

	while (lines.count-- > 0) {
		unsigned n = 0;

		err = forwarded_parse(lines.v[lines.count], elements, &n);
		if (err)
			return err;
		while (n-- > 0) {
			if (++hops > CLIENT_HOPS_MAX)
				return ERR_LIMIT;
			client->is_untold = elements[n].kind !=
					    FORWARDED_ADDRESS;
			if (client->is_untold)
				return ERR_OK;
			client->ip = elements[n].ip;
			if (!client_is_trusted(trust, &client->ip))
				return ERR_OK;
		}
	}
	return ERR_OK;
}

static enum err find_in_single(const struct client_trust *trust,
			       struct client_lines lines,
			       struct client *client)
{
	struct str hop;
	enum err err;

	if (!lines.count)
		return ERR_OK;
	hop = str_trim(lines.v[0], " \t");
	if (lines.count == 1 && !hop.len)
		return ERR_OK;
	err = lines.count > 1 ? ERR_SYNTAX : parse_hop(hop, &client->ip);
	if (!err)
		client->is_untold = client_is_trusted(trust, &client->ip);
	return err;
}

enum err client_address(const struct client_trust *trust,
			const struct client_request *request,
			struct client *out_r)
{
	struct client_lines xff = request->forwarded_for;
	struct client_lines forwarded = request->forwarded;
	struct client client = { .ip = request->peer, .is_untold = true };
	enum client_header header = trust->header;
	enum err err;

	if (header == CLIENT_AUTO)
		header = !xff.count && forwarded.count ? CLIENT_FORWARDED :
							 CLIENT_FORWARDED_FOR;
	if (!client_is_trusted(trust, &request->peer)) {
		unsigned n = header == CLIENT_SINGLE ? request->single.count :
			     header == CLIENT_FORWARDED ? forwarded.count :
			     xff.count;

		client.is_untold = false;
		client.suspicious_forward = n > 0 &&
			(ip_is_loopback(&request->peer) ||
			 ip_is_private(&request->peer));
		*out_r = client;
		return ERR_OK;
	}
	if (header == CLIENT_SINGLE)
		err = find_in_single(trust, request->single, &client);
	else if (header == CLIENT_FORWARDED)
		err = find_in_forwarded(trust, forwarded, &client);
	else
		err = find_in_list(trust, xff, &client);
	if (!err)
		*out_r = client;
	return err;
}
