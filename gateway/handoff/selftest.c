#include "handoff/selftest.h"

#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/list.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/query.h"
#include "handoff/admit.h"
#include "handoff/examine.h"
#include "handoff/handoff-private.h"
#include "handoff/origin.h"
#include "handoff/page.h"
#include "policy/body-mistake.h"

#define LINK_BEGIN "usher-selftest 1 "	/* of what is sealed; its expiry */
#define LINK_TEXT_MAX 48
#define JSON_MAX (64 * 1024)
#define NAMES_MAX 512			/* octets of a list of fields */

#define REMEDY_UNASKED \
	"Nothing to mend here. It is asked at each real sign-in."

/* In the order of the handoff; what people call each. */
static const struct { const char *step, *name; } parts[] = {
	{ "limit_rate", "rate limit" },
	{ "check_origin", "origin" },
	{ "check_store", "store" },
	{ "read_body", "body" },
	{ "verify_identity", "identity" },
	{ "ask_adapter", "adapter" },
	{ "validate", "fields" },
	{ "choose_redirect", "redirect" },
};

static unsigned part_of(const char *step)
{
	unsigned i = 0;

	while (i < N_ELEMENTS(parts) && strcmp(parts[i].step, step) != 0)
		i++;
	return i;
}

static struct selftest_row *add(struct exchange *ex, const char *name,
				enum selftest_verdict verdict)
{
	struct selftest *test = ex->rehearsal;
	struct selftest_row *row;

	invariant(test->count < SELFTEST_ROWS_MAX);
	row = &test->rows[test->count++];
	*row = (struct selftest_row){ .name = name, .verdict = verdict };
	return row;
}

/* ---- the link ------------------------------------------------------------ */

enum err selftest_link(const struct tenant *tenant, struct str origin,
		       int64_t now_s, struct buf *out)
{
	char text[LINK_TEXT_MAX];
	int len = snprintf(text, sizeof(text), LINK_BEGIN "%lld",
			   (long long)(now_s + SELFTEST_LINK_S));

	if (!tenant->selftest_keys)
		return ERR_AUTH;
	buf_adds(out, origin);
	buf_puts(out, "/selftest/");
	buf_adds(out, tenant->slug);
	buf_puts(out, "?link=");
	return jwe_seal(tenant->selftest_keys,
			(struct str){ text, (size_t)len }, out);
}

static struct str shown_link(const struct exchange *ex, struct pool *pool)
{
	struct fields fields;

	fields_init(&fields, pool);
	if (query_parse(ex->request.query, &fields, NULL))
		return STR_NULL;
	return fields_value(&fields, STR("link"));
}

/* When it ends; 0: it is none, of another tenant, or has ended. */
static int64_t link_end(struct exchange *ex)
{
	static const struct str begin = STR(LINK_BEGIN);
	struct str link = shown_link(ex, ex->pool), text;
	int64_t exp_s;

	if (!link.len || !ex->tenant->selftest_keys ||
	    jwe_open(ex->tenant->selftest_keys, link, ex->pool, &text) ||
	    !str_has_prefix(text, begin))
		return 0;
	text = (struct str){ text.ptr + begin.len, text.len - begin.len };
	if (num_i64(text, 1, INT64_MAX, &exp_s) || exp_s <= clock_steady_s())
		return 0;
	return exp_s;
}

struct str selftest_url(struct exchange *ex)
{
	struct str link = shown_link(ex, ex->pool);

	return pool_printf(ex->pool, "%.*s/selftest/%.*s?link=%.*s",
			   STR_ARG(ex->snapshot->gateway.public_origin),
			   STR_ARG(ex->tenant->slug), STR_ARG(link));
}

int64_t selftest_left_s(const struct exchange *ex)
{
	return ex->rehearsal->exp_s - clock_steady_s();
}

/* Guesses cost the client, what a link asks for the link's tenant. */
static enum step_result open_link(struct exchange *ex)
{
	const struct ratelimit_rule rule = { SELFTEST_REQUESTS,
					     SELFTEST_LINK_S };
	int64_t exp_s = link_end(ex);
	struct selftest *test;
	enum step_result result;

