/*
 * The handoff: a partner's page posts who its user is, and the user is sent
 * on with a token.  The steps stand in the order of their table.
 */
#include "handoff/handoff-private.h"

#include "base/clock.h"
#include "base/list.h"
#include "codec/charref.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "handoff/adapt.h"
#include "handoff/admit.h"
#include "handoff/body.h"
#include "handoff/embed.h"
#include "handoff/invalid.h"
#include "handoff/login.h"
#include "handoff/origin.h"
#include "handoff/redeem.h"
#include "handoff/selftest.h"
#include "handoff/token.h"
#include "handoff/vouch.h"
#include "policy/body-mistake.h"

struct handoff {
	struct exchange *ex;
	bool may_post;			/* so says the list of origins */
	bool is_pending;		/* ... and an assertion may say more */
	bool is_vouched;		/* by one */
	struct vouch vouch;		/* what it says */
	struct str nonce;		/* of handoff/login.h; absent: none */
	struct adapter_call *call;	/* NULL: the tenant has no adapter, or
					 * it was passed over */
	enum err look_error;		/* of fetching the user for it */
	bool is_blocked;		/* as was seen when it asked */
	struct validated user;
	struct str target;		/* where the user goes in the end */
	struct token token;		/* what becomes of all that */
	struct str location;		/* with it */
	struct parked parked;		/* what does not fit into it */
};

enum step_result handoff_begin(struct exchange *ex, bool may_post)
{
	struct handoff *handoff = pool_alloc(ex->pool, sizeof(*handoff));

	if (!handoff)
		return answer_failure(ex, ERR_NOMEM);
	handoff->ex = ex;
	handoff->may_post = may_post;
	ex->work = handoff;
	return STEP_NEXT;
}

static enum step_result find_tenant(struct exchange *ex)
{
	enum step_result result = admit_find_tenant(ex);
	bool may_post = origin_handoff_headers(ex);

	return result == STEP_NEXT ? handoff_begin(ex, may_post) : result;
}

/* Nobody but the frame may read the answer: no CORS. */
static enum step_result find_framed(struct exchange *ex)
{
	enum step_result result = admit_find_tenant(ex);

	return result != STEP_NEXT ? result : handoff_begin(ex, false);
}

/* What is decided here is written when the user arrives: where nothing can be
 * written, sending them on would only fail later. */
static enum step_result check_store(struct exchange *ex)
{
	enum err err = writer_can_write(store_writer(ex->gateway->store));

	return err ? answer_failure(ex, err) : STEP_NEXT;
}

enum step_result handoff_check_origin(struct exchange *ex)
{
	struct handoff *handoff = ex->work;

	handoff->is_pending = !handoff->may_post && tenant_has_keys(ex->tenant) &&
			      ex->tenant->identity != IDENTITY_UNSIGNED;
	if (handoff->is_pending)
		return STEP_NEXT;
	if (!handoff->may_post) {
		origin_hint(ex);
		return origin_refuse(ex, STRANGER_POST);
	}
	origin_note_reader(ex);
	return STEP_NEXT;
}

/* A valid signature stands for the page's origin. */
static enum step_result settle_origin(struct exchange *ex, bool is_good)
{
	const struct handoff *handoff = ex->work;

	if (!handoff->is_pending)
		return STEP_NEXT;
	if (is_good) {
		origin_note_reader(ex);
		return STEP_NEXT;
	}
	origin_hint(ex);
	return origin_refuse(ex, STRANGER_POST);
}

