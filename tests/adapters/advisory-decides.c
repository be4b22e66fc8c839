/* Says that it only advises, and has a hook that decides. */
#include <usher/adapter.h>

static int sync_user(void *state, struct usher_call *call)
{
	(void)state;
	(void)call;
	return USHER_DENY;
}

USHER_ADAPTER_DEFINE_FLAGS(USHER_ADVISORY, .name = "advisory-decides",
			   .version = "1", .sync_user = sync_user)
