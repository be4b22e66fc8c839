/*
 * file: configuration files, read with care and parsed by libconfig.
 *
 * Which files: all *.conf of one directory in byte order of their names, but
 * none that begins with a dot; sub-directories are not looked into.  A symbolic
 * link is followed, and relative paths in the file are relative to where the
 * link stands.  What text libconfig would misread is refused (config/text.h);
 * @include is, because each *.conf is read anyway.  A *.cfg or *.cnf beside
 * them is a warning.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <libconfig.h>

#include "config/report.h"
#include "config/text.h"

#define CONFIG_FILE_MAX (256 * 1024)	/* bytes of one file */
#define CONFIG_FILES_MAX 20000		/* in one directory */

struct config_file {
	/* set by the caller, for messages: "conf.d/acme.conf" */
	struct str path;
	/* what was found */
	bool is_parsed;			/* `config` may be used */
	bool is_unreadable;		/* it never came to reading its text */
	bool has_gateway;		/* its text seems to hold that group */
	config_t config;
	struct text_slug *slugs;	/* in `text`; not checked */
	unsigned slug_count;
	struct str state, admin;	/* of the gateway group, in `text`; not
					 * checked; absent: not there */
	struct str text;
};

/*
 * The names in byte order, terminated, in the pool.  -1 with a REPORT_FATAL
 * finding when the directory cannot be read or has over CONFIG_FILES_MAX.
 */
int config_file_list(const char *dir, struct pool *pool, struct str **names_r,
		     unsigned *count_r, struct report *report);
/*
 * Read and parse `name` of the open directory; file->path is set, the rest
 * zeroed.  -1 with findings: REPORT_FATAL for a file that seems to hold the
 * gateway group, REPORT_TENANT for others; slugs and has_gateway count all the
 * same.  Follow with config_file_done() in any case.
 */
int config_file_read(struct config_file *file, int dirfd, const char *name,
		     struct report *report);
/* The same for text in memory, which is copied. */
int config_file_parse(struct config_file *file, struct str text,
		      struct report *report);
/* Wipes the text. */
void config_file_done(struct config_file *file);

#endif
