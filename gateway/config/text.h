/*
 * text: looks at a configuration file's text before libconfig does.
 *
 * libconfig 1.5 reads some things otherwise than they look: 3000000000 becomes
 * negative, 3L reads as 0 and 010 as 10; @include follows absolute paths and
 * is relative to the working directory.  Its parser takes time in the square of
 * a group's size.  So the text is tokenised here first, with the library's own
 * lexical rules (strings, '#', '//' and block comments), held against its
 * grammar, and what would not be read, or misread, is refused with its line.
 *
 * What people write elsewhere gets a remedy of its own: single quotation marks,
 * words without any, yes and on for true.  A name that is given twice is told
 * with both its lines, and a text without its closing mark where it begins.
 *
 * The same pass collects the slugs that stand in the text, so that a tenant
 * whose file does not parse can still be told from one that never was, and
 * looks for the gateway group, whose file matters more than the others, and in
 * it for where the state and the socket are (config/place.h).
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "base/str.h"
#include "config/grammar.h"

#define TEXT_SETTINGS_MAX 8192	/* '=' and ':' in one file */
#define TEXT_FAULTS_MAX 20	/* told of one file; reading stops there */
#define TEXT_SLUGS_MAX 1024	/* collected; further ones are passed over */

struct text_fault {
	unsigned line;
	const char *problem, *remedy;	/* constant; remedy may be NULL */
	struct str token;		/* a slice of the text; may be absent */
	unsigned first_line;		/* of a name that is given twice: where
					 * it was given first; else 0 */
};

struct text_slug {
	struct str slug;		/* a slice of the text, not checked */
	unsigned line;
};

/* Private: the names of all groups that are open, one behind the other. */
struct text_names {
	struct {
		struct str name;
		unsigned line;
	} v[TEXT_SETTINGS_MAX + 1];
	unsigned count;
	/* where those of each level begin */
	unsigned begin[GRAMMAR_DEPTH_MAX + 2];
};

struct text_scan {
	struct text_fault faults[TEXT_FAULTS_MAX];
	unsigned fault_count;
	struct text_slug slugs[TEXT_SLUGS_MAX];
	unsigned slug_count;
	bool has_gateway;		/* `gateway =` stands outside of all
					 * groups */
	struct text_names names;
	struct str state, admin;	/* of that group, slices of the text,
					 * not checked; absent: not there */
};

/* Never fails; an empty list of faults means that libconfig may read it. */
void text_scan(struct str text, struct text_scan *out);

#endif
