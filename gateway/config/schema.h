/*
 * schema: which settings there are, in two tables, and typed access to them.
 *
 * schema_check() holds a parsed group against its table: unknown names, wrong
 * types, texts that are not clean UTF-8, lengths, ranges, words, required
 * settings.  After it found nothing, the group_*() functions cannot fail: they
 * give what the file says, or the table's default.
 *
 * What a value means (is this a URL that may be used?) is not looked at here.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <libconfig.h>
#include <stdint.h>

#include "config/location.h"

#define SETTING_WORDS_MAX 5
#define SCHEMA_ERRORS_MAX 50	/* told of one group and what is in it */
#define SETTING_NAME_MAX 160	/* "adapter.config.company.from", with its
				 * terminator; longer ones are cut */

enum setting_type {
	SETTING_TEXT,
	SETTING_NUMBER,
	SETTING_SWITCH,		/* true or false */
	SETTING_WORD,		/* one of a few */
	SETTING_TEXTS,		/* a list of texts */
	SETTING_GROUP,
	SETTING_GROUPS,		/* a list of groups */
	SETTING_FREE,		/* a group of whatever its reader likes */
};

struct setting {
	const char *name;	/* NULL ends a table */
	enum setting_type type;
	bool is_required;
	bool is_at_start;	/* read at a start only: a reload that finds it
				 * changed says so, see
				 * snapshot_restart_needed() */
	/* the number, octets of a text (and of each of a list) */
	int64_t min, max;
	unsigned count_max;	/* of a list's elements */
	unsigned count_min;
	const char *text;	/* default; NULL: absent */
	int64_t number;		/* default of a number, a switch (0 or 1), or a
				 * word (its index) */
	const char *words[SETTING_WORDS_MAX + 1];
	const char *example;	/* as it would stand in a file */
	const struct setting *members;
};

extern const struct setting schema_gateway[], schema_tenant[];

/* A group of a file, or a missing one, which is all defaults. */
struct group {
	const config_setting_t *at;	/* NULL: missing */
	const struct setting *schema;
};

/* Findings go to `location`, the settings' names begin with `prefix`. */
void schema_check(struct group group, const char *prefix,
		  struct location *location);
/*
 * What to do about a name that is not in `schema` (nor at home elsewhere in
 * the two tables), as a sentence.
 */
void schema_suggest(const struct setting *schema, const char *name,
		    struct buf *out);

/* Slices are terminated and live as long as the parsed file. */
bool group_has(struct group group, const char *name);
/* The file's line; the group's own for a setting that is not there. */
unsigned group_line(struct group group, const char *name);
struct str group_text(struct group group, const char *name);
int64_t group_number(struct group group, const char *name);
bool group_switch(struct group group, const char *name);
/* The index in setting.words. */
unsigned group_word(struct group group, const char *name);
struct group group_group(struct group group, const char *name);
/* Of a list, which may be missing. */
unsigned group_count(struct group group, const char *name);
struct str group_text_at(struct group group, const char *name, unsigned i);
struct group group_group_at(struct group group, const char *name, unsigned i);

#endif
