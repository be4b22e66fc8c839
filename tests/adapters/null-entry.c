#include <usher/adapter.h>

const struct usher_adapter *usher_adapter_entry(void)
{
	return NULL;
}
