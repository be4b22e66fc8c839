/*
 * html: text into HTML.
 */
#ifndef CODEC_HTML_H
#define CODEC_HTML_H

#include "base/buf.h"

/* Append as element content or as a double- or single-quoted attribute's value. */
void html_add(struct buf *out, struct str s);

#endif
