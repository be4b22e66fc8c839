/*
 * The handoff: a partner's page posts who its user is, and the user is sent
 * on with a token.  The steps stand in the order of their table.
 */
#include "handoff/steps.h"

#include "base/clock.h"
#include "base/list.h"
#include "codec/json.h"
#include "handoff/adapt.h"
#include "handoff/admit.h"
#include "handoff/body.h"
#include "handoff/embed.h"
#include "handoff/invalid.h"
#include "handoff/origin.h"
#include "handoff/token.h"

struct handoff {
	struct exchange *ex;
	struct adapter_call *call;	/* NULL: the tenant has no adapter, or
					 * it was passed over */
	enum err look_error;		/* of fetching the user for it */
	struct validated user;
	struct str target;		/* where the user goes in the end */
	struct fields attributes;	/* to set */
	struct str *dropped;		/* names of those to remove */
	unsigned dropped_count;
	struct outbox_event *events;
	unsigned event_count;
	struct user_sync sync;
	int64_t user_id;
};

static enum step_result begin(struct exchange *ex)
{
	struct handoff *handoff = pool_alloc(ex->pool, sizeof(*handoff));

	if (!handoff)
		return answer_failure(ex, ERR_NOMEM);
	handoff->ex = ex;
	ex->work = handoff;
	return STEP_NEXT;
}

static enum step_result find_tenant(struct exchange *ex)
{
	enum step_result result = admit_find_tenant(ex);

	origin_handoff_headers(ex);
	return result != STEP_NEXT ? result : begin(ex);
}

/* Nobody but the frame may read the answer: no CORS. */
static enum step_result find_framed(struct exchange *ex)
{
	enum step_result result = admit_find_tenant(ex);

	return result != STEP_NEXT ? result : begin(ex);
}

static enum step_result check_origin(struct exchange *ex)
{
	if (origin_may_post(ex))
		return STEP_NEXT;
	return answer_error(ex, CODE_origin_refused,
			    "Requests from this site are not accepted.");
}

static enum step_result read_body(struct exchange *ex)
{
	return body_read(ex, ex->tenant->json_fields,
			 ex->tenant->json_field_count);
}

/* Assertions are not verified yet, and the configuration refuses the modes
 * that need them. Should one get here all the same, nobody passes. */
static enum step_result verify_identity(struct exchange *ex)
{
	if (ex->tenant->identity == IDENTITY_UNSIGNED)
		return STEP_NEXT;
	return answer_error(ex, CODE_identity_required,
			    "A signed assertion is required.");
}

/* What is stored about this address already, if the adapter asks. */
static enum err load_user(struct adapter_call *call)
{
	struct exchange *ex = call->owner;
	struct email email;
	struct user user;
	enum err err;

	err = email_parse(ex->pool, validate_trim(
			  fields_value(&ex->fields, STR("email"))), &email);
	if (err)
		return err == ERR_NOMEM ? err : ERR_OK;
	call->info.user_email = email.shown;
	err = users_find(ex->reader, ex->tenant->slug, email.key, ex->pool,
			 &user);
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

/* The adapter said what is wrong with its fields; what is wrong with ours
 * is said in the same answer. What is missing is not: it might have been the
 * adapter's to supply. */
static enum step_result refuse_invalid(struct exchange *ex,
				       const struct adapter_call *call)
{
	static const struct str ours[] = {
		STR("email"), STR("name"), STR("redirect_url")
	};
	struct invalid_list *list = invalid_new(ex), *more = invalid_new(ex);
	struct validation in = { &ex->fields, &ex->tenant->redirects,
				 ex->pool };
	struct validated unused;
	unsigned i, j;

	if (!list || !more)
		return answer_failure(ex, ERR_NOMEM);
	for (i = 0; i < call->error_count; i++)
		validate_add_error(list, call->errors[i].field,
				   call->errors[i].text);
	if (validate(&in, more, &unused) == ERR_NOMEM)
		return answer_failure(ex, ERR_NOMEM);
	for (i = 0; i < more->count; i++)
		for (j = 0; j < N_ELEMENTS(ours); j++)
			if (str_eq(more->v[i].field, ours[j]) &&
			    fields_value(&ex->fields, ours[j]).len)
				validate_add_error(list, ours[j],
						   more->v[i].message);
	return invalid_answer(ex, list);
}

static enum step_result adapter_answered(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct adapter_call *call = handoff->call;
	enum err err = ERR_OK;

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
	if (call->email.ptr)
		err = fields_set(&ex->fields, STR("email"), call->email,
				 FIELD_TEXT);
	if (!err && call->name.ptr)
		err = fields_set(&ex->fields, STR("name"), call->name,
				 FIELD_TEXT);
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

	if (!exchange_adapter(ex))
		return STEP_NEXT;
	call = handoff->call = adapt_new_call(ex);
	if (!call)
		return answer_failure(ex, ERR_NOMEM);
	call->fields = &ex->fields;
	call->info.identity = STR("unsigned");
	call->may_supply = true;
	call->look = look;
	err = load_target(ex, call);
	if (err)
		return answer_failure(ex, err);
	if (adapter_handoff(exchange_adapter(ex), ex->worker, call,
			    adapt_wake) == ADAPTER_WAITING)
		return STEP_WAIT;
	return adapter_answered(ex);
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
	return err ? invalid_answer(ex, list) : STEP_NEXT;
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
	struct pool *pool = handoff->ex->pool;
	unsigned i;
	enum err err;

	fields_init(&handoff->attributes, pool);
	handoff->dropped = pool_calloc(pool, call->change_count,
				       sizeof(*handoff->dropped));
	if (!handoff->dropped)
		return ERR_NOMEM;
	for (i = 0; i < call->change_count; i++) {
		const struct adapter_change *change = &call->changes[i];

		if (change->value.ptr) {
			err = fields_set(&handoff->attributes, change->name,
					 change->value, FIELD_TEXT);
			if (err)
				return err;
			continue;
		}
		fields_del(&handoff->attributes, change->name);
		handoff->dropped[handoff->dropped_count++] = change->name;
	}
	return adapt_events(handoff->ex, call, &handoff->events,
			    &handoff->event_count);
}

/* A frame's script cannot see a redirect's target. */
static bool wants_json(const struct exchange *ex)
{
	return ex->steps->is_embedded ||
	       str_eq(fields_value(&ex->fields, STR("response")), STR("json"));
}

static void synced(struct job *job)
{
	struct handoff *handoff = list_entry(job, struct handoff, sync.job);

	handoff->ex->wake(handoff->ex);
}

static enum step_result user_synced(struct exchange *ex)
{
	struct handoff *handoff = ex->work;

