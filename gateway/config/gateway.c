/* The gateway group: what is served where, and how carefully. */
#include <sys/un.h>
#include <unistd.h>

#include "config/secret.h"
#include "config/snapshot-private.h"

/*
 * A listener's URL names an address rather than a host: nothing here asks DNS.
 * Port 0 is no URL's port, but a listener's: any free one.
 */
static int read_listen_url(const struct reader *reader, unsigned line,
			   const char *setting, struct str text,
			   struct listener *out)
{
	struct str rest = text, address;
	bool is_any_port = false;
	struct fault fault = { .detail = NULL };
	struct url url;
	struct ip ip;

	if (rest.len > 2 && !memcmp(rest.ptr + rest.len - 2, ":0", 2)) {
		is_any_port = true;
		rest.len -= 2;
	}
	if (url_parse(reader->pool, rest, &url, &fault) ||
	    !str_eq(url.path, STR("/")) || !str_is_null(url.query) ||
	    !str_is_null(url.fragment)) {
		location_error(reader->location, line, setting,
			       "write it like https://[::]:8443",
			       "is not an address to listen at%s%s",
			       fault.detail ? ": " : "",
			       fault.detail ? fault.detail : "");
		return -1;
	}
	address = url.host;
	if (address.len > 2 && address.ptr[0] == '[')
		address = (struct str){ address.ptr + 1, address.len - 2 };
	if (str_eq(address, STR("localhost")))
		address = STR("127.0.0.1");
	if (ip_parse(address, &ip)) {
		location_error(
			reader->location, line, setting,
			"write e.g. [::] for all addresses or 127.0.0.1 "
			"for this machine alone; names stand in public_url",
			"must name an address, not a host name");
		return -1;
	}
	out->url = pool_str(reader->pool, text);
	out->address = pool_str(reader->pool, address);
	if (str_is_null(out->url) || str_is_null(out->address))
		return reader_nomem(reader);
	out->is_https = url.is_https;
	out->port = is_any_port ? 0 : url.port;
	return 0;
}

static bool is_loopback_address(const struct listener *listener)
{
	struct ip ip;

	return !ip_parse(listener->address, &ip) && ip_is_loopback(&ip);
}

static void check_certificate(const struct reader *reader, struct group group,
			      const char *prefix, struct listener *listener)
{
	char setting[SETTING_NAME_MAX];
	struct secret_place at = { reader->location, setting,
				   group_line(group, "url") };

	snprintf(setting, sizeof(setting), "%s.certificate", prefix);
	if (!listener->is_https) {
		if (listener->certificate.len || listener->key.len)
			location_error(reader->location,
				       group_line(group, "certificate"),
				       setting,
				       "make the url https://, or leave out "
				       "certificate and key",
				       "does not go with an http:// listener");
		return;
	}
	if (!listener->certificate.len || !listener->key.len) {
		location_error(reader->location, at.line, setting,
			       "name both: certificate = \"tls/cert.pem\"; "
			       "key = \"tls/key.pem\";",
			       "or key is missing for an https:// listener");
		return;
	}
	at.line = group_line(group, "certificate");
	secret_check_pem(at, listener->certificate, false);
	snprintf(setting, sizeof(setting), "%s.key", prefix);
	at.line = group_line(group, "key");
	secret_check_pem(at, listener->key, true);
}

static void check_plain(const struct reader *reader, unsigned line,
			const char *setting, const struct listener *listener,
			bool has_proxies)
{
	if (listener->is_https || reader->is_development || has_proxies ||
	    is_loopback_address(listener))
		return;
	location_error(
		reader->location, line, setting,
		"use https://, or listen on 127.0.0.1, or name the proxy "
		"that comes between in trusted_proxies",
		"would carry sign-ins over the network in clear");
}

