#include "base/error.h"

#include <string.h>

static const char *const texts[ERR_COUNT] = {
	[ERR_OK] = "no error",
	[ERR_NOMEM] = "out of memory",
	[ERR_LIMIT] = "over a limit",
	[ERR_SYNTAX] = "malformed",
	[ERR_UTF8] = "not UTF-8",
	[ERR_CONTROL] = "a control character",
	[ERR_DUPLICATE] = "given twice",
	[ERR_RANGE] = "out of range",
	[ERR_UNSUPPORTED] = "not supported",
	[ERR_AUTH] = "not authentic",
	[ERR_EXPIRED] = "expired",
	[ERR_NOT_FOUND] = "not found",
	[ERR_CONFLICT] = "in conflict with what is stored",
	[ERR_USED] = "already used",
	[ERR_BUSY] = "busy",
	[ERR_IO] = "input or output failed",
	[ERR_INTERNAL] = "internal error",
};

const char *err_text(enum err err)
{
	if ((unsigned)err >= ERR_COUNT)
		return "unknown error";
	return texts[err];
}

const char *errno_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "error";
}

enum err fault_set(struct fault *fault, enum err err, size_t offset,
		   const char *detail)
{
	if (fault)
		*fault = (struct fault){ err, offset, detail };
	return err;
}
