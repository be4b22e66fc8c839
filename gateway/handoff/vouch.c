#include "handoff/vouch.h"

#include "base/list.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "crypto/jws-mistake.h"
#include "policy/logout-token.h"

/* ERR_AUTH, unless there was no memory for the hint. */
static enum err refuse(struct vouch *out, enum code code, struct str hint)
{
	*out = (struct vouch){ .code = code, .hint = hint };
	return hint.ptr ? ERR_AUTH : ERR_NOMEM;
}

/* What its maker most likely did, or what it has to be. */
static struct str form_hint(struct str text)
{
	enum jws_mistake mistake = jws_mistake_form(text);

	return mistake ? str_from(jws_mistake_text(mistake)) :
	       STR("it is not three parts of base64url without padding, with "
		   "a dot between each two, or its header is not one flat JSON "
		   "object of strings that has alg");
}

static enum err take_apart(struct str text, struct pool *pool,
			   struct jws *jws, struct vouch *out)
{
	enum err err;

	if (!text.len)
		return refuse(out, CODE_assertion_missing,
			      STR("the field assertion is missing or empty"));
	err = jws_parse(text, pool, jws);
	switch (err) {
	case ERR_LIMIT:
		return refuse(out, CODE_assertion_malformed,
			      pool_printf(pool, "it has %zu octets: at most %d "
					  "are allowed, and %d of its header",
					  text.len, JWS_MAX, JWS_HEADER_MAX));
	case ERR_SYNTAX:
		return refuse(out, CODE_assertion_malformed, form_hint(text));
	case ERR_UNSUPPORTED:
		return refuse(out, CODE_assertion_key_unknown,
			      STR("its header has crit, b64, zip, jku, jwk, "
				  "x5u, x5c or x5t: leave them out"));
	default:
		return err;
	}
}

struct vouch_keys vouch_keys(const struct tenant *tenant)
{
	return (struct vouch_keys){
		.tenant = tenant,
		.set = tenant->key_source ?
			       key_source_keys(tenant->key_source) : NULL,
	};
}

void vouch_keys_done(struct vouch_keys *keys)
{
	jwks_unref(keys->set);
	keys->set = NULL;
}

bool vouch_key(const struct vouch_keys *keys, unsigned i,
	       struct vouch_key *key_r)
{
	const unsigned files = keys->tenant->key_count;

	if (i >= files + jwks_count(keys->set))
		return false;
	*key_r = i < files ?
		(struct vouch_key){ keys->tenant->keys[i].kid,
				    keys->tenant->keys[i].key } :
		(struct vouch_key){ jwks_kid(keys->set, i - files),
				    jwks_key(keys->set, i - files) };
	return true;
}

bool vouch_find_key(const struct vouch_keys *keys, struct str kid,
		    struct vouch_key *key_r)
{
	struct vouch_key unused;

	for (unsigned i = 0; vouch_key(keys, i, key_r); i++)
		if (kid.ptr ? str_eq(key_r->kid, kid) :
			      i == 0 && !vouch_key(keys, 1, &unused))
			return true;
	return false;
}

/* "; it holds under the key "k2": ...", where it does under one: its kid is no
 * secret, and who can make such a signature has that key.  Or "", or no memory:
 * then NULL. */
static const char *other_key(const struct vouch_keys *keys,
			     const struct jws *jws, struct pool *pool)
{
	struct vouch_key key;

	for (unsigned i = 0; vouch_key(keys, i, &key); i++)
		if (!jws_verify(key.key, jws))
			return pool_printf(pool, "; it holds under the key %s: "
					   "send that as kid, or sign with the "
					   "other key",
					   json_quoted(pool, key.kid)).ptr;
	return "";
}

/* ... and what may yet come of keys by URL. */
static struct str unknown_hint(const struct tenant *tenant,
			       const struct vouch_keys *keys,
			       const struct jws *jws, struct pool *pool)
{
	const char *other = other_key(keys, jws, pool), *more = "";
	const struct str kid = jws->kid;

	if (!other)
		return STR_NULL;

	if (tenant->key_source)
		more = key_source_want(tenant->key_source) ?
			": the keys at its jwks_url are being fetched; try "
			"again in a moment" :
			", and neither has its jwks_url, from which they were "
			"fetched a moment ago";
	if (!kid.ptr)
		return pool_printf(pool, "kid is missing: the tenant has "
				   "several keys, or none%s%s", more, other);
	return pool_printf(pool, "kid is %s, which no key of the tenant is "
			   "called%s%s", json_told(pool, kid), more, other);
}