static void check_same(const struct reader *reader, unsigned line,
		       const char *setting, const struct listener *listener,
		       const struct gateway_config *gateway)
{
	unsigned i;

	for (i = 0; i < gateway->listener_count; i++) {
		const struct listener *other = &gateway->listeners[i];

		if (listener->port && listener->port == other->port &&
		    str_eq(listener->address, other->address))
			location_error(reader->location, line, setting,
				       "give each listener a port of its own",
				       "has the address and port of another "
				       "listener");
	}
}

static void read_listeners(const struct reader *reader, struct group group,
			   struct gateway_config *out)
{
	unsigned i, count = group_count(group, "listen");
	bool has_proxies = group_count(group, "trusted_proxies") != 0;

	for (i = 0; i < count; i++) {
		struct group item = group_group_at(group, "listen", i);
		struct listener listener = { .port = 0 };
		unsigned line = group_line(item, "url");
		char prefix[32], setting[48];

		snprintf(prefix, sizeof(prefix), "listen[%u]", i);
		snprintf(setting, sizeof(setting), "%s.url", prefix);
		if (read_listen_url(reader, line, setting,
				    group_text(item, "url"), &listener) ||
		    reader_path(reader, item, "certificate",
				&listener.certificate) ||
		    reader_path(reader, item, "key", &listener.key))
			continue;
		listener.close_always = group_switch(item, "close_always");
		listener.index = i;
		listener.line = line;
		listener.certificate_line = group_line(item, "certificate");
		listener.key_line = group_line(item, "key");
		check_plain(reader, line, setting, &listener, has_proxies);
		check_certificate(reader, item, prefix, &listener);
		check_same(reader, line, setting, &listener, out);
		out->listeners[out->listener_count++] = listener;
	}
}

static void read_metrics(const struct reader *reader, struct group group,
			 struct gateway_config *out)
{
	struct str text = group_text(group, "metrics");
	unsigned line = group_line(group, "metrics");

	if (str_is_null(text) ||
	    read_listen_url(reader, line, "metrics", text, &out->metrics))
		return;
	if (out->metrics.is_https)
		location_error(reader->location, line, "metrics",
			       "write http:// and keep it on 127.0.0.1 or an "
			       "inner network",
			       "must be http://");
	if (!is_loopback_address(&out->metrics))
		location_warn(reader->location, line, "metrics",
			      "listen on 127.0.0.1, or see that only the "
			      "monitoring reaches it",
			      "is open to whoever reaches that address");
	check_same(reader, line, "metrics", &out->metrics, out);
	out->metrics.line = line;
	out->has_metrics = true;
}

/* Of the command line: relative to where we were started. */
static struct str from_here(struct pool *pool, const char *path)
{
	char *here;
	struct str full;

	if (path[0] == '/')
		return pool_str(pool, str_from(path));
	here = getcwd(NULL, 0);
	if (!here)
		return STR_NULL;
	full = pool_printf(pool, "%s/%s", here, path);
	free(here);
	return full;
}

static int read_directory(const struct reader *reader, struct group group,
			  const char *name, const char *override,
			  struct str *out_r)
{
	if (!override)
		return reader_path(reader, group, name, out_r);
	*out_r = from_here(reader->pool, override);
	return str_is_null(*out_r) ? reader_nomem(reader) : 0;
}

static void read_admin(const struct reader *reader, struct group group,
		       struct gateway_config *out)
{
	struct str text = group_text(group, "admin"), path;
	struct sockaddr_un address;

	if (!str_has_prefix(text, STR("unix:")) || text.len == 5) {
		location_error(reader->location, group_line(group, "admin"),
			       "admin", "e.g. admin = \"unix:admin.sock\";",
			       "must be unix: and the path of a socket");
		return;
	}
	text = (struct str){ text.ptr + 5, text.len - 5 };
	path = secret_path(reader->pool, out->state, text);
	if (str_is_null(path))
		reader_nomem(reader);
	else if (path.len >= sizeof(address.sun_path))
		location_error(
			reader->location, group_line(group, "admin"), "admin",
			"choose a shorter path, e.g. under /run",
			"is a path of %zu octets; a socket's has at most "
			"%zu",
			path.len, sizeof(address.sun_path) - 1);
	else
		out->admin = path;
}

