/*
 * texts: what people read on the gateway's pages, in all languages.
 *
 * policy/texts/en.def says which texts there are; each language has a file with
 * the same names.  A name that English does not have does not compile, nor does
 * one twice; a unit suite finds what is missing, and placeholders that differ.
 * Programs' answers are in English, and not in here.
 */
#ifndef POLICY_TEXTS_H
#define POLICY_TEXTS_H

#include "base/buf.h"
#include "policy/language.h"

#define TEXT(name, ...) TEXT_##name,
enum text {
	TEXT_none,
#include "policy/texts/en.def"
	TEXTS
};
#undef TEXT

#define TEXTS_OWN_MAX 1000	/* octets of a text that a tenant wrote */

/* A language's, and what somebody wrote in place of it. */
struct texts {
	enum language language;
	const char *const *own;		/* TEXTS of them, NULL: ours; or NULL */
};

/* Never NULL; of TEXT_none it is "". */
const char *texts_get(const struct texts *texts, enum text text);
/* NULL: the file of that language leaves it out. */
const char *texts_of(enum language language, enum text text);
/* "page_error"; of TEXT_none "". */
const char *texts_name(enum text text);

/* The form of a text for `n`: all of it where it has none. */
struct str texts_form(enum language language, const char *text, uint64_t n);
/*
 * The next piece of a text: up to a {placeholder}, whose name is *name_r; with
 * an absent name up to the end.  false: there was nothing left.
 */
bool texts_piece(struct str *rest, struct str *piece_r, struct str *name_r);

/* Append, as members of an object, "name":"text" for each whose name begins with `prefix`, without it. */
void texts_add_members(struct buf *out, const struct texts *texts,
		       const char *prefix);

#endif
