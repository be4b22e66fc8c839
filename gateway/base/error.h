/*
 * error: one list of what can go wrong in the lower floors, with one table
 * of texts.
 *
 * Functions return 0 or one of these (never negative, never errno), outputs
 * stay untouched on failure.  A parser that can point at the place fills a
 * struct fault besides.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

enum err {
	ERR_OK = 0,
	ERR_NOMEM,	/* memory, or a pool's limit */
	ERR_LIMIT,	/* a named limit of the caller or of the format */
	ERR_SYNTAX,	/* the grammar */
	ERR_UTF8,	/* not well-formed UTF-8 (RFC 3629) */
	ERR_CONTROL,	/* a NUL or other control character */
	ERR_DUPLICATE,	/* a name given twice */
	ERR_RANGE,	/* a number outside its range */
	ERR_UNSUPPORTED,/* well-formed, but not something we do */
	ERR_AUTH,	/* an authentication tag or signature does not hold */
	ERR_EXPIRED,	/* past its time */
	ERR_NOT_FOUND,
	ERR_CONFLICT,	/* with what is stored already */
	ERR_USED,	/* a one-time thing was used before */
	ERR_BUSY,	/* a queue or table is full: try again later */
	ERR_IO,		/* the system said no; errno may say more */
	ERR_INTERNAL,	/* a thing that cannot be, was: a defect */
	ERR_COUNT
};

/* Where in the input, and what: `detail` is a constant string or NULL. */
struct fault {
	enum err err;
	size_t offset;		/* bytes from the start of the input */
	const char *detail;
};

/* A short English phrase, lower case, no full stop; never NULL. */
const char *err_text(enum err err);
/* An errno's, as strerror(3) has it in English; never NULL. */
const char *errno_text(int error);

/* Fill *fault (may be NULL) and return `err`: `return fault_set(...)`. */
enum err fault_set(struct fault *fault, enum err err, size_t offset,
		   const char *detail);

#endif
