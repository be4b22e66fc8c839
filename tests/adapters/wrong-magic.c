/* What a library that is no adapter, or another gateway's, looks like. */
#include <usher/adapter.h>

const struct usher_adapter *usher_adapter_entry(void)
{
	static const struct usher_adapter adapter = {
		0x12345678, sizeof(adapter), USHER_ABI_MAJOR, USHER_ABI_MINOR,
		0, .name = "wrong-magic", .version = "1"
	};

	return &adapter;
}
