#include "codec/url.h"
#include "fuzz/fuzz.h"

#define POOL_MAX (256 * 1024)

/* A browser strips or rewrites none of it, nor finds user-info in it. */
static void check_text(struct str s)
{
	struct str authority, rest;
	unsigned slashes = 0;

	fuzz_assert(s.len <= URL_MAX);
	for (size_t i = 0; i < s.len; i++) {
		fuzz_assert(s.ptr[i] > ' ' && s.ptr[i] < 0x7f);
		fuzz_assert(s.ptr[i] != '\\' && s.ptr[i] != '"' &&
			    s.ptr[i] != '<' && s.ptr[i] != '>');
	}
	fuzz_assert(str_has_prefix(s, STR("https://")) ||
		    str_has_prefix(s, STR("http://")));
	authority = s;
	while (slashes < 2) {
		slashes += authority.ptr[0] == '/';
		authority.ptr++;
		authority.len--;
	}
	authority = str_cut(authority, '/', &rest);
	fuzz_assert(authority.len && !str_is_null(rest));
	for (size_t i = 0; i < authority.len; i++)
		fuzz_assert(!strchr("@%?#_+", authority.ptr[i]) &&
			    ascii_lower(authority.ptr[i]) == authority.ptr[i]);
}

static void check_path(struct str path)
{
	struct str rest = path, segment;

	fuzz_assert(path.len && path.ptr[0] == '/');
	str_cut(path, '/', &rest);
	while (!str_is_null(rest)) {
		segment = str_cut(rest, '/', &rest);
		fuzz_assert(!str_eq(segment, STR(".")) &&
			    !str_eq(segment, STR("..")) &&
			    !str_ieq(segment, STR("%2e")) &&
			    !str_ieq(segment, STR("%2e%2e")) &&
			    !str_ieq(segment, STR(".%2e")) &&
			    !str_ieq(segment, STR("%2e.")));
	}
}

static void check_url(struct pool *pool, const struct url *url)
{
	struct url again, origin;
	struct str host;
	struct buf out, twice;
	uint16_t port;

	buf_init_pool(&out, pool, URL_MAX);
	url_add(&out, url);
	fuzz_assert(buf_is_ok(&out));
	check_text(buf_str(&out));
	check_path(url->path);
	fuzz_assert(url->host.ptr[url->host.len] == '\0');
	fuzz_assert(url->path.ptr[url->path.len] == '\0');

	fuzz_assert(!url_parse(pool, buf_str(&out), &again, NULL));
	fuzz_assert(url_is_same_origin(url, &again));
	fuzz_assert(url_is_loopback(url) == url_is_loopback(&again));
	buf_init_pool(&twice, pool, URL_MAX);
	url_add(&twice, &again);
	fuzz_assert(str_eq(buf_str(&out), buf_str(&twice)));

	buf_clear(&twice);
	url_add_origin(&twice, url);
	fuzz_assert(!url_parse_origin(pool, buf_str(&twice), &origin, NULL));
	fuzz_assert(url_is_same_origin(url, &origin));
	fuzz_assert(!url_parse_host(pool, url->host, &host, &port));
	fuzz_assert(str_eq(host, url->host) && port == 0);
}

static void check_host(struct pool *pool, struct str in)
{
	struct str host = STR_NULL, again;
	uint16_t port = 7, none;

	if (url_parse_host(pool, in, &host, &port)) {
		fuzz_assert(str_is_null(host) && port == 7);
		return;
	}
	fuzz_assert(host.len && host.len <= URL_HOST_MAX);
	fuzz_assert(!url_parse_host(pool, host, &again, &none));
	fuzz_assert(str_eq(host, again) && none == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct str in = fuzz_str(data, size);
	struct fault fault = { 0 };
	struct url url;
	enum err err;

	err = url_parse(pool, in, &url, &fault);
	if (err) {
		fuzz_assert(err < ERR_COUNT && err != ERR_NOMEM);
		fuzz_assert(fault.err == err && fault.detail);
		fuzz_assert(fault.offset <= in.len);
	} else {
		check_url(pool, &url);
	}
	if (!url_parse_origin(pool, in, &url, NULL)) {
		struct buf out;

		buf_init_pool(&out, pool, URL_MAX);
		url_add_origin(&out, &url);
		fuzz_assert(str_eq(buf_str(&out), in));
	}
	check_host(pool, in);
	pool_free(pool);
	return 0;
}
