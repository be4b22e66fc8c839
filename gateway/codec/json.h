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
#define JSON_VALUES_MAX 2048	/* commas and opening brackets together */

/*
 * One object.  Strings become text, true/false "true"/"false", integers their
 * shortest decimal text, reals as %.17g shortened to what reads back the same;
 * null is as if the name were not there (in a posted body, codec/posted.h, a
 * strict name's is an empty text); what was no string is_literal; arrays and objects become FIELD_JSON
 * (compact text, names in their order, strings as json_add_str() writes them).
 * All text, names and nested text too, is checked as utf8_check_text() does.
 * In a posted body strings may hold TAB, LF and CR, escaped, and its names may
 * come twice, but those of nested objects.
 * Slices live in out's pool.  Errors as form_parse(), with ERR_LIMIT for the
 * limits above and ERR_RANGE for a number that no int64_t or double can hold.
 */
enum err json_parse_fields(struct str in, struct fields *out,
			   struct fault *fault);

/*
 * The same for people's text: values may hold TAB, LF and CR (escaped, as JSON
 * has it), and one text may have JSON_TEXT_MAX octets.
 */
#define JSON_TEXT_MAX (32 * 1024)
enum err json_parse_text(struct str in, struct fields *out,
			 struct fault *fault);

/*
 * A list of objects: of `in`, one object, the member `name`, an array of at most
 * `max` objects, each into one of `out` (fields_init()ed), as
 * json_parse_fields() does; but what is nested in them and has more than
 * FIELD_VALUE_MAX octets is left out, and values may hold TAB, LF and CR.  What
 * else the outer object holds is left out.  Errors as there; ERR_NOT_FOUND:
 * there is no such member; ERR_LIMIT: more than `max`.
 */
enum err json_parse_objects(struct str in, const char *name,
			    struct fields *out, unsigned max,
			    unsigned *count_r, struct fault *fault);

/*
 * Append a quoted string; escapes what RFC 8259 demands, and '<', '>', '&',
 * U+2028 and U+2029 so that the text may stand inside HTML.  Bytes that are
 * not UTF-8 become U+FFFD, so that what is written always is JSON.
 */
void json_add_str(struct buf *out, struct str s);
/*
 * What came, for the middle of a message: as above, terminated, in the pool; of
 * a long one the first JSON_QUOTED_MAX octets.  Never NULL: without memory, which
 * the message's own will then lack as well, it is "".
 */
#define JSON_QUOTED_MAX 64
const char *json_quoted(struct pool *pool, struct str s);
/*
 * The same of what may be somebody's, for texts that are kept: an address stands
 * wherever a partner's code puts one.  Only printable ASCII of up to
 * JSON_QUOTED_MAX octets without an @ (or %40) is quoted; the rest is told of:
 * "a text of 23 octets with an @".
 */
const char *json_told(struct pool *pool, struct str s);
void json_add_int(struct buf *out, int64_t n);
/*
 * Append `"name":"value"` etc., with a comma first unless the last byte is
 * '{' or '[' or there is none.  `name` is a constant that needs no escaping;
 * an absent value is written as an empty one.
 */
void json_add_member(struct buf *out, const char *name, struct str value);
void json_add_member_int(struct buf *out, const char *name, int64_t value);
void json_add_member_bool(struct buf *out, const char *name, bool value);
/* Append `"name":` and the value as it stands: it is JSON already. */
void json_add_member_raw(struct buf *out, const char *name, struct str json);
/* All fields as one object: text quoted, FIELD_JSON raw. */
void json_add_fields(struct buf *out, const struct fields *fields);

#endif