static int read_metrics_hosts(const struct reader *reader, struct group group,
			      struct gateway_config *out)
{
	unsigned i, count = group_count(group, "metrics_hosts");

	for (i = 0; i < count; i++) {
		struct str text = group_text_at(group, "metrics_hosts", i);

		out->metrics_hosts[i] = pool_str(reader->pool, text);
		if (str_is_null(out->metrics_hosts[i]))
			return reader_nomem(reader);
		if (str_find(text, '/') >= 0 || str_find(text, ':') >= 0)
			location_error(reader->location,
				       group_line(group, "metrics_hosts"),
				       "metrics_hosts",
				       "e.g. \"usher.internal\"",
				       "is not a name without port and path");
	}
	out->metrics_host_count = count;
	return 0;
}

static void read_proxies(const struct reader *reader, struct group group,
			 struct gateway_config *out)
{
	unsigned i, count = group_count(group, "trusted_proxies");
	unsigned line = group_line(group, "trusted_proxies");

	for (i = 0; i < count; i++) {
		struct cidr *cidr = &out->trusted_proxies[i];
		char setting[40];

		snprintf(setting, sizeof(setting), "trusted_proxies[%u]", i);
		if (cidr_parse(group_text_at(group, "trusted_proxies", i),
			       cidr))
			location_error(
				reader->location, line, setting,
				"e.g. \"10.0.0.0/8\", \"192.0.2.7\" or "
				"\"fd00::/8\"",
				"is not an address or a network (no bits "
				"may be set after its prefix)");
		else if (!cidr->bits)
			location_warn(
				reader->location, line, setting,
				"name your proxies' own addresses",
				"trusts everybody: any client can pretend "
				"to be any other");
	}
	out->trusted_proxy_count = count;
}

/* Whatever else the gateway, or what stands behind it, takes from requests
 * is no place for an address. */
static bool is_taken(struct str name)
{
	static const struct str names[] = {
		STR("accept"), STR("authorization"), STR("connection"),
		STR("cookie"), STR("host"), STR("idempotency-key"),
		STR("origin"), STR("referer"), STR("te"), STR("trailer"),
		STR("upgrade"), STR("user-agent"), STR("via"),
		STR("x-csrf-token"), STR("x-embedded-by"),
		STR("x-forwarded-host"), STR("x-forwarded-port"),
		STR("x-forwarded-proto"),
	};
	static const struct str heads[] = {
		STR("accept-"), STR("access-control-"), STR("content-"),
		STR("remote-"), STR("sec-"), STR("transfer-"),
	};

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (str_ieq(name, names[i]))
			return true;
	for (size_t i = 0; i < N_ELEMENTS(heads); i++)
		if (name.len > heads[i].len &&
		    str_ieq((struct str){ name.ptr, heads[i].len }, heads[i]))
			return true;
	return false;
}

static bool is_header_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) &&
		    (s.ptr[i] != '-' || !i || i == s.len - 1))
			return false;
	return s.len != 0;
}

static void read_client_header(const struct reader *reader,
			       struct group group, struct gateway_config *out)
{
	struct str name = group_text(group, "client_header");
	unsigned line = group_line(group, "client_header");

	if (str_is_null(name))
		return;
	if (!is_header_name(name) || is_taken(name)) {
		location_error(reader->location, line, "client_header",
			       "e.g. client_header = \"X-Real-IP\";",
			       is_taken(name) ? "is a header that says "
						"something else" :
			       "is not the name of a header: letters, digits "
			       "and '-'");
		return;
	}
	if (!group_count(group, "trusted_proxies"))
		location_warn(reader->location, line, "client_header",
			      "name the proxy in trusted_proxies, or leave "
			      "client_header out",
			      "means nothing, since no proxy is trusted");
	out->client_from = str_ieq(name, STR("X-Forwarded-For")) ?
			   CLIENT_FORWARDED_FOR :
			   str_ieq(name, STR("Forwarded")) ?
			   CLIENT_FORWARDED : CLIENT_SINGLE;
	reader_text(reader, group, "client_header", &out->client_header);
}

