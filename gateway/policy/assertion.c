#include "policy/assertion.h"

#include "base/clock.h"
#include "base/num.h"
#include "codec/json.h"
#include "policy/assertion-private.h"
#include "policy/body-mistake.h"

/* Far past any date, and times it no sum overflows. */
#define DATE_MAX (INT64_C(1) << 53)
/* Milliseconds of now are beyond this year, as seconds. */
#define MILLISECONDS_FROM 100000000000	/* in 5138 */

#define CLOCK_AT 11	/* "HH:MM:SS" in clock_text() */
#define CLOCK_LEN 8
#define DAY_S 86400

/* Claims that say what the assertion is, not who the user is. */
static const struct str about_it[] = {
	STR("iss"), STR("sub"), STR("aud"), STR("exp"), STR("nbf"),
	STR("iat"), STR("jti"), STR("nonce"),
};

bool assertion_is_type(struct str typ)
{
	return !typ.ptr || str_ieq(typ, STR("JWT")) ||
	       str_ieq(typ, STR("usher+jwt"));
}

struct str assertion_type_hint(struct pool *pool, struct str typ)
{
	return pool_printf(pool, "typ is %s: leave it out, or make it \"JWT\"",
			   json_told(pool, typ));
}

void judge_refuse(struct judge *j, enum assertion_check check, enum code code,
		  struct str hint)
{
	struct assertion_row *row = &j->rows[check];

	if (!hint.ptr)
		j->is_out_of_memory = true;
	/* the first one of a row */
	if (!row->is_good)
		return;
	row->is_good = false;
	row->code = code;
	row->hint = hint;
}

const struct field *judge_find(const struct judge *j, const char *name)
{
	return fields_get(&j->said, str_from(name));
}

static bool is_text(const struct field *field)
{
	return field->kind == FIELD_TEXT && !field->is_literal;
}

/* ---- dates ---- */

/* "09:04:10", or with the day where `far`. */
static struct str moment(struct judge *j, int64_t at_s, bool is_far)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(at_s * 1000, text);
	if (is_far)
		return pool_printf(j->pool, "%.10s %.8s", text,
				   text + CLOCK_AT);
	return pool_str(j->pool, (struct str){ text + CLOCK_AT, CLOCK_LEN });
}

struct str judge_clocks(struct judge *j, const char *claim, int64_t at_s)
{
	int64_t now_s = j->rules->now_s, off_s = now_s - at_s;
	bool is_late = off_s >= 0, is_far;

	if (!is_late)
		off_s = -off_s;
	is_far = off_s >= DAY_S / 2;
	if (at_s >= MILLISECONDS_FROM)
		return pool_printf(j->pool, "%s is %lld: send seconds since "
				   "1970, not milliseconds", claim,
				   (long long)at_s);
	/* whose clock it is cannot be told from here */
	return pool_printf(j->pool, "%s %s, here %s: %lld s %s: %s", claim,
			   moment(j, at_s, is_far).ptr,
			   moment(j, now_s, is_far).ptr, (long long)off_s,
			   is_late ? "late" : "early", is_late ?
			   "it was sent too long after it was signed, or the "
			   "signer's clock is behind, or the gateway's ahead" :
			   "the signer's clock is ahead, or the gateway's "
			   "behind");
}

bool judge_date(struct judge *j, const char *name, bool is_required,
		int64_t *out)
{
	const struct field *field = judge_find(j, name);

	if (!field) {
		if (is_required)
			judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
			       pool_printf(j->pool, "%s is missing: send whole "
					   "seconds since 1970", name));
		return false;
	}
	if (field->is_literal &&
	    !num_i64(field->value, 0, DATE_MAX, out))
		return true;
	judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
	       pool_printf(j->pool, "%s is not a date: send whole seconds since "
			   "1970, as a number", name));
	return false;
}

static void judge_dates(struct judge *j)
{
	const struct assertion_rules *rules = j->rules;
	const int64_t now_s = rules->now_s;
	int64_t iat = 0, exp = 0, nbf = 0;
	bool has_iat = judge_date(j, "iat", true, &iat);
	bool has_exp = judge_date(j, "exp", true, &exp);
	bool has_nbf = judge_date(j, "nbf", false, &nbf);

	if (has_exp && now_s - exp >= ASSERTION_SKEW_S)
		judge_refuse(j, ASSERTION_EXPIRY, CODE_assertion_expired,
		       judge_clocks(j, "exp", exp));
	if (has_iat && iat - now_s > ASSERTION_SKEW_S)
		judge_refuse(j, ASSERTION_BEGIN, CODE_assertion_not_yet,
		       judge_clocks(j, "iat", iat));
	if (has_nbf && nbf - now_s > ASSERTION_SKEW_S)
		judge_refuse(j, ASSERTION_BEGIN, CODE_assertion_not_yet,
		       judge_clocks(j, "nbf", nbf));
	if (has_iat && has_exp && exp <= iat)
		judge_refuse(j, ASSERTION_LIFETIME, CODE_assertion_lifetime,
		       pool_printf(j->pool, "exp is not after iat (%lld, "
				   "%lld)", (long long)exp, (long long)iat));
	if (has_iat && has_exp && exp - iat > rules->max_age_s)
		judge_refuse(j, ASSERTION_LIFETIME, CODE_assertion_lifetime,
		       pool_printf(j->pool, "exp is %lld s after iat: at most "
				   "%lld s are allowed",
				   (long long)(exp - iat),
				   (long long)rules->max_age_s));
	j->out.iat_s = iat;
	j->out.exp_s = exp;
}

