#include "module/descriptor.h"

#include "codec/utf8.h"

#define FLAGS_KNOWN USHER_ADVISORY

/* What every version of the struct has: up to and including `version`. */
#define HEAD_SIZE (offsetof(struct usher_adapter, init))

bool descriptor_is_name(const char *name)
{
	size_t len = strnlen(name, USHER_ADAPTER_NAME_MAX + 1);

	if (!len || len > USHER_ADAPTER_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(name[i]) && !ascii_is_digit(name[i]) &&
		    !strchr("_-.", name[i]))
			return false;
	return true;
}

bool descriptor_is_version(const char *version)
{
	size_t len = strnlen(version, USHER_ADAPTER_NAME_MAX + 1);

	return len && len <= USHER_ADAPTER_NAME_MAX &&
	       !utf8_check_text((struct str){ version, len }, NULL);
}

static enum err check_versions(const struct usher_adapter *raw,
			       struct buf *problem)
{
	if (raw->magic != USHER_MAGIC) {
		buf_printf(problem, "it does not begin with USHER_MAGIC (0x%08x"
			   " instead of 0x%08x); build it with "
			   "<usher/adapter.h> and USHER_ADAPTER_DEFINE()",
			   raw->magic, USHER_MAGIC);
		return ERR_SYNTAX;
	}
	if (raw->abi_major != USHER_ABI_MAJOR) {
		buf_printf(problem, "it was built for adapter ABI %u.%u and "
			   "this gateway runs %u.%u; build it with this "
			   "gateway's SDK", raw->abi_major, raw->abi_minor,
			   USHER_ABI_MAJOR, USHER_ABI_MINOR);
		return ERR_UNSUPPORTED;
	}
	if (raw->abi_minor > USHER_ABI_MINOR) {
		buf_printf(problem, "it was built for the newer adapter ABI "
			   "%u.%u and this gateway runs %u.%u; upgrade the "
			   "gateway, or build it with this gateway's SDK",
			   raw->abi_major, raw->abi_minor, USHER_ABI_MAJOR,
			   USHER_ABI_MINOR);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static enum err check_size(const struct usher_adapter *raw,
			   struct buf *problem)
{
	const unsigned char *bytes = (const unsigned char *)raw;
	size_t size = raw->struct_size;

	if (size < HEAD_SIZE || size > DESCRIPTOR_SIZE_MAX ||
	    (size - HEAD_SIZE) % sizeof(void *)) {
		buf_printf(problem, "its struct_size is %zu, which no version "
			   "has; set it to sizeof(struct usher_adapter), as "
			   "USHER_ADAPTER_DEFINE() does", size);
		return ERR_SYNTAX;
	}
	for (size_t i = sizeof(*raw); i < size; i++) {
		if (!bytes[i])
			continue;
		buf_printf(problem, "it has a hook that this gateway does not "
			   "know (at byte %zu of %zu; %zu are known); upgrade "
			   "the gateway, or build it with this gateway's SDK",
			   i, size, sizeof(*raw));
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

static enum err check_head(const struct usher_adapter *raw,
			   struct buf *problem)
{
	if (raw->flags & ~FLAGS_KNOWN) {
		buf_printf(problem, "it sets flags 0x%x, of which this gateway "
			   "does not know 0x%x; upgrade the gateway, or build "
			   "it with this gateway's SDK", raw->flags,
			   raw->flags & ~FLAGS_KNOWN);
		return ERR_UNSUPPORTED;
	}
	if (!raw->name || !descriptor_is_name(raw->name)) {
		buf_printf(problem, "its descriptor has %s name; set .name to "
			   "1 to %d letters, digits, '_', '-' or '.'",
			   raw->name ? "an unusable" : "no",
			   USHER_ADAPTER_NAME_MAX);
		return ERR_SYNTAX;
	}
	if (!raw->version || !descriptor_is_version(raw->version)) {
		buf_printf(problem, "its descriptor has %s version; set "
			   ".version to a text of 1 to %d bytes",
			   raw->version ? "an unusable" : "no",
			   USHER_ADAPTER_NAME_MAX);
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

/* Of a whole one: a promise that it cannot keep is none. */
static enum err check_promise(const struct usher_adapter *adapter,
			      struct buf *problem)
{
	if (!(adapter->flags & USHER_ADVISORY) || !adapter->sync_user)
		return ERR_OK;
	buf_puts(problem, "it says that it only advises (USHER_ADVISORY) and "
		 "has a sync_user hook, which decides; leave out the one or "
		 "the other");
	return ERR_SYNTAX;
}

enum err descriptor_check(const struct usher_adapter *raw,
			  struct usher_adapter *out_r, struct buf *problem)
{
	struct usher_adapter whole = { 0 };
	enum err err;
	size_t size;

	if (!raw) {
		buf_puts(problem, USHER_ENTRY_NAME "() returned NULL; let it "
			 "return the descriptor, as USHER_ADAPTER_DEFINE() "
			 "does");
		return ERR_SYNTAX;
	}
	/* Magic and version come first: they say whether the rest means
	 * anything. */
	err = check_versions(raw, problem);
	if (!err)
		err = check_size(raw, problem);
	if (!err)
		err = check_head(raw, problem);
	if (err)
		return err;
	size = raw->struct_size;
	if (size > sizeof(whole))
		size = sizeof(whole);
	memcpy(&whole, raw, size);
	whole.struct_size = sizeof(whole);
	err = check_promise(&whole, problem);
	if (!err)
		*out_r = whole;
	return err;
}