	if (!exp_s) {
		if (admit_limit_guess(ex) == STEP_ANSWER)
			return STEP_ANSWER;
		return answer_error(ex, CODE_selftest_link,
				    "This link to the self-test is missing, "
				    "older than 15 minutes, or of another "
				    "tenant. Ask who runs the desk for a new "
				    "one: usherctl selftest makes it.");
	}
	result = admit_limit_selftest(ex, rule);
	if (result != STEP_NEXT)
		return result;
	test = pool_alloc(ex->pool, sizeof(*test));
	if (!test)
		return answer_failure(ex, ERR_NOMEM);
	test->exp_s = exp_s;
	ex->rehearsal = test;
	return STEP_NEXT;
}

/* ---- what each step said ------------------------------------------------- */

static struct str name_of(enum code code)
{
	return str_from(code_table[code].name);
}

static struct str words_of(struct str code, bool is_remedy)
{
	for (unsigned i = 0; i < CODES; i++)
		if (str_eq(code, str_from(code_table[i].name)))
			return str_from(is_remedy ? code_table[i].remedy :
						    code_table[i].meaning);
	return STR_NULL;
}

static struct str field_names(struct exchange *ex)
{
	struct buf names;

	buf_init_pool(&names, ex->pool, NAMES_MAX);
	for (unsigned i = 0; i < ex->fields.count; i++) {
		struct str name = ex->fields.v[i].name;

		if (names.len + name.len + 8 > NAMES_MAX) {
			buf_puts(&names, ", ...");
			break;
		}
		buf_puts(&names, i ? ", " : "");
		buf_adds(&names, name);
	}
	return names.len && buf_is_ok(&names) ? buf_str(&names) : STR("none");
}

static struct str origin_shown(struct exchange *ex)
{
	struct str origin;
	int n = request_header(&ex->request, "Origin", &origin);

	return stranger_shown(origin, n < 0 ? 2 : (unsigned)n);
}

/* The page is the gateway's, whoever else lives on its host. */
static bool is_own(const struct exchange *ex)
{
	struct str origin;

	return request_header(&ex->request, "Origin", &origin) == 1 &&
	       str_eq(origin, ex->snapshot->gateway.public_origin);
}

/* Whether it is listed or not, it may pass: a form's answer is nobody's to read,
 * and a valid assertion stands for the origin. */
static struct str seen_origin(struct exchange *ex)
{
	struct str shown = origin_shown(ex);
	bool is_readable = answer_has(ex, "Access-Control-Allow-Origin");

	if (is_own(ex))
		return STR("it came from this page itself: post from the "
			   "partner's own page to have its origin tried");
	return pool_printf(ex->pool, "Origin %.*s%s", STR_ARG(shown),
			   is_readable || str_eq(shown, STR(STRANGER_NONE)) ?
			   "" : ", which the tenant's origins do not list: a "
			   "form may post, a script could not read the answer");
}

/* What a step that was passed looked at. */
static struct str seen(struct exchange *ex, const char *step)
{
	struct str email = fields_value(&ex->fields, STR("email"));
	struct str name = fields_value(&ex->fields, STR("name"));
	const char *odd = body_mistake_name(name);

	if (!strcmp(step, "check_origin"))
		return seen_origin(ex);
	if (!strcmp(step, "read_body"))
		return pool_printf(ex->pool, "fields: %.*s",
				   STR_ARG(field_names(ex)));
	if (!strcmp(step, "validate"))
		return pool_printf(ex->pool, "email %.*s, name %.*s%s%s",
				   STR_ARG(email), STR_ARG(name), odd ? ": " :
				   "", odd ? odd : "");
	if (!strcmp(step, "choose_redirect"))
		return pool_printf(ex->pool, "%.*s",
				   STR_ARG(handoff_target(ex)));
	return STR_NULL;
}

/* The answer is another step's to give: as if this one had said nothing. */
static void take_back_answer(struct exchange *ex)
{
	ex->answer.status = 0;
	ex->answer.body = STR_NULL;
	ex->answer.header_count = ex->rehearsal->headers;
	ex->answer.is_overfull = false;
	ex->code = NULL;
	ex->told = NULL;
	ex->hint = STR_NULL;
	ex->is_refusal = false;
}

static void add_refusal(struct exchange *ex, const char *name)
{
	struct selftest *test = ex->rehearsal;
	struct selftest_row *row = add(ex, name, SELFTEST_REFUSED);

	row->refusal = str_from(ex->code);
	row->what = str_from(ex->told);
	if (ex->hint.len)
		row->what = pool_printf(ex->pool, "%s %.*s", ex->told,
					STR_ARG(ex->hint));
	row->remedy = words_of(row->refusal, true);
	if (test->status)
		return;
	test->status = ex->answer.status;
	test->refusal = row->refusal;
}

