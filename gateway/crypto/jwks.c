#include "crypto/jwks.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "crypto/jws-private.h"

#define POOL_MAX (1024 * 1024)
#define EXPONENT_SIZE 8		/* JWS_RSA_EXPONENT_MAX bits */
#define ED25519_KEY_SIZE 32

struct member {
	struct jws_key *key;
	size_t kid_len;
	char kid[JWS_KID_MAX];
};

struct jwks {
	atomic_uint refs;
	unsigned count;
	struct member v[JWKS_KEYS_MAX];
};

/* ---- is it one for us? --------------------------------------------------- */

static const struct {
	struct str kty, crv;		/* crv absent: it has none */
	enum jws_algorithm algorithm;
} kinds[] = {
	{ STR("RSA"), STR_NULL, JWS_RS256 },
	{ STR("EC"), STR("P-256"), JWS_ES256 },
	{ STR("OKP"), STR("Ed25519"), JWS_EDDSA },
};

/* Text, or absent. */
static struct str text_of(const struct fields *jwk, const char *name)
{
	const struct field *field = fields_get(jwk, str_from(name));

	return field && field->kind == FIELD_TEXT && !field->is_literal ?
	       field->value : STR_NULL;
}

static bool is_secret(const struct fields *jwk)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi",
					     "oth", "k" };

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (fields_get(jwk, str_from(names[i])))
			return true;
	return str_eq(text_of(jwk, "kty"), STR("oct"));
}

static bool is_for_signatures(const struct fields *jwk)
{
	const struct field *ops = fields_get(jwk, STR("key_ops"));

	if (fields_get(jwk, STR("use")) &&
	    !str_eq(text_of(jwk, "use"), STR("sig")))
		return false;
	return !ops || str_icontains(ops->value, STR("\"verify\""));
}

/* ERR_NOT_FOUND: pass it over. */
static enum err find_kind(const struct fields *jwk, enum jws_algorithm *out_r)
{
	struct str alg = text_of(jwk, "alg");
	enum jws_algorithm named;
	size_t i = 0;

	while (i < N_ELEMENTS(kinds) &&
	       !(str_eq(text_of(jwk, "kty"), kinds[i].kty) &&
		 (!kinds[i].crv.ptr ||
		  str_eq(text_of(jwk, "crv"), kinds[i].crv))))
		i++;
	if (i == N_ELEMENTS(kinds) || !is_for_signatures(jwk))
		return ERR_NOT_FOUND;
	if (fields_get(jwk, STR("alg"))) {
		if (jws_algorithm_parse(alg, &named))
			return ERR_NOT_FOUND;
		if (named != kinds[i].algorithm)
			return ERR_UNSUPPORTED;
	}
	*out_r = kinds[i].algorithm;
	return ERR_OK;
}

/* ---- its numbers --------------------------------------------------------- */

