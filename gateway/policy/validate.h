/*
 * validate: what of a handoff may be stored, and the errors of what may not,
 * in the shape that Laravel's validator has and partners know.
 *
 * White space around a value is dropped as Laravel's TrimStrings does: U+0009
 * to U+000D, U+0020, U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029,
 * U+202F, U+205F, U+3000, and the invisible U+200B, U+200E and U+FEFF.  A line
 * end or a TAB within one is an error of that field.
 *
 *  email		demanded; codec/email.h; at most 254 octets; one with
 *		HTML's character references in it (codec/charref.h) is told
 *		what happened, and how to mend the page
 *  name		demanded, but where it is empty (the guide's snippets
 *		send name: '' for a user without one) it becomes the part
 *		of the address before its '@'; at most 255 code points
 *  redirect_url	optional, and may be empty; at most 2,048 octets;
 *		policy/redirect.h
 */
#ifndef POLICY_VALIDATE_H
#define POLICY_VALIDATE_H

#include "base/buf.h"
#include "base/error.h"
#include "codec/email.h"
#include "codec/fields.h"
#include "policy/redirect.h"

#define VALIDATE_ERRORS_MAX 32		/* kept; later ones are dropped */
#define VALIDATE_NAME_MAX 255		/* code points */
#define VALIDATE_MESSAGE_MAX 512	/* octets; longer ones are cut */

struct invalid {
	struct str field, message;
	const char *why;	/* in short, for the trail; NULL: see there */
};

/* Why of a redirect_url that a place in the tenant's list would mend. */
#define VALIDATE_NO_PLACE "not a place that redirects allows"
/* ... and of an address that decode_html would. */
#define VALIDATE_ESCAPED "escaped for HTML"

struct invalid_list {
	struct invalid v[VALIDATE_ERRORS_MAX];
	unsigned count;
	/* private */
	struct pool *pool;
	bool failed;		/* an error was lost for lack of memory */
};

struct validation {
	const struct fields *fields;
	const struct redirect_policy *redirects;
	struct pool *pool;	/* for what comes out */
};

/* Slices live in the pool or in the fields. */
struct validated {
	struct email email;
	struct str name;
	struct str redirect_url;	/* to be used as it is; absent: none */
};

/* What is wrong lives in `pool`. */
void invalid_list_init(struct invalid_list *list, struct pool *pool);
/*
 * Add one, copied, unless it is there; for adapters too.  The name is cut at
 * FIELD_NAME_MAX and the message at VALIDATE_MESSAGE_MAX octets, at a
 * character's start.  `why` is constant and tells nothing that was posted, or
 * NULL, as for what an adapter says.  Without memory nothing is added, but the
 * list never counts as clean again.
 */
void validate_add_error(struct invalid_list *list, struct str field,
			struct str message, const char *why);

/*
 * Check all fields and add every failing one to `list`, which may hold errors
 * already.  0 only when the list is empty after that: *out_r is set then.
 * ERR_SYNTAX when it is not, ERR_NOMEM.
 */
enum err validate(const struct validation *in, struct invalid_list *list,
		  struct validated *out_r);

/*
 * The body of the 422, compact:
 *	{"message":"The given data was invalid.","code":"validation_failed",
 *	"errors":{"email":["The email field is required."]}}
 * without the line break; fields in the order of their first error, all errors
 * of one field together.  With a hint there is a member "hint" before "errors".
 */
void validate_render(struct buf *out, const struct invalid_list *list,
		     struct str hint);

/* The slice without the white space above; for text that is UTF-8. */
struct str validate_trim(struct str s);

#endif