static enum err find_key(const struct tenant *tenant, const struct jws *jws,
			 struct pool *pool, struct vouch *out,
			 struct vouch_keys *keys, struct vouch_key *key_r)
{
	*keys = vouch_keys(tenant);
	if (vouch_find_key(keys, jws->kid, key_r))
		return ERR_OK;
	return refuse(out, CODE_assertion_key_unknown,
		      unknown_hint(tenant, keys, jws, pool));
}

static enum err check_algorithm(const struct jws *jws, struct pool *pool,
				const char *want, struct vouch *out)
{
	if (want ? str_eq(jws->alg, str_from(want)) :
	    !jws_algorithm_parse(jws->alg, &(enum jws_algorithm){ 0 }))
		return ERR_OK;
	return refuse(out, CODE_assertion_algorithm,
		      pool_printf(pool, "alg is %s: it has to be %s",
				  json_told(pool, jws->alg), want ? want :
				  "the one of the tenant's key: HS256, RS256, "
				  "ES256 or EdDSA"));
}

/* Has it the type that is read here? */
static enum err check_type(const struct jws *jws, bool is_logout,
			   struct pool *pool, struct vouch *out)
{
	if (is_logout ? logout_token_is_type(jws->typ) :
			assertion_is_type(jws->typ))
		return ERR_OK;
	return refuse(out, CODE_assertion_type, is_logout ?
		      STR("typ of its header has to be \""
			  LOGOUT_TOKEN_TYPE "\"") :
		      assertion_type_hint(pool, jws->typ));
}

static enum err refuse_signature(const struct vouch_keys *keys,
				 const struct vouch_key *key,
				 const struct jws *jws, struct pool *pool,
				 struct vouch *out)
{
	const char *why = other_key(keys, jws, pool);
	enum jws_mistake mistake;

	if (!why)
		return ERR_NOMEM;
	mistake = *why ? JWS_MISTAKE_NONE : jws_mistake_find(key->key, jws);
	if (mistake)
		why = pool_printf(pool, ": %s", jws_mistake_text(mistake)).ptr;
	else if (!*why)
		why = ", and none of the usual mistakes explains it: it was "
		      "another secret or key, or what was signed has changed "
		      "since";
	if (!why)
		return ERR_NOMEM;
	return refuse(out, CODE_assertion_signature,
		      pool_printf(pool, "it does not hold under the key %s "
				  "(%s)%s", json_quoted(pool, key->kid),
				  jws_algorithm_text(
					  jws_key_algorithm(key->key)), why));
}

static enum err verify(const struct vouch_keys *keys,
		       const struct vouch_key *key, const struct jws *jws,
		       bool is_logout, struct pool *pool, struct vouch *out)
{
	const char *algorithm =
		jws_algorithm_text(jws_key_algorithm(key->key));
	enum err err = check_algorithm(jws, pool, algorithm, out);

	if (!err)
		err = check_type(jws, is_logout, pool, out);
	if (!err)
		err = jws_verify(key->key, jws);
	else
		return err;
	return err == ERR_AUTH ? refuse_signature(keys, key, jws, pool, out) :
				 err;
}

/*
 * 48 bits of `iat`, and 80 that nobody else's text has.  Never of the
 * signature: an ECDSA signature has a twin.
 */
static enum err derive_jti(const struct tenant *tenant,
			   const struct vouch_key *key, const struct jws *jws,
			   struct pool *pool, struct vouch *out)
{
	uint8_t sum[DIGEST_SIZE];
	struct buf text;
	enum err err;

	buf_init_pool(&text, pool, JWS_MAX + JWS_KID_MAX + 128);
	/* neither slugs nor kids hold a NUL */
	buf_adds(&text, tenant->slug);
	buf_addc(&text, '\0');
	buf_adds(&text, key->kid);
	buf_addc(&text, '\0');
	buf_adds(&text, jws->signing_input);
	if (!buf_is_ok(&text))
		return ERR_NOMEM;
	err = digest_sha256(text.ptr, text.len, sum);
	if (err)
		return err;
	redemption_jti_time(out->says.iat_s * 1000, out->jti);
	memcpy(out->jti + REDEMPTION_JTI_TIME_LEN, sum,
	       REDEMPTION_JTI_LEN - REDEMPTION_JTI_TIME_LEN);
	return ERR_OK;
}

