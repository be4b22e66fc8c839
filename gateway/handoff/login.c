#include "handoff/login.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/query.h"
#include "crypto/digest.h"
#include "handoff/admit.h"
#include "handoff/page.h"
#include "handoff/require-session.h"
#include "handoff/session.h"
#include "handoff/steps.h"
#include "policy/client.h"

#define STATE_LEN BASE64URL_LEN(LOGIN_STATE_SIZE)
#define COOKIE_FLAGS "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age="
/* All that a cookie holds: with LOCATION_MAX, the head of an answer stays under
 * 4,000 octets, of which a default nginx takes no more. */
#define KEPT_MAX 1200
#define COOKIE_MAX 2400
#define LOCATION_MAX 1600

enum kind {
	BEGUN = 'b',		/* by a user who wanted to go somewhere */
	TRYING = 't',		/* to see whether the browser keeps the cookie */
	AGAIN = 'a',		/* in the place of one that failed */
};

struct entry {
	int64_t exp_s;
	enum kind kind;
	struct str state, target;
};

/* What the browser brought, the newest first. */
struct kept {
	struct entry v[LOGIN_KEPT];
	unsigned count;
};

/* ---- the cookie ---- */

/* One line of what add_entry() wrote. */
static bool read_entry(struct str line, struct entry *out)
{
	struct str rest, state, target;
	struct str exp = str_cut(line, ' ', &rest);

	state = str_cut(rest, ' ', &target);
	if (state.len != 1 + STATE_LEN || str_is_null(target) ||
	    num_i64(exp, 0, INT64_MAX / 2, &out->exp_s))
		return false;
	out->kind = (enum kind)state.ptr[0];
	out->state = (struct str){ state.ptr + 1, STATE_LEN };
	out->target = target;
	return true;
}

static bool stands(const struct entry *entry)
{
	int64_t left_s = entry->exp_s - clock_steady_s();

	return left_s > 0 && left_s <= LOGIN_TTL_S;
}

/* Those that stand still; a cookie that is not ours holds none. ERR_NOMEM. */
static enum err read_kept(struct exchange *ex, struct kept *out)
{
	struct str value, text = STR_NULL;
	struct entry entry;
	enum err err;

	*out = (struct kept){ .count = 0 };
	if (!session_find_cookie(ex, STR(LOGIN_COOKIE), &value))
		return ERR_OK;
	err = jwe_open(ex->tenant->login_keys, value, ex->pool, &text);
	if (err)
		return err == ERR_NOMEM ? err : ERR_OK;
	while (!str_is_null(text) && out->count < LOGIN_KEPT &&
	       read_entry(str_cut(text, '\n', &text), &entry))
		if (stands(&entry))
			out->v[out->count++] = entry;
	return ERR_OK;
}

/* As many as there is room for. */
static struct str write_kept(const struct kept *kept, struct pool *pool)
{
	struct buf out;

	buf_init_pool(&out, pool, 2 * KEPT_MAX);
	for (unsigned i = 0; i < kept->count; i++) {
		const struct entry *e = &kept->v[i];

		if (i && out.len + e->target.len + STATE_LEN + 24 > KEPT_MAX)
			break;
		buf_printf(&out, "%lld %c%.*s %.*s\n", (long long)e->exp_s,
			   (int)e->kind, STR_ARG(e->state),
			   STR_ARG(e->target));
	}
	return buf_is_ok(&out) ? buf_str(&out) : STR_NULL;
}

/* Set-Cookie's value; with none in it it is taken away. */
static enum err make_cookie(struct exchange *ex, const struct kept *kept,
			    struct str *cookie_r)
{
	struct str text;
	struct buf out;
	enum err err;

