/*
 * html: text into HTML.
 *
 * Not for what stands inside <script>, <style>, an event handler or an
 * unquoted attribute: nothing that varies belongs there.
 */
#ifndef CODEC_HTML_H
#define CODEC_HTML_H

#include "base/buf.h"

/*
 * Append as element content or as a double- or single-quoted attribute's
 * value: & < > " ' become references, other bytes stay as they are.
 */
void html_add(struct buf *out, struct str s);

#endif
