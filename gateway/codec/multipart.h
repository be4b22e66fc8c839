/*
 * multipart: multipart/form-data (RFC 7578, RFC 2046 section 5.1), strictly.
 *
 * Fields only: a part with a filename is ERR_UNSUPPORTED, as is a
 * Content-Transfer-Encoding other than 7bit, 8bit or binary.  Every part
 * needs one Content-Disposition: form-data with one non-empty name.  Line
 * ends are CRLF.  The closing delimiter is demanded; a preamble and anything
 * but white space after the end are refused.
 */
#ifndef CODEC_MULTIPART_H
#define CODEC_MULTIPART_H

#include "codec/fields.h"

#define MULTIPART_BOUNDARY_MAX 70	/* RFC 2046 section 5.1.1 */
#define MULTIPART_PART_HEADERS_MAX 8

/* As form_parse(); values are slices of `in`, which must outlive `out`. */
enum err multipart_parse(struct str in, struct str boundary,
			 struct fields *out, struct fault *fault);

#endif