/* ---- the assertion ------------------------------------------------------- */

/* Where the files are is nothing to a partner. */
static struct str file_name(struct str path)
{
	for (size_t i = path.len; i-- > 0;)
		if (path.ptr[i] == '/')
			return (struct str){ path.ptr + i + 1,
					     path.len - i - 1 };
	return path;
}

static void add_unsigned(struct exchange *ex)
{
	struct selftest_row *row = add(ex, "identity", SELFTEST_GOOD);

	if (!fields_get(&ex->fields, STR("assertion"))) {
		row->what = STR("no assertion came, and this tenant takes "
				"none");
		return;
	}
	row->verdict = SELFTEST_WOULD;
	row->what = pool_printf(ex->pool, "an assertion came; this tenant takes "
				"none: identity = \"unsigned\" at %.*s:%u",
				STR_ARG(file_name(ex->tenant->file)),
				ex->tenant->identity_line);
	row->remedy = STR("Who runs the desk: give the tenant keys, and set "
			  "identity = \"observe\".");
}

/* Each assertion opens one session (redemptions_find()). */
static void add_use(struct exchange *ex, const struct vouch *vouch,
		    enum selftest_verdict refused)
{
	struct selftest_row *row = add(ex, "assertion: used once",
				       SELFTEST_GOOD);
	int64_t unused;
	enum err err = redemptions_find(ex->reader, ex->tenant->slug,
					vouch->jti, &unused);

	if (err == ERR_USED) {
		row->verdict = refused;
		row->refusal = name_of(CODE_assertion_replayed);
		row->what = STR("this very assertion opened a session before: "
				"the callback answers 410");
		row->remedy = words_of(row->refusal, true);
	} else if (err) {
		row->verdict = SELFTEST_UNSEEN;
		row->what = str_from(err_text(err));
	}
}

static void add_row(struct exchange *ex, const struct examination *e,
		    unsigned i, enum selftest_verdict refused)
{
	const struct examine_row *from = &e->rows[i];
	struct selftest_row *row = add(ex, pool_printf(ex->pool,
					"assertion: %s", from->name).ptr,
				       SELFTEST_GOOD);
	bool is_mistake = i == EXAMINE_SIGNATURE || i == EXAMINE_KID ||
			  i == EXAMINE_ALGORITHM;

	if (!row->name)
		row->name = from->name;
	row->what = from->seen;
	if (from->verdict == EXAMINE_UNSEEN)
		row->verdict = SELFTEST_UNSEEN;
	if (from->verdict != EXAMINE_REFUSED)
		return;
	row->verdict = refused;
	row->refusal = name_of(from->code);
	row->what = from->hint;
	row->remedy = is_mistake ? examine_remedy(e) : STR_NULL;
	if (!row->remedy.len)
		row->remedy = words_of(row->refusal, true);
}

/* What it says, though nobody vouches for it: so that the checks after it are
 * of what was meant, and not of what was posted beside it. */
static enum err take_unproven(struct exchange *ex, struct str payload)
{
	static const char *const names[] = { "email", "name", "redirect_url" };
	struct fields said;
	enum err err = ERR_OK;

	fields_init(&said, ex->pool);
	if (str_is_null(payload) || json_parse_fields(payload, &said, NULL))
		return ERR_OK;
	for (unsigned i = 0; i < N_ELEMENTS(names) && !err; i++) {
		const struct field *field = fields_get(&said,
						       str_from(names[i]));

		if (field && field->kind == FIELD_TEXT)
			err = fields_set(&ex->fields, field->name,
					 field->value, FIELD_TEXT);
	}
	return err;
}

static void add_summary(struct exchange *ex, enum selftest_verdict refused)
{
	const struct vouch *vouch = handoff_vouch(ex);
	struct selftest_row *row = add(ex, "identity", SELFTEST_GOOD);

	if (vouch->says.email.ptr) {
		row->what = STR("the assertion holds");
		return;
	}
	row->verdict = refused;
	row->refusal = name_of(vouch->code);
	row->what = refused == SELFTEST_WOULD ?
		pool_printf(ex->pool, "identity is \"observe\", which lets this "
			    "pass as unsigned; \"signed\" would refuse it: "
			    "%.*s", STR_ARG(vouch->hint)) : vouch->hint;
	row->remedy = words_of(row->refusal, true);
}

