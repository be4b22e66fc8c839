#include "http/router.h"

#include "desk/desk.h"
#include "desk/frame.h"
#include "desk/sdk.h"
#include "handoff/steps.h"

#define ANY ROUTE_ANY_METHOD
#define OTHER ROUTE_OTHER_METHOD

const struct route router_table[] = {
	{ "/api/auth/redirect/{}[/]", METHOD_POST, ROUTE_GATEWAY,
	  &steps_handoff },
	{ "/api/auth/redirect/{}[/]", METHOD_OPTIONS, ROUTE_GATEWAY,
	  &steps_preflight },
	{ "/api/auth/redirect/{}[/]", OTHER, ROUTE_GATEWAY,
	  &steps_handoff_method },
	{ "/api/auth/redeem/{}[/]", METHOD_POST, ROUTE_GATEWAY, &steps_redeem },
	{ "/api/auth/logout/{}[/]", METHOD_POST, ROUTE_GATEWAY,
	  &steps_partner_logout },
	{ "/selftest/{}[/]", METHOD_GET, ROUTE_GATEWAY, &steps_selftest_page },
	{ "/selftest/{}[/]", METHOD_POST, ROUTE_GATEWAY, &steps_selftest },
	{ "/selftest/{}[/]", METHOD_OPTIONS, ROUTE_GATEWAY,
	  &steps_selftest_preflight },
	{ "/auth/callback", ANY, ROUTE_TENANT, &steps_callback },
	{ "/auth/login", METHOD_GET, ROUTE_TENANT, &steps_login },
	{ "/auth/session", METHOD_GET, ROUTE_TENANT, &steps_session },
	{ "/auth/check", METHOD_GET, ROUTE_TENANT, &steps_check },
	{ "/auth/logout", METHOD_GET, ROUTE_TENANT, &steps_logout_page },
	{ "/auth/logout", METHOD_POST, ROUTE_TENANT, &steps_logout },
	{ "/dashboard", METHOD_GET, ROUTE_TENANT, &steps_desk_page },
	{ "/tickets/new", METHOD_GET, ROUTE_TENANT, &steps_desk_page },
	{ "/tickets/{}", METHOD_GET, ROUTE_TENANT, &steps_desk_page },
	{ "/api/tickets", METHOD_GET, ROUTE_TENANT, &steps_tickets_list },
	{ "/api/tickets", METHOD_POST, ROUTE_TENANT, &steps_tickets_create },
	{ "/api/tickets/{}", METHOD_GET, ROUTE_TENANT, &steps_ticket_show },
	{ "/api/tickets/{}/messages", METHOD_POST, ROUTE_TENANT,
	  &steps_ticket_reply },
	{ "/api/tickets/{}/close", METHOD_POST, ROUTE_TENANT,
	  &steps_ticket_close },
	{ "/api/tickets/{}/reopen", METHOD_POST, ROUTE_TENANT,
	  &steps_ticket_reopen },
	{ "/embed/{}[/]", METHOD_GET, ROUTE_GATEWAY, &steps_frame },
	{ "/embed/{}/handoff", METHOD_POST, ROUTE_GATEWAY,
	  &steps_embed_handoff },
	{ "/embed/{}/session", METHOD_POST, ROUTE_GATEWAY,
	  &steps_embed_session },
	{ "/embed/{}/logout", METHOD_POST, ROUTE_GATEWAY, &steps_embed_logout },
	/* the same in a frame, on the gateway's host for all tenants */
	{ "/embed/{}/dashboard", METHOD_GET, ROUTE_GATEWAY,
	  &steps_frame_desk_page },
	{ "/embed/{}/tickets/new", METHOD_GET, ROUTE_GATEWAY,
	  &steps_frame_desk_page },
	{ "/embed/{}/tickets/{}", METHOD_GET, ROUTE_GATEWAY,
	  &steps_frame_desk_page },
	{ "/embed/{}/api/tickets", METHOD_GET, ROUTE_GATEWAY,
	  &steps_frame_tickets_list },
	{ "/embed/{}/api/tickets", METHOD_POST, ROUTE_GATEWAY,
	  &steps_frame_tickets_create },
	{ "/embed/{}/api/tickets/{}", METHOD_GET, ROUTE_GATEWAY,
	  &steps_frame_ticket_show },
	{ "/embed/{}/api/tickets/{}/messages", METHOD_POST, ROUTE_GATEWAY,
	  &steps_frame_ticket_reply },
	{ "/embed/{}/api/tickets/{}/close", METHOD_POST, ROUTE_GATEWAY,
	  &steps_frame_ticket_close },
	{ "/embed/{}/api/tickets/{}/reopen", METHOD_POST, ROUTE_GATEWAY,
	  &steps_frame_ticket_reopen },
	{ "/sdk/{}", METHOD_GET, ROUTE_GATEWAY, &steps_sdk },
	{ "/", METHOD_GET, ROUTE_ANY, &steps_home },
	{ 0 },
};

#undef ANY
#undef OTHER

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

/* Segment by segment; `params_r` is filled only as far as the path fits. */
static bool is_path(const char *pattern, struct str path,
		    struct str params_r[REQUEST_PARAMS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < REQUEST_PARAMS_MAX; i++)
		params_r[i] = STR_NULL;
	while (*pattern) {
		size_t len = strcspn(pattern, "{[");
		ptrdiff_t end;

		if (path.len < len || memcmp(path.ptr, pattern, len) != 0)
			return false;
		path = (struct str){ path.ptr + len, path.len - len };
		pattern += len;
		if (*pattern == '[')
			return !path.len || str_eq(path, STR("/"));
		if (!*pattern)
			break;
		pattern += strlen("{}");
		end = str_find(path, '/');
		len = end < 0 ? path.len : (size_t)end;
		if (!len || count == REQUEST_PARAMS_MAX)
			return false;
		params_r[count++] = (struct str){ path.ptr, len };
		path = (struct str){ path.ptr + len, path.len - len };
	}
	return path.len == 0;
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

/* /api/auth itself, or below: somebody meant the handoff. */
static bool is_near_miss(struct str path)
{
	static const struct str root = STR("/api/auth");

	return path.len >= root.len &&
	       str_ieq((struct str){ path.ptr, root.len }, root) &&
	       (path.len == root.len || path.ptr[root.len] == '/');
}

struct router_match router_find(const struct route *table, enum method method,
				struct str path, const struct host *host)
{
	unsigned place = place_of(host), methods = 0;
	struct router_match match = { .steps = &steps_not_found };
	struct str params[REQUEST_PARAMS_MAX];

	for (const struct route *r = table; r->pattern; r++) {
		if (!(r->place & place) || !is_path(r->pattern, path, params))
			continue;
		if (is_method(r->method, method)) {
			match.steps = r->steps;
			memcpy(match.params, params, sizeof(params));
			return match;
		}
		if (r->method == ROUTE_OTHER_METHOD) {
			match.steps = r->steps;
			memcpy(match.params, params, sizeof(params));
		} else {
			methods |= 1u << r->method;
		}
	}
	if (methods) {
		if (match.steps == &steps_not_found)
			match.steps = &steps_not_allowed;
		match.allow = allow_text(methods);
	} else if (is_near_miss(path)) {
		match.steps = &steps_near_miss;
	}
	return match;
}
