#include "handoff/origin.h"

#define EXPOSED "X-RateLimit-Limit, X-RateLimit-Remaining, " \
	"X-RateLimit-Reset, Retry-After, X-Request-Id"

/* How many Origin headers there are; *value_r is the first. */
static unsigned count_origins(const struct exchange *ex, struct str *value_r)
{
	const struct request *request = &ex->request;
	unsigned i, n = 0;

	*value_r = STR_NULL;
	for (i = 0; i < request->header_count; i++)
		if (str_ieq(request->headers[i].name, STR("Origin")) && !n++)
			*value_r = request->headers[i].value;
	return n;
}

/* Did the tenant list it? Then say so on whatever the answer is. */
static bool allow_origin(struct exchange *ex)
{
	struct str origin, echo;
	unsigned n = count_origins(ex, &origin);

	if (!ex->tenant)
		return false;
	cors_judge(&ex->tenant->cors, origin, n, &echo);
	if (!echo.ptr)
		return false;
	answer_header(ex, "Access-Control-Allow-Origin", echo);
	answer_header(ex, "Access-Control-Allow-Credentials", STR("true"));
	return true;
}

void origin_handoff_headers(struct exchange *ex)
{
	answer_header(ex, "Vary", STR("Origin"));
	if (allow_origin(ex))
		answer_header(ex, "Access-Control-Expose-Headers",
			      STR(EXPOSED));
}

bool origin_may_post(const struct exchange *ex)
{
	struct str origin, echo;
	unsigned n = count_origins(ex, &origin);

	return cors_judge(&ex->tenant->cors, origin, n, &echo) == CORS_ALLOWED;
}

void origin_preflight_headers(struct exchange *ex)
{
	answer_header(ex, "Vary", STR("Origin"));
	if (!allow_origin(ex))
		return;
	answer_header(ex, "Access-Control-Allow-Methods", STR("POST"));
	answer_header(ex, "Access-Control-Allow-Headers",
		      STR("content-type"));
	answer_header(ex, "Access-Control-Max-Age", STR("600"));
}

void origin_callback_headers(struct exchange *ex)
{
	const struct host *host = ex->host;
	struct str origin;
	bool allowed;
	unsigned i;

	if (count_origins(ex, &origin) != 1)
		return;
	allowed = str_eq(origin, STR("null"));
	for (i = 0; !allowed && i < host->tenant_count; i++)
		allowed = cors_is_listed(&host->tenants[i]->cors, origin);
	if (!allowed)
		return;
	answer_header(ex, "Access-Control-Allow-Origin", origin);
	answer_header(ex, "Access-Control-Allow-Credentials", STR("true"));
}

bool origin_is_own(const struct exchange *ex)
{
	const struct host *host = ex->host;
	struct str origin;
	unsigned i;

	/* A broken tenant may have no origin: an empty one is nobody's. */
	if (count_origins(ex, &origin) != 1 || !origin.len)
		return false;
	if (ex->steps->is_embedded)
		return str_eq(ex->snapshot->gateway.public_origin, origin);
	for (i = 0; i < host->tenant_count; i++)
		if (str_eq(host->tenants[i]->origin, origin))
			return true;
	return false;
}
