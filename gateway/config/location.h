/*
 * location: where in a configuration we are, for findings about it.
 */
#ifndef CONFIG_LOCATION_H
#define CONFIG_LOCATION_H

#include "config/report.h"

/* Texts, with their terminators. */
#define LOCATION_PROBLEM_MAX 512
#define LOCATION_FIRST_MAX (LOCATION_PROBLEM_MAX + 160)

struct location {
	struct report *report;
	enum report_level level;	/* of errors here */
	struct str file;
	struct str tenant;		/* absent: none or unknown */
	/* what was found */
	unsigned errors;
	char first[LOCATION_FIRST_MAX];	/* "url must be ..." */
	unsigned first_line;
};

/*
 * `setting` as in struct finding, `remedy` may be NULL; both and the formatted
 * problem are copied.
 */
void location_error(struct location *location, unsigned line,
		    const char *setting, const char *remedy, const char *fmt,
		    ...) __attribute__((format(printf, 5, 6)));
void location_warn(struct location *location, unsigned line,
		   const char *setting, const char *remedy, const char *fmt,
		   ...) __attribute__((format(printf, 5, 6)));

#endif
