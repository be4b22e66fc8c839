#include "handoff/session.h"

#include "base/random.h"
#include "codec/cookie.h"
#include "codec/json.h"

#define VALUE_SIZE (SESSION_ID_SIZE + SESSION_SECRET_SIZE)
#define VALUE_LEN BASE64URL_LEN(VALUE_SIZE)
#define COOKIE_FLAGS "; Path=/; Secure; HttpOnly; SameSite=None"
#define ENDED "; Max-Age=0"
#define CSRF_LABEL "usher csrf"

/* In a constant initializer, where STR() is not one. */
#define LIT(text) { "" text, sizeof(text) - 1 }

/* By enum session_kind. */
static const struct {
	struct str name, flags, ended;
} cookies[] = {
	[SESSION_TOP] = {
		LIT(SESSION_COOKIE), LIT(COOKIE_FLAGS),
		LIT(SESSION_COOKIE "=" COOKIE_FLAGS ENDED),
	},
	[SESSION_EMBEDDED] = {
		LIT(SESSION_COOKIE_EMBED), LIT(COOKIE_FLAGS "; Partitioned"),
		LIT(SESSION_COOKIE_EMBED "=" COOKIE_FLAGS "; Partitioned"
		    ENDED),
	},
};

enum err session_secret_new(struct session_secret *out_r)
{
	struct session_secret secret = { 0 };
	enum err err = random_bytes(secret.bytes, sizeof(secret.bytes));

	if (!err)
		err = digest_sha256(secret.bytes, sizeof(secret.bytes),
				    secret.hash);
	if (!err)
		*out_r = secret;
	explicit_bzero(&secret, sizeof(secret));
	return err;
}

void session_set_cookie(struct exchange *ex, enum session_kind kind,
			int64_t id, struct session_secret *secret)
{
	uint8_t value[VALUE_SIZE];
	char text[VALUE_LEN];
	struct buf out;
	unsigned i;

	for (i = SESSION_ID_SIZE; i-- > 0; id >>= 8)
		value[i] = (uint8_t)id;
	memcpy(value + SESSION_ID_SIZE, secret->bytes, sizeof(secret->bytes));
	base64url_encode(text, value, sizeof(value));
	buf_init_fixed(&out, secret->cookie, sizeof(secret->cookie));
	buf_adds(&out, cookies[kind].name);
	buf_addc(&out, '=');
	buf_add(&out, text, sizeof(text));
	buf_adds(&out, cookies[kind].flags);
	answer_header(ex, "Set-Cookie", buf_str(&out));
	explicit_bzero(value, sizeof(value));
	explicit_bzero(text, sizeof(text));
}

void session_clear_cookie(struct exchange *ex, enum session_kind kind)
{
	answer_header(ex, "Set-Cookie", cookies[kind].ended);
}

struct str session_exit(const struct tenant *tenant)
{
	return tenant->logout_url.len ? tenant->logout_url : tenant->home;
}

struct str session_exit_forms(struct exchange *ex)
{
	struct str to = ex->tenant ? session_exit(ex->tenant) : STR_NULL;
	struct url url;
	struct buf out;

	buf_init_pool(&out, ex->pool, URL_MAX);
	buf_puts(&out, "'self'");
	if (to.len && !url_parse(ex->pool, to, &url, NULL)) {
		buf_addc(&out, ' ');
		url_add_origin(&out, &url);
	}
	return buf_is_ok(&out) ? buf_str(&out) : STR("'self'");
}

enum session_kind session_kind_of(const struct exchange *ex)
{
	return ex->steps->is_embedded ? SESSION_EMBEDDED : SESSION_TOP;
}

bool session_find_cookie(const struct exchange *ex, struct str name,
			 struct str *value_r)
{
	const struct request *request = &ex->request;
	unsigned i, found = 0;

	for (i = 0; i < request->header_count; i++) {
		const struct header *h = &request->headers[i];
		int n;

		if (!str_ieq(h->name, STR("Cookie")))
			continue;
		n = cookie_find(h->value, name, value_r);
		if (n < 0 || (n && found++))
			return false;
	}
	return found == 1;
}

static bool find_cookie(const struct exchange *ex, struct str *value_r)
{
	return session_find_cookie(ex, cookies[session_kind_of(ex)].name,
				   value_r);
}

/* The id and the secret; `value_r` is to be wiped. */
static bool decode_cookie(struct str text, uint8_t value_r[VALUE_SIZE])
{
	size_t len = 0;

	return text.len == VALUE_LEN &&
	       !base64url_decode(text, value_r, VALUE_SIZE, &len) &&
	       len == VALUE_SIZE;
}

