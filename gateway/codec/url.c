#include "codec/url.h"

#include "base/num.h"
#include "codec/domain.h"
#include "codec/ip.h"

_Static_assert(URL_HOST_MAX == DOMAIN_MAX, "hosts are domains");

static const char not_absolute[] =
	"it must start with https:// (or http://) and a host";

/* One parse under way: `at` counts from the start of the input. */
struct parse {
	struct pool *pool;
	struct fault *fault;
	struct str in;
	size_t at;
};

static enum err fail(const struct parse *p, enum err err, const char *detail)
{
	return fault_set(p->fault, err, p->at, detail);
}

/*
 * What a WHATWG parser would strip (tab, line ends, outer spaces), read as a
 * slash ('\') or map (full-width characters) must never come as far as it.
 */
static enum err check_characters(struct parse *p)
{
	for (p->at = 0; p->at < p->in.len; p->at++) {
		unsigned char c = (unsigned char)p->in.ptr[p->at];

		if (ascii_is_control((char)c))
			return fail(p, ERR_CONTROL, "a control character");
		if (c == ' ')
			return fail(p, ERR_SYNTAX, "a space");
		if (c >= 0x80)
			return fail(p, ERR_SYNTAX, "a character beyond ASCII "
				    "must be percent-encoded");
		if (c == '\\')
			return fail(p, ERR_SYNTAX, "a backslash");
		if (c == '%' && (p->in.len - p->at < 3 ||
				 num_hex(p->in.ptr[p->at + 1]) < 0 ||
				 num_hex(p->in.ptr[p->at + 2]) < 0))
			return fail(p, ERR_SYNTAX, "a '%' without two "
				    "hexadecimal digits");
	}
	p->at = 0;
	return ERR_OK;
}

static enum err take_scheme(struct parse *p, struct url *url)
{
	ptrdiff_t colon = str_find(p->in, ':');
	struct str scheme, after;

	if (colon < 0)
		return fail(p, ERR_SYNTAX, not_absolute);
	scheme = (struct str){ p->in.ptr, (size_t)colon };
	after = (struct str){ p->in.ptr + colon + 1,
			      p->in.len - (size_t)colon - 1 };
	if (str_find(scheme, '/') >= 0 || str_find(scheme, '?') >= 0 ||
	    str_find(scheme, '#') >= 0 || !scheme.len)
		return fail(p, ERR_SYNTAX, not_absolute);
	url->is_https = str_ieq(scheme, STR("https"));
	if (!url->is_https && !str_ieq(scheme, STR("http")))
		return fail(p, ERR_UNSUPPORTED, "a scheme other than https "
			    "and http");
	p->at = (size_t)colon + 1;
	if (!str_has_prefix(after, STR("//")))
		return fail(p, ERR_SYNTAX, not_absolute);
	p->at += 2;
	return ERR_OK;
}

/* WHATWG "ends in a number": such a host is an IPv4 address or nothing. */
static bool ends_in_number(struct str host)
{
	size_t from = host.len, digits = 0;
	struct str last;

	while (from && host.ptr[from - 1] != '.')
		from--;
	last = (struct str){ host.ptr + from, host.len - from };
	while (digits < last.len && ascii_is_digit(last.ptr[digits]))
		digits++;
	if (digits == last.len)
		return true;
	if (!str_has_prefix(last, STR("0x")))
		return false;
	for (size_t i = 2; i < last.len; i++)
		if (num_hex(last.ptr[i]) < 0)
			return false;
	return true;
}

static enum err take_ipv6(struct pool *pool, struct str text,
			  struct str *host_r, const char **detail_r)
{
	char shortest[IP_TEXT_MAX];
	struct str host;
	struct ip ip;

	if (ip_parse(text, &ip) || str_find(text, ':') < 0) {
		*detail_r = "not an IPv6 address";
		return ERR_SYNTAX;
	}
	if (ip.family != 6) {
		*detail_r = "an IPv4 address must be written as one";
		return ERR_SYNTAX;
	}
	ip_text(&ip, shortest);
	host = pool_printf(pool, "[%s]", shortest);
	if (str_is_null(host))
		return ERR_NOMEM;
	*host_r = host;
	return ERR_OK;
}

static enum err take_name(struct pool *pool, struct str text,
			  struct str *host_r, const char **detail_r)
{
	struct str host;
	struct ip ip;
	enum err err;

