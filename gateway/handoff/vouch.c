#include "handoff/vouch.h"

#include "base/list.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "crypto/jws-mistake.h"

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

/* By its name; the only one needs none.  NULL with a refusal. */
static const struct tenant_key *find_key(const struct tenant *tenant,
					 const struct jws *jws,
					 struct pool *pool, struct vouch *out,
					 enum err *err)
{
	*err = ERR_OK;
	if (!jws->kid.ptr && tenant->key_count == 1)
		return &tenant->keys[0];
	for (unsigned i = 0; jws->kid.ptr && i < tenant->key_count; i++)
		if (str_eq(tenant->keys[i].kid, jws->kid))
			return &tenant->keys[i];
	*err = refuse(out, CODE_assertion_key_unknown, jws->kid.ptr ?
		      pool_printf(pool, "kid is %s, which no key of the tenant "
				  "is called", json_quoted(pool, jws->kid)) :
		      STR("kid is missing: the tenant has several keys, or "
			  "none"));
	return NULL;
}

static enum err check_algorithm(const struct jws *jws, struct pool *pool,
				const char *want, struct vouch *out)
{
	if (want ? str_eq(jws->alg, str_from(want)) :
	    !jws_algorithm_parse(jws->alg, &(enum jws_algorithm){ 0 }))
		return ERR_OK;
	return refuse(out, CODE_assertion_algorithm,
		      pool_printf(pool, "alg is %s: it has to be %s",
				  json_quoted(pool, jws->alg), want ? want :
				  "the one of the tenant's key: HS256, RS256, "
				  "ES256 or EdDSA"));
}

static enum err verify(const struct tenant_key *key, const struct jws *jws,
		       struct pool *pool, struct vouch *out)
{
	const char *algorithm =
		jws_algorithm_text(jws_key_algorithm(key->key));
	enum err err = check_algorithm(jws, pool, algorithm, out);
	enum jws_mistake mistake;

	if (!err && !assertion_is_type(jws->typ))
		err = refuse(out, CODE_assertion_type,
			     assertion_type_hint(pool, jws->typ));
	if (!err)
		err = jws_verify(key->key, jws);
	else
		return err;
	if (err != ERR_AUTH)
		return err;
	mistake = jws_mistake_find(key->key, jws);
	return refuse(out, CODE_assertion_signature,
		      pool_printf(pool, "it does not hold under the key %s "
				  "(%s)%s%s", json_quoted(pool, key->kid),
				  algorithm, mistake ? ": " : ", and none of "
				  "the usual mistakes explains it: it was "
				  "another secret or key, or what was signed "
				  "has changed since",
				  mistake ? jws_mistake_text(mistake) : ""));
}

/*
 * 48 bits of `iat`, and 80 that nobody else's text has.  Never of the
 * signature: an ECDSA signature has a twin.
 */
static enum err derive_jti(const struct tenant *tenant,
			   const struct tenant_key *key, const struct jws *jws,
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

static enum err judge(const struct tenant *tenant, const struct jws *jws,
		      int64_t now_s, struct pool *pool, struct vouch *out)
{
	const struct assertion_rules rules = {
		.issuer = tenant->issuer,
		.slug = tenant->slug,
		.url = tenant->handoff_url,
		.max_age_s = tenant->assertion_max_age_s,
		.now_s = now_s,
	};
	struct assertion_row rows[ASSERTION_CHECKS];
	enum err err = assertion_check(&rules, jws->typ, jws->payload, pool,
				       &out->says, rows);

	if (err != ERR_AUTH)
		return err;
	return refuse(out, assertion_refusal(rows)->code,
		      assertion_refusal(rows)->hint);
}

enum err vouch_read(const struct tenant *tenant, struct str text,
		    int64_t now_s, struct pool *pool, struct vouch *out_r)
{
	const struct tenant_key *key = NULL;
	struct jws jws = { 0 };
	enum err err = take_apart(text, pool, &jws, out_r);

	if (!err)
		err = check_algorithm(&jws, pool, NULL, out_r);
	if (!err)
		key = find_key(tenant, &jws, pool, out_r, &err);
	if (!err)
		err = verify(key, &jws, pool, out_r);
	if (!err)
		err = judge(tenant, &jws, now_s, pool, out_r);
	return err ? err : derive_jti(tenant, key, &jws, pool, out_r);
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

_Static_assert(CODE_assertion_subject - CODE_assertion_missing + 2 <=
	       TALLY_KINDS, "a kind of a tally for each code");

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
}
