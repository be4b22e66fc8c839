/*
 * language: which of the languages that the pages are in somebody reads.
 */
#ifndef POLICY_LANGUAGE_H
#define POLICY_LANGUAGE_H

#include <stdbool.h>

#include "base/str.h"

/* Longer fields, and those with more ranges, are as if they were not there. */
#define LANGUAGE_ACCEPT_MAX 1024	/* octets */
#define LANGUAGE_RANGES_MAX 64

enum language {
	LANGUAGE_EN,			/* where nothing says another */
	LANGUAGE_DE,
	LANGUAGE_FR,
	LANGUAGE_ES,
	LANGUAGE_AR,
	LANGUAGES,
	LANGUAGE_NONE = LANGUAGES,	/* none of them */
};

/* "de": as in HTML's lang and in a file's settings. */
const char *language_tag(enum language language);
bool language_is_rtl(enum language language);
/* Of "de", "de-AT" or, as some programs write them, "de_AT". */
enum language language_find(struct str tag);
/*
 * Of the value of an Accept-Language (RFC 9110 section 12.5.4): the one that
 * its reader likes best, the first named of several.  Each range is looked up
 * by itself (RFC 4647 section 3.4); "*" says nothing.  LANGUAGE_NONE: it names
 * none of them, or is not what the grammar says.
 */
enum language language_accepted(struct str value);

#endif
