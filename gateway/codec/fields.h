/*
 * fields: the named values of one request, whatever its body's format.
 *
 * Names are unique, matched byte by byte, in the order of their arrival.
 * Slices are borrowed: names and values live in the pool given or in the
 * request's body, as the parser says.
 */
#ifndef CODEC_FIELDS_H
#define CODEC_FIELDS_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define FIELDS_MAX 256		/* fields of one request */
#define FIELD_NAME_MAX 128	/* octets */
#define FIELD_VALUE_MAX 8192	/* octets */

enum field_kind {
	FIELD_TEXT,	/* UTF-8 text without control characters */
	FIELD_JSON,	/* a nested JSON array or object, as its compact text */
	/* between a parser and posted_settle() only: */
	FIELD_FILE,	/* a file */
	FIELD_NULL,	/* a null of JSON, which says nothing */
	FIELD_GONE,	/* what posted_settle() has dealt with */
};

struct field {
	struct str name, value;
	enum field_kind kind;
	bool is_literal;	/* of JSON: a number, true or false */
};

struct posted;

struct fields {
	struct field *v;
	unsigned count;
	/* private */
	unsigned cap, max;	/* max: of count; parsers may lower it */
	size_t value_max;	/* octets of one value; parsers may raise it */
	struct pool *pool;
	const struct posted *posted;	/* codec/posted.h; NULL: strict */
	bool has_repeats;		/* a name stands here twice */
	struct str twice;		/* the strict name of a posted body that
					 * came twice: ERR_DUPLICATE */
	struct str bad;			/* whose value is no text: ERR_UTF8,
					 * ERR_CONTROL; absent: not known.  In
					 * JSON as it stands there. */
};

void fields_init(struct fields *fields, struct pool *pool);
/*
 * Does not copy. ERR_DUPLICATE, ERR_LIMIT (count or lengths), ERR_NOMEM; for
 * a posted body (codec/posted.h) ERR_DUPLICATE for its strict names only.
 */
enum err fields_add(struct fields *fields, struct str name, struct str value,
		    enum field_kind kind);
/* The same for parsers: *fault (may be NULL) says what failed at `offset`. */
enum err fields_add_at(struct fields *fields, struct str name,
		       struct str value, enum field_kind kind, size_t offset,
		       struct fault *fault);
/* Add or replace, copying both into the pool. ERR_LIMIT, ERR_NOMEM. */
enum err fields_set(struct fields *fields, struct str name, struct str value,
		    enum field_kind kind);
/* Was it there? Order of the others is kept. */
bool fields_del(struct fields *fields, struct str name);
/* NULL where there is none. */
const struct field *fields_get(const struct fields *fields, struct str name);
/* The value, absent (ptr NULL) where there is none. */
struct str fields_value(const struct fields *fields, struct str name);

#endif
