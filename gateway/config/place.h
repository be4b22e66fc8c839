/*
 * place: where in a configuration we are, for findings about it.
 */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "config/report.h"

/* Texts, with their terminators. */
#define PLACE_PROBLEM_MAX 512
#define PLACE_FIRST_MAX (PLACE_PROBLEM_MAX + 160)

struct place {
	struct report *report;
	enum report_level level;	/* of errors here */
	struct str file;
	struct str tenant;		/* absent: none or unknown */
	/* what was found */
	unsigned errors;
	char first[PLACE_FIRST_MAX];	/* "url must be ..." */
	unsigned first_line;
};

/*
 * `setting` as in struct finding, `remedy` may be NULL; both and the formatted
 * problem are copied.
 */
void place_error(struct place *place, unsigned line, const char *setting,
		 const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void place_warn(struct place *place, unsigned line, const char *setting,
		const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
