#include "admin/running.h"

#include <errno.h>
#include <unistd.h>

#include "admin/ask.h"
#include "admin/socket.h"
#include "base/num.h"

/* "https://127.0.0.1:8443" or "https://[::1]:8443". */
static bool read_place(struct str url, struct running_place *out_r)
{
	struct running_place place;
	struct str address, port;
	ptrdiff_t scheme = str_find(url, ':'), colon = -1;
	uint64_t n;

	if (scheme < 0 || !str_has_prefix(
			(struct str){ url.ptr + scheme, url.len - scheme },
			STR("://")))
		return false;
	address = (struct str){ url.ptr + scheme + 3, url.len - scheme - 3 };
	for (size_t i = 0; i < address.len; i++)
		if (address.ptr[i] == ':')
			colon = (ptrdiff_t)i;
	if (colon < 0)
		return false;
	port = (struct str){ address.ptr + colon + 1,
			     address.len - (size_t)colon - 1 };
	address.len = (size_t)colon;
	if (address.len > 2 && address.ptr[0] == '[' &&
	    address.ptr[address.len - 1] == ']')
		address = (struct str){ address.ptr + 1, address.len - 2 };
	if (ip_parse(address, &place.ip) || num_u64(port, 1, UINT16_MAX, &n))
		return false;
	place.port = (uint16_t)n;
	*out_r = place;
	return true;
}

bool running_read(struct str status, struct running *out_r)
{
	struct running out = { .state = RUNNING_TOLD };
	struct str line, rest = status, word;

	do {
		line = str_cut(rest, '\n', &rest);
	} while (!str_has_prefix(line, STR(RUNNING_WORD)) &&
		 !str_is_null(rest));
	if (!str_has_prefix(line, STR(RUNNING_WORD)))
		return false;
	while (!str_is_null(line) && out.count < RUNNING_PLACES_MAX) {
		word = str_cut(line, ' ', &line);
		if (word.len && word.ptr[word.len - 1] == ',')
			word.len--;
		if (read_place(word, &out.places[out.count]))
			out.count++;
	}
	if (!out.count)
		return false;
	*out_r = out;
	return true;
}

void running_ask(const char *path, int64_t ms, struct running *out_r)
{
	const struct str words[] = { STR("status") };
	struct buf body;
	enum err err;

	*out_r = (struct running){ .state = RUNNING_UNTOLD };
	buf_init(&body, SOCKET_BODY_MAX);
	err = ask_daemon_within(path, words, 1, ms, &body);
	if (!err || err == ERR_CONFLICT)
		running_read(buf_str(&body), out_r);
	else if (err == ERR_NOT_FOUND &&
		 (!access(path, R_OK | W_OK) || errno != EACCES))
		out_r->state = RUNNING_NONE;
	buf_done(&body);
}

static bool is_any(const struct ip *ip)
{
	static const uint8_t zeros[sizeof(ip->bytes)];

	return memcmp(ip->bytes, zeros, ip->family == 4 ? 4 : 16) == 0;
}

/* May sockets at both not be bound at a time? "::" takes IPv4 as well. */
static bool do_overlap(const struct ip *a, const struct ip *b)
{
	if (a->family == b->family)
		return is_any(a) || is_any(b);
	return (a->family == 6 && is_any(a)) || (b->family == 6 && is_any(b));
}

enum running_match running_match(const struct running *running,
				 const struct listener *listener,
				 struct running_place *at_r)
{
	enum running_match match = RUNNING_ELSEWHERE;
	struct ip ip;

	if (ip_parse(listener->address, &ip))
		return match;
	for (unsigned i = 0; i < running->count; i++) {
		const struct running_place *place = &running->places[i];

		if (place->port != listener->port)
			continue;
		if (ip_eq(&place->ip, &ip)) {
			*at_r = *place;
			return RUNNING_THERE;
		}
		if (match == RUNNING_ELSEWHERE && do_overlap(&place->ip, &ip)) {
			*at_r = *place;
			match = RUNNING_OVERLAPS;
		}
	}
	return match;
}
