#include <usher/adapter.h>

const struct usher_adapter *usher_adapter_entry(void)
{
	static const struct usher_adapter adapter = {
		USHER_MAGIC, sizeof(adapter), USHER_ABI_MAJOR,
		USHER_ABI_MINOR + 1, 0, .name = "newer-minor", .version = "1"
	};

	return &adapter;
}
