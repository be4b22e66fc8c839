#include "http/router.h"

#include "handoff/steps.h"

#define ANY ROUTE_ANY_METHOD

const struct route router_table[] = {
	{ "/api/auth/redirect/{}", METHOD_POST, ROUTE_GATEWAY, &steps_handoff },
	{ "/api/auth/redirect/{}", METHOD_OPTIONS, ROUTE_GATEWAY,
	  &steps_preflight },
	{ "/api/auth/redeem/{}", METHOD_POST, ROUTE_GATEWAY, &steps_redeem },
	{ "/auth/callback", ANY, ROUTE_TENANT, &steps_callback },
	{ "/auth/session", METHOD_GET, ROUTE_TENANT, &steps_session },
	{ "/auth/check", METHOD_GET, ROUTE_TENANT, &steps_check },
	{ "/auth/logout", METHOD_POST, ROUTE_TENANT, &steps_logout },
	{ "/dashboard", METHOD_GET, ROUTE_TENANT, &steps_dashboard },
	{ "/", METHOD_GET, ROUTE_ANY, &steps_home },
	{ 0 },
};

#undef ANY

static unsigned place_of(const struct host *host)
{
	unsigned place = 0;

	if (!host)
		return ROUTE_ANY;
	if (host->is_gateway)
		place |= ROUTE_GATEWAY;
	if (host->tenant_count > 0)
		place |= ROUTE_TENANT;
	return place ? place : ROUTE_ANY;
}

static bool is_path(const char *pattern, struct str path, struct str *param_r)
{
	size_t len = strlen(pattern);

	*param_r = STR_NULL;
	if (len < 2 || pattern[len - 1] != '}')
		return str_eq(path, (struct str){ pattern, len });
	len -= 2;
	if (path.len <= len || memcmp(path.ptr, pattern, len) != 0)
		return false;
	*param_r = (struct str){ path.ptr + len, path.len - len };
	return str_find(*param_r, '/') < 0;
}

static bool is_method(int wanted, enum method method)
{
	return wanted == ROUTE_ANY_METHOD || wanted == (int)method ||
	       (wanted == METHOD_GET && method == METHOD_HEAD);
}

/* RFC 9110 section 10.2.1, as constant text for each set that occurs. */
static const char *allow_text(unsigned methods)
{
	static const char *const texts[16] = {
		[1 << METHOD_GET] = "GET, HEAD",
		[1 << METHOD_POST] = "POST",
		[1 << METHOD_OPTIONS] = "OPTIONS",
		[1 << METHOD_GET | 1 << METHOD_POST] = "GET, HEAD, POST",
		[1 << METHOD_GET | 1 << METHOD_OPTIONS] = "GET, HEAD, OPTIONS",
		[1 << METHOD_POST | 1 << METHOD_OPTIONS] = "POST, OPTIONS",
		[1 << METHOD_GET | 1 << METHOD_POST | 1 << METHOD_OPTIONS] =
			"GET, HEAD, POST, OPTIONS",
	};

	return texts[methods & 15];
}

struct router_match router_find(const struct route *table, enum method method,
				struct str path, const struct host *host)
{
	unsigned place = place_of(host), methods = 0;
	struct router_match match = { .steps = &steps_not_found };
	struct str param;

	for (const struct route *r = table; r->pattern; r++) {
		if (!(r->place & place) || !is_path(r->pattern, path, &param))
			continue;
		if (is_method(r->method, method)) {
			match.steps = r->steps;
			match.param = param;
			return match;
		}
		methods |= 1u << r->method;
	}
	if (methods) {
		match.steps = &steps_not_allowed;
		match.allow = allow_text(methods);
	}
	return match;
}