/* What was vouched for counts, and not what was posted beside it. */
static enum step_result take_claims(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct fields *claims = &handoff->vouch.says.claims;
	enum err err = ERR_OK;

	/* what the gateway acts on, and no assertion says */
	fields_del(claims, STR("assertion"));
	fields_del(claims, STR("response"));
	fields_del(claims, STR("token"));
	fields_del(claims, STR("state"));
	for (unsigned i = 0; i < claims->count && !err; i++)
		err = fields_set(&ex->fields, claims->v[i].name,
				 claims->v[i].value, claims->v[i].kind);
	if (err == ERR_LIMIT)
		return answer_error(ex, CODE_malformed_body,
				    "There are too many fields, those of the "
				    "assertion included.");
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

/* None came as it should: where is it?  No memory: nowhere. */
static void find_assertion(struct exchange *ex, struct vouch *vouch)
{
	const struct str near = ex->near[BODY_ASSERTION];
	struct str hint = STR_NULL;

	if (near.len)
		hint = body_mistake_assertion(ex->pool, near);
	else if (body_has_bearer(&ex->request))
		hint = STR("an Authorization header came: the assertion is "
			   "read from the field assertion alone");
	if (hint.ptr)
		vouch->hint = hint;
}

/* A frame's script cannot see a redirect's target. */
static bool wants_json(const struct exchange *ex)
{
	return ex->steps->is_embedded ||
	       str_eq(fields_value(&ex->fields, STR("response")), STR("json"));
}

/* The trail says why; people are told that it is so, and programs all of it. */
static enum step_result refuse_assertion(struct exchange *ex)
{
	const struct vouch *vouch = &((struct handoff *)ex->work)->vouch;

	if (!ex->rehearsal && vouch->code == CODE_assertion_expired &&
	    !wants_json(ex) &&
	    !((struct handoff *)ex->work)->nonce.ptr && login_may_begin(ex))
		return login_bounce(ex, fields_value(&ex->fields,
						     STR("redirect_url")));
	if (ex->rehearsal || !request_prefers_html(&ex->request))
		ex->hint = vouch->hint;
	return answer_error(ex, vouch->code,
			    "This sign-in could not be verified.");
}

/* Who signs, and is not asked to, shall find out why nothing comes of it. */
static void note_unread(struct exchange *ex)
{
	if (fields_get(&ex->fields, STR("assertion")))
		ex->why = pool_printf(ex->pool, "an assertion came; this tenant "
				      "takes none: identity = unsigned at "
				      "%.*s:%u", STR_ARG(ex->tenant->file),
				      ex->tenant->identity_line).ptr;
}

/*
 * `observe` lets all pass, as unsigned as they were; the trail and the counters
 * tell what `signed` would have refused.
 */
static enum step_result verify_identity(struct exchange *ex)
{
	const struct tenant *tenant = ex->tenant;
	struct handoff *handoff = ex->work;
	struct vouch *vouch = &handoff->vouch;
	enum step_result result;
	enum err err;

	handoff->nonce = login_take_state(ex);
	if (tenant->identity == IDENTITY_UNSIGNED) {
		note_unread(ex);
		return STEP_NEXT;
	}
	err = vouch_read(tenant, fields_value(&ex->fields, STR("assertion")),
			 clock_wall_s(), ex->pool, vouch);
	if (!ex->rehearsal)
		vouch_count(ex->gateway->tally, tenant, err, vouch,
			    ex->start_ms);
	if (err && err != ERR_AUTH)
		return answer_failure(ex, err);
	if (err && vouch->code == CODE_assertion_missing)
		find_assertion(ex, vouch);
	if (err) {
		ex->why = vouch->hint.ptr;
		origin_note_unvouched(ex, vouch->code ==
				      CODE_assertion_missing ? VOUCH_LACKING :
							       VOUCH_REFUSED);
	}
	if (err && tenant->identity == IDENTITY_SIGNED)
		return refuse_assertion(ex);
	if (tenant->identity == IDENTITY_SIGNED)
		ex->subject = vouch->says.sub;
	result = settle_origin(ex, !err);
	if (result != STEP_NEXT)
		return result;
	if (err) {
		ex->verdict = code_table[vouch->code].name;
		return STEP_NEXT;
	}
	/* a library's own nonce does not take the place of the state */
	if (tenant->login_url.len && vouch->says.nonce.ptr &&
	    (!handoff->nonce.ptr || login_is_state(vouch->says.nonce)))
		handoff->nonce = vouch->says.nonce;
	handoff->is_vouched = tenant->identity == IDENTITY_SIGNED;
	if (handoff->is_vouched)
		result = admit_limit_person(ex, vouch->says.sub.len ?
					    vouch->says.sub :
					    vouch->says.email);
	return result == STEP_NEXT ? take_claims(ex) : result;
}

/* As their arrival would find them (redeem_sync()). */
static enum err find_vouched(struct exchange *ex, const struct email *email,
			     struct user *user_r)
{
	const struct handoff *handoff = ex->work;
	const struct user_sync sync = {
		.tenant = ex->tenant->slug,
		.email = email->shown,
		.email_key = email->key,
		.minted_ms = clock_steady_ms(),
		.is_vouched = true,
		.external_id = handoff->vouch.says.sub,
		.adopts_unsigned = true,
	};
	enum err err = users_find_signed(ex->reader, sync.tenant,
					 sync.external_id, sync.email_key,
					 ex->pool, user_r);

	if (err != ERR_NOT_FOUND || !ex->tenant->adopts_unsigned)
		return err;
	err = users_plan_adopts(ex->reader, &sync, ex->pool, user_r);
	/* what their arrival will say */
	return err == ERR_CONFLICT ? ERR_NOT_FOUND : err;
}

/* What is stored about this address already, if the adapter asks. */
static enum err load_user(struct adapter_call *call)
{
	struct exchange *ex = call->owner;
	struct handoff *handoff = ex->work;
	struct email email;
	struct user user;
	enum err err;

	err = email_parse(ex->pool, validate_trim(
			  fields_value(&ex->fields, STR("email"))), &email);
	if (err)
		return err == ERR_NOMEM ? err : ERR_OK;
	call->info.user_email = email.shown;
	err = handoff->is_vouched ?
		find_vouched(ex, &email, &user) :
		users_find(ex->reader, ex->tenant->slug, email.key, ex->pool,
			   &user);
	if (err == ERR_AUTH || (!err && user.is_blocked)) {
		handoff->is_blocked = true;
		return ERR_AUTH;
	}
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	return adapt_user(ex, call, &user.view);
}

/* An adapter that got no answer to its question decided nothing. */
static enum err look(struct adapter_call *call)
{
	struct exchange *ex = call->owner;
	struct handoff *handoff = ex->work;

	handoff->look_error = load_user(call);
	return handoff->look_error;
}

/* Where the partner asked for, if it asked and may. */
static enum err load_target(struct exchange *ex, struct adapter_call *call)
{
	struct str text = validate_trim(fields_value(&ex->fields,
						     STR("redirect_url")));
	enum err err;

	if (!text.len) {
		call->info.redirect_url = ex->tenant->dashboard;
		return ERR_OK;
	}
	err = redirect_check(&ex->tenant->redirects, ex->pool, text,
			     &call->info.redirect_url, NULL);
	return err == ERR_NOMEM ? err : ERR_OK;
}

static const struct str ours[] = {
	STR("email"), STR("name"), STR("redirect_url")
};

/* An adapter may have said what is wrong with its fields (`call`, or NULL);
 * what is wrong with ours is said in the same answer. What is missing is not:
 * it might have been the adapter's to supply. */
static enum step_result refuse_invalid(struct exchange *ex,
				       const struct adapter_call *call)
{
	struct invalid_list *list = invalid_new(ex), *more = invalid_new(ex);
	struct validation in = { &ex->fields, &ex->tenant->redirects,
				 ex->pool };
	struct validated unused;
	unsigned i, j;

	if (!list || !more)
		return answer_failure(ex, ERR_NOMEM);
	for (i = 0; call && i < call->error_count; i++)
		validate_add_error(list, call->errors[i].field,
				   call->errors[i].text, NULL);
	if (validate(&in, more, &unused) == ERR_NOMEM)
		return answer_failure(ex, ERR_NOMEM);
	for (i = 0; i < more->count; i++)
		for (j = 0; j < N_ELEMENTS(ours); j++)
			if (str_eq(more->v[i].field, ours[j]) &&
			    fields_value(&ex->fields, ours[j]).len)
				validate_add_error(list, ours[j],
						   more->v[i].message,
						   more->v[i].why);
	return invalid_answer(ex, list);
}

/* Who it is, in the page's words or the adapter's. */
static enum err set_person(struct exchange *ex, const char *field,
			   struct str value)
{
	enum err err = body_unescape(ex, field, &value);

	return err ? err : fields_set(&ex->fields, str_from(field), value,
				      FIELD_TEXT);
}

static enum err unescape_posted(struct exchange *ex)
{
	static const char *const persons[] = { "email", "name" };
	enum err err = ERR_OK;

	for (unsigned i = 0; i < N_ELEMENTS(persons) && !err; i++) {
		struct str value = fields_value(&ex->fields,
						str_from(persons[i]));

		if (charref_is_in(value))
			err = set_person(ex, persons[i], value);
	}
	return err ? err : body_note_target(ex, fields_value(&ex->fields,
						STR("redirect_url")));
}

/* A line end within ours is refused here: no adapter is shown one. */
static enum step_result read_body(struct exchange *ex)
{
	enum step_result result = body_read(ex, ex->tenant->json_fields,
					    ex->tenant->json_field_count);
	enum err err = result == STEP_NEXT ? unescape_posted(ex) : ERR_OK;

	if (err)
		return answer_failure(ex, err);
	for (unsigned i = 0; i < N_ELEMENTS(ours); i++)
		if (result == STEP_NEXT &&
		    utf8_check_text(fields_value(&ex->fields, ours[i]), NULL))
			return refuse_invalid(ex, NULL);
	return result;
}

/* What it was shown has been read already, and is not read once more when it
 * comes back. */
static enum err set_supplied(struct exchange *ex, const char *field,
			     struct str value)
{
	struct str shown = fields_value(&ex->fields, str_from(field));

	if (!value.ptr || (shown.len && str_eq(shown, value)))
		return ERR_OK;
	return set_person(ex, field, value);
}

static enum step_result adapter_answered(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct adapter_call *call = handoff->call;
	enum err err;

	if (handoff->is_blocked)
		return answer_error(ex, CODE_user_blocked,
				    "This user may not sign in.");
	if (handoff->look_error)
		return answer_failure(ex, handoff->look_error);
	if (call->result == ADAPTER_INVALID)
		return refuse_invalid(ex, call);
	if (adapt_passes_over(ex, call)) {
		handoff->call = NULL;
		return STEP_NEXT;
	}
	if (call->result != ADAPTER_OK)
		return adapt_refuse(ex, call);
	err = set_supplied(ex, "email", call->email);
	if (!err)
		err = set_supplied(ex, "name", call->name);
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

static enum step_result adapter_went_on(struct exchange *ex)
{
	struct handoff *handoff = ex->work;

	if (adapter_resume(exchange_adapter(ex), handoff->call) ==
	    ADAPTER_WAITING)
		return STEP_WAIT;
	return adapter_answered(ex);
}

/* All of the adapter's hooks in one call, before anything is written. */
static enum step_result ask_adapter(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct adapter_call *call;
	enum err err;

	if (!exchange_adapter(ex) ||
	    (ex->rehearsal && !selftest_may_ask(ex)))
		return STEP_NEXT;
	call = handoff->call = adapt_new_call(ex);
	if (!call)
		return answer_failure(ex, ERR_NOMEM);
	call->fields = &ex->fields;
	call->info.identity = handoff->is_vouched ? STR("signed") :
						    STR("unsigned");
	if (handoff->is_vouched) {
		call->claims = &handoff->vouch.says.claims;
		call->info.user_external_id = handoff->vouch.says.sub;
	}
	call->may_supply = !handoff->is_vouched;
	call->look = look;
	err = load_target(ex, call);
	if (err)
		return answer_failure(ex, err);
	if (adapter_handoff(exchange_adapter(ex), ex->worker, call,
			    adapt_wake) == ADAPTER_WAITING)
		return STEP_WAIT;
	return adapter_answered(ex);
}

/* What the page's maker may have overlooked, where they did. */
static void hint_fields(struct exchange *ex)
{
	const struct handoff *handoff = ex->work;
	const struct vouch *vouch = &handoff->vouch;
	struct body_refused refused = {
		.fields = &ex->fields, .kind = "field",
		.email = ex->near[BODY_EMAIL], .name = ex->near[BODY_NAME],
	};
	struct body_advice advice;
	struct str type;

	/* nothing near was looked for beside an assertion */
	if (vouch->says.email.ptr) {
		refused.kind = "claim";
		refused.name = body_mistake_field(&vouch->says.claims,
						  BODY_NAME);
	} else {
		refused.is_form = request_header(&ex->request, "Content-Type",
						 &type) == 1 &&
				  str_icontains(type,
						STR("x-www-form-urlencoded"));
	}
	advice = body_mistake_advice(ex->pool, &refused);
	if (!advice.hint.len)
		return;
	ex->hint = ex->hint.len ? pool_printf(ex->pool, "%.*s %.*s",
					      STR_ARG(ex->hint),
					      STR_ARG(advice.hint)) :
				  advice.hint;
	ex->why = ex->why ? pool_printf(ex->pool, "%s; %.*s", ex->why,
					STR_ARG(advice.why)).ptr :
			    advice.why.ptr;
}

/* It passes, and explain says what it looks like. */
static enum err note_name(struct exchange *ex, struct str name)
{
	const char *what = body_mistake_name(name);

	if (what)
		ex->why = ex->why ? pool_printf(ex->pool, "%s; %s", ex->why,
						what).ptr : what;
	return what && !ex->why ? ERR_NOMEM : ERR_OK;
}

static enum step_result check_fields(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct invalid_list *list = invalid_new(ex);
	struct validation in = { &ex->fields, &ex->tenant->redirects,
				 ex->pool };
	enum err err;

	if (!list)
		return answer_failure(ex, ERR_NOMEM);
	err = validate(&in, list, &handoff->user);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	if (err) {
		hint_fields(ex);
		return invalid_answer(ex, list);
	}
	ex->person = handoff->user.email.key;
	if (note_name(ex, handoff->user.name))
		return answer_failure(ex, ERR_NOMEM);
	/* after the adapter, which may name another one */
	if (protected_has(&ex->tenant->protected, handoff->user.email.key))
		return redeem_refuse_protected(ex);
	return STEP_NEXT;
}

/* The adapter's choice counts most, then the partner's, then the dashboard. */
static enum step_result choose_redirect(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	enum err err;

	handoff->target = handoff->user.redirect_url.len ?
			  handoff->user.redirect_url : ex->tenant->dashboard;
	if (!handoff->call || !handoff->call->redirect.ptr)
		return STEP_NEXT;
	err = redirect_check(&ex->tenant->redirects, ex->pool,
			     handoff->call->redirect, &handoff->target, NULL);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	return err ? adapt_refuse_target(ex) : STEP_NEXT;
}

/* The last word on each attribute: set, or removed. */
static enum err collect_changes(struct handoff *handoff)
{
	const struct adapter_call *call = handoff->call;
	struct token *token = &handoff->token;
	struct outbox_event *events;
	struct str *unset;
	enum err err;

	unset = pool_calloc(handoff->ex->pool, call->change_count,
			    sizeof(*unset));
	if (!unset)
		return ERR_NOMEM;
	token->unset = unset;
	for (unsigned i = 0; i < call->change_count; i++) {
		const struct adapter_change *change = &call->changes[i];

		if (change->value.ptr) {
			err = fields_set(&token->set, change->name,
					 change->value, FIELD_TEXT);
			if (err)
				return err;
			continue;
		}
		fields_del(&token->set, change->name);
		unset[token->unset_count++] = change->name;
	}
	err = adapt_events(handoff->ex, call, &events, &token->event_count);
	token->events = events;
	return err;
}

static enum step_result answer_location(struct exchange *ex,
					struct str location)
{
	struct buf json;

	if (!wants_json(ex))
		return answer_redirect(ex, 302, location);
	buf_init_pool(&json, ex->pool, 2 * TOKEN_LOCATION_MAX);
	buf_reserve(&json, location.len + 128);
	buf_addc(&json, '{');
	json_add_member(&json, "redirect_url", location);
	json_add_member_int(&json, "expires_in", TOKEN_TTL_S);
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	return answer_json(ex, 200, buf_str(&json));
}

static enum step_result refuse_size(struct exchange *ex)
{
	answer_header(ex, "Retry-After", STR("60"));
	return answer_error(ex, CODE_sign_in_too_large,
			    "There is too much to say about this sign-in at "
			    "the moment. Please try again in a minute.");
}

static enum step_result mint_token(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct token *token = &handoff->token;
	enum err err = ERR_OK;

	token->rid = (struct str){ ex->id, REQUEST_ID_LEN };
	token->email = handoff->user.email.shown;
	token->name = handoff->user.name;
	token->redirect_url = handoff->target;
	token->nonce = handoff->nonce;
	token->is_chosen = handoff->call && handoff->call->redirect.ptr;
	if (handoff->is_vouched) {
		token->is_vouched = true;
		token->sub = handoff->vouch.says.sub;
		token->aexp_s = handoff->vouch.says.exp_s;
		memcpy(token->jti, handoff->vouch.jti, sizeof(token->jti));
	}
	fields_init(&token->set, ex->pool);
	if (handoff->call)
		err = collect_changes(handoff);
	if (!err)
		err = token_mint(ex->tenant,
				 ex->snapshot->gateway.public_origin,
				 clock_steady_ms(), token, ex->pool,
				 &handoff->location, &handoff->parked.content);
	if (err == ERR_LIMIT)
		return refuse_size(ex);
	ex->jti = token->jti;
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

static void parked(struct job *job)
{
	struct handoff *handoff = list_entry(job, struct handoff, parked.job);

	handoff->ex->wake(handoff->ex);
}

static enum step_result was_parked(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	enum err err = handoff->parked.job.result;

	if (err == ERR_LIMIT)
		return refuse_size(ex);
	return err ? answer_failure(ex, err) : STEP_NEXT;
}

/* One client is an IPv4 address, or the /64 that somebody has of IPv6. */
static struct str client_name(struct exchange *ex)
{
	struct ip prefix = ip_prefix(&ex->client,
				     ex->client.family == 6 ? 64 : 32);
	char text[IP_TEXT_MAX];

	ip_text(&prefix, text);
	return pool_str(ex->pool, str_from(text));
}

/* Nobody is sent on with a token before the rest of it stands. */
static enum step_result park_rest(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct parked *rest = &handoff->parked;
	enum err err;

	if (!rest->content.ptr)
		return STEP_NEXT;
	rest->job.done = parked;
	rest->tenant = ex->tenant->slug;
	rest->client = client_name(ex);
	rest->exp_s = handoff->token.exp_s;
	rest->email_key = handoff->user.email.key;
	rest->is_vouched = handoff->token.is_vouched;
	rest->external_id = handoff->token.sub;
	memcpy(rest->id, handoff->token.park_id, sizeof(rest->id));
	if (!rest->client.ptr)
		return answer_failure(ex, ERR_NOMEM);
	/* Once it is accepted the result is the writer's to set. */
	err = parking_add(store_parking(ex->gateway->store), rest);
	if (!err)
		return exchange_await_store(ex);
	rest->job.result = err;
	return was_parked(ex);
}

static enum step_result send_on(struct exchange *ex)
{
	const struct handoff *handoff = ex->work;

	return answer_location(ex, handoff->location);
}

struct str handoff_target(const struct exchange *ex)
{
	return ((const struct handoff *)ex->work)->target;
}

const struct vouch *handoff_vouch(const struct exchange *ex)
{
	return &((const struct handoff *)ex->work)->vouch;
}

/* How all lists go on once it is known who may post... */
const struct step handoff_judging[] = {
	{ "check_store", check_store, NULL },
	{ "read_body", read_body, NULL },
	{ "verify_identity", verify_identity, NULL },
	{ "ask_adapter", ask_adapter, adapter_went_on },
	{ "validate", check_fields, NULL },
	{ "choose_redirect", choose_redirect, NULL },
	{ NULL, NULL, NULL }
};

/* ... and those that send somebody on. */
static const struct step issuing_list[] = {
	{ "mint_token", mint_token, NULL },
	{ "park_rest", park_rest, was_parked },
	{ "send_on", send_on, NULL },
	{ NULL, NULL, NULL }
};

static const struct step handoff_list[] = {
	{ "find_tenant", find_tenant, NULL },
	{ "limit_rate", admit_limit_rate, NULL },
	{ "check_origin", handoff_check_origin, NULL },
	{ NULL, NULL, NULL }
};

/* What each answer of this path has, however early it comes. */
static void refused_early(struct exchange *ex)
{
	if (!ex->host->is_gateway)
		return;
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	admit_tell_rate(ex);
	origin_handoff_headers(ex);
}

const struct steps steps_handoff = {
	.name = "handoff",
	.list = handoff_list,
	.then = handoff_judging,
	.last = issuing_list,
	.is_audited = true,
	.refused = refused_early,
};

/* Browsers make a GET of a form that names no method, and of a post that a 301
 * or 302 sends on. */
static enum step_result refuse_method(struct exchange *ex)
{
	refused_early(ex);
	ex->hint = STR("Pages post to this address: a form needs "
		       "method=\"post\", a fetch() method: \"POST\". A link "
		       "cannot do it, and a post that a 301 sends on, from "
		       "http:// to https:// say, comes as a GET.");
	return answer_error(ex, CODE_method_not_allowed,
			    "This method is not possible here.");
}

static const struct step method_list[] = {
	{ "not_allowed", refuse_method, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_handoff_method = {
	.name = "not_allowed",
	.list = method_list,
	.refused = refused_early,
	.are_refusals_audited = true,
};

static const struct step embed_list[] = {
	{ "find_tenant", find_framed, NULL },
	{ "limit_rate", admit_limit_rate, NULL },
	{ "check_frame", embed_check_frame, NULL },
	{ "check_embedder", embed_check_embedder, NULL },
	{ "check_type", embed_check_type, NULL },
	{ NULL, NULL, NULL }
};

static void refused_framed(struct exchange *ex)
{
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	admit_tell_rate(ex);
}

const struct steps steps_embed_handoff = {
	.name = "embed_handoff",
	.list = embed_list,
	.then = handoff_judging,
	.last = issuing_list,
	.is_audited = true,
	.is_embedded = true,
	.refused = refused_framed,
};

/*
 * Preflights are free: whether there is such a tenant must not be learnt from
 * one, so an unknown one answers like a known one answers a stranger.  But what
 * cannot be the name of a tenant tells nothing: there the 404 that follows may
 * be read.
 */
static enum step_result find_preflighted(struct exchange *ex)
{
	if (!ex->host->is_gateway)
		return answer_error(ex, CODE_not_found,
				    "There is nothing here.");
	if (!snapshot_is_slug(ex->request.params[0])) {
		origin_anybody_preflight_headers(ex);
		exchange_audited(ex, 204, NULL);	/* nothing to keep */
		return answer_empty(ex, 204);
	}
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	return STEP_NEXT;
}

/* Also for tenants that do not serve: their refusal shall be readable.  Those
 * that a browser passes on are nothing to keep. */
static enum step_result answer_preflight(struct exchange *ex)
{
	origin_preflight_headers(ex);
	origin_note_preflight(ex);
	if (!ex->is_refusal)
		exchange_audited(ex, 204, NULL);
	return answer_empty(ex, 204);
}

static const struct step preflight_list[] = {
	{ "find_tenant", find_preflighted, NULL },
	{ "answer_preflight", answer_preflight, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_preflight = {
	.name = "preflight",
	.list = preflight_list,
	.is_audited = true,
};
