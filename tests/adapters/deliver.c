/*
 * Sends users on as the field "go" of their handoff said: "redirect", "post",
 * "elsewhere" (a target that the tenant does not allow), "deny", "fail".
 * Says so with an event; "many" with as many and as large ones as there may be,
 * nearly.
 */
#include <string.h>

#include <usher/adapter.h>

#define TEXT(s) (s), sizeof(s) - 1

static int emit_many(struct usher_call *call)
{
	char body[4096];

	memset(body, 'x', sizeof(body));
	memcpy(body, "{\"x\":\"", 6);
	memcpy(body + sizeof(body) - 2, "\"}", 2);
	for (int i = 1; i < USHER_EVENTS_MAX; i++)
		if (call->host->emit(call, "large", body, sizeof(body)))
			return USHER_FAIL;
	return USHER_OK;
}

static int map(void *state, struct usher_call *call)
{
	struct usher_str go;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "go", &go))
		return USHER_DECLINE;
	if (call->host->set_attribute(call, "go", go.ptr, go.len) ||
	    call->host->emit(call, "mapped", TEXT("{\"by\":\"deliver\"}")))
		return USHER_FAIL;
	return strcmp(go.ptr, "many") ? USHER_OK : emit_many(call);
}

static int post(struct usher_call *call)
{
	struct usher_pair fields[] = {
		{ { TEXT("user") }, { NULL, 0 } },
		{ { TEXT("a\"b<c>") }, { TEXT("'&\"></form><script>") } },
	};

	if (call->host->get(call, USHER_INFO, "user.email", &fields[0].value))
		return USHER_FAIL;
	return call->host->set_post(call,
				    TEXT("https://desk.example/login?a=1&b=2"),
				    fields, 2) ? USHER_FAIL : USHER_OK;
}

static int deliver(void *state, struct usher_call *call)
{
	const struct usher_host *host = call->host;
	struct usher_str go;

	(void)state;
	if (host->get(call, USHER_ATTRIBUTE, "go", &go))
		return USHER_DECLINE;
	if (host->emit(call, "delivered", TEXT("{\"n\":1}")))
		return USHER_FAIL;
	if (!strcmp(go.ptr, "redirect") || !strcmp(go.ptr, "many"))
		return host->set_redirect(call,
			TEXT("https://desk.example/in?user=1")) ? USHER_FAIL :
								  USHER_OK;
	if (!strcmp(go.ptr, "elsewhere"))
		return host->set_redirect(call, TEXT("https://evil.example/")) ?
			USHER_FAIL : USHER_OK;
	if (!strcmp(go.ptr, "post"))
		return post(call);
	if (!strcmp(go.ptr, "deny"))
		return host->set_deny(call, "desk_closed",
				      TEXT("The desk is closed.")) ?
			USHER_FAIL : USHER_OK;
	return USHER_FAIL;
}

USHER_ADAPTER_DEFINE(.name = "deliver", .version = "1", .map_fields = map,
		     .deliver = deliver)
