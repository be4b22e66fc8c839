/*
 * Only advises: does with a sign-in what the field "how" of its handoff says,
 * and before it goes wrong sets what must not be seen.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>

#define TEXT(s) (s), sizeof(s) - 1

static int act(struct usher_call *call, const char *how)
{
	if (!strcmp(how, "fail"))
		return USHER_FAIL;
	if (!strcmp(how, "refused"))
		call->host->set_attribute(call, "bad name", TEXT("x"));
	if (!strcmp(how, "deny"))
		call->host->set_deny(call, "not_today", TEXT("Not today."));
	if (!strcmp(how, "crash"))
		abort();
	while (!strcmp(how, "hang"))
		;
	return USHER_OK;
}

static int map(void *state, struct usher_call *call)
{
	struct usher_str how;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "how", &how))
		return USHER_DECLINE;
	if (call->host->set_attribute(call, "how", how.ptr, how.len) ||
	    call->host->emit(call, "advised", TEXT("{}")))
		return USHER_FAIL;
	return act(call, how.ptr);
}

static int choose(void *state, struct usher_call *call)
{
	(void)state;
	return call->host->set_redirect(call, TEXT("https://desk.example/")) ?
		USHER_FAIL : USHER_OK;
}

/* Goes wrong here where the handoff said "later". */
static int deliver(void *state, struct usher_call *call)
{
	struct usher_str how;

	(void)state;
	if (call->host->get(call, USHER_ATTRIBUTE, "how", &how))
		return USHER_DECLINE;
	if (call->host->set_redirect(call, TEXT("https://desk.example/in")))
		return USHER_FAIL;
	return !strncmp(how.ptr, "later ", 6) ? act(call, how.ptr + 6) :
						USHER_OK;
}

USHER_ADAPTER_DEFINE_FLAGS(USHER_ADVISORY, .name = "advisor", .version = "1",
			   .map_fields = map, .choose_redirect = choose,
			   .deliver = deliver)
