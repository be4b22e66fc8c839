#include "policy/logout-token.h"

#include "codec/json.h"
#include "policy/assertion-private.h"

/* One code for all of it: the hint says which. */
#define CODE CODE_logout_token_invalid

bool logout_token_is_type(struct str typ)
{
	return str_ieq(typ, STR(LOGOUT_TOKEN_TYPE));
}

static void judge_times(struct judge *j)
{
	const int64_t now_s = j->rules->now_s;
	int64_t iat = 0, exp = 0, nbf = 0;

	if (judge_date(j, "iat", true, &iat) &&
	    (now_s - iat > LOGOUT_TOKEN_AGE_S ||
	     iat - now_s > LOGOUT_TOKEN_AGE_S))
		judge_refuse(j, ASSERTION_LIFETIME, CODE,
			     judge_clocks(j, "iat", iat));
	j->out.iat_s = iat;
	if (judge_date(j, "exp", false, &exp) &&
	    now_s - exp >= ASSERTION_SKEW_S)
		judge_refuse(j, ASSERTION_EXPIRY, CODE,
			     judge_clocks(j, "exp", exp));
	if (judge_date(j, "nbf", false, &nbf) && nbf - now_s > ASSERTION_SKEW_S)
		judge_refuse(j, ASSERTION_BEGIN, CODE,
			     judge_clocks(j, "nbf", nbf));
}

/* Is it an object that has the event, itself an object? */
static bool has_event(struct judge *j, const struct field *events)
{
	const struct field *event;
	struct fields names;
	enum err err;

	if (!events || events->kind != FIELD_JSON)
		return false;
	fields_init(&names, j->pool);
	err = json_parse_fields(events->value, &names, NULL);
	if (err == ERR_NOMEM)
		j->is_out_of_memory = true;
	if (err)
		return false;
	event = fields_get(&names, STR(LOGOUT_TOKEN_EVENT));
	return event && event->kind == FIELD_JSON && event->value.ptr[0] == '{';
}

static void judge_event(struct judge *j)
{
	if (!has_event(j, judge_find(j, "events")))
		judge_refuse(j, ASSERTION_CLAIMS, CODE,
			     STR("events is no object that has {\""
				 LOGOUT_TOKEN_EVENT "\":{}}"));
	if (judge_find(j, "nonce"))
		judge_refuse(j, ASSERTION_CLAIMS, CODE,
			     STR("nonce is for sign-ins: leave it out"));
}

static void judge_person(struct judge *j)
{
	judge_subject(j);
	judge_text(j, "email", false, 1, FIELD_VALUE_MAX, &j->out.email);
	if (!judge_find(j, "sub") && !judge_find(j, "email"))
		judge_refuse(j, ASSERTION_SUBJECT, CODE,
			     STR("neither sub nor email says who signed out"));
}

enum err logout_token_check(const struct assertion_rules *rules,
			    struct str payload, struct pool *pool,
			    struct assertion *out_r, struct str *hint_r)
{
	struct assertion_row rows[ASSERTION_CHECKS];
	struct judge j;
	enum err err = judge_begin(&j, rules, payload, pool, rows);

	if (!err) {
		judge_issuer(&j);
		judge_audience(&j);
		judge_times(&j);
		judge_text(&j, "jti", true, ASSERTION_JTI_MIN,
			   ASSERTION_JTI_MAX, &j.out.jti);
		judge_event(&j);
		judge_person(&j);
		err = judge_end(&j);
	}
	if (!err)
		*out_r = j.out;
	if (err == ERR_AUTH)
		*hint_r = assertion_refusal(rows)->hint;
	return err;
}