/* Octets of a member in base64url: at most, or where `is_exact` just so many. */
static enum err octets(const struct fields *jwk, const char *name,
		       uint8_t *out, size_t size, bool is_exact, size_t *len_r)
{
	enum err err = base64url_decode(text_of(jwk, name), out, size, len_r);

	if (err)
		return err == ERR_LIMIT ? ERR_RANGE : ERR_SYNTAX;
	if (!*len_r || (is_exact && *len_r != size))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* RFC 7518 section 2, Base64urlUInt: as few octets as it needs. */
static enum err number(const struct fields *jwk, const char *name,
		       uint8_t *out, size_t size, BIGNUM **number_r)
{
	size_t len;
	enum err err = octets(jwk, name, out, size, false, &len);

	if (err)
		return err;
	if (!out[0])
		return ERR_SYNTAX;
	*number_r = BN_bin2bn(out, (int)len, NULL);
	return *number_r ? ERR_OK : ERR_NOMEM;
}

static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *pkey = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static enum err make_rsa(const struct fields *jwk, EVP_PKEY **pkey_r)
{
	uint8_t n_octets[JWS_RSA_MAX / 8], e_octets[EXPONENT_SIZE];
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *n = NULL, *e = NULL;
	enum err err = number(jwk, "n", n_octets, sizeof(n_octets), &n);

	if (!err)
		err = number(jwk, "e", e_octets, sizeof(e_octets), &e);
	if (!err && bld &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		*pkey_r = build("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return err;
}

static enum err make_ec(const struct fields *jwk, EVP_PKEY **pkey_r)
{
	uint8_t point[1 + 2 * JWS_NUMBER_SIZE] = { 4 };	/* uncompressed */
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	size_t len;
	enum err err = octets(jwk, "x", point + 1, JWS_NUMBER_SIZE, true,
			      &len);

	if (!err)
		err = octets(jwk, "y", point + 1 + JWS_NUMBER_SIZE,
			     JWS_NUMBER_SIZE, true, &len);
	if (!err && bld &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
					    "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
					     point, sizeof(point)))
		*pkey_r = build("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	return err;
}

static enum err make_ed25519(const struct fields *jwk, EVP_PKEY **pkey_r)
{
	uint8_t x[ED25519_KEY_SIZE];
	size_t len;
	enum err err = octets(jwk, "x", x, sizeof(x), true, &len);

	if (!err)
		*pkey_r = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						      x, sizeof(x));
	return err;
}

static enum err make_key(enum jws_algorithm algorithm,
			 const struct fields *jwk, struct jws_key **key_r)
{
	EVP_PKEY *pkey = NULL;
	enum err err = algorithm == JWS_RS256 ? make_rsa(jwk, &pkey) :
		       algorithm == JWS_ES256 ? make_ec(jwk, &pkey) :
						make_ed25519(jwk, &pkey);

	/* what OpenSSL makes no key of is none: no point of the curve */
	if (!err && !pkey)
		err = ERR_SYNTAX;
	if (!err)
		err = jws_key_from(algorithm, pkey, key_r);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return err;
}

/* ---- the set ------------------------------------------------------------- */

static enum err check_kid(const struct jwks *set, struct str kid)
{
	if (!kid.len || kid.len > JWS_KID_MAX || utf8_check_text(kid, NULL))
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < set->count; i++)
		if (str_eq(jwks_kid(set, i), kid))
			return ERR_DUPLICATE;
	return ERR_OK;
}

/* `at` counts from 1. */
static enum err say(char why[JWKS_WHY_MAX], unsigned at, enum err err,
		    const char *what)
{
	snprintf(why, JWKS_WHY_MAX, "key %u %s", at, what);
	return err;
}

static enum err say_unfit(char why[JWKS_WHY_MAX], unsigned at, enum err err)
{
	switch (err) {
	case ERR_SYNTAX:
		return say(why, at, err, "is malformed: one of its numbers is "
			   "missing, or is not as RFC 7518 has it");
	case ERR_RANGE:
		return say(why, at, err, "is too short, too long or too weak");
	default:
		return say(why, at, err, err_text(err));
	}
}

static enum err add(struct jwks *set, const struct fields *jwk, unsigned at,
		    char why[JWKS_WHY_MAX])
{
	struct str kid = text_of(jwk, "kid");
	struct member *member = &set->v[set->count];
	enum jws_algorithm algorithm;
	enum err err;

	if (is_secret(jwk))
		return say(why, at, ERR_AUTH, "is a secret or private one, "
			   "which everybody can read there");
	err = find_kind(jwk, &algorithm);
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK :
		       say(why, at, err, "has an alg that does not go with "
			   "its kty");
	err = check_kid(set, kid);
	if (err)
		return say(why, at, err == ERR_DUPLICATE ? err : ERR_SYNTAX,
			   err == ERR_DUPLICATE ?
			   "has the kid of one before it" :
			   "has no kid of 1 to 255 octets");
	err = make_key(algorithm, jwk, &member->key);
	if (err)
		return say_unfit(why, at, err);
	memcpy(member->kid, kid.ptr, kid.len);
	member->kid_len = kid.len;
	set->count++;
	return ERR_OK;
}

static enum err read_list(struct str text, struct fields *list,
			  unsigned *count_r, char why[JWKS_WHY_MAX])
{
	struct fault fault = { .detail = NULL };
	enum err err = json_parse_objects(text, "keys", list, JWKS_KEYS_MAX,
					  count_r, &fault);

	if (err == ERR_NOT_FOUND)
		snprintf(why, JWKS_WHY_MAX, "it has no member keys");
	else if (err == ERR_LIMIT)
		snprintf(why, JWKS_WHY_MAX, "it has more than %d keys, or "
			 "something in it is too long", JWKS_KEYS_MAX);
	else if (err)
		snprintf(why, JWKS_WHY_MAX, "it is not the JSON of a key set: "
			 "%s", fault.detail ? fault.detail : err_text(err));
	return err;
}

enum err jwks_parse(struct str text, struct jwks **jwks_r,
		    char why[JWKS_WHY_MAX])
{
	struct fields list[JWKS_KEYS_MAX];
	struct jwks *set = calloc(1, sizeof(*set));
	struct pool *pool = pool_new(POOL_MAX);
	unsigned count = 0;
	enum err err = set && pool ? ERR_OK : ERR_NOMEM;

	snprintf(why, JWKS_WHY_MAX, "%s", err_text(ERR_NOMEM));
	for (unsigned i = 0; i < JWKS_KEYS_MAX; i++)
		fields_init(&list[i], pool);
	if (set)
		atomic_init(&set->refs, 1);
	if (text.len > JWKS_MAX) {
		err = ERR_LIMIT;
		snprintf(why, JWKS_WHY_MAX, "it has more than %d octets",
			 JWKS_MAX);
	}
	if (!err)
		err = read_list(text, list, &count, why);
	for (unsigned i = 0; i < count && !err; i++)
		err = add(set, &list[i], i + 1, why);
	if (!err && !set->count) {
		err = ERR_NOT_FOUND;
		snprintf(why, JWKS_WHY_MAX, "it holds no key for signatures "
			 "of RS256, ES256 or EdDSA");
	}
	pool_free(pool);
	if (err) {
		jwks_unref(set);
		return err;
	}
	why[0] = '\0';
	*jwks_r = set;
	return ERR_OK;
}

struct jwks *jwks_ref(struct jwks *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void jwks_unref(struct jwks *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1,
					      memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < set->count; i++)
		jws_key_free(set->v[i].key);
	free(set);
}

unsigned jwks_count(const struct jwks *set)
{
	return set ? set->count : 0;
}

struct str jwks_kid(const struct jwks *set, unsigned i)
{
	return (struct str){ set->v[i].kid, set->v[i].kid_len };
}

const struct jws_key *jwks_key(const struct jwks *set, unsigned i)
{
	return set->v[i].key;
}
