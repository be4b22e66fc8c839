/*
 * Says with an event what the field "say" of a handoff says: letters, digits
 * and '-'.
 */
#include <stdio.h>

#include <usher/adapter.h>

static int map(void *state, struct usher_call *call)
{
	char body[128];
	struct usher_str say;
	int n;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "say", &say))
		return USHER_DECLINE;
	n = snprintf(body, sizeof(body), "{\"say\":\"%s\"}", say.ptr);
	if (n < 0 || n >= (int)sizeof(body))
		return USHER_FAIL;
	return call->host->emit(call, "said", body, (size_t)n) ? USHER_FAIL :
								 USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "tells", .version = "1", .map_fields = map)