/* ---- who it is from, and for ---- */

void judge_issuer(struct judge *j)
{
	const struct field *iss = judge_find(j, "iss");
	struct str want = j->rules->issuer;

	if (iss && !is_text(iss))
		judge_refuse(j, ASSERTION_ISSUER, CODE_assertion_issuer,
		       STR("iss is not a string"));
	else if (want.len && !iss)
		judge_refuse(j, ASSERTION_ISSUER, CODE_assertion_issuer,
		       pool_printf(j->pool, "iss is missing: it has to be %s",
				   json_quoted(j->pool, want)));
	else if (want.len && !str_eq(iss->value, want))
		judge_refuse(j, ASSERTION_ISSUER, CODE_assertion_issuer,
		       pool_printf(j->pool, "iss is %s: it has to be %s",
				   json_told(j->pool, iss->value),
				   json_quoted(j->pool, want)));
}

/* The compact text of an array: does `want`, as it would stand there, stand
 * there, among nothing but texts? */
static bool holds(struct str array, struct str want)
{
	bool is_found = false;
	size_t at = 1, from;

	while (at < array.len && array.ptr[at] == '"') {
		from = at++;
		while (at < array.len && array.ptr[at] != '"')
			at += array.ptr[at] == '\\' ? 2 : 1;
		at++;
		if (at > array.len)
			return false;
		if (str_eq((struct str){ array.ptr + from, at - from }, want))
			is_found = true;
		if (at < array.len && array.ptr[at] == ',')
			at++;
	}
	return is_found && at + 1 == array.len && array.ptr[at] == ']';
}

/* RFC 7519 section 4.1.3: one text, or an array of some. */
static bool is_for(struct judge *j, const struct field *aud, struct str want)
{
	struct buf text;

	if (is_text(aud))
		return str_eq(aud->value, want);
	if (aud->kind != FIELD_JSON || !aud->value.len ||
	    aud->value.ptr[0] != '[')
		return false;
	buf_init_pool(&text, j->pool, FIELD_VALUE_MAX);
	json_add_str(&text, want);
	return buf_is_ok(&text) && holds(aud->value, buf_str(&text));
}

void judge_audience(struct judge *j)
{
	const struct field *aud = judge_find(j, "aud");
	const struct assertion_rules *rules = j->rules;
	struct str is = STR("missing");

	if (aud && (is_for(j, aud, rules->slug) || is_for(j, aud, rules->url)))
		return;
	if (aud)
		is = aud->kind == FIELD_JSON ? STR("a list without it") :
		     str_from(json_told(j->pool, aud->value));
	judge_refuse(j, ASSERTION_AUDIENCE, CODE_assertion_audience,
	       pool_printf(j->pool, "aud is %.*s: it has to be \"%.*s\" or "
			   "\"%.*s\"", STR_ARG(is), STR_ARG(rules->slug),
			   STR_ARG(rules->url)));
}

/* ---- who it is about ---- */

void judge_text(struct judge *j, const char *name, bool is_required,
		size_t min, size_t max, struct str *out)
{
	const struct field *field = judge_find(j, name);

	if (!field && is_required)
		judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
		       pool_printf(j->pool, "%s is missing", name));
	else if (field && !is_text(field))
		judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
		       pool_printf(j->pool, "%s is not a string", name));
	else if (field && (field->value.len < min || field->value.len > max))
		judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
		       pool_printf(j->pool, "%s has %zu octets: send %zu to "
				   "%zu", name, field->value.len, min, max));
	else if (field)
		*out = field->value;
}

void judge_subject(struct judge *j)
{
	const struct field *sub = judge_find(j, "sub");

	if (!sub)
		return;
	if (is_text(sub) && sub->value.len &&
	    sub->value.len <= ASSERTION_SUB_MAX) {
		j->out.sub = sub->value;
		return;
	}
	judge_refuse(j, ASSERTION_SUBJECT, CODE_assertion_subject,
	       is_text(sub) ?
	       pool_printf(j->pool, "sub has %zu octets: send 1 to %d",
			   sub->value.len, ASSERTION_SUB_MAX) :
	       STR("sub is not a string: send the id as text, in quotes"));
}

