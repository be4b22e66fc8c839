/*
 * acme: an adapter to begin with.
 *
 * It stores the plan that the partner posts, lets nobody in whose account is
 * closed, sends customers of the "pro" plan to their own page, and tells the
 * tenant's webhooks.  Keep what you need.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>
#include <usher/sdk.h>

struct state {
	char pro_page[USHER_URL_MAX + 1];	/* empty: none */
};

/* Settings are the host's memory: copy what the hooks need. */
static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct usher_str page = usher_config_str(call, "pro_page", "");

	if (!s)
		return USHER_FAIL;
	if (page.len >= sizeof(s->pro_page)) {
		host->set_error(call, "pro_page", "is too long", 11);
		free(s);
		return USHER_FAIL;
	}
	memcpy(s->pro_page, page.ptr, page.len);
	*state = s;
	return USHER_OK;
}

static void fini(void *state)
{
	free(state);
}

static int map_fields(void *state, struct usher_call *call)
{
	static const char problem[] = "The selected plan is invalid.";
	struct usher_str plan;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "plan", &plan))
		return USHER_DECLINE;
	if (!usher_str_is(plan, "free") && !usher_str_is(plan, "pro"))
		call->host->set_error(call, "plan", problem,
				      sizeof(problem) - 1);
	else
		call->host->set_attribute(call, "plan", plan.ptr, plan.len);
	return USHER_OK;
}

static int sync_user(void *state, struct usher_call *call)
{
	static const char reason[] = "This account is closed.";
	struct usher_str status, json;
	struct usher_buf buf;

	(void)state;
	if (!call->host->get(call, USHER_ATTRIBUTE, "status", &status) &&
	    usher_str_is(status, "closed")) {
		call->host->set_deny(call, "account_closed", reason,
				     sizeof(reason) - 1);
		return USHER_DENY;
	}
	usher_buf_init(&buf, call, 128);
	usher_json_open(&buf, '{');
	usher_json_member_int(&buf, "at", call->host->now(call));
	usher_buf_puts(&buf, "}");
	if (usher_buf_end(&buf, &json))
		return USHER_FAIL;
	call->host->emit(call, "seen", json.ptr, json.len);
	return USHER_OK;
}

static int choose_redirect(void *state, struct usher_call *call)
{
	const struct state *s = state;
	struct usher_str plan;

	if (!s->pro_page[0] ||
	    call->host->get(call, USHER_ATTRIBUTE, "plan", &plan) ||
	    !usher_str_is(plan, "pro"))
		return USHER_DECLINE;
	call->host->set_redirect(call, s->pro_page, strlen(s->pro_page));
	return USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "acme", .version = "0.1", .init = init,
		     .fini = fini, .map_fields = map_fields,
		     .sync_user = sync_user,
		     .choose_redirect = choose_redirect)
