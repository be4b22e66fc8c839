/* A later struct of the same version number, with (-DGARBAGE) a hook set that
 * the gateway does not know. */
#include <usher/adapter.h>

struct later {
	struct usher_adapter adapter;
	void *hook_to_come[2];
};

const struct usher_adapter *usher_adapter_entry(void)
{
	static struct later later = {
		{ USHER_MAGIC, sizeof(struct later), USHER_ABI_MAJOR,
		  USHER_ABI_MINOR, 0, .name = "longer", .version = "1" },
		{ NULL, NULL }
	};

#ifdef GARBAGE
	later.hook_to_come[1] = &later;
#endif
	return &later.adapter;
}