	if (!text.len) {
		*detail_r = "no host";
		return ERR_SYNTAX;
	}
	if (text.len > URL_HOST_MAX) {
		*detail_r = "a host of more than 253 octets";
		return ERR_LIMIT;
	}
	/* Without this one, domain_to_ascii() would take IDN in. */
	err = domain_check(text);
	if (!err)
		err = domain_to_ascii(pool, text, &host);
	if (err) {
		*detail_r = "not a host name";
		return err;
	}
	if (ends_in_number(host) && ip_parse(host, &ip)) {
		*detail_r = "an IPv4 address must be four decimal numbers";
		return ERR_SYNTAX;
	}
	*host_r = host;
	return ERR_OK;
}

/* host [ ":" port ]; *port_r stays as it is when none is given. */
static enum err take_host_port(struct pool *pool, struct str in,
			       struct str *host_r, uint16_t *port_r,
			       const char **detail_r)
{
	struct str host, rest;
	uint64_t port;
	enum err err;

	if (in.len && in.ptr[0] == '[') {
		host = str_cut((struct str){ in.ptr + 1, in.len - 1 }, ']',
			       &rest);
		if (str_is_null(rest) || (rest.len && rest.ptr[0] != ':')) {
			*detail_r = "not an IPv6 address and a port";
			return ERR_SYNTAX;
		}
		err = take_ipv6(pool, host, &host, detail_r);
		rest = rest.len ? (struct str){ rest.ptr + 1, rest.len - 1 }
				: STR_NULL;
	} else {
		host = str_cut(in, ':', &rest);
		err = take_name(pool, host, &host, detail_r);
	}
	if (err)
		return err;
	if (!str_is_null(rest)) {
		if (num_u64(rest, 1, UINT16_MAX, &port)) {
			*detail_r = "a port must be a number from 1 to 65535";
			return ERR_SYNTAX;
		}
		*port_r = (uint16_t)port;
	}
	*host_r = host;
	return ERR_OK;
}

static enum err take_authority(struct parse *p, struct url *url)
{
	size_t end = p->at;
	const char *detail = NULL;
	struct str authority;
	enum err err;

	while (end < p->in.len && !strchr("/?#", p->in.ptr[end]))
		end++;
	authority = (struct str){ p->in.ptr + p->at, end - p->at };
	if (str_find(authority, '@') >= 0)
		return fail(p, ERR_UNSUPPORTED, "a user name or password");
	url->port = url->is_https ? 443 : 80;
	err = take_host_port(p->pool, authority, &url->host, &url->port,
			     &detail);
	if (err)
		return fail(p, err, detail);
	p->at = end;
	return ERR_OK;
}

/* 1 or 2 for a segment that is one or two dots, "%2e" counting as one. */
static unsigned count_dots(struct str segment)
{
	unsigned dots = 0;

	while (segment.len && dots < 3) {
		size_t n = segment.ptr[0] == '.' ? 1 : 3;

		if (n == 3 && (segment.len < 3 ||
			       !str_ieq((struct str){ segment.ptr, 3 },
					STR("%2e"))))
			return 0;
		segment.ptr += n;
		segment.len -= n;
		dots++;
	}
	return segment.len ? 0 : dots % 3;
}

/* WHATWG percent-encode sets, as far as the characters come here at all. */
static void add_encoded(struct buf *out, struct str s, const char *set)
{
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!strchr(set, s.ptr[i]))
			continue;
		buf_add(out, s.ptr + from, i - from);
		buf_printf(out, "%%%02X", (unsigned)s.ptr[i]);
		from = i + 1;
	}
	buf_add(out, s.ptr + from, s.len - from);
}

static void drop_segment(struct buf *path)
{
	while (path->len && path->ptr[--path->len] != '/')
		;
	if (path->ptr)
		path->ptr[path->len] = '\0';
}

static enum err take_path(struct parse *p, struct url *url)
{
	struct str rest = STR_NULL;
	size_t end = p->at;
	struct buf path;

	while (end < p->in.len && p->in.ptr[end] != '?' &&
	       p->in.ptr[end] != '#')
		end++;
	if (end > p->at)	/* without its first slash */
		rest = (struct str){ p->in.ptr + p->at + 1, end - p->at - 1 };
	buf_init_pool(&path, p->pool, URL_MAX * 3);
	while (!str_is_null(rest)) {
		struct str segment = str_cut(rest, '/', &rest);
		unsigned dots = count_dots(segment);

		if (dots == 2)
			drop_segment(&path);
		if (!dots) {
			buf_addc(&path, '/');
			add_encoded(&path, segment, "\"<>^`{}");
		} else if (str_is_null(rest)) {
			buf_addc(&path, '/');
		}
	}
	if (!path.len)
		buf_addc(&path, '/');
	if (!buf_is_ok(&path))
		return fail(p, ERR_NOMEM, NULL);
	url->path = buf_str(&path);
	p->at = end;
	return ERR_OK;
}