	switch (handoff->sync.job.result) {
	case ERR_OK:
		exchange_audited(ex, wants_json(ex) ? 200 : 302, NULL);
		handoff->user_id = handoff->sync.user_id;
		return STEP_NEXT;
	case ERR_AUTH:
		return answer_error(ex, CODE_user_blocked,
				    "This user may not sign in.");
	case ERR_LIMIT:
		return answer_error(ex, CODE_too_many_attributes,
				    "There is too much to store about this "
				    "user.");
	default:
		return answer_failure(ex, handoff->sync.job.result);
	}
}

static enum step_result sync_user(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct user_sync *sync = &handoff->sync;
	struct users *users = store_users(ex->gateway->store);
	enum err err;

	sync->tenant = ex->tenant->slug;
	sync->email = handoff->user.email.shown;
	sync->email_key = handoff->user.email.key;
	sync->name = handoff->user.name;
	if (handoff->call) {
		err = collect_changes(handoff);
		if (err)
			return answer_failure(ex, err);
		sync->set = &handoff->attributes;
		sync->del = handoff->dropped;
		sync->del_count = handoff->dropped_count;
		sync->events = handoff->events;
		sync->event_count = handoff->event_count;
	}
	if (users_known(users, sync, ex->start_ms / 1000, &handoff->user_id))
		return STEP_NEXT;
	sync->audit = exchange_audit(ex, wants_json(ex) ? 200 : 302, NULL);
	sync->job.done = synced;
	/* Once it is accepted the result is the writer's to set. */
	err = users_sync(users, sync);
	if (!err)
		return exchange_await_store(ex);
	sync->job.result = err;
	return user_synced(ex);
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

static enum step_result mint_token(struct exchange *ex)
{
	struct handoff *handoff = ex->work;
	struct token token = {
		.email = handoff->user.email.shown,
		.name = handoff->user.name,
		.redirect_url = handoff->target,
		.user_id = handoff->user_id,
	};
	struct str location;
	enum err err;

	err = token_mint(ex->tenant, ex->snapshot->gateway.public_origin,
			 clock_wall_ms(), &token, ex->pool, &location);
	if (err)
		return answer_failure(ex, err);
	return answer_location(ex, location);
}

static const struct step handoff_list[] = {
	{ "find_tenant", find_tenant, NULL },
	{ "limit_rate", admit_limit_rate, NULL },
	{ "check_origin", check_origin, NULL },
	{ "read_body", read_body, NULL },
	{ "verify_identity", verify_identity, NULL },
	{ "ask_adapter", ask_adapter, adapter_went_on },
	{ "validate", check_fields, NULL },
	{ "choose_redirect", choose_redirect, NULL },
	{ "sync_user", sync_user, user_synced },
	{ "mint_token", mint_token, NULL },
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
	.is_audited = true,
	.refused = refused_early,
};

static enum step_result refuse_method(struct exchange *ex)
{
	refused_early(ex);
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
};

static const struct step embed_list[] = {
	{ "find_tenant", find_framed, NULL },
	{ "limit_rate", admit_limit_rate, NULL },
	{ "check_frame", embed_check_frame, NULL },
	{ "check_embedder", embed_check_embedder, NULL },
	{ "check_type", embed_check_type, NULL },
	{ "read_body", read_body, NULL },
	{ "verify_identity", verify_identity, NULL },
	{ "ask_adapter", ask_adapter, adapter_went_on },
	{ "validate", check_fields, NULL },
	{ "choose_redirect", choose_redirect, NULL },
	{ "sync_user", sync_user, user_synced },
	{ "mint_token", mint_token, NULL },
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
	.is_audited = true,
	.is_embedded = true,
	.refused = refused_framed,
};

/* Preflights are free: whether there is such a tenant must not be learnt from
 * one, so an unknown one answers like a known one answers a stranger. */
static enum step_result find_preflighted(struct exchange *ex)
{
	if (!ex->host->is_gateway)
		return answer_error(ex, CODE_not_found,
				    "There is nothing here.");
	ex->tenant = snapshot_tenant(ex->snapshot, ex->request.params[0]);
	return STEP_NEXT;
}

/* Also for tenants that do not serve: their refusal shall be readable. */
static enum step_result answer_preflight(struct exchange *ex)
{
	origin_preflight_headers(ex);
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
};
