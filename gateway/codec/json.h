/*
 * json: JSON (RFC 8259) in, as fields; and out, written piece by piece.
 *
 * Reading uses jansson with duplicate names refused.  Writing is done here,
 * because fixed shapes written directly cost a tenth of a tree.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <stdint.h>

#include "base/buf.h"
#include "codec/fields.h"

#define JSON_DEPTH_MAX 16	/* nesting of arrays and objects */

/*
 * One object.  Strings become text, true/false "true"/"false", integers their
 * shortest decimal text, reals as %.17g shortened to what reads back the same; null is
 * as if the name were not there; arrays and objects become FIELD_JSON (compact
 * text, names in their order).  Text is checked as utf8_check_text() does.
 * Slices live in out's pool.  Errors as form_parse().
 */
enum err json_parse_fields(struct str in, struct fields *out,
			   struct fault *fault);

/* Append a quoted string; escapes what RFC 8259 demands, and '<', '>', '&',
 * U+2028 and U+2029 so that the text may stand inside HTML. */
void json_add_str(struct buf *out, struct str s);
void json_add_int(struct buf *out, int64_t n);
/*
 * Append `"name":"value"` etc., with a comma first unless the last byte is
 * '{' or '['.  `name` is a constant that needs no escaping.
 */
void json_add_member(struct buf *out, const char *name, struct str value);
void json_add_member_int(struct buf *out, const char *name, int64_t value);
void json_add_member_bool(struct buf *out, const char *name, bool value);
/* Append `"name":` and the value as it stands: it is JSON already. */
void json_add_member_raw(struct buf *out, const char *name, struct str json);
/* A member whose name is data too. */
void json_add_pair(struct buf *out, struct str name, struct str value);
/* All fields as one object: text quoted, FIELD_JSON raw. */
void json_add_fields(struct buf *out, const struct fields *fields);

#endif
