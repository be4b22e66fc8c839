/*
 * form: application/x-www-form-urlencoded (WHATWG URL, section 5.1), strictly.
 *
 * Serves request bodies and query strings.  Where the WHATWG parser guesses,
 * this one refuses: a stray '%', NUL or control characters after decoding,
 * what is not UTF-8, an empty name, a name given twice; a posted body
 * (codec/posted.h) may have names twice and TAB, LF and CR in values.
 * A name without '=' is an empty field, as there.  Empty pairs ("a=1&&b=2", a
 * trailing '&') are accepted: browsers' own serialisers never make them, but
 * hand-written clients do; so are a raw space, raw UTF-8 and a '=' inside a
 * value, which can mean one thing only.
 */
#ifndef CODEC_FORM_H
#define CODEC_FORM_H

#include "codec/fields.h"

/*
 * Adds to `out`; decoded slices live in out's pool, so `in` may go.  Takes
 * in.len bytes of the pool, in one piece.  Any error of fields_add() or
 * ERR_SYNTAX, ERR_UTF8, ERR_CONTROL; *fault (may be NULL) then says what and
 * where in `in`, and `out` holds what it held before.
 */
enum err form_parse(struct str in, struct fields *out, struct fault *fault);

#endif