	if (!kept->count) {
		*cookie_r = STR(LOGIN_COOKIE "=" COOKIE_FLAGS "0");
		return ERR_OK;
	}
	text = write_kept(kept, ex->pool);
	buf_init_pool(&out, ex->pool, COOKIE_MAX);
	buf_puts(&out, LOGIN_COOKIE "=");
	err = text.ptr ? jwe_seal(ex->tenant->login_keys, text, &out) :
			 ERR_NOMEM;
	if (err)
		return err;
	buf_printf(&out, COOKIE_FLAGS "%d", LOGIN_TTL_S);
	*cookie_r = buf_str(&out);
	return buf_is_ok(&out) ? ERR_OK : ERR_NOMEM;
}

/* In front of the others, the oldest of which may have to go. */
static enum err put_entry(struct exchange *ex, struct kept *kept,
			  enum kind kind, struct str target)
{
	unsigned char bytes[LOGIN_STATE_SIZE];
	char *state = pool_alloc(ex->pool, STATE_LEN + 1);
	struct str cookie;
	enum err err = state ? random_bytes(bytes, sizeof(bytes)) : ERR_NOMEM;

	if (err)
		return err;
	base64url_encode(state, bytes, sizeof(bytes));
	if (kept->count == LOGIN_KEPT)
		kept->count--;
	memmove(kept->v + 1, kept->v, kept->count * sizeof(kept->v[0]));
	kept->count++;
	kept->v[0] = (struct entry){
		.exp_s = clock_steady_s() + LOGIN_TTL_S, .kind = kind,
		.state = { state, STATE_LEN }, .target = target,
	};
	err = make_cookie(ex, kept, &cookie);
	if (!err)
		answer_header(ex, "Set-Cookie", cookie);
	return err;
}

/* A target that may still be one; absent: none, or no more. */
static enum err check_target(struct exchange *ex, struct str text,
			     struct str *target_r)
{
	enum err err;

	*target_r = STR_NULL;
	if (!text.len || text.len > LOGIN_TARGET_MAX)
		return ERR_OK;
	err = redirect_check(&ex->tenant->redirects, ex->pool, text, target_r,
			     NULL);
	return err == ERR_NOMEM ? err : ERR_OK;
}

static bool has_again(const struct kept *kept)
{
	for (unsigned i = 0; i < kept->count; i++)
		if (kept->v[i].kind == AGAIN)
			return true;
	return false;
}

int login_find(struct exchange *ex, struct str state, struct login *login_r)
{
	struct kept kept;
	struct login login = { .target = STR_NULL };
	unsigned i = 0;

	if (read_kept(ex, &kept))
		return -1;
	login.has_others = kept.count > 0;
	login.has_again = has_again(&kept);
	*login_r = login;
	while (i < kept.count && (state.len != STATE_LEN ||
	       !digest_equal(kept.v[i].state.ptr, state.ptr, STATE_LEN)))
		i++;
	if (i == kept.count)
		return 0;
	if (check_target(ex, kept.v[i].target, &login.target))
		return -1;
	kept.count--;
	memmove(kept.v + i, kept.v + i + 1,
		(kept.count - i) * sizeof(kept.v[0]));
	if (make_cookie(ex, &kept, &login.cookie))
		return -1;
	*login_r = login;
	return 1;
}

/* ---- the ways there ---- */

