/*
 * base64url: RFC 4648 section 5 without padding, as JOSE uses it.
 *
 * Decoding is strict: the alphabet only, no '=', no white space, unused bits
 * zero, so that each value has exactly one spelling.
 */
#ifndef CODEC_BASE64URL_H
#define CODEC_BASE64URL_H

#include "base/buf.h"
#include "base/error.h"

#define BASE64URL_LEN(bytes) (((bytes) * 4 + 2) / 3)

void base64url_add(struct buf *out, const void *data, size_t len);
/* Exactly BASE64URL_LEN(len) characters at `out`, not terminated. */
void base64url_encode(char *out, const void *data, size_t len);
/*
 * At most `size` bytes at `out`; *len_r says how many.  ERR_SYNTAX, or
 * ERR_LIMIT when more would be needed.  After ERR_SYNTAX the bytes at `out`
 * are zero, after ERR_LIMIT untouched.
 */
enum err base64url_decode(struct str in, void *out, size_t size,
			  size_t *len_r);

#endif