struct assertion_rules vouch_rules(const struct tenant *tenant, int64_t now_s)
{
	return (struct assertion_rules){
		.issuer = tenant->issuer,
		.slug = tenant->slug,
		.url = tenant->handoff_url,
		.max_age_s = tenant->assertion_max_age_s,
		.now_s = now_s,
	};
}

static enum err judge(const struct tenant *tenant, const struct jws *jws,
		      int64_t now_s, struct pool *pool, struct vouch *out)
{
	const struct assertion_rules rules = vouch_rules(tenant, now_s);
	struct assertion_row rows[ASSERTION_CHECKS];
	enum err err = assertion_check(&rules, jws->typ, jws->payload, pool,
				       &out->says, rows);

	if (err != ERR_AUTH)
		return err;
	return refuse(out, assertion_refusal(rows)->code,
		      assertion_refusal(rows)->hint);
}

/* All but its claims.  What the key lives in is the caller's to let go. */
static enum err read_signed(const struct tenant *tenant, struct str text,
			    bool is_logout, struct pool *pool, struct jws *jws,
			    struct vouch_keys *keys, struct vouch_key *key_r,
			    struct vouch *out)
{
	enum err err = take_apart(text, pool, jws, out);

	if (!err)
		err = check_algorithm(jws, pool, NULL, out);
	if (!err)
		err = find_key(tenant, jws, pool, out, keys, key_r);
	return err ? err : verify(keys, key_r, jws, is_logout, pool, out);
}

enum err vouch_read(const struct tenant *tenant, struct str text,
		    int64_t now_s, struct pool *pool, struct vouch *out_r)
{
	struct vouch_keys keys = { .set = NULL };
	struct vouch_key key = { .key = NULL };
	struct jws jws = { 0 };
	enum err err = read_signed(tenant, text, false, pool, &jws, &keys,
				   &key, out_r);

	if (!err)
		err = judge(tenant, &jws, now_s, pool, out_r);
	if (!err)
		err = derive_jti(tenant, &key, &jws, pool, out_r);
	vouch_keys_done(&keys);
	return err;
}

enum err vouch_read_logout(const struct tenant *tenant, struct str text,
			   int64_t now_s, struct pool *pool,
			   struct vouch *out_r)
{
	const struct assertion_rules rules = vouch_rules(tenant, now_s);
	struct vouch_keys keys = { .set = NULL };
	struct vouch_key key = { .key = NULL };
	struct jws jws = { 0 };
	struct str hint = STR_NULL;
	enum err err = ERR_AUTH;

	if (!text.len)
		return refuse(out_r, CODE_logout_token_invalid,
			      STR("the field logout_token is missing, empty or "
				  "there twice"));
	err = read_signed(tenant, text, true, pool, &jws, &keys, &key,
			  out_r);
	if (!err) {
		err = logout_token_check(&rules, jws.payload, pool,
					 &out_r->says, &hint);
		if (err == ERR_AUTH)
			out_r->hint = hint;
	}
	out_r->code = CODE_logout_token_invalid;
	vouch_keys_done(&keys);
	return err;
}

static struct metric *counter(struct str slug, const char *result)
{
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%.*s\",result=\"%s\"",
		 STR_ARG(slug), result);
	return metric_get(usher_assertions_total, labels);
}

unsigned vouch_kind(enum code code)
{
	return code - CODE_assertion_missing + VOUCH_GOOD + 1;
}

_Static_assert(CODE_assertion_subject - CODE_assertion_missing + 2 <
	       TALLY_KINDS, "a kind of a tally for each code");

static void count_repeated(struct tally *tally, const struct tenant *tenant,
			   const struct vouch *vouch, int64_t now_ms)
{
	uint64_t print;

	/* behind the time: of the whole assertion */
	memcpy(&print, vouch->jti + REDEMPTION_JTI_TIME_LEN, sizeof(print));
	if (tally_is_repeated(tally, tenant->slug, vouch->says.jti, print))
		tally_count(tally, tenant->slug, tenant->identity_stamp,
			    VOUCH_REPEATED, now_ms);
}

void vouch_count(struct tally *tally, const struct tenant *tenant,
		 enum err result, const struct vouch *vouch, int64_t now_ms)
{
	if (result && result != ERR_AUTH)
		return;
	metric_add(counter(tenant->slug, result ?
			   code_table[vouch->code].name : "good"), 1);
	if (tally)
		tally_count(tally, tenant->slug, tenant->identity_stamp,
			    result ? vouch_kind(vouch->code) : VOUCH_GOOD,
			    now_ms);
	if (tally && !result)
		count_repeated(tally, tenant, vouch, now_ms);
}
