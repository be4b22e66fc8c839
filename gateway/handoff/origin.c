#include "handoff/origin.h"

#include "base/metric.h"
#include "handoff/embed.h"

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
static bool allow_origin(struct exchange *ex, enum cors_verdict *verdict_r)
{
	struct str origin, echo;
	unsigned n = count_origins(ex, &origin);

	*verdict_r = CORS_REFUSED;
	if (!ex->tenant)
		return false;
	*verdict_r = cors_judge(&ex->tenant->cors, origin, n, &echo);
	if (!echo.ptr)
		return false;
	answer_header(ex, "Access-Control-Allow-Origin", echo);
	answer_header(ex, "Access-Control-Allow-Credentials", STR("true"));
	return true;
}

void origin_anybody_headers(struct exchange *ex)
{
	answer_header(ex, "Access-Control-Allow-Origin", STR("*"));
	answer_header(ex, "Access-Control-Expose-Headers", STR(EXPOSED));
}

static void add_preflight(struct exchange *ex, struct str methods)
{
	answer_header(ex, "Access-Control-Allow-Methods", methods);
	answer_header(ex, "Access-Control-Allow-Headers", STR(ORIGIN_FIELDS));
	answer_header(ex, "Access-Control-Max-Age", STR("600"));
}

void origin_anybody_preflight_headers(struct exchange *ex)
{
	answer_header(ex, "Access-Control-Allow-Origin", STR("*"));
	add_preflight(ex, STR("GET, HEAD, POST"));
}

bool origin_handoff_headers(struct exchange *ex)
{
	enum cors_verdict verdict;

	answer_vary(ex, STR("Origin"));
	/*
	 * Unknown and disabled are one answer, and the limiter has taken its
	 * price.  Not so its 429: past the limit, known and unknown slugs have
	 * to look alike.
	 */
	if (allow_origin(ex, &verdict))
		answer_header(ex, "Access-Control-Expose-Headers",
			      STR(EXPOSED));
	else if (ex->code == code_table[CODE_tenant_not_found].name)
		origin_anybody_headers(ex);
	return verdict == CORS_ALLOWED;
}

