/*
 * plan-router: where a user goes depends on what they are: plan, language,
 * anything that is posted or stored.  README.md tells the settings.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>
#include <usher/sdk.h>

#define ROUTES_MAX 128
#define CONDITIONS_MAX 8	/* of one route */

struct condition {
	char *name;
	char *value;		/* a '*' at its end matches any rest */
};

struct route {
	struct condition conditions[CONDITIONS_MAX];
	unsigned condition_count;
	char *url;
};

struct router {
	struct route *routes;
	unsigned count;
	char *fallback;		/* `default`; NULL: the gateway's */
	int keep_requested;
};

/* ---- the settings ------------------------------------------------------- */

/* The gateway judges it when it is used; here only what is surely wrong. */
static int set_url(struct usher_call *call, struct usher_str key,
		   struct usher_str value, char **to)
{
	if ((!usher_str_has_prefix(value, "https://") &&
	     !usher_str_has_prefix(value, "http://")) ||
	    value.len > USHER_URL_MAX)
		return usher_config_refuse(call, key,
			"must be an absolute URL, as "
			"\"https://desk.example/vip\", of at most 2048 bytes");
	free(*to);
	*to = usher_str_keep(value);
	return *to ? USHER_OK : USHER_FAIL;
}

static int add_condition(struct usher_call *call, struct usher_str key,
			 struct usher_str value, struct route *route,
			 struct usher_str name)
{
	struct condition *condition =
		&route->conditions[route->condition_count];

	if (route->condition_count == CONDITIONS_MAX)
		return usher_config_refuse(call, key,
			"is the ninth condition; 8 are taken");
	condition->name = usher_str_keep(name);
	condition->value = usher_str_keep(value);
	if (!condition->name || !condition->value) {
		free(condition->name);
		free(condition->value);
		return USHER_FAIL;
	}
	route->condition_count++;
	return USHER_OK;
}

static int set_route(struct usher_call *call, struct usher_str key,
		     struct usher_str value, struct router *router,
		     struct usher_str rest)
{
	struct usher_str property;
	struct usher_str number = usher_str_cut(rest, '.', &property);
	struct usher_str name;
	int64_t index;

	if (!property.ptr || usher_str_number(number, 0, INT64_MAX, &index))
		return usher_config_refuse(call, key,
			"must be a list of groups: ( { when = { plan = "
			"\"pro\"; }; url = \"https://...\"; } )");
	if (index >= ROUTES_MAX)
		return usher_config_refuse(call, key,
			"is too much: 128 routes are taken");
	if ((unsigned)index >= router->count)
		router->count = (unsigned)index + 1;
	if (usher_str_is(property, "url"))
		return set_url(call, key, value,
			       &router->routes[index].url);
	usher_str_cut(property, '.', &name);
	if (usher_str_has_prefix(property, "when.") && name.len)
		return add_condition(call, key, value,
				     &router->routes[index], name);
	return usher_config_refuse(call, key,
		"is not known; a route has when and url");
}

static int set(struct usher_call *call, struct usher_str key,
	       struct usher_str value, struct router *router)
{
	struct usher_str rest;
	struct usher_str name = usher_str_cut(key, '.', &rest);

	if (usher_str_is(name, "routes") && rest.ptr)
		return set_route(call, key, value, router, rest);
	if (usher_str_is(key, "default"))
		return set_url(call, key, value, &router->fallback);
	if (usher_str_is(key, "keep_requested"))
		return usher_config_bool(call, "keep_requested", 0,
					 &router->keep_requested) ?
			USHER_FAIL : USHER_OK;
	return usher_config_refuse(call, key,
		"is not known; there are routes, default and keep_requested");
}

static void router_free(void *state)
{
	struct router *router = state;
	unsigned i, j;

	if (!router)
		return;
	for (i = 0; router->routes && i < router->count; i++) {
		struct route *route = &router->routes[i];

		for (j = 0; j < route->condition_count; j++) {
			free(route->conditions[j].name);
			free(route->conditions[j].value);
		}
		free(route->url);
	}
	free(router->routes);
	free(router->fallback);
	free(router);
}

static int read_settings(const struct usher_host *host,
			 struct usher_call *call, struct router *router)
{
	struct usher_str key, value;
	int rc = USHER_OK;
	uint32_t i;

	for (i = 0; !host->config_at(call, i, &key, &value); i++)
		if (set(call, key, value, router))
			rc = USHER_FAIL;
	for (i = 0; i < router->count && !rc; i++)
		if (!router->routes[i].url ||
		    !router->routes[i].condition_count)
			rc = usher_config_refuse(call, usher_str_from("routes"),
				"has a route without url or without a "
				"condition in when");
	if (!rc && !router->count && !router->fallback)
		rc = usher_config_refuse(call, usher_str_from("routes"),
			"is missing, and so is default: there is nothing to "
			"choose from");
	return rc;
}

static int router_init(const struct usher_host *host, struct usher_call *call,
		       void **state)
{
	struct router *router = calloc(1, sizeof(*router));

	if (!router)
		return USHER_FAIL;
	router->routes = calloc(ROUTES_MAX, sizeof(*router->routes));
	if (!router->routes || read_settings(host, call, router)) {
		router_free(router);
		return USHER_FAIL;
	}
	*state = router;
	return USHER_OK;
}

/* ---- the handoff --------------------------------------------------------- */

/* What was posted now says more than what was stored once. */
static int look_up(struct usher_call *call, const char *name,
		   struct usher_str *value)
{
	if (!call->host->get(call, USHER_FIELD, name, value))
		return 1;
	return !call->host->get(call, USHER_ATTRIBUTE, name, value);
}

static int holds(struct usher_call *call, const struct condition *condition)
{
	struct usher_str want = usher_str_from(condition->value), is;

	if (!look_up(call, condition->name, &is))
		return 0;
	is = usher_str_trim(is);
	if (!want.len || want.ptr[want.len - 1] != '*')
		return usher_str_ieq(is, want);
	want.len--;
	if (is.len < want.len)
		return 0;
	is.len = want.len;
	return usher_str_ieq(is, want);
}

static const char *choose(struct usher_call *call,
			  const struct router *router)
{
	unsigned i, j;

	for (i = 0; i < router->count; i++) {
		const struct route *route = &router->routes[i];

		for (j = 0; j < route->condition_count; j++)
			if (!holds(call, &route->conditions[j]))
				break;
		if (j == route->condition_count)
			return route->url;
	}
	return router->fallback;
}

static int choose_redirect(void *state, struct usher_call *call)
{
	const struct router *router = state;
	struct usher_str requested;
	const char *url;

	if (router->keep_requested &&
	    !call->host->get(call, USHER_FIELD, "redirect_url", &requested) &&
	    usher_str_trim(requested).len)
		return USHER_DECLINE;
	url = choose(call, router);
	if (!url)
		return USHER_DECLINE;
	return call->host->set_redirect(call, url, strlen(url)) ? USHER_FAIL :
								   USHER_OK;
}

/* It sends people somewhere, and keeps nobody out. */
USHER_ADAPTER_DEFINE_FLAGS(USHER_ADVISORY, .name = "plan-router",
			   .version = "1.0", .init = router_init,
			   .fini = router_free,
			   .choose_redirect = choose_redirect)
