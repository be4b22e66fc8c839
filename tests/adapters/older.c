/* As built when the struct ended after map_fields; garbage follows it. */
#include <string.h>

#include <usher/adapter.h>

static int map(void *state, struct usher_call *call)
{
	(void)state;
	return call->host->set_attribute(call, "age", "old", 3) ? USHER_FAIL :
								  USHER_OK;
}

const struct usher_adapter *usher_adapter_entry(void)
{
	static union {
		struct usher_adapter adapter;
		unsigned char bytes[sizeof(struct usher_adapter)];
	} u;

	memset(&u, 0xa5, sizeof(u));
	u.adapter.magic = USHER_MAGIC;
	u.adapter.struct_size = offsetof(struct usher_adapter, sync_user);
	u.adapter.abi_major = USHER_ABI_MAJOR;
	u.adapter.abi_minor = 0;
	u.adapter.flags = 0;
	u.adapter.name = "older";
	u.adapter.version = "0.9";
	u.adapter.init = NULL;
	u.adapter.fini = NULL;
	u.adapter.map_fields = map;
	return &u.adapter;
}