/* The query (`mark` is '?') or the fragment ('#'), where there is one. */
static enum err take_rest(struct parse *p, char mark, const char *set,
			  struct str *out_r)
{
	struct str rest = { p->in.ptr + p->at, p->in.len - p->at };
	struct buf out;
	ptrdiff_t end;

	*out_r = STR_NULL;
	if (!rest.len || rest.ptr[0] != mark)
		return ERR_OK;
	rest.ptr++;
	rest.len--;
	end = mark == '?' ? str_find(rest, '#') : -1;
	if (end >= 0)
		rest.len = (size_t)end;
	buf_init_pool(&out, p->pool, URL_MAX * 3);
	add_encoded(&out, rest, set);
	if (!buf_is_ok(&out))
		return fail(p, ERR_NOMEM, NULL);
	*out_r = buf_str(&out);
	p->at += rest.len + 1;
	return ERR_OK;
}

static size_t serialised_len(const struct url *url)
{
	char origin[URL_HOST_MAX + sizeof("https://:65535")];
	struct buf buf;

	buf_init_fixed(&buf, origin, sizeof(origin));
	url_add_origin(&buf, url);
	return buf.len + url->path.len +
	       (str_is_null(url->query) ? 0 : url->query.len + 1) +
	       (str_is_null(url->fragment) ? 0 : url->fragment.len + 1);
}

enum err url_parse(struct pool *pool, struct str in, struct url *out_r,
		   struct fault *fault)
{
	struct parse p = { .pool = pool, .fault = fault, .in = in };
	struct url url;
	enum err err;

	if (in.len > URL_MAX)
		return fail(&p, ERR_LIMIT, "more than 2048 octets");
	err = check_characters(&p);
	if (!err)
		err = take_scheme(&p, &url);
	if (!err)
		err = take_authority(&p, &url);
	if (!err)
		err = take_path(&p, &url);
	if (!err)
		err = take_rest(&p, '?', "\"'<>", &url.query);
	if (!err)
		err = take_rest(&p, '#', "\"<>`", &url.fragment);
	if (err)
		return err;
	if (serialised_len(&url) > URL_MAX)
		return fail(&p, ERR_LIMIT, "more than 2048 octets encoded");
	*out_r = url;
	return ERR_OK;
}

void url_add_origin(struct buf *out, const struct url *url)
{
	buf_puts(out, url->is_https ? "https://" : "http://");
	buf_adds(out, url->host);
	if (url->port != (url->is_https ? 443 : 80))
		buf_printf(out, ":%u", (unsigned)url->port);
}

void url_add(struct buf *out, const struct url *url)
{
	url_add_origin(out, url);
	buf_adds(out, url->path);
	if (!str_is_null(url->query)) {
		buf_addc(out, '?');
		buf_adds(out, url->query);
	}
	if (!str_is_null(url->fragment)) {
		buf_addc(out, '#');
		buf_adds(out, url->fragment);
	}
}

bool url_is_same_origin(const struct url *a, const struct url *b)
{
	return a->is_https == b->is_https && a->port == b->port &&
	       str_eq(a->host, b->host);
}

bool url_is_loopback(const struct url *url)
{
	static const struct str dotted = STR(".localhost");
	struct str host = url->host;
	struct ip ip;

	if (str_eq(host, STR("localhost")))
		return true;
	if (host.len > dotted.len &&
	    str_eq((struct str){ host.ptr + host.len - dotted.len, dotted.len },
		   dotted))
		return true;
	if (host.len > 2 && host.ptr[0] == '[') {
		host.ptr++;
		host.len -= 2;
	}
	return !ip_parse(host, &ip) && ip_is_loopback(&ip);
}

enum err url_parse_origin(struct pool *pool, struct str in,
			  struct url *out_r, struct fault *fault)
{
	char text[URL_HOST_MAX + sizeof("https://:65535")];
	struct buf origin;
	struct url url;
	enum err err;

	err = url_parse(pool, in, &url, fault);
	if (err)
		return err;
	buf_init_fixed(&origin, text, sizeof(text));
	url_add_origin(&origin, &url);
	if (!str_eq(buf_str(&origin), in))
		return fault_set(fault, ERR_SYNTAX, 0, "an origin is a scheme, "
				 "a host and at most a port, in lower case, "
				 "without default port or trailing slash");
	*out_r = url;
	return ERR_OK;
}

enum err url_parse_host(struct pool *pool, struct str in, struct str *host_r,
			uint16_t *port_r)
{
	const char *detail = NULL;
	struct str host;
	uint16_t port = 0;
	enum err err;

	err = take_host_port(pool, in, &host, &port, &detail);
	if (err)
		return err;
	*host_r = host;
	*port_r = port;
	return ERR_OK;
}
