/*
 * descriptor: is what an adapter's entry returned something that we can run?
 *
 * Pure: looks at memory, calls nothing of the adapter.  The rules are those
 * of <usher/adapter.h>: a hook that we would ignore might have been the one
 * that refuses, so whatever is not understood is refused.
 */
#ifndef MODULE_DESCRIPTOR_H
#define MODULE_DESCRIPTOR_H

#include <stdbool.h>

#include <usher/adapter.h>

#include "base/buf.h"
#include "base/error.h"

/* Bytes; a larger struct_size is garbage rather than a later version. */
#define DESCRIPTOR_SIZE_MAX 4096

/*
 * Check `raw` (may be NULL) and copy it to *out_r, members that an older,
 * shorter struct lacks zeroed.  ERR_UNSUPPORTED for another version,
 * ERR_SYNTAX for anything malformed; *problem then gained one sentence that
 * says what is wrong and what to do, without a full stop.
 */
enum err descriptor_check(const struct usher_adapter *raw,
			  struct usher_adapter *out_r, struct buf *problem);

/* What its name may be (letters, digits, '_', '-', '.') and its version (text):
 * 1 to USHER_ADAPTER_NAME_MAX bytes. */
bool descriptor_is_name(const char *name);
bool descriptor_is_version(const char *version);

#endif
