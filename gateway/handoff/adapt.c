#include "handoff/adapt.h"

#include "base/log-budget.h"
#include "codec/json.h"

struct adapter_call *adapt_new_call(struct exchange *ex)
{
	struct adapter_call *call = pool_alloc(ex->pool, sizeof(*call));
	const struct tenant *tenant = ex->tenant;
	struct buf url;

	if (!call)
		return NULL;
	buf_init_pool(&url, ex->pool, URL_MAX + 1);
	url_add(&url, &tenant->url);
	if (!buf_is_ok(&url))
		return NULL;
	call->pool = ex->pool;
	call->owner = ex;
	call->info = (struct adapter_info){
		.tenant_slug = tenant->slug,
		.tenant_name = tenant->name,
		.tenant_url = buf_str(&url),
		.tenant_home = tenant->home,
		.dashboard = tenant->dashboard,
		.request_id = { ex->id, REQUEST_ID_LEN },
	};
	return call;
}

enum err adapt_user(struct exchange *ex, struct adapter_call *call,
		    const struct user_view *user)
{
	struct fields *attributes = pool_alloc(ex->pool, sizeof(*attributes));
	struct str id = pool_printf(ex->pool, "%lld", (long long)user->id);
	enum err err;

	if (!attributes || !id.ptr)
		return ERR_NOMEM;
	fields_init(attributes, ex->pool);
	err = json_parse_fields(user->attributes, attributes, NULL);
	if (err)
		return err == ERR_NOMEM ? err : ERR_INTERNAL;
	call->attributes = attributes;
	call->info.user_id = id;
	call->info.user_email = user->email;
	call->info.user_name = user->name;
	call->info.user_external_id = user->external_id;
	return ERR_OK;
}

void adapt_wake(struct adapter_call *call)
{
	struct exchange *ex = call->owner;

	ex->wake(ex);
}

/* Within the tenant's budget: a module that fails each time fills no log. */
static void tell(struct exchange *ex, const struct log_event *event,
		 const char *how, const char *problem)
{
	const struct log_field fields[] = {
		LOG_TEXT("request", ex->id),
		LOG_STR("tenant", ex->tenant->slug),
		LOG_TEXT("step", ex->step->name),
		LOG_TEXT("was", how),
		LOG_TEXT("problem", problem),
	};

	log_emit_within(LOG_PURSE_ABOUT, ex->tenant->slug, LOG_LEVEL_WARN,
			event, fields, N_ELEMENTS(fields));
	ex->why = problem;
}

/* NULL: it did not fail. */
static const char *how_it_failed(const struct adapter_call *call)
{
	switch (call->result) {
	case ADAPTER_FAILED:
		return "failed";
	case ADAPTER_TIMED_OUT:
		return "late";
	case ADAPTER_UNAVAILABLE:
		return "unavailable";
	default:
		return NULL;
	}
}

bool adapt_passes_over(struct exchange *ex, const struct adapter_call *call)
{
	const char *how = how_it_failed(call);

	/* While another still starts, nobody knows that it may be. */
	if (!how || !ex->tenant->adapter_defaults ||
	    !adapter_is_ready(ex->tenant->adapter) ||
	    !adapter_is_advisory(exchange_adapter(ex)))
		return false;
	if (!ex->rehearsal) {
		metric_add(ex->tenant->adapter_defaults, 1);
		tell(ex, LOG_EVENT(adapter_passed_over), how, call->problem);
	}
	ex->verdict = "adapter_default";
	return true;
}

/* Whatever the user is told, the operator reads why, in the log and in the
 * trail. */
static enum step_result refuse(struct exchange *ex, enum code code,
			       const char *problem)
{
	tell(ex, LOG_EVENT(adapter_failed), "failed", problem);
	return answer_error(ex, code,
			    "The sign-in could not be completed.");
}

static enum step_result deny(struct exchange *ex,
			     const struct adapter_call *call)
{
	const char *reason = call->deny_reason.len ? call->deny_reason.ptr
			     : "This user may not sign in.";

	if (!call->deny_code.len)
		return answer_error(ex, CODE_denied, reason);
	return answer_denied(ex, call->deny_code.ptr, reason);
}

enum step_result adapt_refuse(struct exchange *ex,
			      const struct adapter_call *call)
{
	switch (call->result) {
	case ADAPTER_DENIED:
		return deny(ex, call);
	case ADAPTER_TIMED_OUT:
		tell(ex, LOG_EVENT(adapter_failed), how_it_failed(call),
		     call->problem);
		return answer_error(ex, CODE_adapter_timeout,
				    "The sign-in took too long. "
				    "Please try again.");
	case ADAPTER_UNAVAILABLE:
		tell(ex, LOG_EVENT(adapter_failed), how_it_failed(call),
		     call->problem);
		answer_header(ex, "Retry-After", STR("5"));
		return answer_error(ex, CODE_adapter_unavailable,
				    "This service is not available right now.");
	default:
		return refuse(ex, CODE_adapter_failed, call->problem);
	}
}

enum step_result adapt_refuse_target(struct exchange *ex)
{
	return refuse(ex, CODE_adapter_redirect, "it chose a redirect "
		      "target that the tenant's redirects do not allow");
}

enum step_result adapt_refuse_size(struct exchange *ex)
{
	return refuse(ex, CODE_adapter_failed,
		      "its form does not fit on a page");
}

enum err adapt_events(struct exchange *ex, const struct adapter_call *call,
		      struct outbox_event **events_r, unsigned *count_r)
{
	struct outbox_event *events;
	unsigned count = 0, i;

	events = pool_calloc(ex->pool, call->event_count, sizeof(*events));
	if (!events)
		return ERR_NOMEM;
	for (i = 0; i < call->event_count; i++)
		if (tenant_wants(ex->tenant, call->events[i].name))
			events[count++] = (struct outbox_event){
				call->events[i].name, call->events[i].json };
	metric_add(ex->tenant->unwanted, call->event_count - count);
	*events_r = events;
	*count_r = count;
	return ERR_OK;
}