/* The step has decided; the rows tell the rest. */
static enum err add_assertion(struct exchange *ex, bool is_refused)
{
	enum selftest_verdict refused =
		ex->tenant->identity == IDENTITY_SIGNED ? SELFTEST_REFUSED :
							  SELFTEST_WOULD;
	struct examination *e = pool_alloc(ex->pool, sizeof(*e));
	enum err err;

	if (!e)
		return ERR_NOMEM;
	*e = (struct examination){
		.tenant = ex->tenant, .pool = ex->pool,
		.now_s = clock_wall_s(),
		.text = fields_value(&ex->fields, STR("assertion")),
	};
	if (!is_refused)
		add_summary(ex, refused);
	if (!e->text.len)
		return ERR_OK;
	err = examine(e);
	for (unsigned i = 0; !err && i < EXAMINE_ROWS && e->rows[i].name; i++)
		add_row(ex, e, i, refused);
	if (!err && !e->result)
		add_use(ex, &e->vouch, refused);
	if (!err && e->result && refused == SELFTEST_REFUSED)
		err = take_unproven(ex, e->payload);
	return err;
}

/* ---- the adapter --------------------------------------------------------- */

bool selftest_may_ask(struct exchange *ex)
{
	struct isolated_stats unused;
	bool is_isolated = adapter_process(exchange_adapter(ex), &unused);
	struct selftest_row *row;

	if (is_isolated && !ex->rehearsal->status)
		return true;
	row = add(ex, "adapter", SELFTEST_UNSEEN);
	row->what = is_isolated ?
		STR("not asked: the handoff refuses before it") :
		STR("not asked: it runs in the gateway's own process, and may "
		    "do more than answer");
	row->remedy = STR(REMEDY_UNASKED);
	ex->rehearsal->is_unsure = !is_isolated;
	ex->verdict = "not_asked";
	return false;
}

/* ---- all of it ----------------------------------------------------------- */

static enum step_result report(struct exchange *ex);

/* Nothing after it can be looked at. */
static enum step_result stop_at(struct exchange *ex, unsigned part)
{
	while (++part < N_ELEMENTS(parts))
		add(ex, parts[part].name, SELFTEST_UNSEEN);
	return report(ex);
}

static bool is_final(const char *step)
{
	return strcmp(step, "limit_rate") != 0 &&
	       strcmp(step, "check_origin") != 0 &&
	       strcmp(step, "check_store") != 0 &&
	       strcmp(step, "verify_identity") != 0;
}

static enum err add_passed(struct exchange *ex, const char *step,
			   const char *name)
{
	if (!strcmp(step, "verify_identity")) {
		if (ex->tenant->identity != IDENTITY_UNSIGNED)
			return add_assertion(ex, false);
		add_unsigned(ex);
	} else if (!strcmp(step, "ask_adapter")) {
		if (exchange_adapter(ex) && !ex->verdict)
			add(ex, name, SELFTEST_GOOD);
		else if (ex->verdict && !strcmp(ex->verdict, "adapter_default"))
			add(ex, name, SELFTEST_WOULD)->what =
				STR("it failed; the sign-in goes on without it, "
				    "as on_failure = \"default\" says");
	} else {
		add(ex, name, SELFTEST_GOOD)->what = seen(ex, step);
	}
	return ERR_OK;
}

/* No longer a rehearsal: who asks is told what went wrong with it. */
static enum step_result fail(struct exchange *ex, enum err err)
{
	take_back_answer(ex);
	ex->rehearsal = NULL;
	return answer_failure(ex, err);
}

/* An adapter may give what an unsigned post left out. */
static bool may_be_supplied(const struct exchange *ex)
{
	return ex->rehearsal->is_unsure && !ex->rehearsal->status &&
	       (!fields_value(&ex->fields, STR("email")).len ||
		!fields_value(&ex->fields, STR("name")).len);
}

/* What is missing with it is no fault of its own. */
static bool is_assertion_missing(const struct exchange *ex)
{
	return str_eq(ex->rehearsal->refusal, name_of(CODE_assertion_missing));
}

static enum step_result settle(struct exchange *ex, enum step_result result)
{
	const char *step = ex->step->name;
	unsigned part = part_of(step);
	enum err err = ERR_OK;

