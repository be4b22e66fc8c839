/*
 * charref: HTML's character references back into text, for values that a page
 * escaped before it sent them (`o&#039;brien@example.com`).
 *
 * Read are, with the ';' and nothing left out:
 *
 *	&#N; &#xN;	1 to CHARREF_DIGITS_MAX digits, leading zeros among
 *			them; the x and the digits in either case
 *	&amp; &lt; &gt; &quot; &apos;	in small letters
 *
 * This is all that escaping makes, whatever the page is written in.  HTML has
 * some 2,200 names more, &nbsp; and &eacute; among them: no escaper needs them,
 * and each one read is one more text that cannot be meant as it stands.
 *
 * Once, never twice: what a reference stands for is text, so `&amp;lt;` is
 * "&lt;".  A reference to a TAB, LF or CR is read, and whoever refuses one that
 * came as such refuses that one too.  One to another control character (NUL,
 * DEL, C1), a surrogate or past U+10FFFF stands for no text: it stays as it is,
 * as does whatever else is not in the table above.
 */
#ifndef CODEC_CHARREF_H
#define CODEC_CHARREF_H

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define CHARREF_DIGITS_MAX 8
#define CHARREF_NAME_MAX 32	/* octets of a name in what looks like one */

/*
 * Does something stand in it that is a reference, or looks like one: '&', then
 * '#' and a number or a name of any kind (&eacute;), then ';'?
 */
bool charref_is_in(struct str in);
/*
 * The text without them, no longer than `in`; `in` itself where there is none.
 * UTF-8 stays UTF-8.  ERR_NOMEM.
 */
enum err charref_decode(struct pool *pool, struct str in, struct str *out_r);

#endif
