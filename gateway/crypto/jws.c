#include "crypto/jws.h"

#include "codec/base64url.h"
#include "codec/json.h"

static const char *const algorithms[JWS_ALGORITHM_COUNT] = {
	[JWS_HS256] = "HS256",
	[JWS_RS256] = "RS256",
	[JWS_ES256] = "ES256",
	[JWS_EDDSA] = "EdDSA",
};

enum err jws_algorithm_parse(struct str text, enum jws_algorithm *out_r)
{
	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
		if (str_eq(text, str_from(algorithms[i]))) {
			*out_r = (enum jws_algorithm)i;
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

const char *jws_algorithm_text(enum jws_algorithm algorithm)
{
	return algorithm >= 0 && algorithm < JWS_ALGORITHM_COUNT ?
		       algorithms[algorithm] : "?";
}

/* ---- taking apart ------------------------------------------------------- */

/* What must not be ignored by who does not do it, or says where a key is. */
static const char *const refused[] = {
	"crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256",
};

/*
 * Of what is JSON, whatever is no string shows outside of strings: by its first
 * character, or by a second brace.
 */
static bool is_flat(struct str json)
{
	bool has_brace = false, is_quoted = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (is_quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				is_quoted = false;
		} else if (c == '"') {
			is_quoted = true;
		} else if (c == '{') {
			if (has_brace)
				return false;
			has_brace = true;
		} else if (!strchr("}:, \t\r\n", c)) {
			return false;
		}
	}
	return true;
}

static enum err read_header(struct str text, struct pool *pool,
			    struct jws *out)
{
	char json[JWS_HEADER_MAX];
	struct str header = { json, 0 };
	struct fields fields;
	enum err err;

	err = base64url_decode(text, json, sizeof(json), &header.len);
	if (err)
		return err;
	fields_init(&fields, pool);
	err = json_parse_fields(header, &fields, NULL);
	if (err)
		return err == ERR_NOMEM ? err : ERR_SYNTAX;
	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		if (fields_get(&fields, str_from(refused[i])))
			return ERR_UNSUPPORTED;
	}
	out->alg = fields_value(&fields, STR("alg"));
	out->kid = fields_value(&fields, STR("kid"));
	out->typ = fields_value(&fields, STR("typ"));
	if (!is_flat(header) || str_is_null(out->alg))
		return ERR_SYNTAX;
	return out->kid.len > JWS_KID_MAX ? ERR_LIMIT : ERR_OK;
}

static enum err read_part(struct str text, struct pool *pool,
			  struct str *out_r)
{
	size_t len, room = text.len * 3 / 4;
	char *octets;
	enum err err;

	/* The pool gives zeros: the one after the octets ends them. */
	octets = pool_alloc(pool, room + 1);
	if (!octets)
		return ERR_NOMEM;
	err = base64url_decode(text, octets, room, &len);
	if (!err)
		*out_r = (struct str){ octets, len };
	return err;
}

enum err jws_parse(struct str text, struct pool *pool, struct jws *out_r)
{
	struct str header, payload, signature, rest;
	struct jws jws = { 0 };
	enum err err;

	if (text.len > JWS_MAX)
		return ERR_LIMIT;
	header = str_cut(text, '.', &rest);
	if (str_is_null(rest))
		return ERR_SYNTAX;
	/* The rest is all of the signature: no dot is in its alphabet. */
	payload = str_cut(rest, '.', &signature);
	if (str_is_null(signature))
		return ERR_SYNTAX;
	if (signature.len > BASE64URL_LEN(JWS_SIGNATURE_MAX))
		return ERR_LIMIT;
	err = read_header(header, pool, &jws);
	if (!err)
		err = read_part(payload, pool, &jws.payload);
	if (!err)
		err = read_part(signature, pool, &jws.signature);
	if (err)
		return err;
	jws.signing_input = (struct str){ text.ptr,
					  header.len + 1 + payload.len };
	*out_r = jws;
	return ERR_OK;
}