	if (part == N_ELEMENTS(parts))
		return result;		/* before the first, or the report */
	if (result == STEP_NEXT) {
		err = add_passed(ex, step, parts[part].name);
		return err ? fail(ex, err) : STEP_NEXT;
	}
	if (!strcmp(step, "validate") && may_be_supplied(ex)) {
		take_back_answer(ex);
		add(ex, parts[part].name, SELFTEST_UNSEEN)->what =
			STR("no email or no name came: the adapter that was not "
			    "asked may supply them");
		return stop_at(ex, part);
	}
	if (!strcmp(step, "validate") && is_assertion_missing(ex)) {
		take_back_answer(ex);
		add(ex, parts[part].name, SELFTEST_UNSEEN)->what =
			STR("the assertion that did not come is to say them");
		return stop_at(ex, part);
	}
	add_refusal(ex, parts[part].name);
	take_back_answer(ex);
	if (!strcmp(step, "verify_identity"))
		err = add_assertion(ex, true);
	if (err)
		return fail(ex, err);
	return is_final(step) ? stop_at(ex, part) : STEP_NEXT;
}

static void add_row_json(const struct selftest_row *row, struct buf *json)
{
	static const char *const verdicts[] = {
		[SELFTEST_GOOD] = "good", [SELFTEST_REFUSED] = "refused",
		[SELFTEST_WOULD] = "would_be_refused",
		[SELFTEST_UNSEEN] = "not_looked_at",
	};

	buf_puts(json, json->ptr[json->len - 1] == '[' ? "{" : ",{");
	json_add_member(json, "name", str_from(row->name));
	json_add_member(json, "verdict", str_from(verdicts[row->verdict]));
	if (row->refusal.len)
		json_add_member(json, "code", row->refusal);
	if (row->what.len)
		json_add_member(json, "what", row->what);
	if (row->remedy.len)
		json_add_member(json, "remedy", row->remedy);
	buf_addc(json, '}');
}

static enum step_result answer_rows(struct exchange *ex)
{
	const struct selftest *test = ex->rehearsal;
	struct buf json;

	buf_init_pool(&json, ex->pool, JSON_MAX);
	buf_addc(&json, '{');
	json_add_member(&json, "tenant", ex->tenant->slug);
	json_add_member_bool(&json, "good", test->status == 302);
	json_add_member_int(&json, "status", test->status);
	if (test->refusal.len)
		json_add_member(&json, "code", test->refusal);
	if (test->target.len)
		json_add_member(&json, "redirect_url", test->target);
	buf_puts(&json, ",\"checks\":[");
	for (unsigned i = 0; i < test->count; i++)
		add_row_json(&test->rows[i], &json);
	buf_puts(&json, "]}");
	return buf_is_ok(&json) ? answer_json(ex, 200, buf_str(&json)) :
				  fail(ex, ERR_NOMEM);
}

static enum step_result report(struct exchange *ex)
{
	struct selftest *test = ex->rehearsal;

	if (!test->status && !test->is_unsure) {
		test->status = 302;
		test->target = handoff_target(ex);
	}
	if (!request_prefers_html(&ex->request))
		return answer_rows(ex);
	return page_selftest(ex) ? STEP_ANSWER : fail(ex, ERR_NOMEM);
}

static enum step_result find_tenant(struct exchange *ex)
{
	enum step_result result = admit_find_tenant(ex);
	bool may_post;

	if (result == STEP_NEXT)
		result = open_link(ex);
	may_post = origin_handoff_headers(ex);
	if (result != STEP_NEXT)
		return result;
	ex->rehearsal->headers = ex->answer.header_count;
	return handoff_begin(ex, may_post || is_own(ex));
}

static enum step_result show(struct exchange *ex)
{
	return page_selftest(ex) ? STEP_ANSWER : fail(ex, ERR_NOMEM);
}

/* A page of the partner's tries it with a script; nothing is noted of it. */
static enum step_result answer_preflight(struct exchange *ex)
{
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	origin_preflight_headers(ex);
	return answer_empty(ex, 204);
}

static const struct step preflight_list[] = {
	{ "answer_preflight", answer_preflight, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_selftest_preflight = {
	.name = "selftest_preflight",
	.list = preflight_list,
};

static const struct step page_list[] = {
	{ "find_tenant", find_tenant, NULL },
	{ "show", show, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_selftest_page = {
	.name = "selftest_page",
	.list = page_list,
	.settle = settle,
};

static const struct step begin_list[] = {
	{ "find_tenant", find_tenant, NULL },
	{ "limit_rate", admit_limit_rate, NULL },
	{ "check_origin", handoff_check_origin, NULL },
	{ NULL, NULL, NULL }
};

static const struct step report_list[] = {
	{ "report", report, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_selftest = {
	.name = "selftest",
	.list = begin_list,
	.then = handoff_judging,
	.last = report_list,
	.settle = settle,
};