static bool parse_cookie(struct str text, int64_t *id_r,
			 uint8_t hash_r[SESSION_HASH_LEN])
{
	uint8_t value[VALUE_SIZE];
	uint64_t id = 0;
	unsigned i;
	bool good;

	if (!decode_cookie(text, value))
		return false;
	for (i = 0; i < SESSION_ID_SIZE; i++)
		id = id << 8 | value[i];
	good = id > 0 && id <= INT64_MAX &&
	       !digest_sha256(value + SESSION_ID_SIZE, SESSION_SECRET_SIZE,
			      hash_r);
	*id_r = (int64_t)id;
	explicit_bzero(value, sizeof(value));
	return good;
}

enum err session_csrf(const struct exchange *ex,
		      char out_r[SESSION_CSRF_LEN + 1])
{
	uint8_t value[VALUE_SIZE], mac[DIGEST_SIZE];
	struct str text;
	enum err err;

	if (!find_cookie(ex, &text) || !decode_cookie(text, value))
		return ERR_NOT_FOUND;
	err = digest_hmac_sha256(value + SESSION_ID_SIZE, SESSION_SECRET_SIZE,
				 CSRF_LABEL, strlen(CSRF_LABEL), mac);
	if (!err) {
		base64url_encode(out_r, mac, sizeof(mac));
		out_r[SESSION_CSRF_LEN] = '\0';
	}
	explicit_bzero(value, sizeof(value));
	explicit_bzero(mac, sizeof(mac));
	return err;
}

bool session_has_csrf(const struct exchange *ex)
{
	char want[SESSION_CSRF_LEN + 1];
	struct str given;
	bool same;

	if (request_header(&ex->request, "X-CSRF-Token", &given) != 1 ||
	    given.len != SESSION_CSRF_LEN || session_csrf(ex, want))
		return false;
	same = digest_equal(given.ptr, want, SESSION_CSRF_LEN);
	explicit_bzero(want, sizeof(want));
	return same;
}

void session_add_user(struct buf *out, const struct user_view *user)
{
	/* not by buf_printf(), which costs as much as all the rest of it */
	buf_puts(out, "{\"id\":\"");
	json_add_int(out, user->id);
	buf_addc(out, '"');
	json_add_member(out, "email", user->email);
	json_add_member(out, "name", user->name);
	json_add_member_bool(out, "verified", user->is_verified);
	json_add_member_raw(out, "attributes", user->attributes);
	buf_addc(out, '}');
}

bool session_is_host_of(const struct exchange *ex, const struct tenant *tenant)
{
	return str_eq(tenant->url.host, ex->host->name);
}

/* Is the session one that this kind of request may use at this host? */
static bool is_at_home(const struct exchange *ex,
		       const struct session *session,
		       const struct tenant *tenant)
{
	if (session->kind != session_kind_of(ex) ||
	    !str_eq(session->host, ex->host->name))
		return false;
	return session->kind == SESSION_EMBEDDED ?
		ex->host->is_gateway : session_is_host_of(ex, tenant);
}

static bool is_activity(const struct request *request)
{
	struct str value;

	return request_header(request, "X-Usher-Activity", &value) != 1 ||
	       !str_eq(value, STR("none"));
}

int session_current(struct exchange *ex, struct session *session_r,
		    const struct tenant **tenant_r)
{
	struct sessions *sessions = store_sessions(ex->gateway->store);
	const int64_t now_s = ex->start_ms / 1000;
	uint8_t hash[SESSION_HASH_LEN];
	const struct tenant *tenant;
	struct session session;
	struct str value;
	int64_t id;
	enum err err;

	if (!find_cookie(ex, &value) ||
	    !parse_cookie(value, &id, hash))
		return 0;
	err = sessions_find(sessions, id, hash, now_s,
			    is_activity(&ex->request), ex->pool, &session);
	if (err)
		return err == ERR_NOMEM ? -1 : 0;
	tenant = snapshot_tenant(ex->snapshot, session.tenant);
	if (!tenant || tenant->state != TENANT_SERVING ||
	    tenant->epoch != session.epoch ||
	    !is_at_home(ex, &session, tenant))
		return 0;
	*session_r = session;
	*tenant_r = tenant;
	ex->attributes = session.user.attributes;
	return 1;
}

const char *session_why_none(struct exchange *ex)
{
	uint8_t hash[SESSION_HASH_LEN];
	struct session session;
	struct str value;
	int64_t id;

	if (!find_cookie(ex, &value))
		return "no session's cookie came, or more than one";
	if (!parse_cookie(value, &id, hash))
		return "what came is no session's cookie";
	if (sessions_find(store_sessions(ex->gateway->store), id, hash,
			  ex->start_ms / 1000, false, ex->pool, &session))
		return "the cookie's session is not known: it ended, or was of "
		       "another store";
	return pool_printf(ex->pool, "the session is of tenant %.*s, which is "
			   "not served at this host, or not any more as it was",
			   STR_ARG(session.tenant)).ptr;
}
