/*
 * report: what reading a configuration found, for people.
 *
 * Each finding names file, line, setting, what is wrong and what to do.  No
 * finding ever holds a secret: whoever adds one never quotes what it read
 * from a secret's file.
 *
 * A warning or a note that several tenants get in the same words is one finding:
 * it stands where the first of them has it, names a few, and counts the rest.
 * Errors stay apart, as each has to be mended by itself.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define REPORT_MAX 1000		/* findings kept; the rest are counted */
#define REPORT_MINOR_MAX 500	/* warnings and notes are kept up to here only,
				 * so that errors find room */
#define REPORT_BYTES_MAX (2 << 20)	/* of text in all of them */
#define REPORT_NAMED_MAX 3	/* tenants that one finding names */

enum report_level {
	REPORT_NOTE,
	REPORT_WARNING,		/* serves, but an operator should look */
	REPORT_TENANT,		/* this tenant does not serve, or goes on in
				 * its last good form */
	REPORT_FATAL,		/* the gateway cannot start, or keeps its old
				 * configuration */
};
#define REPORT_LEVELS 4

struct finding {
	enum report_level level;
	struct str file;	/* path as given; absent: the directory */
	unsigned line;		/* 0: unknown */
	struct str tenant;	/* slug; absent: none or unknown */
	struct str setting;	/* "session.idle"; absent: none */
	struct str problem;	/* "must be from 60 to 31536000, not 5" */
	struct str remedy;	/* what to do; absent: none */
	bool is_passing;	/* the adapter still starts: what comes of it
				 * is told later, see reload_amend() */
	bool is_of_now;		/* it hangs on what day it is: it is found anew
				 * whenever it is told, see reload_report() */
	/* private: tenants that have it too, and who else is named */
	unsigned more;
	struct str also[REPORT_NAMED_MAX - 1];
};

struct report {
	struct pool *pool;
	struct finding *v;
	unsigned count, dropped;
	unsigned cap;
	/* private: found of each level, dropped ones too */
	unsigned levels[REPORT_LEVELS];
};

/* -1: no memory. */
int report_init(struct report *report);
/* Accepts a zeroed one. */
void report_done(struct report *report);
/*
 * Copies its strings.  Without room or memory the finding is only counted:
 * report_worst() and report_count() know of it all the same.
 */
void report_add(struct report *report, struct finding finding);
/* Add those of another. */
void report_add_all(struct report *report, const struct report *from);
/* Count those that another could not keep, at their levels. */
void report_add_dropped(struct report *report, const struct report *from);
/* The first one of that level at least; NULL: there is none. */
const struct finding *report_find(const struct report *report,
				  enum report_level level);
/* Take back one that holds no more; those behind it move up. */
void report_take_back(struct report *report, unsigned index);
/* The worst level found; REPORT_NOTE when empty. */
enum report_level report_worst(const struct report *report);
unsigned report_count(const struct report *report, enum report_level level);
/*
 * One finding, as compilers write them, so that editors jump there:
 * "conf.d/a.conf:12: error: tenant a: session.idle must be ...; remedy".
 * Control characters, and what is not UTF-8, become '?'.
 */
void report_line(const struct finding *finding, struct buf *out);
/* "acme", or "acme, beta, gamma and 497 more"; nothing where none is named. */
void report_tenants(const struct finding *finding, struct buf *out);
/* A line for each, and one for those that were dropped. */
void report_text(const struct report *report, struct buf *out);
/*
 * {"errors":N,"warnings":N,"dropped":N,"findings":[{"level":"error","scope":
 * "gateway" or "tenant" (errors only),"file":...,"line":N,"tenant":...,
 * "tenants":N,"setting":...,"problem":...,"remedy":...}]}; members that are
 * absent are left out.  "tenants", where there are several: how many have it,
 * of whom "tenant" is the first.
 */
void report_json(const struct report *report, struct buf *out);

#endif
