/*
 * multipart: multipart/form-data (RFC 7578, RFC 2046 section 5.1), strictly.
 *
 * Fields only: a part with a filename is ERR_UNSUPPORTED; in a posted body
 * (codec/posted.h) a FIELD_FILE without a value instead, unless its name is a
 * strict one: its content, type and encoding are not looked at.  Values there
 * may hold TAB, LF and CR.  ERR_UNSUPPORTED is also a
 * Content-Transfer-Encoding other than 7bit, 8bit or binary, a multipart
 * within, and a charset other than UTF-8 or US-ASCII.  Every part needs one
 * Content-Disposition: form-data with one non-empty name and nothing else.
 * Further headers are checked and passed over.  Line ends are CRLF.  The
 * closing delimiter is demanded; a preamble and anything but white space after
 * the end are refused.  What starts like a delimiter has to be one.
 *
 * Names are read as browsers write them (WHATWG HTML, section
 * 4.10.21.8): %22, %0D and %0A stand for '"', CR and LF (the latter two are
 * then refused as control characters), any other '%' and '\' for itself.
 */
#ifndef CODEC_MULTIPART_H
#define CODEC_MULTIPART_H

#include "codec/fields.h"

#define MULTIPART_BOUNDARY_MAX 70	/* RFC 2046 section 5.1.1 */
#define MULTIPART_PART_HEADERS_MAX 8

/*
 * As form_parse(), with ERR_UNSUPPORTED too; names and values are slices of
 * `in`, which must outlive `out` (names with an escape live in out's pool).
 * A boundary that breaks the grammar of RFC 2046 is ERR_SYNTAX at offset 0.
 */
enum err multipart_parse(struct str in, struct str boundary,
			 struct fields *out, struct fault *fault);

#endif
