/* Never ends, before anybody asked who it is: constructors run while it is loaded. */
#include <usher/adapter.h>

static volatile unsigned long sink;

__attribute__((constructor)) static void first(void)
{
	for (;;)
		sink++;
}

USHER_ADAPTER_DEFINE(.name = "constructor", .version = "0")