void origin_preflight_headers(struct exchange *ex)
{
	enum cors_verdict unused;

	answer_vary(ex, STR("Origin"));
	if (!allow_origin(ex, &unused))
		return;
	add_preflight(ex, STR("POST"));
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

/* What a page is told whose origin does not do; each is constant. */
struct origin_hints {
	const char *several, *none, *null;
	const char *is;			/* before one that could be listed */
};

/* By its `count` origins, the first of which it is.  What is no origin is not
 * worth telling, nor fit for it. */
static void hint(struct exchange *ex, const struct origin_hints *hints,
		 struct str origin, unsigned count)
{
	struct url url;

	if (count > 1)
		ex->hint = str_from(hints->several);
	else if (!count)
		ex->hint = str_from(hints->none);
	else if (str_eq(origin, STR("null")))
		ex->hint = str_from(hints->null);
	else if (!url_parse_origin(ex->pool, origin, &url, NULL))
		ex->hint = pool_printf(ex->pool, "%s %.*s: %s the desk add "
				       "it to the tenant's origins.", hints->is,
				       STR_ARG(origin), !url.is_https ?
				       "serve it over https, and have" :
				       "have");
}

void origin_hint(struct exchange *ex)
{
	static const struct origin_hints posted = {
		.several = "The request has several Origin headers: something "
			   "on the way adds one.",
		.none = "The request has no Origin: post from a page of the "
			"tenant's origins.",
		.null = "The request says \"Origin: null\", as pages do that "
			"are sandboxed or have a Referrer-Policy of "
			"no-referrer or same-origin. Send that page with "
			"Referrer-Policy: strict-origin-when-cross-origin, or "
			"have the desk set allow_null_origin for this tenant.",
		.is = "The request's Origin is",
	};
	struct str origin;
	unsigned n = count_origins(ex, &origin);

	hint(ex, &posted, origin, n);
}

void origin_hint_framer(struct exchange *ex, struct str origin,
			unsigned headers)
{
	static const struct origin_hints framed = {
		.several = "The request names several pages around the frame: "
			   "something on the way adds one.",
		.none = "The request names no page around the frame: the "
			"frame's own script sends it, and a server or a page "
			"of yours posts to /api/auth/redirect/{tenant} "
			"instead.",
		.null = "The page around the frame has the origin \"null\", "
			"as pages have that are sandboxed or opened from a "
			"file: serve it at an https:// address, not sandboxed, "
			"and have the desk add that to the tenant's origins.",
		.is = "The page around the frame is of",
	};

	hint(ex, &framed, origin, headers);
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

void origin_note(struct exchange *ex, enum stranger_kind kind,
		 struct str shown)
{
	struct str why = pool_printf(ex->pool, ORIGIN_WHY "%.*s",
				     STR_ARG(shown));

	ex->why = why.ptr;
	if (ex->rehearsal)
		return;
	/* Of a tenant whose file is broken no list is known. */
	if (!ex->tenant || !ex->tenant->origin_refused)
		return;
	metric_add(ex->tenant->origin_refused, 1);
	if (ex->gateway && ex->gateway->strangers)
		strangers_note(ex->gateway->strangers, ex->tenant->slug, shown,
			       kind, &ex->client, ex->start_ms);
}

void origin_note_unvouched(struct exchange *ex, unsigned lack)
{
	struct str origin;
	unsigned n = ex->steps->is_embedded ?
		(unsigned)request_header(&ex->request, EMBED_HEADER, &origin) :
		count_origins(ex, &origin);

	if (ex->gateway->unvouched && !ex->rehearsal)
		strangers_note(ex->gateway->unvouched, ex->tenant->slug,
			       stranger_shown(origin, n), lack, &ex->client,
			       ex->start_ms);
}

/* By the request's own Origin. */
static void note_own(struct exchange *ex, enum stranger_kind kind)
{
	struct str origin;
	unsigned n = count_origins(ex, &origin);

	origin_note(ex, kind, stranger_shown(origin, n));
}

enum step_result origin_refuse(struct exchange *ex, enum stranger_kind kind)
{
	ex->is_refusal = true;
	if (kind == STRANGER_OWN)
		ex->hint = STR("Only the desk's own pages may ask for this, "
			       "whatever the tenant's origins are: others post "
			       "to /api/auth/redirect/{tenant} on the gateway's "
			       "own host, as its browser SDK does.");
	note_own(ex, kind);
	return answer_error(ex, CODE_origin_refused,
			    "Requests from this site are not accepted.");
}

static bool is_readable(const struct exchange *ex)
{
	return answer_has(ex, "Access-Control-Allow-Origin");
}

void origin_note_reader(struct exchange *ex)
{
	struct str mode, origin;

	/* A program that fetches as scripts do has no Origin, and reads. */
	if (is_readable(ex) ||
	    request_header(&ex->request, "Sec-Fetch-Mode", &mode) != 1 ||
	    !str_eq(mode, STR("cors")) || !count_origins(ex, &origin) ||
	    str_eq(origin, ex->snapshot->gateway.public_origin))
		return;
	note_own(ex, STRANGER_READ);
	ex->verdict = "unreadable";
}

/* The next of names that are parted by commas. */
static bool next_name(struct str *list, struct str *name_r)
{
	ptrdiff_t comma = str_find(*list, ',');
	size_t len = comma < 0 ? list->len : (size_t)comma;

	if (!list->len)
		return false;
	*name_r = str_trim((struct str){ list->ptr, len }, " \t");
	len += comma >= 0;
	list->ptr += len;
	list->len -= len;
	return true;
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_token(s.ptr[i]))
			return false;
	return s.len && s.len <= STRANGERS_HEADER_MAX;
}

static bool is_field_of_ours(struct str wanted)
{
	struct str fields = STR(ORIGIN_FIELDS), name;

	while (next_name(&fields, &name))
		if (str_ieq(name, wanted))
			return true;
	return false;
}

/* The first header that a page's script wants to add and may not; absent: none,
 * or what no browser would send. */
static struct str refused_header(const struct exchange *ex)
{
	struct str list, name;

	if (request_header(&ex->request, "Access-Control-Request-Headers",
			   &list) != 1)
		return STR_NULL;
	while (next_name(&list, &name))
		if (name.len && !is_field_of_ours(name))
			return is_name(name) ? name : STR_NULL;
	return STR_NULL;
}

static void note_header(struct exchange *ex, struct str origin)
{
	struct str header = refused_header(ex);
	const struct str shown = stranger_shown(origin, 1);

	if (!header.ptr)
		return;
	ex->is_refusal = true;
	ex->verdict = ORIGIN_HEADER_REFUSED;
	ex->why = pool_printf(ex->pool, ORIGIN_HEADER_WHY "%.*s"
			      ORIGIN_HEADER_OF "%.*s", STR_ARG(header),
			      STR_ARG(shown)).ptr;
	if (ex->gateway->strangers)
		strangers_note_header(ex->gateway->strangers, ex->tenant->slug,
				      shown, header, &ex->client,
				      ex->start_ms);
}

/* What no browser sends has no page that waits for it. */
void origin_note_preflight(struct exchange *ex)
{
	struct str origin, method;

	if (!ex->tenant || !ex->tenant->origin_refused ||
	    !count_origins(ex, &origin) ||
	    !request_header(&ex->request, "Access-Control-Request-Method",
			    &method))
		return;
	if (is_readable(ex)) {
		note_header(ex, origin);
		return;
	}
	ex->is_refusal = true;
	note_own(ex, STRANGER_PREFLIGHT);
	answer_code(ex, CODE_origin_refused);
}

/* The part of a URL that an Origin would have; absent: it has none. */
static struct str origin_of(struct str url)
{
	ptrdiff_t colon = str_find(url, ':'), slash;
	struct str rest = url;

	if (colon < 0 || url.len < (size_t)colon + 3)
		return STR_NULL;
	rest.ptr += colon + 3;
	rest.len -= (size_t)colon + 3;
	slash = str_find(rest, '/');
	if (slash >= 0)
		url.len = (size_t)(rest.ptr - url.ptr) + (size_t)slash;
	return url;
}

void origin_note_framer(struct exchange *ex)
{
	struct str referer, dest, origin;

	if (request_header(&ex->request, "Sec-Fetch-Dest", &dest) != 1 ||
	    request_header(&ex->request, "Referer", &referer) != 1)
		return;
	origin = origin_of(referer);
	if (!origin.ptr || cors_is_listed(&ex->tenant->cors, origin) ||
	    str_eq(origin, ex->snapshot->gateway.public_origin))
		return;
	origin_note(ex, STRANGER_FRAME, stranger_shown(origin, 1));
}
