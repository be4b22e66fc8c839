/* Fails in init in the way that the setting "how" says. */
#include <string.h>

#include <usher/adapter.h>

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	struct usher_str how = { "", 0 };

	(void)state;
	host->config(call, "how", &how);
	if (!strcmp(how.ptr, "error"))
		host->set_error(call, "how", "must be something else", 22);
	if (!strcmp(how.ptr, "error_ok")) {
		host->set_error(call, "how", "was seen too late", 17);
		return USHER_OK;
	}
	if (!strcmp(how.ptr, "decline"))
		return USHER_DECLINE;
	if (!strcmp(how.ptr, "deny"))
		host->set_deny(call, "no", "no", 2);
	if (!strcmp(how.ptr, "third")) {
		static int count;

		if (++count % 3)
			return USHER_OK;
	}
	return USHER_FAIL;
}

USHER_ADAPTER_DEFINE(.name = "init-fails", .version = "1", .init = init)
