#include "handoff/examine.h"

#include "base/clock.h"
#include "codec/json.h"

/* The gateway's own words, where it is what the gateway refuses. */
static void refuse(struct examination *e, unsigned row, enum code code)
{
	e->rows[row].verdict = EXAMINE_REFUSED;
	e->rows[row].code = code;
	e->rows[row].hint = e->result == ERR_AUTH && e->vouch.code == code ?
				    e->vouch.hint :
				    str_from(code_table[code].meaning);
}

/* Of all keys, for it may be another one's that was meant. */
static void find_mistake(struct examination *e, const struct vouch_keys *keys,
			 const struct jws *jws)
{
	struct vouch_key key;

	for (unsigned i = 0; vouch_key(keys, i, &key); i++)
		if (!jws_verify(key.key, jws)) {
			e->other_kid = pool_str(e->pool, key.kid);
			return;
		}
	for (unsigned i = 0; vouch_key(keys, i, &key); i++) {
		e->mistake = jws_mistake_find(key.key, jws);
		if (e->mistake) {
			e->mistake_kid = pool_str(e->pool, key.kid);
			return;
		}
	}
}

static void examine_signature(struct examination *e,
			      const struct vouch_keys *keys,
			      const struct jws *jws)
{
	struct vouch_key key;
	bool has_key = vouch_find_key(keys, jws->kid, &key);
	enum err err = has_key ? jws_verify(key.key, jws) : ERR_NOT_FOUND;
	enum jws_algorithm known;

	if (!has_key)
		refuse(e, EXAMINE_KID, CODE_assertion_key_unknown);
	if (err == ERR_UNSUPPORTED ||
	    (!has_key && jws_algorithm_parse(jws->alg, &known)))
		refuse(e, EXAMINE_ALGORITHM, CODE_assertion_algorithm);
	if (!err)
		return;
	if (err == ERR_AUTH) {
		refuse(e, EXAMINE_SIGNATURE, CODE_assertion_signature);
		/* what it may be is told beside it */
		e->rows[EXAMINE_SIGNATURE].hint = pool_printf(
			e->pool, "it does not hold under the key \"%.*s\" (%s)",
			STR_ARG(key.kid),
			jws_algorithm_text(jws_key_algorithm(key.key)));
	} else {
		e->rows[EXAMINE_SIGNATURE].verdict = EXAMINE_UNSEEN;
	}
	find_mistake(e, keys, jws);
}

static enum err examine_claims(struct examination *e, const struct jws *jws)
{
	const struct assertion_rules rules = vouch_rules(e->tenant, e->now_s);
	struct assertion_row rows[ASSERTION_CHECKS];
	struct assertion says;
	enum err err = assertion_check(&rules, jws->typ, jws->payload, e->pool,
				       &says, rows);

	if (err && err != ERR_AUTH)
		return err;
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		e->rows[EXAMINE_CLAIMS + i] = (struct examine_row){
			.name = rows[i].name,
			.verdict = rows[i].is_good ? EXAMINE_GOOD :
						     EXAMINE_REFUSED,
			.code = rows[i].code,
			.hint = rows[i].hint,
		};
	return ERR_OK;
}

/* ---- what was compared ---- */

static void see_header(struct examination *e, const struct vouch_keys *keys,
		       const struct jws *jws)
{
	struct vouch_key key;

	e->rows[EXAMINE_ALGORITHM].seen = pool_printf(e->pool, "it says %s",
						json_quoted(e->pool, jws->alg));
	e->rows[EXAMINE_KID].seen = jws->kid.ptr ?
		pool_printf(e->pool, "it says %s",
			    json_quoted(e->pool, jws->kid)) :
		STR("it names none");
	if (vouch_find_key(keys, jws->kid, &key))
		e->rows[EXAMINE_SIGNATURE].seen = pool_printf(
			e->pool, "verified with the key \"%.*s\" (%s)",
			STR_ARG(key.kid),
			jws_algorithm_text(jws_key_algorithm(key.key)));
}

/* A claim as it came. */
static const char *claim(struct examination *e, const struct fields *said,
			 const char *name)
{
	const struct field *field = fields_get(said, str_from(name));

	return field ? json_quoted(e->pool, field->value) : "missing";
}

