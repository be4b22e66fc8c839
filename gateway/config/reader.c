/* The pieces that several groups of a file are made of: URLs, each with its
 * findings, and where http:// is good enough. */
#include "config/correct.h"
#include "config/secret.h"
#include "config/snapshot-private.h"

int reader_nomem(const struct reader *reader)
{
	location_error(reader->location, 0, NULL, NULL, "no memory");
	return -1;
}

int reader_http_allowed(const struct reader *reader, unsigned line,
			const char *setting, const struct url *url,
			enum http_rule rule)
{
	if (url->is_https)
		return 0;
	if (!reader->is_development)
		location_error(reader->location, line, setting,
			       "use https://, or development = true; on a "
			       "developer's machine",
			       "must be https://");
	else if (rule == HTTP_LOOPBACK && !url_is_loopback(url))
		location_error(
			reader->location, line, setting,
			"use https://, or a name under .localhost",
			"must be https://: even in development http:// is "
			"for loopback names only");
	else
		return 0;
	return -1;
}

int reader_url(const struct reader *reader, unsigned line,
	       const char *setting, struct str text, enum http_rule rule,
	       struct url *url_r)
{
	struct fault fault = { .detail = NULL };
	char remedy[CORRECT_QUOTED_MAX + 16];
	struct buf fix;
	struct url url;
	enum err err = url_parse(reader->pool, text, &url, &fault);

	if (err) {
		buf_init_fixed(&fix, remedy, sizeof(remedy));
		if (!correct_url(reader->scratch, text, &fix))
			buf_puts(&fix, "write it like "
				 "https://name.example.com/path");
		location_error(reader->location, line, setting, remedy,
			       "is not a URL that can be used: %s",
			       fault.detail ? fault.detail : err_text(err));
		return -1;
	}
	if (reader_http_allowed(reader, line, setting, &url, rule))
		return -1;
	*url_r = url;
	return 0;
}

int reader_base_url(const struct reader *reader, unsigned line,
		    const char *setting, struct str text, struct url *url_r)
{
	struct url url;

	if (reader_url(reader, line, setting, text, HTTP_LOOPBACK, &url))
		return -1;
	if (!str_eq(url.path, STR("/")) || !str_is_null(url.query) ||
	    !str_is_null(url.fragment)) {
		char remedy[CORRECT_QUOTED_MAX + 80];
		struct buf fix;

		buf_init_fixed(&fix, remedy, sizeof(remedy));
		if (correct_origin(reader->scratch, text, &fix))
			buf_puts(&fix, ": ");
		buf_puts(&fix, "leave out all that follows the host and port");
		location_error(reader->location, line, setting, remedy,
			       "must name a host of its own, not a path on it");
		return -1;
	}
	*url_r = url;
	return 0;
}

static struct str url_written(struct pool *pool, const struct url *url,
			      void (*write)(struct buf *, const struct url *))
{
	struct buf out;

	buf_init_pool(&out, pool, URL_MAX + 1);
	write(&out, url);
	return buf_is_ok(&out) ? buf_str(&out) : STR_NULL;
}

struct str url_text(struct pool *pool, const struct url *url)
{
	return url_written(pool, url, url_add);
}

struct str url_origin_text(struct pool *pool, const struct url *url)
{
	return url_written(pool, url, url_add_origin);
}

int reader_text(const struct reader *reader, struct group group,
		const char *name, struct str *out_r)
{
	struct str text = group_text(group, name);

	if (str_is_null(text))
		return 0;
	text = pool_str(reader->pool, text);
	if (str_is_null(text))
		return reader_nomem(reader);
	*out_r = text;
	return 0;
}

int reader_path(const struct reader *reader, struct group group,
		const char *name, struct str *out_r)
{
	struct str path = group_text(group, name);

	if (str_is_null(path))
		return 0;
	path = secret_path(reader->pool, reader->dir, path);
	if (str_is_null(path))
		return reader_nomem(reader);
	*out_r = path;
	return 0;
}

struct ratelimit_rule reader_rate_limit(struct group group)
{
	return (struct ratelimit_rule){
		.requests = (uint32_t)group_number(group, "requests"),
		.per_s = (uint32_t)group_number(group, "per"),
	};
}
