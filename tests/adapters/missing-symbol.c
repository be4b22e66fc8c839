/* Needs a function that no library has. */
#include <usher/adapter.h>

int usher_test_nobody_defines_this(void);

static int map(void *state, struct usher_call *call)
{
	(void)state;
	(void)call;
	return usher_test_nobody_defines_this();
}

USHER_ADAPTER_DEFINE(.name = "missing-symbol", .version = "1",
		     .map_fields = map)
