/*
 * chunks: is a body in chunks what RFC 9112 section 7.1 says, octet by octet?
 *
 * The library takes a bare LF for a line's end there, which a proxy may read
 * otherwise: where one sees a chunk's end the other sees data.  So the octets
 * are followed beside it, as they came, and a request whose body did not end
 * in this grammar is refused:
 *
 *	*( 1*HEXDIG [ ";" text ] CRLF data CRLF )
 *	1*"0" [ ";" text ] CRLF *( token-octet text CRLF ) CRLF
 *
 * where text has no control character but HTAB, and CHUNKS_TEXT_MAX octets at
 * most: the library hangs up where its memory does not hold an extension.
 */
#ifndef HTTP_CHUNKS_H
#define HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNKS_DIGITS_MAX 15		/* of one chunk's size */
#define CHUNKS_TEXT_MAX 4096		/* octets, of one line */

enum chunks_state {
	CHUNKS_SIZE,		/* the first: zeroed is a body's beginning */
	CHUNKS_EXTENSION,
	CHUNKS_SIZE_LF,
	CHUNKS_DATA,
	CHUNKS_DATA_CR,
	CHUNKS_DATA_LF,
	CHUNKS_LINE,		/* a trailer's, or the empty one at the end */
	CHUNKS_TRAILER,
	CHUNKS_TRAILER_LF,
	CHUNKS_END_LF,
	CHUNKS_DONE,
	CHUNKS_BAD,
};

struct chunks {
	enum chunks_state state;
	bool has_extension;		/* one of them had */
	/* private */
	unsigned digits, text;
	uint64_t left;			/* octets of the chunk under way */
};

/* What follows the end is not looked at. */
void chunks_feed(struct chunks *chunks, const char *data, size_t len);

#endif
