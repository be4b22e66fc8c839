#include "handoff/token.h"

#include "base/num.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/utf8.h"

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

/* The members' values as they stand, numbers too. */
struct claims {
	struct str iss, aud, sub, email, name, iat, exp, jti, redirect_url;
};

static bool skip(struct str *in, struct str piece)
{
	if (!str_has_prefix(*in, piece))
		return false;
	in->ptr += piece.len;
	in->len -= piece.len;
	return true;
}

/* What add_text() wrote, with its closing quote. */
static enum err take_text(struct str *in, struct pool *pool,
			  struct str *text_r)
{
	size_t at = 0, len = 0, i;
	char *text;

	while (at < in->len && in->ptr[at] != '"')
		at += in->ptr[at] == '\\' ? 2 : 1;
	if (at >= in->len)
		return ERR_AUTH;
	text = pool_strndup(pool, in->ptr, at);
	if (!text)
		return ERR_NOMEM;
	for (i = 0; i < at; i++) {
		if (text[i] == '\\' && text[++i] != '"' && text[i] != '\\')
			return ERR_AUTH;
		text[len++] = text[i];
	}
	text[len] = '\0';
	if (utf8_check_text((struct str){ text, len }, NULL))
		return ERR_AUTH;
	*text_r = (struct str){ text, len };
	in->ptr += at + 1;
	in->len -= at + 1;
	return ERR_OK;
}

static void take_number(struct str *in, struct str *digits_r)
{
	*digits_r = (struct str){ in->ptr, 0 };
	while (in->len && ascii_is_digit(in->ptr[0])) {
		digits_r->len++;
		in->ptr++;
		in->len--;
	}
}

/*
 * Exactly what write_claims() writes, octet for octet: any other JSON that
 * says the same is not ours.  A general reader took 3 us, more than all else
 * that is done to open a token.
 */
static enum err read_claims(struct str in, struct pool *pool,
			    struct claims *out)
{
	const struct {
		struct str before;
		struct str *value;
		bool is_number;
	} members[] = {
		{ STR("{\"iss\":\""), &out->iss, false },
		{ STR(",\"aud\":\""), &out->aud, false },
		{ STR(",\"sub\":\""), &out->sub, false },
		{ STR(",\"email\":\""), &out->email, false },
		{ STR(",\"name\":\""), &out->name, false },
		{ STR(",\"iat\":"), &out->iat, true },
		{ STR(",\"exp\":"), &out->exp, true },
		{ STR(",\"jti\":\""), &out->jti, false },
		{ STR(",\"redirect_url\":\""), &out->redirect_url, false },
	};
	enum err err;

	for (size_t i = 0; i < N_ELEMENTS(members); i++) {
		if (!skip(&in, members[i].before))
			return ERR_AUTH;
		if (members[i].is_number) {
			take_number(&in, members[i].value);
			continue;
		}
		err = take_text(&in, pool, members[i].value);
		if (err)
			return err;
	}
	return str_eq(in, STR("}")) ? ERR_OK : ERR_AUTH;
}

static enum err read_values(const struct claims *claims, struct token *out)
{
	uint8_t jti[REDEMPTION_JTI_LEN];
	size_t len;

	if (num_i64(claims->sub, 1, INT64_MAX, &out->user_id) ||
	    num_i64(claims->iat, 0, INT64_MAX / 2, &out->iat_s) ||
	    num_i64(claims->exp, 0, INT64_MAX / 2, &out->exp_s) ||
	    base64url_decode(claims->jti, jti, sizeof(jti), &len) ||
	    len != sizeof(jti))
		return ERR_AUTH;
	memcpy(out->jti, jti, sizeof(jti));
	out->email = claims->email;
	out->name = claims->name;
	out->redirect_url = claims->redirect_url;
	return ERR_OK;
}

enum err token_open(const struct tenant *tenant, struct str issuer,
		    struct str text, int64_t now_s, struct pool *pool,
		    struct token *out_r)
{
	struct claims claims;
	struct token token;
	struct str plain;
	enum err err;

	if (!tenant->token_keys)
		return ERR_AUTH;
	err = jwe_open(tenant->token_keys, text, pool, &plain);
	if (err)
		return err == ERR_NOMEM || err == ERR_INTERNAL ? err : ERR_AUTH;
	err = read_claims(plain, pool, &claims);
	if (!err)
		err = read_values(&claims, &token);
	if (err)
		return err;
	/* The seal says as much; a second lock costs nothing. */
	if (!str_eq(claims.iss, issuer) ||
	    !str_eq(claims.aud, tenant->slug))
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