static bool is_plain(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/* Into a query: RFC 3986 section 2.3, and slashes, which may stand there. */
static void add_encoded(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (is_plain(c) || c == '.' || c == '~' || c == '/')
			buf_addc(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

static bool is_navigation(const struct request *request)
{
	struct str value;
	int n = request_header(request, "Sec-Fetch-Mode", &value);

	if (n && (n < 0 || !str_eq(value, STR("navigate"))))
		return false;
	n = request_header(request, "Sec-Fetch-Dest", &value);
	if (n && (n < 0 || !str_eq(value, STR("document"))))
		return false;
	return request_prefers_html(request);
}

bool login_may_begin(const struct exchange *ex)
{
	return ex->tenant && ex->tenant->login_keys &&
	       is_navigation(&ex->request);
}

struct str login_path(struct exchange *ex)
{
	return ex->tenant->is_shared ?
		pool_printf(ex->pool, LOGIN_PATH "?tenant=%.*s&return_to=",
			    STR_ARG(ex->tenant->slug)) :
		STR(LOGIN_PATH "?return_to=");
}

enum step_result login_begin(struct exchange *ex)
{
	struct str path = ex->request.path, query = ex->request.query;
	struct buf out;

	buf_init_pool(&out, ex->pool, 4 * LOGIN_TARGET_MAX);
	buf_adds(&out, login_path(ex));
	if (path.len + query.len < LOGIN_TARGET_MAX) {
		add_encoded(&out, path);
		if (query.len) {
			buf_puts(&out, "%3F");
			add_encoded(&out, query);
		}
	}
	return buf_is_ok(&out) ? answer_redirect(ex, 302, buf_str(&out)) :
				 answer_failure(ex, ERR_NOMEM);
}

enum step_result login_bounce(struct exchange *ex, struct str target)
{
	const struct tenant *tenant = ex->tenant;
	struct buf out;

	buf_init_pool(&out, ex->pool, 4 * LOGIN_TARGET_MAX + URL_MAX);
	buf_adds(&out, tenant->origin);
	buf_puts(&out, LOGIN_PATH "?again=1");
	if (tenant->is_shared) {
		buf_puts(&out, "&tenant=");
		buf_adds(&out, tenant->slug);
	}
	if (target.len && target.len < LOGIN_TARGET_MAX) {
		buf_puts(&out, "&return_to=");
		add_encoded(&out, target);
	}
	if (!buf_is_ok(&out))
		return answer_failure(ex, ERR_NOMEM);
	answer_code(ex, CODE_sign_in_again);
	return answer_redirect(ex, 303, buf_str(&out));
}

/* 16 octets in hex, as libraries write them, have the length of ours; that all of
 * ours are such digits happens once in 2^60. */
bool login_is_state(struct str text)
{
	bool is_hex = true;

	if (text.len != STATE_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_plain(text.ptr[i]))
			return false;
		is_hex = is_hex && num_hex(text.ptr[i]) >= 0;
	}
	return !is_hex;
}

struct str login_take_state(struct exchange *ex)
{
	struct str state;

	if (!ex->tenant->login_keys)
		return STR_NULL;
	state = fields_value(&ex->fields, STR("state"));
	if (!login_is_state(state))
		return STR_NULL;
	fields_del(&ex->fields, STR("state"));
	return state;
}

/* ---- GET /auth/login ---- */

struct begin {
	struct fields query;
	struct str target;		/* absent: none */
};

/* Whose desk: the only one's of the host, or the one that is asked for. */
static const struct tenant *tenant_of(const struct exchange *ex,
				      struct str slug)
{
	const struct tenant *tenant = ex->host->tenants[0];

	if (slug.ptr)
		tenant = snapshot_tenant(ex->snapshot, slug);
	else if (ex->host->tenant_count != 1)
		return NULL;
	return tenant && tenant->state != TENANT_DISABLED &&
	       session_is_host_of(ex, tenant) ? tenant : NULL;
}

static enum step_result find_tenant(struct exchange *ex)
{
	struct begin *begin = pool_alloc(ex->pool, sizeof(*begin));
	enum err err;

	if (!begin)
		return answer_failure(ex, ERR_NOMEM);
	ex->work = begin;
	fields_init(&begin->query, ex->pool);
	err = query_parse(ex->request.query, &begin->query, NULL);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err) :
			answer_error(ex, CODE_malformed_query,
				     "The query is malformed.");
	ex->tenant = tenant_of(ex, fields_value(&begin->query, STR("tenant")));
	if (!ex->tenant)
		return answer_error(ex, CODE_tenant_required,
				    "It is not said which desk this is for.");
	if (ex->tenant->state == TENANT_SERVING)
		return STEP_NEXT;
	answer_header(ex, "Retry-After", STR("60"));
	return answer_error(ex, CODE_tenant_unavailable,
			    "This service is not available right now.");
}

/* nginx cannot encode what it was asked for, but it can say it; of anybody else
 * nobody knows whose words these are. */
static struct str original_uri(const struct exchange *ex)
{
	const struct gateway_config *config = &ex->snapshot->gateway;
	const struct client_trust trust = { config->trusted_proxies,
		config->trusted_proxy_count, config->client_from };
	struct str uri;

	if (request_header(&ex->request, "X-Original-URI", &uri) != 1 ||
	    !client_is_trusted(&trust, &ex->request.peer))
		return STR_NULL;
	return uri;
}

/* Where they want to go, if they may: a whole URL, or a path of this host. */
static enum step_result read_target(struct exchange *ex)
{
	struct begin *begin = ex->work;
	struct str text = fields_value(&begin->query, STR("return_to"));
	enum err err;

	if (!text.ptr)
		text = original_uri(ex);
	if (text.len && text.ptr[0] == '/' &&
	    (text.len == 1 || text.ptr[1] != '/')) {
		text = pool_printf(ex->pool, "%.*s%.*s",
				   STR_ARG(ex->tenant->origin), STR_ARG(text));
		if (!text.ptr)
			return answer_failure(ex, ERR_NOMEM);
	}
	err = check_target(ex, text, &begin->target);
	if (text.len && !begin->target.ptr)
		ex->verdict = "target_refused";
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

/* Who is in already need not go anywhere else. */
static enum step_result pass_signed_in(struct exchange *ex)
{
	const struct begin *begin = ex->work;
	const struct tenant *tenant;
	struct session session;
	int found = session_current(ex, &session, &tenant);

	if (found < 0)
		return answer_failure(ex, ERR_NOMEM);
	if (!found || tenant != ex->tenant)
		return STEP_NEXT;
	return answer_redirect(ex, 302, begin->target.ptr ? begin->target :
			       tenant->dashboard);
}

/* A program, or a page's script: neither can be sent to a page. */
static enum step_result check_person(struct exchange *ex)
{
	if (!is_navigation(&ex->request))
		return require_session_refuse(ex);
	if (ex->tenant->login_keys)
		return STEP_NEXT;
	return page_login(ex) ? STEP_ANSWER : answer_failure(ex, ERR_NOMEM);
}

static enum step_result send_to_partner(struct exchange *ex,
					const struct entry *entry)
{
	struct str url = ex->tenant->login_url;
	struct buf out;

	buf_init_pool(&out, ex->pool, LOCATION_MAX + 4 * LOGIN_TARGET_MAX);
	buf_adds(&out, url);
	buf_addc(&out, str_find(url, '?') < 0 ? '?' : '&');
	buf_printf(&out, "state=%.*s&nonce=%.*s", STR_ARG(entry->state),
		   STR_ARG(entry->state));
	/* the cookie has it in any case */
	if (entry->target.len &&
	    out.len + 3 * entry->target.len < LOCATION_MAX) {
		buf_puts(&out, "&return_to=");
		add_encoded(&out, entry->target);
	}
	return buf_is_ok(&out) ? answer_redirect(ex, 302, buf_str(&out)) :
				 answer_failure(ex, ERR_NOMEM);
}

static enum step_result refuse_repeated(struct exchange *ex)
{
	return answer_error(ex, CODE_sign_in_repeated,
			    "You could not be signed in. Please reload the "
			    "page that you came from and try again.");
}

/* So many for one place that nobody can have clicked them, and none that came
 * back well.  A window of tabs that is restored has places of its own. */
static bool is_loop(const struct kept *kept, struct str target)
{
	for (unsigned i = 0; i < kept->count; i++)
		if (!str_eq(kept->v[i].target, target))
			return false;
	return kept->count == LOGIN_KEPT &&
	       kept->v[LOGIN_KEPT - 1].exp_s + LOGIN_HASTE_S >
	       clock_steady_s() + LOGIN_TTL_S;
}

/* Here once more, to see whether the browser has kept the cookie.  A target that
 * is too long for the way is in the cookie in any case. */
static enum step_result try_cookie(struct exchange *ex, char again,
				   struct str target)
{
	struct buf out;

	buf_init_pool(&out, ex->pool, LOCATION_MAX + 4 * LOGIN_TARGET_MAX);
	buf_printf(&out, LOGIN_PATH "?again=%c", again);
	if (ex->tenant->is_shared)
		buf_printf(&out, "&tenant=%.*s", STR_ARG(ex->tenant->slug));
	if (target.len && out.len + 3 * target.len < LOCATION_MAX) {
		buf_puts(&out, "&return_to=");
		add_encoded(&out, target);
	}
	return buf_is_ok(&out) ? answer_redirect(ex, 302, buf_str(&out)) :
				 answer_failure(ex, ERR_NOMEM);
}

/* Once more, and once: what bounds it stands in the cookie. */
static enum step_result begin_anew(struct exchange *ex, struct kept *kept,
				   struct str target, bool is_tried)
{
	enum err err;

	if (has_again(kept) || (is_tried && !kept->count))
		return refuse_repeated(ex);
	if (!target.len && kept->count)
		target = kept->v[0].target;
	err = put_entry(ex, kept, kept->count ? AGAIN : TRYING, target);
	if (err)
		return answer_failure(ex, err);
	return kept->v[0].kind == TRYING ?
		try_cookie(ex, '2', STR_NULL) :
		send_to_partner(ex, &kept->v[0]);
}

/*
 * Where no cookie is kept, no session is either: who is signed in at the partner,
 * whose page posts by itself, would go round for ever.  Nothing else travels all
 * of that way, for a partner need not hand on what it was sent.  Who typed an
 * address, or has any cookie of this host, is not on it.
 */
static bool is_cookie_doubtful(const struct exchange *ex)
{
	struct str value;

	return !request_header(&ex->request, "Cookie", &value) &&
	       (request_header(&ex->request, "Sec-Fetch-Site", &value) != 1 ||
		!str_eq(value, STR("none")));
}

/* The cookie is kept: on with what it was tried with, or, where a tab beside this
 * one was last to write it, with one more. */
static enum step_result begin_tried(struct exchange *ex, struct kept *kept,
				    struct str target)
{
	enum err err = ERR_OK;

	if (!kept->count)
		return refuse_repeated(ex);
	if (kept->v[0].kind != TRYING ||
	    (target.len && !str_eq(kept->v[0].target, target)))
		err = put_entry(ex, kept, BEGUN, target);
	return err ? answer_failure(ex, err) :
		     send_to_partner(ex, &kept->v[0]);
}

static enum step_result begin_login(struct exchange *ex)
{
	const struct begin *begin = ex->work;
	struct str target = begin->target.ptr ? begin->target : STR("");
	struct str again = fields_value(&begin->query, STR("again"));
	struct kept kept;
	enum err err = read_kept(ex, &kept);
	bool is_tried;

	if (err)
		return answer_failure(ex, err);
	if (again.ptr && !str_eq(again, STR("0")))
		return begin_anew(ex, &kept, target, str_eq(again, STR("2")));
	if (is_loop(&kept, target))
		return refuse_repeated(ex);
	if (again.ptr)
		return begin_tried(ex, &kept, target);
	is_tried = !kept.count && is_cookie_doubtful(ex);
	err = put_entry(ex, &kept, is_tried ? TRYING : BEGUN, target);
	if (err)
		return answer_failure(ex, err);
	return is_tried ? try_cookie(ex, '0', target) :
			  send_to_partner(ex, &kept.v[0]);
}

static const struct step login_list[] = {
	{ "find_tenant", find_tenant, NULL },
	{ "read_target", read_target, NULL },
	{ "pass_signed_in", pass_signed_in, NULL },
	{ "check_person", check_person, NULL },
	{ "limit_rate", admit_limit_login, NULL },
	{ "begin_login", begin_login, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_login = {
	.name = "login",
	.list = login_list,
};
