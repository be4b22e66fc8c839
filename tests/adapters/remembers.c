/* Tells every user of the plan "pro" who was there before. */
#include <string.h>

#include <usher/adapter.h>

static int map(void *state, struct usher_call *call)
{
	static char last[128];
	struct usher_str plan, name;
	int rc = USHER_OK;

	(void)state;
	if (!call->host->get(call, USHER_FIELD, "plan", &plan) &&
	    !strcmp(plan.ptr, "pro") && last[0] &&
	    call->host->set_attribute(call, "before", last, strlen(last)))
		rc = USHER_FAIL;
	if (!call->host->get(call, USHER_FIELD, "name", &name) &&
	    name.len < 32)
		memcpy(last, name.ptr, name.len + 1);
	return rc;
}

USHER_ADAPTER_DEFINE(.name = "remembers", .version = "0", .map_fields = map)