static enum err see_claims(struct examination *e)
{
	struct examine_row *rows = e->rows + EXAMINE_CLAIMS;
	char now[CLOCK_TEXT_MAX];
	struct fields said;

	fields_init(&said, e->pool);
	if (json_parse_fields(e->payload, &said, NULL))
		return ERR_OK;
	clock_text(e->now_s * 1000, now);
	rows[ASSERTION_ISSUER].seen = pool_printf(
		e->pool, "it says %s, the tenant expects %s",
		claim(e, &said, "iss"), e->tenant->issuer.len ?
		json_quoted(e->pool, e->tenant->issuer) : "any");
	rows[ASSERTION_AUDIENCE].seen = pool_printf(
		e->pool, "it says %s, the tenant is %s",
		claim(e, &said, "aud"), json_quoted(e->pool, e->tenant->slug));
	rows[ASSERTION_EXPIRY].seen = pool_printf(
		e->pool, "exp is %s, here it is \"%lld\" (%.20s); clocks may be "
		"%d s apart", claim(e, &said, "exp"), (long long)e->now_s, now,
		ASSERTION_SKEW_S);
	rows[ASSERTION_BEGIN].seen = pool_printf(
		e->pool, "iat is %s, nbf %s", claim(e, &said, "iat"),
		claim(e, &said, "nbf"));
	rows[ASSERTION_LIFETIME].seen = pool_printf(
		e->pool, "at most %u s are allowed",
		(unsigned)e->tenant->assertion_max_age_s);
	rows[ASSERTION_CLAIMS].seen = pool_printf(
		e->pool, "jti is %s, email %s, name %s",
		claim(e, &said, "jti"), claim(e, &said, "email"),
		claim(e, &said, "name"));
	rows[ASSERTION_SUBJECT].seen = pool_printf(
		e->pool, "it is %s", claim(e, &said, "sub"));
	return ERR_OK;
}

/* First what the gateway says, which counts; then the rest of the checks. */
enum err examine(struct examination *e)
{
	static const char *const names[EXAMINE_CLAIMS] = {
		[EXAMINE_FORM] = "form", [EXAMINE_ALGORITHM] = "alg",
		[EXAMINE_KID] = "kid", [EXAMINE_SIGNATURE] = "signature",
	};
	struct vouch_keys keys;
	struct jws jws = { 0 };
	enum err err;

	for (unsigned i = 0; i < EXAMINE_CLAIMS; i++)
		e->rows[i] = (struct examine_row){ .name = names[i] };
	e->result = vouch_read(e->tenant, e->text, e->now_s, e->pool,
			       &e->vouch);
	if (e->result && e->result != ERR_AUTH)
		return e->result;
	err = jws_parse(e->text, e->pool, &jws);
	if (err == ERR_NOMEM)
		return err;
	if (err) {
		refuse(e, EXAMINE_FORM, e->vouch.code);
		for (unsigned i = EXAMINE_FORM + 1; i < EXAMINE_CLAIMS; i++)
			e->rows[i].verdict = EXAMINE_UNSEEN;
		if (err == ERR_SYNTAX)
			e->mistake = jws_mistake_form(e->text);
		return ERR_OK;
	}
	e->payload = jws.payload;
	keys = vouch_keys(e->tenant);
	examine_signature(e, &keys, &jws);
	see_header(e, &keys, &jws);
	vouch_keys_done(&keys);
	err = examine_claims(e, &jws);
	return err ? err : see_claims(e);
}

struct str examine_remedy(const struct examination *e)
{
	if (e->other_kid.ptr)
		return pool_printf(e->pool, "It holds under the key \"%.*s\": "
				   "send that as kid, or sign with the other "
				   "key.", STR_ARG(e->other_kid));
	if (!e->mistake)
		return STR_NULL;
	if (e->mistake_kid.ptr)
		return pool_printf(e->pool, "With the key \"%.*s\": %s",
				   STR_ARG(e->mistake_kid),
				   jws_mistake_text(e->mistake));
	return str_from(jws_mistake_text(e->mistake));
}

