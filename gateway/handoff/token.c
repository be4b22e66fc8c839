#include "handoff/token.h"

#include "base/num.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/json.h"

#define JTI_TEXT_LEN BASE64URL_LEN(REDEMPTION_JTI_LEN)
/* Two dots of the empty key part, two others, IV and tag as text. */
#define FRAME_LEN (4 + BASE64URL_LEN(JWE_IV_SIZE) + BASE64URL_LEN(JWE_TAG_SIZE))

static enum err make_jti(int64_t now_ms, uint8_t out[REDEMPTION_JTI_LEN])
{
	uint64_t time = (uint64_t)now_ms;
	enum err err = random_bytes(out + 6, REDEMPTION_JTI_LEN - 6);
	unsigned i;

	if (err)
		return err;
	for (i = 6; i-- > 0; time >>= 8)
		out[i] = (uint8_t)time;
	return ERR_OK;
}

/* Validated text: quotes and backslashes are all that could end a string, and
 * what json_add_str() escapes for HTML's sake would cost a URL full of
 * '&' its place in a Location. */
static void add_text(struct buf *out, const char *member, struct str text)
{
	size_t i, from = 0;

	buf_puts(out, member);
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] != '"' && text.ptr[i] != '\\')
			continue;
		buf_add(out, text.ptr + from, i - from);
		buf_addc(out, '\\');
		from = i;
	}
	if (text.len)
		buf_add(out, text.ptr + from, text.len - from);
	buf_addc(out, '"');
}

static void write_claims(struct buf *out, const struct tenant *tenant,
			 struct str issuer, const struct token *token,
			 struct str name)
{
	char jti[JTI_TEXT_LEN];

	base64url_encode(jti, token->jti, sizeof(token->jti));
	add_text(out, "{\"iss\":\"", issuer);
	add_text(out, ",\"aud\":\"", tenant->slug);
	buf_puts(out, ",\"sub\":\"");
	json_add_int(out, token->user_id);
	add_text(out, "\",\"email\":\"", token->email);
	add_text(out, ",\"name\":\"", name);
	buf_puts(out, ",\"iat\":");
	json_add_int(out, token->iat_s);
	buf_puts(out, ",\"exp\":");
	json_add_int(out, token->exp_s);
	add_text(out, ",\"jti\":\"", (struct str){ jti, sizeof(jti) });
	add_text(out, ",\"redirect_url\":\"", token->redirect_url);
	buf_addc(out, '}');
}

/* At least `octets` shorter, at a character's start; all of it if need be. */
static struct str shorten(struct str text, size_t octets)
{
	text.len -= octets < text.len ? octets : text.len;
	while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
		text.len--;
	return text;
}

enum err token_mint(const struct tenant *tenant, struct str issuer,
		    int64_t now_ms, struct token *token, struct pool *pool,
		    struct str *location_r)
{
	static const char query[] = TOKEN_CALLBACK_PATH "?token=";
	const size_t around = tenant->origin.len + sizeof(query) - 1 +
			      JWE_HEADER_TEXT_MAX + FRAME_LEN;
	struct str name = token->name;
	struct buf claims, url;
	size_t room;
	enum err err;

	if (around >= TOKEN_LOCATION_MAX)
		return ERR_LIMIT;
	room = (TOKEN_LOCATION_MAX - around) * 3 / 4;
	token->iat_s = now_ms / 1000;
	token->exp_s = token->iat_s + TOKEN_TTL_S;
	err = make_jti(now_ms, token->jti);
	if (err)
		return err;
	buf_init_pool(&claims, pool, 8192);
	buf_reserve(&claims, 1024);
	write_claims(&claims, tenant, issuer, token, name);
	if (buf_is_ok(&claims) && claims.len > room) {
		name = shorten(name, claims.len - room);
		buf_clear(&claims);
		write_claims(&claims, tenant, issuer, token, name);
	}
	if (!buf_is_ok(&claims))
		return ERR_NOMEM;
	if (claims.len > room)
		return ERR_LIMIT;
	buf_init_pool(&url, pool, TOKEN_LOCATION_MAX + 1);
	buf_reserve(&url, around + BASE64URL_LEN(claims.len));
	buf_adds(&url, tenant->origin);
	buf_puts(&url, query);
	err = jwe_seal(tenant->token_keys, buf_str(&claims), &url);
	if (err)
		return err;
	if (!buf_is_ok(&url))
		return ERR_NOMEM;
	*location_r = buf_str(&url);
	return ERR_OK;
}

/* Exactly the members that we write, each of them text or a whole number. */
static enum err read_claims(const struct fields *f, struct token *out)
{
	uint8_t jti[REDEMPTION_JTI_LEN];
	size_t len;

	if (f->count != 9)
		return ERR_AUTH;
	out->email = fields_value(f, STR("email"));
	out->name = fields_value(f, STR("name"));
	out->redirect_url = fields_value(f, STR("redirect_url"));
	if (!out->email.ptr || !out->name.ptr || !out->redirect_url.ptr ||
	    num_i64(fields_value(f, STR("sub")), 1, INT64_MAX,
		    &out->user_id) ||
	    num_i64(fields_value(f, STR("iat")), 0, INT64_MAX / 2,
		    &out->iat_s) ||
	    num_i64(fields_value(f, STR("exp")), 0, INT64_MAX / 2,
		    &out->exp_s) ||
	    base64url_decode(fields_value(f, STR("jti")), jti, sizeof(jti),
			     &len) || len != sizeof(jti))
		return ERR_AUTH;
	memcpy(out->jti, jti, sizeof(jti));
	return ERR_OK;
}

enum err token_open(const struct tenant *tenant, struct str issuer,
		    struct str text, int64_t now_s, struct pool *pool,
		    struct token *out_r)
{
	struct fields fields;
	struct token token;
	struct str claims;
	enum err err;

	if (!tenant->token_keys)
		return ERR_AUTH;
	err = jwe_open(tenant->token_keys, text, pool, &claims);
	if (err)
		return err == ERR_NOMEM || err == ERR_INTERNAL ? err : ERR_AUTH;
	fields_init(&fields, pool);
	err = json_parse_fields(claims, &fields, NULL);
	if (err)
		return err == ERR_NOMEM ? err : ERR_AUTH;
	err = read_claims(&fields, &token);
	if (err)
		return err;
	/* The seal says as much; a second lock costs nothing. */
	if (!str_eq(fields_value(&fields, STR("iss")), issuer) ||
	    !str_eq(fields_value(&fields, STR("aud")), tenant->slug))
		return ERR_AUTH;
	if (token.exp_s <= token.iat_s ||
	    token.exp_s - token.iat_s > TOKEN_TTL_S ||
	    token.iat_s > now_s + TOKEN_SKEW_S)
		return ERR_AUTH;
	if (now_s >= token.exp_s)
		return ERR_EXPIRED;
	*out_r = token;
	return ERR_OK;
}