/* A claim that is called otherwise, for one that is missing. */
static void judge_near(struct judge *j)
{
	struct str near = judge_find(j, "email") ? STR_NULL :
			  body_mistake_field(&j->said, BODY_EMAIL);

	if (near.len)
		judge_refuse(j, ASSERTION_CLAIMS, CODE_assertion_claim,
		       pool_printf(j->pool, "email is missing; there is a "
				   "claim %.*s: the address is read from email "
				   "alone", STR_ARG(near)));
}

static void judge_claims(struct judge *j)
{
	struct str unused;

	judge_text(j, "jti", true, ASSERTION_JTI_MIN, ASSERTION_JTI_MAX,
		  &j->out.jti);
	judge_text(j, "nonce", false, 1, ASSERTION_NONCE_MAX, &j->out.nonce);
	judge_near(j);
	judge_text(j, "email", true, 1, FIELD_VALUE_MAX, &j->out.email);
	judge_text(j, "name", false, 0, FIELD_VALUE_MAX, &j->out.name);
	/* what the gateway acts on */
	judge_text(j, "redirect_url", false, 0, FIELD_VALUE_MAX, &unused);
	fields_init(&j->out.claims, j->pool);
	for (unsigned i = 0; i < j->said.count; i++) {
		const struct field *field = &j->said.v[i];
		bool is_about_it = false;

		for (unsigned k = 0; k < N_ELEMENTS(about_it); k++)
			if (str_eq(field->name, about_it[k]))
				is_about_it = true;
		if (!is_about_it &&
		    fields_add(&j->out.claims, field->name, field->value,
			       field->kind))
			j->is_out_of_memory = true;
	}
}

/* ---- all of it ---- */

static void begin(struct judge *j)
{
	static const char *const names[ASSERTION_CHECKS] = {
		[ASSERTION_TYPE] = "typ",
		[ASSERTION_PAYLOAD] = "payload",
		[ASSERTION_ISSUER] = "iss",
		[ASSERTION_AUDIENCE] = "aud",
		[ASSERTION_EXPIRY] = "exp",
		[ASSERTION_BEGIN] = "iat, nbf",
		[ASSERTION_LIFETIME] = "exp - iat",
		[ASSERTION_CLAIMS] = "claims",
		[ASSERTION_SUBJECT] = "sub",
	};

	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		j->rows[i] = (struct assertion_row){
			.name = names[i], .is_good = true };
}

/* Nothing can be said of claims that cannot be read. */
static void refuse_payload(struct judge *j, const struct fault *fault)
{
	struct str hint = pool_printf(j->pool, "the payload is no JSON object "
			"with each name once: at byte %zu: %s", fault->offset,
			fault->detail ? fault->detail : err_text(fault->err));

	for (unsigned i = ASSERTION_PAYLOAD; i < ASSERTION_CHECKS; i++)
		judge_refuse(j, i, CODE_assertion_malformed, hint);
}

enum err judge_begin(struct judge *j, const struct assertion_rules *rules,
		     struct str payload, struct pool *pool,
		     struct assertion_row rows[ASSERTION_CHECKS])
{
	struct fault fault = { 0 };
	enum err err;

	*j = (struct judge){ .rules = rules, .pool = pool, .rows = rows };
	begin(j);
	fields_init(&j->said, pool);
	err = json_parse_fields(payload, &j->said, &fault);
	if (!err || err == ERR_NOMEM)
		return err;
	refuse_payload(j, &fault);
	return j->is_out_of_memory ? ERR_NOMEM : ERR_AUTH;
}

enum err judge_end(const struct judge *j)
{
	if (j->is_out_of_memory)
		return ERR_NOMEM;
	return assertion_refusal(j->rows) ? ERR_AUTH : ERR_OK;
}

enum err assertion_check(const struct assertion_rules *rules, struct str typ,
			 struct str payload, struct pool *pool,
			 struct assertion *out_r,
			 struct assertion_row rows[ASSERTION_CHECKS])
{
	struct judge j;
	enum err err = judge_begin(&j, rules, payload, pool, rows);

	if (err == ERR_NOMEM)
		return err;
	if (!assertion_is_type(typ))
		judge_refuse(&j, ASSERTION_TYPE, CODE_assertion_type,
			     assertion_type_hint(pool, typ));
	if (!err) {
		judge_issuer(&j);
		judge_audience(&j);
		judge_dates(&j);
		judge_claims(&j);
		judge_subject(&j);
	}
	err = judge_end(&j);
	if (!err)
		*out_r = j.out;
	return err;
}

const struct assertion_row *
assertion_refusal(const struct assertion_row rows[ASSERTION_CHECKS])
{
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		if (!rows[i].is_good)
			return &rows[i];
	return NULL;
}
