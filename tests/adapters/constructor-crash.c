/* Ends before anybody asked who it is: constructors run while it is loaded. */
#include <usher/adapter.h>

static volatile unsigned long sink;

__attribute__((constructor)) static void first(void)
{
	*(volatile int *)sink = 1;
}

USHER_ADAPTER_DEFINE(.name = "constructor", .version = "0")
