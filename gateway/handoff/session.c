#include "handoff/session.h"

#include "base/random.h"
#include "codec/base64url.h"
#include "codec/cookie.h"
#include "codec/json.h"
#include "crypto/digest.h"

#define VALUE_SIZE (SESSION_ID_SIZE + SESSION_SECRET_SIZE)
#define VALUE_LEN BASE64URL_LEN(VALUE_SIZE)
#define COOKIE_FLAGS "; Path=/; Secure; HttpOnly; SameSite=None"

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

void session_set_cookie(struct exchange *ex, int64_t id,
			struct session_secret *secret)
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
	buf_puts(&out, SESSION_COOKIE "=");
	buf_add(&out, text, sizeof(text));
	buf_puts(&out, COOKIE_FLAGS);
	answer_header(ex, "Set-Cookie", buf_str(&out));
	explicit_bzero(value, sizeof(value));
	explicit_bzero(text, sizeof(text));
}

void session_clear_cookie(struct exchange *ex)
{
	answer_header(ex, "Set-Cookie",
		      STR(SESSION_COOKIE "=" COOKIE_FLAGS "; Max-Age=0"));
}

/* The only cookie of our name in all Cookie headers. Two of them mean that
 * somebody planted one: then nobody is signed in. */
static bool find_cookie(const struct request *request, struct str *value_r)
{
	unsigned i, found = 0;

	for (i = 0; i < request->header_count; i++) {
		const struct header *h = &request->headers[i];
		int n;

		if (!str_ieq(h->name, STR("Cookie")))
			continue;
		n = cookie_find(h->value, STR(SESSION_COOKIE), value_r);
		if (n < 0 || (n && found++))
			return false;
	}
	return found == 1;
}

static bool parse_cookie(struct str text, int64_t *id_r,
			 uint8_t hash_r[SESSION_HASH_LEN])
{
	uint8_t value[VALUE_SIZE];
	uint64_t id = 0;
	size_t len = 0;
	unsigned i;
	bool good;

	if (text.len != VALUE_LEN ||
	    base64url_decode(text, value, sizeof(value), &len) ||
	    len != sizeof(value))
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

void session_add_user(struct buf *out, const struct user_view *user)
{
	buf_printf(out, "{\"id\":\"%lld\"", (long long)user->id);
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

int session_current(struct exchange *ex, struct session *session_r,
		    const struct tenant **tenant_r)
{
	uint8_t hash[SESSION_HASH_LEN];
	const struct tenant *tenant;
	struct session session;
	struct str value;
	int64_t id;
	enum err err;

	if (!find_cookie(&ex->request, &value) ||
	    !parse_cookie(value, &id, hash))
		return 0;
	err = sessions_find(store_sessions(ex->gateway->store), id, hash,
			    ex->start_ms / 1000, ex->pool, &session);
	if (err)
		return err == ERR_NOMEM ? -1 : 0;
	tenant = snapshot_tenant(ex->snapshot, session.tenant);
	if (!tenant || tenant->state != TENANT_SERVING ||
	    !str_eq(session.host, ex->host->name) ||
	    !session_is_host_of(ex, tenant))
		return 0;
	*session_r = session;
	*tenant_r = tenant;
	return 1;
}
