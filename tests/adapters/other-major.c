#include <usher/adapter.h>

const struct usher_adapter *usher_adapter_entry(void)
{
	static const struct usher_adapter adapter = {
		USHER_MAGIC, sizeof(adapter), USHER_ABI_MAJOR + 1, 0, 0,
		.name = "other-major", .version = "1"
	};

	return &adapter;
}