static void read_user(const struct reader *reader, struct group group,
		      struct gateway_config *out)
{
	struct str user = group_text(group, "user");
	size_t i;

	for (i = 0; i < user.len; i++) {
		char c = user.ptr[i];

		if ((c >= 'a' && c <= 'z') || c == '_' ||
		    (i && (ascii_is_digit(c) || c == '-')))
			continue;
		location_error(reader->location, group_line(group, "user"),
			       "user", "e.g. user = \"usher\";",
			       "is not the name of a user: small letters, "
			       "digits, '-' and '_'");
		return;
	}
	reader_text(reader, group, "user", &out->user);
}

static void read_public_url(const struct reader *reader, struct group group,
			    struct gateway_config *out)
{
	if (reader_base_url(reader, group_line(group, "public_url"),
			    "public_url", group_text(group, "public_url"),
			    &out->public_url))
		return;
	out->public_origin = url_origin_text(reader->pool, &out->public_url);
	if (str_is_null(out->public_origin))
		reader_nomem(reader);
}

static unsigned line_of(struct group group, const char *name)
{
	return group_has(group, name) ? group_line(group, name) : 0;
}

/* -1 with a finding. */
static int read_places(const struct reader *reader, struct group group,
		       struct gateway_config *out)
{
	out->file = pool_str(reader->pool, reader->location->file);
	if (str_is_null(out->file))
		return reader_nomem(reader);
	out->public_url_line = line_of(group, "public_url");
	out->state_line = reader->options->state_override ? 0 :
			  line_of(group, "state");
	out->admin_line = line_of(group, "admin");
	out->user_line = line_of(group, "user");
	out->log_file_line = line_of(group_group(group, "log"), "file");
	return 0;
}

void gateway_read(const struct reader *reader, struct group group,
		  struct gateway_config *out)
{
	struct reader mine = *reader;
	struct group log;

	schema_check(group, "", reader->location);
	if (reader->location->errors)
		return;
	log = group_group(group, "log");
	out->development = group_switch(group, "development");
	mine.is_development = out->development;
	if (read_places(&mine, group, out))
		return;
	read_public_url(&mine, group, out);
	read_listeners(&mine, group, out);
	read_metrics(&mine, group, out);
	if (read_directory(&mine, group, "state",
			   reader->options->state_override, &out->state) ||
	    read_directory(&mine, group, "plugins",
			   reader->options->plugins_override, &out->plugins))
		return;
	read_admin(&mine, group, out);
	read_proxies(&mine, group, out);
	read_client_header(&mine, group, out);
	if (read_metrics_hosts(&mine, group, out))
		return;
	read_user(&mine, group, out);
	out->rate_limit = reader_rate_limit(group_group(group, "rate_limit"));
	out->watch = group_switch(group, "watch");
	/* The words stand in the order of the enums. */
	out->log_level = (enum log_level)group_word(log, "level");
	out->log_format = (enum log_format)group_word(log, "format");
	if (reader_path(&mine, log, "file", &out->log_file))
		return;
	out->adapter_log = (unsigned)group_number(group, "adapter_log");
	out->workers = (unsigned)group_number(group, "workers");
	out->adapter_start_s = (uint32_t)group_number(group, "adapter_start");
	out->request_deadline_s =
		(uint32_t)group_number(group, "request_deadline");
	out->outbox_max = (uint32_t)group_number(group, "outbox_max");
	out->outbox_kept_s = (uint32_t)group_number(
		group_group(group, "retention"), "outbox");
	out->connections_max =
		(uint32_t)group_number(group, "connections_max");
	out->connections_per_client =
		(uint32_t)group_number(group, "connections_per_client");
}
